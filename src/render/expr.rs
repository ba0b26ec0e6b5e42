//! The operator table: what each operation of the IR is in C and in Rust.
//!
//! Comes in: an expression and the names of what it reads; goes out: its text, with exactly the meaning that
//! [`ir`](crate::kernel::ir) states. What is no operator of a language is a call of a helper, whose text [`helper`] has.
//! C text relies on `-fwrapv` and `-ffp-contract=off`, and on the types of `abi.h`; Rust text on nothing.

use std::collections::BTreeSet;

use crate::kernel::ir::{BinaryOp, Const, Expr, LocalId, ParamId, Place, Storage, Type, UnaryOp};
use crate::kernel::maths::Texts;

/// What the text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// C99 and GNU C, without headers.
    C,
    /// Rust without the standard library, for kernels.
    Rust,
    /// Rust, for the host's own maths library, beside `kernel::maths::operators`.
    Host,
}

impl Dialect {
    /// What stands before the names of functions, helpers and tables, where users have names of their own.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Dialect::C | Dialect::Rust => "saltus_",
            Dialect::Host => "",
        }
    }
}

/// The names of what an expression reads.
pub trait Names {
    /// A local.
    fn local(&self, id: LocalId) -> String;
    /// A loaded element, of the type of a value: text that binds as strongly as a call.
    fn load(&self, place: Place) -> String;
    /// An element of an array at an index, of the type of a value: text that binds as strongly as a call.
    fn gather(&self, param: ParamId, index: &str) -> String;
    /// The number of the element the loop is at.
    fn element(&self) -> String;
    /// The same as I64.
    fn wide_element(&self) -> String;
    /// The type of an expression.
    fn type_of(&self, expr: &Expr) -> Type;
}

/// The type of a value.
pub fn type_name(dialect: Dialect, ty: Type) -> &'static str {
    match (dialect, ty) {
        (Dialect::C, Type::Bool) => "_Bool",
        (Dialect::C, Type::F64) => "double",
        (Dialect::Rust | Dialect::Host, Type::Bool) => "bool",
        (Dialect::Rust | Dialect::Host, Type::F64) => "f64",
        (_, Type::I32) => "i32",
        (_, Type::I64) => "i64",
    }
}

/// The type of an element in memory. Booleans are bytes: gcc vectorises no loop over arrays of `_Bool`, and Rust's may hold
/// nothing but 0 and 1.
pub fn storage_name(dialect: Dialect, storage: Storage) -> &'static str {
    match (dialect, storage) {
        (_, Storage::Bool) => "u8",
        (_, Storage::I32) => "i32",
        (_, Storage::I64) => "i64",
        (Dialect::C, Storage::F32) => "float",
        (Dialect::C, Storage::F64) => "double",
        (Dialect::Rust | Dialect::Host, Storage::F32) => "f32",
        (Dialect::Rust | Dialect::Host, Storage::F64) => "f64",
    }
}

/// The text of an expression.
pub fn expr(dialect: Dialect, expr: &Expr, names: &dyn Names) -> String {
    Renderer { dialect, names }.expr(expr).0
}

/// A function that operators need.
#[derive(Debug)]
pub struct Helper {
    /// Its name without `saltus_`.
    pub name: &'static str,
    /// Other helpers it calls.
    pub depends: &'static [&'static str],
    /// Its definition in the languages of kernels.
    pub texts: Texts,
}

macro_rules! helpers {
    ($($name:literal: [$($depends:literal),*];)*) => {
        [$(Helper {
            name: $name,
            depends: &[$($depends),*],
            texts: Texts {
                c: include_str!(concat!("../../templates/c/operators/", $name, ".h")),
                rust: include_str!(concat!("../../templates/rust/operators/", $name, ".rs")),
            },
        }),*]
    };
}

static HELPERS: [Helper; 13] = helpers! {
    "bits": [];
    "float": [];
    "abs": ["bits", "float"];
    "sqrt": ["bits", "float"];
    "floor": ["abs", "bits", "float"];
    "trunc": ["abs", "bits", "float"];
    "round32": [];
    "div_i32": [];
    "div_i64": [];
    "mod_i32": [];
    "mod_i64": [];
    "to_i32": [];
    "to_i64": [];
};

/// A helper by its name.
pub fn helper(name: &str) -> Option<&'static Helper> {
    HELPERS.iter().find(|h| h.name == name)
}

/// Adds the names of the helpers, functions and tables that the text of an expression in a kernel uses directly: all
/// that one of the languages needs.
pub fn needs(expr: &Expr, names: &dyn Names, found: &mut BTreeSet<&'static str>) {
    expr.walk(&mut |e| {
        let name = match e {
            Expr::Unary(op, _) => unary_helper(*op),
            Expr::Binary(op, x, _) => integer_helper(*op, names.type_of(x)),
            Expr::Cast(ty, x) => cast_helper(*ty, names.type_of(x)),
            Expr::Call(name, _) | Expr::Table(name, _) => Some(*name),
            Expr::Const(Const::F64(bits)) if !f64::from_bits(*bits).is_finite() => Some("float"),
            _ => None,
        };
        found.extend(name);
        if is_zero_minus_integer(e, names) {
            found.extend(["bits", "float"]);
        }
    });
}

/// Whether this is `0.0 - x` for an integer or boolean `x`. gcc 12 takes it for `-x`, at every level of optimisation,
/// which has another sign for 0; what went through its bits it leaves alone.
fn is_zero_minus_integer(expr: &Expr, names: &dyn Names) -> bool {
    let Expr::Binary(BinaryOp::Sub, zero, x) = expr else { return false };
    let Expr::Cast(Type::F64, integer) = &**x else { return false };
    matches!(**zero, Expr::Const(Const::F64(0))) && names.type_of(integer) != Type::F64
}

fn unary_helper(op: UnaryOp) -> Option<&'static str> {
    match op {
        UnaryOp::Neg | UnaryOp::Not => None,
        UnaryOp::Abs => Some("abs"),
        UnaryOp::Sqrt => Some("sqrt"),
        UnaryOp::Floor => Some("floor"),
        UnaryOp::Trunc => Some("trunc"),
        UnaryOp::ToBits => Some("bits"),
        UnaryOp::FromBits => Some("float"),
        UnaryOp::Round32 => Some("round32"),
    }
}

fn integer_helper(op: BinaryOp, ty: Type) -> Option<&'static str> {
    match (op, ty) {
        (BinaryOp::FloorDiv, Type::I32) => Some("div_i32"),
        (BinaryOp::FloorDiv, _) => Some("div_i64"),
        (BinaryOp::Mod, Type::I32) => Some("mod_i32"),
        (BinaryOp::Mod, _) => Some("mod_i64"),
        _ => None,
    }
}

fn cast_helper(to: Type, from: Type) -> Option<&'static str> {
    match (to, from) {
        (Type::I32, Type::F64) => Some("to_i32"),
        (Type::I64, Type::F64) => Some("to_i64"),
        _ => None,
    }
}

/// How strongly a text binds, from the loosest.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Binding {
    Select,
    /// Comparisons and bits, whose ranks differ between languages and surprise readers: never side by side.
    Bits,
    Add,
    Mul,
    Prefix,
    Call,
}

struct Renderer<'a> {
    dialect: Dialect,
    names: &'a dyn Names,
}

impl Renderer<'_> {
    /// The text, in parentheses if it binds less.
    fn at(&self, expr: &Expr, binding: Binding) -> String {
        let (text, own) = self.expr(expr);
        if own < binding { format!("({text})") } else { text }
    }

    fn expr(&self, expr: &Expr) -> (String, Binding) {
        match expr {
            Expr::Const(value) => constant(self.dialect, *value),
            Expr::Local(id) => (self.names.local(*id), Binding::Call),
            Expr::Load(place) => (self.names.load(*place), Binding::Call),
            Expr::Element => (self.names.element(), Binding::Call),
            Expr::Unary(op, x) => self.unary(*op, x),
            Expr::Binary(_, zero, x) if self.dialect == Dialect::C && is_zero_minus_integer(expr, self.names) => {
                (format!("{} - saltus_float(saltus_bits({}))", self.expr(zero).0, self.expr(x).0), Binding::Add)
            }
            Expr::Binary(op, x, y) => self.binary(*op, x, y),
            Expr::Select(c, x, y) => {
                // clang warns of `a & b ? x : y`.
                let on_bits = matches!(&**c, Expr::Binary(BinaryOp::And | BinaryOp::Or | BinaryOp::Xor, ..));
                let c = self.at(c, if on_bits { Binding::Prefix } else { Binding::Bits });
                let (x, y) = (self.at(x, Binding::Bits), self.at(y, Binding::Bits));
                let text = match self.dialect {
                    Dialect::C => format!("{c} ? {x} : {y}"),
                    Dialect::Rust | Dialect::Host => format!("if {c} {{ {x} }} else {{ {y} }}"),
                };
                (text, Binding::Select)
            }
            Expr::Cast(ty, x) => self.cast(*ty, x),
            Expr::Call(name, arguments) => {
                let arguments: Vec<String> = arguments.iter().map(|a| self.expr(a).0).collect();
                (format!("{}{name}({})", self.dialect.prefix(), arguments.join(", ")), Binding::Call)
            }
            Expr::Gather(param, index) => (self.names.gather(*param, &self.expr(index).0), Binding::Call),
            Expr::Table(name, index) => {
                let table = format!("{}{name}", self.dialect.prefix());
                let text = match self.dialect {
                    Dialect::C => format!("{table}[{}]", self.expr(index).0),
                    // The index is in range, and this tells the compiler.
                    Dialect::Rust | Dialect::Host => {
                        format!("{table}[{} as usize % {table}.len()]", self.at(index, Binding::Call))
                    }
                };
                (text, Binding::Call)
            }
        }
    }

    fn unary(&self, op: UnaryOp, x: &Expr) -> (String, Binding) {
        match (op, unary_helper(op), self.dialect) {
            (UnaryOp::Neg, _, Dialect::Rust | Dialect::Host) if self.names.type_of(x) != Type::F64 => {
                (format!("{}.wrapping_neg()", self.receiver(x)), Binding::Call)
            }
            // `--x` is another thing in C.
            (UnaryOp::Neg, ..) => (format!("-{}", self.at(x, Binding::Call)), Binding::Prefix),
            (_, None, _) => (format!("!{}", self.at(x, Binding::Call)), Binding::Prefix),
            (_, Some(helper), Dialect::C | Dialect::Rust) => {
                (format!("saltus_{helper}({})", self.expr(x).0), Binding::Call)
            }
            (UnaryOp::ToBits, _, Dialect::Host) => (format!("({}.to_bits() as i64)", self.receiver(x)), Binding::Call),
            (UnaryOp::FromBits, _, Dialect::Host) => {
                (format!("f64::from_bits({} as u64)", self.receiver(x)), Binding::Call)
            }
            (UnaryOp::Round32, _, Dialect::Host) => (format!("round32({})", self.expr(x).0), Binding::Call),
            (_, Some(method), Dialect::Host) => (format!("{}.{method}()", self.receiver(x)), Binding::Call),
        }
    }

    /// What a Rust method or conversion is applied to; numbers say their type.
    fn receiver(&self, x: &Expr) -> String {
        match x {
            Expr::Const(c) => format!("({}_{})", self.expr(x).0, type_name(self.dialect, c.ty())),
            _ => self.at(x, Binding::Call),
        }
    }

    fn binary(&self, op: BinaryOp, x: &Expr, y: &Expr) -> (String, Binding) {
        let ty = self.names.type_of(x);
        if let Some(helper) = integer_helper(op, ty) {
            return (
                format!("{}{helper}({}, {})", self.dialect.prefix(), self.expr(x).0, self.expr(y).0),
                Binding::Call,
            );
        }
        let method = match op {
            BinaryOp::Add => "wrapping_add",
            BinaryOp::Sub => "wrapping_sub",
            BinaryOp::Mul => "wrapping_mul",
            _ => "",
        };
        if self.dialect != Dialect::C && ty != Type::F64 && !method.is_empty() {
            return (format!("{}.{method}({})", self.receiver(x), self.expr(y).0), Binding::Call);
        }
        let (symbol, own, left, right) = match op {
            BinaryOp::Add => ("+", Binding::Add, Binding::Add, Binding::Mul),
            BinaryOp::Sub => ("-", Binding::Add, Binding::Add, Binding::Mul),
            BinaryOp::Mul => ("*", Binding::Mul, Binding::Mul, Binding::Prefix),
            BinaryOp::Div => ("/", Binding::Mul, Binding::Mul, Binding::Prefix),
            BinaryOp::And => ("&", Binding::Bits, Binding::Prefix, Binding::Prefix),
            BinaryOp::Or => ("|", Binding::Bits, Binding::Prefix, Binding::Prefix),
            BinaryOp::Xor => ("^", Binding::Bits, Binding::Prefix, Binding::Prefix),
            BinaryOp::Lt => ("<", Binding::Bits, Binding::Add, Binding::Add),
            BinaryOp::Le => ("<=", Binding::Bits, Binding::Add, Binding::Add),
            BinaryOp::Eq => ("==", Binding::Bits, Binding::Add, Binding::Add),
            BinaryOp::Ne => ("!=", Binding::Bits, Binding::Add, Binding::Add),
            BinaryOp::Shl | BinaryOp::Shr => return self.shift(op, x, y),
            BinaryOp::FloorDiv | BinaryOp::Mod => unreachable!("a helper's"),
        };
        (format!("{} {symbol} {}", self.at(x, left), self.at(y, right)), own)
    }

    fn shift(&self, op: BinaryOp, x: &Expr, y: &Expr) -> (String, Binding) {
        // Without sign: a negative number cannot be shifted left in C, and is shifted with its sign to the right.
        let symbol = if op == BinaryOp::Shl { "<<" } else { ">>" };
        let count = match (y, self.dialect) {
            (Expr::Const(Const::I64(count @ 0..64)), _) => count.to_string(),
            (_, Dialect::C) => self.at(y, Binding::Prefix),
            // The mask tells the compiler that the count is in range.
            (_, Dialect::Rust | Dialect::Host) => format!("({} & 63)", self.at(y, Binding::Prefix)),
        };
        match self.dialect {
            Dialect::C => (format!("(i64)((u64){} {symbol} {count})", self.at(x, Binding::Call)), Binding::Prefix),
            Dialect::Rust | Dialect::Host => {
                (format!("((({} as u64) {symbol} {count}) as i64)", self.receiver(x)), Binding::Call)
            }
        }
    }

    fn cast(&self, ty: Type, x: &Expr) -> (String, Binding) {
        let from = self.names.type_of(x);
        if from == ty {
            return self.expr(x);
        }
        if let (Type::I64, Expr::Element) = (ty, x) {
            return (self.names.wide_element(), Binding::Call);
        }
        if let Some(helper) = cast_helper(ty, from) {
            return (format!("{}{helper}({})", self.dialect.prefix(), self.expr(x).0), Binding::Call);
        }
        match (self.dialect, from, ty) {
            (_, Type::F64, Type::Bool) => (format!("{} != 0.0", self.at(x, Binding::Add)), Binding::Bits),
            (_, _, Type::Bool) => (format!("{} != 0", self.at(x, Binding::Add)), Binding::Bits),
            (Dialect::C, ..) => {
                (format!("({}){}", type_name(self.dialect, ty), self.at(x, Binding::Call)), Binding::Prefix)
            }
            (Dialect::Rust | Dialect::Host, Type::Bool, _) => {
                (format!("{}::from({})", type_name(self.dialect, ty), self.expr(x).0), Binding::Call)
            }
            (Dialect::Rust | Dialect::Host, ..) => {
                (format!("({} as {})", self.receiver(x), type_name(self.dialect, ty)), Binding::Call)
            }
        }
    }
}

fn constant(dialect: Dialect, value: Const) -> (String, Binding) {
    let c = dialect == Dialect::C;
    let (text, negative) = match value {
        Const::Bool(b) if c => (u8::from(b).to_string(), false),
        Const::Bool(b) => (b.to_string(), false),
        Const::I32(i32::MIN) if c => return ("(-2147483647 - 1)".into(), Binding::Call),
        Const::I64(i64::MIN) if c => return ("(-9223372036854775807LL - 1)".into(), Binding::Call),
        Const::I32(i) => (i.to_string(), i < 0),
        Const::I64(i) => (format!("{i}{}", if c { "LL" } else { "" }), i < 0),
        Const::F64(bits) => {
            let x = f64::from_bits(bits);
            match dialect {
                _ if x.is_finite() => (if c { c_double(x) } else { format!("{x:?}") }, x.is_sign_negative()),
                Dialect::C => {
                    return (format!("saltus_float({})", constant(dialect, Const::I64(bits as i64)).0), Binding::Call);
                }
                Dialect::Rust | Dialect::Host => {
                    let name = if x.is_nan() {
                        "NAN"
                    } else if x > 0.0 {
                        "INFINITY"
                    } else {
                        "NEG_INFINITY"
                    };
                    return (format!("f64::{name}"), Binding::Call);
                }
            }
        }
    };
    (text, if negative { Binding::Prefix } else { Binding::Call })
}

/// A finite double in C, exact in every compiler: not all of them round decimals as they should.
///
/// Short decimals that are exact stay; others are hexadecimal, with the decimal for the reader if it is short.
pub fn c_double(x: f64) -> String {
    let decimal = format!("{x:?}");
    if x.abs() < 1e9 && (x * 1024.0).fract() == 0.0 && decimal.len() <= 12 {
        return decimal;
    }
    let bits = x.abs().to_bits();
    let (exponent, mantissa) = ((bits >> 52) as i64, bits & 0xf_ffff_ffff_ffff);
    let (lead, exponent) = if exponent == 0 { (0, -1022) } else { (1, exponent - 1023) };
    let digits = format!("{mantissa:013x}");
    let digits = digits.trim_end_matches('0');
    let point = if digits.is_empty() { "" } else { "." };
    let sign = if x.is_sign_negative() { "-" } else { "" };
    let note = if decimal.len() <= 9 { format!(" /* {decimal} */") } else { String::new() };
    format!("{sign}0x{lead}{point}{digits}p{exponent:+}{note}")
}
