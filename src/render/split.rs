//! Loops that do more than to add to what others add to as well, in two: one whose elements do not depend on each other,
//! for vectors, which keeps what is added for a block of elements; and one that adds it, element by element.

use crate::kernel::ir::{Expr, Index, Kernel, Local, LocalId, LoopShape, Stmt};
use crate::kernel::order::{Dependence, accumulation, dependence};

/// A kernel in two loops.
pub(super) struct Split {
    /// The first loop, in which additions are locals.
    pub(super) kernel: Kernel,
    /// Those locals, and the additions.
    pub(super) sums: Vec<(LocalId, Stmt)>,
}

/// Splits a kernel where that gains something: each of its additions may be carried out for many elements before the next
/// statement, and without them there is work left to do for many elements at once.
pub(super) fn split(kernel: &Kernel) -> Option<Split> {
    if kernel.shape != LoopShape::Each || dependence(kernel) != Dependence::WithinStatements {
        return None;
    }
    let mut first = kernel.clone();
    let mut sums = Vec::new();
    for stmt in &mut first.vector {
        let Stmt::Store { place, value, when } = &*stmt else { continue };
        if !matches!(place.index, Index::Via(_)) {
            continue;
        }
        let (place, added) = (*place, accumulation(stmt).map(|(op, x)| (op, x.clone())));
        let (op, added) = added.filter(|_| when.is_none())?;
        let id = LocalId(first.locals.len() as u32);
        let left_is_own = matches!(value, Expr::Binary(_, x, _) if **x == Expr::Load(place));
        let (own, other) = (Expr::Load(place), Expr::Local(id));
        let value = if left_is_own { Expr::binary(op, own, other) } else { Expr::binary(op, other, own) };
        first.locals.push(Local { name: format!("saltus_sum_{}", sums.len() + 1), ty: kernel.type_of(&added) });
        sums.push((id, Stmt::Store { place, value, when: None }));
        *stmt = Stmt::Let(id, added);
    }
    let has_work = |stmt: &Stmt| match stmt {
        Stmt::Store { .. } => true,
        Stmt::Let(_, value) => {
            let mut calls = false;
            value.walk(&mut |e| calls |= matches!(e, Expr::Call(..)));
            calls
        }
        Stmt::Comment(_) | Stmt::Flag(..) => false,
    };
    let gains = first.vector.iter().any(has_work) && dependence(&first) == Dependence::Independent;
    gains.then_some(Split { kernel: first, sums })
}
