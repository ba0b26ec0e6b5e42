//! What the rules by which synapses are made can see: the cells at both ends, and nothing of synapses, which are not made
//! yet.

use crate::expr::ast::Expr;
use crate::expr::check::{FunctionMeaning, Meaning, Scope, Unknown};
use crate::model::group::{Group, Role, Side};

/// The names of a rule.
pub(super) struct Pairs<'a> {
    /// The synapses, with the variable of a generator.
    pub group: &'a Group,
    /// The variable of the generator.
    pub variable: Option<&'a str>,
    /// The end whose cell is sought, so that nothing is known of it.
    pub sought: Option<Side>,
}

impl Pairs<'_> {
    /// Why a name means nothing here, and what to write instead.
    fn problem(&self, name: &str) -> Option<(String, String)> {
        if self.variable == Some(name) {
            return None;
        }
        let sought = |side: Side| {
            let what = side.described();
            let hint = format!("it is what this gives the number of; a condition after `if` can look at the {what}");
            (self.sought == Some(side))
                .then(|| (format!("`{name}` belongs to the {what}, which is not known here"), hint))
        };
        match &self.group.variables.get(name)?.role {
            Role::Size => {
                let hint = "`N_pre` and `N_post` are the numbers of cells".to_string();
                Some((format!("`{name}` is the number of synapses, which are not made yet"), hint))
            }
            Role::Given if ["N_incoming", "N_outgoing"].contains(&name) => {
                let hint = "how many each cell gets can be said by `sample(…, size=…)`".to_string();
                Some((format!("`{name}` counts synapses, which are not made yet"), hint))
            }
            Role::Given if name == "i" || name == "_i_pre" => sought(Side::Pre),
            Role::Given if name == "j" || name == "_i_post" => sought(Side::Post),
            Role::Endpoint { side, .. } => sought(*side),
            Role::State | Role::Parameter | Role::EventDriven | Role::ConstantOverDt(_) | Role::LastUpdate => {
                let hint = "a rule can look at `i`, `j` and the variables of both ends, such as `x_pre`".to_string();
                Some((format!("`{name}` belongs to synapses, which are not made yet"), hint))
            }
            Role::Subexpression(expr) => {
                let (inner, (_, hint)) = self.first_problem(expr)?;
                Some((format!("`{name}` uses `{inner}`, which is not known here"), hint))
            }
            _ => None,
        }
    }

    fn first_problem(&self, expr: &Expr) -> Option<(String, (String, String))> {
        expr.names().iter().find_map(|name| Some((name.clone(), self.problem(name)?)))
    }
}

impl Scope for Pairs<'_> {
    fn meaning(&self, name: &str) -> Result<Meaning, Unknown> {
        match self.problem(name) {
            Some((message, hint)) => Err(Unknown::NotHere(message, Some(hint))),
            None => self.group.meaning(name),
        }
    }

    fn candidates(&self) -> Vec<String> {
        self.group.candidates().into_iter().filter(|name| self.problem(name).is_none()).collect()
    }

    fn functions(&self) -> Vec<String> {
        self.group.functions()
    }

    fn function(&self, name: &str) -> Option<FunctionMeaning> {
        self.group.function(name)
    }
}
