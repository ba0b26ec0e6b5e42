//! Runs operations over a block: one tight loop each, compiled for the vector widths that pay. Wider ones do not: these
//! loops wait for the cache.

use super::op::{Code, Op, Operand, SCRATCH_BASE, Width};
use crate::kernel::ir::{BinaryOp, Storage, Type, UnaryOp};
use crate::kernel::maths::{self, operators};

/// The widest vectors' number of floats, of which registers hold a multiple.
const LANES: usize = 8;

/// What the operations of a block work on.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    /// The base pointers that operands are relative to.
    pub(super) bases: &'a [*mut u8],
    /// Elements in the block.
    pub(super) len: usize,
    /// Number of the first element.
    pub(super) first: i32,
    pub(super) functions: &'a [maths::Block],
}

/// A version of [`run`] for one instruction set.
pub(super) type RunFn = unsafe fn(&[Op], &Frame) -> u64;

/// The version for this machine. All of them compute the same bits: none fuses multiplications with additions.
pub(super) fn best() -> RunFn {
    #[cfg(target_arch = "x86_64")]
    {
        if std::is_x86_feature_detected!("avx2") {
            return run_avx2;
        }
    }
    run
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn run_avx2(ops: &[Op], frame: &Frame) -> u64 {
    // SAFETY: the caller's promise is the same.
    unsafe { run(ops, frame) }
}

impl Frame<'_> {
    #[inline(always)]
    fn pointer(&self, operand: Operand) -> *mut u8 {
        self.bases[operand.base as usize].wrapping_add(operand.offset as usize)
    }

    /// The operand as a block.
    ///
    /// # Safety
    /// The operand is a block of `len` values of this type, none of which is written while the slice lives.
    #[inline(always)]
    unsafe fn block<T>(&self, operand: Operand) -> &[T] {
        // SAFETY: as promised.
        unsafe { std::slice::from_raw_parts(self.pointer(operand).cast(), self.len) }
    }

    /// The operand as a block to write.
    ///
    /// # Safety
    /// The operand is a block of `len` values of this type that nothing else refers to while the slice lives.
    #[inline(always)]
    #[allow(
        clippy::mut_from_ref,
        reason = "the memory is behind raw pointers and the caller promises that it is its own"
    )]
    unsafe fn block_mut<T>(&self, operand: Operand) -> &mut [T] {
        // SAFETY: as promised.
        unsafe { std::slice::from_raw_parts_mut(self.pointer(operand).cast(), self.len) }
    }

    /// The operand as one value.
    ///
    /// # Safety
    /// The operand is one value of this type.
    #[inline(always)]
    unsafe fn single<T: Copy>(&self, operand: Operand) -> T {
        // SAFETY: as promised.
        unsafe { *self.pointer(operand).cast() }
    }

    /// `out = f(a)`
    ///
    /// # Safety
    /// The operands are blocks of these types; `out` is apart from `a`.
    #[inline(always)]
    unsafe fn map<T: Copy, R>(&self, op: &Op, f: impl Fn(T) -> R) {
        // SAFETY: as promised.
        let (out, a) = unsafe { (self.block_mut::<R>(op.out), self.block::<T>(op.args[0])) };
        for (out, a) in out.iter_mut().zip(a) {
            *out = f(*a);
        }
    }

    /// `out = f(a, b)`
    ///
    /// # Safety
    /// The operands are blocks of these types; `out` is apart from the others.
    #[inline(always)]
    unsafe fn zip<T: Copy, R>(&self, op: &Op, f: impl Fn(T, T) -> R) {
        let [a, b, _] = op.args;
        // SAFETY: as promised.
        let (out, a, b) = unsafe { (self.block_mut::<R>(op.out), self.block::<T>(a), self.block::<T>(b)) };
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = f(*a, *b);
        }
    }

    /// `out = f(a, b)` of floats, either of which may be one value.
    ///
    /// # Safety
    /// As [`Frame::zip`], but for single operands.
    #[inline(always)]
    unsafe fn zip_f64<R>(&self, op: &Op, f: impl Fn(f64, f64) -> R) {
        let [a, b, _] = op.args;
        // SAFETY: as promised; single operands are read as such.
        unsafe {
            if b.single {
                let y = self.single::<f64>(b);
                self.map(op, |x: f64| f(x, y));
            } else if a.single {
                let x = self.single::<f64>(a);
                self.map(&Op { args: [b, b, b], ..*op }, |y: f64| f(x, y));
            } else {
                self.zip(op, f);
            }
        }
    }

    /// `out = a ? b : c`
    ///
    /// # Safety
    /// The operands are blocks of booleans and of this type; `out` is apart from the others.
    #[inline(always)]
    unsafe fn select<T: Copy>(&self, op: &Op) {
        let [a, b, c] = op.args;
        // SAFETY: as promised.
        let (out, a) = unsafe { (self.block_mut::<T>(op.out), self.block::<u8>(a)) };
        // SAFETY: as promised.
        let (b, c) = unsafe { (self.block::<T>(b), self.block::<T>(c)) };
        for (((out, a), b), c) in out.iter_mut().zip(a).zip(b).zip(c) {
            *out = if *a != 0 { *b } else { *c };
        }
    }

    /// `out = a ? b : c` of 64 bits, `b` and `c` may be one value.
    ///
    /// # Safety
    /// As [`Frame::select`], but for single operands.
    #[inline(always)]
    unsafe fn select_64(&self, op: &Op) {
        let [a, b, c] = op.args;
        // SAFETY: as promised; single operands are read as such.
        unsafe {
            match (b.single, c.single) {
                (false, false) => self.select::<u64>(op),
                (true, true) => {
                    let (x, y) = (self.single::<u64>(b), self.single::<u64>(c));
                    self.map(op, |a: u8| if a != 0 { x } else { y });
                }
                (true, false) => {
                    let (out, a, x) = (self.block_mut(op.out), self.block::<u8>(a), self.single::<u64>(b));
                    for ((out, a), y) in out.iter_mut().zip(a).zip(self.block::<u64>(c)) {
                        *out = if *a != 0 { x } else { *y };
                    }
                }
                (false, true) => {
                    let (out, a, y) = (self.block_mut(op.out), self.block::<u8>(a), self.single::<u64>(c));
                    for ((out, a), x) in out.iter_mut().zip(a).zip(self.block::<u64>(b)) {
                        *out = if *a != 0 { *x } else { y };
                    }
                }
            }
        }
    }

    /// `out = memory[a]`, the memory being the last operand.
    ///
    /// # Safety
    /// The indices are in range; `out` is apart from them and from the memory.
    #[inline(always)]
    unsafe fn gather<I: Copy, T: Copy, R>(&self, op: &Op, offset: impl Fn(I) -> isize, f: impl Fn(T) -> R) {
        let memory = self.pointer(op.args[2]).cast::<T>();
        // SAFETY: as promised.
        unsafe { self.map(op, |index: I| f(*memory.offset(offset(index)))) }
    }

    /// `out = f(a, out, b)`, which chooses.
    ///
    /// # Safety
    /// The operands are blocks of these types; `out` is apart from the others.
    #[inline(always)]
    unsafe fn store_when<T: Copy, R: Copy>(&self, op: &Op, f: impl Fn(T, R, u8) -> R) {
        let [a, b, _] = op.args;
        // SAFETY: as promised.
        let (out, a, b) = unsafe { (self.block_mut::<R>(op.out), self.block::<T>(a), self.block::<u8>(b)) };
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = f(*a, *out, *b);
        }
    }

    /// `memory[a] = f(memory[a], b)` where `c`, in order. Without `c`: everywhere.
    ///
    /// # Safety
    /// The indices are in range; the operands are blocks of these types, apart from the memory.
    #[inline(always)]
    unsafe fn scatter<T: Copy, R: Copy>(&self, op: &Op, when: bool, f: impl Fn(R, T) -> R) {
        let memory = self.pointer(op.out).cast::<R>();
        let [a, b, c] = op.args;
        // SAFETY: as promised.
        let (a, b) = unsafe { (self.block::<i32>(a), self.block::<T>(b)) };
        // SAFETY: as promised.
        let c = if when { unsafe { self.block::<u8>(c) } } else { &[] };
        for (k, (index, value)) in a.iter().zip(b).enumerate() {
            if !when || c[k] != 0 {
                // SAFETY: the index is in range, as promised.
                unsafe {
                    let place = memory.offset(*index as isize);
                    *place = f(*place, *value);
                }
            }
        }
    }
}

/// Runs the operations in order and returns the flags that they set.
///
/// # Safety
/// All operands refer to valid, aligned memory of their types through the frame's bases: blocks of the frame's length, or
/// single values. What an operation writes is apart from what it reads. The machine has the instruction set.
#[inline(always)]
unsafe fn run(ops: &[Op], frame: &Frame) -> u64 {
    let mut flags = 0;
    for op in ops {
        // SAFETY: each arm reads and writes its operands with the types that the code says, as promised.
        unsafe {
            match op.code {
                Code::Binary(kind, Type::F64) => binary_f64(kind, op, frame),
                Code::Binary(kind, Type::I32) => binary_i32(kind, op, frame),
                Code::Binary(kind, Type::I64) => binary_i64(kind, op, frame),
                Code::Binary(kind, Type::Bool) => match kind {
                    BinaryOp::And => frame.zip(op, |x: u8, y: u8| x & y),
                    BinaryOp::Or => frame.zip(op, |x: u8, y: u8| x | y),
                    BinaryOp::Eq => frame.zip(op, |x: u8, y: u8| u8::from(x == y)),
                    _ => frame.zip(op, |x: u8, y: u8| u8::from(x != y)),
                },
                Code::Unary(kind, ty) => unary(kind, ty, op, frame),
                Code::Select(Width::W64) => frame.select_64(op),
                Code::Select(Width::W32) => frame.select::<u32>(op),
                Code::Select(Width::W8) => frame.select::<u8>(op),
                Code::Cast(from, to) => cast(from, to, op, frame),
                Code::Broadcast(Width::W64) => frame.block_mut(op.out).fill(frame.single::<u64>(op.args[0])),
                Code::Broadcast(Width::W32) => frame.block_mut(op.out).fill(frame.single::<u32>(op.args[0])),
                Code::Broadcast(Width::W8) => frame.block_mut(op.out).fill(frame.single::<u8>(op.args[0])),
                Code::Element => {
                    for (element, out) in (frame.first..).zip(frame.block_mut::<i32>(op.out)) {
                        *out = element;
                    }
                }
                Code::Load(storage) | Code::Store(storage) => copy(storage, code_loads(op.code), op, frame),
                Code::Gather(storage, Width::W64) => gather(storage, op, frame, |index: i64| index as isize),
                Code::Gather(storage, _) => gather(storage, op, frame, |index: i32| index as isize),
                Code::StoreWhen(storage) => match storage {
                    // By masks: a condition becomes a branch around the store, which is not vectorised.
                    Storage::Bool => {
                        frame.store_when(op, |new: u8, old: u8, when| old ^ ((old ^ new) & when.wrapping_neg()))
                    }
                    Storage::I32 => frame.store_when(op, |new: u32, old: u32, when| {
                        old ^ ((old ^ new) & u32::from(when).wrapping_neg())
                    }),
                    Storage::F32 => frame.store_when(op, |new: f64, old: u32, when| {
                        old ^ ((old ^ (new as f32).to_bits()) & u32::from(when).wrapping_neg())
                    }),
                    Storage::I64 | Storage::F64 => frame.store_when(op, |new: u64, old: u64, when| {
                        old ^ ((old ^ new) & u64::from(when).wrapping_neg())
                    }),
                },
                Code::Scatter(storage) => scatter(storage, false, op, frame),
                Code::ScatterWhen(storage) => scatter(storage, true, op, frame),
                Code::Accumulate(storage, kind) => accumulate(storage, kind, op, frame),
                Code::Call(function) => call(frame.functions[function as usize], op, frame),
                Code::Flag(bit) => {
                    let any = if op.args[0].single {
                        frame.single::<u8>(op.args[0])
                    } else {
                        frame.block::<u8>(op.args[0]).iter().fold(0, |any, x| any | x)
                    };
                    flags |= u64::from(any) << bit;
                }
            }
        }
    }
    flags
}

#[inline(always)]
fn code_loads(code: Code) -> bool {
    matches!(code, Code::Load(_))
}

/// # Safety
/// As for [`run`].
#[inline(always)]
unsafe fn copy(storage: Storage, load: bool, op: &Op, frame: &Frame) {
    // SAFETY: as promised.
    unsafe {
        match storage {
            Storage::Bool => frame.map(op, |x: u8| x),
            Storage::I32 => frame.map(op, |x: u32| x),
            Storage::F32 if load => frame.map(op, |x: f32| f64::from(x)),
            Storage::F32 => frame.map(op, |x: f64| x as f32),
            Storage::I64 | Storage::F64 => frame.map(op, |x: u64| x),
        }
    }
}

/// # Safety
/// As for [`run`].
#[inline(always)]
unsafe fn gather<I: Copy>(storage: Storage, op: &Op, frame: &Frame, offset: impl Fn(I) -> isize) {
    // SAFETY: as promised.
    unsafe {
        match storage {
            Storage::Bool => frame.gather(op, offset, |x: u8| x),
            Storage::I32 => frame.gather(op, offset, |x: u32| x),
            Storage::F32 => frame.gather(op, offset, |x: f32| f64::from(x)),
            Storage::I64 | Storage::F64 => frame.gather(op, offset, |x: u64| x),
        }
    }
}

/// # Safety
/// As for [`run`].
#[inline(always)]
unsafe fn scatter(storage: Storage, when: bool, op: &Op, frame: &Frame) {
    // SAFETY: as promised.
    unsafe {
        match storage {
            Storage::Bool => frame.scatter(op, when, |_: u8, x: u8| x),
            Storage::I32 => frame.scatter(op, when, |_: u32, x: u32| x),
            Storage::F32 => frame.scatter(op, when, |_: f32, x: f64| x as f32),
            Storage::I64 | Storage::F64 => frame.scatter(op, when, |_: u64, x: u64| x),
        }
    }
}

/// # Safety
/// As for [`run`].
#[inline(always)]
unsafe fn accumulate(storage: Storage, kind: BinaryOp, op: &Op, frame: &Frame) {
    let add = kind == BinaryOp::Add;
    // SAFETY: as promised.
    unsafe {
        match storage {
            Storage::F64 if add => frame.scatter(op, false, |old: f64, x: f64| old + x),
            Storage::F64 => frame.scatter(op, false, |old: f64, x: f64| old - x),
            Storage::F32 if add => frame.scatter(op, false, |old: f32, x: f64| (f64::from(old) + x) as f32),
            Storage::F32 => frame.scatter(op, false, |old: f32, x: f64| (f64::from(old) - x) as f32),
            Storage::I64 if add => frame.scatter(op, false, i64::wrapping_add),
            Storage::I64 => frame.scatter(op, false, i64::wrapping_sub),
            Storage::I32 if add => frame.scatter(op, false, i32::wrapping_add),
            Storage::I32 => frame.scatter(op, false, i32::wrapping_sub),
            Storage::Bool => unreachable!("a verified kernel adds no booleans"),
        }
    }
}

/// # Safety
/// As for [`run`].
#[inline(always)]
unsafe fn unary(kind: UnaryOp, ty: Type, op: &Op, frame: &Frame) {
    // SAFETY: as promised.
    unsafe {
        match (kind, ty) {
            (UnaryOp::Neg, Type::I32) => frame.map(op, i32::wrapping_neg),
            (UnaryOp::Neg, Type::I64) => frame.map(op, i64::wrapping_neg),
            (UnaryOp::Neg, _) => frame.map(op, |x: f64| -x),
            (UnaryOp::Not, _) => frame.map(op, |x: u8| x ^ 1),
            (UnaryOp::Abs, _) => frame.map(op, f64::abs),
            (UnaryOp::Sqrt, _) => frame.map(op, f64::sqrt),
            (UnaryOp::Floor, _) => frame.map(op, f64::floor),
            (UnaryOp::Trunc, _) => frame.map(op, f64::trunc),
            (UnaryOp::Round32, _) => frame.map(op, operators::round32),
            (UnaryOp::ToBits | UnaryOp::FromBits, _) => frame.map(op, |x: u64| x),
        }
    }
}

/// # Safety
/// As for [`run`].
#[inline(always)]
unsafe fn binary_f64(kind: BinaryOp, op: &Op, frame: &Frame) {
    // SAFETY: as promised.
    unsafe {
        match kind {
            BinaryOp::Add => frame.zip_f64(op, |x, y| x + y),
            BinaryOp::Sub => frame.zip_f64(op, |x, y| x - y),
            BinaryOp::Mul => frame.zip_f64(op, |x, y| x * y),
            BinaryOp::Div => frame.zip_f64(op, |x, y| x / y),
            BinaryOp::Lt => frame.zip_f64(op, |x, y| u8::from(x < y)),
            BinaryOp::Le => frame.zip_f64(op, |x, y| u8::from(x <= y)),
            BinaryOp::Eq => frame.zip_f64(op, |x, y| u8::from(x == y)),
            BinaryOp::Ne => frame.zip_f64(op, |x, y| u8::from(x != y)),
            _ => unreachable!("a verified kernel has no {kind:?} of floats"),
        }
    }
}

/// # Safety
/// As for [`run`].
#[inline(always)]
unsafe fn binary_i32(kind: BinaryOp, op: &Op, frame: &Frame) {
    // SAFETY: as promised.
    unsafe {
        match kind {
            BinaryOp::Add => frame.zip(op, i32::wrapping_add),
            BinaryOp::Sub => frame.zip(op, i32::wrapping_sub),
            BinaryOp::Mul => frame.zip(op, i32::wrapping_mul),
            BinaryOp::FloorDiv => frame.zip(op, operators::div_i32),
            BinaryOp::Mod => frame.zip(op, operators::mod_i32),
            BinaryOp::Lt => frame.zip(op, |x: i32, y: i32| u8::from(x < y)),
            BinaryOp::Le => frame.zip(op, |x: i32, y: i32| u8::from(x <= y)),
            BinaryOp::Eq => frame.zip(op, |x: i32, y: i32| u8::from(x == y)),
            BinaryOp::Ne => frame.zip(op, |x: i32, y: i32| u8::from(x != y)),
            _ => unreachable!("a verified kernel has no {kind:?} of I32"),
        }
    }
}

/// # Safety
/// As for [`run`].
#[inline(always)]
unsafe fn binary_i64(kind: BinaryOp, op: &Op, frame: &Frame) {
    // SAFETY: as promised.
    unsafe {
        match kind {
            BinaryOp::Add => frame.zip(op, i64::wrapping_add),
            BinaryOp::Sub => frame.zip(op, i64::wrapping_sub),
            BinaryOp::Mul => frame.zip(op, i64::wrapping_mul),
            BinaryOp::FloorDiv => frame.zip(op, operators::div_i64),
            BinaryOp::Mod => frame.zip(op, operators::mod_i64),
            BinaryOp::And => frame.zip(op, |x: i64, y: i64| x & y),
            BinaryOp::Or => frame.zip(op, |x: i64, y: i64| x | y),
            BinaryOp::Xor => frame.zip(op, |x: i64, y: i64| x ^ y),
            BinaryOp::Shl => frame.zip(op, |x: i64, y: i64| x.wrapping_shl(y as u32)),
            BinaryOp::Shr => frame.zip(op, |x: i64, y: i64| (x as u64).wrapping_shr(y as u32) as i64),
            BinaryOp::Lt => frame.zip(op, |x: i64, y: i64| u8::from(x < y)),
            BinaryOp::Le => frame.zip(op, |x: i64, y: i64| u8::from(x <= y)),
            BinaryOp::Eq => frame.zip(op, |x: i64, y: i64| u8::from(x == y)),
            BinaryOp::Ne => frame.zip(op, |x: i64, y: i64| u8::from(x != y)),
            BinaryOp::Div => unreachable!("a verified kernel has no {kind:?} of I64"),
        }
    }
}

/// # Safety
/// As for [`run`].
#[inline(always)]
unsafe fn cast(from: Type, to: Type, op: &Op, frame: &Frame) {
    // SAFETY: as promised.
    unsafe {
        match (from, to) {
            (Type::Bool, Type::I32) => frame.map(op, |x: u8| i32::from(x)),
            (Type::Bool, Type::I64) => frame.map(op, |x: u8| i64::from(x)),
            (Type::Bool, Type::F64) => frame.map(op, |x: u8| f64::from(x)),
            (Type::I32, Type::Bool) => frame.map(op, |x: i32| u8::from(x != 0)),
            (Type::I32, Type::I64) => frame.map(op, |x: i32| i64::from(x)),
            (Type::I32, Type::F64) => frame.map(op, |x: i32| f64::from(x)),
            (Type::I64, Type::Bool) => frame.map(op, |x: i64| u8::from(x != 0)),
            (Type::I64, Type::I32) => frame.map(op, |x: i64| x as i32),
            (Type::I64, Type::F64) => frame.map(op, |x: i64| x as f64),
            (Type::F64, Type::Bool) => frame.map(op, |x: f64| u8::from(x != 0.0)),
            (Type::F64, Type::I32) => frame.map(op, operators::to_i32),
            (Type::F64, Type::I64) => frame.map(op, operators::to_i64),
            _ => unreachable!("a verified kernel has no conversion from {from:?} to itself"),
        }
    }
}

/// # Safety
/// As for [`run`].
unsafe fn call(function: maths::Block, op: &Op, frame: &Frame) {
    let [a, b, _] = op.args;
    let used = if let maths::Block::Two(_) = function { b } else { a };
    // Registers have room for whole vectors: a few values more cost less than a remainder one by one.
    let in_registers = [op.out, a, used].iter().all(|operand| operand.base == SCRATCH_BASE);
    let len = if in_registers && frame.len > 1 { frame.len.next_multiple_of(LANES) } else { frame.len };
    let frame = Frame { len, ..*frame };
    // SAFETY: as promised; what a register holds after the block is of no meaning, but floats all the same.
    unsafe {
        match function {
            maths::Block::One(f) => f(frame.block(a), frame.block_mut(op.out)),
            maths::Block::Two(f) => f(frame.block(a), frame.block(b), frame.block_mut(op.out)),
        }
    }
}
