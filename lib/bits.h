/* bits.h -- a float and its 32 bits (IEEE 754 binary32) */
#ifndef PRN_BITS_H
#define PRN_BITS_H

#include "libprune/base.h"

/* Not by memcpy(): with -ffreestanding that is a call. Each starts with what it is made of, for C++. */
typedef union prn_bits {
    float number;
    uint32_t bits;
} prn_bits;

typedef union prn_number {
    uint32_t bits;
    float number;
} prn_number;

static inline uint32_t prn_bits_of(float x)
{
    const prn_bits b = { x };
    return b.bits;
}

static inline float prn_bits_float(uint32_t bits)
{
    const prn_number b = { bits };
    return b.number;
}

/* |x|, by an instruction where there is one. */
#if defined(__GNUC__)
static inline float prn_size(float x)
{
    return __builtin_fabsf(x);
}
#else
static inline float prn_size(float x)
{
    return prn_bits_float(prn_bits_of(x) & 0x7fffffffu);
}
#endif

/* The largest power of two up to x, for x > 0, but not below the smallest normal one: exact to divide by. */
static inline float prn_bits_power(float x)
{
    const uint32_t exponent = prn_bits_of(x) & 0x7f800000u;
    return prn_bits_float(exponent == 0 ? 0x00800000u : exponent);
}

/* The bits of |x|: they order like magnitudes, Inf above all numbers and NaN above Inf. */
static inline uint32_t prn_bits_size(float x)
{
    return prn_bits_of(x) & 0x7fffffffu;
}

/* A number that orders like x itself, those below 0 too, and x back from it; -0 is 0. */
static inline uint32_t prn_bits_order(float x)
{
    const uint32_t bits = prn_bits_of(x + 0.0f);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static inline float prn_bits_ordered(uint32_t order)
{
    return prn_bits_float(order & 0x80000000u ? order & 0x7fffffffu : ~order);
}

#endif
