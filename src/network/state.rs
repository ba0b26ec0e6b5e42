//! Storing the state of a network and going back to it: everything that decides how it goes on, and what its monitors
//! have recorded. In memory, or in a file that another process can read.
//!
//! The state of a model goes with the model: a network takes back a state only if it has the same groups, variables and
//! monitors, by name, type and size. Code, constants and what the user switched off are not part of it.

use std::path::Path;

use indexmap::IndexMap;
use serde_json::json;

use super::Network;
use super::check::Source;
use super::error::Error;
use super::monitor::Columns;
use super::synapses::steps::LONGEST;
use super::synapses::wiring::Pairs;
use crate::model::group::Side;
use crate::random::{GeneratorState, StreamsState, WORDS};
use crate::runtime::array::{Array, ElementType};
use crate::runtime::record::Values;
use crate::runtime::spike_source::SpikeSource;
use crate::runtime::state_file::{Elements, StateFile, TypedArray};

/// The state of a network at the end of a run, or before the first one.
#[derive(Clone, Debug, PartialEq)]
pub struct State(StateFile);

impl State {
    /// Reads a state from a file.
    ///
    /// # Errors
    /// [`Error::StateFile`] if there is no whole state in it.
    pub fn read(path: &Path) -> Result<State, Error> {
        Ok(State(StateFile::read(path)?))
    }

    /// Writes it to a file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::StateFile`] if that is not possible.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        Ok(self.0.write(path)?)
    }

    pub(super) fn arrays(&self) -> &IndexMap<String, TypedArray> {
        &self.0.arrays
    }

    /// The same with other arrays.
    pub(super) fn with(mut self, arrays: IndexMap<String, TypedArray>) -> State {
        self.0.arrays = arrays;
        self
    }

    /// Time in the simulation, in seconds.
    pub fn t_seconds(&self) -> Option<f64> {
        match self.0.arrays.get("t")?.elements() {
            Elements::F64(values) => values.first().copied(),
            _ => None,
        }
    }
}

/// The elements of an array, typed.
fn elements(array: &Array) -> Elements {
    let all = 0..array.len();
    match array.ty() {
        ElementType::Bool => Elements::Bool(all.map(|k| array.get_i64(k) != 0).collect()),
        ElementType::I32 => Elements::I32(all.map(|k| array.get_i64(k) as i32).collect()),
        ElementType::I64 => Elements::I64(all.map(|k| array.get_i64(k)).collect()),
        ElementType::F32 => Elements::F32(all.map(|k| array.get(k) as f32).collect()),
        ElementType::F64 => Elements::F64(array.as_f64().to_vec()),
    }
}

fn set_elements(array: &mut Array, elements: &Elements) {
    match elements {
        Elements::Bool(values) => values.iter().enumerate().for_each(|(k, v)| array.set(k, f64::from(u8::from(*v)))),
        Elements::I32(values) => values.iter().enumerate().for_each(|(k, v)| array.set(k, f64::from(*v))),
        Elements::I64(values) => values.iter().enumerate().for_each(|(k, v)| array.set_i64(k, *v)),
        Elements::F32(values) => values.iter().enumerate().for_each(|(k, v)| array.set(k, f64::from(*v))),
        Elements::F64(values) => array.as_f64_mut().copy_from_slice(values),
        Elements::U32(_) => {}
    }
}

fn recorded(values: &Values) -> Elements {
    match values {
        Values::Bool(values) => Elements::Bool(values.clone()),
        Values::I32(values) => Elements::I32(values.clone()),
        Values::I64(values) => Elements::I64(values.clone()),
        Values::F32(values) => Elements::F32(values.clone()),
        Values::F64(values) => Elements::F64(values.clone()),
    }
}

fn values(elements: &Elements) -> Option<Values> {
    Some(match elements {
        Elements::Bool(values) => Values::Bool(values.clone()),
        Elements::I32(values) => Values::I32(values.clone()),
        Elements::I64(values) => Values::I64(values.clone()),
        Elements::F32(values) => Values::F32(values.clone()),
        Elements::F64(values) => Values::F64(values.clone()),
        Elements::U32(_) => return None,
    })
}

/// Arrays under names, while a state is made.
#[derive(Default)]
struct Writer(IndexMap<String, TypedArray>);

impl Writer {
    fn put(&mut self, name: String, elements: impl Into<Elements>) {
        let elements = elements.into();
        let shape = vec![elements.len()];
        self.0.insert(name, TypedArray::new(shape, elements));
    }

    fn columns(&mut self, prefix: &str, columns: &Columns) {
        for (name, (_, column)) in columns {
            self.put(format!("{prefix}/values/{name}"), recorded(&column.values));
        }
    }
}

impl Network {
    /// The state as it is now, to go back to with [`Network::restore`].
    ///
    /// ```
    /// use saltus::{engine::Options, network::{Model, Network, NeuronGroup, RandomState}};
    /// let model = Model::new().seed(1).group(NeuronGroup::new("cells", 2, "dv/dt = xi/ms**0.5 : 1"));
    /// let mut network = Network::new(&model, Options::interpreted())?;
    /// network.run_for("1*ms")?;
    /// let state = network.store()?;
    /// network.run_for("1*ms")?;
    /// let first = network.values("cells", "v");
    /// network.restore(&state, RandomState::Restore)?;
    /// network.run_for("1*ms")?;
    /// assert_eq!(network.values("cells", "v"), first);
    /// # Ok::<(), saltus::network::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Running`] within a run; [`Error::Streaming`] if monitors write to disk.
    pub fn store(&self) -> Result<State, Error> {
        if self.is_running {
            return Err(Error::Running("storing the state"));
        }
        if self.stream.is_some() {
            return Err(Error::Streaming);
        }
        Ok(self.snapshot(true))
    }

    /// The state, between two steps; `bulk`: with what only grows, which are synapses and what monitors recorded.
    pub(super) fn snapshot(&self, bulk: bool) -> State {
        let mut out = Writer::default();
        out.put("t".into(), vec![self.t_seconds]);
        let clocks = &self.memory.clocks;
        out.put("clocks/dt".into(), clocks.iter().map(|c| c.dt_seconds()).collect::<Vec<f64>>());
        out.put("clocks/step".into(), clocks.iter().map(|c| c.step()).collect::<Vec<i64>>());
        for population in &self.memory.populations {
            let prefix = format!("groups/{}", population.group.name);
            for (name, array) in population.arrays.iter().filter(|(name, _)| population.is_state(name)) {
                out.put(format!("{prefix}/{name}"), elements(array));
            }
            if let Some(wiring) = population.wiring.as_ref().filter(|_| bulk) {
                out.put(format!("{prefix}/i"), population.cells_at(Side::Pre));
                out.put(format!("{prefix}/j"), population.cells_at(Side::Post));
                for name in wiring.delays.keys() {
                    out.put(format!("{prefix}/{name}"), population.told(name).map_or(Vec::new(), |a| a.to_f64()));
                }
            }
            for event in &population.events {
                out.put(format!("{prefix}/events/{}", event.name), event.cells_at_end().to_vec());
            }
            if let Some(spikes) = &population.spikes {
                let (given, period) = spikes.given();
                out.put(format!("{prefix}/spikes/i"), given.iter().map(|(i, _)| *i).collect::<Vec<i32>>());
                out.put(format!("{prefix}/spikes/t"), given.iter().map(|(_, t)| *t).collect::<Vec<f64>>());
                out.put(format!("{prefix}/spikes/period"), period.into_iter().collect::<Vec<f64>>());
            }
        }
        for pathway in &self.pathways {
            let pending = pathway.flight.queue.pending();
            let prefix = format!("pathways/{}", pathway.name);
            out.put(format!("{prefix}/has_cells"), vec![i64::from(pathway.flight.has_cells)]);
            out.put(format!("{prefix}/steps"), pending.iter().map(|(ahead, _)| *ahead as i64).collect::<Vec<i64>>());
            out.put(
                format!("{prefix}/numbers"),
                pending.iter().map(|(_, number)| *number as u32).collect::<Vec<u32>>(),
            );
        }
        if bulk {
            self.put_records(&mut out);
        }
        let StreamsState { generator, uniforms, normals } = self.streams.state();
        out.put("random/words".into(), generator.words.to_vec());
        out.put("random/position".into(), vec![generator.position as i64]);
        out.put("random/second_normal".into(), generator.second_normal.into_iter().collect::<Vec<f64>>());
        out.put("random/uniforms".into(), uniforms);
        out.put("random/normals".into(), normals);
        let sizes = self.memory.populations.iter().map(|p| (p.group.name.clone(), json!(p.n())));
        let mut file = StateFile::new(json!({
            "t_seconds": self.t_seconds,
            "groups": serde_json::Map::from_iter(sizes),
            "monitors": self.monitor_names,
        }));
        file.arrays = out.0;
        State(file)
    }

    fn put_records(&self, out: &mut Writer) {
        for monitor in &self.event_monitors {
            let prefix = format!("monitors/{}", monitor.name);
            out.put(format!("{prefix}/count"), monitor.count.iter().map(|c| *c as i64).collect::<Vec<i64>>());
            out.put(format!("{prefix}/i"), monitor.i.clone());
            out.put(format!("{prefix}/t"), monitor.t.clone());
            out.columns(&prefix, &monitor.variables);
        }
        for monitor in &self.state_monitors {
            let prefix = format!("monitors/{}", monitor.name);
            out.put(format!("{prefix}/t"), monitor.t.clone());
            out.columns(&prefix, &monitor.variables);
        }
        for monitor in &self.rate_monitors {
            out.put(format!("monitors/{}/t", monitor.name), monitor.t.clone());
            out.put(format!("monitors/{}/rate", monitor.name), monitor.rate.clone());
        }
    }

    /// Goes back to a state; the next run goes on from there. `random`: whether the random numbers go back too, so that
    /// the run repeats exactly, or go on as they are. After an error everything is as before.
    ///
    /// # Errors
    /// [`Error::State`] if the state is not one of a network with the same groups, variables and monitors;
    /// [`Error::Running`] within a run; [`Error::Streaming`] if monitors write to disk.
    pub fn restore(&mut self, state: &State, random: RandomState) -> Result<(), Error> {
        if self.is_running {
            return Err(Error::Running("going back to a state"));
        }
        if self.stream.is_some() {
            return Err(Error::Streaming);
        }
        let arrays = &state.0.arrays;
        self.compare(arrays)?;
        let reader = Reader(arrays);
        self.compare_synapses(&reader)?;
        self.compare_records(&reader)?;
        self.put_back(&reader, random, true)
    }

    /// Goes back to what a [`snapshot`](Network::snapshot) holds, of this network or one like it.
    pub(super) fn put_back(&mut self, reader: &Reader<'_>, random: RandomState, bulk: bool) -> Result<(), Error> {
        let streams = reader.streams()?;
        self.compare_events(reader)?;
        let sources = self.spike_sources(reader)?;
        if random == RandomState::Restore {
            self.streams.set_state(&streams).map_err(|error| Error::State(error.to_string()))?;
        }
        self.t_seconds = reader.f64("t")?.first().copied().unwrap_or(0.0);
        let (dts, steps) = (reader.f64("clocks/dt")?, reader.i64("clocks/step")?);
        for ((clock, dt), step) in self.memory.clocks.iter_mut().zip(dts).zip(steps) {
            if clock.dt_seconds() != *dt {
                clock.set_dt(*dt, self.t_seconds);
            }
            clock.set_step(*step);
        }
        for (number, source) in sources {
            self.memory.populations[number].spikes = Some(source);
        }
        for number in (0..self.memory.populations.len()).filter(|_| bulk) {
            let Some(wiring) = &self.memory.populations[number].wiring else { continue };
            let (sources, delays) = (wiring.source.n(), wiring.delays.keys().cloned().collect::<Vec<String>>());
            let prefix = format!("groups/{}", self.memory.populations[number].group.name);
            let (i, j) = (reader.i32(&format!("{prefix}/i"))?, reader.i32(&format!("{prefix}/j"))?);
            let own = &self.memory.populations[number];
            if own.cells_at(Side::Pre) != i || own.cells_at(Side::Post) != j {
                self.wire(number, Pairs::of(sources, i, j))?;
            }
            for name in delays {
                let seconds = reader.f64(&format!("{prefix}/{name}"))?;
                self.memory.populations[number].set_delays(&name, seconds);
            }
        }
        for population in &mut self.memory.populations {
            let prefix = format!("groups/{}", population.group.name);
            let states: Vec<String> =
                population.arrays.keys().filter(|name| population.is_state(name)).cloned().collect();
            for name in states {
                set_elements(&mut population.arrays[&name], reader.get(&format!("{prefix}/{name}"))?);
            }
            for event in &mut population.events {
                event.restore(reader.i32(&format!("{prefix}/events/{}", event.name))?);
            }
        }
        let populations = &mut self.memory.populations;
        for pathway in &mut self.pathways {
            let prefix = format!("pathways/{}", pathway.name);
            let steps = reader.i64(&format!("{prefix}/steps"))?;
            let numbers = reader.u32(&format!("{prefix}/numbers"))?;
            let has_cells = reader.i64(&format!("{prefix}/has_cells"))?.first() == Some(&1);
            let index = populations[pathway.synapses].index(pathway.program.side());
            pathway.flight.restore(index, has_cells, steps.iter().copied().zip(numbers.iter().copied()));
        }
        if bulk {
            self.put_records_back(reader)?;
        }
        self.follow_clocks()
    }

    fn put_records_back(&mut self, reader: &Reader<'_>) -> Result<(), Error> {
        for monitor in &mut self.event_monitors {
            let prefix = format!("monitors/{}", monitor.name);
            monitor.count = reader.i64(&format!("{prefix}/count"))?.iter().map(|c| *c as u64).collect();
            monitor.total = monitor.count.iter().sum();
            monitor.written = 0;
            monitor.i = reader.i32(&format!("{prefix}/i"))?.to_vec();
            monitor.t = reader.f64(&format!("{prefix}/t"))?.to_vec();
            reader.columns(&prefix, &mut monitor.variables)?;
        }
        for monitor in &mut self.state_monitors {
            let prefix = format!("monitors/{}", monitor.name);
            monitor.written = 0;
            monitor.t = reader.f64(&format!("{prefix}/t"))?.to_vec();
            reader.columns(&prefix, &mut monitor.variables)?;
        }
        for monitor in &mut self.rate_monitors {
            let values = |name: &str| reader.f64(&format!("monitors/{}/{name}", monitor.name));
            let (t, rate) = (values("t")?.to_vec(), values("rate")?.to_vec());
            monitor.set(t, rate);
        }
        Ok(())
    }

    /// Says what a state has that the network has not, or the other way round.
    fn compare(&self, arrays: &IndexMap<String, TypedArray>) -> Result<(), Error> {
        let own = self.store()?.0.arrays;
        // By whole parts: groups and variables may be called `spikes` and `count` as well.
        let has_length_of_its_own = |name: &str| match name.split('/').collect::<Vec<_>>()[..] {
            ["random" | "pathways", ..] | ["groups", _, "spikes" | "events", _] => true,
            // There may be more or fewer synapses: they come with the state.
            ["groups", group, _] => self.synapse_counts().contains_key(group),
            ["monitors", _, part] => part != "count",
            ["monitors", ..] => true,
            _ => false,
        };
        for (name, array) in &own {
            let Some(given) = arrays.get(name) else {
                return Err(Error::State(format!("it has no `{name}`, which the network has")));
            };
            if given.elements().dtype() != array.elements().dtype() {
                return Err(Error::State(format!("`{name}` is of another type in it")));
            }
            if !has_length_of_its_own(name) && given.elements().len() != array.elements().len() {
                let (there, here) = (given.elements().len(), array.elements().len());
                return Err(Error::State(format!("`{name}` has {there} values in it, but {here} in the network")));
            }
        }
        match arrays.keys().find(|name| !own.contains_key(*name)) {
            Some(name) => Err(Error::State(format!("it has `{name}`, which the network has not"))),
            None => Ok(()),
        }
    }

    /// Says of which synapses the state cannot be.
    fn compare_synapses(&self, reader: &Reader<'_>) -> Result<(), Error> {
        for population in &self.memory.populations {
            let Some(wiring) = &population.wiring else { continue };
            let name = &population.group.name;
            let part = |part: &str| format!("groups/{name}/{part}");
            // What is at an end of others is counted by them.
            for end in [wiring.source, wiring.target] {
                let there = &self.memory.populations[end.population];
                if there.is_synapses() && reader.i32(&format!("groups/{}/i", there.group.name))?.len() != there.n() {
                    let reason =
                        format!("`{}`, at an end of `{name}`, has another number of synapses", there.group.name);
                    return Err(Error::State(reason));
                }
            }
            let (i, j) = (reader.i32(&part("i"))?, reader.i32(&part("j"))?);
            let exist = |cells: &[i32], end: Source| cells.iter().all(|cell| (0..end.n() as i32).contains(cell));
            if i.len() != j.len() || !exist(i, wiring.source) || !exist(j, wiring.target) {
                return Err(Error::State(format!("the synapses `{name}` connect cells that there are not")));
            }
            let shared = |variable: &str| population.group.variables.get(variable).is_some_and(|v| v.shared);
            let kept = population.arrays.keys().filter(|variable| population.is_state(variable));
            for variable in kept.chain(wiring.delays.keys()) {
                let wanted = match population.arrays.get(variable) {
                    Some(array) if shared(variable) || !population.group.variables.contains_key(variable) => {
                        array.len()
                    }
                    None if shared(variable) => 1,
                    _ => i.len(),
                };
                if reader.get(&part(variable))?.len() != wanted {
                    return Err(Error::State(format!("`{variable}` of `{name}` is not whole")));
                }
            }
            let watching = self.state_monitors.iter().filter(|m| self.memory.is_synapses(m.source.population));
            for monitor in watching.filter(|m| self.memory.populations[m.source.population].group.name == *name) {
                if monitor.record.iter().any(|synapse| *synapse as usize >= i.len()) {
                    return Err(Error::State(format!("`{}` records synapses that it has not", monitor.name)));
                }
            }
        }
        for pathway in &self.pathways {
            let prefix = format!("pathways/{}", pathway.name);
            let group = &self.memory.populations[pathway.synapses].group.name;
            let has_cells = reader.i64(&format!("{prefix}/has_cells"))?.first() == Some(&1);
            let synapses = reader.i32(&format!("groups/{group}/i"))?.len();
            let most = if has_cells { pathway.source.n() } else { synapses };
            let (steps, numbers) = (reader.i64(&format!("{prefix}/steps"))?, reader.u32(&format!("{prefix}/numbers"))?);
            let can_be = steps.iter().all(|ahead| (0..=i64::from(LONGEST)).contains(ahead));
            if steps.len() != numbers.len() || !can_be || numbers.iter().any(|number| *number as usize >= most) {
                return Err(Error::State(format!("what is on its way through `{}` cannot be", pathway.name)));
            }
        }
        Ok(())
    }

    /// Says of which monitor the columns are not of one length.
    fn compare_records(&self, reader: &Reader<'_>) -> Result<(), Error> {
        let whole = |name: &str, columns: &Columns, rows: usize, values: usize| {
            let prefix = format!("monitors/{name}");
            let t = reader.f64(&format!("{prefix}/t"))?.len();
            let mut lengths = columns.keys().map(|c| reader.get(&format!("{prefix}/values/{c}")).map(Elements::len));
            match t == rows && lengths.all(|length| length.is_ok_and(|length| length == values)) {
                true => Ok(()),
                false => Err(Error::State(format!("what `{name}` recorded is not whole"))),
            }
        };
        for monitor in &self.event_monitors {
            let i = reader.i32(&format!("monitors/{}/i", monitor.name))?;
            if i.iter().any(|i| !(0..monitor.source.n() as i64).contains(&i64::from(*i))) {
                return Err(Error::State(format!("`{}` recorded cells that do not exist", monitor.name)));
            }
            whole(&monitor.name, &monitor.variables, i.len(), i.len())?;
        }
        for monitor in &self.state_monitors {
            let rows = reader.f64(&format!("monitors/{}/t", monitor.name))?.len();
            whole(&monitor.name, &monitor.variables, rows, rows * monitor.record.len())?;
        }
        for monitor in &self.rate_monitors {
            let rows = reader.f64(&format!("monitors/{}/rate", monitor.name))?.len();
            whole(&monitor.name, &Columns::new(), rows, rows)?;
        }
        Ok(())
    }

    /// Says of which event the cells cannot be.
    fn compare_events(&self, reader: &Reader<'_>) -> Result<(), Error> {
        for population in &self.memory.populations {
            for event in &population.events {
                let name = format!("groups/{}/events/{}", population.group.name, event.name);
                let cells = reader.i32(&name)?;
                let exist = cells.iter().all(|cell| (0..population.n() as i64).contains(&i64::from(*cell)));
                if !(exist && cells.is_sorted_by(|a, b| a < b)) {
                    return Err(Error::State(format!("the cells of `{name}` are none of the group, or not in order")));
                }
            }
        }
        Ok(())
    }

    fn spike_sources(&self, reader: &Reader<'_>) -> Result<Vec<(usize, SpikeSource)>, Error> {
        let dts = reader.f64("clocks/dt")?;
        let mut sources = Vec::new();
        for (number, population) in self.memory.populations.iter().enumerate().filter(|(_, p)| p.spikes.is_some()) {
            let part = |part: &str| format!("groups/{}/spikes/{part}", population.group.name);
            let indices: Vec<i64> = reader.i32(&part("i"))?.iter().map(|i| i64::from(*i)).collect();
            let period = reader.f64(&part("period"))?.first().copied();
            let dt = dts.get(population.clock).copied().unwrap_or(0.0);
            let source = SpikeSource::new(population.n(), &indices, reader.f64(&part("t"))?, period, dt);
            sources.push((number, source.map_err(|error| Error::State(error.to_string()))?));
        }
        Ok(sources)
    }

    /// Writes the state as it is now to a file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::StateFile`] if the file cannot be written; [`Error::Running`] within a run.
    pub fn save_state(&self, path: &Path) -> Result<(), Error> {
        self.store()?.write(path)
    }

    /// Goes back to a state in a file.
    ///
    /// # Errors
    /// [`Error::StateFile`] if there is none in it; else as of [`Network::restore`].
    pub fn load_state(&mut self, path: &Path, random: RandomState) -> Result<(), Error> {
        self.restore(&State::read(path)?, random)
    }
}

/// What becomes of the random numbers when a network goes back to a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RandomState {
    /// They go back too: the run repeats exactly.
    Restore,
    /// They go on: the run is another one.
    Keep,
}

/// Arrays of a state, each of which is there and of the right type.
pub(super) struct Reader<'a>(pub(super) &'a IndexMap<String, TypedArray>);

impl<'a> Reader<'a> {
    fn get(&self, name: &str) -> Result<&'a Elements, Error> {
        match self.0.get(name) {
            Some(array) => Ok(array.elements()),
            None => Err(Error::State(format!("it has no `{name}`"))),
        }
    }

    fn wrong_type<T>(name: &str) -> Result<T, Error> {
        Err(Error::State(format!("`{name}` is of another type in it")))
    }

    fn f64(&self, name: &str) -> Result<&'a [f64], Error> {
        match self.get(name)? {
            Elements::F64(values) => Ok(values),
            _ => Reader::wrong_type(name),
        }
    }

    fn i64(&self, name: &str) -> Result<&'a [i64], Error> {
        match self.get(name)? {
            Elements::I64(values) => Ok(values),
            _ => Reader::wrong_type(name),
        }
    }

    fn u32(&self, name: &str) -> Result<&'a [u32], Error> {
        match self.get(name)? {
            Elements::U32(values) => Ok(values),
            _ => Reader::wrong_type(name),
        }
    }

    fn i32(&self, name: &str) -> Result<&'a [i32], Error> {
        match self.get(name)? {
            Elements::I32(values) => Ok(values),
            _ => Reader::wrong_type(name),
        }
    }

    fn columns(&self, prefix: &str, columns: &mut Columns) -> Result<(), Error> {
        for (name, (_, column)) in columns {
            let name = format!("{prefix}/values/{name}");
            match values(self.get(&name)?) {
                Some(values) => column.values = values,
                None => return Reader::wrong_type(&name),
            }
        }
        Ok(())
    }

    fn streams(&self) -> Result<StreamsState, Error> {
        let words = match self.get("random/words")? {
            Elements::U32(words) => <[u32; WORDS]>::try_from(words.as_slice()).ok(),
            _ => None,
        };
        let position = self.i64("random/position")?.first().and_then(|p| usize::try_from(*p).ok());
        let (Some(words), Some(position)) = (words, position) else {
            return Err(Error::State("its random numbers are not whole".to_string()));
        };
        let second_normal = self.f64("random/second_normal")?.first().copied();
        Ok(StreamsState {
            generator: GeneratorState { words, position, second_normal },
            uniforms: self.f64("random/uniforms")?.to_vec(),
            normals: self.f64("random/normals")?.to_vec(),
        })
    }
}
