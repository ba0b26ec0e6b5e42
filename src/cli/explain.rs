//! `saltus cache explain`: what makes a key, and in what two keys differ.

use std::collections::BTreeSet;

use super::cache::short_version;
use super::output::format::counted;
use super::table::pairs;
use crate::build::Recipe;
use crate::store::Artifact;

/// Everything that goes into the key of a kernel.
pub fn one(artifact: &Artifact) -> String {
    let mut text = pairs(&fields(artifact).iter().map(|(name, value)| (*name, value.clone())).collect::<Vec<_>>());
    text.push_str(
        "\nWhoever changes any of these gets another key. Names, sizes and values of parameters are not among them.\n",
    );
    text
}

/// In what two kernels differ, and why there are two.
pub fn two(one: &Artifact, other: &Artifact) -> String {
    let (before, after) = (fields(one), fields(other));
    let differing: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a.1 != b.1).collect();
    let mut names: Vec<&str> = differing.iter().map(|(field, _)| field.0).collect();
    if names.len() > 1 {
        // With what they were compiled is no reason to compile them again.
        names.retain(|name| *name != COMPILED_WITH);
    }
    let reason = match names[..] {
        [] => "The two keys are one.".to_string(),
        _ if names.contains(&"source") => "They compute different things: the sources differ.".to_string(),
        _ => format!("They compute the same; built twice because of the {}.", listed(&names)),
    };
    let mut text = format!("{} and {}\n{reason}\n", one.key.short(), other.key.short());
    for ((name, a), (_, b)) in differing {
        text.push_str(&match *name {
            "arguments" | "features" => lists(name, a, b),
            "source" => sources(&one.record.recipe.source, &other.record.recipe.source),
            name => format!("\n{name}\n  - {a}\n  + {b}\n"),
        });
    }
    text
}

/// The field that tells what else was in the text that was compiled.
const COMPILED_WITH: &str = "compiled";

/// The fields of a key by name.
fn fields(artifact: &Artifact) -> Vec<(&'static str, String)> {
    fields_of(&artifact.record.recipe, &artifact.record.compiler)
}

/// The fields that make the key of a recipe, by name; `compiler` is how its compiler names itself.
pub fn fields_of(recipe: &Recipe, compiler: &str) -> Vec<(&'static str, String)> {
    let lines = counted(recipe.source.lines().count(), ("line", "lines"));
    vec![
        ("language", recipe.language.name().to_owned()),
        ("written", if recipe.by_hand { "by hand" } else { "by this program" }.to_owned()),
        ("kernel ABI", recipe.abi_version.to_string()),
        ("numeric policy", recipe.numeric_policy.to_string()),
        ("compiler", format!("{}, content {}", short_version(compiler), recipe.compiler.short())),
        ("level", format!("{:?}", recipe.opt_level)),
        ("target", recipe.target.clone()),
        ("features", recipe.features.to_string()),
        ("arguments", recipe.arguments.join(" ")),
        ("source", format!("{lines}, kernel {}", recipe.kernel_id().short())),
        (
            COMPILED_WITH,
            recipe
                .unit
                .as_ref()
                .map_or("alone".to_owned(), |member| format!("in unit {} as {}", member.unit.short(), member.entry)),
        ),
    ]
}

/// What is in one list of words and not in the other.
fn lists(name: &str, before: &str, after: &str) -> String {
    let words =
        |text: &str| text.split([' ', ',']).filter(|w| !w.is_empty()).map(str::to_owned).collect::<BTreeSet<_>>();
    let (a, b) = (words(before), words(after));
    let only = |mark: char, of: &BTreeSet<String>, others: &BTreeSet<String>| {
        let own: Vec<&str> = of.difference(others).map(String::as_str).collect();
        if own.is_empty() { String::new() } else { format!("  {mark} {}\n", own.join(" ")) }
    };
    let changes = only('-', &a, &b) + &only('+', &b, &a);
    let changes = if changes.is_empty() { "  in another order\n".to_owned() } else { changes };
    format!("\n{name}\n{changes}")
}

/// The first line in which two sources differ.
fn sources(before: &str, after: &str) -> String {
    let same = before.lines().zip(after.lines()).take_while(|(a, b)| a == b).count();
    let line = |text: &str| text.lines().nth(same).map_or("(the end)", str::trim).to_owned();
    format!("\nsource, first in line {}\n  - {}\n  + {}\n", same + 1, line(before), line(after))
}

/// `a`, `a and b`, `a, b and c`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_string(),
        [some @ .., last] => format!("{} and {last}", some.join(", ")),
    }
}
