//! A small network for the rows: what it computes, how it is run, and compilers that go wrong.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use saltus::build::Env;
use saltus::engine::{CacheChoice, Options, Origin, Tier};
use saltus::network::{Model, Network, NeuronGroup};
use tempfile::TempDir;

/// Where programs of the system are.
pub const PATHS: &str = "/usr/local/bin:/usr/bin:/bin";

/// How many kernels the network has.
pub const KERNELS: usize = 3;

/// How long a run may take on a busy machine before it counts as hanging.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A new directory, in memory where that is possible: a disk takes ten times as long.
pub fn directory() -> TempDir {
    let in_memory = is_fit("/dev/shm").then(|| tempfile::tempdir_in("/dev/shm").ok()).flatten();
    in_memory.map_or_else(TempDir::new, Ok).expect("a directory")
}

/// Whether programs can be put into a place and started there: containers often have little memory for files.
fn is_fit(place: &str) -> bool {
    const ROOM: u64 = 1 << 30;
    statvfs(place)
        .is_ok_and(|found| found.f_bavail * found.f_frsize >= ROOM && !found.f_flag.contains(StatVfsMountFlags::NOEXEC))
}

/// A copy of a program in a directory, both of them open to everybody: the tree of a checkout need not be.
pub fn open_copy(program: &Path, at: &Path) -> PathBuf {
    let copy = at.join("program");
    fs::copy(program, &copy).expect("copied");
    for path in [at, &copy] {
        fs::set_permissions(path, Permissions::from_mode(0o755)).expect("changed");
    }
    copy
}

/// A path as a word.
pub fn word(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn model() -> Model {
    let cells = NeuronGroup::new("cells", 200, "dv/dt = (drive - v)/(10*ms) : 1 (unless refractory)\ndrive : 1");
    let cells = cells.threshold("v > 1").reset("v = 0").refractory("2*ms").method("exact");
    Model::new().group(cells).init("cells", "drive", "1 + 0.01*i").spike_monitor("spikes", "cells")
}

/// The network, before its first step.
pub fn network(options: Options) -> Network {
    Network::new(&model(), options).expect("a model")
}

/// A step towards the end, as long as all of them.
pub fn run_part(network: &mut Network) {
    network.run_for("25*ms").expect("a run");
}

/// The bits of all that came out.
pub fn results(network: &Network) -> Vec<u64> {
    let spikes = network.spikes("spikes").expect("the monitor");
    let times = spikes.t.iter().map(|t| t.to_bits()).chain(spikes.i.iter().map(|i| *i as u64));
    times.chain(network.values("cells", "v").expect("the variable").iter().map(|v| v.to_bits())).collect()
}

/// What comes out of two parts.
pub fn expected() -> &'static [u64] {
    static EXPECTED: OnceLock<Vec<u64>> = OnceLock::new();
    EXPECTED.get_or_init(|| {
        let mut network = network(Options::interpreted());
        run_part(&mut network);
        run_part(&mut network);
        results(&network)
    })
}

/// What came of a run of two parts.
#[derive(Debug)]
pub struct Outcome {
    /// Whether the bits are those of a run without a store and a compiler.
    pub is_right: bool,
    /// Where the kernels came from.
    pub origins: Vec<Origin>,
    /// What was said.
    pub warnings: Vec<String>,
}

impl Outcome {
    /// Of a network that has run two parts.
    pub fn of(network: &mut Network) -> Outcome {
        Outcome::with(network, expected())
    }

    /// Of a network that has run for as long as another one, on the interpreter alone.
    pub fn of_both(network: &mut Network, alone: &Network) -> Outcome {
        Outcome::with(network, &results(alone))
    }

    fn with(network: &mut Network, expected: &[u64]) -> Outcome {
        network.finish().expect("no compiler was named on the command line");
        Outcome {
            is_right: results(network) == expected,
            origins: network.kernel_reports().map(|report| report.origin).collect(),
            warnings: network.engine_warnings().to_vec(),
        }
    }

    /// Whether it is right, all kernels came from there, and nothing was said.
    pub fn is_sound(&self, origin: Origin) -> bool {
        self.is_right && self.origins == [origin; KERNELS] && self.warnings.is_empty()
    }

    /// Whether it is right, and a warning has these words.
    pub fn is_told(&self, words: &str) -> bool {
        self.is_right && self.warnings.iter().any(|warning| warning.contains(words))
    }
}

/// Runs the network.
pub fn run(options: Options) -> Outcome {
    let mut network = network(options);
    run_part(&mut network);
    run_part(&mut network);
    Outcome::of(&mut network)
}

/// An environment with this C compiler.
pub fn env(compiler: &Path) -> Env {
    Env::new([("PATH", PATHS), ("CC", word(compiler))])
}

/// How to run with a store and a compiler; nothing is taken from other runs of this process.
pub fn options(tier: Tier, store: &Path, compiler: &Path) -> Options {
    let cache = CacheChoice::Directory(store.to_path_buf());
    Options { tier, cache, env: env(compiler), reuse_loaded: false, ..Options::default() }
}

/// Both tiers that compile.
pub const TIERS: [Tier; 2] = [Tier::Auto, Tier::Compiled];

/// A compiler of this machine with one of these names.
pub fn installed(names: &[&str]) -> PathBuf {
    let paths = Env::new([("PATH", PATHS)]);
    names.iter().find_map(|name| paths.find_program(Path::new(name))).expect("these tests need a C compiler")
}

/// A compiler that is in order, and soon done.
pub fn compiler() -> PathBuf {
    installed(&["tcc", "gcc", "clang", "cc"])
}

/// A program of the shell.
pub fn script(directory: &Path, name: &str, text: &str) -> PathBuf {
    let (draft, path) = (directory.join(format!("{name}.draft")), directory.join(name));
    fs::write(&draft, format!("#!/bin/sh\n{text}\n")).expect("written");
    // Copied by another process: while a thread starts one, that may hold a file that we have open for writing, and then
    // it cannot be run.
    assert!(Command::new("cp").args([&draft, &path]).status().is_ok_and(|status| status.success()));
    fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("changed");
    path
}

/// A compiler that says what it is like a sound one and then does this; `{sound}` is that one, `{at}` the directory.
pub fn broken_compiler(directory: &Path, name: &str, body: &str) -> PathBuf {
    let sound = compiler();
    let body = body.replace("{sound}", word(&sound)).replace("{at}", word(directory));
    let text = format!("case \"$*\" in\n*kernel.c*)\n{body};;\n*) exec {} \"$@\";;\nesac", sound.display());
    script(directory, name, &text)
}

/// A store that has the kernels of the network.
pub fn warm_store() -> &'static Path {
    static STORE: OnceLock<TempDir> = OnceLock::new();
    let store = STORE.get_or_init(|| {
        let store = directory();
        let outcome = run(options(Tier::Compiled, store.path(), &compiler()));
        assert!(outcome.is_sound(Origin::Built), "{outcome:?}");
        store
    });
    store.path()
}

/// A copy of that.
pub fn copy_of_warm_store() -> TempDir {
    let copy = directory();
    copy_into(warm_store(), copy.path());
    copy
}

fn copy_into(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            fs::create_dir(&target).expect("a directory");
            copy_into(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copied");
        }
    }
}

/// The files of the entries of a store, in order.
pub fn entries(store: &Path) -> Vec<PathBuf> {
    let all = crate::stub::files(store).into_iter();
    all.filter(|path| path.extension().is_some_and(|end| end == "kernel")).map(|path| store.join(path)).collect()
}

/// Runs `body` in a process that is forked off; its exit code is 0 if that returned true.
pub fn fork(body: impl FnOnce() -> bool) -> Pid {
    // SAFETY: the child runs on the only thread that it has, and ends without cleaning up.
    match unsafe { libc::fork() } {
        0 => {
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_or(false);
            // SAFETY: ends this process at once.
            unsafe { libc::_exit(i32::from(!done)) }
        }
        process => Pid::from_raw(process).expect("a process can be forked off"),
    }
}

/// How a child of ours ended: its exit code, or why there is none. One that takes too long is killed.
pub fn ending(child: Pid) -> Result<i32, String> {
    let descriptor = pidfd_open(child, PidfdFlags::empty()).map_err(|errno| errno.to_string())?;
    let limit = Timespec::try_from(PATIENCE).expect("a short time");
    let waited = rustix::io::retry_on_intr(|| poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&limit)));
    let hangs = waited != Ok(1);
    if hangs {
        // It may have ended this moment.
        let _ = kill_process(child, Signal::KILL);
    }
    let status = rustix::process::waitpid(Some(child), rustix::process::WaitOptions::empty());
    let status = status.map_err(|errno| errno.to_string())?.ok_or("it is not ours")?.1;
    match (hangs, status.exit_status(), status.terminating_signal()) {
        (true, ..) => Err(format!("hangs, killed after {} s", PATIENCE.as_secs())),
        (_, Some(code), _) => Ok(code),
        (.., signal) => Err(format!("ended by signal {signal:?}")),
    }
}

/// Whether a process has ended, now or within the time that a busy machine takes to notice.
pub fn has_ended(process: &str) -> bool {
    let started = std::time::Instant::now();
    while started.elapsed() < PATIENCE {
        let state = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        if state.is_empty() || state.contains(") Z ") || state.contains(") X ") {
            return true;
        }
        std::thread::yield_now();
    }
    false
}
