//! Other simulators: Python programs of `benches/peers` that answer each line with a measurement (see `protocol.py`).

use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// Where simulators are, and which ones were found missing.
pub struct Peers {
    python: String,
    missing: Vec<String>,
}

impl Peers {
    /// From the environment.
    pub fn of_process() -> Peers {
        Peers { python: std::env::var("SALTUS_PYTHON").unwrap_or("python3".to_string()), missing: Vec::new() }
    }

    /// Starts a program. If it cannot measure, one line says why.
    pub fn start(&mut self, program: &str, arguments: &[&str]) -> Option<Peer> {
        match Peer::start(&self.python, program, arguments) {
            Ok(peer) => Some(peer),
            Err(message) => {
                if !self.missing.contains(&message) {
                    println!("{message}");
                    self.missing.push(message);
                }
                None
            }
        }
    }
}

/// A program that waits to measure.
pub struct Peer {
    child: Child,
    // `None` tells the program that it is done.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    errors: std::fs::File,
    program: String,
    /// The simulator and its version.
    pub version: String,
}

impl Peer {
    fn start(python: &str, program: &str, arguments: &[&str]) -> Result<Peer, String> {
        let errors = tempfile::tempfile().expect("a file");
        let mut child = Command::new(python)
            .arg(crate::common::path("benches/peers").join(program))
            .args(arguments)
            // Or NEST greets.
            .env("PYNEST_QUIET", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("OMP_NUM_THREADS", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors.try_clone().expect("a file"))
            .spawn()
            .map_err(|error| {
                format!("skipped: cannot start `{python}` ({error}); name a Python 3.12 or later in SALTUS_PYTHON")
            })?;
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().expect("a pipe")));
        let program = [&[program], arguments].concat().join(" ");
        let mut peer = Peer { child, input, output, errors, program, version: String::new() };
        let hello = peer.answer().ok_or_else(|| format!("skipped: {}", peer.failure()))?;
        if let Some(module) = hello["missing"].as_str() {
            let package = if module == "nest" { "nest-simulator" } else { module };
            return Err(format!(
                "skipped: `{python}` cannot import {module}; `{python} -m pip install {package}`, \
                 or name a Python that has it in SALTUS_PYTHON"
            ));
        }
        peer.version = hello["ready"].as_str().unwrap_or_default().to_string();
        Ok(peer)
    }

    fn answer(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.output.read_line(&mut line).ok()?;
        serde_json::from_str(&line).ok()
    }

    /// One measurement; `None`, and a line that says so, if the program fails.
    pub fn measure(&mut self) -> Option<Value> {
        self.input.as_mut()?.write_all(b"\n").ok()?;
        let answer = self.answer();
        if answer.is_none() {
            println!("skipped: {}", self.failure());
            self.input = None;
        }
        answer
    }

    /// The last thing that the program said before it ended.
    fn failure(&mut self) -> String {
        let mut text = String::new();
        drop(self.errors.rewind());
        drop(self.errors.read_to_string(&mut text));
        let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it ended without a word");
        format!("{}: {last}", self.program)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.input = None;
        drop(self.child.wait());
    }
}

/// The seconds of an answer.
pub fn seconds(answer: &Value) -> f64 {
    answer["seconds"].as_f64().expect("a time")
}
