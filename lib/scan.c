/* scan.c -- looks through arrays of floats
 *
 * SPDX-License-Identifier: MIT */
#include "scan.h"
#include "wide.h"

#include <float.h>

enum { BLOCK = 64, SMALL_BLOCK = 16 };

static size_t first_above(const float *x, size_t count, uint32_t limit)
{
    size_t i = 0;
    while (i < count && prn_bits_size(x[i]) <= limit)
        i++;
    return i;
}

/* Whether one of `block` numbers is above, without a branch, so that it can be vectorised. */
PRN_INLINE uint32_t block_above(const float *x, uint32_t limit, size_t block)
{
    uint32_t above = 0;
    for (size_t i = 0; i < block; i++)
        above |= limit - prn_bits_size(x[i]);
    return above >> 31;
}

/* So many from the first on are in blocks that have none above; the last may overlap the one before. */
PRN_INLINE size_t blocks_below(const float *x, size_t count, uint32_t limit, size_t block)
{
    size_t done = 0;
    while (count - done >= block && !block_above(x + done, limit, block))
        done += block;
    if (done != 0 && count - done < block && !block_above(x + (count - block), limit, block))
        return count;
    return done;
}

PRN_INLINE size_t below(const float *x, size_t count, uint32_t limit)
{
    if (count < BLOCK || !PRN_VECTORS)
        return blocks_below(x, count, limit, SMALL_BLOCK);
    return blocks_below(x, count, limit, BLOCK);
}

static size_t below_plain(const float *x, size_t count, uint32_t limit)
{
    return below(x, count, limit);
}

PRN_WIDE static size_t below_wide(const float *x, size_t count, uint32_t limit)
{
    return below(x, count, limit);
}

size_t prn_scan_limit(const float *x, size_t count, float limit)
{
    const uint32_t most = prn_bits_size(limit);
    /* cppcheck-suppress knownConditionTrueFalse ; on machines without */
    const size_t done = prn_wide() ? below_wide(x, count, most) : below_plain(x, count, most);
    return done + first_above(x + done, count - done, most);
}

size_t prn_scan_finite(const float *x, size_t count)
{
    return prn_scan_limit(x, count, FLT_MAX);
}
