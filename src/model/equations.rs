//! Equations as written: lines of `dx/dt = f : unit (flags)`, `x = f : unit (flags)` and `x : unit (flags)`.
//!
//! In: text. Out: [`Equations`], and diagnostics for every line that is not one; the other lines are kept. An
//! expression may run over several lines, up to its `:`. Names are checked here, expressions are not resolved.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use crate::diag::{Diagnostic, Diagnostics, Span, Text};
use crate::expr::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use crate::expr::check::{CONSTANTS, ValueType, function, is_noise};
use crate::expr::parser::{KEYWORDS, Parsed, Parser};
use crate::unit::{self, Dimension};

/// The kinds of line.
#[derive(Clone, Debug, PartialEq)]
pub enum EquationKind {
    /// `dx/dt = f : unit`
    Differential(Expr),
    /// `x = f : unit`
    Subexpression(Expr),
    /// `x : unit`
    Parameter,
}

impl EquationKind {
    fn described(&self) -> &'static str {
        match self {
            EquationKind::Differential(_) => "a differential equation",
            EquationKind::Subexpression(_) => "a subexpression",
            EquationKind::Parameter => "a parameter",
        }
    }
}

/// What may stand in the parentheses after the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flag {
    /// Fixed during a run.
    Constant,
    /// One value for the whole group.
    Shared,
    /// The values are another group's.
    Linked,
    /// Stands still while the cell is refractory.
    UnlessRefractory,
    /// Evaluated once at the start of a step.
    ConstantOverDt,
    /// Integrated from event to event.
    EventDriven,
    /// Integrated at every step.
    ClockDriven,
    /// Sum over synapses.
    Summed,
    /// A current at a point of a compartment.
    PointCurrent,
}

/// Flags as written.
pub const FLAGS: [(&str, Flag); 9] = [
    ("constant", Flag::Constant),
    ("shared", Flag::Shared),
    ("linked", Flag::Linked),
    ("unless refractory", Flag::UnlessRefractory),
    ("constant over dt", Flag::ConstantOverDt),
    ("event-driven", Flag::EventDriven),
    ("clock-driven", Flag::ClockDriven),
    ("summed", Flag::Summed),
    ("point current", Flag::PointCurrent),
];

impl Flag {
    /// As written.
    pub fn name(self) -> &'static str {
        FLAGS.iter().find(|(_, f)| *f == self).map_or("", |(n, _)| n)
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Equation {
    /// The variable it defines.
    pub name: String,
    /// Where its name stands.
    pub name_span: Span,
    /// The kind of line, with its expression.
    pub kind: EquationKind,
    /// The type of the variable.
    pub ty: ValueType,
    /// The dimension of the variable (of `x`, not of `dx/dt`).
    pub dimension: Dimension,
    /// Flags and where they stand.
    pub flags: Vec<(Flag, Span)>,
}

impl Equation {
    /// Whether it has the flag.
    pub fn has(&self, flag: Flag) -> bool {
        self.flags.iter().any(|(f, _)| *f == flag)
    }
}

/// The equations of a group, by the name that each defines, in the order of the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Equations {
    /// The text they were written in.
    pub text: Text,
    /// By name.
    pub lines: IndexMap<String, Equation>,
    /// Names that lines with errors would have defined.
    pub in_error: BTreeSet<String>,
}

/// Parses equations.
///
/// ```
/// use saltus::{diag::{Diagnostics, Text}, model::equations};
/// let mut diagnostics = Diagnostics::default();
/// let text = Text::new("equations", "dv/dt = (I - v)/(10*ms) : 1 (unless refractory)\nI : 1");
/// let equations = equations::parse(&text, &mut diagnostics);
/// assert!(diagnostics.0.is_empty());
/// assert_eq!(equations.lines.keys().collect::<Vec<_>>(), ["v", "I"]);
/// ```
pub fn parse(text: &Text, diagnostics: &mut Diagnostics) -> Equations {
    let mut parser = Parser::new(text, diagnostics);
    let mut lines: IndexMap<String, Equation> = IndexMap::new();
    let mut in_error = BTreeSet::new();
    loop {
        parser.newlines_matter = true;
        while parser.take_newline() {}
        if parser.at_end() {
            break;
        }
        let start = parser.position();
        match line(&mut parser, text) {
            Ok(equation) if !check_name(&equation, &mut parser) => {
                in_error.insert(equation.name);
            }
            Ok(equation) => {
                if let Some(first) = lines.get(&equation.name) {
                    let message = format!("`{}` is defined twice", equation.name);
                    let hint = format!("it is already {}", first.kind.described());
                    parser.diagnostics.push(Diagnostic::error(text, equation.name_span, message).hint(hint));
                } else {
                    lines.insert(equation.name.clone(), equation);
                }
            }
            Err(error) => {
                parser.newlines_matter = true;
                // A line that lacks its unit runs on into the next one, which is looked at for itself.
                if parser.position() == start || !parser.at_line_start() {
                    while !parser.at_end() && !parser.take_newline() {
                        parser.advance();
                    }
                }
                let defined = parser.line_starts(start).map(|(name, is_divided)| match name.strip_prefix('d') {
                    Some(state) if is_divided => state,
                    _ => name,
                });
                in_error.extend(defined.map(str::to_string));
                // A character that is no token has been reported already and explains the rest.
                if !parser.is_lexed_badly(start) {
                    parser.diagnostics.push(*error);
                }
            }
        }
    }
    Equations { text: text.clone(), lines, in_error }
}

fn line(parser: &mut Parser<'_>, text: &Text) -> Parsed<Equation> {
    let (first, first_span) = parser.expect_name("the name of a variable")?;
    let (name, name_span, kind) = if first.starts_with('d') && first.len() > 1 && parser.take("/") {
        let (below, below_span) = parser.expect_name("`dt`")?;
        if below != "dt" {
            let error = parser.error(below_span, format!("expected `d{}/dt`, found `{first}/{below}`", &first[1..]));
            return Err(error);
        }
        let rhs = right_side(parser)?;
        let span = Span::new(first_span.start as usize + 1, first_span.end as usize);
        (first[1..].to_string(), span, EquationKind::Differential(rhs))
    } else if parser.at("=") {
        let rhs = right_side(parser)?;
        (first, first_span, EquationKind::Subexpression(rhs))
    } else {
        (first, first_span, EquationKind::Parameter)
    };
    if !parser.at(":") {
        let error = parser.unexpected(&format!("`:` and the unit of `{name}`"));
        return Err(match kind {
            // To compare is not what a `=` in an equation is meant for.
            _ if error.hint.is_some() && !parser.at("=") => error,
            EquationKind::Parameter => Box::new(error.hint(
                "an equation is `dx/dt = f : unit`, `x = f : unit` or `x : unit`, with unit `1` for plain numbers",
            )),
            _ => Box::new(error.hint(format!("every equation ends in its unit, such as `{name} = … : volt`"))),
        });
    }
    parser.newlines_matter = true;
    parser.take(":");
    let (ty, dimension) = unit_of(parser, text)?;
    let flags = flags(parser, text)?;
    if !parser.at_end() && !parser.take_newline() {
        return Err(parser.unexpected("the end of the line"));
    }
    let equation = Equation { name, name_span, kind, ty, dimension, flags };
    check_flags(&equation, parser);
    if ty != ValueType::Float && matches!(equation.kind, EquationKind::Differential(_)) {
        let message = format!("`{}` has a differential equation and so cannot be {}", equation.name, ty.described());
        let error = parser.error(equation.name_span, message);
        parser.diagnostics.push(error.hint("give it a unit, `1` for a plain number"));
    }
    Ok(equation)
}

/// `= expression`, over as many lines as it takes.
fn right_side(parser: &mut Parser<'_>) -> Parsed<Expr> {
    parser.expect("=")?;
    parser.newlines_matter = false;
    parser.expr()
}

/// A unit: `1`, `boolean`, `integer`, or a product of powers of base units.
fn unit_of(parser: &mut Parser<'_>, text: &Text) -> Parsed<(ValueType, Dimension)> {
    parser.calls = false;
    let parsed = parser.expr();
    parser.calls = true;
    let expr = parsed?;
    match &expr.kind {
        ExprKind::Name(n) if n == "boolean" => return Ok((ValueType::Boolean, Dimension::NONE)),
        ExprKind::Name(n) if n == "integer" => return Ok((ValueType::Integer, Dimension::NONE)),
        ExprKind::Name(n) if ["bool", "int", "float"].contains(&n.as_str()) => {
            let right = match n.as_str() {
                "bool" => "boolean",
                "int" => "integer",
                _ => "1",
            };
            let error = Diagnostic::error(text, expr.span, format!("`{n}` is not a unit"));
            return Err(Box::new(error.hint(format!("write `{right}`"))));
        }
        ExprKind::Int(1) => return Ok((ValueType::Float, Dimension::NONE)),
        _ => {}
    }
    dimension(&expr, text).map(|d| (ValueType::Float, d))
}

/// The dimension that a product of powers of base units stands for.
fn dimension(expr: &Expr, text: &Text) -> Parsed<Dimension> {
    match &expr.kind {
        ExprKind::Int(1) => Ok(Dimension::NONE),
        ExprKind::Name(name) => match unit::lookup(name) {
            Some(unit) if unit.scale == 1.0 => Ok(unit.dimension),
            Some(unit) => {
                let error = Diagnostic::error(text, expr.span, format!("`{name}` is not a base unit"));
                Err(Box::new(error.hint(format!("state variables are in base units: write `{}`", unit.dimension))))
            }
            None => {
                let names: Vec<String> =
                    unit::names().filter(|n| unit::lookup(n).is_some_and(|u| u.scale == 1.0)).collect();
                let candidates = names.iter().map(String::as_str).chain(["boolean", "integer"]);
                Err(Box::new(
                    Diagnostic::error(text, expr.span, format!("there is no unit `{name}`")).suggest(name, candidates),
                ))
            }
        },
        ExprKind::Binary(BinaryOp::Mul, x, y) => Ok(dimension(x, text)? * dimension(y, text)?),
        ExprKind::Binary(BinaryOp::Div, x, y) => Ok(dimension(x, text)? / dimension(y, text)?),
        ExprKind::Binary(BinaryOp::Pow, x, y) => match exponent(y) {
            Some(value) => Ok(dimension(x, text)?.powf(value)),
            None => Err(Box::new(Diagnostic::error(text, y.span, "the exponent of a unit is a number"))),
        },
        _ => Err(Box::new(
            Diagnostic::error(text, expr.span, format!("`{expr}` is not a unit"))
                .hint("write `1` for a plain number, or a product of base units such as `amp/meter**2`"),
        )),
    }
}

fn exponent(expr: &Expr) -> Option<f64> {
    match &expr.kind {
        ExprKind::Int(value) => Some(*value as f64),
        ExprKind::Float(value) => Some(*value),
        ExprKind::Unary(UnaryOp::Neg, x) => Some(-exponent(x)?),
        ExprKind::Binary(BinaryOp::Div, x, y) => Some(exponent(x)? / exponent(y)?),
        _ => None,
    }
}

/// `(flag, flag)`, read as text since flags have spaces and hyphens.
fn flags(parser: &mut Parser<'_>, text: &Text) -> Parsed<Vec<(Flag, Span)>> {
    let mut flags = Vec::new();
    if !parser.take("(") {
        return Ok(flags);
    }
    loop {
        let start = parser.peek().span.start as usize;
        while !parser.at(",") && !parser.at(")") && !parser.take_newline() {
            if parser.at_end() {
                return Err(parser.unexpected("`)` after the flags"));
            }
            parser.advance();
        }
        let span = Span::new(start, parser.last_end().max(start));
        let written = text.as_str()[start..span.end as usize].split_whitespace().collect::<Vec<_>>().join(" ");
        match FLAGS.iter().find(|(name, _)| *name == written) {
            Some((_, flag)) => flags.push((*flag, span)),
            None => {
                let names = FLAGS.iter().map(|(name, _)| *name);
                let error =
                    Diagnostic::error(text, span, format!("there is no flag `{written}`")).suggest(&written, names);
                parser.diagnostics.push(error);
            }
        }
        if !parser.take(",") {
            break;
        }
    }
    parser.expect(")")?;
    Ok(flags)
}

/// Refuses what Brian2 reserves; true if the name may be used.
fn check_name(equation: &Equation, parser: &mut Parser<'_>) -> bool {
    let Some((message, hint)) = name_problem(&equation.name, equation.has(Flag::Summed)) else { return true };
    let error = parser.error(equation.name_span, message);
    parser.diagnostics.push(Diagnostic { hint, ..*error });
    false
}

/// Why a name cannot be that of a variable, and what to do, if it cannot; sums are called by the ends of synapses.
pub fn name_problem(name: &str, is_summed: bool) -> Option<(String, Option<String>)> {
    let plain = |m: &str| (m.to_string(), None);
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    Some(if name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() || !name.chars().all(is_letter) {
        let hint = "a name has letters, digits and `_`, and does not start with a digit".to_string();
        (format!("`{name}` is not an identifier"), Some(hint))
    } else if KEYWORDS.contains(&name) {
        plain(&format!("`{name}` is a keyword and cannot name a variable"))
    } else if name.starts_with('_') {
        plain(&format!("`{name}` starts with an underscore, as only internal names do"))
    } else if ["t", "dt", "t_in_timesteps", "i", "N"].contains(&name) || is_noise(name) {
        plain(&format!("`{name}` has a meaning of its own and cannot be defined"))
    } else if ["not_refractory", "refractory", "refractory_until"].contains(&name) {
        plain(&format!("`{name}` belongs to refractoriness and cannot be defined"))
    } else if (name.ends_with("_pre") || name.ends_with("_post")) && !is_summed {
        let hint = "`_pre` and `_post` name the variables of the two sides of a synapse".to_string();
        (format!("`{name}` ends like a variable of synapses"), Some(hint))
    } else if unit::lookup(name).is_some() {
        plain(&format!("`{name}` is a unit and cannot name a variable"))
    } else if function(name).is_some() {
        plain(&format!("`{name}` is a function and cannot name a variable"))
    } else if CONSTANTS.iter().any(|(n, _)| *n == name) {
        plain(&format!("`{name}` is a constant and cannot name a variable"))
    } else {
        return None;
    })
}

/// Refuses flags that the kind of line cannot have, and pairs that exclude each other.
fn check_flags(equation: &Equation, parser: &mut Parser<'_>) {
    let allowed: &[Flag] = match equation.kind {
        EquationKind::Differential(_) => {
            &[Flag::UnlessRefractory, Flag::EventDriven, Flag::ClockDriven, Flag::PointCurrent]
        }
        EquationKind::Subexpression(_) => &[Flag::Shared, Flag::ConstantOverDt, Flag::Summed, Flag::PointCurrent],
        EquationKind::Parameter => &[Flag::Constant, Flag::Shared, Flag::Linked, Flag::PointCurrent],
    };
    for (k, (flag, span)) in equation.flags.iter().enumerate() {
        if equation.flags[..k].iter().any(|(f, _)| f == flag) {
            let error = parser.error(*span, format!("the flag `{}` stands twice", flag.name()));
            parser.diagnostics.push(*error);
        }
        if !allowed.contains(flag) {
            let names: Vec<String> = allowed.iter().map(|f| format!("`{}`", f.name())).collect();
            let message = format!("{} cannot have the flag `{}`", equation.kind.described(), flag.name());
            let error = parser.error(*span, message);
            parser.diagnostics.push(error.hint(format!("it can have {}", names.join(", "))));
        }
    }
    for (one, other) in [(Flag::Constant, Flag::Linked), (Flag::EventDriven, Flag::ClockDriven)] {
        if let (true, Some((_, span))) = (equation.has(one), equation.flags.iter().find(|(f, _)| *f == other)) {
            let message = format!("the flags `{}` and `{}` exclude each other", one.name(), other.name());
            let error = parser.error(*span, message);
            parser.diagnostics.push(*error);
        }
    }
}
