//! Code of a program that owns its arrays and its loop, such as a script for Brian2.
//!
//! In: statements that somebody else has checked, split into what is computed once a call and what is computed for each
//! element, over variables whose [`Meaning`] the other program tells. Out: [`Code`], which the other program runs over
//! arrays of its own, on the interpreter at first and on a compiled kernel as soon as a [`Batch`] has brought one.
//! Language, kernels, store, tiers and bits are those of [`network`](crate::network); names of objects, sizes and values
//! are not in a kernel, so that the next object with the same statements has the same one.
//!
//! Indices are the other program's, and not trusted: [`Code::check`] looks at them once where they do not change.
//! Random numbers and functions that no kernel can compute come from the other program, by its [`Host`].

mod batch;
mod by_hand;
mod code;
mod evaluate;
mod names;

pub use self::batch::Batch;
pub use self::by_hand::{Digest, Hands};
pub use self::code::{Binding, Code, OutOfRange, Place};
pub use self::evaluate::{Elements, Host, NO_ELEMENT};
pub use self::names::{Function, Indexing, Meaning};

use std::collections::BTreeMap;

use crate::diag::{Diagnostics, Span, Text};
use crate::engine::{EngineError, optimised};
use crate::expr::ast::{AssignOp, BinaryOp, Expr, Statement};
use crate::expr::parser;
use crate::kernel::ir::{self, LoopShape, Storage};
use crate::kernel::lower::{Case, LowerError, Lowered, Lowerer};
use names::Names;

/// A statement, such as `v += w`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The variable that is written, or a new name.
    pub target: String,
    /// `:=` for a new name, `=`, or an augmented assignment such as `+=`.
    pub op: String,
    /// The right-hand side.
    pub value: String,
    /// The same for the values that booleans have, if that is simpler: names with their values, and the right-hand side then.
    /// One of the cases holds, and what the whole is in it, to the bit, the case is. Only of values of type float.
    pub cases: Vec<(Vec<(String, bool)>, String)>,
}

/// What the elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loop {
    /// All of a range.
    Each,
    /// Those of a list.
    Indexed,
    /// All of a range; those for which the condition, a name, is true are told.
    Select,
}

/// A value that the kernel leaves in an array of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The name whose value it is.
    pub name: String,
    /// Type of the array.
    pub storage: Storage,
}

/// What code is made from.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Name of the code object, such as `neurongroup_stateupdater`.
    pub name: String,
    /// What it does, such as `stateupdate`.
    pub kind: &'static str,
    /// The elements it runs over.
    pub elements: Loop,
    /// Statements that run once a call.
    pub scalar: Vec<Line>,
    /// Statements that run for each element.
    pub vector: Vec<Line>,
    /// The name that says whether an element is selected.
    pub condition: String,
    /// What is left in arrays, after the statements.
    pub outputs: Vec<Output>,
    /// What the names stand for; those that statements make need not be here.
    pub variables: BTreeMap<String, Meaning>,
}

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A statement is not in the language of models.
    #[error("{0}")]
    Statement(Diagnostics),
    /// Statement and variables disagree.
    #[error(transparent)]
    Lower(#[from] LowerError),
    /// The kernel is ill-formed: a bug of ours.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Spec {
    /// The kernel, and what the host has to evaluate before it runs.
    ///
    /// # Errors
    /// [`Fault`], if a statement is not in the language, or has a name without a meaning.
    pub fn lower(&self) -> Result<Lowered, Fault> {
        let names = Names::new(self);
        let mut diagnostics = Diagnostics::default();
        let mut read = |lines: &[Line]| -> Vec<(Text, Statement, Vec<Case>)> {
            lines.iter().filter_map(|line| statement(&self.name, line, &names, &mut diagnostics)).collect()
        };
        let (scalar, vector) = (read(&self.scalar), read(&self.vector));
        if diagnostics.has_errors() {
            return Err(Fault::Statement(diagnostics));
        }
        let mut lowerer = Lowerer::new(&names, &Text::new(self.name.clone(), ""));
        for (text, statement, cases) in scalar.iter().chain(&vector) {
            lowerer.set_text(text);
            match cases.as_slice() {
                [] => lowerer.statement(statement)?,
                cases => lowerer.statement_by_cases(statement, cases)?,
            }
        }
        for output in &self.outputs {
            let value = lowerer.expr(&names.renamed(&Expr::name(output.name.clone())))?;
            lowerer.output(&output_name(&output.name), output.storage, value);
        }
        let shape = match self.elements {
            Loop::Each => LoopShape::Each,
            Loop::Indexed => LoopShape::Indexed,
            Loop::Select => {
                let value = lowerer.expr(&names.renamed(&Expr::name(self.condition.clone())))?;
                let is_bool = lowerer.type_of(&value) == ir::Type::Bool;
                LoopShape::Select(if is_bool { value } else { ir::Expr::cast(ir::Type::Bool, value) })
            }
        };
        Ok(optimised(lowerer.finish(shape))?)
    }
}

/// The array that has the values of a name.
pub fn output_name(name: &str) -> String {
    format!("_out_{}", name.trim_start_matches('_'))
}

fn statement(
    of: &str,
    line: &Line,
    names: &Names<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<(Text, Statement, Vec<Case>)> {
    let mut read = |value: &str| -> Option<(Text, Expr)> {
        let text = Text::new(of.to_string(), value);
        let value = names.renamed(&parser::expression(&text, diagnostics)?);
        Some((text, value))
    };
    let (text, value) = read(&line.value)?;
    let case = |(booleans, value): &(Vec<(String, bool)>, String)| {
        let booleans = booleans.iter().map(|(name, is)| (names.renamed_name(name), *is)).collect();
        Some(Case { booleans, value: read(value)?.1 })
    };
    // What the host evaluates is evaluated once, and not for each case.
    let cases = match names.calls_host(&value) {
        true => Vec::new(),
        false => line.cases.iter().map(case).collect::<Option<_>>()?,
    };
    let op = match line.op.as_str() {
        ":=" | "=" => AssignOp::Set,
        "+=" => AssignOp::Update(BinaryOp::Add),
        "-=" => AssignOp::Update(BinaryOp::Sub),
        "*=" => AssignOp::Update(BinaryOp::Mul),
        "/=" => AssignOp::Update(BinaryOp::Div),
        "//=" => AssignOp::Update(BinaryOp::FloorDiv),
        "%=" => AssignOp::Update(BinaryOp::Mod),
        "**=" => AssignOp::Update(BinaryOp::Pow),
        other => {
            let message = format!("`{other}` is no assignment");
            diagnostics.push(crate::diag::Diagnostic::error(&text, text.whole(), message));
            return None;
        }
    };
    let target = names.renamed_name(&line.target);
    let span: Span = text.whole();
    Some((text, Statement { target, target_span: span, op, value, span }, cases))
}
