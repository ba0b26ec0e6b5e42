//! Limits: what nobody uses goes, what is used stays, whatever the clock says.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, SystemTime};

use saltus::build::Key;
use saltus::store::{GcReport, Limits, Store, StoreOptions, System};
use tempfile::TempDir;

use super::stub::{assert_quiet, files, get, keep, machine, open, recipe};

const DAY: u64 = 24 * 60 * 60;
const TEN_YEARS: i64 = 10 * 365 * DAY as i64;

fn days(days: u64) -> Duration {
    Duration::from_secs(days * DAY)
}

/// Lets a file be as old as this.
fn age(path: &Path, age: Duration) {
    File::open(path).unwrap().set_modified(SystemTime::now() - age).unwrap();
}

fn last_use(path: &Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

/// The file of the entry with this key.
fn file(directory: &TempDir, key: &Key) -> std::path::PathBuf {
    let name = format!("{key}.kernel");
    let found = files(directory.path()).into_iter().find(|path| path.ends_with(&name));
    directory.path().join(found.expect("it is there"))
}

/// A store with kernels of these ages in days, and their keys.
fn aged(directory: &TempDir, ages: &[u64]) -> (Store, Vec<Key>) {
    let store = open(directory);
    let kept = |days: &u64| {
        let key = keep(&store, &recipe(&format!("of {days} days")), &[7; 1000]).key;
        age(&file(directory, &key), self::days(*days));
        key
    };
    let keys = ages.iter().map(kept).collect();
    (store, keys)
}

fn shifted(directory: &TempDir, seconds: i64) -> Store {
    let system = System::default().with_clock_shift(seconds);
    Store::open(directory.path(), StoreOptions { system, ..StoreOptions::default() })
}

fn swept(store: &Store, limits: &Limits) -> GcReport {
    store.gc(limits).unwrap().expect("nobody else sweeps")
}

#[test]
fn the_use_of_an_entry_is_written_down_once_a_day() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory);
    let recipe = recipe("kernel");
    let path = file(&directory, &keep(&store, &recipe, b"library").key);
    let lately = |path: &Path| last_use(path).elapsed().is_ok_and(|age| age < days(1) / 24);
    let set_and_get = |store: &Store, time: SystemTime| {
        File::open(&path).unwrap().set_modified(time).unwrap();
        assert!(get(store, &recipe).is_some());
    };
    let now = SystemTime::now();
    set_and_get(&store, now - days(1) / 2);
    assert!(!lately(&path), "most hits write nothing");
    set_and_get(&store, now - days(2));
    assert!(lately(&path));
    // The clock was ahead when it was used last.
    set_and_get(&store, now + days(3650));
    assert!(lately(&path));
    // To look at an entry is no use of it, and a reader writes nothing.
    File::open(&path).unwrap().set_modified(now - days(2)).unwrap();
    assert_eq!((store.list().len(), store.show("").len(), store.uses().len()), (1, 1, 1));
    assert!(get(&Store::open(directory.path(), StoreOptions::read_only()), &recipe).is_some());
    assert!(!lately(&path));
}

#[test]
fn a_hit_takes_no_lock_and_writes_nothing() {
    let directory = TempDir::new().unwrap();
    let recipe = recipe("kernel");
    keep(&open(&directory), &recipe, b"library");
    let calls = Arc::new(Mutex::new(Vec::new()));
    let heard = calls.clone();
    let system = System::default().with_faults(move |call| {
        heard.lock().unwrap().push(call);
        None
    });
    // A layer that is not there would be told if it were looked for.
    let layers = vec![directory.path().join("nowhere")];
    let store = Store::open(directory.path(), StoreOptions { system, layers, ..StoreOptions::default() });
    for exact in [Some(recipe.key()), None] {
        calls.lock().unwrap().clear();
        assert!(store.get(&recipe.kernel_id(), exact.as_ref(), &machine()).is_some());
        let calls: BTreeSet<&str> = calls.lock().unwrap().drain(..).collect();
        let expected: &[&str] = if exact.is_some() { &[] } else { &["getdents"] };
        assert_eq!(calls, ["open", "fstat", "read"].iter().chain(expected).copied().collect());
    }
    assert_quiet(&store);
}

#[test]
fn what_was_not_used_for_longest_goes_first() {
    let directory = TempDir::new().unwrap();
    let (store, keys) = aged(&directory, &[3, 1, 2, 0]);
    let sizes: Vec<u64> = keys.iter().map(|key| fs::metadata(file(&directory, key)).unwrap().len()).collect();
    let all: u64 = sizes.iter().sum();
    let limits = |max_bytes| Limits { max_bytes: Some(max_bytes), max_age: None };
    assert_eq!(swept(&store, &limits(all)).evicted, 0);
    let report = swept(&store, &limits(all - 1));
    assert_eq!((report.evicted, report.evicted_bytes, report.kept), (1, sizes[0], 3));
    assert_eq!(store.uses().iter().map(|found| found.key).collect::<Vec<_>>(), [keys[2], keys[1], keys[3]]);
    // A use counts.
    assert!(get(&store, &recipe("of 2 days")).is_some());
    swept(&store, &limits(2 * sizes[1]));
    assert!(get(&store, &recipe("of 1 days")).is_none() && get(&store, &recipe("of 2 days")).is_some());
    let nothing = swept(&store, &limits(0));
    assert_eq!((nothing.kept, nothing.kept_bytes, nothing.evicted), (0, 0, 2));
    // Folders go with what was in them.
    assert!(fs::read_dir(directory.path().join("v1")).unwrap().all(|name| name.unwrap().file_name().len() > 2));
    keep(&store, &recipe("of 1 days"), b"library");
    assert_quiet(&store);
}

#[test]
fn what_nobody_uses_goes() {
    let directory = TempDir::new().unwrap();
    let (store, keys) = aged(&directory, &[100, 10, 91, 89]);
    let report = swept(&store, &Limits { max_bytes: None, max_age: Some(days(90)) });
    assert_eq!((report.evicted, report.kept, report.clock_jumped), (2, 2, false));
    assert_eq!(store.uses().iter().map(|found| found.key).collect::<Vec<_>>(), [keys[3], keys[1]]);
    assert_eq!(swept(&store, &Limits { max_bytes: None, max_age: None }).evicted, 0);
}

#[test]
fn jumps_of_the_clock_evict_nothing_that_is_in_use() {
    let limits = Limits { max_bytes: None, max_age: Some(days(90)) };
    for first in [TEN_YEARS, -TEN_YEARS] {
        let directory = TempDir::new().unwrap();
        let (store, mut keys) = aged(&directory, &[20, 10, 1]);
        assert!(!swept(&store, &limits).clock_jumped);
        // There, to stay for a day in which a kernel is made, and back.
        let jumped = shifted(&directory, first);
        let report = swept(&jumped, &limits);
        assert_eq!((report.clock_jumped, report.evicted), (true, 0), "{first}");
        let new = keep(&jumped, &recipe("made meanwhile"), b"library").key;
        let time = SystemTime::now();
        let shift = Duration::from_secs(first.unsigned_abs());
        let time = if first > 0 { time + shift } else { time - shift };
        File::open(file(&directory, &new)).unwrap().set_modified(time).unwrap();
        assert!(!swept(&jumped, &limits).clock_jumped);
        let report = swept(&store, &limits);
        assert_eq!((report.clock_jumped, report.evicted), (true, 0), "{first}");
        keys.push(new);
        let uses = store.uses();
        assert_eq!(uses.iter().map(|found| found.key).collect::<Vec<_>>(), keys, "the order of use is kept: {first}");
        // What jumped counts as a month at most.
        assert!(uses.iter().all(|found| found.age_seconds <= 51 * DAY), "{uses:?}");
    }
}

#[test]
fn a_store_that_has_grown_is_swept_once_in_a_while() {
    let directory = TempDir::new().unwrap();
    let (store, _) = aged(&directory, &[100, 0]);
    drop(store);
    // The end of a sweep sets its stamp.
    let insert_and_see = |name: &str| {
        let (done, seen) = mpsc::channel();
        let system = System::default().with_faults(move |call| {
            if call == "utimensat" {
                let _ = done.send(());
            }
            None
        });
        let store = Store::open(directory.path(), StoreOptions { system, ..StoreOptions::default() });
        keep(&store, &recipe(name), b"library");
        drop(store);
        // Ends when the thread that sweeps does, or at once if there is none.
        seen.iter().count()
    };
    assert_eq!(insert_and_see("soon after the first one"), 0);
    assert_eq!(open(&directory).uses().len(), 3);
    age(&directory.path().join("v1/swept"), days(1) / 12);
    assert_eq!(insert_and_see("two hours later"), 1);
    assert_eq!(open(&directory).uses().len(), 3, "one came, and one went");
    assert_eq!(insert_and_see("soon after that"), 0);
}

#[test]
fn a_sweep_is_in_nobodys_way() {
    let directory = TempDir::new().unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sweeper = scope.spawn(|| {
            let store = open(&directory);
            while !done.load(Ordering::Acquire) {
                let _ = store.gc(&Limits { max_bytes: Some(0), max_age: None }).unwrap();
            }
        });
        let store = open(&directory);
        for k in 0..300 {
            let recipe = recipe(&format!("kernel {k}"));
            assert_eq!(keep(&store, &recipe, b"library").library(), b"library");
            // Whole, or gone.
            assert!(get(&store, &recipe).is_none_or(|found| found.library() == b"library"));
        }
        done.store(true, Ordering::Release);
        sweeper.join().unwrap();
        assert_quiet(&store);
    });
}

#[test]
fn what_is_set_aside_is_bounded() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory);
    for k in 0..100 {
        let recipe = recipe(&format!("kernel {k}"));
        let key = keep(&store, &recipe, b"library").key;
        fs::write(file(&directory, &key), "damaged").unwrap();
        assert_eq!(get(&store, &recipe), None);
    }
    assert_eq!(store.quarantined(), 64);
    assert_eq!(files(directory.path()).len(), 64);
}

#[test]
fn a_store_is_emptied_but_for_the_keys_that_are_trusted() {
    let directory = TempDir::new().unwrap();
    let (store, _) = aged(&directory, &[1, 2]);
    fs::write(directory.path().join("trusted-keys"), "# none yet\n").unwrap();
    fs::write(directory.path().join("v1/tmp/left"), "half").unwrap();
    assert!(store.clear().unwrap() >= 3);
    assert_eq!(files(directory.path()), [Path::new("trusted-keys")]);
    keep(&store, &recipe("kernel"), b"library");
    assert!(get(&store, &recipe("kernel")).is_some());
    assert_quiet(&store);
    assert!(Store::open(directory.path(), StoreOptions::read_only()).clear().is_err());
    assert!(Store::none().clear().is_err());
}

#[test]
fn what_is_too_large_to_be_read_is_not_kept() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory);
    let library = vec![0; 64 << 20];
    assert_eq!(keep(&store, &recipe("kernel"), &library).library().len(), library.len());
    assert_eq!((store.take_warnings().len(), files(directory.path()).len()), (1, 0));
}
