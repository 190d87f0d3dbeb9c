/* noise.h -- random samples, and models that have learned nothing
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_NOISE_H
#define BENCH_NOISE_H

#include "libprune.h"

/* A matrix of floats from low to low + 1, the same ones each time. Ends the program if it cannot be had. */
prune_tensor *random_rows(size_t rows, size_t columns, float low);

/* Dense layers of widths[1] .. widths[layers], ReLU but for the last. Ends the program likewise. */
prune_model *fresh_model(const size_t *widths, size_t layers);

#endif
