//! Checks of synapses: their model, the rules by which they are made, delays and initial values.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::pairs::Pairs;
use super::{Checker, Source};
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::expr::ast::{BinaryOp, CompareOp, Expr, ExprKind, LogicOp};
use crate::expr::check::{Kind, Scope, ValueType, check, check_condition, draws};
use crate::expr::parser;
use crate::integrate::event_driven::event_driven;
use crate::model::generator::{Candidates, Generator, Range, generator};
use crate::model::group::{Group, Role, SPIKE, Side, Variable, check_synapses, endpoint_variables};
use crate::model::namespace::Number;
use crate::network::assign::check_assignment;
use crate::network::error::Error;
use crate::network::model::{Assigned, Assignment, Connect, ConnectRule, Synapses, Value};
use crate::network::synapses::{CheckedConnect, CheckedRule, CheckedSynapses, Rows};
use crate::unit::Dimension;

/// The variable of rules that have none of their own.
const OWN: &str = "_k";

impl Checker<'_> {
    /// Checks all synapses; their populations come after those of groups.
    pub(super) fn synapses(&mut self) -> Result<(), Error> {
        for given in &self.model.synapses {
            let name = &given.text.name;
            if self.sources.contains_key(name) || self.unchecked.contains(name) {
                self.error(&given.text.equations, format!("there are two groups or synapses `{name}`"));
            }
            match self.one_synapses(given)? {
                Some(checked) => {
                    let population = self.groups.len() + self.checked_synapses.len();
                    let source = Source { population, start: 0, stop: 0, is_part: false };
                    self.sources.insert(name.clone(), source);
                    self.checked_synapses.push(checked);
                    self.operations_of(name, &given.run_regularly, source)?;
                }
                None => {
                    self.unchecked.insert(name.clone());
                }
            }
        }
        Ok(())
    }

    /// The group that a population is made from.
    pub(super) fn group_of(&self, population: usize) -> &Group {
        match self.groups.get(population) {
            Some(checked) => &checked.group,
            None => &self.checked_synapses[population - self.groups.len()].model.group,
        }
    }

    /// Says that synapses at one end are made later than these, if they are.
    fn is_below(&mut self, given: &Synapses) -> bool {
        let own = self.model.synapses.iter().position(|other| std::ptr::eq(other, given));
        let later = &self.model.synapses[own.unwrap_or(0)..];
        let is_later = |end: &Text| later.iter().any(|other| other.text.name == end.as_str());
        let ends = [&given.source, &given.target];
        let Some(end) = ends.into_iter().find(|end| is_later(end) && !self.sources.contains_key(end.as_str())) else {
            return false;
        };
        let (name, other) = (&given.text.name, end.as_str());
        if name == other {
            self.error(end, format!("`{name}` cannot have itself at an end"));
        } else {
            let hint = format!("define `{other}` before `{name}`");
            self.error_with_hint(end, format!("the synapses `{other}` are defined below"), hint);
        }
        true
    }

    /// The order of a state update.
    fn order_of(&self, population: usize) -> i32 {
        let synapses = population.checked_sub(self.groups.len()).and_then(|k| self.checked_synapses.get(k));
        synapses.map_or(0, |synapses| synapses.order)
    }

    fn one_synapses(&mut self, given: &Synapses) -> Result<Option<CheckedSynapses>, Error> {
        let before = self.diagnostics.0.len();
        if self.is_below(given) {
            return Ok(None);
        }
        let source = self.source(given.source.as_str(), &given.source);
        let target = self.source(given.target.as_str(), &given.target);
        let (Some(source), Some(target)) = (source, target) else { return Ok(None) };
        let mut ends = IndexMap::new();
        for (side, end) in [(Side::Pre, source), (Side::Post, target)] {
            ends.extend(endpoint_variables(self.group_of(end.population), side));
        }
        let clock = match &given.dt {
            None => self.clock_of(target.population),
            dt => self.clock(dt.as_ref(), 0)?,
        };
        let Some(mut model) = check_synapses(&given.text, ends, &self.namespace, self.diagnostics) else {
            return Ok(None);
        };
        model.group.system.steady = self.steady_functions(self.clocks[clock]);
        for pathway in &model.pathways {
            let (end, text) = match pathway.side {
                Side::Pre => (source, &given.source),
                Side::Post => (target, &given.target),
            };
            let event = pathway.event.clone().unwrap_or_else(|| Text::new("event", SPIKE));
            let _ = self.event(&event, end, text);
            self.slot(pathway.when.as_ref(), pathway.slot(), &pathway.text);
        }
        let block = match event_driven(&model.event_driven) {
            Ok(block) => Some(block),
            Err(error) => {
                self.diagnostics.push(error);
                None
            }
        };
        if model.group.constant_over_dt().next().is_some() {
            self.slot(None, "before_start", &given.text.equations);
        }
        if !model.summed.is_empty() || !model.group.system.odes.is_empty() {
            self.slot(None, "groups", &given.text.equations);
        }
        if let Some(block) = &block {
            self.orders_of_synapses(&model, block, source, target);
        }
        let delays = self.delays(given, &mut model.group)?;
        let integration = match super::groups::integrate(&model.group) {
            Ok(integration) => Some(integration),
            Err(error) => {
                self.diagnostics.push(error);
                None
            }
        };
        let mut connect = Vec::new();
        if given.connect.is_empty() && model.pathways.iter().any(|pathway| pathway.active) {
            let message = format!("the synapses `{}` are never connected", given.text.name);
            self.error_with_hint(&given.source, message, "say `connect = [{}]` to connect all cells with all");
        }
        for rule in &given.connect {
            connect.extend(check_connect(rule, source, target, &model.group, self.diagnostics)?);
        }
        let population = self.groups.len() + self.checked_synapses.len();
        let own = Source { population, start: 0, stop: 0, is_part: false };
        let mut init = Vec::new();
        for (variable, value) in &given.init {
            let assignment = Assignment {
                group: given.text.name.clone(),
                variable: variable.clone(),
                filter: None,
                value: Assigned::Value(value.clone()),
            };
            init.extend(check_assignment(&assignment, &given.text.name, own, &model.group, self.diagnostics));
        }
        let (Some(integration), Some(event_driven)) = (integration, block) else { return Ok(None) };
        if self.diagnostics.has_errors_since(before) {
            return Ok(None);
        }
        let multisynaptic_index = given.text.multisynaptic_index.as_ref().map(|name| name.as_str().to_string());
        Ok(Some(CheckedSynapses {
            model,
            integration,
            event_driven,
            source,
            target,
            clock,
            order: given.order,
            orders_of_ends: [source, target].map(|end| self.order_of(end.population)),
            delays,
            connect,
            multisynaptic_index,
            init,
        }))
    }

    /// Delays of whole pathways, and variables for the others that are set somewhere.
    fn delays(&mut self, given: &Synapses, group: &mut Group) -> Result<BTreeMap<String, f64>, Error> {
        let mut delays = BTreeMap::new();
        let names: Vec<&str> = given.text.pathways.iter().map(|p| p.name.as_str()).collect();
        for (pathway, value) in &given.delays {
            if !names.contains(&pathway.as_str()) {
                let message = format!("there is no pathway `{}`", pathway.as_str());
                let error = Diagnostic::error(pathway, pathway.whole(), message);
                self.diagnostics.push(error.suggest(pathway.as_str(), names.iter().copied()));
            }
            if let Some(seconds) = self.constants.time(value, "delay", self.diagnostics)? {
                if !(seconds >= 0.0 && seconds.is_finite()) {
                    self.error(value.text(), format!("a delay cannot be {seconds} s"));
                }
                delays.insert(pathway.as_str().to_string(), seconds);
            }
        }
        for name in names {
            let kind = Kind { ty: ValueType::Float, dimension: Dimension::SECOND };
            let is_one = delays.contains_key(name);
            let variable = Variable::internal(Role::Parameter, kind.ty, kind.dimension, is_one);
            group.variables.insert(format!("{name}.delay"), variable);
        }
        Ok(delays)
    }
}

/// Checks a rule by which synapses are made; `None` after saying what is wrong.
///
/// # Errors
/// Only if we are wrong.
pub fn check_connect(
    given: &Connect,
    source: Source,
    target: Source,
    group: &Group,
    diagnostics: &mut Diagnostics,
) -> Result<Option<CheckedConnect>, Error> {
    RuleChecker { diagnostics }.connect(given, source, target, group)
}

/// A rule while it is checked.
struct RuleChecker<'a> {
    diagnostics: &'a mut Diagnostics,
}

impl RuleChecker<'_> {
    fn error(&mut self, text: &Text, message: String) {
        self.diagnostics.push(Diagnostic::error(text, text.whole(), message));
    }

    fn error_with_hint(&mut self, text: &Text, message: String, hint: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(text, text.whole(), message).hint(hint.into()));
    }

    fn connect(
        &mut self,
        given: &Connect,
        source: Source,
        target: Source,
        group: &Group,
    ) -> Result<Option<CheckedConnect>, Error> {
        let before = self.diagnostics.0.len();
        let generated = match &given.rule {
            ConnectRule::Targets(text) | ConnectRule::Sources(text) => generator(text, &mut Default::default()),
            _ => None,
        };
        let variable = generated.and_then(|g| g.variable).map(|(name, _)| name);
        let with_variable = with_variable(group, variable.as_deref());
        let pairs = Pairs { group: &with_variable, variable: variable.as_deref(), sought: None };
        let n = given.n.as_ref().and_then(|n| self.over_pairs(n, &pairs, "n", ValueType::Integer));
        // As a number, a chance of 1 is none; as an expression it is drawn for all the same (Brian2's rule).
        let is_sure = |p: &&Value| matches!(p, Value::Number(number, _) if number.as_f64() == 1.0);
        let p =
            given.p.as_ref().filter(|p| !is_sure(p)).and_then(|p| self.over_pairs(p, &pairs, "p", ValueType::Float));
        let mut chance_of_list = None;
        let rule = match &given.rule {
            ConnectRule::Lists(pre, post) => {
                if let Some((p, text)) = &p {
                    match number(p) {
                        Some(p) => chance_of_list = Some(p),
                        None => self.error(text, "the chance of given pairs is a number".to_string()),
                    }
                }
                let pre = self.cells(pre, source, &given.text, "source");
                let post = self.cells(post, target, &given.text, "target");
                self.lists(pre, post, given)
            }
            ConnectRule::All => Some(CheckedRule::Rows(Box::new(every_pair(None, p, &given.text, group)))),
            ConnectRule::Condition(text) => {
                if generator(text, &mut Default::default()).is_some_and(|g| g.variable.is_some()) {
                    self.error_with_hint(text, "a generator is no condition".to_string(), "write it as `j`, or as `i`");
                    return Ok(None);
                }
                let condition = parser::expression(text, self.diagnostics);
                let condition =
                    condition.filter(|c| check_condition(c, "`condition`", &pairs, text, self.diagnostics).is_some());
                condition.map(|condition| CheckedRule::Rows(Box::new(every_pair(Some(condition), p, text, group))))
            }
            // The target's index is looked at like a variable of it where it is counted from a cell of a group.
            ConnectRule::Targets(text) => self.generated(Side::Pre, text, &p, group, target.start > 0),
            ConnectRule::Sources(text) => self.generated(Side::Post, text, &p, group, true),
        };
        if self.diagnostics.has_errors_since(before) {
            return Ok(None);
        }
        Ok(rule.map(|rule| CheckedConnect {
            text: given.text.clone(),
            rule,
            p: chance_of_list,
            n,
            skip_if_invalid: given.skip_if_invalid,
        }))
    }

    fn lists(&mut self, pre: Vec<i32>, post: Vec<i32>, given: &Connect) -> Option<CheckedRule> {
        Some(match (pre.len(), post.len()) {
            (a, b) if a == b => CheckedRule::Lists(pre, post),
            (1, b) => CheckedRule::Lists(vec![pre[0]; b], post),
            (a, 1) => CheckedRule::Lists(pre, vec![post[0]; a]),
            (a, b) => {
                self.error(&given.text, format!("there are {a} sources, but {b} targets"));
                return None;
            }
        })
    }

    fn cells(&mut self, given: &[i64], end: Source, text: &Text, what: &str) -> Vec<i32> {
        // How many synapses there are is known once they are made.
        let known = (end.n() > 0).then(|| end.n() as i64);
        let n = known.unwrap_or(i64::from(i32::MAX));
        if let Some(wrong) = given.iter().find(|cell| !(0..n).contains(cell)) {
            let why = known.map_or(String::new(), |n| format!(": the group has {n} cells"));
            self.error(text, format!("there is no {what} {wrong}{why}"));
        }
        given.iter().map(|cell| *cell as i32).collect()
    }

    /// An expression over pairs, and where it stands.
    fn over_pairs(&mut self, given: &Value, pairs: &Pairs<'_>, what: &str, ty: ValueType) -> Option<(Expr, Text)> {
        let text = given.text();
        let expr = match given {
            Value::Expression(text) => parser::expression(text, self.diagnostics)?,
            Value::Number(Number::Integer(value), _) => Expr::int(*value),
            Value::Number(value, _) => Expr::new(ExprKind::Float(value.as_f64()), text.whole()),
        };
        let kind = check(&expr, pairs, text, self.diagnostics)?;
        let found = crate::expr::check::described(kind);
        if !kind.dimension.is_dimensionless() {
            self.error(text, format!("`{what}` has no unit, but this is {found}"));
            return None;
        }
        if kind.ty > ty {
            let message = format!("`{what}` is {}, but this is {found}", ty.described());
            self.error_with_hint(text, message, "write `int(...)`");
            return None;
        }
        if let Some(p) = number(&expr).filter(|p| what == "p" && !(0.0..=1.0).contains(p)) {
            self.error(text, format!("a chance is from 0 to 1, not {p}"));
        }
        Some((expr, text.clone()))
    }

    fn generated(
        &mut self,
        outer: Side,
        text: &Text,
        p: &Option<(Expr, Text)>,
        group: &Group,
        index_is_variable: bool,
    ) -> Option<CheckedRule> {
        if let Some((_, text)) = p {
            let hint = "write `… for k in sample(…, p=…)`";
            self.error_with_hint(text, "a generator has its chance in itself".to_string(), hint);
        }
        let parsed = generator(text, self.diagnostics)?;
        let variable = parsed.variable.as_ref().map(|(name, _)| name.clone());
        if let Some((name, span)) = parsed.variable.as_ref().filter(|(name, _)| ["i", "j"].contains(&name.as_str())) {
            let message = format!("`{name}` is the number of a cell and cannot be the variable of a generator");
            self.diagnostics.push(Diagnostic::error(text, *span, message).hint("write `k for k in …`"));
            return None;
        }
        let with_variable = with_variable(group, variable.as_deref());
        let sought = Some(if outer == Side::Pre { Side::Post } else { Side::Pre });
        let scope = Pairs { group: &with_variable, variable: variable.as_deref(), sought };
        let of_row = Pairs { group, variable: None, sought };
        let mut whole = |expr: &Expr, what: &str, scope: &Pairs<'_>| {
            let kind = check(expr, scope, text, self.diagnostics)?;
            if kind.ty != ValueType::Integer || !kind.dimension.is_dimensionless() {
                let message = format!("{what} is a whole number, but this is {}", crate::expr::check::described(kind));
                self.diagnostics.push(Diagnostic::error(text, expr.span, message).hint("write `int(...)`"));
            }
            Some(())
        };
        whole(&parsed.target, "the number of a cell", &scope)?;
        match &parsed.candidates {
            Candidates::One => {}
            Candidates::All(range) | Candidates::Chance(range, _) | Candidates::Sample(range, _) => {
                let Range { low, high, step } = range;
                for bound in [low.as_ref(), Some(high), step.as_ref()].into_iter().flatten() {
                    whole(bound, "a bound of a range", &of_row)?;
                }
            }
        }
        match &parsed.candidates {
            Candidates::Sample(_, size) => whole(size, "a size", &of_row)?,
            Candidates::Chance(_, p) => {
                let kind = check(p, &of_row, text, self.diagnostics)?;
                if !kind.dimension.is_dimensionless() {
                    self.diagnostics.push(Diagnostic::error(text, p.span, "a chance has no unit"));
                }
            }
            _ => {}
        }
        if let Some(condition) = &parsed.condition {
            let scope = Pairs { sought: None, ..scope };
            check_condition(condition, "the condition", &scope, text, self.diagnostics)?;
        }
        Some(CheckedRule::Rows(Box::new(rows(outer, parsed, variable, index_is_variable, text, group))))
    }
}

/// The names of synapses, and the variable of a generator.
fn with_variable(group: &Group, variable: Option<&str>) -> Group {
    let mut group = group.clone();
    if let Some(name) = variable {
        let variable = Variable::internal(Role::Given, ValueType::Integer, Dimension::NONE, false);
        group.variables.insert(name.to_string(), variable);
    }
    group
}

/// A rule, with what its condition depends on.
fn rows(
    outer: Side,
    generator: Generator,
    variable: Option<String>,
    index_is_variable: bool,
    text: &Text,
    group: &Group,
) -> Rows {
    let inner = if outer == Side::Pre { Side::Post } else { Side::Pre };
    let condition = generator.condition.as_ref();
    let looks = condition.is_some_and(|c| {
        let names = c.names();
        names.iter().any(|name| match name == inner.index() {
            true => index_is_variable,
            false => looks_at(&Expr::name(name.clone()), inner, group),
        })
    });
    // Where `j` is the row, rows are gone through, and drawn for, all the same (Brian2's rule).
    let names_target = condition.is_some_and(|c| c.mentions("j"));
    let uses_variable = |c: &Expr| variable.as_ref().is_some_and(|name| c.mentions(name));
    let draws = condition.is_some_and(|c| is_stateful(c, group));
    let condition_is_of_row = condition.is_some_and(|c| !looks && !draws && !names_target && !uses_variable(c));
    Rows {
        outer,
        generator,
        variable,
        chance: None,
        is_whole: false,
        condition_is_of_row,
        condition_looks_at_other: looks,
        condition_names_other: inner == Side::Post && names_target && !looks,
        text: text.clone(),
    }
}

/// Whether an expression depends on the cell of one end.
fn looks_at(expr: &Expr, side: Side, group: &Group) -> bool {
    expr.names().iter().any(|name| {
        name == side.index()
            || match group.variables.get(name).map(|v| &v.role) {
                Some(Role::Endpoint { side: own, .. }) => *own == side,
                Some(Role::Subexpression(inner)) => looks_at(inner, side, group),
                Some(Role::Given) => name.starts_with("_i") && name.ends_with(side.suffix()),
                _ => false,
            }
    })
}

/// Whether numbers are drawn for an expression.
fn is_stateful(expr: &Expr, group: &Group) -> bool {
    let mut stateful = false;
    expr.walk(&mut |e| {
        if let ExprKind::Call(name, _) = &e.kind {
            stateful |= draws(name) || group.namespace.function(name).is_some_and(|f| f.stateful);
        }
    });
    stateful
}

/// For each source all targets, as far as a condition and a chance allow.
fn every_pair(condition: Option<Expr>, p: Option<(Expr, Text)>, text: &Text, group: &Group) -> Rows {
    let condition = condition.filter(|c| c.kind != ExprKind::Bool(true));
    let whole = Range { low: None, high: Expr::name("N_post"), step: None };
    let constant = p.as_ref().and_then(|(p, _)| number(p));
    // The other cell is the candidate itself.
    let own = |e: &Expr| e.substitute(&|name| (name == "j").then(|| Expr::name(OWN)));
    let condition = condition.map(|c| own(&c));
    let (candidates, condition) = match p.map(|(p, _)| p) {
        None => (Candidates::All(whole), condition),
        // What is drawn for each pair stands beside the condition (Brian2's rule).
        Some(p) if constant.is_none() && (looks_at(&p, Side::Post, group) || is_stateful(&p, group)) => {
            let drawn = Expr::new(
                ExprKind::Compare(CompareOp::Lt, Box::new(Expr::call("rand", Vec::new())), Box::new(own(&p))),
                text.whole(),
            );
            let condition = match condition {
                Some(c) => Expr::new(ExprKind::Logic(LogicOp::And, Box::new(c), Box::new(drawn)), text.whole()),
                None => drawn,
            };
            (Candidates::All(whole), Some(condition))
        }
        Some(p) => (Candidates::Chance(whole, p), condition),
    };
    let is_whole = condition.is_none();
    let chance = constant.filter(|_| is_whole);
    let generator = Generator { target: Expr::name(OWN), variable: None, candidates, condition };
    let rows = rows(Side::Pre, generator, Some(OWN.to_string()), true, text, group);
    Rows { chance, is_whole, ..rows }
}

/// The value of a number that is written out.
fn number(expr: &Expr) -> Option<f64> {
    match &expr.kind {
        ExprKind::Int(value) => Some(*value as f64),
        ExprKind::Float(value) => Some(*value),
        ExprKind::Binary(BinaryOp::Div, x, y) => Some(number(x)? / number(y)?),
        ExprKind::Binary(BinaryOp::Mul, x, y) => Some(number(x)? * number(y)?),
        _ => None,
    }
}
