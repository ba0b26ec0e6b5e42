//! A kernel bound to the arrays it works on, and the way to run it on whatever tier it has reached.

use std::ops::Range;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::loaded::digest;
use super::proof::Trial;
use super::threads::Threads;
use crate::kernel::interpret::{Arguments, Program};
use crate::kernel::ir::{Expr, Kernel, LoopShape, Stmt};
use crate::kernel::lower::{Lowered, Site};
use crate::kernel::order::{Dependence, dependence};
use crate::load::slot::KernelSlot;
use crate::runtime::abi::{Call, Execute};
use crate::store::IrDigest;

/// A kernel run by the interpreter, through the kernel ABI. Its program is made when it is needed, which it is not where
/// compiled code is there before the first step.
pub struct Interpreted {
    kernel: Arc<Kernel>,
    program: OnceLock<Program>,
}

impl Interpreted {
    /// A kernel for the interpreter.
    pub fn new(kernel: Arc<Kernel>) -> Interpreted {
        Interpreted { kernel, program: OnceLock::new() }
    }

    /// Makes the program now.
    pub fn prepare(&self) -> &Program {
        self.program.get_or_init(|| Program::new(&self.kernel))
    }
}

impl Execute for Interpreted {
    unsafe fn execute(&self, arrays: *const *mut u8, call: &mut Call) {
        let arguments = Arguments { begin: call.begin, end: call.end, indices: call.indices, selected: call.selected };
        // SAFETY: as the caller promised.
        let outcome = unsafe { self.prepare().run(arrays, arguments) };
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
    ir: OnceLock<IrDigest>,
    sites: Vec<Site>,
    arrays: Vec<*mut u8>,
    slot: KernelSlot,
    /// What the slot started with.
    interpreter: Arc<Interpreted>,
    /// The most elements that it runs over.
    pub elements: usize,
    /// How far what is in the slot is trusted.
    standing: Standing,
    flags: u64,
    way: Way,
}

/// What is in the slot of a code object.
enum Standing {
    /// Code of its kernel.
    Own,
    /// Code of its kernel on trial.
    OnTrial,
    /// Code that somebody wrote by hand, in the place of this, which has this name.
    ByHand(Arc<dyn Execute>, String),
}

/// How a code object carries out a call.
enum Way {
    /// In one piece.
    Whole,
    /// Among threads, if the elements are worth that: at least so many for each.
    Divided(Arc<Threads>, usize),
    /// In one of these ways, with a look at the clock before and after.
    Measured(Box<Measured>),
}

/// What the calls of a code object took.
struct Measured {
    /// How calls are carried out.
    way: Way,
    calls: Calls,
}

/// Calls of a kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// How long they took together.
    pub time: Duration,
    /// How many they were.
    pub count: u64,
}

/// What the interpreter is called in the slot of a code object; kernels are called by their keys.
pub(super) const INTERPRETER: &str = "interpreter";

/// Bounds of chunks are multiples of it, so that no two threads write to a line of the cache, even of booleans.
const CHUNK_MULTIPLE: usize = 64;

/// The most chunks of a call.
const MOST_CHUNKS: usize = 64;

/// Chunks for each thread, if there are elements enough: a thread that falls behind leaves some to the others.
const CHUNKS_PER_THREAD: usize = 4;

/// The least work of a chunk, in operations: some 10 microseconds of a compiled kernel that is made of vectors. Dividing a
/// call costs less than one while the threads look for work, and about five where they have to be woken.
const LEAST_WORK: usize = 200_000;

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
        let kernel = Arc::new(lowered.kernel);
        let interpreter = Arc::new(Interpreted::new(kernel.clone()));
        CodeObject {
            name: name.into(),
            kind,
            kernel,
            ir: OnceLock::new(),
            sites: lowered.sites,
            arrays,
            slot: KernelSlot::new(interpreter.clone(), INTERPRETER),
            interpreter,
            elements: 0,
            standing: Standing::Own,
            flags: 0,
            way: Way::Whole,
        }
    }

    /// Binds the kernel to other arrays.
    ///
    /// # Safety
    /// As for [`CodeObject::bind`].
    pub unsafe fn rebind(&mut self, arrays: Vec<*mut u8>) {
        assert_eq!(arrays.len(), self.arrays.len(), "one array for each parameter");
        self.arrays = arrays;
    }

    /// The kernel.
    pub fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    /// A digest of the kernel, by which this program knows it again.
    pub fn ir(&self) -> &IrDigest {
        self.ir.get_or_init(|| digest(&self.kernel))
    }

    /// Lets other code run it, from this step on.
    pub fn swap(&mut self, code: Arc<dyn Execute>, name: impl Into<String>, step: u64) {
        self.standing = Standing::Own;
        self.slot.swap(code, name, step);
    }

    /// Lets other code run beside what runs now, which goes on to give the results.
    pub fn try_out(&mut self, code: Arc<dyn Execute>, name: impl Into<String>, step: u64) -> Arc<Trial> {
        let trial = Arc::new(Trial::new(self.kernel.clone(), &self.slot, code));
        self.slot.swap(trial.clone(), name, step);
        self.standing = Standing::OnTrial;
        trial
    }

    /// Lets code that somebody wrote by hand run in the place of its own, from this step on.
    pub fn run_by_hand(&mut self, code: Arc<dyn Execute>, name: impl Into<String>, step: u64) {
        let before = self.slot.name().to_string();
        let current = self.slot.swap(code, name, step);
        if !self.is_by_hand() {
            self.standing = Standing::ByHand(current, before);
        }
    }

    /// Goes back to its own code, if other code was put in its place by hand.
    pub fn run_own(&mut self, step: u64) {
        match std::mem::replace(&mut self.standing, Standing::Own) {
            Standing::ByHand(own, name) => drop(self.slot.swap(own, name, step)),
            standing => self.standing = standing,
        }
    }

    /// Whether it runs code that somebody wrote by hand.
    pub fn is_by_hand(&self) -> bool {
        matches!(self.standing, Standing::ByHand(..))
    }

    /// Makes ready what runs first, so that no step has to.
    pub fn prepare(&self) {
        let interpreter: Arc<dyn Execute> = self.interpreter.clone();
        if matches!(self.standing, Standing::OnTrial) || Arc::ptr_eq(&interpreter, self.slot.current()) {
            self.interpreter.prepare();
        }
    }

    /// What runs now, and what ran before.
    pub fn slot(&self) -> &KernelSlot {
        &self.slot
    }

    /// About how long the interpreter takes for one call over all elements, in seconds: it decodes an operation once, and
    /// carries it out in vectors.
    pub fn interpreted_seconds(&self) -> f64 {
        /// For one operation, whatever the number of elements.
        const DECODING: f64 = 12e-9;
        /// For one operation and element.
        const RUNNING: f64 = 0.3e-9;
        let work = work_per_element(&self.kernel) as f64;
        work * (DECODING + RUNNING * self.elements as f64)
    }

    /// Lets runs be divided among these threads where that pays, if the kernel allows it without a change of any bit.
    pub fn divide_among(&mut self, threads: &Arc<Threads>) {
        self.divide(threads, LEAST_WORK.div_ceil(work_per_element(&self.kernel)));
    }

    /// The same, wherever each part has so many elements, but for what is missing to whole lines of the cache.
    pub fn divide(&mut self, threads: &Arc<Threads>, least: usize) {
        let way = match threads.count() > 1 && may_be_divided(&self.kernel) {
            true => Way::Divided(Arc::clone(threads), least.max(1).next_multiple_of(CHUNK_MULTIPLE)),
            false => Way::Whole,
        };
        match &mut self.way {
            Way::Measured(measured) => measured.way = way,
            own => *own = way,
        }
    }

    /// Measures calls from now on, if they are not measured already.
    pub fn measure(&mut self) {
        if !matches!(self.way, Way::Measured(_)) {
            let way = std::mem::replace(&mut self.way, Way::Whole);
            self.way = Way::Measured(Box::new(Measured { way, calls: Calls::default() }));
        }
    }

    /// Measures nothing any more, and forgets what was measured.
    pub fn stop_measuring(&mut self) {
        if let Way::Measured(measured) = &mut self.way {
            self.way = std::mem::replace(&mut measured.way, Way::Whole);
        }
    }

    /// What calls took while they were measured.
    pub fn calls(&self) -> Option<Calls> {
        if let Way::Measured(measured) = &self.way { Some(measured.calls) } else { None }
    }

    /// Runs over the elements `0..n`.
    #[inline]
    pub fn run(&mut self, n: usize) {
        self.run_range(0..n);
    }

    /// Runs over the elements of a range.
    #[inline]
    pub fn run_range(&mut self, elements: Range<usize>) {
        self.execute(&mut call_over(&elements));
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
        self.select_range(0..n, selected)
    }

    /// Puts the elements of a range that the kernel selects into `selected` and returns how many there are.
    ///
    /// # Panics
    /// If `selected` has not room for all of them.
    #[inline]
    pub fn select_range(&mut self, elements: Range<usize>, selected: &mut [i32]) -> usize {
        assert!(selected.len() >= elements.len(), "room for {} elements", elements.len());
        let mut call = Call { selected: selected.as_mut_ptr(), ..call_over(&elements) };
        self.execute(&mut call);
        call.selected_count as usize
    }

    #[inline]
    fn execute(&mut self, call: &mut Call) {
        match &self.way {
            // SAFETY: `bind` was promised arrays that fit; lists come from slices.
            Way::Whole => unsafe { self.slot.execute(self.arrays.as_ptr(), call) },
            Way::Divided(..) => self.execute_by(&self.way, call),
            Way::Measured(_) => self.execute_measured(call),
        }
        self.flags |= call.flags;
    }

    #[inline(never)]
    fn execute_by(&self, way: &Way, call: &mut Call) {
        match way {
            // What somebody wrote by hand may look beyond its element, which the kernel was asked about and it was not.
            Way::Divided(threads, least)
                if matches!(self.standing, Standing::Own) && call.end - call.begin >= 2 * *least as i64 =>
            {
                // SAFETY: as below; `divide` saw that the kernel may be divided.
                unsafe { execute_divided(&self.slot, &self.arrays, call, threads, *least) }
            }
            // SAFETY: as in `execute`.
            _ => unsafe { self.slot.execute(self.arrays.as_ptr(), call) },
        }
    }

    #[cold]
    #[inline(never)]
    fn execute_measured(&mut self, call: &mut Call) {
        let Way::Measured(mut measured) = std::mem::replace(&mut self.way, Way::Whole) else { return };
        let before = Instant::now();
        self.execute_by(&measured.way, call);
        measured.calls.time += before.elapsed();
        measured.calls.count += 1;
        self.way = Way::Measured(measured);
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

fn call_over(elements: &Range<usize>) -> Call {
    let begin = elements.start as i64;
    Call { begin, end: (elements.end as i64).max(begin), ..Call::over(0) }
}

/// Whether threads may run parts of the elements at once, each after the whole scalar part, with the same bits.
fn may_be_divided(kernel: &Kernel) -> bool {
    let writes_scalars = kernel.scalar.iter().any(|stmt| matches!(stmt, Stmt::Store { .. }));
    let shape = matches!(kernel.shape, LoopShape::Each | LoopShape::Indexed | LoopShape::Select(_));
    shape && !writes_scalars && dependence(kernel) == Dependence::Independent
}

/// Roughly how much a kernel does for an element, in operations. Compiled kernels do 15 to 40 of them in a nanosecond, the
/// interpreter a tenth of that.
fn work_per_element(kernel: &Kernel) -> usize {
    /// A function of the maths library, in vectors.
    const CALL: usize = 20;
    let work = |expr: &Expr| {
        let mut work = 0;
        expr.walk(&mut |e| work += if matches!(e, Expr::Call(..)) { CALL } else { 1 });
        work
    };
    let of_stmt = |stmt: &Stmt| match stmt {
        Stmt::Comment(_) => 0,
        Stmt::Let(_, value) | Stmt::Flag(_, value) => work(value),
        Stmt::Store { value, when, .. } => 1 + work(value) + when.as_ref().map_or(0, work),
    };
    let condition = if let LoopShape::Select(condition) = &kernel.shape { work(condition) } else { 0 };
    (kernel.vector.iter().map(of_stmt).sum::<usize>() + condition).max(1)
}

/// What the threads of a divided call share.
struct Division<'a> {
    slot: &'a KernelSlot,
    arrays: *const *mut u8,
    call: &'a Call,
    chunks: usize,
    /// How many elements each chunk selected.
    counts: [AtomicI64; MOST_CHUNKS],
    flags: AtomicU64,
}

// SAFETY: the pointers are to arrays and lists that all threads may read, and of which each writes to a part of its own.
unsafe impl Sync for Division<'_> {}

impl Division<'_> {
    /// Where a chunk begins, and the one before it ends.
    fn bound(&self, chunk: usize) -> i64 {
        let (begin, end) = (self.call.begin, self.call.end);
        if chunk == 0 {
            return begin;
        }
        let even = begin + (end - begin) * chunk as i64 / self.chunks as i64;
        (even as usize).next_multiple_of(CHUNK_MULTIPLE).min(end as usize) as i64
    }

    /// The part of the caller's list that is for a chunk's elements.
    fn selected(&self, chunk: usize) -> *mut i32 {
        self.call.selected.wrapping_offset((self.bound(chunk) - self.call.begin) as isize)
    }

    /// # Safety
    /// As for [`execute_divided`]; no chunk is run twice.
    unsafe fn run(&self, chunk: usize) {
        let (begin, end) = (self.bound(chunk), self.bound(chunk + 1));
        let mut call = Call { begin, end, selected: self.selected(chunk), ..self.call.clone() };
        // SAFETY: as the caller promised; the elements are some of the whole call's.
        unsafe { self.slot.execute(self.arrays, &mut call) };
        self.counts[chunk].store(call.selected_count, Ordering::Relaxed);
        self.flags.fetch_or(call.flags, Ordering::Relaxed);
    }
}

/// Runs the parts of a call on these threads, at least `least` elements at a time.
///
/// # Safety
/// As for [`Execute::execute`], for the kernel that the slot runs, of which no element reads or writes what another one
/// writes.
unsafe fn execute_divided(slot: &KernelSlot, arrays: &[*mut u8], call: &mut Call, threads: &Threads, least: usize) {
    let chunks = ((call.end - call.begin) as usize / least).min(threads.count() * CHUNKS_PER_THREAD).min(MOST_CHUNKS);
    let counts = [const { AtomicI64::new(0) }; MOST_CHUNKS];
    let arrays = arrays.as_ptr();
    let division = Division { slot, arrays, call, chunks, counts, flags: AtomicU64::new(0) };
    // SAFETY: as the caller promised; every chunk is run once.
    threads.run(chunks, &|chunk| unsafe { division.run(chunk) });
    let mut count = division.counts[0].load(Ordering::Relaxed);
    for chunk in 1..chunks {
        let more = division.counts[chunk].load(Ordering::Relaxed);
        // SAFETY: the chunk put so many entries there; before them there is room for all elements before the chunk's.
        unsafe {
            std::ptr::copy(division.selected(chunk), call.selected.wrapping_offset(count as isize), more as usize);
        }
        count += more;
    }
    let flags = division.flags.into_inner();
    call.selected_count = count;
    call.flags |= flags;
}
