//! Synapses as given.

use super::{Operation, Value};
use crate::diag::Text;
use crate::model::group::{PathwaySetting, PathwayText, Side, SinglePrecision, SynapsesText};

/// Synapses between the cells of two groups.
#[derive(Clone, Debug)]
pub struct Synapses {
    /// The texts of their parts.
    pub text: SynapsesText,
    /// Where spikes come from.
    pub source: Text,
    /// Where they go to.
    pub target: Text,
    /// Length of their step; the target's if absent.
    pub dt: Option<Value>,
    /// Order of their state update among those of the same slot.
    pub order: i32,
    /// Pathways whose synapses all have one delay.
    pub delays: Vec<(Text, Value)>,
    /// Which synapses exist, call by call.
    pub connect: Vec<Connect>,
    /// Code that runs at regular times.
    pub run_regularly: Vec<Operation>,
    /// Initial values, in order; `pre.delay` is the delay of a pathway.
    pub init: Vec<(Text, Value)>,
}

/// A rule by which synapses are made.
#[derive(Clone, Debug, PartialEq)]
pub struct Connect {
    /// Where it stands.
    pub text: Text,
    /// Which pairs of cells it connects.
    pub rule: ConnectRule,
    /// The chance of each pair; 1 if absent.
    pub p: Option<Value>,
    /// Synapses of each pair; 1 if absent.
    pub n: Option<Value>,
    /// Whether generated numbers of no cell are left out.
    pub skip_if_invalid: bool,
}

/// Which pairs of cells are connected.
#[derive(Clone, Debug, PartialEq)]
pub enum ConnectRule {
    /// All.
    All,
    /// Those for which a condition holds.
    Condition(Text),
    /// These: source and target of each.
    Lists(Vec<i64>, Vec<i64>),
    /// For each source, the targets that a generator gives.
    Targets(Text),
    /// For each target, the sources that a generator gives.
    Sources(Text),
}

impl Connect {
    fn by(rule: ConnectRule) -> Connect {
        Connect { text: Text::new("connect", "connect"), rule, p: None, n: None, skip_if_invalid: false }
    }

    /// Each source with each target.
    pub fn all() -> Connect {
        Connect::by(ConnectRule::All)
    }

    /// Pairs for which a condition holds, such as `i != j`.
    pub fn condition(condition: &str) -> Connect {
        Connect::by(ConnectRule::Condition(Text::new("connect.condition", condition)))
    }

    /// The pairs `sources[k]`, `targets[k]`.
    pub fn pairs(sources: &[i64], targets: &[i64]) -> Connect {
        Connect::by(ConnectRule::Lists(sources.to_vec(), targets.to_vec()))
    }

    /// For each source the targets of a generator, such as `k for k in range(i, i + 3)`, or `i`.
    pub fn targets(generator: &str) -> Connect {
        Connect::by(ConnectRule::Targets(Text::new("connect.j", generator)))
    }

    /// For each target the sources of a generator.
    pub fn sources(generator: &str) -> Connect {
        Connect::by(ConnectRule::Sources(Text::new("connect.i", generator)))
    }

    /// Each pair with this chance, a number or an expression.
    #[must_use]
    pub fn p(mut self, chance: &str) -> Connect {
        self.p = Some(Value::expression("connect.p", chance));
        self
    }

    /// So many synapses for each pair, a number or an expression.
    #[must_use]
    pub fn n(mut self, count: &str) -> Connect {
        self.n = Some(Value::expression("connect.n", count));
        self
    }

    /// Leaves generated numbers of no cell out, which otherwise are an error.
    #[must_use]
    pub fn skip_if_invalid(mut self) -> Connect {
        self.skip_if_invalid = true;
        self
    }
}

impl Synapses {
    /// Synapses from the cells of one group to those of another one, or of the same.
    pub fn new(name: &str, source: &str, target: &str, equations: &str) -> Synapses {
        let place = |part: &str| format!("synapses.{name}.{part}");
        let text = SynapsesText {
            name: name.to_string(),
            equations: Text::new(place("equations"), equations),
            pathways: Vec::new(),
            on_event: None,
            settings: Vec::new(),
            method: None,
            multisynaptic_index: None,
            single: SinglePrecision::None,
        };
        Synapses {
            text,
            source: Text::new(place("source"), source),
            target: Text::new(place("target"), target),
            dt: None,
            order: 0,
            delays: Vec::new(),
            connect: Vec::new(),
            run_regularly: Vec::new(),
            init: Vec::new(),
        }
    }

    fn place(&self, part: &str, text: &str) -> Text {
        Text::new(format!("synapses.{}.{part}", self.text.name), text)
    }

    /// Statements that run for the synapses of a source cell that spikes.
    #[must_use]
    pub fn on_pre(self, statements: &str) -> Synapses {
        self.pathway("pre", Side::Pre, statements)
    }

    /// Statements that run for the synapses of a target cell that spikes.
    #[must_use]
    pub fn on_post(self, statements: &str) -> Synapses {
        self.pathway("post", Side::Post, statements)
    }

    /// A pathway of its own name.
    #[must_use]
    pub fn pathway(mut self, name: &str, side: Side, statements: &str) -> Synapses {
        let code = self.place(name, statements);
        let name = self.place("pathways", name);
        self.text.pathways.push(PathwayText { name, side, code });
        self
    }

    /// Lets all pathways follow this event of their cells instead of spikes.
    #[must_use]
    pub fn on_event(mut self, event: &str) -> Synapses {
        self.text.on_event = Some(self.place("on_event", event));
        self
    }

    /// Lets one pathway follow this event of its cells.
    #[must_use]
    pub fn pathway_event(self, pathway: &str, event: &str) -> Synapses {
        let event = self.place(&format!("on_event.{pathway}"), event);
        self.setting(pathway, PathwaySetting::Event(event))
    }

    /// Lets a pathway run in this slot of the schedule; if not said, in `synapses`.
    #[must_use]
    pub fn pathway_when(self, pathway: &str, slot: &str) -> Synapses {
        let slot = self.place(&format!("pathways.{pathway}.when"), slot);
        self.setting(pathway, PathwaySetting::When(slot))
    }

    /// Order of a pathway in its slot; if not said, -1 for events of the source and 1 for those of the target.
    #[must_use]
    pub fn pathway_order(self, pathway: &str, order: i32) -> Synapses {
        self.setting(pathway, PathwaySetting::Order(order))
    }

    /// Leaves a pathway out of runs, or takes it in: what is on its way stands still, and events meanwhile are lost.
    /// [`Network::set_active`](crate::network::Network::set_active) changes that between runs.
    #[must_use]
    pub fn pathway_active(self, pathway: &str, active: bool) -> Synapses {
        self.setting(pathway, PathwaySetting::Active(active))
    }

    fn setting(mut self, pathway: &str, setting: PathwaySetting) -> Synapses {
        self.text.settings.push((self.place("pathways", pathway), setting));
        self
    }

    /// Order of the state update, and of what is constant over a step, among those of the same slot.
    #[must_use]
    pub fn order(mut self, order: i32) -> Synapses {
        self.order = order;
        self
    }

    /// Gives all synapses of a pathway this delay.
    #[must_use]
    pub fn delay(mut self, pathway: &str, delay: &str) -> Synapses {
        let value = Value::Expression(self.place("delay", delay));
        self.delays.push((self.place("delay", pathway), value));
        self
    }

    /// Sets the integration method.
    #[must_use]
    pub fn method(mut self, name: &str) -> Synapses {
        self.text.method = Some(self.place("method", name));
        self
    }

    /// Numbers the synapses of each pair, in a variable of this name.
    #[must_use]
    pub fn multisynaptic_index(mut self, name: &str) -> Synapses {
        self.text.multisynaptic_index = Some(self.place("multisynaptic_index", name));
        self
    }

    /// Keeps all float variables of the equations in 32 bits; they are computed with in 64.
    #[must_use]
    pub fn float32(mut self) -> Synapses {
        self.text.single = SinglePrecision::All;
        self
    }

    /// Keeps these variables in 32 bits; they are computed with in 64.
    #[must_use]
    pub fn float32_variables(mut self, names: &[&str]) -> Synapses {
        let names = names.iter().map(|name| self.place("dtype", name)).collect();
        self.text.single = SinglePrecision::Variables(names);
        self
    }

    /// Adds synapses by a rule.
    #[must_use]
    pub fn connect(mut self, rule: Connect) -> Synapses {
        self.connect.push(rule);
        self
    }

    /// Adds an initial value; `pre.delay` is the delay of a pathway.
    #[must_use]
    pub fn init(mut self, variable: &str, expression: &str) -> Synapses {
        let value = Value::Expression(self.place(&format!("init.{variable}"), expression));
        self.init.push((self.place("init", variable), value));
        self
    }

    /// Adds statements that run at regular times.
    #[must_use]
    pub fn operation(mut self, operation: Operation) -> Synapses {
        self.run_regularly.push(operation);
        self
    }
}
