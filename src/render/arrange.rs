//! What every language does with a kernel before it is rendered: loops taken apart, work put in front of branches, and a
//! list of what the text will use.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Serialize;

use super::expr::{self, Dialect, Names};
use super::{split, vector};
use crate::kernel::ir::{Expr, Index, Kernel, LocalId, LoopShape, ParamId, Place, Stmt};
use crate::kernel::order::{Dependence, dependence};

/// A kernel as it is rendered.
pub(super) struct Arranged {
    /// The kernel; without the additions of a second loop.
    pub(super) kernel: Kernel,
    /// Additions that a second loop makes, and the locals of the first one in which their values are.
    pub(super) sums: Vec<(LocalId, Stmt)>,
    /// Whether the iterations may be taken in any order.
    pub(super) independent: bool,
    /// Functions that such a loop calls at several places.
    pub(super) often: BTreeSet<&'static str>,
}

/// What the first of two loops keeps for a block of elements, and what the second one does with it.
#[derive(Serialize)]
pub(super) struct Sum {
    name: String,
    #[serde(rename = "type")]
    ty: &'static str,
    line: String,
}

impl Arranged {
    pub(super) fn of(kernel: &Kernel) -> Arranged {
        let (kernel, sums) = match split::split(kernel) {
            Some(split) => (Cow::Owned(split.kernel), split.sums),
            None => (Cow::Borrowed(kernel), Vec::new()),
        };
        let independent = kernel.shape != LoopShape::Indexed && dependence(&kernel) == Dependence::Independent;
        if !independent {
            return Arranged { kernel: kernel.into_owned(), sums, independent, often: BTreeSet::new() };
        }
        let often = vector::called_often(&kernel);
        let kernel = vector::before_branches(&kernel, &often);
        Arranged { kernel, sums, independent, often }
    }

    /// What selects elements or pairs.
    pub(super) fn condition(&self) -> Option<&Expr> {
        match &self.kernel.shape {
            LoopShape::Select(condition) | LoopShape::Pairs(condition) => Some(condition),
            LoopShape::Each | LoopShape::Indexed => None,
        }
    }

    /// The additions of the second loop, each as `line` says it.
    pub(super) fn sums_in(&self, dialect: Dialect, line: impl Fn(&Stmt) -> String) -> Vec<Sum> {
        let sum = |(id, stmt): &(LocalId, Stmt)| {
            let local = &self.kernel.locals[id.0 as usize];
            Sum { name: local.name.clone(), ty: expr::type_name(dialect, local.ty), line: line(stmt) }
        };
        self.sums.iter().map(sum).collect()
    }

    /// Whether a statement sets flags.
    pub(super) fn has_flags(&self) -> bool {
        self.kernel.scalar.iter().chain(&self.kernel.vector).any(|stmt| matches!(stmt, Stmt::Flag(..)))
    }
}

/// What the statements and the condition of a kernel use.
#[derive(Default)]
pub(super) struct Uses {
    pub(super) params: BTreeSet<ParamId>,
    /// Helpers, functions and tables.
    pub(super) functions: BTreeSet<&'static str>,
}

impl Uses {
    pub(super) fn of(arranged: &Arranged, names: &dyn Names) -> Uses {
        let mut uses = Uses::default();
        let Arranged { kernel, sums, .. } = arranged;
        for stmt in kernel.scalar.iter().chain(&kernel.vector).chain(sums.iter().map(|(_, stmt)| stmt)) {
            match stmt {
                Stmt::Comment(_) => {}
                Stmt::Let(_, value) | Stmt::Flag(_, value) => uses.expr(value, names),
                Stmt::Store { place, value, when } => {
                    uses.place(*place);
                    uses.expr(value, names);
                    when.iter().for_each(|when| uses.expr(when, names));
                }
            }
        }
        arranged.condition().iter().for_each(|condition| uses.expr(condition, names));
        uses
    }

    fn expr(&mut self, expr: &Expr, names: &dyn Names) {
        expr::needs(expr, names, &mut self.functions);
        expr.walk(&mut |e| match e {
            Expr::Load(place) => self.place(*place),
            Expr::Gather(param, _) => drop(self.params.insert(*param)),
            _ => {}
        });
    }

    fn place(&mut self, place: Place) {
        self.params.insert(place.param);
        if let Index::Via(holder) = place.index {
            self.params.insert(holder);
        }
    }
}
