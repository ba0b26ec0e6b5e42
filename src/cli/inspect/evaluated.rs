//! What expressions give, as a table or as JSON.

use serde_json::{Value, json};

use crate::cli::args::Inspect;
use crate::cli::failure::Failure;
use crate::cli::load::Loaded;
use crate::cli::output::format::{grouped, simulated};
use crate::cli::output::json::{SIMULATOR, write_value};
use crate::cli::say;
use crate::cli::table::{Align, table};
use crate::engine::{Options, Tier};
use crate::expr::check::ValueType;
use crate::inspect::{Evaluated, eval, eval_native};
use crate::network::{Error, Network};

/// How many values a table shows, and how many letters of an expression and of those values.
const SHOWN: usize = 3;
const EXPRESSION_WIDTH: usize = 20;
const VALUES_WIDTH: usize = 16;

/// Evaluates what was asked for, after a run if there is to be one, and shows it.
pub fn show(arguments: &Inspect, loaded: Loaded, options: Options, model: &str) -> Result<(), Failure> {
    let options = Options { allow_native: arguments.allow_native, ..options };
    let mut network = match arguments.run {
        Some(_) => super::run(loaded, options)?,
        None => Network::from_checked(loaded.checked, Options { tier: Tier::Interpreter, ..options })?,
    };
    let asked = arguments.eval.iter().map(|text| (text, false)).chain(arguments.eval_c.iter().map(|text| (text, true)));
    let mut found = Vec::new();
    for (text, is_c) in asked {
        let (scope, expression) = parts(text);
        let seen = match is_c {
            true => eval_native(&mut network, expression, scope),
            false => eval(&mut network, expression, scope),
        };
        let seen = seen.map_err(|error| match error {
            // The expression is of the command line, not of the model.
            Error::Model(diagnostics) => Failure::Expression(diagnostics),
            error => error.into(),
        })?;
        seen.warnings.0.iter().for_each(|warning| say::problem(&warning.to_string()));
        found.push((seen, is_c));
    }
    if let Some(file) = &arguments.json {
        let evaluated: Vec<Value> = found.iter().map(|(seen, is_c)| document(seen, *is_c)).collect();
        return Ok(write_value(&json!({"model": model, "simulator": SIMULATOR, "evaluated": evaluated}), file)?);
    }
    say::answer(&text(&found.iter().map(|(seen, _)| seen).collect::<Vec<_>>()))
}

/// The group, if one is named, and the expression: no expression begins with a name and a colon.
fn parts(text: &str) -> (Option<&str>, &str) {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    match text.split_once(':').map(|(name, expression)| (name.trim(), expression.trim())) {
        Some((name, expression)) if is_name(name) => (Some(name), expression),
        _ => (None, text.trim()),
    }
}

fn document(seen: &Evaluated, is_c: bool) -> Value {
    json!({
        "expression": seen.expression,
        "language": if is_c { "C" } else { "model" },
        "scope": seen.scope,
        "t": seen.t_seconds,
        "type": word(seen.ty),
        "unit": seen.dimension.to_string(),
        "is_single": seen.is_single,
        "count": seen.values.len(),
        "statistics": seen.statistics().map(|s| json!({"min": s.min, "mean": s.mean, "max": s.max, "nan": s.nan})),
        "values": seen.values,
    })
}

fn word(ty: ValueType) -> &'static str {
    match ty {
        ValueType::Boolean => "boolean",
        ValueType::Integer => "integer",
        ValueType::Float => "float",
    }
}

/// One line for each.
fn text(all: &[&Evaluated]) -> String {
    let columns = [
        ("expression", Align::Left),
        ("of", Align::Left),
        ("unit", Align::Left),
        ("n", Align::Right),
        ("min", Align::Right),
        ("mean", Align::Right),
        ("max", Align::Right),
        ("values", Align::Left),
    ];
    let rows: Vec<Vec<String>> = all.iter().map(|seen| row(seen)).collect();
    let mut text = table(&columns, &rows);
    for seen in all {
        if let Some(nan) = seen.statistics().map_or(Some(seen.values.len()), |s| Some(s.nan)).filter(|nan| *nan > 0) {
            text +=
                &format!("{}: {} of {} are not a number\n", seen.expression, grouped(nan), grouped(seen.values.len()));
        }
    }
    let t_seconds = all.first().map_or(0.0, |seen| seen.t_seconds);
    text + &format!("at t = {}\n", simulated(t_seconds))
}

fn row(seen: &Evaluated) -> Vec<String> {
    let none = || "-".to_owned();
    let scale = seen.scale();
    let of_all = match seen.statistics().filter(|_| !seen.is_single) {
        Some(all) => [shown(seen, all.min), significant(scale.number(all.mean)), shown(seen, all.max)],
        None => [none(), none(), none()],
    };
    let mut cells = vec![
        cut(&seen.expression, EXPRESSION_WIDTH),
        seen.scope.clone().unwrap_or_else(none),
        if scale.name.is_empty() { none() } else { scale.name },
        if seen.is_single { none() } else { grouped(seen.values.len()) },
    ];
    cells.extend(of_all);
    cells.push(first_values(seen));
    cells
}

/// A value for a table.
fn shown(seen: &Evaluated, value: f64) -> String {
    match seen.ty {
        ValueType::Boolean => (value != 0.0).to_string(),
        ValueType::Integer if seen.dimension.is_dimensionless() => value.to_string(),
        _ => significant(seen.scale().number(value)),
    }
}

/// A float with five digits that count, and its point: `-65.`, `0.33333`, `1.5e-7`.
fn significant(value: f64) -> String {
    const DIGITS: i32 = 5;
    let size = value.abs();
    if !value.is_finite() || size != 0.0 && !(1e-4..1e7).contains(&size) {
        return if value.is_finite() { format!("{value:.3e}") } else { value.to_string().to_lowercase() };
    }
    let before = if size < 1.0 { 0 } else { size.log10().floor() as i32 + 1 };
    let text = format!("{value:.*}", (DIGITS - before).max(1) as usize);
    let text = text.trim_end_matches('0');
    if value == 0.0 { "0.".to_owned() } else { text.to_owned() }
}

/// As many of the first values as there is room for.
fn first_values(seen: &Evaluated) -> String {
    let mut text = String::new();
    for (k, value) in seen.values.iter().take(SHOWN).enumerate() {
        let value = shown(seen, *value);
        if k > 0 && text.chars().count() + value.chars().count() + 1 > VALUES_WIDTH {
            return text + " …";
        }
        text += if k == 0 { "" } else { " " };
        text += &value;
    }
    if seen.values.len() > SHOWN { text + " …" } else { text }
}

/// One line of at most so many letters.
fn cut(text: &str, width: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.chars().count() > width {
        true => line.chars().take(width - 1).chain(['…']).collect(),
        false => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_stands_before_a_colon() {
        for (text, expected) in [
            ("cells: v - El", (Some("cells"), "v - El")),
            ("v - El", (None, "v - El")),
            ("S:w", (Some("S"), "w")),
            ("count > 1 ? 1 : 0", (None, "count > 1 ? 1 : 0")),
            ("cells: v[0] ? 1 : 0", (Some("cells"), "v[0] ? 1 : 0")),
            ("1:2", (None, "1:2")),
        ] {
            assert_eq!(parts(text), expected, "{text}");
        }
    }

    #[test]
    fn tables_have_the_digits_that_count() {
        for (value, text) in [
            (-65.0, "-65."),
            (1.0 / 3.0, "0.33333"),
            (1e6 / 3.0, "333333.3"),
            (-68.0 - 2.0 / 3.0, "-68.667"),
            (0.0, "0."),
            (-0.0, "0."),
            (1.5e-7, "1.500e-7"),
            (2e9, "2.000e9"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(significant(value), text);
        }
    }

    #[test]
    fn long_expressions_are_cut() {
        assert_eq!(cut("a  +\n b", 24), "a + b");
        assert_eq!(cut("0123456789", 5), "0123…");
    }
}
