//! Synapses: whole networks next to other simulators, the price of an event, of making a synapse, of keeping it, and of
//! leaving it at rest.
//!
//! `cargo bench --bench synapses -- [networks] [throughput] [connect] [memory] [rest] [--large] [--runs N] [--json FILE]`;
//! all parts if none is named, and one network instead of all if its name is given. Prints a table for each; never fails for being slow. Other simulators run from the Python
//! that `SALTUS_PYTHON` names, or `python3`, and are left out if it cannot import them.

#![allow(clippy::print_stdout, reason = "tables are what it is for")]

#[path = "../common/mod.rs"]
mod common;
mod connect;
mod memory;
mod networks;
mod peers;
mod rest;
mod table;
mod throughput;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use saltus::engine::Options;
use saltus::network::{Model, Network};

use self::peers::Peers;
use self::table::Table;

/// What the command line says.
struct Arguments {
    parts: Vec<String>,
    networks: Vec<String>,
    large: bool,
    /// Measurements of what is quick; what is slow gets fewer.
    runs: usize,
    json: Option<PathBuf>,
}

/// What all parts need.
struct Bench {
    runs: usize,
    large: bool,
    /// Those to run; all if there are none.
    networks: Vec<String>,
    peers: Peers,
    /// Compiled kernels, from one network to the next.
    store: tempfile::TempDir,
}

impl Bench {
    /// Compiled kernels, on so many threads.
    fn options(&self, threads: usize) -> Options {
        let threads = NonZeroUsize::new(threads).expect("at least one thread");
        Options { threads, ..common::compiled(self.store.path()) }
    }

    /// A network whose kernels are compiled and whose next run has nothing to prepare.
    fn network(&self, model: &Model) -> Network {
        let mut network = Network::new(model, self.options(1)).expect("a model without errors");
        network.run(0.0, &mut |_| ()).expect("a run");
        assert!(network.engine_warnings().is_empty(), "{:?}", network.engine_warnings());
        network
    }
}

type Part = fn(&mut Bench, &mut Table);

const PARTS: [(&str, Part); 5] = [
    ("networks", networks::measure),
    ("throughput", throughput::measure),
    ("connect", connect::measure),
    ("memory", memory::measure),
    ("rest", rest::measure),
];

fn parse(arguments: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut parsed = Arguments { parts: Vec::new(), networks: Vec::new(), large: false, runs: 7, json: None };
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("`{argument}` needs a value"));
        match argument.as_str() {
            // Said by cargo.
            "--bench" => {}
            "--large" => parsed.large = true,
            "--json" => parsed.json = Some(PathBuf::from(value()?)),
            "--runs" => {
                let text = value()?;
                parsed.runs = text.parse().ok().filter(|n| *n > 0).ok_or_else(|| format!("no number: `{text}`"))?;
            }
            name if networks::NAMES.contains(&name) => {
                parsed.parts.push("networks".to_string());
                parsed.networks.push(argument);
            }
            name if PARTS.iter().any(|(part, _)| *part == name) => parsed.parts.push(argument),
            _ => {
                return Err(format!(
                    "unknown argument `{argument}`; parts: {}",
                    PARTS.map(|(name, _)| name).join(", ")
                ));
            }
        }
    }
    Ok(parsed)
}

fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|argument| argument == memory::CHILD).is_some() {
        return memory::child(arguments);
    }
    let arguments = parse(arguments).unwrap_or_else(|message| {
        eprintln!("{message}");
        std::process::exit(2);
    });
    let store = tempfile::tempdir().expect("a directory");
    let Arguments { parts, networks, large, runs, json } = arguments;
    let mut bench = Bench { runs, large, networks, peers: Peers::of_process(), store };
    let mut tables = Vec::new();
    for (name, part) in PARTS {
        if parts.is_empty() || parts.iter().any(|wanted| wanted == name) {
            let mut table = Table::new(name);
            part(&mut bench, &mut table);
            tables.push(table);
        }
    }
    if let Some(path) = json {
        table::write_json(&tables, &path)
            .unwrap_or_else(|error| eprintln!("cannot write `{}`: {error}", path.display()));
    }
}
