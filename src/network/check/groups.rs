//! Checks of groups: neurons, parts of groups, and cells that spike by themselves.

use super::{CheckedGroup, CheckedOperation, Checker, Source};
use crate::diag::{Diagnostic, Text};
use crate::expr::parser;
use crate::integrate::{self, Choice, Integration, Method};
use crate::model::block::Block;
use crate::model::group::{Group, RatesText, check_group, input_group};
use crate::model::statements::{CodeScope, check_statements};
use crate::network::error::Error;
use crate::network::model::{AnyGroup, NeuronGroup, Operation, PoissonGroup, Rates, SpikeGeneratorGroup, Subgroup};
use crate::runtime::spike_source::{SpikeSource, SpikeSourceError};

/// What a group gets from outside.
pub enum GroupInput {
    /// Nothing: it is a group of neurons.
    Neurons,
    /// Rates in hertz, unless they are an expression: it is a Poisson group.
    Poisson(Option<Vec<f64>>),
    /// Times of spikes.
    Spikes(SpikeSource),
}

impl Checker<'_> {
    /// Checks all groups.
    pub(super) fn groups(&mut self) -> Result<(), Error> {
        for given in &self.model.groups {
            let name = given.name();
            if self.sources.contains_key(name) || self.unchecked.contains(name) {
                let text = match given {
                    AnyGroup::Neurons(group) => group.text.equations.clone(),
                    AnyGroup::Subgroup(group) => group.of.clone(),
                    AnyGroup::Poisson(PoissonGroup {
                        rates: Rates::Expression(text) | Rates::Values(_, text), ..
                    }) => text.clone(),
                    AnyGroup::SpikeGenerator(group) => group.indices.1.clone(),
                };
                self.error(&text, format!("there are two groups `{name}`"));
            }
            let found = match given {
                AnyGroup::Neurons(group) => self.neurons(group)?,
                AnyGroup::Subgroup(group) => self.subgroup(group)?,
                AnyGroup::Poisson(group) => self.poisson(group)?,
                AnyGroup::SpikeGenerator(group) => self.spike_generator(group)?,
            };
            match found {
                Some(source) => {
                    self.sources.insert(name.to_string(), source);
                }
                None => {
                    self.unchecked.insert(name.to_string());
                }
            }
        }
        Ok(())
    }

    /// Says that a group has too many cells, or none.
    fn size(&mut self, name: &str, n: usize, text: &Text) {
        if n == 0 || i32::try_from(n).is_err() {
            let message = format!("the group `{name}` has {n} cells; it can have 1 to {}", i32::MAX);
            self.error(text, message);
        }
    }

    fn add(&mut self, group: Group, integration: Integration, clock: usize, input: GroupInput) -> Source {
        let source = Source { population: self.groups.len(), start: 0, stop: group.n, is_part: false };
        self.groups.push(CheckedGroup { group, integration, clock, input });
        source
    }

    fn neurons(&mut self, given: &NeuronGroup) -> Result<Option<Source>, Error> {
        self.size(&given.text.name, given.text.n, &given.text.equations);
        let clock = self.clock(given.dt.as_ref(), 0)?;
        let Some(group) = check_group(&given.text, &self.namespace, self.diagnostics) else { return Ok(None) };
        for event in &group.events {
            self.slot(event.when.as_ref(), event.slot(), &event.text);
        }
        for code in &group.event_code {
            self.slot(code.when.as_ref(), code.slot(), &code.text);
        }
        if group.constant_over_dt().next().is_some() {
            self.slot(None, "before_start", &given.text.equations);
        }
        let Some((group, integration)) = self.integrated(group, clock) else { return Ok(None) };
        if !integration.block.statements.is_empty() || group.refractory.is_some() {
            self.slot(None, "groups", &given.text.equations);
        }
        let source = self.add(group, integration, clock, GroupInput::Neurons);
        self.operations_of(&given.text.name, &given.run_regularly, source)?;
        Ok(Some(source))
    }

    /// Chooses and applies the integration method.
    fn integrated(&mut self, mut group: Group, clock: usize) -> Option<(Group, Integration)> {
        group.system.steady = self.steady_functions(self.clocks[clock]);
        match integrate(&group) {
            Ok(integration) => Some((group, integration)),
            Err(error) => {
                self.diagnostics.push(error);
                None
            }
        }
    }

    fn subgroup(&mut self, given: &Subgroup) -> Result<Option<Source>, Error> {
        let Some(of) = self.source(given.of.as_str(), &given.of) else { return Ok(None) };
        if given.start >= given.stop || given.stop > of.n() {
            let message = format!(
                "the subgroup `{}` is to have the cells {}..{} of `{}`, which has {} cells",
                given.name,
                given.start,
                given.stop,
                given.of.as_str(),
                of.n()
            );
            self.error_with_hint(&given.of, message, "a subgroup has at least one cell, and only cells that exist");
            return Ok(None);
        }
        let (start, stop) = (of.start + given.start, of.start + given.stop);
        let source = Source { population: of.population, start, stop, is_part: true };
        self.operations_of(&given.name, &given.run_regularly, source)?;
        Ok(Some(source))
    }

    fn poisson(&mut self, given: &PoissonGroup) -> Result<Option<Source>, Error> {
        let (rates, values) = match &given.rates {
            Rates::Expression(text) => (RatesText::Expression(text.clone()), None),
            Rates::Values(values, text) => {
                let shared = values.len() == 1 && given.n != 1;
                (RatesText::Values { text: text.clone(), shared }, Some(values))
            }
        };
        let text = match &rates {
            RatesText::Expression(text) | RatesText::Values { text, .. } => text.clone(),
        };
        self.size(&given.name, given.n, &text);
        if let Some(values) = values {
            if values.len() != 1 && values.len() != given.n {
                let message = format!("the group `{}` has {} cells, but {} rates", given.name, given.n, values.len());
                self.error(&text, message);
                return Ok(None);
            }
            if let Some(wrong) = values.iter().find(|rate| rate.is_nan()) {
                self.error(&text, format!("a rate is {wrong}"));
            }
        }
        let clock = self.clock(given.dt.as_ref(), 0)?;
        self.slot(None, "thresholds", &text);
        let group = input_group(&given.name, given.n, Some(&rates), &self.namespace, self.diagnostics);
        let input = GroupInput::Poisson(values.cloned());
        Ok(group.map(|group| self.add(group, nothing_to_integrate(), clock, input)))
    }

    fn spike_generator(&mut self, given: &SpikeGeneratorGroup) -> Result<Option<Source>, Error> {
        let ((indices, index_text), (times, time_text)) = (&given.indices, &given.times_seconds);
        self.size(&given.name, given.n, index_text);
        let clock = self.clock(given.dt.as_ref(), 0)?;
        let period = match &given.period {
            Some(period) => self.constants.time(period, "period", self.diagnostics)?.map(|seconds| (seconds, period)),
            None => None,
        };
        self.slot(None, "thresholds", index_text);
        let seconds = period.map(|(seconds, _)| seconds);
        match SpikeSource::new(given.n, indices, times, seconds, self.clocks[clock]) {
            Ok(spikes) => {
                let group = input_group(&given.name, given.n, None, &self.namespace, self.diagnostics);
                let input = GroupInput::Spikes(spikes);
                Ok(group.map(|group| self.add(group, nothing_to_integrate(), clock, input)))
            }
            Err(error) => {
                let text = match (&error, period) {
                    (SpikeSourceError::Period { .. }, Some((_, period))) => period.text(),
                    (SpikeSourceError::Cell { .. }, _) => index_text,
                    _ => time_text,
                };
                let diagnostic = Diagnostic::error(text, text.whole(), error.to_string());
                self.diagnostics.push(match error.hint() {
                    Some(hint) => diagnostic.hint(hint),
                    None => diagnostic,
                });
                Ok(None)
            }
        }
    }

    /// A clock with these steps.
    fn clock_at(&mut self, times_seconds: &[f64], text: &Text) -> usize {
        let mut times = times_seconds.to_vec();
        times.sort_by(f64::total_cmp);
        if let Some(wrong) = times.iter().find(|t| !(t.is_finite() && **t >= 0.0)) {
            self.error(text, format!("code cannot run at {wrong} s"));
        }
        if let Some(pair) = times.windows(2).find(|pair| pair[0] == pair[1]) {
            self.error(text, format!("the time {} s is given twice", pair[0]));
        }
        self.clocks.push(f64::INFINITY);
        self.times.insert(self.clocks.len() - 1, times);
        self.clocks.len() - 1
    }

    pub(super) fn clock_of(&self, population: usize) -> usize {
        match self.groups.get(population) {
            Some(checked) => checked.clock,
            None => self.checked_synapses[population - self.groups.len()].clock,
        }
    }

    fn group_of_mut(&mut self, population: usize) -> &mut Group {
        let groups = self.groups.len();
        match self.groups.get_mut(population) {
            Some(checked) => &mut checked.group,
            None => &mut self.checked_synapses[population - groups].model.group,
        }
    }

    pub(super) fn operations_of(&mut self, owner: &str, given: &[Operation], source: Source) -> Result<(), Error> {
        let (mut regular, mut at) = (0, 0);
        for operation in given {
            let own = self.clock_of(source.population);
            let clock = match &operation.times_seconds {
                Some(times) => self.clock_at(times, &operation.code),
                None => self.clock(operation.dt.as_ref(), own)?,
            };
            let (kind, number) = match operation.times_seconds {
                Some(_) => ("run_at", &mut at),
                None => ("run_regularly", &mut regular),
            };
            // Brian2's names: the first has no number.
            let suffix = if *number == 0 { String::new() } else { format!("_{number}") };
            let name = format!("{owner}_{kind}{suffix}");
            *number += 1;
            let before = self.diagnostics.0.len();
            let text = &operation.code;
            let statements = parser::statements(text, self.diagnostics);
            let group = match self.groups.get(source.population) {
                Some(checked) => &checked.group,
                None => &self.checked_synapses[source.population - self.groups.len()].model.group,
            };
            check_statements(&statements, &CodeScope::assignment(group, &group.variables), text, self.diagnostics);
            let slot = self.slot(operation.when.as_ref(), "start", text);
            if self.diagnostics.has_errors_since(before) {
                continue;
            }
            self.order_of_operation(text, &statements, source.population);
            let group = self.group_of_mut(source.population);
            group.written.extend(statements.iter().map(|s| s.target.clone()));
            let owner = owner.to_string();
            let (order, text) = (operation.order, text.clone());
            self.operations.push(CheckedOperation { name, owner, source, clock, slot, order, text, statements });
        }
        Ok(())
    }
}

/// The step of a group's equations by the method that it asks for.
pub fn integrate(group: &Group) -> Result<Integration, Diagnostic> {
    let choice = match &group.method {
        None => Choice::Automatic,
        Some(text) => match Method::from_name(text.as_str().trim()) {
            Ok(method) => Choice::Named(method),
            Err(error) => return Err(Diagnostic { at: Some((text.clone(), text.whole())), ..error }),
        },
    };
    integrate::integrate(&group.system, choice)
}

fn nothing_to_integrate() -> Integration {
    Integration { method: Method::Euler, block: Block::default(), propagator: None }
}
