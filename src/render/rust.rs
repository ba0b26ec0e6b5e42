//! Kernels in Rust: a crate of one function with the kernel ABI, without the standard library or anything else outside
//! of the text but the language's core.
//!
//! As in C, variables keep their names, statements stand under the model's statement that they came from, and nothing
//! depends on names of objects, sizes or values. Where elements do not depend on each other, the loop gets its arrays as
//! slices of what the call is for, which the compiler knows not to overlap; a look whether an index is within them is
//! one that it can leave out. Elsewhere arrays are pointers.

use std::collections::BTreeSet;

use serde::Serialize;

use super::arrange::{Arranged, Sum, Uses};
use super::expr::{self, Dialect, Names, type_name};
use super::names::safe_name;
use super::template::{self, Set};
use super::{Language, layout, prelude};
use crate::kernel::ir::{Expr, Index, Kernel, LocalId, LoopShape, ParamId, Place, Stmt, Storage, Type};

/// What the template is filled with.
#[derive(Serialize)]
struct Parts {
    /// The text of helpers and functions, each after what it uses.
    prelude: Vec<&'static str>,
    params: Vec<Declaration>,
    /// Those that the loop gets as slices.
    own: Vec<Declaration>,
    scalar: Vec<String>,
    vector: Vec<String>,
    /// Additions that a second loop makes.
    sums: Vec<Sum>,
    /// Of a loop that selects elements.
    condition: Option<String>,
    indexed: bool,
    /// Whether the iterations may be taken in any order.
    independent: bool,
    /// Whether the loop changes what stands before it.
    mutates: bool,
    flags: bool,
}

/// A parameter that the kernel uses.
#[derive(Clone, Serialize)]
struct Declaration {
    name: String,
    position: usize,
    storage: &'static str,
    /// The type of the value, if it is a scalar that nothing writes.
    value: Option<&'static str>,
    /// How that value is read.
    read: String,
    written: bool,
}

/// The complete text of a well-formed kernel.
pub(super) fn render(kernel: &Kernel) -> String {
    let arranged = Arranged::of(kernel);
    let Arranged { kernel, independent, .. } = &arranged;
    let condition = arranged.condition();
    let own = if *independent { own_elements(&arranged) } else { BTreeSet::new() };
    let everywhere = KernelNames::of(&arranged, "_i", "_i - _first", BTreeSet::new());
    let in_loop = match *independent || condition.is_some() {
        true => KernelNames::of(&arranged, "_first + _i", "_i", own),
        false => KernelNames::of(&arranged, "_i", "_i", own),
    };
    let uses = Uses::of(&arranged, &everywhere);
    let texts = prelude::texts(Language::Rust, &uses.functions);
    let declarations = |ids: &BTreeSet<ParamId>| ids.iter().map(|id| declaration(*id, &everywhere)).collect();
    let flagged = kernel.vector.iter().any(|stmt| matches!(stmt, Stmt::Flag(..)));
    let captured = |id: &ParamId| kernel.params[id.0 as usize].written && !in_loop.own.contains(id);
    let parts = Parts {
        prelude: texts.into_iter().map(|(_, text)| text).collect(),
        params: declarations(&uses.params),
        own: declarations(&in_loop.own),
        scalar: kernel.scalar.iter().map(|stmt| statement(stmt, &everywhere)).collect(),
        vector: kernel.vector.iter().map(|stmt| statement(stmt, &in_loop)).collect(),
        sums: arranged.sums_in(Dialect::Rust, |stmt| statement(stmt, &everywhere)),
        condition: condition.map(|condition| expr::expr(Dialect::Rust, condition, &in_loop)),
        indexed: kernel.shape == LoopShape::Indexed,
        independent: *independent,
        mutates: flagged || stored(kernel).any(|place| captured(&place.param)),
        flags: arranged.has_flags(),
    };
    layout::break_long_lines(&template::render(Set::Rust, "kernel.rs", &parts))
}

/// What the vector part writes to.
fn stored(kernel: &Kernel) -> impl Iterator<Item = Place> {
    kernel.vector.iter().filter_map(|stmt| match stmt {
        Stmt::Store { place, .. } => Some(*place),
        Stmt::Comment(_) | Stmt::Let(..) | Stmt::Flag(..) => None,
    })
}

/// The arrays that a loop reaches at its own elements only.
fn own_elements(arranged: &Arranged) -> BTreeSet<ParamId> {
    let (mut own, mut others) = (BTreeSet::new(), BTreeSet::new());
    let mut reach = |place: &Place| match place.index {
        Index::Element => drop(own.insert(place.param)),
        Index::Zero => {}
        Index::Via(holder) => {
            own.insert(holder);
            others.insert(place.param);
        }
    };
    let mut gathered = BTreeSet::new();
    let mut look = |expr: &Expr| {
        expr.walk(&mut |e| match e {
            Expr::Load(place) => reach(place),
            Expr::Gather(param, _) => drop(gathered.insert(*param)),
            _ => {}
        });
    };
    for stmt in &arranged.kernel.vector {
        match stmt {
            Stmt::Comment(_) => {}
            Stmt::Let(_, value) | Stmt::Flag(_, value) => look(value),
            Stmt::Store { place, value, when } => {
                look(&Expr::Load(*place));
                look(value);
                when.iter().for_each(&mut look);
            }
        }
    }
    arranged.condition().into_iter().for_each(look);
    own.retain(|id| !others.contains(id) && !gathered.contains(id));
    own
}

fn declaration(id: ParamId, names: &KernelNames) -> Declaration {
    let param = &names.kernel.params[id.0 as usize];
    let (position, storage) = (id.0 as usize, expr::storage_name(Dialect::Rust, param.storage));
    Declaration {
        name: names.param(id).to_owned(),
        position,
        storage,
        read: loaded(param.storage, format!("*(*arrays.add({position}) as *const {storage})")),
        value: (param.scalar && !param.written).then(|| type_name(Dialect::Rust, param.storage.ty())),
        written: param.written,
    }
}

fn statement(stmt: &Stmt, names: &KernelNames) -> String {
    let text = |e: &Expr| expr::expr(Dialect::Rust, e, names);
    match stmt {
        Stmt::Comment(comment) => format!("// {comment}"),
        Stmt::Let(id, value) if names.kept.contains(id) => format!("{} = {};", names.local(*id), text(value)),
        Stmt::Let(id, value) => {
            let local = &names.kernel.locals[id.0 as usize];
            format!("let {}: {} = {};", names.local(*id), type_name(Dialect::Rust, local.ty), text(value))
        }
        Stmt::Store { place, value, when } => {
            let (element, storage) = (names.element_of(*place), names.kernel.params[place.param.0 as usize].storage);
            let everywhere = place.index == Index::Element && names.kernel.shape != LoopShape::Indexed;
            match when {
                None => format!("{element} = {};", in_memory(storage, &text(value))),
                Some(when) if everywhere => {
                    // Storing everywhere is vectorised on every machine; nobody else writes these elements meanwhile.
                    let chosen = Expr::select(when.clone(), value.clone(), Expr::Load(*place));
                    format!("{element} = {};", in_memory(storage, &text(&chosen)))
                }
                Some(when) => format!("if {} {{ {element} = {}; }}", text(when), in_memory(storage, &text(value))),
            }
        }
        Stmt::Flag(bit, condition) => format!("flags |= u64::from({}) << {bit};", text(condition)),
    }
}

/// A value as an element of an array.
fn in_memory(storage: Storage, value: &str) -> String {
    match storage {
        Storage::Bool => format!("u8::from({value})"),
        Storage::F32 => format!("({value}) as f32"),
        Storage::I32 | Storage::I64 | Storage::F64 => value.to_owned(),
    }
}

/// An element of an array as a value.
fn loaded(storage: Storage, element: String) -> String {
    match storage {
        Storage::Bool => format!("({element} != 0)"),
        Storage::F32 => format!("f64::from({element})"),
        Storage::I32 | Storage::I64 | Storage::F64 => element,
    }
}

struct KernelNames<'a> {
    kernel: &'a Kernel,
    params: Vec<String>,
    locals: Vec<String>,
    /// The number of the element, as a text.
    number: &'static str,
    /// Arrays that are slices of what the loop runs over.
    own: BTreeSet<ParamId>,
    /// Locals that are kept for the elements of a block.
    kept: BTreeSet<LocalId>,
}

impl<'a> KernelNames<'a> {
    fn of(arranged: &'a Arranged, number: &'static str, in_block: &str, own: BTreeSet<ParamId>) -> KernelNames<'a> {
        let kernel = &arranged.kernel;
        let kept: BTreeSet<LocalId> = arranged.sums.iter().map(|(id, _)| *id).collect();
        let mut locals: Vec<String> = kernel.locals.iter().map(|l| safe_name(&l.name)).collect();
        for id in &kept {
            locals[id.0 as usize] = format!("{}[{in_block}]", kernel.locals[id.0 as usize].name);
        }
        let params = kernel.params.iter().map(|p| safe_name(&p.name)).collect();
        KernelNames { kernel, params, locals, number, own, kept }
    }

    fn param(&self, id: ParamId) -> &str {
        &self.params[id.0 as usize]
    }

    /// The element that the loop is at.
    fn at_element(&self, id: ParamId) -> String {
        format!("{}[{}]", self.param(id), if self.own.contains(&id) { "_i" } else { self.number })
    }

    /// The place in memory.
    fn element_of(&self, place: Place) -> String {
        match place.index {
            Index::Zero => format!("{}[0]", self.param(place.param)),
            Index::Element => self.at_element(place.param),
            Index::Via(holder) => format!("{}[{} as usize]", self.param(place.param), self.at_element(holder)),
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
        loaded(param.storage, self.element_of(place))
    }

    fn gather(&self, param: ParamId, index: &str) -> String {
        let element = format!("{}[({index}) as usize]", self.param(param));
        loaded(self.kernel.params[param.0 as usize].storage, element)
    }

    fn element(&self) -> String {
        format!("(({}) as i32)", self.number)
    }

    fn wide_element(&self) -> String {
        format!("(({}) as i64)", self.number)
    }

    fn type_of(&self, expr: &Expr) -> Type {
        self.kernel.type_of(expr)
    }
}
