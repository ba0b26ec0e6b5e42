//! Libraries of functions: constants, tables, and code that is written out where it is used.

use std::collections::HashMap;

use super::lexer::Token;
use super::parse::{Parsed, Parser};
use crate::diag::Diagnostic;
use crate::kernel::ir::{Const, Expr, Function, Local, LocalId, Type};

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

/// Code written out where it is used: parameters, results, and the place of its body among the tokens.
#[derive(Clone)]
pub(super) struct Def<'a> {
    parameters: Vec<&'a str>,
    results: Vec<&'a str>,
    body: usize,
}

impl<'a> Parser<'a, '_> {
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
