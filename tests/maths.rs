//! The maths library: generated files, error bounds, and the same bits in Rust and in C.

use std::path::Path;

use saltus::render::maths::generate;

/// The checked-in files are what the library makes; `SALTUS_UPDATE=1` makes them.
#[test]
fn generated_files_are_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = generate().unwrap_or_else(|error| panic!("{error}"));
    let update = std::env::var_os("SALTUS_UPDATE").is_some();
    for file in files {
        let path = root.join(&file.path);
        if update {
            std::fs::write(&path, &file.text).unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == file.text, "{} is not what library.ir makes: run with SALTUS_UPDATE=1", file.path);
    }
}
