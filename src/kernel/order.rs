//! Whether the order of the elements of a kernel matters: whether one reads or overwrites what another one writes.

use super::ir::{BinaryOp, Expr, Index, Kernel, LoopShape, Place, Stmt};

/// How the elements of a kernel depend on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dependence {
    /// Not at all: any order, or all at once.
    Independent,
    /// Each statement by itself may meet an element again, in a store through an index or an accumulation: a statement
    /// may be run for many elements before the next one, but for one after the other.
    WithinStatements,
    /// An element must be finished before the next one.
    AcrossStatements,
}

/// How the elements of the vector part depend on each other.
pub fn dependence(kernel: &Kernel) -> Dependence {
    let params = kernel.params.len();
    let (mut via, mut loads, mut stores) = (vec![false; params], vec![0; params], vec![0; params]);
    let mut load = |expr: &Expr, via: &mut Vec<bool>| {
        expr.walk(&mut |e| {
            if let Expr::Load(place) = e {
                loads[place.param.0 as usize] += 1;
                if let Index::Via(holder) = place.index {
                    via[place.param.0 as usize] = true;
                    loads[holder.0 as usize] += 1;
                }
            }
        });
    };
    for stmt in &kernel.vector {
        match stmt {
            Stmt::Comment(_) => {}
            Stmt::Let(_, value) | Stmt::Flag(_, value) => load(value, &mut via),
            Stmt::Store { place, value, when } => {
                stores[place.param.0 as usize] += 1;
                via[place.param.0 as usize] |= matches!(place.index, Index::Via(_));
                load(accumulation(stmt).map_or(value, |(_, x)| x), &mut via);
                when.iter().for_each(|when| load(when, &mut via));
            }
        }
    }
    if let LoopShape::Select(condition) | LoopShape::Pairs(condition) = &kernel.shape {
        load(condition, &mut via);
    }
    let meets = |p: usize| match (via[p], stores[p]) {
        (false, _) | (_, 0) => Dependence::Independent,
        (true, 1) if loads[p] == 0 => Dependence::WithinStatements,
        _ => Dependence::AcrossStatements,
    };
    (0..params).map(meets).max().unwrap_or(Dependence::Independent)
}

/// The operation and the second operand of `p[j] = p[j] + x` or `p[j] = p[j] - x`, where `x` does not read `p`.
pub fn accumulation(stmt: &Stmt) -> Option<(BinaryOp, &Expr)> {
    let Stmt::Store { place, value: Expr::Binary(op, x, y), when: None } = stmt else { return None };
    if !matches!(place.index, Index::Via(_)) {
        return None;
    }
    let own = Expr::Load(*place);
    let other = match op {
        BinaryOp::Add | BinaryOp::Sub if **x == own => y,
        BinaryOp::Add if **y == own => x,
        _ => return None,
    };
    (!reads(other, *place)).then_some((*op, other))
}

fn reads(expr: &Expr, target: Place) -> bool {
    let mut found = false;
    expr.walk(&mut |e| found |= matches!(e, Expr::Load(place) if place.param == target.param));
    found
}
