/* convert_test.c -- copies between tensors of different element types: every half, every tie, every end
 *
 * SPDX-License-Identifier: MIT */
#include "support/runner.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { PATTERNS = 65536 };

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void convert(void *to, int32_t to_dtype, const void *from, int32_t from_dtype, size_t count)
{
    prune_tensor *t, *f;
    ck_assert_ok(prune_tensor_matrix(&t, NULL, to_dtype, 1, count, to));
    ck_assert_ok(prune_tensor_const_matrix(&f, NULL, from_dtype, 1, count, from));
    ck_assert_ok(prune_tensor_copy(t, f));
    prune_tensor_free(t);
    prune_tensor_free(f);
}

/* ---- two bytes of float ---- */

/* What a pattern means, by the definition of binary16. */
static double meaning_of_half(uint32_t half)
{
    const int exponent = (int)(half >> 10 & 31), fraction = (int)(half & 1023);
    const double sign = half & 0x8000u ? -1.0 : 1.0;
    if (exponent == 31)
        return fraction != 0 ? (double)NAN : sign * (double)INFINITY;
    return sign * (exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25));
}

/* bfloat16 is the upper half of a float. */
static double meaning_of_bfloat(uint32_t bits)
{
    return (double)float_of(bits << 16);
}

typedef double meaning(uint32_t pattern);

static uint16_t patterns[PATTERNS], back[PATTERNS];
static float wide[PATTERNS];

static void check_round_trip(int32_t dtype, meaning *of)
{
    size_t wrong = 0;
    for (uint32_t i = 0; i < PATTERNS; i++)
        patterns[i] = (uint16_t)i;
    convert(wide, PRUNE_F32, patterns, dtype, PATTERNS);
    convert(back, dtype, wide, PRUNE_F32, PATTERNS);
    for (uint32_t i = 0; i < PATTERNS; i++)
        if (isnan(of(i)))
            wrong += !isnan(wide[i]) || !isnan(of(back[i]));
        else
            wrong += (double)wide[i] != of(i) || back[i] != i;
    ck_assert_uint_eq(wrong, 0);
}

START_TEST(every_half_is_read_and_written)
{
    check_round_trip(PRUNE_F16, meaning_of_half);
}
END_TEST

START_TEST(every_bfloat_is_read_and_written)
{
    check_round_trip(PRUNE_BF16, meaning_of_bfloat);
}
END_TEST

/* Between each pattern and the next above it, up to infinity (as if that were the next power of two): the
 * middle goes to the even one, its neighbours to the nearer one. */
static void check_ties(int32_t dtype, uint32_t infinity, meaning *of)
{
    size_t wrong = 0;
    for (uint32_t sign = 0; sign <= 0x8000u; sign += 0x8000u)
        for (uint32_t i = 0; i < infinity; i++) {
            const double low = of(i), step = i == 0             ? of(1)
                                             : i + 1 < infinity ? of(i + 1) - low
                                                                : low - of(i - 1);
            const float middle = (float)(low + step / 2.0);
            const float exact[3] = { nextafterf(middle, 0.0f), middle, nextafterf(middle, INFINITY) };
            float x[3];
            uint16_t got[3];
            for (size_t k = 0; k < 3; k++)
                x[k] = sign ? -exact[k] : exact[k];
            convert(got, dtype, x, PRUNE_F32, 3);
            wrong += got[0] != (i | sign) || got[2] != ((i + 1) | sign) || got[1] != ((i + (i & 1)) | sign);
        }
    ck_assert_uint_eq(wrong, 0);
}

START_TEST(halves_round_to_nearest_ties_to_even)
{
    check_ties(PRUNE_F16, 0x7C00u, meaning_of_half);
}
END_TEST

START_TEST(bfloats_round_to_nearest_ties_to_even)
{
    check_ties(PRUNE_BF16, 0x7F80u, meaning_of_bfloat);
}
END_TEST

START_TEST(ends_of_the_halves)
{
    const float x[] = { 65504,           65519.996f, 65520,        -65520,   1e30f,
                        -FLT_MAX,        INFINITY,   -INFINITY,    0x1p-24f, 0x1p-25f,
                        0x1.000002p-25f, -0x1p-26f,  FLT_TRUE_MIN, 0.0f,     -0.0f };
    static const uint16_t expected[] = { 0x7BFF, 0x7BFF, 0x7C00, 0xFC00, 0x7C00, 0xFC00, 0x7C00, 0xFC00,
                                         0x0001, 0x0000, 0x0001, 0x8000, 0x0000, 0x0000, 0x8000 };
    uint16_t got[15];
    convert(got, PRUNE_F16, x, PRUNE_F32, 15);
    ck_assert_mem_eq(got, expected, sizeof got);
}
END_TEST

/* Also those whose payload lies only in bits that are cut off: they must not become infinite. */
START_TEST(nan_stays_nan)
{
    static const uint32_t bits[] = { 0x7FC00000u, 0xFFC00000u, 0x7F800001u,
                                     0xFF800001u, 0x7FFFFFFFu, 0x7F801FFFu };
    float x[6];
    uint16_t half[6], bfloat[6];
    memcpy(x, bits, sizeof x);
    convert(half, PRUNE_F16, x, PRUNE_F32, 6);
    convert(bfloat, PRUNE_BF16, x, PRUNE_F32, 6);
    for (size_t i = 0; i < 6; i++) {
        ck_assert(isnan(meaning_of_half(half[i])) && isnan(meaning_of_bfloat(bfloat[i])));
        ck_assert(half[i] >> 15 == bits[i] >> 31 && bfloat[i] >> 15 == bits[i] >> 31);
    }
}
END_TEST

/* ---- integers ---- */

/* To nearest, ties to even (rint in the default mode), ends for what lies beyond, 0 for NaN. */
static double expected_integer(double x, double low, double high)
{
    return isnan(x) ? 0.0 : fmin(fmax(rint(x), low), high);
}

static void check_integers(const float *x, size_t count)
{
    static int32_t words[PATTERNS];
    static uint8_t bytes[PATTERNS];
    static int8_t small[PATTERNS];
    size_t wrong = 0;
    convert(words, PRUNE_I32, x, PRUNE_F32, count);
    convert(bytes, PRUNE_U8, x, PRUNE_F32, count);
    convert(small, PRUNE_I8, x, PRUNE_F32, count);
    for (size_t i = 0; i < count; i++) {
        const double exact = (double)x[i];
        wrong += (double)words[i] != expected_integer(exact, INT32_MIN, INT32_MAX);
        wrong += (double)bytes[i] != expected_integer(exact, 0, UINT8_MAX);
        wrong += (double)small[i] != expected_integer(exact, INT8_MIN, INT8_MAX);
    }
    ck_assert_uint_eq(wrong, 0);
}

START_TEST(integers_round_and_saturate)
{
    /* each quarter from -8192 to 8192, then floats of all sizes, infinities and NaNs among them */
    for (size_t i = 0; i < PATTERNS; i++)
        wide[i] = ((float)i - 32768.0f) * 0.25f;
    check_integers(wide, PATTERNS);
    for (uint32_t i = 0; i < PATTERNS; i++)
        wide[i] = float_of(i << 16 | (i * 40503u & 0xFFFFu));
    check_integers(wide, PATTERNS);
}
END_TEST

START_TEST(ends_of_the_integers)
{
    const float x[] = { NAN,           INFINITY,       -INFINITY,      2147483648.0f,
                        2147483520.0f, -2147483648.0f, -2147483904.0f, 8388607.5f,
                        4194304.5f,    4194305.5f,     127.5f,         126.5f,
                        -128.5f,       255.5f,         254.5f,         -0.5f };
    static const int32_t words[] = { 0,         INT32_MAX, INT32_MIN, INT32_MAX, 2147483520, INT32_MIN,
                                     INT32_MIN, 8388608,   4194304,   4194306,   128,        126,
                                     -128,      256,       254,       0 };
    static const int8_t small[] = { 0,   127, -128, 127, 127,  -128, -128, 127,
                                    127, 127, 127,  126, -128, 127,  127,  0 };
    static const uint8_t bytes[] = { 0, 255, 0, 255, 255, 0, 0, 255, 255, 255, 128, 126, 0, 255, 254, 0 };
    int32_t got_words[16];
    int8_t got_small[16];
    uint8_t got_bytes[16];
    convert(got_words, PRUNE_I32, x, PRUNE_F32, 16);
    convert(got_small, PRUNE_I8, x, PRUNE_F32, 16);
    convert(got_bytes, PRUNE_U8, x, PRUNE_F32, 16);
    ck_assert_mem_eq(got_words, words, sizeof words);
    ck_assert_mem_eq(got_small, small, sizeof small);
    ck_assert_mem_eq(got_bytes, bytes, sizeof bytes);
}
END_TEST

START_TEST(integers_become_the_nearest_float)
{
    static const int32_t words[] = { 0, -1, 16777216, 16777217, 16777219, -16777217, INT32_MAX, INT32_MIN };
    static const float expected[] = { 0,        -1,        16777216,      16777216,
                                      16777220, -16777216, 2147483648.0f, -2147483648.0f };
    float got[8];
    convert(got, PRUNE_F32, words, PRUNE_I32, 8);
    ck_assert_mem_eq(got, expected, sizeof got);
}
END_TEST

START_TEST(types_meet_through_float)
{
    static const int8_t small[] = { -128, -1, 0, 1, 127 };
    static const uint8_t bytes[] = { 0, 127, 128, 200, 255 };
    static const uint8_t bytes_of_small[] = { 0, 0, 0, 1, 127 };
    static const int8_t small_of_bytes[] = { 0, 127, 127, 127, 127 };
    static const uint16_t halves_of_bytes[] = { 0x0000, 0x57F0, 0x5800, 0x5A40, 0x5BF8 };
    static const uint16_t bfloats_of_bytes[] = { 0x0000, 0x42FE, 0x4300, 0x4348, 0x437F };
    uint8_t got_bytes[5];
    int8_t got_small[5];
    uint16_t got[5], again[5];
    convert(got_bytes, PRUNE_U8, small, PRUNE_I8, 5);
    convert(got_small, PRUNE_I8, bytes, PRUNE_U8, 5);
    ck_assert_mem_eq(got_bytes, bytes_of_small, 5);
    ck_assert_mem_eq(got_small, small_of_bytes, 5);
    convert(got, PRUNE_F16, bytes, PRUNE_U8, 5);
    ck_assert_mem_eq(got, halves_of_bytes, sizeof got);
    convert(again, PRUNE_BF16, got, PRUNE_F16, 5);
    ck_assert_mem_eq(again, bfloats_of_bytes, sizeof again);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_half_is_read_and_written,
        every_bfloat_is_read_and_written,
        halves_round_to_nearest_ties_to_even,
        bfloats_round_to_nearest_ties_to_even,
        ends_of_the_halves,
        nan_stays_nan,
        integers_round_and_saturate,
        ends_of_the_integers,
        integers_become_the_nearest_float,
        types_meet_through_float,
    };
    return run_tests("convert", tests, sizeof tests / sizeof tests[0]);
}
