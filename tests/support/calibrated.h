/* calibrated.h -- models, samples and their blobs of int8, for tests of quantize.h
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_CALIBRATED_H
#define TESTS_CALIBRATED_H

#include "blobs8.h"

enum { SAMPLES = 200, WIDE = 40 };

/* A blob is little-endian; a machine of the other order refuses it. */
int32_t runs_here(void);

prune_quantize_options usual_options(void);

/* SAMPLES of so many inputs, -1 .. 1; free the tensor. */
typedef struct world {
    float x[SAMPLES * WIDE];
    size_t inputs;
    prune_tensor *tensor;
    prune_data data;
} world;

void make_world(world *w, size_t inputs, uint64_t seed);

prune_blob_info info_of(const prune_quantized *q);

/* A blob that passes its check. */
prune_quantized *quantize(const prune_model *model, const world *w, const prune_quantize_options *options);

/* One dense layer, of which every fourth block is 0, and a row of zeros whose bias is not. */
typedef struct drawn {
    size_t outputs, inputs;
    float w[WIDE * WIDE], b[WIDE];
} drawn;

void draw(drawn *d, size_t outputs, size_t inputs, prune_rng *rng);
prune_model *model_of(const drawn *d, int32_t activation);

#endif
