//! The membrane potential along the branches of a neuron with a morphology.
//!
//! Every section is a tridiagonal system for given potentials at its two ends; these follow from a system with one unknown
//! a branching point, which is sparse as the tree is (Brian2's scheme: one particular and two homogeneous solutions for
//! each section, implicit in time; the coupling is solved from the tips to the soma and back). What the statements of the
//! model give for each compartment are the total conductance and the current at rest, per area.

use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use saltus::hosted::Elements;
use saltus::kernel::ir::Storage;

use crate::arrays::Slot;
use crate::code::{Count, PyCode};

/// A number for each compartment, section or branching point.
struct Columns<'a> {
    /// Per compartment.
    capacitance: &'a [f64],
    area: &'a [f64],
    r_length_1: &'a [f64],
    r_length_2: &'a [f64],
    v: &'a mut [f64],
    ic: &'a mut [f64],
    v_previous: &'a mut [f64],
    v_star: &'a mut [f64],
    u_plus: &'a mut [f64],
    u_minus: &'a mut [f64],
    b_plus: &'a mut [f64],
    b_minus: &'a mut [f64],
    /// The three diagonals for a conductance of zero.
    above: &'a mut [f64],
    middle: &'a mut [f64],
    below: &'a mut [f64],
    factor: &'a mut [f64],
    conductance: &'a mut [f64],
    current: &'a mut [f64],
    inverse_axial: &'a mut [f64],
    /// Per section.
    starts: &'a [i32],
    ends: &'a [i32],
    at_start: &'a mut [f64],
    at_end: &'a mut [f64],
    parent: &'a [i32],
    child_number: &'a [i32],
    to_parent: &'a mut [f64],
    /// Per branching point.
    diagonal: &'a mut [f64],
    potential: &'a mut [f64],
    children: &'a [i32],
    children_count: &'a [i32],
    /// Per branching point and child.
    to_children: &'a mut [f64],
}

const FLOATS: [&str; 26] = [
    "Cm",
    "area",
    "r_length_1",
    "r_length_2",
    "v",
    "Ic",
    "_v_previous",
    "_v_star",
    "_u_plus",
    "_u_minus",
    "_b_plus",
    "_b_minus",
    "_ab_star0",
    "_ab_star1",
    "_ab_star2",
    "_c",
    "_gtot_all",
    "_I0_all",
    "_invr",
    "_invr0",
    "_invrn",
    "_P_parent",
    "_P_diag",
    "_B",
    "_P_children",
    "Ri",
];
const WHOLES: [&str; 6] =
    ["_starts", "_ends", "_morph_parent_i", "_morph_idxchild", "_morph_children", "_morph_children_num"];

/// The state update of the compartments of a neuron.
#[pyclass(module = "saltus._core", frozen)]
pub struct Cable {
    code: Py<PyCode>,
    n: Count,
    dt: Slot,
    floats: Vec<Slot>,
    wholes: Vec<Slot>,
}

/// The elements of an array.
///
/// # Safety
/// The slot is of an array of this type, which no other slice reaches.
unsafe fn column<'a, T>(slot: &Slot, py: Python<'_>) -> PyResult<&'a mut [T]> {
    let (pointer, len) = slot.place(py)?;
    // SAFETY: as the caller promised.
    Ok(if len == 0 { &mut [] } else { unsafe { std::slice::from_raw_parts_mut(pointer.cast(), len) } })
}

#[pymethods]
impl Cable {
    /// `told`: the arrays, by the names of Brian2's variables, `code` and `N`.
    #[new]
    fn new(told: &Bound<'_, PyDict>) -> PyResult<Cable> {
        let item = |name: &str| told.get_item(name)?.ok_or_else(|| PyValueError::new_err(format!("without `{name}`")));
        let slots = |names: &[&str], storage| {
            names.iter().map(|name| Slot::of(&item(name)?, storage)).collect::<PyResult<Vec<_>>>()
        };
        let cable = Cable {
            code: item("code")?.cast::<PyCode>().map_err(PyErr::from)?.clone().unbind(),
            n: Count::of(&item("N")?)?,
            dt: Slot::of(&item("dt")?, Storage::F64)?,
            floats: slots(&FLOATS, Storage::F64)?,
            wholes: slots(&WHOLES, Storage::I32)?,
        };
        Ok(cable)
    }

    /// Fills in what does not change during a run.
    fn prepare(&self, py: Python<'_>) -> PyResult<()> {
        let (mut columns, resistivity, dt) = self.columns(py)?;
        columns.prepare(resistivity, dt);
        Ok(())
    }

    /// A step.
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let n = self.n.get(py)?;
        let code = self.code.get();
        code.run_elements(py, Elements::All(n))?;
        let (mut columns, _, dt) = self.columns(py)?;
        for (name, into) in [("_gtot", &mut *columns.conductance), ("_I0", &mut *columns.current)] {
            code.copy_output(py, name, into.as_mut_ptr().cast(), into.len(), size_of::<f64>(), None)?;
        }
        py.detach(|| {
            columns.v_previous.copy_from_slice(columns.v);
            columns.sections(dt);
            columns.couple();
            columns.combine(dt);
        });
        Ok(())
    }
}

impl Cable {
    /// The arrays, the resistivity and the time step.
    fn columns<'a>(&self, py: Python<'_>) -> PyResult<(Columns<'a>, f64, f64)> {
        // SAFETY: the slots were made for arrays of these types; all are different arrays.
        let (mut floats, mut wholes, dt) = unsafe {
            let floats = self.floats.iter().map(|slot| column::<f64>(slot, py)).collect::<PyResult<Vec<_>>>()?;
            let wholes = self.wholes.iter().map(|slot| column::<i32>(slot, py)).collect::<PyResult<Vec<_>>>()?;
            (floats.into_iter(), wholes.into_iter(), column::<f64>(&self.dt, py)?)
        };
        let mut float = || floats.next().unwrap_or_default();
        let mut whole = || wholes.next().unwrap_or_default();
        let columns = Columns {
            capacitance: float(),
            area: float(),
            r_length_1: float(),
            r_length_2: float(),
            v: float(),
            ic: float(),
            v_previous: float(),
            v_star: float(),
            u_plus: float(),
            u_minus: float(),
            b_plus: float(),
            b_minus: float(),
            above: float(),
            middle: float(),
            below: float(),
            factor: float(),
            conductance: float(),
            current: float(),
            inverse_axial: float(),
            at_start: float(),
            at_end: float(),
            to_parent: float(),
            diagonal: float(),
            potential: float(),
            to_children: float(),
            starts: whole(),
            ends: whole(),
            parent: whole(),
            child_number: whole(),
            children: whole(),
            children_count: whole(),
        };
        let resistivity = float().first().copied();
        match (resistivity, dt.first(), columns.fits(self.n.get(py)?)) {
            (Some(resistivity), Some(dt), true) => Ok((columns, resistivity, *dt)),
            _ => Err(PyIndexError::new_err("the arrays of a morphology do not fit together")),
        }
    }
}

impl Columns<'_> {
    /// Whether all indices are in range.
    fn fits(&self, n: usize) -> bool {
        let of_compartments: [&[f64]; 19] = [
            self.capacitance,
            self.area,
            self.r_length_1,
            self.r_length_2,
            self.v,
            self.ic,
            self.v_previous,
            self.v_star,
            self.u_plus,
            self.u_minus,
            self.b_plus,
            self.b_minus,
            self.above,
            self.middle,
            self.below,
            self.factor,
            self.conductance,
            self.current,
            self.inverse_axial,
        ];
        let (sections, points) = (self.starts.len(), self.potential.len());
        let row = self.children.len().checked_div(self.children_count.len()).unwrap_or(0);
        let is_point = |child: &i32| (1..points as i32).contains(child);
        let section = |k: usize| {
            let (start, end) = (self.starts[k], self.ends[k]);
            0 <= start && start < end && end as usize <= n && (0..points as i32).contains(&self.parent[k])
        };
        of_compartments.iter().all(|column| column.len() == n)
            && sections + 1 == points
            && [self.ends.len(), self.parent.len(), self.child_number.len()].iter().all(|len| *len >= sections)
            && [self.at_start.len(), self.at_end.len(), self.to_parent.len()].iter().all(|len| *len >= sections)
            && self.diagonal.len() >= points
            && self.children_count.len() >= points
            && self.to_children.len() >= points * row
            && (0..sections).all(section)
            && self.child_number[..sections].iter().all(|k| 0 <= *k && (*k as usize) < row.max(1))
            && (0..points).all(|point| self.children_of(point, row).is_some_and(|of| of.iter().all(is_point)))
    }

    /// The branching points after one, with so many to a row; none if there is no such row.
    fn children_of(&self, point: usize, row: usize) -> Option<&[i32]> {
        let count = usize::try_from(*self.children_count.get(point)?).ok()?;
        self.children.get(point * row..point * row + row.min(count)).filter(|_| count <= row)
    }

    fn prepare(&mut self, resistivity: f64, dt: f64) {
        let n = self.v.len();
        for i in 1..n {
            self.inverse_axial[i] = 1.0 / (resistivity * (1.0 / self.r_length_2[i - 1] + 1.0 / self.r_length_1[i]));
        }
        for start in self.starts {
            self.inverse_axial[*start as usize] = 0.0;
        }
        for i in 0..n {
            self.middle[i] = -(self.capacitance[i] / dt) - self.inverse_axial[i] / self.area[i];
        }
        for i in 1..n {
            let axial = self.inverse_axial[i];
            self.above[i] = axial / self.area[i - 1];
            self.below[i - 1] = axial / self.area[i];
            self.middle[i - 1] -= axial / self.area[i - 1];
        }
        for section in 0..self.starts.len() {
            let (first, last) = (self.starts[section] as usize, self.ends[section] as usize - 1);
            let (at_start, at_end) = (self.r_length_1[first] / resistivity, self.r_length_2[last] / resistivity);
            (self.at_start[section], self.at_end[section]) = (at_start, at_end);
            self.middle[first] -= at_start / self.area[first];
            self.middle[last] -= at_end / self.area[last];
            self.b_plus[last] = -(at_end / self.area[last]);
            self.b_minus[first] = -(at_start / self.area[first]);
        }
    }

    /// The particular and the two homogeneous solutions of each section.
    fn sections(&mut self, dt: f64) {
        let n = self.v.len();
        for section in 0..self.starts.len() {
            let (start, end) = (self.starts[section] as usize, self.ends[section] as usize);
            for j in start..end {
                self.v_star[j] = -(self.capacitance[j] / dt * self.v[j]) - self.current[j];
                self.u_plus[j] = self.b_plus[j];
                self.u_minus[j] = self.b_minus[j];
                let middle = self.middle[j] - self.conductance[j];
                if j + 1 < n {
                    self.factor[j] = self.above[j + 1];
                }
                if j == 0 {
                    self.factor[0] /= middle;
                    self.v_star[0] /= middle;
                    self.u_plus[0] /= middle;
                    self.u_minus[0] /= middle;
                    continue;
                }
                let below = self.below[j - 1];
                let scale = 1.0 / (middle - below * self.factor[j - 1]);
                self.factor[j] *= scale;
                for column in [&mut *self.v_star, &mut *self.u_plus, &mut *self.u_minus] {
                    column[j] = (column[j] - below * column[j - 1]) * scale;
                }
            }
            for j in (start..end - 1).rev() {
                for column in [&mut *self.v_star, &mut *self.u_plus, &mut *self.u_minus] {
                    column[j] -= self.factor[j] * column[j + 1];
                }
            }
        }
    }

    /// The potentials at the branching points.
    fn couple(&mut self) {
        let row = self.children.len() / self.children_count.len().max(1);
        for section in 0..self.starts.len() {
            let (first, last) = (self.starts[section] as usize, self.ends[section] as usize - 1);
            let (at_start, at_end) = (self.at_start[section], self.at_end[section]);
            let parent = self.parent[section] as usize;
            if section == 0 {
                // The first section is sealed there.
                self.diagonal[0] = self.u_minus[first] - 1.0;
                self.to_children[0] = self.u_plus[first];
                self.potential[0] = -self.v_star[first];
            } else {
                self.diagonal[parent] += (1.0 - self.u_minus[first]) * at_start;
                self.to_children[parent * row + self.child_number[section] as usize] = -self.u_plus[first] * at_start;
                self.potential[parent] += self.v_star[first] * at_start;
            }
            self.diagonal[section + 1] = (1.0 - self.u_plus[last]) * at_end;
            self.to_parent[section] = -self.u_minus[last] * at_end;
            self.potential[section + 1] = self.v_star[last] * at_end;
        }
        for point in (0..self.potential.len()).rev() {
            for k in 0..self.children_count[point] as usize {
                let child = self.children[point * row + k] as usize;
                let share = self.to_children[point * row + k] / self.diagonal[child];
                self.diagonal[point] -= share * self.to_parent[child - 1];
                self.potential[point] -= share * self.potential[child];
            }
        }
        self.potential[0] /= self.diagonal[0];
        for point in 1..self.potential.len() {
            let parent = self.parent[point - 1] as usize;
            self.potential[point] -= self.to_parent[point - 1] * self.potential[parent];
            self.potential[point] /= self.diagonal[point];
        }
    }

    fn combine(&mut self, dt: f64) {
        for section in 0..self.starts.len() {
            let (at_start, at_end) = (self.potential[self.parent[section] as usize], self.potential[section + 1]);
            for j in self.starts[section] as usize..self.ends[section] as usize {
                self.v[j] = self.v_star[j] + at_start * self.u_minus[j] + at_end * self.u_plus[j];
            }
        }
        for i in 0..self.v.len() {
            self.ic[i] = self.capacitance[i] * (self.v[i] - self.v_previous[i]) / dt;
        }
    }
}
