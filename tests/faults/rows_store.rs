//! What can happen to the files and folders of a store, and at its system calls, with kernels that no compiler has made.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use saltus::build::Recipe;
use saltus::store::{Claim, Fault, Limits, SecretKey, Store, StoreOptions, System};
use tempfile::TempDir;

use crate::matrix::{Cases, Row, process};
use crate::runs::directory;
use crate::stub::{files, get, keep, open, recipe, with};

/// A row that always has all its cases.
pub const fn all(name: &'static str, run: fn(usize, &mut Cases)) -> Row {
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
];

/// One entry, its kernel, and its file.
pub struct Entry {
    pub directory: TempDir,
    recipe: Recipe,
    pub path: PathBuf,
    sound: Vec<u8>,
}

pub fn entry(signer: Option<&SecretKey>) -> Entry {
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
    pub fn is_missed_and_healed(&self) -> bool {
        let store = open(&self.directory);
        let missed = get(&store, &self.recipe).is_none();
        keep(&store, &self.recipe, b"the bytes of a library");
        let healed = get(&store, &self.recipe).is_some_and(|found| found.library() == b"the bytes of a library");
        missed && healed && half_made(&self.directory) == 0
    }
}

/// Files that are being written, though nobody writes; `LEFT` is from before.
pub fn half_made(directory: &TempDir) -> usize {
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

pub fn made(command: &mut Command) -> bool {
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

/// In seconds.
pub const DAY: u64 = 24 * 60 * 60;

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

/// What a process that a row has started does; None: it was another row.
pub fn child(job: &[String]) -> Option<ExitCode> {
    let words: Vec<&str> = job.iter().map(String::as_str).collect();
    let ["kill", what, call, place] = words[..] else { return None };
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
    Some(ExitCode::SUCCESS)
}
