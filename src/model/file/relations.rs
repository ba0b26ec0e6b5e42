//! What the tables of a file must agree about: names used twice, sizes, indices, events and pathways that exist.
//!
//! Also counts the ends of subgroups from the start of the group they are part of.

use std::collections::BTreeMap;

use super::check::list;
use super::types::*;
use crate::diag::{Diagnostic, Diagnostics, Span, Text};

/// Reports what does not fit together, and resolves the subgroups.
pub(super) fn check(model: &mut ModelFile) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    names(model, &mut diagnostics);
    subgroups(&mut model.groups, &mut diagnostics);
    for function in &model.functions {
        arguments(function, &mut diagnostics);
    }
    for group in &model.groups {
        match &group.kind {
            GroupKind::Neurons(neurons) => events(neurons, &mut diagnostics),
            GroupKind::SpikeGenerator(generator) => spikes(generator, &mut diagnostics),
            GroupKind::Subgroup(_) | GroupKind::Poisson(_) => {}
        }
    }
    for synapses in &model.synapses {
        pathways(synapses, &mut diagnostics);
        for connect in &synapses.connect {
            connections(model, synapses, connect, &mut diagnostics);
        }
    }
    for monitor in &model.monitors {
        monitored(model, monitor, &mut diagnostics);
    }
    for change in model.runs.iter().flat_map(|run| &run.set) {
        selected(model, change, &mut diagnostics);
    }
    diagnostics
}

fn error(text: &Text, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(text, text.whole(), message)
}

/// Objects of a network share one set of names, what expressions may name shares another.
fn names(model: &ModelFile, diagnostics: &mut Diagnostics) {
    let groups = model.groups.iter().map(|group| &group.name);
    let synapses = model.synapses.iter().map(|synapses| &synapses.name);
    once(groups.chain(synapses).chain(model.monitors.iter().map(|monitor| &monitor.name)), diagnostics);
    let constants = model.constants.iter().map(|(name, _)| name);
    let arrays = model.timed_arrays.iter().map(|array| &array.name);
    once(constants.chain(arrays).chain(model.functions.iter().map(|function| &function.name)), diagnostics);
}

fn once<'a>(names: impl Iterator<Item = &'a Text>, diagnostics: &mut Diagnostics) {
    let mut seen: BTreeMap<&str, &Text> = BTreeMap::new();
    for name in names {
        match seen.get(name.as_str()) {
            Some(first) => {
                let message = format!("the name `{}` is used twice", name.as_str());
                diagnostics.push(error(name, message).hint(format!("it is the name of `{}`", first.place())));
            }
            None => {
                seen.insert(name.as_str(), name);
            }
        }
    }
}

fn subgroups(groups: &mut [Group], diagnostics: &mut Diagnostics) {
    for k in 0..groups.len() {
        let (above, rest) = groups.split_at_mut(k);
        let Some((Group { kind: GroupKind::Subgroup(subgroup), name }, below)) = rest.split_first_mut() else {
            continue;
        };
        let of = subgroup.of.as_str();
        let Some(parent) = above.iter().find(|group| group.name.as_str() == of) else {
            if name.as_str() == of {
                diagnostics.push(error(&subgroup.of, format!("`{of}` cannot be part of itself")));
            } else if below.iter().any(|group| group.name.as_str() == of) {
                let hint = format!("put `[groups.{of}]` above `[groups.{}]`", name.as_str());
                diagnostics.push(error(&subgroup.of, format!("the group `{of}` is defined below")).hint(hint));
            }
            continue;
        };
        let size = parent.size();
        if size < 1 {
            // That has been reported, and nothing can be said of its parts.
            continue;
        }
        let from_start = |end: i64| if end < 0 { end.saturating_add(size).max(0) } else { end.min(size) };
        if subgroup.stop.value > size {
            let message = format!("`stop` is beyond the end of `{of}`, which has {size} cells");
            diagnostics.push(Diagnostic::warning(&subgroup.stop.text, subgroup.stop.text.whole(), message));
        }
        subgroup.start.value = from_start(subgroup.start.value);
        subgroup.stop.value = from_start(subgroup.stop.value);
        if subgroup.start.value >= subgroup.stop.value {
            let hint = format!("cells from `start` up to, not including, `stop`; `{of}` has {size}");
            diagnostics
                .push(error(&subgroup.start.text, format!("the subgroup `{}` is empty", name.as_str())).hint(hint));
        }
    }
}

fn arguments(function: &Function, diagnostics: &mut Diagnostics) {
    once(function.args.iter(), diagnostics);
    let Some(units) = &function.arg_units else { return };
    if units.len() != function.args.len() {
        let (count, name) = (function.args.len(), function.name.as_str());
        let message = format!("`{name}` has {count} arguments, but `arg_units` has {}", units.len());
        let at = units.first().map_or(&function.name, |unit| &unit.text);
        diagnostics.push(error(at, message));
    }
}

fn events(neurons: &Neurons, diagnostics: &mut Diagnostics) {
    let spike = neurons.threshold.as_ref().map(|_| "spike");
    for (name, _) in &neurons.events {
        if Some(name.as_str()) == spike {
            diagnostics.push(error(name, "the event `spike` is that of the threshold"));
        }
    }
    for (name, _) in &neurons.on_event {
        let known: Vec<&str> = neurons.events.iter().map(|(event, _)| event.as_str()).chain(spike).collect();
        unknown_event(name, &known, diagnostics);
    }
}

fn unknown_event(name: &Text, known: &[&str], diagnostics: &mut Diagnostics) {
    if !known.contains(&name.as_str()) {
        let diagnostic = error(name, format!("there is no event `{}`", name.as_str()));
        let diagnostic = diagnostic.suggest(name.as_str(), known.iter().copied());
        diagnostics.push(match diagnostic.hint {
            None => diagnostic.hint("events are defined in `events = { NAME = \"condition\" }` of the group"),
            Some(_) => diagnostic,
        });
    }
}

fn spikes(generator: &SpikeGenerator, diagnostics: &mut Diagnostics) {
    let (indices, times) = (&generator.indices, &generator.times_seconds);
    within(indices, generator.n.value, "the group", diagnostics);
    if indices.value.len() != times.value.len() {
        let (count, other) = (times.value.len(), indices.value.len());
        let message = format!("there are {other} `indices` but {count} `times`");
        diagnostics.push(error(&times.text, message).hint("one index and one time for each spike"));
    }
    if let Some(k) = times.value.iter().position(|time| !time.is_finite() || *time < 0.0) {
        let message = format!("a spike cannot be at {} seconds", times.value[k]);
        diagnostics.push(Diagnostic::error(&times.text, element(&times.text, k), message));
    }
}

/// Negative indices and sizes below 1 have been reported with the types.
fn within(indices: &Located<Vec<i64>>, size: i64, whose: &str, diagnostics: &mut Diagnostics) {
    if size < 1 {
        return;
    }
    if let Some(k) = indices.value.iter().position(|index| *index >= size) {
        let message = format!("index {} is out of range: {whose} has {size} cells", indices.value[k]);
        let diagnostic = Diagnostic::error(&indices.text, element(&indices.text, k), message);
        diagnostics.push(diagnostic.hint(format!("indices go from 0 to {}", size - 1)));
    }
}

/// Where element `k` of a list of numbers stands in its text, or the whole of what is no list.
fn element(list: &Text, k: usize) -> Span {
    let text = list.as_str();
    let (mut element, mut start, mut is_comment) = (0, None, false);
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\n' => is_comment = false,
            _ if is_comment => {}
            '#' => is_comment = true,
            ',' => element += 1,
            c if element < k || c.is_whitespace() => {}
            ']' => break,
            _ if element == k => start = start.or(Some(at)),
            _ => break,
        }
    }
    let Some(start) = start.filter(|_| text.starts_with('[')) else { return list.whole() };
    let length = text[start..].find(|c: char| c.is_whitespace() || ",]#".contains(c));
    Span::new(start, length.map_or(text.len(), |length| start + length))
}

fn pathways(synapses: &Synapses, diagnostics: &mut Diagnostics) {
    let known = || synapses.on_pre.iter().chain(&synapses.on_post).map(|(name, _)| name);
    once(known(), diagnostics);
    for (name, delay) in &synapses.delay {
        if known().any(|pathway| pathway.as_str() == name.as_str()) {
            continue;
        }
        let message = format!("`{}` has no pathway `{}` to delay", synapses.name.as_str(), name.as_str());
        // A lone delay has no pathway written that could be marked.
        let at = if name.place().ends_with(".delay") { &delay.text } else { name };
        let diagnostic = error(at, message).suggest(name.as_str(), known().map(Text::as_str));
        let names: Vec<&str> = known().map(Text::as_str).collect();
        diagnostics.push(match (&diagnostic.hint, names.len()) {
            (Some(_), _) => diagnostic,
            (None, 0) => diagnostic.hint("it has neither `on_pre` nor `on_post`"),
            (None, 1) => diagnostic.hint(format!("its pathway is {}", list(&names))),
            (None, _) => diagnostic.hint(format!("its pathways are {}", list(&names))),
        });
    }
}

fn connections(model: &ModelFile, synapses: &Synapses, connect: &Connect, diagnostics: &mut Diagnostics) {
    if let (Some(condition), true) = (&connect.condition, connect.i.is_some() || connect.j.is_some()) {
        let message = "`condition` cannot be combined with `i` or `j`";
        diagnostics.push(error(&condition.text, message).hint("write the condition into the generator: `... if ...`"));
        return;
    }
    let sides = [("i", &connect.i, &synapses.source), ("j", &connect.j, &synapses.target)];
    for (_, indices, group) in sides {
        if let (Some(Indices::List(list)), Some(group)) = (indices, model.group(group.as_str())) {
            within(list, group.size(), &format!("`{}`", group.name.as_str()), diagnostics);
        }
    }
    match (&connect.i, &connect.j) {
        (Some(Indices::List(i)), Some(Indices::List(j))) => {
            let (i_len, j_len) = (i.value.len(), j.value.len());
            if i_len != j_len && i_len != 1 && j_len != 1 {
                diagnostics.push(error(&j.text, format!("there are {i_len} indices in `i` but {j_len} in `j`")));
            }
            if let Some(n) = connect.n.as_ref().filter(|n| n.value == Scalar::Expression) {
                diagnostics.push(error(&n.text, "`n` must be a number where `i` and `j` are given as numbers"));
            }
            if connect.skip_if_invalid {
                diagnostics.push(error(&connect.text, "`skip_if_invalid` is for indices that an expression generates"));
            }
        }
        (Some(Indices::List(list)), None) | (None, Some(Indices::List(list))) => {
            let missing = if connect.i.is_some() { "j" } else { "i" };
            diagnostics.push(
                error(&list.text, format!("indices without `{missing}`"))
                    .hint(format!("give `{missing}` as well, of the same length or a single index")),
            );
        }
        (Some(_), Some(Indices::Generated(generated))) | (Some(Indices::Generated(generated)), Some(_)) => {
            let message = "an expression that generates indices of one side cannot be combined with those of the other";
            diagnostics.push(error(generated, message));
        }
        (Some(Indices::Generated(_)), None) | (None, Some(Indices::Generated(_))) => {
            let one = |value: &Value| matches!(value.value, Scalar::Integer(1)) || value.value == Scalar::Float(1.0);
            if let Some(p) = connect.p.as_ref().filter(|p| !one(p)) {
                let hint = "write `for k in sample(N_post, p=...)` instead";
                diagnostics.push(error(&p.text, "`p` cannot be combined with generated indices").hint(hint));
            }
        }
        (None, None) => {}
    }
}

fn monitored(model: &ModelFile, monitor: &Monitor, diagnostics: &mut Diagnostics) {
    let source = monitor.source.as_str();
    let Some(group) = model.group(source) else {
        let kind = match monitor.kind {
            MonitorKind::State { .. } => return,
            MonitorKind::Spikes { .. } => "spikes",
            MonitorKind::Event { .. } => "event",
            MonitorKind::Rate => "rate",
        };
        if model.synapses(source).is_some() {
            let message = format!("a monitor of kind `{kind}` needs a group, but `{source}` are synapses");
            diagnostics.push(error(&monitor.source, message));
        }
        return;
    };
    match &monitor.kind {
        MonitorKind::State { record: Some(record), .. } => {
            within(record, group.size(), &format!("`{source}`"), diagnostics);
        }
        MonitorKind::Event { event, .. } => {
            let Some(whole) = whole_group(model, group) else { return };
            let (events, threshold) = match &whole.kind {
                GroupKind::Neurons(neurons) => (&neurons.events[..], neurons.threshold.is_some()),
                _ => (&[][..], true),
            };
            let known: Vec<&str> =
                events.iter().map(|(event, _)| event.as_str()).chain(threshold.then_some("spike")).collect();
            unknown_event(event, &known, diagnostics);
        }
        _ => {}
    }
}

/// The group that a subgroup is in the end part of; `None` where that is not known.
fn whole_group<'a>(model: &'a ModelFile, mut group: &'a Group) -> Option<&'a Group> {
    // Each step goes up by at least one group, unless the file is wrong.
    for _ in 0..model.groups.len() {
        match &group.kind {
            GroupKind::Subgroup(subgroup) => group = model.group(subgroup.of.as_str())?,
            _ => return Some(group),
        }
    }
    None
}

fn selected(model: &ModelFile, change: &Change, diagnostics: &mut Diagnostics) {
    let Some(group) = model.group(change.target.as_str()) else { return };
    let (size, name) = (group.size(), group.name.as_str());
    if size < 1 {
        return;
    }
    match &change.selection {
        Selection::Indices(indices) => {
            if let Some(k) = indices.value.iter().position(|index| *index < -size || *index >= size) {
                let message = format!("index {} is out of range: `{name}` has {size} cells", indices.value[k]);
                let hint = format!("indices go from 0 to {}, or from -{size} to -1", size - 1);
                diagnostics.push(Diagnostic::error(&indices.text, element(&indices.text, k), message).hint(hint));
            }
        }
        Selection::Mask(mask) if mask.value.len() as i64 != size => {
            let message = format!("there are {} booleans, but `{name}` has {size} cells", mask.value.len());
            diagnostics.push(error(&mask.text, message));
        }
        Selection::All | Selection::Condition(_) | Selection::Mask(_) => {}
    }
}
