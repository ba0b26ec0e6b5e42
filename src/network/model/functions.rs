//! Functions and values over time as given.

use std::fmt;
use std::sync::Arc;

use super::Value;
use crate::diag::Text;
use crate::expr::check::ValueType;
pub use crate::model::file::Samples;

/// Values that change with time: `name(t)`, or `name(t, i)` for one of each row. Constant from one row's time to the
/// next one's, and before the first and after the last.
#[derive(Clone, Debug, PartialEq)]
pub struct TimedArray {
    /// Its name.
    pub name: String,
    /// The values, and where they stand.
    pub values: (Samples, Text),
    /// Unit of the values; none if absent.
    pub unit: Option<Value>,
    /// Time between two rows.
    pub dt: Value,
}

impl TimedArray {
    /// One value every `dt`, in SI units unless a unit is set.
    pub fn new(name: &str, values: &[f64], dt: &str) -> TimedArray {
        TimedArray::with(name, Samples { numbers: values.to_vec(), columns: None }, dt)
    }

    /// A row of `columns` values every `dt`: row after row, in SI units unless a unit is set.
    pub fn rows(name: &str, values: &[f64], columns: usize, dt: &str) -> TimedArray {
        TimedArray::with(name, Samples { numbers: values.to_vec(), columns: Some(columns) }, dt)
    }

    fn with(name: &str, samples: Samples, dt: &str) -> TimedArray {
        let place = |part: &str| format!("timed_arrays.{name}.{part}");
        let values = (samples, Text::new(place("values"), "values"));
        TimedArray { name: name.to_string(), values, unit: None, dt: Value::expression(&place("dt"), dt) }
    }

    /// Sets the unit of the values, such as `nA`.
    #[must_use]
    pub fn unit(mut self, unit: &str) -> TimedArray {
        self.unit = Some(Value::expression(&format!("timed_arrays.{}.unit", self.name), unit));
        self
    }
}

/// A function written in Rust: from one slice for each argument to the results, all of one length. Integers and
/// booleans (0 and 1) come and go as doubles.
pub type Closure = Arc<dyn Fn(&[&[f64]], &mut [f64]) + Send + Sync>;

/// A function that models can call.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub parameters: Vec<Parameter>,
    /// Unit of the result; none if absent.
    pub unit: Option<Value>,
    /// Type of the result.
    pub result: ValueType,
    /// How it is computed.
    pub text: FunctionText,
}

/// A parameter of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: Text,
    /// Its unit; none if absent.
    pub unit: Option<Value>,
    /// Its type.
    pub ty: ValueType,
}

/// An array that C source reads.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeArray {
    /// Its name in the source, where it is a `const double *`.
    pub name: String,
    /// The values.
    pub values: Vec<f64>,
}

/// How a function is computed.
#[derive(Clone)]
pub enum FunctionText {
    /// By an expression over the SI values of its parameters.
    Expression(Text),
    /// By a closure. `stateful`: whether equal arguments can give different results.
    Closure {
        /// The closure.
        closure: Closure,
        /// Whether equal arguments can give different results.
        stateful: bool,
    },
    /// By C source with a function of that name. Only with permission to run native code.
    Native {
        /// Whether equal arguments can give different results.
        stateful: bool,
        /// The source.
        source: String,
        /// Names of other functions written in C that it calls.
        dependencies: Vec<String>,
        /// Arrays that it reads.
        arrays: Vec<NativeArray>,
    },
    /// By drawing a binomial number: how many of `n` independent trials succeed.
    Binomial {
        /// Number of trials.
        n: u64,
        /// Chance of each to succeed, from 0 to 1.
        p: f64,
    },
}

impl fmt::Debug for FunctionText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FunctionText::Expression(text) => write!(f, "Expression({:?})", text.as_str()),
            FunctionText::Closure { stateful, .. } => write!(f, "Closure {{ stateful: {stateful} }}"),
            FunctionText::Native { source, .. } => write!(f, "Native({source:?})"),
            FunctionText::Binomial { n, p } => write!(f, "Binomial({n}, {p})"),
        }
    }
}

impl Function {
    fn new(name: &str, parameters: &[&str], text: FunctionText) -> Function {
        let parameter = |p: &&str| Parameter {
            name: Text::new(format!("functions.{name}.args"), *p),
            unit: None,
            ty: ValueType::Float,
        };
        let parameters = parameters.iter().map(parameter).collect();
        Function { name: name.to_string(), parameters, unit: None, result: ValueType::Float, text }
    }

    /// An expression over the SI values of its parameters.
    pub fn expression(name: &str, parameters: &[&str], expression: &str) -> Function {
        let text = Text::new(format!("functions.{name}.expression"), expression);
        Function::new(name, parameters, FunctionText::Expression(text))
    }

    /// A closure over slices.
    pub fn closure(
        name: &str,
        parameters: &[&str],
        closure: impl Fn(&[&[f64]], &mut [f64]) + Send + Sync + 'static,
    ) -> Function {
        let text = FunctionText::Closure { closure: Arc::new(closure), stateful: false };
        Function::new(name, parameters, text)
    }

    /// C source that defines `name`, a function of `double` (`int32_t` for integers, `char` for booleans). It runs only
    /// in networks that are made with permission to run native code.
    pub fn native(name: &str, parameters: &[&str], source: &str) -> Function {
        let (source, dependencies, arrays) = (source.to_string(), Vec::new(), Vec::new());
        let text = FunctionText::Native { stateful: false, source, dependencies, arrays };
        Function::new(name, parameters, text)
    }

    /// `name()`: how many of `n` independent trials succeed, each with the chance `p`.
    pub fn binomial(name: &str, n: u64, p: f64) -> Function {
        Function::new(name, &[], FunctionText::Binomial { n, p })
    }

    /// Sets the units of the parameters, `1` for none.
    #[must_use]
    pub fn argument_units(mut self, units: &[&str]) -> Function {
        let place = format!("functions.{}.arg_units", self.name);
        for (parameter, unit) in self.parameters.iter_mut().zip(units) {
            parameter.unit = Some(Value::expression(&place, unit));
        }
        self
    }

    /// Sets the types of the parameters.
    #[must_use]
    pub fn argument_types(mut self, types: &[ValueType]) -> Function {
        self.parameters.iter_mut().zip(types).for_each(|(parameter, ty)| parameter.ty = *ty);
        self
    }

    /// Sets the unit of the result.
    #[must_use]
    pub fn unit(mut self, unit: &str) -> Function {
        self.unit = Some(Value::expression(&format!("functions.{}.unit", self.name), unit));
        self
    }

    /// Sets the type of the result.
    #[must_use]
    pub fn result(mut self, ty: ValueType) -> Function {
        self.result = ty;
        self
    }

    /// Says that equal arguments can give different results: calls are neither repeated nor left out.
    #[must_use]
    pub fn stateful(mut self) -> Function {
        if let FunctionText::Closure { stateful, .. } | FunctionText::Native { stateful, .. } = &mut self.text {
            *stateful = true;
        }
        self
    }

    /// Says which other functions written in C the source calls.
    #[must_use]
    pub fn dependencies(mut self, names: &[&str]) -> Function {
        if let FunctionText::Native { dependencies, .. } = &mut self.text {
            *dependencies = names.iter().map(|n| (*n).to_string()).collect();
        }
        self
    }

    /// Gives the source an array, a `const double *` of that name.
    #[must_use]
    pub fn array(mut self, name: &str, values: &[f64]) -> Function {
        if let FunctionText::Native { arrays, .. } = &mut self.text {
            arrays.push(NativeArray { name: name.to_string(), values: values.to_vec() });
        }
        self
    }
}
