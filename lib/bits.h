/* bits.h -- a float and its 32 bits (IEEE 754 binary32) */
#ifndef PRN_BITS_H
#define PRN_BITS_H

#include "libprune/base.h"

#include <string.h>

static inline uint32_t prn_bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float prn_bits_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The bits of |x|: they order like magnitudes, Inf above all numbers and NaN above Inf. */
static inline uint32_t prn_bits_size(float x)
{
    return prn_bits_of(x) & 0x7fffffffu;
}

#endif
