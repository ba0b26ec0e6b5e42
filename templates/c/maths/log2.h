static inline __attribute__((always_inline)) double saltus_log2(double x) {
    const _Bool head_tiny = x < 0x1p-1022;
    const double head_normal = head_tiny ? x * 0x1p+54 : x;
    const i64 head_m_above = saltus_bits(head_normal) - 4604544271217802189LL;
    const double head_m = saltus_float((head_m_above & 4503599627370495LL) + 4604544271217802189LL);
    const double head_e = saltus_float((i64)((u64)(head_m_above + 4607182418800017408LL) >> 52) | 4841369599423283200LL) - 0x1.00000000003ffp+52;
    const double k = head_tiny ? head_e - 54.0 : head_e;
    const double head_f = head_m - 1.0;
    const double head_s = head_f / (2.0 + head_f);
    const double head_t_z = head_s * head_s;
    const double head_t = head_t_z * ((((((0x1.2f0378c1e2d58p-3 * head_t_z + 0x1.39a1ef594d5e3p-3) * head_t_z + 0x1.74663cac70884p-3) * head_t_z + 0x1.c71c521584a29p-3) * head_t_z + 0x1.24924941dffd2p-2) * head_t_z + 0x1.999999997ff2bp-2) * head_t_z + 0x1.5555555555592p-1);
    const double head_square = 0.5 * head_f * head_f;
    const double head = saltus_float(saltus_bits(head_f - head_square) & -4294967296LL);
    const double rest = head_f - head - head_square + head_s * (head_square + head_t);
    const double product = head * 0x1.71547p+0;
    const double sum = k + product;
    const double small = (rest + head) * 0x1.94ae0bf85ddf4p-22 + rest * 0x1.71547p+0;
    const double result = sum + (k - sum + product + small);
    const double positive = x < saltus_float(9218868437227405312LL) ? result : x;
    return 0.0 < x ? positive : (x == 0.0 ? saltus_float(-4503599627370496LL) : saltus_float(9221120237041090560LL));
}
