static inline __attribute__((always_inline)) double saltus_exp(double x) {
    const double above = x < -746.0 ? -746.0 : x;
    const double clamped = 710.0 < above ? 710.0 : above;
    const double shifted = clamped * 0x1.71547652b82fep+0 + 0x1.80000000007fep+52;
    const double k = shifted - 0x1.80000000007fep+52;
    const double r = clamped - k * 0x1.62e42fefa38p-1 - k * 0x1.ef35793c7673p-45;
    const double p = ((((((((0x1.ad9ef528956ebp-26 * r + 0x1.28adfcae8d9p-22) * r + 0x1.71df110fdbac6p-19) * r + 0x1.a019995e43d68p-16) * r + 0x1.a01a013398f0dp-13) * r + 0x1.6c16c1847793bp-10) * r + 0x1.1111111125fdep-7) * r + 0x1.55555555506b9p-5) * r + 0x1.5555555555501p-3) * r + 0x1.000000000000ap-1;
    const double power = 1.0 + (r + r * r * p);
    const i64 whole = saltus_bits(shifted);
    const i64 half = (i64)((u64)whole >> 1);
    return power * saltus_float((i64)((u64)half << 52)) * saltus_float((i64)((u64)(whole - half) << 52));
}
