//! Code objects: statements of Brian2 bound to its arrays.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError, Weak};

use pyo3::exceptions::{PyIndexError, PyRuntimeError, PyTypeError, PyValueError, PyZeroDivisionError};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyDict, PyTuple};
use saltus::build::KernelId;
use saltus::engine::Report;
use saltus::expr::check::ValueType;
use saltus::hosted::{Batch, Code, Digest, Elements, Function, Indexing, Line, Loop, Meaning, Output, Place, Spec};
use saltus::kernel::ir::Kernel;
use saltus::model::namespace::Number;
use saltus::random::Binomial;
use saltus::render::{Language, Source, render};
use saltus::runtime::abi::ABI_VERSION;

use crate::arrays::{Slot, dtype, storage};
use crate::cpp::{self, Functions};
use crate::host::PythonHost;
use crate::{by_hand, look};

use crate::underway::{self, fault};

/// Code that has not been run yet: its kernels are made together with those of all others when the first one runs.
static PENDING: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Code, and what makes kernels for it.
struct Shared {
    code: Arc<Mutex<Code>>,
    /// Functions in C++ that it calls.
    cpp: Option<Arc<Functions>>,
    /// What makes its kernel together with others, and which of them it is.
    batch: OnceLock<(Arc<Batch>, usize)>,
    /// The thread that has the code while it calls Python; 0 if none does.
    calling: AtomicUsize,
}

/// A number of this thread, which no other thread has.
fn this_thread() -> usize {
    thread_local!(static HERE: u8 = const { 0 });
    HERE.with(|here| std::ptr::from_ref(here) as usize)
}

impl Shared {
    fn batch(&self) -> Option<&Arc<Batch>> {
        self.batch.get().map(|(batch, _)| batch)
    }

    /// The code, for this thread alone. Others of Python go on while it waits for one that has it.
    fn code(&self, py: Python<'_>) -> PyResult<MutexGuard<'_, Code>> {
        match self.code.try_lock() {
            Ok(code) => Ok(code),
            Err(TryLockError::Poisoned(code)) => Ok(code.into_inner()),
            Err(TryLockError::WouldBlock) if self.calling.load(Ordering::Relaxed) == this_thread() => {
                Err(PyRuntimeError::new_err("a function that code calls cannot use the code that calls it"))
            }
            Err(TryLockError::WouldBlock) => Ok(self.code.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some((batch, _)) = self.batch.take() {
            underway::leave(batch);
        }
    }
}

/// A number of elements: fixed, or in an array of one 32-bit integer.
pub enum Count {
    Fixed(usize),
    Stored(Slot),
}

impl Count {
    pub fn of(value: &Bound<'_, PyAny>) -> PyResult<Count> {
        match value.extract::<usize>() {
            Ok(count) => Ok(Count::Fixed(count)),
            Err(_) => Ok(Count::Stored(Slot::of(value, saltus::kernel::ir::Storage::I32)?)),
        }
    }

    pub fn get(&self, py: Python<'_>) -> PyResult<usize> {
        match self {
            Count::Fixed(count) => Ok(*count),
            Count::Stored(slot) => {
                let (pointer, len) = slot.place(py)?;
                if len == 0 {
                    return Err(PyValueError::new_err("a count in an empty array"));
                }
                // SAFETY: the array has an element of this type.
                Ok(unsafe { *pointer.cast::<i32>() }.max(0) as usize)
            }
        }
    }
}

/// Statements of Brian2 as code.
#[pyclass(name = "Code", module = "saltus._core", frozen)]
pub struct PyCode {
    shared: Arc<Shared>,
    spec: Spec,
    /// The kernel of its statements: looking at it waits for nobody who runs it.
    kernel: Arc<Kernel>,
    functions: HashMap<String, Py<PyAny>>,
    bound: OnceLock<BoundArrays>,
    /// Whether it runs at every step, so that a compiled kernel pays.
    is_lasting: bool,
}

struct BoundArrays {
    slots: Vec<Slot>,
    room: Count,
    /// None of the arrays moves.
    is_fixed: bool,
}

const KINDS: &[&str] = &[
    "stateupdate",
    "threshold",
    "reset",
    "synapses",
    "spikemonitor",
    "statemonitor",
    "ratemonitor",
    "summed_variable",
    "spatialstateupdate",
    "spikegenerator",
    "group_get_indices",
    "group_variable_get",
    "group_variable_get_conditional",
    "group_variable_set",
    "group_variable_set_conditional",
    "synapses_push_spikes",
    "synapses_create_array",
    "synapses_create_generator",
];

/// Target, operator, right-hand side, and that for the values of booleans.
type ToldLine = (String, String, String, Vec<(Vec<(String, bool)>, String)>);

fn lines(lines: Vec<ToldLine>) -> Vec<Line> {
    lines.into_iter().map(|(target, op, value, cases)| Line { target, op, value, cases }).collect()
}

fn value_type(name: &str) -> PyResult<ValueType> {
    Ok(match name {
        "boolean" => ValueType::Boolean,
        "integer" => ValueType::Integer,
        "float" => ValueType::Float,
        other => return Err(PyValueError::new_err(format!("no type of values: `{other}`"))),
    })
}

fn meaning(told: &Bound<'_, PyTuple>) -> PyResult<Meaning> {
    let what: String = told.get_item(0)?.extract()?;
    Ok(match what.as_str() {
        "array" => {
            let (_, array, of, index, guard): (String, String, String, Option<String>, Option<String>) =
                told.extract()?;
            let indexing = match index {
                None => Indexing::Element,
                Some(index) if index == "0" => Indexing::Single,
                Some(index) => Indexing::Via(index),
            };
            Meaning::Array { array, storage: storage(&of)?, indexing, guard }
        }
        "constant" => {
            let value = told.get_item(1)?;
            Meaning::Constant(if value.is_instance_of::<pyo3::types::PyBool>() {
                Number::Boolean(value.extract()?)
            } else if let Ok(whole) = value.extract::<i64>() {
                Number::Integer(whole)
            } else {
                Number::Float(value.extract()?)
            })
        }
        "builtin" => Meaning::Function(Function::Builtin(told.get_item(1)?.extract()?)),
        "timed" => Meaning::Function(Function::TimedArray { columns: told.get_item(1)?.extract()? }),
        "binomial" => {
            let binomial = Binomial::new(told.get_item(1)?.extract()?, told.get_item(2)?.extract()?);
            Meaning::Function(Function::Binomial(binomial.prepared()))
        }
        "host" => {
            let arguments: Vec<String> = told.get_item(1)?.extract()?;
            let arguments = arguments.iter().map(|name| value_type(name)).collect::<PyResult<_>>()?;
            let result: String = told.get_item(2)?.extract()?;
            let (stateful, in_order) = (told.get_item(3)?.extract()?, told.get_item(4)?.extract()?);
            Meaning::Function(Function::Host { arguments, result: value_type(&result)?, stateful, in_order })
        }
        other => return Err(PyTypeError::new_err(format!("no meaning: `{other}`"))),
    })
}

#[pymethods]
impl PyCode {
    /// `variables`: what each name stands for, by a tuple; `functions`: what evaluates those that are written in Python;
    /// `cpp`: those that are in C++; `is_lasting`: whether it runs often enough for a compiler.
    #[new]
    #[pyo3(signature = (name, kind, elements, scalar, vector, condition, outputs, variables, functions, cpp, is_lasting))]
    #[allow(clippy::too_many_arguments, reason = "each is named where it is given")]
    fn new(
        name: String,
        kind: &str,
        elements: &str,
        scalar: Vec<ToldLine>,
        vector: Vec<ToldLine>,
        condition: String,
        outputs: Vec<(String, String)>,
        variables: &Bound<'_, PyDict>,
        functions: HashMap<String, Py<PyAny>>,
        cpp: Option<&Bound<'_, PyDict>>,
        is_lasting: bool,
    ) -> PyResult<PyCode> {
        let kind = KINDS.iter().find(|known| **known == kind).copied();
        let kind = kind.ok_or_else(|| PyValueError::new_err("no such kind of code"))?;
        let elements = match elements {
            "each" => Loop::Each,
            "indexed" => Loop::Indexed,
            "select" => Loop::Select,
            _ => return Err(PyValueError::new_err("no such loop")),
        };
        let outputs = outputs.into_iter().map(|(name, of)| Ok(Output { name, storage: storage(&of)? }));
        let outputs = outputs.collect::<PyResult<_>>()?;
        let mut told = BTreeMap::new();
        for (name, what) in variables.iter() {
            told.insert(name.extract::<String>()?, meaning(what.cast::<PyTuple>()?)?);
        }
        let (scalar, vector) = (lines(scalar), lines(vector));
        let spec = Spec { name, kind, elements, scalar, vector, condition, outputs, variables: told };
        let code = Code::new(&spec).map_err(|fault| PyRuntimeError::new_err(fault.to_string()))?;
        let kernel = code.object().kernel().clone();
        let shared = Arc::new(Shared {
            code: Arc::new(Mutex::new(code)),
            cpp: cpp.map(|told| Functions::of(told, by_hand::base(&spec.name))).transpose()?.map(Arc::new),
            batch: OnceLock::new(),
            calling: AtomicUsize::new(0),
        });
        if is_lasting {
            locked(&PENDING).push(Arc::downgrade(&shared));
        }
        Ok(PyCode { shared, spec, kernel, functions, bound: OnceLock::new(), is_lasting })
    }

    /// The arrays that are needed: variable, type, whether it is one value, whether it is written.
    fn bindings(&self, py: Python<'_>) -> PyResult<Vec<(String, &'static str, bool, bool)>> {
        let code = self.shared.code(py)?;
        Ok(code.bindings().iter().map(|b| (b.variable.clone(), dtype(b.storage), b.scalar, b.written)).collect())
    }

    /// Binds them; `room`: the largest number of elements of a run; `watched`: indices that may change during a run.
    fn bind(
        &self,
        py: Python<'_>,
        arrays: Vec<Bound<'_, PyAny>>,
        room: &Bound<'_, PyAny>,
        watched: Vec<String>,
    ) -> PyResult<()> {
        let mut code = self.shared.code(py)?;
        watched.iter().for_each(|variable| code.watch(variable));
        let bindings = code.bindings().to_vec();
        if bindings.len() != arrays.len() {
            return Err(PyValueError::new_err("as many arrays as there are bindings"));
        }
        let slot = |(binding, array): (&saltus::hosted::Binding, &Bound<'_, PyAny>)| {
            Slot::of(array, binding.storage)
                .map_err(|fault| PyTypeError::new_err(format!("`{}`: {fault}", binding.variable)))
        };
        let slots = bindings.iter().zip(&arrays).map(slot).collect::<PyResult<Vec<_>>>()?;
        let room = Count::of(room)?;
        let is_fixed = matches!(room, Count::Fixed(_)) && slots.iter().all(|slot| matches!(slot, Slot::Fixed { .. }));
        self.bound.set(BoundArrays { slots, room, is_fixed }).map_err(|_| PyRuntimeError::new_err("bound twice"))
    }

    /// Runs over the elements up to `n`.
    fn run(&self, py: Python<'_>, n: usize) -> PyResult<()> {
        self.run_elements(py, Elements::All(n))
    }

    /// Runs over the elements of a list of 32-bit integers, in its order.
    fn run_over(&self, py: Python<'_>, list: &Bound<'_, PyAny>) -> PyResult<()> {
        let list: pyo3::buffer::PyBuffer<i32> = pyo3::buffer::PyBuffer::get(list)?;
        self.run_list(py, &list.to_vec(py)?)
    }

    /// The numbers of the elements up to `n` that are selected.
    fn select(&self, py: Python<'_>, n: usize) -> PyResult<Vec<i32>> {
        let mut selected = vec![0; n];
        let count = self.select_into(py, n, &mut selected)?;
        selected.truncate(count);
        Ok(selected)
    }

    /// The values of an output for these elements, or for all up to their number, put into an array.
    #[pyo3(signature = (name, into, elements=None))]
    fn output(
        &self,
        py: Python<'_>,
        name: &str,
        into: &Bound<'_, PyAny>,
        elements: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let elements = match elements {
            Some(elements) => Some(pyo3::buffer::PyBuffer::<i32>::get(elements)?.to_vec(py)?),
            None => None,
        };
        let into = pyo3::buffer::PyUntypedBuffer::get(into)?;
        let count = into.item_count();
        self.copy_output(py, name, into.buf_ptr().cast(), count, into.item_size(), elements.as_deref())
    }

    /// The source of the kernel as it is generated.
    fn source(&self, language: &str) -> PyResult<String> {
        Ok(render(&self.kernel, look::language(language)?).text)
    }

    /// The kernel as text.
    fn ir(&self) -> String {
        saltus::kernel::text::print_kernel(&self.kernel)
    }

    /// What it works on, in the order in which code gets it: name, type, whether it is one value, whether it is written.
    fn params(&self) -> Vec<(String, &'static str, bool, bool)> {
        self.kernel.params.iter().map(|p| (p.name.clone(), dtype(p.storage), p.scalar, p.written)).collect()
    }

    /// The first digits of the id that the kernel has in C: what it computes, whatever it is compiled with.
    fn id(&self) -> String {
        KernelId::of(&render(&self.kernel, Language::C), ABI_VERSION).short()
    }

    /// What runs it: `interpreter` or the short form of a key.
    fn runs_on(&self, py: Python<'_>) -> String {
        let key = self.known(py).and_then(|report| report.swaps.last()?.key);
        key.map_or_else(|| "interpreter".to_string(), |key| key.short())
    }

    /// What is known about how it runs, once it has: nothing about what runs once.
    fn report<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        match (self.shared.batch(), self.known(py)) {
            (Some(batch), Some(report)) => look::report(py, &report, batch.begun()).map(Some),
            _ => Ok(None),
        }
    }

    /// Lets a source run in the place of the kernel's own; the number of its version.
    fn replace(&self, py: Python<'_>, source: String, language: &str) -> PyResult<usize> {
        let source = Source { language: look::language(language)?, text: source };
        by_hand::replace(py, self.kernel_of(py)?, source)
    }

    /// Lets a version run; 0 is what is generated. Whether there is such a version.
    fn choose(&self, py: Python<'_>, version: usize) -> PyResult<bool> {
        Ok(by_hand::choose(&self.kernel_of(py)?, version))
    }

    /// Sources by hand with their languages, from version 1 on, and the number of the one that is to run.
    fn versions(&self, py: Python<'_>) -> PyResult<(Vec<(&'static str, String)>, usize)> {
        Ok(by_hand::versions(&self.kernel_of(py)?))
    }

    /// Whether a kernel may still arrive.
    fn is_waiting(&self) -> bool {
        self.shared.batch().is_some_and(|batch| batch.is_waiting())
    }

    /// Warnings of the engine that makes its kernel.
    fn warnings(&self) -> PyResult<Vec<String>> {
        let Some(batch) = self.shared.batch() else { return Ok(Vec::new()) };
        batch.attend().map_err(fault)?;
        Ok(batch.warnings())
    }

    /// What there is to say about it, and about what was made with it, that was not said before.
    fn take_notes(&self) -> Vec<String> {
        self.shared.batch().map(|batch| batch.take_notes()).unwrap_or_default()
    }

    /// Whether it runs often enough for a compiler.
    #[getter]
    fn is_lasting(&self) -> bool {
        self.is_lasting
    }

    #[getter]
    fn name(&self) -> String {
        self.spec.name.clone()
    }
}

/// Longer runs let other threads of Python go on: in seconds of the interpreter.
const LONG: f64 = 200e-6;

impl PyCode {
    fn known(&self, py: Python<'_>) -> Option<Report> {
        let (batch, member) = self.shared.batch.get()?;
        py.detach(|| batch.report(*member))
    }

    /// The kernel as sources by hand are for it.
    fn kernel_of(&self, py: Python<'_>) -> PyResult<(String, Digest)> {
        if !self.is_lasting {
            return Err(PyValueError::new_err("code that runs once has no source of its own"));
        }
        if let Some((batch, member)) = self.shared.batch.get()
            && let Some((name, ir)) = batch.kernel(*member)
        {
            return Ok((by_hand::base(name).to_string(), *ir));
        }
        // It has not run yet, and so does not run now.
        let ir = py.detach(|| *locked(&self.shared.code).object().ir());
        Ok((by_hand::base(&self.spec.name).to_string(), ir))
    }

    fn attend(&self, py: Python<'_>) -> PyResult<()> {
        if !self.is_lasting {
            return Ok(());
        }
        let (batch, _) = self.shared.batch.get_or_init(|| self.start());
        if batch.is_awaited() {
            underway::wait(py, batch)?;
        }
        batch.attend().map_err(fault)
    }

    /// Starts to make the kernels of all that was made since the last time.
    #[cold]
    fn start(&self) -> (Arc<Batch>, usize) {
        let pending: Vec<Arc<Shared>> =
            std::mem::take(&mut *locked(&PENDING)).iter().filter_map(Weak::upgrade).collect();
        let members = pending.iter().map(|shared| shared.code.clone()).collect();
        cpp::start(pending.iter().filter_map(|shared| shared.cpp.as_ref()), &underway::options());
        let batch = underway::start(members);
        let mut own = 0;
        for (number, shared) in pending.iter().enumerate() {
            if Arc::ptr_eq(shared, &self.shared) {
                own = number;
            } else {
                drop(shared.batch.set((batch.clone(), number)));
            }
        }
        by_hand::begin(&batch, pending.len());
        (batch, own)
    }

    /// Makes the pointers those of this moment, and sees that the elements are there.
    fn ready(&self, py: Python<'_>, code: &mut Code, elements: Elements<'_>) -> PyResult<()> {
        let bound = self.bound.get().ok_or_else(|| PyRuntimeError::new_err("nothing is bound"))?;
        if !bound.is_fixed || !code.is_bound() {
            const NOWHERE: Place = Place { pointer: std::ptr::null_mut(), len: 0 };
            let mut places = [NOWHERE; 32];
            let room = bound.room.get(py)?;
            let place = |slot: &Slot| slot.place(py).map(|(pointer, len)| Place { pointer, len });
            if bound.slots.len() <= places.len() {
                for (known, slot) in places.iter_mut().zip(&bound.slots) {
                    *known = place(slot)?;
                }
                // SAFETY: slots were made for arrays of the types that the bindings have, and know how long these are.
                unsafe { code.bind(&places[..bound.slots.len()], room) };
            } else {
                let places = bound.slots.iter().map(place).collect::<PyResult<Vec<_>>>()?;
                // SAFETY: as above.
                unsafe { code.bind(&places, room) };
            }
        }
        code.check(elements).map_err(|fault| PyIndexError::new_err(fault.to_string()))
    }

    fn prepared(&self, py: Python<'_>, code: &mut Code, elements: Elements<'_>) -> PyResult<()> {
        self.ready(py, code, elements)?;
        if code.calls_host() {
            let cpp = self.shared.cpp.as_deref();
            cpp.map_or(Ok(()), |cpp| cpp.ready(py, &underway::options()))?;
            let mut host = PythonHost { py, functions: &self.functions, cpp, fault: None };
            self.shared.calling.store(this_thread(), Ordering::Relaxed);
            // SAFETY: as in `run_elements`.
            unsafe { code.prepare(elements, &mut host) };
            self.shared.calling.store(0, Ordering::Relaxed);
            if let Some(fault) = host.fault {
                return Err(fault);
            }
        }
        Ok(())
    }

    /// Runs over elements; a list is ascending, with each element once.
    pub fn run_elements(&self, py: Python<'_>, elements: Elements<'_>) -> PyResult<()> {
        self.attend(py)?;
        let mut code = self.shared.code(py)?;
        self.prepared(py, &mut code, elements)?;
        if code.seconds(elements.len()) > LONG {
            drop(code);
            let shared = &self.shared;
            // SAFETY: as below; arrays do not move meanwhile, since nobody but the thread that runs the network makes
            // them grow.
            py.detach(|| unsafe { locked(&shared.code).run(elements) });
            code = self.shared.code(py)?;
        } else {
            // SAFETY: the elements are there, as `ready` has seen.
            unsafe { code.run(elements) };
        }
        divided(&mut code)
    }

    /// Runs over a list in its order, which may have an element more than once.
    pub fn run_list(&self, py: Python<'_>, list: &[i32]) -> PyResult<()> {
        if list.is_empty() {
            return self.run_elements(py, Elements::List(list));
        }
        for ascending in list.chunk_by(|one, next| one < next) {
            self.run_elements(py, Elements::List(ascending))?;
        }
        Ok(())
    }

    pub fn select_into(&self, py: Python<'_>, n: usize, selected: &mut [i32]) -> PyResult<usize> {
        self.attend(py)?;
        let mut code = self.shared.code(py)?;
        self.prepared(py, &mut code, Elements::All(n))?;
        let count = if code.seconds(n) > LONG {
            drop(code);
            let shared = &self.shared;
            // SAFETY: as in `run_elements`.
            let count = py.detach(|| unsafe { locked(&shared.code).select(n, selected) });
            code = self.shared.code(py)?;
            count
        } else {
            // SAFETY: as in `run_elements`.
            unsafe { code.select(n, selected) }
        };
        divided(&mut code)?;
        Ok(count)
    }

    /// Copies values of an output to `count` elements of memory.
    pub fn copy_output(
        &self,
        py: Python<'_>,
        name: &str,
        into: *mut u8,
        count: usize,
        size: usize,
        elements: Option<&[i32]>,
    ) -> PyResult<()> {
        let code = self.shared.code(py)?;
        let Some(array) = code.output(name) else { return Err(PyValueError::new_err("no such output")) };
        if size != array.ty().size() {
            return Err(PyTypeError::new_err(format!("`{name}` has elements of {} bytes", array.ty().size())));
        }
        let fits = elements.map_or(count <= array.len(), |e| {
            e.len() >= count && e.iter().all(|e| (0..array.len()).contains(&(*e as usize)))
        });
        if !fits {
            return Err(PyValueError::new_err(format!("`{name}` has not so many elements")));
        }
        for k in 0..count {
            let from = array.element(elements.map_or(k, |elements| elements[k] as usize));
            // SAFETY: the caller's memory has so many elements of this size.
            unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), into.add(k * size), size) };
        }
        Ok(())
    }
}

fn divided(code: &mut Code) -> PyResult<()> {
    match code.take_divisions_by_zero().first() {
        Some(_) => Err(PyZeroDivisionError::new_err("integer division or modulo by zero")),
        None => Ok(()),
    }
}
