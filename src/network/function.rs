//! Functions of a model that the host evaluates, before and after the network has code for them.

use super::code::Evaluator;
use super::error::Error;
use super::model::{Closure, NativeArray, Parameter};
use crate::engine::{NativeFunction, Options, native};
use crate::expr::check::ValueType;
use crate::random::Binomial;

/// What evaluates a function.
#[derive(Clone)]
pub enum HostBody {
    /// A closure.
    Closure(Closure),
    /// Source in C.
    Native(NativeText),
    /// Binomial numbers.
    Binomial {
        /// Number of trials.
        n: i64,
        /// Chance of each to succeed.
        p: f64,
    },
}

/// A function in C, with everything that it needs.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeText {
    name: String,
    /// Sources of what it depends on, then its own.
    sources: Vec<String>,
    arguments: Vec<ValueType>,
    arrays: Vec<NativeArray>,
}

impl NativeText {
    /// A function that depends on nothing so far.
    pub fn new(name: &str, source: &str, parameters: &[Parameter], arrays: &[NativeArray]) -> NativeText {
        NativeText {
            name: name.to_string(),
            sources: vec![source.to_string()],
            arguments: parameters.iter().map(|p| p.ty).collect(),
            arrays: arrays.to_vec(),
        }
    }

    /// Puts the sources and arrays of another function before its own, each once.
    pub fn add_dependency(&mut self, other: &NativeText) {
        let mut sources = other.sources.clone();
        sources.extend(self.sources.iter().filter(|s| !other.sources.contains(s)).cloned());
        self.sources = sources;
        let mut arrays = other.arrays.clone();
        arrays.extend(self.arrays.iter().filter(|a| !other.arrays.contains(a)).cloned());
        self.arrays = arrays;
    }
}

impl HostBody {
    /// Makes it ready to run: C source is compiled, or taken from the store.
    ///
    /// # Errors
    /// If native code is not allowed, or the compiler cannot be used or refuses the source.
    pub fn evaluator(&self, options: &Options) -> Result<Evaluator, Error> {
        Ok(match self {
            HostBody::Closure(closure) => Evaluator::Closure(closure.clone()),
            HostBody::Binomial { n, p } => Evaluator::Binomial(Binomial::new(*n, *p).prepared()),
            HostBody::Native(text) => {
                let c_type = |ty: ValueType| match ty {
                    ValueType::Boolean => "char",
                    ValueType::Integer => "int",
                    ValueType::Float => "double",
                };
                let function = NativeFunction {
                    name: text.name.clone(),
                    source: text.sources.join("\n"),
                    arguments: text.arguments.iter().map(|ty| c_type(*ty)).collect(),
                    arrays: text.arrays.iter().map(|a| (a.name.clone(), a.values.clone())).collect(),
                };
                Evaluator::Closure(native(&function, options)?)
            }
        })
    }
}
