/* run_dense.c -- a dense layer from flash, four rows at a time
 *
 * SPDX-License-Identifier: MIT */
#include "blob.h"

/* O (I + 1) is below 2^32, both being below 2^16. */
static int32_t check(const prune_blob_layer *layer)
{
    return layer->words == (uint32_t)layer->outputs * layer->inputs + layer->outputs;
}

/* Four rows share each x; four columns a turn. Returns what lies behind them. */
static inline const float *panel(float *y, const float *w, const float *x, const prune_blob_layer *layer)
{
    float a = w[0], b = w[1], c = w[2], d = w[3];
    w += 4;
    for (uint32_t turns = layer->inputs / 4u; turns != 0; turns--, x += 4, w += 16) {
        float t = x[0];
        a += w[0] * t, b += w[1] * t, c += w[2] * t, d += w[3] * t;
        t = x[1];
        a += w[4] * t, b += w[5] * t, c += w[6] * t, d += w[7] * t;
        t = x[2];
        a += w[8] * t, b += w[9] * t, c += w[10] * t, d += w[11] * t;
        t = x[3];
        a += w[12] * t, b += w[13] * t, c += w[14] * t, d += w[15] * t;
    }
    for (uint32_t rest = layer->inputs % 4u; rest != 0; rest--, w += 4) {
        const float t = *x++;
        a += w[0] * t, b += w[1] * t, c += w[2] * t, d += w[3] * t;
    }
    y[0] = prn_floored(a, layer->floor);
    y[1] = prn_floored(b, layer->floor);
    y[2] = prn_floored(c, layer->floor);
    y[3] = prn_floored(d, layer->floor);
    return w;
}

static void run(void *y, const void *x, const prune_blob_layer *layer)
{
    const float *w = (const float *)prn_layer_data(layer);
    float *out = y;
    uint32_t rows = layer->outputs;
    for (; rows >= 4; rows -= 4, out += 4)
        w = panel(out, w, x, layer);
    for (; rows != 0; rows--) {
        const float *in = x;
        float sum = *w++;
        for (uint32_t left = layer->inputs; left != 0; left--)
            sum += *w++ * *in++;
        *out++ = prn_floored(sum, layer->floor);
    }
}

const prune_blob_op prune_op_dense = { PRUNE_BLOB_DENSE, PRUNE_BLOB_F32, PRUNE_BLOB_F32, 0, check, run };
