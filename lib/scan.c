/* scan.c -- looks through arrays of floats
 *
 * SPDX-License-Identifier: MIT */
#include "scan.h"

#include <float.h>
#include <string.h>

enum { BLOCK = 64 };

/* Bits without the sign order like magnitudes, and NaN lies above Inf. */
static uint32_t magnitude_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x7fffffffu;
}

static size_t first_above(const float *x, size_t count, uint32_t limit)
{
    size_t i = 0;
    while (i < count && magnitude_bits(x[i]) <= limit)
        i++;
    return i;
}

size_t prn_scan_limit(const float *x, size_t count, float limit)
{
    const uint32_t most = magnitude_bits(limit);
    size_t done = 0;
    for (; count - done >= BLOCK; done += BLOCK) {
        uint32_t above = 0; /* a whole block without a branch, so that it can be vectorised */
        for (size_t i = 0; i < BLOCK; i++)
            above |= (most - magnitude_bits(x[done + i])) >> 31;
        if (above)
            break;
    }
    return done + first_above(x + done, count - done, most);
}

size_t prn_scan_finite(const float *x, size_t count)
{
    return prn_scan_limit(x, count, FLT_MAX);
}
