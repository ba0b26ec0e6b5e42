//! Making synapses: from rules to pairs of cells.
//!
//! Candidates are enumerated row by row, and the expressions of a rule are evaluated for blocks of them by the
//! interpreter. Numbers are drawn as in code, from the blocks of the network's streams.

use indexmap::IndexMap;

use super::{CheckedConnect, CheckedRule, CheckedSynapses, Rows, make_population};
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::expr::ast::Expr;
use crate::expr::check::ValueType;
use crate::kernel::ir::{LoopShape, Storage};
use crate::model::generator::{Candidates, Generator, Range};
use crate::model::group::{Role, Side, Variable};
use crate::network::Source;
use crate::network::code::{Code, Elements};
use crate::network::error::Error;
use crate::network::memory::Memory;
use crate::random::Streams;
use crate::random::sample::Picks;
use crate::runtime::array::{Array, ElementType};
use crate::unit::Dimension;

/// Candidates that are evaluated at once.
const BLOCK: usize = 4096;

/// Names of what kernels of rules write.
const TARGET: &str = "_target";
const LOW: &str = "_low";
const HIGH: &str = "_high";
const STEP: &str = "_step";
const AMOUNT: &str = "_amount";
const FOUND: &str = "_found";
const COUNT: &str = "_count_of_pair";

/// The cells at both ends of synapses, counted in their populations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pairs {
    /// Where spikes come from.
    pub pre: Vec<i32>,
    /// Where they go to.
    pub post: Vec<i32>,
}

impl Pairs {
    fn push(&mut self, pre: usize, post: usize, times: usize) {
        for _ in 0..times {
            self.pre.push(pre as i32);
            self.post.push(post as i32);
        }
    }
}

/// Makes the synapses of all rules, in order.
pub fn connect(
    memory: &mut Memory,
    streams: &mut Streams,
    synapses: &CheckedSynapses,
    number: usize,
) -> Result<Pairs, Error> {
    let mut pairs = Pairs::default();
    for rule in &synapses.connect {
        let mut maker = Maker { memory, streams, synapses, number, pairs: &mut pairs };
        match &rule.rule {
            CheckedRule::Lists(pre, post) => maker.lists(rule, pre, post)?,
            CheckedRule::Rows(rows) => maker.rows(rule, rows)?,
        }
    }
    Ok(pairs)
}

struct Maker<'a> {
    memory: &'a mut Memory,
    streams: &'a mut Streams,
    synapses: &'a CheckedSynapses,
    number: usize,
    pairs: &'a mut Pairs,
}

/// A block of candidates.
struct Block {
    outer: Vec<i32>,
    inner: Vec<i32>,
}

impl Maker<'_> {
    fn end(&self, side: Side) -> Source {
        match side {
            Side::Pre => self.synapses.source,
            Side::Post => self.synapses.target,
        }
    }

    fn lists(&mut self, rule: &CheckedConnect, pre: &[i32], post: &[i32]) -> Result<(), Error> {
        let (source, target) = (self.synapses.source, self.synapses.target);
        for (cells, end) in [(pre, source), (post, target)] {
            if let Some(wrong) = cells.iter().find(|cell| **cell as usize >= end.n()) {
                let message = format!("there is no synapse {wrong}: there are {} at that end", end.n());
                return Err(wrong_pair(&rule.text, message));
            }
        }
        let times = self.counts(rule, pre, post, None)?;
        for (k, (i, j)) in pre.iter().zip(post).enumerate() {
            // One direct draw of each, unless all are wanted.
            let wanted = rule.p.is_none_or(|p| p == 1.0 || self.streams.direct().uniform() < p);
            if wanted {
                self.pairs.push(source.start + *i as usize, target.start + *j as usize, times[k]);
            }
        }
        Ok(())
    }

    /// The synapses of each of these pairs.
    fn counts(
        &mut self,
        rule: &CheckedConnect,
        pre: &[i32],
        post: &[i32],
        variable: Option<(&str, &[i32])>,
    ) -> Result<Vec<usize>, Error> {
        let Some((expr, text)) = &rule.n else { return Ok(vec![1; pre.len()]) };
        let values = self.with_pairs(pre, post, variable, |maker, len| maker.value(expr, text, COUNT, len))?;
        Ok(values.iter().map(|n| n.max(0.0) as usize).collect())
    }

    /// Runs something with a population of candidates between these cells, counted from the first ones of both ends.
    fn with_pairs<T>(
        &mut self,
        pre: &[i32],
        post: &[i32],
        variable: Option<(&str, &[i32])>,
        run: impl FnOnce(&mut Self, usize) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let population = make_population(self.memory, self.synapses, pre, post, variable);
        self.memory.populations.push(population);
        let done = run(self, pre.len());
        self.memory.populations.pop();
        done
    }

    /// The values of an expression for all candidates.
    fn value(&mut self, expr: &Expr, text: &Text, name: &str, len: usize) -> Result<Vec<f64>, Error> {
        let source = Source { population: self.number, start: 0, stop: len, is_part: false };
        let lowered = self.memory.lower(source.into(), text, |lowerer| {
            let value = lowerer.expr(expr)?;
            lowerer.output(name, Storage::F64, value);
            Ok(LoopShape::Each)
        })?;
        let arrays = IndexMap::from([(name.to_string(), Array::zeros(ElementType::F64, len))]);
        let mut code = self.memory.code(source.into(), "connect", "once", lowered, arrays)?;
        self.prepare(&mut code, source);
        code.object.run_range(0..len);
        Ok(code.arrays[name].as_f64().to_vec())
    }

    fn prepare(&mut self, code: &mut Code, source: Source) {
        let guards = &self.memory.populations;
        code.prepare(Elements::Range(source.start, source.stop), guards, self.streams);
    }

    /// Which candidates fulfil a condition.
    fn chosen(&mut self, condition: &Expr, text: &Text, len: usize) -> Result<Vec<i32>, Error> {
        let source = Source { population: self.number, start: 0, stop: len, is_part: false };
        let lowered = self.memory.lower(source.into(), text, |l| Ok(LoopShape::Select(l.expr(condition)?)))?;
        let mut code = self.memory.code_once(source.into(), "connect", lowered)?;
        self.prepare(&mut code, source);
        let mut chosen = vec![0; len];
        let count = code.object.select_range(0..len, &mut chosen);
        chosen.truncate(count);
        Ok(chosen)
    }

    /// The same for a condition over the number of the other cell, whether there is such a cell or not.
    fn chosen_by_number(
        &mut self,
        condition: &Expr,
        text: &Text,
        outer: &[i32],
        variable: Option<(&str, &[i32])>,
        found: &[f64],
    ) -> Result<Vec<i32>, Error> {
        let condition = condition.substitute(&|name| (name == "j").then(|| Expr::name(FOUND)));
        self.with_pairs(outer, &vec![0; outer.len()], variable, |maker, len| {
            let population = &mut maker.memory.populations[maker.number];
            let kind = Variable::internal(Role::Given, ValueType::Integer, Dimension::NONE, false);
            population.group.variables.insert(FOUND.to_string(), kind);
            let mut numbers = Array::zeros(ElementType::I32, len);
            found.iter().enumerate().for_each(|(k, number)| numbers.set(k, *number));
            population.arrays.insert(FOUND.to_string(), numbers);
            maker.chosen(&condition, text, len)
        })
    }

    fn rows(&mut self, rule: &CheckedConnect, rows: &Rows) -> Result<(), Error> {
        let inner_side = match rows.outer {
            Side::Pre => Side::Post,
            Side::Post => Side::Pre,
        };
        let (outer, inner) = (self.end(rows.outer), self.end(inner_side));
        if rows.is_plain() && rule.n.is_none() {
            return self.plain(rows, outer, inner);
        }
        let bounds = self.bounds(rows, outer.n())?;
        let wanted = self.wanted_rows(rows, outer.n())?;
        // What is drawn for a candidate falls between the draws of candidates.
        let capacity = if rows.is_stateful || rule.n_is_stateful { 1 } else { BLOCK };
        let mut block = Block { outer: Vec::with_capacity(capacity), inner: Vec::with_capacity(capacity) };
        for row in wanted {
            let Bounds { low, step, count, amount } = bounds[row as usize];
            let mut picks = match rows.generator.candidates {
                Candidates::One => Picks::all(1),
                Candidates::All(_) => Picks::all(count),
                Candidates::Chance(..) => Picks::with_chance(count, amount),
                Candidates::Sample(..) => {
                    if (amount < 0.0 || amount > count as f64) && !rule.skip_if_invalid {
                        let message = format!("a sample of {amount} is to be drawn from {count} candidates");
                        return Err(wrong(&rule.text, message, "say `skip_if_invalid = true` to draw what there is"));
                    }
                    Picks::of_size(count, amount.max(0.0) as u64, self.streams)
                }
            };
            while let Some(pick) = picks.next(self.streams) {
                block.outer.push(row);
                block.inner.push((low + pick as i64 * step) as i32);
                if block.outer.len() == capacity {
                    self.block(rule, rows, &mut block, inner)?;
                }
            }
        }
        self.block(rule, rows, &mut block, inner)
    }

    /// The rows for which a condition holds that depends on nothing but the row, and so is looked at before anything is
    /// drawn for it.
    fn wanted_rows(&mut self, rows: &Rows, n: usize) -> Result<Vec<i32>, Error> {
        let cells: Vec<i32> = (0..n as i32).collect();
        let Some(condition) = rows.generator.condition.as_ref().filter(|_| rows.condition_is_of_row) else {
            return Ok(cells);
        };
        let mut wanted = Vec::new();
        for cells in cells.chunks(BLOCK) {
            let other = vec![0; cells.len()];
            let (pre, post) = if rows.outer == Side::Pre { (cells, &other[..]) } else { (&other[..], cells) };
            let chosen = self.with_pairs(pre, post, None, |maker, len| maker.chosen(condition, &rows.text, len))?;
            wanted.extend(chosen.iter().map(|k| cells[*k as usize]));
        }
        Ok(wanted)
    }

    /// Every pair, or each with a chance that is a number: nothing has to be evaluated.
    fn plain(&mut self, rows: &Rows, outer: Source, inner: Source) -> Result<(), Error> {
        let chance = rows.chance;
        for row in outer.start..outer.stop {
            let pairs = &mut *self.pairs;
            match chance {
                None => (inner.start..inner.stop).for_each(|cell| pairs.push(row, cell, 1)),
                Some(p) => {
                    let mut picks = Picks::with_chance(inner.n() as u64, p);
                    while let Some(k) = picks.next(self.streams) {
                        pairs.push(row, inner.start + k as usize, 1);
                    }
                }
            }
        }
        Ok(())
    }

    /// What the variable of a generator runs over, for each row.
    fn bounds(&mut self, rows: &Rows, n: usize) -> Result<Vec<Bounds>, Error> {
        let (range, amount) = match &rows.generator.candidates {
            Candidates::One => return Ok(vec![Bounds { low: 0, step: 1, count: 1, amount: 1.0 }; n]),
            Candidates::All(range) => (range, None),
            Candidates::Chance(range, amount) | Candidates::Sample(range, amount) => (range, Some(amount)),
        };
        let Range { low, high, step } = range;
        let mut all = Vec::with_capacity(n);
        let cells: Vec<i32> = (0..n as i32).collect();
        for cells in cells.chunks(BLOCK) {
            let other = vec![0; cells.len()];
            let (pre, post) = if rows.outer == Side::Pre { (cells, &other[..]) } else { (&other[..], cells) };
            let bounds = self.with_pairs(pre, post, None, |maker, len| {
                let mut value = |expr: &Option<&Expr>, name: &str, default: f64| match expr {
                    Some(expr) => maker.value(expr, &rows.text, name, len),
                    None => Ok(vec![default; len]),
                };
                let low = value(&low.as_ref(), LOW, 0.0)?;
                let high = value(&Some(high), HIGH, 0.0)?;
                let step = value(&step.as_ref(), STEP, 1.0)?;
                let amount = value(&amount, AMOUNT, 1.0)?;
                Ok((0..len).map(|k| Bounds::new(low[k], high[k], step[k], amount[k])).collect::<Vec<Bounds>>())
            })?;
            all.extend(bounds);
        }
        Ok(all)
    }

    /// Evaluates a block of candidates and makes their synapses.
    fn block(&mut self, rule: &CheckedConnect, rows: &Rows, block: &mut Block, inner: Source) -> Result<(), Error> {
        let Rows { outer: side, generator: Generator { target, condition, .. }, text, variable, .. } = rows;
        let outer = std::mem::take(&mut block.outer);
        let candidates = std::mem::take(&mut block.inner);
        if outer.is_empty() {
            return Ok(());
        }
        let name = variable.as_deref();
        let ends = |outer: &[i32], inner: &[i32]| match side {
            Side::Pre => (outer.to_vec(), inner.to_vec()),
            Side::Post => (inner.to_vec(), outer.to_vec()),
        };
        let (mut outer, mut candidates) = (outer, candidates);
        let keep = |values: &[i32], chosen: &[i32]| chosen.iter().map(|k| values[*k as usize]).collect::<Vec<i32>>();
        // A condition that does not look at the other cell is looked at before that cell is known.
        let condition = condition.as_ref().filter(|_| !rows.condition_is_of_row);
        let is_early = !rows.condition_looks_at_other && !rows.condition_names_other;
        if let Some(condition) = condition.filter(|_| is_early) {
            let (pre, post) = ends(&outer, &vec![0; outer.len()]);
            let own = name.map(|name| (name, &candidates[..]));
            let chosen = self.with_pairs(&pre, &post, own, |maker, len| maker.chosen(condition, text, len))?;
            (outer, candidates) = (keep(&outer, &chosen), keep(&candidates, &chosen));
        }
        let (pre, post) = ends(&outer, &vec![0; outer.len()]);
        let own = name.map(|name| (name, &candidates[..]));
        let mut targets = self.with_pairs(&pre, &post, own, |maker, len| maker.value(target, text, TARGET, len))?;
        if let Some(condition) = condition.filter(|_| rows.condition_names_other) {
            let own = name.map(|name| (name, &candidates[..]));
            let chosen = self.chosen_by_number(condition, text, &outer, own, &targets)?;
            (outer, candidates) = (keep(&outer, &chosen), keep(&candidates, &chosen));
            targets = chosen.iter().map(|k| targets[*k as usize]).collect();
        }
        let mut valid = Vec::with_capacity(outer.len());
        for (k, found) in targets.iter().enumerate() {
            if (0.0..inner.n() as f64).contains(found) {
                valid.push(k as i32);
            } else if !rule.skip_if_invalid {
                let (what, cell) = if *side == Side::Pre { ("target", "source") } else { ("source", "target") };
                let message = format!(
                    "for the {cell} {}, this gives the {what} {found}, but there are {} of them",
                    outer[k],
                    inner.n()
                );
                return Err(wrong(text, message, "add a condition with `if`, or say `skip_if_invalid = true`"));
            }
        }
        let found: Vec<i32> = valid.iter().map(|k| targets[*k as usize] as i32).collect();
        (outer, candidates) = (keep(&outer, &valid), keep(&candidates, &valid));
        let (mut pre, mut post) = ends(&outer, &found);
        if let Some(condition) = condition.filter(|_| rows.condition_looks_at_other) {
            let own = name.map(|name| (name, &candidates[..]));
            let chosen = self.with_pairs(&pre, &post, own, |maker, len| maker.chosen(condition, text, len))?;
            (pre, post, candidates) = (keep(&pre, &chosen), keep(&post, &chosen), keep(&candidates, &chosen));
        }
        let times = self.counts(rule, &pre, &post, name.map(|name| (name, &candidates[..])))?;
        let (source, target) = (self.synapses.source, self.synapses.target);
        for (k, (i, j)) in pre.iter().zip(&post).enumerate() {
            self.pairs.push(source.start + *i as usize, target.start + *j as usize, times[k]);
        }
        Ok(())
    }
}

/// A row of candidates: `count` numbers from `low` on, every `step`; a chance or a size.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    low: i64,
    step: i64,
    count: u64,
    amount: f64,
}

impl Bounds {
    fn new(low: f64, high: f64, step: f64, amount: f64) -> Bounds {
        let (low, high, step) = (low as i64, high as i64, step as i64);
        let count = match step {
            0 => 0,
            step if step > 0 => (high - low + step - 1).div_euclid(step),
            step => (low - high - step - 1).div_euclid(-step),
        };
        Bounds { low, step, count: count.max(0) as u64, amount }
    }
}

fn wrong_pair(text: &Text, message: String) -> Error {
    Error::Model(Diagnostics(vec![Diagnostic::error(text, text.whole(), message)]))
}

fn wrong(text: &Text, message: String, hint: &str) -> Error {
    let error = Diagnostic::error(text, text.whole(), message).hint(hint);
    Error::Model(Diagnostics(vec![error]))
}
