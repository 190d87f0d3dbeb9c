/* noise.c -- random samples
 *
 * SPDX-License-Identifier: MIT */
#include "noise.h"

#include <stdio.h>
#include <stdlib.h>

prune_tensor *random_rows(size_t rows, size_t columns, float low)
{
    const prune_shape shape = { 2, { rows, columns, 0, 0 } };
    prune_tensor *tensor;
    prune_rng rng;
    prune_rng_seed(&rng, 1);
    const prune_status status = prune_tensor_create(&tensor, NULL, PRUNE_F32, &shape);
    if (status != PRUNE_OK) {
        fprintf(stderr, "random rows: %s\n", prune_status_string(status));
        exit(1);
    }
    float *data = prune_tensor_data_mut(tensor);
    for (size_t i = 0; i < rows * columns; i++)
        data[i] = prune_rng_uniform(&rng) + low;
    return tensor;
}
