//! Text to tokens. Every character is accounted for: what the language does not have becomes a located error, with a
//! hint where another language's habit is behind it, and lexing goes on.

use crate::diag::{Diagnostic, Diagnostics, Span, Text};

/// A token and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of token.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenKind {
    /// Digits only.
    Int(i64),
    /// A number with a point or an exponent.
    Float(f64),
    /// A name or a keyword.
    Name(String),
    /// An operator or a delimiter.
    Symbol(&'static str),
    /// The end of a line.
    Newline,
    /// The end of the text.
    End,
}

/// Longest first.
const SYMBOLS: [&str; 26] = [
    "**", "//", "+=", "-=", "*=", "/=", "%=", "<=", ">=", "==", "!=", "+", "-", "*", "/", "%", "<", ">", "=", "(", ")",
    ",", ":", ";", "[", "]",
];

/// What other languages write, and what this one does.
const FOREIGN: [(&str, &str); 12] = [
    ("**=", "write `x = x**y`"),
    ("//=", "write `x = x//y`"),
    ("&&", "write `and`"),
    ("||", "write `or`"),
    ("&", "write `and`; there are no operators on bits"),
    ("|", "write `or`; there are no operators on bits"),
    ("!", "write `not`"),
    ("^", "write `**` for a power"),
    ("~", "write `not`; there are no operators on bits"),
    ("<<", "there are no operators on bits"),
    (">>", "there are no operators on bits"),
    ("?", "write `int(condition)*a + int(not condition)*b`"),
];

/// The tokens of `text`, ending in [`TokenKind::End`]. Comments and a `\` at the end of a line are left out.
pub fn tokens(text: &Text, diagnostics: &mut Diagnostics) -> Vec<Token> {
    let source = text.as_str();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(c) = source[at..].chars().next() {
        let rest = &source[at..];
        let mut push = |kind, length: usize| {
            out.push(Token { kind, span: Span::new(at, at + length) });
            at + length
        };
        at = if c == '\n' {
            push(TokenKind::Newline, 1)
        } else if c.is_whitespace() {
            at + c.len_utf8()
        } else if c == '#' {
            at + rest.find('\n').unwrap_or(rest.len())
        } else if c == '\\' && rest[1..].trim_start_matches([' ', '\t', '\r']).starts_with('\n') {
            at + rest.find('\n').map_or(rest.len(), |p| p + 1)
        } else if c.is_ascii_alphabetic() || c == '_' {
            let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
            push(TokenKind::Name(rest[..length].to_string()), length)
        } else if c.is_ascii_digit() || (c == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
            let length = number_length(rest);
            let written = &rest[..length];
            let follows = rest[length..].chars().next();
            if follows.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                let span = Span::new(at, at + length);
                diagnostics.push(
                    Diagnostic::error(text, span, format!("a name cannot follow the number `{written}` directly"))
                        .hint("write `*` between a number and a unit"),
                );
            }
            push(number(text, Span::new(at, at + length), written, diagnostics), length)
        } else {
            let foreign = FOREIGN.iter().filter(|(s, _)| rest.starts_with(s)).max_by_key(|(s, _)| s.len());
            let known = SYMBOLS.iter().find(|s| rest.starts_with(**s));
            match (known, foreign) {
                (Some(symbol), Some((f, _))) if symbol.len() >= f.len() => {
                    push(TokenKind::Symbol(symbol), symbol.len())
                }
                (Some(symbol), None) => push(TokenKind::Symbol(symbol), symbol.len()),
                (_, Some((symbol, hint))) => {
                    let span = Span::new(at, at + symbol.len());
                    let message = format!("`{symbol}` is not an operator of the model language");
                    diagnostics.push(Diagnostic::error(text, span, message).hint(*hint));
                    at + symbol.len()
                }
                (None, None) => {
                    let span = Span::new(at, at + c.len_utf8());
                    diagnostics.push(Diagnostic::error(text, span, format!("unexpected character `{c}`")));
                    at + c.len_utf8()
                }
            }
        };
    }
    out.push(Token { kind: TokenKind::End, span: Span::new(source.len(), source.len()) });
    out
}

/// Length of the number at the start of `s`: digits, a point, an exponent.
fn number_length(s: &str) -> usize {
    let digits = |from: usize| s[from..].find(|c: char| !c.is_ascii_digit()).map_or(s.len(), |p| from + p);
    let mut end = digits(0);
    if s[end..].starts_with('.') {
        end = digits(end + 1);
    }
    if s[end..].starts_with(['e', 'E']) {
        let sign = usize::from(s[end + 1..].starts_with(['+', '-']));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    end
}

fn number(text: &Text, span: Span, written: &str, diagnostics: &mut Diagnostics) -> TokenKind {
    if written.bytes().all(|b| b.is_ascii_digit()) {
        if let Ok(value) = written.parse() {
            return TokenKind::Int(value);
        }
        diagnostics.push(
            Diagnostic::error(text, span, format!("the integer `{written}` does not fit in 64 bits"))
                .hint("write it with a point to make it a float"),
        );
        return TokenKind::Int(0);
    }
    let value: f64 = written.parse().unwrap_or(f64::INFINITY);
    if value.is_infinite() {
        diagnostics.push(
            Diagnostic::error(text, span, format!("the number `{written}` is too large for a double"))
                .hint("write `inf` if infinity is meant"),
        );
    }
    TokenKind::Float(value)
}
