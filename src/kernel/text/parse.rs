//! From text to IR. Checks words and names; whether the result is well-formed is for `verify`.

use std::collections::HashMap;

use super::lexer::{Token, tokens};
use super::library::Def;
use super::{OPERATORS, PREFIX, STORAGES, TYPES, UNARY_CALLS};
use crate::diag::{Diagnostic, Span, Text};
use crate::kernel::ir::{
    BinaryOp, Const, Expr, Index, Kernel, Local, LocalId, LoopShape, Param, ParamId, Place, Stmt, Type, UnaryOp,
};
use crate::kernel::maths;

/// Parses a kernel; functions and tables are those of the maths library.
///
/// # Errors
/// The first thing that is not understood, and where.
pub fn parse_kernel(text: &str) -> Result<Kernel, Diagnostic> {
    let known = |name: &str| maths::known_name(name);
    let mut parser = Parser::new(text, &known)?;
    parser.kernel().map_err(|error| error.locate(text))
}

pub(super) struct Error(pub(super) String, pub(super) Span);

impl Error {
    pub(super) fn locate(self, text: &str) -> Diagnostic {
        Diagnostic::error(&Text::new("kernel text", text), self.1, self.0)
    }
}

pub(super) type Parsed<T> = Result<T, Error>;

pub(super) struct Parser<'a, 'k> {
    pub(super) tokens: Vec<(Token<'a>, Span)>,
    pub(super) at: usize,
    /// The lasting form of the name of a function or table that exists.
    pub(super) known: &'k dyn Fn(&'a str) -> Option<&'static str>,
    params: HashMap<&'a str, ParamId>,
    pub(super) locals: Vec<Local>,
    /// What a name stands for: a local, a constant, or an argument of a `def`.
    pub(super) names: HashMap<&'a str, Expr>,
    pub(super) constants: HashMap<&'a str, Expr>,
    pub(super) defs: HashMap<&'a str, Def<'a>>,
}

impl<'a, 'k> Parser<'a, 'k> {
    pub(super) fn new(
        text: &'a str,
        known: &'k dyn Fn(&'a str) -> Option<&'static str>,
    ) -> Result<Parser<'a, 'k>, Diagnostic> {
        let tokens = tokens(text).map_err(|(message, span)| Error(message, span).locate(text))?;
        let (params, names, constants, defs) = (HashMap::new(), HashMap::new(), HashMap::new(), HashMap::new());
        Ok(Parser { tokens, at: 0, known, params, locals: Vec::new(), names, constants, defs })
    }

    pub(super) fn peek(&self) -> Token<'a> {
        self.tokens[self.at].0
    }

    pub(super) fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        if token != Token::End {
            self.at += 1;
        }
        token
    }

    pub(super) fn fail<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(Error(message.into(), self.tokens[self.at].1))
    }

    /// An error about the token just taken.
    pub(super) fn fail_before<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(Error(message.into(), self.tokens[self.at.saturating_sub(1)].1))
    }

    pub(super) fn takes(&mut self, token: Token<'_>) -> bool {
        let found = self.peek() == token;
        self.at += usize::from(found && token != Token::End);
        found
    }

    pub(super) fn symbol(&mut self, symbol: &'static str) -> Parsed<()> {
        if self.takes(Token::Symbol(symbol)) { Ok(()) } else { self.fail(format!("expected `{symbol}`")) }
    }

    pub(super) fn word(&mut self, word: &str) -> Parsed<()> {
        if self.takes(Token::Word(word)) { Ok(()) } else { self.fail(format!("expected `{word}`")) }
    }

    pub(super) fn name(&mut self) -> Parsed<&'a str> {
        match self.peek() {
            Token::Word(name) if super::is_plain(name) => {
                self.at += 1;
                Ok(name)
            }
            Token::Quoted(name) => {
                self.at += 1;
                Ok(name)
            }
            _ => self.fail("expected a name"),
        }
    }

    /// Items up to `close`, with commas between them.
    pub(super) fn list<T>(
        &mut self,
        close: &'static str,
        mut item: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let mut items = Vec::new();
        while !self.takes(Token::Symbol(close)) {
            if !items.is_empty() {
                self.symbol(",")?;
                if self.takes(Token::Symbol(close)) {
                    break;
                }
            }
            items.push(item(self)?);
        }
        Ok(items)
    }

    pub(super) fn ty(&mut self) -> Parsed<Type> {
        match self.next() {
            Token::Word(word) if TYPES.iter().any(|(w, _)| *w == word) => {
                Ok(TYPES.iter().find(|(w, _)| *w == word).map_or(Type::F64, |(_, t)| *t))
            }
            _ => self.fail_before("expected a type: `bool`, `i32`, `i64` or `f64`"),
        }
    }

    // Kernels.

    fn kernel(&mut self) -> Parsed<Kernel> {
        self.word("kernel")?;
        let mut shape = match self.next() {
            Token::Word("each") => LoopShape::Each,
            Token::Word("indexed") => LoopShape::Indexed,
            Token::Word("select") => LoopShape::Select(Expr::Element),
            Token::Word("pairs") => LoopShape::Pairs(Expr::Element),
            _ => return self.fail_before("expected a shape: `each`, `select`, `indexed` or `pairs`"),
        };
        self.symbol("{")?;
        let mut params = Vec::new();
        while self.takes(Token::Word("param")) {
            params.push(self.param()?);
        }
        self.declarations()?;
        self.word("scalar")?;
        let scalar = self.statements()?;
        self.word("vector")?;
        let vector = self.statements()?;
        if let LoopShape::Select(condition) | LoopShape::Pairs(condition) = &mut shape {
            self.word("emit")?;
            *condition = self.expr(0)?;
        }
        self.symbol("}")?;
        if self.peek() != Token::End {
            return self.fail("expected nothing after the kernel");
        }
        Ok(Kernel { shape, params, locals: std::mem::take(&mut self.locals), scalar, vector })
    }

    fn param(&mut self) -> Parsed<Param> {
        let name = self.name()?;
        let id = ParamId(self.params.len() as u16);
        if self.params.insert(name, id).is_some() {
            return self.fail_before(format!("there are two parameters `{name}`"));
        }
        self.symbol(":")?;
        let storage = match self.next() {
            Token::Word(word) => STORAGES.iter().find(|(w, _)| *w == word).map(|(_, s)| *s),
            _ => None,
        };
        let Some(storage) = storage else {
            return self.fail_before("expected an element type: `bool`, `i32`, `i64`, `f32` or `f64`");
        };
        let scalar = !self.takes(Token::Symbol("["));
        if !scalar {
            self.symbol("]")?;
        }
        let written = self.takes(Token::Word("written"));
        Ok(Param { name: name.to_string(), storage, scalar, written })
    }

    pub(super) fn declarations(&mut self) -> Parsed<()> {
        while self.takes(Token::Word("local")) {
            let name = self.name()?;
            self.symbol(":")?;
            let ty = self.ty()?;
            self.new_local(name, name.to_string(), ty)?;
        }
        Ok(())
    }

    pub(super) fn new_local(&mut self, name: &'a str, full_name: String, ty: Type) -> Parsed<LocalId> {
        let id = LocalId(self.locals.len() as u32);
        if self.names.insert(name, Expr::Local(id)).is_some() {
            return self.fail_before(format!("there is something else called `{name}`"));
        }
        self.locals.push(Local { name: full_name, ty });
        Ok(id)
    }

    /// The statements in braces.
    fn statements(&mut self) -> Parsed<Vec<Stmt>> {
        self.symbol("{")?;
        let mut statements = Vec::new();
        loop {
            match self.next() {
                Token::Symbol("}") => return Ok(statements),
                Token::Comment(text) => statements.push(Stmt::Comment(unescape(text))),
                Token::Word("let") => {
                    let name = self.name()?;
                    self.symbol(":")?;
                    let ty = self.ty()?;
                    self.symbol("=")?;
                    let value = self.expr(0)?;
                    let id = match self.names.get(name) {
                        Some(Expr::Local(id)) => *id,
                        _ => self.new_local(name, name.to_string(), ty)?,
                    };
                    statements.push(Stmt::Let(id, value));
                }
                Token::Word("store") => {
                    let name = self.name()?;
                    let place = self.place(name)?;
                    self.symbol("=")?;
                    let value = self.expr(0)?;
                    let when = if self.takes(Token::Word("when")) { Some(self.expr(0)?) } else { None };
                    statements.push(Stmt::Store { place, value, when });
                }
                Token::Word("flag") => {
                    let Token::Int(bit @ 0..64, false) = self.next() else {
                        return self.fail_before("expected the number of a flag, from 0 to 63");
                    };
                    self.word("when")?;
                    statements.push(Stmt::Flag(bit as u8, self.expr(0)?));
                }
                _ => return self.fail_before("expected `let`, `store`, `flag`, a comment or `}`"),
            }
        }
    }

    fn place(&mut self, name: &str) -> Parsed<Place> {
        let param = self.param_id(name)?;
        self.symbol("[")?;
        let index = match self.next() {
            Token::Int(0, false) => Index::Zero,
            Token::Word("e") if self.peek() == Token::Symbol("]") => Index::Element,
            Token::Word(via) | Token::Quoted(via) => {
                let via = self.param_id(via)?;
                self.symbol("[")?;
                self.word("e")?;
                self.symbol("]")?;
                Index::Via(via)
            }
            _ => return self.fail_before("expected `e`, `0`, or an array of indices and `[e]`"),
        };
        self.symbol("]")?;
        Ok(Place { param, index })
    }

    fn param_id(&self, name: &str) -> Parsed<ParamId> {
        match self.params.get(name) {
            Some(id) => Ok(*id),
            None => self.fail_before(format!("there is no parameter `{name}`")),
        }
    }

    // Expressions.

    pub(super) fn expr(&mut self, strength: u8) -> Parsed<Expr> {
        let mut left = self.prefix()?;
        loop {
            let Token::Symbol(symbol) = self.peek() else { return Ok(left) };
            let Some((_, op, binding)) = OPERATORS.iter().find(|(s, ..)| *s == symbol) else { return Ok(left) };
            if *binding < strength {
                return Ok(left);
            }
            self.at += 1;
            let right = self.expr(binding + 1)?;
            left = Expr::binary(*op, left, right);
            let next_compares = |t| matches!(t, Token::Symbol("<" | "<=" | "==" | "!="));
            if op.is_comparison() && next_compares(self.peek()) {
                return self.fail("comparisons do not chain");
            }
        }
    }

    pub(super) fn prefix(&mut self) -> Parsed<Expr> {
        match self.next() {
            Token::Symbol("-") => {
                let touching = self.tokens[self.at].1.start == self.tokens[self.at - 1].1.end;
                match self.peek() {
                    Token::Int(..) | Token::Float(_) | Token::Word("inf") if touching => {
                        let token = self.next();
                        self.number(token, true).map(Expr::Const)
                    }
                    _ => Ok(Expr::unary(UnaryOp::Neg, self.expr(PREFIX)?)),
                }
            }
            Token::Symbol("(") => {
                let inner = self.expr(0)?;
                self.symbol(")")?;
                Ok(inner)
            }
            Token::Word("not") => Ok(Expr::unary(UnaryOp::Not, self.expr(PREFIX)?)),
            Token::Word("true") => Ok(Expr::Const(Const::Bool(true))),
            Token::Word("false") => Ok(Expr::Const(Const::Bool(false))),
            Token::Word("element") => Ok(Expr::Element),
            Token::Word("nan") if self.takes(Token::Symbol("(")) => {
                let Token::Int(bits, false) = self.next() else {
                    return self.fail_before("expected the bits of a nan");
                };
                self.symbol(")")?;
                Ok(Expr::Const(Const::F64(bits)))
            }
            Token::Word("table") => {
                let name = self.name()?;
                let name = self.lasting(name, "table")?;
                self.symbol("[")?;
                let index = self.expr(0)?;
                self.symbol("]")?;
                Ok(Expr::Table(name, Box::new(index)))
            }
            Token::Word("gather") => {
                let name = self.name()?;
                let param = self.param_id(name)?;
                self.symbol("[")?;
                let index = self.expr(0)?;
                self.symbol("]")?;
                Ok(Expr::Gather(param, Box::new(index)))
            }
            Token::Word(word) if self.takes(Token::Symbol("(")) => self.call(word),
            token @ (Token::Int(..) | Token::Float(_) | Token::Word("inf" | "nan")) => {
                self.number(token, false).map(Expr::Const)
            }
            Token::Word(name) | Token::Quoted(name) => {
                if self.peek() == Token::Symbol("[") {
                    return Ok(Expr::Load(self.place(name)?));
                }
                match self.names.get(name) {
                    Some(expr) => Ok(expr.clone()),
                    None => self.fail_before(format!("there is nothing called `{name}`")),
                }
            }
            _ => self.fail_before("expected an expression"),
        }
    }

    fn number(&self, token: Token<'_>, negative: bool) -> Parsed<Const> {
        let sign = if negative { -1.0 } else { 1.0 };
        match token {
            Token::Float(value) => Ok(Const::f64(sign * value)),
            Token::Word("inf") => Ok(Const::f64(sign * f64::INFINITY)),
            Token::Word("nan") => Ok(Const::f64(f64::NAN)),
            Token::Int(value, narrow) => {
                let wide = if negative { -i128::from(value) } else { i128::from(value) };
                // Hexadecimal patterns may use the sign bit.
                let bits = if wide < 0 { i64::try_from(wide).ok() } else { Some(value as i64) };
                let fitting = match (bits, narrow) {
                    (Some(v), true) => i32::try_from(v).ok().map(Const::I32),
                    (v, _) => v.map(Const::I64),
                };
                fitting.map_or_else(|| self.fail_before("this number does not fit its type"), Ok)
            }
            _ => self.fail_before("expected a number"),
        }
    }

    pub(super) fn lasting(&self, name: &'a str, what: &str) -> Parsed<&'static str> {
        match (self.known)(name) {
            Some(name) => Ok(name),
            None => self.fail_before(format!("there is no {what} `{name}`")),
        }
    }

    /// A word and `(` have been taken.
    fn call(&mut self, word: &'a str) -> Parsed<Expr> {
        let called = self.at - 2;
        let arguments = self.list(")", |p| p.expr(0))?;
        let wrong = |message: String| Err(Error(message, self.tokens[called].1));
        match (word, arguments.as_slice()) {
            ("poly", [x, coefficients @ ..]) if !coefficients.is_empty() => return Ok(horner(x, coefficients.iter())),
            ("paired", [x, square, coefficients @ ..]) if coefficients.len() > 1 => {
                let even = horner(square, coefficients.iter().step_by(2));
                let odd = horner(square, coefficients.iter().skip(1).step_by(2));
                return Ok(Expr::binary(BinaryOp::Add, even, Expr::binary(BinaryOp::Mul, x.clone(), odd)));
            }
            ("poly" | "paired", _) => return wrong(format!("`{word}` takes a variable and coefficients")),
            _ => {}
        }
        let unary = UNARY_CALLS.iter().find(|(w, _)| *w == word).map(|(_, op)| *op);
        let cast = TYPES.iter().find(|(w, _)| *w == word).map(|(_, ty)| *ty);
        let count = arguments.len();
        let mut arguments = arguments.into_iter();
        match (word, unary, cast, count) {
            ("select", _, _, 3) => {
                let mut operand = || arguments.next().unwrap_or(Expr::Element);
                Ok(Expr::select(operand(), operand(), operand()))
            }
            (_, Some(op), _, 1) => Ok(Expr::unary(op, arguments.next().unwrap_or(Expr::Element))),
            (_, _, Some(ty), 1) => Ok(Expr::cast(ty, arguments.next().unwrap_or(Expr::Element))),
            ("select", ..) => wrong("`select` takes a condition and two values".into()),
            (_, Some(_), ..) | (_, _, Some(_), _) => wrong(format!("`{word}` takes one value")),
            _ => match (self.known)(word) {
                Some(name) => Ok(Expr::Call(name, arguments.collect())),
                None => wrong(format!("there is no function `{word}`")),
            },
        }
    }
}

/// The sum of coefficients times powers of `x`, by Horner's rule.
fn horner<'c>(x: &Expr, coefficients: impl DoubleEndedIterator<Item = &'c Expr>) -> Expr {
    let mut coefficients = coefficients.rev().cloned();
    let last = coefficients.next().unwrap_or(Expr::f64(0.0));
    let step = |sum, c| Expr::binary(BinaryOp::Add, Expr::binary(BinaryOp::Mul, sum, x.clone()), c);
    coefficients.fold(last, step)
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match if c == '\\' { characters.next() } else { Some(c) } {
            Some('n') if c == '\\' => out.push('\n'),
            Some('r') if c == '\\' => out.push('\r'),
            Some(other) => out.push(other),
            None => out.push(c),
        }
    }
    out
}
