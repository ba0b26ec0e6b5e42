static inline __attribute__((always_inline)) double saltus_arccos(double x) {
    const double a = saltus_abs(x);
    const _Bool negative = x < 0.0;
    const _Bool small = a <= 0.5;
    const double small_z = small ? a * a : 0.5 * (1.0 - a);
    const double r = small ? a : saltus_sqrt(small_z);
    const double small_p = (((((((((((0x1.0b4503496a991p-5 * small_z + -0x1.57f7e29103079p-6) * small_z + 0x1.63986e21bee5dp-6) * small_z + 0x1.e602f282de931p-9) * small_z + 0x1.613ba55891926p-7) * small_z + 0x1.7585b38f6cf3bp-7) * small_z + 0x1.ca1f883f38332p-7) * small_z + 0x1.1c49f094ac8edp-6) * small_z + 0x1.6e8bdedd2a194p-6) * small_z + 0x1.f1c71a950dfa4p-6) * small_z + 0x1.6db6db721226cp-5) * small_z + 0x1.333333332e135p-4) * small_z + 0x1.5555555555577p-3;
    const double tail = r * small_z * small_p;
    const double with_sign = negative ? -r : r;
    const double tail_with_sign = negative ? -tail : tail;
    const double middle = 0x1.921fb54442d18p+0 - (with_sign + (tail_with_sign - 0x1.1a62633145c07p-54));
    const double outer = negative ? 0x1.921fb54442d18p+1 - (2.0 * r + (2.0 * tail - 0x1.1a62633145c07p-53)) : 2.0 * (r + tail);
    return small ? middle : outer;
}
