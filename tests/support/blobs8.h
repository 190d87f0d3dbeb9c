/* blobs8.h -- blobs of int8 for the runtime, written from blob.h alone, and what they compute, in int64
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_BLOBS8_H
#define TESTS_BLOBS8_H

#include "blobs.h"

/* Weights w[O][I], biases b[O], scales[1] or [O]; O and I are multiples of 4. */
typedef struct blobs8_layer {
    int32_t op;
    size_t outputs, inputs;
    const int8_t *w;
    const int32_t *b;
    const uint32_t *scales;
    size_t scale_count;
    int32_t zero;
    uint32_t to;
} blobs8_layer;

/* From int8 on; then WIDEN to the start of the scratch. */
void blobs8_start(blobs *blob, size_t inputs);
void blobs8_add(blobs *blob, const blobs8_layer *layer);
void blobs8_add_table(blobs *blob, const int8_t table[256], uint32_t to);

/* NARROW to the outputs, and the end. */
void blobs8_finish(blobs *blob, size_t outputs, size_t scratch);

void blobs8_plain(int8_t *y, const int8_t *x, const blobs8_layer *layer);

/* What a layer is made of, and what it is given. */
enum { BLOBS8_I = 2100 };
typedef struct blobs8_drawn {
    prune_rng rng;
    int8_t w[BLOBS_O * BLOBS8_I], x[BLOBS8_I];
    int32_t b[BLOBS_O];
    uint32_t scales[BLOBS_O];
    blobs8_layer layer;
} blobs8_drawn;

/* Blocks kept with probability `density`, outputs that reach both ends; in `own` a scale for each row. */
void blobs8_draw(blobs8_drawn *d, size_t outputs, size_t inputs, float density, int32_t own);

/* 11 - 12 - 8 - 8 - 4 - 3: blocks, a table in place, dense; and what comes out for d[0].x. */
enum { BLOBS8_NET_I = 11, BLOBS8_NET_O = 3, BLOBS8_NET_SCRATCH = (12 + 8) * 2 };
void blobs8_net(blobs *blob, blobs8_drawn d[2], int8_t y[BLOBS8_NET_O]);

#endif
