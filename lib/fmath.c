/* fmath.c -- float functions from additions, multiplications, divisions and integer steps alone
 *
 * Each of those is exactly specified by IEEE 754, and the order is written down here, so the bits are
 * the same everywhere: round to nearest, no fused multiply-add (-ffp-contract=off), no wider
 * intermediates (FLT_EVAL_METHOD 0). Coefficients are minimax fits of our own, by Remez exchange where no
 * other way is named.
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

/* ROUNDER added to a float below 2^22 leaves its nearest integer in the low bits, unless compilers cancel
 * what is added and taken away, or compute in a wider format. Exported C too has this with what uses it.
 * Clang tells of -fassociative-math by no macro, but can be told not to. */
#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(_M_FP_FAST) || \
    (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error "-ffast-math, and what it stands for, makes exp, tanh and sigmoid wrong: compile this file without"
#elif FLT_EVAL_METHOD != 0
#error "float must be computed as float: on x86 use -msse2 -mfpmath=sse, on others -fexcess-precision=fast"
#else
#define ROUNDER 12582912.0f /* 1.5 * 2^23 */
#if defined(__clang__) && __clang_major__ >= 13
#pragma clang fp reassociate(off)
#endif
#endif

/* The least and the greatest float whose exponential is a finite normal number. */
#define EXP_LOWEST (-87.3365402f)
#define EXP_HIGHEST 88.7228317f

#define SQRT_HALF_BITS 0x3F3504F3u
#define ONE_BITS 0x3F800000u
#define INFINITY_BITS 0x7F800000u
#define NAN_BITS 0x7FC00000u
#define SIGN_BIT 0x80000000u

/* e^x = 2^n (1 + f): returns f, |f| < 0.42, and n modulo 2^32. Needs |x| < 2^20; NaN gives NaN.
 * x = n ln 2 + r, and e^r = 1 + r + r^2 q(r). */
PRN_INLINE float exp_split(float x, uint32_t *n)
{
    const float rounded = x * LOG2_E + ROUNDER;
    const float whole = rounded - ROUNDER;
    const float r = (x - whole * LN2_HIGH) - whole * LN2_LOW;
    const float q =
        0.5f + r * (0.166665428f + r * (0.0416662805f + r * (0.00836661085f + r * 0.00139464985f)));
    *n = prn_bits_of(rounded) - prn_bits_of(ROUNDER);
    return r + r * r * q;
}

static inline float clamp(float x, float low, float high)
{
    const float y = x < low ? low : x;
    return y > high ? high : y;
}

static inline float exponential(float x)
{
    uint32_t n;
    if (!(x >= EXP_LOWEST))
        return x < EXP_LOWEST ? 0.0f : x + x;
    if (x > EXP_HIGHEST)
        return prn_bits_float(INFINITY_BITS);
    const float f = exp_split(x, &n);
    return prn_bits_float(prn_bits_of(1.0f + f) + (n << 23)); /* times 2^n: stays a normal number */
}

float prune_expf(float x)
{
    return exponential(x);
}

/* log x = e ln 2 + log(1 + f), sqrt(1/2) <= 1 + f < sqrt(2). With s = f / (2 + f):
 * log(1 + f) = 2 atanh(s) = 2 s + s R(s^2) = f - (f^2/2 - s (f^2/2 + R)), where the error of s and R
 * is scaled down by f^2 and only f itself, which is exact, counts in full. */
static inline float log_normal(uint32_t bits, int32_t offset)
{
    const uint32_t shifted = bits + (ONE_BITS - SQRT_HALF_BITS);
    const float e = (float)((int32_t)(shifted >> 23) - 127 + offset);
    const float f = prn_bits_float((shifted & 0x7FFFFFu) + SQRT_HALF_BITS) - 1.0f;
    const float s = f / (2.0f + f), z = s * s, half = 0.5f * f * f;
    const float r = z * (0.666667759f + z * (0.399774969f + z * 0.298730731f));
    return e * LN2_HIGH - ((half - (s * (half + r) + e * LN2_LOW)) - f);
}

float prune_logf(float x)
{
    const uint32_t bits = prn_bits_of(x);
    if (bits - 1 >= INFINITY_BITS - 1) /* neither a number nor above 0, or Inf */
        return bits << 1 == 0 ? prn_bits_float(SIGN_BIT | INFINITY_BITS)
               : x < 0.0f     ? prn_bits_float(NAN_BITS)
                              : x + x;
    const int32_t tiny = x < FLT_MIN;
    return log_normal(tiny ? prn_bits_of(x * 0x1p23f) : bits, tiny ? -23 : 0);
}

/* a - a s P(s) / Q(s), s = a^2, up to a = 27/32: a fit of our own of least relative error (5e-11), by
 * reweighted least squares. Beyond, 1 - 2 / (e^2a + 1). Either way what carries rounding errors is less than
 * a third of what it is taken from. */
static float tanh_of_size(float a)
{
    const float s = a * a;
    if (a < 0.84375f)
        return a - a * (s * (21.1571121f + s * 0.934063256f) / (63.4713364f + s * (28.1907196f + s)));
    return 1.0f - 2.0f / (exponential(2.0f * a) + 1.0f);
}

float prune_tanhf(float x)
{
    const uint32_t sign = prn_bits_of(x) & SIGN_BIT;
    return prn_bits_float(prn_bits_of(tanh_of_size(prn_bits_float(prn_bits_of(x) ^ sign))) | sign);
}

float prune_sigmoidf(float x)
{
    return 1.0f / (1.0f + exponential(-x));
}

/* 2^n f + (2^n - 1) keeps the digits of f for small x; halves, since 2^n itself may be beyond a float. Below
 * -20 the result is -1 to the last bit. */
float prune_expm1f(float x)
{
    uint32_t n;
    const float f = exp_split(clamp(x, -20.0f, EXP_HIGHEST), &n);
    const float half = prn_bits_float(ONE_BITS + ((n - 1) << 23));
    const float y = 2.0f * (half * f + (half - 0.5f));
    return x > EXP_HIGHEST ? prn_bits_float(INFINITY_BITS) : y;
}

/* max(x, 0) + log(1 + u), u = e^-|x| <= 1. What 1 + u loses by rounding, c, comes back as c / (1 + u): of u
 * itself when it is small. */
float prune_softplusf(float x)
{
    const float u = exponential(prn_bits_float(prn_bits_of(x) | SIGN_BIT));
    const float w = 1.0f + u;
    const float rest = log_normal(prn_bits_of(w), 0) + (u - (w - 1.0f)) / w;
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
    const float t = clamp(prn_bits_float(prn_bits_of(x) & ~SIGN_BIT), 0.0f, 14.0f);
    const float high = prn_bits_float(prn_bits_of(t) & 0xFFFFF000u);
    const float b = -0.5f * ((t - high) * (t + high));
    const float eb = 1.0f + b * (1.0f + b * (0.5f + b * (0.166666672f + b * 0.0416666679f)));
    const float tail = exponential(-0.5f * (high * high)) * eb * tail_ratio(t);
    return x > 0.0f ? 1.0f - tail : tail;
}

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
        return x == 0.0f ? x : x < 0.0f ? prn_bits_float(NAN_BITS) : x + x;
    if (x > FLT_MAX)
        return x;
    return x < FLT_MIN ? root_normal(prn_bits_of(x * 0x1p24f), -12) : root_normal(prn_bits_of(x), 0);
}

float prune_sqrtf(float x)
{
    return PRN_HAS_ROOT ? prn_root(x) : prn_square_root(x);
}
