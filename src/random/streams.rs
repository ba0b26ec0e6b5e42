//! The blocks from which code draws, before the one generator.
//!
//! In Brian2's Cython target, `rand` and `randn` in code take their numbers one by one from two blocks of 20,000, each
//! fetched from NumPy's generator when it is needed and the one before is used up. Whatever is drawn directly meanwhile
//! comes from the generator as it then stands.

use super::{Binomial, Generator, GeneratorState, Poisson, Uniforms};

/// Numbers of a block.
pub const BLOCK: usize = 20_000;

/// The random numbers of a network.
#[derive(Clone, Debug)]
pub struct Streams {
    generator: Generator,
    uniforms: Block,
    normals: Block,
}

/// Everything that decides what [`Streams`] draw next.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamsState {
    /// The generator.
    pub generator: GeneratorState,
    /// What is left of the block of uniform numbers, in the order of drawing; at most [`BLOCK`] numbers.
    pub uniforms: Vec<f64>,
    /// What is left of the block of normal numbers, likewise.
    pub normals: Vec<f64>,
}

/// A state that no streams were ever in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// More numbers than a block has.
    #[error("{found} {kind} random numbers are left of a block of {BLOCK}")]
    Block {
        /// `uniform` or `normal`.
        kind: &'static str,
        /// How many there are.
        found: usize,
    },
    /// More words used than there are.
    #[error("{position} of {} words of the random number generator are used", super::WORDS)]
    Position {
        /// How many are said to be used.
        position: usize,
    },
}

impl Streams {
    /// As after `seed(seed)` of Brian2: no block is fetched. All the memory is allocated here.
    pub fn new(seed: u32) -> Streams {
        Streams { generator: Generator::new(seed), uniforms: Block::used_up(), normals: Block::used_up() }
    }

    /// Starts again from a seed; what is left of the blocks is dropped.
    pub fn seed(&mut self, seed: u32) {
        self.generator = Generator::new(seed);
        self.uniforms.position = BLOCK;
        self.normals.position = BLOCK;
    }

    /// The generator, for what is not drawn in code: statements that run once, random connections.
    pub fn direct(&mut self) -> &mut Generator {
        &mut self.generator
    }

    /// `rand()` in code.
    #[inline]
    pub fn next_uniform(&mut self) -> f64 {
        let generator = &mut self.generator;
        self.uniforms.next(|values| generator.fill_uniform(values))
    }

    /// `randn()` in code.
    #[inline]
    pub fn next_normal(&mut self) -> f64 {
        let generator = &mut self.generator;
        self.normals.next(|values| values.fill_with(|| generator.normal()))
    }

    /// What the next calls of [`next_uniform`](Streams::next_uniform) give, at least one of them; the first one is asked for
    /// now, the others may be.
    pub fn upcoming_uniforms(&mut self) -> &[f64] {
        if self.uniforms.position == BLOCK {
            self.uniforms.fetch(|values| self.generator.fill_uniform(values));
        }
        self.uniforms.rest()
    }

    /// So many of them were drawn.
    pub fn skip_uniforms(&mut self, drawn: usize) {
        self.uniforms.position = (self.uniforms.position + drawn).min(BLOCK);
    }

    /// As many calls of [`next_uniform`](Streams::next_uniform) as there is room.
    pub fn fill_uniform(&mut self, out: &mut [f64]) {
        let generator = &mut self.generator;
        self.uniforms.copy_to(out, |values| generator.fill_uniform(values));
    }

    /// As many calls of [`next_normal`](Streams::next_normal) as there is room.
    pub fn fill_normal(&mut self, out: &mut [f64]) {
        let generator = &mut self.generator;
        self.normals.copy_to(out, |values| values.fill_with(|| generator.normal()));
    }

    /// `poisson(mean)` in code: from the block of uniform numbers.
    pub fn next_poisson(&mut self, mean: f64) -> i64 {
        Poisson::new(mean).draw(self)
    }

    /// A number of the binomial distribution in code: from the block of uniform numbers.
    pub fn next_binomial(&mut self, trials: i64, probability: f64) -> i64 {
        Binomial::new(trials, probability).draw(self)
    }

    /// What decides the numbers to come.
    pub fn state(&self) -> StreamsState {
        StreamsState {
            generator: self.generator.state(),
            uniforms: self.uniforms.rest().to_vec(),
            normals: self.normals.rest().to_vec(),
        }
    }

    /// Goes on from a state. After an error everything is as before.
    pub fn set_state(&mut self, state: &StreamsState) -> Result<(), StateError> {
        for (kind, values) in [("uniform", &state.uniforms), ("normal", &state.normals)] {
            if values.len() > BLOCK {
                return Err(StateError::Block { kind, found: values.len() });
            }
        }
        let position = state.generator.position;
        if position > super::WORDS {
            return Err(StateError::Position { position });
        }
        self.generator.set_state(&state.generator);
        self.uniforms.set_rest(&state.uniforms);
        self.normals.set_rest(&state.normals);
        Ok(())
    }
}

impl Uniforms for Streams {
    #[inline]
    fn uniform(&mut self) -> f64 {
        self.next_uniform()
    }
}

#[derive(Clone, Debug)]
struct Block {
    /// Always [`BLOCK`] of them.
    values: Box<[f64]>,
    position: usize,
}

impl Block {
    fn used_up() -> Block {
        Block { values: vec![0.0; BLOCK].into_boxed_slice(), position: BLOCK }
    }

    /// A used up block is fetched anew only when a number is asked for: what is drawn directly until then comes first.
    #[inline]
    fn next(&mut self, draw: impl FnMut(&mut [f64])) -> f64 {
        if self.position == BLOCK {
            self.fetch(draw);
        }
        let value = self.values[self.position];
        self.position += 1;
        value
    }

    fn copy_to(&mut self, mut out: &mut [f64], mut draw: impl FnMut(&mut [f64])) {
        while !out.is_empty() {
            if self.position == BLOCK {
                self.fetch(&mut draw);
            }
            let count = out.len().min(BLOCK - self.position);
            let (now, later) = out.split_at_mut(count);
            now.copy_from_slice(&self.values[self.position..self.position + count]);
            self.position += count;
            out = later;
        }
    }

    #[cold]
    fn fetch(&mut self, mut draw: impl FnMut(&mut [f64])) {
        draw(&mut self.values);
        self.position = 0;
    }

    fn rest(&self) -> &[f64] {
        &self.values[self.position..]
    }

    fn set_rest(&mut self, rest: &[f64]) {
        self.position = BLOCK - rest.len();
        self.values[self.position..].copy_from_slice(rest);
    }
}
