//! Whether code that runs synapse by synapse leaves something else if synapses are taken in another order.
//!
//! In: statements, and what their names are. Out: the first statement to blame, if there is one. Synapses share the
//! variables of the cells at their ends. What they do to one is harmless if all of them do the same (as
//! `v_post = v_post/2` does), or if all add, all multiply, or all use one of `and` and `or`, with values that no other synapse
//! changes; and none may keep what it reads of a variable that others change. Rounding and random numbers, which each
//! synapse draws in its turn, do not count; neither does which synapses exist.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::synapses::Side;
use super::{Role, Variable};
use crate::expr::ast::{AssignOp, BinaryOp, Expr, ExprKind, LogicOp, Statement, UnaryOp};

/// A variable of the cells at one end.
type Cell = (Side, String);

/// What a value is made of.
#[derive(Clone, Debug, Default, PartialEq)]
struct Sources {
    /// Variables of cells that other synapses may have changed before.
    changed: BTreeSet<Cell>,
    /// Whether it differs between synapses of one cell of the source, and of the target.
    differs: BTreeSet<Side>,
}

impl Sources {
    fn of_synapse() -> Sources {
        Sources { differs: BTreeSet::from([Side::Pre, Side::Post]), ..Sources::default() }
    }

    fn of_end(side: Side) -> Sources {
        Sources { differs: BTreeSet::from([other(side)]), ..Sources::default() }
    }

    fn and(mut self, more: Sources) -> Sources {
        self.changed.extend(more.changed);
        self.differs.extend(more.differs);
        self
    }
}

fn other(side: Side) -> Side {
    match side {
        Side::Pre => Side::Post,
        Side::Post => Side::Pre,
    }
}

/// What a statement does to its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Add,
    Multiply,
    Logic(LogicOp),
    Other,
}

/// A statement that writes a variable of cells.
struct Write {
    statement: usize,
    change: Change,
    /// What the target is changed by.
    by: Sources,
    /// What its new value is made of.
    whole: Sources,
    /// If its value is set to something without names: that.
    constant: Option<Expr>,
}

/// What the names in code of synapses are.
pub struct OrderScope<'a> {
    /// The variables of the synapses.
    pub variables: &'a IndexMap<String, Variable>,
    /// Whether a function draws.
    pub draws: &'a dyn Fn(&str) -> bool,
    /// Whether some cells are at both ends.
    pub ends_meet: bool,
}

/// The number of the first statement because of which the order of synapses matters, and the variable of cells that it
/// is about, as written.
pub fn order_dependence(statements: &[Statement], scope: &OrderScope<'_>) -> Option<(usize, String)> {
    let written = statements.iter().filter_map(|s| scope.cell(&s.target)).collect();
    let mut walk =
        Walk { scope, written, temporaries: BTreeMap::new(), local: BTreeMap::new(), writes: BTreeMap::new() };
    if walk.written.is_empty() {
        return None;
    }
    let mut found = None;
    for (number, statement) in statements.iter().enumerate() {
        let read = walk.statement(number, statement);
        found = found.or(read.map(|(side, name)| (number, format!("{name}{}", side.suffix()))));
    }
    let written = walk.first_that_does_not_commute().map(|(number, _)| (number, statements[number].target.clone()));
    found.into_iter().chain(written).min_by_key(|(number, _)| *number)
}

impl OrderScope<'_> {
    fn cell(&self, name: &str) -> Option<Cell> {
        match self.variables.get(name) {
            Some(Variable { role: Role::Endpoint { side, variable }, shared: false, .. }) => {
                Some((*side, variable.clone()))
            }
            _ => None,
        }
    }

    /// A cell's variable as it is seen from the other end, if cells are at both.
    fn mirror(&self, cell: &Cell) -> Option<Cell> {
        self.ends_meet.then(|| (other(cell.0), cell.1.clone()))
    }
}

struct Walk<'a> {
    scope: &'a OrderScope<'a>,
    written: BTreeSet<Cell>,
    temporaries: BTreeMap<String, Sources>,
    /// Variables of cells that the synapse has given values of its own.
    local: BTreeMap<Cell, Sources>,
    writes: BTreeMap<Cell, Vec<Write>>,
}

impl Walk<'_> {
    fn is_written(&self, cell: &Cell) -> bool {
        self.written.contains(cell) || self.scope.mirror(cell).is_some_and(|mirror| self.written.contains(&mirror))
    }

    /// Goes over a statement; the variable of cells that it should not have read, if there is one.
    fn statement(&mut self, number: usize, statement: &Statement) -> Option<Cell> {
        let name = &statement.target;
        let value = self.sources(&statement.value);
        let Some(cell) = self.scope.cell(name).filter(|_| !self.temporaries.contains_key(name)) else {
            let is_variable = self.scope.variables.contains_key(name) && !self.temporaries.contains_key(name);
            if !is_variable {
                let old = self.temporaries.get(name).cloned().filter(|_| statement.op != AssignOp::Set);
                self.temporaries.insert(name.clone(), value.and(old.unwrap_or_default()));
                return None;
            }
            return value.changed.into_iter().next();
        };
        let (change, by) = self.change(&cell, statement);
        let whole = match statement.op {
            AssignOp::Set => value,
            AssignOp::Update(_) => value.and(self.of_cell(&cell)),
        };
        let is_constant = statement.op == AssignOp::Set && statement.value.names().is_empty();
        let constant = (is_constant && whole == Sources::default()).then(|| statement.value.clone());
        if whole.changed.is_empty() {
            self.local.insert(cell.clone(), whole.clone());
        } else {
            self.local.remove(&cell);
        }
        if let Some(mirror) = self.scope.mirror(&cell) {
            self.local.remove(&mirror);
        }
        self.writes.entry(cell).or_default().push(Write { statement: number, change, by, whole, constant });
        None
    }

    fn of_cell(&self, cell: &Cell) -> Sources {
        if let Some(own) = self.local.get(cell) {
            return own.clone();
        }
        let mut sources = Sources::of_end(cell.0);
        if self.is_written(cell) {
            sources.changed.insert(cell.clone());
        }
        sources
    }

    fn sources(&self, expr: &Expr) -> Sources {
        let mut sources = Sources::default();
        expr.walk(&mut |e| match &e.kind {
            ExprKind::Name(name) => sources = std::mem::take(&mut sources).and(self.name(name)),
            ExprKind::Call(function, _) if (self.scope.draws)(function) => {
                sources = std::mem::take(&mut sources).and(Sources::of_synapse());
            }
            _ => {}
        });
        sources
    }

    fn name(&self, name: &str) -> Sources {
        if let Some(temporary) = self.temporaries.get(name) {
            return temporary.clone();
        }
        if let Some(cell) = self.scope.cell(name) {
            return self.of_cell(&cell);
        }
        match self.scope.variables.get(name) {
            Some(Variable { role: Role::Subexpression(expr), .. }) => self.sources(expr),
            None | Some(Variable { shared: true, .. }) => Sources::default(),
            Some(Variable { role: Role::Given, .. }) => match name {
                "i" | "_i_pre" | "N_outgoing" => Sources::of_end(Side::Pre),
                "j" | "_i_post" | "N_incoming" => Sources::of_end(Side::Post),
                _ => Sources::of_synapse(),
            },
            Some(_) => Sources::of_synapse(),
        }
    }

    /// How a statement changes its target, and by what.
    fn change(&self, cell: &Cell, statement: &Statement) -> (Change, Sources) {
        let (change, operands) = match statement.op {
            AssignOp::Update(BinaryOp::Add | BinaryOp::Sub) => (Change::Add, vec![&statement.value]),
            AssignOp::Update(BinaryOp::Mul | BinaryOp::Div) => (Change::Multiply, vec![&statement.value]),
            AssignOp::Update(_) => (Change::Other, vec![&statement.value]),
            AssignOp::Set => match self.around(cell, &statement.value) {
                Some((change, operands)) => (change, operands),
                None => (Change::Other, vec![&statement.value]),
            },
        };
        let by = operands.into_iter().map(|operand| self.sources(operand)).fold(Sources::default(), Sources::and);
        (change, by)
    }

    /// If a value is the cell's own, once, among operands of one kind: that kind, and the others.
    fn around<'e>(&self, cell: &Cell, value: &'e Expr) -> Option<(Change, Vec<&'e Expr>)> {
        let change = match &value.kind {
            ExprKind::Binary(BinaryOp::Add | BinaryOp::Sub, ..) => Change::Add,
            ExprKind::Binary(BinaryOp::Mul | BinaryOp::Div, ..) => Change::Multiply,
            ExprKind::Logic(op, ..) => Change::Logic(*op),
            _ => return None,
        };
        let mut operands = Vec::new();
        flatten(value, change, true, &mut operands);
        let is_own = |expr: &Expr| match &expr.kind {
            ExprKind::Name(name) => {
                !self.temporaries.contains_key(name) && self.scope.cell(name).as_ref() == Some(cell)
            }
            _ => false,
        };
        let own = operands.iter().position(|(expr, kept)| *kept && is_own(expr))?;
        operands.remove(own);
        Some((change, operands.into_iter().map(|(expr, _)| expr).collect()))
    }

    /// The variables to which all synapses of a cell do the same.
    fn same(&self) -> BTreeSet<Cell> {
        let mut same = self.written.clone();
        loop {
            let is_same = |cell: &Cell| {
                let own = |sources: &Sources| {
                    !sources.differs.contains(&cell.0)
                        && sources.changed.iter().all(|read| read.0 == cell.0 && same.contains(read))
                };
                let mirror = self.scope.mirror(cell).filter(|mirror| self.writes.contains_key(mirror));
                match mirror {
                    None => self.writes.get(cell).is_some_and(|writes| writes.iter().all(|write| own(&write.whole))),
                    Some(mirror) => {
                        let both = [cell, &mirror].into_iter().filter_map(|cell| self.writes.get(cell)).flatten();
                        let mut constants = both.map(|write| &write.constant);
                        let first = constants.next().and_then(Option::as_ref);
                        first.is_some() && constants.all(|constant| constant.as_ref() == first)
                    }
                }
            };
            let next: BTreeSet<Cell> = same.iter().filter(|cell| is_same(cell)).cloned().collect();
            if next == same {
                return same;
            }
            same = next;
        }
    }

    /// The first statement that writes a variable of cells in a way that other synapses' writes do not commute with.
    fn first_that_does_not_commute(&self) -> Option<(usize, &Cell)> {
        let same = self.same();
        let mut found: Vec<(usize, &Cell)> = Vec::new();
        for (cell, writes) in self.writes.iter().filter(|(cell, _)| !same.contains(*cell)) {
            let mirrored = self.scope.mirror(cell).and_then(|mirror| self.writes.get(&mirror));
            let first = mirrored.unwrap_or(writes)[0].change;
            let commutes =
                |write: &Write| write.change == first && write.change != Change::Other && write.by.changed.is_empty();
            found.extend(writes.iter().find(|write| !commutes(write)).map(|write| (write.statement, cell)));
        }
        found.into_iter().min_by_key(|(number, _)| *number)
    }
}

/// The operands of a chain of operations of one kind, and whether each stands for itself: not behind `-` or `/`.
fn flatten<'e>(expr: &'e Expr, change: Change, kept: bool, operands: &mut Vec<(&'e Expr, bool)>) {
    match (&expr.kind, change) {
        (ExprKind::Binary(op @ (BinaryOp::Add | BinaryOp::Sub), a, b), Change::Add)
        | (ExprKind::Binary(op @ (BinaryOp::Mul | BinaryOp::Div), a, b), Change::Multiply) => {
            flatten(a, change, kept, operands);
            flatten(b, change, kept == matches!(op, BinaryOp::Add | BinaryOp::Mul), operands);
        }
        (ExprKind::Unary(UnaryOp::Neg, a), Change::Add) => flatten(a, change, !kept, operands),
        (ExprKind::Logic(op, a, b), Change::Logic(own)) if *op == own => {
            flatten(a, change, kept, operands);
            flatten(b, change, kept, operands);
        }
        _ => operands.push((expr, kept)),
    }
}
