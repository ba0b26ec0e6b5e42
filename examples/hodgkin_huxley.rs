//! A hundred Hodgkin-Huxley neurons, each driven by a current of its own: `cargo run --release --example hodgkin_huxley`

#![allow(clippy::print_stdout, reason = "an example shows something")]

use saltus::engine::Options;
use saltus::network::{Error, Model, Network, NeuronGroup};

/// The model of `examples/hh_seed.toml`.
pub fn model() -> Model {
    let equations = "
        dv/dt = (gl*(El-v) - g_na*(m*m*m)*h*(v-ENa) - g_kd*(n*n*n*n)*(v-EK) + I)/Cm : volt
        dm/dt = 0.32*(mV**-1)*4*mV/exprel((13.*mV-v+VT)/(4*mV))/ms*(1-m)
                - 0.28*(mV**-1)*5*mV/exprel((v-VT-40.*mV)/(5*mV))/ms*m : 1
        dn/dt = 0.032*(mV**-1)*5*mV/exprel((15.*mV-v+VT)/(5*mV))/ms*(1.-n) - .5*exp((10.*mV-v+VT)/(40.*mV))/ms*n : 1
        dh/dt = 0.128*exp((17.*mV-v+VT)/(18.*mV))/ms*(1.-h) - 4./(1+exp((40.*mV-v+VT)/(5.*mV)))/ms*h : 1
        I : amp";
    let cells = NeuronGroup::new("cells", 100, equations).method("exponential_euler");
    Model::new()
        .constant("area", "20000*umetre**2")
        .constant("Cm", "1*ufarad*cm**-2 * area")
        .constant("gl", "5e-5*siemens*cm**-2 * area")
        .constant("El", "-65*mV")
        .constant("EK", "-90*mV")
        .constant("ENa", "50*mV")
        .constant("g_na", "100*msiemens*cm**-2 * area")
        .constant("g_kd", "30*msiemens*cm**-2 * area")
        .constant("VT", "-63*mV")
        .group(cells.threshold("v > -40*mV").refractory("v > -40*mV"))
        .init("cells", "v", "El")
        .init("cells", "I", "0.7*nA * i / 100")
        .spike_monitor("spikes", "cells")
}

fn main() -> Result<(), Error> {
    let mut network = Network::new(&model(), Options::default())?;
    network.run_for("500*ms")?;
    println!("{} spikes", network.spikes("spikes").map_or(0, |spikes| spikes.i.len()));
    Ok(())
}
