#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| saltus_fuzz::body::kernel_text(input));
