//! What compilers say about a source, located in it.
//!
//! For authors of sources: who generates one has no use for it. Each family says the same in its own way: where the message
//! stands, what a column counts. What is no error about the source itself is left out: notes, warnings, excerpts, and what
//! is said of other files.

use super::recipe::source_file;
use super::toolchain::Family;
use crate::diag::Span;
use crate::render::Language;

/// An error that a compiler found in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where: a word, or a line.
    pub span: Span,
    /// What is wrong, in the compiler's words.
    pub text: String,
}

/// What the number of a column counts, from 1.
#[derive(Clone, Copy)]
enum Columns {
    Bytes,
    Characters,
    /// Characters, where a tab goes on to the next multiple of eight.
    Shown,
}

/// The errors about `source` in what a compiler printed.
pub fn messages(printed: &str, source: &str, language: Language, family: Family) -> Vec<Message> {
    let columns = match family {
        Family::Gcc => Columns::Shown,
        Family::Rustc => Columns::Characters,
        Family::Clang | Family::Zig | Family::Tcc | Family::Other => Columns::Bytes,
    };
    let found = match language {
        Language::C | Language::Cpp => of_c(printed, source_file(language)),
        Language::Rust => of_rust(printed),
    };
    let located = |(line, column, text): Located<'_>| {
        let span = span(source, line, column, columns)?;
        Some(Message { span, text: text.to_string() })
    };
    found.into_iter().filter_map(located).collect()
}

/// Line, column, and what is wrong there.
type Located<'a> = (usize, Option<usize>, &'a str);

/// `kernel.c:3:5: error: text`; tcc has no column.
fn of_c<'a>(printed: &'a str, file: &str) -> Vec<Located<'a>> {
    let located = |line: &'a str| -> Option<Located<'a>> {
        let rest = line.strip_prefix(file)?.strip_prefix(':')?;
        let (place, text) = [": error: ", ": fatal error: "].iter().find_map(|word| rest.split_once(word))?;
        let mut numbers = place.split(':').map(|number| number.parse().ok());
        Some((numbers.next()??, numbers.next().flatten(), text))
    };
    printed.lines().filter_map(located).collect()
}

/// `error[E0425]: text`, and in the next line ` --> kernel.rs:3:5`.
fn of_rust(printed: &str) -> Vec<Located<'_>> {
    let mut found = Vec::new();
    let mut lines = printed.lines().peekable();
    while let Some(line) = lines.next() {
        let (Some(rest), Some(next)) = (line.strip_prefix("error"), lines.peek()) else { continue };
        let Some((_, text)) = rest.split_once(": ") else { continue };
        let Some(place) = next.trim_start().strip_prefix("--> ") else { continue };
        let Some(place) = place.strip_prefix(source_file(Language::Rust)) else { continue };
        let mut numbers = place.split(':').skip(1).map(|number| number.parse().ok());
        if let Some(Some(number)) = numbers.next() {
            found.push((number, numbers.next().flatten(), text));
        }
    }
    found
}

/// The word at a column, or what the line has; none if there is no such line.
fn span(source: &str, line: usize, column: Option<usize>, columns: Columns) -> Option<Span> {
    let before = line.checked_sub(1)?;
    let begin: usize = source.split_inclusive('\n').take(before).map(str::len).sum();
    // An error at the end of a file may be said of the line after the last one.
    if before > source.lines().count() {
        return None;
    }
    let text = source[begin..].lines().next().unwrap_or_default().trim_end();
    let Some(column) = column else {
        let indent = text.len() - text.trim_start().len();
        return Some(Span::new(begin + indent, begin + text.len()));
    };
    let at = offset(text, column, columns);
    let rest = &text[at..];
    let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let length = if word > 0 { word } else { rest.chars().next().map_or(0, char::len_utf8) };
    Some(Span::new(begin + at, begin + at + length))
}

/// The byte of a line at which a column begins.
fn offset(line: &str, column: usize, columns: Columns) -> usize {
    let wanted = column.saturating_sub(1);
    let mut passed = 0;
    for (at, c) in line.char_indices() {
        let width = match columns {
            Columns::Bytes => c.len_utf8(),
            Columns::Characters => 1,
            Columns::Shown if c == '\t' => 8 - passed % 8,
            Columns::Shown => 1,
        };
        if passed + width > wanted {
            return at;
        }
        passed += width;
    }
    line.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const C: &str = "void f(void) {\n\tx = é + y;\n    return\n}\n";

    /// Who says what about which source, and what is found of it: the marked words, and the texts.
    type Case = (Family, &'static str, &'static str, &'static [(&'static str, &'static str)]);

    #[test]
    fn errors_are_found_whoever_tells_them() {
        let cases: [Case; 7] = [
            (
                Family::Gcc,
                C,
                "kernel.c: In function 'f':\nkernel.c:2:9: error: 'x' undeclared\n    2 |  x = é + y;\n      |  ^\n\
                 kernel.c:2:9: note: each undeclared identifier is reported only once\n\
                 kernel.c:2:17: error: 'y' undeclared\nkernel.c:3:11: error: expected ';' before '}' token\n",
                &[("x", "'x' undeclared"), ("y", "'y' undeclared"), ("", "expected ';' before '}' token")],
            ),
            (
                Family::Clang,
                C,
                "kernel.c:2:2: error: use of undeclared identifier 'x'\n        x = é + y;\n        ^\n\
                 kernel.c:2:11: error: use of undeclared identifier 'y'\n2 errors generated.\n",
                &[("x", "use of undeclared identifier 'x'"), ("y", "use of undeclared identifier 'y'")],
            ),
            (Family::Tcc, C, "kernel.c:2: error: 'x' undeclared\n", &[("x = é + y;", "'x' undeclared")]),
            (Family::Gcc, C, "kernel.c:5: error: at the end\nkernel.c:9:1: error: nowhere\n", &[("", "at the end")]),
            (Family::Gcc, C, "/usr/include/a.h:2:9: error: of others\nkernel.c:1:6: warning: f\n", &[]),
            (
                Family::Clang,
                C,
                "kernel.c:1:8: fatal error: 'a.h' file not found\n",
                &[("void", "'a.h' file not found")],
            ),
            (
                Family::Rustc,
                "fn f() {\n    é(x)\n}\n",
                "error[E0425]: cannot find value `x` in this scope\n --> kernel.rs:2:7\n  |\n2 |     é(x)\n\n\
                 error: aborting due to 1 previous error\n\nFor more information about this error, try `rustc`.\n",
                &[("x", "cannot find value `x` in this scope")],
            ),
        ];
        for (family, source, printed, expected) in cases {
            let found = messages(printed, source, family.language(), family);
            let found: Vec<(&str, &str)> = found
                .iter()
                .map(|message| (&source[message.span.start as usize..message.span.end as usize], &*message.text))
                .collect();
            assert_eq!(found, expected, "{family:?}: {printed}");
        }
    }
}
