//! Every parser of the language on one text, and the text as the code of a small group.

use saltus::diag::{Diagnostics, Text};
use saltus::expr::ast::Expr;
use saltus::expr::parser::{expression, statements};
use saltus::expr::polynomial::powers;
use saltus::expr::simplify::{rebuild, reciprocal_powers};
use saltus::model::equations;
use saltus::model::generator::generator;
use saltus::network::{Model, NeuronGroup};

use super::model_file::run_briefly;

/// Longer texts teach nothing that shorter ones do not.
const LONGEST: usize = 2048;

/// Parts of a text are divided by this: equations, threshold, reset, refractoriness, method.
const DIVIDER: &str = "\n---\n";

/// Parses, prints and parses again; checks, integrates and runs what is right.
pub fn language(input: &[u8]) {
    let Ok(source) = std::str::from_utf8(input) else { return };
    if source.len() > LONGEST {
        return;
    }
    an_expression(source);
    some_statements(source);
    let text = Text::new("text", source);
    let mut diagnostics = Diagnostics::default();
    equations::parse(&text, &mut diagnostics);
    shown(&diagnostics);
    let mut diagnostics = Diagnostics::default();
    let parsed = generator(&text, &mut diagnostics);
    assert!(parsed.is_some() != diagnostics.has_errors(), "a generator, or why not");
    shown(&diagnostics);
    a_group(source);
}

/// Messages can be drawn, and name places.
fn shown(diagnostics: &Diagnostics) {
    let _ = diagnostics.to_string();
    diagnostics.0.iter().for_each(|diagnostic| drop(diagnostic.to_json()));
}

fn parsed(source: &str) -> Option<Expr> {
    let mut diagnostics = Diagnostics::default();
    let tree = expression(&Text::new("text", source), &mut diagnostics);
    assert!(tree.is_some() != diagnostics.has_errors(), "a tree, or why not");
    shown(&diagnostics);
    tree
}

fn an_expression(source: &str) {
    let Some(tree) = parsed(source) else { return };
    let printed = tree.to_string();
    assert_eq!(parsed(&printed).as_ref(), Some(&tree), "{printed}");
    let simpler = rebuild(&tree);
    let again = rebuild(&simpler);
    for tree in [&simpler, &again, &reciprocal_powers(&tree)] {
        let _ = tree.to_string();
    }
    for name in tree.names() {
        let _ = powers(&tree, &name);
    }
}

fn some_statements(source: &str) {
    let mut diagnostics = Diagnostics::default();
    let found = statements(&Text::new("text", source), &mut diagnostics);
    shown(&diagnostics);
    for statement in found {
        let printed = statement.to_string();
        let mut diagnostics = Diagnostics::default();
        let again = statements(&Text::new("text", printed.as_str()), &mut diagnostics);
        assert_eq!(again, [statement], "{printed}");
    }
}

fn a_group(source: &str) {
    let mut parts = source.split(DIVIDER);
    let mut group = NeuronGroup::new("cells", 3, parts.next().unwrap_or_default());
    let setters: [fn(NeuronGroup, &str) -> NeuronGroup; 4] =
        [NeuronGroup::threshold, NeuronGroup::reset, NeuronGroup::refractory, NeuronGroup::method];
    for (set, part) in setters.iter().zip(parts) {
        if !part.trim().is_empty() {
            group = set(group, part);
        }
    }
    let model = Model::new().constant("tau", "10*ms").constant("w", "2*mV").constant("n", "3").group(group);
    run_briefly(&model, &[]);
}
