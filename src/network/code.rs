//! Code of a network: a code object, and what the host evaluates before each of its runs.
//!
//! Kernels are functions of their arrays. Random numbers and functions written in Rust or C are evaluated here, into
//! arrays that the kernel reads, so that a result does not depend on what runs the kernel. Numbers are drawn element by
//! element, in the order of the calls for each (the order of Brian2's Cython target), or call by call, in the order of
//! the elements (that of its NumPy target, which evaluates assignments).

use indexmap::IndexMap;

use super::check::Source;
use super::model::Closure;
use super::population::Population;
use crate::engine::CodeObject;
use crate::random::{Binomial, Poisson, Streams};
use crate::runtime::array::Array;

/// What evaluates a call.
#[derive(Clone)]
pub enum Evaluator {
    /// Draws uniform numbers.
    Uniform,
    /// Draws normal numbers.
    Normal,
    /// Draws Poisson numbers.
    Poisson,
    /// Draws binomial numbers.
    Binomial(Binomial),
    /// Computes.
    Closure(Closure),
}

impl Evaluator {
    /// Whether it draws random numbers.
    pub fn draws(&self) -> bool {
        !matches!(self, Evaluator::Closure(_))
    }
}

/// A call that the host evaluates.
pub struct Call {
    /// What evaluates it.
    pub evaluator: Evaluator,
    /// Which array gets the result.
    pub result: usize,
    /// Which arrays have the arguments.
    pub arguments: Vec<usize>,
    /// What computes the arguments, if there are any.
    pub code: Option<CodeObject>,
    /// Whether it is evaluated once for all elements.
    pub scalar: bool,
    /// Only elements where this is true are evaluated.
    pub guard: Option<Guard>,
    /// Which array says by numbers other than 0 which elements are evaluated.
    pub condition: Option<usize>,
    /// Whether its arguments depend on the results of earlier calls.
    pub depends_on_calls: bool,
}

/// A boolean for each element.
#[derive(Clone, Debug, PartialEq)]
pub struct Guard {
    /// The population that has it.
    pub population: usize,
    /// The variable.
    pub variable: String,
    /// The population of the elements, and its variable that says which cell each of them looks at, if it is another
    /// one than its own.
    pub index: Option<(usize, String)>,
}

impl Guard {
    #[inline]
    fn is_true(&self, element: usize, populations: &[Population]) -> bool {
        let cell = match &self.index {
            None => element,
            Some((own, index)) => {
                populations[*own].arrays.get(index).map_or(element, |array| array.get_i64(element) as usize)
            }
        };
        populations[self.population].arrays.get(&self.variable).is_none_or(|array| array.get_i64(cell) != 0)
    }
}

/// The elements of a run.
#[derive(Clone, Copy)]
pub enum Elements<'a> {
    /// Those from the first number up to the second one.
    Range(usize, usize),
    /// These.
    List(&'a [i32]),
}

impl Elements<'_> {
    fn len(&self) -> usize {
        match self {
            Elements::Range(begin, end) => end - begin,
            Elements::List(list) => list.len(),
        }
    }

    #[inline]
    fn at(&self, k: usize) -> usize {
        match self {
            Elements::Range(begin, _) => begin + k,
            Elements::List(list) => list[k] as usize,
        }
    }
}

/// How random numbers are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawing {
    /// In blocks, element by element: code of a running network.
    Blocks,
    /// One by one from the generator, call by call: assignments.
    Direct,
}

/// Code of a network.
pub struct Code {
    /// The kernel with its arrays.
    pub object: CodeObject,
    /// What is evaluated before it runs, in the order of the statements.
    pub calls: Vec<Call>,
    /// Results and arguments of the calls, and whatever else the code has of its own.
    pub arrays: IndexMap<String, Array>,
    /// How numbers are drawn.
    pub drawing: Drawing,
    /// The cells that it was made for.
    pub source: Source,
    /// Linked variables of the own population whose values are copied before each run: its variables, by their names.
    pub copies: Vec<(String, String)>,
    scratch: Vec<Vec<f64>>,
}

impl Code {
    /// Code that calls nothing.
    pub fn new(object: CodeObject, calls: Vec<Call>, arrays: IndexMap<String, Array>, source: Source) -> Code {
        Code { object, calls, arrays, drawing: Drawing::Blocks, source, copies: Vec::new(), scratch: Vec::new() }
    }

    /// The code objects, that of the kernel first.
    pub fn objects(&self) -> impl Iterator<Item = &CodeObject> {
        std::iter::once(&self.object).chain(self.calls.iter().filter_map(|call| call.code.as_ref()))
    }

    /// The same, to change them.
    pub fn objects_mut(&mut self) -> impl Iterator<Item = &mut CodeObject> {
        std::iter::once(&mut self.object).chain(self.calls.iter_mut().filter_map(|call| call.code.as_mut()))
    }

    /// Evaluates the calls for these elements.
    #[inline]
    pub fn prepare(&mut self, elements: Elements<'_>, guards: &[Population], streams: &mut Streams) {
        if !self.calls.is_empty() {
            self.evaluate(elements, guards, streams);
        }
    }

    fn evaluate(&mut self, elements: Elements<'_>, guards: &[Population], streams: &mut Streams) {
        let Code { calls, arrays, drawing, scratch, .. } = self;
        for call in calls.iter_mut().filter(|call| call.scalar) {
            if let Some(code) = &mut call.code {
                code.run_range(0..0);
            }
            call.evaluate(Elements::Range(0, 1), None, arrays, *drawing, streams, scratch);
        }
        let of_elements = |call: &&mut Call| !call.scalar;
        if *drawing == Drawing::Direct {
            for call in calls.iter_mut().filter(of_elements) {
                call.compute_arguments(elements);
                call.evaluate(elements, Some(guards), arrays, *drawing, streams, scratch);
            }
        } else if calls.iter().any(|call| !call.scalar && call.evaluator.draws() && call.depends_on_calls) {
            // What is drawn decides what is drawn next: no call can be ahead of the others.
            for k in 0..elements.len() {
                let cell = [elements.at(k) as i32];
                let one = match elements {
                    Elements::Range(..) => Elements::Range(elements.at(k), elements.at(k) + 1),
                    Elements::List(_) => Elements::List(&cell),
                };
                for call in calls.iter_mut().filter(of_elements) {
                    call.compute_arguments(one);
                    call.evaluate(one, Some(guards), arrays, *drawing, streams, scratch);
                }
            }
        } else {
            for call in calls.iter_mut().filter(of_elements).filter(|call| call.evaluator.draws()) {
                call.compute_arguments(elements);
            }
            draw_in_turn(calls, elements, guards, arrays, streams);
            for call in calls.iter_mut().filter(of_elements).filter(|call| !call.evaluator.draws()) {
                call.compute_arguments(elements);
                call.evaluate(elements, Some(guards), arrays, *drawing, streams, scratch);
            }
        }
    }
}

/// Draws for one element after the other, for each in the order of the calls.
fn draw_in_turn(
    calls: &[Call],
    elements: Elements<'_>,
    guards: &[Population],
    arrays: &mut IndexMap<String, Array>,
    streams: &mut Streams,
) {
    let mut drawing = calls.iter().filter(|call| !call.scalar && call.evaluator.draws());
    if let (Some(only), None, Elements::Range(begin, end)) = (drawing.next(), drawing.next(), elements)
        && only.condition.is_none()
        && only.arguments.is_empty()
    {
        let results = &mut arrays[only.result].as_f64_mut()[begin..end];
        match (&only.evaluator, &only.guard) {
            (Evaluator::Uniform, None) => return streams.fill_uniform(results),
            (Evaluator::Normal, None) => return streams.fill_normal(results),
            (Evaluator::Binomial(binomial), None) => {
                return results.iter_mut().for_each(|result| *result = binomial.draw(streams) as f64);
            }
            (Evaluator::Binomial(binomial), Some(Guard { population, variable, index: None })) => {
                if let Some(guard) = guards[*population].arrays.get(variable).and_then(Array::as_bools) {
                    let wanted = results.iter_mut().zip(&guard[begin..end]).filter(|(_, wanted)| **wanted != 0);
                    return wanted.for_each(|(result, _)| *result = binomial.draw(streams) as f64);
                }
            }
            _ => {}
        }
    }
    for k in 0..elements.len() {
        let cell = elements.at(k);
        for call in calls.iter().filter(|call| !call.scalar && call.evaluator.draws()) {
            if call.is_wanted(cell, Some(guards), arrays, Drawing::Blocks) {
                let value = call.draw(cell, arrays, Drawing::Blocks, streams);
                arrays[call.result].as_f64_mut()[cell] = value;
            }
        }
    }
}

impl Call {
    fn compute_arguments(&mut self, elements: Elements<'_>) {
        if let Some(code) = &mut self.code {
            match elements {
                Elements::Range(begin, end) => code.run_range(begin..end),
                Elements::List(list) => code.run_over(list),
            }
        }
    }

    #[inline]
    fn is_wanted(
        &self,
        cell: usize,
        guards: Option<&[Population]>,
        arrays: &IndexMap<String, Array>,
        drawing: Drawing,
    ) -> bool {
        // What is drawn call by call is drawn for all.
        if let (Some(condition), Drawing::Blocks) = (self.condition, drawing)
            && arrays[condition].as_f64()[cell] == 0.0
        {
            return false;
        }
        match (&self.guard, guards) {
            (Some(guard), Some(populations)) => guard.is_true(cell, populations),
            _ => true,
        }
    }

    #[inline]
    fn draw(&self, cell: usize, arrays: &IndexMap<String, Array>, drawing: Drawing, streams: &mut Streams) -> f64 {
        let mean = || self.arguments.first().map_or(0.0, |k| arrays[*k].as_f64()[cell]);
        match (&self.evaluator, drawing) {
            (Evaluator::Uniform, Drawing::Blocks) => streams.next_uniform(),
            (Evaluator::Uniform, Drawing::Direct) => streams.direct().uniform(),
            (Evaluator::Normal, Drawing::Blocks) => streams.next_normal(),
            (Evaluator::Normal, Drawing::Direct) => streams.direct().normal(),
            (Evaluator::Poisson, Drawing::Blocks) => Poisson::new(mean()).draw(streams) as f64,
            (Evaluator::Poisson, Drawing::Direct) => Poisson::new(mean()).draw(streams.direct()) as f64,
            (Evaluator::Binomial(binomial), Drawing::Blocks) => binomial.draw(streams) as f64,
            (Evaluator::Binomial(binomial), Drawing::Direct) => binomial.draw(streams.direct()) as f64,
            (Evaluator::Closure(_), _) => f64::NAN,
        }
    }

    fn evaluate(
        &self,
        elements: Elements<'_>,
        guards: Option<&[Population]>,
        arrays: &mut IndexMap<String, Array>,
        drawing: Drawing,
        streams: &mut Streams,
        scratch: &mut Vec<Vec<f64>>,
    ) {
        if let Evaluator::Closure(closure) = &self.evaluator {
            return self.compute(closure, elements, arrays, scratch);
        }
        for k in 0..elements.len() {
            let cell = elements.at(k);
            if self.is_wanted(cell, guards, arrays, drawing) {
                let value = self.draw(cell, arrays, drawing, streams);
                arrays[self.result].as_f64_mut()[cell] = value;
            }
        }
    }

    /// Calls a closure over dense copies of the arguments: the elements need not be next to each other.
    fn compute(
        &self,
        closure: &Closure,
        elements: Elements<'_>,
        arrays: &mut IndexMap<String, Array>,
        scratch: &mut Vec<Vec<f64>>,
    ) {
        scratch.resize_with(scratch.len().max(self.arguments.len() + 1), Vec::new);
        let Some((results, copies)) = scratch.split_first_mut() else { return };
        for (copy, k) in copies.iter_mut().zip(&self.arguments) {
            let argument = arrays[*k].as_f64();
            copy.clear();
            copy.extend((0..elements.len()).map(|k| argument[elements.at(k)]));
        }
        results.clear();
        results.resize(elements.len(), 0.0);
        let slices: Vec<&[f64]> = copies[..self.arguments.len()].iter().map(Vec::as_slice).collect();
        closure(&slices, results);
        let array = arrays[self.result].as_f64_mut();
        for (k, value) in results.iter().enumerate() {
            array[elements.at(k)] = *value;
        }
    }
}
