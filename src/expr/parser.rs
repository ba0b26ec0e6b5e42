//! Tokens to trees: expressions, statements, and what the parser of equations needs.
//!
//! The grammar is that of Python's expressions as far as Brian2 takes it: `or`, `and`, `not`, comparisons (which do not
//! chain), `+ -`, `* / // %`, unary `-`, `**` (to the right), calls, parentheses. A parse gives a tree and diagnostics;
//! it never panics, whatever the text.

use super::ast::{AssignOp, BinaryOp, CompareOp, Expr, ExprKind, LogicOp, Statement, UnaryOp};
use super::lexer::{Token, TokenKind, tokens};
use crate::diag::{Diagnostic, Diagnostics, Span, Text};

/// Deepest nesting of operators, calls and parentheses; keeps every later walk of a tree within its stack.
const MAX_DEPTH: usize = 256;

/// Words that cannot name anything: Python's keywords, as in Brian2.
pub const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// Parses one expression that takes up the whole text; `None` if it is not one.
pub fn expression(text: &Text, diagnostics: &mut Diagnostics) -> Option<Expr> {
    let before = diagnostics.0.len();
    let mut parser = Parser::new(text, diagnostics);
    parser.newlines_matter = false;
    let expr = parser.expr().and_then(|e| parser.expect_end().map(|()| e));
    match expr {
        Ok(expr) if diagnostics.0.len() == before => Some(expr),
        Ok(_) => None,
        Err(error) => {
            // A character that is no token has been reported already and explains the rest.
            if diagnostics.0.len() == before {
                diagnostics.push(*error);
            }
            None
        }
    }
}

/// Parses statements, one a line or separated by `;`. A line with an error is left out and reported.
pub fn statements(text: &Text, diagnostics: &mut Diagnostics) -> Vec<Statement> {
    let mut parser = Parser::new(text, diagnostics);
    let mut out = Vec::new();
    loop {
        while parser.take_newline() || parser.take(";") {}
        if parser.at_end() {
            return out;
        }
        let start = parser.next;
        match parser.statement() {
            Ok(statement) => out.push(statement),
            Err(error) => {
                parser.skip_statement();
                if !parser.is_lexed_badly(start) {
                    parser.diagnostics.push(*error);
                }
            }
        }
    }
}

/// A parser over the tokens of one text. Errors are boxed: they are rare and large.
pub(crate) struct Parser<'a> {
    text: &'a Text,
    tokens: Vec<Token>,
    /// Where there are characters that make no token.
    lexed_badly: Vec<u32>,
    next: usize,
    depth: usize,
    /// Whether a line's end ends an expression (inside parentheses it never does).
    pub(crate) newlines_matter: bool,
    /// Whether a name followed by `(` is a call; not so in units, which flags follow.
    pub(crate) calls: bool,
    pub(crate) diagnostics: &'a mut Diagnostics,
}

pub(crate) type Parsed<T> = Result<T, Box<Diagnostic>>;

impl<'a> Parser<'a> {
    pub(crate) fn new(text: &'a Text, diagnostics: &'a mut Diagnostics) -> Parser<'a> {
        let before = diagnostics.0.len();
        let tokens = tokens(text, diagnostics);
        let lexed_badly = diagnostics.0[before..].iter().filter_map(|d| Some(d.at.as_ref()?.1.start)).collect();
        Parser { text, tokens, lexed_badly, next: 0, depth: 0, newlines_matter: true, calls: true, diagnostics }
    }

    /// The number of the next token.
    pub(crate) fn position(&self) -> usize {
        self.next
    }

    /// Whether there are characters that make no token between a token and the next one.
    pub(crate) fn is_lexed_badly(&self, first: usize) -> bool {
        // From the end of the token before, since the first character may be such a one; up to the end of the line.
        let from = first.checked_sub(1).map_or(0, |k| self.tokens[k].span.end);
        let end = if self.at_line_start() { self.next.saturating_sub(1) } else { self.next };
        let to = self.tokens[end].span.start;
        self.lexed_badly.iter().any(|at| (from..=to).contains(at))
    }

    /// Whether the next token is the first of its line.
    pub(crate) fn at_line_start(&self) -> bool {
        self.next == 0 || self.tokens[self.next - 1].kind == TokenKind::Newline
    }

    /// The names at the starts of lines from a token, which starts one, to the next token; each with whether a `/`
    /// follows it.
    pub(crate) fn line_starts(&self, first: usize) -> impl Iterator<Item = (&str, bool)> {
        (first..self.next).filter_map(move |k| {
            let starts = k == first || self.tokens[k - 1].kind == TokenKind::Newline;
            match &self.tokens[k].kind {
                TokenKind::Name(name) if starts => {
                    let divided = self.tokens.get(k + 1).is_some_and(|t| t.kind == TokenKind::Symbol("/"));
                    Some((name.as_str(), divided))
                }
                _ => None,
            }
        })
    }

    pub(crate) fn peek(&mut self) -> &Token {
        while !self.newlines_matter && self.tokens[self.next].kind == TokenKind::Newline {
            self.next += 1;
        }
        &self.tokens[self.next]
    }

    pub(crate) fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        if token.kind != TokenKind::End {
            self.next += 1;
        }
        token
    }

    pub(crate) fn at_end(&mut self) -> bool {
        self.peek().kind == TokenKind::End
    }

    /// End of the last token taken.
    pub(crate) fn last_end(&self) -> usize {
        self.next.checked_sub(1).map_or(0, |k| self.tokens[k].span.end as usize)
    }

    pub(crate) fn at(&mut self, symbol: &str) -> bool {
        matches!(&self.peek().kind, TokenKind::Symbol(s) if *s == symbol)
    }

    pub(crate) fn take(&mut self, symbol: &str) -> bool {
        let found = self.at(symbol);
        if found {
            self.next += 1;
        }
        found
    }

    pub(crate) fn take_newline(&mut self) -> bool {
        let found = self.peek().kind == TokenKind::Newline;
        if found {
            self.next += 1;
        }
        found
    }

    fn at_word(&mut self, word: &str) -> bool {
        matches!(&self.peek().kind, TokenKind::Name(n) if n == word)
    }

    pub(crate) fn take_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.next += 1;
        }
        found
    }

    /// Whether the next tokens are `word =`, as before the value of a named argument.
    pub(crate) fn at_keyword(&mut self, word: &str) -> bool {
        self.at_word(word) && self.tokens.get(self.next + 1).is_some_and(|t| t.kind == TokenKind::Symbol("="))
    }

    pub(crate) fn text(&self) -> &'a Text {
        self.text
    }

    pub(crate) fn expect(&mut self, symbol: &str) -> Parsed<()> {
        if self.take(symbol) { Ok(()) } else { Err(self.unexpected(&format!("`{symbol}`"))) }
    }

    pub(crate) fn expect_end(&mut self) -> Parsed<()> {
        if self.at_end() { Ok(()) } else { Err(self.unexpected("the end of the expression")) }
    }

    /// A name that is no keyword.
    pub(crate) fn expect_name(&mut self, what: &str) -> Parsed<(String, Span)> {
        let token = self.peek().clone();
        match token.kind {
            TokenKind::Name(name) if !KEYWORDS.contains(&name.as_str()) => {
                self.next += 1;
                Ok((name, token.span))
            }
            _ => Err(self.unexpected(what)),
        }
    }

    pub(crate) fn error(&self, span: Span, message: impl Into<String>) -> Box<Diagnostic> {
        Box::new(Diagnostic::error(self.text, span, message))
    }

    pub(crate) fn unexpected(&mut self, expected: &str) -> Box<Diagnostic> {
        let token = self.peek().clone();
        let found = match &token.kind {
            TokenKind::End if self.text.as_str().trim().is_empty() => "an empty text".to_string(),
            TokenKind::End => "the end".to_string(),
            TokenKind::Newline => "the end of the line".to_string(),
            _ => format!("`{}`", &self.text.as_str()[token.span.start as usize..token.span.end as usize]),
        };
        let error = self.error(token.span, format!("expected {expected}, found {found}"));
        match &token.kind {
            TokenKind::Name(word) if word == "if" || word == "else" => Box::new(
                error.hint("there is no conditional expression: write `int(condition)*a + int(not condition)*b`"),
            ),
            TokenKind::Symbol("[") => Box::new(error.hint("variables are not indexed inside expressions")),
            TokenKind::Symbol("=") => Box::new(error.hint("write `==` to compare")),
            TokenKind::Name(_) | TokenKind::Int(_) | TokenKind::Float(_) if expected.contains("end of") => {
                Box::new(error.hint("an operator such as `*` is missing"))
            }
            _ => error,
        }
    }

    fn skip_statement(&mut self) {
        self.newlines_matter = true;
        while !self.at_end() && !self.at(";") && self.peek().kind != TokenKind::Newline {
            self.next += 1;
        }
    }

    fn statement(&mut self) -> Parsed<Statement> {
        self.newlines_matter = true;
        self.depth = 0;
        let (target, target_span) = self.expect_name("the name of a variable")?;
        let op = match self.advance().kind {
            TokenKind::Symbol("=") => AssignOp::Set,
            TokenKind::Symbol("+=") => AssignOp::Update(BinaryOp::Add),
            TokenKind::Symbol("-=") => AssignOp::Update(BinaryOp::Sub),
            TokenKind::Symbol("*=") => AssignOp::Update(BinaryOp::Mul),
            TokenKind::Symbol("/=") => AssignOp::Update(BinaryOp::Div),
            TokenKind::Symbol("%=") => AssignOp::Update(BinaryOp::Mod),
            _ => {
                self.next = self.next.saturating_sub(1);
                return Err(self.unexpected("`=` or one of `+=`, `-=`, `*=`, `/=`, `%=`"));
            }
        };
        let value = self.expr()?;
        if !self.at_end() && !self.at(";") && self.peek().kind != TokenKind::Newline {
            return Err(self.unexpected("the end of the statement"));
        }
        let span = target_span.to(value.span);
        Ok(Statement { target, target_span, op, value, span })
    }

    /// An expression, as far as it goes.
    pub(crate) fn expr(&mut self) -> Parsed<Expr> {
        self.nested(Parser::or)
    }

    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let span = self.peek().span;
            return Err(self.error(span, format!("the expression nests deeper than {MAX_DEPTH} levels")));
        }
        let result = parse(self);
        self.depth -= 1;
        result
    }

    /// A chain of operators of one level, to the left; its length counts as depth, since the tree leans.
    fn chain(
        &mut self,
        operand: fn(&mut Self) -> Parsed<Expr>,
        operator: impl Fn(&mut Self) -> Option<fn(Box<Expr>, Box<Expr>) -> ExprKind>,
    ) -> Parsed<Expr> {
        let depth = self.depth;
        let mut left = operand(self)?;
        let mut links = 0;
        while let Some(make) = operator(self) {
            links += 1;
            if links > 16 * MAX_DEPTH {
                return Err(self.error(left.span, "the expression has too many terms"));
            }
            let right = operand(self)?;
            let span = left.span.to(right.span);
            left = Expr::new(make(Box::new(left), Box::new(right)), span);
        }
        self.depth = depth;
        Ok(left)
    }

    fn or(&mut self) -> Parsed<Expr> {
        self.chain(Parser::and, |p| {
            p.at_word("or").then(|| {
                p.next += 1;
                (|x, y| ExprKind::Logic(LogicOp::Or, x, y)) as fn(Box<Expr>, Box<Expr>) -> ExprKind
            })
        })
    }

    fn and(&mut self) -> Parsed<Expr> {
        self.chain(Parser::not, |p| {
            p.at_word("and").then(|| {
                p.next += 1;
                (|x, y| ExprKind::Logic(LogicOp::And, x, y)) as fn(Box<Expr>, Box<Expr>) -> ExprKind
            })
        })
    }

    fn not(&mut self) -> Parsed<Expr> {
        if self.at_word("not") {
            let start = self.advance().span;
            let operand = self.nested(Parser::not)?;
            let span = start.to(operand.span);
            return Ok(Expr::new(ExprKind::Unary(UnaryOp::Not, Box::new(operand)), span));
        }
        self.comparison()
    }

    fn comparison_operator(&mut self) -> Option<CompareOp> {
        match self.peek().kind {
            TokenKind::Symbol("<") => Some(CompareOp::Lt),
            TokenKind::Symbol("<=") => Some(CompareOp::Le),
            TokenKind::Symbol(">") => Some(CompareOp::Gt),
            TokenKind::Symbol(">=") => Some(CompareOp::Ge),
            TokenKind::Symbol("==") => Some(CompareOp::Eq),
            TokenKind::Symbol("!=") => Some(CompareOp::Ne),
            _ => None,
        }
    }

    fn comparison(&mut self) -> Parsed<Expr> {
        let left = self.sum()?;
        let Some(op) = self.comparison_operator() else { return Ok(left) };
        self.next += 1;
        let right = self.sum()?;
        if self.comparison_operator().is_some() {
            let span = left.span.to(self.peek().span);
            let error = self.error(span, "comparisons do not chain");
            return Err(Box::new(error.hint("write `a < b and b < c`")));
        }
        let span = left.span.to(right.span);
        Ok(Expr::new(ExprKind::Compare(op, Box::new(left), Box::new(right)), span))
    }

    fn sum(&mut self) -> Parsed<Expr> {
        self.chain(Parser::product, |p| {
            if p.take("+") {
                Some(|x, y| ExprKind::Binary(BinaryOp::Add, x, y))
            } else if p.take("-") {
                Some(|x, y| ExprKind::Binary(BinaryOp::Sub, x, y))
            } else {
                None
            }
        })
    }

    fn product(&mut self) -> Parsed<Expr> {
        self.chain(Parser::signed, |p| {
            if p.take("*") {
                Some(|x, y| ExprKind::Binary(BinaryOp::Mul, x, y))
            } else if p.take("/") {
                Some(|x, y| ExprKind::Binary(BinaryOp::Div, x, y))
            } else if p.take("//") {
                Some(|x, y| ExprKind::Binary(BinaryOp::FloorDiv, x, y))
            } else if p.take("%") {
                Some(|x, y| ExprKind::Binary(BinaryOp::Mod, x, y))
            } else {
                None
            }
        })
    }

    fn signed(&mut self) -> Parsed<Expr> {
        let start = self.peek().span;
        if self.take("-") {
            let operand = self.nested(Parser::signed)?;
            let span = start.to(operand.span);
            return Ok(Expr::new(ExprKind::Unary(UnaryOp::Neg, Box::new(operand)), span));
        }
        if self.take("+") {
            return self.nested(Parser::signed);
        }
        self.power()
    }

    fn power(&mut self) -> Parsed<Expr> {
        let base = self.atom()?;
        if !self.take("**") {
            return Ok(base);
        }
        let exponent = self.nested(Parser::signed)?;
        let span = base.span.to(exponent.span);
        Ok(Expr::new(ExprKind::Binary(BinaryOp::Pow, Box::new(base), Box::new(exponent)), span))
    }

    fn atom(&mut self) -> Parsed<Expr> {
        let token = self.peek().clone();
        let kind = match token.kind {
            TokenKind::Int(value) => ExprKind::Int(value),
            TokenKind::Float(value) => ExprKind::Float(value),
            TokenKind::Name(name) if name == "True" || name == "False" => ExprKind::Bool(name == "True"),
            TokenKind::Name(name) if !KEYWORDS.contains(&name.as_str()) => {
                self.next += 1;
                if self.calls && self.at("(") {
                    return self.call(name, token.span);
                }
                return Ok(Expr::new(ExprKind::Name(name), token.span));
            }
            TokenKind::Symbol("(") => {
                self.next += 1;
                let inner = self.in_parentheses(|p| {
                    let inner = p.expr()?;
                    p.expect(")")?;
                    Ok(inner)
                })?;
                return Ok(Expr::new(inner.kind, Span::new(token.span.start as usize, self.last_end())));
            }
            _ => return Err(self.unexpected("an expression")),
        };
        self.next += 1;
        Ok(Expr::new(kind, token.span))
    }

    fn in_parentheses<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let outside = std::mem::replace(&mut self.newlines_matter, false);
        let result = parse(self);
        self.newlines_matter = outside;
        result
    }

    fn call(&mut self, name: String, start: Span) -> Parsed<Expr> {
        self.next += 1;
        let arguments = self.in_parentheses(|p| {
            let mut arguments = Vec::new();
            while !p.at(")") {
                arguments.push(p.expr()?);
                if p.at("=") {
                    let span = p.peek().span;
                    return Err(p.error(span, "arguments are given by position, not by name"));
                }
                if !p.take(",") {
                    break;
                }
            }
            p.expect(")")?;
            Ok(arguments)
        })?;
        Ok(Expr::new(ExprKind::Call(name, arguments), Span::new(start.start as usize, self.last_end())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(source: &str) -> Result<Expr, String> {
        let mut diagnostics = Diagnostics::default();
        expression(&Text::new("text", source), &mut diagnostics).ok_or_else(|| diagnostics.0[0].message.clone())
    }

    #[test]
    fn precedence_is_pythons() {
        for (source, canonical) in [
            ("-2**2", "-2**2"),
            ("(-2)**2", "(-2)**2"),
            ("2**-1", "2**-1"),
            ("2**3**2", "2**3**2"),
            ("(2**3)**2", "(2**3)**2"),
            ("not a == b", "not a == b"),
            ("(not a) == b", "(not a) == b"),
            ("a and b or c", "a and b or c"),
            ("a and (b or c)", "a and (b or c)"),
            ("a-(b-c)", "a - (b - c)"),
            ("(a-b)-c", "a - b - c"),
            ("a/(b*c)", "a/(b*c)"),
            ("-a*b", "-a*b"),
            ("3*-n", "3*-n"),
            ("n--m", "n - -m"),
            ("+v", "v"),
            ("f(a, -b)**2", "f(a, -b)**2"),
            ("13.*mV", "13.0*mV"),
            ("1e-3", "0.001"),
            ("a #comment\n + b", "a + b"),
        ] {
            let printed = parse(source).map(|e| e.to_string());
            assert_eq!(printed.as_deref(), Ok(canonical), "{source}");
        }
    }

    #[test]
    fn errors_say_what_was_expected() {
        for (source, message) in [
            ("", "expected an expression, found an empty text"),
            ("a +", "expected an expression, found the end"),
            ("(a", "expected `)`, found the end"),
            ("a b", "expected the end of the expression, found `b`"),
            ("a < b < c", "comparisons do not chain"),
            ("a && b", "`&&` is not an operator of the model language"),
            ("v[0]", "expected the end of the expression, found `[`"),
            ("a if b else c", "expected the end of the expression, found `if`"),
            ("f(x=1)", "arguments are given by position, not by name"),
            ("99999999999999999999", "the integer `99999999999999999999` does not fit in 64 bits"),
            ("10mV", "a name cannot follow the number `10` directly"),
            ("é", "unexpected character `é`"),
        ] {
            assert_eq!(parse(source), Err(message.to_string()), "{source}");
        }
    }

    #[test]
    fn deep_and_long_texts_are_refused_not_crashed_on() {
        for source in ["(".repeat(100_000), "-".repeat(100_000), format!("{}1", "1+".repeat(100_000))] {
            assert!(parse(&source).is_err());
        }
    }

    fn tree() -> impl Strategy<Value = Expr> {
        use super::super::ast::ExprKind as K;
        let leaf = prop_oneof![
            (0i64..1000).prop_map(K::Int),
            (0.0f64..1e30).prop_map(K::Float),
            Just(K::Bool(true)),
            "[a-d]".prop_map(K::Name),
        ];
        let binary = prop::sample::select(vec![
            BinaryOp::Add,
            BinaryOp::Sub,
            BinaryOp::Mul,
            BinaryOp::Div,
            BinaryOp::FloorDiv,
            BinaryOp::Mod,
            BinaryOp::Pow,
        ]);
        let at = |kind| Expr::new(kind, Span::default());
        leaf.prop_map(at).prop_recursive(6, 64, 3, move |inner| {
            let pair = (inner.clone(), inner.clone()).prop_map(|(x, y)| (Box::new(x), Box::new(y)));
            prop_oneof![
                (binary.clone(), pair.clone()).prop_map(move |(op, (x, y))| at(K::Binary(op, x, y))),
                pair.clone().prop_map(move |(x, y)| at(K::Compare(CompareOp::Le, x, y))),
                pair.clone().prop_map(move |(x, y)| at(K::Logic(LogicOp::And, x, y))),
                pair.prop_map(move |(x, y)| at(K::Logic(LogicOp::Or, x, y))),
                inner.clone().prop_map(|x| x.unary(UnaryOp::Neg)),
                inner.clone().prop_map(|x| x.unary(UnaryOp::Not)),
                prop::collection::vec(inner, 0..3).prop_map(|arguments| Expr::call("f", arguments)),
            ]
        })
    }

    proptest! {
        #[test]
        fn parsing_what_is_printed_gives_the_tree_back(tree in tree()) {
            let printed = tree.to_string();
            prop_assert_eq!(parse(&printed), Ok(tree), "{}", printed);
        }

        #[test]
        fn no_text_panics(source in "[-a-z0-9 .*/%()<>=!,:;\\[\\]\n#\\\\]{0,60}") {
            let _ = parse(&source);
            let _ = statements(&Text::new("text", source), &mut Diagnostics::default());
        }
    }
}
