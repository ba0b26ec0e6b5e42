//! The floating-point environment of a run.
//!
//! Other people's libraries change it (any module linked with fast-math switches its process to flush-to-zero), and
//! then results would depend on what else is loaded. A run sets the environment that IEEE 754 starts with, on each of
//! its threads, and puts the old one back.

/// Restores the environment when dropped.
pub struct DefaultEnvironment {
    #[cfg(target_arch = "x86_64")]
    saved: u32,
    #[cfg(target_arch = "aarch64")]
    saved: u64,
}

/// Round to nearest, gradual underflow, no traps, until the result is dropped.
pub fn default_environment() -> DefaultEnvironment {
    #[cfg(target_arch = "x86_64")]
    {
        /// All exceptions masked, everything else off: the value at reset.
        static DEFAULT: u32 = 0x1f80;
        let mut saved = 0u32;
        // SAFETY: stores the control register to `saved` and loads a valid value.
        unsafe {
            std::arch::asm!(
                "stmxcsr [{saved}]", "ldmxcsr [{default}]",
                saved = in(reg) &raw mut saved, default = in(reg) &raw const DEFAULT,
                options(nostack, preserves_flags)
            );
        }
        DefaultEnvironment { saved }
    }
    #[cfg(target_arch = "aarch64")]
    {
        let saved: u64;
        // SAFETY: reads the control register and sets it to its value at reset.
        unsafe {
            std::arch::asm!(
                "mrs {saved}, fpcr", "msr fpcr, xzr", saved = out(reg) saved, options(nostack, preserves_flags)
            );
        }
        DefaultEnvironment { saved }
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    DefaultEnvironment {}
}

impl Drop for DefaultEnvironment {
    fn drop(&mut self) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: loads a value that the register held.
        unsafe {
            std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const self.saved, options(nostack, preserves_flags));
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: sets a value that the register held.
        unsafe {
            std::arch::asm!("msr fpcr, {}", in(reg) self.saved, options(nostack, preserves_flags));
        }
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn denormals_survive_a_run_and_the_old_environment_comes_back() {
        let flush_to_zero = 0x9fc0u32;
        let half = || std::hint::black_box(f64::MIN_POSITIVE) * std::hint::black_box(0.5);
        let outer = default_environment();
        // SAFETY: loads a valid value; `outer` restores the thread's own.
        unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const flush_to_zero, options(nostack)) };
        assert_eq!(half(), 0.0);
        {
            let _inner = default_environment();
            assert!(half() > 0.0);
        }
        assert_eq!(half(), 0.0);
        drop(outer);
        assert!(half() > 0.0);
    }
}
