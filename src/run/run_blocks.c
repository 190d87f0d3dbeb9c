/* run_blocks.c -- blocks of four rows that share a column
 *
 * SPDX-License-Identifier: MIT */
#include "panel.h"

/* Rows and blocks are less than 2^16 each, so that all rows take less than 2^32 values: none are left only if
 * they are as many as there are. */
static uint32_t check(const prune_blob_layer *layer)
{
    const uint32_t *data = prn_layer_data(layer);
    if (layer->words == 0 || data[0] >= layer->words)
        return 1;
    uint32_t values = data[0], left = 2 * (layer->words - 1 - values), blocks = 0, rows = layer->outputs;
    for (const uint16_t *index = (const uint16_t *)(data + 1 + values); left != 0; left--, index++)
        if (blocks != 0) {
            blocks--;
            if (*index >= layer->inputs)
                return 1;
        } else if (rows != 0) {
            const uint32_t height = rows >= 4 ? 4 : 1;
            rows -= height;
            blocks = *index;
            values -= height * (blocks + 1);
        } else
            break;
    return rows | blocks | values | left >> 1;
}

/* Where values and index are. */
typedef struct streams {
    const float *w;
    const uint16_t *index;
} streams;

static inline void panel(float *y, const float *x, streams *s, float floor)
{
    const uint16_t *index = s->index;
    prn_panel p = prn_panel_at(s->w);
    for (uint32_t left = *index++; left != 0; left--)
        prn_panel_add(&p, x[*index++]);
    prn_panel_give(y, &p, floor);
    s->w = p.w;
    s->index = index;
}

static inline float row(const float *x, streams *s)
{
    float sum = *s->w++;
    for (uint32_t left = *s->index++; left != 0; left--)
        sum += *s->w++ * x[*s->index++];
    return sum;
}

static void run(void *y, const void *x, const prune_blob_layer *layer)
{
    const uint32_t *data = prn_layer_data(layer);
    streams s = { prn_floats_at(data + 1), (const uint16_t *)(data + 1 + data[0]) };
    const float *in = prn_floats_at(x);
    float *out = (float *)y;
    uint32_t rows = layer->outputs;
    for (; rows >= 4; rows -= 4, out += 4)
        panel(out, in, &s, layer->floor);
    for (; rows != 0; rows--)
        *out++ = prn_floored(row(in, &s), layer->floor);
}

const prune_blob_op prune_op_blocks = { PRUNE_BLOB_BLOCKS, PRUNE_BLOB_F32, PRUNE_BLOB_F32, 0, check, run };
