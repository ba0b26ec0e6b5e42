//! Rust text without what the rules do not speak about: comments, the contents of strings, and tests.

use std::fs;
use std::path::{Path, PathBuf};

/// A file of the tree.
pub struct SourceFile {
    /// Its path from the root, with `/`.
    pub path: String,
    /// What it says.
    pub text: String,
}

impl SourceFile {
    /// The code: comments and contents of strings are blank, test modules are gone.
    pub fn code(&self) -> String {
        if self.path.ends_with("/tests.rs") { String::new() } else { without_tests(&blanked(&self.text)) }
    }
}

/// The root of the package.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of one file.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("cannot read `{path}`: {error}"))
}

/// All files under a directory whose names end so, by path; none if there is no such directory.
pub fn files(directory: &str, endings: &[&str]) -> Vec<SourceFile> {
    let mut paths = Vec::new();
    walk(&root().join(directory), &mut paths);
    let mut found: Vec<SourceFile> = paths
        .iter()
        .map(|path| path.strip_prefix(root()).unwrap_or(path).to_string_lossy().into_owned())
        .filter(|path| endings.iter().any(|ending| path.ends_with(ending)))
        .map(|path| SourceFile { text: read(&path), path })
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn walk(directory: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() { walk(&path, paths) } else { paths.push(path) }
    }
}

/// The text with comments and the contents of strings and characters blank, byte for byte.
pub fn blanked(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = skipped(bytes, at);
        if end > at + 1 {
            for byte in &mut out[at..end] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8(out).expect("whole characters are blanked")
}

/// Where the comment, string or character that starts here ends; `at` or one more if none does.
fn skipped(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let in_word = at > 0 && is_word(bytes[at - 1]);
    if rest.starts_with(b"//") {
        return at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
    }
    if rest.starts_with(b"/*") {
        let (mut depth, mut k) = (0, 0);
        loop {
            match rest.get(k..k + 2) {
                Some(b"/*") => (depth, k) = (depth + 1, k + 2),
                Some(b"*/") if depth == 1 => return at + k + 2,
                Some(b"*/") => (depth, k) = (depth - 1, k + 2),
                Some(_) => k += 1,
                None => return bytes.len(),
            }
        }
    }
    let prefix = rest.iter().take_while(|b| matches!(b, b'b' | b'c' | b'r')).count();
    let hashes = rest[prefix..].iter().take_while(|b| **b == b'#').count();
    let raw = !in_word && rest[..prefix].contains(&b'r') && rest.get(prefix + hashes) == Some(&b'"');
    if raw {
        let close = [vec![b'"'], vec![b'#'; hashes]].concat();
        let body = &rest[prefix + hashes + 1..];
        let length = body.windows(close.len()).position(|w| w == close).unwrap_or(body.len() - close.len());
        return at + prefix + hashes + 1 + length + close.len();
    }
    match rest[0] {
        b'"' => at + quoted(rest, b'"'),
        // A lifetime has no closing quote after one character.
        b'\'' if rest.get(1) == Some(&b'\\') => at + quoted(rest, b'\''),
        b'\'' => {
            let width = std::str::from_utf8(&rest[1..]).ok().and_then(|s| s.chars().next()).map_or(1, char::len_utf8);
            if rest.get(1 + width) == Some(&b'\'') { at + width + 2 } else { at + 1 }
        }
        _ => at,
    }
}

/// The length of what starts with a quote, up to the quote that ends it.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut k = 1;
    while k < rest.len() && rest[k] != quote {
        k += if rest[k] == b'\\' { 2 } else { 1 };
    }
    (k + 1).min(rest.len())
}

/// Whether a byte can be part of a name.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Blanked text without the items that are compiled for tests only.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = String::new();
    let mut rest = code;
    while let Some(start) = rest.find(MARK) {
        out.push_str(&rest[..start]);
        let item = &rest[start + MARK.len()..];
        let mut depth = 0;
        let end = item.find(|c| {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            depth == 0 && matches!(c, '}' | ';')
        });
        rest = end.map_or("", |end| &item[end + 1..]);
    }
    out.push_str(rest);
    out
}

/// The paths below `crate`, as far as written; `super` counts from `module`, the path of the file's module.
pub fn crate_paths(code: &str, module: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (word, start) in [("crate::", 0), ("super::", 1)] {
        for (at, _) in code.match_indices(word) {
            let before = code[..at].bytes().next_back();
            if before.is_some_and(|b| is_word(b) || b == b':' || b == b'$') {
                continue;
            }
            let mut tail = &code[at + word.len()..];
            let mut ups = start;
            while let Some(next) = tail.strip_prefix("super::") {
                (tail, ups) = (next, ups + 1);
            }
            if start == 0 {
                collect(tail, String::new(), &mut found);
            } else if ups <= module.len() {
                let mut base = module[..module.len() - ups].join("::");
                if !base.is_empty() {
                    base.push_str("::");
                }
                collect(tail, base, &mut found);
            }
        }
    }
    found
}

/// Adds the paths of a (part of a) use tree; returns what stands after it.
fn collect<'a>(tail: &'a str, base: String, found: &mut Vec<String>) -> &'a str {
    let tail = tail.trim_start();
    if let Some(mut tail) = tail.strip_prefix('{') {
        loop {
            tail = collect(tail, base.clone(), found).trim_start();
            match tail.strip_prefix(',') {
                Some(next) if !next.trim_start().starts_with('}') => tail = next,
                Some(next) => return next.trim_start().strip_prefix('}').unwrap_or(next),
                None => return tail.strip_prefix('}').unwrap_or(tail),
            }
        }
    }
    let name = tail.bytes().take_while(|b| is_word(*b) || *b == b'*').count();
    let path = match &tail[..name] {
        "self" => base.trim_end_matches(':').to_string(),
        name => format!("{base}{name}"),
    };
    let tail = &tail[name..];
    if let Some(tail) = tail.strip_prefix("::") {
        return collect(tail, format!("{path}::"), found);
    }
    found.push(path);
    let tail = tail.trim_start();
    tail.strip_prefix("as ")
        .map_or(tail, |t| t.trim_start().trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'))
}
