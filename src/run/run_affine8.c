/* run_affine8.c -- each int8 times a number of its own and plus one
 *
 * SPDX-License-Identifier: MIT */
#include "four.h"

static uint32_t check(const prune_blob_layer *layer)
{
    return layer->words == 1 + 2u * layer->outputs ? *prn_layer_data(layer) / 32 : 1;
}

static void run(void *y, const void *x, const prune_blob_layer *layer)
{
    const uint32_t *data = prn_layer_data(layer), *w = data + 1, shift = data[0];
    const int16_t *in = (const int16_t *)x;
    int16_t *out = (int16_t *)y;
    for (uint32_t left = layer->outputs; left != 0; left--, w += 2) {
        const int32_t value = *in++;
        *out++ = (int16_t)prn_saturated((int32_t)(w[0] + w[1] * (uint32_t)value) >> shift);
    }
}

const prune_blob_op prune_op_affine8 = { PRUNE_BLOB_AFFINE8, PRUNE_BLOB_I16, PRUNE_BLOB_I16, 1, check, run };
