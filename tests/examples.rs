//! The examples do what they say.

use std::path::Path;

use saltus::diag::Diagnostics;
use saltus::engine::Options;
use saltus::model::file;
use saltus::network::{self, Network};

#[path = "../examples/hodgkin_huxley.rs"]
#[allow(dead_code, reason = "its `main` is the program")]
mod hodgkin_huxley;

#[test]
fn hodgkin_huxley_is_the_model_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/hh_seed.toml");
    let (model, mut diagnostics) = file::parse(file::read(&path).expect("a model"));
    let (model, _) = network::from_file(&model, &mut diagnostics);
    assert_eq!(diagnostics, Diagnostics::default());
    let [from_file, from_rust] = [&model, &hodgkin_huxley::model()].map(|model| {
        let mut network = Network::new(model, Options::interpreted()).expect("a right model");
        network.run_for("100*ms").expect("a run");
        network
    });
    let spikes = |network: &Network| network.spikes("spikes").map(|s| (s.i.clone(), s.t.clone()));
    assert_eq!(spikes(&from_rust), spikes(&from_file));
    assert!(spikes(&from_rust).is_some_and(|(i, _)| !i.is_empty()));
    assert_eq!(from_rust.final_state(), from_file.final_state());
}
