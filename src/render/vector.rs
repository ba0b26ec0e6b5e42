//! What helps compilers to make vectors of a kernel's loop, without a change of meaning.
//!
//! A function that is called at several places is compiled once, as a function of vectors, instead of being copied to
//! every place; its calls then stand outside of branches, where such a function cannot be called. So do reads at computed
//! indices: a compiler may not read memory that a branch might not reach. Booleans, which are bytes in memory, are handed
//! to the loop in wider elements: a loop over bytes and doubles would take as many doubles
//! at a time as a vector has bytes, and its code would be as many times longer.

use std::collections::{BTreeMap, BTreeSet};

use crate::kernel::ir::{
    Expr, Index, Kernel, Local, LocalId, LoopShape, Param, ParamId, Place, Stmt, Storage, type_of,
};

/// Functions that the vector part calls at several places.
pub(super) fn called_often(kernel: &Kernel) -> BTreeSet<&'static str> {
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for expr in expressions(kernel) {
        expr.walk(&mut |e| {
            if let Expr::Call(name, _) = e {
                *counts.entry(*name).or_default() += 1;
            }
        });
    }
    counts.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| name).collect()
}

/// The expressions of the vector part, and the condition.
fn expressions(kernel: &Kernel) -> impl Iterator<Item = &Expr> {
    let of_stmt = |stmt| match stmt {
        &Stmt::Comment(_) => [None, None],
        Stmt::Let(_, value) | Stmt::Flag(_, value) => [Some(value), None],
        Stmt::Store { value, when, .. } => [Some(value), when.as_ref()],
    };
    let condition = match &kernel.shape {
        LoopShape::Select(condition) | LoopShape::Pairs(condition) => Some(condition),
        LoopShape::Each | LoopShape::Indexed => None,
    };
    kernel.vector.iter().flat_map(of_stmt).flatten().chain(condition)
}

/// The kernel with calls of these functions and with gathers, where they stand in a branch, in locals of their own before
/// it.
pub(super) fn before_branches(kernel: &Kernel, functions: &BTreeSet<&'static str>) -> Kernel {
    let mut kernel = kernel.clone();
    let locals = std::mem::take(&mut kernel.locals);
    let mut binder = Binder { functions, params: &kernel.params, locals, bound: Vec::new() };
    for mut stmt in std::mem::take(&mut kernel.vector) {
        match &mut stmt {
            Stmt::Comment(_) => {}
            Stmt::Let(_, value) | Stmt::Flag(_, value) => binder.bind(value, false),
            Stmt::Store { place, value, when } => {
                let branch = when.is_some() && place.index == Index::Element;
                binder.bind(value, branch);
                when.iter_mut().for_each(|when| binder.bind(when, false));
            }
        }
        kernel.vector.append(&mut binder.bound);
        kernel.vector.push(stmt);
    }
    if let LoopShape::Select(condition) | LoopShape::Pairs(condition) = &mut kernel.shape {
        binder.bind(condition, false);
        kernel.vector.append(&mut binder.bound);
    }
    kernel.locals = binder.locals;
    kernel
}

struct Binder<'a> {
    functions: &'a BTreeSet<&'static str>,
    params: &'a [Param],
    locals: Vec<Local>,
    bound: Vec<Stmt>,
}

impl Binder<'_> {
    fn bind(&mut self, expr: &mut Expr, in_branch: bool) {
        let is_select = matches!(expr, Expr::Select(..));
        for (k, child) in expr.children_mut().enumerate() {
            self.bind(child, in_branch || is_select && k > 0);
        }
        let stem = match expr {
            Expr::Call(name, _) if in_branch && self.functions.contains(name) => "_call",
            Expr::Gather(..) if in_branch => "_gathered",
            _ => return,
        };
        let id = LocalId(self.locals.len() as u32);
        let ty = type_of(expr, &self.locals, self.params);
        self.locals.push(Local { name: self.unused_name(stem), ty });
        self.bound.push(Stmt::Let(id, std::mem::replace(expr, Expr::Local(id))));
    }

    fn unused_name(&self, stem: &str) -> String {
        let name = |k: usize| format!("{stem}_{k}");
        let taken =
            |name: &String| self.locals.iter().any(|l| l.name == *name) || self.params.iter().any(|p| p.name == *name);
        (1..).map(name).find(|name| !taken(name)).expect("there are more numbers than names")
    }
}

/// A parameter of booleans that the loop sees in wider elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Widened {
    pub(super) param: ParamId,
    /// Whether the loop needs what was there before.
    pub(super) read: bool,
    pub(super) written: bool,
}

/// Whether a loop whose elements do not depend on each other is to have no bytes in it. Without calls its code is short
/// anyway, and runs faster as it is.
pub(super) fn without_bytes(kernel: &Kernel) -> bool {
    kernel.calls_functions()
}

/// The booleans that such a loop reaches element by element.
pub(super) fn widened(kernel: &Kernel) -> Vec<Widened> {
    let mut seen = Seen { kernel, found: BTreeMap::new(), elsewhere: BTreeSet::new() };
    for stmt in &kernel.vector {
        match stmt {
            Stmt::Comment(_) => {}
            Stmt::Let(_, value) | Stmt::Flag(_, value) => seen.loads_of(value),
            Stmt::Store { place, value, when } => {
                seen.loads_of(value);
                if let Some(when) = when {
                    seen.loads_of(when);
                    seen.place(place, false);
                }
                seen.place(place, true);
            }
        }
    }
    if let LoopShape::Select(condition) | LoopShape::Pairs(condition) = &kernel.shape {
        seen.loads_of(condition);
    }
    seen.found.into_values().filter(|w| !seen.elsewhere.contains(&w.param)).collect()
}

/// Booleans, in the order in which a loop reaches them.
struct Seen<'a> {
    kernel: &'a Kernel,
    found: BTreeMap<ParamId, Widened>,
    /// Those that are reached by other indices too.
    elsewhere: BTreeSet<ParamId>,
}

impl Seen<'_> {
    fn loads_of(&mut self, expr: &Expr) {
        expr.walk(&mut |e| match e {
            Expr::Load(place) => self.place(place, false),
            Expr::Gather(param, _) => drop(self.elsewhere.insert(*param)),
            _ => {}
        });
    }

    fn place(&mut self, place: &Place, store: bool) {
        let param = &self.kernel.params[place.param.0 as usize];
        if place.index != Index::Element {
            self.elsewhere.insert(place.param);
        } else if param.storage == Storage::Bool && !param.scalar {
            // What is written first is read from there.
            let new = Widened { param: place.param, read: !store, written: store };
            self.found.entry(place.param).or_insert(new).written |= store;
        }
    }
}
