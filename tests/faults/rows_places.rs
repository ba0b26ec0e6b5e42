//! Where a store can be, who can use it, on which machines and at what time, with kernels that no compiler has made.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, SystemTime};

use saltus::build::{CpuFeatures, CpuLevel, Env};
use saltus::engine::{CacheChoice, Options};
use saltus::store::{Claim, Limits, Store, StoreOptions, StoreWarning, System};
use tempfile::TempDir;

use crate::matrix::{Cases, Row, process};
use crate::rows_store::{DAY, all, entry, half_made, made};
use crate::runs::{directory, open_copy};
use crate::stub::{files, get, keep, machine, open, recipe, with};

/// The rows.
pub const ROWS: &[Row] = &[
    all("store: full, read-only and noexec file systems", mounts),
    all("store: no home directory", no_home),
    all("store: a user without a name", unmapped_user),
    all("store: other owners, open directories, links above", other_owners),
    all("store: processors that lack what an entry needs", other_processors),
    all("store: clocks ten years ahead and behind", clocks),
    Row { name: "store: processes at once, with gc and rm -rf", short: 8, long: 64, run: crowd },
];

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
pub const NAMELESS: u32 = 54_321;

/// A user who is not the one that runs this.
const SOMEBODY: u32 = 65_534;

fn unmapped_user(_: usize, cases: &mut Cases) {
    if !rustix::process::geteuid().is_root() {
        return cases.not_here("needs root");
    }
    let at = directory();
    let program = open_copy(&std::env::current_exe().expect("this program"), at.path());
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
