/* run_dense8.c -- a dense layer of int8, four rows at a time
 *
 * SPDX-License-Identifier: MIT */
#include "four.h"

enum { PANEL = PRUNE_BLOB_PANEL };

/* O I / 4 + O is below 2^32, both being below 2^16, and above 0, which scales that are not whole leave. */
static uint32_t check(const prune_blob_layer *layer)
{
    return prn_behind_scales(layer) - layer->outputs * (layer->inputs / 4u + 1);
}

/* Returns what lies behind the panel. */
static inline const uint32_t *panel(int16_t *y, const uint32_t *w, const int16_t *x, uint32_t fours,
                                    prn_scales *s)
{
    uint32_t a = w[0], b = w[1], c = w[2], d = w[3];
    for (w += PANEL; fours != 0; fours--, w += PANEL) {
        const prn_four four = prn_four_take(&x);
        a = prn_four_add(a, w[0], four);
        b = prn_four_add(b, w[1], four);
        c = prn_four_add(c, w[2], four);
        d = prn_four_add(d, w[3], four);
    }
    y[0] = prn_scaled(a, s);
    y[1] = prn_scaled(b, s);
    y[2] = prn_scaled(c, s);
    y[3] = prn_scaled(d, s);
    return w;
}

static void run(void *y, const void *x, const prune_blob_layer *layer)
{
    prn_scales s = prn_scales_of(layer);
    const uint32_t *w = s.next + prn_layer_data(layer)[0];
    const int16_t *in = (const int16_t *)x;
    int16_t *out = (int16_t *)y;
    for (uint32_t rows = layer->outputs; rows != 0; rows -= PANEL, out += PANEL)
        w = panel(out, w, in, layer->inputs / 4u, &s);
}

const prune_blob_op prune_op_dense8 = { PRUNE_BLOB_DENSE8, PRUNE_BLOB_I16, PRUNE_BLOB_I16, 0, check, run };
