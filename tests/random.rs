//! Random numbers against those of NumPy: `tests/random/fixtures.py` makes the fixtures with any NumPy.

use saltus::random::{BLOCK, Binomial, Generator, Poisson, StateError, Streams, Uniforms, WORDS};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixtures {
    seeded: Vec<Seeded>,
    poisson: Vec<PoissonCase>,
    binomial: Vec<BinomialCase>,
    interleaved: Vec<Interleaved>,
    blocks: Vec<Blocks>,
}

#[derive(Deserialize)]
struct Seeded {
    seed: u32,
    first: Vec<u64>,
    uniforms: u64,
    normals: Vec<u64>,
    words: u64,
    position: usize,
    second_normal: Option<u64>,
    then: u64,
}

#[derive(Deserialize)]
struct PoissonCase {
    mean: f64,
    seed: u32,
    first: Vec<i64>,
    digest: u64,
    then: u64,
}

#[derive(Deserialize)]
struct BinomialCase {
    trials: i64,
    probability: f64,
    seed: u32,
    first: Vec<i64>,
    digest: u64,
    then: u64,
}

#[derive(Deserialize)]
struct Interleaved {
    seed: u32,
    draws: Vec<(String, u64)>,
}

#[derive(Deserialize)]
struct Blocks {
    seed: u32,
    draws: Vec<(String, usize, u64)>,
}

const DRAWS: usize = 20_000;

fn fixtures() -> Fixtures {
    serde_json::from_str(include_str!("random/numpy.json")).expect("fixtures are JSON")
}

/// FNV-1a over words of 64 bits.
fn digest(words: impl IntoIterator<Item = u64>) -> u64 {
    words.into_iter().fold(0xcbf2_9ce4_8422_2325, |value, word| (value ^ word).wrapping_mul(0x100_0000_01b3))
}

fn assert_near(found: f64, expected_bits: u64, place: impl std::fmt::Debug) {
    let expected = f64::from_bits(expected_bits);
    let apart = found.to_bits().abs_diff(expected_bits);
    assert!(apart <= 1, "{place:?}: {found} is {apart} units in the last place from {expected}");
}

#[test]
fn seeds_give_the_numbers_of_numpy() {
    for case in fixtures().seeded {
        let mut generator = Generator::new(case.seed);
        let uniforms: Vec<u64> = (0..DRAWS).map(|_| generator.uniform().to_bits()).collect();
        assert_eq!(uniforms[..3], case.first, "seed {}", case.seed);
        assert_eq!(digest(uniforms), case.uniforms, "seed {}", case.seed);

        let mut generator = Generator::new(case.seed);
        for (k, expected) in case.normals.iter().enumerate() {
            assert_near(generator.normal(), *expected, (case.seed, k));
        }
        let state = generator.state();
        assert_eq!(digest(state.words.map(u64::from)), case.words, "seed {}", case.seed);
        assert_eq!(state.position, case.position, "seed {}", case.seed);
        assert_eq!(state.second_normal.is_some(), case.second_normal.is_some(), "seed {}", case.seed);
        if let (Some(found), Some(expected)) = (state.second_normal, case.second_normal) {
            assert_near(found, expected, case.seed);
        }
        generator.uniform();
        assert_eq!(generator.uniform().to_bits(), case.then, "seed {}", case.seed);
    }
}

#[test]
fn poisson_numbers_are_those_of_numpy() {
    for case in fixtures().poisson {
        let mut generator = Generator::new(case.seed);
        let numbers: Vec<i64> = (0..DRAWS).map(|_| generator.poisson(case.mean)).collect();
        assert_eq!(numbers[..5], case.first, "mean {}", case.mean);
        assert_eq!(digest(numbers.into_iter().map(|n| n as u64)), case.digest, "mean {}", case.mean);
        assert_eq!(generator.uniform().to_bits(), case.then, "mean {}", case.mean);
    }
}

#[test]
fn binomial_numbers_are_those_of_numpy() {
    for case in fixtures().binomial {
        let name = format!("{} trials of probability {}", case.trials, case.probability);
        let mut generator = Generator::new(case.seed);
        let numbers: Vec<i64> = (0..DRAWS).map(|_| generator.binomial(case.trials, case.probability)).collect();
        assert_eq!(numbers[..5], case.first, "{name}");
        assert_eq!(digest(numbers.into_iter().map(|n| n as u64)), case.digest, "{name}");
        assert_eq!(generator.uniform().to_bits(), case.then, "{name}");
    }
}

#[test]
fn kinds_of_draws_share_one_generator() {
    for case in fixtures().interleaved {
        let mut generator = Generator::new(case.seed);
        for (k, (kind, expected)) in case.draws.iter().enumerate() {
            let found = match kind.as_str() {
                "uniform" => generator.uniform(),
                "normal" => generator.normal(),
                "poisson" => generator.poisson(20.0) as f64,
                "binomial" => generator.binomial(300, 0.7) as f64,
                _ => unreachable!("{kind}"),
            };
            assert_near(found, *expected, (case.seed, k, kind));
        }
    }
}

fn draw(streams: &mut Streams, kind: &str) -> f64 {
    match kind {
        "uniform" => streams.direct().uniform(),
        "normal" => streams.direct().normal(),
        "next_uniform" => streams.next_uniform(),
        "next_normal" => streams.next_normal(),
        _ => unreachable!("{kind}"),
    }
}

#[test]
fn code_draws_from_blocks() {
    for case in fixtures().blocks {
        let mut streams = Streams::new(case.seed);
        let mut filled = streams.clone();
        for (k, (kind, count, expected)) in case.draws.iter().enumerate() {
            let mut last = f64::NAN;
            let mut room = vec![f64::NAN; *count];
            for _ in 0..*count {
                last = draw(&mut streams, kind);
            }
            match kind.as_str() {
                "next_uniform" => filled.fill_uniform(&mut room),
                "next_normal" => filled.fill_normal(&mut room),
                _ => room.fill_with(|| draw(&mut filled, kind)),
            }
            assert_near(last, *expected, (case.seed, k, kind));
            assert_eq!(room[count - 1], last, "seed {}, draw {k}", case.seed);
        }
    }
}

/// Distributions in code take their numbers from the block, whatever is drawn directly.
#[test]
fn distributions_in_code_draw_from_the_block() {
    let mut streams = Streams::new(5);
    let mut alone = Generator::new(5);
    assert_eq!(streams.next_uniform(), alone.uniform());
    for k in 0..3000 {
        streams.direct().normal();
        assert_eq!(streams.next_uniform(), alone.uniform(), "{k}");
        assert_eq!(streams.next_poisson(2.5), alone.poisson(2.5), "{k}");
        assert_eq!(streams.next_binomial(20, 0.7), alone.binomial(20, 0.7), "{k}");
        if streams.state().uniforms.len() < 100 {
            break;
        }
    }
    assert!(streams.state().uniforms.len() < BLOCK / 2);
}

#[test]
fn a_seed_starts_everything_again() {
    let mut streams = Streams::new(1);
    streams.next_uniform();
    streams.next_normal();
    streams.direct().normal();
    streams.seed(8);
    let mut new = Streams::new(8);
    assert_eq!(streams.state(), new.state());
    assert_eq!(streams.next_normal(), new.next_normal());
    assert_eq!(streams.next_uniform(), new.next_uniform());
    assert_eq!(streams.direct().normal(), new.direct().normal());
}

/// From any point on, streams in a state that was taken and set draw the same.
#[test]
fn states_are_taken_and_set() {
    let kinds = ["uniform", "normal", "next_uniform", "next_normal"];
    let mut streams = Streams::new(11);
    for round in 0..40 {
        let state = streams.state();
        let mut other = Streams::new(round);
        other.next_uniform();
        other.set_state(&state).expect("a state of streams");
        assert_eq!(other.state(), state, "round {round}");
        for k in 0..1500 {
            let kind = kinds[(k * k + 3 * round as usize) % kinds.len()];
            assert_eq!(draw(&mut other, kind), draw(&mut streams, kind), "round {round}, draw {k}");
        }
    }
}

/// A state that NumPy tells right after seeding has the words of the seed itself, all used.
#[test]
fn a_state_of_numpy_goes_on_as_numpy() {
    let mut word = 1234_u32;
    let words = std::array::from_fn(|k| {
        if k > 0 {
            word = 1_812_433_253_u32.wrapping_mul(word ^ (word >> 30)).wrapping_add(k as u32);
        }
        word
    });
    let mut generator = Generator::new(0);
    let mut state = generator.state();
    (state.words, state.position) = (words, WORDS);
    generator.set_state(&state);
    assert_eq!(generator.state(), state);
    let mut seeded = Generator::new(1234);
    assert!((0..1000).all(|_| generator.uniform() == seeded.uniform()));
}

#[test]
fn states_that_never_were_are_refused() {
    let mut streams = Streams::new(2);
    let state = streams.state();
    let mut long = state.clone();
    long.normals = vec![0.0; BLOCK + 1];
    assert_eq!(streams.set_state(&long), Err(StateError::Block { kind: "normal", found: BLOCK + 1 }));
    let mut beyond = state.clone();
    beyond.generator.position = WORDS + 1;
    let error = streams.set_state(&beyond).expect_err("no such position");
    assert_eq!(error.to_string(), "625 of 624 words of the random number generator are used");
    assert_eq!(streams.state(), state);
}

/// A source that counts, and always gives the same number.
struct Same(f64, usize);

impl Uniforms for Same {
    fn uniform(&mut self) -> f64 {
        self.1 += 1;
        self.0
    }
}

#[test]
fn arguments_that_numpy_refuses_have_a_result() {
    for (mean, expected) in [(f64::NAN, 0), (-1.0, 0), (-0.0, 0), (f64::INFINITY, i64::MAX), (1e19, i64::MAX)] {
        let mut source = Same(0.5, 0);
        assert_eq!((Poisson::new(mean).draw(&mut source), source.1), (expected, 0), "mean {mean}");
    }
    for (trials, probability, expected, drawn) in
        [(10, f64::NAN, 0, 1), (10, -1.0, 0, 1), (10, 1.5, 10, 1), (-3, 0.7, 0, 0), (0, 0.7, 0, 1)]
    {
        let mut source = Same(0.5, 0);
        let found = Binomial::new(trials, probability).draw(&mut source);
        assert_eq!((found, source.1), (expected, drawn), "{trials} trials of probability {probability}");
    }
}

/// A uniform number of exactly 0 leads to a logarithm of 0 in both methods of rejection.
#[test]
fn zeros_are_no_trouble() {
    struct ZeroThenHalf(usize);
    impl Uniforms for ZeroThenHalf {
        fn uniform(&mut self) -> f64 {
            self.0 += 1;
            if self.0 <= 2 { 0.0 } else { 0.5 }
        }
    }
    assert!((0..100).contains(&Poisson::new(40.0).draw(&mut ZeroThenHalf(0))));
    assert!((0..=1000).contains(&Binomial::new(1000, 0.4).draw(&mut ZeroThenHalf(0))));
    assert_eq!(Poisson::new(3.0).draw(&mut ZeroThenHalf(0)), 0);
    assert_eq!(Binomial::new(10, 0.4).draw(&mut ZeroThenHalf(0)), 0);
}
