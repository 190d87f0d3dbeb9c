/* scan.h -- looks through arrays of floats, and adds them up with care */
#ifndef PRN_SCAN_H
#define PRN_SCAN_H

#include "bits.h"

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
    const int32_t grown = prn_bits_size(s->sum) >= prn_bits_size(x);
    const float big = grown ? s->sum : x, small = grown ? x : s->sum;
    s->carry += (big - total) + small;
    s->sum = total;
}

#endif
