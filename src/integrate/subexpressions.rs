//! Subexpressions put in where a method has to look inside.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::Diagnostic;
use crate::expr::ast::{Expr, ExprKind};
use crate::expr::polynomial::MAX_NODES;
use crate::expr::simplify;
use crate::model::block::OdeSystem;

/// The names of subexpressions that depend, directly or through others, on names of this kind, in order.
pub fn depending_on<'a>(system: &'a OdeSystem, kind: &dyn Fn(&str) -> bool) -> Vec<&'a str> {
    let mut found: Vec<&str> = Vec::new();
    for (name, expr) in &system.subexpressions {
        if expr.names().iter().any(|n| kind(n) || found.contains(&n.as_str())) {
            found.push(name);
        }
    }
    found
}

/// Every name in the expressions, and in the subexpressions that they use.
pub fn reached<'a>(system: &OdeSystem, exprs: impl IntoIterator<Item = &'a Expr>) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = exprs.into_iter().flat_map(Expr::names).collect();
    // Those that use others stand after them.
    for (name, expr) in system.subexpressions.iter().rev() {
        if names.contains(name) {
            names.extend(expr.names());
        }
    }
    names
}

/// Definitions of some subexpressions in terms of what is no such subexpression.
pub struct Definitions(BTreeMap<String, (Expr, usize)>);

impl Definitions {
    /// Of those that depend on names of this kind.
    pub fn depending_on(system: &OdeSystem, kind: &dyn Fn(&str) -> bool) -> Result<Definitions, Diagnostic> {
        let mut definitions = Definitions(BTreeMap::new());
        for name in depending_on(system, kind) {
            let expr = &system.subexpressions[name];
            let put_in = definitions.put_in(expr).ok_or_else(|| too_large(system, name, expr))?;
            let size = simplify::size(&put_in);
            definitions.0.insert(name.to_string(), (put_in, size));
        }
        Ok(definitions)
    }

    /// The definition, if it is one of them.
    pub fn get(&self, name: &str) -> Option<&Expr> {
        self.0.get(name).map(|(expr, _)| expr)
    }

    /// The expression with the definitions put in; `None` if it would be too large. Counted before it is made, since
    /// a chain of squares doubles with every link.
    pub fn put_in(&self, expr: &Expr) -> Option<Expr> {
        let mut size = 0usize;
        expr.walk(&mut |e| {
            let inner = match &e.kind {
                ExprKind::Name(n) => self.0.get(n).map_or(1, |(_, size)| *size),
                _ => 1,
            };
            size = size.saturating_add(inner);
        });
        (size <= MAX_NODES).then(|| expr.substitute(&|n| self.get(n).cloned()))
    }
}

/// The error for an equation that grows beyond the limit.
pub fn too_large(system: &OdeSystem, name: &str, at: &Expr) -> Diagnostic {
    let message = format!("`{name}` has more than {MAX_NODES} terms when written out");
    Diagnostic::error(&system.text, at.span, message).hint("use `euler`, `rk2` or `rk4`, which do not write it out")
}
