//! Colours for code: C, Rust, the text of the IR, equations and statements of models, and assembly.
//!
//! One tokenizer, told by tables what a language has; it knows words, numbers and comments, no grammar. What comes out is
//! the text that went in, in pieces; each piece gets a colour of the terminal ([`terminal`]) or a class of a page
//! ([`html`]).

/// What a piece of code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Names, operators, blanks.
    Plain,
    /// A remark.
    Comment,
    /// A word of the language.
    Keyword,
    /// A type, or a unit.
    Type,
    /// A number.
    Number,
    /// A text in quotes.
    Quoted,
    /// The name of a function that is called.
    Call,
    /// An instruction to the compiler, or a label.
    Directive,
}

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// C.
    C,
    /// Rust.
    Rust,
    /// The text form of the IR.
    Ir,
    /// Equations and statements of models.
    Model,
    /// Assembly, of a compiler or taken from a library.
    Assembly,
}

/// What a language has.
struct Words {
    keywords: &'static [&'static str],
    types: &'static [&'static str],
    /// What begins a remark that ends with its line.
    comments: &'static [&'static str],
    /// Whether `/*` and `*/` enclose a remark.
    has_blocks: bool,
    /// What begins a line that is for the compiler.
    directives: &'static [&'static str],
}

const C: Words = Words {
    keywords: &[
        "break",
        "case",
        "const",
        "continue",
        "do",
        "else",
        "for",
        "goto",
        "if",
        "inline",
        "restrict",
        "return",
        "sizeof",
        "static",
        "struct",
        "switch",
        "typedef",
        "union",
        "volatile",
        "while",
        "__attribute__",
    ],
    types: &[
        "char",
        "double",
        "float",
        "int",
        "long",
        "short",
        "signed",
        "unsigned",
        "void",
        "i8",
        "i16",
        "i32",
        "i64",
        "u8",
        "u16",
        "u32",
        "u64",
        "saltus_call",
        "f32",
        "f64",
    ],
    comments: &["//"],
    has_blocks: true,
    directives: &["#"],
};

const RUST: Words = Words {
    keywords: &[
        "as", "break", "const", "continue", "else", "enum", "extern", "false", "fn", "for", "if", "impl", "in", "let",
        "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self", "static", "struct", "trait", "true",
        "type", "unsafe", "use", "where", "while",
    ],
    types: &[
        "bool",
        "f32",
        "f64",
        "i8",
        "i16",
        "i32",
        "i64",
        "isize",
        "u8",
        "u16",
        "u32",
        "u64",
        "usize",
        "Self",
        "SaltusCall",
        "SaltusArray",
        "SaltusElements",
    ],
    comments: &["//"],
    has_blocks: true,
    directives: &["#"],
};

const IR: Words = Words {
    keywords: &[
        "kernel", "param", "scalar", "vector", "let", "store", "when", "written", "select", "each", "indexed", "pairs",
        "flag", "emit", "true", "false", "and", "or", "not",
    ],
    types: &["bool", "f32", "f64", "i32", "i64"],
    comments: &["#"],
    has_blocks: false,
    directives: &[],
};

const MODEL: Words = Words {
    keywords: &[
        "and",
        "or",
        "not",
        "True",
        "False",
        "true",
        "false",
        "if",
        "for",
        "in",
        "constant",
        "shared",
        "linked",
        "unless",
        "refractory",
        "summed",
        "event-driven",
        "clock-driven",
    ],
    types: &["volt", "amp", "siemens", "farad", "ohm", "second", "metre", "meter", "hertz", "Hz", "boolean", "integer"],
    comments: &["#"],
    has_blocks: false,
    directives: &[],
};

const ASSEMBLY: Words =
    Words { keywords: &[], types: &[], comments: &["#", "//"], has_blocks: true, directives: &["."] };

impl Syntax {
    fn words(self) -> &'static Words {
        match self {
            Syntax::C => &C,
            Syntax::Rust => &RUST,
            Syntax::Ir => &IR,
            Syntax::Model => &MODEL,
            Syntax::Assembly => &ASSEMBLY,
        }
    }
}

/// The pieces of a text, which put together are the text.
///
/// ```
/// use saltus::inspect::highlight::{Class, Syntax, pieces};
/// let found = pieces(Syntax::C, "return exp(2.0); // e²");
/// assert_eq!(found[0], (Class::Keyword, "return"));
/// assert!(found.contains(&(Class::Call, "exp")) && found.contains(&(Class::Number, "2.0")));
/// assert_eq!(found.last(), Some(&(Class::Comment, "// e²")));
/// ```
pub fn pieces(syntax: Syntax, text: &str) -> Vec<(Class, &str)> {
    let words = syntax.words();
    let mut found: Vec<(Class, &str)> = Vec::new();
    let (mut at, mut plain, mut line_begins) = (0, 0, true);
    while at < text.len() {
        let rest = &text[at..];
        let (class, length) = piece(words, rest, line_begins);
        if class != Class::Plain {
            if plain < at {
                found.push((Class::Plain, &text[plain..at]));
            }
            found.push((class, &rest[..length]));
            plain = at + length;
        }
        let piece = &rest[..length];
        line_begins = piece.ends_with('\n') || line_begins && piece.trim().is_empty();
        at += length;
    }
    if plain < text.len() {
        found.push((Class::Plain, &text[plain..]));
    }
    found
}

/// What a text, which is not empty, begins with, and how many bytes that has.
fn piece(words: &Words, rest: &str, line_begins: bool) -> (Class, usize) {
    let line = || rest.find('\n').unwrap_or(rest.len());
    let mut letters = rest.chars();
    let (first, second) = (letters.next().unwrap_or(' '), letters.next());
    // `#[inline]` and `#define` are for the compiler, where `#` does not begin a remark.
    if line_begins && words.directives.iter().any(|start| rest.starts_with(start)) {
        return (Class::Directive, line());
    }
    if words.comments.iter().any(|start| rest.starts_with(start)) {
        return (Class::Comment, line());
    }
    if words.has_blocks && rest.starts_with("/*") {
        return (Class::Comment, rest[2..].find("*/").map_or(rest.len(), |end| end + 4));
    }
    if first == '"' {
        return (Class::Quoted, rest[1..].find(['"', '\n']).map_or(rest.len(), |end| end + 2));
    }
    if rest.starts_with("..") {
        // No number begins with the second point.
        return (Class::Plain, 2);
    }
    if first.is_ascii_digit() || first == '.' && second.is_some_and(|c| c.is_ascii_digit()) {
        return (Class::Number, number(rest));
    }
    if !is_letter(first) {
        return (Class::Plain, first.len_utf8());
    }
    let dashed = words.keywords.iter().find(|word| word.contains('-') && rest.starts_with(**word));
    let length = dashed.map_or_else(|| rest.find(|c: char| !is_inside(c)).unwrap_or(rest.len()), |word| word.len());
    let word = &rest[..length];
    let class = if words.keywords.contains(&word) {
        Class::Keyword
    } else if words.types.contains(&word) {
        Class::Type
    } else if rest[length..].starts_with('(') {
        Class::Call
    } else {
        Class::Plain
    };
    (class, length)
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn is_inside(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Length of the number that a text begins with, in any of the languages: `0x1.8p-3`, `1e-3`, `2.5f`, but `0` of `0..n`.
fn number(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let is_hexadecimal = rest.starts_with("0x") || rest.starts_with("0X");
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let goes_on = match byte {
            b'.' => bytes.get(at + 1) != Some(&b'.'),
            b'+' | b'-' => at > 0 && matches!((bytes[at - 1], is_hexadecimal), (b'p' | b'P', _) | (b'e' | b'E', false)),
            byte => byte.is_ascii_alphanumeric() || *byte == b'_',
        };
        if !goes_on {
            break;
        }
        at += 1;
    }
    at
}

/// A text in the colours of a terminal: those that its user has chosen, on whatever ground.
pub fn terminal(syntax: Syntax, text: &str) -> String {
    let mut coloured = String::with_capacity(text.len() + text.len() / 2);
    for (class, piece) in pieces(syntax, text) {
        let colour = match class {
            Class::Plain => None,
            Class::Comment => Some("2"),
            Class::Keyword => Some("35"),
            Class::Type => Some("36"),
            Class::Number => Some("33"),
            Class::Quoted => Some("32"),
            Class::Call => Some("34"),
            Class::Directive => Some("2;35"),
        };
        match colour {
            None => coloured.push_str(piece),
            Some(colour) => coloured.extend(["\x1b[", colour, "m", piece, "\x1b[0m"]),
        }
    }
    coloured
}

/// A text as HTML, each piece that has a colour in a `span` of its class: `c`, `k`, `t`, `l`, `q`, `f` or `d`.
pub fn html(syntax: Syntax, text: &str) -> String {
    let mut marked = String::with_capacity(2 * text.len());
    for (class, piece) in pieces(syntax, text) {
        let name = match class {
            Class::Plain => None,
            Class::Comment => Some("c"),
            Class::Keyword => Some("k"),
            Class::Type => Some("t"),
            Class::Number => Some("l"),
            Class::Quoted => Some("q"),
            Class::Call => Some("f"),
            Class::Directive => Some("d"),
        };
        match name {
            None => marked.push_str(&escaped(piece)),
            Some(name) => marked.extend(["<span class=\"", name, "\">", &escaped(piece), "</span>"]),
        }
    }
    marked
}

/// A text that stands in HTML or SVG as it is.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use Class::*;

    #[test]
    fn pieces_are_what_they_look_like() {
        for (syntax, text, expected) in [
            (Syntax::C, "const i64 n = 0x1.8p-3;", &[(Keyword, "const"), (Type, "i64"), (Number, "0x1.8p-3")][..]),
            (Syntax::C, "a = 0x1e+2; /* b */c", &[(Number, "0x1e"), (Number, "2"), (Comment, "/* b */")]),
            (Syntax::C, "/*/ 1 */ 2", &[(Comment, "/*/ 1 */"), (Number, "2")]),
            (Syntax::C, "#define A 1\nif (x)", &[(Directive, "#define A 1"), (Keyword, "if")]),
            (
                Syntax::Rust,
                "    #[inline]\nfor i in 0..3",
                &[(Directive, "#[inline]"), (Keyword, "for"), (Keyword, "in"), (Number, "0"), (Number, "3")],
            ),
            (Syntax::Rust, "x * 1e-3f64 + \"a\"", &[(Number, "1e-3f64"), (Quoted, "\"a\"")]),
            (
                Syntax::Ir,
                "let _x: f64 = exp(v[e]) # e",
                &[(Keyword, "let"), (Type, "f64"), (Call, "exp"), (Comment, "# e")],
            ),
            (
                Syntax::Model,
                "dv/dt = -v/(10*ms) : volt (event-driven)",
                &[(Number, "10"), (Type, "volt"), (Keyword, "event-driven")],
            ),
            (
                Syntax::Assembly,
                ".globl f\n mov $1,%eax # one",
                &[(Directive, ".globl f"), (Number, "1"), (Comment, "# one")],
            ),
            (Syntax::C, "\"open\n1", &[(Quoted, "\"open\n"), (Number, "1")]),
        ] {
            let found = pieces(syntax, text);
            let coloured: Vec<_> = found.iter().copied().filter(|(class, _)| *class != Plain).collect();
            assert_eq!(coloured, expected, "{text}");
        }
    }

    #[test]
    fn put_together_they_are_the_text_whatever_it_is() {
        let odd = ["", "\"", "/*", "é\u{1F600}\"ü\n", "0x", "1e", ".", "_", "#", "1..2.3", "\n\n#a", "/* ü", "𝛼(β)"];
        for text in odd {
            for syntax in [Syntax::C, Syntax::Rust, Syntax::Ir, Syntax::Model, Syntax::Assembly] {
                let whole: String = pieces(syntax, text).into_iter().map(|(_, piece)| piece).collect();
                assert_eq!(whole, text);
            }
        }
    }

    #[test]
    fn markup_in_code_is_no_markup() {
        assert_eq!(
            html(Syntax::C, "a<b && \"<i>\""),
            "a&lt;b &amp;&amp; <span class=\"q\">&quot;&lt;i&gt;&quot;</span>"
        );
        assert_eq!(terminal(Syntax::C, "if x"), "\x1b[35mif\x1b[0m x");
    }
}
