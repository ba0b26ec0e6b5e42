//! Words, numbers and symbols of the text form.

use crate::diag::Span;

/// A token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// A plain word: a name or a word of the language.
    Word(&'a str),
    /// A name in backticks.
    Quoted(&'a str),
    /// An integer without sign, and whether it is an I32.
    Int(u64, bool),
    /// A double without sign.
    Float(f64),
    /// An operator or bracket.
    Symbol(&'static str),
    /// A comment on a line of its own, without `# `.
    Comment(&'a str),
    /// The end of the text.
    End,
}

/// Longest first, so that `<=` is not read as `<`.
const SYMBOLS: [&str; 27] = [
    "<<", ">>", "<=", "==", "!=", "//", "->", "<", "|", "^", "&", "+", "-", "*", "/", "%", "(", ")", "[", "]", "{",
    "}", ",", ":", "=", "?", ">",
];

/// Splits a text; the message and place of what is no token.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token<'_>, Span)>, (String, Span)> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let (token, length) = if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        } else if c == '#' {
            let line = rest.split('\n').next().unwrap_or(rest);
            let body = line.strip_prefix("# ").unwrap_or(&line[1..]);
            let starts_line = text[..at].rsplit('\n').next().is_none_or(|before| before.trim().is_empty());
            if !starts_line {
                at += line.len();
                continue;
            }
            (Token::Comment(body), line.len())
        } else if c == '`' {
            match rest[1..].find('`') {
                Some(end) => (Token::Quoted(&rest[1..=end]), end + 2),
                None => return Err(("this backtick is not closed".into(), Span::new(at, at + 1))),
            }
        } else if c.is_ascii_digit() {
            number(rest).map_err(|(message, length)| (message, Span::new(at, at + length)))?
        } else if c.is_ascii_alphabetic() || c == '_' {
            let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
            (Token::Word(&rest[..length]), length)
        } else if let Some(symbol) = SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
            (Token::Symbol(symbol), symbol.len())
        } else {
            return Err((format!("`{c}` is no part of the kernel text"), Span::new(at, at + c.len_utf8())));
        };
        tokens.push((token, Span::new(at, at + length)));
        at += length;
    }
    tokens.push((Token::End, Span::new(text.len(), text.len())));
    Ok(tokens)
}

/// A number at the start of `text`, and its length.
fn number(text: &str) -> Result<(Token<'static>, usize), (String, usize)> {
    let hex = text.starts_with("0x");
    let bytes = text.as_bytes();
    let mut length = if hex { 2 } else { 0 };
    while let Some(&b) = bytes.get(length) {
        let exponent = if hex { b'p' } else { b'e' };
        let after_exponent = length > 0 && bytes[length - 1] == exponent;
        if b.is_ascii_digit()
            || b == b'.'
            || b == exponent
            || (hex && b.is_ascii_hexdigit())
            || (after_exponent && (b == b'-' || b == b'+'))
        {
            length += 1;
        } else {
            break;
        }
    }
    let word = &text[..length];
    let bad = || (format!("`{word}` is no number"), length);
    if hex && word.contains(['.', 'p']) {
        return hex_float(word).map(|v| (Token::Float(v), length)).ok_or_else(bad);
    }
    if !hex && word.contains(['.', 'e']) {
        return word.parse().map(|v| (Token::Float(v), length)).map_err(|_| bad());
    }
    let value = if hex { u64::from_str_radix(&word[2..], 16) } else { word.parse() }.map_err(|_| bad())?;
    let narrow = text[length..].starts_with("i32");
    Ok((Token::Int(value, narrow), length + if narrow { 3 } else { 0 }))
}

/// A double as `0x1.8p3`; none if it is malformed or not exactly a double.
fn hex_float(word: &str) -> Option<f64> {
    let (digits, exponent) = match word[2..].split_once('p') {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (&word[2..], 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = fraction.trim_end_matches('0');
    let mantissa = u64::from_str_radix(&format!("{whole}{fraction}"), 16).ok()?;
    let exponent = exponent - 4 * fraction.len() as i32;
    if mantissa == 0 {
        return Some(0.0);
    }
    // Both factors are powers of two that exist, so that only the last product could round; then it does not multiply back.
    let trailing = mantissa.trailing_zeros();
    let (odd, exponent) = (mantissa >> trailing, exponent + trailing as i32);
    if odd >= 1 << 53 || !(-1074..=1023).contains(&exponent) {
        return None;
    }
    let half = exponent / 2;
    let value = odd as f64 * power_of_two(half) * power_of_two(exponent - half);
    let exact = value.is_finite() && value / power_of_two(half) / power_of_two(exponent - half) == odd as f64;
    exact.then_some(value)
}

fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}
