/* blobs.h -- blobs for the runtime, written from blob.h alone, in this machine's byte order
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_BLOBS_H
#define TESTS_BLOBS_H

#include "runner.h"

enum { BLOBS_WORDS = 1 << 16, BLOBS_O = 40, BLOBS_I = 200 };

typedef struct blobs {
    size_t count; /* words */
    uint32_t words[BLOBS_WORDS];
} blobs;

/* A layer of weights w[O][I], of which those of +0 are not kept, and biases b[O]. */
typedef struct blobs_layer {
    int32_t op;
    size_t outputs, inputs;
    const float *w, *b;
    float floor;
    uint32_t to;
} blobs_layer;

void blobs_start(blobs *blob, size_t inputs);
void blobs_add(blobs *blob, const blobs_layer *layer);

/* One without data: as many outputs as the last layer, or the blob, has. */
void blobs_add_map(blobs *blob, int32_t op, uint32_t to);

/* What these are made of: one word; the header; a layer's struct, whose place comes back, and its end. */
void blobs_put(blobs *blob, uint32_t word);
prune_blob_header *blobs_header(blobs *blob);
size_t blobs_open_layer(blobs *blob, int32_t op, size_t inputs, size_t outputs, uint32_t to);
void blobs_close_layer(blobs *blob, size_t at, float floor);

/* Ends with the checksum, which blobs_sign() makes right again. */
void blobs_finish(blobs *blob, size_t scratch);
void blobs_sign(void *blob, size_t bytes);

/* y = what the layer computes, one sum after the other. */
void blobs_plain(float *y, const float *x, const blobs_layer *layer);

/* What a layer is made of, and what it is given. */
typedef struct blobs_drawn {
    prune_rng rng;
    float w[BLOBS_O * BLOBS_I], b[BLOBS_O], x[BLOBS_I];
    blobs_layer layer;
} blobs_drawn;

/* Each weight kept with probability `density`, and a bias of 0 among the others. */
void blobs_draw(blobs_drawn *d, size_t outputs, size_t inputs, float density);
float blobs_uniform(prune_rng *rng); /* -1 .. 1 */

/* 11 - 9 - 9 - 6 - 3 - 3 of blocks, tanh in place, a bitmask with ReLU, deltas, sigmoid in the outputs; and
 * what comes out for d[0].x. */
enum { BLOBS_NET_I = 11, BLOBS_NET_A = 9, BLOBS_NET_B = 6, BLOBS_NET_O = 3 };
enum { BLOBS_NET_SCRATCH = (BLOBS_NET_A + BLOBS_NET_B) * 4 };
void blobs_net(blobs *blob, blobs_drawn d[3], float y[BLOBS_NET_O]);

#endif
