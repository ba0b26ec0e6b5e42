//! A directory to run the program in, and what it leaves and says there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use tempfile::TempDir;

pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli").join(name)
}

/// The names in a folder with this ending, in order, without it.
pub fn stems(name: &str, ending: &str) -> Vec<String> {
    let entries = fs::read_dir(folder(name)).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let mut stems: Vec<String> = names.filter_map(|name| Some(name.strip_suffix(ending)?.to_owned())).collect();
    stems.sort();
    assert!(!stems.is_empty());
    stems
}

/// A directory with models, and a store of its own.
pub struct Place(pub TempDir);

impl Place {
    pub fn new() -> Place {
        let place = Place(tempfile::tempdir().expect("a directory"));
        for stem in stems("models", ".toml") {
            let name = format!("{stem}.toml");
            fs::copy(folder("models").join(&name), place.path(&name)).expect("a model");
        }
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A command in this directory with nothing of the user's settings.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.0.path()).env("SALTUS_CACHE_DIR", self.path("store")).stdin(Stdio::null());
        for name in ["CC", "SALTUS_CC", "COLUMNS", "XDG_CACHE_HOME", "SALTUS_CPU"] {
            command.env_remove(name);
        }
        for name in ["LAYERS", "TRUST", "MAX_SIZE", "MAX_AGE"].map(|name| format!("SALTUS_CACHE_{name}")) {
            command.env_remove(name);
        }
        command
    }

    pub fn saltus(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(cargo_bin("saltus"));
        command.args(arguments);
        command
    }

    /// Runs to a good end and returns what was printed on standard output.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.saltus(arguments).output().expect("an end");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// The result of a run as JSON; `more` are further arguments.
    pub fn json(&self, model: &str, more: &[&str]) -> String {
        self.run(&[&["run", model, "-q", "--json", "-"], more].concat())
    }

    /// Writes a model.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// The part of a result that no tier, store or compiler may change, as written, so that every bit counts.
pub fn results(json: &str) -> &str {
    json.split(",\"timing\":").next().expect("a part before the timing")
}

pub fn parsed(json: &str) -> Value {
    serde_json::from_str(json).expect("JSON")
}

/// Where the kernels of a run came from, by name.
pub fn origins(json: &str) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let kernels = parsed(json)["kernels"].as_array().expect("kernels").clone();
    kernels.iter().map(|kernel| (text(&kernel["name"]), text(&kernel["origin"]))).collect()
}

/// The cells of a table's row that starts with a word.
pub fn row(table: &str, word: &str) -> Vec<String> {
    let line = table.lines().find(|line| line.split_whitespace().next() == Some(word));
    let line = line.unwrap_or_else(|| panic!("no `{word}` in:\n{table}"));
    line.split_whitespace().map(str::to_owned).collect()
}
