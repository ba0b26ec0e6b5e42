//! The memory of a network, and what the names in kernels stand for in it.
//!
//! Everything that kernels reach by pointer is here and never moves: constants, clocks, the arrays of populations, values
//! over time. A [`Context`] says from where a name is looked at: from a population, or from a part of it, which counts
//! cells from its own first one.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;

use super::check::Source;
use super::code::{Call, Code, Evaluator, Guard};
use super::error::Error;
use super::evaluate::Constants;
use super::population::Population;
use super::symbols::ContextSymbols;
use super::timed_array::TimedArrayData;
use crate::diag::Text;
use crate::engine::{CodeObject, optimised};
use crate::kernel::ir::{Kernel, LoopShape, Param};
use crate::kernel::lower::{FunctionSymbol, HostCall, HostFunction, LowerError, Lowered, Lowerer};
use crate::model::group::{Role, Side};
use crate::runtime::array::{Array, ElementType};
use crate::runtime::clock::Clock;

/// The memory of a network.
pub struct Memory {
    /// Constants.
    pub constants: Constants,
    /// Clocks; the first one is the model's.
    pub clocks: Vec<Clock>,
    /// Groups with cells of their own.
    pub populations: Vec<Population>,
    /// Groups and parts of groups, by name.
    pub sources: IndexMap<String, Source>,
    /// Values over time, by name.
    pub timed: IndexMap<String, TimedArrayData>,
    /// What evaluates functions, by name.
    pub evaluators: IndexMap<String, Evaluator>,
}

/// From where the names of a kernel are looked at.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The cells.
    pub source: Source,
    /// The end of synapses whose cell is one for all elements.
    pub row: Option<Side>,
    /// A function besides those of the model.
    pub function: Option<(&'a str, &'a Evaluator)>,
}

impl From<Source> for Context<'_> {
    fn from(source: Source) -> Self {
        Context { source, row: None, function: None }
    }
}

impl Memory {
    /// The names of the values over time that do not change during a step of this length.
    pub fn steady_functions(&self, dt_seconds: f64) -> BTreeSet<String> {
        let steady = self.timed.iter().filter(|(_, data)| data.values().is_steady(dt_seconds));
        steady.map(|(name, _)| name.clone()).collect()
    }

    /// Whether the elements of a population are synapses.
    pub fn is_synapses(&self, population: usize) -> bool {
        self.populations.get(population).is_some_and(Population::is_synapses)
    }

    /// The cells that were meant, where synapses were not yet made when that was said.
    pub fn resolved(&self, source: Source) -> Source {
        match self.is_synapses(source.population) {
            true => self.whole(source.population),
            false => source,
        }
    }

    /// All cells of a population.
    pub fn whole(&self, population: usize) -> Source {
        Source { population, start: 0, stop: self.populations[population].n(), is_part: false }
    }

    /// Builds a kernel over the names of a context from code that stands in `text`.
    pub fn lower(
        &self,
        context: Context<'_>,
        text: &Text,
        build: impl FnOnce(&mut Lowerer<'_>) -> Result<LoopShape, LowerError>,
    ) -> Result<Lowered, Error> {
        let population = &self.populations[context.source.population];
        let stateful = FunctionSymbol::Host {
            arguments: Vec::new(),
            result: crate::expr::check::ValueType::Float,
            stateful: true,
        };
        let symbols = ContextSymbols {
            population,
            is_part: context.source.is_part,
            row: context.row,
            function: context.function.map(|(name, _)| (name, &stateful)),
        };
        let mut lowerer = Lowerer::new(&symbols, text);
        let shape = build(&mut lowerer)?;
        Ok(lowerer.finish(shape))
    }

    /// Code from a kernel: optimised and bound to its arrays, `arrays` among them.
    pub fn code(
        &mut self,
        context: Context<'_>,
        name: impl Into<String>,
        kind: &'static str,
        lowered: Lowered,
        arrays: IndexMap<String, Array>,
    ) -> Result<Code, Error> {
        let lowered = optimised(lowered)?;
        self.bind(context, name.into(), kind, lowered, arrays, true)
    }

    /// The same for code that runs once, which is not worth optimising.
    pub fn code_once(&mut self, context: Context<'_>, name: &str, lowered: Lowered) -> Result<Code, Error> {
        self.code_aside(context, name, lowered, IndexMap::new())
    }

    /// The same with `arrays` of its own.
    pub fn code_aside(
        &mut self,
        context: Context<'_>,
        name: &str,
        lowered: Lowered,
        arrays: IndexMap<String, Array>,
    ) -> Result<Code, Error> {
        self.bind(context, name.to_string(), "once", lowered, arrays, false)
    }

    fn bind(
        &mut self,
        context: Context<'_>,
        name: String,
        kind: &'static str,
        lowered: Lowered,
        mut arrays: IndexMap<String, Array>,
        lasting: bool,
    ) -> Result<Code, Error> {
        self.provide(context.source.population, &lowered, lasting);
        let n = self.populations[context.source.population].n();
        for call in &lowered.calls {
            for array in std::iter::once(&call.result).chain(&call.arguments).chain(&call.condition) {
                let len = if call.scalar { 1 } else { n };
                arrays.insert(array.clone(), Array::zeros(ElementType::F64, len));
            }
        }
        let mut calls = Vec::new();
        let mut read: Vec<Param> = lowered.kernel.params.clone();
        for (number, call) in lowered.calls.iter().enumerate() {
            let HostCall { function, scalar, guard, depends_on_calls, kernel, .. } = call;
            let code = match kernel {
                Some(kernel) => {
                    read.extend(kernel.params.iter().cloned());
                    let pointers = self.pointers(context, kernel, &mut arrays)?;
                    let suffix = if number == 0 { String::new() } else { format!("_{number}") };
                    let arguments = Lowered { kernel: kernel.clone(), sites: Vec::new(), calls: Vec::new() };
                    // SAFETY: as below.
                    Some(unsafe { CodeObject::bind(format!("{name}_arguments{suffix}"), kind, arguments, pointers) })
                }
                None => None,
            };
            let place = |name: &String| arrays.get_index_of(name).unwrap_or(0);
            calls.push(Call {
                evaluator: self.evaluator(function, context)?,
                result: place(&call.result),
                arguments: call.arguments.iter().map(place).collect(),
                code,
                scalar: *scalar,
                guard: guard.as_ref().map(|name| self.guard(context.source.population, name)),
                condition: call.condition.as_ref().map(place),
                depends_on_calls: *depends_on_calls,
            });
        }
        let pointers = self.pointers(context, &lowered.kernel, &mut arrays)?;
        let copies = self.populations[context.source.population].copies(&read);
        // SAFETY: the arrays live as long as the network or the code itself, which own them, and never move; `pointers`
        // gives arrays of the types that the kernel's names have, each with as many elements as the kernel reaches.
        let object = unsafe { CodeObject::bind(name, kind, lowered, pointers) };
        let mut code = Code::new(object, calls, arrays, context.source);
        code.copies = copies;
        code.objects_mut().for_each(|object| object.elements = context.source.n());
        Ok(code)
    }

    /// Makes the arrays of synapses that code asks for.
    fn provide(&mut self, population: usize, lowered: &Lowered, lasting: bool) {
        let own = &mut self.populations[population];
        if !own.is_synapses() {
            return;
        }
        let kernels = std::iter::once(&lowered.kernel).chain(lowered.calls.iter().filter_map(|c| c.kernel.as_ref()));
        kernels.flat_map(|kernel| &kernel.params).for_each(|param| own.provide(&param.name, lasting));
        let guards = lowered.calls.iter().filter_map(|call| own.links.get(call.guard.as_ref()?)?.index.clone());
        let indices: Vec<String> = guards.collect();
        indices.iter().for_each(|name| own.provide(name, lasting));
    }

    /// Binds code anew after arrays were exchanged: its own get the length that its population has now.
    ///
    /// # Errors
    /// If a name stands for nothing any more: a bug of ours.
    pub fn rebind(&mut self, code: &mut Code) -> Result<(), LowerError> {
        let population = &self.populations[code.source.population];
        let n = population.n();
        if population.is_synapses() && !code.source.is_part {
            code.source.stop = n;
        }
        let kernels: Vec<Arc<Kernel>> = code.objects().map(|object| object.kernel().clone()).collect();
        for param in kernels.iter().flat_map(|kernel| &kernel.params).filter(|param| !param.scalar) {
            if let Some(array) = code.arrays.get_mut(&param.name)
                && array.len() != n
            {
                *array = array.resized(n);
            }
        }
        let mut pointers = Vec::new();
        for kernel in &kernels {
            pointers.push(self.pointers(code.source.into(), kernel, &mut code.arrays)?);
        }
        for (object, pointers) in code.objects_mut().zip(pointers) {
            // SAFETY: as in `bind`.
            unsafe { object.rebind(pointers) };
        }
        Ok(())
    }

    fn guard(&self, population: usize, name: &str) -> Guard {
        match self.populations[population].links.get(name) {
            Some(link) => {
                let index = link.index.clone().map(|index| (population, index));
                Guard { population: link.population, variable: link.variable.clone(), index }
            }
            None => Guard { population, variable: name.to_string(), index: None },
        }
    }

    fn evaluator(&self, function: &HostFunction, context: Context<'_>) -> Result<Evaluator, LowerError> {
        Ok(match function {
            HostFunction::Uniform => Evaluator::Uniform,
            HostFunction::Normal => Evaluator::Normal,
            HostFunction::Poisson => Evaluator::Poisson,
            HostFunction::Model(name) => match context.function {
                Some((own, evaluator)) if own == name => evaluator.clone(),
                _ => match self.evaluators.get(name) {
                    Some(evaluator) => evaluator.clone(),
                    None => return Err(LowerError(format!("nothing evaluates `{name}`"))),
                },
            },
        })
    }

    /// Pointers to what the parameters of a kernel stand for, in their order.
    fn pointers(
        &mut self,
        context: Context<'_>,
        kernel: &Kernel,
        arrays: &mut IndexMap<String, Array>,
    ) -> Result<Vec<*mut u8>, LowerError> {
        kernel
            .params
            .iter()
            .map(|p| {
                let own = arrays.get_mut(&p.name).map(Array::pointer);
                own.or_else(|| self.pointer(context.source, &p.name))
                    .ok_or_else(|| LowerError(format!("no array for `{}`", p.name)))
            })
            .collect()
    }

    fn pointer(&mut self, source: Source, name: &str) -> Option<*mut u8> {
        let clock = self.populations[source.population].clock;
        let dt_seconds = self.clocks[clock].dt_seconds();
        let link = self.populations[source.population].links.values().find(|link| link.param == name);
        let link = link.map(|link| (link.population, link.variable.clone()));
        if let Some((population, variable)) = link
            && population != source.population
        {
            self.populations[population].provide(&variable, true);
            return self.populations[population].arrays.get_mut(&variable).map(Array::pointer);
        }
        if let Some(pointer) = self.populations[source.population].pointer(name, source) {
            return Some(pointer);
        }
        let role = self.populations[source.population].group.variables.get(name).map(|v| v.role.clone());
        match role {
            Some(Role::Time) => return Some(self.clocks[clock].t.pointer()),
            Some(Role::Dt) => return Some(self.clocks[clock].dt_array.pointer()),
            Some(Role::StepNumber) => return Some(self.clocks[clock].step_array.pointer()),
            _ => {}
        }
        if let Some(constant) = self.constants.arrays.get_mut(name) {
            return Some(constant.pointer());
        }
        let (array, part) = name.strip_prefix('_')?.rsplit_once('_')?;
        self.timed.get_mut(array)?.pointer(part, clock, dt_seconds)
    }

    /// Copies the values of linked variables of the own population, which may change while a kernel runs.
    pub fn refresh(&mut self, population: usize, copies: &[(String, String)]) {
        let population = &mut self.populations[population];
        for (variable, source) in copies {
            if let (Some(link), Some(source)) = (population.links.get_mut(variable), population.arrays.get(source))
                && let Some(copy) = &mut link.copy
            {
                copy.copy_from(source);
            }
        }
    }

    /// How many elements a parameter of a kernel over this population has.
    pub fn elements(&self, population: usize, param: &Param) -> usize {
        if param.scalar {
            return 1;
        }
        let own = &self.populations[population];
        if let Some(link) = own.links.values().find(|link| link.param == param.name) {
            return self.populations[link.population].arrays.get(&link.variable).map_or(1, Array::len);
        }
        if let Some(array) = own.arrays.get(&param.name).or_else(|| own.propagator_arrays.get(&param.name)) {
            return array.len();
        }
        let timed = param.name.strip_prefix('_').and_then(|n| n.rsplit_once('_'));
        match timed.and_then(|(array, part)| Some((self.timed.get(array)?, part))) {
            Some((array, part)) => array.elements(part),
            None => own.n(),
        }
    }
}
