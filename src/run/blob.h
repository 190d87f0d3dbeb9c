/* blob.h (private) -- what the operations of the runtime share */
#ifndef PRN_BLOB_H
#define PRN_BLOB_H

#include "libprune/blob.h"

#include <float.h>

static inline const uint32_t *prn_layer_data(const prune_blob_layer *layer)
{
    return (const uint32_t *)(layer + 1);
}

/* A blob is words; some of them are floats. */
static inline const float *prn_floats_at(const void *words)
{
    return (const float *)words;
}

static inline const uint32_t *prn_bits_at(const void *floats)
{
    return (const uint32_t *)floats;
}

/* NaN stays NaN. */
static inline float prn_floored(float sum, float floor)
{
    return sum <= floor ? floor : sum;
}

/* Whether integers can have these. */
static inline int32_t prn_is_grid(float scale, int32_t zero)
{
    return scale > 0.0f && scale <= FLT_MAX && zero >= -128 && zero <= 127;
}

/* Of operations that have no data. */
uint32_t prn_check_none(const prune_blob_layer *layer);

#endif
