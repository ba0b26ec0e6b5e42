//! Numbers that generators of synapses iterate over.

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use saltus::hosted::Host;
use saltus::random::Uniforms;
use saltus::random::sample::Picks;

use crate::host::PythonHost;

struct Draws<'a, 'b, 'py>(&'a mut PythonHost<'b, 'py>);

impl Uniforms for Draws<'_, '_, '_> {
    fn uniform(&mut self) -> f64 {
        self.0.uniform()
    }
}

/// How many numbers there are from `low` to below `high` (or above it, for a negative step).
fn count(low: i64, high: i64, step: i64) -> PyResult<u64> {
    match step {
        0 => Err(PyValueError::new_err("range() arg 3 must not be zero")),
        step if step > 0 => Ok(((high - low - 1).div_euclid(step) + 1).max(0) as u64),
        step => Ok(((low - high - 1).div_euclid(-step) + 1).max(0) as u64),
    }
}

/// For each row, the numbers of its range: all, each with the chance `p`, or `size` of them. What comes out are how many
/// each row has, and the numbers of all rows, as bytes of 32-bit integers.
#[pyfunction]
#[pyo3(signature = (low, high, step, p, size, skip_if_invalid))]
pub fn iterate<'py>(
    py: Python<'py>,
    low: &Bound<'py, PyAny>,
    high: &Bound<'py, PyAny>,
    step: &Bound<'py, PyAny>,
    p: Option<&Bound<'py, PyAny>>,
    size: Option<&Bound<'py, PyAny>>,
    skip_if_invalid: bool,
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let whole = |values: &Bound<'py, PyAny>| PyBuffer::<i32>::get(values)?.to_vec(py);
    let (low, high, step) = (whole(low)?, whole(high)?, whole(step)?);
    let p = p.map(|p| PyBuffer::<f64>::get(p)?.to_vec(py)).transpose()?;
    let size = size.map(whole).transpose()?;
    let functions = std::collections::HashMap::new();
    let mut host = PythonHost { py, functions: &functions, cpp: None, fault: None };
    let (mut counts, mut values): (Vec<i32>, Vec<i32>) = (Vec::with_capacity(low.len()), Vec::new());
    for row in 0..low.len().min(high.len()).min(step.len()) {
        let (low, high, step) = (i64::from(low[row]), i64::from(high[row]), i64::from(step[row]));
        let before = values.len();
        let count = count(low, high, step)?;
        let mut draws = Draws(&mut host);
        let mut picks = match (&p, &size) {
            (Some(p), _) => Picks::with_chance(count, p.get(row).copied().unwrap_or(0.0)),
            (None, Some(size)) => {
                let size = i64::from(size.get(row).copied().unwrap_or(0));
                let most = count as i64;
                if !skip_if_invalid && size < 0 {
                    return Err(PyIndexError::new_err(format!("Requested sample size {size} is negative.")));
                }
                if !skip_if_invalid && size > most {
                    return Err(PyIndexError::new_err(format!(
                        "Requested sample size {size} is bigger than the population size {most}."
                    )));
                }
                Picks::of_size(count, size.clamp(0, most) as u64, &mut draws)
            }
            (None, None) => Picks::all(count),
        };
        while let Some(pick) = picks.next(&mut draws) {
            values.push((low + pick as i64 * step) as i32);
        }
        counts.push((values.len() - before) as i32);
    }
    if let Some(fault) = host.fault {
        return Err(fault);
    }
    Ok((bytes(py, &counts), bytes(py, &values)))
}

fn bytes<'py>(py: Python<'py>, values: &[i32]) -> Bound<'py, PyBytes> {
    // SAFETY: any bytes of integers are bytes.
    PyBytes::new(py, unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) })
}
