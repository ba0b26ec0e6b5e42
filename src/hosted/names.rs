//! What the names of statements stand for, as another program tells it.

use std::collections::{BTreeMap, BTreeSet};

use super::Spec;
use crate::engine::constant_storage;
use crate::expr::ast::{Expr, ExprKind};
use crate::expr::check::{CONSTANTS, ValueType};
use crate::kernel::ir::Storage;
use crate::kernel::lower::{FunctionSymbol, Symbol, Symbols};
use crate::model::namespace::Number;
use crate::random::Binomial;

/// Which element of an array a name stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Indexing {
    /// The one the loop is at.
    Element,
    /// The only one.
    Single,
    /// The one whose number this array, of 32-bit integers, has for the element that the loop is at.
    Via(String),
}

/// A function.
#[derive(Clone, Debug)]
pub enum Function {
    /// One of the language of models, by its name there.
    Builtin(String),
    /// Values that change with time, in arrays with names of their own; with `columns`, a second argument chooses one of
    /// each row.
    TimedArray {
        /// Whether there is a second argument.
        columns: bool,
    },
    /// Draws binomial numbers.
    Binomial(Binomial),
    /// Something that the host evaluates.
    Host {
        /// Types in which it takes its arguments.
        arguments: Vec<ValueType>,
        /// The type of the result.
        result: ValueType,
        /// Whether equal arguments can give different results.
        stateful: bool,
        /// Whether it is called for one element after the other, between the other calls for that element, as in a loop
        /// over the elements; else once for all.
        in_order: bool,
    },
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub enum Meaning {
    /// Elements of an array.
    Array {
        /// A name for the array: two names that stand for the same memory have the same one.
        array: String,
        /// Type of its elements.
        storage: Storage,
        /// Which of them.
        indexing: Indexing,
        /// The name of a boolean: statements write only where it is true.
        guard: Option<String>,
    },
    /// A number that does not change; it is not part of the kernel.
    Constant(Number),
    /// A function.
    Function(Function),
}

/// Names with meanings, each array and index under one name.
pub(super) struct Names<'a> {
    variables: &'a BTreeMap<String, Meaning>,
    /// For each name of an array's elements, the one that all code uses: the first one with that array and index.
    chosen: BTreeMap<&'a str, &'a str>,
    /// The parameter that stands for each array.
    params: BTreeMap<&'a str, &'a str>,
    /// What statements write.
    written: BTreeSet<&'a str>,
}

/// The value that is the number of the last element of an array.
pub(super) fn last_name(param: &str) -> String {
    format!("_last_{}", param.trim_start_matches('_'))
}

impl<'a> Names<'a> {
    pub(super) fn new(spec: &'a Spec) -> Names<'a> {
        let variables = &spec.variables;
        let mut first: BTreeMap<(&str, &Indexing), &str> = BTreeMap::new();
        let (mut chosen, mut params) = (BTreeMap::new(), BTreeMap::new());
        for (name, meaning) in variables {
            if let Meaning::Array { array, indexing, .. } = meaning {
                chosen.insert(name.as_str(), *first.entry((array, indexing)).or_insert(name));
            }
        }
        // What the loop finds directly gives an array its name, if anything does.
        for ((array, indexing), name) in &first {
            match indexing {
                Indexing::Via(_) => *params.entry(*array).or_insert(*name),
                Indexing::Element | Indexing::Single => params.insert(*array, *name).unwrap_or_default(),
            };
        }
        let targets = spec.scalar.iter().chain(&spec.vector).map(|line| line.target.as_str());
        let written = targets.map(|target| chosen.get(target).copied().unwrap_or(target)).collect();
        Names { variables, chosen, params, written }
    }

    /// The parameter that stands for the array of a name.
    pub(super) fn param(&self, name: &'a str) -> Option<&'a str> {
        let Some(Meaning::Array { array, .. }) = self.variables.get(name) else { return None };
        self.params.get(array.as_str()).copied()
    }

    /// The same, for an array.
    pub(super) fn of_array(&self, array: &str) -> Option<&'a str> {
        self.params.get(array).copied()
    }

    fn chosen(&self, name: &str) -> Option<&'a str> {
        self.chosen.get(name).copied()
    }

    /// The name that all code uses.
    pub(super) fn renamed_name(&self, name: &str) -> String {
        self.chosen(name).unwrap_or(name).to_string()
    }

    /// Whether the host evaluates something of an expression.
    pub(super) fn calls_host(&self, expr: &Expr) -> bool {
        let called = match &expr.kind {
            ExprKind::Call(name, _) => match self.variables.get(name) {
                Some(Meaning::Function(Function::Host { .. } | Function::Binomial(_))) => true,
                Some(Meaning::Function(Function::TimedArray { .. })) => false,
                _ => ["rand", "randn", "poisson"].contains(&name.as_str()),
            },
            _ => false,
        };
        called || expr.children().any(|child| self.calls_host(child))
    }

    /// The expression with the names that all code uses.
    pub(super) fn renamed(&self, expr: &Expr) -> Expr {
        let mut renamed = expr.map_children(|child| self.renamed(child));
        match &mut renamed.kind {
            ExprKind::Name(name) => {
                if let Some(chosen) = self.chosen(name) {
                    *name = chosen.to_string();
                }
            }
            ExprKind::Call(name, _) => {
                if let Some(Meaning::Function(Function::Builtin(builtin))) = self.variables.get(name) {
                    name.clone_from(builtin);
                }
            }
            _ => {}
        }
        renamed
    }
}

impl Symbols for Names<'_> {
    fn symbol(&self, name: &str) -> Option<Symbol> {
        match self.variables.get(name) {
            Some(Meaning::Constant(value)) => Some(Symbol::Constant(constant_storage(*value))),
            Some(Meaning::Array { array, storage, indexing, guard }) => {
                let param = self.params.get(array.as_str()).map_or(name, |param| param).to_string();
                let guard = guard.as_ref().map(|guard| self.chosen(guard).unwrap_or(guard).to_string());
                Some(match indexing {
                    Indexing::Element => Symbol::Array { storage: *storage, scalar: false, guard },
                    Indexing::Single => Symbol::Array { storage: *storage, scalar: true, guard },
                    Indexing::Via(index) => {
                        let index = self.chosen(index).unwrap_or(index).to_string();
                        if self.written.contains(index.as_str()) && !self.written.contains(name) {
                            let last = last_name(&param);
                            return Some(Symbol::LinkedWithin { param, storage: *storage, index, last });
                        }
                        Symbol::Linked { param, storage: *storage, guard, index }
                    }
                })
            }
            Some(Meaning::Function(_)) => None,
            None => {
                let (_, value) = CONSTANTS.iter().find(|(constant, _)| *constant == name)?;
                Some(Symbol::Literal(Number::Float(*value)))
            }
        }
    }

    fn function(&self, name: &str) -> Option<FunctionSymbol> {
        let Some(Meaning::Function(function)) = self.variables.get(name) else { return None };
        match function {
            Function::Builtin(_) => None,
            Function::TimedArray { columns } => Some(FunctionSymbol::TimedArray { columns: *columns }),
            Function::Binomial(_) => {
                Some(FunctionSymbol::Host { arguments: Vec::new(), result: ValueType::Integer, stateful: true })
            }
            Function::Host { arguments, result, stateful, in_order: _ } => {
                Some(FunctionSymbol::Host { arguments: arguments.clone(), result: *result, stateful: *stateful })
            }
        }
    }
}
