/* scan.c -- looks through arrays of floats
 *
 * SPDX-License-Identifier: MIT */
#include "scan.h"

#include <float.h>

enum { BLOCK = 64 };

static size_t first_above(const float *x, size_t count, uint32_t limit)
{
    size_t i = 0;
    while (i < count && prn_bits_size(x[i]) <= limit)
        i++;
    return i;
}

/* Whether one of BLOCK numbers is above, without a branch, so that it can be vectorised. */
static uint32_t block_above(const float *x, uint32_t limit)
{
    uint32_t above = 0;
    for (size_t i = 0; i < BLOCK; i++)
        above |= (limit - prn_bits_size(x[i])) >> 31;
    return above;
}

/* The last whole block may overlap the one before. */
size_t prn_scan_limit(const float *x, size_t count, float limit)
{
    const uint32_t most = prn_bits_size(limit);
    size_t done = 0;
    while (count - done >= BLOCK && !block_above(x + done, most))
        done += BLOCK;
    if (done != 0 && count - done < BLOCK && !block_above(x + (count - BLOCK), most))
        return count;
    return done + first_above(x + done, count - done, most);
}

size_t prn_scan_finite(const float *x, size_t count)
{
    return prn_scan_limit(x, count, FLT_MAX);
}
