//! Kernels mean the same everywhere: the interpreter, hoisted kernels and compiled ones against a plain walk of the
//! trees, bit for bit.

mod generate;
mod memory;
mod reference;

use proptest::prelude::*;
use saltus::kernel::hoist::hoist;
use saltus::kernel::interpret::{Arguments, Program};
use saltus::kernel::ir::{Kernel, LoopShape};
use saltus::kernel::verify::verify;

use memory::{After, Memory, difference};

/// Around the edges of vectors and blocks.
const SIZES: [usize; 6] = [0, 1, 7, 256, 300, 1000];

fn interpret(kernel: &Kernel, memory: &Memory) -> After {
    let mut memory = memory.clone();
    let mut selected = vec![0; (memory.end - memory.begin).max(0) as usize];
    let arguments = Arguments {
        begin: memory.begin,
        end: memory.end,
        indices: memory.indices.as_ptr(),
        selected: selected.as_mut_ptr(),
    };
    let program = Program::new(kernel);
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
