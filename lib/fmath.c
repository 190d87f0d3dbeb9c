/* fmath.c -- float functions from additions, multiplications, divisions and integer steps alone
 *
 * Each of those is exactly specified by IEEE 754, and the order is written down here, so the bits are
 * the same everywhere: round to nearest, no fused multiply-add (-ffp-contract=off), no wider
 * intermediates (FLT_EVAL_METHOD 0). Coefficients are minimax fits of our own, by Remez exchange; where last
 * digits count, the best of floats near by.
 *
 * Written for few bytes on a chip, too: 0.296875, 0.6875 and small whole numbers are part of an instruction
 * there, tests of bits take less than those of floats, and special cases leave by the way that others take.
 *
 * SPDX-License-Identifier: MIT */
#include "fmath.h"
#include "bits.h"
#include "inline.h"

#include <float.h>

/* ln 2 in two parts: n * LN2_HIGH is exact for |n| < 2^15 (LN2_HIGH = 355/512). */
#define LN2_HIGH 0.693359375f
#define LN2_LOW (-2.12194442e-4f)
#define LOG2_E 1.44269502f

/* The same for the logarithm, which can do with a coarser first part, 11/16. */
#define LN2_MOST 0.6875f
#define LN2_REST 0.0056471806f

/* ROUNDER added to a float below 2^22 leaves its nearest integer in the low bits, unless compilers cancel
 * what is added and taken away, or compute in a wider format. Exported C too has this with what uses it.
 * Clang tells of -fassociative-math by no macro, but can be told not to. */
#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(_M_FP_FAST) || \
    (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error "-ffast-math, and what it stands for, makes exp, tanh and sigmoid wrong: compile this file without"
#elif FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16 /* 16: only what is narrower is wider */
#error "float must be computed as float: on x86 use -msse2 -mfpmath=sse, on others -fexcess-precision=fast"
#else
#define ROUNDER 12582912.0f         /* 1.5 * 2^23 */
#define ROUNDER_256 (ROUNDER / 256) /* for 256ths, below 2^14 */
#if defined(__clang__) && __clang_major__ >= 13
#pragma clang fp reassociate(off)
#endif
#endif

/* The greatest float whose exponential is finite. */
#define EXP_HIGHEST 88.7228317f
#define EXP_HIGHEST_BITS 0x42B17217u

/* The greatest float x with normal e^-x, and one where Phi(-x) is next to nothing: 13.17. */
#define EXP_LOWEST_BITS 0x42AEAC4Fu
#define CDF_LOWEST_BITS 0x4152B852u

#define NORMAL_BITS 0x00800000u /* of the least normal number */
#define SQRT_HALF_BITS 0x3F3504F3u
#define ONE_BITS 0x3F800000u
#define INFINITY_BITS 0x7F800000u
#define SIGN_BIT 0x80000000u

/* e^(x + more) = 2^n (1 + r + rest): returns r, and n modulo 2^32. For |x| < 2^20; NaN gives NaN.
 * x + more = n ln 2 + r, rest = r c / (2 - c), c = r - r^2 P(r^2), of r coth(r / 2) = 2 + r^2 P(r^2). */
PRN_INLINE float exp_split(float x, float more, uint32_t *n, float *rest)
{
    const float rounded = x * LOG2_E + ROUNDER;
    const float whole = rounded - ROUNDER;
    const float r = (x - whole * LN2_HIGH) - (whole * LN2_LOW - more);
    const float s = r * r;
    const float c = r - s * (0.16666618f - s * 0.00276600709f);
    *n = prn_bits_of(rounded) - prn_bits_of(ROUNDER);
    *rest = r * (c / (2.0f - c));
    return r;
}

/* Times 2^n by adding to the exponent; what that leaves is 0 unless it is a normal number above 0. */
float prune_expf(float x)
{
    const uint32_t bits = prn_bits_of(x), size = bits & ~SIGN_BIT;
    uint32_t n;
    float rest;
    if (size > EXP_HIGHEST_BITS)
        return size > INFINITY_BITS ? x : prn_bits_float((int32_t)bits < 0 ? 0 : INFINITY_BITS);
    const float r = exp_split(x, 0.0f, &n, &rest);
    const uint32_t y = prn_bits_of(1.0f + (r + rest)) + (n << 23);
    return prn_bits_float((int32_t)y < (int32_t)NORMAL_BITS ? 0 : y);
}

/* log x = e ln 2 + log m, sqrt(1/2) <= m < sqrt(2). With f = m - 1, s = f / (m + 1):
 * log m = 2 atanh(s) = 2 s + s R(s^2) = f - s (f - R), where the errors of s and R count by a fifth at most,
 * and only f, which is exact, in full. The bits of a subnormal number are a whole number, x 2^149. */
float prune_logf(float x)
{
    uint32_t bits = prn_bits_of(x);
    if (bits - NORMAL_BITS >= INFINITY_BITS - NORMAL_BITS) {
        const int32_t zero = bits << 1 == 0;
        if (zero || bits >= NORMAL_BITS) /* below zero all bits become 1, a NaN */
            return x + prn_bits_float(zero ? SIGN_BIT | INFINITY_BITS : bits | (0u - (bits >> 31)));
        bits = prn_bits_of((float)(int32_t)bits) - (149u << 23);
    }
    const int32_t exponent = (int32_t)(bits - SQRT_HALF_BITS) >> 23;
    const float e = (float)exponent, m = prn_bits_float(bits - ((uint32_t)exponent << 23));
    const float f = m - 1.0f, s = f / (m + 1.0f), z = s * s;
    const float r = z * (0.666666925f + z * (0.399856985f + z * 0.296875f));
    return e * LN2_MOST - ((s * (f - r) - e * LN2_REST) - f);
}

/* x - x s / D(s), s = x^2, D = 3 + 6/5 s - ..., for |x| < 1; beyond, 1 - 2 / (e^2|x| + 1), with the sign
 * of x. Either way what carries rounding errors is less than a third of what it is taken from. */
float prune_tanhf(float x)
{
    const uint32_t bits = prn_bits_of(x), twice = bits << 1;
    float most = x, above, below;
    if (twice == 0) /* of -0, x - x s / D would make 0 */
        return x;
    if (twice < ONE_BITS << 1) {
        above = x * x;
        below = 3.0f + above * (1.19999862f + above * (-0.00570329372f + above * 0.000232820908f));
    } else {
        below = prune_expf(2.0f * prn_size(x)) + 1.0f;
        above = 2.0f;
        most = 1.0f;
        if ((int32_t)bits < 0)
            most = -most;
    }
    return most - most * (above / below);
}

/* A number in two floats. */
typedef struct parts {
    float most, rest; /* most is the sum, rounded */
} parts;

/* e^-size to some 30 bits, for size >= 0 or NaN; 0 where it would be subnormal. */
static parts fading(float size)
{
    uint32_t n;
    float rest;
    parts e = { 0.0f, 0.0f };
    if (prn_bits_of(size) <= EXP_LOWEST_BITS) {
        const float r = exp_split(-size, 0.0f, &n, &rest), f = r + rest, most = 1.0f + f;
        const float scale = prn_bits_float(ONE_BITS + (n << 23));
        e.most = scale * most;
        e.rest = scale * (f - (most - 1.0f));
    } else if (prn_bits_of(size) > INFINITY_BITS)
        e.most = size;
    return e;
}

/* With e = e^-|x|: e / (1 + e) below 0, 1 / (1 + e) above. What the quotient y misses is found from
 * (above - y) - y e, whose difference is exact, so that only the last rounding counts in full. */
float prune_sigmoidf(float x)
{
    const parts e = fading(prn_size(x));
    const float r = 1.0f / (1.0f + e.most);
    float above = e.most, rest = r * e.rest;
    if (x > 0.0f) {
        above = 1.0f;
        rest = -rest;
    }
    const float y = above * r;
    return y + r * (((above - y) - y * e.most) + rest);
}

/* 2^n (r + rest) + (2^n - 1) keeps the digits of r for small x; halves, since 2^n itself may be beyond a
 * float. e is what base and sum lose by rounding. Below -20 the result is -1 to the last bit. */
float prune_expm1f(float x)
{
    uint32_t n;
    float rest;
    if (x > EXP_HIGHEST)
        return prn_bits_float(INFINITY_BITS);
    const float r = exp_split(x < -20.0f ? -20.0f : x, 0.0f, &n, &rest);
    if (n == 0)
        return r + rest;
    const float half = prn_bits_float(ONE_BITS + ((n - 1) << 23));
    const float base = half - 0.5f, sum = base + half * r;
    const float e = (half * r - (sum - base)) + ((half - base) - 0.5f);
    return 2.0f * (sum + (e + half * rest));
}

/* For |x| < 1, log(2 cosh(x / 2)) + x / 2 = ln 2 + x / 2 + x^2 P(x^2); beyond, max(x, 0) + log(1 + u),
 * u = e^-|x| <= 0.37, log(1 + u) = u - u^2 / D(u), D = 2 + 4/3 u - ... */
float prune_softplusf(float x)
{
    const uint32_t bits = prn_bits_of(x);
    if (bits << 1 < ONE_BITS << 1) {
        const float s = x * x;
        const float p = 0.124999854f + s * (-0.00520700128f + s * (0.000343316423f - s * 2.16646101e-5f));
        return 0.693147182f + (0.5f * x + s * p);
    }
    const parts e = fading(prn_size(x));
    const float u = e.most;
    const float d =
        2.00000143f + u * (1.33325851f + u * (-0.11004512f + u * (0.0527672991f - u * 0.0191948824f)));
    return prn_bits_float(bits & ~(0u - (bits >> 31))) + (u + (e.rest - u * u / d));
}

/* Phi(-t) = e^(-t^2/2) / (2 d), d = 1 + 35/32 t + t P(t) / Q(t), of which the last is a tenth at most. high
 * and the first y are whole 256ths, so that high^2 and y most are exact. Then y gets what it misses,
 * (e^r - y d) / d: of all roundings only that of this sum counts in full. */
float prune_normcdff(float x)
{
    const uint32_t bits = prn_bits_of(x), size = bits & ~SIGN_BIT;
    uint32_t n;
    float rest;
    if (size > CDF_LOWEST_BITS)
        return prn_bits_float(size > INFINITY_BITS ? bits : (int32_t)bits < 0 ? 0 : ONE_BITS);
    const float t = prn_size(x), high = (t + ROUNDER_256) - ROUNDER_256, low = t - high;
    const float half = 0.5f * high, r = exp_split(-half * high, -low * (half + 0.5f * t), &n, &rest);
    const float p = -0.295865297f +
                    t * (-0.119659781f + t * (-0.0117142266f + t * (0.00472752238f + t * 0.00124666176f)));
    const float q = 1.0f + t * (0.866196096f + t * (0.358574599f + t * (0.0785489902f + t * 0.00781386346f)));
    const float most = 1.0f + 1.09375f * high, less = 1.09375f * low + t * p / q;
    const float inverse = 1.0f / (most + less);
    float y = ((inverse + ROUNDER_256) + (r + rest) * inverse) - ROUNDER_256;
    y += inverse * ((((1.0f - y * most) + r) + rest) - y * less);
    y *= prn_bits_float((ONE_BITS - (1u << 23)) + (n << 23));
    return (int32_t)bits < 0 ? y : 1.0f - y;
}

#if !PRN_HAS_ROOT
/* x = m 4^e, 1 <= m < 4: the root of m to 24 bits and one for rounding, bit by bit. It is never half
 * way between two floats, since the square of an odd number of 25 bits has too many digits. */
static float root_normal(uint32_t bits, int32_t offset)
{
    const int32_t exponent = (int32_t)(bits >> 23) - 127;
    const uint64_t square = (uint64_t)((bits & 0x7FFFFFu) | 0x800000u) << (25 + (exponent & 1));
    uint32_t root = 0;
    for (uint32_t bit = 1u << 24; bit != 0; bit >>= 1)
        if ((uint64_t)(root | bit) * (root | bit) <= square)
            root |= bit;
    const uint32_t rounded = (root >> 1) + (root & 1u);
    const int32_t half = (exponent - (exponent & 1)) / 2 + offset;
    return prn_bits_float(rounded + ((uint32_t)(half + 126) << 23));
}

float prn_square_root(float x)
{
    if (!(x > 0.0f))
        return x == 0.0f ? x : x < 0.0f ? prn_bits_float(0x7FC00000u) : x + x;
    if (x > FLT_MAX)
        return x;
    return x < FLT_MIN ? root_normal(prn_bits_of(x * 0x1p24f), -12) : root_normal(prn_bits_of(x), 0);
}
#endif

float prune_sqrtf(float x)
{
    return prn_root(x);
}
