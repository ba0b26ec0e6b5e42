//! What the other program evaluates before a kernel runs: random numbers and functions.
//!
//! Numbers are drawn element by element, for each in the order of the statements, and only for elements that the
//! statement writes: the order of a loop over the elements, in which Brian2's Cython target draws.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::names::{Function, Meaning};
use crate::engine::{CodeObject, MOST_ARGUMENTS};
use crate::kernel::lower::HostFunction;
use crate::random::{Binomial, Poisson, Uniforms};
use crate::runtime::array::Array;

/// What another program gives to its code. A fault in it is for the host to keep until the code has run.
pub trait Host {
    /// The next number of the uniform distribution over [0, 1).
    fn uniform(&mut self) -> f64;
    /// The next number of the standard normal distribution.
    fn normal(&mut self) -> f64;
    /// The values of a function for the arguments of these elements. A function of no element is told [`NO_ELEMENT`].
    fn call(&mut self, function: &str, elements: &[i32], arguments: &[&[f64]], results: &mut [f64]);
}

/// What is told to functions that are evaluated once for all elements: as in Brian2, whose code sets the number so.
pub const NO_ELEMENT: i32 = 1;

/// The elements of a run.
#[derive(Clone, Copy, Debug)]
pub enum Elements<'a> {
    /// Those from zero up to this number.
    All(usize),
    /// These, ascending.
    List(&'a [i32]),
}

impl Elements<'_> {
    /// How many they are.
    pub fn len(&self) -> usize {
        match self {
            Elements::All(n) => *n,
            Elements::List(list) => list.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn at(&self, k: usize) -> usize {
        match self {
            Elements::All(_) => k,
            Elements::List(list) => list[k] as usize,
        }
    }

    /// Runs code over them.
    pub(super) fn run(&self, object: &mut CodeObject) {
        match self {
            Elements::All(n) => object.run(*n),
            Elements::List(list) => object.run_over(list),
        }
    }
}

/// What evaluates a call.
#[derive(Clone, Debug)]
pub(super) enum Evaluator {
    Uniform,
    Normal,
    Poisson,
    Binomial(Binomial),
    Function(String),
    /// One that is called for one element after the other.
    InOrder(String),
}

impl Evaluator {
    pub(super) fn of(function: &HostFunction, variables: &BTreeMap<String, Meaning>) -> Evaluator {
        match function {
            HostFunction::Uniform => Evaluator::Uniform,
            HostFunction::Normal => Evaluator::Normal,
            HostFunction::Poisson => Evaluator::Poisson,
            HostFunction::Model(name) => match variables.get(name) {
                Some(Meaning::Function(Function::Binomial(binomial))) => Evaluator::Binomial(binomial.clone()),
                Some(Meaning::Function(Function::Host { in_order: true, arguments, .. }))
                    if arguments.len() <= MOST_ARGUMENTS =>
                {
                    Evaluator::InOrder(name.clone())
                }
                _ => Evaluator::Function(name.clone()),
            },
        }
    }

    fn draws(&self) -> bool {
        !matches!(self, Evaluator::Function(_))
    }
}

/// A boolean for each element: where it is, and the numbers of its elements if they are not the loop's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guard {
    pub(super) values: *const u8,
    pub(super) index: Option<*const i32>,
}

impl Guard {
    /// # Safety
    /// The pointers are to arrays that have this element.
    unsafe fn is_true(&self, element: usize) -> bool {
        // SAFETY: as the caller promised.
        unsafe {
            let element = self.index.map_or(element, |index| *index.add(element) as usize);
            *self.values.add(element) != 0
        }
    }
}

/// A call that the host evaluates.
pub(super) struct Call {
    pub(super) evaluator: Evaluator,
    /// Which array gets the result.
    pub(super) result: usize,
    /// Which arrays have the arguments.
    pub(super) arguments: Vec<usize>,
    /// What computes the arguments, if there are any.
    pub(super) code: Option<CodeObject>,
    /// Whether it is evaluated once for all elements.
    pub(super) scalar: bool,
    /// Name of the boolean without which an element is not evaluated.
    pub(super) guard_name: Option<String>,
    /// The same, as bound for this run.
    pub(super) guard: Option<Guard>,
    /// Which array says by numbers other than 0 which elements are evaluated.
    pub(super) condition: Option<usize>,
    /// Whether its arguments depend on the results of earlier calls.
    pub(super) depends_on_calls: bool,
}

struct Uniform<'a>(&'a mut dyn Host);

impl Uniforms for Uniform<'_> {
    fn uniform(&mut self) -> f64 {
        self.0.uniform()
    }
}

impl Call {
    fn is_wanted(&self, element: usize, arrays: &IndexMap<String, Array>) -> bool {
        if self.condition.is_some_and(|condition| arrays[condition].as_f64()[element] == 0.0) {
            return false;
        }
        // SAFETY: whoever binds code for a run gives arrays that have its elements.
        self.guard.is_none_or(|guard| unsafe { guard.is_true(element) })
    }

    fn draw(&self, element: usize, arrays: &mut IndexMap<String, Array>, host: &mut dyn Host) {
        if !self.is_wanted(element, arrays) {
            return;
        }
        if let Evaluator::InOrder(name) = &self.evaluator {
            return self.call_one(name, element, arrays, host);
        }
        let mean = || self.arguments.first().map_or(0.0, |k| arrays[*k].as_f64()[element]);
        let value = match &self.evaluator {
            Evaluator::Uniform => host.uniform(),
            Evaluator::Normal => host.normal(),
            Evaluator::Poisson => Poisson::new(mean()).draw(&mut Uniform(host)) as f64,
            Evaluator::Binomial(binomial) => binomial.draw(&mut Uniform(host)) as f64,
            Evaluator::Function(_) | Evaluator::InOrder(_) => return,
        };
        arrays[self.result].as_f64_mut()[element] = value;
    }

    fn number_of(&self, element: usize) -> i32 {
        if self.scalar { NO_ELEMENT } else { element as i32 }
    }

    fn call_one(&self, name: &str, element: usize, arrays: &mut IndexMap<String, Array>, host: &mut dyn Host) {
        let mut slices: [&[f64]; MOST_ARGUMENTS] = [&[]; MOST_ARGUMENTS];
        let values = self.arguments.iter().map(|k| &arrays[*k].as_f64()[element..=element]);
        slices.iter_mut().zip(values).for_each(|(place, value)| *place = value);
        let mut result = [0.0];
        host.call(name, &[self.number_of(element)], &slices[..self.arguments.len()], &mut result);
        arrays[self.result].as_f64_mut()[element] = result[0];
    }

    fn compute(&self, elements: Elements<'_>, arrays: &mut IndexMap<String, Array>, host: &mut dyn Host) {
        let Evaluator::Function(name) = &self.evaluator else { return };
        let wanted: Vec<usize> =
            (0..elements.len()).map(|k| elements.at(k)).filter(|element| self.is_wanted(*element, arrays)).collect();
        if wanted.is_empty() {
            return;
        }
        let copy = |k: &usize| -> Vec<f64> {
            let values = arrays[*k].as_f64();
            wanted.iter().map(|element| values[*element]).collect()
        };
        let copies: Vec<Vec<f64>> = self.arguments.iter().map(copy).collect();
        let slices: Vec<&[f64]> = copies.iter().map(Vec::as_slice).collect();
        let mut results = vec![0.0; wanted.len()];
        let numbers: Vec<i32> = wanted.iter().map(|element| self.number_of(*element)).collect();
        host.call(name, &numbers, &slices, &mut results);
        let array = arrays[self.result].as_f64_mut();
        wanted.iter().zip(&results).for_each(|(element, value)| array[*element] = *value);
    }

    fn compute_arguments(&mut self, elements: Elements<'_>) {
        if let Some(code) = &mut self.code {
            elements.run(code);
        }
    }
}

/// Evaluates calls for these elements.
pub(super) fn evaluate(
    calls: &mut [Call],
    elements: Elements<'_>,
    arrays: &mut IndexMap<String, Array>,
    host: &mut dyn Host,
) {
    for call in calls.iter_mut().filter(|call| call.scalar) {
        call.compute_arguments(Elements::All(0));
        call.draw(0, arrays, host);
        call.compute(Elements::All(1), arrays, host);
    }
    let of_elements = |call: &&mut Call| !call.scalar;
    if calls.iter().any(|call| !call.scalar && call.depends_on_calls) {
        // What is drawn decides what is drawn next: no call can be ahead of the others.
        for k in 0..elements.len() {
            let one = [elements.at(k) as i32];
            for call in calls.iter_mut().filter(of_elements) {
                call.compute_one(&one, arrays, host);
            }
        }
        return;
    }
    calls.iter_mut().filter(of_elements).for_each(|call| call.compute_arguments(elements));
    for k in 0..elements.len() {
        for call in calls.iter().filter(|call| !call.scalar && call.evaluator.draws()) {
            call.draw(elements.at(k), arrays, host);
        }
    }
    calls.iter().filter(|call| !call.scalar).for_each(|call| call.compute(elements, arrays, host));
}

impl Call {
    /// The call for one element.
    fn compute_one(&mut self, one: &[i32; 1], arrays: &mut IndexMap<String, Array>, host: &mut dyn Host) {
        if let Some(code) = &mut self.code {
            match code.kernel().shape {
                crate::kernel::ir::LoopShape::Indexed => code.run_over(one),
                _ => code.run_range(one[0] as usize..one[0] as usize + 1),
            }
        }
        self.draw(one[0] as usize, arrays, host);
        self.compute(Elements::List(one), arrays, host);
    }
}
