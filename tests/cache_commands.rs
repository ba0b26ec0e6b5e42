//! `saltus cache` and `saltus warm` about what should not be there, or is not: libraries that no store should have, stores
//! that take nothing. What they say about wrong command lines is in `cli/sessions/cache_errors.txt`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;
use saltus::build::Env;
use saltus::build::toolchain::discover;
use saltus::store::{Store, StoreOptions};
use tempfile::TempDir;

const MODEL: &str = "
format = 1
name = \"cells\"

[settings]
duration = \"1*ms\"

[groups.cells]
N = 2
equations = \"dv/dt = -v/(10*ms) : 1\"
";

/// A directory with a model and a store that has its kernel.
fn place() -> TempDir {
    let place = TempDir::new().expect("a directory");
    fs::write(place.path().join("model.toml"), MODEL).expect("written");
    assert_ends(&saltus(&place, &["warm", "model.toml", "-q"]), 0);
    place
}

fn saltus(place: &TempDir, arguments: &[&str]) -> Output {
    let mut command = Command::new(cargo_bin("saltus"));
    command.current_dir(place.path()).env("SALTUS_CACHE_DIR", place.path().join("store")).args(arguments);
    for name in ["CC", "SALTUS_CC", "SALTUS_CPU", "SALTUS_COMPILE_TIMEOUT"] {
        command.env_remove(name);
    }
    for name in ["LAYERS", "TRUST", "MAX_SIZE", "MAX_AGE"] {
        command.env_remove(format!("SALTUS_CACHE_{name}"));
    }
    command.output().expect("an end")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn assert_ends(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", said(output));
}

/// Puts a library that leaves a file behind when it is opened in the place of the only kernel of a store.
fn exchange_kernel(place: &TempDir) -> PathBuf {
    let trace = place.path().join("trace");
    let text = format!(
        "#include <fcntl.h>\nvoid saltus_kernel(void) {{}}\n\
         __attribute__((constructor)) static void start(void) {{ open(\"{}\", O_CREAT, 0600); }}\n",
        trace.display()
    );
    fs::write(place.path().join("evil.c"), text).expect("written");
    let compiler = discover(&Env::of_process(), None, None).expect("these tests need a C compiler").program;
    let mut cc = Command::new(compiler);
    cc.current_dir(place.path()).args(["-shared", "-fPIC", "-o", "evil.so", "evil.c"]);
    assert!(cc.status().expect("an end").success());
    let library = fs::read(place.path().join("evil.so")).expect("a library");
    let at = place.path().join("store");
    let kernels = Store::open(&at, StoreOptions::default()).list();
    assert_eq!(kernels.len(), 1);
    fs::remove_dir_all(at.join("v1")).expect("removed");
    Store::open(&at, StoreOptions::default()).insert(&kernels[0].record.recipe, "gcc", &library, 0.1);
    trace
}

/// The entries that are in a folder of the store, at any depth.
fn entries(folder: &Path) -> usize {
    let found = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("an entry").path());
    found.map(|path| if path.is_dir() { entries(&path) } else { usize::from(path.extension().is_some()) }).sum()
}

#[test]
fn libraries_that_could_run_code_are_none_to_verify_and_import() {
    let place = place();
    let trace = exchange_kernel(&place);
    assert_ends(&saltus(&place, &["cache", "export", "evil.zip"]), 0);

    let imported = saltus(&place, &["cache", "import", "evil.zip", "--cache-dir", "there"]);
    assert_ends(&imported, 3);
    assert!(String::from_utf8_lossy(&imported.stdout).starts_with("0 kernels imported into there\n"));
    assert!(said(&imported).contains("was refused: it loads other libraries\n"), "{}", said(&imported));
    assert_eq!(entries(&place.path().join("there")), 0);

    let verified = saltus(&place, &["cache", "verify"]);
    assert_ends(&verified, 3);
    assert!(String::from_utf8_lossy(&verified.stdout).starts_with("0 kernels are sound, "));
    let told = said(&verified);
    assert!(
        told.contains(" is none: it loads other libraries\n") && told.ends_with("1 entry is not sound\n"),
        "{told}"
    );
    assert_eq!(entries(&place.path().join("store/v1/quarantine")), 1);
    assert_ends(&saltus(&place, &["cache", "verify"]), 0);
    assert!(!trace.exists(), "nobody has opened it");
}

#[test]
fn warm_says_everything_and_fails_only_where_kernels_are_missing() {
    let place = place();
    let warm = |settings: &[(&str, &str)], more: &[&str]| {
        let mut command = Command::new(cargo_bin("saltus"));
        command
            .current_dir(place.path())
            .envs(settings.iter().copied())
            .env("SALTUS_CACHE_DIR", place.path().join("store"));
        command.args(["warm", "model.toml", "-q"]).args(more).output().expect("an end")
    };
    let both = warm(&[("SALTUS_CACHE_MAX_SIZE", "lots"), ("SALTUS_COMPILE_TIMEOUT", "abc")], &[]);
    assert_ends(&both, 0);
    let told = said(&both);
    let lines: Vec<&str> = told.lines().filter_map(|line| line.split(" is ignored: ").next()).collect();
    assert_eq!(lines, ["warning: `SALTUS_COMPILE_TIMEOUT`", "warning: `SALTUS_CACHE_MAX_SIZE`"]);

    // A store that cannot be one, and a compiler that makes nothing.
    fs::write(place.path().join("file"), "").expect("written");
    let nowhere = warm(&[], &["--cache-dir", "file"]);
    assert_ends(&nowhere, 3);
    let told = said(&nowhere);
    assert!(told.contains("error: 1 of 1 kernel is not in the store\nthe kernel store `file` is not used: "), "{told}");
    let unbuilt = warm(&[("PATH", "")], &["--cache-dir", "new", "--strict"]);
    assert_ends(&unbuilt, 3);
    let told = said(&unbuilt);
    assert!(told.contains("error: 1 of 1 kernel is not in the store\nno C compiler: "), "{told}");
}
