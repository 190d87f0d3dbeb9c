/* run_affine.c -- each element times a number and plus one
 *
 * SPDX-License-Identifier: MIT */
#include "blob.h"

static uint32_t check(const prune_blob_layer *layer)
{
    return layer->words - 2u * layer->outputs;
}

static void run(void *y, const void *x, const prune_blob_layer *layer)
{
    const float *w = prn_floats_at(prn_layer_data(layer)), *in = prn_floats_at(x);
    float *out = (float *)y;
    for (uint32_t left = layer->outputs; left != 0; left--, w += 2)
        *out++ = prn_floored(w[0] + w[1] * *in++, layer->floor);
}

const prune_blob_op prune_op_affine = { PRUNE_BLOB_AFFINE, PRUNE_BLOB_F32, PRUNE_BLOB_F32, 1, check, run };
