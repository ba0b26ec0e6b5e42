//! Loading compiled kernels, calling them by the ABI, and exchanging them.

use std::mem::{offset_of, size_of};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use saltus::build::toolchain::{Env, Toolchain, discover_for};
use saltus::build::{CompileOptions, OptLevel, Recipe, compile};
use saltus::load::library::{CompiledKernel, Way, load, load_by};
use saltus::load::slot::{KernelSlot, Mailbox};
use saltus::render::{Language, Source};
use saltus::runtime::abi::{self, Call, Execute};

fn toolchain(language: Language) -> Toolchain {
    discover_for(language, &Env::of_process(), None, None).expect("these tests need a C compiler and a Rust compiler")
}

fn library(body: &str) -> Vec<u8> {
    compiled(Language::C, format!("{}{body}", include_str!("../templates/abi.h")))
}

fn compiled(language: Language, text: String) -> Vec<u8> {
    let toolchain = toolchain(language);
    let source = Source { language, text };
    let features = toolchain.default_features();
    let recipe = Recipe::new(&source, abi::ABI_VERSION, &toolchain, &features, OptLevel::O3);
    compile(&recipe, &toolchain, &CompileOptions::default()).unwrap().library
}

/// What a kernel writes into an array of whole numbers.
fn run(kernel: &dyn Execute, room: usize) -> Vec<i64> {
    let mut out = vec![0_i64; room];
    let arrays = [out.as_mut_ptr().cast::<u8>()];
    let mut call = Call::over(room);
    // SAFETY: the kernels of these tests write at most `room` elements of their only array.
    unsafe { kernel.execute(arrays.as_ptr(), &mut call) };
    out
}

#[test]
fn all_forms_of_the_abi_agree() {
    let fields = ["begin", "end", "indices", "selected", "selected_count", "flags"];
    let places: String = fields
        .iter()
        .map(|field| {
            format!(
                "*out++ = __builtin_offsetof(saltus_call, {field}); *out++ = sizeof(((saltus_call *)0)->{field});\n"
            )
        })
        .collect();
    let text = format!(
        "void saltus_kernel(u8 *const *arrays, saltus_call *call) {{ i64 *out = (i64 *)arrays[0]; (void)call;
        {places}
        *out++ = sizeof(saltus_call); *out++ = _Alignof(saltus_call);
        *out++ = sizeof(i32); *out++ = sizeof(i64); *out++ = sizeof(u64); *out++ = sizeof(u8); *out++ = (i32)-1 < 0; }}"
    );
    let rust_places: String = fields
        .iter()
        .map(|field| {
            format!("put(core::mem::offset_of!(SaltusCall, {field})); put(core::mem::size_of_val(&(*call).{field}));\n")
        })
        .collect();
    let rust_text = format!(
        "#![no_std]
        {}
        #[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! {{ loop {{}} }}
        #[no_mangle] pub unsafe extern \"C\" fn saltus_kernel(arrays: *const *mut u8, call: *mut SaltusCall) {{
        let mut out = *arrays as *mut i64;
        let mut put = |value: usize| {{ *out = value as i64; out = out.add(1); }};
        {rust_places}
        put(core::mem::size_of::<SaltusCall>()); put(core::mem::align_of::<SaltusCall>());
        put(core::mem::size_of::<i32>()); put(core::mem::size_of::<i64>());
        put(core::mem::size_of::<u64>()); put(core::mem::size_of::<u8>()); put(1); put(0); }}",
        include_str!("../templates/abi.rs")
    );
    // A call destructured, so that a new field is missed here.
    let Call { begin: _, end: _, indices: _, selected: _, selected_count: _, flags: _ } = Call::over(0);
    let expected = [
        (offset_of!(Call, begin), size_of::<i64>()),
        (offset_of!(Call, end), size_of::<i64>()),
        (offset_of!(Call, indices), size_of::<*const i32>()),
        (offset_of!(Call, selected), size_of::<*mut i32>()),
        (offset_of!(Call, selected_count), size_of::<i64>()),
        (offset_of!(Call, flags), size_of::<u64>()),
        (size_of::<Call>(), align_of::<Call>()),
        (4, 8),
        (8, 1),
        (1, 0),
    ];
    let flat: Vec<i64> = expected.iter().flat_map(|&(first, second)| [first as i64, second as i64]).collect();
    let version = format!("version {},", abi::ABI_VERSION);
    for (form, library, text) in [
        ("abi.h", library(&text), include_str!("../templates/abi.h")),
        ("abi.rs", compiled(Language::Rust, rust_text), include_str!("../templates/abi.rs")),
    ] {
        let kernel = load("abi", &library).unwrap();
        assert_eq!(run(&kernel, flat.len()), flat, "{form}");
        assert!(text.replace('.', ",").contains(&version), "{form}");
    }
}

const MARK: u64 = 0x5a17_0517_cafe_0001;

/// The bytes of a kernel that writes a number, and a way to make one that writes another number.
struct Numbered(Vec<u8>, Vec<usize>);

impl Numbered {
    fn new() -> Numbered {
        let text = format!(
            "const volatile u64 mark = {MARK}ULL;
            void saltus_kernel(u8 *const *arrays, saltus_call *call) {{ (void)call; *(u64 *)arrays[0] = mark; }}"
        );
        let bytes = library(&text);
        let mark = MARK.to_le_bytes();
        let places: Vec<usize> = (0..bytes.len() - 8).filter(|&at| bytes[at..at + 8] == mark).collect();
        assert!(!places.is_empty());
        Numbered(bytes, places)
    }

    fn bytes(&self, number: i64) -> Vec<u8> {
        let mut bytes = self.0.clone();
        for &at in &self.1 {
            bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }
}

#[test]
fn two_thousand_kernels_are_all_different() {
    let numbered = Numbered::new();
    // More than a process may have open files by default: a loaded kernel holds none.
    let kernels: Vec<CompiledKernel> = (0..2000).map(|number| load("many", &numbered.bytes(number)).unwrap()).collect();
    for (number, kernel) in kernels.iter().enumerate() {
        assert_eq!(run(kernel, 1), [number as i64]);
    }
}

#[test]
fn a_closed_kernel_is_not_mistaken_for_the_next() {
    let numbered = Numbered::new();
    for way in [Way::Memory, Way::PrivateFile] {
        let mut kept = Vec::new();
        for number in 0..300 {
            let kernel = load_by(way, "reused", &numbered.bytes(number)).unwrap();
            assert_eq!(run(&kernel, 1), [number], "{way:?}");
            // Descriptors, addresses and inodes of the others are free for the next one.
            if number % 7 == 0 {
                kept.push((number, kernel));
            }
        }
        for (number, kernel) in kept {
            assert_eq!(run(&kernel, 1), [number], "{way:?}");
        }
    }
}

/// How many libraries with this name are in the process's memory.
fn mapped(name: &str) -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let inodes = maps.lines().filter(|line| line.contains(&format!("memfd:{name} ")));
    inodes.filter_map(|line| line.split_whitespace().nth(4)).collect::<std::collections::BTreeSet<_>>().len()
}

#[test]
fn replaced_libraries_are_closed_when_nobody_uses_them() {
    let numbered = Numbered::new();
    let load = |number| Arc::new(load("closing", &numbered.bytes(number)).unwrap());
    let mut slot = KernelSlot::new(load(0), "first");
    assert_eq!(mapped("closing"), 1);
    for number in 1..50 {
        drop(slot.swap(load(number), format!("number {number}"), number as u64));
        assert_eq!(mapped("closing"), 1, "after {number}");
    }
    // One that somebody still has, here to go back to it, stays open.
    let old = slot.swap(load(50), "another", 50);
    assert_eq!(mapped("closing"), 2);
    assert_eq!((run(&*old, 1), run(&**slot.current(), 1)), (vec![49], vec![50]));
    drop(slot.swap(old, "reverted", 51));
    assert_eq!((mapped("closing"), run(&**slot.current(), 1)), (1, vec![49]));
    // As does one of which there is a copy.
    let copy = CompiledKernel::clone(&load(7));
    assert_eq!((mapped("closing"), run(&copy, 1)), (2, vec![7]));
    drop((slot, copy));
    assert_eq!(mapped("closing"), 0);
}

/// An executor that counts how many of its kind there are.
struct Counted {
    number: i64,
    alive: Arc<AtomicUsize>,
}

impl Counted {
    fn new(number: i64, alive: &Arc<AtomicUsize>) -> Arc<Counted> {
        alive.fetch_add(1, Ordering::SeqCst);
        Arc::new(Counted { number, alive: Arc::clone(alive) })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Execute for Counted {
    unsafe fn execute(&self, arrays: *const *mut u8, _call: &mut Call) {
        // SAFETY: the caller gives one array of at least one whole number.
        unsafe { (*arrays).cast::<i64>().write(self.number) }
    }
}

#[test]
fn a_slot_keeps_the_names_and_not_the_kernels() {
    let alive = Arc::new(AtomicUsize::new(0));
    let mut slot = KernelSlot::new(Counted::new(0, &alive), "interpreter");
    for step in 1..=100 {
        slot.swap(Counted::new(step as i64, &alive), format!("kernel {step}"), step * 10);
    }
    assert_eq!(alive.load(Ordering::SeqCst), 1);
    assert_eq!((slot.name(), slot.history().len()), ("kernel 100", 101));
    assert_eq!((slot.history()[0].name.as_str(), slot.history()[100].step), ("interpreter", 1000));
    drop(slot);
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
fn a_run_goes_on_while_kernels_arrive() {
    let alive = Arc::new(AtomicUsize::new(0));
    let mailbox = Mailbox::new();
    let mut slot = KernelSlot::new(Counted::new(0, &alive), "interpreter");
    let (mut step, mut seen) = (0, vec![0]);
    std::thread::scope(|scope| {
        let sender = mailbox.clone();
        let (counter, last) = (&alive, 200);
        scope.spawn(move || (1..=last).for_each(|number| sender.post(Counted::new(number, counter))));
        while seen.last() != Some(&last) {
            for kernel in mailbox.take() {
                let name = kernel.number.to_string();
                slot.swap(kernel, name, step);
            }
            let mut out = 0_i64;
            let arrays = [(&raw mut out).cast::<u8>()];
            // SAFETY: `Counted` writes one whole number.
            unsafe { slot.execute(arrays.as_ptr(), &mut Call::over(1)) };
            seen.push(out);
            step += 1;
        }
    });
    assert!(seen.is_sorted());
    assert_eq!((slot.history().len(), alive.load(Ordering::SeqCst)), (201, 1));
}
