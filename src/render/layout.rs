//! Breaks long lines of generated code where a person would: before an operator or after a comma, as far outside of
//! parentheses as possible.

/// Lines are no longer, if they can be broken.
const WIDTH: usize = 110;
/// How far a line that goes on is indented.
const CONTINUATION: usize = 8;

/// The text with its long statements broken. Comments and directives stay as they are.
pub(super) fn break_long_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    for line in text.lines() {
        let code = line.trim_start();
        if line.len() <= WIDTH || ["//", "/*", "#"].iter().any(|start| code.starts_with(start)) {
            out.push_str(line);
        } else {
            break_line(line, &mut out);
        }
        out.push('\n');
    }
    out
}

fn break_line(line: &str, out: &mut String) {
    let indent = line.len() - line.trim_start().len();
    let mut rest = line;
    while rest.len() > WIDTH {
        let Some(at) = break_place(rest, indent) else { break };
        out.push_str(&rest[..at]);
        out.push('\n');
        out.push_str(&" ".repeat(indent + CONTINUATION));
        rest = &rest[at + 1..];
        if rest.len() + indent + CONTINUATION <= WIDTH {
            break;
        }
    }
    out.push_str(rest);
}

/// The space to break at: of the outermost ones the last.
fn break_place(line: &str, indent: usize) -> Option<usize> {
    let bytes = line.as_bytes();
    let width = WIDTH - indent - CONTINUATION;
    let (mut depth, mut in_comment, mut best) = (0usize, false, None);
    for (at, byte) in bytes.iter().enumerate().take(width.max(CONTINUATION)) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'*' if at > 0 && bytes[at - 1] == b'/' => in_comment = true,
            b'/' if at > 0 && bytes[at - 1] == b'*' => in_comment = false,
            b' ' if at > indent && !in_comment => {
                let operator = bytes.get(at + 1).is_some_and(|next| b"+-*/&|^<>!?:".contains(next));
                let comment = bytes.get(at + 1..at + 3) == Some(b"/*");
                let late_enough = at > width / 3;
                if (operator && !comment || bytes[at - 1] == b',')
                    && late_enough
                    && best.is_none_or(|(_, best_depth)| depth <= best_depth)
                {
                    best = Some((at, depth));
                }
            }
            _ => {}
        }
    }
    best.map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_outside_of_parentheses() {
        let sum = |n: usize| (0..n).map(|k| format!("term_{k}")).collect::<Vec<_>>().join(" + ");
        let line = format!("    const double x = f({}) - g({});", sum(8), sum(5));
        let expected = format!("    const double x = f({})\n            - g({});\n", sum(8), sum(5));
        assert_eq!(break_long_lines(&line), expected);
    }

    #[test]
    fn every_line_fits_and_no_text_is_lost() {
        let line = format!("    y = {};", vec!["a / 0x1.999999999999ap-4 /* 0.1 */"; 40].join(" - "));
        let broken = break_long_lines(&line);
        assert!(broken.lines().all(|l| l.len() <= WIDTH), "{broken}");
        assert_eq!(broken.split_whitespace().collect::<Vec<_>>(), line.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn short_lines_comments_and_directives_stay() {
        for start in ["// ", "/* ", "#define X "] {
            let line = format!("{start}{}\n", "a + ".repeat(60));
            assert_eq!(break_long_lines(&line), line);
        }
        assert_eq!(break_long_lines("a = b + c;\n"), "a = b + c;\n");
    }
}
