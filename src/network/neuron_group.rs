//! A group of neurons in memory: its arrays, and the kernels of its state update, threshold and reset.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::error::Error;
use super::symbols::{GroupSymbols, element_type, variable_storage};
use crate::diag::Text;
use crate::expr::ast::Expr;
use crate::integrate::Integration;
use crate::kernel::ir::{BinaryOp, Kernel, LoopShape};
use crate::kernel::lower::{LowerError, Lowered, Lowerer};
use crate::model::group::{Group, Refractory, Role};
use crate::runtime::array::{Array, ElementType};
use crate::runtime::clock::Clock;

/// Time of the last spike of a cell that has not spiked, in seconds (Brian2's value).
const NEVER: f64 = -1e4;

/// A group of neurons in memory.
pub struct Population {
    /// What it is.
    pub group: Group,
    /// How its equations are integrated.
    pub integration: Integration,
    /// Which clock it follows.
    pub clock: usize,
    /// Every variable with values of its own, by name.
    pub arrays: IndexMap<String, Array>,
    /// Arrays that the integrator asked for, by name.
    pub propagator_arrays: IndexMap<String, Array>,
    /// Whether those are single values.
    pub propagator_is_scalar: bool,
    /// `N`, one 32-bit integer.
    size: Array,
    /// Cells that spiked in the last step, then room for all others.
    pub spikes: Vec<i32>,
    /// How many of `spikes` are spikes.
    pub spike_count: usize,
}

impl Population {
    /// All zero, never spiked.
    pub fn new(group: Group, integration: Integration, clock: usize) -> Population {
        let n = group.n;
        let mut arrays = IndexMap::new();
        for (name, variable) in &group.variables {
            if variable.is_stored() {
                let len = if variable.shared { 1 } else { n };
                let mut array = Array::zeros(element_type(variable_storage(variable)), len);
                match variable.role {
                    Role::LastSpike => array.as_f64_mut().fill(NEVER),
                    Role::NotRefractory => (0..n).for_each(|k| array.set(k, 1.0)),
                    _ => {}
                }
                arrays.insert(name.clone(), array);
            }
        }
        let mut size = Array::zeros(ElementType::I32, 1);
        size.set(0, n as f64);
        Population {
            group,
            integration,
            clock,
            arrays,
            propagator_arrays: IndexMap::new(),
            propagator_is_scalar: true,
            size,
            spikes: vec![0; n],
            spike_count: 0,
        }
    }

    /// Number of cells.
    pub fn n(&self) -> usize {
        self.group.n
    }

    /// The names of the arrays that the integrator asked for.
    fn extra(&self) -> BTreeSet<String> {
        self.propagator_arrays.keys().cloned().collect()
    }

    /// Builds a kernel over the names of this group from code that stands in `text`.
    pub fn lower(
        &self,
        text: &Text,
        build: impl FnOnce(&mut Lowerer<'_>) -> Result<LoopShape, LowerError>,
    ) -> Result<Lowered, Error> {
        let extra = self.extra();
        let symbols = GroupSymbols { group: &self.group, extra: &extra, extra_is_scalar: self.propagator_is_scalar };
        let mut lowerer = Lowerer::new(&symbols, text);
        let shape = build(&mut lowerer)?;
        Ok(lowerer.finish(shape))
    }

    /// One step of the equations; none if nothing changes by itself.
    pub fn state_updater(&self) -> Result<Option<Lowered>, Error> {
        if self.integration.block.statements.is_empty() && self.group.refractory.is_none() {
            return Ok(None);
        }
        let equations = &self.group.equations.text;
        let text = self.group.texts.refractory.as_ref().unwrap_or(equations);
        let lowered = self.lower(text, |lowerer| {
            match &self.group.refractory {
                Some(Refractory::Time(time)) => lowerer.refractory_time(time)?,
                Some(Refractory::While(condition)) => lowerer.refractory_while(condition)?,
                None => {}
            }
            lowerer.set_text(equations);
            lowerer.integration(&self.integration.block.statements)?;
            Ok(LoopShape::Each)
        })?;
        Ok(Some(lowered))
    }

    /// The cells that spike; none without a threshold.
    pub fn thresholder(&self) -> Result<Option<Lowered>, Error> {
        let Some(threshold) = &self.group.threshold else { return Ok(None) };
        let refractory = self.group.refractory.is_some();
        let text = self.group.texts.threshold.as_ref().unwrap_or(&self.group.equations.text);
        let lowered = self.lower(text, |lowerer| {
            let condition = lowerer.expr(threshold)?;
            Ok(LoopShape::Select(match refractory {
                true => crate::kernel::ir::Expr::binary(
                    BinaryOp::And,
                    condition,
                    lowerer.expr(&Expr::name("not_refractory"))?,
                ),
                false => condition,
            }))
        })?;
        Ok(Some(lowered))
    }

    /// What happens to cells that spiked; none without reset statements.
    pub fn resetter(&self) -> Result<Option<Lowered>, Error> {
        if self.group.reset.is_empty() {
            return Ok(None);
        }
        let text = self.group.texts.reset.as_ref().unwrap_or(&self.group.equations.text);
        let lowered = self.lower(text, |lowerer| {
            lowerer.override_guards();
            lowerer.statements(&self.group.reset)?;
            Ok(LoopShape::Indexed)
        })?;
        Ok(Some(lowered))
    }

    /// Marks the cells that spiked, as the thresholder does, so that the rest of the step knows.
    #[inline]
    pub fn mark_spikes(&mut self, t_seconds: f64) {
        if self.group.refractory.is_none() {
            return;
        }
        let spikes = &self.spikes[..self.spike_count];
        if let Some(array) = self.arrays.get_mut("lastspike") {
            let last = array.as_f64_mut();
            spikes.iter().for_each(|i| last[*i as usize] = t_seconds);
        }
        if let Some(array) = self.arrays.get_mut("not_refractory") {
            spikes.iter().for_each(|i| array.set(*i as usize, 0.0));
        }
    }

    /// Pointers to what the parameters of a kernel stand for: `temporary` arrays first, then this group's, its clock's
    /// and the constants.
    pub fn bind(
        &mut self,
        kernel: &Kernel,
        temporary: &mut IndexMap<String, Array>,
        clock: &mut Clock,
        constants: &mut IndexMap<String, Array>,
    ) -> Result<Vec<*mut u8>, LowerError> {
        let mut pointer = |name: &str| -> Option<*mut u8> {
            if let Some(array) = temporary.get_mut(name) {
                return Some(array.pointer());
            }
            if let Some(array) = self.arrays.get_mut(name).or_else(|| self.propagator_arrays.get_mut(name)) {
                return Some(array.pointer());
            }
            match self.group.variables.get(name).map(|v| &v.role) {
                Some(Role::Size) => Some(self.size.pointer()),
                Some(Role::Time) => Some(clock.t.pointer()),
                Some(Role::Dt) => Some(clock.dt_array.pointer()),
                Some(Role::StepNumber) => Some(clock.step_array.pointer()),
                _ => constants.get_mut(name).map(Array::pointer),
            }
        };
        kernel
            .params
            .iter()
            .map(|p| pointer(&p.name).ok_or_else(|| LowerError(format!("no array for `{}`", p.name))))
            .collect()
    }
}
