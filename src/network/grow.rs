//! More synapses between runs.

use super::check::check_connect;
use super::error::Error;
use super::model::Connect;
use super::propagator;
use super::synapses::connect::connect;
use super::synapses::number_synapses;
use super::synapses::room::Room;
use super::synapses::wiring::Pairs;
use super::{Action, Network};
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::model::group::Side;

impl Network {
    /// Makes more synapses by a rule, after those that there are. They have 0 everywhere, delays too unless the pathway
    /// has one for all; monitors keep the synapses that they had; what is on its way stays on it.
    ///
    /// ```
    /// use saltus::{engine::Options, network::{Connect, Model, Network, NeuronGroup, Synapses}};
    /// let cells = NeuronGroup::new("cells", 3, "v : 1").threshold("v > 1").reset("v = 0");
    /// let synapses = Synapses::new("s", "cells", "cells", "w : 1").on_pre("v_post += w").connect(Connect::targets("i"));
    /// let mut network = Network::new(&Model::new().group(cells).synapses(synapses), Options::interpreted())?;
    /// network.connect("s", &Connect::pairs(&[0, 2], &[1, 1]))?;
    /// assert_eq!(network.values("s", "j"), Some(vec![0.0, 1.0, 2.0, 1.0, 1.0]));
    /// # Ok::<(), saltus::network::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Model`] if there are no such synapses, or the rule is wrong; [`Error::Running`] within a run. Nothing is
    /// changed then.
    pub fn connect(&mut self, synapses: &str, rule: &Connect) -> Result<(), Error> {
        if self.is_running {
            return Err(Error::Running("making synapses"));
        }
        let Some(number) = self.synapses.iter().position(|(_, s)| s.model.group.name == synapses) else {
            let text = Text::new("connect", synapses);
            let names = self.synapses.iter().map(|(_, s)| s.model.group.name.as_str());
            let message = format!("there are no synapses `{synapses}`");
            let error = Diagnostic::error(&text, text.whole(), message).suggest(synapses, names);
            return Err(Error::Model(Diagnostics(vec![error])));
        };
        let (population, checked) = &self.synapses[number];
        let population = *population;
        let mut diagnostics = Diagnostics::default();
        let rule = check_connect(rule, checked.source, checked.target, &checked.model.group, &mut diagnostics)?;
        let Some(rule) = rule.filter(|_| !diagnostics.has_errors()) else { return Err(Error::Model(diagnostics)) };
        let mut room = Room::new(&checked.model, self.engine.notice().clone());
        let mut pairs = self.memory.populations[population].pairs();
        connect(&mut self.memory, &mut self.streams, checked, &[rule], &mut pairs, &mut room)?;
        let index = checked.multisynaptic_index.clone();
        self.wire(population, pairs)?;
        if let Some(name) = index {
            number_synapses(&mut self.memory.populations[population], &name);
        }
        Ok(())
    }

    /// Wires these pairs up instead of those that there are, and lets everything know that looks at the synapses.
    pub(super) fn wire(&mut self, population: usize, pairs: Pairs) -> Result<(), Error> {
        let own = &mut self.memory.populations[population];
        own.grow(pairs);
        own.propagator_arrays.clear();
        propagator::allocate(own);
        let n = own.n();
        self.memory.sources.values_mut().filter(|s| s.population == population).for_each(|s| s.stop = n);
        for scheduled in &mut self.schedule {
            if let Action::Operate { source, .. } = &mut scheduled.action
                && source.population == population
            {
                source.stop = n;
            }
        }
        for source in self.state_monitors.iter_mut().map(|monitor| &mut monitor.source) {
            if source.population == population {
                source.stop = n;
            }
        }
        for pathway in self.pathways.iter_mut().filter(|pathway| pathway.synapses == population) {
            pathway.flight.send_synapses();
            pathway.flight.set_index(self.memory.populations[population].index(pathway.program.side()));
        }
        let updaters = self.propagators.iter_mut().flatten().map(|updater| &mut updater.code);
        self.code.iter_mut().chain(updaters).try_for_each(|code| self.memory.rebind(code))?;
        Ok(())
    }

    /// How many synapses each cell of one end has: `N_outgoing_pre`, `N_incoming_post`.
    pub fn degrees(&mut self, synapses: &str, side: Side) -> Option<Vec<u32>> {
        let (population, _) = self.synapses.iter().find(|(_, s)| s.model.group.name == synapses)?;
        let index = self.memory.populations[*population].index(side);
        Some((0..index.cells()).map(|cell| index.count(cell)).collect())
    }
}
