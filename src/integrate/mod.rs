//! Methods of integration: from differential equations to the statements of one step.
//!
//! [`integrate`] takes the equations of a group and a method and gives a [`Block`]: new values of all variables are
//! computed into locals from old values, then stored. It is pure algebra; units, types and arrays are others' business.
//!
//! * A variable marked `unless refractory` is stored only where `not_refractory` is true; whoever lowers the block sees
//!   to that. Rates are multiplied by `int(not_refractory)` only where a value inside the step would show otherwise.
//! * Subexpressions keep their names where they stand for their value at the start of the step.
//! * Noise, `xi` and `xi_NAME`, is drawn at the start of the step with calls of `randn()`, once for each name. Statements
//!   hold no other trace of it; subexpressions that mention it are put in.
//! * Functions with other names than the language knows are opaque: their value depends on their arguments only.
//! * Powers with a negative whole exponent are reciprocals here, also of integers.
//!
//! `automatic` choice follows Brian2: `exact` where Brian2 has it, else `euler` (see [`automatic`]); with noise,
//! `euler` where it is additive, else `heun`.

pub mod automatic;
mod constancy;
pub mod event_driven;
mod exact;
mod explicit;
mod exponential_euler;
mod linear;
mod noise;
pub mod propagator;
mod step;
mod stochastic;
mod subexpressions;

use crate::diag::Diagnostic;
use crate::expr::simplify;
use crate::model::block::{Block, OdeSystem, Propagator};

/// The methods there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// The solution of linear equations with coefficients that are constant over a step.
    Exact,
    /// Each variable by the solution of its own equation, linear in it, with all others held.
    ExponentialEuler,
    /// Forward Euler, of order 1; with additive noise, the method of Maruyama.
    Euler,
    /// The midpoint method, of order 2.
    Rk2,
    /// The classical Runge-Kutta method, of order 4.
    Rk4,
    /// Heun's method for noise, in Stratonovich's sense; the rest of the equation by forward Euler.
    Heun,
    /// Milstein's method without derivatives, in Stratonovich's sense, for equations with a noise of their own each.
    Milstein,
}

/// Which method to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// What Brian2 would choose.
    Automatic,
    /// This one.
    Named(Method),
}

/// The step of a system.
#[derive(Clone, Debug, PartialEq)]
pub struct Integration {
    /// The method used.
    pub method: Method,
    /// The statements of one step.
    pub block: Block,
    /// What they read that must be computed before, if anything.
    pub propagator: Option<Propagator>,
}

/// Names of Brian2's methods that are not among [`Method`].
const UNAVAILABLE: [&str; 6] = ["gsl", "gsl_rk2", "gsl_rk4", "gsl_rkf45", "gsl_rkck", "gsl_rk8pd"];

impl Method {
    /// All methods.
    pub const ALL: [Method; 7] = [
        Method::Exact,
        Method::ExponentialEuler,
        Method::Euler,
        Method::Rk2,
        Method::Rk4,
        Method::Heun,
        Method::Milstein,
    ];

    /// Its name in models.
    pub fn name(self) -> &'static str {
        match self {
            Method::Exact => "exact",
            Method::ExponentialEuler => "exponential_euler",
            Method::Euler => "euler",
            Method::Rk2 => "rk2",
            Method::Rk4 => "rk4",
            Method::Heun => "heun",
            Method::Milstein => "milstein",
        }
    }

    /// The method of this name, in upper or lower case; `linear` and `independent` are old names of `exact`.
    pub fn from_name(name: &str) -> Result<Method, Diagnostic> {
        let lower = name.to_lowercase();
        let found = match lower.as_str() {
            "linear" | "independent" => Some(Method::Exact),
            _ => Method::ALL.into_iter().find(|m| m.name() == lower),
        };
        let known = Method::ALL.map(Method::name);
        let list = format!("the methods are {}", listed(&known, "and"));
        match found {
            Some(method) => Ok(method),
            None if UNAVAILABLE.contains(&lower.as_str()) => {
                Err(Diagnostic::unlocated(format!("the method `{lower}` is not available yet")).hint(list))
            }
            None => Err(Diagnostic::unlocated(format!("there is no method `{name}`")).hint(
                match crate::diag::nearest(&lower, known) {
                    Some(near) => format!("did you mean `{near}`? {list}"),
                    None => list,
                },
            )),
        }
    }
}

/// `a`, `b` and `c`
fn listed(names: &[&str], last: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    match quoted.split_last() {
        Some((only, [])) => only.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
        None => String::new(),
    }
}

/// The step of the system by the method.
///
/// Errors say which term of which equation the method cannot do, and which methods can.
///
/// ```
/// use saltus::diag::{Diagnostics, Span, Text};
/// use saltus::expr::parser;
/// use saltus::integrate::{Choice, Method, integrate};
/// use saltus::model::block::{Ode, OdeSystem};
///
/// let text = Text::new("equations", "(E - v)/tau");
/// let rhs = parser::expression(&text, &mut Diagnostics::default()).unwrap();
/// let ode = Ode { name: "v".into(), rhs, unless_refractory: false, span: Span::default() };
/// let system =
///     OdeSystem { odes: vec![ode], subexpressions: Default::default(), steady: Default::default(), text };
/// let step = integrate(&system, Choice::Named(Method::Euler)).unwrap();
/// assert_eq!(step.block.statements[0].to_string(), "_v = v + dt/tau*(E - v)");
/// assert_eq!(step.block.statements[1].to_string(), "v = _v");
/// ```
pub fn integrate(system: &OdeSystem, choice: Choice) -> Result<Integration, Diagnostic> {
    let system = &with_float_powers(system);
    noise::check_names(system)?;
    match choice {
        Choice::Named(method) => by_method(system, method),
        Choice::Automatic if noise::has_noise(system) => {
            let method = if noise::split(system)?.check_additive().is_ok() { Method::Euler } else { Method::Heun };
            by_method(system, method)
        }
        Choice::Automatic => match linear::rates(system) {
            Ok(rates) if automatic::brian2_has_exact(system, &rates) => Ok(exact::step(system, &rates)),
            _ => by_method(system, Method::Euler),
        },
    }
}

fn by_method(system: &OdeSystem, method: Method) -> Result<Integration, Diagnostic> {
    match method {
        Method::Exact | Method::ExponentialEuler | Method::Rk2 | Method::Rk4 => noise::refuse(system, method)?,
        Method::Euler | Method::Heun | Method::Milstein => {}
    }
    let block = match method {
        Method::Exact => return Ok(exact::step(system, &linear::rates(system)?)),
        Method::ExponentialEuler => exponential_euler::step(system)?,
        Method::Rk2 => explicit::rk2(system),
        Method::Rk4 => explicit::rk4(system),
        Method::Euler => {
            let noisy = noise::split(system)?;
            noisy.check_additive()?;
            stochastic::euler(&noisy)
        }
        Method::Heun => {
            let noisy = noise::split(system)?;
            noisy.check_factors()?;
            stochastic::heun(&noisy)
        }
        Method::Milstein => {
            let noisy = noise::split(system)?;
            noisy.check_factors()?;
            noisy.check_diagonal()?;
            stochastic::milstein(&noisy)
        }
    };
    Ok(Integration { method, block, propagator: None })
}

fn with_float_powers(system: &OdeSystem) -> OdeSystem {
    let mut out = system.clone();
    for expr in out.odes.iter_mut().map(|ode| &mut ode.rhs).chain(out.subexpressions.values_mut()) {
        *expr = simplify::reciprocal_powers(expr);
    }
    out
}
