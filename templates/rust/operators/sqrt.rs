/// The square root, correctly rounded: an instruction.
#[inline(always)]
fn saltus_sqrt(x: f64) -> f64 {
    // SAFETY: every processor of the architecture has the instruction.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        use core::arch::x86_64::{_mm_cvtsd_f64, _mm_set_sd, _mm_sqrt_pd};
        _mm_cvtsd_f64(_mm_sqrt_pd(_mm_set_sd(x)))
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        use core::arch::aarch64::{vget_lane_f64, vsqrt_f64, vdup_n_f64};
        vget_lane_f64::<0>(vsqrt_f64(vdup_n_f64(x)))
    }
}
