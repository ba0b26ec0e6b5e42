//! Reading and writing values of some cells or of all.

use saltus::diag::Text;
use saltus::model::namespace::Number;
use saltus::network::{Assigned, Assignment, Error, Filter, Model, Network, NeuronGroup, Subgroup, Value};

use crate::{Brian, interpreted};

/// The group `g` of the cases, and its cells 1 to 4 as `s`.
fn cells() -> Network {
    let equations = "v : volt\n w : 1\n n : integer\n b : boolean\n s : 1 (shared)\n k : 1 (constant)\n \
        p : integer (shared, constant)\n sub = 2*w + i : 1\n ssub = s*3 : 1 (shared)\n dx/dt = -x/ms : 1 (unless refractory)";
    let group = NeuronGroup::new("g", 6, equations).threshold("x > 1").refractory("1*ms").reset("").method("exact");
    let model = Model::new().group(group).group(Subgroup::new("s", "g", 1, 5));
    let model = model.init("g", "v", "i*mV").assign(Assignment::values("g", "w", &[5.0, 4.0, 3.0, 2.0, 1.0, 0.0]));
    interpreted(&model.init("g", "n", "i*2").init("g", "b", "i > 2").init("g", "s", "1.5").init("g", "k", "i*0.1"))
}

/// The forms of choosing cells that the cases have, by name; `n` cells.
fn filters(n: usize) -> Vec<(&'static str, Filter)> {
    let any = || Text::new("filter", "…");
    let indices = |indices: &[i64]| Filter::Indices(indices.to_vec(), any());
    let slice = |start: Option<i64>, stop: Option<i64>| Filter::Slice(start, stop, any());
    let condition = |text: &str| Filter::Condition(Text::new("filter", text));
    let mut filters = vec![
        ("number", indices(&[2])),
        ("negative", indices(&[-1])),
        ("slice", slice(Some(1), Some(4))),
        ("slice_open", slice(Some(-2), None)),
        ("slice_beyond", slice(Some(4), Some(99))),
        ("slice_empty", slice(Some(3), Some(3))),
        ("all", slice(None, None)),
        ("array", indices(&[1, 3])),
        ("string", condition("w > 2")),
        ("string_none", condition("w > 100")),
        ("string_index", condition("i % 2 == 0")),
        ("string_ok_units", condition("v > 2*mV")),
        ("string_sub", condition("sub > 4")),
        ("string_time", condition("t > 0*ms or i == 1")),
        // What is refused.
        ("beyond", indices(&[6])),
        ("negative_beyond", indices(&[-7])),
        ("list_beyond", indices(&[0, 6])),
        ("string_unknown", condition("nope > 1")),
        ("string_units", condition("v > 2")),
    ];
    if n == 6 {
        filters.extend([
            ("slice_step", indices(&[0, 2, 4])),
            ("slice_reverse", indices(&[5, 4, 3, 2, 1, 0])),
            ("list", indices(&[4, 0, 4])),
            ("negatives", indices(&[-1, -6])),
            ("booleans", Filter::Marks([true, false, false, true, false, true].to_vec(), any())),
            ("bool_none", Filter::Marks(vec![false; 6], any())),
        ]);
    }
    filters
}

/// Compares with a case, where an error is one here too.
fn check(path: &str, got: Result<Vec<f64>, Error>) {
    let brian = Brian::of("access");
    match got {
        Ok(values) => brian.check(path, &values),
        Err(error) => assert!(brian.is_error(path), "{path}: {error}"),
    }
}

fn set(group: &str, variable: &str, filter: Option<Filter>, value: Assigned, read: &str) -> Result<Vec<f64>, Error> {
    let mut network = cells();
    let mut assignment = Assignment::new(group, variable, value);
    assignment.filter = filter;
    network.assign(&assignment)?;
    Ok(network.values("g", read).expect("a variable"))
}

fn number(value: f64) -> Assigned {
    Assigned::Value(Value::Number(Number::Float(value), Text::new("value", value.to_string())))
}

fn text(value: &str) -> Assigned {
    Assigned::Value(Value::expression("value", value))
}

fn each(values: &[f64]) -> Assigned {
    Assigned::Each(values.to_vec(), Text::new("value", "values"))
}

#[test]
fn cells_are_chosen_as_in_brian2() {
    for (name, filter) in filters(6) {
        check(&format!("get/{name}"), cells().values_at("g", "w", &filter));
        check(&format!("set_number/{name}"), set("g", "w", Some(filter.clone()), number(9.0), "w"));
        check(&format!("set_string/{name}"), set("g", "w", Some(filter.clone()), text("10 + i + w"), "w"));
        // One value for each cell that is chosen by number.
        let count = match &filter {
            Filter::Condition(_) => continue,
            Filter::Indices(cells, _) if cells.len() == 1 => continue,
            filter => cells().values_at("g", "w", filter).map_or(3, |values| values.len()),
        };
        let values: Vec<f64> = (0..count).map(|k| k as f64 + 100.0).collect();
        check(&format!("set_array/{name}"), set("g", "w", Some(filter), each(&values), "w"));
    }
    for (name, filter) in filters(4) {
        check(&format!("subgroup_access/get {name}"), cells().values_at("s", "w", &filter));
        check(&format!("subgroup_access/set {name}"), set("s", "w", Some(filter), number(9.0), "w"));
    }
}

#[test]
fn whole_variables_are_set_as_in_brian2() {
    let six = |f: fn(f64) -> f64| each(&(0..6).map(|k| f(f64::from(k))).collect::<Vec<_>>());
    for (name, variable, value) in [
        ("number", "w", number(3.0)),
        ("list", "w", six(|k| k + 1.0)),
        ("short", "w", each(&[1.0, 2.0])),
        ("long", "w", six(|k| k).then(&[6.0])),
        ("string_whole", "w", text("i/N + s")),
        ("string_number", "w", text("3")),
        ("quantity", "w", text("3*mV")),
        ("nan", "w", number(f64::NAN)),
        ("volt", "v", text("3*mV")),
        ("volt_list", "v", six(|k| (k + 1.0) * 1e-3)),
        ("volt_bare", "v", number(3.0)),
        ("volt_zero", "v", number(0.0)),
        ("volt_zeros", "v", six(|_| 0.0)),
        ("volt_wrong", "v", text("3*nA")),
        ("volt_string_bare", "v", text("3")),
        ("volt_inf", "v", number(f64::INFINITY)),
        ("volt_nan", "v", number(f64::NAN)),
        ("volt_string_inf", "v", text("inf*volt")),
        ("int_floats", "n", each(&[0.5, 1.5, 2.5, -0.5, -1.5, 1e10])),
        ("int_string_float", "n", text("2.7*i")),
        ("int_large", "n", six(|_| 2147483648.0)),
        ("int_nan", "n", six(|_| f64::NAN)),
        ("bool_string", "b", text("w > 2 and not b")),
        ("bool_list", "b", each(&[0.0, 1.0, 2.0, 0.0, 0.0, 3.0])),
        ("subexpression", "sub", number(3.0)),
        ("subexpression", "sub", six(|k| k)),
        ("index", "i", six(|k| k)),
        ("time", "t", text("3*ms")),
        ("dt", "dt", text("3*ms")),
        ("N", "N", number(3.0)),
        ("unknown_like", "ww", number(3.0)),
        ("constant", "k", number(3.0)),
        ("constant_string", "k", text("i*2")),
        ("lastspike", "lastspike", text("3*ms")),
        ("not_refractory", "not_refractory", text("False")),
        ("assignment", "w", text("w = 3")),
        ("empty", "w", text("")),
    ] {
        check(&format!("set_whole/{name}"), set("g", variable, None, value, variable));
    }
    // Whole numbers are what is left of numbers without their fractions.
    let truncated = set("g", "n", None, each(&[0.5, 1.5, 2.7, -0.5, -1.5, 1e9]), "n").unwrap();
    assert_eq!(truncated, [0.0, 1.0, 2.0, 0.0, -1.0, 1e9]);
}

trait Then {
    fn then(self, more: &[f64]) -> Assigned;
}

impl Then for Assigned {
    fn then(self, more: &[f64]) -> Assigned {
        match self {
            Assigned::Each(values, text) => Assigned::Each([&values, more].concat(), text),
            value => value,
        }
    }
}

#[test]
fn numbers_go_through_guards_and_expressions_do_not() {
    for (name, value) in [
        ("protected_while_refractory", number(5.0)),
        ("protected_while_refractory", each(&[5.0; 6])),
        ("protected_string", text("5 + i")),
    ] {
        let mut network = cells();
        network.assign(&Assignment::expression("g", "not_refractory", "False")).unwrap();
        network.assign(&Assignment::new("g", "x", value)).unwrap();
        check(&format!("set_whole/{name}"), Ok(network.values("g", "x").unwrap()));
    }
}

#[test]
fn conditions_and_shared_variables_are_set_as_in_brian2() {
    let condition = |text: &str| Some(Filter::Condition(Text::new("filter", text)));
    for (name, filter, value) in [
        ("number", "b", number(9.0)),
        ("array", "b", each(&[7.0, 8.0, 9.0])),
        ("array_short", "b", each(&[7.0, 8.0])),
        ("string", "b", text("i*10")),
        ("not", "not b", number(0.0)),
        ("true", "True", number(0.0)),
        ("false", "False", number(0.0)),
        ("shared", "s > 1", number(0.0)),
        ("shared_string", "s > 1", text("i")),
        ("shared_false_string", "s > 2", text("i")),
        ("own", "w > 2", text("w - 2")),
        ("random", "rand() < 0", text("1")),
        ("bad_value", "b", text("1*mV")),
        ("assign_in_condition", "b = 1", text("1")),
    ] {
        check(&format!("set_with_condition_and_values/{name}"), set("g", "w", condition(filter), value, "w"));
    }
    let slice = Some(Filter::Slice(Some(1), Some(4), Text::new("filter", "1:4")));
    let zero = Some(Filter::Indices(vec![0], Text::new("filter", "0")));
    for (name, filter, value) in [
        ("attribute", None, number(4.0)),
        ("attribute_string", None, text("2 + N + t/ms")),
        ("string_vector", None, text("2 + w")),
        ("string_i", None, text("i")),
        ("at slice", slice, number(4.0)),
        ("zero", zero, number(4.0)),
        ("array1", None, each(&[4.0])),
        ("array2", None, each(&[4.0, 5.0])),
        ("string_condition", condition("s > 1"), number(4.0)),
        ("string_condition_value", condition("s > 1"), text("4")),
    ] {
        check(&format!("set_shared/{name}"), set("g", "s", filter, value, "s"));
    }
}

#[test]
fn parts_of_groups_are_set_as_in_brian2() {
    for (name, variable, filter, value) in [
        ("number", "w", None, number(9.0)),
        ("list", "w", None, each(&[6.0, 7.0, 8.0, 9.0])),
        ("long", "w", None, each(&[0.0; 6])),
        ("string", "w", None, text("i + 100*N")),
        ("string_sub", "w", None, text("sub")),
        ("condition", "w", Some("i > 1"), text("i*100")),
        ("volt", "v", None, text("3*mV")),
        ("shared_s", "s", None, number(8.0)),
    ] {
        let filter = filter.map(|condition| Filter::Condition(Text::new("filter", condition)));
        check(&format!("subgroup_whole/{name}"), set("s", variable, filter, value, variable));
    }
    // Strings at numbers, where Brian2 counts from the wrong cell.
    let at = Some(Filter::Indices(vec![1, -1], Text::new("filter", "1, -1")));
    assert_eq!(set("s", "w", at, text("i + 10"), "w").unwrap(), [5.0, 4.0, 11.0, 2.0, 13.0, 0.0]);
}

#[test]
fn nothing_is_changed_by_what_is_refused() {
    let mut network = cells();
    let before = network.final_state();
    let faults = [
        Assignment::values("g", "w", &[1.0, 2.0]),
        Assignment::values("g", "w", &[1.0, 2.0]).at(&[0, 1, 2]),
        Assignment::values("g", "w", &[1.0, 2.0]).where_condition("b"),
        Assignment::values("g", "n", &[0.0, 1.0, f64::NAN, 0.0, 0.0, 0.0]),
        Assignment::values("g", "n", &[2147483648.0; 6]),
        Assignment::values("g", "sub", &[0.0; 6]),
        Assignment::values("g", "ww", &[0.0; 6]),
        Assignment::values("gg", "w", &[0.0; 6]),
        Assignment::values("g", "s", &[1.0, 2.0]),
        Assignment::values("g", "s", &[1.0]).at(&[0]),
        Assignment::expression("g", "w", "1").at(&[6]),
        Assignment::expression("g", "w", "1").at(&[-7]),
        Assignment::expression("s", "w", "1").at(&[4]),
        Assignment::expression("g", "w", "1").marked(&[true, false]),
        Assignment::expression("g", "w", "1").where_condition("w"),
        Assignment::expression("g", "w", "1").where_condition("v > 2"),
        Assignment::expression("g", "w", "1*mV").slice(Some(1), None),
    ]
    .map(|assignment| network.assign(&assignment).unwrap_err().to_string());
    assert_eq!(network.final_state(), before);
    let filter = |indices: &[i64]| Filter::Indices(indices.to_vec(), Text::new("w[…]", format!("{indices:?}")));
    let reads = [("g", "w", 6), ("g", "ww", 0), ("g", "sub", 0), ("gg", "w", 0)]
        .map(|(group, variable, index)| network.values_at(group, variable, &filter(&[index])).unwrap_err().to_string());
    insta::assert_snapshot!([&faults[..], &reads].concat().join("\n\n"));
}
