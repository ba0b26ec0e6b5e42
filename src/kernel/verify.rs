//! Checks that a kernel is well-formed: every tier may rely on what is checked here and checks nothing again.
//!
//! Types fit, locals are computed once and before they are used, the scalar part knows no element, places suit their
//! parameters, and names are plain identifiers. A kernel that fails was lowered wrongly: the error is a bug report that
//! names the place, never a message about the model.

use std::collections::BTreeSet;
use std::fmt;

use super::ir::{
    BinaryOp, Const, Expr, Index, Kernel, LocalId, LoopShape, ParamId, Place, Stmt, Storage, Type, UnaryOp,
};
use super::maths;

/// A kernel is ill-formed, which is a bug of whatever built it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bug in saltus: ill-formed kernel, in {place}: {fault}")]
pub struct VerifyError {
    /// The part of the kernel, such as ``parameter `v` `` or `statement 2 of the vector part`.
    pub place: String,
    /// What is wrong there.
    pub fault: Fault,
}

/// What can be wrong with a kernel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A name that is no ASCII identifier.
    #[error("`{0}` is not an identifier")]
    BadName(String),
    /// Two parameters or locals of one name.
    #[error("the name `{0}` is taken")]
    DuplicateName(String),
    /// A parameter that does not exist.
    #[error("there is no parameter {}", .0.0)]
    NoParam(ParamId),
    /// A local that does not exist.
    #[error("there is no local {}", .0.0)]
    NoLocal(LocalId),
    /// A local read before it is computed, or never computed.
    #[error("the local `{0}` is not computed before")]
    NotComputed(String),
    /// A local computed twice.
    #[error("the local `{0}` is computed twice")]
    ComputedTwice(String),
    /// A value of another type than its place asks for.
    #[error("{what} is {found:?} where {expected} is expected")]
    Mistyped {
        /// The operand or value.
        what: String,
        /// Its type.
        found: Type,
        /// What may stand there.
        expected: String,
    },
    /// A conversion between types that the IR does not have.
    #[error("there is no conversion from {0:?} to {1:?}")]
    NoCast(Type, Type),
    /// A function that the maths library does not have.
    #[error("there is no function `{0}`")]
    NoFunction(String),
    /// A call with a wrong number of arguments.
    #[error("`{name}` takes {expected} arguments, not {found}")]
    Arity {
        /// The function.
        name: String,
        /// How many it takes.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A computed index into a scalar, or into what the kernel writes.
    #[error("`{0}` is no array that is only read")]
    BadGather(String),
    /// A shift whose count is not known to be in range.
    #[error("{0:?} takes a constant from 0 to 63 as its second operand")]
    BadShift(BinaryOp),
    /// A table, which only functions of the maths library read.
    #[error("a kernel reads no table, such as `{0}`")]
    Table(String),
    /// An element in the scalar part.
    #[error("the scalar part refers to an element")]
    ElementInScalarPart,
    /// A scalar indexed like an array, or an array like a scalar.
    #[error("`{0}` is indexed against its kind")]
    BadIndex(String),
    /// An index held by a parameter that is no array of I32.
    #[error("`{0}` cannot hold indices")]
    BadVia(String),
    /// A store to a parameter that is not marked as written.
    #[error("`{0}` is stored to but not marked as written")]
    NotWritten(String),
    /// A store to a scalar, once per element.
    #[error("the vector part stores to the scalar `{0}`")]
    ScalarStoreInVectorPart(String),
    /// A flag that has no bit.
    #[error("there is no flag {0}")]
    BadFlag(u8),
    /// A comment that is not one line of text that every language can carry as a comment.
    #[error("the comment {0:?} is not one plain line")]
    BadComment(String),
}

/// Checks a kernel.
///
/// # Errors
/// The first fault found, in the order of the kernel's text.
pub fn verify(kernel: &Kernel) -> Result<(), VerifyError> {
    names(kernel)?;
    let mut checker = Checker { kernel, computed: vec![false; kernel.locals.len()], scalar_part: true };
    for (number, stmt) in kernel.scalar.iter().enumerate() {
        checker.statement(stmt).map_err(at(|| format!("statement {} of the scalar part", number + 1)))?;
    }
    checker.scalar_part = false;
    for (number, stmt) in kernel.vector.iter().enumerate() {
        checker.statement(stmt).map_err(at(|| format!("statement {} of the vector part", number + 1)))?;
    }
    if let LoopShape::Select(condition) | LoopShape::Pairs(condition) = &kernel.shape {
        checker
            .typed(condition, Type::Bool, format_args!("the condition"))
            .map_err(at(|| "the condition of the loop".into()))?;
    }
    match checker.computed.iter().position(|computed| !computed) {
        Some(never) => {
            let name = &kernel.locals[never].name;
            Err(VerifyError { place: format!("local `{name}`"), fault: Fault::NotComputed(name.clone()) })
        }
        None => Ok(()),
    }
}

fn at(place: impl FnOnce() -> String) -> impl FnOnce(Fault) -> VerifyError {
    move |fault| VerifyError { place: place(), fault }
}

fn names(kernel: &Kernel) -> Result<(), VerifyError> {
    let mut seen = BTreeSet::new();
    let params = kernel.params.iter().map(|p| ("parameter", &p.name));
    for (kind, name) in params.chain(kernel.locals.iter().map(|l| ("local", &l.name))) {
        let fault = if !is_identifier(name) {
            Fault::BadName(name.clone())
        } else if !seen.insert(name) {
            Fault::DuplicateName(name.clone())
        } else {
            continue;
        };
        return Err(VerifyError { place: format!("{kind} `{name}`"), fault });
    }
    Ok(())
}

fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether every language can carry the text as a comment of one line: a backslash would join it to the next line in C.
fn is_plain_line(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() || c == '\\')
}

struct Checker<'a> {
    kernel: &'a Kernel,
    computed: Vec<bool>,
    scalar_part: bool,
}

impl Checker<'_> {
    fn statement(&mut self, stmt: &Stmt) -> Result<(), Fault> {
        match stmt {
            Stmt::Comment(text) if is_plain_line(text) => Ok(()),
            Stmt::Comment(text) => Err(Fault::BadComment(text.clone())),
            Stmt::Let(id, value) => {
                let local = self.kernel.locals.get(id.0 as usize).ok_or(Fault::NoLocal(*id))?;
                self.typed(value, local.ty, format_args!("the value of `{}`", local.name))?;
                if std::mem::replace(&mut self.computed[id.0 as usize], true) {
                    return Err(Fault::ComputedTwice(local.name.clone()));
                }
                Ok(())
            }
            Stmt::Store { place, value, when } => {
                let storage = self.place(*place)?;
                let param = &self.kernel.params[place.param.0 as usize];
                if !param.written {
                    return Err(Fault::NotWritten(param.name.clone()));
                }
                if place.index == Index::Zero && !self.scalar_part {
                    return Err(Fault::ScalarStoreInVectorPart(param.name.clone()));
                }
                self.typed(value, storage.ty(), format_args!("the value for `{}`", param.name))?;
                when.iter().try_for_each(|when| self.typed(when, Type::Bool, format_args!("the condition")))
            }
            Stmt::Flag(bit, _) if *bit >= 64 => Err(Fault::BadFlag(*bit)),
            Stmt::Flag(_, condition) => self.typed(condition, Type::Bool, format_args!("the condition")),
        }
    }

    fn place(&self, place: Place) -> Result<Storage, Fault> {
        let param = |id: ParamId| self.kernel.params.get(id.0 as usize).ok_or(Fault::NoParam(id));
        let indexed = param(place.param)?;
        if place.index != Index::Zero && self.scalar_part {
            return Err(Fault::ElementInScalarPart);
        }
        if indexed.scalar != (place.index == Index::Zero) {
            return Err(Fault::BadIndex(indexed.name.clone()));
        }
        if let Index::Via(id) = place.index {
            let via = param(id)?;
            if via.scalar || via.storage != Storage::I32 {
                return Err(Fault::BadVia(via.name.clone()));
            }
        }
        Ok(indexed.storage)
    }

    fn typed(&self, expr: &Expr, expected: Type, what: fmt::Arguments<'_>) -> Result<(), Fault> {
        self.one_of(expr, &[expected], what).map(drop)
    }

    fn one_of(&self, expr: &Expr, expected: &[Type], what: fmt::Arguments<'_>) -> Result<Type, Fault> {
        let found = self.check(expr)?;
        if expected.contains(&found) {
            return Ok(found);
        }
        let expected: Vec<String> = expected.iter().map(|ty| format!("{ty:?}")).collect();
        Err(Fault::Mistyped { what: what.to_string(), found, expected: expected.join(" or ") })
    }

    /// The type of an expression all of which is well-formed.
    fn check(&self, expr: &Expr) -> Result<Type, Fault> {
        Ok(match expr {
            Expr::Const(c) => c.ty(),
            Expr::Local(id) => {
                let local = self.kernel.locals.get(id.0 as usize).ok_or(Fault::NoLocal(*id))?;
                if !self.computed[id.0 as usize] {
                    return Err(Fault::NotComputed(local.name.clone()));
                }
                local.ty
            }
            Expr::Load(place) => self.place(*place)?.ty(),
            Expr::Element if self.scalar_part => return Err(Fault::ElementInScalarPart),
            Expr::Element => Type::I32,
            Expr::Unary(op, x) => {
                let ty = self.one_of(x, unary_operands(*op), format_args!("the operand of {op:?}"))?;
                op.result().unwrap_or(ty)
            }
            Expr::Binary(op, x, y) => {
                let ty = self.one_of(x, binary_operands(*op), format_args!("the first operand of {op:?}"))?;
                self.typed(y, ty, format_args!("the second operand of {op:?}"))?;
                // Any other count has a meaning in no language, and another one on each processor.
                if matches!(op, BinaryOp::Shl | BinaryOp::Shr) && !matches!(**y, Expr::Const(Const::I64(0..64))) {
                    return Err(Fault::BadShift(*op));
                }
                op.result().unwrap_or(ty)
            }
            Expr::Select(condition, x, y) => {
                self.typed(condition, Type::Bool, format_args!("the condition of Select"))?;
                let ty = self.check(x)?;
                self.typed(y, ty, format_args!("the third operand of Select"))?;
                ty
            }
            Expr::Cast(to, x) => {
                let from = self.check(x)?;
                // Every other pair of types has a conversion.
                if from == *to {
                    return Err(Fault::NoCast(from, *to));
                }
                *to
            }
            Expr::Call(name, arguments) => {
                let expected = maths::lookup(name).ok_or_else(|| Fault::NoFunction((*name).to_owned()))?.arity;
                if arguments.len() != expected {
                    return Err(Fault::Arity { name: (*name).to_owned(), expected, found: arguments.len() });
                }
                for argument in arguments {
                    self.typed(argument, Type::F64, format_args!("an argument of `{name}`"))?;
                }
                Type::F64
            }
            Expr::Table(name, _) => return Err(Fault::Table((*name).to_owned())),
            Expr::Gather(id, index) => {
                let param = self.kernel.params.get(id.0 as usize).ok_or(Fault::NoParam(*id))?;
                if param.scalar || param.written {
                    return Err(Fault::BadGather(param.name.clone()));
                }
                self.typed(index, Type::I64, format_args!("the index into `{}`", param.name))?;
                param.storage.ty()
            }
        })
    }
}

fn unary_operands(op: UnaryOp) -> &'static [Type] {
    match op {
        UnaryOp::Neg => &[Type::I32, Type::I64, Type::F64],
        UnaryOp::Not => &[Type::Bool],
        UnaryOp::Abs | UnaryOp::Sqrt | UnaryOp::Floor | UnaryOp::Trunc | UnaryOp::ToBits | UnaryOp::Round32 => {
            &[Type::F64]
        }
        UnaryOp::FromBits => &[Type::I64],
    }
}

fn binary_operands(op: BinaryOp) -> &'static [Type] {
    match op {
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Lt | BinaryOp::Le => {
            &[Type::I32, Type::I64, Type::F64]
        }
        BinaryOp::Div => &[Type::F64],
        BinaryOp::FloorDiv | BinaryOp::Mod => &[Type::I32, Type::I64],
        BinaryOp::And | BinaryOp::Or => &[Type::Bool, Type::I64],
        BinaryOp::Xor | BinaryOp::Shl | BinaryOp::Shr => &[Type::I64],
        BinaryOp::Eq | BinaryOp::Ne => &[Type::Bool, Type::I32, Type::I64, Type::F64],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::text::parse_kernel;

    const PARAMS: &str = "
        param v: f64[] written
        param w: f64[]
        param j: i32[]
        param k: i64[] written
        param on: bool[] written
        param tau: f64
        param total: f64 written
        param target: i32";

    fn check(scalar: &str, vector: &str) -> String {
        let text = format!("kernel each {{{PARAMS}\nscalar {{\n{scalar}\n}}\nvector {{\n{vector}\n}}\n}}");
        let kernel = parse_kernel(&text).unwrap_or_else(|error| panic!("{error}"));
        verify(&kernel).map_or_else(|error| error.to_string(), |()| "well-formed".into())
    }

    #[test]
    fn faults_in_the_scalar_part() {
        let cases = [
            ("let a: f64 = tau[0]\nstore total[0] = a", "well-formed"),
            ("let a: f64 = v[e]", "the scalar part refers to an element"),
            ("let a: f64 = v[j[e]]", "the scalar part refers to an element"),
            ("let a: i32 = element", "the scalar part refers to an element"),
            ("store v[e] = 1.0", "the scalar part refers to an element"),
            ("store tau[0] = 1.0", "`tau` is stored to but not marked as written"),
            ("let a: f64 = v[0]", "`v` is indexed against its kind"),
            ("let a: f64 = gather w[7]", "well-formed"),
            ("let a: f64 = gather w[i64(element)]", "the scalar part refers to an element"),
        ];
        for (scalar, expected) in cases {
            let found = check(scalar, "");
            let place = "bug in saltus: ill-formed kernel, in statement 1 of the scalar part: ";
            assert_eq!(found.strip_prefix(place).unwrap_or(&found), expected, "{scalar}");
        }
    }

    #[test]
    fn faults_in_the_vector_part() {
        let cases = [
            ("store v[e] = select(on[e], v[j[e]], tau[0]) when w[e] < 0.0", "well-formed"),
            ("store w[e] = 1.0", "`w` is stored to but not marked as written"),
            ("store total[0] = 1.0", "the vector part stores to the scalar `total`"),
            ("store v[e] = tau[e]", "`tau` is indexed against its kind"),
            ("store v[e] = w[0]", "`w` is indexed against its kind"),
            ("store v[e] = w[k[e]]", "`k` cannot hold indices"),
            ("store v[e] = w[target[e]]", "`target` cannot hold indices"),
            ("store v[k[e]] = 1.0", "`k` cannot hold indices"),
            ("store v[e] = 1", "the value for `v` is I64 where F64 is expected"),
            ("store v[e] = 1.0 when 1", "the condition is I64 where Bool is expected"),
            ("flag 3 when v[e]", "the condition is F64 where Bool is expected"),
            ("let a: i64 = v[e]", "the value of `a` is F64 where I64 is expected"),
            ("store on[e] = not v[e]", "the operand of Not is F64 where Bool is expected"),
            ("store k[e] = i64(-on[e])", "the operand of Neg is Bool where I32 or I64 or F64 is expected"),
            ("store v[e] = sqrt(j[e])", "the operand of Sqrt is I32 where F64 is expected"),
            ("store v[e] = float(v[e])", "the operand of FromBits is F64 where I64 is expected"),
            ("store v[e] = v[e] + k[e]", "the second operand of Add is I64 where F64 is expected"),
            ("store k[e] = k[e] / k[e]", "the first operand of Div is I64 where F64 is expected"),
            ("store v[e] = v[e] // v[e]", "the first operand of FloorDiv is F64 where I32 or I64 is expected"),
            ("store k[e] = i64(j[e] & j[e])", "the first operand of And is I32 where Bool or I64 is expected"),
            ("store on[e] = on[e] < on[e]", "the first operand of Lt is Bool where I32 or I64 or F64 is expected"),
            ("store on[e] = on[e] == v[e]", "the second operand of Eq is F64 where Bool is expected"),
            ("store v[e] = select(k[e], v[e], v[e])", "the condition of Select is I64 where Bool is expected"),
            ("store v[e] = select(on[e], v[e], k[e])", "the third operand of Select is I64 where F64 is expected"),
            ("store v[e] = f64(v[e])", "there is no conversion from F64 to F64"),
            ("store v[e] = exp(k[e])", "an argument of `exp` is I64 where F64 is expected"),
            ("store v[e] = exp(v[e], v[e])", "`exp` takes 1 arguments, not 2"),
            ("store v[e] = round32(k[e])", "the operand of Round32 is I64 where F64 is expected"),
            ("store k[e] = k[e] << 63", "well-formed"),
            ("store k[e] = k[e] << 64", "Shl takes a constant from 0 to 63 as its second operand"),
            ("store k[e] = k[e] >> -1", "Shr takes a constant from 0 to 63 as its second operand"),
            ("store k[e] = k[e] >> k[e]", "Shr takes a constant from 0 to 63 as its second operand"),
            ("store v[e] = gather w[i64(j[e]) % 2]", "well-formed"),
            ("store v[e] = gather w[j[e]]", "the index into `w` is I32 where I64 is expected"),
            ("store v[e] = gather w[v[e]]", "the index into `w` is F64 where I64 is expected"),
            ("store v[e] = gather v[0]", "`v` is no array that is only read"),
            ("store v[e] = gather tau[0]", "`tau` is no array that is only read"),
            ("store k[e] = gather w[0]", "the value for `k` is F64 where I64 is expected"),
        ];
        for (vector, expected) in cases {
            let found = check("", vector);
            let place = "bug in saltus: ill-formed kernel, in statement 1 of the vector part: ";
            assert_eq!(found.strip_prefix(place).unwrap_or(&found), expected, "{vector}");
        }
    }

    /// The fault of a good kernel after a change that its text cannot say.
    fn fault_after(change: impl FnOnce(&mut Kernel)) -> Option<Fault> {
        let text = format!("kernel select {{{PARAMS}\nscalar {{}}\nvector {{ let a: f64 = v[e] }}\nemit a < 1.0 }}");
        let mut kernel = parse_kernel(&text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(verify(&kernel), Ok(()));
        change(&mut kernel);
        verify(&kernel).err().map(|error| error.fault)
    }

    #[test]
    fn faults_of_names_and_numbers() {
        let local = |l| Expr::Local(LocalId(l));
        let place = Place { param: ParamId(99), index: Index::Element };
        let cases: Vec<(Option<Fault>, Fault)> = vec![
            (fault_after(|k| k.params[1].name = "v".into()), Fault::DuplicateName("v".into())),
            (fault_after(|k| k.locals[0].name = "v".into()), Fault::DuplicateName("v".into())),
            (fault_after(|k| k.locals[0].name = "a b".into()), Fault::BadName("a b".into())),
            (fault_after(|k| k.params[0].name = String::new()), Fault::BadName(String::new())),
            (fault_after(|k| k.vector[0] = Stmt::Let(LocalId(0), local(0))), Fault::NotComputed("a".into())),
            (fault_after(|k| drop(k.vector.remove(0))), Fault::NotComputed("a".into())),
            (fault_after(|k| k.vector.push(k.vector[0].clone())), Fault::ComputedTwice("a".into())),
            (fault_after(|k| k.vector[0] = Stmt::Let(LocalId(7), local(0))), Fault::NoLocal(LocalId(7))),
            (fault_after(|k| k.vector[0] = Stmt::Let(LocalId(0), local(7))), Fault::NoLocal(LocalId(7))),
            (fault_after(|k| k.vector[0] = Stmt::Let(LocalId(0), Expr::Load(place))), Fault::NoParam(ParamId(99))),
            (fault_after(|k| k.vector.push(Stmt::Comment("a \\".into()))), Fault::BadComment("a \\".into())),
            (fault_after(|k| k.vector.push(Stmt::Comment("a\nb".into()))), Fault::BadComment("a\nb".into())),
        ];
        for (found, expected) in cases {
            assert_eq!(found, Some(expected));
        }
        let number = |x| Stmt::Let(LocalId(0), x);
        let call = fault_after(|k| k.vector[0] = number(Expr::Call("nonesuch", vec![])));
        assert_eq!(call, Some(Fault::NoFunction("nonesuch".into())));
        let index = Box::new(Expr::Const(Const::I64(0)));
        let table = fault_after(|k| k.vector[0] = number(Expr::Table("ROOTS", index)));
        assert_eq!(table, Some(Fault::Table("ROOTS".into())));
        let flag = fault_after(|k| k.vector.push(Stmt::Flag(64, Expr::Const(Const::Bool(true)))));
        assert_eq!(flag, Some(Fault::BadFlag(64)));
        let condition = fault_after(|k| k.shape = LoopShape::Pairs(Expr::Element));
        assert!(matches!(condition, Some(Fault::Mistyped { found: Type::I32, .. })), "{condition:?}");
    }
}
