//! A kernel with arrays to call it on, whatever compiled it.

use std::sync::Arc;

use crate::kernel::ir::{Expr, Index, Kernel, LoopShape, ParamId, Stmt, Storage};
use crate::runtime::abi::{Call, Execute};

/// A kernel and its arrays, filled with ordinary values; indices are those of elements.
pub struct Bound {
    kernel: Arc<Kernel>,
    elements: usize,
    arrays: Vec<Vec<u64>>,
    indices: Vec<i32>,
    selected: Vec<i32>,
}

impl Bound {
    /// Arrays of so many elements; `None` for a kernel that reads arrays at computed places, of which nobody here knows
    /// where they may be.
    pub fn new(kernel: &Arc<Kernel>, elements: usize) -> Option<Bound> {
        let mut holders = vec![false; kernel.params.len()];
        let mut gathers = false;
        for_each_index(kernel, &mut |param| holders[param.0 as usize] = true, &mut gathers);
        if gathers {
            return None;
        }
        let arrays = kernel.params.iter().zip(&holders).map(|(param, is_holder)| {
            let mut array = vec![0_u64; elements];
            // SAFETY: every bit pattern is a byte, and a slice of words has room for elements of at most a word.
            let bytes = unsafe { std::slice::from_raw_parts_mut(array.as_mut_ptr().cast::<u8>(), 8 * elements) };
            for k in 0..elements {
                let size = param.storage.size();
                fill(&mut bytes[k * size..(k + 1) * size], param.storage, *is_holder, k);
            }
            array
        });
        let arrays = arrays.collect();
        let indices = if kernel.shape == LoopShape::Indexed { (0..elements as i32).collect() } else { Vec::new() };
        Some(Bound { kernel: kernel.clone(), elements, arrays, indices, selected: vec![0; elements] })
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.elements
    }

    /// Calls the kernel over all elements.
    ///
    /// # Safety
    /// `code` computes this kernel.
    pub unsafe fn call(&mut self, code: &dyn Execute) {
        let indices = if self.kernel.shape == LoopShape::Indexed { self.indices.as_ptr() } else { std::ptr::null() };
        let mut call = Call { indices, selected: self.selected.as_mut_ptr(), ..Call::over(self.elements) };
        let pointers: Vec<*mut u8> = self.arrays.iter_mut().map(|array| array.as_mut_ptr().cast()).collect();
        // SAFETY: there is an array for each parameter, of its own memory, as long as the loop and as every index that an
        // array holds; the list has every element once, in order, and there is room for all of them.
        unsafe { code.execute(pointers.as_ptr(), &mut call) };
        self.selected.truncate(call.selected_count.max(0) as usize);
        self.selected.resize(self.elements, -1);
    }

    /// All bits that the kernel reaches: its arrays, and which elements it selected.
    pub fn bits(&self) -> (Vec<Vec<u64>>, Vec<i32>) {
        (self.arrays.clone(), self.selected.clone())
    }
}

/// An ordinary value: no zero to divide by, no number that leads to another one's limits.
fn fill(bytes: &mut [u8], storage: Storage, is_holder: bool, k: usize) {
    let value = 0.001 * (1 + k % 7) as f64;
    match storage {
        Storage::Bool => bytes[0] = 1,
        Storage::I32 => bytes.copy_from_slice(&(if is_holder { k as i32 } else { 1 }).to_ne_bytes()),
        Storage::I64 => bytes.copy_from_slice(&1_i64.to_ne_bytes()),
        Storage::F32 => bytes.copy_from_slice(&(value as f32).to_ne_bytes()),
        Storage::F64 => bytes.copy_from_slice(&value.to_ne_bytes()),
    }
}

/// The parameters that hold indices; and whether anything is read at a computed place.
fn for_each_index(kernel: &Kernel, holder: &mut dyn FnMut(ParamId), gathers: &mut bool) {
    let mut expr = |expr: &Expr, holder: &mut dyn FnMut(ParamId)| {
        expr.walk(&mut |e| match e {
            Expr::Load(place) => {
                if let Index::Via(param) = place.index {
                    holder(param);
                }
            }
            Expr::Gather(..) => *gathers = true,
            _ => {}
        });
    };
    for stmt in kernel.scalar.iter().chain(&kernel.vector) {
        match stmt {
            Stmt::Comment(_) => {}
            Stmt::Let(_, value) | Stmt::Flag(_, value) => expr(value, holder),
            Stmt::Store { place, value, when } => {
                if let Index::Via(param) = place.index {
                    holder(param);
                }
                expr(value, holder);
                when.iter().for_each(|when| expr(when, holder));
            }
        }
    }
    if let LoopShape::Select(condition) | LoopShape::Pairs(condition) = &kernel.shape {
        expr(condition, holder);
    }
}
