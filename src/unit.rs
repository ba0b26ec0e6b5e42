//! Physical dimensions, and the units that models may name.
//!
//! [`lookup`] knows the names of Brian2's default namespace of units (`mV`, `nS`, `usiemens`, `cm2`, ...) by rule, so
//! that nothing is built when the program starts. A [`Dimension`] is exact: equality and hash need no tolerance. It
//! prints in the syntax of the model language. Nothing here knows expressions.

mod scale;

use std::fmt;
use std::ops::{Div, Mul};

pub use self::scale::{Scale, quantity, scale_for};

/// Exponents are whole multiples of one over this, so that fractions with denominators up to 16 and decimals with up
/// to three places are exact.
const GRID: i64 = 18_018_000;

/// The exponents of metre, kilogram, second, ampere, kelvin, mole and candela.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Dimension([i64; 7]);

impl Dimension {
    /// No dimension: plain numbers, angles.
    pub const NONE: Dimension = Dimension::si([0; 7]);
    /// Length, in metres.
    pub const METER: Dimension = Dimension::si([1, 0, 0, 0, 0, 0, 0]);
    /// Mass, in kilograms.
    pub const KILOGRAM: Dimension = Dimension::si([0, 1, 0, 0, 0, 0, 0]);
    /// Time, in seconds.
    pub const SECOND: Dimension = Dimension::si([0, 0, 1, 0, 0, 0, 0]);
    /// Current, in amperes.
    pub const AMP: Dimension = Dimension::si([0, 0, 0, 1, 0, 0, 0]);
    /// Temperature, in kelvins.
    pub const KELVIN: Dimension = Dimension::si([0, 0, 0, 0, 1, 0, 0]);
    /// Amount of substance, in moles.
    pub const MOLE: Dimension = Dimension::si([0, 0, 0, 0, 0, 1, 0]);
    /// Luminous intensity, in candelas.
    pub const CANDLE: Dimension = Dimension::si([0, 0, 0, 0, 0, 0, 1]);
    /// Rate, in hertz.
    pub const HERTZ: Dimension = Dimension::si([0, 0, -1, 0, 0, 0, 0]);
    /// Voltage, in volts.
    pub const VOLT: Dimension = Dimension::si([2, 1, -3, -1, 0, 0, 0]);

    /// From whole exponents, in the order metre, kilogram, second, ampere, kelvin, mole, candela.
    pub const fn si(exponents: [i8; 7]) -> Dimension {
        let mut on_grid = [0; 7];
        let mut k = 0;
        while k < 7 {
            on_grid[k] = exponents[k] as i64 * GRID;
            k += 1;
        }
        Dimension(on_grid)
    }

    /// The exponents, in the order of [`Dimension::si`].
    pub fn exponents(self) -> [f64; 7] {
        self.0.map(|e| e as f64 / GRID as f64)
    }

    /// Whether it is that of plain numbers.
    pub fn is_dimensionless(self) -> bool {
        self == Dimension::NONE
    }

    /// The dimension of `x**exponent`.
    #[must_use]
    pub fn powi(self, exponent: i32) -> Dimension {
        Dimension(self.0.map(|e| e.saturating_mul(i64::from(exponent))))
    }

    /// The dimension of `x**exponent`; exponents are rounded to the grid, so that `x**(1/3)` is exact.
    #[must_use]
    pub fn powf(self, exponent: f64) -> Dimension {
        Dimension(self.0.map(|e| (e as f64 * exponent).round() as i64))
    }

    /// The dimension of `sqrt(x)`.
    #[must_use]
    pub fn sqrt(self) -> Dimension {
        self.powf(0.5)
    }

    /// For messages about a value: `in volt`, `without a unit`.
    pub fn described(self) -> String {
        if self.is_dimensionless() { "without a unit".to_string() } else { format!("in {self}") }
    }

    /// `r` such that this is `other**r`, if there is one.
    fn ratio_to(self, other: Dimension) -> Option<i64> {
        let first = other.0.iter().position(|&e| e != 0)?;
        let ratio = i128::from(self.0[first]) * i128::from(GRID) / i128::from(other.0[first]);
        let exact = |(&a, &b): (&i64, &i64)| i128::from(a) * i128::from(GRID) == ratio * i128::from(b);
        self.0.iter().zip(&other.0).all(exact).then_some(ratio as i64)
    }

    /// The factors to print, each with its exponent on the grid: as few as possible.
    fn factors(self) -> Vec<(&'static str, i64)> {
        let base: Vec<_> = BASE_NAMES.into_iter().zip(self.0).filter(|&(_, e)| e != 0).collect();
        if base.len() == 1 && self != Dimension::HERTZ {
            return base;
        }
        for (name, dimension) in PRINTED {
            if let Some(exponent) = self.ratio_to(dimension).filter(|&e| e == GRID) {
                return vec![(name, exponent)];
            }
        }
        for (name, dimension) in PRINTED {
            if let Some(exponent) = self.ratio_to(dimension) {
                return vec![(name, exponent)];
            }
        }
        if base.len() <= 2 {
            return base;
        }
        for power in [1, -1, 2, -2] {
            for (name, dimension) in PRINTED {
                let rest = self / dimension.powi(power);
                for (k, base_name) in BASE_NAMES.into_iter().enumerate() {
                    if rest.0.iter().enumerate().all(|(other, &e)| (other == k) == (e != 0)) {
                        return vec![(name, i64::from(power) * GRID), (base_name, rest.0[k])];
                    }
                }
            }
        }
        base
    }
}

impl Mul for Dimension {
    type Output = Dimension;
    fn mul(self, other: Dimension) -> Dimension {
        Dimension(std::array::from_fn(|k| self.0[k].saturating_add(other.0[k])))
    }
}

impl Div for Dimension {
    type Output = Dimension;
    fn div(self, other: Dimension) -> Dimension {
        Dimension(std::array::from_fn(|k| self.0[k].saturating_sub(other.0[k])))
    }
}

/// As users write it: `1`, `volt`, `siemens/meter**2`, `second**-0.5`. What is printed can be pasted into a model.
impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_dimensionless() {
            return f.write_str("1");
        }
        let (above, below): (Vec<_>, Vec<_>) = self.factors().into_iter().partition(|&(_, e)| e > 0);
        let (above, below) = if above.is_empty() { (below, above) } else { (above, below) };
        for (k, (name, exponent)) in above.into_iter().enumerate() {
            write!(f, "{}{name}{}", if k == 0 { "" } else { " * " }, Power(exponent))?;
        }
        for (name, exponent) in below {
            write!(f, "/{name}{}", Power(-exponent))?;
        }
        Ok(())
    }
}

/// `**exponent`, or nothing for 1.
struct Power(i64);

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let divisor = gcd(self.0.unsigned_abs(), GRID as u64) as i64;
        let (numerator, denominator) = (self.0 / divisor, GRID / divisor);
        match denominator {
            1 if numerator == 1 => Ok(()),
            1 => write!(f, "**{numerator}"),
            d if 1000 % d == 0 || d > 16 => write!(f, "**{}", self.0 as f64 / GRID as f64),
            d => write!(f, "**({numerator}/{d})"),
        }
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A unit that a model may name.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// As in the model.
    pub name: String,
    /// Its size in SI base units.
    pub scale: f64,
    /// What it measures.
    pub dimension: Dimension,
}

/// The unit of this name, if Brian2's default namespace has it.
///
/// ```
/// let unit = saltus::unit::lookup("mV").unwrap();
/// assert_eq!((unit.scale, unit.dimension.to_string()), (1e-3, "volt".to_string()));
/// assert!(saltus::unit::lookup("mv").is_none());
/// ```
pub fn lookup(name: &str) -> Option<Unit> {
    let (stem, power) = match name.as_bytes().last()? {
        b'2' => (&name[..name.len() - 1], 2),
        b'3' => (&name[..name.len() - 1], 3),
        _ => (name, 1),
    };
    let (decimal, exponents) = short(stem, power).or_else(|| long(stem, power))?;
    let dimension = Dimension::si(exponents).powi(power);
    // Parsing rounds correctly, which products of powers of ten do not.
    let scale = format!("1e{}", decimal * power).parse().ok()?;
    Some(Unit { name: name.to_string(), scale, dimension })
}

/// All names that [`lookup`] knows, for suggestions.
pub fn names() -> impl Iterator<Item = String> {
    let suffixes = |has_powers: bool| if has_powers { &["", "2", "3"][..] } else { &[""][..] };
    let long = NAMED.iter().flat_map(move |named| {
        let prefixes = std::iter::once("").chain(named.prefixes.iter().flat_map(|set| set.iter().map(|p| p.0)));
        prefixes.flat_map(move |prefix| {
            named.names.iter().flat_map(move |name| {
                suffixes(named.has_powers).iter().map(move |power| format!("{prefix}{name}{power}"))
            })
        })
    });
    let short = SHORT.iter().flat_map(move |(name, _, _, has_powers)| {
        suffixes(*has_powers).iter().map(move |power| format!("{name}{power}"))
    });
    short.chain(long)
}

/// The decimal exponent and the SI exponents of a short name such as `mV`.
fn short(stem: &str, power: i32) -> Option<(i32, [i8; 7])> {
    let &(_, decimal, exponents, has_powers) = SHORT.iter().find(|row| row.0 == stem)?;
    (power == 1 || has_powers).then_some((decimal, exponents))
}

/// The decimal exponent and the SI exponents of a prefix and a name such as `mvolt`.
fn long(stem: &str, power: i32) -> Option<(i32, [i8; 7])> {
    for named in NAMED.iter().filter(|named| power == 1 || named.has_powers) {
        for name in named.names {
            let Some(prefix) = stem.strip_suffix(name) else { continue };
            if prefix.is_empty() {
                return Some((named.decimal, named.exponents));
            }
            if let Some(&(_, decimal)) = named.prefixes.iter().flat_map(|set| set.iter()).find(|p| p.0 == prefix) {
                return Some((named.decimal + decimal, named.exponents));
            }
        }
    }
    None
}

const BASE_NAMES: [&str; 7] = ["meter", "kilogram", "second", "amp", "kelvin", "mole", "candle"];

/// The derived units that dimensions are printed with, the likeliest in a model first. Not the magnetic
/// ones: who integrates a voltage expects `volt * second`, not `weber`.
const PRINTED: [(&str, Dimension); 10] = [
    ("volt", Dimension::VOLT),
    ("siemens", Dimension::si(SIEMENS)),
    ("farad", Dimension::si(FARAD)),
    ("ohm", Dimension::si([2, 1, -3, -2, 0, 0, 0])),
    ("hertz", Dimension::HERTZ),
    ("coulomb", Dimension::si([0, 0, 1, 1, 0, 0, 0])),
    ("joule", Dimension::si([2, 1, -2, 0, 0, 0, 0])),
    ("watt", Dimension::si([2, 1, -3, 0, 0, 0, 0])),
    ("newton", Dimension::si([1, 1, -2, 0, 0, 0, 0])),
    ("pascal", Dimension::si([-1, 1, -2, 0, 0, 0, 0])),
];

type Prefixes = [(&'static str, i32)];

/// The prefixes that go with most units: those in steps of a thousand.
const THOUSANDS: &Prefixes = &[
    ("y", -24),
    ("z", -21),
    ("a", -18),
    ("f", -15),
    ("p", -12),
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
    ("Z", 21),
    ("Y", 24),
];

/// The others, which go with the litre only.
const TENS: &Prefixes = &[("c", -2), ("d", -1), ("da", 1), ("h", 2)];

/// A unit with its spellings and what may be put around it.
struct Named {
    names: &'static [&'static str],
    /// The power of ten of SI base units that it is.
    decimal: i32,
    exponents: [i8; 7],
    prefixes: &'static [&'static Prefixes],
    /// Whether `2` and `3` may follow.
    has_powers: bool,
}

/// A unit that takes the usual prefixes and powers.
const fn usual(names: &'static [&'static str], decimal: i32, exponents: [i8; 7]) -> Named {
    Named { names, decimal, exponents, prefixes: &[THOUSANDS], has_powers: true }
}

/// A unit that takes powers but no prefix.
const fn bare(names: &'static [&'static str], exponents: [i8; 7]) -> Named {
    Named { names, decimal: 0, exponents, prefixes: &[], has_powers: true }
}

const SIEMENS: [i8; 7] = [-2, -1, 3, 2, 0, 0, 0];
const FARAD: [i8; 7] = [-2, -1, 4, 2, 0, 0, 0];
const VOLT: [i8; 7] = [2, 1, -3, -1, 0, 0, 0];
const AMP: [i8; 7] = [0, 0, 0, 1, 0, 0, 0];
const METER: [i8; 7] = [1, 0, 0, 0, 0, 0, 0];
const SECOND: [i8; 7] = [0, 0, 1, 0, 0, 0, 0];
const HERTZ: [i8; 7] = [0, 0, -1, 0, 0, 0, 0];
const MOLAR: [i8; 7] = [-3, 0, 0, 0, 0, 1, 0];

const NAMED: [Named; 31] = [
    usual(&["second"], 0, SECOND),
    usual(&["volt"], 0, VOLT),
    usual(&["amp", "ampere"], 0, AMP),
    usual(&["siemens"], 0, SIEMENS),
    usual(&["farad"], 0, FARAD),
    usual(&["ohm"], 0, [2, 1, -3, -2, 0, 0, 0]),
    usual(&["hertz"], 0, HERTZ),
    usual(&["meter", "metre"], 0, METER),
    usual(&["coulomb"], 0, [0, 0, 1, 1, 0, 0, 0]),
    usual(&["mole", "mol"], 0, [0, 0, 0, 0, 0, 1, 0]),
    usual(&["molar"], 3, MOLAR),
    usual(&["gram", "gramme"], -3, [0, 1, 0, 0, 0, 0, 0]),
    bare(&["kilogram", "kilogramme"], [0, 1, 0, 0, 0, 0, 0]),
    bare(&["kelvin"], [0, 0, 0, 0, 1, 0, 0]),
    usual(&["candle"], 0, [0, 0, 0, 0, 0, 0, 1]),
    usual(&["radian"], 0, [0; 7]),
    usual(&["steradian"], 0, [0; 7]),
    usual(&["newton"], 0, [1, 1, -2, 0, 0, 0, 0]),
    usual(&["pascal"], 0, [-1, 1, -2, 0, 0, 0, 0]),
    usual(&["joule"], 0, [2, 1, -2, 0, 0, 0, 0]),
    usual(&["watt"], 0, [2, 1, -3, 0, 0, 0, 0]),
    usual(&["weber"], 0, [2, 1, -2, -1, 0, 0, 0]),
    usual(&["tesla"], 0, [0, 1, -2, -1, 0, 0, 0]),
    usual(&["henry"], 0, [2, 1, -2, -2, 0, 0, 0]),
    usual(&["lumen"], 0, [0, 0, 0, 0, 0, 0, 1]),
    usual(&["lux"], 0, [-2, 0, 0, 0, 0, 0, 1]),
    usual(&["becquerel"], 0, HERTZ),
    usual(&["gray"], 0, [2, 0, -2, 0, 0, 0, 0]),
    usual(&["sievert"], 0, [2, 0, -2, 0, 0, 0, 0]),
    usual(&["katal"], 0, [0, 0, -1, 0, 0, 1, 0]),
    Named {
        names: &["liter", "litre"],
        decimal: -3,
        exponents: [3, 0, 0, 0, 0, 0, 0],
        prefixes: &[THOUSANDS, TENS],
        has_powers: false,
    },
];

/// Short names: the power of ten of SI base units, the SI exponents, and whether `2` and `3` may follow.
const SHORT: [(&str, i32, [i8; 7], bool); 21] = [
    ("ms", -3, SECOND, false),
    ("us", -6, SECOND, false),
    ("mV", -3, VOLT, false),
    ("mA", -3, AMP, false),
    ("uA", -6, AMP, false),
    ("nA", -9, AMP, false),
    ("pA", -12, AMP, false),
    ("uS", -6, SIEMENS, false),
    ("nS", -9, SIEMENS, false),
    ("uF", -6, FARAD, false),
    ("nF", -9, FARAD, false),
    ("pF", -12, FARAD, false),
    ("Hz", 0, HERTZ, false),
    ("kHz", 3, HERTZ, false),
    ("MHz", 6, HERTZ, false),
    ("cm", -2, METER, true),
    ("mm", -3, METER, true),
    ("um", -6, METER, true),
    ("mM", 0, MOLAR, false),
    ("uM", -3, MOLAR, false),
    ("nM", -6, MOLAR, false),
];
