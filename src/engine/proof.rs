//! Proves a kernel on the live state before it is used: its first call runs in a process that is forked off, on a copy of
//! the memory, while the interpreter does the same call here. Only if both leave the same bits does the kernel ever run in
//! this process; one that traps, loops or computes something else has harmed nobody.
//!
//! Compared are all places that the kernel may write in that call, what it selects, and its flags. What a kernel does at
//! places that are none of its business is not seen.

use std::io;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use rustix::process::{Pid, Resource, Rlimit, Signal, WaitOptions, WaitStatus, kill_process, setrlimit, waitpid};

use super::code_object::INTERPRETER;
use crate::build::ends_within;
use crate::kernel::ir::{Index, Kernel, LoopShape, Stmt, Storage};
use crate::load::slot::KernelSlot;
use crate::runtime::abi::{Call, Execute};

/// A kernel that takes this much longer than the interpreter, and at least [`PATIENCE`], hangs.
const TIMES_LONGER: u32 = 100;
const PATIENCE: Duration = Duration::from_secs(10);

/// How a trial ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The kernel left the bits that the interpreter left.
    Same,
    /// It did not: what it did, as the end of a sentence about it.
    Wrong(String),
    /// Nobody knows, and why.
    Unknown(String),
}

/// Runs the trusted code in every call, and in the first one that has something to do the candidate beside it.
pub struct Trial {
    kernel: Arc<Kernel>,
    trusted: Arc<dyn Execute>,
    trusted_name: String,
    candidate: Arc<dyn Execute>,
    patience: Duration,
    verdict: OnceLock<Verdict>,
}

impl Trial {
    /// A trial of code against what runs the kernel in this slot: the interpreter, or code that has proved itself.
    pub fn new(kernel: Arc<Kernel>, slot: &KernelSlot, candidate: Arc<dyn Execute>) -> Trial {
        let (trusted, trusted_name) = (slot.current().clone(), slot.name().to_string());
        Trial { kernel, trusted, trusted_name, candidate, patience: PATIENCE, verdict: OnceLock::new() }
    }

    /// How it ended, if it did.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdict.get()
    }

    /// The code that needs no proof.
    pub fn trusted(&self) -> Arc<dyn Execute> {
        self.trusted.clone()
    }

    /// What that is called in its slot.
    pub fn trusted_name(&self) -> &str {
        &self.trusted_name
    }

    /// What that is called in a sentence.
    pub fn trusted_words(&self) -> String {
        match self.trusted_name.as_str() {
            INTERPRETER => format!("the {INTERPRETER}"),
            key => format!("the kernel {key}"),
        }
    }
}

impl Execute for Trial {
    unsafe fn execute(&self, arrays: *const *mut u8, call: &mut Call) {
        if self.verdict.get().is_some() || call.begin >= call.end {
            // SAFETY: as the caller promised.
            return unsafe { self.trusted.execute(arrays, call) };
        }
        // SAFETY: as the caller promised.
        let written = unsafe { Written::of(&self.kernel, arrays, call) };
        // SAFETY: as the caller promised.
        let copy = unsafe { Copy::start(&*self.candidate, arrays, call, &written) };
        let started = Instant::now();
        // SAFETY: as the caller promised.
        unsafe { self.trusted.execute(arrays, call) };
        let took = started.elapsed();
        let limit = self.patience.max(took * TIMES_LONGER);
        let verdict = match copy.map(|copy| copy.end(limit)) {
            Ok(Ok(results)) => results.compare(&written, call, self),
            Ok(Err(Failure::Late)) => {
                let (words, milliseconds) = (self.trusted_words(), took.as_secs_f64() * 1e3);
                let limit = (limit.as_secs_f64() * 10.0).round() / 10.0;
                Verdict::Wrong(format!("was stopped after {limit} s, where {words} took {milliseconds:.3} ms"))
            }
            Ok(Err(Failure::Died(reason))) => Verdict::Wrong(reason),
            Err(cause) => Verdict::Unknown(format!("could not be checked: {cause}")),
        };
        // Nobody else has set it: a code object on trial runs undivided.
        let _ = self.verdict.set(verdict);
    }
}

/// Some elements of an array, side by side.
struct Span {
    param: usize,
    storage: Storage,
    start: *const u8,
    bytes: usize,
}

/// All places that a kernel may write in a call.
struct Written {
    spans: Vec<Span>,
    /// The list of the elements that it selects, if it does.
    selected: Range<usize>,
    bytes: usize,
}

impl Written {
    /// # Safety
    /// As for [`Execute::execute`].
    unsafe fn of(kernel: &Kernel, arrays: *const *mut u8, call: &Call) -> Written {
        let mut spans = Vec::new();
        for stmt in kernel.scalar.iter().chain(&kernel.vector) {
            let Stmt::Store { place, .. } = stmt else { continue };
            let param = place.param.0 as usize;
            let storage = kernel.params[param].storage;
            // SAFETY: there is a pointer for each parameter.
            let start = unsafe { *arrays.add(param) }.cast_const();
            let mut add = |element: i64, count: usize| {
                let start = start.wrapping_offset(element as isize * storage.size() as isize);
                spans.push(Span { param, storage, start, bytes: count * storage.size() });
            };
            let is_listed = kernel.shape == LoopShape::Indexed;
            // SAFETY: the list has an entry for each of these.
            let element = |k: i64| if is_listed { i64::from(unsafe { *call.indices.offset(k as isize) }) } else { k };
            match place.index {
                Index::Zero => add(0, 1),
                Index::Element if !is_listed => add(call.begin, (call.end - call.begin) as usize),
                Index::Element => (call.begin..call.end).for_each(|k| add(element(k), 1)),
                Index::Via(holder) => {
                    // SAFETY: there is a pointer for each parameter, here to numbers of elements.
                    let holder = unsafe { *arrays.add(holder.0 as usize) }.cast::<i32>();
                    // SAFETY: the holder has an entry for each element of the call.
                    let target = |k| i64::from(unsafe { *holder.offset(element(k) as isize) });
                    (call.begin..call.end).for_each(|k| add(target(k), 1));
                }
            }
        }
        let room = (call.end - call.begin) as usize * size_of::<i32>();
        let selects = matches!(kernel.shape, LoopShape::Select(_) | LoopShape::Pairs(_));
        let bytes: usize = spans.iter().map(|span| span.bytes).sum();
        let selected = bytes..bytes + if selects { room } else { 0 };
        Written { spans, bytes: selected.end, selected }
    }
}

/// Memory that both processes see.
struct Shared {
    start: *mut u8,
    bytes: usize,
}

/// What a copy says before the places: how many elements it selected, its flags, and that it came to its end.
const HEADER: usize = 24;

impl Shared {
    fn new(bytes: usize) -> io::Result<Shared> {
        // SAFETY: a new mapping is nobody's.
        let start = unsafe {
            mmap_anonymous(std::ptr::null_mut(), bytes, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED)
        }?;
        Ok(Shared { start: start.cast(), bytes })
    }

    fn number(&self, k: usize) -> u64 {
        // SAFETY: within the header; the copy has ended.
        unsafe { self.start.cast::<u64>().add(k).read_volatile() }
    }

    fn body(&self) -> &[u8] {
        // SAFETY: the mapping is as long, and the copy has ended.
        unsafe { std::slice::from_raw_parts(self.start.add(HEADER), self.bytes - HEADER) }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: nothing borrows it any more. To keep it would cost memory, and nothing else.
        let _ = unsafe { munmap(self.start.cast(), self.bytes) };
    }
}

/// Why a copy left nothing.
enum Failure {
    /// Its time was over.
    Late,
    /// What became of it, as the end of a sentence.
    Died(String),
}

/// A process on a copy of the memory.
struct Copy {
    process: Pid,
    shared: Shared,
}

impl Copy {
    /// Starts the copy, which runs the code once and writes down what it left.
    ///
    /// # Safety
    /// As for [`Execute::execute`]; and the code calls nothing, as kernels do.
    unsafe fn start(code: &dyn Execute, arrays: *const *mut u8, call: &Call, written: &Written) -> io::Result<Copy> {
        let shared = Shared::new(HEADER + written.bytes)?;
        // SAFETY: the child does nothing that could need what other threads hold: it runs code that calls nothing, copies
        // bytes and ends without cleaning up.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                // A kernel that traps is news enough.
                let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
                let mut own = call.clone();
                // SAFETY: as the caller promised; written is the copy that this process has.
                unsafe { code.execute(arrays, &mut own) };
                let mut at = shared.start.wrapping_add(HEADER);
                for span in &written.spans {
                    // SAFETY: there is room for all spans.
                    unsafe { at.copy_from_nonoverlapping(span.start, span.bytes) };
                    at = at.wrapping_add(span.bytes);
                }
                let selected = written.selected.len().min((own.selected_count.max(0) as usize) * size_of::<i32>());
                if selected > 0 {
                    // SAFETY: there is room for as many as the call may select.
                    unsafe { at.copy_from_nonoverlapping(own.selected.cast_const().cast(), selected) };
                }
                for (k, number) in [own.selected_count as u64, own.flags, 1].into_iter().enumerate() {
                    // SAFETY: within the header.
                    unsafe { shared.start.cast::<u64>().add(k).write_volatile(number) };
                }
                // SAFETY: ends the process at once, without what the parent's threads may hold.
                unsafe { libc::_exit(0) }
            }
            process => {
                let process = Pid::from_raw(process).ok_or(io::ErrorKind::Other)?;
                Ok(Copy { process, shared })
            }
        }
    }

    /// What it left, or what became of it.
    fn end(self, limit: Duration) -> Result<Results, Failure> {
        let is_late = !ends_within(self.process, limit);
        if is_late {
            // It may have ended this moment.
            let _ = kill_process(self.process, Signal::KILL);
        }
        let status = rustix::io::retry_on_intr(|| waitpid(Some(self.process), WaitOptions::empty()));
        let status: Option<WaitStatus> = status.ok().flatten().map(|(_, status)| status);
        if is_late {
            return Err(Failure::Late);
        }
        match status.and_then(|status| status.terminating_signal()) {
            Some(signal) => Err(Failure::Died(format!("was ended by signal {signal}"))),
            None if self.shared.number(2) != 1 => Err(Failure::Died("did not come to its end".to_string())),
            None => Ok(Results(self.shared)),
        }
    }
}

/// What a copy left.
struct Results(Shared);

impl Results {
    /// Compares it with what is here.
    fn compare(&self, written: &Written, call: &Call, trial: &Trial) -> Verdict {
        let than = || format!("than {}", trial.trusted_words());
        let body = self.0.body();
        let mut at = 0;
        for span in &written.spans {
            // SAFETY: a span is of an array that the caller of the kernel vouches for, and nobody writes it now.
            let here = unsafe { std::slice::from_raw_parts(span.start, span.bytes) };
            let there = &body[at..at + span.bytes];
            at += span.bytes;
            let size = span.storage.size();
            let differs = |(a, b): (&[u8], &[u8])| a != b && !(is_nan(a, span.storage) && is_nan(b, span.storage));
            if here.chunks_exact(size).zip(there.chunks_exact(size)).any(differs) {
                let name = &trial.kernel.params[span.param].name;
                return Verdict::Wrong(format!("gives other bits of `{name}` {}", than()));
            }
        }
        if !written.selected.is_empty() {
            let count = call.selected_count as usize;
            // SAFETY: the interpreter has written so many.
            let here = unsafe { std::slice::from_raw_parts(call.selected.cast_const().cast::<u8>(), count * 4) };
            if self.0.number(0) != count as u64 || body[written.selected.clone()][..count * 4] != *here {
                return Verdict::Wrong(format!("selects other elements {}", than()));
            }
        }
        if self.0.number(1) != call.flags {
            return Verdict::Wrong(format!("sets other flags {}", than()));
        }
        Verdict::Same
    }
}

/// Whether an element is no number: then its bits have no meaning.
fn is_nan(element: &[u8], storage: Storage) -> bool {
    match (storage, element) {
        (Storage::F64, element) => element.first_chunk().is_some_and(|bytes| f64::from_ne_bytes(*bytes).is_nan()),
        (Storage::F32, element) => element.first_chunk().is_some_and(|bytes| f32::from_ne_bytes(*bytes).is_nan()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::text::parse_kernel;

    /// Code of a test.
    struct Code<F>(F);

    impl<F: Fn(*mut f64, &mut Call) + Send + Sync> Execute for Code<F> {
        unsafe fn execute(&self, arrays: *const *mut u8, call: &mut Call) {
            // SAFETY: the kernel of these tests has one array.
            (self.0)(unsafe { *arrays }.cast(), call);
        }
    }

    const KERNEL: &str =
        "kernel each {\n  param v: f64[] written\n  scalar {\n  }\n  vector {\n    store v[e] = v[e] + 1.0\n  }\n}\n";

    /// The verdict about some code, and the array afterwards.
    fn verdict(code: impl Fn(*mut f64, &mut Call) + Send + Sync + 'static, mut v: Vec<f64>) -> (Verdict, Vec<f64>) {
        let kernel = Arc::new(parse_kernel(KERNEL).unwrap());
        let slot = KernelSlot::new(Arc::new(crate::engine::Interpreted::new(kernel.clone())), INTERPRETER);
        let trial = Trial { patience: Duration::from_millis(200), ..Trial::new(kernel, &slot, Arc::new(Code(code))) };
        let arrays = [v.as_mut_ptr().cast::<u8>()];
        let run = |n| {
            // SAFETY: the array has as many elements.
            unsafe { trial.execute(arrays.as_ptr(), &mut Call::over(n)) }
        };
        run(0);
        assert_eq!(trial.verdict(), None, "there was nothing to do");
        run(v.len());
        (trial.verdict().unwrap().clone(), v)
    }

    fn right(v: *mut f64, call: &mut Call) {
        for k in call.begin..call.end {
            // SAFETY: the array is as long.
            unsafe { *v.offset(k as isize) += 1.0 };
        }
    }

    fn off_by_half(v: *mut f64, _: &mut Call) {
        // SAFETY: the array has elements.
        unsafe { *v += 1.5 };
    }

    fn trapping(_: *mut f64, _: &mut Call) {
        // SAFETY: none; it is meant to trap, in a process of its own.
        unsafe { std::ptr::null_mut::<f64>().write_volatile(1.0) };
    }

    #[test]
    fn only_what_gives_the_same_bits_passes_and_the_state_is_the_interpreters() {
        let start = vec![1.0, 2.0, f64::NAN];
        let wrong = |words: &str| Verdict::Wrong(words.to_string());
        type Body = fn(*mut f64, &mut Call);
        let cases: [(Body, Verdict); 6] = [
            (right, Verdict::Same),
            (off_by_half, wrong("gives other bits of `v` than the interpreter")),
            (|_, _| (), wrong("gives other bits of `v` than the interpreter")),
            (
                |v, call| {
                    right(v, call);
                    call.flags |= 2;
                },
                wrong("sets other flags than the interpreter"),
            ),
            (trapping, wrong("was ended by signal 11")),
            (
                |_, _| loop {
                    std::hint::spin_loop()
                },
                wrong("was stopped after "),
            ),
        ];
        for (code, expected) in cases {
            let (mut found, after) = verdict(code, start.clone());
            if let Verdict::Wrong(what) = &mut found
                && let Some((before, limits)) = what.split_once("after ")
            {
                // On a busy machine, the interpreter may take longer as well.
                let limits: Vec<f64> = limits.split(' ').filter_map(|word| word.parse().ok()).collect();
                assert!(limits.len() == 2 && limits[0] >= 0.2 && limits[1] > 0.0, "{what}");
                *what = format!("{before}after ");
            }
            assert_eq!(found, expected);
            assert_eq!(after[..2], [2.0, 3.0]);
        }
    }
}
