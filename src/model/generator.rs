//! The generator syntax of connections: `target for k in range(…) if condition`, `… in sample(…, p=…)`.
//!
//! In: text. Out: a [`Generator`] of trees, or diagnostics. What names mean, and whether the parts have the right types,
//! is checked by whoever knows the synapses.

use crate::diag::{Diagnostic, Diagnostics, Span, Text};
use crate::expr::ast::Expr;
use crate::expr::parser::{Parsed, Parser};

/// Which cells each cell is connected to.
#[derive(Clone, Debug, PartialEq)]
pub struct Generator {
    /// The other cell's number.
    pub target: Expr,
    /// The variable that runs over the candidates, if there is one.
    pub variable: Option<(String, Span)>,
    /// What it runs over.
    pub candidates: Candidates,
    /// Candidates for which this is false are left out.
    pub condition: Option<Expr>,
}

/// What the variable of a generator runs over.
#[derive(Clone, Debug, PartialEq)]
pub enum Candidates {
    /// Nothing: there is one other cell.
    One,
    /// All numbers of a range.
    All(Range),
    /// Each number of a range with this chance.
    Chance(Range, Expr),
    /// This many numbers of a range, drawn without putting back, ascending.
    Sample(Range, Expr),
}

/// `range(low, high, step)`
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// First number; 0 if absent.
    pub low: Option<Expr>,
    /// After the last number.
    pub high: Expr,
    /// From a number to the next one; 1 if absent.
    pub step: Option<Expr>,
}

/// Parses a generator; `None` after saying what is wrong.
///
/// ```
/// use saltus::{diag::{Diagnostics, Text}, model::generator::{Candidates, generator}};
/// let text = Text::new("connect.j", "k for k in sample(i, N_post, p=0.1) if k != i");
/// let mut diagnostics = Diagnostics::default();
/// let parsed = generator(&text, &mut diagnostics).unwrap();
/// assert!(matches!(parsed.candidates, Candidates::Chance(..)) && parsed.condition.is_some());
/// ```
pub fn generator(text: &Text, diagnostics: &mut Diagnostics) -> Option<Generator> {
    let before = diagnostics.0.len();
    let mut parser = Parser::new(text, diagnostics);
    parser.newlines_matter = false;
    let parsed = whole(&mut parser);
    if diagnostics.has_errors_since(before) {
        return None;
    }
    match parsed {
        Ok(generator) => Some(generator),
        Err(error) => {
            diagnostics.push(*error);
            None
        }
    }
}

fn whole(parser: &mut Parser<'_>) -> Parsed<Generator> {
    let target = parser.expr()?;
    if !parser.take_word("for") {
        let condition = condition(parser)?;
        parser.expect_end()?;
        return Ok(Generator { target, variable: None, candidates: Candidates::One, condition });
    }
    let variable = parser.expect_name("the name of a variable after `for`")?;
    if !parser.take_word("in") {
        return Err(parser.unexpected("`in`"));
    }
    let (function, span) = parser.expect_name("`range(…)` or `sample(…)`")?;
    if !["range", "sample"].contains(&function.as_str()) {
        let error = Diagnostic::error(parser.text(), span, format!("`{function}` gives no candidates"));
        return Err(Box::new(error.hint("write `range(…)`, or `sample(…, p=…)`")));
    }
    parser.expect("(")?;
    let (range, option) = arguments(parser, &function, span)?;
    let candidates = match (function.as_str(), option) {
        ("range", None) => Candidates::All(range),
        (_, Some((Sampling::Chance, value))) => Candidates::Chance(range, value),
        (_, Some((Sampling::Size, value))) => Candidates::Sample(range, value),
        _ => {
            let error = Diagnostic::error(parser.text(), span, "`sample` needs a chance or a size");
            return Err(Box::new(error.hint("write `sample(N_post, p=0.1)` or `sample(N_post, size=10)`")));
        }
    };
    let condition = condition(parser)?;
    parser.expect_end()?;
    Ok(Generator { target, variable: Some(variable), candidates, condition })
}

fn condition(parser: &mut Parser<'_>) -> Parsed<Option<Expr>> {
    if parser.take_word("if") { parser.expr().map(Some) } else { Ok(None) }
}

#[derive(Clone, Copy)]
enum Sampling {
    Chance,
    Size,
}

/// The arguments after `(`, with the `)`.
fn arguments(parser: &mut Parser<'_>, function: &str, span: Span) -> Parsed<(Range, Option<(Sampling, Expr)>)> {
    let mut bounds = Vec::new();
    let mut option = None;
    loop {
        let keyword = [("p", Sampling::Chance), ("size", Sampling::Size)];
        let found = keyword.into_iter().find(|(word, _)| function == "sample" && parser.at_keyword(word));
        match found {
            Some((word, sampling)) => {
                parser.take_word(word);
                parser.expect("=")?;
                if option.is_some() {
                    return Err(parser.error(span, "`sample` takes a chance or a size, not both"));
                }
                option = Some((sampling, parser.expr()?));
            }
            None if option.is_some() => return Err(parser.unexpected("`)`")),
            None => bounds.push(parser.expr()?),
        }
        if !parser.take(",") {
            break;
        }
    }
    parser.expect(")")?;
    let mut bounds = bounds.into_iter();
    let range = match (bounds.next(), bounds.next(), bounds.next(), bounds.next()) {
        (Some(high), None, ..) => Range { low: None, high, step: None },
        (Some(low), Some(high), step, None) => Range { low: Some(low), high, step },
        _ => {
            let error = parser.error(span, format!("`{function}` takes one to three numbers"));
            return Err(Box::new(error.hint("`range(high)`, `range(low, high)` or `range(low, high, step)`")));
        }
    };
    Ok((range, option))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Generator, String> {
        let mut diagnostics = Diagnostics::default();
        let parsed = generator(&Text::new("j", text), &mut diagnostics);
        parsed.ok_or_else(|| diagnostics.0.iter().map(|d| d.message.clone()).collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn every_form_has_its_tree() {
        for (text, low, step, kind) in [
            ("k for k in range(10)", false, false, "all"),
            ("k for k in range(i, N_post)", true, false, "all"),
            ("(i + k) % N_post for k in range(-3, 4, 2) if k != 0 and i > 2", true, true, "all"),
            ("k for k in sample(N_post, p=0.1*i)", false, false, "chance"),
            ("k for k in sample(0, N_post, 2, p = x_pre)", true, true, "chance"),
            ("k for k in sample(N_post, size=int(N_post/2))", false, false, "sample"),
            ("p for p in range(p)", false, false, "all"),
        ] {
            let parsed = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let (range, found) = match &parsed.candidates {
                Candidates::All(range) => (range, "all"),
                Candidates::Chance(range, _) => (range, "chance"),
                Candidates::Sample(range, _) => (range, "sample"),
                Candidates::One => panic!("{text}: no candidates"),
            };
            assert_eq!((range.low.is_some(), range.step.is_some(), found), (low, step, kind), "{text}");
            assert!(parsed.variable.is_some());
        }
        let one = parse("i if i < N_post").expect("a number with a condition");
        assert!(one.candidates == Candidates::One && one.condition.is_some());
    }

    #[test]
    fn what_is_no_generator_is_refused() {
        for (text, message) in [
            ("k for k in sample(10)", "`sample` needs a chance or a size"),
            ("k for k in list(10)", "`list` gives no candidates"),
            ("k for k range(10)", "expected `in`, found `range`"),
            ("k for k in range(10, 11, 12, 13)", "`range` takes one to three numbers"),
            ("k for k in sample(10, p=0.1, size=3)", "`sample` takes a chance or a size, not both"),
            ("k for k in sample(10, p=0.1, 3)", "expected `)`, found `3`"),
            ("k for k in range(10) for", "expected the end of the expression, found `for`"),
            ("k for if in range(10)", "expected the name of a variable after `for`, found `if`"),
        ] {
            assert_eq!(parse(text), Err(message.to_string()), "{text}");
        }
    }
}
