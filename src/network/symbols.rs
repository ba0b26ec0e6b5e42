//! What the names of a model stand for in memory.

use super::population::{COUNT, FIRST, Linked, Population};
use super::synapses::pathway::ROW;
use super::synapses::wiring::{SOURCES, TARGETS};
pub use crate::engine::{constant_array, constant_storage, element_type};
use crate::expr::ast::{BinaryOp, Expr};
use crate::expr::check::{CONSTANTS, FunctionMeaning, ValueType};
use crate::kernel::ir::Storage;
use crate::kernel::lower::{FunctionSymbol, Symbol, Symbols};
use crate::model::group::{Role, Side, Variable};
use crate::model::namespace::{FunctionBody, Namespace, Number};
use crate::unit;

/// How a variable of this type is stored.
pub fn storage(ty: ValueType) -> Storage {
    match ty {
        ValueType::Boolean => Storage::Bool,
        ValueType::Integer => Storage::I32,
        ValueType::Float => Storage::F64,
    }
}

/// The names of constants, units and `pi`, `e`, `inf`.
pub struct NamespaceSymbols<'a>(pub &'a Namespace);

impl Symbols for NamespaceSymbols<'_> {
    fn symbol(&self, name: &str) -> Option<Symbol> {
        if let Some(constant) = self.0.constants.get(name) {
            // A parameter, not a literal, so that another value needs no other kernel.
            return Some(Symbol::Constant(constant_storage(constant.value)));
        }
        if let Some((_, value)) = CONSTANTS.iter().find(|(n, _)| *n == name) {
            return Some(Symbol::Literal(Number::Float(*value)));
        }
        unit::lookup(name).map(|unit| Symbol::Literal(Number::Float(unit.scale)))
    }
}

/// The names of a population, or of a part of it, then those of its namespace.
pub struct ContextSymbols<'a> {
    /// The population.
    pub population: &'a Population,
    /// Whether it is a part, which counts cells from its own first one.
    pub is_part: bool,
    /// The end of synapses whose cell is one for all elements.
    pub row: Option<Side>,
    /// A function besides those of the namespace.
    pub function: Option<(&'a str, &'a FunctionSymbol)>,
}

impl Symbols for ContextSymbols<'_> {
    fn symbol(&self, name: &str) -> Option<Symbol> {
        match name {
            "i" if self.is_part => Some(Symbol::ElementFrom(FIRST.to_string())),
            "N" if self.is_part => Some(Symbol::Value { param: COUNT.to_string(), storage: Storage::I32 }),
            _ => self.symbol_in_subexpression(name),
        }
    }

    fn symbol_in_subexpression(&self, name: &str) -> Option<Symbol> {
        let Population { group, propagator_arrays, propagator_is_scalar, links, .. } = self.population;
        let array = |storage, scalar| Some(Symbol::Array { storage, scalar, guard: None });
        if propagator_arrays.contains_key(name) {
            return array(Storage::F64, *propagator_is_scalar);
        }
        if self.population.bounds.contains_key(name) {
            return array(Storage::F64, true);
        }
        let Some(variable) = group.variables.get(name) else {
            return NamespaceSymbols(&group.namespace).symbol(name);
        };
        match &variable.role {
            Role::Index => Some(Symbol::Element),
            Role::Size => array(Storage::I32, true),
            Role::Time | Role::Dt => array(Storage::F64, true),
            Role::StepNumber => array(Storage::I64, true),
            Role::Subexpression(expr) => {
                Some(Symbol::Subexpression { expr: expr.clone(), ty: variable.kind.ty, varies: variable.varies })
            }
            Role::Given if name == "i" && self.population.is_synapses() => Some(counted(Side::Pre)),
            Role::Given if name == "j" && self.population.is_synapses() => Some(counted(Side::Post)),
            Role::Given if self.row.is_some_and(|side| name == cells(side)) => {
                Some(Symbol::Value { param: ROW.to_string(), storage: Storage::I32 })
            }
            Role::Linked | Role::Endpoint { .. } => {
                let Linked { param, guard, storage, is_single, index, .. } = links.get(name)?;
                let is_of_row =
                    matches!((&variable.role, self.row), (Role::Endpoint { side, .. }, Some(row)) if *side == row);
                match index {
                    Some(_) if is_of_row => {
                        Some(Symbol::LinkedRow { param: param.clone(), storage: *storage, row: ROW.to_string() })
                    }
                    Some(index) => Some(Symbol::Linked {
                        param: param.clone(),
                        storage: *storage,
                        guard: guard.clone(),
                        index: index.clone(),
                    }),
                    None if *is_single => Some(Symbol::Value { param: param.clone(), storage: *storage }),
                    None => array(*storage, false),
                }
            }
            Role::State
            | Role::Parameter
            | Role::ConstantOverDt(_)
            | Role::LastSpike
            | Role::NotRefractory
            | Role::Given
            | Role::LastUpdate
            | Role::EventDriven => Some(Symbol::Array {
                storage: variable_storage(variable),
                scalar: variable.shared,
                guard: variable.unless_refractory.then(|| "not_refractory".to_string()),
            }),
        }
    }

    fn function(&self, name: &str) -> Option<FunctionSymbol> {
        if let Some((_, symbol)) = self.function.filter(|(own, _)| *own == name) {
            return Some(symbol.clone());
        }
        let function = self.population.group.namespace.functions.get(name)?;
        let FunctionMeaning { result, stateful, .. } = &function.meaning;
        Some(match &function.body {
            FunctionBody::Expression { parameters, expr, text } => {
                FunctionSymbol::Expression { parameters: parameters.clone(), expr: expr.clone(), text: text.clone() }
            }
            FunctionBody::TimedArray { columns } => FunctionSymbol::TimedArray { columns: columns.is_some() },
            FunctionBody::Host { arguments } => {
                FunctionSymbol::Host { arguments: arguments.clone(), result: result.ty, stateful: *stateful }
            }
        })
    }
}

/// The name of the array that says which cell each synapse has at one end, counted in its population.
fn cells(side: Side) -> &'static str {
    if side == Side::Pre { SOURCES } else { TARGETS }
}

/// The cell at one end, counted from the first one there.
fn counted(side: Side) -> Symbol {
    let expr = Expr::name(cells(side)).binary(BinaryOp::Sub, Expr::name(format!("_first{}", side.suffix())));
    Symbol::Subexpression { expr, ty: ValueType::Integer, varies: true }
}

/// How a variable with values of its own is stored.
pub fn variable_storage(variable: &Variable) -> Storage {
    if variable.single { Storage::F32 } else { storage(variable.kind.ty) }
}
