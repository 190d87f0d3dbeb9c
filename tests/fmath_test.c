/* fmath_test.c -- float functions against libm's double ones, with the bounds that fmath.h states
 *
 * SPDX-License-Identifier: MIT */
#include "support/runner.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Odd, and no divisor of a power of two: the sweep meets all exponents, signs and NaNs. */
enum { STRIDE = 997 };

static uint32_t to_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* ---- accuracy ---- */

typedef struct function {
    float (*ours)(float x);
    double (*theirs)(double x);
    double tolerance; /* relative, while the result is a normal number */
} function;

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static double softplus(double x)
{
    return (x > 0.0 ? x : 0.0) + log1p(exp(-fabs(x)));
}

static double normal_cdf(double x)
{
    return 0.5 * erfc(-x * 0.70710678118654752440);
}

static double error_at(const function *f, float x)
{
    const double truth = f->theirs((double)x), got = (double)f->ours(x);
    if (isnan(truth) || isnan(got))
        return isnan(truth) && isnan(got) ? 0.0 : (double)INFINITY;
    if (got == truth || (isinf((float)truth) && got == truth))
        return 0.0;
    if (fabs(truth) < (double)FLT_MIN)
        return fabs(got) <= (double)FLT_MIN ? 0.0 : (double)INFINITY;
    return fabs(got - truth) / fabs(truth);
}

static void add_worst(double *worst, float *where, const function *f, uint32_t bits)
{
    const double error = error_at(f, from_bits(bits));
    if (error > *worst) {
        *worst = error;
        *where = from_bits(bits);
    }
}

/* From bits `first` to `last`, both signs. */
static void check_sweep(const function *f, float first, float last)
{
    double worst = 0.0;
    float where = 0.0f;
    for (uint64_t bits = to_bits(first); bits <= to_bits(last); bits += STRIDE) {
        add_worst(&worst, &where, f, (uint32_t)bits);
        add_worst(&worst, &where, f, (uint32_t)bits | 0x80000000u);
    }
    ck_assert_msg(worst <= f->tolerance, "off by %g at %.9g", worst, (double)where);
}

/* All floats around x, both signs: where pieces of an approximation meet. */
static void check_around(const function *f, float x)
{
    double worst = 0.0;
    float where = 0.0f;
    for (uint32_t i = 0; i < 2000; i++) {
        add_worst(&worst, &where, f, to_bits(x) - 1000 + i);
        add_worst(&worst, &where, f, (to_bits(x) - 1000 + i) | 0x80000000u);
    }
    ck_assert_msg(worst <= f->tolerance, "off by %g at %.9g", worst, (double)where);
}

static void check_seams(const function *f, const float *seams, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_around(f, seams[i]);
}

START_TEST(exponential_is_accurate)
{
    static const function f = { prune_expf, exp, 8.5e-8 };
    static const float seams[] = {
        0.34657359f, 0.6931472f, 1.0397208f, 1.0f, 10.0f, 26.6886406f, 43.0f, 86.0f
    };
    check_sweep(&f, 0.0f, 87.33654f);
    check_seams(&f, seams, sizeof seams / sizeof seams[0]);
    for (uint64_t bits = to_bits(87.33654f); bits <= to_bits(88.72283f); bits++)
        ck_assert_double_le(error_at(&f, from_bits((uint32_t)bits)), f.tolerance);
}
END_TEST

START_TEST(logarithm_is_accurate)
{
    static const function f = { prune_logf, log, 8.7e-8 };
    static const float seams[] = {
        0.35326281f, 0.70710678f, 1.0f, 1.41421356f, 2.0f, FLT_MIN, 1e-40f, 1e38f
    };
    check_sweep(&f, 0.0f, INFINITY);
    check_seams(&f, seams, sizeof seams / sizeof seams[0]);
}
END_TEST

START_TEST(hyperbolic_tangent_is_accurate)
{
    static const function f = { prune_tanhf, tanh, 9.3e-8 };
    static const float seams[] = { 0.5493061f, 0.9341559f, 1.0f, 1.2130076f, 9.01f, 44.361416f, FLT_MIN };
    check_sweep(&f, 0.0f, INFINITY);
    check_seams(&f, seams, sizeof seams / sizeof seams[0]);
}
END_TEST

START_TEST(sigmoid_is_accurate)
{
    static const function f = { prune_sigmoidf, sigmoid, 9e-8 };
    static const float seams[] = { 0.34657359f, 0.6931472f, 1.0397208f, 17.0f, 86.6f, 87.33654f };
    check_sweep(&f, 0.0f, INFINITY);
    check_seams(&f, seams, sizeof seams / sizeof seams[0]);
}
END_TEST

START_TEST(exponential_minus_one_is_accurate)
{
    static const function f = { prune_expm1f, expm1, 9e-8 };
    static const float seams[] = { 0.34657359f, 0.6931472f, 1.0397208f, 1.0f, 17.0f, 20.0f, 88.37626f };
    check_sweep(&f, 0.0f, 88.722f);
    check_seams(&f, seams, sizeof seams / sizeof seams[0]);
    for (uint64_t bits = to_bits(88.722f); bits <= to_bits(88.72283f); bits++)
        ck_assert_double_le(error_at(&f, from_bits((uint32_t)bits)), f.tolerance);
}
END_TEST

START_TEST(softplus_is_accurate)
{
    static const function f = { prune_softplusf, softplus, 9.9e-8 };
    static const float seams[] = { 0.34657359f, 0.54580599f, 1.0f,  1.24237227f,
                                   15.9f,       16.635532f,  17.3f, 87.33654f };
    check_sweep(&f, 0.0f, INFINITY);
    check_seams(&f, seams, sizeof seams / sizeof seams[0]);
}
END_TEST

START_TEST(normal_distribution_is_accurate)
{
    static const function f = { prune_normcdff, normal_cdf, 9.7e-8 };
    static const float seams[] = { 0.0019531f, 1.0f, 1.86f, 4.0f, 8.0f, 5.42f, 12.7f, 12.94995f, 13.17f };
    check_sweep(&f, 0.0f, INFINITY);
    check_seams(&f, seams, sizeof seams / sizeof seams[0]);
}
END_TEST

/* In double the root of a float has more than twice its digits, so rounding it again is exact. */
START_TEST(square_root_is_correctly_rounded)
{
    size_t wrong = 0;
    for (uint64_t bits = 0; bits <= to_bits(INFINITY); bits += STRIDE)
        wrong += prune_sqrtf(from_bits((uint32_t)bits)) != (float)sqrt((double)from_bits((uint32_t)bits));
    for (uint32_t bits = to_bits(1.0f) - 100000; bits < to_bits(1.0f) + 100000; bits++)
        wrong += prune_sqrtf(from_bits(bits)) != (float)sqrt((double)from_bits(bits));
    for (uint32_t bits = 0; bits < 100000; bits++) /* subnormal */
        wrong += prune_sqrtf(from_bits(bits)) != (float)sqrt((double)from_bits(bits));
    ck_assert_uint_eq(wrong, 0);
}
END_TEST

/* ---- ends ---- */

START_TEST(exponential_ends_where_the_header_says)
{
    ck_assert(prune_expf(0.0f) == 1.0f && prune_expf(-0.0f) == 1.0f);
    ck_assert(isfinite(prune_expf(88.72283f)) && isinf(prune_expf(nextafterf(88.72283f, 100.0f))));
    ck_assert(prune_expf(-87.33654f) >= FLT_MIN && prune_expf(nextafterf(-87.33654f, -100.0f)) == 0.0f);
    for (int exponent = 0; exponent <= 121; exponent++) {
        const float x = ldexpf(89.0f, exponent);
        ck_assert(prune_expf(x) == INFINITY && to_bits(prune_expf(-x)) == 0);
    }
    ck_assert(prune_expf(INFINITY) == INFINITY && to_bits(prune_expf(-INFINITY)) == 0);
}
END_TEST

START_TEST(logarithm_has_its_special_values)
{
    ck_assert(prune_logf(0.0f) == -INFINITY && prune_logf(-0.0f) == -INFINITY);
    ck_assert(to_bits(prune_logf(1.0f)) == 0);
    ck_assert(prune_logf(INFINITY) == INFINITY && isnan(prune_logf(-INFINITY)));
    ck_assert(isnan(prune_logf(-FLT_TRUE_MIN)) && isnan(prune_logf(-1.0f)) && isnan(prune_logf(-FLT_MAX)));
    ck_assert(fabs((double)prune_logf(FLT_TRUE_MIN) + 103.27892990343184) < 1e-5);
}
END_TEST

START_TEST(the_others_have_their_special_values)
{
    ck_assert(prune_tanhf(INFINITY) == 1.0f && prune_tanhf(-INFINITY) == -1.0f);
    ck_assert(prune_tanhf(1e30f) == 1.0f && prune_tanhf(-1e30f) == -1.0f);
    ck_assert(prune_sigmoidf(INFINITY) == 1.0f && to_bits(prune_sigmoidf(-INFINITY)) == 0);
    ck_assert(prune_sigmoidf(0.0f) == 0.5f && prune_sigmoidf(1e30f) == 1.0f &&
              prune_sigmoidf(-1e30f) == 0.0f);
    ck_assert(prune_sigmoidf(-87.33654f) >= FLT_MIN && to_bits(prune_sigmoidf(-87.336548f)) == 0);
    ck_assert(prune_expm1f(INFINITY) == INFINITY && prune_expm1f(-INFINITY) == -1.0f);
    ck_assert(prune_expm1f(0.0f) == 0.0f && prune_expm1f(1e30f) == INFINITY && prune_expm1f(-1e30f) == -1.0f);
    ck_assert(isfinite(prune_expm1f(88.72283f)) && isinf(prune_expm1f(nextafterf(88.72283f, 100.0f))));
    ck_assert(prune_softplusf(INFINITY) == INFINITY && to_bits(prune_softplusf(-INFINITY)) == 0);
    ck_assert(prune_softplusf(FLT_MAX) == FLT_MAX && to_bits(prune_softplusf(-FLT_MAX)) == 0);
    ck_assert(to_bits(prune_softplusf(nextafterf(-87.33654f, -100.0f))) == 0);
    ck_assert(prune_normcdff(INFINITY) == 1.0f && to_bits(prune_normcdff(-INFINITY)) == 0);
    ck_assert(prune_normcdff(FLT_MAX) == 1.0f && to_bits(prune_normcdff(-FLT_MAX)) == 0);
    ck_assert(prune_normcdff(-13.17f) > 0.0f && to_bits(prune_normcdff(nextafterf(-13.17f, -14.0f))) == 0);
    ck_assert(prune_normcdff(0.0f) == 0.5f && prune_normcdff(-0.0f) == 0.5f);
    ck_assert(to_bits(prune_sqrtf(0.0f)) == 0 && to_bits(prune_sqrtf(-0.0f)) == 0x80000000u);
    ck_assert(prune_sqrtf(INFINITY) == INFINITY && isnan(prune_sqrtf(-INFINITY)));
    ck_assert(isnan(prune_sqrtf(-FLT_TRUE_MIN)) && isnan(prune_sqrtf(-4.0f)));
}
END_TEST

START_TEST(nan_gives_nan)
{
    static const uint32_t nans[] = { 0x7FC00000u, 0xFFC00000u, 0x7F800001u,
                                     0xFF800001u, 0x7FFFFFFFu, 0xFFFFFFFFu };
    for (size_t i = 0; i < sizeof nans / sizeof nans[0]; i++) {
        const float x = from_bits(nans[i]);
        ck_assert(isnan(prune_expf(x)) && isnan(prune_logf(x)) && isnan(prune_tanhf(x)));
        ck_assert(isnan(prune_sigmoidf(x)) && isnan(prune_sqrtf(x)));
        ck_assert(isnan(prune_expm1f(x)) && isnan(prune_softplusf(x)) && isnan(prune_normcdff(x)));
    }
}
END_TEST

START_TEST(tanh_is_odd_bit_for_bit)
{
    size_t wrong = 0;
    for (uint64_t bits = 0; bits <= to_bits(INFINITY); bits += STRIDE) {
        const uint32_t above = to_bits(prune_tanhf(from_bits((uint32_t)bits)));
        const uint32_t below = to_bits(prune_tanhf(from_bits((uint32_t)bits | 0x80000000u)));
        wrong += below != (above | 0x80000000u) || above > to_bits(1.0f);
    }
    ck_assert_uint_eq(wrong, 0);
}
END_TEST

/* ---- the same bits everywhere ---- */

/* FNV-1a over words; any NaN counts as the same. */
static uint64_t hash_of(float (*f)(float))
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (uint64_t bits = 0; bits < UINT64_C(1) << 32; bits += STRIDE) {
        const float y = f(from_bits((uint32_t)bits));
        hash = (hash ^ (y == y ? to_bits(y) : 0x7FC00000u)) * UINT64_C(0x100000001b3);
    }
    return hash;
}

START_TEST(bits_are_the_same_everywhere)
{
    static const struct {
        const char *name;
        float (*f)(float);
        uint64_t hash;
    } pinned[] = {
        { "exp", prune_expf, UINT64_C(0xf5d576016895474e) },
        { "log", prune_logf, UINT64_C(0xc1fcda8165113afb) },
        { "tanh", prune_tanhf, UINT64_C(0x33ff3b3e270ec59f) },
        { "sigmoid", prune_sigmoidf, UINT64_C(0x9b7551ba32a95e8b) },
        { "expm1", prune_expm1f, UINT64_C(0x4f4e5b480d4e64f3) },
        { "softplus", prune_softplusf, UINT64_C(0xa54da04df110a8f1) },
        { "normcdf", prune_normcdff, UINT64_C(0x07176e0d16caea01) },
        { "sqrt", prune_sqrtf, UINT64_C(0x961a58d4a0aba3d2) },
    };
    for (size_t i = 0; i < sizeof pinned / sizeof pinned[0]; i++) {
        const uint64_t hash = hash_of(pinned[i].f);
        ck_assert_msg(hash == pinned[i].hash, "%s: %#llx", pinned[i].name, (unsigned long long)hash);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        exponential_is_accurate,
        logarithm_is_accurate,
        hyperbolic_tangent_is_accurate,
        sigmoid_is_accurate,
        exponential_minus_one_is_accurate,
        softplus_is_accurate,
        normal_distribution_is_accurate,
        square_root_is_correctly_rounded,
        exponential_ends_where_the_header_says,
        logarithm_has_its_special_values,
        the_others_have_their_special_values,
        nan_gives_nan,
        tanh_is_odd_bit_for_bit,
        bits_are_the_same_everywhere,
    };
    return run_tests("fmath", tests, sizeof tests / sizeof tests[0]);
}
