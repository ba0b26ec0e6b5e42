//! What runs at every step, without a line of Python: the loops around code, and what has no code at all.

use std::borrow::Cow;

use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use saltus::hosted::Elements;
use saltus::kernel::ir::Storage;

use crate::arrays::{Slot, storage};
use crate::code::{Count, PyCode};
use crate::queue::Queue;

/// A template of Brian2 with everything that it works on.
#[pyclass(module = "saltus._core", frozen)]
pub struct Runner {
    work: Work,
}

/// A template.
enum Work {
    /// Over all elements.
    StateUpdate { code: Py<PyCode>, n: Count },
    /// Events of those that are selected; the last element of `events` is their number.
    Threshold { code: Py<PyCode>, n: Count, events: Slot, refractory: Option<Refractory> },
    /// Over the events.
    Reset { code: Py<PyCode>, events: Slot },
    /// Over the synapses at the head of a queue.
    Synapses { code: Py<PyCode>, queue: Queue },
    /// Events put into a queue.
    Push { events: Slot, queue: Queue, array: Py<PyAny> },
    /// Sums over synapses for each target.
    Summed { code: Py<PyCode>, n: Count, target: Slot, kind: Storage, index: Slot, start: usize, size: Count },
    /// Values at events, recorded.
    SpikeMonitor {
        code: Py<PyCode>,
        events: Slot,
        n: Slot,
        count: Slot,
        start: Count,
        stop: Count,
        records: Vec<Record>,
    },
    /// Values of some elements, recorded.
    StateMonitor { code: Py<PyCode>, n: Slot, t: Py<PyAny>, now: Slot, indices: Slot, records: Vec<Record> },
    /// How often events came.
    RateMonitor {
        events: Slot,
        n: Slot,
        t: Py<PyAny>,
        rate: Py<PyAny>,
        now: Slot,
        dt: Slot,
        sources: Count,
        start: Count,
        stop: Count,
    },
    /// Given events.
    SpikeGenerator { events: Slot, numbers: Slot, bins: Slot, period: Slot, last: Slot, step: Slot, n: Count },
}

struct Refractory {
    not_refractory: Slot,
    lastspike: Slot,
    t: Slot,
}

/// An output of code and the dynamic array that keeps its values.
struct Record {
    output: String,
    storage: Storage,
    array: Py<PyAny>,
}

fn item<'py>(told: &Bound<'py, PyDict>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    told.get_item(name)?.ok_or_else(|| PyValueError::new_err(format!("without `{name}`")))
}

fn slot(told: &Bound<'_, PyDict>, name: &str, storage: Storage) -> PyResult<Slot> {
    Slot::of(&item(told, name)?, storage).map_err(|fault| PyValueError::new_err(format!("`{name}`: {fault}")))
}

fn count(told: &Bound<'_, PyDict>, name: &str) -> PyResult<Count> {
    Count::of(&item(told, name)?)
}

fn code(told: &Bound<'_, PyDict>) -> PyResult<Py<PyCode>> {
    Ok(item(told, "code")?.cast::<PyCode>().map_err(PyErr::from)?.clone().unbind())
}

fn records(told: &Bound<'_, PyDict>) -> PyResult<Vec<Record>> {
    let records: Vec<(String, String, Py<PyAny>)> = item(told, "records")?.extract()?;
    let record =
        |(output, of, array): (String, String, Py<PyAny>)| Ok(Record { output, storage: storage(&of)?, array });
    records.into_iter().map(record).collect()
}

#[pymethods]
impl Runner {
    /// `told`: what the template works on, by its names.
    #[new]
    fn new(template: &str, told: &Bound<'_, PyDict>) -> PyResult<Runner> {
        let work = match template {
            "stateupdate" => Work::StateUpdate { code: code(told)?, n: count(told, "N")? },
            "threshold" => Work::Threshold {
                code: code(told)?,
                n: count(told, "N")?,
                events: slot(told, "events", Storage::I32)?,
                refractory: match told.contains("not_refractory")? {
                    true => Some(Refractory {
                        not_refractory: slot(told, "not_refractory", Storage::Bool)?,
                        lastspike: slot(told, "lastspike", Storage::F64)?,
                        t: slot(told, "t", Storage::F64)?,
                    }),
                    false => None,
                },
            },
            "reset" => Work::Reset { code: code(told)?, events: slot(told, "events", Storage::I32)? },
            "synapses" => Work::Synapses { code: code(told)?, queue: Queue::of(&item(told, "queue")?)? },
            "synapses_push_spikes" => {
                let array = item(told, "events")?;
                let events = slot(told, "events", Storage::I32)?;
                Work::Push { events, queue: Queue::of(&item(told, "queue")?)?, array: array.unbind() }
            }
            "summed_variable" => {
                let kind = storage(&item(told, "target_dtype")?.extract::<String>()?)?;
                Work::Summed {
                    code: code(told)?,
                    n: count(told, "N")?,
                    target: slot(told, "target", kind)?,
                    kind,
                    index: slot(told, "index", Storage::I32)?,
                    start: item(told, "start")?.extract()?,
                    size: count(told, "size")?,
                }
            }
            "spikemonitor" => Work::SpikeMonitor {
                code: code(told)?,
                events: slot(told, "events", Storage::I32)?,
                n: slot(told, "N", Storage::I32)?,
                count: slot(told, "count", Storage::I32)?,
                start: count(told, "start")?,
                stop: count(told, "stop")?,
                records: records(told)?,
            },
            "statemonitor" => Work::StateMonitor {
                code: code(told)?,
                n: slot(told, "N", Storage::I32)?,
                t: item(told, "t")?.unbind(),
                now: slot(told, "now", Storage::F64)?,
                indices: slot(told, "indices", Storage::I32)?,
                records: records(told)?,
            },
            "ratemonitor" => Work::RateMonitor {
                events: slot(told, "events", Storage::I32)?,
                n: slot(told, "N", Storage::I32)?,
                t: item(told, "t")?.unbind(),
                rate: item(told, "rate")?.unbind(),
                now: slot(told, "now", Storage::F64)?,
                dt: slot(told, "dt", Storage::F64)?,
                sources: count(told, "sources")?,
                start: count(told, "start")?,
                stop: count(told, "stop")?,
            },
            "spikegenerator" => Work::SpikeGenerator {
                events: slot(told, "events", Storage::I32)?,
                numbers: slot(told, "neuron_index", Storage::I32)?,
                bins: slot(told, "_timebins", Storage::I32)?,
                period: slot(told, "_period_bins", Storage::I32)?,
                last: slot(told, "_lastindex", Storage::I32)?,
                step: slot(told, "t_in_timesteps", Storage::I64)?,
                n: count(told, "N")?,
            },
            other => return Err(PyValueError::new_err(format!("no template `{other}`"))),
        };
        Ok(Runner { work })
    }

    /// Runs once.
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        self.run(py)
    }
}

/// The elements of an array of this type.
///
/// # Safety
/// The slot is of an array with elements of this type; nobody else reaches it while the slice is used.
unsafe fn slice<'a, T>(slot: &Slot, py: Python<'_>) -> PyResult<&'a mut [T]> {
    let (pointer, len) = slot.place(py)?;
    // SAFETY: as the caller promised; empty arrays may have no address.
    Ok(if len == 0 { &mut [] } else { unsafe { std::slice::from_raw_parts_mut(pointer.cast(), len) } })
}

/// The only element.
///
/// # Safety
/// As for [`slice`].
unsafe fn single<'a, T>(slot: &Slot, py: Python<'_>) -> PyResult<&'a mut T> {
    // SAFETY: as the caller promised.
    let all = unsafe { slice(slot, py) }?;
    all.first_mut().ok_or_else(|| PyValueError::new_err("an empty array in place of one value"))
}

/// The events of this step, by the array that has them and their number at its end.
///
/// # Safety
/// As for [`slice`], of 32-bit integers.
unsafe fn events<'a>(slot: &Slot, py: Python<'_>) -> PyResult<&'a mut [i32]> {
    // SAFETY: as the caller promised.
    let all = unsafe { slice::<i32>(slot, py) }?;
    let count = all.last().copied().unwrap_or(0).max(0) as usize;
    all.get_mut(..count).ok_or_else(|| PyIndexError::new_err("more events than there are elements"))
}

/// Those of the events that are in a range. Events ascend, unless they were given in another order.
fn within(events: &[i32], start: usize, stop: usize) -> Cow<'_, [i32]> {
    let is_in = |event: &i32| (start..stop).contains(&(*event as usize));
    if !events.is_sorted() {
        return events.iter().copied().filter(is_in).collect();
    }
    let first = events.partition_point(|e| (*e as usize) < start);
    let last = events.partition_point(|e| (*e as usize) < stop);
    events[first..last.max(first)].into()
}

/// Makes a dynamic array longer and returns where its elements are now.
fn grown<'py>(array: &Py<PyAny>, py: Python<'py>, len: usize, storage: Storage) -> PyResult<*mut u8> {
    let array = array.bind(py);
    array.call_method1(pyo3::intern!(py, "resize"), (len,))?;
    Ok(Slot::of(array, storage)?.place(py)?.0)
}

impl Runner {
    fn run(&self, py: Python<'_>) -> PyResult<()> {
        match &self.work {
            Work::StateUpdate { code, n } => code.get().run_elements(py, Elements::All(n.get(py)?)),
            Work::Threshold { code, n, events, refractory } => {
                threshold(py, code.get(), n.get(py)?, events, refractory.as_ref())
            }
            Work::Reset { code, events: slot } => {
                // SAFETY: events are of 32-bit integers; code that runs over them does not write them.
                let events = unsafe { events(slot, py) }?;
                code.get().run_list(py, events)
            }
            Work::Synapses { code, queue } => {
                let due = queue.due(py)?;
                if !due.synapses.is_empty() {
                    code.get().run_list(py, due.synapses)?;
                }
                queue.advance(py)
            }
            Work::Push { events: slot, queue, array } => {
                // SAFETY: as above.
                let count = unsafe { events(slot, py) }?.len();
                if count > 0 {
                    let array = array.bind(py);
                    let spikes = array.get_item(pyo3::types::PySlice::new(py, 0, count as isize, 1))?;
                    queue.python().bind(py).call_method1(pyo3::intern!(py, "push"), (spikes,))?;
                }
                Ok(())
            }
            Work::Summed { code, n, target, kind, index, start, size } => {
                summed(py, code.get(), n.get(py)?, (target, *kind), index, *start, size.get(py)?)
            }
            Work::SpikeMonitor { code, events: slot, n, count, start, stop, records } => {
                let (start, stop) = (start.get(py)?, stop.get(py)?);
                // SAFETY: as above.
                let found = within(unsafe { events(slot, py) }?, start, stop);
                if found.is_empty() {
                    return Ok(());
                }
                code.get().run_list(py, &found)?;
                // SAFETY: one value of this type.
                let n = unsafe { single::<i32>(n, py) }?;
                let (old, new) = (*n as usize, *n as usize + found.len());
                for Record { output, storage, array } in records {
                    let into = grown(array, py, new, *storage)?.wrapping_add(old * storage.size());
                    code.get().copy_output(py, output, into, found.len(), storage.size(), Some(&found))?;
                }
                *n = new as i32;
                // SAFETY: as above.
                let counts = unsafe { slice::<i32>(count, py) }?;
                for event in found.iter() {
                    if let Some(count) = counts.get_mut(*event as usize - start) {
                        *count += 1;
                    }
                }
                Ok(())
            }
            Work::StateMonitor { code, n, t, now, indices, records } => {
                state_monitor(py, code.get(), n, (t, now), indices, records)
            }
            Work::RateMonitor { events: slot, n, t, rate, now, dt, sources, start, stop } => {
                // SAFETY: as above.
                let found = within(unsafe { events(slot, py) }?, start.get(py)?, stop.get(py)?).len();
                // SAFETY: as above.
                let (n, now, dt) =
                    unsafe { (single::<i32>(n, py)?, *single::<f64>(now, py)?, *single::<f64>(dt, py)?) };
                let k = t.bind(py).len()?;
                let value = found as f64 / dt / sources.get(py)? as f64;
                for (array, value) in [(t, now), (rate, value)] {
                    // SAFETY: the array has the element k.
                    unsafe { *grown(array, py, k + 1, Storage::F64)?.cast::<f64>().add(k) = value };
                }
                *n = k as i32 + 1;
                Ok(())
            }
            Work::SpikeGenerator { events, numbers, bins, period, last, step, n } => {
                // SAFETY: arrays of these types, none of which is another one.
                unsafe {
                    let events = slice::<i32>(events, py)?;
                    let (numbers, bins) = (slice::<i32>(numbers, py)?, slice::<i32>(bins, py)?);
                    let (period, last) = (*single::<i32>(period, py)?, single::<i32>(last, py)?);
                    let step = *single::<i64>(step, py)? as i32;
                    generate(events, n.get(py)?, (numbers, bins), period, last, step)
                }
            }
        }
    }
}

fn threshold(py: Python<'_>, code: &PyCode, n: usize, slot: &Slot, refractory: Option<&Refractory>) -> PyResult<()> {
    // SAFETY: events are of 32-bit integers, and code that selects them does not reach them.
    let events = unsafe { slice::<i32>(slot, py) }?;
    let Some((number, room)) = events.split_last_mut() else {
        return Err(PyIndexError::new_err("no room for events"));
    };
    if room.len() < n {
        return Err(PyIndexError::new_err("no room for the events of all elements"));
    }
    let count = code.select_into(py, n, room)?;
    *number = count as i32;
    if let Some(Refractory { not_refractory, lastspike, t }) = refractory {
        // SAFETY: arrays of these types; the code is done.
        let (not_refractory, lastspike, t) =
            unsafe { (slice::<u8>(not_refractory, py)?, slice::<f64>(lastspike, py)?, *single::<f64>(t, py)?) };
        for event in &room[..count] {
            not_refractory[*event as usize] = 0;
            lastspike[*event as usize] = t;
        }
    }
    Ok(())
}

fn summed(
    py: Python<'_>,
    code: &PyCode,
    n: usize,
    (target, kind): (&Slot, Storage),
    index: &Slot,
    start: usize,
    size: usize,
) -> PyResult<()> {
    /// Adds values to the elements that indices name.
    fn add<T: Copy + std::ops::AddAssign + Default>(
        target: &mut [T],
        range: std::ops::Range<usize>,
        index: &[i32],
        values: &[T],
    ) -> PyResult<()> {
        let fault = || PyIndexError::new_err("a sum for an element that does not exist");
        target.get_mut(range).ok_or_else(fault)?.fill(T::default());
        for (index, value) in index.iter().zip(values) {
            *target.get_mut(*index as usize).ok_or_else(fault)? += *value;
        }
        Ok(())
    }
    // Zero first: the statements see that, as the ones of Brian2 do.
    // SAFETY: arrays of these types, which nobody else reaches meanwhile.
    unsafe {
        match kind {
            Storage::F64 => add(slice::<f64>(target, py)?, start..start + size, &[], &[])?,
            Storage::F32 => add(slice::<f32>(target, py)?, start..start + size, &[], &[])?,
            Storage::I32 => add(slice::<i32>(target, py)?, start..start + size, &[], &[])?,
            Storage::I64 => add(slice::<i64>(target, py)?, start..start + size, &[], &[])?,
            Storage::Bool => return Err(PyValueError::new_err("a sum of booleans")),
        }
    }
    code.run_elements(py, Elements::All(n))?;
    // SAFETY: as above.
    let index = unsafe { slice::<i32>(index, py) }?;
    let name = "_synaptic_var";
    macro_rules! sum {
        ($ty:ty) => {{
            let mut values = vec![<$ty>::default(); n];
            code.copy_output(py, name, values.as_mut_ptr().cast(), n, size_of::<$ty>(), None)?;
            // SAFETY: as above.
            add(unsafe { slice::<$ty>(target, py) }?, 0..0, &index[..n.min(index.len())], &values)
        }};
    }
    match kind {
        Storage::F64 => sum!(f64),
        Storage::F32 => sum!(f32),
        Storage::I32 => sum!(i32),
        Storage::I64 => sum!(i64),
        Storage::Bool => Ok(()),
    }
}

fn state_monitor(
    py: Python<'_>,
    code: &PyCode,
    n: &Slot,
    (t, now): (&Py<PyAny>, &Slot),
    indices: &Slot,
    records: &[Record],
) -> PyResult<()> {
    // SAFETY: arrays of these types, which code does not write.
    let (n, now, indices) = unsafe { (single::<i32>(n, py)?, *single::<f64>(now, py)?, slice::<i32>(indices, py)?) };
    let row = *n as usize;
    // SAFETY: the array has this element.
    unsafe { *grown(t, py, row + 1, Storage::F64)?.cast::<f64>().add(row) = now };
    let is_ascending = indices.is_sorted_by(|one, next| one < next);
    if is_ascending {
        code.run_elements(py, Elements::List(indices))?;
    } else {
        let mut once = indices.to_vec();
        once.sort_unstable();
        once.dedup();
        code.run_elements(py, Elements::List(&once))?;
    }
    for Record { output, storage, array } in records {
        let array = array.bind(py);
        array.call_method1(pyo3::intern!(py, "resize"), ((row + 1, indices.len()),))?;
        let data = array.getattr(pyo3::intern!(py, "data"))?.get_item(row)?;
        let (into, len) = Slot::of(&data, *storage)?.place(py)?;
        if len != indices.len() {
            return Err(PyIndexError::new_err("a row of another length than there are indices"));
        }
        code.copy_output(py, output, into, len, storage.size(), Some(indices))?;
    }
    *n = row as i32 + 1;
    Ok(())
}

fn generate(
    events: &mut [i32],
    n: usize,
    (numbers, bins): (&[i32], &[i32]),
    period: i32,
    last: &mut i32,
    step: i32,
) -> PyResult<()> {
    let bin = if period > 0 { step.rem_euclid(period) } else { step };
    let seen = |k: i32| bins.get(k as usize).copied();
    if period > 0 && *last > 0 && seen(*last - 1).is_some_and(|seen| seen >= bin) {
        *last = 0;
    }
    let from = (*last).max(0) as usize;
    let due = bins.get(from..).map_or(0, |bins| bins.iter().take_while(|due| **due <= bin).count());
    let fault = || PyIndexError::new_err("more spikes in a step than there are neurons");
    let (Some(number), Some(due_numbers)) = (events.get(n).map(|_| n), numbers.get(from..from + due)) else {
        return Err(fault());
    };
    events
        .get_mut(..due.min(number))
        .ok_or_else(fault)?
        .copy_from_slice(due_numbers.get(..due.min(number)).ok_or_else(fault)?);
    if due > number {
        return Err(fault());
    }
    if due_numbers.iter().any(|number| *number as usize >= n) {
        return Err(PyIndexError::new_err(format!("a spike of a neuron that does not exist: there are {n}")));
    }
    events[n] = due as i32;
    *last += due as i32;
    Ok(())
}
