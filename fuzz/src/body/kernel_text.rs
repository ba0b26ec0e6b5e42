//! The text of a kernel: parsed, verified, printed, hoisted, rendered and run, against a plain walk of its trees.

use saltus::kernel::hoist::hoist;
use saltus::kernel::interpret::{Arguments, Program};
use saltus::kernel::ir::{Expr, Kernel, LoopShape, Stmt};
use saltus::kernel::text::{parse_kernel, print_kernel};
use saltus::kernel::verify::verify;
use saltus::render::{Language, render};

use crate::memory::{After, Memory, difference};
use crate::reference;

/// Longer texts teach nothing that shorter ones do not.
const LONGEST: usize = 4096;

/// Around the width of vectors.
const ELEMENTS: usize = 11;

/// Parses; what is well-formed means the same in every form.
pub fn kernel_text(input: &[u8]) {
    let Ok(source) = std::str::from_utf8(input) else { return };
    if source.len() > LONGEST {
        return;
    }
    let kernel = match parse_kernel(source) {
        Ok(kernel) => kernel,
        Err(diagnostic) => return drop(diagnostic.to_string()),
    };
    if let Err(error) = verify(&kernel) {
        return drop(error.to_string());
    }
    let printed = print_kernel(&kernel);
    assert_eq!(parse_kernel(&printed).as_ref(), Ok(&kernel), "{printed}");
    let hoisted = hoist(kernel.clone());
    assert_eq!(verify(&hoisted), Ok(()), "{}", print_kernel(&hoisted));
    let _ = render(&hoisted, Language::C);
    // Whoever builds a kernel that gathers sees to it that its indices are in range, and nobody built this one.
    if gathers(&kernel) {
        return;
    }
    let memory = Memory::random(&kernel, ELEMENTS, 1);
    let expected = reference::run(&kernel, &memory);
    for (form, kernel) in [("as written", &kernel), ("hoisted", &hoisted)] {
        let found = run(kernel, &memory);
        assert_eq!(difference(kernel, &expected, &found), None, "{form}: {}", print_kernel(kernel));
    }
}

fn gathers(kernel: &Kernel) -> bool {
    let mut found = false;
    let mut look = |expr: &Expr| expr.walk(&mut |e| found |= matches!(e, Expr::Gather(..)));
    for stmt in kernel.scalar.iter().chain(&kernel.vector) {
        match stmt {
            Stmt::Comment(_) => {}
            Stmt::Let(_, value) | Stmt::Flag(_, value) => look(value),
            Stmt::Store { value, when, .. } => {
                look(value);
                when.iter().for_each(&mut look);
            }
        }
    }
    if let LoopShape::Select(condition) | LoopShape::Pairs(condition) = &kernel.shape {
        look(condition);
    }
    found
}

fn run(kernel: &Kernel, memory: &Memory) -> After {
    let mut memory = memory.clone();
    let mut selected = vec![0; ELEMENTS];
    let arguments = Arguments {
        begin: memory.begin,
        end: memory.end,
        indices: memory.indices.as_ptr(),
        selected: selected.as_mut_ptr(),
    };
    // SAFETY: there is an array for each parameter, as long as the indices reach, and room for all elements.
    let outcome = unsafe { Program::new(kernel).run(memory.pointers().as_ptr(), arguments) };
    selected.truncate(outcome.selected_count as usize);
    After { arrays: memory.arrays, selected, flags: outcome.flags }
}
