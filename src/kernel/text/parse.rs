//! From text to IR. Checks words and names; whether the result is well-formed is for `verify`.

use std::collections::HashMap;

use super::lexer::{Token, tokens};
use super::{OPERATORS, PREFIX, STORAGES, TYPES, UNARY_CALLS};
use crate::diag::{Diagnostic, Span, Text};
use crate::kernel::ir::{
    BinaryOp, Const, Expr, Function, Index, Kernel, Local, LocalId, LoopShape, Param, ParamId, Place, Stmt, Type, UnaryOp,
};
use crate::kernel::maths;

/// A constant table of the maths library.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Name in the library.
    pub name: &'static str,
    /// Its entries.
    pub values: Vec<f64>,
}

/// A function of the maths library, and what is said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// The function.
    pub function: Function,
    /// The largest error in units in the last place; none: internal to the library.
    pub bound_ulp: Option<f64>,
}

/// A maths library: what a function or table uses stands above it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Library {
    /// Constant tables.
    pub tables: Vec<Table>,
    /// Functions.
    pub functions: Vec<Definition>,
}

/// Parses a kernel; functions and tables are those of the maths library.
///
/// # Errors
/// The first thing that is not understood, and where.
pub fn parse_kernel(text: &str) -> Result<Kernel, Diagnostic> {
    let known = |name: &str| maths::known_name(name);
    let mut parser = Parser::new(text, &known)?;
    parser.kernel().map_err(|error| error.locate(text))
}

/// Parses a library of functions, whose names live as long as the text.
///
/// # Errors
/// The first thing that is not understood, and where.
pub fn parse_library(text: &'static str) -> Result<Library, Diagnostic> {
    let known = |name: &'static str| Some(name);
    let mut parser = Parser::new(text, &known)?;
    // Comments in a library are for its readers.
    parser.tokens.retain(|(token, _)| !matches!(token, Token::Comment(_)));
    parser.library().map_err(|error| error.locate(text))
}

struct Error(String, Span);

impl Error {
    fn locate(self, text: &str) -> Diagnostic {
        Diagnostic::error(&Text::new("kernel text", text), self.1, self.0)
    }
}

type Parsed<T> = Result<T, Error>;

/// Code written out where it is used: parameters, results, and the place of its body among the tokens.
#[derive(Clone)]
struct Def<'a> {
    parameters: Vec<&'a str>,
    results: Vec<&'a str>,
    body: usize,
}

struct Parser<'a, 'k> {
    tokens: Vec<(Token<'a>, Span)>,
    at: usize,
    /// The lasting form of the name of a function or table that exists.
    known: &'k dyn Fn(&'a str) -> Option<&'static str>,
    params: HashMap<&'a str, ParamId>,
    locals: Vec<Local>,
    /// What a name stands for: a local, a constant, or an argument of a `def`.
    names: HashMap<&'a str, Expr>,
    constants: HashMap<&'a str, Expr>,
    defs: HashMap<&'a str, Def<'a>>,
}

impl<'a, 'k> Parser<'a, 'k> {
    fn new(text: &'a str, known: &'k dyn Fn(&'a str) -> Option<&'static str>) -> Result<Parser<'a, 'k>, Diagnostic> {
        let tokens = tokens(text).map_err(|(message, span)| Error(message, span).locate(text))?;
        let (params, names, constants, defs) = (HashMap::new(), HashMap::new(), HashMap::new(), HashMap::new());
        Ok(Parser { tokens, at: 0, known, params, locals: Vec::new(), names, constants, defs })
    }

    fn peek(&self) -> Token<'a> {
        self.tokens[self.at].0
    }

    fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        if token != Token::End {
            self.at += 1;
        }
        token
    }

    fn fail<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(Error(message.into(), self.tokens[self.at].1))
    }

    /// An error about the token just taken.
    fn fail_before<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(Error(message.into(), self.tokens[self.at.saturating_sub(1)].1))
    }

    fn takes(&mut self, token: Token<'_>) -> bool {
        let found = self.peek() == token;
        self.at += usize::from(found && token != Token::End);
        found
    }

    fn symbol(&mut self, symbol: &'static str) -> Parsed<()> {
        if self.takes(Token::Symbol(symbol)) { Ok(()) } else { self.fail(format!("expected `{symbol}`")) }
    }

    fn word(&mut self, word: &str) -> Parsed<()> {
        if self.takes(Token::Word(word)) { Ok(()) } else { self.fail(format!("expected `{word}`")) }
    }

    fn name(&mut self) -> Parsed<&'a str> {
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
    fn list<T>(&mut self, close: &'static str, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
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

    fn ty(&mut self) -> Parsed<Type> {
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

    fn declarations(&mut self) -> Parsed<()> {
        while self.takes(Token::Word("local")) {
            let name = self.name()?;
            self.symbol(":")?;
            let ty = self.ty()?;
            self.new_local(name, name.to_string(), ty)?;
        }
        Ok(())
    }

    fn new_local(&mut self, name: &'a str, full_name: String, ty: Type) -> Parsed<LocalId> {
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

    fn expr(&mut self, strength: u8) -> Parsed<Expr> {
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

    fn prefix(&mut self) -> Parsed<Expr> {
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

    fn lasting(&self, name: &'a str, what: &str) -> Parsed<&'static str> {
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

    // Libraries.

    fn library(&mut self) -> Parsed<Library> {
        let mut library = Library::default();
        loop {
            self.names.clone_from(&self.constants);
            self.locals.clear();
            match self.next() {
                Token::End => return Ok(library),
                Token::Word("const") => {
                    let name = self.name()?;
                    self.symbol("=")?;
                    let value = self.expr(0)?;
                    if self.constants.insert(name, value).is_some() {
                        return self.fail_before(format!("there are two constants `{name}`"));
                    }
                }
                Token::Word("table") => {
                    let name = self.name()?;
                    let name = self.lasting(name, "table")?;
                    self.symbol("=")?;
                    self.symbol("[")?;
                    let values = self.list("]", |p| match p.prefix()? {
                        Expr::Const(Const::F64(bits)) => Ok(f64::from_bits(bits)),
                        _ => p.fail_before("expected a double"),
                    })?;
                    library.tables.push(Table { name, values });
                }
                Token::Word("def") => self.def()?,
                Token::Word("fn") => library.functions.push(self.function()?),
                _ => return self.fail_before("expected `const`, `table`, `def` or `fn`"),
            }
        }
    }

    fn def(&mut self) -> Parsed<()> {
        let name = self.name()?;
        self.symbol("(")?;
        let parameters = self.list(")", Self::name)?;
        self.symbol("->")?;
        self.symbol("(")?;
        let results = self.list(")", Self::name)?;
        let body = self.at;
        self.symbol("{")?;
        while !self.takes(Token::Symbol("}")) {
            if self.next() == Token::End {
                return self.fail("expected `}`");
            }
        }
        self.defs.insert(name, Def { parameters, results, body });
        Ok(())
    }

    fn function(&mut self) -> Parsed<Definition> {
        let name = self.name()?;
        let name = self.lasting(name, "function")?;
        self.symbol("(")?;
        let arity = self
            .list(")", |p| {
                let name = p.name()?;
                p.symbol(":")?;
                let ty = p.ty()?;
                p.new_local(name, name.to_string(), ty)
            })?
            .len();
        self.symbol("->")?;
        self.word("f64")?;
        let bound_ulp = match self.takes(Token::Word("within")) {
            true => match self.next() {
                Token::Float(bound) => Some(bound),
                _ => return self.fail_before("expected the bound in units in the last place, such as `1.0`"),
            },
            false => None,
        };
        self.symbol("{")?;
        self.declarations()?;
        let mut body = Vec::new();
        while self.takes(Token::Word("let")) {
            self.definition(&Naming::default(), &mut body)?;
        }
        self.word("return")?;
        let result = self.expr(0)?;
        self.symbol("}")?;
        let locals = std::mem::take(&mut self.locals);
        Ok(Definition { function: Function { name, arity, locals, body, result }, bound_ulp })
    }

    /// `name: type = value` or `(names) = def(arguments)`.
    fn definition(&mut self, naming: &Naming<'a>, body: &mut Vec<(LocalId, Expr)>) -> Parsed<()> {
        if self.takes(Token::Symbol("(")) {
            let targets = self.list(")", Self::name)?;
            self.symbol("=")?;
            return self.written_out(&targets, naming, body);
        }
        let name = self.name()?;
        self.symbol(":")?;
        let ty = self.ty()?;
        self.symbol("=")?;
        let value = self.expr(0)?;
        let id = match self.names.get(name) {
            Some(Expr::Local(id)) if naming.is_top() && !body.iter().any(|(other, _)| other == id) => *id,
            _ => self.new_local(name, self.fresh(&naming.full(name)), ty)?,
        };
        body.push((id, value));
        Ok(())
    }

    /// A name that no local has.
    fn fresh(&self, first: &str) -> String {
        let taken = |name: &str| self.locals.iter().any(|l| l.name == name);
        let numbered = (2..).map(|n| format!("{first}_{n}"));
        std::iter::once(first.to_string()).chain(numbered).find(|n| !taken(n)).unwrap_or_default()
    }

    /// Writes out a `def`: its body is parsed again, with its parameters standing for the arguments.
    fn written_out(&mut self, targets: &[&'a str], naming: &Naming<'a>, body: &mut Vec<(LocalId, Expr)>) -> Parsed<()> {
        let word = self.name()?;
        let Some(def) = self.defs.get(word).cloned() else {
            return self.fail_before(format!("there is no def `{word}`"));
        };
        self.symbol("(")?;
        let mut arguments = self.list(")", |p| p.expr(0))?;
        if arguments.len() != def.parameters.len() || targets.len() != def.results.len() {
            let (takes, gives) = (def.parameters.len(), def.results.len());
            return self.fail_before(format!("`{word}` takes {takes} values and gives {gives}"));
        }
        let results = def.results.iter().copied().zip(targets.iter().map(|t| naming.full(t))).collect();
        let inner_naming = Naming { prefix: format!("{}_", naming.full(targets[0])), results };
        for (argument, parameter) in arguments.iter_mut().zip(&def.parameters) {
            if !matches!(argument, Expr::Local(_) | Expr::Const(_)) {
                let id = LocalId(self.locals.len() as u32);
                self.locals.push(Local { name: self.fresh(&inner_naming.full(parameter)), ty: Type::F64 });
                body.push((id, std::mem::replace(argument, Expr::Local(id))));
            }
        }
        let after = self.at;
        let arguments = def.parameters.iter().copied().zip(arguments);
        let inner: HashMap<&str, Expr> = self.constants.clone().into_iter().chain(arguments).collect();
        let outer = std::mem::replace(&mut self.names, inner);
        self.at = def.body + 1;
        while self.takes(Token::Word("let")) {
            self.definition(&inner_naming, body)?;
        }
        self.symbol("}")?;
        let inner = std::mem::replace(&mut self.names, outer);
        self.at = after;
        for (target, result) in targets.iter().zip(&def.results) {
            let Some(value) = inner.get(result) else {
                return self.fail_before(format!("`{word}` does not compute `{result}`"));
            };
            if self.names.insert(target, value.clone()).is_some() {
                return self.fail_before(format!("there is something else called `{target}`"));
            }
        }
        Ok(())
    }
}

/// How the locals of a written out `def` are called: its results as its user calls them, the others after these.
#[derive(Default)]
struct Naming<'a> {
    prefix: String,
    results: Vec<(&'a str, String)>,
}

impl Naming<'_> {
    fn is_top(&self) -> bool {
        self.prefix.is_empty()
    }

    fn full(&self, name: &str) -> String {
        let result = self.results.iter().find(|(n, _)| *n == name);
        result.map_or_else(|| format!("{}{name}", self.prefix), |(_, full)| full.clone())
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
