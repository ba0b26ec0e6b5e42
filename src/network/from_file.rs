//! From a model file to a [`Model`] and its runs.

use std::ops::RangeInclusive;

use super::model::{
    AnyGroup, Assigned, Assignment, Connect, ConnectRule, Filter, Function, FunctionText, Model, Monitor, MonitorKind,
    NeuronGroup, Operation, Parameter, PoissonGroup, PoissonInput, Rates, Record, SpikeGeneratorGroup, Subgroup,
    Synapses, TimedArray, Value,
};
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::expr::check::ValueType;
use crate::model::file::{self, GroupKind, Indices, Located, ModelFile, Scalar, Selection};
use crate::model::group::{
    EventCodeText, EventText, GroupText, PathwaySetting, PathwayText, SPIKE, Side, SinglePrecision, SynapsesText,
};
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
/// group or pathway, names used twice, indices out of range) is not passed on.
pub fn from_file(file: &ModelFile, diagnostics: &mut Diagnostics) -> (Model, Vec<Run>) {
    let mut model = Model { seed: file.settings.seed.as_ref().map(|seed| seed.value), ..Model::default() };
    if let Some(dt) = &file.settings.dt {
        model.dt = value(dt);
    }
    model.constants = file.constants.iter().map(|(name, given)| (name.as_str().to_string(), value(given))).collect();
    model.timed_arrays = file.timed_arrays.iter().map(timed_array).collect();
    model.functions = file.functions.iter().map(function).collect();
    for group in &file.groups {
        model.groups.push(any_group(group, diagnostics));
    }
    for group in &file.groups {
        for (variable, given) in group.init() {
            model.init.push(assignment(&group.name, variable, None, given));
        }
    }
    let known = |s: &&file::Synapses| {
        is_known(file, &s.source) && is_known(file, &s.target) && file.group(s.name.as_str()).is_none()
    };
    model.synapses = file.synapses.iter().filter(known).map(|given| synapses(given, file)).collect();
    model.poisson_inputs =
        file.poisson_inputs.iter().filter(|p| is_known(file, &p.target)).map(poisson_input).collect();
    let monitors = file.monitors.iter().filter(|monitor| is_known(file, &monitor.source));
    model.monitors = monitors.map(|given| monitor(given, file)).collect();
    let runs = file.runs.iter().map(|r| run(r, file)).collect();
    (model, runs)
}

fn timed_array(given: &file::TimedArray) -> TimedArray {
    TimedArray {
        name: given.name.as_str().to_string(),
        values: (given.values.value.clone(), given.values.text.clone()),
        unit: given.unit.as_ref().map(value),
        dt: value(&given.dt),
    }
}

fn function(given: &file::Function) -> Function {
    let parameters = given.args.iter().enumerate().map(|(k, name)| Parameter {
        name: name.clone(),
        unit: given.arg_units.as_ref().and_then(|units| units.get(k)).map(value),
        ty: ValueType::Float,
    });
    Function {
        name: given.name.as_str().to_string(),
        parameters: parameters.collect(),
        unit: given.unit.as_ref().map(value),
        result: ValueType::Float,
        text: FunctionText::Expression(given.expression.clone()),
    }
}

/// A wrong number has been reported; with the largest one nothing else is wrong because of it.
fn size(n: i64) -> usize {
    usize::try_from(n).ok().filter(|n| SIZES.contains(n)).unwrap_or(*SIZES.end())
}

fn any_group(group: &file::Group, diagnostics: &mut Diagnostics) -> AnyGroup {
    let name = group.name.as_str().to_string();
    match &group.kind {
        GroupKind::Neurons(given) => neurons(name, given, diagnostics).into(),
        GroupKind::Subgroup(given) => Subgroup {
            name,
            of: given.of.clone(),
            start: usize::try_from(given.start.value).unwrap_or(0),
            stop: usize::try_from(given.stop.value).unwrap_or(1),
            run_regularly: Vec::new(),
        }
        .into(),
        GroupKind::Poisson(given) => {
            let rates = match (&given.rates.value, value(&given.rates)) {
                (Scalar::Expression, _) => Rates::Expression(given.rates.text.clone()),
                (_, Value::Number(number, text)) if number.as_f64() == 0.0 => Rates::Values(vec![0.0], text),
                (_, given) => {
                    let text = given.text();
                    let error = Diagnostic::error(text, text.whole(), "`rates` are in hertz, but this has no unit");
                    diagnostics.push(error.hint("write a string with a unit, such as \"10*Hz\""));
                    Rates::Values(vec![0.0], text.clone())
                }
            };
            PoissonGroup { name, n: size(given.n.value), rates, dt: given.dt.as_ref().map(value) }.into()
        }
        GroupKind::SpikeGenerator(given) => SpikeGeneratorGroup {
            name,
            n: size(given.n.value),
            indices: (given.indices.value.clone(), given.indices.text.clone()),
            times_seconds: (given.times_seconds.value.clone(), given.times_seconds.text.clone()),
            period: given.period.as_ref().map(value),
            dt: given.dt.as_ref().map(value),
        }
        .into(),
    }
}

fn neurons(name: String, given: &file::Neurons, diagnostics: &mut Diagnostics) -> NeuronGroup {
    let refractory = match &given.refractory {
        None | Some(Located { value: Scalar::Boolean(false), .. }) => None,
        Some(Located { value: Scalar::Expression, text }) => Some(text.clone()),
        Some(given) => {
            let message = "`refractory` is a time or a condition, written as a string";
            let error = Diagnostic::error(&given.text, given.text.whole(), message);
            diagnostics.push(error.hint("write a time such as \"5*ms\", or a condition such as \"v > 0*mV\""));
            None
        }
    };
    let event = |(name, condition): &(Text, Text)| EventText {
        name: name.clone(),
        condition: condition.clone(),
        when: None,
        order: 0,
    };
    let code =
        |(event, code): &(Text, Text)| EventCodeText { event: event.clone(), code: code.clone(), when: None, order: 0 };
    let text = GroupText {
        name,
        n: size(given.n.value),
        equations: given.equations.clone(),
        threshold: given.threshold.clone(),
        reset: given.reset.clone(),
        refractory,
        method: given.method.clone(),
        events: given.events.iter().map(event).collect(),
        event_schedules: Vec::new(),
        on_event: given.on_event.iter().map(code).collect(),
        single: SinglePrecision::None,
    };
    let run_regularly = given.run_regularly.iter().map(operation);
    NeuronGroup { text, dt: given.dt.as_ref().map(value), run_regularly: run_regularly.collect() }
}

fn synapses(given: &file::Synapses, file: &ModelFile) -> Synapses {
    let pathway =
        |side| move |(name, code): &(Text, Text)| PathwayText { name: name.clone(), side, code: code.clone() };
    let pre = given.on_pre.iter().map(pathway(Side::Pre));
    let text = SynapsesText {
        name: given.name.as_str().to_string(),
        equations: given.equations.clone().unwrap_or_else(|| Text::new("equations", "")),
        pathways: pre.chain(given.on_post.iter().map(pathway(Side::Post))).collect(),
        on_event: given.on_event.clone(),
        settings: pathway_settings(given),
        method: given.method.clone(),
        multisynaptic_index: given.multisynaptic_index.clone(),
        single: SinglePrecision::None,
    };
    let run_regularly = given.run_regularly.iter().map(operation);
    let is_pathway = |name: &Text| text.pathways.iter().any(|pathway| pathway.name.as_str() == name.as_str());
    let delays = given.delay.iter().filter(|(name, _)| is_pathway(name));
    Synapses {
        delays: delays.map(|(name, delay)| (name.clone(), value(delay))).collect(),
        text,
        source: given.source.clone(),
        target: given.target.clone(),
        dt: given.dt.as_ref().map(value),
        order: given.order,
        connect: given.connect.iter().map(|rule| connect(rule, given, file)).collect(),
        run_regularly: run_regularly.collect(),
        init: given.init.iter().map(|(name, init)| (name.clone(), value(init))).collect(),
    }
}

fn pathway_settings(given: &file::Synapses) -> Vec<(Text, PathwaySetting)> {
    let events = given.on_events.iter().map(|(name, event)| (name.clone(), PathwaySetting::Event(event.clone())));
    let mut settings: Vec<_> = events.collect();
    for file::Pathway { name, when, order, active } in &given.pathways {
        settings.extend(when.clone().map(|when| (name.clone(), PathwaySetting::When(when))));
        settings.extend(order.map(|order| (name.clone(), PathwaySetting::Order(order))));
        settings.push((name.clone(), PathwaySetting::Active(*active)));
    }
    settings
}

fn connect(given: &file::Connect, synapses: &file::Synapses, file: &ModelFile) -> Connect {
    let rule = match (&given.condition, &given.i, &given.j) {
        (_, Some(Indices::List(i)), Some(Indices::List(j))) => {
            let (i, j) = (cells(i, &synapses.source, file), cells(j, &synapses.target, file));
            match i.len() == j.len() || i.len() == 1 || j.len() == 1 {
                true => ConnectRule::Lists(i, j),
                false => ConnectRule::Lists(vec![0], vec![0]),
            }
        }
        (_, _, Some(Indices::Generated(text))) => ConnectRule::Targets(text.clone()),
        (_, Some(Indices::Generated(text)), _) => ConnectRule::Sources(text.clone()),
        (Some(Located { value: Scalar::Expression, text }), ..) => ConnectRule::Condition(text.clone()),
        (Some(Located { value: Scalar::Boolean(false), text }), ..) => {
            ConnectRule::Condition(Text::new(text.place(), "False"))
        }
        _ => ConnectRule::All,
    };
    let is_generated = matches!(rule, ConnectRule::Targets(_) | ConnectRule::Sources(_));
    Connect {
        text: given.text.clone(),
        rule,
        p: given.p.as_ref().filter(|_| !is_generated).map(value),
        n: given.n.as_ref().map(value),
        skip_if_invalid: given.skip_if_invalid,
    }
}

/// Those that a group does not have have been reported; with the first one nothing else is wrong because of them.
fn cells(given: &Located<Vec<i64>>, group: &Text, file: &ModelFile) -> Vec<i64> {
    let size = file.group(group.as_str()).map_or(i64::from(i32::MAX), file::Group::size);
    given.value.iter().map(|cell| if (0..size).contains(cell) { *cell } else { 0 }).collect()
}

fn operation(given: &file::Operation) -> Operation {
    Operation {
        code: given.code.clone(),
        dt: given.dt.as_ref().map(value),
        times_seconds: None,
        when: given.when.clone(),
        order: given.order,
    }
}

fn poisson_input(given: &file::PoissonInput) -> PoissonInput {
    PoissonInput {
        // Brian2's name, which decides the order in a slot: the model file's is the user's only.
        name: "poissoninput".to_string(),
        target: given.target.clone(),
        variable: given.variable.clone(),
        n: u64::try_from(given.n.value).unwrap_or(0),
        rate: value(&given.rate),
        weight: value(&given.weight),
        when: None,
        order: 0,
    }
}

fn monitor(given: &file::Monitor, file: &ModelFile) -> Monitor {
    let events = |event: Text, by_name, variables: &[Text]| MonitorKind::Events {
        event,
        by_name,
        variables: variables.to_vec(),
        record: true,
    };
    let (kind, when) = match &given.kind {
        file::MonitorKind::Spikes { variables } => (events(Text::new("event", SPIKE), false, variables), None),
        file::MonitorKind::Event { event, variables } => (events(event.clone(), true, variables), None),
        file::MonitorKind::State { variables, record, dt, when } => {
            let record = record.as_ref().map_or(Record::All, |r| {
                let size = file.group(given.source.as_str()).map_or(i64::from(i32::MAX), file::Group::size);
                Record::Cells(r.value.iter().copied().filter(|index| (0..size).contains(index)).collect())
            });
            let dt = dt.as_ref().map(value);
            (MonitorKind::State { variables: variables.clone(), record, dt }, when.clone())
        }
        file::MonitorKind::Rate => (MonitorKind::Rate, None),
    };
    let (name, source) = (given.name.as_str().to_string(), given.source.as_str().to_string());
    Monitor { name, source, kind, when, order: None, text: given.source.clone() }
}

/// Whether this is the name of a group; if not, that has been said.
fn is_known(file: &ModelFile, name: &Text) -> bool {
    file.group(name.as_str()).is_some() || file.synapses(name.as_str()).is_some()
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
    let value = Assigned::Value(value(given));
    Assignment { group: group.as_str().to_string(), variable: variable.clone(), filter, value }
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
