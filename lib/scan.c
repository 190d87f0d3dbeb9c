/* scan.c -- looks through arrays of floats
 *
 * SPDX-License-Identifier: MIT */
#include "scan.h"
#include "bits.h"

#include <float.h>

enum { BLOCK = 64 };

static size_t first_above(const float *x, size_t count, uint32_t limit)
{
    size_t i = 0;
    while (i < count && prn_bits_size(x[i]) <= limit)
        i++;
    return i;
}

size_t prn_scan_limit(const float *x, size_t count, float limit)
{
    const uint32_t most = prn_bits_size(limit);
    size_t done = 0;
    for (; count - done >= BLOCK; done += BLOCK) {
        uint32_t above = 0; /* a whole block without a branch, so that it can be vectorised */
        for (size_t i = 0; i < BLOCK; i++)
            above |= (most - prn_bits_size(x[done + i])) >> 31;
        if (above)
            break;
    }
    return done + first_above(x + done, count - done, most);
}

size_t prn_scan_finite(const float *x, size_t count)
{
    return prn_scan_limit(x, count, FLT_MAX);
}
