//! The interpreter: compiles a well-formed kernel to a flat list of operations, each of which is a tight loop over a
//! block of elements, and runs that.
//!
//! It starts at once, needs no compiler, and is the oracle for all compiled tiers: the same inputs give the same bits. A
//! run allocates nothing once its thread has run a program of that size before. Programs know pointers and counts only;
//! whose arrays they are is the caller's business.

pub mod meaning;

mod allocate;
mod compile;
mod execute;
mod op;

use std::cell::RefCell;

use self::execute::{Frame, RunFn};
use self::op::{CONSTANT_BASE, Code, FIRST_PARAM_BASE, Home, INDICES_BASE, Op, Operand, RawOp, SCRATCH_BASE, Value};
use super::ir::{Kernel, ParamId};
use super::maths;
use super::order::{Dependence, dependence};

/// Elements that an operation works on at once: its registers stay in the first-level cache, and the cost of choosing
/// the operation is spread over many elements. A multiple of every vector's length.
const BLOCK: usize = 256;

/// Bytes of a register: a block of the widest type.
const REGISTER_BYTES: usize = BLOCK * 8;

/// What a run works on.
#[derive(Clone, Copy, Debug)]
pub struct Arguments {
    /// First element, or first entry of `indices`.
    pub begin: i64,
    /// One past the last.
    pub end: i64,
    /// The elements of a kernel that runs over a list, each once; else not looked at.
    pub indices: *const i32,
    /// Room for `end - begin` entries if the kernel selects elements; else not looked at.
    pub selected: *mut i32,
}

/// What a run tells besides what it wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many entries of `selected` were written.
    pub selected_count: i64,
    /// The bits of the kernel's flags that were set.
    pub flags: u64,
}

/// A kernel ready to be interpreted.
#[derive(Debug)]
pub struct Program {
    constants: Vec<[u8; 8]>,
    functions: Vec<maths::Block>,
    scalar: Vec<Op>,
    vector: Vec<Op>,
    /// Bytes from an element of a parameter to the next; 0 for scalars.
    steps: Vec<usize>,
    /// Where the condition is, if elements are selected.
    condition: Option<Operand>,
    /// Elements at a time: one, if elements depend on each other.
    block: usize,
    /// Bytes of single values and registers.
    scratch_bytes: usize,
    run_ops: RunFn,
}

#[repr(align(64))]
#[derive(Clone, Copy)]
struct CacheLine(#[allow(dead_code, reason = "reached by pointers only")] [u8; 64]);

/// Memory of the programs that a thread runs, one at a time.
struct Scratch {
    lines: Vec<CacheLine>,
    bases: Vec<*mut u8>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch { lines: Vec::new(), bases: Vec::new() }) };
}

impl Program {
    /// Compiles a kernel that [`verify`](super::verify::verify) accepts.
    ///
    /// # Panics
    /// If the kernel is ill-formed.
    pub fn new(kernel: &Kernel) -> Program {
        let mut lowered = compile::lower(kernel);
        let mut used = vec![false; lowered.homes.len()];
        if let Some(condition) = lowered.condition {
            used[condition.0 as usize] = true;
        }
        allocate::drop_unused(&mut lowered.vector, &mut used);
        allocate::drop_unused(&mut lowered.scalar, &mut used);
        let allocation = allocate::allocate(lowered.vector, &mut lowered.homes, lowered.condition);
        let registers_at = (lowered.singles as usize * 8).next_multiple_of(64);
        let encoder = Encoder {
            homes: &lowered.homes,
            register_of: &allocation.register_of,
            registers_at,
            params: kernel.params.len() as u16,
        };
        Program {
            scalar: lowered.scalar.iter().map(|op| encoder.op(op, false)).collect(),
            vector: allocation.ops.iter().map(|op| encoder.op(op, true)).collect(),
            condition: lowered.condition.map(|value| encoder.operand(value, true)),
            scratch_bytes: registers_at + allocation.registers as usize * REGISTER_BYTES,
            constants: lowered.constants,
            functions: lowered.functions,
            steps: kernel.params.iter().map(|p| if p.scalar { 0 } else { p.storage.size() }).collect(),
            block: if dependence(kernel) == Dependence::AcrossStatements { 1 } else { BLOCK },
            run_ops: execute::best(),
        }
    }

    /// Runs once.
    ///
    /// # Safety
    /// `arrays` holds, for each parameter of the kernel, an aligned pointer to as many elements of its storage type as
    /// the kernel reaches; no two of them overlap; nobody else writes one meanwhile, nor reads one that is written.
    /// `arguments` is as [`Arguments`] says.
    pub unsafe fn run(&self, arrays: *const *mut u8, arguments: Arguments) -> Outcome {
        SCRATCH.with_borrow_mut(|scratch| {
            // SAFETY: as promised.
            unsafe { self.run_in(scratch, arrays, arguments) }
        })
    }

    /// # Safety
    /// As for [`Program::run`].
    unsafe fn run_in(&self, scratch: &mut Scratch, arrays: *const *mut u8, arguments: Arguments) -> Outcome {
        let params = self.steps.len();
        let lines = self.scratch_bytes.div_ceil(size_of::<CacheLine>());
        if scratch.lines.len() < lines {
            scratch.lines.resize(lines, CacheLine([0; 64]));
        }
        let Arguments { begin, end, indices, selected } = arguments;
        let bases = &mut scratch.bases;
        bases.clear();
        bases.push(scratch.lines.as_mut_ptr().cast());
        bases.push(self.constants.as_ptr().cast_mut().cast());
        bases.push(indices.wrapping_offset(begin as isize).cast_mut().cast());
        // SAFETY: there is one pointer for each parameter.
        let arrays = unsafe { std::slice::from_raw_parts(arrays, if params == 0 { 0 } else { params }) };
        for (array, step) in arrays.iter().zip(&self.steps) {
            bases.push(array.wrapping_offset(begin as isize * *step as isize));
        }
        bases.extend_from_slice(arrays);

        let mut outcome = Outcome { selected_count: 0, flags: 0 };
        outcome.flags |= self.run_block(&self.scalar, bases, 1, 0);
        let mut first = begin;
        while first < end {
            let len = ((end - first) as usize).min(self.block);
            outcome.flags |= self.run_block(&self.vector, bases, len, first as i32);
            if let Some(condition) = self.condition {
                let at = bases[condition.base as usize].wrapping_add(condition.offset as usize);
                // SAFETY: the condition is a block of booleans that the operations computed, and the list has room for
                // one entry for each element so far.
                outcome.selected_count += unsafe {
                    let hits = std::slice::from_raw_parts(at, len);
                    list_hits(hits, first as i32, selected.offset(outcome.selected_count as isize))
                };
            }
            first += len as i64;
            bases[INDICES_BASE as usize] = bases[INDICES_BASE as usize].wrapping_add(len * size_of::<i32>());
            for (base, step) in bases[FIRST_PARAM_BASE as usize..].iter_mut().zip(&self.steps) {
                *base = base.wrapping_add(len * step);
            }
        }
        outcome
    }

    fn run_block(&self, ops: &[Op], bases: &[*mut u8], len: usize, first: i32) -> u64 {
        let frame = Frame { bases, len, first, functions: &self.functions };
        // SAFETY: `Program::new` gave every operand a place that holds what its operation expects, results apart from
        // operands; the arrays are as the caller of `run` promised, and `best` chose what the machine has.
        unsafe { (self.run_ops)(ops, &frame) }
    }
}

/// Appends the numbers of the elements that are hit and returns how many there are.
///
/// # Safety
/// There is room at `selected` for all elements of `hits`.
unsafe fn list_hits(hits: &[u8], first: i32, selected: *mut i32) -> i64 {
    let mut count = 0;
    let mut append = |k: usize| {
        // SAFETY: at most one entry for each element, as promised.
        unsafe { *selected.add(count) = first + k as i32 };
        count += 1;
    };
    // Hits are rare: eight elements are skipped at once.
    let (eights, rest) = hits.as_chunks::<8>();
    for (k, eight) in eights.iter().enumerate() {
        if u64::from_ne_bytes(*eight) != 0 {
            (0..8).filter(|j| eight[*j] != 0).for_each(|j| append(8 * k + j));
        }
    }
    let done = 8 * eights.len();
    (0..rest.len()).filter(|j| rest[*j] != 0).for_each(|j| append(done + j));
    count as i64
}

/// Turns values into operands.
struct Encoder<'a> {
    homes: &'a [Home],
    register_of: &'a [Option<u32>],
    registers_at: usize,
    params: u16,
}

impl Encoder<'_> {
    fn operand(&self, value: Value, vector: bool) -> Operand {
        let home = self.homes[value.0 as usize];
        let (base, offset) = match home {
            Home::Constant(at) => (CONSTANT_BASE, at as usize * 8),
            Home::Single(at) => (SCRATCH_BASE, at as usize * 8),
            Home::Scalar(param) | Home::Array(param) => (FIRST_PARAM_BASE + param.0, 0),
            Home::Indices => (INDICES_BASE, 0),
            Home::Register => {
                let register = self.register_of[value.0 as usize].expect("a value that is used has a register");
                (SCRATCH_BASE, self.registers_at + register as usize * REGISTER_BYTES)
            }
        };
        // In the scalar part a block is one value, so that no operand is an exception.
        Operand { base, offset: offset as u32, single: vector && home.is_single() }
    }

    fn op(&self, raw: &RawOp, vector: bool) -> Op {
        let block = |p: ParamId| Operand { base: FIRST_PARAM_BASE + p.0, ..Operand::default() };
        let whole = |p: ParamId| Operand { base: FIRST_PARAM_BASE + self.params + p.0, ..Operand::default() };
        let mut out = raw.out.map(|value| self.operand(value, vector)).unwrap_or_default();
        let mut args = raw.args.map(|arg| arg.map(|value| self.operand(value, vector)).unwrap_or_default());
        if let Some(param) = raw.memory {
            match raw.code {
                Code::Load(_) => args[0] = block(param),
                Code::Gather(..) => args[2] = whole(param),
                Code::Store(_) | Code::StoreWhen(_) => out = block(param),
                _ => out = whole(param),
            }
        }
        Op { code: raw.code, out, args }
    }
}
