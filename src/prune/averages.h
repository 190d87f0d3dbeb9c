/* averages.h (private) -- sums and moving averages of what batches have, element by element */
#ifndef PRN_AVERAGES_H
#define PRN_AVERAGES_H

#include "libprune/gemm.h"
#include "scan.h"

/* What a batch has: scale times values[count]. */
typedef struct prn_addend {
    const float *values;
    size_t count;
    float scale;
} prn_addend;

/* Whether that leaves float nowhere, and the values were numbers. */
int32_t prn_averages_can_take(const prn_addend *addend);

/* Adds it to as many sums; or with decay < 1 moves averages towards it: E = decay E + (1 - decay) x. */
void prn_averages_take(prn_sum *sums, const prn_addend *addend, float decay, const prune_backend *backend);

/* means[i] = sums[i] / ones, or 0 if nothing has counted. */
void prn_averages_means(float *means, const prn_sum *sums, size_t count, const prn_sum *ones);

#endif
