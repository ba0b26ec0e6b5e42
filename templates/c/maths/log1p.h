static inline __attribute__((always_inline)) double saltus_log1p(double x) {
    const double u = 1.0 + x;
    const double back = u - 1.0;
    const double lost = 1.0 - (u - back) + (x - back);
    const i64 m_above = saltus_bits(u) - 4604544271217802189LL;
    const double m = saltus_float((m_above & 4503599627370495LL) + 4604544271217802189LL);
    const double k = saltus_float((i64)((u64)(m_above + 4607182418800017408LL) >> 52) | 4841369599423283200LL) - 0x1.00000000003ffp+52;
    const _Bool near = k == 0.0;
    const double f = near ? x : m - 1.0;
    const double s = f / (2.0 + f);
    const double t_z = s * s;
    const double t = t_z * ((((((0x1.2f0378c1e2d58p-3 * t_z + 0x1.39a1ef594d5e3p-3) * t_z + 0x1.74663cac70884p-3) * t_z + 0x1.c71c521584a29p-3) * t_z + 0x1.24924941dffd2p-2) * t_z + 0x1.999999997ff2bp-2) * t_z + 0x1.5555555555592p-1);
    const double scaled = lost * saltus_float(saltus_bits(m) - saltus_bits(u) + 4607182418800017408LL) * (1.0 - 2.0 * s * (1.0 - s));
    const double l = near ? 0.0 : (u < 0x1p+60 ? scaled : 0.0);
    const double square = 0.5 * f * f;
    const double result = k * 0x1.62e42fefa38p-1 - (square - (s * (square + t) + (k * 0x1.ef35793c7673p-45 + l)) - f);
    const double positive = x < saltus_float(9218868437227405312LL) ? result : x;
    const double negative = x == -1.0 ? saltus_float(-4503599627370496LL) : saltus_float(9221120237041090560LL);
    return x == 0.0 ? x : (-1.0 < x ? positive : negative);
}
