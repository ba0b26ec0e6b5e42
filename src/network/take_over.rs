//! Taking over the state of a network that was made from another form of the model.
//!
//! The state goes by name. What both have, of one type and size, goes on as it is: variables, events, what is on its way
//! through pathways, random numbers, the time, what monitors recorded. What only this network has keeps its initial
//! values; what only the other one had is gone; what has become something else starts anew. Each of these is reported.
//! What the model itself says, such as lengths of steps and given spikes, is this model's.

use std::fmt;
use std::mem::discriminant;

use indexmap::{IndexMap, IndexSet};

use super::check::CheckedModel;
use super::error::Error;
use super::instantiate::instantiate_beside;
use super::monitor::{Column, Columns, Origin};
use super::state::{RandomState, Reader, State};
use super::synapses::wiring::{Pairs, Wiring};
use super::{Action, Network, Scheduled};
use crate::engine::Options;
use crate::runtime::clock::Clock;
use crate::runtime::record::Values;
use crate::runtime::state_file::{Elements, TypedArray};

/// What did not go over as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenOver {
    /// What only the new network has, such as `cells.w`: it has its initial values.
    pub added: Vec<String>,
    /// What only the old one had.
    pub removed: Vec<String>,
    /// What is of another type or size now, and has its initial values.
    pub anew: Vec<String>,
}

impl TakenOver {
    /// Whether everything went over.
    pub fn is_whole(&self) -> bool {
        *self == TakenOver::default()
    }
}

impl fmt::Display for TakenOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("state kept")?;
        for (what, names) in [("new", &self.added), ("gone", &self.removed), ("starts anew", &self.anew)] {
            if !names.is_empty() {
                write!(f, "; {what}: {}", names.join(", "))?;
            }
        }
        Ok(())
    }
}

type Arrays = IndexMap<String, TypedArray>;

/// What a name in a state is the name of.
enum Part<'a> {
    /// A variable, event or pair of a group.
    Group(&'a str),
    Spikes,
    Pathway(&'a str),
    Monitor(&'a str),
    Clocks,
    /// The time and the random numbers.
    Whole,
}

fn part(name: &str) -> Part<'_> {
    match name.split('/').collect::<Vec<_>>()[..] {
        ["groups", _, "spikes", _] => Part::Spikes,
        ["groups", group, ..] => Part::Group(group),
        ["pathways", pathway, _] => Part::Pathway(pathway),
        ["monitors", monitor, ..] => Part::Monitor(monitor),
        ["clocks", _] => Part::Clocks,
        _ => Part::Whole,
    }
}

/// `cells.v` for `groups/cells/v`; none for what nobody knows by a name.
fn shown(name: &str) -> Option<String> {
    match name.split('/').collect::<Vec<_>>()[..] {
        ["groups", _, "i" | "j"] => None,
        ["groups", group, variable] => Some(format!("{group}.{variable}")),
        _ => None,
    }
}

impl Network {
    /// Goes on from a state that another form of the model left, by the names of what is in it.
    ///
    /// ```
    /// use saltus::{engine::Options, network::{Model, Network, NeuronGroup, RandomState}};
    /// let made = |equations: &str| {
    ///     let model = Model::new().group(NeuronGroup::new("cells", 2, equations).method("euler"));
    ///     Network::new(&model, Options::interpreted())
    /// };
    /// let mut old = made("dv/dt = 1/ms : 1")?;
    /// old.run_for("1*ms")?;
    /// let mut new = made("dv/dt = w/ms : 1\nw : 1")?;
    /// let taken = new.restore_by_name(&old.store()?, RandomState::Restore)?;
    /// assert_eq!(taken.to_string(), "state kept; new: cells.w");
    /// assert_eq!(new.values("cells", "v"), old.values("cells", "v"));
    /// # Ok::<(), saltus::network::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::State`] if a group has another number of cells, or the time is between two steps of the new model; else as
    /// of [`Network::restore`]. Nothing has changed then.
    pub fn restore_by_name(&mut self, state: &State, random: RandomState) -> Result<TakenOver, Error> {
        let fresh = self.store()?;
        let (adapted, taken) = Adapter { fresh: fresh.arrays(), given: state.arrays(), network: self }.adapted()?;
        self.restore(&fresh.with(adapted), random)?;
        Ok(taken)
    }

    /// Goes on where another network is, between two of its steps.
    ///
    /// # Errors
    /// As of [`Network::restore_by_name`].
    pub fn take_over(&mut self, old: &mut Network) -> Result<TakenOver, Error> {
        let taken = match self.has_synapses_of(old) {
            // Nothing that may be large is copied.
            true if !old.is_running && !old.is_streaming() => {
                let (fresh, given) = (self.snapshot(false), old.snapshot(false));
                let adapter = Adapter { fresh: fresh.arrays(), given: given.arrays(), network: self };
                let (adapted, mut taken) = adapter.adapted()?;
                self.put_back(&Reader(&adapted), RandomState::Restore, false)?;
                self.take_delays(old);
                self.take_records(old, &mut taken);
                taken
            }
            _ => self.restore_by_name(&old.store()?, RandomState::Restore)?,
        };
        self.set_profiling(old.is_profiling);
        self.take_operations(old);
        let told = std::mem::take(&mut old.warnings).0;
        self.warnings
            .0
            .extend(told.into_iter().filter(|warning| !self.warnings.0.contains(warning)).collect::<Vec<_>>());
        Ok(taken)
    }

    /// Whether synapses of the same names are as many: those of a network [beside](Network::beside) another are the same.
    fn has_synapses_of(&self, old: &Network) -> bool {
        self.memory.populations.iter().all(|own| {
            let Some(wiring) = &own.wiring else { return true };
            let Some(other) = old.memory.populations.iter().find(|p| p.group.name == own.group.name) else {
                return true;
            };
            let Some(theirs) = &other.wiring else { return false };
            let ends = |wiring: &Wiring| [wiring.source, wiring.target].map(|end| (end.start, end.stop, end.is_part));
            own.n() == other.n() && ends(wiring) == ends(theirs)
        })
    }

    /// Delays may have been changed while it ran.
    fn take_delays(&mut self, old: &mut Network) {
        for population in self.memory.populations.iter_mut().filter(|p| p.is_synapses()) {
            if let Some(other) = old.memory.populations.iter_mut().find(|p| p.group.name == population.group.name) {
                population.take_delays(other);
            }
        }
    }

    /// What monitors of one name and kind recorded goes on.
    fn take_records(&mut self, old: &mut Network, taken: &mut TakenOver) {
        let (mut known, mut gone) = (Vec::new(), Vec::new());
        for new in &mut self.event_monitors {
            let Some(old) = old.event_monitors.iter_mut().find(|m| m.name == new.name) else { continue };
            let is_same = (&new.source_name, new.event, new.record) == (&old.source_name, old.event, old.record);
            let goes_on = is_same && new.count.len() == old.count.len() && same_types(&new.variables, &old.variables);
            known.push((new.name.clone(), goes_on));
            if goes_on {
                let rows = old.t.len();
                new.variables.iter_mut().for_each(|(name, column)| take_column(column, name, &mut old.variables, rows));
                (new.count, new.total, new.written) = (std::mem::take(&mut old.count), old.total, old.written);
                (new.i, new.t) = (std::mem::take(&mut old.i), std::mem::take(&mut old.t));
            }
        }
        for new in &mut self.state_monitors {
            let Some(old) = old.state_monitors.iter_mut().find(|m| m.name == new.name) else { continue };
            let is_same = (&new.source_name, &new.record) == (&old.source_name, &old.record);
            let goes_on = is_same && same_types(&new.variables, &old.variables);
            known.push((new.name.clone(), goes_on));
            if goes_on {
                let rows = old.t.len() * new.record.len();
                new.variables.iter_mut().for_each(|(name, column)| take_column(column, name, &mut old.variables, rows));
                (new.t, new.written) = (std::mem::take(&mut old.t), old.written);
            }
        }
        for new in &mut self.rate_monitors {
            let Some(old) = old.rate_monitors.iter_mut().find(|m| m.name == new.name) else { continue };
            let goes_on = new.source_name == old.source_name;
            known.push((new.name.clone(), goes_on));
            if goes_on {
                new.set(std::mem::take(&mut old.t), std::mem::take(&mut old.rate));
            }
        }
        let is_known = |name: &&String| known.iter().any(|(known, _)| known == *name);
        gone.extend(old.monitor_names.iter().filter(|name| !self.monitor_names.contains(name)).cloned());
        taken.added.extend(self.monitor_names.iter().filter(|name| !is_known(name)).cloned());
        taken.anew.extend(known.iter().filter(|(_, goes_on)| !goes_on).map(|(name, _)| name.clone()));
        taken.removed.extend(gone);
    }

    /// Operations of the user's go on at their times.
    fn take_operations(&mut self, old: &mut Network) {
        for (number, operation) in std::mem::take(&mut old.operations).into_iter().enumerate() {
            let is_it = |s: &&Scheduled| matches!(s.action, Action::Call { operation } if operation == number);
            let Some(scheduled) = old.schedule.iter().find(is_it) else { continue };
            let clock = match scheduled.clock {
                0 => 0,
                own => {
                    let own = &old.memory.clocks[own];
                    let mut clock = Clock::new(own.dt_seconds());
                    clock.set_step(own.step());
                    self.memory.clocks.push(clock);
                    self.memory.clocks.len() - 1
                }
            };
            let action = Action::Call { operation: self.operations.len() };
            let scheduled = Scheduled { place: scheduled.place.clone(), owner: scheduled.owner.clone(), ..*scheduled };
            self.schedule.push(Scheduled { clock, action, ..scheduled });
            self.operations.push(operation);
        }
        self.schedule.sort_by(|a, b| a.place.cmp(&b.place));
    }

    /// Puts a model into memory that is to take the place of a network: synapses that both have are those of that one.
    ///
    /// # Errors
    /// If the machine is in the way.
    pub fn beside(checked: CheckedModel, options: Options, old: &Network) -> Result<Network, Error> {
        instantiate_beside(checked, options, Some(old))
    }

    /// The pairs of synapses of this name between ends of these sizes.
    pub(super) fn pairs_of(&self, synapses: &str, sources: usize, targets: usize) -> Option<Pairs> {
        let population = self.memory.populations.iter().find(|p| p.group.name == synapses)?;
        let wiring = population.wiring.as_ref()?;
        ((wiring.source.n(), wiring.target.n()) == (sources, targets)).then(|| population.pairs())
    }
}

/// A state of one network, made to fit another.
struct Adapter<'a> {
    fresh: &'a Arrays,
    given: &'a Arrays,
    network: &'a Network,
}

impl<'a> Adapter<'a> {
    fn adapted(&self) -> Result<(Arrays, TakenOver), Error> {
        let mut out = Arrays::new();
        let mut taken = TakenOver::default();
        self.compare_sizes()?;
        for (name, own) in self.fresh {
            let array = match part(name) {
                Part::Whole => self.given.get(name).unwrap_or(own).clone(),
                Part::Spikes => own.clone(),
                Part::Clocks => self.clocks(name, own)?,
                Part::Group(group) => self.of_group(name, group, own, &mut taken)?,
                Part::Pathway(pathway) => self.of_pathway(name, pathway, own),
                Part::Monitor(monitor) if self.goes_on(monitor) => self.of_monitor(name, monitor, own),
                Part::Monitor(_) => own.clone(),
            };
            out.insert(name.clone(), array);
        }
        taken.removed.extend(self.given.keys().filter(|name| !self.fresh.contains_key(*name)).filter_map(|n| shown(n)));
        let monitors = |arrays: &'a Arrays| -> IndexSet<&'a str> {
            arrays
                .keys()
                .filter_map(|name| if let Part::Monitor(monitor) = part(name) { Some(monitor) } else { None })
                .collect()
        };
        let (own, theirs) = (monitors(self.fresh), monitors(self.given));
        taken.added.extend(own.difference(&theirs).map(ToString::to_string));
        taken.removed.extend(theirs.difference(&own).map(ToString::to_string));
        taken.anew.extend(own.intersection(&theirs).filter(|m| !self.goes_on(m)).map(ToString::to_string));
        Ok((out, taken))
    }

    fn len(arrays: &Arrays, name: &str) -> Option<usize> {
        Some(arrays.get(name)?.elements().len())
    }

    /// Cells are what all else is counted by.
    fn compare_sizes(&self) -> Result<(), Error> {
        for population in &self.network.memory.populations {
            let group = &population.group.name;
            // Each event has a list of cells, each variable a value or one for each cell.
            let prefix = format!("groups/{group}/");
            let shared = |variable: &str| population.group.variables.get(variable).is_some_and(|v| v.shared);
            for (name, own) in self.fresh.iter().filter(|(name, _)| name.starts_with(&prefix)) {
                let variable = &name[prefix.len()..];
                if population.is_synapses() || variable.contains('/') || shared(variable) {
                    continue;
                }
                let (here, there) = (own.elements().len(), Self::len(self.given, name));
                if there.is_some_and(|there| there != here && there != 1) {
                    let message = format!("`{group}` has {here} cells now, but ran with {}", there.unwrap_or_default());
                    return Err(Error::State(message));
                }
            }
        }
        Ok(())
    }

    /// Steps that go by are counted in the lengths that the model has now.
    fn clocks(&self, name: &str, own: &TypedArray) -> Result<TypedArray, Error> {
        let clocks = &self.network.memory.clocks;
        let (Some(Elements::F64(dts)), Some(Elements::I64(steps)), Some(Elements::F64(t))) = (
            self.given.get("clocks/dt").map(TypedArray::elements),
            self.given.get("clocks/step").map(TypedArray::elements),
            self.given.get("t").map(TypedArray::elements),
        ) else {
            return Err(Error::State("it has no clocks".to_string()));
        };
        if name != "clocks/step" {
            return Ok(own.clone());
        }
        let t_seconds = t.first().copied().unwrap_or(0.0);
        let is_known = |dt_seconds: f64| dts.iter().position(|dt| dt.to_bits() == dt_seconds.to_bits());
        let is_underway = |(name, array): (&String, &TypedArray)| {
            matches!(part(name), Part::Pathway(_)) && name.ends_with("/numbers") && !array.elements().is_empty()
        };
        if self.given.iter().any(is_underway) && clocks.iter().any(|clock| is_known(clock.dt_seconds()).is_none()) {
            let reason = "spikes are on their way, whose steps are of another length now";
            return Err(Error::State(reason.to_string()));
        }
        let step = |(k, clock): (usize, &Clock)| {
            let dt_seconds = clock.dt_seconds();
            let same = is_known(dt_seconds).filter(|_| !clock.has_times()).and_then(|k| steps.get(k));
            match (same, clock.step_at(t_seconds)) {
                (Some(step), _) => Ok(*step),
                (None, Some(step)) => Ok(step),
                // What has a step of its own begins with its next one.
                (None, None) if k > 0 => Ok((t_seconds / dt_seconds).ceil() as i64),
                (None, None) => Err(Error::State(format!(
                    "the time is {t_seconds} s, which is no whole number of steps of {dt_seconds} s"
                ))),
            }
        };
        let steps = clocks.iter().enumerate().map(step).collect::<Result<Vec<i64>, Error>>()?;
        Ok(TypedArray::new(vec![steps.len()], steps))
    }

    fn of_group(&self, name: &str, group: &str, own: &TypedArray, taken: &mut TakenOver) -> Result<TypedArray, Error> {
        let known = shown(name);
        if self.is_given(name, group) {
            return Ok(own.clone());
        }
        // Synapses come with the state; there may be more or fewer.
        let pairs = format!("groups/{group}/j");
        let synapses = Self::len(self.fresh, &pairs).zip(Self::len(self.given, &pairs));
        if let Some(given) = self.given.get(name) {
            let is_event = name.split('/').count() > 3;
            let (here, there) = (own.elements(), given.elements());
            if here.dtype() == there.dtype() && (here.len() == there.len() || is_event || synapses.is_some()) {
                return Ok(given.clone());
            }
            taken.anew.extend(known);
        } else if self.is_known(group) {
            taken.added.extend(known);
            // What is driven by events begins now.
            if name.ends_with("/lastupdate")
                && let Some(Elements::F64(t)) = self.given.get("t").map(TypedArray::elements)
            {
                let n = synapses.map_or(own.elements().len(), |(_, there)| there);
                return Ok(TypedArray::new(vec![n], vec![t.first().copied().unwrap_or(0.0); n]));
            }
        }
        let Some((here, there)) = synapses.filter(|(here, there)| here != there && own.elements().len() == *here)
        else {
            return Ok(own.clone());
        };
        // Their initial values are those of other synapses.
        same_for_all(own, there).ok_or_else(|| {
            Error::State(format!(
                "`{name}` is new, with a value for each of {here} synapses, of which there are {there}: give the model a seed"
            ))
        })
    }

    /// Rates of a Poisson group are the model's, not its state.
    fn is_given(&self, name: &str, group: &str) -> bool {
        let populations = &self.network.memory.populations;
        let found = populations.iter().find(|population| population.group.name == group);
        name.ends_with("/rates") && found.is_some_and(|p| !p.has_equations && p.spikes.is_none() && !p.is_synapses())
    }

    fn is_known(&self, group: &str) -> bool {
        let prefix = format!("groups/{group}/");
        self.given.keys().any(|name| name.starts_with(&prefix))
    }

    fn of_pathway(&self, name: &str, pathway: &str, own: &TypedArray) -> TypedArray {
        let whole = ["has_cells", "steps", "numbers"];
        let is_there = whole.iter().all(|part| self.given.contains_key(&format!("pathways/{pathway}/{part}")));
        self.given.get(name).filter(|_| is_there).unwrap_or(own).clone()
    }

    /// Whether what a monitor recorded goes on.
    fn goes_on(&self, monitor: &str) -> bool {
        let prefix = format!("monitors/{monitor}/");
        let values = format!("{prefix}values/");
        fn of<'a>(arrays: &'a Arrays, prefix: &str) -> Vec<(&'a String, &'a TypedArray)> {
            arrays.iter().filter(|(name, _)| name.starts_with(prefix)).collect()
        }
        let (own, theirs) = (of(self.fresh, &prefix), of(self.given, &prefix));
        let kind = |all: &[(&'a String, &'a TypedArray)]| -> Vec<&'a str> {
            all.iter().map(|(name, _)| name.as_str()).filter(|name| !name.starts_with(&values)).collect()
        };
        let count = format!("monitors/{monitor}/count");
        let same_types = own.iter().all(|(name, array)| {
            self.given.get(*name).is_none_or(|given| given.elements().dtype() == array.elements().dtype())
        });
        kind(&own) == kind(&theirs)
            && same_types
            && Self::len(self.fresh, &count) == Self::len(self.given, &count)
            && self.columns_recorded(monitor).is_none_or(|columns| columns == self.columns_here(monitor))
    }

    /// How many cells a state monitor recorded; none if nothing tells.
    fn columns_recorded(&self, monitor: &str) -> Option<usize> {
        let rows = Self::len(self.given, &format!("monitors/{monitor}/t")).filter(|rows| *rows > 0)?;
        let prefix = format!("monitors/{monitor}/values/");
        let (_, values) = self.given.iter().find(|(name, _)| name.starts_with(&prefix))?;
        Some(values.elements().len() / rows)
    }

    /// How many it records now: those of one event monitor are one.
    fn columns_here(&self, monitor: &str) -> usize {
        self.network.state_monitors.iter().find(|m| m.name == monitor).map_or(1, |m| m.record.len())
    }

    fn of_monitor(&self, name: &str, monitor: &str, own: &TypedArray) -> TypedArray {
        if let Some(given) = self.given.get(name) {
            return given.clone();
        }
        // A new column, of which nothing was recorded before.
        let rows = Self::len(self.given, &format!("monitors/{monitor}/t")).unwrap_or(0);
        nothing(own.elements(), rows * self.columns_here(monitor))
    }
}

/// Whether columns of one name have one type.
fn same_types(new: &Columns, old: &Columns) -> bool {
    new.iter().all(|(name, (_, column))| {
        old.get(name).is_none_or(|(_, other)| discriminant(&column.values) == discriminant(&other.values))
    })
}

/// What was recorded of a variable, or nothing for as many rows.
fn take_column(new: &mut (Origin, Column), name: &str, old: &mut Columns, rows: usize) {
    new.1.values = match old.get_mut(name) {
        Some((_, old)) => {
            let emptied = old.values.emptied();
            std::mem::replace(&mut old.values, emptied)
        }
        None => no_values(&new.1.values, rows),
    };
}

fn no_values(like: &Values, len: usize) -> Values {
    match like {
        Values::Bool(_) => Values::Bool(vec![false; len]),
        Values::I32(_) => Values::I32(vec![0; len]),
        Values::I64(_) => Values::I64(vec![0; len]),
        Values::F32(_) => Values::F32(vec![f32::NAN; len]),
        Values::F64(_) => Values::F64(vec![f64::NAN; len]),
    }
}

/// So many values of a type that say that there is none.
fn nothing(like: &Elements, len: usize) -> TypedArray {
    let elements = match like {
        Elements::Bool(_) => Elements::Bool(vec![false; len]),
        Elements::I32(_) => Elements::I32(vec![0; len]),
        Elements::I64(_) => Elements::I64(vec![0; len]),
        Elements::U32(_) => Elements::U32(vec![0; len]),
        Elements::F32(_) => Elements::F32(vec![f32::NAN; len]),
        Elements::F64(_) => Elements::F64(vec![f64::NAN; len]),
    };
    TypedArray::new(vec![len], elements)
}

/// An array of another length with the value that all have; none if they have several, or there is none.
fn same_for_all(array: &TypedArray, len: usize) -> Option<TypedArray> {
    fn filled<T: Copy + PartialEq>(values: &[T], len: usize) -> Option<Vec<T>> {
        let first = *values.first()?;
        values.iter().all(|value| *value == first).then(|| vec![first; len])
    }
    let elements = match array.elements() {
        Elements::Bool(values) => Elements::Bool(filled(values, len)?),
        Elements::I32(values) => Elements::I32(filled(values, len)?),
        Elements::I64(values) => Elements::I64(filled(values, len)?),
        Elements::U32(values) => Elements::U32(filled(values, len)?),
        Elements::F32(values) => Elements::F32(filled(values, len)?),
        Elements::F64(values) => Elements::F64(filled(values, len)?),
    };
    Some(TypedArray::new(vec![len], elements))
}
