//! Calls of functions that are no arithmetic: what the model defines, and what the host evaluates.
//!
//! A kernel is a function of its arrays, so what it cannot compute (random numbers, closures) is computed by the host
//! between two kernels and read from an array like anything else. A [`HostCall`] says which array that is, and brings a
//! kernel that evaluates the arguments from the same state as the call would see.

use super::{LowerError, Lowerer, Result};
use crate::diag::Text;
use crate::expr::ast;
use crate::expr::check::ValueType;
use crate::kernel::arguments::{Output, argument_kernel};
use crate::kernel::ir::{BinaryOp, Const, Expr, Index, Kernel, LoopShape, Place, Storage, Type, UnaryOp};

/// A function of the model.
#[derive(Clone, Debug, PartialEq)]
pub enum FunctionSymbol {
    /// An expression, put in where it is called.
    Expression {
        /// Names of its parameters.
        parameters: Vec<String>,
        /// The result.
        expr: ast::Expr,
        /// Where it stands.
        text: Text,
    },
    /// Values that change with time; with `columns`, a second argument chooses one of each row.
    TimedArray {
        /// Whether there is a second argument.
        columns: bool,
    },
    /// Something that the host evaluates.
    Host {
        /// Types in which it takes its arguments.
        arguments: Vec<ValueType>,
        /// The type of the result.
        result: ValueType,
        /// Whether equal arguments can give different results.
        stateful: bool,
    },
}

impl FunctionSymbol {
    /// Whether equal arguments can give different results.
    pub fn is_stateful(&self) -> bool {
        matches!(self, FunctionSymbol::Host { stateful: true, .. })
    }
}

/// What the host evaluates.
#[derive(Clone, Debug, PartialEq)]
pub enum HostFunction {
    /// A uniform number in `[0, 1)`.
    Uniform,
    /// A standard normal number.
    Normal,
    /// A Poisson number; the argument is its mean.
    Poisson,
    /// The function of the model with this name.
    Model(String),
}

/// A call that the host evaluates before the kernel runs.
#[derive(Clone, Debug, PartialEq)]
pub struct HostCall {
    /// What is called.
    pub function: HostFunction,
    /// Name of the parameter, an array of doubles, that the kernel reads the result from.
    pub result: String,
    /// Whether it is called once for all elements.
    pub scalar: bool,
    /// Name of a boolean array: it is called only for elements where that is true.
    pub guard: Option<String>,
    /// Names of the arrays of doubles that its arguments are written to.
    pub arguments: Vec<String>,
    /// What writes them, if there are any.
    pub kernel: Option<Kernel>,
    /// Name of the array of doubles, one of the arguments', that says by numbers other than 0 for which elements it is
    /// called: `and` and `or` stop once their value is known.
    pub condition: Option<String>,
    /// Whether its arguments depend on results of earlier calls.
    pub depends_on_calls: bool,
}

impl HostCall {
    /// The call from a kernel with this loop.
    pub(super) fn in_loop(mut self, shape: &LoopShape) -> HostCall {
        if let Some(kernel) = &mut self.kernel {
            kernel.shape = match shape {
                LoopShape::Indexed => LoopShape::Indexed,
                LoopShape::Each | LoopShape::Select(_) | LoopShape::Pairs(_) => LoopShape::Each,
            };
        }
        self
    }
}

/// The type of values of a model in kernels.
fn ir_type(ty: ValueType) -> Type {
    match ty {
        ValueType::Boolean => Type::Bool,
        ValueType::Integer => Type::I32,
        ValueType::Float => Type::F64,
    }
}

impl Lowerer<'_> {
    pub(super) fn call_model_function(
        &mut self,
        name: &str,
        function: &FunctionSymbol,
        arguments: Vec<Expr>,
    ) -> Result<Expr> {
        match function {
            FunctionSymbol::Expression { parameters, expr, text } => {
                self.inline(name, parameters, expr, text, arguments)
            }
            FunctionSymbol::TimedArray { columns } => self.timed_array(name, *columns, arguments),
            FunctionSymbol::Host { arguments: types, result, .. } => {
                let converted = arguments.into_iter().zip(types).map(|(a, ty)| self.convert(a, ir_type(*ty))).collect();
                let function = HostFunction::Model(name.to_string());
                self.host_call(name, function, converted, ir_type(*result))
            }
        }
    }

    /// `rand()`, `randn()`, `poisson(mean)`
    pub(super) fn draw(&mut self, name: &str, arguments: Vec<Expr>) -> Result<Expr> {
        let (function, result) = match name {
            "rand" => (HostFunction::Uniform, Type::F64),
            "randn" => (HostFunction::Normal, Type::F64),
            "poisson" => (HostFunction::Poisson, Type::I32),
            _ => return Err(LowerError(format!("`{name}` draws nothing that is known"))),
        };
        self.host_call(name, function, arguments, result)
    }

    /// The body of a function, with its parameters bound to the arguments.
    fn inline(
        &mut self,
        name: &str,
        parameters: &[String],
        expr: &ast::Expr,
        text: &Text,
        arguments: Vec<Expr>,
    ) -> Result<Expr> {
        let mut bound = std::collections::BTreeMap::new();
        for (parameter, argument) in parameters.iter().zip(arguments) {
            let value = self.convert(argument, Type::F64);
            bound.insert(parameter.clone(), self.bind(&format!("_{name}_{parameter}"), value));
        }
        let temporaries = std::mem::replace(&mut self.temporaries, bound);
        let subexpressions = std::mem::take(&mut self.subexpressions);
        let outside = std::mem::replace(&mut self.text, text.clone());
        self.function_depth += 1;
        let value = self.expr(expr);
        self.function_depth -= 1;
        self.text = outside;
        self.subexpressions = subexpressions;
        self.temporaries = temporaries;
        let value = value?;
        Ok(self.convert(value, Type::F64))
    }

    /// The row of time `t` is `int((t/epsilon + 0.5)/steps)`, between the first and the last, with `epsilon` a whole
    /// part, the `steps`th, of the time between two rows, so that no rounding of `t` moves a row (Brian2's rule). A
    /// column that does not exist has no value.
    fn timed_array(&mut self, name: &str, columns: bool, mut arguments: Vec<Expr>) -> Result<Expr> {
        let column = if columns { arguments.pop() } else { None };
        let Some(t) = arguments.pop() else { return Err(LowerError(format!("`{name}` without a time"))) };
        let t = self.convert(t, Type::F64);
        let mut single = |part: &str, storage| {
            let param = self.param(&format!("_{name}_{part}"), storage, true);
            Expr::Load(Place { param, index: Index::Zero })
        };
        let (epsilon, steps, last) =
            (single("epsilon", Storage::F64), single("steps", Storage::F64), single("last", Storage::F64));
        let width = columns.then(|| single("columns", Storage::I64));
        let values = self.param(&format!("_{name}_values"), Storage::F64, false);
        let rounded = Expr::binary(BinaryOp::Add, Expr::binary(BinaryOp::Div, t, epsilon), Expr::f64(0.5));
        let row = Expr::unary(UnaryOp::Trunc, Expr::binary(BinaryOp::Div, rounded, steps));
        let row = Expr::Local(self.bind(&format!("_{name}_time"), row));
        // A time that is no number is before the start: the comparison is false for it.
        let above = Expr::binary(BinaryOp::Le, Expr::f64(0.0), row.clone());
        let row = Expr::Local(self.bind(&format!("_{name}_time"), Expr::select(above, row, Expr::f64(0.0))));
        let below = Expr::binary(BinaryOp::Lt, row.clone(), last.clone());
        let row = Expr::cast(Type::I64, Expr::select(below, row, last));
        let row = Expr::Local(self.bind(&format!("_{name}_row"), row));
        let (Some(column), Some(width)) = (column, width) else { return Ok(Expr::Gather(values, Box::new(row))) };
        let column = self.at_least_integer(column);
        let column = self.convert(column, Type::I64);
        let column = Expr::Local(self.bind(&format!("_{name}_column"), column));
        let zero = Expr::Const(Const::I64(0));
        let exists = Expr::binary(
            BinaryOp::And,
            Expr::binary(BinaryOp::Le, zero.clone(), column.clone()),
            Expr::binary(BinaryOp::Lt, column.clone(), width.clone()),
        );
        let exists = Expr::Local(self.bind(&format!("_{name}_exists"), exists));
        let column = Expr::select(exists.clone(), column, zero);
        let place = Expr::binary(BinaryOp::Add, Expr::binary(BinaryOp::Mul, row, width), column);
        Ok(Expr::select(exists, Expr::Gather(values, Box::new(place)), Expr::f64(f64::NAN)))
    }

    /// The element of `param` whose number is the value of `index` at this point, which is between the first and the last
    /// whatever that value is.
    pub(super) fn linked_within(&mut self, param: &str, storage: Storage, index: &str, last: &str) -> Result<Expr> {
        let number = self.name(index)?;
        let number = self.convert(number, Type::I64);
        let number = Expr::Local(self.bind(&format!("_{index}_number"), number));
        let last = Expr::Load(Place { param: self.param(last, Storage::I64, true), index: Index::Zero });
        let below = Expr::binary(BinaryOp::Lt, number.clone(), last.clone());
        let number = Expr::Local(self.bind(&format!("_{index}_number"), Expr::select(below, number, last)));
        let zero = Expr::Const(Const::I64(0));
        let above = Expr::binary(BinaryOp::Lt, zero.clone(), number.clone());
        let number = Expr::select(above, number, zero);
        Ok(Expr::Gather(self.param(param, storage, false), Box::new(number)))
    }

    fn host_call(&mut self, name: &str, function: HostFunction, arguments: Vec<Expr>, result: Type) -> Result<Expr> {
        let number = self.calls.iter().filter(|call| call.function == function).count() + 1;
        let unique = |part: &str| match number {
            1 => format!("_{name}{part}"),
            _ => format!("_{name}{part}_{number}"),
        };
        let scalar = self.in_scalar;
        let mut outputs = Vec::new();
        for (k, argument) in arguments.into_iter().enumerate() {
            let value = self.convert(argument, Type::F64);
            outputs.push(Output { name: unique(&format!("_argument_{k}")), storage: Storage::F64, scalar, value });
        }
        let names = outputs.iter().map(|o| o.name.clone()).collect();
        let condition = self.reached.clone().into_iter().reduce(|a, b| Expr::binary(BinaryOp::And, a, b));
        let condition = condition.map(|value| {
            let value = self.convert(value, Type::I32);
            let value = self.convert(value, Type::F64);
            let name = unique("_wanted");
            outputs.push(Output { name: name.clone(), storage: Storage::F64, scalar, value });
            name
        });
        let kernel = match outputs.is_empty() {
            true => None,
            false => {
                let prefix = Kernel {
                    shape: LoopShape::Each,
                    params: self.params.values().cloned().collect(),
                    locals: self.locals.clone(),
                    scalar: self.scalar.clone(),
                    vector: if scalar { Vec::new() } else { self.vector.clone() },
                };
                Some(argument_kernel(&prefix, outputs).map_err(|e| LowerError(e.to_string()))?)
            }
        };
        let depends_on_calls = kernel.as_ref().is_some_and(|kernel| {
            kernel.params.iter().any(|p| self.calls.iter().any(|earlier| earlier.result == p.name))
        });
        let guard = self.guard.clone().filter(|_| !scalar);
        let call = HostCall {
            function,
            result: unique(""),
            scalar,
            guard,
            arguments: names,
            kernel,
            condition,
            depends_on_calls,
        };
        let index = if scalar { Index::Zero } else { Index::Element };
        let param = self.param(&call.result, Storage::F64, scalar);
        self.calls.push(call);
        Ok(self.convert(Expr::Load(Place { param, index }), result))
    }
}
