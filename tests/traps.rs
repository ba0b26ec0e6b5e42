//! Where a simulator that means what Brian2 means can go wrong unnoticed: numbered traps, each held by a whole model with
//! Brian2's results (`tests/models`), or by a test.
//!
//! A model says in the comment at its head which traps it holds. Values that stand here are those of Brian2 2.10.1, but
//! for tests that say that saltus differs on purpose (`docs/differences.md`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use saltus::engine::Options;
use saltus::network::model::{Connect, Synapses};
use saltus::network::{
    AnyGroup, Function, Link, Model, Monitor, Network, NetworkOperation, NeuronGroup, Operation, PoissonInput, Record,
    SpikeGeneratorGroup,
};

/// What holds a trap.
enum Held {
    /// Models with Brian2's results.
    Models(&'static [&'static str]),
    /// A test of this file.
    Here(&'static str),
    /// A test of another file.
    Test(&'static str, &'static str),
}
use Held::{Here, Models, Test};

/// How many traps there are.
const TRAPS: u32 = 83;

/// Each trap, and what holds it.
const HELD: &[(u32, &str, &[Held])] = &[
    (
        1,
        "a cell may spike again after exactly its refractory time",
        &[Models(&["refractory_rounding", "refractory_zero"])],
    ),
    (
        2,
        "refractoriness is looked at at the start of the state update",
        &[Models(&["refractory_state", "timed_refractory"])],
    ),
    (3, "a spike makes refractory within its own step", &[Models(&["poisson_input_sure", "path_refractory"])]),
    (
        4,
        "`unless refractory` guards all code but resets and events",
        &[Models(&[
            "unless_refractory",
            "runs_protected",
            "events_refractory",
            "poisson_input_sure",
            "path_refractory",
        ])],
    ),
    (
        5,
        "without refractoriness the flag means nothing, and events ignore it",
        &[Models(&["events_refractory"]), Here("a_flag_without_refractoriness_means_nothing")],
    ),
    (6, "a pathway that writes protected variables of both ends", &[Here("each_end_is_protected_by_its_own_flag")]),
    (7, "`lastspike` has 64 bits in groups of 32", &[Here("times_of_spikes_keep_all_bits")]),
    (
        8,
        "`lastspike` is -10,000 s before the first spike",
        &[Models(&["refractory_boolean"]), Here("before_the_first_spike")],
    ),
    (
        9,
        "steps are counted by truncation, a thousandth of a step generously",
        &[Models(&["refractory_rounding", "dt_third", "time_and_index"])],
    ),
    (10, "integers have 32 bits, steps 64", &[Models(&["arithmetic_integer", "time_and_index", "regular_own_step"])]),
    (11, "`/` is float, `//` and `%` have the sign of the divisor", &[Models(&["arithmetic_integer"])]),
    (12, "division by zero", &[Models(&["nan_and_inf"]), Here("division_by_zero_is_told")]),
    (13, "`floor` and `ceil` are floats", &[Models(&["functions_all"]), Here("floors_have_no_32_bits")]),
    (14, "powers of integers", &[Models(&["arithmetic_powers"])]),
    (15, "booleans in arithmetic and conditions", &[Models(&["boolean_logic"])]),
    (16, "`v = v + w` is `v += w`", &[Models(&["reset_statements"]), Here("adding_has_two_spellings")]),
    (
        17,
        "shared statements run once, first, also without cells",
        &[Models(&["regular_shared"]), Test("tests/cli/texts.rs", "wrong_models")],
    ),
    (18, "what is hoisted out of loops keeps its bits", &[Test("tests/kernels/main.rs", "hoisting_changes_no_bit")]),
    (19, "a cell that a synapse joins to itself gets both changes", &[Models(&["path_effects"])]),
    (20, "statements of pathways run synapse by synapse", &[Models(&["path_sequence"])]),
    (21, "spikes act in the order of cells, then of synapses", &[Models(&["path_sequence", "path_order"])]),
    (22, "delays are rounded half up to steps", &[Models(&["path_delays"])]),
    (23, "without delay a spike acts in its own step, before the reset", &[Models(&["path_delays", "path_events"])]),
    (24, "Poisson inputs come with the synapses, by name", &[Models(&["poisson_input_sure", "path_order"])]),
    (25, "pathways run in the order of their names", &[Models(&["path_order"])]),
    (
        26,
        "spikes on their way outlast a change of the step",
        &[Here("spikes_on_their_way_outlast_a_change_of_the_step")],
    ),
    (27, "sums are taken before the state update, from the values of the step before", &[Models(&["summed"])]),
    (28, "names without suffix: the synapse's, then the target's", &[Models(&["path_names", "connect_condition"])]),
    (29, "event-driven variables advance with every pathway", &[Models(&["event_driven"])]),
    (30, "what changes at events and what at every step do not mix", &[Test("tests/cli/texts.rs", "wrong_models")]),
    (
        31,
        "conditions are met, and draw, source by source",
        &[Models(&["connect_condition", "random_connect_p", "random_connect_sample"])],
    ),
    (32, "how a probability draws depends on its size", &[Models(&["random_connect_p", "random_connect_sample"])]),
    (33, "samples of a size: selection or rejection", &[Models(&["random_connect_sample"])]),
    (
        34,
        "bounds of generators are taken anew for each row",
        &[Models(&["connect_generator", "random_connect_sample"])],
    ),
    (35, "numbers of synapses of a pair count over all calls", &[Models(&["connect_n"])]),
    (
        38,
        "a variable hides a constant of its name",
        &[Models(&["temporary_named_as_constant"]), Here("variables_hide_constants")],
    ),
    (39, "state outside of kernels lives on between runs", &[Models(&["random_blocks", "runs_inputs"])]),
    (40, "the last list of an event stays until the next, or the end of a run", &[Here("events_last_until_the_next")]),
    (41, "times are counted, not added up; runs end on a step", &[Models(&["runs_rounding"])]),
    (42, "what is due at one time runs in the order of slots, not by clock", &[Models(&["clocks_several"])]),
    (43, "equal places are sorted by name, byte by byte", &[Models(&["regular_order", "monitors_names"])]),
    (
        44,
        "states are recorded at the start of steps, the last one never",
        &[Models(&["monitors_when", "monitors_records"])],
    ),
    (
        45,
        "spikes are recorded before the reset; or only counted",
        &[Models(&["events_several"]), Here("counted_spikes_are_not_recorded")],
    ),
    (46, "rates have a value a step, of the part they watch", &[Models(&["monitors_rate"])]),
    (47, "NaN is a warning after the run", &[Here("nan_is_told_after_a_run")]),
    (
        48,
        "given spikes fall into steps by truncation, at most one a cell",
        &[Models(&["generator"]), Here("two_given_spikes_in_a_step_are_refused")],
    ),
    (49, "given spikes before a run are not made up for", &[Here("given_spikes_of_the_past_are_gone")]),
    (50, "the index of a timed array", &[Models(&["timed_1d", "timed_2d", "timed_bad_column", "timed_stages"])]),
    (51, "a timed array is constant over a step only if the steps divide exactly", &[Models(&["timed_exact"])]),
    (
        52,
        "binomial numbers for more than one half",
        &[
            Here("binomial_numbers_are_right_for_any_chance"),
            Test("tests/random.rs", "binomial_numbers_are_those_of_numpy"),
        ],
    ),
    (
        53,
        "Poisson inputs draw for each cell and step, and keep their step",
        &[Models(&["poisson_input_sure"]), Here("poisson_inputs_are_independent_and_keep_their_step")],
    ),
    (54, "a cell of a Poisson group spikes at most once a step", &[Models(&["subgroup_poisson", "poisson_rates"])]),
    (55, "streams of random numbers are filled in blocks", &[Models(&["random_blocks", "random_regular"])]),
    (56, "one expression draws once", &[Here("an_expression_draws_once")]),
    (57, "several noises are drawn in the order of the text", &[Here("noises_are_drawn_in_the_order_of_the_text")]),
    (58, "milstein and heun are Stratonovich", &[Models(&["random_noise"])]),
    (59, "the choice of a method falls back", &[Models(&["auto_euler", "auto_exact"])]),
    (
        60,
        "a coefficient of 0 in exponential Euler",
        &[Models(&["expeuler_forms"]), Here("a_coefficient_of_zero_has_a_limit")],
    ),
    (61, "all variables step at once", &[Models(&["fitzhugh_nagumo", "rk2_van_der_pol"])]),
    (62, "`constant over dt` is evaluated before anything is recorded", &[Models(&["constant_over_dt"])]),
    (63, "strings set from outside draw outside of the blocks", &[Models(&["random_init"])]),
    (
        64,
        "subgroups count from their own first cell",
        &[Models(&["subgroup_sources", "sub_pathways", "connect_subgroups"])],
    ),
    (65, "booleans are bytes", &[Test("tests/kernels/main.rs", "every_tier_leaves_the_same_bits")]),
    (
        66,
        "one array under two names",
        &[Here("links_into_the_own_group"), Test("tests/kernels/threads.rs", "what_elements_share_is_not_divided")],
    ),
    (67, "records move as they grow", &[Here("operations_see_records_grow")]),
    (
        68,
        "names of users and names of templates",
        &[Models(&["names_awkward"]), Test("src/render/names.rs", "only_reserved_names_change")],
    ),
    (69, "variables named as keywords or library functions", &[Models(&["names_awkward"])]),
    (
        70,
        "fast maths, NaN and denormal numbers",
        &[
            Models(&["nan_and_inf"]),
            Here("small_numbers_are_not_flushed"),
            Test("src/build/flags.rs", "no_family_gets_a_flag_that_changes_results"),
        ],
    ),
    (
        71,
        "stored states hold everything",
        &[Test("tests/running/state.rs", "every_model_goes_on_from_a_file_as_if_it_had_not_stopped")],
    ),
    (
        72,
        "code at given times, which need not be steps",
        &[Test("tests/running/steps.rs", "code_runs_at_given_times_that_need_not_be_steps")],
    ),
    (
        74,
        "who takes part in a run is settled at its start",
        &[Test("tests/running/control.rs", "what_is_switched_off_during_a_run_still_runs_to_its_end")],
    ),
    (
        75,
        "slots of an own schedule have a before and an after",
        &[Test("tests/running/steps.rs", "a_schedule_of_ones_own_decides_the_order")],
    ),
    (76, "methods of GSL", &[Test("tests/integrate.rs", "names_of_methods")]),
    (
        77,
        "the key of a kernel holds everything that matters",
        &[Test("src/build/recipe.rs", "every_field_changes_the_key")],
    ),
    (
        80,
        "code with its own step sees the group's `dt`",
        &[Models(&["regular_own_step", "clocks_several", "timed_1d"])],
    ),
    (81, "weights have all their digits", &[Here("weights_have_all_digits")]),
    (82, "recording all variables means those of the equations", &[Models(&["monitors_records"])]),
    (83, "subexpressions are recorded as they are", &[Models(&["monitors_records", "subexpressions_nested"])]),
];

/// Traps that are not met here, and why.
const NOT_MET: &[(u32, &str)] = &[
    (36, "Python: lookup of implementations by class"),
    (37, "Python: implementations in C++; here they are in C"),
    (73, "Python: networks collected from variables of the caller"),
    (78, "Python: internal calls that make synapses"),
    (79, "templates of Brian2: `N` as a variable of synapses and monitors"),
];

fn read(path: &str) -> String {
    let full = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&full).unwrap_or_else(|cause| panic!("{path}: {cause}"))
}

/// The traps that the comment at the head of a model names, as `trap 7`.
fn named_in(model: &str) -> BTreeSet<u32> {
    let text = read(&format!("tests/models/{model}.toml"));
    let head: String = text.lines().take_while(|line| line.starts_with('#')).collect();
    let numbers = head.split("trap ").skip(1).map(|rest| rest.chars().take_while(char::is_ascii_digit).collect());
    numbers.filter_map(|number: String| number.parse().ok()).collect()
}

#[test]
fn every_trap_is_held_or_not_met() {
    let numbers: Vec<u32> = HELD.iter().map(|(n, ..)| *n).chain(NOT_MET.iter().map(|(n, _)| *n)).collect();
    let each: BTreeSet<u32> = numbers.iter().copied().collect();
    assert_eq!(each.len(), numbers.len(), "a trap stands twice");
    let missing: Vec<u32> = (1..=TRAPS).filter(|n| !each.contains(n)).collect();
    assert!(missing.is_empty() && each.len() == TRAPS as usize, "missing: {missing:?}");
}

#[test]
fn what_holds_traps_is_there_and_says_so() {
    let mut faults = Vec::new();
    let mut by_model: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for (number, _, held) in HELD {
        assert!(!held.is_empty(), "nothing holds trap {number}");
        for held in *held {
            match held {
                Models(models) => {
                    for model in *models {
                        by_model.entry(model).or_default().insert(*number);
                    }
                }
                Here(test) => {
                    if !read("tests/traps.rs").contains(&format!("#[test]\nfn {test}() {{\n    // Trap {number}:")) {
                        faults.push(format!("trap {number}: no test `{test}` that names it"));
                    }
                }
                Test(path, test) => {
                    let text = read(path);
                    let is_test = text.contains(&format!("#[test]\nfn {test}("))
                        || text.contains(&format!("#[test]\n    fn {test}("));
                    if !is_test {
                        faults.push(format!("trap {number}: `{path}` has no test `{test}`"));
                    }
                }
            }
        }
    }
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models")).expect("models") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            let model = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let (named, held) = (named_in(&model), by_model.remove(model.as_str()).unwrap_or_default());
            if named != held {
                faults.push(format!("{model}: its comment names the traps {named:?}, the table {held:?}"));
            }
        }
    }
    faults.extend(by_model.keys().map(|model| format!("there is no model `{model}`")));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn network(model: &Model) -> Network {
    Network::new(model, Options::interpreted()).unwrap_or_else(|error| panic!("{error}"))
}

/// A network that ran for a while.
fn after(model: &Model, duration: &str) -> Network {
    let mut network = network(model);
    network.run_for(duration).unwrap_or_else(|error| panic!("{error}"));
    network
}

/// The message about a model that is wrong.
fn refused(model: &Model) -> String {
    match Network::new(model, Options::interpreted()) {
        Ok(_) => panic!("nothing is wrong with it"),
        Err(error) => error.to_string(),
    }
}

fn values(network: &Network, group: &str, variable: &str) -> Vec<f64> {
    network.values(group, variable).unwrap_or_else(|| panic!("no `{variable}`"))
}

/// The steps of 0.1 ms at which spikes were recorded.
fn steps(network: &Network, monitor: &str) -> Vec<i64> {
    network.spikes(monitor).expect("a monitor").t.iter().map(|t| (t / 1e-4).round() as i64).collect()
}

fn alone(group: impl Into<AnyGroup>) -> Model {
    Model::new().group(group)
}

#[test]
fn each_end_is_protected_by_its_own_flag() {
    // Trap 6: Brian2 guards both writes by the flag of one end. Here saltus differs.
    let cell = |name: &str, refractory: &str| {
        NeuronGroup::new(name, 1, "dv/dt = 0/second : 1 (unless refractory)")
            .threshold("t_in_timesteps == 0")
            .reset("")
            .refractory(refractory)
            .method("euler")
    };
    // The spike arrives a step later: in its own step every cell is refractory that ever is.
    for (source, target, expected) in [
        ("False", "False", [1.0, 10.0]),
        ("2*ms", "False", [0.0, 10.0]),
        ("False", "2*ms", [1.0, 0.0]),
        ("2*ms", "2*ms", [0.0, 0.0]),
    ] {
        let synapses =
            Synapses::new("both", "pre", "post", "").on_pre("v_pre += 1; v_post += 10").delay("pre", "0.1*ms");
        let model = Model::new().group(cell("pre", source)).group(cell("post", target));
        let model = model.synapses(synapses.connect(Connect::all()));
        let network = after(&model, "0.2*ms");
        let found = [values(&network, "pre", "v")[0], values(&network, "post", "v")[0]];
        assert_eq!(found, expected, "{source} {target}");
    }
}

#[test]
fn spikes_on_their_way_outlast_a_change_of_the_step() {
    // Trap 26: two old steps fall into one new step, whose spikes are those of both. Here saltus differs.
    let source = NeuronGroup::new("source", 2, "v : 1").threshold("t_in_timesteps == i").reset("");
    let target = NeuronGroup::new("target", 1, "v : 1");
    let synapses = Synapses::new("late", "source", "target", "").on_pre("v_post += 1 + i").delay("pre", "1*ms");
    let model = Model::new().group(source).group(target).synapses(synapses.connect(Connect::all()));
    let mut network = network(&model);
    network.run_for("0.4*ms").expect("a run");
    network.set_step("0.2*ms").expect("a step that fits");
    network.run_for("0.4*ms").expect("a run");
    assert_eq!(values(&network, "target", "v"), [0.0], "before the delay is over");
    network.run_for("0.6*ms").expect("a run");
    assert_eq!(values(&network, "target", "v"), [3.0]);
}

#[test]
fn a_flag_without_refractoriness_means_nothing() {
    // Trap 5: both forms spike alike.
    for flag in ["", " (unless refractory)"] {
        let equations = format!("dv/dt = (2 - v)/(10*ms) : 1{flag}");
        let cells = NeuronGroup::new("cells", 1, &equations).threshold("v > 1").reset("v = 0").method("exact");
        let network = after(&alone(cells).spike_monitor("spikes", "cells"), "30*ms");
        assert_eq!(steps(&network, "spikes"), [69, 139, 209, 279], "{flag}");
    }
}

#[test]
fn times_of_spikes_keep_all_bits() {
    // Trap 7: 0.3 ms is not a number of 32 bits.
    let cells = NeuronGroup::new("cells", 1, "v : 1").threshold("t > 0.25*ms and t < 0.35*ms").reset("");
    let network = after(&alone(cells.refractory("1*ms").float32()), "1*ms");
    assert_eq!(values(&network, "cells", "lastspike"), [0.000_300_000_000_000_000_03]);
}

#[test]
fn before_the_first_spike() {
    // Trap 8: steps are counted from there as from any time.
    let cells = NeuronGroup::new("cells", 1, "x : integer").threshold("False").reset("").refractory("1*ms");
    let code = Operation::new("x = timestep(t - lastspike, dt) - timestep(10000*second, dt)");
    let network = after(&alone(cells.operation(code)), "0.3*ms");
    assert_eq!(values(&network, "cells", "lastspike"), [-10_000.0]);
    assert_eq!(values(&network, "cells", "x"), [2.0]);
}

#[test]
fn division_by_zero_is_told() {
    // Trap 12: integers give 0 and one warning for each place, floats infinity without a word; here saltus differs.
    let cells = NeuronGroup::new("cells", 2, "n : integer\nq : integer\nr : integer\nx : 1")
        .operation(Operation::new("q = 7 // n\nr = 7 % n\nx = 7 / n"));
    let network = after(&alone(cells).init("cells", "n", "2*i"), "1*ms");
    let found = ["q", "r", "x"].map(|variable| values(&network, "cells", variable));
    assert_eq!(found, [vec![0.0, 3.0], vec![0.0, 1.0], vec![f64::INFINITY, 3.5]]);
    let said = network.warnings().to_string();
    assert_eq!(said.matches("divided by zero").count(), 2, "{said}");
}

#[test]
fn floors_have_no_32_bits() {
    // Trap 13: Brian2's Cython target leaves them floats, its NumPy target wraps at 32 bits.
    let cells =
        NeuronGroup::new("cells", 2, "v : 1\nf : 1\nh : 1").operation(Operation::new("f = floor(v)\nh = ceil(v)/2"));
    let network = after(&alone(cells).init("cells", "v", "3.7e9 - i*(3.7e9 + 3.7)"), "0.1*ms");
    assert_eq!(values(&network, "cells", "f"), [3.7e9, -4.0]);
    assert_eq!(values(&network, "cells", "h"), [1.85e9, -1.5]);
}

#[test]
fn adding_has_two_spellings() {
    // Trap 16: also within one piece of code, and where the variable stands twice.
    let cells = NeuronGroup::new("cells", 3, "v : 1\nu : 1\nw : 1\na : 1\nb : 1")
        .operation(Operation::new("v = v + w; u += w; a = w*a + a; b += w*b"));
    let model = alone(cells).init("cells", "w", "0.1*(i + 1)").init("cells", "a", "0.3").init("cells", "b", "0.3");
    let network = after(&model, "5*ms");
    assert_eq!(values(&network, "cells", "v"), values(&network, "cells", "u"));
    assert!(values(&network, "cells", "v").iter().all(|v| *v > 4.9));
    let pairs = values(&network, "cells", "a").into_iter().zip(values(&network, "cells", "b"));
    pairs.for_each(|(a, b)| assert!((a - b).abs() <= 1e-12 * a && a > 1.0, "{a} {b}"));
}

#[test]
fn variables_hide_constants() {
    // Trap 38: the group's own value counts.
    let cells = NeuronGroup::new("cells", 1, "scale : 1\nx = 2*scale : 1\ny : 1").operation(Operation::new("y = x"));
    let model = alone(cells).constant("scale", "3").init("cells", "scale", "5");
    assert_eq!(values(&after(&model, "0.1*ms"), "cells", "y"), [10.0]);
}

#[test]
fn events_last_until_the_next() {
    // Trap 40: code at the start of a step sees the cells that the end of the step before found, but not across runs.
    let cells = NeuronGroup::new("cells", 2, "seen : integer")
        .event("late", "i == t_in_timesteps % 2")
        .event_schedule("late", "end", 0)
        .on_event_in("late", "seen += 1", "start", 0);
    let mut network = network(&alone(cells));
    for expected in [[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]] {
        network.run_for("0.2*ms").expect("a run");
        assert_eq!(values(&network, "cells", "seen"), expected);
    }
}

#[test]
fn counted_spikes_are_not_recorded() {
    // Trap 45: counts are kept all the same.
    let cells = NeuronGroup::new("cells", 2, "v : 1").threshold("i == 0").reset("");
    let model = alone(cells).monitor(Monitor::spikes("spikes", "cells").record(Record::None));
    let network = after(&model, "0.5*ms");
    let spikes = network.spikes("spikes").expect("a monitor");
    assert_eq!((spikes.count.as_slice(), spikes.i.len(), spikes.t.len()), (&[5, 0][..], 0, 0));
}

#[test]
fn nan_is_told_after_a_run() {
    // Trap 47: the run goes on, and its results stay.
    let cells = NeuronGroup::new("cells", 2, "dv/dt = p/ms : 1\np : 1").method("euler");
    let model = alone(cells).init("cells", "p", "log(1.0*i - 1)*(1 - i)");
    let network = after(&model, "0.2*ms");
    assert!(values(&network, "cells", "v")[0].is_nan());
    let said = network.warnings().to_string();
    assert!(said.contains("`v` of the group `cells` is not a number"), "{said}");
}

#[test]
fn two_given_spikes_in_a_step_are_refused() {
    // Trap 48: also with another cell's spike between them, which Brian2 does not find.
    for (indices, times) in [(vec![0, 0], vec![0.12e-3, 0.15e-3]), (vec![0, 1, 0], vec![0.12e-3, 0.14e-3, 0.15e-3])] {
        let said = refused(&alone(SpikeGeneratorGroup::new("given", 2, &indices, &times)));
        assert!(said.contains("more than once"), "{said}");
    }
}

#[test]
fn given_spikes_of_the_past_are_gone() {
    // Trap 49: what lies before the run never comes, what lies at its first step does.
    let model =
        alone(SpikeGeneratorGroup::new("given", 3, &[0, 1], &[0.1e-3, 0.3e-3])).spike_monitor("spikes", "given");
    let mut network = network(&model);
    let mut run = |indices: &[i64], times: &[f64]| {
        if !indices.is_empty() {
            network.set_spikes("given", indices, times, None).expect("spikes");
        }
        network.run_for("0.5*ms").expect("a run");
        let i = network.spikes("spikes").expect("a monitor").i.clone();
        i.into_iter().zip(steps(&network, "spikes")).collect::<Vec<_>>()
    };
    assert_eq!(run(&[], &[]), [(0, 1), (1, 3)]);
    assert_eq!(run(&[2, 0], &[0.7e-3, 0.5e-3])[2..], [(0, 5), (2, 7)]);
    assert_eq!(run(&[0, 1, 2, 0], &[0.2e-3, 0.9e-3, 1.0e-3, 1.2e-3])[4..], [(2, 10), (0, 12)]);
}

#[test]
fn binomial_numbers_are_right_for_any_chance() {
    // Trap 52: the mean is n*p; Brian2's Cython target has 9.1 for 10 and 0.8. Here saltus differs.
    for chance in [0.2, 0.5, 0.8, 0.97] {
        let cells = NeuronGroup::new("cells", 4000, "v : 1").operation(Operation::new("v = draw()"));
        let model = alone(cells).function(Function::binomial("draw", 10, chance)).seed(7);
        let drawn = values(&after(&model, "0.1*ms"), "cells", "v");
        let mean = drawn.iter().sum::<f64>() / 4000.0;
        let error = (10.0 * chance * (1.0 - chance) / 4000.0).sqrt();
        assert!((mean - 10.0 * chance).abs() < 5.0 * error, "{chance}: {mean}");
        assert!(drawn.iter().all(|k| k.fract() == 0.0 && (0.0..=10.0).contains(k)), "{chance}");
    }
}

#[test]
fn poisson_inputs_are_independent_and_keep_their_step() {
    // Trap 53: a number for each cell and step; the chance was computed for one length of a step.
    let cells = NeuronGroup::new("cells", 500, "v : 1");
    let model = alone(cells).poisson_input(PoissonInput::new("cells", "v", 10, "100*Hz", "1")).seed(3);
    let mut network = network(&model);
    network.run_for("10*ms").expect("a run");
    let v = values(&network, "cells", "v");
    let mean = v.iter().sum::<f64>() / 500.0;
    let variance = v.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 499.0;
    // 1000 chances of 0.01 each: mean 10, variance 9.9.
    assert!((mean - 10.0).abs() < 0.7 && (variance - 9.9).abs() < 3.0, "{mean} {variance}");
    let said = network.set_step("0.05*ms").map_err(|error| error.to_string());
    assert!(said.is_err_and(|said| said.contains("`poissoninput` was made for steps of 0.0001 s")));
}

#[test]
fn an_expression_draws_once() {
    // Trap 56: two calls in one expression could be taken for one; in two statements they are two.
    let with = |code: &str| {
        let cells = NeuronGroup::new("cells", 1, "v : 1\nw : 1").operation(Operation::new(code));
        alone(cells).seed(1)
    };
    let said = refused(&with("v = rand() - rand()"));
    assert!(said.contains("rand"), "{said}");
    let network = after(&with("w = rand(); v = rand() - w"), "0.1*ms");
    // The first two of NumPy's generator with this seed.
    assert_eq!(values(&network, "cells", "v"), [0.720_324_493_442_158_1 - 0.417_022_004_702_574]);
}

#[test]
fn noises_are_drawn_in_the_order_of_the_text() {
    // Trap 57: Brian2's order is that of a Python set, which differs from process to process. Here saltus differs.
    let equations = "dv/dt = xi_two/ms**0.5 : 1\ndw/dt = xi_one/ms**0.5 : 1";
    let network = after(&alone(NeuronGroup::new("cells", 1, equations).method("euler")).seed(1), "0.1*ms");
    for (variable, normal) in [("v", 1.624_345_36), ("w", -0.611_756_41)] {
        let found = values(&network, "cells", variable)[0] / 0.1f64.sqrt();
        assert!((found - normal).abs() < 1e-8, "{variable}: {found}");
    }
}

#[test]
fn a_coefficient_of_zero_has_a_limit() {
    // Trap 60: where Brian2's formula divides 0 by 0. Here saltus differs.
    let equations = "dv/dt = (1 - a*v)/(10*ms) : 1\na : 1";
    let cells = NeuronGroup::new("cells", 2, equations).method("exponential_euler");
    let v = values(&after(&alone(cells).init("cells", "a", "1.0*i"), "10*ms"), "cells", "v");
    assert!((v[0] - 1.0).abs() < 1e-12 && (v[1] - (1.0 - (-1f64).exp())).abs() < 1e-12, "{v:?}");
}

#[test]
fn links_into_the_own_group() {
    // Trap 66: code reads the values that there were before it began, whatever cell comes first.
    let cells = NeuronGroup::new("cells", 3, "x : 1 (linked)\nv : 1").operation(Operation::new("v = x + 10"));
    let model = alone(cells).link(Link::new("cells", "x", "cells", "v").cells(&[1, 2, 0])).init("cells", "v", "i + 1");
    assert_eq!(values(&after(&model, "0.1*ms"), "cells", "v"), [12.0, 13.0, 11.0]);
}

#[test]
fn operations_see_records_grow() {
    // Trap 67: each time they are where they are then.
    let cells = NeuronGroup::new("cells", 1, "dv/dt = 1/ms : 1").method("euler");
    let mut network = network(&alone(cells).state_monitor("trace", "cells", &["v"], None, None));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let of_operation = seen.clone();
    let operation = move |network: &mut Network, _: f64| {
        let trace = network.states("trace").expect("a monitor");
        of_operation
            .lock()
            .expect("no panic")
            .push((trace.t.len(), trace.variables["v"].1.values.get(trace.t.len() - 1)));
        Ok(())
    };
    network.add_operation(NetworkOperation::new("look").when("end"), operation).expect("a slot");
    network.run_for("0.3*ms").expect("a run");
    assert_eq!(*seen.lock().expect("no panic"), [(1, 0.0), (2, 0.1), (3, 0.2)]);
}

#[test]
fn small_numbers_are_not_flushed() {
    // Trap 70: a decay goes through the denormal numbers.
    let cells = NeuronGroup::new("cells", 1, "dv/dt = -v/ms : 1").method("exact");
    let v = values(&after(&alone(cells).init("cells", "v", "1e-307"), "10*ms"), "cells", "v")[0];
    assert!(v > 0.0 && v < f64::MIN_POSITIVE, "{v:e}");
}

#[test]
fn weights_have_all_digits() {
    // Trap 81: Brian2 writes a weight of a third with eight. Here saltus differs.
    let input = PoissonInput::new("cells", "v", 1, "10*kHz", "weight");
    let model = alone(NeuronGroup::new("cells", 1, "v : volt")).constant("weight", "mV/3").poisson_input(input);
    assert_eq!(values(&after(&model, "0.1*ms"), "cells", "v"), [1e-3 / 3.0]);
}
