//! Cling, in a Python that has cppyy: the C text of a kernel as C++, to code in that process.

use std::io::Write as _;
use std::process::{Command, Stdio};

use indexmap::IndexMap;
use saltus::cli::bench::call::Bound;
use saltus::cli::bench::data::{PeerTimes, Phases};
use saltus::cli::bench::subjects::KernelSubject;
use saltus::kernel::ir::LoopShape;
use saltus::render::{Language, render};
use serde_json::{Value, json};

use crate::ELEMENTS;

/// Variable that names the Python, as for the other benches.
const VARIABLE: &str = "SALTUS_PYTHON";

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/latency/cling.py");

/// C++ for what only C has: `void *` that becomes any pointer, and a few words.
const BEFORE: &str = "\
#undef restrict
#define restrict __restrict
#define _Bool bool
struct saltus_any { void *pointer; template <class T> operator T *() const { return (T *)pointer; } };
";

/// The name of the peer with its version, what it does, and its times.
pub type Measured = (String, String, IndexMap<String, PeerTimes>);

/// Measures all kernels, or says why not.
pub fn measure(subjects: &[KernelSubject], samples: usize) -> Result<Measured, String> {
    let python = std::env::var(VARIABLE).unwrap_or_else(|_| "python3".to_string());
    let kernels: Vec<Value> = subjects.iter().map(described).collect();
    let mut command = Command::new(&python);
    command.arg(SCRIPT).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // As our kernels: no contraction, and as hard as it can.
    command.env("EXTRA_CLING_ARGS", "-O3 -march=native -ffp-contract=off -fno-math-errno");
    let mut child = command.spawn().map_err(|cause| format!("`{python}` does not start: {cause}"))?;
    let request = json!({"samples": samples, "kernels": kernels}).to_string();
    let mut input = child.stdin.take().expect("a pipe");
    // One that has no cppyy has gone already.
    drop(input.write_all(request.as_bytes()));
    drop(input);
    let output = child.wait_with_output().map_err(|cause| cause.to_string())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or("it fails").to_string();
        return Err(format!("{last} (`{VARIABLE}` names a Python with cppyy)"));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let answer = text.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok());
    let answer = answer.ok_or("it gave no answer")?;
    let name = format!("Cling, cppyy {}", answer["version"].as_str().unwrap_or("?"));
    let times = subjects.iter().map(|subject| (subject.name.to_string(), times(&answer["kernels"][subject.name])));
    let differ: Vec<&str> =
        subjects.iter().filter(|s| !agrees(s, &answer["kernels"][s.name])).map(|subject| subject.title).collect();
    let mut note = "C++ to machine code by clang's optimiser".to_string();
    if !differ.is_empty() {
        // Its flags are those of its own build in places, so that it may contract what we forbid to.
        note += &format!("; other bits than ours in: {}", differ.join(", "));
    }
    Ok((name, note, times.collect()))
}

/// Whether it leaves the interpreter's bits.
fn agrees(subject: &KernelSubject, answer: &Value) -> bool {
    serde_json::from_value(answer["arrays"].clone())
        .is_ok_and(|arrays: Vec<Vec<u64>>| arrays == crate::expected(subject).0)
}

/// A kernel as the script wants it.
fn described(subject: &KernelSubject) -> Value {
    let text = render(&subject.kernel, Language::C).text.replace("void *const *arrays", "const saltus_any *arrays");
    let bound = Bound::new(&subject.kernel, ELEMENTS).expect("a kernel that can be called");
    json!({
        "name": subject.name,
        "before": BEFORE,
        "text": text,
        "elements": ELEMENTS,
        "indexed": subject.kernel.shape == LoopShape::Indexed,
        "arrays": bound.bits().0,
    })
}

fn times(answer: &Value) -> PeerTimes {
    let mut phases = Phases::default();
    for sample in answer["samples"].as_array().expect("samples of the script") {
        let [compile, call] = [0, 1].map(|k| sample[k].as_f64().expect("a time"));
        phases.add(&[("compile", compile), ("call", call)]);
    }
    let (phases, total) = phases.spreads();
    PeerTimes { phases, total }
}
