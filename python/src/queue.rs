//! The queue of spikes on their way to synapses, which is Brian2's.
//!
//! Each step asks it for the synapses that are due, and to go on. Brian2 hands out the address of the object that has the
//! lists; where it is not made as expected, which is tried out when this library is loaded, Python is asked instead.

use std::sync::OnceLock;

use pyo3::buffer::PyBuffer;
use pyo3::ffi::PyCapsule_GetPointer;
use pyo3::prelude::*;

/// How the queue begins in memory: a vector of lists, the time step, and which of the lists is due.
#[repr(C)]
pub struct Lists {
    begin: *mut List,
    end: *mut List,
    _room: *mut List,
    _dt: f64,
    due: i32,
}

/// A vector of the numbers of synapses.
#[repr(C)]
struct List {
    begin: *mut i32,
    end: *mut i32,
    _room: *mut i32,
}

/// A queue.
pub enum Queue {
    /// By the object that has the lists.
    Known { lists: *mut Lists, queue: Py<PyAny> },
    /// Python has to be asked for everything.
    Asked(Py<PyAny>),
}

// SAFETY: the pointer is followed only while the interpreter's lock is held.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

/// Whether queues are made so: tried out on one.
static IS_KNOWN: OnceLock<bool> = OnceLock::new();

fn is_known(py: Python<'_>) -> bool {
    *IS_KNOWN.get_or_init(|| tried_out(py).unwrap_or(false))
}

fn tried_out(py: Python<'_>) -> PyResult<bool> {
    let numpy = py.import("numpy")?;
    let array = |values: Vec<f64>, of: &str| numpy.call_method1("array", (values, of));
    let queue = py.import("brian2.synapses.cythonspikequeue")?.getattr("SpikeQueue")?.call1((0, 3))?;
    // Synapses 0 to 5, two for each of three cells, due after 0, 1, 3, 1, 0 and 2 steps.
    let (delays, sources) = (vec![0.0, 1.0, 3.0, 1.0, 0.0, 2.0], vec![0.0, 0.0, 1.0, 1.0, 2.0, 2.0]);
    queue.call_method1("prepare", (array(delays, "float64")?, 1.0, array(sources, "int32")?))?;
    let known = Queue::Known { lists: lists(&queue)?, queue: queue.clone().unbind() };
    for step in 0..9 {
        if step % 2 == 0 {
            queue.call_method1("push", (array(vec![f64::from(step % 3), 2.0], "int32")?,))?;
        }
        let told: PyBuffer<i32> = PyBuffer::get(&queue.call_method0("peek")?)?;
        // Eight words are read of an object that has at least as many.
        if told.to_vec(py)? != known.due(py)?.synapses {
            return Ok(false);
        }
        // Both ways to go on.
        if step < 4 { known.advance(py)? } else { queue.call_method0("advance").map(drop)? }
    }
    Ok(true)
}

fn lists(queue: &Bound<'_, PyAny>) -> PyResult<*mut Lists> {
    let capsule = queue.call_method0("get_capsule")?;
    // SAFETY: the capsule is alive; a wrong name gives an error.
    let pointer = unsafe { PyCapsule_GetPointer(capsule.as_ptr(), c"CSpikeQueue".as_ptr()) };
    if pointer.is_null() { Err(PyErr::fetch(queue.py())) } else { Ok(pointer.cast()) }
}

/// What is due at a step.
pub struct Due<'a> {
    /// The synapses, in the order in which they are to be run.
    pub synapses: &'a [i32],
    /// What keeps them, if Python was asked.
    _told: Option<PyBuffer<i32>>,
}

impl Queue {
    /// A queue of Brian2.
    pub fn of(queue: &Bound<'_, PyAny>) -> PyResult<Queue> {
        if is_known(queue.py()) {
            return Ok(Queue::Known { lists: lists(queue)?, queue: queue.clone().unbind() });
        }
        Ok(Queue::Asked(queue.clone().unbind()))
    }

    /// The queue as Python knows it.
    pub fn python(&self) -> &Py<PyAny> {
        match self {
            Queue::Known { queue, .. } | Queue::Asked(queue) => queue,
        }
    }

    /// The synapses that are due, until the queue goes on.
    pub fn due(&self, py: Python<'_>) -> PyResult<Due<'_>> {
        let (begin, len, told) = match self {
            Queue::Known { lists, .. } => {
                // SAFETY: the queue is held, was tried out to be made so, and has a list at this place.
                let (begin, end) = unsafe {
                    let list = (**lists).begin.add((**lists).due as usize);
                    ((*list).begin.cast_const(), (*list).end.cast_const())
                };
                (begin, (end as usize - begin as usize) / size_of::<i32>(), None)
            }
            Queue::Asked(queue) => {
                let told: PyBuffer<i32> = PyBuffer::get(&queue.bind(py).call_method0(pyo3::intern!(py, "peek"))?)?;
                (told.buf_ptr().cast_const().cast(), told.item_count(), Some(told))
            }
        };
        // SAFETY: so many integers are there, which nobody changes before the queue goes on.
        let synapses = if len == 0 { &[] } else { unsafe { std::slice::from_raw_parts(begin, len) } };
        Ok(Due { synapses, _told: told })
    }

    /// Goes on to the next step.
    pub fn advance(&self, py: Python<'_>) -> PyResult<()> {
        match self {
            Queue::Known { lists, .. } => {
                // SAFETY: as in `due`; a vector of integers is empty when it ends where it begins.
                unsafe {
                    let Lists { begin, end, due, .. } = &mut **lists;
                    let list = begin.add(*due as usize);
                    (*list).end = (*list).begin;
                    let count = (*end as usize - *begin as usize) / size_of::<List>();
                    *due = ((*due as usize + 1) % count) as i32;
                }
                Ok(())
            }
            Queue::Asked(queue) => queue.bind(py).call_method0(pyo3::intern!(py, "advance")).map(drop),
        }
    }
}
