//! What of a model each kernel of a network was made from: the text as it was written, and the statements that stand for
//! it.

use super::code::Code;
use super::synapses::pathway::Program;
use super::{Action, Network};
use crate::diag::Text;
use crate::engine::CodeObject;
use crate::expr::ast::{Statement, UnaryOp};
use crate::integrate::Integration;
use crate::kernel::ir::{Kernel, Param, Stmt};
use crate::model::equations::EquationKind;
use crate::model::group::{EventCode, Refractory, Role, SPIKE};

/// A part of a model, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// What it is, such as `equations` or `on_pre`.
    pub what: String,
    /// The text.
    pub text: String,
}

impl Written {
    fn new(what: impl Into<String>, text: &Text) -> Written {
        Written { what: what.into(), text: text.as_str().to_string() }
    }
}

/// What a kernel was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// The object that it is part of: a group, synapses, an operation, a monitor.
    pub of: String,
    /// The method of integration, of the kernel that takes a step of equations.
    pub method: Option<&'static str>,
    /// The text of the model; nothing for what the model only implies, such as recording.
    pub written: Vec<Written>,
    /// What the kernel does for an element, in order: statements of the model's language; for a threshold its condition,
    /// and for a monitor what it records.
    pub statements: Vec<String>,
    /// Whose array each of the kernel's parameters is.
    pub owners: Vec<Owner>,
}

/// Whose array a parameter of a kernel is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A group or synapses.
    Group(String),
    /// A constant of the model.
    Constants,
    /// A clock: time, length and number of the step.
    Clock,
    /// Values over time.
    Timed(String),
    /// The kernel's own: what the host has evaluated for it, or is to, and what it computes for a monitor.
    Kernel,
}

impl Owner {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Owner::Group(name) | Owner::Timed(name) => name,
            Owner::Constants => "constants",
            Owner::Clock => "clock",
            Owner::Kernel => "kernel",
        }
    }
}

impl Network {
    /// What each kernel was made from, in the order of [`code_objects`](Network::code_objects).
    pub fn made_from(&self) -> Vec<Made> {
        let mut all = Vec::new();
        for (number, (code, population)) in self.code.iter().zip(&self.code_population).enumerate() {
            let made = self.made(number);
            for (k, object) in code.objects().enumerate() {
                // Arguments of calls, and whatever has no trees any more, are told by the comments of the kernel, unless
                // they are a condition's.
                let remembered = comments(object.kernel());
                let is_told = k == 0 && !made.statements.is_empty() || remembered.is_empty();
                let statements = if is_told { made.statements.clone() } else { remembered };
                all.push(Made { statements, owners: self.owners(*population, code, object), ..made.clone() });
            }
        }
        for (population, updater) in self.propagators.iter().enumerate() {
            let Some(updater) = updater.as_ref().filter(|updater| updater.every_step) else { continue };
            let of = &self.memory.populations[population];
            for object in updater.code.objects() {
                all.push(Made {
                    of: of.group.name.clone(),
                    method: Some(of.integration.method.name()),
                    written: self.equations(population, |_| true),
                    statements: comments(object.kernel()),
                    owners: self.owners(population, &updater.code, object),
                });
            }
        }
        all
    }

    fn owners(&self, population: usize, code: &Code, object: &CodeObject) -> Vec<Owner> {
        let is_own = |param: &Param| code.arrays.contains_key(&param.name);
        let owner = |param| if is_own(param) { Owner::Kernel } else { self.owner(population, &param.name) };
        object.kernel().params.iter().map(owner).collect()
    }

    /// Whose array a name means to a kernel of this population that has none of its own by this name.
    fn owner(&self, population: usize, name: &str) -> Owner {
        let own = &self.memory.populations[population];
        let of_group = |number: usize| Owner::Group(self.memory.populations[number].group.name.clone());
        if let Some(link) = own.links.values().find(|link| link.param == name) {
            return of_group(link.population);
        }
        match own.group.variables.get(name).map(|variable| &variable.role) {
            Some(Role::Time | Role::Dt | Role::StepNumber) => return Owner::Clock,
            Some(_) => return of_group(population),
            None => {}
        }
        if self.memory.constants.arrays.contains_key(name) {
            return Owner::Constants;
        }
        let timed = name.strip_prefix('_').and_then(|name| name.rsplit_once('_'));
        match timed.filter(|(array, _)| self.memory.timed.contains_key(*array)) {
            Some((array, _)) => Owner::Timed(array.to_string()),
            None => of_group(population),
        }
    }

    /// What the code of this number was made from; without statements if there are no trees of them any more.
    fn made(&self, number: usize) -> Made {
        let Some(scheduled) = self.schedule.iter().find(|s| self.code_of(s.action) == Some(number)) else {
            return Made::default();
        };
        let of = scheduled.owner.clone();
        match scheduled.action {
            Action::StateUpdate { population, .. } => self.made_step(of, population),
            Action::Threshold { population, event, .. } => {
                let event = &self.memory.populations[population].group.events[event];
                let what = if event.name == SPIKE { "threshold".to_string() } else { format!("event {}", event.name) };
                let written = vec![Written::new(what, &event.text)];
                Made { of, written, statements: vec![event.condition.to_string()], ..Made::default() }
            }
            Action::Reset { population, event, .. } => self.made_after_event(of, population, event, number),
            Action::Propagate { pathway } => self.made_pathway(of, &self.pathways[pathway].program),
            Action::Sum { sum } => {
                let is_it = |name: &str| scheduled.place.name.ends_with(&format!("_summed_variable_{name}"));
                Made { of, written: self.equations(self.sums[sum].synapses, is_it), ..Made::default() }
            }
            Action::Operate { source, .. } => {
                let given = self.operation_texts.iter().find(|(code, ..)| *code == number);
                let written = match given {
                    Some((_, what, text)) => vec![Written::new(*what, text)],
                    None => {
                        let once = &self.memory.populations[source.population].group.evaluated_once;
                        self.equations(source.population, |name| once.iter().any(|other| other == name))
                    }
                };
                Made { of, written, ..Made::default() }
            }
            Action::RecordState { .. } | Action::RecordEvents { .. } => {
                let recorded = self.code[number].arrays.keys().filter_map(|name| name.strip_prefix("_recorded_"));
                let statements = recorded.map(str::to_string).collect();
                Made { of, written: self.recorded_equations(number), statements, ..Made::default() }
            }
            Action::RecordRate { .. } | Action::Generate { .. } | Action::Call { .. } => Made { of, ..Made::default() },
        }
    }

    /// A step of a population's equations.
    fn made_step(&self, of: String, population: usize) -> Made {
        let own = &self.memory.populations[population];
        let Integration { method, block, .. } = &own.integration;
        let mut written = self.equations(population, |_| true);
        let mut statements = Vec::new();
        if let Some((refractory, text)) = &own.group.refractory {
            written.push(Written::new("refractory", text));
            statements.push(match refractory {
                Refractory::Time(time) => {
                    format!("not_refractory = timestep(t - lastspike, dt) >= timestep({time}, dt)")
                }
                Refractory::While(condition) => {
                    format!("not_refractory = not_refractory or {}", condition.clone().unary(UnaryOp::Not))
                }
            });
        }
        statements.extend(printed(&block.statements));
        Made { of, method: Some(method.name()), written, statements, owners: Vec::new() }
    }

    /// The code of this number, which runs after an event. There may be several for one event.
    fn made_after_event(&self, of: String, population: usize, event: usize, number: usize) -> Made {
        let group = &self.memory.populations[population].group;
        let is_before = |s: &&super::Scheduled| match s.action {
            Action::Reset { population: p, event: e, code } => (p, e) == (population, event) && code < number,
            _ => false,
        };
        let before = self.schedule.iter().filter(is_before).count();
        let has_code = |code: &&EventCode| code.event == event && !code.statements.is_empty();
        let Some(code) = group.event_code.iter().filter(has_code).nth(before) else {
            return Made { of, ..Made::default() };
        };
        let name = &group.events[event].name;
        let what = if name == SPIKE { "reset".to_string() } else { format!("after {name}") };
        let written = vec![Written::new(what, &code.text)];
        Made { of, written, statements: printed(&code.statements), ..Made::default() }
    }

    /// The effects of events at one end of synapses.
    fn made_pathway(&self, of: String, program: &Program) -> Made {
        let mut written = Vec::new();
        let mut statements = printed(&program.event_driven);
        if !statements.is_empty() {
            written.push(Written::new("equations", &program.equations));
            statements.push("lastupdate = t".to_string());
        }
        written.push(Written::new(format!("on_{}", program.code.name), &program.code.text));
        statements.extend(printed(&program.code.statements));
        Made { of, written, statements, ..Made::default() }
    }

    /// The number of the code that an action runs.
    fn code_of(&self, action: Action) -> Option<usize> {
        match action {
            Action::StateUpdate { code, .. }
            | Action::Threshold { code, .. }
            | Action::Reset { code, .. }
            | Action::Operate { code, .. } => Some(code),
            Action::Propagate { pathway } => Some(self.pathways[pathway].code),
            Action::Sum { sum } => Some(self.sums[sum].code),
            Action::RecordEvents { monitor } => self.event_monitors[monitor].code,
            Action::RecordState { monitor } => self.state_monitors[monitor].code,
            Action::RecordRate { .. } | Action::Generate { .. } | Action::Call { .. } => None,
        }
    }

    /// The lines of a population's equations that define these names, and comments between them if those are all.
    fn equations(&self, population: usize, is_meant: impl Fn(&str) -> bool) -> Vec<Written> {
        let equations = &self.memory.populations[population].group.equations;
        let whole = equations.text.as_str();
        let text = if equations.lines.keys().all(|name| is_meant(name)) {
            whole.trim().to_string()
        } else {
            let lines = equations.lines.values().filter(|line| is_meant(&line.name));
            let lines = lines.map(|line| line_around(whole, line.name_span.start as usize));
            lines.collect::<Vec<_>>().join("\n")
        };
        if text.is_empty() { Vec::new() } else { vec![Written { what: "equations".to_string(), text }] }
    }

    /// The subexpressions that the code of this number computes for a monitor.
    fn recorded_equations(&self, number: usize) -> Vec<Written> {
        let (population, code) = (self.code_population[number], &self.code[number]);
        let lines = &self.memory.populations[population].group.equations.lines;
        let is_recorded = |name: &str| {
            let is_expression = lines.get(name).is_some_and(|line| matches!(line.kind, EquationKind::Subexpression(_)));
            is_expression && code.arrays.contains_key(&format!("_recorded_{name}"))
        };
        self.equations(population, is_recorded)
    }
}

/// The whole line of a text that has this place in it, and those that it goes on in: up to its unit.
fn line_around(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let unit = text[at..].find(':').map_or(text.len(), |unit| at + unit);
    let end = text[unit..].find('\n').map_or(text.len(), |end| unit + end);
    text[start..end].trim()
}

fn printed(statements: &[Statement]) -> Vec<String> {
    statements.iter().map(ToString::to_string).collect()
}

/// The statements that a kernel was lowered from, each once.
fn comments(kernel: &Kernel) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for stmt in kernel.scalar.iter().chain(&kernel.vector) {
        if let Stmt::Comment(text) = stmt
            && !found.contains(text)
        {
            found.push(text.clone());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::line_around;

    #[test]
    fn a_line_of_equations_goes_on_up_to_its_unit() {
        let text = "# of cells\ndv/dt = (a +\n    b)/tau : 1 # leaks\nw = 2*v : 1";
        assert_eq!(line_around(text, 12), "dv/dt = (a +\n    b)/tau : 1 # leaks");
        assert_eq!(line_around(text, text.len() - 11), "w = 2*v : 1");
    }
}
