//! From a kernel to a list of operations over values: trees become straight-line code, equal operations become one
//! value, and what is the same for all elements moves to the scalar part.

use std::collections::HashMap;

use super::op::{Code, Home, RawOp, Value, Width};
use crate::kernel::ir::{Const, Expr, Index, Kernel, LoopShape, ParamId, Place, Stmt, Storage, UnaryOp};
use crate::kernel::{maths, order};

/// A kernel as operations over values that are not yet in registers.
pub(super) struct Lowered {
    pub(super) constants: Vec<[u8; 8]>,
    /// Single values of the scalar part.
    pub(super) singles: u32,
    pub(super) functions: Vec<maths::Block>,
    pub(super) scalar: Vec<RawOp>,
    pub(super) vector: Vec<RawOp>,
    pub(super) homes: Vec<Home>,
    /// The condition of a loop that selects.
    pub(super) condition: Option<Value>,
}

/// What identifies a value: equal keys compute the same.
#[derive(PartialEq, Eq, Hash)]
enum ValueKey {
    Const(Const),
    /// With the memory that is read and how often it was written before.
    Op(Code, [Option<Value>; 3], Option<(ParamId, u32)>),
}

struct Builder<'a> {
    kernel: &'a Kernel,
    program: Lowered,
    known: HashMap<ValueKey, Value>,
    locals: Vec<Option<Value>>,
    functions: HashMap<&'static str, u16>,
    /// How often each parameter was written so far.
    versions: Vec<u32>,
    scalar_part: bool,
}

/// Lowers a well-formed kernel.
pub(super) fn lower(kernel: &Kernel) -> Lowered {
    let program = Lowered {
        constants: Vec::new(),
        singles: 0,
        functions: Vec::new(),
        scalar: Vec::new(),
        vector: Vec::new(),
        homes: Vec::new(),
        condition: None,
    };
    let mut builder = Builder {
        kernel,
        program,
        known: HashMap::new(),
        locals: vec![None; kernel.locals.len()],
        functions: HashMap::new(),
        versions: vec![0; kernel.params.len()],
        scalar_part: true,
    };
    kernel.scalar.iter().for_each(|stmt| builder.statement(stmt));
    builder.scalar_part = false;
    kernel.vector.iter().for_each(|stmt| builder.statement(stmt));
    if let LoopShape::Select(condition) | LoopShape::Pairs(condition) = &kernel.shape {
        let condition = builder.expr(condition);
        builder.program.condition = Some(builder.as_block(condition, Width::W8));
    }
    builder.program
}

impl Builder<'_> {
    fn statement(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Comment(_) => {}
            Stmt::Let(id, value) => self.locals[id.0 as usize] = Some(self.expr(value)),
            Stmt::Flag(bit, condition) => {
                let condition = self.expr(condition);
                self.effect(Code::Flag(*bit), [Some(condition), None, None], None);
            }
            Stmt::Store { place, value, when } => {
                let storage = self.kernel.params[place.param.0 as usize].storage;
                let index = self.index_of(*place);
                if let Some((op, x)) = order::accumulation(stmt) {
                    let x = Some(self.expr(x));
                    self.effect(Code::Accumulate(storage, op), [index, x, None], Some(place.param));
                } else {
                    let value = Some(self.expr(value));
                    let when = when.as_ref().map(|when| self.expr(when));
                    match (index, when) {
                        (None, None) => self.effect(Code::Store(storage), [value, None, None], Some(place.param)),
                        (None, _) => self.effect(Code::StoreWhen(storage), [value, when, None], Some(place.param)),
                        (_, None) => self.effect(Code::Scatter(storage), [index, value, None], Some(place.param)),
                        _ => self.effect(Code::ScatterWhen(storage), [index, value, when], Some(place.param)),
                    }
                }
                self.versions[place.param.0 as usize] += 1;
            }
        }
    }

    /// The value that holds the index of the place; `None` if the place is the element the loop is at or a scalar.
    fn index_of(&mut self, place: Place) -> Option<Value> {
        match place.index {
            Index::Zero => None,
            Index::Element if self.kernel.shape == LoopShape::Indexed => Some(self.expr(&Expr::Element)),
            Index::Element => None,
            Index::Via(via) => Some(self.load(Place { param: via, index: Index::Element })),
        }
    }

    fn expr(&mut self, expr: &Expr) -> Value {
        match expr {
            Expr::Const(c) => self.constant(*c),
            Expr::Local(id) => self.locals[id.0 as usize].expect("a local is computed before it is used"),
            Expr::Load(place) => self.load(*place),
            Expr::Element if self.kernel.shape == LoopShape::Indexed => {
                self.known_or(ValueKey::Op(Code::Element, [None; 3], None), |_| Home::Indices)
            }
            Expr::Element => self.pure(Code::Element, [None; 3], None),
            // Registers hold bits: reading them as another type of the same width is no operation.
            Expr::Unary(UnaryOp::ToBits | UnaryOp::FromBits, x) => self.expr(x),
            Expr::Unary(op, x) => {
                let ty = self.kernel.type_of(x);
                let x = self.expr(x);
                self.pure(Code::Unary(*op, ty), [Some(x), None, None], None)
            }
            Expr::Binary(op, x, y) => {
                let ty = self.kernel.type_of(x);
                let (x, y) = (self.expr(x), self.expr(y));
                self.pure(Code::Binary(*op, ty), [Some(x), Some(y), None], None)
            }
            Expr::Select(condition, x, y) => {
                let width = Width::of(self.kernel.type_of(x));
                let (condition, x, y) = (self.expr(condition), self.expr(x), self.expr(y));
                self.pure(Code::Select(width), [Some(condition), Some(x), Some(y)], None)
            }
            Expr::Cast(to, x) => {
                let from = self.kernel.type_of(x);
                let x = self.expr(x);
                self.pure(Code::Cast(from, *to), [Some(x), None, None], None)
            }
            Expr::Call(name, arguments) => {
                let at = self.function(name);
                let mut args = [None; 3];
                for (arg, argument) in args.iter_mut().zip(arguments) {
                    *arg = Some(self.expr(argument));
                }
                self.pure(Code::Call(at), args, None)
            }
            Expr::Gather(param, index) => {
                let storage = self.kernel.params[param.0 as usize].storage;
                let index = self.expr(index);
                self.pure(Code::Gather(storage, Width::W64), [Some(index), None, None], Some(*param))
            }
            Expr::Table(name, _) => unreachable!("a verified kernel reads no table, such as `{name}`"),
        }
    }

    /// The place of a function in the program's list.
    fn function(&mut self, name: &'static str) -> u16 {
        if let Some(at) = self.functions.get(name) {
            return *at;
        }
        let at = self.program.functions.len() as u16;
        self.program.functions.push(maths::lookup(name).expect("a verified kernel calls known functions").block);
        self.functions.insert(name, at);
        at
    }

    fn load(&mut self, place: Place) -> Value {
        let param = &self.kernel.params[place.param.0 as usize];
        let index = self.index_of(place);
        let code = if index.is_some() { Code::Gather(param.storage, Width::W32) } else { Code::Load(param.storage) };
        if place.index == Index::Zero && !param.written && param.storage != Storage::F32 {
            let key = ValueKey::Op(code, [None; 3], Some((place.param, 0)));
            return self.known_or(key, |_| Home::Scalar(place.param));
        }
        self.pure(code, [index, None, None], Some(place.param))
    }

    fn constant(&mut self, c: Const) -> Value {
        self.known_or(ValueKey::Const(c), |program| {
            let mut bytes = [0; 8];
            match c {
                Const::Bool(x) => bytes[0] = x.into(),
                Const::I32(x) => bytes[..4].copy_from_slice(&x.to_ne_bytes()),
                Const::I64(x) => bytes = x.to_ne_bytes(),
                Const::F64(bits) => bytes = bits.to_ne_bytes(),
            }
            program.constants.push(bytes);
            Home::Constant(program.constants.len() as u32 - 1)
        })
    }

    fn known_or(&mut self, key: ValueKey, home: impl FnOnce(&mut Lowered) -> Home) -> Value {
        if let Some(value) = self.known.get(&key) {
            return *value;
        }
        let home = home(&mut self.program);
        let value = self.value(home);
        self.known.insert(key, value);
        value
    }

    fn value(&mut self, home: Home) -> Value {
        self.program.homes.push(home);
        Value(self.program.homes.len() as u32 - 1)
    }

    fn home(&self, value: Value) -> Home {
        self.program.homes[value.0 as usize]
    }

    /// A value computed by an operation, in the scalar part if all operands are single.
    fn pure(&mut self, code: Code, args: [Option<Value>; 3], memory: Option<ParamId>) -> Value {
        let key = ValueKey::Op(code, args, memory.map(|p| (p, self.versions[p.0 as usize])));
        if let Some(value) = self.known.get(&key) {
            return *value;
        }
        let varies = match (code, memory) {
            (Code::Load(_), Some(p)) => !self.kernel.params[p.0 as usize].scalar,
            _ => code == Code::Element,
        };
        let single = !varies && args.iter().flatten().all(|a| self.home(*a).is_single());
        let args = if single { args } else { self.block_args(code, args) };
        let home = if single {
            self.program.singles += 1;
            Home::Single(self.program.singles - 1)
        } else {
            Home::Register
        };
        let out = self.value(home);
        let list = if single { &mut self.program.scalar } else { &mut self.program.vector };
        list.push(RawOp { code, out: Some(out), args, memory });
        self.known.insert(key, out);
        out
    }

    fn effect(&mut self, code: Code, args: [Option<Value>; 3], memory: Option<ParamId>) {
        if self.scalar_part {
            self.program.scalar.push(RawOp { code, out: None, args, memory });
        } else {
            let args = self.block_args(code, args);
            self.program.vector.push(RawOp { code, out: None, args, memory });
        }
    }

    /// The operands, those that must be blocks as blocks.
    fn block_args(&mut self, code: Code, args: [Option<Value>; 3]) -> [Option<Value>; 3] {
        let width = |position: usize| match code {
            Code::Unary(_, ty) | Code::Binary(_, ty) | Code::Cast(ty, _) => Width::of(ty),
            Code::Select(_) if position == 0 => Width::W8,
            Code::Select(width) | Code::Broadcast(width) => width,
            Code::Store(storage) | Code::StoreWhen(storage) if position == 0 => Width::of(storage.ty()),
            Code::Scatter(storage) | Code::ScatterWhen(storage) | Code::Accumulate(storage, _) if position == 1 => {
                Width::of(storage.ty())
            }
            Code::StoreWhen(_) | Code::ScatterWhen(_) | Code::Flag(_) if position > 0 => Width::W8,
            Code::Flag(_) => Width::W8,
            _ => Width::W64,
        };
        let mut blocks = args;
        for (position, arg) in blocks.iter_mut().enumerate() {
            if let Some(value) = *arg
                && !code.takes_single(position)
            {
                *arg = Some(self.as_block(value, width(position)));
            }
        }
        blocks
    }

    fn as_block(&mut self, value: Value, width: Width) -> Value {
        if !self.home(value).is_single() {
            return value;
        }
        let key = ValueKey::Op(Code::Broadcast(width), [Some(value), None, None], None);
        if let Some(block) = self.known.get(&key) {
            return *block;
        }
        let block = self.value(Home::Register);
        let args = [Some(value), None, None];
        self.program.vector.push(RawOp { code: Code::Broadcast(width), out: Some(block), args, memory: None });
        self.known.insert(key, block);
        block
    }
}
