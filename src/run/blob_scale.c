/* blob_scale.c -- inputs as the integers of a blob, and its outputs as numbers
 *
 * SPDX-License-Identifier: MIT */
#include "blob.h"

#include <stddef.h>

/* To the nearest, halves away from 0; NaN as the lowest. The ratio has so many whole halves, exactly; a half
 * added to it, or the zero, would be rounded. */
static int8_t integer(float x, float scale, int32_t zero)
{
    const float ratio = x / scale, bounded = ratio > 256.0f ? 256.0f : ratio > -256.0f ? ratio : -256.0f;
    const int32_t halves = (int32_t)(2.0f * bounded);
    const int32_t value = zero + (halves + (halves < 0 ? -1 : 1)) / 2;
    return (int8_t)(value > 127 ? 127 : value < -128 ? -128 : value);
}

prune_status prune_blob_quantize(int8_t *q, const void *blob, const float *x)
{
    const prune_blob_header *h = (const prune_blob_header *)blob;
    if (q == NULL || blob == NULL || x == NULL)
        return PRUNE_E_ARGUMENT;
    if (h->takes != PRUNE_BLOB_I8)
        return PRUNE_E_TYPE;
    if (!prn_is_grid(h->input_scale, h->input_zero))
        return PRUNE_E_FORMAT;
    for (uint32_t i = 0; i < h->inputs; i++)
        q[i] = integer(x[i], h->input_scale, h->input_zero);
    return PRUNE_OK;
}

prune_status prune_blob_dequantize(float *y, const void *blob, const int8_t *q)
{
    const prune_blob_header *h = (const prune_blob_header *)blob;
    if (y == NULL || blob == NULL || q == NULL)
        return PRUNE_E_ARGUMENT;
    if (h->gives != PRUNE_BLOB_I8)
        return PRUNE_E_TYPE;
    if (!prn_is_grid(h->output_scale, h->output_zero))
        return PRUNE_E_FORMAT;
    for (uint32_t i = 0; i < h->outputs; i++)
        y[i] = h->output_scale * (float)(q[i] - h->output_zero);
    return PRUNE_OK;
}
