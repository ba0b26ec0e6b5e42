//! Bytes as a model file: read, checked, and run for some steps if what it asks for is small.

use std::sync::Arc;

use saltus::diag::{Diagnostics, File, Text};
use saltus::engine::Options;
use saltus::inspect;
use saltus::kernel::text::{parse_kernel, print_kernel};
use saltus::kernel::verify::verify;
use saltus::model::file;
use saltus::network::model::ConnectRule;
use saltus::network::{self, AnyGroup, Error, Model, MonitorKind, Network, Operation, Run, Synapses, Value, from_file};
use saltus::render::Language;

/// Longer files teach nothing that shorter ones do not.
const LONGEST: usize = 16 << 10;

/// The most cells of all groups together that are put into memory.
const MOST_CELLS: usize = 64;

/// The most synapses that are made.
const MOST_SYNAPSES: usize = 20_000;

/// The most steps of the shortest clock.
const MOST_STEPS: f64 = 20.0;

/// Reads, checks and runs.
pub fn model_file(input: &[u8]) {
    let Ok(source) = std::str::from_utf8(input) else { return };
    if source.len() > LONGEST {
        return;
    }
    let (parsed, diagnostics) =
        file::parse(Arc::new(File { name: "model.toml".to_string(), text: source.to_string() }));
    shown(&diagnostics);
    let is_wrong = diagnostics.has_errors();
    let mut diagnostics = Diagnostics::default();
    let (model, runs) = from_file(&parsed, &mut diagnostics);
    shown(&diagnostics);
    // As `saltus check` does, which reports what is wrong with the model together with what is wrong with the file.
    if is_wrong || diagnostics.has_errors() {
        drop(network::check(&model, &runs).map(|(_, diagnostics)| shown(&diagnostics)));
        return;
    }
    run_briefly(&model, &runs);
}

fn shown(diagnostics: &Diagnostics) {
    let _ = diagnostics.to_string();
    diagnostics.0.iter().for_each(|diagnostic| drop(diagnostic.to_json()));
}

/// Checks a model; one that is right and small is run for a few steps, and its kernels are looked at.
pub fn run_briefly(model: &Model, runs: &[Run]) {
    let checked = match network::check(model, runs) {
        Ok((checked, diagnostics)) => {
            shown(&diagnostics);
            checked
        }
        Err(error) => return about_the_world(&error),
    };
    let Some(checked) = checked.filter(|_| is_small(model)) else { return };
    let mut network = match Network::from_checked(checked, Options::interpreted()) {
        Ok(network) => network,
        Err(error) => return about_the_world(&error),
    };
    for view in inspect::kernels(&network, Language::C) {
        verify(&view.kernel).expect("lowered kernels are well-formed");
        let printed = print_kernel(&view.kernel);
        assert_eq!(parse_kernel(&printed).as_ref(), Ok(&*view.kernel), "{printed}");
    }
    let shortest = steps_of(model).iter().filter_map(|value| network.seconds(value).ok()).fold(1.0, f64::min);
    let planned: Vec<f64> = network.planned_runs().iter().map(|run| run.duration_seconds).collect();
    for (k, duration) in planned.into_iter().chain([1.0]).enumerate() {
        for assignment in runs.get(k).map_or(&[][..], |run| &run.set) {
            drop(network.assign(assignment));
        }
        if let Err(error) = network.run(duration.min(MOST_STEPS * shortest), &mut |_| ()) {
            return about_the_world(&error);
        }
    }
    shown(network.warnings());
}

/// A model that was found right may still not fit into memory, or meet an index that there is not; a bug it is not.
fn about_the_world(error: &Error) {
    assert!(!matches!(error, Error::Engine(_) | Error::Lower(_)), "{error}");
    let _ = error.to_string();
}

/// Every length of a step that the model names.
fn steps_of(model: &Model) -> Vec<Value> {
    let of = |operations: &[Operation]| operations.iter().filter_map(|o| o.dt.clone()).collect::<Vec<_>>();
    let mut all = vec![model.dt.clone()];
    for group in &model.groups {
        match group {
            AnyGroup::Neurons(group) => {
                all.extend(group.dt.clone());
                all.extend(of(&group.run_regularly));
            }
            AnyGroup::Subgroup(group) => all.extend(of(&group.run_regularly)),
            AnyGroup::Poisson(group) => all.extend(group.dt.clone()),
            AnyGroup::SpikeGenerator(group) => all.extend(group.dt.clone()),
        }
    }
    for synapses in &model.synapses {
        all.extend(synapses.dt.clone());
        all.extend(of(&synapses.run_regularly));
    }
    all.extend(model.monitors.iter().filter_map(|monitor| match &monitor.kind {
        MonitorKind::State { dt, .. } => dt.clone(),
        _ => None,
    }));
    all
}

/// Whether a model is put into memory and run in no time.
fn is_small(model: &Model) -> bool {
    let mut sizes: Vec<(&str, usize)> = model.groups.iter().map(|group| (group.name(), cells(group))).collect();
    let all = sizes.iter().fold(0_usize, |sum, (_, n)| sum.saturating_add(*n));
    if all > MOST_CELLS {
        return false;
    }
    let mut total = 0_usize;
    for synapses in &model.synapses {
        let Some(count) = most_synapses(synapses, &sizes) else { return false };
        total = total.saturating_add(count);
        sizes.push((&synapses.text.name, count));
    }
    total <= MOST_SYNAPSES
}

fn cells(group: &AnyGroup) -> usize {
    match group {
        AnyGroup::Neurons(group) => group.text.n,
        // Its cells are counted already; it may be named as an end of synapses.
        AnyGroup::Subgroup(group) => group.stop.saturating_sub(group.start),
        AnyGroup::Poisson(group) => group.n,
        AnyGroup::SpikeGenerator(group) => group.n,
    }
}

/// No more synapses than these are made; `None` if that cannot be told from the text.
fn most_synapses(synapses: &Synapses, sizes: &[(&str, usize)]) -> Option<usize> {
    let size = |end: &Text| sizes.iter().find(|(name, _)| *name == end.as_str()).map(|(_, n)| *n);
    let pairs = size(&synapses.source)?.saturating_mul(size(&synapses.target)?);
    let mut count = 0_usize;
    for connect in &synapses.connect {
        let of_rule = match &connect.rule {
            ConnectRule::All | ConnectRule::Condition(_) => pairs,
            ConnectRule::Lists(sources, _) => sources.len(),
            ConnectRule::Targets(generator) | ConnectRule::Sources(generator) => {
                let bound = bound(generator.as_str())?;
                pairs.saturating_mul(bound)
            }
        };
        let each = connect.n.as_ref().map_or(Some(1), |n| bound(n.text().as_str()))?;
        count = count.saturating_add(of_rule.saturating_mul(each));
    }
    Some(count)
}

/// A bound on the value of an expression that has no names but those of cells and one product at the most.
fn bound(text: &str) -> Option<usize> {
    const KNOWN: [&str; 14] =
        ["i", "j", "k", "N_pre", "N_post", "for", "in", "range", "sample", "if", "p", "size", "and", "or"];
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
    let mut largest = MOST_CELLS;
    for word in words {
        match word.parse::<usize>() {
            Ok(number) => largest = largest.max(number),
            Err(_) if KNOWN.contains(&word) => {}
            Err(_) => return None,
        }
    }
    let products = text.matches(['*', '/', '%']).count();
    if products == 0 { Some(largest.saturating_mul(4)) } else { None }
}
