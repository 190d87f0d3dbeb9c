/* scan.h -- looks through arrays of floats, and adds them up with care */
#ifndef PRN_SCAN_H
#define PRN_SCAN_H

#include "libprune/base.h"

/* The index of the first x[i] that is not |x[i]| <= limit (NaN is not), or count. */
size_t prn_scan_limit(const float *x, size_t count, float limit);

/* The index of the first NaN or Inf, or count. */
size_t prn_scan_finite(const float *x, size_t count);

/* Neumaier's compensated sum: the value is sum + carry. */
typedef struct prn_sum {
    float sum;
    float carry;
} prn_sum;

static inline void prn_sum_add(prn_sum *s, float x)
{
    const float total = s->sum + x;
    const float big = s->sum < 0.0f ? -s->sum : s->sum;
    const float size = x < 0.0f ? -x : x;
    s->carry += big >= size ? (s->sum - total) + x : (x - total) + s->sum;
    s->sum = total;
}

#endif
