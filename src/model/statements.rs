//! Checks of statements: resets, and assignments of values to variables.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::group::{Role, Variable};
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::expr::ast::{AssignOp, BinaryOp, Expr, ExprKind, Statement};
use crate::expr::check::{FunctionMeaning, Kind, Meaning, Scope, Unknown, ValueType, check, described, draws};

/// What the statements of one piece of code can see and write.
pub struct CodeScope<'a> {
    base: &'a dyn Scope,
    variables: &'a IndexMap<String, Variable>,
    /// Names that `=` has defined; whether each cell has its own value of them.
    temporaries: RefCell<BTreeMap<String, (Kind, bool)>>,
    writes_shared: bool,
    /// Whether a variable that each cell has its own of was written already.
    wrote_cells: Cell<bool>,
}

impl<'a> CodeScope<'a> {
    /// Code that runs for the cells of an event: it cannot write shared variables.
    pub fn events(base: &'a dyn Scope, variables: &'a IndexMap<String, Variable>) -> CodeScope<'a> {
        CodeScope {
            base,
            variables,
            temporaries: RefCell::default(),
            writes_shared: false,
            wrote_cells: Cell::new(false),
        }
    }

    /// An assignment from outside, which can write shared variables too.
    pub fn assignment(base: &'a dyn Scope, variables: &'a IndexMap<String, Variable>) -> CodeScope<'a> {
        CodeScope { writes_shared: true, ..CodeScope::events(base, variables) }
    }
}

impl CodeScope<'_> {
    /// Whether the value differs from cell to cell.
    fn is_of_cells(&self, value: &Expr) -> bool {
        value.names().iter().any(|name| match self.temporaries.borrow().get(name) {
            Some((_, of_cells)) => *of_cells,
            None => self.variables.get(name).is_some_and(|v| v.varies),
        })
    }

    /// Whether a value is drawn: of a temporary, anew for each cell; of a shared variable, once for all.
    fn is_drawn(&self, value: &Expr) -> bool {
        let mut drawn = false;
        value.walk(&mut |e| {
            if let ExprKind::Call(name, _) = &e.kind {
                drawn |= draws(name) || self.base.function(name).is_some_and(|f| f.stateful);
            }
        });
        drawn
    }
}

impl Scope for CodeScope<'_> {
    fn meaning(&self, name: &str) -> Result<Meaning, Unknown> {
        match self.temporaries.borrow().get(name) {
            Some((kind, _)) => Ok(Meaning { kind: *kind, constant: None }),
            None => self.base.meaning(name),
        }
    }

    fn candidates(&self) -> Vec<String> {
        self.temporaries.borrow().keys().cloned().chain(self.base.candidates()).collect()
    }

    fn functions(&self) -> Vec<String> {
        self.base.functions()
    }

    fn function(&self, name: &str) -> Option<FunctionMeaning> {
        self.base.function(name)
    }

    fn forbids_drawing(&self) -> Option<(String, Option<String>)> {
        self.base.forbids_drawing()
    }
}

/// Checks statements in order; a name that is no variable becomes a temporary by `=`.
pub fn check_statements(statements: &[Statement], scope: &CodeScope<'_>, text: &Text, diagnostics: &mut Diagnostics) {
    for statement in statements {
        check_statement(statement, scope, text, diagnostics);
    }
}

fn check_statement(statement: &Statement, scope: &CodeScope<'_>, text: &Text, diagnostics: &mut Diagnostics) {
    let name = statement.target.as_str();
    let known = scope.temporaries.borrow().get(name).map(|(kind, _)| *kind);
    let target = match (known, scope.variables.get(name)) {
        (Some(kind), _) => Some(kind),
        (None, Some(variable)) => {
            if let Err((message, hint)) = writable(name, variable, scope) {
                let error = Diagnostic::error(text, statement.target_span, message);
                diagnostics.push(Diagnostic { hint, ..error });
                let _ = check(&statement.value, scope, text, diagnostics);
                return;
            }
            if variable.shared && scope.is_of_cells(&statement.value) {
                let message =
                    format!("the shared variable `{name}` cannot take a value that differs from cell to cell");
                diagnostics.push(Diagnostic::error(text, statement.value.span, message));
            }
            Some(variable.kind)
        }
        (None, None) if is_of_synapses(scope.variables) && ["delay", "lastupdate"].contains(&name) => {
            let (message, hint) = match name {
                "delay" => ("cannot be written by code", "set delays with `init`, or between runs"),
                _ => ("exists only in synapses with event-driven equations", "call the variable something else"),
            };
            let error = Diagnostic::error(text, statement.target_span, format!("`{name}` {message}"));
            diagnostics.push(error.hint(hint));
            let _ = check(&statement.value, scope, text, diagnostics);
            return;
        }
        (None, None) => None,
    };
    let op = match statement.op {
        AssignOp::Set => {
            let Some(value) = check(&statement.value, scope, text, diagnostics) else { return };
            match target {
                Some(target) => check_set(statement, target, value, text, diagnostics),
                None => {
                    let of_cells = scope.is_of_cells(&statement.value) || scope.is_drawn(&statement.value);
                    scope.temporaries.borrow_mut().insert(name.to_string(), (value, of_cells));
                }
            }
            return;
        }
        AssignOp::Update(op) => op,
    };
    let Some(target) = target else {
        let message = match scope.base.meaning(name) {
            Ok(_) => format!("`{name}` is a constant and cannot be changed"),
            Err(Unknown::InError) => {
                let _ = check(&statement.value, scope, text, diagnostics);
                return;
            }
            Err(_) => format!("`{name}` is not defined"),
        };
        let candidates: Vec<String> = scope.variables.keys().cloned().collect();
        let error = Diagnostic::error(text, statement.target_span, message);
        diagnostics.push(error.suggest(name, candidates.iter().map(String::as_str)));
        return;
    };
    check_update(statement, op, target, scope, text, diagnostics);
}

/// Whether these are the variables of synapses.
fn is_of_synapses(variables: &IndexMap<String, Variable>) -> bool {
    variables.get("j").is_some_and(|variable| variable.role == Role::Given)
}

/// What to know of a variable of synapses that follows from how they are connected.
fn follows_from_connect(name: &str) -> Option<String> {
    Some(match name {
        "i" => "it is the number of the source, which `connect` decides".to_string(),
        "j" => "it is the number of the target, which `connect` decides".to_string(),
        "N" | "N_incoming" | "N_outgoing" => "it counts synapses, which `connect` makes".to_string(),
        "N_pre" => "it is the number of cells that synapses can come from".to_string(),
        "N_post" => "it is the number of cells that synapses can go to".to_string(),
        _ => return None,
    })
}

fn writable(name: &str, variable: &Variable, scope: &CodeScope<'_>) -> Result<(), (String, Option<String>)> {
    match &variable.role {
        Role::Subexpression(expr) => Err((
            format!("`{name}` is a subexpression and cannot be written"),
            Some(format!("it always stands for `{expr}`")),
        )),
        Role::ConstantOverDt(expr) => Err((
            format!("`{name}` is a subexpression and cannot be written"),
            Some(format!("it is `{expr}`, evaluated once at the start of each step")),
        )),
        Role::Linked => Err((
            format!("`{name}` is linked to a variable of another group and cannot be written here"),
            Some("write the variable that it is linked to".into()),
        )),
        role if variable.read_only || !variable.is_settable() && !matches!(role, Role::Endpoint { .. }) => {
            let hint = is_of_synapses(scope.variables).then(|| follows_from_connect(name)).flatten();
            Err((format!("`{name}` cannot be written"), hint))
        }
        _ if variable.shared && !scope.writes_shared => Err((
            format!("`{name}` is shared by the whole group and cannot be written for single cells"),
            Some("remove the flag `shared`, or change it between runs".into()),
        )),
        _ if variable.shared && scope.wrote_cells.get() => Err((
            format!("the shared variable `{name}` is written after a variable of single cells"),
            Some("write shared variables first".into()),
        )),
        _ => {
            scope.wrote_cells.set(scope.wrote_cells.get() || !variable.shared);
            Ok(())
        }
    }
}

fn check_set(statement: &Statement, target: Kind, value: Kind, text: &Text, diagnostics: &mut Diagnostics) {
    let name = &statement.target;
    if value.dimension != target.dimension {
        let (wanted, got) = (target.dimension.described(), value.dimension.described());
        let message = format!("`{name}` is {wanted}, but the value is {got}");
        let error = Diagnostic::error(text, statement.value.span, message);
        let literal = matches!(statement.value.kind, ExprKind::Int(_) | ExprKind::Float(_));
        diagnostics.push(if literal && !target.dimension.is_dimensionless() {
            error.hint(format!("give it a unit: `{}*{}`", statement.value, target.dimension))
        } else {
            error
        });
    } else if let (ValueType::Integer, ExprKind::Int(literal)) = (target.ty, &statement.value.kind)
        && i32::try_from(*literal).is_err()
    {
        let message = format!("`{literal}` does not fit in `{name}`, an integer of 32 bits");
        diagnostics.push(Diagnostic::error(text, statement.value.span, message));
    } else if target.ty == ValueType::Integer && value.ty == ValueType::Float {
        let message = format!("`{name}` is an integer: the value loses what is after the point");
        diagnostics
            .push(Diagnostic::warning(text, statement.value.span, message).hint("write `int(...)` if that is meant"));
    }
}

/// `x op= value` means `x = x op value`.
fn check_update(
    statement: &Statement,
    op: BinaryOp,
    target: Kind,
    scope: &CodeScope<'_>,
    text: &Text,
    diagnostics: &mut Diagnostics,
) {
    let name = Expr::new(ExprKind::Name(statement.target.clone()), statement.target_span);
    let mut whole = name.binary(op, statement.value.clone());
    whole.span = statement.span;
    let Some(result) = check(&whole, scope, text, diagnostics) else { return };
    let target_name = &statement.target;
    if target.ty == ValueType::Boolean || result.ty > target.ty {
        let message = format!(
            "`{target_name}` is {} and cannot be changed by `{}=`: the result is {}",
            target.ty.described(),
            op.symbol(),
            described(result)
        );
        let hint = match target.ty {
            ValueType::Boolean => format!("give it a condition: `{target_name} = ...`"),
            _ => format!("write `{target_name} = int({target_name} {} ...)`", op.symbol()),
        };
        diagnostics.push(Diagnostic::error(text, statement.span, message).hint(hint));
    } else if result.dimension != target.dimension {
        let (wanted, got) = (target.dimension.described(), result.dimension.described());
        let message = format!("`{target_name}` is {wanted}, but the result is {got}");
        diagnostics.push(Diagnostic::error(text, statement.span, message));
    }
}
