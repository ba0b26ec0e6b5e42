//! The tree of an expression and of a statement, as written: no types, no dimensions, no resolved names.
//!
//! Spans point into the [`Text`](crate::diag::Text) that was parsed; trees made by later steps carry the span of what
//! they came from. Equality ignores spans.

use crate::diag::Span;

/// An expression and where it was written.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it was written.
    pub span: Span,
}

/// The forms of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// An integer literal.
    Int(i64),
    /// A literal with a point or an exponent.
    Float(f64),
    /// `True` or `False`.
    Bool(bool),
    /// A variable, constant or unit.
    Name(String),
    /// `-x`, `not x`.
    Unary(UnaryOp, Box<Expr>),
    /// `x + y` and the other arithmetic operators.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `x < y` and the other comparisons; they do not chain.
    Compare(CompareOp, Box<Expr>, Box<Expr>),
    /// `x and y`, `x or y`.
    Logic(LogicOp, Box<Expr>, Box<Expr>),
    /// A function of the model language and its arguments.
    Call(String, Vec<Expr>),
}

/// Operators with one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `-x`
    Neg,
    /// `not x`
    Not,
}

/// Arithmetic operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `x + y`
    Add,
    /// `x - y`
    Sub,
    /// `x * y`
    Mul,
    /// `x / y`, a float whatever the operands
    Div,
    /// `x // y`, rounded down
    FloorDiv,
    /// `x % y`, with the sign of `y`
    Mod,
    /// `x ** y`
    Pow,
}

/// Comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// `x < y`
    Lt,
    /// `x <= y`
    Le,
    /// `x > y`
    Gt,
    /// `x >= y`
    Ge,
    /// `x == y`
    Eq,
    /// `x != y`
    Ne,
}

/// Operators on booleans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogicOp {
    /// `x and y`
    And,
    /// `x or y`
    Or,
}

/// `target = value` and the augmented forms.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The variable written to.
    pub target: String,
    /// Where its name stands.
    pub target_span: Span,
    /// How it is written.
    pub op: AssignOp,
    /// The right-hand side.
    pub value: Expr,
    /// The whole statement.
    pub span: Span,
}

/// The forms of assignment of the model language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AssignOp {
    /// `=`
    Set,
    /// `+=`, `-=`, `*=`, `/=`, `%=`
    Update(BinaryOp),
}

impl PartialEq for Expr {
    fn eq(&self, other: &Expr) -> bool {
        self.kind == other.kind
    }
}

impl PartialEq for Statement {
    fn eq(&self, other: &Statement) -> bool {
        (&self.target, self.op, &self.value) == (&other.target, other.op, &other.value)
    }
}

impl Expr {
    /// An expression without a place of its own.
    pub fn new(kind: ExprKind, span: Span) -> Expr {
        Expr { kind, span }
    }

    /// The name of a variable.
    pub fn name(name: impl Into<String>) -> Expr {
        Expr::new(ExprKind::Name(name.into()), Span::default())
    }

    /// A float literal.
    pub fn float(value: f64) -> Expr {
        Expr::new(ExprKind::Float(value), Span::default())
    }

    /// An integer literal.
    pub fn int(value: i64) -> Expr {
        Expr::new(ExprKind::Int(value), Span::default())
    }

    /// `op self`
    #[must_use]
    pub fn unary(self, op: UnaryOp) -> Expr {
        let span = self.span;
        Expr::new(ExprKind::Unary(op, Box::new(self)), span)
    }

    /// `self op right`
    #[must_use]
    pub fn binary(self, op: BinaryOp, right: Expr) -> Expr {
        let span = self.span;
        Expr::new(ExprKind::Binary(op, Box::new(self), Box::new(right)), span)
    }

    /// `function(arguments)`
    pub fn call(function: &str, arguments: Vec<Expr>) -> Expr {
        let span = arguments.first().map_or(Span::default(), |a| a.span);
        Expr::new(ExprKind::Call(function.to_string(), arguments), span)
    }

    /// The operands, in order.
    pub fn children(&self) -> impl Iterator<Item = &Expr> {
        let (operands, arguments): ([Option<&Expr>; 2], &[Expr]) = match &self.kind {
            ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) | ExprKind::Name(_) => ([None, None], &[]),
            ExprKind::Unary(_, x) => ([Some(x), None], &[]),
            ExprKind::Binary(_, x, y) | ExprKind::Compare(_, x, y) | ExprKind::Logic(_, x, y) => {
                ([Some(x), Some(y)], &[])
            }
            ExprKind::Call(_, arguments) => ([None, None], arguments),
        };
        operands.into_iter().flatten().chain(arguments)
    }

    /// Calls `visit` on this expression and on everything in it, outermost first.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Expr)) {
        visit(self);
        for child in self.children() {
            child.walk(visit);
        }
    }

    /// Whether the name occurs.
    pub fn mentions(&self, name: &str) -> bool {
        match &self.kind {
            ExprKind::Name(n) => n == name,
            _ => self.children().any(|c| c.mentions(name)),
        }
    }

    /// The names that occur, in order of first occurrence; names of functions are not among them.
    pub fn names(&self) -> indexmap::IndexSet<String> {
        let mut names = indexmap::IndexSet::new();
        self.walk(&mut |e| {
            if let ExprKind::Name(n) = &e.kind {
                names.insert(n.clone());
            }
        });
        names
    }

    /// The same expression with each operand replaced by what `f` makes of it.
    #[must_use]
    pub fn map_children(&self, mut f: impl FnMut(&Expr) -> Expr) -> Expr {
        let kind = match &self.kind {
            ExprKind::Unary(op, x) => ExprKind::Unary(*op, Box::new(f(x))),
            ExprKind::Binary(op, x, y) => ExprKind::Binary(*op, Box::new(f(x)), Box::new(f(y))),
            ExprKind::Compare(op, x, y) => ExprKind::Compare(*op, Box::new(f(x)), Box::new(f(y))),
            ExprKind::Logic(op, x, y) => ExprKind::Logic(*op, Box::new(f(x)), Box::new(f(y))),
            ExprKind::Call(name, arguments) => ExprKind::Call(name.clone(), arguments.iter().map(f).collect()),
            leaf => leaf.clone(),
        };
        Expr::new(kind, self.span)
    }

    /// The same expression with names replaced where `replace` gives something; replacements are not searched again.
    #[must_use]
    pub fn substitute(&self, replace: &impl Fn(&str) -> Option<Expr>) -> Expr {
        if let ExprKind::Name(n) = &self.kind {
            return replace(n).unwrap_or_else(|| self.clone());
        }
        self.map_children(|c| c.substitute(replace))
    }
}

impl BinaryOp {
    /// As written.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::FloorDiv => "//",
            BinaryOp::Mod => "%",
            BinaryOp::Pow => "**",
        }
    }
}

impl CompareOp {
    /// As written.
    pub fn symbol(self) -> &'static str {
        match self {
            CompareOp::Lt => "<",
            CompareOp::Le => "<=",
            CompareOp::Gt => ">",
            CompareOp::Ge => ">=",
            CompareOp::Eq => "==",
            CompareOp::Ne => "!=",
        }
    }
}

impl LogicOp {
    /// As written.
    pub fn symbol(self) -> &'static str {
        match self {
            LogicOp::And => "and",
            LogicOp::Or => "or",
        }
    }
}
