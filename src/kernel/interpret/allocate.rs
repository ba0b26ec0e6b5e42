//! From operations over values to operations over places: unused work is dropped, arrays are read and written in place
//! where that cannot be told apart, and the other values share as few registers as their lifetimes allow.

use super::op::{Code, Home, RawOp, Value};
use crate::kernel::ir::{ParamId, Storage};

/// What became of the values.
pub(super) struct Allocation {
    pub(super) ops: Vec<RawOp>,
    /// Number of registers.
    pub(super) registers: u32,
    /// The register of each value that has one.
    pub(super) register_of: Vec<Option<u32>>,
}

/// Drops operations whose result nobody uses. `used` holds what is used elsewhere.
pub(super) fn drop_unused(ops: &mut Vec<RawOp>, used: &mut [bool]) {
    let mut keep = vec![false; ops.len()];
    for (op, keep) in ops.iter().zip(&mut keep).rev() {
        *keep = op.code.has_effect() || op.out.is_some_and(|out| used[out.0 as usize]);
        if *keep {
            op.args().for_each(|arg| used[arg.0 as usize] = true);
        }
    }
    let mut keep = keep.into_iter();
    ops.retain(|_| keep.next().unwrap_or(true));
}

/// Assigns places to the values of the vector part. `result` is used after the last operation.
pub(super) fn allocate(mut ops: Vec<RawOp>, homes: &mut [Home], result: Option<Value>) -> Allocation {
    write_in_place(&mut ops, homes, result);
    read_in_place(&mut ops, homes, result);
    let last_use = last_uses(&ops, homes.len(), result);
    let mut register_of = vec![None; homes.len()];
    let (mut free, mut registers) = (Vec::new(), 0);
    for (at, op) in ops.iter().enumerate() {
        // The result gets its register before the operands give theirs back: the loops need them apart.
        if let Some(out) = op.out
            && homes[out.0 as usize] == Home::Register
        {
            register_of[out.0 as usize] = Some(free.pop().unwrap_or_else(|| {
                registers += 1;
                registers - 1
            }));
        }
        for (position, arg) in op.args().enumerate() {
            let again = op.args().take(position).any(|earlier| earlier == arg);
            if last_use[arg.0 as usize] == Some(at) && !again {
                free.extend(register_of[arg.0 as usize]);
            }
        }
    }
    Allocation { ops, registers, register_of }
}

fn last_uses(ops: &[RawOp], values: usize, result: Option<Value>) -> Vec<Option<usize>> {
    let mut last_use = vec![None; values];
    for (at, op) in ops.iter().enumerate() {
        op.args().for_each(|arg| last_use[arg.0 as usize] = Some(at));
    }
    if let Some(result) = result {
        last_use[result.0 as usize] = Some(ops.len());
    }
    last_use
}

/// The array an operation writes at the element the loop is at or anywhere.
fn written(op: &RawOp, homes: &[Home]) -> Option<ParamId> {
    match (op.out, op.memory) {
        (None, memory) => memory,
        (Some(out), _) => match homes[out.0 as usize] {
            Home::Array(param) => Some(param),
            _ => None,
        },
    }
}

/// Lets the operation before an unconditional store compute into the array, unless it reads that array.
fn write_in_place(ops: &mut Vec<RawOp>, homes: &mut [Home], result: Option<Value>) {
    let mut uses = vec![0; homes.len()];
    ops.iter().flat_map(RawOp::args).chain(result).for_each(|arg| uses[arg.0 as usize] += 1);
    let mut loaded_from = vec![None; homes.len()];
    let mut kept: Vec<RawOp> = Vec::with_capacity(ops.len());
    for op in ops.drain(..) {
        if let (Code::Load(_), Some(out)) = (op.code, op.out) {
            loaded_from[out.0 as usize] = op.memory;
        }
        if let (Code::Store(storage), [Some(value), None, None]) = (op.code, op.args)
            && storage != Storage::F32
            && homes[value.0 as usize] == Home::Register
            && uses[value.0 as usize] == 1
            && let Some(before) = kept.last()
            && before.out == Some(value)
            && before.memory.is_none()
            && !before.args().any(|arg| loaded_from[arg.0 as usize] == op.memory)
            && let Some(param) = op.memory
        {
            homes[value.0 as usize] = Home::Array(param);
            continue;
        }
        kept.push(op);
    }
    *ops = kept;
}

/// Lets operations read an array itself where it is not written before the last of them.
fn read_in_place(ops: &mut Vec<RawOp>, homes: &mut [Home], result: Option<Value>) {
    let last_use = last_uses(ops, homes.len(), result);
    let mut in_place = vec![false; ops.len()];
    for (at, op) in ops.iter().enumerate() {
        let (Code::Load(storage), Some(out), Some(param)) = (op.code, op.out, op.memory) else { continue };
        if storage == Storage::F32 || homes[out.0 as usize] != Home::Register {
            continue;
        }
        let written_at = (at + 1..ops.len()).find(|later| written(&ops[*later], homes) == Some(param));
        in_place[at] = written_at.is_none_or(|write| last_use[out.0 as usize] < Some(write));
    }
    for (op, in_place) in ops.iter().zip(&in_place) {
        if let (true, Some(out), Some(param)) = (*in_place, op.out, op.memory) {
            homes[out.0 as usize] = Home::Array(param);
        }
    }
    let mut in_place = in_place.into_iter();
    ops.retain(|_| !in_place.next().unwrap_or(false));
}
