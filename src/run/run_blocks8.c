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

/* What is not yet taken; words that run out go below 0. */
typedef struct rest {
    uint32_t words, bytes;
} rest;

/* One row. */
static int32_t check_row(streams *s, rest *left, uint32_t fours)
{
    if (left->bytes < 2)
        return 0;
    const uint32_t blocks = take_count(s);
    uint32_t place = 0;
    left->bytes -= 2;
    if (blocks > left->bytes)
        return 0;
    left->bytes -= blocks;
    left->words -= 1 + blocks;
    for (uint32_t b = 0; b < blocks; b++) {
        place += *s->step++;
        if (place >= fours)
            return 0;
    }
    return 1;
}

/* Rows and blocks are less than 2^16 each, so that all rows take less than 2^32 words: none are left only if
 * they are as many as there are. */
static int32_t check(const prune_blob_layer *layer)
{
    const uint32_t scales = prn_check_scales(layer), *at = prn_layer_data(layer) + scales;
    if (scales == 0 || layer->words == scales || *at > layer->words - scales - 1)
        return 0;
    streams s = streams_of(at);
    rest left = { *at, 4 * (layer->words - scales - 1 - *at) };
    for (uint32_t rows = layer->outputs; rows != 0; rows--)
        if (!check_row(&s, &left, layer->inputs / 4u))
            return 0;
    return left.words == 0 && left.bytes < 4;
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
