/* fmath.c -- float functions from additions, multiplications, divisions and integer steps alone
 *
 * Each of those is exactly specified by IEEE 754, and the order is written down here, so the bits are
 * the same everywhere: round to nearest, no fused multiply-add (-ffp-contract=off), no wider
 * intermediates (FLT_EVAL_METHOD 0). Coefficients are minimax fits of our own, by Remez exchange where no
 * other way is named.
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
#define ROUNDER 12582912.0f /* 1.5 * 2^23 */
#if defined(__clang__) && __clang_major__ >= 13
#pragma clang fp reassociate(off)
#endif
#endif

/* The greatest float whose exponential is finite. */
#define EXP_HIGHEST 88.7228317f
#define EXP_HIGHEST_BITS 0x42B17217u

#define NORMAL_BITS 0x00800000u /* of the least normal number */
#define SQRT_HALF_BITS 0x3F3504F3u
#define ONE_BITS 0x3F800000u
#define INFINITY_BITS 0x7F800000u
#define SIGN_BIT 0x80000000u

/* e^x = 2^n (1 + f): returns f, |f| < 0.42, and n modulo 2^32. For |x| < 2^20; NaN gives NaN.
 * x = n ln 2 + r, and e^r = 1 + r + r c / (2 - c), c = r - r^2 P(r^2), of r coth(r / 2) = 2 + r^2 P(r^2). */
PRN_INLINE float exp_split(float x, uint32_t *n)
{
    const float rounded = x * LOG2_E + ROUNDER;
    const float whole = rounded - ROUNDER;
    const float r = (x - whole * LN2_HIGH) - whole * LN2_LOW;
    const float s = r * r;
    const float c = r - s * (0.16666618f - s * 0.00276600709f);
    *n = prn_bits_of(rounded) - prn_bits_of(ROUNDER);
    return r + r * (c / (2.0f - c));
}

/* Times 2^n by adding to the exponent; what that leaves is 0 unless it is a normal number above 0. */
float prune_expf(float x)
{
    const uint32_t bits = prn_bits_of(x), size = bits & ~SIGN_BIT;
    uint32_t n;
    if (size > EXP_HIGHEST_BITS)
        return size > INFINITY_BITS ? x : prn_bits_float((int32_t)bits < 0 ? 0 : INFINITY_BITS);
    const float f = exp_split(x, &n);
    const uint32_t y = prn_bits_of(1.0f + f) + (n << 23);
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

float prune_sigmoidf(float x)
{
    return 1.0f / (1.0f + prune_expf(-x));
}

/* 2^n f + (2^n - 1) keeps the digits of f for small x; halves, since 2^n itself may be beyond a float. Below
 * -20 the result is -1 to the last bit. */
float prune_expm1f(float x)
{
    uint32_t n;
    if (x > EXP_HIGHEST)
        return prn_bits_float(INFINITY_BITS);
    const float f = exp_split(x < -20.0f ? -20.0f : x, &n);
    if (n == 0)
        return f;
    const float half = prn_bits_float(ONE_BITS + ((n - 1) << 23));
    return 2.0f * (half * f + (half - 0.5f));
}

/* max(x, 0) + log(1 + u), u = e^-|x| <= 1. What 1 + u loses by rounding, c, comes back as c / (1 + u): of u
 * itself when it is small. */
float prune_softplusf(float x)
{
    const float u = prune_expf(prn_bits_float(prn_bits_of(x) | SIGN_BIT));
    const float w = 1.0f + u;
    const float rest = prune_logf(w) + (u - (w - 1.0f)) / w;
    return (x > 0.0f ? x : 0.0f) + rest;
}

/* e^(t^2/2) times the tail beyond t, 0 <= t <= 14: falls smoothly from 1/2 like 1 / (t sqrt(2 pi)). A fit of
 * our own of least relative error (2e-8), by reweighted least squares on the ratio; no coefficient is
 * negative, so neither polynomial cancels. */
static inline float tail_ratio(float t)
{
    const float p = 0.5f + t * (0.435686052f + t * (0.181306556f + t * (0.0399841033f + t * 0.00402018009f)));
    const float q =
        1.0f +
        t * (1.66925704f + t * (1.1944834f + t * (0.464379787f + t * (0.100232661f + t * 0.010076954f))));
    return p / q;
}

/* Phi(-t) = e^(-t^2/2) ratio(t). The square of t is taken in two parts, that of its upper 12 bits, which is
 * exact, and the rest, at most 0.11: else its rounding error would count 100 times in the exponential. */
float prune_normcdff(float x)
{
    const float size = prn_size(x), t = size > 14.0f ? 14.0f : size;
    const float high = prn_bits_float(prn_bits_of(t) & 0xFFFFF000u);
    const float b = -0.5f * ((t - high) * (t + high));
    const float eb = 1.0f + b * (1.0f + b * (0.5f + b * (0.166666672f + b * 0.0416666679f)));
    const float tail = prune_expf(-0.5f * (high * high)) * eb * tail_ratio(t);
    return x > 0.0f ? 1.0f - tail : tail;
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
