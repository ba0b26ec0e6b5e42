//! How drawn delays are made again.
//!
//! A delay that was drawn for each of a hundred million synapses takes eight bytes a synapse, of which a step of the
//! network needs two. What is kept instead is the expression, bound to arrays of its own, and the generator as it was: the
//! same numbers again, and so the same delays. A recipe is kept only after it has made all of them again to the bit.

use std::sync::{Mutex, PoisonError};

use super::wiring::{SOURCES, TARGETS, Wiring};
use crate::diag::Text;
use crate::expr::ast::Statement;
use crate::kernel::ir::LoopShape;
use crate::model::group::{Role, Side};
use crate::network::check::{GroupInput, Source};
use crate::network::code::{Code, Evaluator};
use crate::network::error::Error;
use crate::network::memory::Memory;
use crate::network::population::Population;
use crate::random::Generator;
use crate::runtime::array::{Array, ElementType};

/// Synapses that are made again at once.
const BLOCK: usize = 4096;

/// What makes delays.
pub struct Recipe {
    variable: String,
    generator: Generator,
    /// The code, and the arrays of a block of synapses that it is bound to.
    code: Mutex<(Code, Population)>,
    looks_at_cells: bool,
}

impl std::fmt::Debug for Recipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recipe").field("variable", &self.variable).finish_non_exhaustive()
    }
}

impl Recipe {
    /// For an assignment to all synapses of a population that draws one number for each; none if the value depends on
    /// anything that can change.
    ///
    /// # Errors
    /// Only if we are wrong.
    pub fn new(
        memory: &mut Memory,
        population: usize,
        statement: &Statement,
        text: &Text,
        generator: Generator,
    ) -> Result<Option<Recipe>, Error> {
        let own = &memory.populations[population];
        let Some(wiring) = &own.wiring else { return Ok(None) };
        let may_name = |name: &String| match own.group.variables.get(name).map(|v| &v.role) {
            None => true,
            Some(Role::Given) => !name.starts_with("N_in") && !name.starts_with("N_out"),
            Some(Role::Size) => true,
            _ => false,
        };
        if !statement.value.names().iter().all(may_name) {
            return Ok(None);
        }
        let mut group = own.group.clone();
        group.n = BLOCK;
        let mut block = Population::new(group, own.integration.clone(), own.clock, GroupInput::Neurons);
        block.wiring = Some(Wiring::new(wiring.source, wiring.target));
        for (name, array) in own.arrays.iter().filter(|(_, array)| array.len() == 1 && array.ty() == ElementType::I32) {
            block.arrays.insert(name.clone(), array.resized(1));
        }
        for name in [SOURCES, TARGETS] {
            block.arrays.insert(name.to_string(), Array::zeros(ElementType::I32, BLOCK));
        }
        block.arrays.insert(statement.target.clone(), Array::zeros(ElementType::F64, BLOCK));
        let number = memory.populations.len();
        memory.populations.push(block);
        let source = Source { population: number, start: 0, stop: BLOCK, is_part: false };
        let lowered = memory.lower(source.into(), text, |lowerer| {
            lowerer.statement(statement)?;
            Ok(LoopShape::Each)
        });
        // Functions over time reach beyond the block.
        let bound = lowered.and_then(|lowered| {
            let is_known = |name: &String| {
                let is_result = lowered.calls.iter().any(|call| call.result == *name);
                let own = memory.populations[number].arrays.contains_key(name);
                is_result || own || memory.constants.arrays.contains_key(name)
            };
            match lowered.kernel.params.iter().all(|param| is_known(&param.name)) {
                true => memory.code_once(source.into(), "delays", lowered).map(Some),
                false => Ok(None),
            }
        });
        let block = memory.populations.pop();
        let (Ok(Some(code)), Some(block)) = (bound, block) else { return Ok(None) };
        let [call] = &code.calls[..] else { return Ok(None) };
        let is_draw = matches!(call.evaluator, Evaluator::Uniform | Evaluator::Normal);
        if !is_draw || call.scalar || call.code.is_some() || call.guard.is_some() || call.condition.is_some() {
            return Ok(None);
        }
        let looks_at_cells =
            code.object.kernel().params.iter().any(|param| [SOURCES, TARGETS].contains(&param.name.as_str()));
        let variable = statement.target.clone();
        Ok(Some(Recipe { variable, generator, code: Mutex::new((code, block)), looks_at_cells }))
    }

    /// Makes the delays of all synapses, between the cells that `cells` gives, counted in their populations.
    pub fn make(&self, values: &mut [f64], cells: &dyn Fn(Side) -> Vec<i32>) {
        let mut generator = self.generator.clone();
        let ends = match self.looks_at_cells {
            true => [(SOURCES, cells(Side::Pre)), (TARGETS, cells(Side::Post))],
            false => [(SOURCES, Vec::new()), (TARGETS, Vec::new())],
        };
        let mut locked = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        let (code, block) = &mut *locked;
        for (k, values) in values.chunks_mut(BLOCK).enumerate() {
            for (name, cells) in &ends {
                if let (Some(array), Some(cells)) = (block.arrays.get_mut(*name), cells.get(k * BLOCK..)) {
                    array.as_i32_mut().iter_mut().zip(cells).for_each(|(to, cell)| *to = *cell);
                }
            }
            for call in &code.calls {
                let results = &mut code.arrays[call.result].as_f64_mut()[..values.len()];
                match call.evaluator {
                    Evaluator::Normal => results.iter_mut().for_each(|result| *result = generator.normal()),
                    _ => generator.fill_uniform(results),
                }
            }
            code.object.run_range(0..values.len());
            if let Some(array) = block.arrays.get(&self.variable) {
                values.copy_from_slice(&array.as_f64()[..values.len()]);
            }
        }
    }
}
