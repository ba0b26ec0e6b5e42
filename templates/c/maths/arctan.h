static inline __attribute__((always_inline)) double saltus_arctan(double x) {
    const double a = saltus_abs(x);
    const _Bool small = a < 0.625;
    const _Bool large = 0x1.3333333333333p+1 /* 2.4 */ < a;
    const double over = small ? a : (large ? -1.0 : a - 1.0);
    const double under = small ? 1.0 : (large ? a : a + 1.0);
    const double base = small ? 0.0 : (large ? 0x1.921fb54442d18p+0 : 0x1.921fb54442d18p-1);
    const double base_lo = small ? 0.0 : (large ? 0x1.1a62633145c07p-54 : 0x1.1a62633145c07p-55);
    const double r = over / under;
    const double z = r * r;
    const double p = ((((((((((((0x1.99b68555f76fcp-9 * z + -0x1.99a13b8d77c3p-7) * z + 0x1.a266d49bd2018p-6) * z + -0x1.308da60f7ba19p-5) * z + 0x1.758125a4933e6p-5) * z + -0x1.ab39c4470ad8ep-5) * z + 0x1.e132bc21fa42fp-5) * z + -0x1.110602b2b3048p-4) * z + 0x1.3b12b35b7d445p-4) * z + -0x1.745d07a38cf4cp-4) * z + 0x1.c71c7126d54e1p-4) * z + -0x1.24924922a9647p-3) * z + 0x1.9999999993b1ap-3) * z + -0x1.5555555555522p-2;
    const double result = base + (r + (r * z * p + base_lo));
    return saltus_float(saltus_bits(result) | (saltus_bits(x) & (-9223372036854775807LL - 1)));
}
