//! A kernel bound to the arrays it works on, and the way to run it on whatever tier it has reached.

use std::ops::Range;
use std::sync::Arc;

use crate::kernel::interpret::{Arguments, Program};
use crate::kernel::ir::Kernel;
use crate::kernel::lower::{Lowered, Site};
use crate::load::slot::KernelSlot;
use crate::runtime::abi::{Call, Execute};

/// A program of the interpreter, run through the kernel ABI.
pub struct Interpreted(pub Program);

impl Execute for Interpreted {
    unsafe fn execute(&self, arrays: *const *mut u8, call: &mut Call) {
        let arguments = Arguments { begin: call.begin, end: call.end, indices: call.indices, selected: call.selected };
        // SAFETY: as the caller promised.
        let outcome = unsafe { self.0.run(arrays, arguments) };
        call.selected_count = outcome.selected_count;
        call.flags |= outcome.flags;
    }
}

/// A kernel, its arrays and the code that runs it now.
pub struct CodeObject {
    /// Name as in Brian2, such as `cells_stateupdater`.
    pub name: String,
    /// Kind as in Brian2, such as `stateupdate`.
    pub kind: &'static str,
    kernel: Arc<Kernel>,
    sites: Vec<Site>,
    arrays: Vec<*mut u8>,
    slot: KernelSlot,
    flags: u64,
}

impl CodeObject {
    /// Binds a kernel, which the interpreter runs until something better is there.
    ///
    /// # Safety
    /// `arrays` has, for each parameter of the kernel, a pointer that stays valid as long as this object is run, to as
    /// many elements of the parameter's type as its runs reach; no two overlap; nobody else writes them during a run.
    pub unsafe fn bind(
        name: impl Into<String>,
        kind: &'static str,
        lowered: Lowered,
        arrays: Vec<*mut u8>,
    ) -> CodeObject {
        assert_eq!(arrays.len(), lowered.kernel.params.len(), "one array for each parameter");
        let first = Arc::new(Interpreted(Program::new(&lowered.kernel)));
        CodeObject {
            name: name.into(),
            kind,
            kernel: Arc::new(lowered.kernel),
            sites: lowered.sites,
            arrays,
            slot: KernelSlot::new(first, "interpreter"),
            flags: 0,
        }
    }

    /// The kernel.
    pub fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    /// What runs now, and what ran before.
    pub fn slot_mut(&mut self) -> &mut KernelSlot {
        &mut self.slot
    }

    /// Runs over the elements `0..n`.
    #[inline]
    pub fn run(&mut self, n: usize) {
        let mut call = Call::over(n);
        self.execute(&mut call);
    }

    /// Runs over the elements of a range.
    #[inline]
    pub fn run_range(&mut self, elements: Range<usize>) {
        let mut call = Call { begin: elements.start as i64, ..Call::over(elements.end) };
        self.execute(&mut call);
    }

    /// Puts the elements of a range that the kernel selects into `selected` and returns how many there are.
    ///
    /// # Panics
    /// If `selected` has not room for all of them.
    #[inline]
    pub fn select_range(&mut self, elements: Range<usize>, selected: &mut [i32]) -> usize {
        assert!(selected.len() >= elements.len(), "room for {} elements", elements.len());
        let begin = elements.start as i64;
        let mut call = Call { begin, selected: selected.as_mut_ptr(), ..Call::over(elements.end) };
        self.execute(&mut call);
        call.selected_count as usize
    }

    /// Runs over the elements of a list, ascending and each once.
    #[inline]
    pub fn run_over(&mut self, indices: &[i32]) {
        let mut call = Call { indices: indices.as_ptr(), ..Call::over(indices.len()) };
        self.execute(&mut call);
    }

    /// Puts the elements of `0..n` that the kernel selects into `selected` and returns how many there are.
    ///
    /// # Panics
    /// If `selected` has not room for all of them.
    #[inline]
    pub fn select(&mut self, n: usize, selected: &mut [i32]) -> usize {
        assert!(selected.len() >= n, "room for {n} elements");
        let mut call = Call { selected: selected.as_mut_ptr(), ..Call::over(n) };
        self.execute(&mut call);
        call.selected_count as usize
    }

    #[inline]
    fn execute(&mut self, call: &mut Call) {
        // SAFETY: `bind` was promised arrays that fit; lists come from slices.
        unsafe { self.slot.execute(self.arrays.as_ptr(), call) };
        self.flags |= call.flags;
    }

    /// Places of the text where an integer was divided by zero since this was last asked.
    pub fn take_divisions_by_zero(&mut self) -> Vec<Site> {
        let flags = std::mem::take(&mut self.flags);
        super::sites_of(&self.sites, flags)
    }
}

// SAFETY: the pointers are to memory that the owner of the object owns as well and moves along with it; an object is
// run by one thread at a time, since running it takes it exclusively.
unsafe impl Send for CodeObject {}
