//! The values of expressions over a network as it is now: in the language of models, with units, and in C.

use crate::network::{Error, Network};
pub use crate::network::{Evaluated, Statistics};

/// The value of an expression for each element of a group, of a part of one or of synapses, or of constants, units,
/// functions and the time alone. Nothing that runs is changed by it: random numbers come from a copy of the streams.
///
/// ```
/// use saltus::{engine::Options, inspect::eval, network::{Model, Network, NeuronGroup}};
/// let cells = NeuronGroup::new("cells", 4, "dv/dt = -v/(10*ms) : volt").method("exact");
/// let model = Model::new().group(cells).init("cells", "v", "i*10*mV");
/// let mut network = Network::new(&model, Options::interpreted())?;
/// let seen = eval(&mut network, "v - 5*mV", Some("cells"))?;
/// assert_eq!(seen.to_string(), "v - 5*mV of cells at t = 0. s: 4 floats in mV, min -5., mean 10., max 25.; -5. 5. 15. 25.");
/// assert_eq!(eval(&mut network, "mean", None).unwrap_err().to_string().lines().next(), Some("error: `mean` is not defined"));
/// # Ok::<(), saltus::network::Error>(())
/// ```
///
/// # Errors
/// As of [`Network::look`].
pub fn eval(network: &mut Network, expression: &str, scope: Option<&str>) -> Result<Evaluated, Error> {
    network.look(expression, scope)
}

/// The value of an expression in C, where native code is allowed: as of [`Network::look_native`].
///
/// # Errors
/// As of [`Network::look_native`].
pub fn eval_native(network: &mut Network, expression: &str, scope: Option<&str>) -> Result<Evaluated, Error> {
    network.look_native(expression, scope)
}
