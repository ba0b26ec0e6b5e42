//! What others may have put into a store: files that are none in the place of its records, and libraries that would run
//! code as soon as somebody opens them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use rustix::process::Pid;
use saltus::build::Machine;
use saltus::engine::{Options, Origin, Tier};
use saltus::store::archive::{ImportRules, export, import};
use saltus::store::{Store, StoreOptions};
use tempfile::TempDir;

use crate::matrix::{Cases, Row, process};
use crate::rows_compilers::complain;
use crate::rows_runs::store_with;
use crate::rows_store::REPLACEMENTS;
use crate::runs::{
    KERNELS, TIERS, compiler, copy_of_warm_store, directory, ending, entries, installed, options, run, word,
};
use crate::stub::files;

/// The rows.
pub const ROWS: &[Row] = &[
    Row { name: "store: directories, links, pipes, devices for records", short: 1, long: 1, run: records },
    Row { name: "store: libraries that run code when they are opened", short: 1, long: 1, run: libraries },
];

/// Runs the network in a process of its own, which may wait for ever or be ended by what it opens: what is wrong.
fn outcome_of(tier: Tier, origin: Origin, words: &str, store: &Path, layer: &str) -> Result<i32, String> {
    let job = ["foreign", &format!("{tier:?}"), &format!("{origin:?}"), words, word(store), layer];
    let child = process(&job).stderr(std::process::Stdio::piped()).spawn().map_err(|cause| cause.to_string())?;
    let ended = ending(Pid::from_child(&child));
    let mut said = String::new();
    let _ = std::io::Read::read_to_string(&mut child.stderr.expect("piped"), &mut said);
    match ended {
        Ok(0) => Ok(0),
        other => Err(format!("{other:?}: {said}")),
    }
}

/// The records of a store, and those that it may have but need not.
fn names_of_records(store: &Path) -> Vec<PathBuf> {
    let own = files(store)
        .into_iter()
        .filter(|path| ["v1/toolchains", "v1/texts", "v1/models"].iter().any(|at| path.starts_with(at)));
    own.chain(["v1/swept", "trusted-keys"].map(PathBuf::from)).collect()
}

fn records(_: usize, cases: &mut Cases) {
    let names = names_of_records(copy_of_warm_store().path());
    cases.check(names.len() >= 5, || format!("a compiler, what it costs and the texts of kernels: {names:?}"));
    for name in &names {
        for (number, (what, replace)) in REPLACEMENTS.iter().enumerate() {
            // With kernels, that the texts lead to, and without, so that a compiler is looked for.
            for origin in [Origin::Hit, Origin::Built] {
                let (store, elsewhere) = (copy_of_warm_store(), directory());
                if origin == Origin::Built {
                    entries(store.path()).iter().for_each(|entry| fs::remove_file(entry).expect("removed"));
                }
                let path = store.path().join(name);
                let _ = fs::rename(&path, elsewhere.path().join("record"));
                if !replace(&path, &elsewhere.path().join("record")) {
                    continue;
                }
                let tier = TIERS[number % 2];
                let case = || format!("{what} for {}, {tier:?}, {origin:?}", name.display());
                let found = outcome_of(tier, origin, "", store.path(), "");
                cases.check(found.is_ok(), || format!("{}: {found:?}", case()));
                let next = outcome_of(Tier::Compiled, Origin::Hit, "", store.path(), "");
                cases.check(next.is_ok(), || format!("{}, then: {next:?}", case()));
            }
        }
    }
}

/// Libraries with a kernel that does nothing, and what would run before it: text, arguments of the linker (with `{at}`),
/// and what is said.
const LIBRARIES: [(&str, &str, &[&str], &str); 12] = [
    ("a constructor", "__attribute__((constructor)) static void start(void) { trap(); }", &[], RUNS),
    ("a destructor", "__attribute__((destructor)) static void end(void) { trap(); }", &[], RUNS),
    ("an initialiser", "void start(void) { trap(); }", &["-Wl,-init=start"], RUNS),
    ("a finaliser", "void end(void) { trap(); }", &["-Wl,-fini=end"], RUNS),
    ("a choice of functions", CHOICE, &[], RUNS),
    ("a choice of functions that are exported", EXPORTED_CHOICE, &[], RUNS),
    ("a choice of kernels", ENTRY_CHOICE, &[], RUNS),
    ("a library that it needs", "", &["-Wl,--no-as-needed", "{at}/needed.so"], NEEDS),
    ("a library that it stands for", "", &["-Wl,-F,{at}/needed.so"], NEEDS),
    ("a library that it stands for, if there is one", "", &["-Wl,-f,{at}/needed.so"], NEEDS),
    (
        "a constructor behind a wrong table of sections",
        "__attribute__((constructor)) void start(void) { trap(); }",
        &[],
        RUNS,
    ),
    ("a choice of functions behind a size that is told twice", CHOICE, &[], "says a thing twice"),
];

const RUNS: &str = "runs code when it is loaded";
const NEEDS: &str = "loads other libraries";

const CHOICE: &str = "typedef void (*function)(void); static void one(void) {}
    static function choose(void) { trap(); return one; }
    static void chosen(void) __attribute__((ifunc(\"choose\")));
    void (*volatile pointer)(void) = chosen;";
const EXPORTED_CHOICE: &str = "typedef void (*function)(void); static void one(void) {}
    static function choose(void) { trap(); return one; }
    void chosen(void) __attribute__((ifunc(\"choose\")));
    void calls(void) { chosen(); }";
const ENTRY_CHOICE: &str = "#define ENTRY
    typedef void (*function)(void *const *, saltus_call *); static void one(void *const *a, saltus_call *c) {}
    static function choose(void) { trap(); return one; }
    void saltus_kernel(void *const *, saltus_call *) __attribute__((ifunc(\"choose\")));";

/// Such a library; nothing where the compiler cannot make it.
fn library(at: &Path, text: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    const KERNEL: &str = "#ifndef ENTRY\nvoid saltus_kernel(void *const *arrays, saltus_call *call) {}\n#endif\n";
    let compile = |name: &str, text: &str, arguments: &[&str]| {
        let abi = include_str!("../../templates/abi.h");
        let text = format!("{abi}static void trap(void) {{ __builtin_trap(); }}\n{text}\n{KERNEL}");
        fs::write(at.join("library.c"), text).expect("written");
        let mut cc = Command::new(installed(&["gcc", "clang", "cc"]));
        cc.args(["-w", "-O1", "-shared", "-fPIC", "-nostdlib", "-o", name, "library.c"]).current_dir(at);
        cc.args(arguments.iter().map(|argument| argument.replace("{at}", word(at))));
        cc.stderr(std::process::Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let needed = compile("needed.so", "__attribute__((constructor)) static void start(void) { trap(); }", &[]);
    (needed && compile("library.so", text, arguments)).then(|| fs::read(at.join("library.so")).expect("a library"))
}

/// Says in the table of sections, which is for tools, that there is nothing for the dynamic linker, which does not look
/// at it.
fn with_wrong_sections(mut library: Vec<u8>) -> Vec<u8> {
    let number = |library: &[u8], at: usize, length: usize| {
        library[at..at + length].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
    };
    let (table, size, count) = (number(&library, 0x28, 8), number(&library, 0x3a, 2), number(&library, 0x3c, 2));
    const DYNAMIC: usize = 6;
    for section in (0..count).map(|k| table + k * size) {
        if number(&library, section + 4, 4) == DYNAMIC {
            library[section + 4] = 1;
        }
    }
    library
}

/// Says first that there are no relocations; the dynamic linker believes what is said last.
fn with_sizes_twice(mut library: Vec<u8>) -> Vec<u8> {
    const PT_DYNAMIC: usize = 2;
    /// DT_RELASZ and DT_PLTRELSZ.
    const SIZES: [u8; 2] = [8, 2];
    let number = |library: &[u8], at: usize, length: usize| {
        library[at..at + length].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
    };
    let (table, size, count) = (number(&library, 0x20, 8), number(&library, 0x36, 2), number(&library, 0x38, 2));
    let segment = (0..count).map(|k| table + k * size).find(|at| number(&library, *at, 4) == PT_DYNAMIC);
    let segment = segment.expect("a dynamic table");
    let (at, length) = (number(&library, segment + 8, 8), number(&library, segment + 32, 8));
    let entries = &mut library[at..at + length];
    entries.copy_within(..length - 16 * SIZES.len(), 16 * SIZES.len());
    for (entry, tag) in entries.chunks_exact_mut(16).zip(SIZES) {
        entry.fill(0);
        entry[0] = tag;
    }
    assert_eq!(entries[length - 16..], [0; 16], "room for one more");
    library
}

/// How a library comes to who runs: in the own store, in one that was filled from an archive, in a layer.
const WAYS: [&str; 3] = ["own", "archive", "layer"];

fn libraries(_: usize, cases: &mut Cases) {
    for (what, text, arguments, words) in LIBRARIES {
        let at = directory();
        let Some(mut library) = library(at.path(), text, arguments) else {
            cases.note(format!("no {what} here"));
            continue;
        };
        if what.contains("wrong table") {
            library = with_wrong_sections(library);
        } else if what.contains("twice") {
            library = with_sizes_twice(library);
        }
        for (way, tier) in WAYS.into_iter().flat_map(|way| TIERS.map(|tier| (way, tier))) {
            let (store, layer) = prepared(&library, way);
            let layer = layer.as_ref().map_or("", |layer| word(layer.path()));
            let found = outcome_of(tier, Origin::Built, words, store.path(), layer);
            cases.check(found.is_ok(), || format!("{what}, {way}, {tier:?}: {found:?}"));
            let next = outcome_of(tier, Origin::Hit, "", store.path(), "");
            cases.check(next.is_ok(), || format!("{what}, {way}, {tier:?}, then: {next:?}"));
        }
    }
}

/// A store, and perhaps a layer below, with this library in the place of all kernels.
fn prepared(library: &[u8], way: &str) -> (TempDir, Option<TempDir>) {
    let bad = store_with(library, KERNELS, |recipe| recipe);
    match way {
        "own" => (bad, None),
        "layer" => (directory(), Some(bad)),
        _ => {
            let (archive, store) = (directory(), directory());
            let path = archive.path().join("kernels.zip");
            export(&path, &Store::open(bad.path(), StoreOptions::default()).list(), None).expect("an archive");
            // By somebody who does not look into it.
            let rules = ImportRules { trusted: None, machine: Machine::this(), objection: &|_| None };
            let report = import(&Store::open(store.path(), StoreOptions::default()), &path, &rules);
            assert_eq!(report.expect("a report").imported.len(), KERNELS);
            (store, None)
        }
    }
}

/// What a process that a row has started does; None: it was another row.
pub fn child(job: &[String]) -> Option<ExitCode> {
    let words: Vec<&str> = job.iter().map(String::as_str).collect();
    let ["foreign", tier, origin, told, store, layer] = words[..] else { return None };
    let tier = if tier == "Auto" { Tier::Auto } else { Tier::Compiled };
    let layers = if layer.is_empty() { Vec::new() } else { vec![PathBuf::from(layer)] };
    let outcome = run(Options { layers, ..options(tier, Path::new(store), &compiler()) });
    let from = outcome.origins.iter().all(|found| format!("{found:?}") == origin);
    let is_told = if told.is_empty() { outcome.warnings.is_empty() } else { outcome.is_told(told) };
    let good = outcome.is_right && from && is_told;
    if !good {
        complain(&format!("{outcome:?}"));
    }
    Some(ExitCode::from(if good { 0 } else { 2 }))
}
