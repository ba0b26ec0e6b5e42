//! Kernels in C: one function with the kernel ABI, without headers, libm or anything else outside of the text; or several
//! in one unit, which a compiler is done with sooner.
//!
//! Maths functions that are called often and bytes among doubles are arranged for compilers that vectorise (see
//! `vector`).
//!
//! Variables keep their names, statements stand under the model's statement that they came from, and nothing depends on
//! names of objects, sizes or values. The text relies on `-fwrapv -ffp-contract=off`; any optimisation level gives the
//! same bits.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::arrange::{Arranged, Sum, Uses};
use super::expr::{self, Dialect, Names, type_name};
use super::names::safe_name;
use super::template::{self, Set};
use super::{Language, layout, prelude, vector};
use crate::kernel::ir::{Expr, Index, Kernel, LocalId, LoopShape, ParamId, Place, Stmt, Storage, Type};

/// What comes before the function of a kernel, or before those of several.
#[derive(Serialize)]
struct Head {
    /// The text of helpers and functions, each after what it uses.
    prelude: Vec<Cow<'static, str>>,
    /// Whether some of them are functions of vectors.
    functions_of_vectors: bool,
    /// Whether there are loops of which the compiler may take the iterations in any order.
    independent: bool,
}

/// What the template of several kernels is filled with.
#[derive(Serialize)]
struct Unit {
    #[serde(flatten)]
    head: Head,
    functions: Vec<String>,
}

/// What the template of one kernel is filled with.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    head: Head,
    #[serde(flatten)]
    function: &'a Function,
}

/// The function of a kernel.
#[derive(Serialize)]
struct Function {
    /// Its symbol.
    entry: String,
    params: Vec<Declaration>,
    scalar: Vec<String>,
    vector: Vec<String>,
    /// Additions that a second loop makes.
    sums: Vec<Sum>,
    /// Booleans that the loop sees in wider elements.
    widened: Vec<WideBuffer>,
    /// Whether its results are wider too, if it selects elements.
    wide_hits: bool,
    /// Of a loop that selects elements.
    condition: Option<String>,
    indexed: bool,
    /// Whether the compiler may take the iterations in any order.
    #[serde(rename = "ivdep")]
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

/// A parameter that a loop sees in wider elements, a block at a time.
#[derive(Serialize)]
struct WideBuffer {
    name: String,
    wide: String,
    read: bool,
    written: bool,
}

/// How an inline function begins.
const INLINE: &str = "static inline __attribute__((always_inline)) ";

/// The complete text of a well-formed kernel.
pub(super) fn render(kernel: &Kernel) -> String {
    let (prelude, function) = parts(kernel, ENTRY.to_string());
    let head = Head::new(prelude, function.independent);
    layout::break_long_lines(&template::render(Set::C, "kernel.c", &Whole { head, function: &function }))
}

/// The text of several kernels, with these entries; none if one of them has functions of its own kind, which others
/// would have to share.
pub(super) fn render_unit(kernels: &[(&Kernel, String)]) -> Option<String> {
    let mut prelude: Vec<(&'static str, Cow<'static, str>)> = Vec::new();
    let (mut functions, mut independent) = (Vec::new(), false);
    for (kernel, entry) in kernels {
        let (own, function) = parts(kernel, entry.clone());
        if own.iter().any(|(_, text)| matches!(text, Cow::Owned(_))) {
            return None;
        }
        // What one uses stands before it in its own list, and what is there already stands before all that is new.
        let is_new = |(name, _): &(&str, _)| !prelude.iter().any(|(known, _)| known == name);
        let new: Vec<_> = own.into_iter().filter(is_new).collect();
        prelude.extend(new);
        independent |= function.independent;
        functions.push(template::render(Set::C, "function.c", &function));
    }
    let unit = Unit { head: Head::new(prelude, independent), functions };
    Some(layout::break_long_lines(&template::render(Set::MoreC, "unit.c", &unit)))
}

impl Head {
    fn new(prelude: Vec<(&'static str, Cow<'static, str>)>, independent: bool) -> Head {
        let prelude: Vec<_> = prelude.into_iter().map(|(_, text)| text).collect();
        Head { functions_of_vectors: prelude.iter().any(|text| matches!(text, Cow::Owned(_))), prelude, independent }
    }
}

/// The symbol of a kernel that is alone.
const ENTRY: &str = "saltus_kernel";

/// Texts of helpers and functions by their names, and the function of a kernel.
fn parts(kernel: &Kernel, entry: String) -> (Vec<(&'static str, Cow<'static, str>)>, Function) {
    let arranged = Arranged::of(kernel);
    let Arranged { kernel, sums, independent, often } = &arranged;
    let without_bytes = *independent && vector::without_bytes(kernel);
    let widened = if without_bytes { vector::widened(kernel) } else { Vec::new() };
    let mut names = KernelNames {
        kernel,
        params: kernel.params.iter().map(|p| safe_name(&p.name)).collect(),
        locals: kernel.locals.iter().map(|l| safe_name(&l.name)).collect(),
        wide: BTreeMap::new(),
        kept: sums.iter().map(|(id, _)| *id).collect(),
    };
    for (id, _) in sums {
        names.locals[id.0 as usize] = format!("{}[_i - _first]", kernel.locals[id.0 as usize].name);
    }
    names.wide = widened.iter().map(|w| (w.param, format!("saltus_wide_{}", names.param(w.param)))).collect();
    let statements = |stmts: &[Stmt]| stmts.iter().map(|stmt| statement(stmt, &names)).collect();
    let uses = Uses::of(&arranged, &names);
    let texts = prelude::texts(Language::C, &uses.functions);
    let prelude = texts.into_iter().map(|(name, text)| (name, compiled_as(name, text, often))).collect();
    let function = Function {
        entry,
        params: uses.params.iter().map(|id| declaration(*id, &names)).collect(),
        scalar: statements(&kernel.scalar),
        vector: statements(&kernel.vector),
        condition: arranged.condition().map(|condition| expr::expr(Dialect::C, condition, &names)),
        indexed: kernel.shape == LoopShape::Indexed,
        independent: *independent,
        wide_hits: without_bytes,
        sums: arranged.sums_in(Dialect::C, |stmt| statement(stmt, &names)),
        widened: widened.iter().map(|w| wide_buffer(*w, &names)).collect(),
        flags: arranged.has_flags(),
    };
    (prelude, function)
}

/// Whether its functions are compiled in another way than those of other kernels.
pub(super) fn has_functions_of_vectors(kernel: &Kernel) -> bool {
    let Arranged { often, .. } = Arranged::of(kernel);
    !often.is_empty()
}

/// A function that is called at several places is a function of vectors there.
fn compiled_as(name: &str, text: &'static str, often: &BTreeSet<&'static str>) -> Cow<'static, str> {
    match text.strip_prefix(INLINE) {
        Some(rest) if often.contains(name) => Cow::Owned(format!("SALTUS_OF_VECTORS {rest}")),
        _ => Cow::Borrowed(text),
    }
}

fn wide_buffer(widened: vector::Widened, names: &KernelNames) -> WideBuffer {
    let vector::Widened { param, read, written } = widened;
    WideBuffer { name: names.param(param).to_owned(), wide: names.wide[&param].clone(), read, written }
}

fn declaration(id: ParamId, names: &KernelNames) -> Declaration {
    let param = &names.kernel.params[id.0 as usize];
    Declaration {
        name: names.param(id).to_owned(),
        position: id.0 as usize,
        storage: expr::storage_name(Dialect::C, param.storage),
        value: (param.scalar && !param.written).then(|| type_name(Dialect::C, param.storage.ty())),
        written: param.written,
    }
}

fn statement(stmt: &Stmt, names: &KernelNames) -> String {
    let text = |e: &Expr| expr::expr(Dialect::C, e, names);
    match stmt {
        Stmt::Comment(comment) => format!("// {comment}"),
        Stmt::Let(id, value) if names.kept.contains(id) => format!("{} = {};", names.local(*id), text(value)),
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
    /// Buffers of a block, by what they hold.
    wide: BTreeMap<ParamId, String>,
    /// Locals that are kept for the elements of a block.
    kept: BTreeSet<LocalId>,
}

impl KernelNames<'_> {
    fn param(&self, id: ParamId) -> &str {
        &self.params[id.0 as usize]
    }

    /// The place in memory.
    fn element_of(&self, place: Place) -> String {
        if let Some(wide) = self.wide.get(&place.param) {
            return format!("{wide}[_i - _first]");
        }
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
        loaded(param.storage, element)
    }

    fn gather(&self, param: ParamId, index: &str) -> String {
        loaded(self.kernel.params[param.0 as usize].storage, format!("{}[{index}]", self.param(param)))
    }

    fn element(&self) -> String {
        "((i32)_i)".to_owned()
    }

    /// Without the way through I32, so that compilers see neighbours in memory.
    fn wide_element(&self) -> String {
        "_i".to_owned()
    }

    fn type_of(&self, expr: &Expr) -> Type {
        self.kernel.type_of(expr)
    }
}

/// An element of an array as a value. In C, operations on two floats are done in float.
fn loaded(storage: Storage, element: String) -> String {
    if storage == Storage::F32 { format!("((double){element})") } else { element }
}
