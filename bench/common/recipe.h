/* recipe.h -- how demo.c, accuracy.c and tradeoff.c train: Adam, a cosine of rates, and pruning on the way
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_RECIPE_H
#define BENCH_RECIPE_H

#include "dataset.h"

typedef struct recipe {
    uint64_t epochs;
    uint64_t pruning_epochs; /* of these, the first so many remove weights; 0: none */
    double removed;          /* the fraction of all weights that is gone after them */
    int32_t criterion;       /* PRUNE_MAGNITUDE, _GRADIENT, _TAYLOR */
    /* In place of the criterion, unless NULL: removes from the model in training until `fraction` is gone. */
    void (*remove)(void *user, double fraction);
    void *remove_user;
    float learning_rate; /* at the start; falls to 0 along half a cosine over all epochs */
    float l1, l2;
    size_t batch;
    uint64_t seed;
    int32_t (*progress)(void *user, const prune_progress *progress); /* told of each epoch; may be NULL */
    void *user;
} recipe;

/* Adam at 0.001, batches of 32, no penalty, no pruning. */
recipe recipe_default(uint64_t epochs, uint64_t seed);

/* A net for the data set with two hidden layers of ReLU, as the seed says. */
prune_model *recipe_model(const dataset_info *info, const size_t hidden[2], uint64_t seed);

/* Trains the model by the recipe. While weights are removed, their fraction f(t) climbs from what is gone
 * already to the target as  f = target + (start - target) (1 - t)^3  (M. Zhu and S. Gupta, 2017), t from 0
 * to 1 over the pruning epochs. In the epochs after these the mask stands, and the best of them by accuracy
 * on the validation data is what the model ends with; returns that accuracy. */
double recipe_train(prune_model *model, const prune_data *train, const prune_data *validation,
                    const recipe *how);

#endif
