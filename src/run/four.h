/* four.h -- what operations on int8 share: four products at a time, and sums as int8 */
#ifndef PRN_FOUR_H
#define PRN_FOUR_H

#if defined(__GNUC__) && defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__)
#include "four_arm.h"
#else
#include "four_plain.h"
#endif

#include "blob.h"

/* How sums become outputs: data of the layer behind its first two words, [1] or one for each row. */
typedef struct prn_scales {
    const uint32_t *next;
    uint32_t step; /* 0 or 1 */
    int32_t zero;  /* 2 zero + 1: in halves, and one of them to round */
} prn_scales;

static inline prn_scales prn_scales_of(const prune_blob_layer *layer)
{
    const uint32_t *data = prn_layer_data(layer);
    const prn_scales scales = { data + 2, data[0] > 1, 2 * (int32_t)data[1] + 1 };
    return scales;
}

/* 0 if it is an int8. */
static inline uint32_t prn_check_zero(uint32_t zero)
{
    return (zero + 128u) >> 8;
}

/* How many words the data have behind the scales, where each row has at least its bias; 0 if scales or zero
 * are not whole, or rows or columns come not in fours. */
uint32_t prn_behind_scales(const prune_blob_layer *layer);

/* The product is below 2^62, so that nothing overflows. */
static inline int16_t prn_scaled(uint32_t sum, prn_scales *s)
{
    const uint32_t scale = *s->next;
    const int32_t high = (int32_t)((int64_t)(int32_t)sum * (int32_t)scale >> 32);
    s->next += s->step;
    return (int16_t)prn_half_saturated(s->zero + (high >> (scale & 31u)));
}

#endif
