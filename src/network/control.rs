//! What can be done to a network besides running it: operations at each step, stopping, taking objects out of a run,
//! changing the lengths of steps, spikes and random numbers.

use super::check::groups::integrate;
use super::code::Code;
use super::error::Error;
use super::memory::Context;
use super::model::Value;
use super::propagator::{self, PropagatorUpdater};
use super::run::Halt;
use super::{Action, Network, Scheduled};
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::random::{Streams, StreamsState};
use crate::runtime::clock::Clock;
use crate::runtime::spike_source::SpikeSource;

/// Rust code that runs at regular times: it gets the network and the time in seconds.
pub type OperationFn = Box<dyn FnMut(&mut Network, f64) -> Result<(), Error> + Send>;

/// When a network operation runs.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkOperation {
    name: String,
    dt: Option<String>,
    when: String,
    order: i32,
}

impl Default for NetworkOperation {
    fn default() -> NetworkOperation {
        NetworkOperation::new("networkoperation")
    }
}

impl NetworkOperation {
    /// At every step of the model, in the slot `start`. The name decides the order among equals.
    pub fn new(name: &str) -> NetworkOperation {
        NetworkOperation { name: name.to_string(), dt: None, when: "start".to_string(), order: 0 }
    }

    /// Every so often instead.
    #[must_use]
    pub fn dt(mut self, expression: &str) -> NetworkOperation {
        self.dt = Some(expression.to_string());
        self
    }

    /// In another slot.
    #[must_use]
    pub fn when(mut self, slot: &str) -> NetworkOperation {
        self.when = slot.to_string();
        self
    }

    /// Before or after others in the slot.
    #[must_use]
    pub fn order(mut self, order: i32) -> NetworkOperation {
        self.order = order;
        self
    }
}

pub(super) struct Operation {
    /// Absent while it runs.
    pub(super) run: Option<OperationFn>,
}

fn wrong(text: &Text, message: String) -> Diagnostic {
    Diagnostic::error(text, text.whole(), message)
}

impl Network {
    /// Adds Rust code that runs at regular times, from the next run on. An error that it returns ends the run after the
    /// current step.
    ///
    /// ```
    /// use saltus::{engine::Options, network::{Model, Network, NetworkOperation, NeuronGroup}};
    /// let model = Model::new().group(NeuronGroup::new("cells", 1, "dv/dt = 1/ms : 1"));
    /// let mut network = Network::new(&model, Options::interpreted())?;
    /// network.add_operation(NetworkOperation::new("watch").when("end"), |network, _t| {
    ///     if network.values("cells", "v").is_some_and(|v| v[0] > 0.95) {
    ///         network.stop();
    ///     }
    ///     Ok(())
    /// })?;
    /// network.run_for("5*ms")?;
    /// assert!((network.t_seconds() - 1e-3).abs() < 1e-9);
    /// # Ok::<(), saltus::network::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Model`] if there is no such slot, or the step is no time.
    pub fn add_operation(
        &mut self,
        schedule: NetworkOperation,
        operation: impl FnMut(&mut Network, f64) -> Result<(), Error> + Send + 'static,
    ) -> Result<(), Error> {
        let mut diagnostics = Diagnostics::default();
        let clock = match &schedule.dt {
            None => 0,
            Some(dt) => {
                let dt = Value::expression(&format!("{}.dt", schedule.name), dt);
                let seconds = self.step_seconds(&dt)?;
                let mut clock = Clock::new(seconds);
                clock.set_interval(self.t_seconds, self.t_seconds);
                self.memory.clocks.push(clock);
                self.memory.clocks.len() - 1
            }
        };
        let mut name = schedule.name.clone();
        let mut number = 0;
        while self.schedule.iter().any(|s| s.place.name == name) {
            number += 1;
            name = format!("{}_{number}", schedule.name);
        }
        let Some(place) = self.slots.place(&schedule.when, schedule.order, name.clone()) else {
            let text = Text::new(format!("{name}.when"), schedule.when.as_str());
            let names: Vec<String> = self.slots.names().collect();
            let error = wrong(&text, format!("there is no slot `{}`", schedule.when));
            diagnostics.push(error.suggest(&schedule.when, names.iter().map(String::as_str)));
            return Err(Error::Model(diagnostics));
        };
        let action = Action::Call { operation: self.operations.len() };
        self.operations.push(Operation { run: Some(Box::new(operation)) });
        self.schedule.push(Scheduled::new(place, &name, clock, action));
        self.schedule.sort_by(|a, b| a.place.cmp(&b.place));
        Ok(())
    }

    pub(super) fn call(&mut self, operation: usize, t_seconds: f64) {
        let Some(mut run) = self.operations[operation].run.take() else { return };
        if let Err(error) = run(self, t_seconds) {
            self.halt.get_or_insert(Halt::Failed(error));
        }
        self.operations[operation].run = Some(run);
    }

    /// Ends the run that goes on after the current step. Between runs it does nothing.
    pub fn stop(&mut self) {
        if self.is_running {
            self.halt.get_or_insert(Halt::Stop);
        }
    }

    /// Leaves an object out of the next runs, or takes it in again: a group with all that belongs to it, or one of its
    /// parts, such as `cells_spike_resetter`; a monitor; an operation. A run that goes on is not changed.
    ///
    /// # Errors
    /// [`Error::Model`] if there is no such object.
    pub fn set_active(&mut self, name: &str, active: bool) -> Result<(), Error> {
        let mut found = false;
        for scheduled in self.schedule.iter_mut().filter(|s| s.owner == name || s.place.name == name) {
            scheduled.active = active;
            found = true;
        }
        if found {
            return Ok(());
        }
        let text = Text::new("active", name);
        let mut names: Vec<&str> = self.schedule.iter().flat_map(|s| [s.owner.as_str(), &s.place.name]).collect();
        names.sort_unstable();
        names.dedup();
        let error = wrong(&text, format!("there is no object `{name}`")).suggest(name, names);
        Err(Error::Model(Diagnostics(vec![error])))
    }

    fn step_seconds(&mut self, value: &Value) -> Result<f64, Error> {
        let mut diagnostics = Diagnostics::default();
        let seconds = self.memory.constants.time(value, "dt", &mut diagnostics)?;
        match seconds.filter(|seconds| *seconds > 0.0 && seconds.is_finite()) {
            Some(seconds) => Ok(seconds),
            None => {
                if !diagnostics.has_errors() {
                    diagnostics.push(wrong(value.text(), "a step must be longer than 0".to_string()));
                }
                Err(Error::Model(diagnostics))
            }
        }
    }

    /// Changes the length of the model's step, from the next run on.
    ///
    /// # Errors
    /// As of [`Network::set_step_of`].
    pub fn set_step(&mut self, dt: &str) -> Result<(), Error> {
        self.set_clock(0, &Value::expression("dt", dt))
    }

    /// Changes the length of the step of a group, monitor or operation that has a step of its own, from the next run on.
    ///
    /// # Errors
    /// [`Error::Model`] if it has none, if the current time is not on the new grid of steps, or if something that was
    /// made for the old length cannot follow: Poisson inputs, spikes of which two would fall into one step.
    pub fn set_step_of(&mut self, name: &str, dt: &str) -> Result<(), Error> {
        let value = Value::expression(&format!("{name}.dt"), dt);
        let group = self.memory.sources.get(name).filter(|source| !source.is_part);
        let group = group.map(|source| self.memory.populations[source.population].clock);
        let object = || self.schedule.iter().find(|s| s.owner == name || s.place.name == name).map(|s| s.clock);
        let clock = match group.or_else(object) {
            Some(0) => Err(format!("`{name}` has no step of its own: it follows the model's")),
            Some(clock) => Ok(clock),
            None => Err(format!("there is no object `{name}` that runs in steps")),
        };
        match clock {
            Ok(clock) => self.set_clock(clock, &value),
            Err(message) => Err(Error::Model(Diagnostics(vec![wrong(value.text(), message)]))),
        }
    }

    fn set_clock(&mut self, number: usize, value: &Value) -> Result<(), Error> {
        let seconds = self.step_seconds(value)?;
        let fail = |message: String, hint: &str| {
            let error = wrong(value.text(), message);
            Err(Error::Model(Diagnostics(vec![if hint.is_empty() { error } else { error.hint(hint) }])))
        };
        if self.memory.clocks[number].has_times() {
            return fail("what runs at given times has no step".to_string(), "");
        }
        if self.is_running {
            return fail("a step cannot be changed while the network runs".to_string(), "");
        }
        let old = self.memory.clocks[number].dt_seconds();
        if seconds == old {
            return Ok(());
        }
        if !self.memory.clocks[number].fits(seconds, self.t_seconds) {
            let message = format!("the time is {} s, which is no whole number of steps of {seconds} s", self.t_seconds);
            return fail(message, "change the step at a time that is on both grids");
        }
        if let Some((name, _)) = self.poisson_inputs.iter().find(|(_, clock)| *clock == number) {
            let message = format!("`{name}` was made for steps of {old} s and cannot follow");
            return fail(message, "make a new network, or give the target group a step of its own");
        }
        let mut sources: Vec<(usize, SpikeSource)> = Vec::new();
        for (k, population) in self.memory.populations.iter().enumerate().filter(|(_, p)| p.clock == number) {
            if let Some(spikes) = &population.spikes {
                let mut spikes = spikes.clone();
                if let Err(error) = spikes.set_dt(seconds) {
                    return fail(format!("with this step, {error}"), error.hint().unwrap_or_default());
                }
                sources.push((k, spikes));
            }
        }
        self.memory.clocks[number].set_dt(seconds, self.t_seconds);
        for pathway in self.pathways.iter_mut().filter(|pathway| pathway.clock == number) {
            pathway.flight.rescale(old, seconds);
        }
        for (population, spikes) in sources {
            self.memory.populations[population].spikes = Some(spikes);
        }
        self.choose_methods_anew(number)
    }

    /// What is constant during a step depends on how long it is, and so does the method that fits.
    fn choose_methods_anew(&mut self, clock: usize) -> Result<(), Error> {
        let dt_seconds = self.memory.clocks[clock].dt_seconds();
        let steady = self.memory.steady_functions(dt_seconds);
        let mut changed = false;
        for number in 0..self.memory.populations.len() {
            let population = &mut self.memory.populations[number];
            if population.clock != clock || population.group.system.steady == steady {
                continue;
            }
            population.group.system.steady = steady.clone();
            let integration = integrate(&population.group).map_err(|error| Error::Model(Diagnostics(vec![error])))?;
            if integration == population.integration {
                continue;
            }
            population.integration = integration;
            population.propagator_arrays.clear();
            propagator::allocate(population);
            self.renew_state_updater(number)?;
            changed = true;
        }
        if changed {
            self.restart_engine();
        }
        Ok(())
    }

    /// After the lengths of steps were set from outside.
    pub(super) fn follow_clocks(&mut self) -> Result<(), Error> {
        (0..self.memory.clocks.len()).try_for_each(|clock| self.choose_methods_anew(clock))
    }

    fn renew_state_updater(&mut self, number: usize) -> Result<(), Error> {
        self.propagators[number] = self.make_propagator(number)?;
        let is_own =
            |action: &Action| matches!(action, Action::StateUpdate { population, .. } if *population == number);
        let found = self.schedule.iter().find(|s| is_own(&s.action)).map(|s| s.action);
        if let (Some(Action::StateUpdate { code, .. }), Some(lowered)) = (found, self.memory.state_updater(number)?) {
            let name = self.code[code].object.name.clone();
            let context = Context::from(self.memory.whole(number));
            self.code[code] = self.memory.code(context, name, "stateupdate", lowered, indexmap::IndexMap::new())?;
        }
        Ok(())
    }

    pub(super) fn make_propagator(&mut self, population: usize) -> Result<Option<PropagatorUpdater>, Error> {
        let system = self.memory.populations[population].integration.propagator.clone();
        let rates = propagator::rates(&self.memory, population)?;
        let (Some(propagator::RatesCode { kernel, arrays, every_step }), Some(system)) = (rates, system) else {
            return Ok(None);
        };
        let name = format!("{}_propagator", self.memory.populations[population].group.name);
        let whole = self.memory.whole(population);
        let code: Code = self.memory.code(Context::from(whole), name, "propagator", kernel, arrays)?;
        Ok(Some(PropagatorUpdater::new(code, every_step, &system)))
    }

    /// Gives a spike generator other spikes, from the next run on: `indices[k]` at `times_seconds[k]`, all of them again
    /// after each `period_seconds`, if that is given.
    ///
    /// # Errors
    /// [`Error::Model`] if there is no such group, or the spikes are wrong; [`Error::Running`] within a run. Nothing is
    /// changed then.
    pub fn set_spikes(
        &mut self,
        group: &str,
        indices: &[i64],
        times_seconds: &[f64],
        period_seconds: Option<f64>,
    ) -> Result<(), Error> {
        if self.is_running {
            return Err(Error::Running("giving other spikes"));
        }
        let text = Text::new(format!("groups.{group}"), group);
        let fail = |message: String| Err(Error::Model(Diagnostics(vec![wrong(&text, message)])));
        let found = self.memory.sources.get(group).map(|source| source.population);
        let Some(number) = found.filter(|number| self.memory.populations[*number].spikes.is_some()) else {
            return fail(format!("there is no spike generator `{group}`"));
        };
        let population = &mut self.memory.populations[number];
        let dt = self.memory.clocks[population.clock].dt_seconds();
        match SpikeSource::new(population.group.n, indices, times_seconds, period_seconds, dt) {
            Ok(spikes) => {
                population.spikes = Some(spikes);
                Ok(())
            }
            Err(error) => fail(error.to_string()),
        }
    }

    /// Lets a state monitor record once more, at the current time: the last values of a run, which it has not seen.
    ///
    /// # Errors
    /// [`Error::Model`] if there is no such monitor; [`Error::Running`] within a run.
    pub fn record_single_timestep(&mut self, monitor: &str) -> Result<(), Error> {
        if self.is_running {
            return Err(Error::Running("recording a single step"));
        }
        let Some(number) = self.state_monitors.iter().position(|m| m.name == monitor) else {
            let text = Text::new("monitor", monitor);
            let names = self.state_monitors.iter().map(|m| m.name.as_str());
            let error = wrong(&text, format!("there is no state monitor `{monitor}`")).suggest(monitor, names);
            return Err(Error::Model(Diagnostics(vec![error])));
        };
        let clock = self.memory.clocks[self.state_monitors[number].clock].t_seconds();
        self.act(Action::RecordState { monitor: number }, clock);
        Ok(())
    }

    /// Starts the random numbers again from a seed.
    pub fn seed(&mut self, seed: u32) {
        self.streams.seed(seed);
    }

    /// Everything that decides the random numbers to come.
    pub fn random_state(&self) -> StreamsState {
        self.streams.state()
    }

    /// Goes on from a state of the random numbers.
    ///
    /// # Errors
    /// [`Error::State`] if no random numbers were ever in it.
    pub fn set_random_state(&mut self, state: &StreamsState) -> Result<(), Error> {
        self.streams.set_state(state).map_err(|error| Error::State(error.to_string()))
    }

    /// The random numbers, to draw from between runs as Brian2 does outside of code.
    pub fn random(&mut self) -> &mut Streams {
        &mut self.streams
    }
}
