//! Takes noise out of equations: `dx/dt = f + g*xi + …` becomes `f` and a factor `g` for each noise.
//!
//! Subexpressions that mention noise are put in, since nothing else can evaluate them. As in Brian2, an equation must be
//! linear in its noise, and a nameless `xi` may stand in one differential equation only; unlike there, products of two
//! noises and factors that depend on noise are refused (Brian2 lets some of them through).

use indexmap::IndexMap;

use super::constancy::multiplier;
use super::linear::{Refusal, culprit, row};
use super::step::{Step, dt};
use super::subexpressions::Definitions;
use super::{Method, listed};
use crate::diag::{Diagnostic, Span};
use crate::expr::ast::{BinaryOp, Expr, ExprKind};
use crate::expr::simplify::{mul, random_calls};
use crate::model::block::{Ode, OdeSystem};

/// Whether the name is that of a noise.
fn is_noise(name: &str) -> bool {
    name == "xi" || name.starts_with("xi_")
}

/// One noise of a system.
pub struct Noise {
    /// `xi`, or `xi_` and more.
    pub name: String,
    /// Where it stands first.
    pub span: Span,
    /// What each equation multiplies it by; absent where zero.
    pub factors: Vec<Option<Expr>>,
}

/// A system, taken apart.
pub struct Noisy<'a> {
    given: &'a OdeSystem,
    /// Subexpressions with noise.
    definitions: Definitions,
    /// The system without noise.
    pub drift: OdeSystem,
    /// In the order in which they first stand in the text.
    pub noises: Vec<Noise>,
}

/// Where each noise stands first, in the order of the text.
fn first_mentions(system: &OdeSystem) -> IndexMap<String, Span> {
    let mut mentions = Vec::new();
    for expr in system.odes.iter().map(|ode| &ode.rhs).chain(system.subexpressions.values()) {
        expr.walk(&mut |e| match &e.kind {
            ExprKind::Name(name) if is_noise(name) => mentions.push((name, e.span)),
            _ => {}
        });
    }
    // Equations and subexpressions are listed apart; a sort that is stable keeps trees without places in order.
    mentions.sort_by_key(|(_, span)| span.start);
    let mut first = IndexMap::new();
    for (name, span) in mentions {
        first.entry(name.clone()).or_insert(span);
    }
    first
}

/// Whether the system has noise.
pub fn has_noise(system: &OdeSystem) -> bool {
    !first_mentions(system).is_empty()
}

/// Refuses a `xi` that could be one noise or several: outside of a differential equation, or in two.
pub fn check_names(system: &OdeSystem) -> Result<(), Diagnostic> {
    let place = |expr: &Expr| {
        let mut found = None;
        expr.walk(&mut |e| found = found.or((e.kind == ExprKind::Name("xi".to_string())).then_some(e.span)));
        found
    };
    let error = |span, message| {
        let hint = "name it: `xi_a` and `xi_b` are independent, and the same name is the same noise wherever it stands";
        Err(Diagnostic::error(&system.text, span, message).hint(hint))
    };
    if let Some((name, span)) = system.subexpressions.iter().find_map(|(name, expr)| Some((name, place(expr)?))) {
        return error(span, format!("`xi` stands in `{name}`, which is no differential equation"));
    }
    let mut uses = system.odes.iter().filter_map(|ode| Some((&ode.name, place(&ode.rhs)?)));
    match (uses.next(), uses.next()) {
        (Some((first, _)), Some((second, span))) => {
            error(span, format!("`xi` stands in the equations of `{first}` and of `{second}`"))
        }
        _ => Ok(()),
    }
}

/// Refuses noise for a method that cannot do it.
pub fn refuse(system: &OdeSystem, method: Method) -> Result<(), Diagnostic> {
    let Some((name, span)) = first_mentions(system).into_iter().next() else { return Ok(()) };
    let message = format!("`{}` cannot integrate noise, and `{name}` is noise", method.name());
    let error = Diagnostic::error(&system.text, span, message);
    Err(match split(system) {
        Ok(noisy) => noisy.hint(error),
        Err(_) => error,
    })
}

/// Takes the system apart.
pub fn split(system: &OdeSystem) -> Result<Noisy<'_>, Diagnostic> {
    let mentions = first_mentions(system);
    let names: Vec<&str> = mentions.keys().map(String::as_str).collect();
    // The hint of that error names methods that cannot do noise.
    let definitions =
        Definitions::depending_on(system, &is_noise).map_err(|error| Diagnostic { hint: None, ..error })?;
    let mut noises: Vec<Noise> =
        mentions.iter().map(|(name, span)| Noise { name: name.clone(), span: *span, factors: Vec::new() }).collect();
    let mut drift = system.clone();
    drift.subexpressions.retain(|name, _| definitions.get(name).is_none());
    for (ode, drift) in system.odes.iter().zip(&mut drift.odes) {
        let rhs = definitions.put_in(&ode.rhs).ok_or_else(|| too_large(system, ode))?;
        if !rhs.names().iter().any(|n| is_noise(n)) {
            noises.iter_mut().for_each(|noise| noise.factors.push(None));
            continue;
        }
        let (factors, rest) = row(&rhs, &names).map_err(|refusal| match refusal {
            Refusal::TooLarge => too_large(system, ode),
            _ => not_linear(system, ode, &definitions, &names),
        })?;
        refuse_copied_draws(system, ode, &rhs, factors.iter().flatten().chain(&rest))?;
        noises.iter_mut().zip(factors).for_each(|(noise, factor)| noise.factors.push(factor));
        drift.rhs = rest.unwrap_or_else(|| Expr::int(0));
    }
    Ok(Noisy { given: system, definitions, drift, noises })
}

fn too_large(system: &OdeSystem, ode: &Ode) -> Diagnostic {
    Diagnostic { hint: None, ..super::subexpressions::too_large(system, &ode.name, &ode.rhs) }
}

fn not_linear(system: &OdeSystem, ode: &Ode, definitions: &Definitions, names: &[&str]) -> Diagnostic {
    let guilty = |term: &Expr| definitions.put_in(term).is_some_and(|term| row(&term, names).is_err());
    let term = culprit(&ode.rhs, definitions, &guilty);
    let message = format!("an equation must be linear in its noise; `{term}` in the equation of `{}` is not", ode.name);
    Diagnostic::error(&system.text, term.span, message).hint("write it as a sum of terms `factor*xi`")
}

/// Refuses random numbers that stand once, but would be drawn for several terms.
fn refuse_copied_draws<'a>(
    system: &OdeSystem,
    ode: &Ode,
    rhs: &Expr,
    parts: impl Iterator<Item = &'a Expr>,
) -> Result<(), Diagnostic> {
    let calls = random_calls(rhs);
    match calls.first() {
        Some(call) if parts.map(|part| random_calls(part).len()).sum::<usize>() > calls.len() => {
            Err(drawn_again(system, &ode.name, call))
        }
        _ => Ok(()),
    }
}

fn drawn_again(system: &OdeSystem, name: &str, call: &Expr) -> Diagnostic {
    let message =
        format!("`{call}` multiplies noise in the equation of `{name}` and would be drawn more than once a step");
    Diagnostic::error(&system.text, call.span, message).hint("make it a subexpression with the flag `constant over dt`")
}

impl Noisy<'_> {
    /// Statements that draw the increments of the noises over the step, in order; none for a noise that cancels.
    pub fn draw(&self, step: &mut Step) -> Vec<Expr> {
        let mut increment = |noise: &Noise| match noise.factors.iter().any(Option::is_some) {
            true => step.local(&noise.name, noise.span, mul(root_of_dt(), Expr::call("randn", Vec::new()))),
            false => Expr::int(0),
        };
        self.noises.iter().map(&mut increment).collect()
    }

    /// Refuses noise that is not additive.
    pub fn check_additive(&self) -> Result<(), Diagnostic> {
        let Some((k, n, on)) = self.multiplicative() else { return Ok(()) };
        let ode = &self.given.odes[k];
        let term = self.term_with(ode, n, &|factor| multiplier(&self.drift, factor).is_some());
        let message =
            format!("`euler` needs additive noise; `{term}` in the equation of `{}` depends on `{on}`", ode.name);
        Err(self.hint(Diagnostic::error(&self.given.text, term.span, message)))
    }

    /// The first equation and noise with a factor that is not constant over a step, and what it depends on.
    fn multiplicative(&self) -> Option<(usize, usize, &str)> {
        let places = (0..self.given.odes.len()).flat_map(|k| (0..self.noises.len()).map(move |n| (k, n)));
        let mut places = places.filter_map(|(k, n)| Some((k, n, self.noises[n].factors[k].as_ref()?)));
        places.find_map(|(k, n, factor)| Some((k, n, multiplier(&self.drift, factor)?)))
    }

    /// Refuses noise that is not diagonal: each equation has at most one, and each noise stands in at most one.
    pub fn check_diagonal(&self) -> Result<(), Diagnostic> {
        let Some((k, n, what)) = self.shared() else { return Ok(()) };
        let term = self.term_with(&self.given.odes[k], n, &|_| true);
        let message = format!("`milstein` needs a noise of its own for each equation; {what}");
        Err(self.hint(Diagnostic::error(&self.given.text, term.span, message)))
    }

    /// The first equation and noise that are not each other's only one, and why.
    fn shared(&self) -> Option<(usize, usize, String)> {
        let odes = &self.given.odes;
        for (k, ode) in odes.iter().enumerate() {
            let mut noises = (0..self.noises.len()).filter(|&n| self.noises[n].factors[k].is_some());
            if let (Some(m), Some(n)) = (noises.next(), noises.next()) {
                let (first, second) = (&self.noises[m].name, &self.noises[n].name);
                return Some((k, n, format!("that of `{}` has `{first}` and `{second}`", ode.name)));
            }
        }
        for (n, noise) in self.noises.iter().enumerate() {
            let mut equations = (0..odes.len()).filter(|&k| noise.factors[k].is_some());
            if let (Some(j), Some(k)) = (equations.next(), equations.next()) {
                let what = format!("`{}` is in those of `{}` and `{}`", noise.name, odes[j].name, odes[k].name);
                return Some((k, n, what));
            }
        }
        None
    }

    /// Refuses factors that draw random numbers, for methods that evaluate them twice.
    pub fn check_factors(&self) -> Result<(), Diagnostic> {
        for noise in &self.noises {
            for (ode, factor) in self.given.odes.iter().zip(&noise.factors) {
                if let Some(call) = factor.as_ref().and_then(|f| random_calls(f).first().copied()) {
                    return Err(drawn_again(self.given, &ode.name, call));
                }
            }
        }
        Ok(())
    }

    /// Adds the methods that can integrate the system.
    fn hint(&self, error: Diagnostic) -> Diagnostic {
        let euler = self.multiplicative().is_none().then_some("euler");
        let others = self.check_factors().is_ok();
        let heun = others.then_some("heun");
        let milstein = (others && self.shared().is_none()).then_some("milstein");
        let methods: Vec<&str> = [euler, heun, milstein].into_iter().flatten().collect();
        if methods.is_empty() { error } else { error.hint(format!("use {}", listed(&methods, "or"))) }
    }

    /// The smallest term of the equation with a factor of this kind for the noise.
    fn term_with<'a>(&'a self, ode: &'a Ode, noise: usize, kind: &dyn Fn(&Expr) -> bool) -> &'a Expr {
        let names: Vec<&str> = self.noises.iter().map(|n| n.name.as_str()).collect();
        let guilty = |term: &Expr| {
            let Some(term) = self.definitions.put_in(term) else { return false };
            row(&term, &names).is_ok_and(|(factors, _)| factors[noise].as_ref().is_some_and(kind))
        };
        culprit(&ode.rhs, &self.definitions, &guilty)
    }
}

/// `dt**0.5`
pub fn root_of_dt() -> Expr {
    dt().binary(BinaryOp::Pow, Expr::float(0.5))
}
