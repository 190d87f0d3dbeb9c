/* blobs8.c -- blobs of int8 for the runtime, written from blob.h alone, and what they compute, in int64
 *
 * SPDX-License-Identifier: MIT */
#include "blobs8.h"

#include <math.h>
#include <string.h>

void blobs8_start(blobs *blob, size_t inputs)
{
    blobs_start(blob, inputs);
    blobs_header(blob)->takes = PRUNE_BLOB_I8;
    blobs_header(blob)->gives = PRUNE_BLOB_I8;
    blobs_open_layer(blob, PRUNE_BLOB_WIDEN, inputs, (inputs + 3) / 4 * 4, 0);
}

void blobs8_finish(blobs *blob, size_t outputs, size_t scratch)
{
    blobs_open_layer(blob, PRUNE_BLOB_NARROW, blobs_header(blob)->outputs, outputs, PRUNE_BLOB_OUTPUT);
    blobs_finish(blob, scratch);
}

void blobs8_add_table(blobs *blob, const int8_t table[256], uint32_t to)
{
    const size_t width = blobs_header(blob)->outputs;
    const size_t at = blobs_open_layer(blob, PRUNE_BLOB_TABLE, width, width, to);
    for (size_t i = 0; i < 256; i += 4) {
        uint32_t word;
        memcpy(&word, table + i, sizeof word);
        blobs_put(blob, word);
    }
    blobs_close_layer(blob, at, 0.0f);
}

static void put_four(blobs *blob, const int8_t *w)
{
    static const size_t order[] = { 3, 1, 2, 0 };
    uint32_t word = 0;
    for (size_t i = 0; i < 4; i++)
        word = word << 8 | (uint8_t)w[order[i]];
    blobs_put(blob, word);
}

static void put_dense(blobs *blob, const blobs8_layer *l)
{
    for (size_t row = 0; row < l->outputs; row += 4) {
        for (size_t r = row; r < row + 4; r++)
            blobs_put(blob, (uint32_t)l->b[r]);
        for (size_t column = 0; column < l->inputs; column += 4)
            for (size_t r = row; r < row + 4; r++)
                put_four(blob, l->w + r * l->inputs + column);
    }
}

/* The words of a row; returns how many steps there are. */
static size_t put_row(blobs *blob, uint8_t *steps, const blobs8_layer *l, size_t row)
{
    static const int8_t none[4];
    size_t at = 0, blocks = 0;
    blobs_put(blob, (uint32_t)l->b[row]);
    for (size_t four = 0; four < l->inputs / 4; four++) {
        const int8_t *w = l->w + row * l->inputs + 4 * four;
        if (memcmp(w, none, 4) == 0)
            continue;
        for (; four - at > 255; at += 255) {
            put_four(blob, none);
            steps[blocks++] = 255;
        }
        put_four(blob, w);
        steps[blocks++] = (uint8_t)(four - at);
        at = four;
    }
    return blocks;
}

static void put_blocks(blobs *blob, const blobs8_layer *l)
{
    static uint8_t bytes[BLOBS_WORDS], steps[BLOBS8_I / 4];
    size_t count = 0;
    const size_t first = blob->count;
    blobs_put(blob, 0);
    for (size_t row = 0; row < l->outputs; row++) {
        const uint8_t *step = steps;
        size_t left = put_row(blob, steps, l, row);
        for (; left >= 255; left -= 255, step += 255, count += 256) {
            bytes[count] = 255;
            memcpy(bytes + count + 1, step, 255);
        }
        bytes[count++] = (uint8_t)left;
        memcpy(bytes + count, step, left);
        count += left;
    }
    blob->words[first] = (uint32_t)(blob->count - first - 1);
    memset(bytes + count, 0, 4);
    for (size_t i = 0; i < count; i += 4) {
        uint32_t word;
        memcpy(&word, bytes + i, sizeof word);
        blobs_put(blob, word);
    }
}

void blobs8_add(blobs *blob, const blobs8_layer *l)
{
    const size_t at = blobs_open_layer(blob, l->op, l->inputs, l->outputs, l->to);
    blobs_put(blob, (uint32_t)l->scale_count);
    blobs_put(blob, (uint32_t)l->zero);
    for (size_t i = 0; i < l->scale_count; i++)
        blobs_put(blob, l->scales[i]);
    if (l->op == PRUNE_BLOB_DENSE8)
        put_dense(blob, l);
    else
        put_blocks(blob, l);
    blobs_close_layer(blob, at, 0.0f);
}

/* The sum as 32 bits hold it; p / 2^(33 + j), which for j of 30 and 31 is less than a half. */
static int64_t scaled(int64_t sum, uint32_t scale)
{
    const int64_t whole = INT64_C(1) << 32, wrapped = ((sum + whole / 2) % whole + whole) % whole - whole / 2;
    const int64_t p = wrapped * (int64_t)scale;
    const uint32_t j = scale % 32;
    if (j >= 30)
        return 0;
    const int64_t by = INT64_C(1) << (33 + j), rest = (p % by + by) % by;
    return (p - rest) / by + (rest >= by / 2);
}

void blobs8_plain(int8_t *y, const int8_t *x, const blobs8_layer *l)
{
    for (size_t row = 0; row < l->outputs; row++) {
        int64_t sum = l->b[row];
        for (size_t i = 0; i < l->inputs; i++)
            sum += (int64_t)l->w[row * l->inputs + i] * x[i];
        const int64_t value = l->zero + scaled(sum, l->scales[l->scale_count == 1 ? 0 : row]);
        y[row] = (int8_t)(value > 127 ? 127 : value < -128 ? -128 : value);
    }
}

static int8_t draw_byte(prune_rng *rng)
{
    return (int8_t)((int32_t)prune_rng_below(rng, 256) - 128);
}

void blobs8_draw(blobs8_drawn *d, size_t outputs, size_t inputs, float density, int32_t own)
{
    static const int8_t ends[] = { -128, 127 };
    for (size_t i = 0; i < outputs * inputs; i += 4) {
        const int32_t kept = prune_rng_uniform(&d->rng) < density;
        for (size_t k = i; k < i + 4; k++)
            d->w[k] = kept ? draw_byte(&d->rng) : 0;
    }
    for (size_t i = 0; i < inputs; i++)
        d->x[i] = prune_rng_below(&d->rng, 8) == 0 ? ends[i % 2] : draw_byte(&d->rng);
    for (size_t i = 0; i < outputs; i++) {
        d->b[i] = (int32_t)prune_rng_below(&d->rng, 40001) - 20000;
        d->scales[i] = (UINT32_C(1) << 30 | (prune_rng_next(&d->rng) >> 2 & ~31u)) + 4 + (uint32_t)i % 6;
    }
    d->layer = (blobs8_layer){
        0, outputs, inputs, d->w, d->b, d->scales, own ? outputs : 1, (int32_t)(outputs % 256) - 128, 0
    };
}

void blobs8_net(blobs *blob, blobs8_drawn d[2], int8_t y[BLOBS8_NET_O])
{
    int8_t table[256], h[8], out[4];
    for (size_t i = 0; i < 256; i++)
        table[i] = (int8_t)((int32_t)(i * 37 % 256) - 128);
    for (size_t l = 0; l < 2; l++) {
        prune_rng_seed(&d[l].rng, 20 + l);
        blobs8_draw(&d[l], l == 0 ? 8 : 4, l == 0 ? 12 : 8, 0.7f, l == 0);
    }
    d[0].layer.op = PRUNE_BLOB_BLOCKS8;
    d[0].layer.to = 12 * 2;
    d[1].layer.op = PRUNE_BLOB_DENSE8;
    d[0].x[BLOBS8_NET_I] = 0;
    blobs8_start(blob, BLOBS8_NET_I);
    blobs8_add(blob, &d[0].layer);
    blobs8_add_table(blob, table, 12 * 2);
    blobs8_add(blob, &d[1].layer);
    blobs8_finish(blob, BLOBS8_NET_O, BLOBS8_NET_SCRATCH);

    blobs8_plain(h, d[0].x, &d[0].layer);
    for (size_t i = 0; i < 8; i++)
        h[i] = table[h[i] + 128];
    blobs8_plain(out, h, &d[1].layer);
    memcpy(y, out, BLOBS8_NET_O);
}
