//! What can happen to compilers and to the places where they work: each time the interpreter goes on with the same bits,
//! it is said why, and nothing doubtful is kept.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use saltus::build::Env;
use saltus::build::toolchain::discover;
use saltus::engine::{CacheChoice, Options, Origin, Tier};
use saltus::store::{Store, StoreOptions};

use crate::matrix::{Cases, Row, process};
use crate::runs::{
    KERNELS, Outcome, PATHS, TIERS, broken_compiler, compiler, copy_of_warm_store, directory, entries, env, has_ended,
    installed, network, options, run, run_part, script, warm_store, word,
};

/// The rows.
pub const ROWS: &[Row] = &[
    Row { name: "compilers: missing, or not saying what they are", short: 0, long: 1, run: unusable },
    Row { name: "compilers: failing, or making no kernel", short: 1, long: 1, run: failing },
    Row { name: "compilers: printing or writing without end", short: 1, long: 1, run: endless },
    Row { name: "compilers: slower than the run", short: 1, long: 1, run: slow },
    Row { name: "compilers: hanging", short: 1, long: 1, run: hanging },
    Row { name: "compilers: replaced while they compile", short: 1, long: 1, run: replaced },
    Row { name: "places: no home directory", short: 1, long: 1, run: no_home },
    Row { name: "places: the store removed during a run", short: 1, long: 1, run: removed },
    Row { name: "places: full, read-only, noexec, absent", short: 1, long: 1, run: mounts },
];

/// Runs a network in both tiers with a compiler that will not do, and then with one that will.
pub fn check(cases: &mut Cases, what: &str, broken: &Env, words: &str) {
    for tier in TIERS {
        let (store, sound) = (directory(), compiler());
        let outcome = run(Options { env: broken.clone(), ..options(tier, store.path(), &sound) });
        let stays = outcome.origins == [Origin::Interpreter; KERNELS] && outcome.is_told(words);
        cases.check(stays, || format!("{what}, {tier:?}: {outcome:?}"));
        let kept = entries(store.path());
        cases.check(kept.is_empty(), || format!("{what}, {tier:?}: kept {kept:?}"));
        let next = run(options(tier, store.path(), &sound));
        cases.check(next.is_sound(Origin::Built), || format!("{what}, {tier:?}, then a sound one: {next:?}"));
    }
}

fn unusable(hanging: usize, cases: &mut Cases) {
    let directory = directory();
    let at = word(directory.path());
    check(cases, "none", &Env::new([("PATH", at)]), "no C compiler");
    check(cases, "no PATH", &Env::default(), "an empty `PATH`");
    check(cases, "one that is not there", &Env::new([("PATH", PATHS), ("CC", "no-such-cc")]), "not a program here");
    for (name, body, words) in [
        ("silent", "exit 0", "does not say which C compiler"),
        ("failing", "echo broken >&2; exit 1", "it printed this:\nbroken"),
        ("crashing", "kill -SEGV $$", "does not say which C compiler"),
        ("talking", "exec /usr/bin/yes 'gcc version'", "does not say which C compiler"),
        (
            "foreign",
            "echo 'gcc version 12 (x)' >&2; echo 'Target: sparc-linux-gnu' >&2; echo ' /bin/sh x' >&2",
            "sparc",
        ),
    ] {
        check(cases, name, &env(&script(directory.path(), name, body)), words);
    }
    // A program by its mode, of which nobody else knows yet.
    let lost = script(directory.path(), "lost", "exit 0");
    fs::write(&lost, "#!/no/such/interpreter\n").expect("written");
    check(cases, "without its interpreter", &env(&lost), "cannot run");
    if hanging > 0 {
        let hangs = script(directory.path(), "hanging", "sleep 1000");
        check(cases, "hanging", &env(&hangs), "was stopped after 10 s");
    }
}

/// Libraries that no compiler should make of a kernel: name, text, arguments of the linker.
const LIBRARIES: [(&str, &str, &[&str]); 4] = [
    ("other.so", "void other(void) {}", &[]),
    ("starts.so", "volatile int x; __attribute__((constructor)) void start(void) { x = 1; }", &[]),
    ("needs.so", "void other(void) {}", &["-Wl,--no-as-needed", "-lm"]),
    ("calls.so", "extern int getpid(void); int other(void) { return getpid(); }", &[]),
];

/// What a compiler does with a kernel, and what is said of that.
const FAILURES: [(&str, &str, &str); 14] = [
    ("no file", "exit 0", "kernel.so`: No such file"),
    ("an empty file", ": > kernel.so", "not a shared library"),
    ("garbage", "echo garbage > kernel.so", "not a shared library"),
    ("an object", "{sound} -c -o kernel.so kernel.c", "another kind of ELF file"),
    ("half a library", "{sound} \"$@\"; head -c 1000 kernel.so > half; mv half kernel.so", "no kernel"),
    ("a directory", "mkdir kernel.so", "kernel.so`"),
    ("a pipe", "mkfifo kernel.so", "kernel.so`"),
    ("a link to what has no end", "ln -s /dev/zero kernel.so", "kernel.so`"),
    ("a library without a kernel", "cp {at}/other.so kernel.so", "does not define"),
    ("one that runs code at once", "cp {at}/starts.so kernel.so", "runs code when it is loaded"),
    ("one that needs others", "cp {at}/needs.so kernel.so", "loads other libraries"),
    ("one that calls others", "cp {at}/calls.so kernel.so", "it calls getpid"),
    ("a refusal", "echo 'no such luck' >&2; exit 1", "no such luck"),
    ("a crash", "kill -SEGV $$", "signal: 11"),
];

fn failing(_: usize, cases: &mut Cases) {
    let directory = directory();
    let source = directory.path().join("library.c");
    for (name, text, arguments) in LIBRARIES {
        fs::write(&source, text).expect("written");
        let mut cc = Command::new(installed(&["gcc", "clang", "cc"]));
        cc.args(["-shared", "-fPIC", "-nostdlib", "-o", name, "library.c"]).args(arguments);
        assert!(cc.current_dir(directory.path()).status().is_ok_and(|status| status.success()), "{name}");
    }
    for (what, body, words) in FAILURES {
        check(cases, what, &env(&broken_compiler(directory.path(), "cc", body)), words);
    }
}

/// The most that a program which the engine runs may write into a file.
const MOST: u64 = 64 << 20;

fn endless(_: usize, cases: &mut Cases) {
    let directory = directory();
    for (what, file, write) in [("prints", "log", "yes"), ("writes", "kernel.so", "yes > kernel.so")] {
        let body = format!("exec 2> /dev/null\n{write}\nstat -c %s {file} >> {{at}}/{what}.sizes\nexit 1");
        check(cases, what, &env(&broken_compiler(directory.path(), what, &body)), "failed (");
        let sizes = fs::read_to_string(directory.path().join(format!("{what}.sizes"))).unwrap_or_default();
        let bounded = sizes.lines().all(|size| size.parse::<u64>().is_ok_and(|size| size <= MOST));
        cases.check(bounded && !sizes.is_empty(), || format!("{what}: {sizes:?}"));
    }
}

fn slow(_: usize, cases: &mut Cases) {
    let directory = directory();
    let go = directory.path().join("go");
    let body = "while [ ! -e {at}/go ]; do sleep 0.01; done; exec {sound} \"$@\"";
    let slow = broken_compiler(directory.path(), "cc", body);
    let store = crate::runs::directory();
    let mut network = network(options(Tier::Auto, store.path(), &slow));
    run_part(&mut network);
    run_part(&mut network);
    let is_interpreted = network.kernel_reports().all(|report| report.swaps.is_empty());
    fs::write(go, "").expect("written");
    let outcome = Outcome::of(&mut network);
    cases.check(is_interpreted && outcome.is_sound(Origin::Built), || format!("{outcome:?}"));
    let next = run(options(Tier::Compiled, store.path(), &slow));
    cases.check(next.is_sound(Origin::Hit), || format!("the next run: {next:?}"));
}

fn hanging(_: usize, cases: &mut Cases) {
    let directory = directory();
    let pids = directory.path().join("pids");
    for (what, body) in [
        ("waits for a child", "sleep 1000 & echo $! $$ >> {at}/pids; wait"),
        ("hears no signal", "trap '' HUP INT TERM; echo $$ >> {at}/pids; while :; do :; done"),
    ] {
        let hangs = broken_compiler(directory.path(), "cc", body);
        // A busy machine may need more time to get as far as hanging.
        for limit in ["0.2", "2", "20"] {
            let variables = [("PATH", PATHS), ("CC", word(&hangs)), ("SALTUS_COMPILE_TIMEOUT", limit)];
            check(cases, what, &Env::new(variables), &format!("was stopped after {limit} s"));
            if pids.exists() {
                break;
            }
        }
        let left = fs::read_to_string(&pids).unwrap_or_default();
        cases.check(!left.is_empty(), || format!("{what}: it never began to hang"));
        for process in left.split_whitespace() {
            cases.check(has_ended(process), || format!("{what}: {process} goes on"));
        }
        let _ = fs::remove_file(&pids);
    }
}

fn replaced(_: usize, cases: &mut Cases) {
    // What the compiler does before it compiles.
    for (what, act) in [
        ("by another one", "cp {at}/next {at}/next.$$; mv {at}/next.$$ {at}/cc"),
        ("by nothing", "rm -f {at}/cc"),
        ("in its place", "echo '# changed' >> {at}/cc"),
    ] {
        for tier in TIERS {
            let (directory, store) = (directory(), directory());
            let body = format!("{act}; exec {{sound}} \"$@\"");
            let program = broken_compiler(directory.path(), "cc", &body);
            let next = format!("exec {} \"$@\"", compiler().display());
            let next = script(directory.path(), "next", &next);
            let first = discover(&env(&program), None, None).expect("a compiler").identity;
            let outcome = run(options(tier, store.path(), &program));
            cases.check(outcome.is_right, || format!("{what}, {tier:?}: {outcome:?}"));
            let kept = Store::open(store.path(), StoreOptions::default()).list();
            let foreign = kept.iter().filter(|entry| entry.record.recipe.compiler == first).count();
            cases.check(foreign == 0, || format!("{what}, {tier:?}: {foreign} kernels are kept as the first one's"));
            cases.check(!outcome.warnings.is_empty() || foreign > 0, || format!("{what}, {tier:?}: {outcome:?}"));
            let next = run(options(tier, store.path(), &next));
            let is_healed = next.is_sound(if kept.is_empty() { Origin::Built } else { Origin::Hit });
            cases.check(is_healed, || format!("{what}, {tier:?}, then the other: {next:?}"));
        }
    }
}

fn no_home(_: usize, cases: &mut Cases) {
    let sound = compiler();
    let places: [(&[(&str, &str)], bool); 6] = [
        (&[], true),
        (&[("HOME", "")], true),
        (&[("HOME", "relative")], true),
        (&[("XDG_CACHE_HOME", "relative")], true),
        (&[("HOME", "/dev/null")], false),
        (&[("SALTUS_CACHE_DIR", "/proc/self/store")], false),
    ];
    for (variables, is_quiet) in places {
        for tier in TIERS {
            let env = Env::new([("PATH", PATHS), ("CC", word(&sound))].iter().chain(variables).copied());
            let cache = CacheChoice::Default;
            let outcome = run(Options { env, cache, ..options(tier, Path::new(""), &sound) });
            let built = outcome.is_right && outcome.origins == [Origin::Built; KERNELS];
            let good = built && outcome.warnings.is_empty() == is_quiet;
            cases.check(good, || format!("{variables:?}, {tier:?}: {outcome:?}"));
        }
    }
}

fn removed(_: usize, cases: &mut Cases) {
    for part in ["", "v1", "v1/tmp", "v1/locks", "v1/toolchains"] {
        for is_warm in [false, true] {
            let directory = directory();
            let body = "while [ ! -e {at}/go ]; do sleep 0.01; done; exec {sound} \"$@\"";
            let slow = broken_compiler(directory.path(), "cc", body);
            let store = if is_warm { copy_of_warm_store() } else { crate::runs::directory() };
            let mut network = network(options(Tier::Auto, store.path(), &slow));
            run_part(&mut network);
            // Unless the thread that compiles has not yet come to that part.
            let _ = fs::remove_dir_all(store.path().join(part));
            fs::write(directory.path().join("go"), "").expect("written");
            run_part(&mut network);
            let outcome = Outcome::of(&mut network);
            let made = !outcome.origins.contains(&Origin::Interpreter);
            cases.check(outcome.is_right && made, || format!("{part:?}, warm {is_warm}: {outcome:?}"));
            let _ = run(options(Tier::Compiled, store.path(), &slow));
            let next = run(options(Tier::Compiled, store.path(), &slow));
            cases.check(next.is_sound(Origin::Hit), || format!("{part:?}, warm {is_warm}, not healed: {next:?}"));
        }
    }
}

/// A place on a file system of its own: for what, options of the mount, whether the warm store is in it, what is done to
/// it before it is used, and where the kernels come from then.
type Place = (&'static str, &'static str, bool, &'static str, Origin, bool);

/// Whether the run has something to say comes last.
const PLACES: [Place; 9] = [
    ("store", "mode=700", true, "mount -o remount,ro \"$1\"", Origin::Hit, false),
    ("store", "mode=700", false, "mount -o remount,ro \"$1\"", Origin::Built, true),
    ("store", "mode=700,size=4k", false, "true", Origin::Built, true),
    ("store", "mode=700,noexec", false, "true", Origin::Built, false),
    ("temporary", "mode=700,noexec", false, "true", Origin::Built, false),
    ("temporary", "mode=700,size=4k", false, "head -c 4096 /dev/zero > \"$1\"/full", Origin::Interpreter, true),
    ("temporary", "mode=700,nr_inodes=1", false, "true", Origin::Interpreter, true),
    ("temporary", "mode=700", false, "mount -o remount,ro \"$1\"", Origin::Interpreter, true),
    ("temporary", "mode=700", false, "umount \"$1\"; rmdir \"$1\"", Origin::Interpreter, true),
];

fn mounts(_: usize, cases: &mut Cases) {
    const SCRIPT: &str = "options=$1 from=$2 act=$3 at=$4; shift 4
        mount -t tmpfs -o \"$options\" tmpfs \"$at\" || exit 77
        if [ -n \"$from\" ]; then cp -a \"$from/.\" \"$at\" || exit 77; fi
        sh -c \"$act\" sh \"$at\" || exit 77
        exec \"$@\"";
    for (use_of, mount, is_warm, act, origin, is_told) in PLACES {
        for tier in ["auto", "compiled"] {
            let (at, other) = (directory(), directory());
            let place = at.path().join("place");
            fs::create_dir(&place).expect("a directory");
            let store = if use_of == "store" { &place } else { other.path() };
            let job = process(&["place", tier, &format!("{origin:?}"), &is_told.to_string(), word(store)]);
            let mut shell = Command::new("unshare");
            let from = if is_warm { word(warm_store()) } else { "" };
            shell.args(["-m", "sh", "-c", SCRIPT, "sh", mount, from, act, word(&place)]).arg(job.get_program());
            shell.envs(job.get_envs().filter_map(|(name, value)| Some((name, value?))));
            if use_of == "temporary" {
                shell.env("TMPDIR", &place);
            }
            let output = shell.output().expect("a shell");
            let said = || format!("{use_of}, {mount}, {act}, {tier}: {}", String::from_utf8_lossy(&output.stderr));
            match output.status.code() {
                Some(77) | Some(1) => return cases.not_here("needs the right to mount"),
                code => cases.check(code == Some(0), || format!("{:?}, {}", output.status, said())),
            }
            if use_of == "temporary" {
                let next = run(options(Tier::Compiled, other.path(), &compiler()));
                let expected = if origin == Origin::Built { Origin::Hit } else { Origin::Built };
                cases.check(next.is_sound(expected), || format!("{}, then: {next:?}", said()));
            }
        }
    }
}

/// What a process that a row has started does; None: it was another row.
pub fn child(job: &[String]) -> Option<ExitCode> {
    let words: Vec<&str> = job.iter().map(String::as_str).collect();
    let ["place", tier, origin, is_told, store] = words[..] else { return None };
    let tier = if tier == "auto" { Tier::Auto } else { Tier::Compiled };
    let outcome = run(options(tier, Path::new(store), &compiler()));
    let from = outcome.origins.iter().all(|found| format!("{found:?}") == origin);
    let good = outcome.is_right && from && outcome.warnings.is_empty() == (is_told == "false");
    if !good {
        complain(&format!("{outcome:?}"));
    }
    Some(ExitCode::from(if good { 0 } else { 2 }))
}

#[allow(clippy::print_stderr, reason = "the row shows it")]
pub fn complain(what: &str) {
    eprintln!("{what}");
}
