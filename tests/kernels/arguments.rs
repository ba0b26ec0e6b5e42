//! Kernels that evaluate arguments ahead: what they compute, what they leave alone, and what is refused.

use proptest::prelude::*;
use saltus::kernel::arguments::{ArgumentError, Output, argument_kernel};
use saltus::kernel::hoist::hoist;
use saltus::kernel::ir::{Expr, Index, Kernel, Param, ParamId, Place, Stmt, Storage, Type};
use saltus::kernel::text::{parse_kernel, print_kernel};
use saltus::kernel::verify::verify;

use crate::memory::{After, Array, Memory, difference};
use crate::{SIZES, generate, interpret, reference};

/// The kernel with the outputs stored at the ends of its parts, in parameters after its own.
fn storing(kernel: &Kernel, outputs: &[Output]) -> Kernel {
    let mut kernel = kernel.clone();
    for Output { name, storage, scalar, value } in outputs {
        let param = ParamId(kernel.params.len() as u16);
        kernel.params.push(Param { name: name.clone(), storage: *storage, scalar: *scalar, written: true });
        let index = if *scalar { Index::Zero } else { Index::Element };
        let part = if *scalar { &mut kernel.scalar } else { &mut kernel.vector };
        part.push(Stmt::Store { place: Place { param, index }, value: value.clone(), when: None });
    }
    kernel
}

/// What is at each place that the kernel stores to, at the end of the part that stores there.
fn stored(kernel: &Kernel) -> Vec<Output> {
    let places = kernel.scalar.iter().chain(&kernel.vector).filter_map(|stmt| match stmt {
        Stmt::Store { place, .. } => Some(*place),
        _ => None,
    });
    let output = |(k, place): (usize, Place)| {
        let Param { storage, scalar, .. } = kernel.params[place.param.0 as usize];
        // Wide enough to show what became of a value on its way.
        let storage = if storage == Storage::F32 { Storage::F64 } else { storage };
        Output { name: format!("of_place_{k}"), storage, scalar, value: Expr::Load(place) }
    };
    places.enumerate().map(output).collect()
}

/// The arrays for the parameters of one kernel in the order of those of another, which has fewer.
fn arrays_for(kernel: &Kernel, all: &Kernel, arrays: &[Array]) -> Vec<Array> {
    let array = |param: &Param| {
        let at = all.params.iter().position(|p| p.name == param.name).expect("a parameter of that kernel");
        arrays[at].clone()
    };
    kernel.params.iter().map(array).collect()
}

/// What should be there after the argument kernel ran: the outputs as the whole kernel computes them, all else as before.
fn expected(ahead: &Kernel, whole: &Kernel, memory: &Memory) -> After {
    let computed = reference::run(whole, memory).arrays;
    let mut arrays = arrays_for(ahead, whole, &memory.arrays);
    for (array, param) in arrays.iter_mut().zip(&ahead.params) {
        if let Some(at) = whole.params.iter().position(|p| param.written && p.name == param.name) {
            array.clone_from(&computed[at]);
        }
    }
    After { arrays, selected: Vec::new(), flags: 0 }
}

fn has_index(kernel: &Kernel, outputs: &[Output]) -> bool {
    print_kernel(&storing(kernel, outputs)).contains("[j[e]]")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn arguments_are_what_the_whole_kernel_computes(
        choices in prop::collection::vec(any::<u32>(), 0..200),
        of_all in prop::collection::vec(any::<u32>(), 0..60),
        of_each in prop::collection::vec(any::<u32>(), 0..120),
        seed in any::<u64>(),
    ) {
        let (kernel, mut outputs) = generate::kernel_and_outputs(&choices, [&of_all, &of_each]);
        outputs.extend(stored(&kernel));
        for output in &outputs {
            if let Err(error) = argument_kernel(&kernel, vec![output.clone()]) {
                prop_assert!(has_index(&kernel, std::slice::from_ref(output)), "{}", error);
            }
        }
        outputs.retain(|output| argument_kernel(&kernel, vec![output.clone()]).is_ok());
        let whole = storing(&kernel, &outputs);
        prop_assert_eq!(verify(&whole), Ok(()));
        let ahead = argument_kernel(&kernel, outputs).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(verify(&ahead), Ok(()));
        prop_assert!(ahead.params.iter().all(|p| p.written == p.name.starts_with("of_")));
        for n in SIZES {
            let memory = Memory::random(&whole, n, seed);
            let expected = expected(&ahead, &whole, &memory);
            let memory = Memory { arrays: arrays_for(&ahead, &whole, &memory.arrays), ..memory };
            prop_assert_eq!(difference(&ahead, &expected, &interpret(&ahead, &memory)), None, "n = {}", n);
            prop_assert_eq!(difference(&ahead, &expected, &interpret(&hoist(ahead.clone()), &memory)), None, "n = {}", n);
        }
    }
}

/// The argument kernel of a kernel whose last local of each part is an argument.
fn ahead(shape: &str, scalar: &str, vector: &str) -> Result<Kernel, ArgumentError> {
    let text = format!(
        "kernel {shape} {{
            param v: f64[] written
            param x: f32[] written
            param n: i32[] written
            param on: bool[] written
            param j: i32[]
            param k: i32[]
            param tau: f64
            param total: f64 written
            param I: f64[]
            scalar {{\n{scalar}\n}}
            vector {{\n{vector}\n}}
            {}
        }}",
        if shape == "select" { "emit v[e] < 0.0" } else { "" }
    );
    let mut kernel = parse_kernel(&text).unwrap_or_else(|error| panic!("{error}"));
    let mut outputs = Vec::new();
    for (scalar, part) in [(true, &mut kernel.scalar), (false, &mut kernel.vector)] {
        if let Some(Stmt::Let(..)) = part.last()
            && let Some(Stmt::Let(id, value)) = part.pop()
        {
            let local = &mut kernel.locals[id.0 as usize];
            let storage = match local.ty {
                Type::Bool => Storage::Bool,
                Type::I32 => Storage::I32,
                Type::I64 => Storage::I64,
                Type::F64 => Storage::F64,
            };
            outputs.push(Output { name: std::mem::take(&mut local.name), storage, scalar, value });
        }
    }
    argument_kernel(&kernel, outputs).inspect(|kernel| assert_eq!(verify(kernel), Ok(())))
}

#[test]
fn argument_kernels_are_made_as_before() {
    let kernels = [
        (
            "each",
            "let a: f64 = tau[0] * 2.0\nlet unused: f64 = total[0]\nstore total[0] = total[0] + a when a < 1.0
             let rate: f64 = total[0] / a",
            "# v = v + 1
             store v[e] = v[e] + 1.0
             # x = v : constant over dt
             flag 0 when v[e] < 0.0
             store x[e] = v[e] * total[0] when on[e]
             # n = 3
             store n[e] = 3i32
             # on = not on
             store on[e] = not on[e]
             # v = f(x, n)
             let argument: f64 = x[e] + gather I[i64(n[e])] + a",
        ),
        (
            "indexed",
            "",
            "let near: f64 = gather I[i64(k[e]) % 5]
             store x[k[e]] = near
             store v[e] = x[k[e]]
             let argument: f64 = x[k[e]] + tau[0]",
        ),
        ("select", "", "store n[e] = n[e] + 1i32\nlet argument: i32 = n[e] * element"),
    ];
    let text = |(shape, scalar, vector)| {
        let kernel = ahead(shape, scalar, vector).unwrap_or_else(|error| panic!("{error}"));
        print_kernel(&kernel)
    };
    let shown = kernels.map(text).join("\n");
    insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "snapshots", omit_expression => true }, {
        insta::assert_snapshot!("argument_kernels", shown);
    });
}

#[test]
fn arguments_that_other_elements_change_are_refused() {
    let other = |name: &str| Some(ArgumentError::OtherElement(name.into()));
    let holder = |name: &str| Some(ArgumentError::Holder(name.into()));
    let cases = [
        ("store v[j[e]] = tau[0]\nlet argument: f64 = v[k[e]]", other("v")),
        ("store v[j[e]] = tau[0]\nlet argument: f64 = v[e]", other("v")),
        ("store v[e] = tau[0]\nlet argument: f64 = v[j[e]]", other("v")),
        ("let old: f64 = v[j[e]]\nstore v[e] = tau[0]\nlet argument: f64 = old", other("v")),
        // What the first element with an index stores is there for the second one.
        ("store v[j[e]] = v[j[e]] + tau[0]\nlet argument: f64 = v[j[e]]", other("v")),
        ("store v[j[e]] = tau[0] when on[e]\nlet argument: f64 = v[j[e]]", other("v")),
        // The second store may go to the same element.
        ("store v[j[e]] = tau[0]\nstore v[k[e]] = 1.0\nlet argument: f64 = v[j[e]]", other("v")),
        ("store v[e] = tau[0]\nstore v[k[e]] = 1.0\nlet argument: f64 = v[e]", other("v")),
        ("store n[e] = 0i32\nlet argument: f64 = v[n[e]]", holder("n")),
        ("store v[n[e]] = tau[0]\nstore n[e] = 0i32\nlet argument: f64 = v[n[e]]", holder("n")),
        // What is stored last is known, whatever other elements do, and so is what nothing needs.
        ("store v[j[e]] = tau[0]\nlet argument: f64 = v[j[e]]", None),
        ("store v[j[e]] = 1.0\nstore v[e] = tau[0]\nlet argument: f64 = v[e]", None),
        ("store n[e] = 0i32\nstore v[n[e]] = tau[0]\nlet argument: f64 = v[n[e]]", None),
        ("store v[e] = v[e] + tau[0]\nlet argument: f64 = v[e]", None),
        ("store v[j[e]] = v[k[e]]\nstore x[e] = v[e]\nlet argument: f64 = tau[0]", None),
    ];
    for (vector, expected) in cases {
        assert_eq!(ahead("each", "", vector).err(), expected, "{vector}");
        assert_eq!(ahead("indexed", "", vector).err(), expected, "{vector}");
    }
}
