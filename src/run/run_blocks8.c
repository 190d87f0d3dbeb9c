/* run_blocks8.c -- blocks of four int8 of one row
 *
 * SPDX-License-Identifier: MIT */
#include "four.h"

/* Where weights and steps are. */
typedef struct streams {
    const uint32_t *w;
    const uint8_t *step;
} streams;

static inline uint32_t take_count(streams *s)
{
    const uint32_t count = s->step[0] | (uint32_t)s->step[1] << 8;
    s->step += 2;
    return count;
}

/* Behind the scales: how many words there are, and then they. */
static inline streams streams_of(const uint32_t *at)
{
    const streams s = { at + 1, (const uint8_t *)(at + 1 + at[0]) };
    return s;
}

/* Rows and blocks are less than 2^16 each, so that all rows take less than 2^32 words: none are left only if
 * they are as many as there are. */
static uint32_t check(const prune_blob_layer *layer)
{
    const uint32_t left = prn_behind_scales(layer), *end = prn_layer_data(layer) + layer->words,
                   *at = end - left;
    if (left == 0 || *at >= left)
        return 1;
    uint32_t words = *at;
    streams s = streams_of(at);
    const uint8_t *stop = (const uint8_t *)end;
    for (uint32_t rows = layer->outputs; rows != 0; rows--) {
        if (stop - s.step < 2)
            return 1;
        uint32_t blocks = take_count(&s), column = 0;
        words -= 1 + blocks;
        for (; blocks != 0; blocks--) {
            if (s.step == stop)
                return 1;
            column += 4u * *s.step++;
            if (column >= layer->inputs)
                return 1;
        }
    }
    return words | (uint32_t)(stop - s.step) >> 2;
}

/* The sum of one row. Where the next begins is known before the loop, which needs no more than its own. */
static inline uint32_t take_row(streams *s, const int16_t *x)
{
    const uint32_t blocks = take_count(s), *w = s->w + 1;
    const uint8_t *step = s->step;
    uint32_t sum = *s->w;
    s->w = w + blocks;
    s->step += blocks;
    if (blocks != 0)
        do {
            x += 4u * *step++;
            sum = prn_four_add(sum, *w++, prn_four_at(x));
        } while (step != s->step);
    return sum;
}

static void run(void *y, const void *x, const prune_blob_layer *layer)
{
    prn_scales scales = prn_scales_of(layer);
    streams s = streams_of(scales.next + prn_layer_data(layer)[0]);
    int16_t *out = (int16_t *)y;
    for (uint32_t rows = layer->outputs; rows != 0; rows--)
        *out++ = prn_scaled(take_row(&s, (const int16_t *)x), &scales);
}

const prune_blob_op prune_op_blocks8 = { PRUNE_BLOB_BLOCKS8, PRUNE_BLOB_I16, PRUNE_BLOB_I16, 0, check, run };
