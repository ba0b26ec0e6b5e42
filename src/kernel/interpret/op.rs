//! The operations of a flat program: each computes one value for a block of elements.

use crate::kernel::ir::{BinaryOp, ParamId, Storage, Type, UnaryOp};

/// Bytes of a value in a register; booleans take one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Width {
    W8,
    W32,
    W64,
}

impl Width {
    pub(super) fn of(ty: Type) -> Width {
        match ty {
            Type::Bool => Width::W8,
            Type::I32 => Width::W32,
            Type::I64 | Type::F64 => Width::W64,
        }
    }
}

/// What an operation does. `a`, `b`, `c` are its operands, `out` its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Code {
    /// `out = op a`, of the type of `a`.
    Unary(UnaryOp, Type),
    /// `out = a op b`, of the type of `a`.
    Binary(BinaryOp, Type),
    /// `out = a ? b : c`
    Select(Width),
    /// `out = a`, converted from the first type to the second.
    Cast(Type, Type),
    /// `out = a` for a single value `a`.
    Broadcast(Width),
    /// The numbers of the elements.
    Element,
    /// `out = memory`
    Load(Storage),
    /// `out = memory[a]`, for indices of 32 or 64 bits.
    Gather(Storage, Width),
    /// `memory = a`
    Store(Storage),
    /// `memory = b ? a : memory`
    StoreWhen(Storage),
    /// `memory[a] = b`
    Scatter(Storage),
    /// `if (c) memory[a] = b`
    ScatterWhen(Storage),
    /// `memory[a] = memory[a] op b`, one element after the other, for an addition or subtraction.
    Accumulate(Storage, BinaryOp),
    /// `out = function(a, b)`, by its place in the program's list.
    Call(u16),
    /// `flags |= any(a) << bit`
    Flag(u8),
}

impl Code {
    /// Whether it does something besides computing its result.
    pub(super) fn has_effect(self) -> bool {
        use Code::*;
        matches!(self, Store(_) | StoreWhen(_) | Scatter(_) | ScatterWhen(_) | Accumulate(..) | Flag(_))
    }

    /// Whether the operand at `position` may be a single value while others are blocks.
    pub(super) fn takes_single(self, position: usize) -> bool {
        match self {
            Code::Binary(_, Type::F64) | Code::Broadcast(_) | Code::Flag(_) => true,
            Code::Select(Width::W64) => position > 0,
            _ => false,
        }
    }
}

/// A value of a program under construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Value(pub(super) u32);

/// Where a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// One of the program's constants.
    Constant(u32),
    /// A single value computed in the scalar part.
    Single(u32),
    /// The only element of a scalar that nothing writes.
    Scalar(ParamId),
    /// A register: a block of values.
    Register,
    /// The array itself, from the first element of the block on.
    Array(ParamId),
    /// The list of elements, from the first of the block on.
    Indices,
}

impl Home {
    /// Whether it holds one value for all elements.
    pub(super) fn is_single(self) -> bool {
        matches!(self, Home::Constant(_) | Home::Single(_) | Home::Scalar(_))
    }
}

/// An operation of a program under construction.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawOp {
    pub(super) code: Code,
    pub(super) out: Option<Value>,
    pub(super) args: [Option<Value>; 3],
    /// The array that is read or written, if one is.
    pub(super) memory: Option<ParamId>,
}

impl RawOp {
    pub(super) fn args(&self) -> impl Iterator<Item = Value> + '_ {
        self.args.iter().flatten().copied()
    }
}

/// Where an operand is at run time: an offset from one of the frame's base pointers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Operand {
    pub(super) offset: u32,
    pub(super) base: u16,
    /// One value for all elements.
    pub(super) single: bool,
}

/// Places of the base pointers: the scratch memory, the constants, the list of elements, and for each parameter the
/// first element of the block, then for each parameter the whole array.
pub(super) const SCRATCH_BASE: u16 = 0;
pub(super) const CONSTANT_BASE: u16 = 1;
pub(super) const INDICES_BASE: u16 = 2;
pub(super) const FIRST_PARAM_BASE: u16 = 3;

/// An operation of a program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Op {
    pub(super) code: Code,
    /// The result, or the memory that is written.
    pub(super) out: Operand,
    /// The operands; the memory that is read comes last.
    pub(super) args: [Operand; 3],
}
