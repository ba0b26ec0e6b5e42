//! From checked statements to kernels.
//!
//! In: statements over names whose meaning a [`Symbols`] gives. Out: a [`Lowered`] kernel whose parameters bear the names
//! of the variables and constants they stand for, so that the caller can bind arrays to them. Types are made explicit
//! here by Brian2's rules: `/` is float, integers stay integers under `//`, `%`, `**` and `+ - *`, assignment converts
//! to the type of the target. Names have been checked; what does not resolve is our fault.

mod arithmetic;
mod calls;
mod cases;
mod refractory;

use std::collections::{BTreeMap, BTreeSet};

use indexmap::{IndexMap, IndexSet};

use self::arithmetic::{integer, is_zero, signed_outside, whole_number, zero};
pub use self::calls::{FunctionSymbol, HostCall, HostFunction};
pub use self::cases::Case;
pub use self::refractory::{NOT_FROM, NOT_UNTIL};
use super::ir::{
    BinaryOp, Const, Expr, Index, Kernel, Local, LocalId, LoopShape, Param, ParamId, Place, Stmt, Storage,
};
use super::ir::{Type, UnaryOp};
use crate::diag::{Span, Text};
use crate::expr::ast;
use crate::expr::check::{CONSTANTS, ValueType, draws, function};
use crate::model::namespace::Number;

/// What a name stands for in a kernel.
#[derive(Clone, Debug, PartialEq)]
pub enum Symbol {
    /// An array with one element a cell, or a single value.
    Array {
        /// Type in memory.
        storage: Storage,
        /// Whether it is a single value.
        scalar: bool,
        /// Name of a boolean array: statements other than resets write only where it is true.
        guard: Option<String>,
    },
    /// The number of the cell.
    Element,
    /// The number of the cell, counted from the one whose number this single value, a 32-bit integer, is.
    ElementFrom(String),
    /// A single value under the name of its parameter; never written.
    Value {
        /// Name of the parameter.
        param: String,
        /// Type in memory.
        storage: Storage,
    },
    /// An array with one element for each cell of something else, and the integers that say which one a cell has.
    Linked {
        /// Name of the parameter: two names that stand for one array have one.
        param: String,
        /// Type in memory.
        storage: Storage,
        /// Name of a boolean, linked in the same way: statements other than resets write only where it is true.
        guard: Option<String>,
        /// Name of an array of 32-bit integers, one for each cell; in range of the linked array.
        index: String,
    },
    /// The element of such an array whose number is one for all cells; never written.
    LinkedRow {
        /// Name of the parameter.
        param: String,
        /// Type in memory.
        storage: Storage,
        /// Name of a single value, a 32-bit integer.
        row: String,
    },
    /// The element of another array whose number code changes on its way; never written. Numbers of no element stand for
    /// the nearest one.
    LinkedWithin {
        /// Name of the parameter.
        param: String,
        /// Type in memory.
        storage: Storage,
        /// Name of the number.
        index: String,
        /// Name of a single value, a 64-bit integer: the number of the last element.
        last: String,
    },
    /// A value that is part of the text, such as a unit.
    Literal(Number),
    /// A constant of the model in memory: never written, so a statement with its name makes a temporary instead.
    Constant(Storage),
    /// A subexpression of the model.
    Subexpression {
        /// What it stands for.
        expr: ast::Expr,
        /// The type it is declared with.
        ty: ValueType,
        /// Whether its value differs from cell to cell.
        varies: bool,
    },
}

/// The meaning of names.
pub trait Symbols {
    /// What `name` stands for.
    fn symbol(&self, name: &str) -> Option<Symbol>;
    /// What `name` stands for in a subexpression: where code sees a part of a group, its subexpressions see the whole.
    fn symbol_in_subexpression(&self, name: &str) -> Option<Symbol> {
        self.symbol(name)
    }
    /// The function of the model that has this name.
    fn function(&self, _name: &str) -> Option<FunctionSymbol> {
        None
    }
}

/// A place in the text where an integer may be divided by zero, by the bit of the call's flags that says so.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// The text.
    pub text: Text,
    /// The operation.
    pub span: Span,
}

/// A kernel and what its flags mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Lowered {
    /// The kernel; its parameters are named by what they stand for.
    pub kernel: Kernel,
    /// By bit.
    pub sites: Vec<Site>,
    /// What the host has to evaluate before each run of the kernel, in the order of the statements.
    pub calls: Vec<HostCall>,
}

/// The model and this program disagree: a bug.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("internal error while lowering: {0}; please report it with the model")]
pub struct LowerError(pub String);

type Result<T> = std::result::Result<T, LowerError>;

/// Builds one kernel from statements and expressions.
pub struct Lowerer<'a> {
    symbols: &'a dyn Symbols,
    text: Text,
    params: IndexMap<String, Param>,
    locals: Vec<Local>,
    names: IndexSet<String>,
    scalar: Vec<Stmt>,
    vector: Vec<Stmt>,
    /// Whether the statement at hand belongs to the scalar part.
    in_scalar: bool,
    /// Locals of the scalar part.
    scalar_locals: BTreeSet<LocalId>,
    /// Current values of temporaries and of subexpressions that are still valid.
    temporaries: BTreeMap<String, LocalId>,
    subexpressions: BTreeMap<String, (LocalId, IndexSet<String>)>,
    sites: Vec<Site>,
    /// Whether guards are ignored, as resets do.
    overrides_guards: bool,
    /// Whether the value at hand is a rate of change, or goes into one smoothly.
    smooth: bool,
    calls: Vec<HostCall>,
    /// Conditions under which the expression at hand is reached.
    reached: Vec<Expr>,
    /// The guard of the variable that the statement at hand writes.
    guard: Option<String>,
    /// How many subexpressions the expression at hand is inside of.
    subexpression_depth: u32,
    /// How many functions the expression at hand is inside of: their bodies see parameters and plain constants only.
    function_depth: u32,
}

impl<'a> Lowerer<'a> {
    /// A kernel over these names; `text` is where the statements stand.
    pub fn new(symbols: &'a dyn Symbols, text: &Text) -> Lowerer<'a> {
        Lowerer {
            symbols,
            text: text.clone(),
            params: IndexMap::new(),
            locals: Vec::new(),
            names: IndexSet::new(),
            scalar: Vec::new(),
            vector: Vec::new(),
            in_scalar: false,
            scalar_locals: BTreeSet::new(),
            temporaries: BTreeMap::new(),
            subexpressions: BTreeMap::new(),
            sites: Vec::new(),
            overrides_guards: false,
            smooth: false,
            calls: Vec::new(),
            reached: Vec::new(),
            guard: None,
            subexpression_depth: 0,
            function_depth: 0,
        }
    }

    /// Writes go through whatever guards a variable has: the rule for resets.
    pub fn override_guards(&mut self) {
        self.overrides_guards = true;
    }

    /// Statements that follow stand in this text.
    pub fn set_text(&mut self, text: &Text) {
        self.text = text.clone();
    }

    /// The kernel.
    pub fn finish(self, shape: LoopShape) -> Lowered {
        let params = self.params.into_values().collect();
        let calls = self.calls.into_iter().map(|call| call.in_loop(&shape)).collect();
        let kernel = Kernel { shape, params, locals: self.locals, scalar: self.scalar, vector: self.vector };
        Lowered { kernel, sites: self.sites, calls }
    }

    /// Statements, in order.
    pub fn statements(&mut self, statements: &[ast::Statement]) -> Result<()> {
        statements.iter().try_for_each(|s| self.statement(s))
    }

    /// Statements of an integrator, in order.
    ///
    /// What all cells divide by is inverted once: a division costs as much as a dozen products. That changes the last
    /// bit (in every tier alike), which no solution of an equation notices; only what is rounded to a whole number or
    /// compared would, so operands of such operations are divided as written.
    pub fn integration(&mut self, statements: &[ast::Statement]) -> Result<()> {
        self.smooth = true;
        let done = self.statements(statements);
        self.smooth = false;
        done
    }

    /// One statement: a write to an array, or a temporary.
    pub fn statement(&mut self, statement: &ast::Statement) -> Result<()> {
        let target = &statement.target;
        let writes_shared = matches!(self.symbols.symbol(target), Some(Symbol::Array { scalar: true, .. }))
            && !self.temporaries.contains_key(target);
        let is_temporary = !matches!(self.symbols.symbol(target), Some(Symbol::Array { .. } | Symbol::Linked { .. }));
        // Shared variables are written once a call, and so are temporaries that are the same for all cells, since the
        // value of a shared variable may come from them.
        self.in_scalar = writes_shared || (is_temporary && self.is_scalar(&statement.value));
        let done = self.statement_here(statement, &[]);
        self.in_scalar = false;
        done
    }

    /// What a name stands for at this point: in the body of a function, only parameters and plain constants have one.
    fn symbol(&self, name: &str) -> Option<Symbol> {
        if self.function_depth == 0 {
            return match self.subexpression_depth {
                0 => self.symbols.symbol(name),
                _ => self.symbols.symbol_in_subexpression(name),
            };
        }
        let (_, value) = CONSTANTS.iter().find(|(constant, _)| *constant == name)?;
        Some(Symbol::Literal(Number::Float(*value)))
    }

    fn push(&mut self, statement: Stmt) {
        if self.in_scalar { self.scalar.push(statement) } else { self.vector.push(statement) }
    }

    /// Whether the value is the same for all cells, with what is known in the scalar part.
    fn is_scalar(&self, expr: &ast::Expr) -> bool {
        match &expr.kind {
            ast::ExprKind::Name(name) => self.name_is_scalar(name),
            ast::ExprKind::Call(name, _)
                if draws(name) || self.symbols.function(name).is_some_and(|f| f.is_stateful()) =>
            {
                // Each cell has its own.
                false
            }
            _ => expr.children().all(|x| self.is_scalar(x)),
        }
    }

    fn name_is_scalar(&self, name: &str) -> bool {
        if let Some(local) = self.temporaries.get(name) {
            return self.scalar_locals.contains(local);
        }
        match self.symbol(name) {
            Some(Symbol::Array { scalar, .. }) => scalar,
            Some(Symbol::Literal(_) | Symbol::Constant(_) | Symbol::Value { .. } | Symbol::LinkedRow { .. }) => true,
            Some(Symbol::Subexpression { varies, .. }) => !varies,
            Some(Symbol::Element | Symbol::ElementFrom(_) | Symbol::Linked { .. } | Symbol::LinkedWithin { .. })
            | None => false,
        }
    }

    fn statement_here(&mut self, statement: &ast::Statement, cases: &[Case]) -> Result<()> {
        let target = &statement.target;
        self.push(Stmt::Comment(statement.to_string()));
        self.guard = match self.symbols.symbol(target) {
            Some(Symbol::Array { guard, .. } | Symbol::Linked { guard, .. }) if !self.overrides_guards => guard,
            _ => None,
        };
        let value = match cases {
            [] => self.assigned(statement, &statement.value)?,
            cases => self.value_by_cases(statement, cases)?,
        };
        let array = match self.temporaries.contains_key(target) {
            true => None,
            false => self.symbols.symbol(target),
        };
        match array {
            Some(Symbol::Array { storage, scalar, guard }) => {
                let index = if scalar { Index::Zero } else { Index::Element };
                self.store(target, storage, index, guard, value)
            }
            Some(Symbol::Linked { param, storage, guard, index }) => {
                let index = Index::Via(self.param(&index, Storage::I32, false));
                self.store(&param, storage, index, guard, value)
            }
            _ => {
                let local = self.bind(target, value);
                self.temporaries.insert(target.clone(), local);
                Ok(())
            }
        }
    }

    fn store(&mut self, name: &str, storage: Storage, index: Index, guard: Option<String>, value: Expr) -> Result<()> {
        let param = self.param(name, storage, index == Index::Zero);
        if let Some(entry) = self.params.get_mut(name) {
            entry.written = true;
        }
        let when = match guard.filter(|_| !self.overrides_guards) {
            Some(guard) => Some(self.name(&guard)?),
            None => None,
        };
        let value = self.convert(value, storage.ty());
        self.push(Stmt::Store { place: Place { param, index }, value, when });
        let symbols = self.symbols;
        let is_written = |used: &String| match symbols.symbol(used) {
            Some(
                Symbol::Linked { param, .. } | Symbol::LinkedRow { param, .. } | Symbol::LinkedWithin { param, .. },
            ) => param == name,
            _ => used == name,
        };
        self.subexpressions.retain(|_, (_, depends)| !depends.iter().any(is_written));
        Ok(())
    }

    /// Writes a value to a parameter that is no variable of the model.
    pub fn output(&mut self, name: &str, storage: Storage, value: Expr) {
        let param = self.param(name, storage, false);
        if let Some(entry) = self.params.get_mut(name) {
            entry.written = true;
        }
        let value = self.convert(value, storage.ty());
        self.vector.push(Stmt::Store { place: Place { param, index: Index::Element }, value, when: None });
    }

    /// Names a value.
    fn bind(&mut self, name: &str, value: Expr) -> LocalId {
        let mut unique = name.to_string();
        let mut count = 1;
        while !self.names.insert(unique.clone()) {
            count += 1;
            unique = format!("{name}_{count}");
        }
        let ty = self.ty(&value);
        let id = LocalId(self.locals.len() as u32);
        self.locals.push(Local { name: unique, ty });
        self.push(Stmt::Let(id, value));
        if self.in_scalar {
            self.scalar_locals.insert(id);
        }
        id
    }

    /// The type of a value made by this lowerer.
    pub fn type_of(&self, expr: &Expr) -> Type {
        self.ty(expr)
    }

    fn ty(&self, expr: &Expr) -> Type {
        // Parameters are in a map while the kernel grows, so this is `ir::type_of` over that map.
        match expr {
            Expr::Const(c) => c.ty(),
            Expr::Local(id) => self.locals[id.0 as usize].ty,
            Expr::Load(Place { param, .. }) | Expr::Gather(param, _) => self.params[param.0 as usize].storage.ty(),
            Expr::Element => Type::I32,
            Expr::Call(..) | Expr::Table(..) => Type::F64,
            Expr::Unary(op, x) => op.result().unwrap_or_else(|| self.ty(x)),
            Expr::Binary(op, x, _) => op.result().unwrap_or_else(|| self.ty(x)),
            Expr::Select(_, x, _) => self.ty(x),
            Expr::Cast(ty, _) => *ty,
        }
    }

    fn param(&mut self, name: &str, storage: Storage, scalar: bool) -> ParamId {
        let entry = self.params.entry(name.to_string());
        let id = ParamId(entry.index() as u16);
        entry.or_insert_with(|| Param { name: name.to_string(), storage, scalar, written: false });
        id
    }

    fn convert(&mut self, value: Expr, to: Type) -> Expr {
        match self.ty(&value) {
            from if from == to => value,
            _ => Expr::cast(to, value),
        }
    }

    /// The value of a name as it is now.
    fn name(&mut self, name: &str) -> Result<Expr> {
        if let Some(local) = self.temporaries.get(name) {
            return Ok(Expr::Local(*local));
        }
        match self.symbol(name) {
            Some(Symbol::Array { storage, scalar, .. }) => {
                let index = if scalar { Index::Zero } else { Index::Element };
                Ok(Expr::Load(Place { param: self.param(name, storage, scalar), index }))
            }
            Some(Symbol::Element) => Ok(Expr::Element),
            Some(Symbol::ElementFrom(first)) => {
                let first = Place { param: self.param(&first, Storage::I32, true), index: Index::Zero };
                Ok(Expr::binary(BinaryOp::Sub, Expr::Element, Expr::Load(first)))
            }
            Some(Symbol::Value { param, storage }) => {
                Ok(Expr::Load(Place { param: self.param(&param, storage, true), index: Index::Zero }))
            }
            Some(Symbol::Linked { param, storage, index, .. }) => {
                let index = Index::Via(self.param(&index, Storage::I32, false));
                Ok(Expr::Load(Place { param: self.param(&param, storage, false), index }))
            }
            Some(Symbol::LinkedRow { param, storage, row }) => {
                let row = Place { param: self.param(&row, Storage::I32, true), index: Index::Zero };
                let row = Expr::cast(Type::I64, Expr::Load(row));
                Ok(Expr::Gather(self.param(&param, storage, false), Box::new(row)))
            }
            Some(Symbol::LinkedWithin { param, storage, index, last }) => {
                self.linked_within(&param, storage, &index, &last)
            }
            Some(Symbol::Literal(Number::Float(value))) => Ok(Expr::f64(value)),
            Some(Symbol::Literal(Number::Integer(value))) => Ok(integer(value)),
            Some(Symbol::Literal(Number::Boolean(value))) => Ok(Expr::Const(Const::Bool(value))),
            Some(Symbol::Constant(storage)) => {
                Ok(Expr::Load(Place { param: self.param(name, storage, true), index: Index::Zero }))
            }
            Some(Symbol::Subexpression { expr, ty, .. }) => self.subexpression(name, &expr, ty),
            None => Err(LowerError(format!("`{name}` has no meaning"))),
        }
    }

    fn subexpression(&mut self, name: &str, expr: &ast::Expr, ty: ValueType) -> Result<Expr> {
        if let Some((local, _)) = self.subexpressions.get(name) {
            // The scalar part cannot see what the vector part has computed.
            if !self.in_scalar || self.scalar_locals.contains(local) {
                return Ok(Expr::Local(*local));
            }
        }
        self.subexpression_depth += 1;
        let value = self.expr(expr);
        self.subexpression_depth -= 1;
        let value = value?;
        let value = match ty {
            ValueType::Float => self.convert(value, Type::F64),
            ValueType::Boolean => self.convert(value, Type::Bool),
            ValueType::Integer if self.ty(&value) == Type::Bool => self.convert(value, Type::I32),
            ValueType::Integer => value,
        };
        let mut depends = expr.names();
        for used in expr.names() {
            if let Some((_, further)) = self.subexpressions.get(&used) {
                depends.extend(further.iter().cloned());
            }
        }
        let local = self.bind(name, value);
        self.subexpressions.insert(name.to_string(), (local, depends));
        Ok(Expr::Local(local))
    }

    /// An expression at this point of the kernel.
    pub fn expr(&mut self, expr: &ast::Expr) -> Result<Expr> {
        let outside = self.smooth;
        self.smooth &= is_smooth(expr);
        let value = self.expr_here(expr);
        self.smooth = outside;
        value
    }

    fn expr_here(&mut self, expr: &ast::Expr) -> Result<Expr> {
        use ast::ExprKind;
        if let (ExprKind::Binary(..), Some(value)) = (&expr.kind, whole_number(expr)) {
            // Numbers written out are taken together before they have a size, as in Python.
            return Ok(i64::try_from(value).map_or_else(|_| Expr::f64(value as f64), integer));
        }
        match &expr.kind {
            ExprKind::Int(value) => Ok(integer(*value)),
            ExprKind::Float(value) => Ok(Expr::f64(*value)),
            ExprKind::Bool(value) => Ok(Expr::Const(Const::Bool(*value))),
            ExprKind::Name(name) => self.name(name),
            ExprKind::Unary(ast::UnaryOp::Neg, x) => {
                let x = self.expr(x)?;
                let x = self.at_least_integer(x);
                Ok(match x {
                    Expr::Const(Const::I32(value)) if value != i32::MIN => Expr::Const(Const::I32(-value)),
                    x => Expr::unary(UnaryOp::Neg, x),
                })
            }
            ExprKind::Unary(ast::UnaryOp::Not, x) => {
                let x = self.expr(x)?;
                let x = self.convert(x, Type::Bool);
                Ok(Expr::unary(UnaryOp::Not, x))
            }
            ExprKind::Logic(op, x, y) => {
                let x = self.expr(x)?;
                let x = self.convert(x, Type::Bool);
                // Both sides are computed, but where the first one decides, the second one calls nothing.
                self.reached.push(match op {
                    ast::LogicOp::And => x.clone(),
                    ast::LogicOp::Or => Expr::unary(UnaryOp::Not, x.clone()),
                });
                let y = self.expr(y);
                self.reached.pop();
                let y = y?;
                let y = self.convert(y, Type::Bool);
                let op = match op {
                    ast::LogicOp::And => BinaryOp::And,
                    ast::LogicOp::Or => BinaryOp::Or,
                };
                Ok(Expr::binary(op, x, y))
            }
            ExprKind::Compare(op, x, y) => {
                let (x, y) = (self.expr(x)?, self.expr(y)?);
                let (x, y) = self.promote(x, y);
                Ok(match op {
                    ast::CompareOp::Lt => Expr::binary(BinaryOp::Lt, x, y),
                    ast::CompareOp::Le => Expr::binary(BinaryOp::Le, x, y),
                    ast::CompareOp::Gt => Expr::binary(BinaryOp::Lt, y, x),
                    ast::CompareOp::Ge => Expr::binary(BinaryOp::Le, y, x),
                    ast::CompareOp::Eq => Expr::binary(BinaryOp::Eq, x, y),
                    ast::CompareOp::Ne => Expr::binary(BinaryOp::Ne, x, y),
                })
            }
            ExprKind::Binary(ast::BinaryOp::Pow, base, exponent) => self.power(base, exponent),
            // Brian2 takes zero times anything as zero before it knows the values, NaN and infinity included.
            ExprKind::Binary(ast::BinaryOp::Mul, x, y) if is_zero(x) || is_zero(y) => {
                let (x, y) = (self.expr(x)?, self.expr(y)?);
                Ok(zero(self.ty(&x).max(self.ty(&y))))
            }
            ExprKind::Binary(ast::BinaryOp::Div, x, y) if self.smooth && self.is_scalar(y) && !self.is_scalar(x) => {
                let (x, y) = (self.expr(x)?, self.expr(y)?);
                let (x, y) = (self.convert(x, Type::F64), self.convert(y, Type::F64));
                let inverse = match y {
                    Expr::Const(Const::F64(bits)) => Expr::f64(1.0 / f64::from_bits(bits)),
                    y => Expr::binary(BinaryOp::Div, Expr::f64(1.0), y),
                };
                Ok(signed_outside(BinaryOp::Mul, x, inverse))
            }
            ExprKind::Binary(op, x, y) => {
                let (x, y) = (self.expr(x)?, self.expr(y)?);
                self.arithmetic(*op, x, y, expr.span)
            }
            ExprKind::Call(name, arguments) => {
                let arguments = arguments.iter().map(|a| self.expr(a)).collect::<Result<Vec<_>>>()?;
                match self.symbols.function(name) {
                    Some(function) => self.call_model_function(name, &function, arguments),
                    None if draws(name) => self.draw(name, arguments),
                    None => self.call(name, arguments),
                }
            }
        }
    }

    fn at_least_integer(&mut self, x: Expr) -> Expr {
        if self.ty(&x) == Type::Bool { Expr::cast(Type::I32, x) } else { x }
    }

    /// Both operands in their common type, at least an integer.
    fn promote(&mut self, x: Expr, y: Expr) -> (Expr, Expr) {
        let ty = self.ty(&x).max(self.ty(&y)).max(Type::I32);
        (self.convert(x, ty), self.convert(y, ty))
    }
}

/// Whether a small change of an operand makes no more than a small change of the value.
fn is_smooth(expr: &ast::Expr) -> bool {
    match &expr.kind {
        ast::ExprKind::Compare(..) | ast::ExprKind::Binary(ast::BinaryOp::FloorDiv | ast::BinaryOp::Mod, ..) => false,
        // Of functions of the model nothing is known.
        ast::ExprKind::Call(name, _) => {
            function(name).is_some()
                && !["int", "floor", "ceil", "sign", "timestep", "poisson"].contains(&name.as_str())
        }
        _ => true,
    }
}
