//! Rates in bins and smoothed.

use saltus::network::{Model, Monitor, Network, NeuronGroup, RateError, RatesOverTime, Record, SpikeGeneratorGroup};
use saltus::network::{Subgroup, Window};
use serde_json::Value;

use crate::{Brian, interpreted, run};

fn spikes() -> Model {
    let times = [0.0, 0.2, 0.2, 0.5, 0.9, 1.0, 1.3, 1.4, 1.9].map(|ms: f64| ms * 1e-3);
    let cells = SpikeGeneratorGroup::new("sg", 3, &[0, 1, 2, 0, 1, 0, 2, 2, 0], &times);
    Model::new().group(cells).rate_monitor("r", "sg").spike_monitor("s", "sg")
}

fn flat(rates: Result<RatesOverTime, RateError>) -> (Vec<f64>, Vec<f64>) {
    let rates = rates.unwrap_or_else(|error| panic!("{error}"));
    (rates.t, rates.rates.concat())
}

/// `gaussian 0.3 ms`, `flat 0.4 ms` or `own NAME`.
fn smooth(network: &Network, monitor: &str, how: &str) -> Vec<f64> {
    let (shape, rest) = how.split_once(' ').expect("two words");
    let width_seconds = || rest.strip_suffix(" ms").expect("a time").parse::<f64>().expect("a number") * 1e-3;
    let own: &[f64] = match rest {
        "one" => &[1.0],
        "three" => &[1.0, 2.0, 1.0],
        "asymmetric" => &[1.0, 0.0, 0.0],
        "five" => &[0.5, 1.0, 5.0, 1.0, 0.25],
        "ints" => &[1.0; 3],
        _ => &[],
    };
    let window = match shape {
        "gaussian" => Window::Gaussian { width_seconds: width_seconds() },
        "flat" => Window::Flat { width_seconds: width_seconds() },
        _ => Window::Own(own),
    };
    flat(network.smooth_rate(monitor, window)).1
}

#[test]
fn rates_are_smoothed_as_in_brian2() {
    let brian = Brian::of("rates");
    let network = run(&spikes(), "2*ms");
    let Value::Object(cases) = brian.at("smooth_population") else { panic!("cases") };
    // There, what is smoothed with a window longer than the data is as long as the window.
    let usual = cases
        .keys()
        .filter(|how| !["rate", "t", "own longer", "gaussian 1.0 ms", "gaussian 5.0 ms"].contains(&how.as_str()));
    for how in usual.clone() {
        brian.check(&format!("smooth_population/{how}"), &smooth(&network, "r", how));
    }
    assert!(usual.count() > 14);
    for how in ["gaussian 0.3 ms", "flat 0.3 ms", "flat 0.4 ms"] {
        brian.check(&format!("smooth_spikes/{how}"), &smooth(&network, "s", how));
    }
    brian.check("smooth_spikes/own", &smooth(&network, "s", "own three"));
    // The middle of Brian2's longer result.
    let long = brian.numbers("smooth_population/gaussian 1.0 ms");
    assert_eq!(long.len(), 41);
    crate::check("gaussian 1 ms", &smooth(&network, "r", "gaussian 1.0 ms"), &long[11..31], crate::TOLERANCE);
    assert_eq!(smooth(&network, "r", "gaussian 0 ms"), network.rates("r").unwrap().rate);
}

#[test]
fn bins_are_brians() {
    let brian = Brian::of("rates");
    let network = run(&spikes(), "2*ms");
    for (case, monitor) in [("binned_population", "r"), ("binned_spikes", "s")] {
        for ms in ["0.1", "0.2", "0.5", "0.7", "1.0", "2.0"] {
            let (t, rates) = flat(network.binned_rate(monitor, ms.parse::<f64>().unwrap() * 1e-3));
            if monitor == "s" && ms == "0.7" {
                // Brian2 stumbles over a spike in the last bin, which is not full.
                assert_eq!(t.len(), 2);
                let count =
                    |cell: usize| rates[2 * cell..][..2].iter().map(|r| (r * 0.7e-3).round()).collect::<Vec<_>>();
                assert_eq!([count(0), count(1), count(2)], [[2.0, 1.0], [1.0, 1.0], [1.0, 1.0]]);
            } else {
                brian.check(&format!("{case}/{ms} ms/t"), &t);
                brian.check(&format!("{case}/{ms} ms/rate"), &rates);
            }
        }
        assert_eq!(flat(network.binned_rate(monitor, 3e-3)), (vec![], vec![]));
        // As floats, 0.3 ms is no multiple of 0.1 ms; it is one here.
        assert_eq!(flat(network.binned_rate(monitor, 0.3e-3)).0.len(), 6);
    }
    let (t, rates) = flat(network.binned_rate("r", 0.3e-3));
    crate::check("0.3 ms", &t, &[0.0, 0.3e-3, 0.6e-3, 0.9e-3, 1.2e-3, 1.5e-3], crate::TOLERANCE);
    crate::check("0.3 ms", &rates.iter().map(|r| r * 0.9e-3).collect::<Vec<_>>(), &[3., 1., 0., 2., 2., 0.], 1e-12);
}

#[test]
fn runs_go_on_and_events_of_parts_have_their_own_step() {
    let brian = Brian::of("rates");
    let mut network = interpreted(&spikes());
    assert_eq!(flat(network.binned_rate("r", 1e-3)), (vec![], vec![]));
    network.run_for("0.55*ms").unwrap();
    network.run_for("0.4*ms").unwrap();
    for (key, monitor, bin) in [("r", "r", 0.2e-3), ("s", "s", 0.2e-3), ("s 0.1", "s", 0.1e-3)] {
        let (t, rates) = flat(network.binned_rate(monitor, bin));
        brian.check(&format!("after_two_runs_and_no_spikes/{key}/0"), &t);
        brian.check(&format!("after_two_runs_and_no_spikes/{key}/1"), &rates);
    }
    brian.check("after_two_runs_and_no_spikes/smooth_s", &smooth(&network, "s", "flat 0.3 ms"));

    let cells = NeuronGroup::new("g", 4, "dv/dt = (1 + i)/ms : 1").method("euler").event("e", "v > 0.35").dt("0.2*ms");
    let part = Subgroup::new("part", "g", 1, 4);
    let model = Model::new().group(cells.on_event("e", "v = 0")).group(part).monitor(Monitor::events("e", "part", "e"));
    let network = run(&model, "2*ms");
    let (t, rates) = flat(network.binned_rate("e", 0.4e-3));
    brian.check("events_and_subgroup/bin_t", &t);
    brian.check("events_and_subgroup/rate", &rates);
    brian.check("events_and_subgroup/smooth", &smooth(&network, "e", "gaussian 0.2 ms"));
}

#[test]
fn what_was_written_to_files_is_missed() {
    let directory = tempfile::tempdir().unwrap();
    let mut network = interpreted(&spikes());
    network.stream_to(directory.path()).unwrap();
    network.run_for("2*ms").unwrap();
    network.finish_stream().unwrap();
    for monitor in ["r", "s"] {
        let error = network.binned_rate(monitor, 1e-3).unwrap_err();
        assert!(matches!(error, RateError::NotHeld { held: 0, .. }), "{error}");
    }
}

#[test]
fn what_cannot_be_is_said() {
    let model = spikes().monitor(Monitor::spikes("counts", "sg").record(Record::None));
    let model = model.group(NeuronGroup::new("g", 1, "v : 1")).state_monitor("states", "g", &["v"], None, None);
    let network = run(&model, "2*ms");
    let bins = |name: &str, bin: f64| network.binned_rate(name, bin).unwrap_err().to_string();
    let smooth = |window: Window<'_>| network.smooth_rate("r", window).unwrap_err().to_string();
    insta::assert_snapshot!(
        [
            bins("nope", 1e-3),
            bins("states", 1e-3),
            bins("counts", 1e-3),
            bins("r", 0.25e-3),
            bins("s", 0.05e-3),
            bins("s", 0.0),
            bins("r", -1e-3),
            smooth(Window::Gaussian { width_seconds: -1e-3 }),
            smooth(Window::Flat { width_seconds: f64::INFINITY }),
            smooth(Window::Own(&[1.0; 4])),
            smooth(Window::Own(&[])),
            smooth(Window::Own(&[1.0, -2.0, 1.0])),
        ]
        .join("\n")
    );
}
