//! Every input that the fuzz targets have found worth keeping, through the functions that they call. `fuzz/README.md`
//! says where the inputs come from. What fuzzing has found broken is in there as well, named `found-…`.

#[path = "../fuzz/src/body/mod.rs"]
#[allow(dead_code, unused_imports, reason = "what makes seeds is not replayed")]
mod body;
#[path = "kernels/memory.rs"]
mod memory;
#[path = "kernels/reference.rs"]
mod reference;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The inputs of a target, in order.
fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut inputs: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    inputs.sort();
    inputs
}

/// Runs the inputs of a target on all processors; says which of them it fails on.
fn replay(target: &str) {
    let (_, run) = body::ALL.into_iter().find(|(name, _)| *name == target).expect("a target");
    let inputs = corpus(target);
    assert!(inputs.len() > 100, "{} inputs", inputs.len());
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(path) = inputs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let input = std::fs::read(path).expect("a readable file");
            if catch_unwind(AssertUnwindSafe(|| run(&input))).is_err() {
                eprintln!("fails: {}", path.display());
                failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            // As much stack as the main thread has, on which the fuzz targets run.
            std::thread::Builder::new().stack_size(8 << 20).spawn_scoped(scope, work).expect("a thread");
        }
    });
    assert_eq!(failed.into_inner(), 0, "inputs of {target} fail");
}

#[test]
fn language() {
    replay("language");
}

#[test]
fn model_files() {
    replay("model_file");
}

#[test]
fn texts_of_kernels() {
    replay("kernel_text");
}

#[test]
fn entries() {
    replay("entry");
}

#[test]
fn what_else_is_read_from_disk() {
    replay("index");
}
