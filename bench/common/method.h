/* method.h -- the ways of pruning that tradeoff.c compares
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_METHOD_H
#define BENCH_METHOD_H

#include "dataset.h"

typedef struct pruning pruning;

typedef struct method {
    const char *name;
    int32_t criterion;  /* of its table of scores */
    int32_t per_sample; /* what that wants of a trainer */
    int neurons;        /* fractions are of the hidden neurons, not of the weights */
    int rows;           /* each row of weights by itself, rounded: it is the fraction only nearly */
    int untrained;      /* prunes the net before training, and at once; the others while it trains */
    void (*remove)(pruning *p, double fraction); /* until this fraction is gone */
} method;

/* What a method works with: one pruning of one model. */
struct pruning {
    const method *method;
    prune_model *model;
    const dataset *sample; /* what scores are measured on; it belongs to the training data */
    uint64_t seed;
    prune_importance *scores;
    prune_trainer *trainer; /* lends its buffers; it trains nothing */
};

/* All of them; one without a name is the end. */
const method *method_list(void);

void pruning_start(pruning *p, const method *m, prune_model *model, const dataset *sample, uint64_t seed);
void pruning_end(pruning *p);

/* Removes until this fraction is gone; as the recipe calls it, `user` being a pruning. */
void pruning_remove(void *user, double fraction);

#endif
