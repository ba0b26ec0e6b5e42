//! Writes the inputs that fuzzing starts from: models, code and kernels of the tree, and files of a store made on
//! purpose. Run it in the root of the tree: `cargo run --manifest-path fuzz/Cargo.toml --example seeds`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use saltus::build::compile::{CompileOptions, compile};
use saltus::build::toolchain::discover;
use saltus::build::{Env, KernelId, OptLevel, Recipe};
use saltus::kernel::text::parse_kernel;
use saltus::render::{Language, render};
use saltus::runtime::abi::ABI_VERSION;
use saltus::store::Record;
use saltus::store::fuzzing::{encode_entry, encode_texts};
use saltus_fuzz::body::small_network;
use toml::{Table, Value};

fn main() {
    let models = models();
    write("model_file", models.iter().map(|text| small(text).into_bytes()));
    let code: BTreeSet<String> = models.iter().flat_map(|text| code(text)).collect();
    write("language", code.into_iter().map(String::into_bytes));
    let kernels = files("tests/kernels/fixtures", ".txt");
    write("kernel_text", kernels.iter().map(|text| text.clone().into_bytes()));
    let directory = tempfile::tempdir().expect("a directory");
    write("entry", entries(&kernels, directory.path()).into_iter());
    write("index", indices(directory.path()).into_iter());
}

fn write(target: &str, seeds: impl Iterator<Item = Vec<u8>>) {
    let folder = Path::new("fuzz/corpus").join(target);
    fs::create_dir_all(&folder).expect("a folder");
    for seed in seeds {
        let name = &blake3::hash(&seed).to_hex()[..40];
        fs::write(folder.join(name), &seed).expect("a file");
    }
}

/// The texts of the files below a folder.
fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).expect(folder).map(|e| e.expect("an entry").path()).collect();
    paths.sort();
    paths.retain(|path| path.to_string_lossy().ends_with(ending));
    paths.iter().map(|path| fs::read_to_string(path).expect("a text")).collect()
}

/// Models that are right, and cases of wrong ones, which stand in one file.
fn models() -> Vec<String> {
    let folders =
        ["examples", "cache/catalog", "tests/models", "tests/cli/errors", "tests/cli/models", "tests/running"];
    let mut models: Vec<String> = folders.iter().flat_map(|folder| files(folder, ".toml")).collect();
    models.extend(files("tests/model_file/reference", ".toml"));
    for cases in files("tests/model_file", ".toml") {
        models.extend(cases.split("#--- ").map(|case| format!("# {case}")));
    }
    models
}

/// A model with few cells, which a target runs.
fn small(text: &str) -> String {
    let line = |line: &str| match line.split_once(" = ") {
        Some(("N", n)) if n.trim().len() > 1 => "N = 4\n".to_string(),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// All strings of a model, and the code of each group together.
fn code(text: &str) -> Vec<String> {
    let Ok(model) = text.parse::<Table>() else { return Vec::new() };
    let mut found = Vec::new();
    strings(&Value::Table(model.clone()), &mut found);
    for group in model.get("groups").and_then(Value::as_table).into_iter().flat_map(Table::values) {
        if group.get("equations").is_none() {
            continue;
        }
        let part = |key| group.get(key).and_then(Value::as_str).unwrap_or("");
        found.push(["equations", "threshold", "reset", "refractory", "method"].map(part).join("\n---\n"));
    }
    found
}

fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| strings(value, found)),
        Value::Table(table) => table.values().for_each(|value| strings(value, found)),
        _ => {}
    }
}

/// A plain environment, so that no seed has a place of the machine in it.
fn env() -> Env {
    Env::new([("PATH", "/usr/bin:/bin")])
}

fn entries(kernels: &[String], scratch: &Path) -> Vec<Vec<u8>> {
    let toolchain = discover(&env(), None, None).expect("a compiler");
    let mut seeds = Vec::new();
    for text in kernels.iter().filter(|text| text.len() < 400).take(6) {
        let source = render(&parse_kernel(text).expect("a kernel"), Language::C);
        let recipe = Recipe::new(&source, ABI_VERSION, &toolchain, &toolchain.default_features(), OptLevel::O1);
        let options = CompileOptions { scratch: Some(scratch.to_path_buf()), ..CompileOptions::default() };
        let library = compile(&recipe, &toolchain, &options).expect("a library").library;
        let record = Record { recipe, compiler: toolchain.version.clone(), compile_seconds: 0.05 };
        let entry = encode_entry(&record, &library);
        let record_length = u32::from_le_bytes(entry[20..24].try_into().expect("four bytes")) as usize;
        let record = &entry[32..32 + record_length];
        let length = (record_length as u16).to_le_bytes();
        seeds.push([&[0][..], &entry].concat());
        seeds.push([&[1][..], &entry[..entry.len() - 32]].concat());
        seeds.push([&[2][..], &length, record, &library[..library.len().min(64)]].concat());
        seeds.push([&[3][..], &library].concat());
    }
    seeds
}

fn indices(scratch: &Path) -> Vec<Vec<u8>> {
    let digest = blake3::hash(b"saltus").to_hex().to_string();
    let (group, rest) = digest.split_at(2);
    let name = format!("{group}/{rest}/{digest}.kernel saltus-kernel");
    let mut seeds = vec![
        [&[0][..], digest.as_bytes()].concat(),
        [&[1][..], name.as_bytes()].concat(),
        [&[1][..], digest.as_bytes(), b"\n", name.as_bytes(), b"\ntmp/x y\nquarantine/a\ntoolchains/b c"].concat(),
    ];
    let line = |number: u8| ([number; 32], KernelId([number ^ 0xa5; 32]));
    let record = encode_texts(&[line(1), line(2), line(3)]);
    let mut damaged = record.clone();
    damaged[100] ^= 1;
    for record in [&record[..], &record[..200], &damaged, &[&record[..], &record].concat(), b""] {
        seeds.push([b"t\0", record].concat());
    }
    let says: Vec<u8> = [1, 2, 1].map(line).iter().flat_map(|(ir, id)| [&ir[..], &id.0].concat()).collect();
    seeds.push([b"t\x01", &says[..]].concat());
    let memos = scratch.join("memos");
    fs::create_dir(&memos).expect("a folder");
    for compiler in ["gcc", "clang", "tcc"] {
        // One that is not installed has no memo.
        let _ = discover(&env(), Some(Path::new(compiler)), Some(&memos));
    }
    for memo in fs::read_dir(&memos).expect("a folder") {
        seeds.push([&[2][..], &fs::read(memo.expect("an entry").path()).expect("a memo")].concat());
    }
    let mut network = small_network();
    for run in ["0*ms", "3*ms", "10*ms"] {
        network.run_for(run).expect("a run");
        let path = scratch.join("network.state");
        network.store().expect("a state").write(&path).expect("a file");
        let state = fs::read(&path).expect("a file");
        seeds.extend([[&[3][..], &state].concat(), [&[7][..], &state].concat()]);
    }
    seeds
}
