//! The kernel IR: what every tier runs and every renderer prints.
//!
//! A [`Kernel`] is a list of parameters (arrays and scalars, by pointer), a scalar part that runs once a call, and a
//! vector part that runs once for each element of its [`LoopShape`]. Statements run in order, for each element from
//! first to last; a block of elements may run a statement at a time, since no element reads what another one writes.
//! Expressions are pure trees over typed values, and every operation has one meaning, to the bit, in every tier:
//!
//! * floats: IEEE 754 double, round to nearest, no contraction; a NaN's bits are never looked at;
//! * integers wrap; `FloorDiv` and `Mod` round down, have the sign of the divisor, and are 0 for a divisor of 0;
//! * `Cast` of a float to an integer truncates, and gives the type's minimum where that does not fit or for a NaN;
//! * `Select` evaluates both sides; `And`, `Or` too.
//!
//! Names of objects, sizes and values of parameters are not in a kernel.

/// The type of a value in a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// True or false.
    Bool,
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// Double.
    F64,
}

/// The type of an array's elements in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Storage {
    /// One byte, 0 or 1.
    Bool,
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// Float, computed with in double and rounded when stored.
    F32,
    /// Double.
    F64,
}

impl Storage {
    /// The type a loaded element has.
    pub fn ty(self) -> Type {
        match self {
            Storage::Bool => Type::Bool,
            Storage::I32 => Type::I32,
            Storage::I64 => Type::I64,
            Storage::F32 | Storage::F64 => Type::F64,
        }
    }

    /// Bytes of an element.
    pub fn size(self) -> usize {
        match self {
            Storage::Bool => 1,
            Storage::I32 | Storage::F32 => 4,
            Storage::I64 | Storage::F64 => 8,
        }
    }
}

/// Index of a parameter in [`Kernel::params`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParamId(pub u16);

/// Index of a local in [`Kernel::locals`] or [`Function::locals`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalId(pub u32);

/// An array or scalar that a kernel reaches by pointer. Two parameters are never the same memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Param {
    /// Name in the model, for readers of generated code; unique in the kernel.
    pub name: String,
    /// Type of its elements.
    pub storage: Storage,
    /// Whether it is one value (only ever indexed by [`Index::Zero`]).
    pub scalar: bool,
    /// Whether the kernel writes it.
    pub written: bool,
}

/// A value computed once and named.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Local {
    /// Unique in the kernel.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// Which element of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Index {
    /// The element the loop is at.
    Element,
    /// The only one.
    Zero,
    /// The one whose number the parameter (of type I32) holds at the element the loop is at.
    Via(ParamId),
}

/// A place in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The array.
    pub param: ParamId,
    /// The element.
    pub index: Index,
}

/// Constants; floats by their bits, so that trees compare and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Const {
    /// True or false.
    Bool(bool),
    /// 32-bit integer.
    I32(i32),
    /// 64-bit integer.
    I64(i64),
    /// Double, by its bits.
    F64(u64),
}

impl Const {
    /// A double.
    pub fn f64(value: f64) -> Const {
        Const::F64(value.to_bits())
    }

    /// Its type.
    pub fn ty(self) -> Type {
        match self {
            Const::Bool(_) => Type::Bool,
            Const::I32(_) => Type::I32,
            Const::I64(_) => Type::I64,
            Const::F64(_) => Type::F64,
        }
    }
}

/// Operations with one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `-x` of an integer (wraps) or a float (flips the sign).
    Neg,
    /// `not x` of a boolean.
    Not,
    /// `|x|` of a float.
    Abs,
    /// Square root of a float, correctly rounded.
    Sqrt,
    /// Largest whole float not above.
    Floor,
    /// The whole float next to it towards zero.
    Trunc,
    /// The bits of a float as I64.
    ToBits,
    /// The float with the bits of an I64.
    FromBits,
    /// The nearest single-precision float (ties to even), as a double: what an array of F32 makes of it.
    Round32,
}

/// Operations with two operands of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `x + y` of integers or floats.
    Add,
    /// `x - y` of integers or floats.
    Sub,
    /// `x * y` of integers or floats.
    Mul,
    /// `x / y` of floats.
    Div,
    /// `x // y` of integers.
    FloorDiv,
    /// `x % y` of integers.
    Mod,
    /// `x and y` of booleans; bits of I64.
    And,
    /// `x or y` of booleans; bits of I64.
    Or,
    /// Bits of I64.
    Xor,
    /// `x << y` of I64, 0 <= y < 64.
    Shl,
    /// `x >> y` of I64 without sign, 0 <= y < 64.
    Shr,
    /// `x < y` of integers or floats: a boolean.
    Lt,
    /// `x <= y` of integers or floats: a boolean.
    Le,
    /// `x == y` of any type: a boolean.
    Eq,
    /// `x != y` of any type: a boolean.
    Ne,
}

impl UnaryOp {
    /// The type of the result, if it is the same for all operands; else it is that of the operand.
    pub fn result(self) -> Option<Type> {
        match self {
            UnaryOp::Neg => None,
            UnaryOp::Not => Some(Type::Bool),
            UnaryOp::ToBits => Some(Type::I64),
            UnaryOp::Abs | UnaryOp::Sqrt | UnaryOp::Floor | UnaryOp::Trunc => Some(Type::F64),
            UnaryOp::FromBits | UnaryOp::Round32 => Some(Type::F64),
        }
    }
}

impl BinaryOp {
    /// The type of the result, if it is the same for all operands; else it is that of the operands.
    pub fn result(self) -> Option<Type> {
        if self.is_comparison() { Some(Type::Bool) } else { None }
    }

    /// Whether the result is a boolean whatever the operands.
    pub fn is_comparison(self) -> bool {
        matches!(self, BinaryOp::Lt | BinaryOp::Le | BinaryOp::Eq | BinaryOp::Ne)
    }
}

/// A pure expression.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expr {
    /// A constant.
    Const(Const),
    /// A local computed before.
    Local(LocalId),
    /// An element of an array, as it is when the statement runs.
    Load(Place),
    /// The number of the element the loop is at (I32).
    Element,
    /// One operand.
    Unary(UnaryOp, Box<Expr>),
    /// Two operands.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// The second if the first (a boolean) is true, else the third.
    Select(Box<Expr>, Box<Expr>, Box<Expr>),
    /// Conversion: of a boolean (0, 1) or an integer to a wider number; of I64 to I32 (wraps); of a float to an
    /// integer; of a number to a boolean (not 0).
    Cast(Type, Box<Expr>),
    /// A function of the maths library, by its name (see `kernel::maths`): floats to a float.
    Call(&'static str, Vec<Expr>),
    /// An entry of a constant table of the maths library; the index (I64) is in range.
    Table(&'static str, Box<Expr>),
    /// The element of an array at a computed index (I64), such as a time step. Whoever builds the kernel sees to it
    /// that the index is in range, for whatever memory may hold. Nothing writes the array, and its length has nothing
    /// to do with the loop's.
    Gather(ParamId, Box<Expr>),
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stmt {
    /// The statement of the model that the next ones came from, printed from its tree.
    Comment(String),
    /// Computes a local; each local is computed once.
    Let(LocalId, Expr),
    /// Writes memory, if `when` is absent or true.
    Store {
        /// Where to.
        place: Place,
        /// What, of the type of the array's elements.
        value: Expr,
        /// Condition, a boolean.
        when: Option<Expr>,
    },
    /// Sets a bit of the call's flags if the condition is true.
    Flag(u8, Expr),
}

/// What the vector part runs over.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LoopShape {
    /// Every element from `begin` to `end`: state update, assignment to a whole variable.
    Each,
    /// Every element; those for which the expression, evaluated after the vector part, is true are listed, ascending.
    Select(Expr),
    /// The elements of a list: reset, assignment to some elements, effects of events.
    Indexed,
    /// Pairs of a source and a target: making synapses. `Element` is the target; the source is a scalar parameter.
    Pairs(Expr),
}

/// A kernel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kernel {
    /// What the vector part runs over.
    pub shape: LoopShape,
    /// Arrays and scalars, in the order of the pointer table.
    pub params: Vec<Param>,
    /// Every local of both parts.
    pub locals: Vec<Local>,
    /// Runs once a call, before the loop, also if there is no element: scalars are loaded and hoisted work is done here.
    pub scalar: Vec<Stmt>,
    /// Runs for each element.
    pub vector: Vec<Stmt>,
}

/// A function of the maths library: straight-line code over its parameters (the first locals).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Function {
    /// Name in the library.
    pub name: &'static str,
    /// Number of parameters; all of them and the result are floats.
    pub arity: usize,
    /// Parameters, then the locals.
    pub locals: Vec<Local>,
    /// The locals in order.
    pub body: Vec<(LocalId, Expr)>,
    /// The result.
    pub result: Expr,
}

impl Expr {
    /// A float constant.
    pub fn f64(value: f64) -> Expr {
        Expr::Const(Const::f64(value))
    }

    /// One operand.
    pub fn unary(op: UnaryOp, x: Expr) -> Expr {
        Expr::Unary(op, Box::new(x))
    }

    /// Two operands.
    pub fn binary(op: BinaryOp, x: Expr, y: Expr) -> Expr {
        Expr::Binary(op, Box::new(x), Box::new(y))
    }

    /// `if condition { yes } else { no }`
    pub fn select(condition: Expr, yes: Expr, no: Expr) -> Expr {
        Expr::Select(Box::new(condition), Box::new(yes), Box::new(no))
    }

    /// A conversion.
    pub fn cast(ty: Type, x: Expr) -> Expr {
        Expr::Cast(ty, Box::new(x))
    }

    /// The operands, in order.
    pub fn children(&self) -> impl Iterator<Item = &Expr> {
        let (operands, arguments): ([Option<&Expr>; 3], &[Expr]) = match self {
            Expr::Const(_) | Expr::Local(_) | Expr::Load(_) | Expr::Element => ([None; 3], &[]),
            Expr::Unary(_, x) | Expr::Cast(_, x) | Expr::Table(_, x) | Expr::Gather(_, x) => {
                ([Some(x), None, None], &[])
            }
            Expr::Binary(_, x, y) => ([Some(x), Some(y), None], &[]),
            Expr::Select(c, x, y) => ([Some(c), Some(x), Some(y)], &[]),
            Expr::Call(_, arguments) => ([None; 3], arguments),
        };
        operands.into_iter().flatten().chain(arguments)
    }

    /// The operands, in order, to change them.
    pub fn children_mut(&mut self) -> impl Iterator<Item = &mut Expr> {
        let (operands, arguments): ([Option<&mut Expr>; 3], &mut [Expr]) = match self {
            Expr::Const(_) | Expr::Local(_) | Expr::Load(_) | Expr::Element => ([None, None, None], &mut []),
            Expr::Unary(_, x) | Expr::Cast(_, x) | Expr::Table(_, x) | Expr::Gather(_, x) => {
                ([Some(x), None, None], &mut [])
            }
            Expr::Binary(_, x, y) => ([Some(x), Some(y), None], &mut []),
            Expr::Select(c, x, y) => ([Some(c), Some(x), Some(y)], &mut []),
            Expr::Call(_, arguments) => ([None, None, None], arguments),
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
}

impl Kernel {
    /// Whether it writes an array of which it takes elements at computed places.
    pub fn writes_what_it_gathers(&self) -> bool {
        let mut found = false;
        let mut look = |expr: &Expr| {
            expr.walk(&mut |e| found |= matches!(e, Expr::Gather(param, _) if self.params[param.0 as usize].written));
        };
        for stmt in self.scalar.iter().chain(&self.vector) {
            match stmt {
                Stmt::Comment(_) => {}
                Stmt::Let(_, value) | Stmt::Flag(_, value) => look(value),
                Stmt::Store { value, when, .. } => {
                    look(value);
                    when.iter().for_each(&mut look);
                }
            }
        }
        if let LoopShape::Select(condition) | LoopShape::Pairs(condition) = &self.shape {
            look(condition);
        }
        found
    }

    /// Calls `visit` on every expression of the vector part and of the condition, and on everything in them.
    pub fn walk_vector<'a>(&'a self, visit: &mut impl FnMut(&'a Expr)) {
        for stmt in &self.vector {
            match stmt {
                Stmt::Comment(_) => {}
                Stmt::Let(_, value) | Stmt::Flag(_, value) => value.walk(visit),
                Stmt::Store { value, when, .. } => {
                    value.walk(visit);
                    when.iter().for_each(|when| when.walk(visit));
                }
            }
        }
        if let LoopShape::Select(condition) | LoopShape::Pairs(condition) = &self.shape {
            condition.walk(visit);
        }
    }

    /// Whether its vector part calls functions of the maths library.
    pub fn calls_functions(&self) -> bool {
        let mut calls = false;
        self.walk_vector(&mut |expr| calls |= matches!(expr, Expr::Call(..)));
        calls
    }

    /// The type of an expression of this kernel, which is well-formed.
    pub fn type_of(&self, expr: &Expr) -> Type {
        type_of(expr, &self.locals, &self.params)
    }
}

/// The type of a well-formed expression over these locals and parameters.
pub fn type_of(expr: &Expr, locals: &[Local], params: &[Param]) -> Type {
    match expr {
        Expr::Const(c) => c.ty(),
        Expr::Local(id) => locals[id.0 as usize].ty,
        Expr::Load(Place { param, .. }) | Expr::Gather(param, _) => params[param.0 as usize].storage.ty(),
        Expr::Element => Type::I32,
        Expr::Unary(op, x) => op.result().unwrap_or_else(|| type_of(x, locals, params)),
        Expr::Binary(op, x, _) => op.result().unwrap_or_else(|| type_of(x, locals, params)),
        Expr::Select(_, x, _) => type_of(x, locals, params),
        Expr::Cast(ty, _) => *ty,
        Expr::Call(..) | Expr::Table(..) => Type::F64,
    }
}
