//! Warnings of code of synapses whose outcome depends on their order.
//!
//! Each line of `order.txt` has code, and before it whether Brian2 warns of it and whether we do, between two groups and
//! within one; where we differ, `docs/differences.md` says why.

use std::fmt::Write as _;
use std::path::Path;

use saltus::diag::{Diagnostics, Severity};
use saltus::network::{Connect, Model, NeuronGroup, Operation, Synapses, check};

const CELLS: &str = "v : 1\n u : 1\n f : boolean\n m : integer\n sh : 1 (shared)";

const SYNAPSES: &str = "w : 1\n n : integer\n lastx : second\n q = w*2 : 1\n qv = v_post*2 + w : 1\n apre : 1";

const DRIVEN: &str = "w : 1\n dapre/dt = -apre/ms : 1 (event-driven)";

const SEEING: &str = "w : 1\n dseen/dt = (v_post - seen)/ms : 1 (event-driven)";

fn cells(name: &str) -> NeuronGroup {
    NeuronGroup::new(name, 2, CELLS).threshold("v > 10").reset("")
}

/// What is said of a model without errors.
fn said_of(synapses: Synapses) -> Diagnostics {
    let model = Model::new().group(cells("a")).group(cells("b")).synapses(synapses.connect(Connect::all()));
    let (checked, diagnostics) = check(&model, &[]).unwrap();
    assert!(checked.is_some(), "{diagnostics}");
    diagnostics
}

/// Whether we warn of the order.
fn is_warned(synapses: Synapses) -> bool {
    let diagnostics = said_of(synapses);
    let warnings = diagnostics.0.iter().filter(|d| d.severity == Severity::Warning);
    let orders: Vec<_> = warnings.filter(|d| d.message.contains("order of synapses")).collect();
    assert!(orders.len() < 2, "{diagnostics}");
    orders.len() == 1
}

fn word(is_warned: bool) -> &'static str {
    if is_warned { "yes" } else { "no " }
}

#[test]
fn code_whose_outcome_depends_on_the_order_is_told() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/order.txt");
    let text = std::fs::read_to_string(path).expect("the cases");
    let mut got = String::new();
    for line in text.lines() {
        if line.is_empty() || line.starts_with('#') {
            let _ = writeln!(got, "{line}");
            continue;
        }
        let (place, code) = line[12..].split_once(' ').expect("a place and code");
        let say = |target: &str| {
            let new = |equations: &str| Synapses::new("s", "a", target, equations);
            let statements = code.replace("; ", "\n");
            is_warned(match place {
                "pathway" => {
                    let pre = is_warned(new(SYNAPSES).on_pre(&statements));
                    assert_eq!(pre, is_warned(new(SYNAPSES).on_post(&statements)), "{code}");
                    return pre;
                }
                "driven" => new(DRIVEN).on_pre(&statements),
                "seeing" => new(SEEING).on_pre(&statements),
                "regular" => new(SYNAPSES).operation(Operation::new(&statements)),
                "summed" => new(&format!("{SYNAPSES}\n {code}")),
                _ => panic!("{line}"),
            })
        };
        let (between, within) = (word(say("b")), word(say("a")));
        let _ = writeln!(got, "{} {between} {within} {place} {code}", &line[..3]);
    }
    assert_eq!(got, text, "{got}");
}

#[test]
fn the_guilty_statement_is_shown() {
    let set = Synapses::new("s", "a", "b", SYNAPSES).on_pre("w += 1\nv_post = w").on_post("v_post += w; w = v_post");
    let seen = Synapses::new("s", "a", "b", SEEING).on_pre("v_post += w");
    insta::assert_snapshot!([said_of(set), said_of(seen)].map(|said| said.to_string()).join("\n\n"));
}
