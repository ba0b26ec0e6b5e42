//! The generator: MT19937, seeded and turned into doubles and normal numbers as NumPy's `RandomState` does it.
//!
//! Its words come by whole blocks, whose place in the sequence is known, so that the state can be told and taken in
//! NumPy's own form.

use std::hash::{BuildHasher, RandomState};
use std::time::SystemTime;

use rand_mt::Mt;

use super::logarithm::log;
use super::{Binomial, Poisson, Uniforms};

/// Words of MT19937's state.
pub const WORDS: usize = 624;

/// A sequence of random numbers.
#[derive(Clone, Debug)]
pub struct Generator {
    /// Stands at the end of `outputs`.
    twister: Mt,
    outputs: [u32; WORDS],
    position: usize,
    second_normal: Option<f64>,
}

/// Everything that decides what a [`Generator`] draws next, in the form of `RandomState.get_state()`.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratorState {
    /// The words of MT19937.
    pub words: [u32; WORDS],
    /// How many of them are used up. Right after seeding NumPy says 624 with the block before; that gives the same
    /// numbers as the 0 that is said here.
    pub position: usize,
    /// The second normal number of the pair of which one is drawn (`has_gauss`, `cached_gaussian`).
    pub second_normal: Option<f64>,
}

impl Generator {
    /// As after `numpy.random.seed(seed)`, and as `RandomState(seed)`.
    pub fn new(seed: u32) -> Generator {
        let mut generator =
            Generator { twister: Mt::new(seed), outputs: [0; WORDS], position: WORDS, second_normal: None };
        generator.refill();
        generator
    }

    /// The uniform distribution over [0, 1), with 53 random bits: `random_sample`, `rand`.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        let (high, low) = (self.word(), self.word());
        uniform_of(high, low)
    }

    /// As many calls of [`uniform`](Generator::uniform) as there is room.
    pub fn fill_uniform(&mut self, out: &mut [f64]) {
        let mut done = 0;
        while done < out.len() {
            if WORDS - self.position < 2 {
                out[done] = self.uniform();
                done += 1;
                continue;
            }
            let words = &self.outputs[self.position..];
            let count = (words.len() / 2).min(out.len() - done);
            for (value, pair) in out[done..done + count].iter_mut().zip(words.chunks_exact(2)) {
                *value = uniform_of(pair[0], pair[1]);
            }
            (done, self.position) = (done + count, self.position + 2 * count);
        }
    }

    /// The normal distribution of mean 0 and variance 1 by Marsaglia's polar method: `randn`. A point in the unit disc
    /// gives two numbers; that of its second coordinate comes first, the other one at the next call.
    pub fn normal(&mut self) -> f64 {
        if let Some(value) = self.second_normal.take() {
            return value;
        }
        loop {
            let x = 2.0 * self.uniform() - 1.0;
            let y = 2.0 * self.uniform() - 1.0;
            let square = x * x + y * y;
            if square < 1.0 && square != 0.0 {
                let factor = (-2.0 * log(square) / square).sqrt();
                self.second_normal = Some(factor * x);
                return factor * y;
            }
        }
    }

    /// `RandomState.poisson`; for means that NumPy refuses see [`Poisson::new`].
    pub fn poisson(&mut self, mean: f64) -> i64 {
        Poisson::new(mean).draw(self)
    }

    /// `RandomState.binomial`; for arguments that NumPy refuses see [`Binomial::new`].
    pub fn binomial(&mut self, trials: i64, probability: f64) -> i64 {
        Binomial::new(trials, probability).draw(self)
    }

    /// What decides the numbers to come.
    pub fn state(&self) -> GeneratorState {
        let words = self.outputs.map(untempered);
        GeneratorState { words, position: self.position, second_normal: self.second_normal }
    }

    /// Goes on from a state; one from NumPy will do. Positions beyond the last word count as that.
    pub fn set_state(&mut self, state: &GeneratorState) {
        self.outputs = state.words.map(tempered);
        self.twister = Mt::from(self.outputs);
        self.position = state.position.min(WORDS);
        self.second_normal = state.second_normal;
    }

    #[inline]
    fn word(&mut self) -> u32 {
        if self.position == WORDS {
            self.refill();
        }
        let word = self.outputs[self.position];
        self.position += 1;
        word
    }

    #[cold]
    fn refill(&mut self) {
        self.outputs.fill_with(|| self.twister.next_u32());
        self.position = 0;
    }
}

/// 53 bits of two words as a number of [0, 1).
#[inline]
fn uniform_of(high: u32, low: u32) -> f64 {
    (f64::from(high >> 5) * 67108864.0 + f64::from(low >> 6)) / 9007199254740992.0
}

impl Uniforms for Generator {
    #[inline]
    fn uniform(&mut self) -> f64 {
        Generator::uniform(self)
    }
}

/// A seed that differs from call to call and from process to process: a hash of the time under a key that the standard
/// library takes from the system's source of entropy. One word is less than NumPy would take, but can be told to the
/// user and given again.
pub fn seed_from_entropy() -> u32 {
    let hash = RandomState::new().hash_one(SystemTime::now());
    (hash >> 32) as u32 ^ hash as u32
}

/// MT19937's output for a word of its state.
fn tempered(word: u32) -> u32 {
    let a = word ^ (word >> 11);
    let b = a ^ ((a << 7) & 0x9d2c_5680);
    let c = b ^ ((b << 15) & 0xefc6_0000);
    c ^ (c >> 18)
}

/// The word that an output was made of.
fn untempered(output: u32) -> u32 {
    // Each round gets `shift` more bits of `x` right in x ^ ((x << shift) & mask) = y.
    let solve_left = |y: u32, shift: u32, mask: u32| (0..32 / shift).fold(y, |x, _| y ^ ((x << shift) & mask));
    let c = output ^ (output >> 18);
    let b = solve_left(c, 15, 0xefc6_0000);
    let a = solve_left(b, 7, 0x9d2c_5680);
    a ^ (a >> 11) ^ (a >> 22)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tempering_is_undone() {
        let mut word = 1_u32;
        for _ in 0..10_000 {
            assert_eq!(untempered(tempered(word)), word);
            word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        }
        for word in (0..32).map(|bit| 1 << bit).chain([0, u32::MAX]) {
            assert_eq!(untempered(tempered(word)), word);
        }
    }

    #[test]
    fn seeds_from_entropy_differ() {
        let seeds: std::collections::BTreeSet<u32> = (0..16).map(|_| seed_from_entropy()).collect();
        assert!(seeds.len() > 12, "{seeds:?}");
    }
}
