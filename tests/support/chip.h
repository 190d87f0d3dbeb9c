/* chip.h -- nets of tiny.h on the host, and the same nets as models
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_CHIP_H
#define TESTS_CHIP_H

#include "runner.h"

enum { CHIP_LAYERS = 4 };

typedef struct chip {
    prune_tiny t;
    prune_tiny_plan plan;
    prune_tiny_layer layers[CHIP_LAYERS];
    uint32_t *memory; /* exactly as many bytes as were told */
} chip;

/* What a chip is to be: widths[layers + 1], `hidden` activations, the last layer linear. */
typedef struct chip_shape {
    size_t layers;
    size_t widths[CHIP_LAYERS + 1];
    int32_t hidden;
} chip_shape;

/* The object of PRUNE_RELU, ... */
const prune_activation *chip_activation(int32_t activation);

/* Makes it and draws its weights. */
void chip_open(chip *c, const chip_shape *shape, const prune_tiny_loss *loss,
               const prune_tiny_optimizer *optimizer, uint32_t parts, uint64_t seed);
void chip_close(chip *c);

/* The same net, weights and mask as they are now. */
prune_model *chip_model(const chip *c);

/* The largest difference between a parameter here and there, of nets of the same shape. */
double chip_distance(const chip *c, const prune_model *model);

int32_t chip_keeps(const prune_tiny *t, size_t i);

/* Fails the test unless what is removed is exactly 0, moments too. Returns how many are removed. */
size_t chip_check(const chip *c);

/* All that a failed call must not change, in one number. */
uint64_t chip_hash(const prune_tiny *t);

#endif
