/* blobs.c -- blobs for the runtime, written from blob.h alone, in this machine's byte order
 *
 * SPDX-License-Identifier: MIT */
#include "blobs.h"

#include <math.h>
#include <string.h>

void blobs_put(blobs *blob, uint32_t word)
{
    ck_assert_uint_lt(blob->count, BLOBS_WORDS);
    blob->words[blob->count++] = word;
}

static void put_float(blobs *blob, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    blobs_put(blob, bits);
}

void blobs_start(blobs *blob, size_t inputs)
{
    const prune_blob_header header = { .magic = PRUNE_BLOB_MAGIC,
                                       .version = PRUNE_BLOB_VERSION,
                                       .panel = PRUNE_BLOB_PANEL,
                                       .takes = PRUNE_BLOB_F32,
                                       .gives = PRUNE_BLOB_F32,
                                       .inputs = (uint16_t)inputs,
                                       .outputs = (uint16_t)inputs,
                                       .input_scale = 1.0f,
                                       .output_scale = 1.0f };
    memcpy(blob->words, &header, sizeof header);
    blob->count = sizeof header / sizeof *blob->words;
}

prune_blob_header *blobs_header(blobs *blob)
{
    return (prune_blob_header *)(void *)blob->words;
}

/* Rows at a time: four as long as there are four. */
static size_t rows_at(const blobs_layer *l, size_t row)
{
    return l->outputs - row >= 4 ? 4 : 1;
}

static int32_t keeps(const blobs_layer *l, size_t row, size_t rows, size_t column)
{
    int32_t any = 0;
    for (size_t r = row; r < row + rows; r++) {
        const float w = l->w[r * l->inputs + column];
        any |= w != 0.0f || signbit(w);
    }
    return any;
}

static void put_column(blobs *blob, const blobs_layer *l, size_t row, size_t rows, size_t column)
{
    for (size_t r = row; r < row + rows; r++)
        put_float(blob, l->w[r * l->inputs + column]);
}

static void put_dense(blobs *blob, const blobs_layer *l)
{
    for (size_t row = 0, rows; row < l->outputs; row += rows) {
        rows = rows_at(l, row);
        for (size_t r = row; r < row + rows; r++)
            put_float(blob, l->b[r]);
        for (size_t column = 0; column < l->inputs; column++)
            put_column(blob, l, row, rows, column);
    }
}

static void put_blocks(blobs *blob, const blobs_layer *l)
{
    static uint16_t index[BLOBS_WORDS];
    size_t entries = 0;
    const size_t first = blob->count;
    blobs_put(blob, 0);
    for (size_t row = 0, rows; row < l->outputs; row += rows) {
        rows = rows_at(l, row);
        for (size_t r = row; r < row + rows; r++)
            put_float(blob, l->b[r]);
        uint16_t *number = &index[entries++];
        *number = 0;
        for (size_t column = 0; column < l->inputs; column++)
            if (keeps(l, row, rows, column)) {
                put_column(blob, l, row, rows, column);
                index[entries++] = (uint16_t)column;
                ++*number;
            }
    }
    blob->words[first] = (uint32_t)(blob->count - first - 1);
    index[entries] = 0;
    for (size_t i = 0; i < entries; i += 2) {
        uint32_t pair;
        memcpy(&pair, index + i, sizeof pair);
        blobs_put(blob, pair);
    }
}

/* One step and its value, into the last group or a new one. */
static void put_step(blobs *blob, size_t first, size_t step, float value)
{
    const size_t n = blob->words[first]++;
    if (n % 4 == 0)
        for (size_t i = 0; i < 5; i++)
            blobs_put(blob, 0);
    uint32_t *group = blob->words + first + 1 + n / 4 * 5;
    group[0] |= (uint32_t)(4 * step) << (n % 4 * 8);
    memcpy(&group[1 + n % 4], &value, sizeof value);
}

static void put_deltas(blobs *blob, const blobs_layer *l)
{
    for (size_t row = 0; row < l->outputs; row++) {
        put_float(blob, l->b[row]);
        const size_t first = blob->count;
        size_t at = 0;
        blobs_put(blob, 0);
        for (size_t column = 0; column < l->inputs; column++) {
            if (!keeps(l, row, 1, column))
                continue;
            for (; column - at > 63; at += 63)
                put_step(blob, first, 63, 0.0f);
            put_step(blob, first, column - at, l->w[row * l->inputs + column]);
            at = column;
        }
        blob->words[first] = (blob->words[first] + 3) / 4;
    }
}

static void put_bitmask(blobs *blob, const blobs_layer *l)
{
    for (size_t row = 0; row < l->outputs; row++) {
        put_float(blob, l->b[row]);
        size_t mask = 0;
        for (size_t column = 0; column < l->inputs; column++) {
            if (column % 32 == 0) {
                mask = blob->count;
                blobs_put(blob, 0);
            }
            if (!keeps(l, row, 1, column))
                continue;
            blob->words[mask] |= 0x80000000u >> column % 32;
            put_float(blob, l->w[row * l->inputs + column]);
        }
    }
}

size_t blobs_open_layer(blobs *blob, int32_t op, size_t inputs, size_t outputs, uint32_t to)
{
    const prune_blob_layer layer = {
        .op = (uint16_t)op, .inputs = (uint16_t)inputs, .outputs = (uint16_t)outputs, .to = to
    };
    const size_t at = blob->count;
    for (size_t i = 0; i < sizeof layer / sizeof *blob->words; i++)
        blobs_put(blob, 0);
    memcpy(blob->words + at, &layer, sizeof layer);
    blobs_header(blob)->layers++;
    blobs_header(blob)->outputs = (uint16_t)outputs;
    return at;
}

void blobs_close_layer(blobs *blob, size_t at, float floor)
{
    prune_blob_layer *layer = (prune_blob_layer *)(void *)(blob->words + at);
    layer->words = (uint32_t)(blob->count - at - sizeof *layer / sizeof *blob->words);
    layer->floor = floor;
}

void blobs_add(blobs *blob, const blobs_layer *l)
{
    const size_t at = blobs_open_layer(blob, l->op, l->inputs, l->outputs, l->to);
    if (l->op == PRUNE_BLOB_DENSE)
        put_dense(blob, l);
    else if (l->op == PRUNE_BLOB_BLOCKS)
        put_blocks(blob, l);
    else if (l->op == PRUNE_BLOB_DELTAS)
        put_deltas(blob, l);
    else
        put_bitmask(blob, l);
    blobs_close_layer(blob, at, l->floor);
}

void blobs_add_map(blobs *blob, int32_t op, uint32_t to)
{
    blobs_open_layer(blob, op, blobs_header(blob)->outputs, blobs_header(blob)->outputs, to);
}

/* Bit by bit; written little-endian on every machine. */
void blobs_sign(void *blob, size_t bytes)
{
    unsigned char *byte = blob;
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < bytes - 4; i++) {
        crc ^= byte[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1u ? 0xEDB88320u : 0u);
    }
    for (size_t i = 0; i < 4; i++)
        byte[bytes - 4 + i] = (unsigned char)(~crc >> 8 * i & 255u);
}

void blobs_finish(blobs *blob, size_t scratch)
{
    blobs_put(blob, 0);
    blobs_header(blob)->words = (uint32_t)blob->count;
    blobs_header(blob)->scratch = (uint32_t)scratch;
    blobs_sign(blob->words, blob->count * sizeof *blob->words);
}

void blobs_plain(float *y, const float *x, const blobs_layer *l)
{
    for (size_t row = 0; row < l->outputs; row++) {
        float sum = l->b[row];
        for (size_t i = 0; i < l->inputs; i++)
            sum += l->w[row * l->inputs + i] * x[i];
        y[row] = sum <= l->floor ? l->floor : sum;
    }
}

float blobs_uniform(prune_rng *rng)
{
    return 2.0f * prune_rng_uniform(rng) - 1.0f;
}

void blobs_draw(blobs_drawn *d, size_t outputs, size_t inputs, float density)
{
    for (size_t i = 0; i < outputs * inputs; i++)
        d->w[i] = prune_rng_uniform(&d->rng) < density ? blobs_uniform(&d->rng) : 0.0f;
    for (size_t i = 0; i < outputs; i++)
        d->b[i] = prune_rng_uniform(&d->rng) < 0.2f ? 0.0f : blobs_uniform(&d->rng);
    for (size_t i = 0; i < inputs; i++)
        d->x[i] = blobs_uniform(&d->rng);
    d->layer = (blobs_layer){ 0, outputs, inputs, d->w, d->b, -INFINITY, PRUNE_BLOB_OUTPUT };
}

void blobs_net(blobs *blob, blobs_drawn d[3], float y[BLOBS_NET_O])
{
    float a[BLOBS_NET_A], c[BLOBS_NET_B];
    static const size_t widths[] = { BLOBS_NET_I, BLOBS_NET_A, BLOBS_NET_B, BLOBS_NET_O };
    for (size_t l = 0; l < 3; l++) {
        prune_rng_seed(&d[l].rng, 10 + l);
        blobs_draw(&d[l], widths[l + 1], widths[l], 0.6f);
        d[l].layer.op = l == 0 ? PRUNE_BLOB_BLOCKS : l == 1 ? PRUNE_BLOB_BITMASK : PRUNE_BLOB_DELTAS;
        d[l].layer.to = l == 0 ? 0 : l == 1 ? BLOBS_NET_A * 4 : PRUNE_BLOB_OUTPUT;
    }
    d[1].layer.floor = 0.0f;
    blobs_start(blob, BLOBS_NET_I);
    blobs_add(blob, &d[0].layer);
    blobs_add_map(blob, PRUNE_BLOB_ACTIVATION + PRUNE_TANH, 0);
    blobs_add(blob, &d[1].layer);
    blobs_add(blob, &d[2].layer);
    blobs_add_map(blob, PRUNE_BLOB_ACTIVATION + PRUNE_SIGMOID, PRUNE_BLOB_OUTPUT);
    blobs_finish(blob, BLOBS_NET_SCRATCH);

    blobs_plain(a, d[0].x, &d[0].layer);
    for (size_t i = 0; i < BLOBS_NET_A; i++)
        a[i] = prune_tanhf(a[i]);
    blobs_plain(c, a, &d[1].layer);
    blobs_plain(y, c, &d[2].layer);
    for (size_t i = 0; i < BLOBS_NET_O; i++)
        y[i] = prune_sigmoidf(y[i]);
}
