/* noise.h -- random samples
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_NOISE_H
#define BENCH_NOISE_H

#include "libprune.h"

/* A matrix of floats from low to low + 1, the same ones each time. Ends the program if it cannot be had. */
prune_tensor *random_rows(size_t rows, size_t columns, float low);

#endif
