//! What a report of a problem needs to know about this program.

/// Version, ABI, target and profile. The command line keeps it for as long as the program runs.
pub fn long() -> &'static str {
    format!(
        "{}\nkernel ABI {}\n{}-{}\n{}",
        env!("CARGO_PKG_VERSION"),
        crate::runtime::abi::ABI_VERSION,
        std::env::consts::ARCH,
        std::env::consts::OS,
        if cfg!(debug_assertions) { "debug build" } else { "release build" }
    )
    .leak()
}
