//! What can happen to a store, with kernels that no compiler has made.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use saltus::build::{CpuFeatures, CpuLevel, Env, Recipe};
use saltus::engine::{CacheChoice, Options};
use saltus::store::{Claim, Fault, Limits, SecretKey, Store, StoreOptions, StoreWarning, System};
use tempfile::TempDir;

use crate::matrix::{Cases, Row, process};
use crate::runs::directory;
use crate::stub::{files, get, keep, machine, open, recipe, with};

/// A row that always has all its cases.
const fn all(name: &'static str, run: fn(usize, &mut Cases)) -> Row {
    Row { name, short: 0, long: 0, run }
}

/// The rows.
pub const ROWS: &[Row] = &[
    Row { name: "store: each byte of an entry changed", short: 1, long: 255, run: bytes_changed },
    all("store: each length of an entry", lengths),
    all("store: entries swapped, emptied, deleted", swapped),
    all("store: directories, links, pipes, devices for entries", replaced),
    all("store: directories, links, pipes, devices for folders", folders_replaced),
    all("store: killed at each system call", killed),
    all("store: no space at each call", |_, cases| calls_fail(28, cases)),
    all("store: quota exceeded at each call", |_, cases| calls_fail(122, cases)),
    all("store: input/output error at each call", |_, cases| calls_fail(5, cases)),
    all("store: too many open files at each call", |_, cases| calls_fail(24, cases)),
    all("store: read-only file system at each call", |_, cases| calls_fail(30, cases)),
    all("store: no permission at each call", |_, cases| calls_fail(13, cases)),
    all("store: stale file handle at each call", |_, cases| calls_fail(116, cases)),
    all("store: what is looked for vanishes at each call", |_, cases| calls_fail(2, cases)),
    all("store: no locks at each call", |_, cases| calls_fail(37, cases)),
    all("store: a call is not supported at each call", |_, cases| calls_fail(95, cases)),
    all("store: short reads and writes at each call", |_, cases| operations_with(Fault::Short, cases)),
    all("store: full, read-only and noexec file systems", mounts),
    all("store: no home directory", no_home),
    all("store: a user without a name", unmapped_user),
    all("store: other owners, open directories, links above", other_owners),
    all("store: processors that lack what an entry needs", other_processors),
    all("store: clocks ten years ahead and behind", clocks),
    Row { name: "store: processes at once, with gc and rm -rf", short: 8, long: 64, run: crowd },
];

/// One entry, its kernel, and its file.
struct Entry {
    directory: TempDir,
    recipe: Recipe,
    path: PathBuf,
    sound: Vec<u8>,
}

fn entry(signer: Option<&SecretKey>) -> Entry {
    let directory = directory();
    let recipe = recipe("kernel");
    let artifact = keep(&open(&directory), &recipe, b"the bytes of a library");
    let path = directory.path().join(&files(directory.path())[0]);
    let sound = signer.map_or(artifact.clone(), |key| artifact.signed_by(key)).bytes().to_vec();
    fs::write(&path, &sound).expect("written");
    Entry { directory, recipe, path, sound }
}

impl Entry {
    /// Whether there is no entry now, one again after it is made anew, and nothing half made.
    fn is_missed_and_healed(&self) -> bool {
        let store = open(&self.directory);
        let missed = get(&store, &self.recipe).is_none();
        keep(&store, &self.recipe, b"the bytes of a library");
        let healed = get(&store, &self.recipe).is_some_and(|found| found.library() == b"the bytes of a library");
        missed && healed && half_made(&self.directory) == 0
    }
}

/// Files that are being written, though nobody writes; `LEFT` is from before.
fn half_made(directory: &TempDir) -> usize {
    let entries = fs::read_dir(directory.path().join("v1/tmp")).into_iter().flatten();
    entries.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name() != LEFT)).count()
}

/// A file that a process which died has left.
const LEFT: &str = "left";

fn bytes_changed(masks: usize, cases: &mut Cases) {
    let keys = directory();
    let key = SecretKey::generate(&keys.path().join("key")).expect("a key");
    for signer in [None, Some(&key)] {
        let entry = entry(signer);
        for at in 0..entry.sound.len() {
            // One bit, another one from byte to byte, or all changes there are.
            let masks = if masks == 1 { 1 << (at % 8)..=1 << (at % 8) } else { 1..=u8::MAX };
            for mask in masks {
                let mut bytes = entry.sound.clone();
                bytes[at] ^= mask;
                fs::write(&entry.path, bytes).expect("written");
                cases.check(entry.is_missed_and_healed(), || format!("byte {at}, change {mask}, {signer:?}"));
            }
        }
    }
}

fn lengths(_: usize, cases: &mut Cases) {
    let entry = entry(None);
    let longer = (1..=64).map(|more| [entry.sound.as_slice(), &vec![0; more]].concat());
    let zeros = (1..=entry.sound.len()).map(|zeros| {
        let kept = entry.sound.len() - zeros;
        [&entry.sound[..kept], &vec![0; zeros]].concat()
    });
    let shorter = (0..entry.sound.len()).map(|length| entry.sound[..length].to_vec());
    for bytes in shorter.chain(longer).chain(zeros).filter(|bytes| *bytes != entry.sound) {
        fs::write(&entry.path, &bytes).expect("written");
        cases.check(entry.is_missed_and_healed(), || format!("{} bytes", bytes.len()));
    }
}

fn swapped(_: usize, cases: &mut Cases) {
    /// Two entries: of one kernel, or of two.
    type Change = fn(&Path, &Path);
    let changes: [(&str, Change); 7] = [
        ("swapped", |one, other| {
            let aside = one.with_extension("aside");
            fs::rename(one, &aside).and_then(|()| fs::rename(other, one)).expect("moved");
            fs::rename(aside, other).expect("moved");
        }),
        ("one for both", |one, other| assert!(fs::copy(one, other).is_ok())),
        ("linked", |one, other| fs::remove_file(other).and_then(|()| fs::hard_link(one, other)).expect("linked")),
        ("emptied", |one, other| [one, other].iter().for_each(|path| drop(File::create(path).expect("emptied")))),
        ("deleted", |one, other| [one, other].iter().for_each(|path| fs::remove_file(path).expect("deleted"))),
        ("without folder", |one, other| {
            [one, other].iter().for_each(|path| drop(fs::remove_dir_all(path.parent().expect("a folder"))));
        }),
        ("under a name that is none", |one, other| {
            [one, other].iter().for_each(|path| fs::rename(path, path.with_extension("kernal")).expect("moved"));
        }),
    ];
    for (what, change) in changes {
        for second in [with(|r| r.compiler.0[0] = 9), recipe("another kernel")] {
            let directory = directory();
            let recipes = [recipe("kernel"), second];
            let library = |recipe: &Recipe| recipe.key().to_string().into_bytes();
            let store = open(&directory);
            recipes.iter().for_each(|recipe| drop(keep(&store, recipe, &library(recipe))));
            let path = |recipe: &Recipe| {
                let name = format!("{}.kernel", recipe.key());
                files(directory.path()).into_iter().find(|path| path.ends_with(&name)).expect("an entry")
            };
            let [one, other] = [0, 1].map(|k| directory.path().join(path(&recipes[k])));
            change(&one, &other);
            for recipe in &recipes {
                let found = get(&store, recipe);
                // The right one, or another one that computes the same; never one of something else.
                let is_right =
                    |bytes: &[u8]| recipes.iter().any(|r| r.kernel_id() == recipe.kernel_id() && library(r) == bytes);
                cases.check(found.is_none_or(|found| is_right(found.library())), || format!("{what}: a wrong hit"));
            }
            for recipe in &recipes {
                keep(&store, recipe, &library(recipe));
                let healed = get(&store, recipe).is_some_and(|found| found.library() == library(recipe));
                cases.check(healed && half_made(&directory) == 0, || format!("{what}: not healed"));
            }
        }
    }
}

/// What can be in the place of a file or a folder; the second path is free, elsewhere.
pub type Replace = fn(&Path, &Path) -> bool;

/// Everything that can be there.
pub const REPLACEMENTS: [(&str, Replace); 10] = [
    ("a file", |path, _| fs::write(path, "in the way").is_ok()),
    ("an empty directory", |path, _| fs::create_dir(path).is_ok()),
    ("a directory with files", |path, _| {
        fs::create_dir_all(path.join("deep/down")).and_then(|()| fs::write(path.join("deep/file"), "x")).is_ok()
    }),
    ("a link to what was there", |path, elsewhere| symlink(elsewhere, path).is_ok()),
    ("a link to nothing", |path, _| symlink("nothing", path).is_ok()),
    ("a link to itself", |path, _| symlink(path.file_name().expect("a name"), path).is_ok()),
    ("a link to a directory", |path, _| symlink("/", path).is_ok()),
    ("a pipe", |path, _| made(Command::new("mkfifo").arg(path))),
    ("a socket", |path, _| UnixListener::bind(path).is_ok()),
    ("a device", |path, _| made(Command::new("mknod").arg(path).args(["c", "1", "5"]))),
];

fn made(command: &mut Command) -> bool {
    command.stderr(std::process::Stdio::null()).status().is_ok_and(|status| status.success())
}

fn replaced(_: usize, cases: &mut Cases) {
    for (what, replace) in REPLACEMENTS {
        // Twice: the first one may be in the way of the second, in quarantine.
        let (entry, elsewhere) = (entry(None), directory());
        for time in ["once", "twice"] {
            let aside = elsewhere.path().join(time);
            fs::rename(&entry.path, &aside).expect("moved");
            if replace(&entry.path, &aside) {
                cases.check(entry.is_missed_and_healed(), || format!("{what}, {time}"));
            } else {
                fs::rename(aside, &entry.path).expect("moved");
            }
        }
    }
}

fn folders_replaced(_: usize, cases: &mut Cases) {
    for (what, replace) in REPLACEMENTS {
        let kernel = recipe("kernel").kernel_id().to_string();
        let shelf = format!("v1/{}/{}", &kernel[..2], &kernel[2..]);
        for folder in ["v1", "v1/tmp", "v1/quarantine", "v1/locks", &shelf[..5], &shelf] {
            let (entry, elsewhere) = (entry(None), directory());
            let (path, aside) = (entry.directory.path().join(folder), elsewhere.path().join("folder"));
            let was_there = fs::rename(&path, &aside).is_ok();
            if !replace(&path, &aside) {
                continue;
            }
            // Whatever it is: no crash, no wrong hit, the bytes of one's own.
            let store = open(&entry.directory);
            let found = get(&store, &entry.recipe);
            let right = found.is_none_or(|found| found.library() == b"the bytes of a library");
            let claimed = store.claim(&entry.recipe.kernel_id());
            drop(claimed);
            let kept = keep(&store, &recipe("another kernel"), b"library").library() == b"library";
            let _ = store.gc(&Limits::default());
            // Without it, everything is as before.
            drop(store);
            let gone = made(Command::new("rm").arg("-rf").arg(&path));
            // A folder without anything in it may have been swept away.
            let above = fs::create_dir_all(path.parent().expect("a folder"));
            let back = !was_there || above.and_then(|()| fs::rename(&aside, &path)).is_ok();
            let found = get(&open(&entry.directory), &entry.recipe);
            cases.check(right && kept && gone && back && found.is_some(), || {
                format!("{what} for {folder}: right {right}, kept {kept}, then {}", found.is_some())
            });
        }
    }
}

/// Something that is done with a store which has a kernel `old`, one `damaged`, and what processes that died have left.
type Operation = fn(&Store);

const OPERATIONS: [(&str, Operation); 6] = [
    ("publish", |store| drop(keep(store, &recipe("new"), &[7; 3000]))),
    ("get", |store| drop(get(store, &recipe("old")))),
    ("get what is damaged", |store| drop(get(store, &recipe("damaged")))),
    ("claim", |store| {
        let new = recipe("new");
        if let Claim::Mine(guard) = store.claim(&new.kernel_id()) {
            keep(store, &new, &[7; 3000]);
            drop(guard);
        }
    }),
    ("gc", |store| drop(store.gc(&Limits { max_bytes: Some(0), max_age: None }))),
    ("clear", |store| drop(store.clear())),
];

/// Whether an operation may take away the kernel `old`.
fn removes(operation: &str) -> bool {
    matches!(operation, "gc" | "clear")
}

const DAY: u64 = 24 * 60 * 60;

fn prepared() -> TempDir {
    let directory = directory();
    let store = open(&directory);
    keep(&store, &recipe("damaged"), b"library");
    let damaged = directory.path().join(&files(directory.path())[0]);
    keep(&store, &recipe("old"), b"library");
    let days_ago = |days| SystemTime::now() - Duration::from_secs(days * DAY);
    for path in files(directory.path()) {
        let file = File::open(directory.path().join(path)).expect("an entry");
        file.set_modified(days_ago(3)).expect("older");
    }
    fs::write(damaged, "damaged").expect("written");
    fs::create_dir_all(directory.path().join("v1/locks")).expect("a folder");
    fs::write(directory.path().join("v1/locks").join(recipe("old").key().to_string()), "").expect("a lock");
    let left = directory.path().join("v1/tmp").join(LEFT);
    fs::write(&left, "half").expect("written");
    File::open(&left).and_then(|file| file.set_modified(days_ago(3))).expect("older");
    directory
}

/// Looks at a store after an operation that went wrong: what is wrong with it.
fn state_after(operation: &str, directory: &TempDir, allowed: usize) -> Option<String> {
    let store = open(directory);
    let of = |name: &str, library: &[u8]| match get(&store, &recipe(name)) {
        None => Some(false),
        Some(found) if found.library() == library => Some(true),
        Some(_) => None,
    };
    match (of("old", b"library"), of("new", &[7; 3000]), of("damaged", b"library")) {
        (Some(true), Some(_), Some(false)) => {}
        (Some(false), Some(_), Some(false)) if removes(operation) => {}
        other => return Some(format!("old, new and damaged are {other:?}")),
    }
    let half = half_made(directory);
    if half > allowed {
        return Some(format!("{half} files half made"));
    }
    for (name, library) in [("old", &b"library"[..]), ("new", &[7; 3000]), ("damaged", b"library")] {
        keep(&store, &recipe(name), library);
        if of(name, library) != Some(true) {
            return Some(format!("{name} is not healed: {:?}", store.take_warnings()));
        }
    }
    // What is left goes in time.
    let system = System::default().with_clock_shift(2 * DAY as i64);
    let later = Store::open(directory.path(), StoreOptions { system, ..StoreOptions::default() });
    let swept = later.gc(&Limits::default());
    let locks = fs::read_dir(directory.path().join("v1/locks")).map_or(0, Iterator::count);
    let left = directory.path().join("v1/tmp").join(LEFT).exists();
    match (swept, half_made(directory), locks, left) {
        (Ok(Some(_)), 0, 0, false) => None,
        other => Some(format!("left behind: {other:?}")),
    }
}

/// Every operation, with the fault at each of its system calls, once and from then on.
fn operations_with(fault: Fault, cases: &mut Cases) {
    for (what, operation) in OPERATIONS {
        for for_ever in [false, true] {
            for call in 0.. {
                let directory = prepared();
                let calls = Arc::new(AtomicUsize::new(0));
                let counted = calls.clone();
                let system = System::default().with_faults(move |_| {
                    let now = counted.fetch_add(1, Ordering::Relaxed);
                    (now == call || for_ever && now > call).then_some(fault)
                });
                operation(&Store::open(directory.path(), StoreOptions { system, ..StoreOptions::default() }));
                if calls.load(Ordering::Relaxed) <= call {
                    break;
                }
                // What cannot be removed while all calls fail is removed later.
                let wrong = state_after(what, &directory, usize::from(for_ever));
                cases.check(wrong.is_none(), || format!("{what}, call {call}, for ever {for_ever}: {wrong:?}"));
            }
        }
    }
}

fn calls_fail(number: i32, cases: &mut Cases) {
    operations_with(Fault::Fails(number), cases);
}

fn killed(_: usize, cases: &mut Cases) {
    for (what, _) in OPERATIONS {
        for call in 0.. {
            let directory = prepared();
            let place = directory.path().to_str().expect("UTF-8");
            let mut child = process(&["kill", what, &call.to_string(), place]);
            let status = child.stderr(std::process::Stdio::null()).status().expect("an end");
            if status.success() {
                break;
            }
            let wrong = state_after(what, &directory, 1);
            cases.check(wrong.is_none(), || format!("{what}, call {call}: {wrong:?}"));
        }
    }
}

fn mounts(_: usize, cases: &mut Cases) {
    let script = "mount -t tmpfs -o \"$1\" tmpfs \"$2\" || exit 77; shift 2; exec \"$@\"";
    for (what, options) in [
        ("full", "size=64k,mode=700"),
        ("noexec", "size=1m,mode=700,noexec"),
        ("without inodes", "size=1m,mode=700,nr_inodes=6"),
        ("read-only", "ro,mode=700"),
    ] {
        let directory = directory();
        let place = directory.path().to_str().expect("UTF-8");
        let job = process(&["mounted", what, place]);
        let mut shell = Command::new("unshare");
        shell.args(["-m", "sh", "-c", script, "sh", options, place]).arg(job.get_program());
        shell.envs(job.get_envs().filter_map(|(name, value)| Some((name, value?))));
        match shell.output().map(|output| output.status.code()) {
            Ok(Some(0)) => cases.check(true, String::new),
            Ok(Some(2)) => cases.check(false, || format!("{what}: a wrong answer")),
            Ok(Some(101)) | Ok(None) => cases.check(false, || format!("{what}: a crash")),
            _ => return cases.not_here("needs the right to mount"),
        }
    }
}

/// Inside a file system on which not everything can be done.
fn mounted(what: &str, place: &Path) -> bool {
    let store = Store::open(place, StoreOptions::default());
    let (small, large) = (recipe("small"), recipe("large"));
    let library = vec![7; 1 << 18];
    let right = keep(&store, &small, b"library").library() == b"library"
        && keep(&store, &large, &library).library() == library
        && get(&store, &small).is_none_or(|found| found.library() == b"library")
        && get(&store, &large).is_none_or(|found| found.library() == library);
    let (small, large) = (get(&store, &small).is_some(), get(&store, &large).is_some());
    let expected = match what {
        "full" | "without inodes" => (true, false),
        "noexec" => (true, true),
        _ => (false, false),
    };
    right && (small, large) == expected && files(place).len() == usize::from(small) + usize::from(large)
}

fn no_home(_: usize, cases: &mut Cases) {
    for variables in [&[][..], &[("HOME", "")], &[("HOME", "relative")], &[("XDG_CACHE_HOME", "relative")]] {
        let options = Options { env: Env::new(variables.iter().copied()), ..Options::default() };
        let store = options.store();
        let kept = keep(&store, &recipe("kernel"), b"library");
        let found = get(&store, &recipe("kernel"));
        let quiet = store.take_warnings().is_empty();
        cases.check(kept.library() == b"library" && found.is_none() && quiet, || format!("{variables:?}"));
    }
    for home in ["/nowhere/at/all", "/dev/null", "/proc/self"] {
        let options = Options { env: Env::new([("HOME", home)]), ..Options::default() };
        let is_root_made = !Path::new("/nowhere").exists();
        let store = options.store();
        let right = keep(&store, &recipe("kernel"), b"library").library() == b"library";
        cases.check(right, || home.to_string());
        drop(store);
        if is_root_made {
            // Root can make it.
            let _ = fs::remove_dir_all("/nowhere");
        }
    }
}

/// A user that no system names.
const NAMELESS: u32 = 54_321;

/// A user who is not the one that runs this.
const SOMEBODY: u32 = 65_534;

fn unmapped_user(_: usize, cases: &mut Cases) {
    if !rustix::process::geteuid().is_root() {
        return cases.not_here("needs root");
    }
    let at = directory();
    fs::set_permissions(at.path(), Permissions::from_mode(0o755)).expect("changed");
    // The tree of a checkout need not be open to others.
    let program = at.path().join("program");
    fs::copy(std::env::current_exe().expect("this program"), &program).expect("copied");
    let place = |name: &str| at.path().join(name);
    for name in ["own", "roots", "closed"] {
        fs::create_dir(place(name)).expect("a directory");
    }
    chown(place("own"), Some(NAMELESS), Some(NAMELESS)).expect("changed");
    fs::set_permissions(place("closed"), Permissions::from_mode(0o700)).expect("changed");
    // A site's: what is new there is for root only, until root opens it.
    keep(&Store::open(&place("layer"), StoreOptions::default()), &recipe("kernel"), b"library");
    let opened = made(Command::new("chmod").args(["-R", "go+rX"]).arg(place("layer")));
    cases.check(opened && Store::open(&place("layer"), StoreOptions::default()).path().is_some(), || "opened".into());
    let users = [("own", "kept"), ("roots", "missed"), ("closed", "missed"), ("layer", "found")];
    for (name, expected) in users {
        let directory = place(name);
        let job = process(&["user", expected, directory.to_str().expect("UTF-8")]);
        let mut child = Command::new(&program);
        child.envs(job.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let status = child.env_remove("HOME").uid(NAMELESS).gid(NAMELESS).status();
        cases.check(status.is_ok_and(|status| status.success()), || name.to_string());
    }
}

fn other_owners(_: usize, cases: &mut Cases) {
    type Change = fn(&Path);
    let give = |path: &Path| chown(path, Some(SOMEBODY), None).is_ok();
    let changes: [(&str, Change, bool); 8] = [
        ("the store is open", |at| mode(&at.join("home/store"), 0o777), false),
        ("the store is a link", |at| link(&at.join("home/store")), false),
        ("the layout is a link", |at| link(&at.join("home/store/v1")), false),
        ("the folder above is open", |at| mode(&at.join("home"), 0o777), false),
        ("the folder above is a link", |at| link(&at.join("home")), true),
        ("the layout is open", |at| mode(&at.join("home/store/v1"), 0o777), true),
        ("the folder above is sticky", |at| mode(&at.join("home"), 0o1777), true),
        ("nothing", |_| {}, true),
    ];
    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("changed");
    }
    fn link(path: &Path) {
        let aside = path.with_extension("aside");
        fs::rename(path, &aside).expect("moved");
        symlink(aside, path).expect("linked");
    }
    for (what, change, works) in changes {
        let at = directory();
        mode(at.path(), 0o755);
        let path = at.path().join("home/store");
        keep(&Store::open(&path, StoreOptions::default()), &recipe("kernel"), b"library");
        mode(&at.path().join("home"), 0o755);
        change(at.path());
        let store = Store::open(&path, StoreOptions::default());
        let hit = get(&store, &recipe("kernel")).is_some();
        let right = keep(&store, &recipe("other"), b"library").library() == b"library";
        let told = store.take_warnings().len() == usize::from(!works);
        cases.check(hit == works && right && told, || format!("{what}: hit {hit}, told {told}"));
    }
    for folder in ["home", "home/store", "home/store/v1"] {
        let at = directory();
        let path = at.path().join("home/store");
        keep(&Store::open(&path, StoreOptions::default()), &recipe("kernel"), b"library");
        if !give(&at.path().join(folder)) {
            return;
        }
        let store = Store::open(&path, StoreOptions::default());
        let refused = matches!(store.take_warnings()[..], [StoreWarning::Unsafe { .. }]);
        cases.check(refused && get(&store, &recipe("kernel")).is_none(), || format!("{folder} is somebody's"));
    }
    // A single entry of somebody's.
    let entry = entry(None);
    if give(&entry.path) {
        cases.check(entry.is_missed_and_healed(), || "the entry is somebody's".to_string());
    }
}

fn other_processors(_: usize, cases: &mut Cases) {
    let features = CpuFeatures::of_level(CpuLevel::V4);
    let missing = features.iter().filter(|name| !machine().features.contains(name));
    let names: Vec<&str> = missing.chain(["feature-of-tomorrow"]).collect();
    for name in names {
        let (directory, here) = (directory(), recipe("kernel"));
        let foreign = with(|r| r.features = r.features.iter().chain([name]).collect());
        let store = open(&directory);
        keep(&store, &foreign, b"for others");
        for key in [None, Some(foreign.key()), Some(here.key())] {
            let found = store.get(&foreign.kernel_id(), key.as_ref(), &machine());
            cases.check(found.is_none(), || format!("{name}: it was found"));
        }
        keep(&store, &here, b"library");
        let found = get(&store, &here).is_some_and(|found| found.library() == b"library");
        let kept = store.list().len() == 2 && store.take_warnings().is_empty();
        cases.check(found && kept, || format!("{name}: found {found}, kept {kept}"));
    }
}

fn clocks(_: usize, cases: &mut Cases) {
    let ten_years = 10 * 365 * DAY as i64;
    let shifted = |directory: &TempDir, seconds| {
        let system = System::default().with_clock_shift(seconds);
        Store::open(directory.path(), StoreOptions { system, ..StoreOptions::default() })
    };
    for files_at in [0, ten_years, -ten_years] {
        for clock in [0, ten_years, -ten_years] {
            for was_swept in [true, false] {
                let directory = directory();
                let store = open(&directory);
                if was_swept {
                    drop(store.gc(&Limits::default()));
                }
                let names = ["one", "two", "three"];
                names.iter().for_each(|name| drop(keep(&store, &recipe(name), b"library")));
                let shift = Duration::from_secs(files_at.unsigned_abs());
                let time = SystemTime::now();
                let time = if files_at < 0 { time - shift } else { time + shift };
                for path in files(directory.path()) {
                    File::open(directory.path().join(path)).and_then(|file| file.set_modified(time)).expect("set");
                }
                let at = format!("files at {files_at}, clock at {clock}, swept {was_swept}");
                let store = shifted(&directory, clock);
                // A use mends the time.
                let hit = get(&store, &recipe("one")).is_some();
                let report = store.gc(&Limits::default());
                let kept = names.iter().all(|name| get(&store, &recipe(name)).is_some());
                // Old are files that were so at the last sweep. If there was none, a jump cannot be told from age.
                let may_go = files_at < clock && (!was_swept || files_at < 0);
                cases.check(hit && (kept || may_go), || format!("{at}: {report:?}"));
                let used = get(&store, &recipe("one")).is_some();
                cases.check(used, || format!("{at}: what was in use has gone"));
                let claimed = store.claim(&recipe("new").kernel_id());
                cases.check(matches!(claimed, Claim::Mine(_)), || format!("{at}: {claimed:?}"));
                keep(&store, &recipe("new"), b"library");
                cases.check(get(&store, &recipe("new")).is_some(), || format!("{at}: not kept"));
            }
        }
    }
}

/// Kernels that each of many processes needs.
const KERNELS: usize = 100;

fn crowd(processes: usize, cases: &mut Cases) {
    let directory = directory();
    let place = directory.path().to_str().expect("UTF-8");
    let kernels = KERNELS.to_string();
    let start = |number: usize| process(&["crowd", &number.to_string(), &kernels, place]).spawn().expect("a process");
    let mut children: Vec<_> = (0..processes).map(start).collect();
    let mut round = 0;
    while children.iter_mut().any(|child| matches!(child.try_wait(), Ok(None))) {
        round += 1;
        if round % 4 == 0 {
            let _ = fs::remove_dir_all(directory.path().join("v1"));
        } else if let Ok(Some(report)) = open(&directory).gc(&Limits { max_bytes: Some(20_000), max_age: None }) {
            cases.check(report.kept_bytes <= 20_000, || format!("{report:?}"));
        }
    }
    for (number, mut child) in children.into_iter().enumerate() {
        let status = child.wait().expect("an end");
        cases.check(status.success(), || format!("process {number}: {status}"));
    }
    let store = open(&directory);
    keep(&store, &recipe("kernel"), b"library");
    let healed = get(&store, &recipe("kernel")).is_some();
    let (half, warnings) = (half_made(&directory), store.take_warnings());
    cases.check(healed && half == 0 && warnings.is_empty(), || format!("{healed}, {half}, {warnings:?}"));
}

/// One of many processes that need the same kernels, in orders of their own.
fn one_of_the_crowd(number: usize, kernels: usize, place: &Path) -> bool {
    let library = |k: usize| vec![k as u8; 500 + 40 * k];
    for k in 0..kernels {
        let k = (k * 7 + number * 11) % kernels;
        let recipe = recipe(&format!("kernel {k}"));
        // As every run does.
        let store = Store::open(place, StoreOptions::default());
        let found = match get(&store, &recipe) {
            Some(found) => found,
            None => {
                let _claim = store.claim(&recipe.kernel_id());
                // Whoever had it before may have published.
                get(&store, &recipe).unwrap_or_else(|| keep(&store, &recipe, &library(k)))
            }
        };
        let again = get(&store, &recipe);
        let right = found.library() == library(k) && again.is_none_or(|found| found.library() == library(k));
        // Somebody removes everything: that is told, but nothing is ever taken for damaged.
        let damaged = store.take_warnings().iter().any(|told| matches!(told, StoreWarning::Damaged { .. }));
        if !right || damaged {
            return false;
        }
    }
    true
}

/// What a process that a row has started does; None: it was another row.
pub fn child(job: &[String]) -> Option<ExitCode> {
    let words: Vec<&str> = job.iter().map(String::as_str).collect();
    let good = match words[..] {
        ["kill", what, call, place] => {
            let (_, operation) = OPERATIONS.iter().find(|(name, _)| *name == what).expect("an operation");
            let (call, calls) = (call.parse::<usize>().expect("a number"), AtomicUsize::new(0));
            let system = System::default().with_faults(move |_| {
                if calls.fetch_add(1, Ordering::Relaxed) == call {
                    // Nothing is dropped, nothing is flushed.
                    std::process::abort();
                }
                None
            });
            operation(&Store::open(Path::new(place), StoreOptions { system, ..StoreOptions::default() }));
            true
        }
        ["mounted", what, place] => mounted(what, Path::new(place)),
        ["user", "found", layer] => {
            let layers = vec![PathBuf::from(layer)];
            let store = Store::without_directory(StoreOptions { layers, ..StoreOptions::default() });
            get(&store, &recipe("kernel")).is_some() && store.take_warnings().is_empty()
        }
        ["user", expected, place] => {
            let cache = CacheChoice::Directory(PathBuf::from(place));
            let store = Options { cache, ..Options::default() }.store();
            let right = keep(&store, &recipe("kernel"), b"library").library() == b"library";
            right && get(&store, &recipe("kernel")).is_some() == (expected == "kept")
        }
        ["crowd", number, kernels, place] => {
            let parsed = |text: &str| text.parse().expect("a number");
            one_of_the_crowd(parsed(number), parsed(kernels), Path::new(place))
        }
        _ => return None,
    };
    Some(ExitCode::from(if good { 0 } else { 2 }))
}
