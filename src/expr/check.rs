//! Dimensions and types of expressions, by Brian2's rules.
//!
//! In: a tree and a [`Scope`] that knows what names mean. Out: the [`Kind`] of its value, or diagnostics; one wrong
//! operand does not hide errors in another. Types form the chain boolean < integer < float: `/` is always float, the
//! other arithmetic gives the higher type of its operands; a boolean variable counts as 0 or 1, but a condition written
//! out needs `int(...)`. Sums, `%` and comparisons need equal dimensions, `//` and most functions none.

use super::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
pub use super::functions::{Argument, FUNCTIONS, RANDOM_FUNCTIONS, ResultDimension, Signature, draws, function};
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::unit::Dimension;

/// The type of a value in a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueType {
    /// True or false.
    Boolean,
    /// A whole number.
    Integer,
    /// A number.
    Float,
}

impl ValueType {
    /// With its article, for messages.
    pub fn described(self) -> &'static str {
        match self {
            ValueType::Boolean => "a boolean",
            ValueType::Integer => "an integer",
            ValueType::Float => "a float",
        }
    }
}

/// What kind of value an expression has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its type.
    pub ty: ValueType,
    /// Its dimension.
    pub dimension: Dimension,
}

impl Kind {
    /// A number without a unit.
    pub const fn plain(ty: ValueType) -> Kind {
        Kind { ty, dimension: Dimension::NONE }
    }
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Meaning {
    /// The kind of its value.
    pub kind: Kind,
    /// Its value in SI units, if it is a constant or a unit.
    pub constant: Option<f64>,
}

/// What the names of an expression mean.
pub trait Scope {
    /// The meaning of a variable, constant or unit; `Err` says why this name cannot be used here.
    fn meaning(&self, name: &str) -> Result<Meaning, Unknown>;
    /// Names near which a mistyped one is sought.
    fn candidates(&self) -> Vec<String>;
    /// A function that the model itself defines.
    fn function(&self, _name: &str) -> Option<FunctionMeaning> {
        None
    }
    /// Names of the functions that the model itself defines.
    fn functions(&self) -> Vec<String> {
        Vec::new()
    }
    /// Why no random number can be drawn here, and perhaps what to do; `None` if it can.
    fn forbids_drawing(&self) -> Option<(String, Option<String>)> {
        None
    }
}

/// What a function that the model defines takes and gives.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionMeaning {
    /// What it takes.
    pub arguments: Vec<Argument>,
    /// What it gives.
    pub result: Kind,
    /// Whether two calls with equal arguments can differ, as with random numbers.
    pub stateful: bool,
}

/// Why a name has no meaning.
#[derive(Clone, Debug, PartialEq)]
pub enum Unknown {
    /// Nothing of that name exists.
    Name,
    /// It exists, but not here; the text says why and perhaps what to do.
    NotHere(String, Option<String>),
    /// Its definition is wrong, which has been said; what it would have been is not known.
    InError,
}

/// Constants that every model knows.
pub const CONSTANTS: [(&str, f64); 3] =
    [("pi", std::f64::consts::PI), ("e", std::f64::consts::E), ("inf", f64::INFINITY)];

/// Whether `name` is white noise: `xi` or `xi_NAME`.
pub fn is_noise(name: &str) -> bool {
    name == "xi" || name.starts_with("xi_")
}

/// The kind of `expr`, or `None` after saying what is wrong with it.
pub fn check(expr: &Expr, scope: &dyn Scope, text: &Text, diagnostics: &mut Diagnostics) -> Option<Kind> {
    let mut checker = Checker { scope, text, diagnostics };
    let kind = checker.kind(expr);
    checker.refuse_repeated_draws(expr).and(kind)
}

/// Checks that `expr` is a condition.
pub fn check_condition(
    expr: &Expr,
    what: &str,
    scope: &dyn Scope,
    text: &Text,
    diagnostics: &mut Diagnostics,
) -> Option<()> {
    let kind = check(expr, scope, text, diagnostics)?;
    if kind.ty == ValueType::Boolean {
        return Some(());
    }
    let message = format!("{what} is not a condition: `{expr}` is {}", described(kind));
    diagnostics.push(Diagnostic::error(text, expr.span, message).hint("compare it with something, such as `v > 0*mV`"));
    None
}

/// For messages: `a float in volt`.
pub fn described(kind: Kind) -> String {
    match kind.dimension.is_dimensionless() {
        true => kind.ty.described().to_string(),
        false => format!("{} in {}", kind.ty.described(), kind.dimension),
    }
}

struct Checker<'a> {
    scope: &'a dyn Scope,
    text: &'a Text,
    diagnostics: &'a mut Diagnostics,
}

impl Checker<'_> {
    fn fail<T>(&mut self, expr: &Expr, message: String, hint: Option<String>) -> Option<T> {
        let error = Diagnostic::error(self.text, expr.span, message);
        self.diagnostics.push(Diagnostic { hint, ..error });
        None
    }

    fn kind(&mut self, expr: &Expr) -> Option<Kind> {
        match &expr.kind {
            ExprKind::Int(_) => Some(Kind::plain(ValueType::Integer)),
            ExprKind::Float(_) => Some(Kind::plain(ValueType::Float)),
            ExprKind::Bool(_) => Some(Kind::plain(ValueType::Boolean)),
            ExprKind::Name(name) => self.name(expr, name),
            ExprKind::Unary(UnaryOp::Neg, x) => {
                let kind = self.number(x)?;
                if kind.ty == ValueType::Boolean {
                    return self.fail(
                        x,
                        format!("cannot negate the boolean `{x}`"),
                        Some("write `not` or `int(...)`".into()),
                    );
                }
                Some(kind)
            }
            ExprKind::Unary(UnaryOp::Not, x) => self.truth(x),
            ExprKind::Logic(_, x, y) => {
                let (x, y) = (self.truth(x), self.truth(y));
                x.and(y)
            }
            ExprKind::Compare(op, x, y) => {
                let (left, right) = (self.kind(x), self.kind(y));
                let (left, right) = (left?, right?);
                if left.dimension != right.dimension {
                    let message = format!(
                        "cannot compare `{x}` ({}) and `{y}` ({}) by `{}`",
                        in_brackets(left),
                        in_brackets(right),
                        op.symbol()
                    );
                    let hint = zero_hint(x, right).or_else(|| zero_hint(y, left));
                    return self.fail(expr, message, hint);
                }
                Some(Kind::plain(ValueType::Boolean))
            }
            ExprKind::Binary(op, x, y) => self.binary(expr, *op, x, y),
            ExprKind::Call(name, arguments) => self.call(expr, name, arguments),
        }
    }

    fn name(&mut self, expr: &Expr, name: &str) -> Option<Kind> {
        match self.scope.meaning(name) {
            Ok(meaning) => Some(meaning.kind),
            Err(Unknown::InError) => None,
            Err(Unknown::NotHere(message, hint)) => self.fail(expr, message, hint),
            Err(Unknown::Name) if function(name).is_some() || self.scope.function(name).is_some() => {
                self.fail(expr, format!("`{name}` is a function"), Some(format!("call it: `{name}(...)`")))
            }
            Err(Unknown::Name) if is_noise(name) => {
                let message = format!("`{name}` is noise, which exists in differential equations only");
                self.fail(expr, message, Some("draw with `randn()` in other code".into()))
            }
            Err(Unknown::Name) => {
                let candidates = self.scope.candidates();
                let error = Diagnostic::error(self.text, expr.span, format!("`{name}` is not defined"))
                    .suggest(name, candidates.iter().map(String::as_str));
                self.diagnostics.push(error);
                None
            }
        }
    }

    /// An operand of `and`, `or`, `not`.
    fn truth(&mut self, expr: &Expr) -> Option<Kind> {
        let kind = self.kind(expr)?;
        if kind.ty != ValueType::Boolean {
            let message = format!("`and`, `or` and `not` need conditions: `{expr}` is {}", described(kind));
            return self.fail(expr, message, Some("compare it with something".into()));
        }
        Some(kind)
    }

    /// An operand of arithmetic: a condition written out is refused, as in Brian2.
    fn number(&mut self, expr: &Expr) -> Option<Kind> {
        let kind = self.kind(expr)?;
        let condition = matches!(
            expr.kind,
            ExprKind::Compare(..) | ExprKind::Logic(..) | ExprKind::Unary(UnaryOp::Not, _) | ExprKind::Bool(_)
        );
        if condition {
            let message = format!("cannot calculate with the condition `{expr}`");
            return self.fail(expr, message, Some(format!("write `int({expr})` for 0 or 1")));
        }
        Some(kind)
    }

    fn binary(&mut self, expr: &Expr, op: BinaryOp, x: &Expr, y: &Expr) -> Option<Kind> {
        let (left, right) = (self.number(x), self.number(y));
        let (left, right) = (left?, right?);
        let highest = left.ty.max(right.ty);
        if highest == ValueType::Boolean {
            let message = format!("cannot calculate `{}` of two booleans", op.symbol());
            return self.fail(expr, message, Some("write `int(...)` around them".into()));
        }
        let dimension = match op {
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mod => {
                if left.dimension != right.dimension {
                    return self.mismatch(expr, op, (x, left), (y, right));
                }
                left.dimension
            }
            BinaryOp::Mul => left.dimension * right.dimension,
            BinaryOp::Div => left.dimension / right.dimension,
            BinaryOp::FloorDiv => {
                for (operand, kind) in [(x, left), (y, right)] {
                    if !kind.dimension.is_dimensionless() {
                        let message = format!("`//` needs plain numbers: `{operand}` is in {}", kind.dimension);
                        return self.fail(operand, message, Some("divide by a unit first".into()));
                    }
                }
                Dimension::NONE
            }
            BinaryOp::Pow => self.power(left, right, y)?,
        };
        Some(Kind { ty: if op == BinaryOp::Div { ValueType::Float } else { highest }, dimension })
    }

    fn mismatch(&mut self, expr: &Expr, op: BinaryOp, x: (&Expr, Kind), y: (&Expr, Kind)) -> Option<Kind> {
        let ((x, left), (y, right)) = (x, y);
        let (what, word) = match op {
            BinaryOp::Add => ("add", "and"),
            BinaryOp::Sub => ("subtract", "and"),
            _ => ("take the remainder of", "by"),
        };
        let message = format!("cannot {what} `{x}` ({}) {word} `{y}` ({})", in_brackets(left), in_brackets(right));
        let hint = zero_hint(x, right).or_else(|| zero_hint(y, left)).or_else(|| {
            let factor = left.dimension / right.dimension;
            let named = factor.to_string();
            (!named.contains(['*', ' ', '/']) && named != "1")
                .then(|| format!("multiply `{y}` by something in {named}"))
        });
        self.fail(expr, message, hint)
    }

    fn power(&mut self, base: Kind, exponent: Kind, written: &Expr) -> Option<Dimension> {
        if !exponent.dimension.is_dimensionless() {
            let message = format!("an exponent is a plain number: `{written}` is in {}", exponent.dimension);
            return self.fail(written, message, None);
        }
        if base.dimension.is_dimensionless() {
            return Some(Dimension::NONE);
        }
        match self.constant(written) {
            // Beyond, not even the exponents of the dimension have room.
            Some(value) if value.abs() <= 1000.0 => Some(base.dimension.powf(value)),
            Some(value) => {
                self.fail(written, format!("the exponent {value} of a value with a unit is too large"), None)
            }
            None => self.fail(
                written,
                format!("the exponent of a value in {} must be a constant, `{written}` is not", base.dimension),
                Some("divide the base by its unit first".into()),
            ),
        }
    }

    /// The value of an exponent that is made of literals and constants.
    fn constant(&self, expr: &Expr) -> Option<f64> {
        match &expr.kind {
            ExprKind::Int(value) => Some(*value as f64),
            ExprKind::Float(value) => Some(*value),
            ExprKind::Name(name) => self.scope.meaning(name).ok()?.constant,
            ExprKind::Unary(UnaryOp::Neg, x) => Some(-self.constant(x)?),
            ExprKind::Binary(op, x, y) => {
                let (x, y) = (self.constant(x)?, self.constant(y)?);
                match op {
                    BinaryOp::Add => Some(x + y),
                    BinaryOp::Sub => Some(x - y),
                    BinaryOp::Mul => Some(x * y),
                    BinaryOp::Div => Some(x / y),
                    BinaryOp::FloorDiv | BinaryOp::Mod | BinaryOp::Pow => None,
                }
            }
            _ => None,
        }
    }

    fn call(&mut self, expr: &Expr, name: &str, arguments: &[Expr]) -> Option<Kind> {
        let kinds: Vec<Option<Kind>> = arguments.iter().map(|a| self.kind(a)).collect();
        if let Some(own) = self.scope.function(name) {
            self.arguments(expr, name, arguments, kinds, &own.arguments)?;
            return self.allow_drawing(expr, name, own.stateful).map(|()| own.result);
        }
        let Some(signature) = function(name) else {
            return self.unknown_function(expr, name);
        };
        let kinds = self.arguments(expr, name, arguments, kinds, signature.arguments)?;
        self.allow_drawing(expr, name, draws(name))?;
        let highest = kinds.iter().skip(usize::from(name == "_select")).map(|k| k.ty).max();
        Some(Kind {
            ty: signature.ty.or(highest).unwrap_or(ValueType::Float),
            dimension: match signature.dimension {
                ResultDimension::Plain => Dimension::NONE,
                ResultDimension::AsFirst => kinds[0].dimension,
                ResultDimension::RootOfFirst => kinds[0].dimension.sqrt(),
            },
        })
    }

    fn allow_drawing(&mut self, expr: &Expr, name: &str, draws: bool) -> Option<()> {
        match self.scope.forbids_drawing().filter(|_| draws) {
            Some((reason, hint)) => self.fail(expr, format!("`{name}` draws random numbers, {reason}"), hint),
            None => Some(()),
        }
    }

    /// Two draws in one calculation look alike to algebra, which could cancel them: refused, as in Brian2.
    fn refuse_repeated_draws(&mut self, expr: &Expr) -> Option<()> {
        let mut repeated = None;
        self.find_repeated_draws(expr, &mut Vec::new(), &mut repeated);
        let Some((again, name)) = repeated else { return Some(()) };
        let message = format!("`{name}` is called twice in one calculation");
        let hint = format!("draw in statements of their own: `a = {again}`, then `b = {again}`");
        self.fail(again, message, Some(hint))
    }

    /// Sides of comparisons and operands of `and`, `or`, `not` are calculations of their own.
    fn find_repeated_draws<'e>(
        &self,
        expr: &'e Expr,
        seen: &mut Vec<&'e str>,
        repeated: &mut Option<(&'e Expr, String)>,
    ) {
        if let ExprKind::Call(name, _) = &expr.kind
            && (draws(name) || self.scope.function(name).is_some_and(|f| f.stateful))
        {
            if seen.contains(&name.as_str()) {
                repeated.get_or_insert((expr, name.clone()));
            }
            seen.push(name);
        }
        let is_apart =
            matches!(expr.kind, ExprKind::Compare(..) | ExprKind::Logic(..) | ExprKind::Unary(UnaryOp::Not, _));
        for child in expr.children() {
            match is_apart {
                true => self.find_repeated_draws(child, &mut Vec::new(), repeated),
                false => self.find_repeated_draws(child, seen, repeated),
            }
        }
    }

    /// The kinds of the arguments, if they are what the function takes.
    fn arguments(
        &mut self,
        expr: &Expr,
        name: &str,
        arguments: &[Expr],
        kinds: Vec<Option<Kind>>,
        takes: &[Argument],
    ) -> Option<Vec<Kind>> {
        if arguments.len() != takes.len() {
            let takes = if takes.len() == 1 { "1 argument".into() } else { format!("{} arguments", takes.len()) };
            return self.fail(expr, format!("`{name}` takes {takes}, not {}", arguments.len()), None);
        }
        let kinds: Vec<Kind> = kinds.into_iter().collect::<Option<_>>()?;
        for ((argument, kind), asked) in arguments.iter().zip(&kinds).zip(takes) {
            let wanted = match asked {
                Argument::Any => continue,
                Argument::Plain => Dimension::NONE,
                Argument::AsFirst => kinds[0].dimension,
                Argument::Of(dimension) | Argument::Typed(dimension, _) => *dimension,
            };
            if kind.dimension != wanted {
                let (message, hint) = if wanted.is_dimensionless() {
                    let message = format!("`{name}` needs a plain number: `{argument}` is in {}", kind.dimension);
                    (message, Some("divide it by a constant of the same dimension".to_string()))
                } else {
                    let found = kind.dimension.described();
                    let message = format!("`{name}` needs a value in {wanted}: `{argument}` is {found}");
                    (message, zero_hint(argument, Kind { dimension: wanted, ..*kind }))
                };
                return self.fail(argument, message, hint);
            }
            let Argument::Typed(_, ty) = asked else { continue };
            if kind.ty != *ty {
                let message = format!("`{name}` needs {}: `{argument}` is {}", ty.described(), kind.ty.described());
                let hint = (*ty == ValueType::Integer).then(|| format!("write `int({argument})`"));
                return self.fail(argument, message, hint);
            }
        }
        Some(kinds)
    }

    fn unknown_function(&mut self, expr: &Expr, name: &str) -> Option<Kind> {
        match self.scope.meaning(name) {
            Ok(_) => {
                let hint = "a `*` may be missing before the parenthesis";
                return self.fail(expr, format!("`{name}` is not a function"), Some(hint.into()));
            }
            Err(Unknown::InError) => return None,
            Err(_) => {}
        }
        let own = self.scope.functions();
        let names = FUNCTIONS.iter().chain(&RANDOM_FUNCTIONS).map(|f| f.name).filter(|n| !n.starts_with('_'));
        let names = names.chain(own.iter().map(String::as_str));
        let error = Diagnostic::error(self.text, expr.span, format!("there is no function `{name}`"));
        let alias = match name {
            "asin" | "acos" | "atan" => Some(format!("it is called `arc{}`", &name[1..])),
            "ln" => Some("it is called `log`".to_string()),
            "fabs" => Some("it is called `abs`".to_string()),
            "pow" => Some("write `x**y`".to_string()),
            "min" | "max" => Some("use `clip(x, low, high)`".to_string()),
            _ => None,
        };
        self.diagnostics.push(match alias {
            Some(hint) => error.hint(hint),
            None => error.suggest(name, names),
        });
        None
    }
}

/// A unit after the expression that has it.
fn in_brackets(kind: Kind) -> String {
    if kind.dimension.is_dimensionless() { "no unit".to_string() } else { kind.dimension.to_string() }
}

/// `0` beside a value with a unit: says how to write it.
fn zero_hint(expr: &Expr, other: Kind) -> Option<String> {
    let literal = matches!(expr.kind, ExprKind::Int(_) | ExprKind::Float(_));
    (literal && !other.dimension.is_dimensionless()).then(|| format!("give it a unit: `{expr}*{}`", other.dimension))
}
