//! Kernels in C: one function with the kernel ABI, without headers, libm or anything else outside of the text.
//!
//! Variables keep their names, statements stand under the model's statement that they came from, and nothing depends on
//! names of objects, sizes or values. The text relies on `-fwrapv -ffp-contract=off`; any optimisation level gives the
//! same bits.

use std::collections::BTreeSet;

use serde::Serialize;

use super::expr::{self, Dialect, Names, type_name};
use super::names::safe_name;
use super::{layout, template};
use crate::kernel::ir::{Expr, Index, Kernel, LocalId, LoopShape, ParamId, Place, Stmt, Storage, Type};
use crate::kernel::maths;
use crate::kernel::order::{Dependence, dependence};

/// What the template is filled with.
#[derive(Serialize)]
struct Parts {
    /// The text of helpers and functions, each after what it uses.
    prelude: Vec<&'static str>,
    params: Vec<Declaration>,
    scalar: Vec<String>,
    vector: Vec<String>,
    /// Of a loop that selects elements.
    condition: Option<String>,
    indexed: bool,
    /// Whether the compiler may take the iterations in any order.
    independent: bool,
    flags: bool,
}

/// A parameter that the kernel uses.
#[derive(Serialize)]
struct Declaration {
    name: String,
    position: usize,
    storage: &'static str,
    /// The type of the value, if it is a scalar that nothing writes.
    value: Option<&'static str>,
    written: bool,
}

/// The complete text of a well-formed kernel.
pub(super) fn render(kernel: &Kernel) -> String {
    let names = KernelNames {
        kernel,
        params: kernel.params.iter().map(|p| safe_name(&p.name)).collect(),
        locals: kernel.locals.iter().map(|l| safe_name(&l.name)).collect(),
    };
    let statements = |stmts: &[Stmt]| stmts.iter().map(|stmt| statement(stmt, &names)).collect();
    let condition = match &kernel.shape {
        LoopShape::Select(condition) | LoopShape::Pairs(condition) => Some(condition),
        LoopShape::Each | LoopShape::Indexed => None,
    };
    let uses = Uses::of(kernel, condition, &names);
    let indexed = kernel.shape == LoopShape::Indexed;
    let parts = Parts {
        prelude: prelude(&uses.functions),
        params: uses.params.iter().map(|id| declaration(*id, &names)).collect(),
        scalar: statements(&kernel.scalar),
        vector: statements(&kernel.vector),
        condition: condition.map(|condition| expr::expr(Dialect::C, condition, &names)),
        indexed,
        independent: !indexed && dependence(kernel) == Dependence::Independent,
        flags: kernel.scalar.iter().chain(&kernel.vector).any(|stmt| matches!(stmt, Stmt::Flag(..))),
    };
    layout::break_long_lines(&template::render("kernel.c", &parts))
}

fn declaration(id: ParamId, names: &KernelNames) -> Declaration {
    let param = &names.kernel.params[id.0 as usize];
    Declaration {
        name: names.param(id).to_owned(),
        position: id.0 as usize,
        storage: storage_name(param.storage),
        value: (param.scalar && !param.written).then(|| type_name(Dialect::C, param.storage.ty())),
        written: param.written,
    }
}

/// The type of an element in memory. Booleans are bytes: gcc vectorises no loop over arrays of `_Bool`.
fn storage_name(storage: Storage) -> &'static str {
    match storage {
        Storage::Bool => "u8",
        Storage::I32 => "i32",
        Storage::I64 => "i64",
        Storage::F32 => "float",
        Storage::F64 => "double",
    }
}

fn statement(stmt: &Stmt, names: &KernelNames) -> String {
    let text = |e: &Expr| expr::expr(Dialect::C, e, names);
    match stmt {
        Stmt::Comment(comment) => format!("// {comment}"),
        Stmt::Let(id, value) => {
            let local = &names.kernel.locals[id.0 as usize];
            format!("const {} {} = {};", type_name(Dialect::C, local.ty), names.local(*id), text(value))
        }
        Stmt::Store { place, value, when: None } => format!("{} = {};", names.element_of(*place), text(value)),
        Stmt::Store { place, value, when: Some(when) } => {
            let element = names.element_of(*place);
            if place.index == Index::Element && names.kernel.shape != LoopShape::Indexed {
                // Storing everywhere is vectorised on every machine; nobody else writes these elements meanwhile.
                let old = Expr::Load(*place);
                format!("{element} = {};", text(&Expr::select(when.clone(), value.clone(), old)))
            } else {
                format!("if ({}) {element} = {};", text(when), text(value))
            }
        }
        Stmt::Flag(bit, condition) => format!("flags |= (u64)({}) << {bit};", text(condition)),
    }
}

struct KernelNames<'a> {
    kernel: &'a Kernel,
    params: Vec<String>,
    locals: Vec<String>,
}

impl KernelNames<'_> {
    fn param(&self, id: ParamId) -> &str {
        &self.params[id.0 as usize]
    }

    /// The place in memory.
    fn element_of(&self, place: Place) -> String {
        let name = self.param(place.param);
        match place.index {
            Index::Zero => format!("{name}[0]"),
            Index::Element => format!("{name}[_i]"),
            Index::Via(holder) => format!("{name}[{}[_i]]", self.param(holder)),
        }
    }
}

impl Names for KernelNames<'_> {
    fn local(&self, id: LocalId) -> String {
        self.locals[id.0 as usize].clone()
    }

    fn load(&self, place: Place) -> String {
        let param = &self.kernel.params[place.param.0 as usize];
        if param.scalar && !param.written {
            return self.param(place.param).to_owned();
        }
        let element = self.element_of(place);
        // In C, operations on two floats are done in float.
        if param.storage == Storage::F32 { format!("((double){element})") } else { element }
    }

    fn element(&self) -> String {
        "((i32)_i)".to_owned()
    }

    fn type_of(&self, expr: &Expr) -> Type {
        self.kernel.type_of(expr)
    }
}

/// What the statements and the condition of a kernel use.
#[derive(Default)]
struct Uses {
    params: BTreeSet<ParamId>,
    functions: BTreeSet<&'static str>,
}

impl Uses {
    fn of(kernel: &Kernel, condition: Option<&Expr>, names: &KernelNames) -> Uses {
        let mut uses = Uses::default();
        for stmt in kernel.scalar.iter().chain(&kernel.vector) {
            match stmt {
                Stmt::Comment(_) => {}
                Stmt::Let(_, value) | Stmt::Flag(_, value) => uses.expr(value, names),
                Stmt::Store { place, value, when } => {
                    uses.place(*place);
                    uses.expr(value, names);
                    when.iter().for_each(|when| uses.expr(when, names));
                }
            }
        }
        condition.iter().for_each(|condition| uses.expr(condition, names));
        uses
    }

    fn expr(&mut self, expr: &Expr, names: &KernelNames) {
        expr::needs(expr, names, &mut self.functions);
        expr.walk(&mut |e| {
            if let Expr::Load(place) = e {
                self.place(*place);
            }
        });
    }

    fn place(&mut self, place: Place) {
        self.params.insert(place.param);
        if let Index::Via(holder) = place.index {
            self.params.insert(holder);
        }
    }
}

/// The text of helpers, functions and tables and of all that these use, each after what it uses.
fn prelude(names: &BTreeSet<&'static str>) -> Vec<&'static str> {
    fn visit(name: &'static str, seen: &mut BTreeSet<&'static str>, texts: &mut Vec<&'static str>) {
        if !seen.insert(name) {
            return;
        }
        let internal = || maths::internals().iter().find(|i| i.name == name).map(|i| (i.depends, i.c));
        let (depends, text) = expr::helper(name)
            .map(|h| (h.depends, h.c))
            .or_else(|| maths::lookup(name).map(|f| (f.depends, f.c)))
            .or_else(internal)
            .expect("a verified kernel uses nothing unknown");
        depends.iter().for_each(|name| visit(name, seen, texts));
        texts.push(text);
    }
    let (mut seen, mut texts) = (BTreeSet::new(), Vec::new());
    names.iter().for_each(|name| visit(name, &mut seen, &mut texts));
    texts
}
