//! Kernels that evaluate the arguments of a call ahead of the kernel that the call stands in.
//!
//! Some functions are evaluated by the host between two kernels. What comes in is the kernel under construction up to the
//! call; what goes out is a kernel that leaves the values of the call's arguments in arrays of their own and changes
//! nothing else: stores become locals that later loads see. All elements of it run before the first one of the other
//! kernel, so that an argument that depends on what another element stored is refused. Both kernels are well-formed.

use std::collections::{BTreeMap, BTreeSet};

use super::hoist::in_order;
use super::ir::{
    Expr, Index, Kernel, Local, LocalId, LoopShape, Param, ParamId, Place, Stmt, Storage, UnaryOp, type_of,
};

/// A value that an argument kernel leaves in an array.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Name of the parameter that it is stored to; the kernel has no other thing of this name.
    pub name: String,
    /// Type of the parameter's elements.
    pub storage: Storage,
    /// Whether it is one value, computed at the end of the scalar part; else one for each element, at the end of the
    /// vector part.
    pub scalar: bool,
    /// The value, of the type of the elements, over the parameters and locals of the kernel.
    pub value: Expr,
}

/// Why arguments cannot be evaluated ahead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// The value of this parameter depends on what other elements stored before.
    #[error(
        "`{0}` is written before, through an index or to be read through one, so that elements depend on each other"
    )]
    OtherElement(String),
    /// Elements are found by the indices in this parameter, which were changed before.
    #[error("`{0}` is written before, and holds the indices of what is read")]
    Holder(String),
}

/// The kernel that computes the outputs as they are after the statements of `prefix`, and stores nothing else.
///
/// It runs over the same elements: a list where `prefix` runs over one, else all from `begin` to `end`. Its parameters
/// are those of `prefix` that it needs, by the same names and in the same order, then the outputs in theirs.
///
/// # Errors
/// If an output depends on the order in which elements are run.
///
/// # Panics
/// If the prefix is ill-formed.
pub fn argument_kernel(prefix: &Kernel, outputs: Vec<Output>) -> Result<Kernel, ArgumentError> {
    let mut forwarder = Forwarder {
        params: &prefix.params,
        locals: prefix.locals.clone(),
        taken: names(prefix, &outputs),
        stored: BTreeMap::new(),
    };
    let output = |position: usize| ParamId((prefix.params.len() + position) as u16);
    let mut part = |stmts: &[Stmt], scalar: bool| -> Vec<Stmt> {
        let mut part: Vec<Stmt> = stmts.iter().filter_map(|stmt| forwarder.statement(stmt)).collect();
        part.extend(outputs.iter().enumerate().filter(|(_, o)| o.scalar == scalar).map(|(position, o)| {
            let index = if scalar { Index::Zero } else { Index::Element };
            let place = Place { param: output(position), index };
            Stmt::Store { place, value: forwarder.forwarded(&o.value), when: None }
        }));
        part
    };
    let (mut scalar, mut vector) = (part(&prefix.scalar, true), part(&prefix.vector, false));
    let mut needed = BTreeSet::new();
    prune(&mut vector, &mut needed);
    prune(&mut scalar, &mut needed);
    check(prefix, &vector)?;

    let params = prefix.params.iter().map(|p| Param { written: false, ..p.clone() });
    let new = |o: Output| Param { name: o.name, storage: o.storage, scalar: o.scalar, written: true };
    let shape = if prefix.shape == LoopShape::Indexed { LoopShape::Indexed } else { LoopShape::Each };
    let locals = forwarder.locals;
    let params = params.chain(outputs.into_iter().map(new)).collect();
    Ok(without_unused_params(in_order(Kernel { shape, params, locals, scalar, vector })))
}

fn names(kernel: &Kernel, outputs: &[Output]) -> BTreeSet<String> {
    let params = kernel.params.iter().map(|p| &p.name);
    params.chain(kernel.locals.iter().map(|l| &l.name)).chain(outputs.iter().map(|o| &o.name)).cloned().collect()
}

/// Turns stores into locals, and loads of the same places into these.
struct Forwarder<'a> {
    params: &'a [Param],
    locals: Vec<Local>,
    taken: BTreeSet<String>,
    /// What was stored to places since, unless something else may have been stored there after it: a local or constant.
    stored: BTreeMap<Place, Expr>,
}

impl Forwarder<'_> {
    fn statement(&mut self, stmt: &Stmt) -> Option<Stmt> {
        match stmt {
            Stmt::Comment(_) => Some(stmt.clone()),
            Stmt::Flag(..) => None,
            Stmt::Let(id, value) => Some(Stmt::Let(*id, self.forwarded(value))),
            Stmt::Store { place, value, when } => {
                let mut value = self.forwarded(value);
                if self.params[place.param.0 as usize].storage == Storage::F32 {
                    value = Expr::unary(UnaryOp::Round32, value);
                }
                if let Some(when) = when {
                    value = Expr::select(self.forwarded(when), value, self.forwarded(&Expr::Load(*place)));
                }
                self.store(*place, value)
            }
        }
    }

    /// The statement that computes what is now at a place, if one is needed.
    fn store(&mut self, place: Place, value: Expr) -> Option<Stmt> {
        self.stored.retain(|other, _| other.param != place.param && other.index != Index::Via(place.param));
        if matches!(value, Expr::Local(_) | Expr::Const(_)) {
            self.stored.insert(place, value);
            return None;
        }
        let id = LocalId(self.locals.len() as u32);
        let ty = type_of(&value, &self.locals, self.params);
        let name = self.unused_name(&self.params[place.param.0 as usize].name);
        self.locals.push(Local { name, ty });
        self.stored.insert(place, Expr::Local(id));
        Some(Stmt::Let(id, value))
    }

    fn unused_name(&mut self, param: &str) -> String {
        let numbered = (2..).map(|k| format!("_stored_{param}_{k}"));
        let mut names = std::iter::once(format!("_stored_{param}")).chain(numbered);
        let name = names.find(|name| !self.taken.contains(name)).expect("there are more numbers than names");
        self.taken.insert(name.clone());
        name
    }

    /// The expression with what was stored in place of loads from there.
    fn forwarded(&self, expr: &Expr) -> Expr {
        let mut expr = expr.clone();
        self.forward(&mut expr);
        expr
    }

    fn forward(&self, expr: &mut Expr) {
        if let Expr::Load(place) = expr
            && let Some(stored) = self.stored.get(place)
        {
            *expr = stored.clone();
        }
        expr.children_mut().for_each(|x| self.forward(x));
    }
}

/// Drops the locals that nothing needs, and the comments that nothing is left under; adds what the rest needs.
fn prune(stmts: &mut Vec<Stmt>, needed: &mut BTreeSet<LocalId>) {
    let (mut in_comments, mut something_under) = (false, false);
    let mut kept: Vec<Stmt> = Vec::with_capacity(stmts.len());
    for stmt in stmts.drain(..).rev() {
        let is_comment = matches!(stmt, Stmt::Comment(_));
        something_under &= is_comment || !in_comments;
        in_comments = is_comment;
        let keep = match &stmt {
            Stmt::Comment(_) => something_under,
            Stmt::Let(id, _) => needed.contains(id),
            Stmt::Store { .. } | Stmt::Flag(..) => true,
        };
        if keep {
            something_under = true;
            expressions(&stmt).for_each(|expr| {
                expr.walk(&mut |e| {
                    if let Expr::Local(id) = e {
                        needed.insert(*id);
                    }
                });
            });
            kept.push(stmt);
        }
    }
    kept.reverse();
    *stmts = kept;
}

fn expressions(stmt: &Stmt) -> impl Iterator<Item = &Expr> {
    let expressions = match stmt {
        Stmt::Comment(_) => [None, None],
        Stmt::Let(_, value) | Stmt::Flag(_, value) => [Some(value), None],
        Stmt::Store { value, when, .. } => [Some(value), when.as_ref()],
    };
    expressions.into_iter().flatten()
}

/// Checks that what is still loaded from memory does not depend on what any element stores to it. A store to the element
/// the loop is at is no other element's business; every other one may be, whichever comes first.
fn check(prefix: &Kernel, vector: &[Stmt]) -> Result<(), ArgumentError> {
    let stores: BTreeSet<Place> = prefix.vector.iter().filter_map(stored_place).collect();
    let mut fault = None;
    let mut load = |place: Place| {
        let name = |id: ParamId| prefix.params[id.0 as usize].name.clone();
        if let Index::Via(holder) = place.index
            && stores.iter().any(|store| store.param == holder)
        {
            fault.get_or_insert(ArgumentError::Holder(name(holder)));
        }
        let here = |index| matches!(index, Index::Element);
        if stores.iter().any(|s| s.param == place.param && !(here(s.index) && here(place.index))) {
            fault.get_or_insert(ArgumentError::OtherElement(name(place.param)));
        }
    };
    vector.iter().flat_map(expressions).for_each(|expr| {
        expr.walk(&mut |e| {
            if let Expr::Load(place) = e {
                load(*place);
            }
        });
    });
    fault.map_or(Ok(()), Err)
}

fn stored_place(stmt: &Stmt) -> Option<Place> {
    if let Stmt::Store { place, .. } = stmt { Some(*place) } else { None }
}

/// The kernel without the parameters that it does not reach.
fn without_unused_params(mut kernel: Kernel) -> Kernel {
    let mut used = BTreeSet::new();
    each_param(&mut kernel, &mut |id| {
        used.insert(*id);
    });
    let moved_to: BTreeMap<ParamId, ParamId> = used.iter().copied().zip((0..).map(ParamId)).collect();
    each_param(&mut kernel, &mut |id| *id = moved_to[id]);
    let mut ids = (0..).map(ParamId);
    kernel.params.retain(|_| ids.next().is_some_and(|id| used.contains(&id)));
    kernel
}

/// Calls `visit` wherever the statements name a parameter.
fn each_param(kernel: &mut Kernel, visit: &mut impl FnMut(&mut ParamId)) {
    for stmt in kernel.scalar.iter_mut().chain(&mut kernel.vector) {
        match stmt {
            Stmt::Comment(_) => {}
            Stmt::Let(_, value) | Stmt::Flag(_, value) => params_of(value, visit),
            Stmt::Store { place, value, when } => {
                params_of_place(place, visit);
                params_of(value, visit);
                when.iter_mut().for_each(|when| params_of(when, visit));
            }
        }
    }
}

fn params_of(expr: &mut Expr, visit: &mut impl FnMut(&mut ParamId)) {
    match expr {
        Expr::Load(place) => params_of_place(place, visit),
        Expr::Gather(param, _) => visit(param),
        _ => {}
    }
    expr.children_mut().for_each(|x| params_of(x, visit));
}

fn params_of_place(place: &mut Place, visit: &mut impl FnMut(&mut ParamId)) {
    visit(&mut place.param);
    if let Index::Via(holder) = &mut place.index {
        visit(holder);
    }
}
