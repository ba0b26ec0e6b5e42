//! Which cells synapses connect.
//!
//! For each synapse the number of its target is kept, in 32 bits. Where synapses were made source by source, as most rules
//! do, sources are kept as the number of synapses of each; else in 32 bits a synapse too. What can be told from these,
//! and delays, becomes an array while code asks for it ([`Population::provide`]).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use indexmap::IndexMap;

use super::delays::Delays;
use super::index::SynapseIndex;
use super::recipe::Recipe;
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::model::group::{Role, Side};
use crate::network::check::Source;
use crate::network::error::Error;
use crate::network::model::Between;
use crate::network::population::Population;
use crate::runtime::array::{Array, Integers};

/// The name of the array of sources, counted in their population.
pub const SOURCES: &str = "_i_pre";

/// The name of the array of targets, counted in their population.
pub const TARGETS: &str = "_i_post";

/// The pairs of cells that synapses connect, counted from the first cells of both ends, in the order of making.
pub struct Pairs {
    pre: Sources,
    post: Integers,
}

enum Sources {
    /// Source by source: the number of synapses of each, and the last source that has one.
    Counts(Vec<u32>, usize),
    Each(Vec<i32>),
}

impl Pairs {
    /// None between so many sources and any targets.
    pub fn new(sources: usize) -> Pairs {
        Pairs { pre: Sources::Counts(vec![0; sources], 0), post: Integers::default() }
    }

    /// These, of which there are as many sources as targets.
    pub fn of(sources: usize, pre: &[i32], post: &[i32]) -> Pairs {
        let mut pairs = Pairs::new(sources);
        pairs.reserve(post.len());
        pre.iter().zip(post).for_each(|(pre, post)| pairs.push(*pre as usize, *post as usize));
        pairs
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.post.as_slice().len()
    }

    /// Adds one.
    #[inline]
    pub fn push(&mut self, pre: usize, post: usize) {
        self.add_to(pre, 1);
        self.post.push(post as i32);
    }

    /// Adds one with each of these targets.
    #[inline]
    pub fn extend(&mut self, pre: usize, targets: &[i32]) {
        self.post.extend_from_slice(targets);
        self.add_to(pre, targets.len());
    }

    /// Makes room.
    pub fn reserve(&mut self, more: usize) {
        self.post.reserve(more);
    }

    #[inline]
    fn add_to(&mut self, pre: usize, more: usize) {
        match &mut self.pre {
            Sources::Counts(counts, last) if pre >= *last || more == 0 => {
                counts[pre] += more as u32;
                *last = pre.max(*last);
            }
            Sources::Counts(counts, _) => {
                let mut each: Vec<i32> = SynapseIndex::from_counts(counts).cell_of_each().collect();
                each.resize(each.len() + more, pre as i32);
                self.pre = Sources::Each(each);
            }
            Sources::Each(each) => each.resize(each.len() + more, pre as i32),
        }
    }
}

/// How synapses are wired up.
#[derive(Clone, Debug)]
pub struct Wiring {
    /// Where spikes come from.
    pub source: Source,
    /// Where they go to.
    pub target: Source,
    /// Synapses by source.
    by_source: Option<Arc<SynapseIndex>>,
    /// Synapses by target, if something asked for them.
    by_target: Option<Arc<SynapseIndex>>,
    /// Delays of the pathways, by name of their variable.
    pub delays: IndexMap<String, Delays>,
    /// Another one whenever delays may have changed.
    pub version: u64,
    /// Arrays that are made when code asks for them, and those of them that stay.
    lasting: BTreeSet<String>,
}

impl Wiring {
    /// Nothing is connected.
    pub fn new(source: Source, target: Source) -> Wiring {
        Wiring {
            source,
            target,
            by_source: None,
            by_target: None,
            delays: IndexMap::new(),
            version: 0,
            lasting: BTreeSet::new(),
        }
    }

    /// The cells of one end.
    pub fn end(&self, side: Side) -> Source {
        match side {
            Side::Pre => self.source,
            Side::Post => self.target,
        }
    }

    /// Whether synapses were made source by source.
    fn by_source_if_contiguous(&self) -> Option<&Arc<SynapseIndex>> {
        self.by_source.as_ref().filter(|index| index.is_contiguous())
    }
}

/// What populations of synapses have.
impl Population {
    /// Connects these pairs; there were none before.
    pub fn wire(&mut self, pairs: Pairs) {
        let Some(wiring) = &mut self.wiring else { return };
        let Pairs { pre, mut post } = pairs;
        let (source, target) = (wiring.source, wiring.target);
        if target.start > 0 {
            post.as_mut_slice().iter_mut().for_each(|cell| *cell += target.start as i32);
        }
        self.arrays.insert(TARGETS.to_string(), post.into_array());
        self.arrays.shift_remove(SOURCES);
        (wiring.by_source, wiring.by_target) = (None, None);
        match pre {
            Sources::Counts(counts, _) => wiring.by_source = Some(Arc::new(SynapseIndex::from_counts(&counts))),
            Sources::Each(mut each) => {
                each.iter_mut().for_each(|cell| *cell += source.start as i32);
                self.arrays.insert(SOURCES.to_string(), Array::from_i32(&each));
            }
        }
    }

    /// The cells of one end of each synapse, counted from the first one of that end.
    pub fn cells_at(&self, side: Side) -> Vec<i32> {
        let Some(wiring) = &self.wiring else { return Vec::new() };
        let first = wiring.end(side).start as i32;
        match (side, wiring.by_source_if_contiguous()) {
            (Side::Pre, Some(index)) => index.cell_of_each().collect(),
            _ => {
                let name = if side == Side::Pre { SOURCES } else { TARGETS };
                let array = self.arrays.get(name);
                array.map_or_else(Vec::new, |array| array.as_i32().iter().map(|cell| cell - first).collect())
            }
        }
    }

    /// The pairs as they are.
    pub fn pairs(&self) -> Pairs {
        let Some(wiring) = &self.wiring else { return Pairs::new(0) };
        let pre = match wiring.by_source_if_contiguous() {
            Some(index) => {
                let counts: Vec<u32> = (0..index.cells()).map(|cell| index.count(cell)).collect();
                let last = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
                Sources::Counts(counts, last)
            }
            None => Sources::Each(self.cells_at(Side::Pre)),
        };
        Pairs { pre, post: self.cells_at(Side::Post).into() }
    }

    /// Synapses by the cell of one end.
    pub fn index(&mut self, side: Side) -> Arc<SynapseIndex> {
        let known = self.wiring.as_ref().and_then(|w| match side {
            Side::Pre => w.by_source.clone(),
            Side::Post => w.by_target.clone(),
        });
        if let Some(index) = known {
            return index;
        }
        let n = self.wiring.as_ref().map_or(0, |w| w.end(side).n());
        let index = Arc::new(SynapseIndex::new(&self.cells_at(side), n));
        if let Some(wiring) = &mut self.wiring {
            match side {
                Side::Pre => wiring.by_source = Some(index.clone()),
                Side::Post => wiring.by_target = Some(index.clone()),
            }
        }
        index
    }

    /// The synapses between some cells, ascending.
    ///
    /// # Errors
    /// [`Error::Model`] if a cell is named that there is not.
    pub fn synapses_between(&mut self, between: &Between, text: &Text) -> Result<Vec<i32>, Error> {
        let Some(wiring) = &self.wiring else { return Ok(Vec::new()) };
        for (cells, end, what) in
            [(&between.sources, wiring.source, "source"), (&between.targets, wiring.target, "target")]
        {
            if let Some(wrong) = cells.named().iter().find(|cell| !(0..end.n() as i64).contains(cell)) {
                let message = format!("there is no {what} {wrong}: there are {} of them", end.n());
                let error = Diagnostic::error(text, text.whole(), message);
                return Err(Error::Model(Diagnostics(vec![error])));
            }
        }
        let (sources, first) = (wiring.source.n() as i64, wiring.target.start as i64);
        let index = self.index(Side::Pre);
        let targets: &[i32] = self.arrays.get(TARGETS).map_or(&[], Array::as_i32);
        let mut found = Vec::new();
        for source in (0..sources).filter(|source| between.sources.contains(*source)) {
            let mut seen: HashMap<i64, i64> = HashMap::new();
            for synapse in index.synapses(source as usize) {
                let target = i64::from(targets[synapse as usize]) - first;
                if !between.targets.contains(target) {
                    continue;
                }
                let number = seen.entry(target).or_insert(0);
                if between.numbers.contains(*number) {
                    found.push(synapse as i32);
                }
                *number += 1;
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// What is told from the pairs or kept in another form, as an array; none if the name stands for nothing like that.
    pub fn told(&self, name: &str) -> Option<Array> {
        let wiring = self.wiring.as_ref()?;
        if let Some(delays) = wiring.delays.get(name) {
            let len = if self.group.variables.get(name).is_some_and(|v| v.shared) { 1 } else { self.n() };
            return Some(delays.array(len, &|side| self.cells_in_population(side)));
        }
        let counted = |side: Side| {
            let cells = self.cells_at(side);
            let mut counts = vec![0_i32; wiring.end(side).n()];
            cells.iter().for_each(|cell| counts[*cell as usize] += 1);
            let of_each: Vec<i32> = cells.iter().map(|cell| counts[*cell as usize]).collect();
            Array::from_i32(&of_each)
        };
        Some(match name {
            "i" => Array::from_i32(&self.cells_at(Side::Pre)),
            "j" => Array::from_i32(&self.cells_at(Side::Post)),
            SOURCES => Array::from_i32(&self.cells_in_population(Side::Pre)),
            "N_incoming" => counted(Side::Post),
            "N_outgoing" => counted(Side::Pre),
            _ => return None,
        })
    }

    /// Connects these pairs; the first ones go on as the synapses that there are, and new ones have 0 everywhere.
    pub fn grow(&mut self, pairs: Pairs) {
        let (before, n) = (self.n(), pairs.count());
        // Those that are there keep their delays, the others have none, unless all have one that was given.
        let names: Vec<String> = self.wiring.iter().flat_map(|wiring| wiring.delays.keys().cloned()).collect();
        let is_own = |name: &String| !self.group.variables.get(name).is_some_and(|delay| delay.shared);
        let before_delays: Vec<(String, Array)> =
            names.into_iter().filter(is_own).filter_map(|name| Some((name.clone(), self.told(&name)?))).collect();
        self.group.n = n;
        for (name, variable) in &self.group.variables {
            if let Some(array) = self.arrays.get_mut(name).filter(|_| !variable.shared) {
                *array = array.resized(n);
            }
        }
        let Some(wiring) = &mut self.wiring else { return };
        let lasting = wiring.lasting.clone();
        wiring.version += 1;
        if n != before {
            for (name, values) in &before_delays {
                let mut values = values.to_f64();
                values.resize(n, 0.0);
                wiring.delays.insert(name.clone(), Delays::from_values(&values));
            }
        }
        self.wire(pairs);
        for name in &lasting {
            if ![SOURCES, TARGETS].contains(&name.as_str()) {
                self.arrays.shift_remove(name);
            }
            self.provide(name, true);
        }
    }

    /// Whether an array is part of the state in this form: what is known once synapses are made, and delays, are not.
    pub fn is_state(&self, name: &str) -> bool {
        match &self.wiring {
            Some(wiring) => {
                let role = self.group.variables.get(name).map(|variable| &variable.role);
                !matches!(role, Some(Role::Given)) && !wiring.delays.contains_key(name)
            }
            None => true,
        }
    }

    /// Gives the synapses these delays, of which there are as many as synapses, or one for all.
    pub fn set_delays(&mut self, name: &str, seconds: &[f64]) {
        if let Some(array) = self.arrays.get_mut(name).filter(|array| array.len() == seconds.len()) {
            array.as_f64_mut().copy_from_slice(seconds);
        }
        if let Some(wiring) = &mut self.wiring {
            wiring.version += 1;
            wiring.delays.insert(name.to_string(), Delays::from_values(seconds));
        }
    }

    /// Takes the delays of the same synapses as they were in another network.
    pub fn take_delays(&mut self, other: &mut Population) {
        other.follow_delays();
        let (Some(own), Some(theirs)) = (&mut self.wiring, &other.wiring) else { return };
        for (name, delays) in &mut own.delays {
            let Some(given) = theirs.delays.get(name) else { continue };
            *delays = given.clone();
            if let (Some(array), Some(given)) = (self.arrays.get_mut(name), other.arrays.get(name))
                && array.len() == given.len()
            {
                array.as_f64_mut().copy_from_slice(given.as_f64());
            }
        }
        own.version += 1;
    }

    /// Makes the array that code knows by this name, if it is one of those that are made when asked for; `lasting`: it
    /// stays, else it goes with [`Population::release`].
    pub fn provide(&mut self, name: &str, lasting: bool) {
        if let Some(wiring) = &mut self.wiring
            && lasting
            && (is_told(name) || wiring.delays.contains_key(name))
        {
            wiring.lasting.insert(name.to_string());
        }
        if !self.arrays.contains_key(name)
            && let Some(array) = self.told(name)
        {
            self.arrays.insert(name.to_string(), array);
        }
    }

    /// Keeps delays as they are now in arrays that code has of them.
    pub fn follow_delays(&mut self) {
        let Some(wiring) = &self.wiring else { return };
        let mut changed = Vec::new();
        for name in wiring.delays.keys() {
            if let Some(array) = self.arrays.get(name)
                && self.told(name).is_none_or(|kept| !same_bits(kept.as_f64(), array.as_f64()))
            {
                changed.push((name.clone(), Delays::from_values(array.as_f64())));
            }
        }
        if let Some(wiring) = self.wiring.as_mut().filter(|_| !changed.is_empty()) {
            wiring.version += 1;
            wiring.delays.extend(changed);
        }
    }

    /// Whether delays take the memory of one for each synapse.
    pub fn has_many_delays(&self, name: &str) -> bool {
        matches!(self.wiring.as_ref().and_then(|wiring| wiring.delays.get(name)), Some(Delays::Each(_)))
    }

    /// Makes delays again by a recipe from now on, if it makes just those that there are.
    pub fn keep_recipe(&mut self, name: &str, recipe: Recipe) {
        let Some(Delays::Each(values)) = self.wiring.as_ref().and_then(|wiring| wiring.delays.get(name)) else {
            return;
        };
        let drawn = Delays::Drawn(Arc::new(recipe));
        let made = drawn.array(values.len(), &|side| self.cells_in_population(side));
        if same_bits(made.as_f64(), values)
            && let Some(wiring) = &mut self.wiring
        {
            wiring.delays.insert(name.to_string(), drawn);
        }
    }

    fn cells_in_population(&self, side: Side) -> Vec<i32> {
        let first = self.wiring.as_ref().map_or(0, |wiring| wiring.end(side).start as i32);
        let mut cells = self.cells_at(side);
        cells.iter_mut().for_each(|cell| *cell += first);
        cells
    }

    /// Lets arrays go that nothing needs any more; delays are kept as they are now.
    pub fn release(&mut self) {
        self.follow_delays();
        let Some(wiring) = &mut self.wiring else { return };
        let is_implicit = wiring.by_source_if_contiguous().is_some();
        self.arrays.retain(|name, _| {
            let goes = match name.as_str() {
                SOURCES => is_implicit,
                name => is_told(name) || wiring.delays.contains_key(name),
            };
            !goes || wiring.lasting.contains(name)
        });
    }

    /// Bytes that are kept for the synapses.
    pub fn bytes(&self) -> usize {
        let arrays: usize = self.arrays.values().map(|array| array.len() * array.ty().size()).sum();
        let Some(wiring) = &self.wiring else { return arrays };
        let indices = wiring.by_source.iter().chain(&wiring.by_target).map(|index| index.bytes()).sum::<usize>();
        arrays + indices + wiring.delays.values().map(Delays::bytes).sum::<usize>()
    }
}

fn same_bits(one: &[f64], other: &[f64]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.to_bits() == other.to_bits())
}

/// Whether a name stands for something that is told from the pairs.
fn is_told(name: &str) -> bool {
    name == SOURCES || is_told_from_pairs(name)
}

fn is_told_from_pairs(name: &str) -> bool {
    ["i", "j", "N_incoming", "N_outgoing"].contains(&name)
}
