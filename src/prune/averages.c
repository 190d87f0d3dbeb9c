/* averages.c -- sums and moving averages of what batches have, element by element
 *
 * SPDX-License-Identifier: MIT */
#include "averages.h"
#include "spread.h"
#include "wide.h"

#include <float.h>

typedef struct job {
    prn_sum *sums;
    const prn_addend *addend;
    float decay;
} job;

PRN_INLINE void add(prn_sum *restrict sums, const float *restrict values, size_t count, float scale)
{
    for (size_t i = 0; i < count; i++)
        prn_sum_add(&sums[i], scale * values[i]);
}

/* As what is taken away and what comes in: neither leaves float, and the carry keeps what is small beside
 * E. */
PRN_INLINE void move(prn_sum *restrict sums, const float *restrict values, size_t count,
                     const float scale_take[2])
{
    const float scale = scale_take[0], take = scale_take[1];
    for (size_t i = 0; i < count; i++) {
        prn_sum_add(&sums[i], -take * (sums[i].sum + sums[i].carry));
        prn_sum_add(&sums[i], take * (scale * values[i]));
    }
}

PRN_INLINE void take_range(const job *j, size_t first, size_t count)
{
    prn_sum *sums = j->sums + first;
    const float *values = j->addend->values + first, scale = j->addend->scale;
    if (j->decay < 1.0f)
        move(sums, values, count, (const float[2]){ scale, 1.0f - j->decay });
    else
        add(sums, values, count, scale);
}

static void take_plain(const void *arg, size_t first, size_t count)
{
    take_range(arg, first, count);
}

PRN_WIDE static void take_wide(const void *arg, size_t first, size_t count)
{
    take_range(arg, first, count);
}

int32_t prn_averages_can_take(const prn_addend *addend)
{
    const float most = addend->scale > 1.0f ? FLT_MAX / addend->scale : FLT_MAX;
    return prn_scan_limit(addend->values, addend->count, most) == addend->count;
}

void prn_averages_take(prn_sum *sums, const prn_addend *addend, float decay, const prune_backend *backend)
{
    const job j = { sums, addend, decay };
    /* cppcheck-suppress knownConditionTrueFalse ; on machines without */
    prn_range_work *work = prn_wide() ? take_wide : take_plain;
    prn_spread_range(backend, addend->count, work, &j);
}

void prn_averages_means(float *means, const prn_sum *sums, size_t count, const prn_sum *ones)
{
    const float weight = ones->sum + ones->carry;
    for (size_t i = 0; i < count; i++) {
        const float sum = sums[i].sum + sums[i].carry;
        means[i] = weight > 0.0f ? sum / weight : 0.0f;
    }
}
