//! Gives the program a digest of everything that decides which text is made of a kernel, so that a store can remember it:
//! the sources of the language half, the templates, and the compiler that turns them into this program.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What is looked at.
const PARTS: [&str; 6] =
    ["src/kernel", "src/render", "templates", "src/build/recipe.rs", "src/runtime/abi.rs", "Cargo.toml"];

fn main() {
    let mut hasher = blake3::Hasher::new();
    // A package that this one is a part of has a lock file of its own, elsewhere.
    for part in PARTS.into_iter().chain(Path::new("Cargo.lock").exists().then_some("Cargo.lock")) {
        println!("cargo:rerun-if-changed={part}");
        for file in files(Path::new(part)) {
            let content = std::fs::read(&file).expect("a readable file of the tree");
            for bytes in [file.to_string_lossy().as_bytes(), &content] {
                hasher.update(&(bytes.len() as u64).to_le_bytes());
                hasher.update(bytes);
            }
        }
    }
    let rustc = std::env::var_os("RUSTC").expect("Cargo names the compiler");
    let version = Command::new(rustc).arg("-vV").output().expect("the compiler starts");
    hasher.update(&version.stdout);
    println!("cargo:rustc-env=SALTUS_RENDERER={}", hasher.finalize().to_hex());
}

/// All files of a folder, in order.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_path_buf()];
    }
    let entries = std::fs::read_dir(path).expect("a readable folder of the tree");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().flat_map(|path| files(path)).collect()
}
