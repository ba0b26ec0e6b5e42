//! Kernels mean the same everywhere: the interpreter, hoisted kernels and compiled ones against a plain walk of the
//! trees, bit for bit.

mod arguments;
mod compiled;
mod generate;
mod memory;
mod reference;
mod threads;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use saltus::kernel::hoist::hoist;
use saltus::kernel::interpret::{Arguments, Program};
use saltus::kernel::ir::{Kernel, LoopShape};
use saltus::kernel::text::{parse_kernel, print_kernel};
use saltus::kernel::verify::verify;
use saltus::render::{Language, render};

use memory::{After, Memory, difference};

/// Around the edges of vectors and blocks.
const SIZES: [usize; 6] = [0, 1, 7, 256, 300, 1000];

fn interpret(kernel: &Kernel, memory: &Memory) -> After {
    run(&Program::new(kernel), kernel, memory)
}

fn run(program: &Program, kernel: &Kernel, memory: &Memory) -> After {
    let mut memory = memory.clone();
    let mut selected = vec![0; (memory.end - memory.begin).max(0) as usize];
    let arguments = Arguments {
        begin: memory.begin,
        end: memory.end,
        indices: memory.indices.as_ptr(),
        selected: selected.as_mut_ptr(),
    };
    // SAFETY: there is an array for each parameter, as long as the indices reach, and room for all elements.
    let outcome = unsafe { program.run(memory.pointers().as_ptr(), arguments) };
    if matches!(kernel.shape, LoopShape::Select(_) | LoopShape::Pairs(_)) {
        selected.truncate(outcome.selected_count as usize);
    } else {
        assert_eq!(outcome.selected_count, 0);
        selected.clear();
    }
    After { arrays: memory.arrays, selected, flags: outcome.flags }
}

fn fixtures() -> Vec<(String, Kernel)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernels/fixtures");
    let entries = std::fs::read_dir(&directory).expect("the fixtures are there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable directory").path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let kernel = parse_kernel(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(verify(&kernel), Ok(()), "{name}");
        (name, kernel)
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn kernels_are_rendered_as_before() {
    for (name, kernel) in fixtures() {
        let hoisted = hoist(kernel);
        let entry = |language, start| {
            let text = render(&hoisted, language).text;
            text[text.find(start).expect("the entry is there")..].to_owned()
        };
        let (c, rust) = (entry(Language::C, "__attribute__((visibility"), entry(Language::Rust, "#[no_mangle]"));
        let shown = format!("{}\n{c}\n{rust}", print_kernel(&hoisted));
        insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "snapshots", omit_expression => true }, {
            insta::assert_snapshot!(name, shown);
        });
    }
}

#[test]
fn every_tier_leaves_the_same_bits() {
    let fixtures = fixtures();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((name, kernel)) = fixtures.get(next.fetch_add(1, Ordering::Relaxed)) {
                    check_every_tier(name, kernel, &directory.path().join(name));
                }
            });
        }
    });
}

#[test]
fn a_program_runs_on_many_threads() {
    let (_, kernel) = fixtures().into_iter().find(|(name, _)| name == "hodgkin_huxley").expect("the fixture is there");
    let program = Program::new(&kernel);
    let memory = Memory::random(&kernel, 1000, 1);
    let expected = reference::run(&kernel, &memory);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(difference(&kernel, &expected, &run(&program, &kernel, &memory)), None);
                }
            });
        }
    });
}

fn check_every_tier(name: &str, kernel: &Kernel, directory: &Path) {
    let hoisted = hoist(kernel.clone());
    let cases: Vec<(Memory, After)> = SIZES
        .iter()
        .flat_map(|n| (0..3).map(|seed| Memory::random(kernel, *n, seed + 7)))
        .map(|memory| (memory.clone(), reference::run(kernel, &memory)))
        .collect();
    let check = |tier: &str, run: &dyn Fn(&Memory) -> After| {
        for (memory, expected) in &cases {
            let found = run(memory);
            assert_eq!(difference(kernel, expected, &found), None, "{name}, {tier}, {} elements", memory.end);
        }
    };
    check("interpreter", &|memory| interpret(kernel, memory));
    check("interpreter, hoisted", &|memory| interpret(&hoisted, memory));
    for (k, toolchain) in compiled::TOOLCHAINS.iter().enumerate() {
        // A path of its own: the loader takes equal paths for one library.
        let compiled = toolchain.compile(&hoisted, &directory.join(k.to_string()));
        check(&toolchain.name, &|memory| compiled.run(kernel, memory));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_interpreter_agrees_with_the_walk(choices in prop::collection::vec(any::<u32>(), 0..150), seed in any::<u64>()) {
        let kernel = generate::kernel(&choices);
        prop_assert_eq!(verify(&kernel), Ok(()));
        for n in SIZES {
            let memory = Memory::random(&kernel, n, seed);
            let expected = reference::run(&kernel, &memory);
            prop_assert_eq!(difference(&kernel, &expected, &interpret(&kernel, &memory)), None, "n = {}", n);
        }
    }

    #[test]
    fn hoisting_changes_no_bit(choices in prop::collection::vec(any::<u32>(), 0..150), seed in any::<u64>()) {
        let kernel = generate::kernel(&choices);
        let hoisted = hoist(kernel.clone());
        prop_assert_eq!(verify(&hoisted), Ok(()));
        for n in SIZES {
            let memory = Memory::random(&kernel, n, seed);
            let expected = reference::run(&kernel, &memory);
            prop_assert_eq!(difference(&kernel, &expected, &reference::run(&hoisted, &memory)), None, "walk, n = {}", n);
            prop_assert_eq!(difference(&kernel, &expected, &interpret(&hoisted, &memory)), None, "n = {}", n);
        }
        prop_assert_eq!(hoist(hoisted.clone()), hoisted);
    }
}

proptest! {
    // Each case starts compilers.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20) })]

    #[test]
    fn compiled_kernels_agree_with_the_walk(choices in prop::collection::vec(any::<u32>(), 0..150), seed in any::<u64>()) {
        let kernel = generate::kernel(&choices);
        let hoisted = hoist(kernel.clone());
        let directory = tempfile::tempdir().expect("a temporary directory");
        for toolchain in compiled::few_toolchains() {
            let compiled = toolchain.compile(&hoisted, &directory.path().join(&toolchain.name));
            for n in SIZES {
                let memory = Memory::random(&kernel, n, seed);
                let expected = reference::run(&kernel, &memory);
                let found = compiled.run(&kernel, &memory);
                prop_assert_eq!(difference(&kernel, &expected, &found), None, "{}, n = {}", toolchain.name, n);
            }
        }
    }
}
