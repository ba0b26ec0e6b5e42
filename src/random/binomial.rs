//! The binomial distribution, drawn as `RandomState.binomial` draws it: by inversion where no more than 30 successes
//! are to be expected, by the algorithm BTPE (Kachitvichyanukul and Schmeiser, *Communications of the ACM* 31, 1988)
//! above; failures are drawn instead where they are the fewer.

use std::sync::Arc;

use super::Uniforms;
use super::logarithm::log;
use crate::kernel::maths::exp;

/// A binomial distribution.
#[derive(Clone, Debug)]
pub struct Binomial {
    /// The number of trials, if the method draws failures.
    failures_of: Option<i64>,
    method: Method,
}

#[derive(Clone, Debug)]
enum Method {
    Zero,
    Inversion(Inversion),
    Table(Arc<Table>),
    Rejection(Rejection),
}

impl Binomial {
    /// The number of successes in so many trials. NumPy refuses a negative number of trials, and probabilities beyond 0
    /// and 1 or NaN; here these count as 0, as 0 or 1, and as 0. Without trials, as in NumPy, a number is still drawn;
    /// if there is a negative number of them, none is.
    pub fn new(trials: i64, probability: f64) -> Binomial {
        if trials < 0 {
            return Binomial { failures_of: None, method: Method::Zero };
        }
        let probability = if probability > 0.0 { probability.min(1.0) } else { 0.0 };
        let (failures_of, rarer) =
            if probability <= 0.5 { (None, probability) } else { (Some(trials), 1.0 - probability) };
        let n = trials as f64;
        let method = match rarer * n <= 30.0 {
            true => Method::Inversion(Inversion::new(n, rarer)),
            false => Method::Rejection(Rejection::new(n, rarer)),
        };
        Binomial { failures_of, method }
    }

    /// The same, prepared for many draws.
    #[must_use]
    pub fn prepared(mut self) -> Binomial {
        if let Method::Inversion(inversion) = &self.method {
            self.method = Method::Table(Arc::new(Table::new(inversion)));
        }
        self
    }

    /// One number.
    #[inline]
    pub fn draw<U: Uniforms + ?Sized>(&self, source: &mut U) -> i64 {
        let found = match &self.method {
            Method::Zero => 0.0,
            Method::Inversion(inversion) => inversion.draw(source),
            Method::Table(table) => table.draw(source),
            Method::Rejection(rejection) => rejection.draw(source),
        } as i64;
        self.failures_of.map_or(found, |trials| trials - found)
    }
}

/// Goes through the probabilities of 0, 1, 2, … until their sum is above a uniform number.
#[derive(Clone, Copy, Debug)]
struct Inversion {
    n: f64,
    p: f64,
    q: f64,
    probability_of_zero: f64,
    /// So far out that only rounding errors lead there: ten standard deviations.
    bound: f64,
}

impl Inversion {
    fn new(n: f64, p: f64) -> Inversion {
        let q = 1.0 - p;
        let mean = n * p;
        let bound = n.min(mean + 10.0 * (mean * q + 1.0).sqrt()).trunc();
        Inversion { n, p, q, probability_of_zero: exp(n * log(q)), bound }
    }

    fn draw<U: Uniforms + ?Sized>(&self, source: &mut U) -> f64 {
        loop {
            if let Some(count) = self.count(source.uniform()) {
                return count;
            }
        }
    }

    /// The number for a uniform number; none if that is too far out. Never less for a greater uniform number, since
    /// rounded differences keep the order of what they are differences of.
    fn count(&self, uniform: f64) -> Option<f64> {
        let mut count = 0.0;
        let mut probability = self.probability_of_zero;
        let mut left = uniform;
        while left > probability {
            count += 1.0;
            if count > self.bound {
                return None;
            }
            left -= probability;
            probability = ((self.n - count + 1.0) * self.p * probability) / (count * self.q);
        }
        Some(count)
    }
}

/// Uniform numbers are multiples of 2⁻⁵³.
const UNIFORMS: u64 = 1 << 53;

/// Uniform numbers of a part of the table.
const PART: u32 = 53 - 8;

/// The numbers that inversion gives, by the uniform number: found by halving, so the same to the last one.
#[derive(Debug)]
struct Table {
    /// The first uniform number, in units of 2⁻⁵³, that gives more than 0, 1, 2, …; the last one is for those too far out.
    first_above: Vec<u64>,
    /// What the first uniform number of each part gives.
    of_part: Vec<u32>,
}

impl Table {
    fn new(inversion: &Inversion) -> Table {
        let is_above = |uniform: u64, count: usize| {
            inversion.count(uniform as f64 / UNIFORMS as f64).is_none_or(|found| found > count as f64)
        };
        let mut first_above = Vec::new();
        let mut low = 0;
        for count in 0..=inversion.bound as usize {
            let mut high = UNIFORMS;
            while low < high {
                let middle = low + (high - low) / 2;
                if is_above(middle, count) { high = middle } else { low = middle + 1 }
            }
            first_above.push(low);
            if low == UNIFORMS {
                break;
            }
        }
        let of_part =
            (0..UNIFORMS >> PART).map(|part| first_above.partition_point(|first| *first <= part << PART) as u32);
        Table { of_part: of_part.collect(), first_above }
    }

    #[inline]
    fn draw<U: Uniforms + ?Sized>(&self, source: &mut U) -> f64 {
        loop {
            let uniform = (source.uniform() * UNIFORMS as f64) as u64;
            let mut count = self.of_part[(uniform >> PART) as usize] as usize;
            while let Some(first) = self.first_above.get(count) {
                if uniform < *first {
                    return count as f64;
                }
                count += 1;
            }
        }
    }
}

/// BTPE: a hat of a triangle, two parallelograms and two exponential tails. Constants by their names in the paper;
/// numbers of successes are whole doubles.
#[derive(Clone, Copy, Debug)]
struct Rejection {
    n: f64,
    r: f64,
    q: f64,
    /// The variance.
    nrq: f64,
    /// The mode.
    m: f64,
    x_m: f64,
    x_l: f64,
    x_r: f64,
    c: f64,
    lambda_l: f64,
    lambda_r: f64,
    p1: f64,
    p2: f64,
    p3: f64,
    p4: f64,
}

impl Rejection {
    fn new(n: f64, r: f64) -> Rejection {
        let q = 1.0 - r;
        let f_m = n * r + r;
        let m = f_m.floor();
        let p1 = (2.195 * (n * r * q).sqrt() - 4.6 * q).floor() + 0.5;
        let x_m = m + 0.5;
        let (x_l, x_r) = (x_m - p1, x_m + p1);
        let c = 0.134 + 20.5 / (15.3 + m);
        let rate = |a: f64| a * (1.0 + a / 2.0);
        let lambda_l = rate((f_m - x_l) / (f_m - x_l * r));
        let lambda_r = rate((x_r - f_m) / (x_r * q));
        let p2 = p1 * (1.0 + 2.0 * c);
        let p3 = p2 + c / lambda_l;
        let p4 = p3 + c / lambda_r;
        Rejection { n, r, q, nrq: n * r * q, m, x_m, x_l, x_r, c, lambda_l, lambda_r, p1, p2, p3, p4 }
    }

    fn draw<U: Uniforms + ?Sized>(&self, source: &mut U) -> f64 {
        loop {
            let u = source.uniform() * self.p4;
            let v = source.uniform();
            if u <= self.p1 {
                return (self.x_m - self.p1 * v + u).floor();
            }
            if let Some((y, height)) = self.candidate(u, v)
                && self.is_below(y, height)
            {
                return y;
            }
        }
    }

    /// A number of successes under the parallelograms and tails, with the height of the point relative to the
    /// probability of the mode; none where the point is outside of what can be.
    fn candidate(&self, u: f64, v: f64) -> Option<(f64, f64)> {
        if u <= self.p2 {
            let x = self.x_l + (u - self.p1) / self.c;
            let height = v * self.c + 1.0 - (self.m - x + 0.5).abs() / self.p1;
            return (height <= 1.0).then_some((x.floor(), height));
        }
        let (y, height) = if u <= self.p3 {
            ((self.x_l + log(v) / self.lambda_l).floor(), v * (u - self.p2) * self.lambda_l)
        } else {
            ((self.x_r - log(v) / self.lambda_r).floor(), v * (u - self.p3) * self.lambda_r)
        };
        (v != 0.0 && y >= 0.0 && y <= self.n).then_some((y, height))
    }

    /// Whether a height is below the probability of `y` relative to that of the mode.
    fn is_below(&self, y: f64, height: f64) -> bool {
        // At the tips of the parallelograms, or less by a rounding error.
        if height <= 0.0 {
            return true;
        }
        let k = (y - self.m).abs();
        if k <= 20.0 || k >= self.nrq / 2.0 - 1.0 {
            return height <= self.by_recursion(y);
        }
        let rho = (k / self.nrq) * ((k * (k / 3.0 + 0.625) + 0.16666666666666666) / self.nrq + 0.5);
        let t = -k * k / (2.0 * self.nrq);
        let log_height = log(height);
        if log_height < t - rho {
            return true;
        }
        log_height <= t + rho && log_height <= self.by_stirling(y)
    }

    fn by_recursion(&self, y: f64) -> f64 {
        let s = self.r / self.q;
        let a = s * (self.n + 1.0);
        let mut ratio = 1.0;
        let mut i = self.m.min(y);
        while i < self.m.max(y) {
            i += 1.0;
            if self.m < y {
                ratio *= a / i - s;
            } else {
                ratio /= a / i - s;
            }
        }
        ratio
    }

    /// The logarithm, by Stirling's formula.
    fn by_stirling(&self, y: f64) -> f64 {
        let x1 = y + 1.0;
        let f1 = self.m + 1.0;
        let z = self.n + 1.0 - self.m;
        let w = self.n - y + 1.0;
        let rest = |x: f64| {
            let square = x * x;
            (13680.0 - (462.0 - (132.0 - (99.0 - 140.0 / square) / square) / square) / square) / x / 166320.0
        };
        self.x_m * log(f1 / x1)
            + (self.n - self.m + 0.5) * log(z / w)
            + (y - self.m) * log(w * self.r / (x1 * self.q))
            + rest(f1)
            + rest(z)
            + rest(x1)
            + rest(w)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives one number, then others.
    struct Given(Vec<f64>);

    impl Uniforms for Given {
        fn uniform(&mut self) -> f64 {
            self.0.pop().unwrap_or(0.25)
        }
    }

    proptest! {
        /// At random, and around every step of the table.
        #[test]
        fn a_table_gives_what_inversion_gives(trials in 0_i64..3000, mean in 0.0..30.0_f64, uniforms in prop::collection::vec(0..UNIFORMS, 50)) {
            let binomial = Binomial::new(trials, mean / trials.max(1) as f64);
            let prepared = binomial.clone().prepared();
            let steps = match &prepared.method {
                Method::Table(table) => table.first_above.clone(),
                _ => Vec::new(),
            };
            let around = steps.iter().flat_map(|step| [step.saturating_sub(1), *step, *step + 1]).filter(|u| *u < UNIFORMS);
            for uniform in uniforms.into_iter().chain(around) {
                let given = || Given(vec![uniform as f64 / UNIFORMS as f64]);
                prop_assert_eq!(prepared.draw(&mut given()), binomial.draw(&mut given()));
            }
        }
    }
}
