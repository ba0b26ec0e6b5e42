//! A run that is divided among threads leaves the bits of one that is not.

use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock, Mutex};

use proptest::prelude::*;
use saltus::diag::{Span, Text};
use saltus::engine::{CodeObject, Threads};
use saltus::kernel::hoist::hoist;
use saltus::kernel::ir::{Kernel, LoopShape};
use saltus::kernel::lower::{Lowered, Site};
use saltus::kernel::text::parse_kernel;
use saltus::runtime::abi::{Call, Execute};

use crate::memory::{After, Memory, difference};
use crate::{compiled, fixtures, generate, reference};

/// Around bounds of chunks, and of several of them.
const SIZES: [usize; 8] = [0, 1, 63, 127, 128, 129, 321, 1000];

static THREADS: LazyLock<Vec<Arc<Threads>>> = LazyLock::new(|| {
    let threads = |count| Threads::new(NonZeroUsize::new(count).expect("at least one")).expect("threads");
    [1, 2, 3].map(threads).map(Arc::new).into()
});

/// Runs the kernel as a code object, in parts of at least so many elements.
fn run_divided(
    kernel: &Kernel,
    memory: &Memory,
    threads: &Arc<Threads>,
    least: usize,
    code: Option<Arc<dyn Execute>>,
) -> After {
    let mut memory = memory.clone();
    // As many places of the text as there are flags, each named by the number of its flag.
    let sites = (0..64).map(|flag| Site { text: Text::new("test", ""), span: Span::new(flag, flag) }).collect();
    let lowered = Lowered { kernel: kernel.clone(), sites, calls: Vec::new() };
    // SAFETY: there is an array for each parameter, as long as the indices reach, and `memory` is not moved or dropped.
    let mut object = unsafe { CodeObject::bind("divided", "test", lowered, memory.pointers()) };
    object.divide(threads, least);
    if let Some(code) = code {
        object.swap(code, "compiled", 0);
    }
    let elements = memory.begin as usize..memory.end.max(memory.begin) as usize;
    let mut selected = Vec::new();
    match kernel.shape {
        LoopShape::Each => object.run_range(elements),
        LoopShape::Indexed => object.run_over(&memory.indices),
        LoopShape::Select(_) | LoopShape::Pairs(_) => {
            selected.resize(elements.len(), -1);
            let count = object.select_range(elements, &mut selected);
            selected.truncate(count);
        }
    }
    let flags = object.take_divisions_by_zero().iter().fold(0, |flags, site| flags | 1 << site.span.start);
    After { arrays: memory.arrays, selected, flags }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn threads_change_no_bit(choices in prop::collection::vec(any::<u32>(), 0..150), seed in any::<u64>()) {
        let kernel = generate::kernel(&choices);
        for n in SIZES {
            let memory = Memory::random(&kernel, n, seed);
            let expected = reference::run(&kernel, &memory);
            for threads in THREADS.iter() {
                let found = run_divided(&kernel, &memory, threads, 1, None);
                let count = threads.count();
                prop_assert_eq!(difference(&kernel, &expected, &found), None, "{} threads, n = {}", count, n);
            }
        }
    }
}

/// A kernel of each shape with something to do for each element.
#[test]
fn threads_change_no_bit_of_compiled_kernels() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for name in ["booleans", "gather", "hodgkin_huxley", "reset", "threshold", "vectors", "vectors_select"] {
        let (_, kernel) = fixtures().into_iter().find(|(other, _)| other == name).expect("the fixture is there");
        let hoisted = hoist(kernel.clone());
        for toolchain in compiled::few_toolchains() {
            let code = Arc::new(toolchain.compile(&hoisted, &directory.path().join(name).join(&toolchain.name)));
            for (n, seed) in SIZES.into_iter().zip(1..) {
                let memory = Memory::random(&kernel, n, seed);
                let expected = reference::run(&kernel, &memory);
                for threads in THREADS.iter() {
                    let found = run_divided(&kernel, &memory, threads, 1, Some(code.clone()));
                    let (tier, count) = (&toolchain.name, threads.count());
                    let difference = difference(&kernel, &expected, &found);
                    assert_eq!(difference, None, "{name}, {tier}, {count} threads, n = {n}");
                }
            }
        }
    }
}

/// Notes the parts that it is asked to run.
#[derive(Default)]
struct Spy(Mutex<Vec<(i64, i64)>>);

impl Execute for Spy {
    unsafe fn execute(&self, _: *const *mut u8, call: &mut Call) {
        self.0.lock().expect("no panic").push((call.begin, call.end));
    }
}

/// The parts in which two threads run a kernel over 1000 elements or a range of them.
fn parts(shape: &str, scalar: &str, vector: &str, begin: i64, least: usize) -> Vec<(i64, i64)> {
    let params = "param v: f64[] written param w: f64[] param j: i32[] param s: f64 written";
    let emit = if ["select", "pairs"].contains(&shape) { "emit v[e] < 0.0" } else { "" };
    let text = format!("kernel {shape} {{ {params} scalar {{ {scalar} }} vector {{ {vector} }} {emit} }}");
    let kernel = parse_kernel(&text).unwrap_or_else(|error| panic!("{error}"));
    let spy = Arc::new(Spy::default());
    let mut memory = Memory::random(&kernel, 1000, 1);
    (memory.begin, memory.end, memory.indices) = (begin, 1000, (0..1000).collect());
    run_divided(&kernel, &memory, &THREADS[1], least, Some(spy.clone()));
    let mut parts = spy.0.lock().expect("no panic").clone();
    parts.sort_unstable();
    parts
}

#[test]
fn what_elements_share_is_not_divided() {
    let divided = [
        ("each", "", "store v[e] = v[e] + w[j[e]]"),
        ("each", "let a: f64 = s[0]", "store v[e] = a when w[e] < 0.0"),
        ("select", "flag 1 when s[0] < 0.0", "store v[e] = s[0]"),
        ("indexed", "", "store v[e] = s[0]"),
        ("each", "", "flag 2 when v[j[e]] < 0.0"),
    ];
    for (shape, scalar, vector) in divided {
        assert_eq!(parts(shape, scalar, vector, 0, 64).len(), 8, "{shape}: {scalar}; {vector}");
    }
    let whole = [
        ("each", "store s[0] = 1.0", "store v[e] = s[0]"),
        ("each", "", "store v[j[e]] = v[j[e]] + 1.0"),
        ("each", "", "store v[j[e]] = 1.0"),
        ("each", "", "store v[e] = v[j[e]]"),
        ("indexed", "", "store v[e] = v[j[e]]"),
        ("pairs", "", "store v[e] = s[0]"),
    ];
    for (shape, scalar, vector) in whole {
        assert_eq!(parts(shape, scalar, vector, 0, 64), [(0, 1000)], "{shape}: {scalar}; {vector}");
    }
}

#[test]
fn parts_are_whole_lines_of_the_cache_and_long_enough() {
    let parts = |begin, least| parts("each", "", "store v[e] = s[0]", begin, least);
    assert_eq!(parts(0, 512), [(0, 1000)]);
    assert_eq!(parts(0, 500), [(0, 1000)], "500 are not whole lines");
    assert_eq!(parts(0, 448), [(0, 512), (512, 1000)]);
    assert_eq!(parts(5, 320), [(5, 384), (384, 704), (704, 1000)]);
    assert_eq!(parts(1000, 1), [(1000, 1000)], "the scalar part is run without elements, too");
}
