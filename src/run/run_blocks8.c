/* run_blocks8.c -- blocks of four int8 of one row
 *
 * SPDX-License-Identifier: MIT */
#include "four.h"

enum { MORE = 255 }; /* so many blocks, and another number behind their steps */

/* Where weights and steps are. */
typedef struct streams {
    const uint32_t *w;
    const uint8_t *step;
} streams;

/* Behind the scales: how many words there are, and then they. */
static inline streams streams_of(const uint32_t *at)
{
    const streams s = { at + 1, (const uint8_t *)(at + 1 + at[0]) };
    return s;
}

/* Whether the steps of one row are there and stay within x, and are no more than the words left. */
static uint32_t check_row(const uint8_t **at, const uint8_t *stop, uint32_t *words, uint32_t inputs)
{
    const uint8_t *step = *at;
    uint32_t blocks, column = 0;
    do {
        if (step == stop || *step > *words || stop - step <= *step)
            return 1;
        blocks = *step++;
        *words -= blocks;
        for (uint32_t left = blocks; left != 0; left--) {
            column += 4u * *step++;
            if (column >= inputs)
                return 1;
        }
    } while (blocks == MORE);
    *at = step;
    return 0;
}

static uint32_t check(const prune_blob_layer *layer)
{
    const uint32_t left = prn_behind_scales(layer), *end = prn_layer_data(layer) + layer->words,
                   *at = end - left;
    if (left == 0 || *at >= left || *at < layer->outputs)
        return 1;
    uint32_t words = *at - layer->outputs;
    streams s = streams_of(at);
    const uint8_t *stop = (const uint8_t *)end;
    for (uint32_t rows = layer->outputs; rows != 0; rows--)
        if (check_row(&s.step, stop, &words, layer->inputs))
            return 1;
    return words | (uint32_t)(stop - s.step) >> 2;
}

/* The sum of one row. */
static inline uint32_t take_row(streams *s, const int16_t *x)
{
    uint32_t sum = *s->w++;
    for (;;) {
        const uint32_t blocks = prn_byte_take(&s->step);
        const uint8_t *end = s->step + blocks;
        if (blocks == 0)
            return sum;
        do {
            x += 4u * prn_byte_take(&s->step);
            sum = prn_four_add(sum, *s->w++, prn_four_at(x));
        } while (s->step != end);
        if (blocks != MORE)
            return sum;
    }
}

static void run(void *y, const void *x, const prune_blob_layer *layer)
{
    prn_scales scales = prn_scales_of(layer);
    streams s = streams_of(scales.next + prn_layer_data(layer)[0]);
    int16_t *out = (int16_t *)y, *const end = out + layer->outputs;
    do
        *out++ = prn_scaled(take_row(&s, (const int16_t *)x), &scales);
    while (out != end);
}

const prune_blob_op prune_op_blocks8 = { PRUNE_BLOB_BLOCKS8, PRUNE_BLOB_I16, PRUNE_BLOB_I16, 0, check, run };
