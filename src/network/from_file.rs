//! From a model file to a [`Model`] and its runs. What this version cannot run is an error at its place.

use std::ops::RangeInclusive;

use super::model::{Assignment, Filter, Model, Monitor, MonitorKind, NeuronGroup, Operation, Value};
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::model::file::{self, GroupKind, Located, ModelFile, Scalar, Selection};
use crate::model::group::GroupText;
use crate::model::namespace::Number;

/// One run of a model file.
#[derive(Clone, Debug)]
pub struct Run {
    /// Changes made before it.
    pub set: Vec<Assignment>,
    /// How long it runs.
    pub duration: Value,
}

/// How many cells a group can have.
const SIZES: RangeInclusive<usize> = 1..=i32::MAX as usize;

/// The model of a file, and its runs in order. What reading the file has reported already (wrong sizes, names of no
/// group, indices out of range) is not passed on.
pub fn from_file(file: &ModelFile, diagnostics: &mut Diagnostics) -> (Model, Vec<Run>) {
    let mut refuse = |text: &Text, what: &str| {
        let message = format!("this version of saltus cannot run {what} yet");
        diagnostics.push(Diagnostic::error(text, text.whole(), message));
    };
    let mut wrong = Vec::new();
    let mut model = Model::default();
    if let Some(dt) = &file.settings.dt {
        model.dt = value(dt);
    }
    for (name, given) in &file.constants {
        model.constants.push((name.as_str().to_string(), value(given)));
    }
    file.timed_arrays.iter().for_each(|t| refuse(&t.name, "timed arrays"));
    file.functions.iter().for_each(|f| refuse(&f.name, "functions of models"));
    file.synapses.iter().for_each(|s| refuse(&s.name, "synapses"));
    file.poisson_inputs.iter().for_each(|p| refuse(&p.name, "Poisson inputs"));
    for group in &file.groups {
        let GroupKind::Neurons(neurons) = &group.kind else {
            refuse(&group.name, "groups of this kind");
            continue;
        };
        neurons.events.iter().for_each(|(name, _)| refuse(name, "events of other names than spikes"));
        neurons.on_event.iter().for_each(|(name, _)| refuse(name, "events of other names than spikes"));
        let refractory = match &neurons.refractory {
            None | Some(Located { value: Scalar::Boolean(false), .. }) => None,
            Some(Located { value: Scalar::Expression, text }) => Some(text.clone()),
            Some(given) => {
                let message = "`refractory` is a time or a condition, written as a string";
                let error = Diagnostic::error(&given.text, given.text.whole(), message);
                wrong.push(error.hint("write a time such as \"5*ms\", or a condition such as \"v > 0*mV\""));
                None
            }
        };
        let text = GroupText {
            name: group.name.as_str().to_string(),
            // A wrong number has been reported; with this one nothing else is wrong because of it.
            n: usize::try_from(neurons.n.value).ok().filter(|n| SIZES.contains(n)).unwrap_or(*SIZES.end()),
            equations: neurons.equations.clone(),
            threshold: neurons.threshold.clone(),
            reset: neurons.reset.clone(),
            refractory,
            method: neurons.method.clone(),
        };
        let run_regularly = neurons.run_regularly.iter().map(|o| Operation {
            code: o.code.clone(),
            dt: o.dt.as_ref().map(value),
            when: o.when.clone(),
            order: o.order,
        });
        let dt = neurons.dt.as_ref().map(value);
        model.groups.push(NeuronGroup { text, dt, run_regularly: run_regularly.collect() });
        for (variable, given) in &neurons.init {
            model.init.push(assignment(&group.name, variable, None, given));
        }
    }
    for monitor in &file.monitors {
        if !is_known(file, &monitor.source) {
            continue;
        }
        let kind = match &monitor.kind {
            file::MonitorKind::Spikes { variables } => MonitorKind::Spikes { variables: variables.clone() },
            file::MonitorKind::State { variables, record, dt, when } => MonitorKind::State {
                variables: variables.clone(),
                record: record.as_ref().map(|r| {
                    let size = file.group(monitor.source.as_str()).map_or(i64::MAX, file::Group::size);
                    r.value.iter().copied().filter(|index| (0..size).contains(index)).collect()
                }),
                dt: dt.as_ref().map(value),
                when: when.clone(),
            },
            file::MonitorKind::Rate => MonitorKind::Rate,
            file::MonitorKind::Event { .. } => {
                refuse(&monitor.name, "monitors of this kind");
                continue;
            }
        };
        let (name, source) = (monitor.name.as_str().to_string(), monitor.source.as_str().to_string());
        model.monitors.push(Monitor { name, source, kind, text: monitor.source.clone() });
    }
    diagnostics.extend(wrong);
    let runs = file.runs.iter().map(|r| run(r, file)).collect();
    (model, runs)
}

/// Whether this is the name of a group that this version can run; if not, that has been said.
fn is_known(file: &ModelFile, name: &Text) -> bool {
    file.group(name.as_str()).is_some_and(|group| matches!(group.kind, GroupKind::Neurons(_)))
}

fn run(run: &file::Run, file: &ModelFile) -> Run {
    let set = run.set.iter().filter(|change| is_known(file, &change.target)).map(|change| {
        let filter = match &change.selection {
            Selection::All => None,
            Selection::Condition(text) => Some(Filter::Condition(text.clone())),
            Selection::Indices(indices) => Some(Filter::Indices(indices.value.clone(), indices.text.clone())),
            Selection::Mask(marks) => Some(Filter::Marks(marks.value.clone(), marks.text.clone())),
        };
        assignment(&change.target, &change.name, filter, &change.value)
    });
    Run { set: set.collect(), duration: value(&run.duration) }
}

fn assignment(group: &Text, variable: &Text, filter: Option<Filter>, given: &file::Value) -> Assignment {
    Assignment { group: group.as_str().to_string(), variable: variable.clone(), filter, value: value(given) }
}

fn value(given: &file::Value) -> Value {
    let number = match given.value {
        Scalar::Expression => return Value::Expression(given.text.clone()),
        Scalar::Integer(value) => Number::Integer(value),
        Scalar::Float(value) => Number::Float(value),
        Scalar::Boolean(value) => Number::Boolean(value),
    };
    Value::Number(number, given.text.clone())
}
