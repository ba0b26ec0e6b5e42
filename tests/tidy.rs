//! Rules about the tree itself: who may import whom, where effects are, what no file may hold, and that what the
//! documents say is there. What rustc, clippy and other tests see to (`SAFETY` comments, documented items, fresh
//! generated files, the fresh JSON schema) is not repeated here.

#[path = "tidy/source.rs"]
mod source;

use std::collections::BTreeSet;
use std::process::Command;

use source::{SourceFile, crate_paths, files, is_word, read, root};

/// Modules in reading order, and what each may name of the crate: whole modules, or paths in them. `inspect` and `cli`
/// may name everything. ARCHITECTURE.md has the same table.
const IMPORTS: &[(&str, &[&str])] = &[
    ("diag", &[]),
    ("unit", &[]),
    ("expr", &["unit", "diag"]),
    ("model", &["expr", "unit", "diag"]),
    ("integrate", &["model", "expr", "diag"]),
    ("kernel", &["model", "expr", "unit", "diag"]),
    ("render", &["kernel", "expr", "diag"]),
    ("build", &["render::Source", "render::Language", "diag"]),
    ("store", &["build::Env", "build::KernelId", "build::Key", "build::Machine", "build::Recipe", "diag"]),
    ("runtime", &["diag"]),
    ("load", &["runtime::abi", "diag"]),
    ("random", &["kernel::maths"]),
    ("engine", &["kernel", "model", "render", "build", "store", "load", "runtime", "diag"]),
    (
        "network",
        &["engine", "integrate", "model", "expr", "kernel::ir", "kernel::lower", "runtime", "random", "unit", "diag"],
    ),
    (
        "hosted",
        &[
            "engine",
            "model::namespace",
            "expr",
            "kernel::ir",
            "kernel::lower",
            "runtime::array",
            "runtime::fpu",
            "random",
            "render::Source",
            "diag",
        ],
    ),
    ("live", &["network", "engine", "model", "diag", "render::Language", "render::Source", "inspect::fits"]),
];

/// The files that may hold `unsafe`: what calls kernels, what they reach by pointer, and how they get into memory.
const UNSAFE: &[&str] = &[
    "src/cli/bench/call.rs",
    "src/cli/bench/kernels.rs",
    "src/engine/beside.rs",
    "src/engine/code_object.rs",
    "src/engine/cplusplus.rs",
    "src/engine/native.rs",
    "src/engine/once.rs",
    "src/engine/proof.rs",
    "src/engine/threads.rs",
    "src/hosted/code.rs",
    "src/hosted/evaluate.rs",
    "src/kernel/interpret/execute.rs",
    "src/kernel/interpret/mod.rs",
    "src/kernel/maths/block.rs",
    "src/load/library.rs",
    "src/load/slot.rs",
    "src/network/evaluate.rs",
    "src/network/memory.rs",
    "src/runtime/abi.rs",
    "src/runtime/array.rs",
    "src/runtime/fpu.rs",
];

/// Longer than 600 lines without tests: generated files.
const LONG: &[&str] = &["src/kernel/maths/generated.rs"];

/// Effects that have one place each, as they are written, and the files or folders that may have them.
const EFFECTS: &[(&str, &[&str])] = &[
    ("Command::new", &["src/build/", "src/cli/bench/models.rs"]),
    ("libloading", &["src/load/library.rs"]),
    ("env::var", &["src/build/env.rs", "src/cli/"]),
    ("libc::fork", &["src/engine/proof.rs"]),
    ("memfd_create", &["src/load/library.rs"]),
    ("renameat", &["src/store/"]),
    ("static mut", &[]),
];

/// Modules without effects, what none of them may name, and the files excepted.
const PURE: &[&str] = &[
    "src/diag.rs",
    "src/unit.rs",
    "src/unit/",
    "src/expr/",
    "src/model/",
    "src/integrate/",
    "src/kernel/",
    "src/render/",
];
const EFFECTFUL: &[&str] = &[
    "std::fs",
    "std::io",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "std::time",
    "rustix",
    "tempfile",
    "FxHashMap",
    "HashMap",
    "HashSet",
    "thread_local!",
];
const PURE_EXCEPTIONS: &[(&str, &str)] = &[
    ("src/model/file/mod.rs", "reads the model file"),
    ("src/kernel/interpret/mod.rs", "runs kernels, in memory that a thread keeps"),
    ("src/kernel/interpret/compile.rs", "asks its tables and never iterates them"),
    ("src/kernel/hoist/graph.rs", "asks its tables and never iterates them"),
    ("src/kernel/text/library.rs", "asks its tables and never iterates them"),
    ("src/kernel/text/parse.rs", "asks its tables and never iterates them"),
];

/// Licences that allow this project its own.
const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unlicense",
    "CC0-1.0",
    "0BSD",
    "BSL-1.0",
    "Unicode-3.0",
    "MIT-0",
];

fn assert_none(faults: Vec<String>, rule: &str) {
    assert!(faults.is_empty(), "{rule}\n{}", faults.join("\n"));
}

/// The modules on the way to a file, such as `network`, `run`.
fn module_path(file: &str) -> Vec<String> {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs");
    let path = path.trim_end_matches("/mod");
    path.split('/').filter(|name| !matches!(*name, "lib" | "main")).map(str::to_string).collect()
}

fn within(path: &str, allowed: &[&str]) -> bool {
    allowed.iter().any(|a| path == *a || a.ends_with('/') && path.starts_with(a))
}

/// Whether a word stands in code, not as part of a longer one.
fn mentions(code: &str, word: &str) -> bool {
    let bytes = code.as_bytes();
    code.match_indices(word).any(|(at, _)| {
        let end = at + word.len();
        let starts = at == 0 || !is_word(bytes[at - 1]) || !is_word(bytes[at]);
        let ends = end == bytes.len() || !is_word(bytes[end - 1]) || !is_word(bytes[end]);
        starts && ends
    })
}

#[test]
fn modules_name_only_what_they_may() {
    let known: BTreeSet<&str> = IMPORTS.iter().map(|(name, _)| *name).chain(["inspect", "cli"]).collect();
    let mut faults = Vec::new();
    for file in files("src", &[".rs"]) {
        let module = module_path(&file.path);
        let Some(top) = module.first() else { continue };
        if !known.contains(top.as_str()) {
            faults.push(format!("{}: the module `{top}` is not in the table", file.path));
            continue;
        }
        let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| name == top) else { continue };
        for path in crate_paths(&file.code(), &module) {
            let inside = |place: &str| path == place || path.starts_with(&format!("{place}::"));
            if !inside(top) && !allowed.iter().any(|place| inside(place)) {
                faults.push(format!("{}: `{top}` may not name `crate::{path}`", file.path));
            }
        }
    }
    assert_none(faults, "imports that the table does not have:");
}

#[test]
fn effects_are_where_they_belong() {
    let mut faults = Vec::new();
    for file in files("src", &[".rs"]) {
        let code = file.code();
        for (word, allowed) in EFFECTS {
            if mentions(&code, word) && !within(&file.path, allowed) {
                faults.push(format!("{}: `{word}`", file.path));
            }
        }
        if mentions(&code, "unsafe") != UNSAFE.contains(&file.path.as_str()) {
            faults.push(format!("{}: `unsafe` in code and in the list disagree", file.path));
        }
    }
    faults.extend(UNSAFE.iter().filter(|path| !root().join(path).exists()).map(|path| format!("{path}: no such file")));
    assert_none(faults, "effects where none should be:");
}

#[test]
fn what_makes_source_is_pure() {
    let mut faults = Vec::new();
    for file in files("src", &[".rs"]) {
        let excepted = PURE_EXCEPTIONS.iter().any(|(path, _)| *path == file.path);
        let code = file.code();
        let found: Vec<&&str> = EFFECTFUL.iter().filter(|word| mentions(&code, word)).collect();
        if within(&file.path, PURE) && excepted == found.is_empty() {
            faults.push(format!("{}: {found:?}, {}", file.path, if excepted { "excepted" } else { "not excepted" }));
        }
    }
    assert_none(faults, "up to the source, nothing may depend on files, clocks, the environment, threads or hashes:");
}

#[test]
fn files_are_short() {
    let mut faults = Vec::new();
    for file in files("src", &[".rs"]).iter().chain(&files("benches", &[".rs"])) {
        let lines = file.code().lines().count();
        if (lines > 600) != LONG.contains(&file.path.as_str()) {
            faults.push(format!("{}: {lines} lines without tests", file.path));
        }
    }
    assert_none(faults, "files of at most 600 lines, and longer ones that are listed:");
}

#[test]
fn nothing_is_left_to_do_and_no_place_is_named() {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let places =
        ["/home/", "/root/", "/Users/", "/work/", "localhost", concat!("crates", ".io"), concat!("pypi", ".org")];
    let mut all: Vec<SourceFile> = Vec::new();
    for directory in ["src", "tests", "benches", "templates", "examples", "cache", "docs", ".ci"] {
        all.extend(files(directory, &[".rs", ".md", ".toml", ".tera", ".h", ".ir", ".txt", "/run"]));
    }
    for path in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "Cargo.toml"] {
        all.push(SourceFile { path: path.to_string(), text: read(path) });
    }
    let mut faults = Vec::new();
    for file in all.iter().filter(|file| file.path != "tests/tidy.rs") {
        for (number, line) in file.text.lines().enumerate() {
            let found = words.iter().filter(|w| mentions(line, w)).chain(places.iter().filter(|p| line.contains(**p)));
            faults.extend(found.map(|word| format!("{}:{}: `{word}`", file.path, number + 1)));
        }
        if file.path.starts_with("src/") && file.path.ends_with(".rs") && file.code().contains(".unwrap()") {
            faults.push(format!("{}: `.unwrap()` outside of tests", file.path));
        }
    }
    assert_none(faults, "words that no file may hold:");
}

#[test]
fn templates_hold_no_arithmetic() {
    let mut faults = Vec::new();
    for file in files("templates", &[".tera"]) {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(fault) = arithmetic_in(&without_tags(line)) {
                faults.push(format!("{}:{}: {fault}", file.path, number + 1));
            }
        }
    }
    assert_none(faults, "arithmetic comes from the operator tables, never from a template:");
}

/// A line of a template with `§` for every insertion, and without other tags and comments.
fn without_tags(line: &str) -> String {
    let mut text = line.to_string();
    for (open, close, instead) in [("{{", "}}", "§"), ("{%", "%}", ""), ("{#", "#}", ""), ("/*", "*/", "")] {
        while let Some(start) = text.find(open) {
            let end = text[start..].find(close).map_or(text.len(), |end| start + end + close.len());
            text.replace_range(start..end, instead);
        }
    }
    text.split("//").next().unwrap_or_default().to_string()
}

/// An operation on what the model says: numbers with a point, or an operator beside an insertion. What is left are
/// declarations and the counting of loops.
fn arithmetic_in(line: &str) -> Option<String> {
    let letters: Vec<char> = line.chars().collect();
    for k in 1..letters.len() {
        let c = letters[k];
        let next = |step: isize| {
            let mut at = k as isize + step;
            while letters.get(at as usize) == Some(&' ') {
                at += step;
            }
            letters.get(at as usize).copied()
        };
        if c == '.' && letters[k - 1].is_ascii_digit() && letters.get(k + 1).is_some_and(char::is_ascii_digit) {
            return Some("a number with a point".to_string());
        }
        let operand =
            |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '§' | '(' | ')' | ']'));
        // `double *restrict`, `(const double *)` and `*name` are no products, nor is `double *name`.
        let (before, rest) = (letters[..k].iter().collect::<String>(), letters[k + 1..].iter().collect::<String>());
        let pointer = c == '*'
            && (before.ends_with("double ")
                || ["restrict", "const", "mut", ")"].iter().any(|w| rest.trim_start().starts_with(w)));
        let beside = next(-1) == Some('§') || next(1) == Some('§');
        if "+-*/%".contains(c) && beside && operand(next(-1)) && operand(next(1)) && !pointer {
            return Some(format!("`{c}` beside an insertion"));
        }
    }
    None
}

#[test]
fn arithmetic_in_templates_is_seen() {
    for line in ["x = {{ a }} * {{ b }};", "y = 2 * {{ a }};", "    v += {{ dt }}/tau;", "double half = 0.5;"] {
        assert!(arithmetic_in(&without_tags(line)).is_some(), "{line}");
    }
    for line in [
        "{{ p.storage }} *restrict const {{ p.name }} = arrays[{{ p.position }}];",
        "static const double *{{ array.name }};",
        "const {{ p.value }} {{ p.name }} = *(const {{ p.storage }} *)arrays[{{ p.position }}];",
        "for (i64 _i = begin; _i < end; _i++) {",
        "hits.byte[_i - _first] = {{ condition }};",
    ] {
        assert_eq!(arithmetic_in(&without_tags(line)), None, "{line}");
    }
}

#[test]
fn every_dependency_has_a_reason() {
    let manifest = read("Cargo.toml");
    let mut section = "";
    let mut faults = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        }
        let forbidden = ["[patch", "[replace", "[source", "[registries"].iter().any(|s| section.starts_with(s));
        let dependency = section.contains("dependencies") && line.contains('=');
        let reason = line.rsplit_once("# ").is_some_and(|(_, reason)| reason.split(' ').count() > 1);
        if forbidden || dependency && (!reason || line.contains("git =") || line.contains("registry =")) {
            faults.push(line.to_string());
        }
    }
    assert_none(faults, "dependencies come from the usual registry and say what for:");
}

#[test]
fn every_dependency_has_a_licence_that_allows_ours() {
    let mut metadata = Command::new(env!("CARGO"));
    metadata.args(["metadata", "--format-version=1", "--offline", "--locked", "--filter-platform"]);
    metadata.arg(format!("{}-unknown-linux-gnu", std::env::consts::ARCH)).current_dir(root());
    let output = metadata.output().expect("cargo runs the tests");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let mut faults = Vec::new();
    let mut packages = 0;
    for (at, key) in text.match_indices("\"license\":") {
        packages += 1;
        let expression = text[at + key.len()..].split(',').next().unwrap_or_default().trim_matches('"');
        let one_of = |part: &str| LICENCES.contains(&part.trim_matches(['(', ')', ' ']));
        // `AND` binds tighter than `OR`; parentheses are rare, and then read as if both sides were asked for.
        let enough = match expression.contains(") AND") || expression.contains("AND (") {
            true => expression.replace(" AND ", " OR ").replace('/', " OR ").split(" OR ").all(one_of),
            false => expression.replace('/', " OR ").split(" OR ").any(|side| side.split(" AND ").all(one_of)),
        };
        if !enough {
            faults.push(format!("{expression} (byte {at})"));
        }
    }
    assert!(packages > 50, "{packages} packages have a licence");
    assert_none(faults, "licences to look at:");
}

/// The numbered paragraphs of a section of ARCHITECTURE.md.
fn invariants(text: &str) -> Vec<String> {
    let section = text.split("## Invariants").nth(1).expect("there is a section of invariants");
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut items: Vec<String> = Vec::new();
    for line in section.lines() {
        let number = line.bytes().take_while(u8::is_ascii_digit).count();
        match items.last_mut() {
            _ if number > 0 && line[number..].starts_with(". ") => items.push(line.to_string()),
            Some(item) => {
                item.push(' ');
                item.push_str(line.trim());
            }
            None => {}
        }
    }
    items
}

#[test]
fn every_invariant_names_tests_that_exist() {
    let mut faults = Vec::new();
    let items = invariants(&read("ARCHITECTURE.md"));
    assert!(items.len() >= 11, "{} invariants", items.len());
    for item in items {
        let (rule, held_by) = item.split_once("Held by").unwrap_or((&item, ""));
        let mut file = None;
        let mut tests = 0;
        for word in held_by.split('`').skip(1).step_by(2) {
            match &file {
                _ if word.ends_with(".rs") => file = Some(SourceFile { path: word.to_string(), text: read(word) }),
                Some(file) if is_test(file, word) => tests += 1,
                Some(file) => faults.push(format!("`{}` has no test `{word}`", file.path)),
                None => faults.push(format!("`{word}` without a file")),
            }
        }
        if tests == 0 {
            faults.push(format!("no test: {rule}"));
        }
    }
    assert_none(faults, "invariants without a test:");
}

fn is_test(file: &SourceFile, name: &str) -> bool {
    let Some(at) = file.text.find(&format!("fn {name}(")) else { return false };
    file.text[..at]
        .trim_end_matches(' ')
        .lines()
        .rev()
        .take_while(|line| !line.trim().is_empty())
        .any(|line| line.contains("#[test]"))
}

#[test]
fn the_architecture_is_that_of_the_tree() {
    let text = read("ARCHITECTURE.md");
    let mut faults = Vec::new();
    for (module, imports) in IMPORTS {
        let list = match imports.is_empty() {
            true => "nothing".to_string(),
            false => imports.iter().map(|i| format!("`{i}`")).collect::<Vec<_>>().join(", "),
        };
        let row = format!("| `{module}` | {list} |");
        if !text.contains(&row) {
            faults.push(format!("the table of imports lacks: {row}"));
        }
    }
    for entry in std::fs::read_dir(root().join("src")).expect("there is a src").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let name = if entry.path().is_dir() { format!("src/{name}/") } else { format!("src/{name}") };
        if !text.contains(&format!("`{name}`")) {
            faults.push(format!("the map lacks `{name}`"));
        }
    }
    assert_none(faults, "ARCHITECTURE.md is behind:");
}

#[test]
fn what_documents_point_at_is_there() {
    let mut faults = Vec::new();
    for path in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "cache/README.md", "docs/differences.md"] {
        let folder = root().join(path);
        let folder = folder.parent().expect("a file is in a folder");
        for (at, _) in read(path).match_indices("](") {
            let text = read(path);
            let target = text[at + 2..].split([')', '#', ' ']).next().unwrap_or_default().to_string();
            if !target.is_empty() && !target.contains("://") && !folder.join(&target).exists() {
                faults.push(format!("{path}: `{target}`"));
            }
        }
    }
    assert_none(faults, "links to nothing:");
    let version = format!("## [{}]", env!("CARGO_PKG_VERSION"));
    assert!(read("CHANGELOG.md").contains(&version), "CHANGELOG.md has no section `{version}`");
}

/// The commands in the blocks of shell text of a document, with continued lines as one.
fn commands(text: &str) -> Vec<String> {
    let blocks = text.split("```").skip(1).step_by(2);
    let shell = blocks.filter_map(|block| block.strip_prefix("sh\n"));
    let lines = shell.flat_map(|block| block.replace("\\\n", " ").lines().map(str::to_string).collect::<Vec<_>>());
    lines.map(|line| line.split(" #").next().unwrap_or_default().trim().to_string()).filter(|l| !l.is_empty()).collect()
}

#[test]
fn commands_of_the_readme_exist() {
    let text = read("README.md");
    let commands = commands(&text);
    assert!(commands.len() >= 3, "{commands:?}");
    let mut faults = Vec::new();
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().collect();
        for path in
            words.iter().filter(|w| w.starts_with(".ci/") || w.starts_with("examples/") || w.starts_with("cache/"))
        {
            if !path.contains('*') && !root().join(path).exists() {
                faults.push(format!("{command}: no `{path}`"));
            }
        }
        let mut arguments = match words.iter().position(|w| matches!(*w, "saltus" | "--")) {
            Some(at) if words[0] == "saltus" || words[0] == "cargo" => words[at + 1..].to_vec(),
            _ => continue,
        };
        if command.starts_with("cargo bench --bench latency") {
            // It takes the options of this command.
            arguments.splice(0..0, ["bench", "latency"]);
        }
        faults.extend(missing_from_help(&arguments).into_iter().map(|missing| format!("{command}: {missing}")));
    }
    assert_none(faults, "README.md names what is not there:");
}

/// What the help of a command of the program does not know among these arguments.
fn missing_from_help(arguments: &[&str]) -> Vec<String> {
    let plain = |word: &&&str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') && !word.starts_with('-');
    let mut names: Vec<&str> = arguments.iter().take_while(plain).copied().collect();
    // Only these have commands below them.
    names.truncate(if names.first().is_some_and(|name| ["cache", "bench"].contains(name)) { 2 } else { 1 });
    let output = Command::new(env!("CARGO_BIN_EXE_saltus")).args(&names).arg("--help").output().expect("it starts");
    if !output.status.success() {
        return vec![format!("no command `{}`", names.join(" "))];
    }
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    let options = arguments.iter().map(|w| w.trim_matches(['[', ']'])).filter(|w| w.starts_with("--"));
    options.filter(|option| !mentions(&help, option)).map(|option| format!("no option `{option}`")).collect()
}

#[test]
fn examples_and_the_catalogue_run() {
    let models: Vec<SourceFile> = ["examples", "cache/catalog"].iter().flat_map(|d| files(d, &[".toml"])).collect();
    assert!(models.len() > 5, "{} models", models.len());
    for SourceFile { path, .. } in models {
        let mut run = Command::new(env!("CARGO_BIN_EXE_saltus"));
        run.args(["run", &path, "--tier", "interpreter", "--no-cache", "--quiet", "--duration", "1*ms"]);
        let output = run.current_dir(root()).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{path}: {said}");
    }
}

#[test]
fn the_scanner_sees_code_only() {
    let text = r###"
use crate::{a::{self, b as c}, d};
// use crate::comment;
let s = "use crate::string \" ;"; let r = r#"crate::raw "#; let c = '"'; let l: &'a str = "crate::x";
fn f() { super::g(); super::super::h::k() }
#[cfg(test)]
mod tests { use crate::only_in_tests; fn t() { x.unwrap() } }
crate::last::one!();
"###;
    let file = SourceFile { path: "src/m/n.rs".to_string(), text: text.to_string() };
    let paths = crate_paths(&file.code(), &module_path(&file.path));
    assert_eq!(paths, ["a", "a::b", "d", "last::one", "m::g", "h::k"]);
    assert!(!file.code().contains("unwrap"));
}
