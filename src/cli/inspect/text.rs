//! Kernels as text.

use std::fmt::Write as _;

use super::stored::{self, Stored};
use crate::build::{OptLevel, Toolchain, ToolchainError};
use crate::cli::cache::short_version;
use crate::cli::failure::Failure;
use crate::cli::output::format::{bytes, counted, duration, simulated};
use crate::cli::table::{Align, pairs, table};
use crate::engine::{Options, Origin, Report};
use crate::inspect::KernelView;
use crate::inspect::assembly::machine_code;
use crate::kernel::text::storage_name;
use crate::store::Store;

/// One text, or several under the names of their kernels.
pub fn joined(kernels: &[&KernelView], comment: &str, text: impl Fn(&KernelView) -> String) -> String {
    match kernels {
        [kernel] => text(kernel),
        kernels => {
            let parts = kernels.iter().map(|kernel| {
                format!("{comment} {}: {}, {}\n\n{}", kernel.name, kernel.kind, kernel.shape(), text(kernel))
            });
            parts.collect::<Vec<_>>().join("\n")
        }
    }
}

/// What of the model a kernel was made from, and the statements that stand for it.
pub fn statements(kernel: &KernelView) -> String {
    let made = &kernel.made;
    let mut text = String::new();
    for written in &made.written {
        let _ = writeln!(text, "# {} of {}\n{}\n", written.what, made.of, written.text.trim());
    }
    let by = made.method.map_or(String::new(), |method| format!(", by `{method}`"));
    let _ = writeln!(text, "# for each element{by}");
    for statement in &made.statements {
        let _ = writeln!(text, "{statement}");
    }
    text
}

/// What it works on.
pub fn parameters(kernel: &KernelView) -> String {
    let columns = [
        ("name", Align::Left),
        ("type", Align::Left),
        ("elements", Align::Right),
        ("size", Align::Right),
        ("use", Align::Left),
        ("of", Align::Left),
    ];
    table(&columns, &parameter_rows(kernel))
}

/// Name, type, number of elements, size, use and owner of each parameter.
pub fn parameter_rows(kernel: &KernelView) -> Vec<Vec<String>> {
    let row = |p: &crate::inspect::ParameterView| {
        vec![
            p.name.clone(),
            storage_name(p.storage).to_owned(),
            p.elements.to_string(),
            bytes(p.bytes() as u64),
            if p.written { "written" } else { "read" }.to_owned(),
            p.owner.name().to_owned(),
        ]
    };
    kernel.parameters.iter().map(row).collect()
}

/// The functions that it calls.
pub fn functions(kernel: &KernelView) -> String {
    if kernel.functions.is_empty() {
        return "no functions\n".to_string();
    }
    pairs(&kernel.functions.iter().map(|function| (function.name, function.accuracy())).collect::<Vec<_>>())
}

/// The machine code.
///
/// # Errors
/// If there is none to be had.
pub fn assembly(
    kernels: &[&KernelView],
    options: &Options,
    toolchain: &Result<Toolchain, ToolchainError>,
) -> Result<String, Failure> {
    let store = stored::open(options);
    let level = options.opt_level.unwrap_or_default();
    let mut text = String::new();
    for kernel in kernels {
        let artifact = Stored::find(kernel, toolchain, level, &store).artifact;
        let code = machine_code(kernel, artifact.as_ref(), toolchain.as_ref().ok(), level, &options.env)
            .map_err(|error| Failure::World(anyhow::anyhow!("no machine code of `{}`: {error}", kernel.name)))?;
        let separator = if text.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "{separator}# {}: {}\n\n{}", kernel.name, code.from, code.text.trim_end());
    }
    Ok(text)
}

/// Who the kernels are, and what is stored of them.
pub fn overview(
    kernels: &[&KernelView],
    toolchain: &Result<Toolchain, ToolchainError>,
    level: OptLevel,
    store: &Store,
) -> String {
    let row = |kernel: &&KernelView| {
        let stored = Stored::find(kernel, toolchain, level, store);
        vec![
            kernel.name.clone(),
            kernel.kind.to_owned(),
            kernel.shape().to_owned(),
            stored.id.short(),
            stored.key().map_or("-".to_owned(), |key| key.short()),
            stored.word().to_owned(),
            kernel.parameters.len().to_string(),
            kernel.source.text.lines().count().to_string(),
        ]
    };
    let columns = [
        ("name", Align::Left),
        ("kind", Align::Left),
        ("shape", Align::Left),
        ("kernel", Align::Left),
        ("key", Align::Left),
        ("stored", Align::Left),
        ("parameters", Align::Right),
        ("lines", Align::Right),
    ];
    let mut text = table(&columns, &kernels.iter().map(row).collect::<Vec<_>>());
    let _ = writeln!(text, "{}; {}", counted(kernels.len(), ("kernel", "kernels")), keys(toolchain));
    text
}

/// For which compiler keys are.
pub fn keys(toolchain: &Result<Toolchain, ToolchainError>) -> String {
    match toolchain {
        Ok(toolchain) => format!("keys for {}", toolchain.version),
        Err(error) => format!("no keys: {error}"),
    }
}

/// What runs the kernels after a run, where it came from and since when.
pub fn swaps(kernels: &[&KernelView]) -> String {
    let row = |kernel: &&KernelView| {
        let mut cells = vec![kernel.name.clone(), kernel.runs_on().name().to_owned()];
        cells.extend(provenance(kernel.report.as_ref()));
        cells
    };
    let columns = [
        ("name", Align::Left),
        ("runs on", Align::Left),
        ("origin", Align::Left),
        ("key", Align::Left),
        ("compiler", Align::Left),
        ("took", Align::Right),
        ("swapped in", Align::Left),
    ];
    table(&columns, &kernels.iter().map(row).collect::<Vec<_>>())
}

/// Origin, key, compiler, how long it took, and when the code was swapped in.
pub fn provenance(report: Option<&Report>) -> [String; 5] {
    let none = || "-".to_owned();
    let Some(report) = report else { return [none(), none(), none(), none(), none()] };
    [
        match report.origin {
            Origin::Hit => "hit".to_owned(),
            Origin::Built => "built".to_owned(),
            Origin::Interpreter => none(),
            Origin::Hand => "by hand".to_owned(),
        },
        report.key.map_or_else(none, |key| key.short()),
        report.compiler.as_deref().map_or_else(none, short_version),
        report.compile_seconds.map_or_else(none, duration),
        report.swaps.last().map_or_else(none, |swap| format!("t = {}", simulated(swap.moment.t_seconds))),
    ]
}
