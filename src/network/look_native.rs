//! Looking at a network by an expression in C, where native code is allowed.
//!
//! The expression gets the value of each name of the scope that it uses: one constant, or a pointer to one for each
//! element, in SI units. They are copies, so that nothing that runs can be written. What a compiler says is told at the
//! user's own text.

use super::Network;
use super::check::Source;
use super::error::Error;
use super::look::Evaluated;
use crate::diag::{Diagnostic, Diagnostics, Span, Text, nearest};
use crate::engine::{
    AROUND_EXPRESSION, ELEMENT, EXPRESSION_PLACE, EngineError, NativeExpression, NativeTable, functions_in_c,
    identifiers, model_name, native_expression,
};
use crate::expr::check::ValueType;
use crate::runtime::array::{Array, ElementType};
use crate::unit::Dimension;

impl Network {
    /// The value of an expression in C over the names of a scope, as things stand: `exp(v[0])*2` once, or, where `_idx`
    /// occurs in it, for each element: `v[_idx] - v[0]`. What each element has its own value of is a `const` pointer to
    /// the values, everything else a constant; names that mean something else in C get a `_u_` before them. The functions
    /// are those that kernels have. The expression is compiled as kernels are, and kept in the store; the result is a
    /// double without a unit.
    ///
    /// ```no_run
    /// use saltus::{engine::Options, network::{Model, Network, NeuronGroup}};
    /// let options = Options { allow_native: true, ..Options::interpreted() };
    /// let model = Model::new().group(NeuronGroup::new("cells", 3, "v : 1")).init("cells", "v", "i");
    /// let mut network = Network::new(&model, options)?;
    /// assert_eq!(network.look_native("v[_idx] * v[_idx]", Some("cells"))?.values, [0.0, 1.0, 4.0]);
    /// # Ok::<(), saltus::network::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Model`] if there is no such scope, or the compiler refuses the expression; [`Error::Engine`] if native
    /// code is not allowed, or there is no compiler.
    pub fn look_native(&mut self, expression: &str, scope: Option<&str>) -> Result<Evaluated, Error> {
        if !self.engine.options().allow_native {
            return Err(EngineError::NativeExpressionForbidden.into());
        }
        self.within(scope, |network, source| network.look_native_from(expression, scope, source))
    }

    fn look_native_from(&mut self, expression: &str, scope: Option<&str>, source: Source) -> Result<Evaluated, Error> {
        let text = Text::new(EXPRESSION_PLACE, expression);
        let fail = |error: Diagnostic| Err(Error::Model(Diagnostics(vec![error])));
        if expression.trim().is_empty() {
            return fail(Diagnostic::error(&text, text.whole(), "the expression is empty"));
        }
        if let Some(directive) = directive(expression) {
            let error = Diagnostic::error(&text, directive, "a line for the preprocessor is no part of an expression");
            return fail(error.hint("write an expression only; nothing can be included"));
        }
        let words = identifiers(expression);
        let (mut tables, mut values) = (Vec::new(), Vec::new());
        for word in words.iter().filter(|word| **word != ELEMENT) {
            // What is no name of the scope means something in C, or the compiler tells that it does not.
            let Some(seen) = model_name(word).and_then(|name| self.look_from(name, scope, source).ok()) else {
                continue;
            };
            let (ty, array) = table(&seen);
            tables.push(NativeTable { name: (*word).to_string(), ty, is_single: seen.is_single });
            values.push(array);
        }
        let is_single = !words.contains(ELEMENT);
        let n = if is_single { 1 } else { source.n() };
        let native = NativeExpression { text: expression.to_string(), tables };
        let values = native_expression(&native, values, n, self.engine.options()).map_err(|error| match error {
            EngineError::NativeExpression { output } => Error::Model(self.refusal(&text, &output, source)),
            EngineError::NativeCalls { names } => Error::Model(missing_functions(&text, &names)),
            error => error.into(),
        })?;
        Ok(Evaluated {
            expression: expression.trim().to_string(),
            scope: scope.map(str::to_string),
            ty: ValueType::Float,
            dimension: Dimension::NONE,
            values,
            is_single,
            t_seconds: self.memory.clocks[self.memory.populations[source.population].clock].t_seconds(),
            warnings: Diagnostics::default(),
        })
    }

    /// What a compiler says about an expression, at the places that it names.
    fn refusal(&self, text: &Text, output: &str, source: Source) -> Diagnostics {
        let group = &self.memory.populations[source.population].group;
        let constants = self.memory.constants.namespace.constants.keys();
        let names: Vec<&str> = group.variables.keys().chain(constants).map(String::as_str).collect();
        let errors: Vec<Diagnostic> = output.lines().filter_map(|line| located(text, line, &names)).collect();
        let end = text.as_str().trim_end().len();
        if errors.is_empty() && output.lines().any(|line| line.starts_with(AROUND_EXPRESSION)) {
            let error =
                Diagnostic::error(text, Span::new(end, end), "the expression is not complete, or more than one");
            return Diagnostics(vec![error.hint("are all brackets closed?")]);
        }
        if errors.is_empty() {
            let message = format!("the compiler refuses the expression:\n{}", output.trim_end());
            return Diagnostics(vec![Diagnostic::error(text, text.whole(), message)]);
        }
        Diagnostics(errors)
    }
}

/// The values of a name, as C has them.
fn table(seen: &Evaluated) -> (&'static str, Array) {
    let whole = |value: &f64| *value as i64;
    let is_wide = || seen.values.iter().any(|value| i32::try_from(whole(value)).is_err());
    let (ty, element) = match seen.ty {
        ValueType::Boolean => ("char", ElementType::Bool),
        ValueType::Integer if seen.is_single || is_wide() => ("long long", ElementType::I64),
        ValueType::Integer => ("int", ElementType::I32),
        ValueType::Float => ("double", ElementType::F64),
    };
    let mut array = Array::zeros(element, seen.values.len());
    for (k, value) in seen.values.iter().enumerate() {
        match seen.ty {
            ValueType::Integer if element == ElementType::I64 => array.set_i64(k, whole(value)),
            _ => array.set(k, *value),
        }
    }
    (ty, array)
}

/// The first line that could be one for the preprocessor: no expression in C has its sign, even after a comment.
fn directive(expression: &str) -> Option<Span> {
    let mut start = 0;
    for line in expression.split_inclusive('\n') {
        if line.contains('#') || line.contains("%:") {
            return Some(Span::new(start, start + line.trim_end().len()));
        }
        start += line.len();
    }
    None
}

/// An error from a line such as `expression:1:5: error: 'u' undeclared (first use in this function)`.
fn located(text: &Text, line: &str, names: &[&str]) -> Option<Diagnostic> {
    let rest = line.strip_prefix(EXPRESSION_PLACE)?.strip_prefix(':')?;
    let (row, rest) = rest.split_once(':')?;
    let row: usize = row.parse().ok()?;
    let (column, message) = match rest.split_once(':') {
        Some((column, message)) if column.parse::<usize>().is_ok() => (column.parse().ok()?, message),
        // tcc knows lines only.
        _ => (1, rest),
    };
    let message = message.trim().strip_prefix("error:").or_else(|| message.trim().strip_prefix("fatal error:"))?;
    let message = message.trim().replace(['\'', '‘', '’'], "`");
    let span = span_at(text.as_str(), row, column);
    let word = &text.as_str()[span.start as usize..span.end as usize];
    let is_unknown = message.contains("undeclared") && message.contains(&format!("`{word}`"));
    let error = match is_unknown {
        true => Diagnostic::error(text, span, format!("`{word}` is not defined")),
        false => Diagnostic::error(text, span, message),
    };
    Some(match nearest(word, names.iter().copied()).filter(|_| is_unknown) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    })
}

/// The word, or the character, in a line and a column that are counted from 1, in bytes.
fn span_at(text: &str, row: usize, column: usize) -> Span {
    let start: usize = text.split_inclusive('\n').take(row.saturating_sub(1)).map(str::len).sum();
    let mut start = (start + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let is_word = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let word = text[start..].find(|c| !is_word(c)).unwrap_or(text.len() - start);
    let length = if word == 0 { text[start..].chars().next().map_or(0, char::len_utf8) } else { word };
    Span::new(start, start + length)
}

/// Says which functions there are.
fn missing_functions(text: &Text, names: &[String]) -> Diagnostics {
    let error = |name: &String| {
        let at = text.as_str().find(name.as_str());
        let span = at.map_or(text.whole(), |start| Span::new(start, start + name.len()));
        let message = format!("there is no function `{name}` here: C gets no library");
        let known: Vec<&str> = functions_in_c().collect();
        Diagnostic::error(text, span, message).hint(format!("there are {}", known.join(", ")))
    };
    Diagnostics(names.iter().map(error).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_compilers_say_is_told_at_the_text() {
        let text = Text::new(EXPRESSION_PLACE, "v[0] +\n  El*x");
        for (line, place, message, hint) in [
            (
                "expression:2:3: error: 'El' undeclared (first use in this function)",
                Some((2, 3)),
                "`El` is not defined",
                Some("did you mean `E_l`?"),
            ),
            (
                "expression:1:6: error: expected ')' before '+' token",
                Some((1, 6)),
                "expected `)` before `+` token",
                None,
            ),
            ("expression:2: error: `x' undeclared", Some((2, 1)), "`x` undeclared", None),
            ("expression:99:99: error: odd", Some((2, 7)), "odd", None),
            ("expression:1:1: note: in expansion of macro 'exp'", None, "", None),
            ("kernel.c:3:1: error: odd", None, "", None),
        ] {
            let error = located(&text, line, &["E_l", "v"]);
            assert_eq!(error.as_ref().and_then(Diagnostic::line_column), place, "{line}");
            if let Some(error) = error {
                assert_eq!((error.message.as_str(), error.hint.as_deref()), (message, hint), "{line}");
            }
        }
    }

    #[test]
    fn lines_for_the_preprocessor_are_seen() {
        assert_eq!(directive("a\n #include <x>\n"), Some(Span::new(2, 15)));
        assert_eq!(directive("/**/ #include <x>"), Some(Span::new(0, 17)));
        assert_eq!(directive("a != b"), None);
    }
}
