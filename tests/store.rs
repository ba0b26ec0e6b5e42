//! The store: what is kept is found again, and whatever is wrong with it is a miss.

#[path = "store/archive.rs"]
mod archive;
#[path = "store/claim.rs"]
mod claim;
#[path = "store/layers.rs"]
mod layers;
#[path = "store/limits.rs"]
mod limits;
#[path = "store/stub.rs"]
mod stub;

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use saltus::build::{CpuFeatures, CpuLevel, Env, Key, OptLevel, Recipe};
use saltus::store::{Store, StoreOptions, StoreWarning};
use stub::{assert_quiet, files, get, keep, machine, mode, only_file, open, recipe, with};
use tempfile::TempDir;

#[test]
fn what_is_kept_is_found_again_by_any_process() {
    let directory = TempDir::new().unwrap();
    let recipe = recipe("kernel");
    let store = open(&directory);
    assert_eq!(get(&store, &recipe), None);
    let kept = keep(&store, &recipe, b"library");
    assert_eq!((kept.library(), kept.key, kept.kernel), (&b"library"[..], recipe.key(), recipe.kernel_id()));
    for store in [store, open(&directory)] {
        assert_eq!(get(&store, &recipe).as_ref(), Some(&kept));
        assert_eq!(get(&store, &self::recipe("another kernel")), None);
        assert_quiet(&store);
    }
    let (key, kernel) = (recipe.key().to_string(), recipe.kernel_id().to_string());
    let expected = format!("v1/{}/{}/{key}.kernel", &kernel[..2], &kernel[2..]);
    assert_eq!(only_file(&directory), directory.path().join(&expected));
    assert_eq!(mode(&directory.path().join(&expected)), 0o600);
    for place in Path::new(&expected).ancestors().skip(1).filter(|place| *place != Path::new("")) {
        assert_eq!(mode(&directory.path().join(place)), 0o700, "{place:?}");
    }
}

#[test]
fn a_library_of_any_size_comes_back() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory);
    for size in [0, 1, 4095, 1 << 20] {
        let recipe = recipe(&format!("kernel of {size} bytes"));
        let library: Vec<u8> = (0..size).map(|k| (k % 253) as u8).collect();
        keep(&store, &recipe, &library);
        assert!(get(&store, &recipe).unwrap().library() == library);
    }
}

#[test]
fn the_exact_recipe_then_the_best_that_the_machine_can_run() {
    let exact = recipe("kernel");
    let level = |level| with(|r| r.features = CpuFeatures::of_level(level));
    // Each in a store of its own: what is in it, and which of them is found (by position) if not strict.
    let cases: [(&str, Vec<Recipe>, Option<usize>); 9] = [
        ("exact among others", vec![level(CpuLevel::V1), exact.clone(), with(|r| r.compiler.0[0] = 9)], Some(1)),
        ("another compiler", vec![with(|r| r.compiler.0[0] = 9)], Some(0)),
        ("the same for more processors", vec![level(CpuLevel::V1), level(CpuLevel::V2)], Some(1)),
        ("optimised before many features", vec![with(|r| r.opt_level = OptLevel::O0), level(CpuLevel::V1)], Some(1)),
        ("a processor that is not here", vec![level(CpuLevel::V4)], None),
        ("a feature of tomorrow", vec![with(|r| r.features = ["avx3000"].into_iter().collect())], None),
        ("another architecture", vec![with(|r| r.target = "aarch64-linux-gnu".into())], None),
        ("another ABI", vec![with(|r| r.abi_version = 2)], None),
        ("another policy", vec![with(|r| r.numeric_policy = 2)], None),
    ];
    for (what, recipes, expected) in cases {
        let directory = TempDir::new().unwrap();
        let store = open(&directory);
        for recipe in &recipes {
            keep(&store, recipe, recipe.key().to_string().as_bytes());
        }
        let found = get(&store, &exact).map(|artifact| artifact.key);
        assert_eq!(found, expected.map(|k| recipes[k].key()), "{what}");
        // Without a compiler there is no exact recipe; the best one is not always the one of ours.
        let any = store.get(&exact.kernel_id(), None, &machine());
        assert_eq!(any.is_some(), expected.is_some(), "{what}");
        let strict = Store::open(directory.path(), StoreOptions { strict: true, ..StoreOptions::default() });
        let strictly = get(&strict, &exact).map(|artifact| artifact.key);
        assert_eq!(strictly, recipes.contains(&exact).then(|| exact.key()), "{what}");
        // What cannot run here is sound all the same.
        assert_quiet(&store);
        assert_eq!(store.list().len(), recipes.len());
    }
}

#[test]
fn an_exact_entry_that_the_machine_cannot_run_is_no_hit() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory);
    let other = with(|r| r.features = CpuFeatures::of_level(CpuLevel::V4));
    keep(&store, &other, b"library");
    assert_eq!(store.get(&other.kernel_id(), Some(&other.key()), &machine()), None);
}

#[test]
fn any_change_of_any_byte_is_a_miss_and_is_mended() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory);
    let recipe = recipe("kernel");
    let kept = keep(&store, &recipe, b"the bytes of a library");
    let path = only_file(&directory);
    let sound = fs::read(&path).unwrap();

    let mut damaged: Vec<Vec<u8>> = Vec::new();
    for at in 0..sound.len() {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (at % 8);
        damaged.push(bytes);
    }
    damaged.extend((0..sound.len()).map(|length| sound[..length].to_vec()));
    damaged.push([sound.as_slice(), b"x"].concat());
    // What disks leave after a power cut.
    damaged.push(vec![0; sound.len()]);
    for bytes in damaged {
        fs::write(&path, &bytes).unwrap();
        assert_eq!(get(&store, &recipe), None);
        let warnings = store.take_warnings();
        assert!(matches!(warnings[..], [StoreWarning::Damaged { .. }]), "{warnings:?}");
        assert!(!path.exists());
        let aside = directory.path().join("v1/quarantine").join(path.file_name().unwrap());
        assert_eq!(fs::read(aside).unwrap(), bytes);
        keep(&store, &recipe, b"the bytes of a library");
        assert_eq!(get(&store, &recipe).as_ref(), Some(&kept));
    }
}

#[test]
fn an_entry_under_another_name_is_refused() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory);
    let (one, two) = (with(|r| r.opt_level = OptLevel::O1), with(|r| r.opt_level = OptLevel::O2));
    keep(&store, &one, b"one");
    let path = only_file(&directory);
    fs::rename(&path, path.with_file_name(format!("{}.kernel", two.key()))).unwrap();
    assert_eq!(get(&store, &two), None);
    assert!(store.take_warnings()[0].to_string().ends_with("it belongs to another key"));

    // The right name on the shelf of another kernel.
    let other = recipe("another kernel");
    keep(&store, &other, b"other");
    keep(&store, &one, b"one");
    let kernel = other.kernel_id().to_string();
    let shelf = directory.path().join("v1").join(&kernel[..2]).join(&kernel[2..]);
    fs::rename(&path, shelf.join(path.file_name().unwrap())).unwrap();
    assert_eq!(store.get(&other.kernel_id(), Some(&one.key()), &machine()).unwrap().library(), b"other");
    assert!(store.take_warnings()[0].to_string().ends_with("it belongs to another key"));
}

#[test]
fn links_pipes_and_directories_are_no_entries() {
    /// Puts something in the place of the first path; the second is free, elsewhere.
    type Replace = fn(&Path, &Path);
    let replacements: [(&str, Replace); 3] = [
        ("a link to a sound entry", |path, elsewhere| {
            fs::rename(path, elsewhere).unwrap();
            symlink(elsewhere, path).unwrap();
        }),
        ("a pipe", |path, _| {
            fs::remove_file(path).unwrap();
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }),
        ("a directory", |path, _| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
    ];
    for (what, replace) in replacements {
        let (directory, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let store = open(&directory);
        let recipe = recipe("kernel");
        keep(&store, &recipe, b"library");
        replace(&only_file(&directory), &elsewhere.path().join("entry"));
        assert_eq!(get(&store, &recipe), None, "{what}");
        assert_eq!(store.take_warnings().len(), 1, "{what}");
        keep(&store, &recipe, b"library");
        assert!(get(&store, &recipe).is_some(), "{what}");
    }
}

#[test]
fn directories_that_others_control_are_refused() {
    let store_of = |path: &Path| Store::open(path, StoreOptions::default());
    let refused = |path: &Path, words: &str| {
        let store = store_of(path);
        let warnings = store.take_warnings();
        assert!(matches!(warnings[..], [StoreWarning::Unsafe { .. }]), "{path:?}: {warnings:?}");
        assert!(warnings[0].to_string().contains(words), "{}", warnings[0]);
        assert_eq!((store.path(), store.toolchain_memos()), (None, None));
        let recipe = recipe("kernel");
        keep(&store, &recipe, b"library");
        assert_eq!(get(&store, &recipe), None);
        assert_quiet(&store);
    };
    let directory = TempDir::new().unwrap();
    let place = |name: &str| directory.path().join(name);
    for name in ["real", "open", "theirs", "inner", "shared"] {
        fs::create_dir(place(name)).unwrap();
    }
    symlink(place("real"), place("link")).unwrap();
    refused(&place("link"), "symbolic link");
    refused(&place("link/"), "symbolic link");
    fs::set_permissions(place("open"), fs::Permissions::from_mode(0o777)).unwrap();
    refused(&place("open"), "others can write");
    symlink(place("real"), place("inner/v1")).unwrap();
    refused(&place("inner"), "wrong kind");
    // Another user's: made by root if the tests run as root, else one of root's.
    if chown(place("theirs"), Some(65534), None).is_ok() {
        refused(&place("theirs"), "another user");
    } else {
        refused(Path::new("/usr"), "another user");
    }
    // Rights that others need not have are taken away.
    fs::DirBuilder::new().mode(0o777).create(place("shared/v1")).unwrap();
    fs::set_permissions(place("shared/v1"), fs::Permissions::from_mode(0o775)).unwrap();
    assert!(store_of(&place("shared")).path().is_some());
    assert_eq!(mode(&place("shared/v1")), 0o700);
}

#[test]
fn a_shelf_that_leads_elsewhere_is_not_followed() {
    let (directory, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = open(&directory);
    let recipe = recipe("kernel");
    keep(&store, &recipe, b"library");
    let shelf = only_file(&directory).parent().unwrap().to_path_buf();
    fs::rename(&shelf, elsewhere.path().join("shelf")).unwrap();
    symlink(elsewhere.path().join("shelf"), &shelf).unwrap();
    assert_eq!(get(&store, &recipe), None);
    assert!(matches!(store.take_warnings()[..], [StoreWarning::Read { .. }]));
    keep(&store, &recipe, b"library");
    assert!(matches!(store.take_warnings()[..], [StoreWarning::Write { .. }]));
}

#[test]
fn a_store_that_cannot_be_written_is_reported_once() {
    let recipes: Vec<Recipe> = (0..3).map(|k| recipe(&format!("kernel {k}"))).collect();
    let blocked = |block: fn(&Path)| {
        let directory = TempDir::new().unwrap();
        let store = open(&directory);
        block(directory.path());
        for recipe in &recipes {
            assert_eq!(keep(&store, recipe, b"library").library(), b"library");
            assert_eq!(get(&store, recipe), None);
        }
        let warnings = store.take_warnings();
        assert!(matches!(warnings[..], [StoreWarning::Write { .. }]), "{warnings:?}");
    };
    blocked(|path| fs::write(path.join("v1/tmp"), "in the way").unwrap());
    // Somebody removes the whole store while it is open.
    blocked(|path| fs::remove_dir_all(path.join("v1")).unwrap());

    let nowhere = Store::open(Path::new("/dev/null/store"), StoreOptions::default());
    assert!(matches!(nowhere.take_warnings()[..], [StoreWarning::Unusable { .. }]));
    assert_eq!(keep(&nowhere, &recipes[0], b"library").library(), b"library");
    assert_eq!(get(&nowhere, &recipes[0]), None);
    assert_quiet(&nowhere);

    let none = Store::none();
    assert_eq!(keep(&none, &recipes[0], b"library").library(), b"library");
    assert_eq!((get(&none, &recipes[0]), none.list().len(), none.path()), (None, 0, None));
    assert_quiet(&none);
}

#[test]
fn a_full_disk_leaves_nothing_behind() {
    // Only who may mount can try.
    let directory = TempDir::new().unwrap();
    let script = "mount -t tmpfs -o size=64k,mode=700 tmpfs \"$1\" && exec \"$2\" --exact inside_a_full_disk --ignored";
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", script, "sh"])
        .arg(directory.path())
        .arg(std::env::current_exe().unwrap())
        .env("SALTUS_TEST_FULL_DISK", directory.path())
        .output();
    let Ok(output) = output else { return };
    let text = String::from_utf8_lossy(&output.stdout);
    let mounted = text.contains("running 1 test");
    assert!(!mounted || output.status.success(), "{text}");
}

#[test]
#[ignore = "run by a_full_disk_leaves_nothing_behind, on a small disk"]
fn inside_a_full_disk() {
    let Some(place) = std::env::var_os("SALTUS_TEST_FULL_DISK") else { return };
    let store = Store::open(Path::new(&place), StoreOptions::default());
    let (small, large) = (recipe("small"), recipe("large"));
    keep(&store, &small, b"library");
    assert_eq!(keep(&store, &large, &vec![7; 1 << 20]).library().len(), 1 << 20);
    assert!(matches!(store.take_warnings()[..], [StoreWarning::Write { .. }]));
    assert_eq!(get(&store, &large), None);
    assert!(get(&store, &small).is_some());
    assert_eq!(files(Path::new(&place)).len(), 1);
    assert_quiet(&store);
}

#[test]
fn a_reader_writes_nothing() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store");
    let absent = Store::open(&path, StoreOptions::read_only());
    assert_quiet(&absent);
    assert!(!path.exists());

    let recipe = recipe("kernel");
    let kept = keep(&Store::open(&path, StoreOptions::default()), &recipe, b"library");
    let store = Store::open(&path, StoreOptions::read_only());
    assert_eq!(get(&store, &recipe), Some(kept));
    keep(&store, &self::recipe("another kernel"), b"library");
    let before = files(&path);
    assert_eq!(before.len(), 1);
    fs::write(path.join(&before[0]), "damaged").unwrap();
    assert_eq!(get(&store, &recipe), None);
    assert_eq!(files(&path), before);
}

#[test]
fn whoever_loses_a_race_uses_its_own_bytes() {
    let directory = TempDir::new().unwrap();
    let recipe = recipe("kernel");
    let contents: Vec<Vec<u8>> = (0..8_u8).map(|k| vec![k; 10_000]).collect();
    std::thread::scope(|scope| {
        for content in &contents {
            let (directory, recipe) = (&directory, &recipe);
            scope.spawn(move || {
                let store = open(directory);
                assert!(keep(&store, recipe, content).library() == content);
                assert_quiet(&store);
            });
        }
    });
    only_file(&directory);
    let found = get(&open(&directory), &recipe).unwrap();
    assert!(contents.iter().any(|content| found.library() == content));
    // The first stays.
    keep(&open(&directory), &recipe, b"late");
    assert_eq!(get(&open(&directory), &recipe), Some(found));
}

#[test]
fn readers_see_whole_entries_or_none() {
    let directory = TempDir::new().unwrap();
    let recipes: Vec<Recipe> = (0..200).map(|k| recipe(&format!("kernel {k}"))).collect();
    let library = vec![42; 20_000];
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let store = open(&directory);
            let mut hits = 0;
            while !done.load(Ordering::Acquire) {
                hits += recipes.iter().rev().filter_map(|recipe| get(&store, recipe)).count();
            }
            assert_quiet(&store);
            hits
        });
        let store = open(&directory);
        for recipe in &recipes {
            keep(&store, recipe, &library);
        }
        // At least one whole pass after the last one was kept.
        assert!(recipes.iter().all(|recipe| get(&store, recipe).is_some()));
        done.store(true, Ordering::Release);
        let _ = reader.join().unwrap();
        assert_quiet(&store);
    });
}

#[test]
fn kernels_are_listed_and_shown_by_the_start_of_their_key() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory);
    let mut keys: Vec<Key> = (0..20).map(|k| keep(&store, &recipe(&format!("kernel {k}")), b"library").key).collect();
    keep(&store, &with(|r| r.opt_level = OptLevel::O1), b"library");
    keep(&store, &with(|r| r.opt_level = OptLevel::O2), b"library");
    keys.extend([OptLevel::O1, OptLevel::O2].map(|level| with(|r| r.opt_level = level).key()));
    keys.sort();
    assert_eq!(store.list().iter().map(|artifact| artifact.key).collect::<Vec<_>>(), keys);
    for key in keys {
        let found = store.show(&key.short());
        assert_eq!(found.iter().map(|artifact| artifact.key).collect::<Vec<_>>(), [key]);
        assert_eq!(found[0].record.compiler, "gcc version 12.2.0");
    }
    assert!(store.show("no key").is_empty());
}

#[test]
fn files_of_processes_that_died_are_removed() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory);
    keep(&store, &recipe("kernel"), b"library");
    let (old, new) = (directory.path().join("v1/tmp/old"), directory.path().join("v1/tmp/new"));
    fs::write(&old, "half a library").unwrap();
    fs::write(&new, "half a library").unwrap();
    let two_days = Duration::from_secs(2 * 24 * 60 * 60);
    fs::File::options().write(true).open(&old).unwrap().set_modified(SystemTime::now() - two_days).unwrap();
    keep(&store, &recipe("another kernel"), b"library");
    assert!(!old.exists() && new.exists());
}

#[test]
fn the_default_directory() {
    type Variables<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Variables, Option<&str>); 7] = [
        (&[("SALTUS_CACHE_DIR", "/a"), ("XDG_CACHE_HOME", "/b"), ("HOME", "/c")], Some("/a")),
        (&[("SALTUS_CACHE_DIR", ""), ("XDG_CACHE_HOME", "/b"), ("HOME", "/c")], Some("/b/saltus")),
        (&[("XDG_CACHE_HOME", "relative"), ("HOME", "/c")], Some("/c/.cache/saltus")),
        (&[("XDG_CACHE_HOME", ""), ("HOME", "/c")], Some("/c/.cache/saltus")),
        (&[("HOME", "/c")], Some("/c/.cache/saltus")),
        (&[("HOME", "relative")], None),
        (&[], None),
    ];
    for (variables, expected) in cases {
        let env = Env::new(variables.iter().copied());
        assert_eq!(Store::default_directory(&env), expected.map(PathBuf::from), "{variables:?}");
    }
}
