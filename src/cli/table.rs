//! Tables as plain text: columns under their headings, two blanks apart.

/// On which side of its column a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// For words.
    Left,
    /// For numbers.
    Right,
}

/// A table with a heading for each column, a line break at the end of each line.
///
/// ```
/// use saltus::cli::table::{Align, table};
/// let rows = [vec!["gcc".to_string(), "49 ms".to_string()], vec!["clang".to_string(), "113 ms".to_string()]];
/// let text = "compiler    time\ngcc        49 ms\nclang     113 ms\n";
/// assert_eq!(table(&[("compiler", Align::Left), ("time", Align::Right)], &rows), text);
/// ```
pub fn table(columns: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let headings: Vec<String> = columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
    let lines: Vec<&Vec<String>> = std::iter::once(&headings).chain(rows).collect();
    aligned(&columns.iter().map(|(_, align)| *align).collect::<Vec<_>>(), &lines)
}

/// Pairs of a word and what it stands for, below each other.
pub fn pairs(rows: &[(&str, String)]) -> String {
    let lines: Vec<Vec<String>> = rows.iter().map(|(word, text)| vec![(*word).to_owned(), text.clone()]).collect();
    aligned(&[Align::Left, Align::Left], &lines.iter().collect::<Vec<_>>())
}

fn aligned(columns: &[Align], lines: &[&Vec<String>]) -> String {
    let width = |k: usize| lines.iter().filter_map(|line| Some(line.get(k)?.chars().count())).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let start = text.len();
        for ((cell, align), width) in line.iter().zip(columns).zip(&widths) {
            if text.len() > start {
                text.push_str("  ");
            }
            let blanks = " ".repeat(width - cell.chars().count());
            match align {
                Align::Left => text.extend([cell.as_str(), &blanks]),
                Align::Right => text.extend([&blanks, cell.as_str()]),
            }
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
    text
}
