//! From IR to text. Never fails: a malformed kernel is printed too, for the report of a bug.

use std::fmt::Write as _;

use super::{OPERATORS, PREFIX, STORAGES, TYPES, UNARY_CALLS, is_plain};
use crate::kernel::ir::{
    BinaryOp, Const, Expr, Function, Index, Kernel, Local, LocalId, LoopShape, Param, ParamId, Place, Stmt, Storage,
    Type, UnaryOp,
};

/// The text of a kernel.
pub fn print_kernel(kernel: &Kernel) -> String {
    let printer = Printer { locals: &kernel.locals, params: &kernel.params };
    let shape = match &kernel.shape {
        LoopShape::Each => "each",
        LoopShape::Select(_) => "select",
        LoopShape::Indexed => "indexed",
        LoopShape::Pairs(_) => "pairs",
    };
    let mut out = format!("kernel {shape} {{\n");
    for param in &kernel.params {
        let (brackets, written) = (if param.scalar { "" } else { "[]" }, if param.written { " written" } else { "" });
        let _ = writeln!(out, "  param {}: {}{brackets}{written}", name(&param.name), storage_name(param.storage));
    }
    let lets = kernel.scalar.iter().chain(&kernel.vector).filter_map(|s| match s {
        Stmt::Let(id, _) => Some(*id),
        _ => None,
    });
    printer.declarations(&mut out, 0, lets);
    for (part, statements) in [("scalar", &kernel.scalar), ("vector", &kernel.vector)] {
        let _ = writeln!(out, "  {part} {{");
        for statement in statements {
            let _ = writeln!(out, "    {}", printer.statement(statement));
        }
        out.push_str("  }\n");
    }
    if let LoopShape::Select(condition) | LoopShape::Pairs(condition) = &kernel.shape {
        let _ = writeln!(out, "  emit {}", printer.expr(condition, 0));
    }
    out.push_str("}\n");
    out
}

/// The text of a function of the maths library, without its bound.
pub fn print_function(function: &Function) -> String {
    let printer = Printer { locals: &function.locals, params: &[] };
    let parameters: Vec<String> = function
        .locals
        .iter()
        .take(function.arity)
        .map(|l| format!("{}: {}", name(&l.name), type_name(l.ty)))
        .collect();
    let mut out = format!("fn {}({}) -> f64 {{\n", function.name, parameters.join(", "));
    printer.declarations(&mut out, function.arity, function.body.iter().map(|(id, _)| *id));
    for (id, value) in &function.body {
        let _ = writeln!(out, "  {}", printer.definition(*id, value));
    }
    let _ = writeln!(out, "  return {}\n}}", printer.expr(&function.result, 0));
    out
}

/// The text of an expression of this kernel.
pub fn print_expr(kernel: &Kernel, expr: &Expr) -> String {
    Printer { locals: &kernel.locals, params: &kernel.params }.expr(expr, 0)
}

struct Printer<'a> {
    locals: &'a [Local],
    params: &'a [Param],
}

impl Printer<'_> {
    /// Locals are numbered as they are defined; where they are not, they are declared first.
    fn declarations(&self, out: &mut String, first: usize, lets: impl Iterator<Item = LocalId>) {
        if lets.map(|id| id.0 as usize).eq(first..self.locals.len()) {
            return;
        }
        for local in self.locals.iter().skip(first) {
            let _ = writeln!(out, "  local {}: {}", name(&local.name), type_name(local.ty));
        }
    }

    fn statement(&self, statement: &Stmt) -> String {
        match statement {
            Stmt::Comment(text) if text.is_empty() => "#".to_string(),
            Stmt::Comment(text) => {
                format!("# {}", text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r"))
            }
            Stmt::Let(id, value) => self.definition(*id, value),
            Stmt::Store { place, value, when } => {
                let when = when.as_ref().map_or(String::new(), |c| format!(" when {}", self.expr(c, 0)));
                format!("store {} = {}{when}", self.place(*place), self.expr(value, 0))
            }
            Stmt::Flag(bit, condition) => format!("flag {bit} when {}", self.expr(condition, 0)),
        }
    }

    fn definition(&self, id: LocalId, value: &Expr) -> String {
        let ty = self.locals.get(id.0 as usize).map_or("?", |l| type_name(l.ty));
        format!("let {}: {ty} = {}", self.local(id), self.expr(value, 0))
    }

    fn local(&self, id: LocalId) -> String {
        self.locals.get(id.0 as usize).map_or_else(|| format!("`local {}`", id.0), |l| name(&l.name))
    }

    fn param(&self, id: ParamId) -> String {
        self.params.get(id.0 as usize).map_or_else(|| format!("`param {}`", id.0), |p| name(&p.name))
    }

    fn place(&self, place: Place) -> String {
        let index = match place.index {
            Index::Element => "e".to_string(),
            Index::Zero => "0".to_string(),
            Index::Via(param) => format!("{}[e]", self.param(param)),
        };
        format!("{}[{index}]", self.param(place.param))
    }

    /// The text of an expression, in parentheses if it binds less than `strength`.
    fn expr(&self, expr: &Expr, strength: u8) -> String {
        match expr {
            Expr::Const(value) => constant(*value),
            Expr::Local(id) => self.local(*id),
            Expr::Load(place) => self.place(*place),
            Expr::Element => "element".to_string(),
            Expr::Unary(UnaryOp::Neg, x) => {
                // `-1.0` is a constant.
                let inner = if matches!(**x, Expr::Const(_)) { PREFIX + 1 } else { PREFIX };
                parenthesised(format!("-{}", self.operand(x, inner)), PREFIX < strength)
            }
            Expr::Unary(UnaryOp::Not, x) => parenthesised(format!("not {}", self.expr(x, PREFIX)), PREFIX < strength),
            Expr::Unary(op, x) => {
                let word = UNARY_CALLS.iter().find(|(_, o)| o == op).map_or("?", |(w, _)| w);
                format!("{word}({})", self.expr(x, 0))
            }
            Expr::Binary(op, x, y) => {
                let (symbol, binding) = operator(*op);
                // Comparisons do not chain.
                let left = if op.is_comparison() { binding + 1 } else { binding };
                let text = format!("{} {symbol} {}", self.side(*op, x, left), self.side(*op, y, binding + 1));
                parenthesised(text, binding < strength)
            }
            Expr::Select(c, x, y) => self.call("select", &[c, x, y]),
            Expr::Cast(ty, x) => format!("{}({})", type_name(*ty), self.expr(x, 0)),
            Expr::Call(function, arguments) => self.call(function, &arguments.iter().collect::<Vec<_>>()),
            Expr::Gather(param, index) => format!("gather {}[{}]", self.param(*param), self.expr(index, 0)),
            Expr::Table(table, index) => format!("table {table}[{}]", self.expr(index, 0)),
        }
    }

    fn operand(&self, expr: &Expr, strength: u8) -> String {
        let bare = matches!(expr, Expr::Const(_)) && strength > PREFIX;
        parenthesised(self.expr(expr, strength), bare)
    }

    /// A side of an infix operator. Next to operators on bits, parentheses spare the reader the table.
    fn side(&self, op: BinaryOp, expr: &Expr, strength: u8) -> String {
        let on_bits = |op| matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::Shl | BinaryOp::Shr);
        match expr {
            Expr::Binary(inner, ..) if *inner != op && (on_bits(op) || on_bits(*inner)) => self.expr(expr, PREFIX),
            _ => self.expr(expr, strength),
        }
    }

    fn call(&self, function: &str, arguments: &[&Expr]) -> String {
        let arguments: Vec<String> = arguments.iter().map(|a| self.expr(a, 0)).collect();
        format!("{function}({})", arguments.join(", "))
    }
}

fn parenthesised(text: String, needed: bool) -> String {
    if needed { format!("({text})") } else { text }
}

fn name(name: &str) -> String {
    if is_plain(name) { name.to_string() } else { format!("`{name}`") }
}

fn operator(op: BinaryOp) -> (&'static str, u8) {
    OPERATORS.iter().find(|(_, o, _)| *o == op).map_or(("?", 0), |(symbol, _, binding)| (symbol, *binding))
}

/// The word for a type of elements, such as `f64`.
pub fn storage_name(storage: Storage) -> &'static str {
    STORAGES.iter().find(|(_, s)| *s == storage).map_or("?", |(word, _)| word)
}

pub(super) fn type_name(ty: Type) -> &'static str {
    TYPES.iter().find(|(_, t)| *t == ty).map_or("?", |(word, _)| word)
}

fn constant(value: Const) -> String {
    match value {
        Const::Bool(b) => b.to_string(),
        Const::I32(i) => format!("{i}i32"),
        Const::I64(i) => i.to_string(),
        Const::F64(bits) => match f64::from_bits(bits) {
            x if x.is_nan() && bits == f64::NAN.to_bits() => "nan".to_string(),
            x if x.is_nan() => format!("nan({bits:#x})"),
            x => format!("{x:?}"),
        },
    }
}
