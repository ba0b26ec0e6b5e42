//! The units of models are those of Brian2's default namespace: `units.tsv` lists them (name, scale in SI base units,
//! exponents of metre, kilogram, second, ampere, kelvin, mole, candela).

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use saltus::unit::{self, Dimension};

fn table() -> BTreeMap<&'static str, (f64, [f64; 7])> {
    include_str!("units.tsv")
        .lines()
        .skip(1)
        .map(|line| {
            let mut fields = line.split('\t');
            let name = fields.next().expect("a name");
            let mut number = || -> f64 { fields.next().expect("a field").parse().expect("a number") };
            let scale = number();
            (name, (scale, std::array::from_fn(|_| number())))
        })
        .collect()
}

#[test]
fn every_unit_has_the_scale_and_the_dimension_of_brian2() {
    for (name, (scale, exponents)) in table() {
        let unit = unit::lookup(name).unwrap_or_else(|| panic!("`{name}` is missing"));
        assert_eq!(unit.name, name);
        assert_eq!(unit.scale.to_bits(), scale.to_bits(), "scale of `{name}`: {} instead of {scale}", unit.scale);
        assert_eq!(unit.dimension.exponents(), exponents, "dimension of `{name}`");
    }
}

#[test]
fn names_are_those_of_brian2_each_once() {
    let names: Vec<String> = unit::names().collect();
    let set: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(set.len(), names.len(), "a name is listed twice");
    assert_eq!(set, table().into_keys().collect());
}

#[test]
fn near_misses_are_not_units() {
    for name in [
        "",
        "2",
        "mv",
        "mS",
        "kg",
        "V",
        "celsius",
        "cmeter",
        "kkelvin",
        "kkilogram",
        "liter2",
        "mV2",
        "Hz2",
        "volt1",
        "volt4",
        "volt22",
        "mmvolt",
        "dameter",
        "kilovolt",
        "µV",
        "é2",
        "meters",
        "s",
        "hlux",
    ] {
        assert!(unit::lookup(name).is_none(), "`{name}` is no unit of Brian2");
    }
}

proptest! {
    #[test]
    fn lookup_knows_nothing_but_names(name in "(y|m|k|da|c|E)?(m|meter|volt|litre|Hz|mol|gram|kelvin|M)(2|3|4)?") {
        prop_assert_eq!(unit::lookup(&name).is_some(), table().contains_key(name.as_str()));
    }

    #[test]
    fn powers_undo_each_other(exponents in prop::array::uniform7(-9i8..=9), n in 1i32..=16) {
        let dimension = Dimension::si(exponents);
        prop_assert_eq!(dimension.powf(1.0 / f64::from(n)).powi(n), dimension);
        prop_assert_eq!(dimension.powi(n).powf(1.0 / f64::from(n)), dimension);
        prop_assert_eq!(dimension.powi(n) / dimension, dimension.powi(n - 1));
        prop_assert_eq!(dimension * dimension.powi(-1), Dimension::NONE);
    }

    /// What is printed, read as a product of units, is the dimension.
    #[test]
    fn what_is_printed_can_be_read(exponents in prop::array::uniform7(-4i8..=4), root in 1u8..=4) {
        let dimension = Dimension::si(exponents).powf(1.0 / f64::from(root));
        prop_assert_eq!(read(&dimension.to_string()), dimension, "{}", dimension);
    }
}

/// Reads `a * b**2/c**(1/3)`.
fn read(text: &str) -> Dimension {
    let mut product = Dimension::NONE;
    let text = text.replace("(1/", "(1:").replace("/3)", ":3)").replace("/4)", ":4)");
    for (k, factor) in text.replace(" * ", "\u{1}*").replace('/', "\u{1}/").split('\u{1}').enumerate() {
        let (divides, factor) = match factor.strip_prefix('/') {
            Some(rest) => (true, rest),
            None => (false, factor.strip_prefix('*').unwrap_or(factor)),
        };
        if (k, factor) == (0, "1") {
            continue;
        }
        let (name, exponent) = factor.split_once("**").unwrap_or((factor, "1"));
        let exponent = match exponent.trim_matches(['(', ')']).split_once(':') {
            Some((n, d)) => n.parse::<f64>().expect("a number") / d.parse::<f64>().expect("a number"),
            None => exponent.parse().expect("a number"),
        };
        let unit = unit::lookup(name).unwrap_or_else(|| panic!("`{name}` in `{text}`"));
        assert_eq!(unit.scale, 1.0);
        let power = unit.dimension.powf(exponent);
        product = if divides { product / power } else { product * power };
    }
    product
}

#[test]
fn dimensions_print_as_users_write_them() {
    let of = |name: &str| unit::lookup(name).expect("a unit").dimension;
    let cases = [
        (Dimension::NONE, "1"),
        (of("radian"), "1"),
        (of("mV"), "volt"),
        (of("nA"), "amp"),
        (of("nS"), "siemens"),
        (of("pF"), "farad"),
        (of("Mohm"), "ohm"),
        (of("kHz"), "hertz"),
        (of("becquerel"), "hertz"),
        (of("ms"), "second"),
        (of("um"), "meter"),
        (of("cm2"), "meter**2"),
        (of("newton"), "newton"),
        (of("pascal"), "pascal"),
        (of("mM"), "mole/meter**3"),
        (of("volt").powi(2), "volt**2"),
        (of("volt").powi(-1), "volt**-1"),
        (of("volt") / of("second"), "volt/second"),
        (of("volt").powi(-1) / of("second"), "volt**-1 * second**-1"),
        (of("volt").powi(2) / of("second"), "volt**2/second"),
        (of("volt") / of("second").sqrt(), "volt/second**0.5"),
        (of("second").powf(-0.5), "second**-0.5"),
        (of("second").powi(-2), "second**-2"),
        (of("amp") / of("meter2"), "amp/meter**2"),
        (of("siemens") / of("meter2"), "siemens/meter**2"),
        (of("farad") / of("meter2"), "farad/meter**2"),
        (of("ohm") * of("meter"), "ohm * meter"),
        (of("meter").powf(1.0 / 3.0), "meter**(1/3)"),
        (of("volt") * of("amp"), "watt"),
        (of("volt") * of("second"), "volt * second"),
        (of("volt").powf(0.7), "volt**0.7"),
    ];
    for (dimension, text) in cases {
        assert_eq!(dimension.to_string(), text);
    }
}
