//! Making synapses: from rules to pairs of cells.
//!
//! What a rule leaves open for no pair (all of them, or a chance that is a number) is walked at once. Else candidates are
//! enumerated row by row, and the expressions of the rule are evaluated for blocks of them by the interpreter. Numbers are
//! drawn as in code, from the blocks of the network's streams, in the order of Brian2's Cython target.

use indexmap::IndexMap;

use super::room::Room;
use super::wiring::{Pairs, SOURCES, TARGETS};
use super::{CheckedConnect, CheckedRule, CheckedSynapses, Rows, make_population};
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::expr::ast::{Expr, ExprKind};
use crate::expr::check::{Kind, ValueType};
use crate::kernel::ir::{LoopShape, Storage};
use crate::model::generator::{Candidates, Range};
use crate::model::group::{Role, Side, Variable};
use crate::network::Source;
use crate::network::code::{Code, Elements};
use crate::network::error::Error;
use crate::network::memory::Memory;
use crate::random::Streams;
use crate::random::sample::{Picks, rows_with_chance};
use crate::runtime::array::{Array, ElementType};

/// Candidates that are evaluated at once.
const BLOCK: usize = 4096;

/// Synapses of a block for which it is seen whether there is room before they are made.
const MANY: f64 = 1e6;

/// The name of what code of rules writes.
const VALUE: &str = "_value";

/// Makes the synapses of all rules, in order, after those that there are. `number`: of the population that they will be.
pub fn connect(
    memory: &mut Memory,
    streams: &mut Streams,
    synapses: &CheckedSynapses,
    rules: &[CheckedConnect],
    pairs: &mut Pairs,
    room: &mut Room,
) -> Result<(), Error> {
    for rule in rules {
        let variable = match &rule.rule {
            CheckedRule::Rows(rows) => rows.variable.clone(),
            CheckedRule::Lists(..) => None,
        };
        // The candidates are a population of their own, as long as the rule is carried out.
        let mut population = make_population(memory, synapses, 0);
        population.group.n = BLOCK;
        for name in [Some(SOURCES), Some(TARGETS), variable.as_deref()].into_iter().flatten() {
            population.arrays.insert(name.to_string(), Array::zeros(ElementType::I32, BLOCK));
        }
        if let Some(name) = &variable {
            let kind = Kind::plain(ValueType::Integer);
            let given = Variable::internal(Role::Given, kind.ty, kind.dimension, false);
            population.group.variables.insert(name.clone(), given);
        }
        let number = memory.populations.len();
        memory.populations.push(population);
        let mut maker = Maker { memory, streams, synapses, number, variable, pairs, room };
        let made = match &rule.rule {
            CheckedRule::Lists(pre, post) => maker.lists(rule, pre, post),
            CheckedRule::Rows(rows) => maker.rows(rule, rows),
        };
        memory.populations.pop();
        made?;
    }
    Ok(())
}

struct Maker<'a> {
    memory: &'a mut Memory,
    streams: &'a mut Streams,
    synapses: &'a CheckedSynapses,
    /// The population of candidates.
    number: usize,
    /// The variable of a generator.
    variable: Option<String>,
    pairs: &'a mut Pairs,
    room: &'a mut Room,
}

/// Candidates: cells of the end that is gone through, cells of the other end, and values of the generator's variable.
#[derive(Default)]
struct Block {
    outer: Vec<i32>,
    inner: Vec<i32>,
    variable: Vec<i32>,
}

impl Block {
    fn len(&self) -> usize {
        self.outer.len()
    }

    fn clear(&mut self) {
        self.outer.clear();
        self.inner.clear();
        self.variable.clear();
    }

    /// Leaves only these, which ascend.
    fn keep(&mut self, chosen: &[i32]) {
        if chosen.len() < self.len() {
            for values in [&mut self.outer, &mut self.inner, &mut self.variable] {
                chosen.iter().enumerate().for_each(|(to, from)| values[to] = values[*from as usize]);
                values.truncate(chosen.len());
            }
        }
    }
}

/// The code of a rule's expressions.
struct RuleCode {
    condition: Option<Code>,
    target: Option<Code>,
    n: Option<Code>,
}

impl RuleCode {
    /// How many of them draw numbers.
    fn drawing(&self) -> usize {
        [&self.condition, &self.target, &self.n].into_iter().flatten().filter(|code| draws(code)).count()
    }
}

fn draws(code: &Code) -> bool {
    code.calls.iter().any(|call| call.evaluator.draws())
}

impl Maker<'_> {
    fn candidates(&self) -> Source {
        Source { population: self.number, start: 0, stop: BLOCK, is_part: false }
    }

    /// Code that computes an expression for candidates.
    fn value_code(&mut self, expr: &Expr, text: &Text) -> Result<Code, Error> {
        let lowered = self.memory.lower(self.candidates().into(), text, |lowerer| {
            let value = lowerer.expr(expr)?;
            lowerer.output(VALUE, Storage::F64, value);
            Ok(LoopShape::Each)
        })?;
        let arrays = IndexMap::from([(VALUE.to_string(), Array::zeros(ElementType::F64, BLOCK))]);
        self.memory.code(self.candidates().into(), "connect", "once", lowered, arrays)
    }

    /// Code that chooses candidates.
    fn condition_code(&mut self, condition: &Expr, text: &Text) -> Result<Code, Error> {
        let source = self.candidates();
        let lowered = self.memory.lower(source.into(), text, |l| Ok(LoopShape::Select(l.expr(condition)?)))?;
        self.memory.code(source.into(), "connect", "once", lowered, IndexMap::new())
    }

    /// Puts candidates where code finds them.
    fn fill(&mut self, side: Side, block: &Block) {
        let (source, target) = (self.synapses.source.start as i32, self.synapses.target.start as i32);
        let (pre, post) = match side {
            Side::Pre => (&block.outer, &block.inner),
            Side::Post => (&block.inner, &block.outer),
        };
        let arrays = &mut self.memory.populations[self.number].arrays;
        let mut put = |name: &str, values: &[i32], first: i32| {
            if let Some(array) = arrays.get_mut(name) {
                array.as_i32_mut().iter_mut().zip(values).for_each(|(to, from)| *to = from + first);
            }
        };
        put(SOURCES, pre, source);
        put(TARGETS, post, target);
        if let Some(name) = &self.variable {
            put(name, &block.variable, 0);
        }
    }

    /// The values for the first `n` candidates.
    fn values<'c>(&mut self, code: &'c mut Code, n: usize) -> &'c [f64] {
        code.prepare(Elements::Range(0, n), &self.memory.populations, self.streams);
        code.object.run_range(0..n);
        &code.arrays[VALUE].as_f64()[..n]
    }

    /// Leaves only the candidates that a condition chooses.
    fn choose(&mut self, code: &mut Code, side: Side, block: &mut Block) {
        self.fill(side, block);
        code.prepare(Elements::Range(0, block.len()), &self.memory.populations, self.streams);
        let mut chosen = [0; BLOCK];
        let count = code.object.select_range(0..block.len(), &mut chosen);
        block.keep(&chosen[..count]);
    }

    fn lists(&mut self, rule: &CheckedConnect, pre: &[i32], post: &[i32]) -> Result<(), Error> {
        for (cells, end) in [(pre, self.synapses.source), (post, self.synapses.target)] {
            if let Some(wrong) = cells.iter().find(|cell| **cell as usize >= end.n()) {
                let message = format!("there is no synapse {wrong}: there are {} at that end", end.n());
                return Err(wrong_pair(&rule.text, message));
            }
        }
        let mut n = match &rule.n {
            Some((expr, text)) => Some(self.value_code(expr, text)?),
            None if rule.p.is_none() => {
                self.room.expect(self.pairs.count(), pre.len() as f64, &rule.text)?;
                pre.iter().zip(post).for_each(|(i, j)| self.pairs.push(*i as usize, *j as usize));
                return Ok(());
            }
            None => None,
        };
        for (pre, post) in pre.chunks(BLOCK).zip(post.chunks(BLOCK)) {
            let block = Block { outer: pre.to_vec(), inner: post.to_vec(), variable: vec![0; pre.len()] };
            self.fill(Side::Pre, &block);
            let times: Option<Vec<f64>> = n.as_mut().map(|code| self.values(code, pre.len()).to_vec());
            if let Some(times) = &times {
                self.look_for_room(times, &rule.text)?;
            }
            for (k, (i, j)) in pre.iter().zip(post).enumerate() {
                // One direct draw of each, unless all are wanted.
                let wanted = rule.p.is_none_or(|p| p == 1.0 || self.streams.direct().uniform() < p);
                if wanted {
                    let times = times.as_ref().map_or(1, |times| times[k].max(0.0) as usize);
                    (0..times).for_each(|_| self.pairs.push(*i as usize, *j as usize));
                }
            }
        }
        Ok(())
    }

    fn rows(&mut self, rule: &CheckedConnect, rows: &Rows) -> Result<(), Error> {
        let inner_side = match rows.outer {
            Side::Pre => Side::Post,
            Side::Post => Side::Pre,
        };
        let (outer, inner) = (self.synapses.end(rows.outer), self.synapses.end(inner_side));
        if rows.is_plain() && rule.n.is_none() {
            return self.plain(rows, outer.n(), inner.n());
        }
        let generator = &rows.generator;
        let is_candidate =
            matches!(&generator.target.kind, ExprKind::Name(name) if Some(name) == rows.variable.as_ref());
        let wanted = self.wanted_rows(rows, outer.n())?;
        let late_condition = generator.condition.as_ref().filter(|_| !rows.condition_is_of_row);
        let mut code = RuleCode {
            condition: late_condition.map(|condition| self.condition_code(condition, &rows.text)).transpose()?,
            target: match is_candidate {
                true => None,
                false => Some(self.value_code(&generator.target, &rows.text)?),
            },
            n: rule.n.as_ref().map(|(expr, text)| self.value_code(expr, text)).transpose()?,
        };
        let mut bounds = BoundsCode::new(self, rows)?;
        let picks_draw = matches!(generator.candidates, Candidates::Chance(..) | Candidates::Sample(..));
        // What is drawn for a candidate falls between the draws of candidates, and of whatever else is drawn for it.
        let drawing = code.drawing() + usize::from(picks_draw);
        let capacity = if drawing > 1 && code.drawing() > 0 { 1 } else { BLOCK };
        // What is drawn for a row falls between the draws of rows.
        let rows_at_once = if bounds.draws() && drawing > 0 { 1 } else { BLOCK };
        // Nothing is left to be done for a candidate but to see whether there is such a cell.
        let is_final = rows.outer == Side::Pre && code.condition.is_none() && code.target.is_none() && code.n.is_none();
        let mut block = Block::default();
        let mut picked = Vec::new();
        for rows_of_block in wanted.chunks(rows_at_once) {
            let of_rows = bounds.of(self, rows.outer, rows_of_block);
            for (row, bounds) in rows_of_block.iter().zip(of_rows) {
                if capacity == BLOCK {
                    picked.clear();
                    self.pick(rule, &generator.candidates, bounds, &mut picked)?;
                    let exist = |cell: Option<&i32>| cell.is_none_or(|cell| (0..inner.n() as i32).contains(cell));
                    // Candidates of a row go one way.
                    if is_final && exist(picked.first()) && exist(picked.last()) {
                        self.block(rule, rows, &mut code, &mut block, inner)?;
                        self.pairs.extend(*row as usize, &picked);
                        self.room.made(self.pairs.count(), &rows.text)?;
                        continue;
                    }
                    let mut rest = &picked[..];
                    while !rest.is_empty() {
                        let (now, later) = rest.split_at(rest.len().min(BLOCK - block.len()));
                        block.outer.resize(block.len() + now.len(), *row);
                        block.variable.extend_from_slice(now);
                        rest = later;
                        if block.len() == BLOCK {
                            self.block(rule, rows, &mut code, &mut block, inner)?;
                        }
                    }
                    continue;
                }
                let Bounds { low, step, .. } = bounds;
                let mut picks = self.picks(rule, &generator.candidates, bounds)?;
                while let Some(pick) = picks.next(self.streams) {
                    block.outer.push(*row);
                    block.variable.push((low + pick as i64 * step) as i32);
                    self.block(rule, rows, &mut code, &mut block, inner)?;
                }
            }
            if rows_at_once == 1 {
                self.block(rule, rows, &mut code, &mut block, inner)?;
            }
        }
        self.block(rule, rows, &mut code, &mut block, inner)
    }

    /// What is taken of a row of candidates, one by one.
    fn picks(&mut self, rule: &CheckedConnect, candidates: &Candidates, bounds: Bounds) -> Result<Picks, Error> {
        let Bounds { count, amount, .. } = bounds;
        Ok(match candidates {
            Candidates::One => Picks::all(1),
            Candidates::All(_) => Picks::all(count),
            Candidates::Chance(..) => Picks::with_chance(count, amount),
            Candidates::Sample(..) => {
                if (amount < 0.0 || amount > count as f64) && !rule.skip_if_invalid {
                    let message = format!("a sample of {amount} is to be drawn from {count} candidates");
                    let hint = "say `skip_if_invalid = true` to draw what there is";
                    return Err(wrong(&rule.text, message, hint));
                }
                Picks::of_size(count, amount.max(0.0) as u64, self.streams)
            }
        })
    }

    /// The values of the generator's variable for a whole row.
    fn pick(
        &mut self,
        rule: &CheckedConnect,
        candidates: &Candidates,
        bounds: Bounds,
        picked: &mut Vec<i32>,
    ) -> Result<(), Error> {
        let Bounds { low, step, count, amount } = bounds;
        let value = |pick: i64| (low + pick * step) as i32;
        match candidates {
            Candidates::One | Candidates::All(_) => picked.extend((0..count as i64).map(value)),
            Candidates::Chance(..) => rows_with_chance(1, count as usize, amount, self.streams, |_, taken| {
                picked.extend(taken.iter().map(|pick| value(i64::from(*pick))));
            }),
            Candidates::Sample(..) => {
                let mut picks = self.picks(rule, candidates, bounds)?;
                while let Some(pick) = picks.next(self.streams) {
                    picked.push(value(pick as i64));
                }
            }
        }
        Ok(())
    }

    /// The rows for which a condition holds that depends on nothing but the row, and so is looked at before anything is
    /// drawn for it.
    fn wanted_rows(&mut self, rows: &Rows, n: usize) -> Result<Vec<i32>, Error> {
        let cells: Vec<i32> = (0..n as i32).collect();
        let Some(condition) = rows.generator.condition.as_ref().filter(|_| rows.condition_is_of_row) else {
            return Ok(cells);
        };
        let mut code = self.condition_code(condition, &rows.text)?;
        let mut wanted = Vec::new();
        for cells in cells.chunks(BLOCK) {
            let mut block =
                Block { outer: cells.to_vec(), inner: vec![0; cells.len()], variable: vec![0; cells.len()] };
            self.choose(&mut code, rows.outer, &mut block);
            wanted.extend(block.outer);
        }
        Ok(wanted)
    }

    /// Every pair, or each with a chance that is a number: nothing has to be evaluated.
    fn plain(&mut self, rows: &Rows, outer: usize, inner: usize) -> Result<(), Error> {
        let expected = (outer as f64 * inner as f64 * rows.chance.unwrap_or(1.0)).ceil();
        self.room.expect(self.pairs.count(), expected, &rows.text)?;
        // A little more than what is to be expected, so that hardly any network has to grow.
        self.pairs.reserve((expected + 4.0 * expected.sqrt()) as usize);
        let pairs = &mut *self.pairs;
        match rows.chance {
            None => {
                let all: Vec<i32> = (0..inner as i32).collect();
                (0..outer).for_each(|row| pairs.extend(row, &all));
            }
            Some(p) => rows_with_chance(outer, inner, p, self.streams, |row, taken| pairs.extend(row, taken)),
        }
        Ok(())
    }

    /// Whether there is room for so many synapses of each pair of a block.
    fn look_for_room(&mut self, times: &[f64], text: &Text) -> Result<(), Error> {
        let more: f64 = times.iter().map(|times| times.max(0.0).trunc()).sum();
        match more > MANY {
            true => self.room.expect(self.pairs.count(), more, text),
            false => Ok(()),
        }
    }

    /// Evaluates a block of candidates, makes their synapses and empties it.
    fn block(
        &mut self,
        rule: &CheckedConnect,
        rows: &Rows,
        code: &mut RuleCode,
        block: &mut Block,
        inner: Source,
    ) -> Result<(), Error> {
        let side = rows.outer;
        // A condition that does not look at the other cell is looked at before that cell is known.
        let is_early = !rows.condition_looks_at_other && !rows.condition_names_other;
        block.inner.clear();
        block.inner.resize(block.len(), 0);
        if let Some(condition) = code.condition.as_mut().filter(|_| is_early && block.len() > 0) {
            self.choose(condition, side, block);
        }
        if block.len() == 0 {
            return Ok(());
        }
        match &mut code.target {
            None => block.inner.copy_from_slice(&block.variable),
            Some(target) => {
                self.fill(side, block);
                let targets = self.values(target, block.len());
                // What is the number of no cell stays so, and stays so counted from the first one of a part.
                let last = f64::from(i32::MAX) - inner.start as f64;
                let number = |found: f64| if found.is_nan() { -1 } else { found.min(last).max(-last) as i32 };
                block.inner.iter_mut().zip(targets).for_each(|(cell, found)| *cell = number(*found));
            }
        }
        if let Some(condition) = code.condition.as_mut().filter(|_| rows.condition_names_other) {
            self.choose(condition, side, block);
        }
        let is_valid = |cell: &i32| (0..inner.n() as i64).contains(&i64::from(*cell));
        if let Some(k) = block.inner.iter().position(|cell| !is_valid(cell)) {
            if !rule.skip_if_invalid {
                let (what, cell) = if side == Side::Pre { ("target", "source") } else { ("source", "target") };
                let message = format!(
                    "for the {cell} {}, this gives the {what} {}, but there are {} of them",
                    block.outer[k],
                    block.inner[k],
                    inner.n()
                );
                let hint = "add a condition with `if`, or say `skip_if_invalid = true`";
                return Err(wrong(&rows.text, message, hint));
            }
            let valid: Vec<i32> = (0..block.len() as i32).filter(|k| is_valid(&block.inner[*k as usize])).collect();
            block.keep(&valid);
        }
        if let Some(condition) = code.condition.as_mut().filter(|_| rows.condition_looks_at_other && block.len() > 0) {
            self.choose(condition, side, block);
        }
        let times: Option<Vec<f64>> = match &mut code.n {
            Some(n) => {
                self.fill(side, block);
                Some(self.values(n, block.len()).to_vec())
            }
            None => None,
        };
        if let Some(times) = &times {
            self.look_for_room(times, &rows.text)?;
        }
        for (k, (outer, inner)) in block.outer.iter().zip(&block.inner).enumerate() {
            let (pre, post) = if side == Side::Pre { (*outer, *inner) } else { (*inner, *outer) };
            match &times {
                None => self.pairs.push(pre as usize, post as usize),
                Some(times) => {
                    let times = times[k].max(0.0) as usize;
                    (0..times).for_each(|_| self.pairs.push(pre as usize, post as usize));
                }
            }
        }
        block.clear();
        self.room.made(self.pairs.count(), &rows.text)
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

/// The code of what the variable of a generator runs over; none where there is one candidate.
struct BoundsCode {
    low: Option<Code>,
    high: Option<Code>,
    step: Option<Code>,
    amount: Option<Code>,
}

impl BoundsCode {
    fn new(maker: &mut Maker<'_>, rows: &Rows) -> Result<BoundsCode, Error> {
        let (range, amount) = match &rows.generator.candidates {
            Candidates::One => return Ok(BoundsCode { low: None, high: None, step: None, amount: None }),
            Candidates::All(range) => (range, None),
            Candidates::Chance(range, amount) | Candidates::Sample(range, amount) => (range, Some(amount)),
        };
        let Range { low, high, step } = range;
        let mut code = |expr: Option<&Expr>| expr.map(|expr| maker.value_code(expr, &rows.text)).transpose();
        Ok(BoundsCode {
            low: code(low.as_ref())?,
            high: code(Some(high))?,
            step: code(step.as_ref())?,
            amount: code(amount)?,
        })
    }

    fn draws(&self) -> bool {
        [&self.low, &self.high, &self.step, &self.amount].into_iter().flatten().any(draws)
    }

    /// For these rows, in order; at most a block of them.
    fn of(&mut self, maker: &mut Maker<'_>, side: Side, rows: &[i32]) -> Vec<Bounds> {
        let n = rows.len();
        maker.fill(side, &Block { outer: rows.to_vec(), inner: vec![0; n], variable: vec![0; n] });
        let mut values = |code: &mut Option<Code>, default: f64| match code {
            Some(code) => maker.values(code, n).to_vec(),
            None => vec![default; n],
        };
        let low = values(&mut self.low, 0.0);
        let high = values(&mut self.high, 1.0);
        let step = values(&mut self.step, 1.0);
        let amount = values(&mut self.amount, 1.0);
        (0..n).map(|k| Bounds::new(low[k], high[k], step[k], amount[k])).collect()
    }
}

fn wrong_pair(text: &Text, message: String) -> Error {
    Error::Model(Diagnostics(vec![Diagnostic::error(text, text.whole(), message)]))
}

fn wrong(text: &Text, message: String, hint: &str) -> Error {
    let error = Diagnostic::error(text, text.whole(), message).hint(hint);
    Error::Model(Diagnostics(vec![error]))
}
