//! The kernels of a network, to be looked at, before, while and after it runs: what of the model each was made from, IR,
//! source in both languages, parameters and whose they are, functions and how exact they are, identity, what runs it and
//! where that came from. Nothing is compiled or run for it, but for [machine code](assembly). And the values of any
//! expression over the network as it is now ([`eval`]).

pub mod assembly;
mod evaluate;
pub mod highlight;
mod namespace;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use self::evaluate::{Evaluated, Statistics, eval, eval_native};
pub use self::namespace::{
    ConstantView, ModelFunctionView, NamespaceView, ObjectView, VariableView, constants, namespace,
};
use crate::build::{KernelId, OptLevel, Recipe, Toolchain};
use crate::engine::{Calls, Report, RunsOn, shape_name};
use crate::kernel::ir::{Expr, Kernel, LoopShape, Stmt, Storage, UnaryOp};
use crate::kernel::maths;
use crate::kernel::text::print_kernel;
use crate::network::Network;
use crate::network::origin::{Made, Owner};
use crate::render::{Language, Source, render};
use crate::runtime::abi::ABI_VERSION;

/// A kernel that runs at every step.
#[derive(Clone, Debug)]
pub struct KernelView {
    /// Name of its code object, such as `cells_stateupdater`.
    pub name: String,
    /// What it does, such as `stateupdate`.
    pub kind: &'static str,
    /// What of the model it was made from, and the statements that stand for it.
    pub made: Made,
    /// The kernel.
    pub kernel: Arc<Kernel>,
    /// Its source.
    pub source: Source,
    /// What it works on, in the order of the kernel's parameters.
    pub parameters: Vec<ParameterView>,
    /// The functions that it calls, by name.
    pub functions: Vec<FunctionView>,
    /// What is known about its code: key, origin, compiler, swaps. Nothing before the network was put together.
    pub report: Option<Report>,
    /// Its calls so far, if they are [measured](Network::set_profiling).
    pub calls: Option<Calls>,
}

/// An array or a value that a kernel works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterView {
    /// Its name in the model.
    pub name: String,
    /// Type of its elements.
    pub storage: Storage,
    /// How many elements it has.
    pub elements: usize,
    /// Whether the kernel writes it.
    pub written: bool,
    /// Whose it is.
    pub owner: Owner,
}

/// A function that a kernel calls.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionView {
    /// Its name.
    pub name: &'static str,
    /// The largest error over all arguments, in units in the last place; half a unit is correct rounding, none is exact.
    pub bound_ulp: f64,
}

impl FunctionView {
    /// A sentence about its results.
    ///
    /// ```
    /// use saltus::inspect::FunctionView;
    /// let text = FunctionView { name: "exp", bound_ulp: 1.0 }.accuracy();
    /// assert!(text.starts_with("at most 1 unit in the last place from the exact value"));
    /// ```
    pub fn accuracy(&self) -> String {
        let same = "with the same bits from every compiler and the interpreter";
        if self.bound_ulp == 0.0 {
            format!("exact, {same}")
        } else if self.bound_ulp <= 0.5 {
            format!("correctly rounded, {same}")
        } else {
            let units = if self.bound_ulp == 1.0 { "unit" } else { "units" };
            format!("at most {} {units} in the last place from the exact value, {same}", self.bound_ulp)
        }
    }
}

impl ParameterView {
    /// Bytes of all elements.
    pub fn bytes(&self) -> usize {
        self.elements * self.storage.size()
    }
}

impl KernelView {
    /// What runs it now.
    pub fn runs_on(&self) -> RunsOn {
        self.report.as_ref().map_or(RunsOn::Interpreter, Report::runs_on)
    }

    /// Its source in a language.
    pub fn source_in(&self, language: Language) -> Source {
        if language == self.source.language { self.source.clone() } else { render(&self.kernel, language) }
    }

    /// The source that runs in its place, if somebody wrote one by hand.
    pub fn by_hand(&self) -> Option<&Source> {
        self.report.as_ref()?.by_hand.as_deref()
    }

    /// Shape of its loop, such as `each`.
    pub fn shape(&self) -> &'static str {
        shape_name(&self.kernel.shape)
    }

    /// The kernel as text.
    pub fn ir(&self) -> String {
        print_kernel(&self.kernel)
    }

    /// What it computes.
    pub fn id(&self) -> KernelId {
        KernelId::of(&self.source, ABI_VERSION)
    }

    /// How a compiler makes a library of it on this machine, if of nothing else.
    pub fn recipe(&self, toolchain: &Toolchain, level: OptLevel) -> Recipe {
        Recipe::new(&self.source, ABI_VERSION, toolchain, &toolchain.default_features(), level)
    }
}

/// The kernels that a network runs at every step, in their order.
///
/// ```
/// use saltus::{engine::Options, inspect::kernels, network::{Model, Network, NeuronGroup}, render::Language};
/// let model = Model::new().group(NeuronGroup::new("cells", 10, "dv/dt = -v/(10*ms) : 1").method("euler"));
/// let network = Network::new(&model, Options::interpreted())?;
/// let kernel = &kernels(&network, Language::C)[0];
/// assert_eq!((kernel.name.as_str(), kernel.shape()), ("cells_stateupdater", "each"));
/// assert!(kernel.parameters.iter().any(|p| p.name == "v" && p.bytes() == 80 && p.written));
/// # Ok::<(), saltus::network::Error>(())
/// ```
pub fn kernels(network: &Network, language: Language) -> Vec<KernelView> {
    let mut reports = network.kernel_reports();
    let objects = network.code_by_population().into_iter().zip(network.made_from());
    let view = |((number, object), made): ((usize, &crate::engine::CodeObject), Made)| {
        let kernel = object.kernel();
        let parameters = kernel.params.iter().zip(&made.owners).map(|(param, owner)| ParameterView {
            name: param.name.clone(),
            storage: param.storage,
            elements: network.elements(number, param),
            written: param.written,
            owner: owner.clone(),
        });
        let parameters = parameters.collect();
        KernelView {
            name: object.name.clone(),
            kind: object.kind,
            made,
            kernel: kernel.clone(),
            source: render(kernel, language),
            parameters,
            functions: functions(kernel),
            report: reports.next(),
            calls: object.calls(),
        }
    };
    objects.map(view).collect()
}

/// The functions that a kernel calls, by name.
fn functions(kernel: &Kernel) -> Vec<FunctionView> {
    let mut called: BTreeSet<&'static str> = BTreeSet::new();
    let mut look = |expr: &Expr| {
        expr.walk(&mut |part| {
            called.extend(match part {
                Expr::Call(name, _) => Some(*name),
                Expr::Unary(UnaryOp::Sqrt, _) => Some(SQRT),
                Expr::Unary(UnaryOp::Floor, _) => Some("floor"),
                Expr::Unary(UnaryOp::Trunc, _) => Some("trunc"),
                Expr::Unary(UnaryOp::Abs, _) => Some("abs"),
                _ => None,
            });
        });
    };
    for stmt in kernel.scalar.iter().chain(&kernel.vector) {
        match stmt {
            Stmt::Comment(_) => {}
            Stmt::Let(_, value) | Stmt::Flag(_, value) => look(value),
            Stmt::Store { value, when, .. } => [Some(value), when.as_ref()].into_iter().flatten().for_each(&mut look),
        }
    }
    if let LoopShape::Select(condition) | LoopShape::Pairs(condition) = &kernel.shape {
        look(condition);
    }
    // What is no function of the library is an operation, which IEEE 754 rounds or leaves exact.
    let bound = |name| maths::lookup(name).map_or(if name == SQRT { 0.5 } else { 0.0 }, |builtin| builtin.bound_ulp);
    called.into_iter().map(|name| FunctionView { name, bound_ulp: bound(name) }).collect()
}

const SQRT: &str = "sqrt";

/// Whether a name fits a pattern in which `*` stands for any characters and `?` for one.
///
/// ```
/// use saltus::inspect::fits;
/// assert!(fits("*_state*er", "cells_stateupdater") && fits("cell?_*", "cells_") && !fits("cells", "cells_"));
/// ```
pub fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // The last `*` and how much of the name it stands for so far end.
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, end)) = star else { return false };
                star = Some((at, end + 1));
                (p, n) = (at + 1, end + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}
