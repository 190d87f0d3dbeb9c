/* noise.c -- random samples, and models that have learned nothing
 *
 * SPDX-License-Identifier: MIT */
#include "noise.h"

#include <stdio.h>
#include <stdlib.h>

static void must(prune_status status, const char *what)
{
    if (status == PRUNE_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, prune_status_string(status));
    exit(1);
}

prune_model *fresh_model(const size_t *widths, size_t layers)
{
    prune_model *model;
    must(prune_model_create(&model, NULL, widths[0]), "model");
    for (size_t l = 1; l <= layers; l++)
        must(prune_model_add_dense(model, widths[l], l < layers ? PRUNE_RELU : PRUNE_LINEAR), "layer");
    return model;
}

prune_tensor *random_rows(size_t rows, size_t columns, float low)
{
    const prune_shape shape = { 2, { rows, columns, 0, 0 } };
    prune_tensor *tensor;
    prune_rng rng;
    prune_rng_seed(&rng, 1);
    must(prune_tensor_create(&tensor, NULL, PRUNE_F32, &shape), "random rows");
    float *data = prune_tensor_data_mut(tensor);
    for (size_t i = 0; i < rows * columns; i++)
        data[i] = prune_rng_uniform(&rng) + low;
    return tensor;
}
