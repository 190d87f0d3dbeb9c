/* twin.h -- a small net in double precision with removed weights, its twin in the library, and data for both
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_TWIN_H
#define TESTS_TWIN_H

#include "reference.h"
#include "runner.h"

enum { TWIN_LAYERS = 2, TWIN_INPUTS = 6, TWIN_HIDDEN = 7, TWIN_OUTPUTS = 4, TWIN_SAMPLES = 45 };

typedef struct twin {
    ref_net net;
    ref_task task;
    world_data data;
    prune_model *model;
} twin;

/* The width of what goes into layer l, and of what comes out of layer l - 1. */
extern const size_t twin_width[TWIN_LAYERS + 1];

void twin_make(twin *w, int32_t loss);
void twin_end(twin *w);

/* The data as the task's loss wants them. */
const prune_data *twin_data(const twin *w);

/* A trainer with that loss, l1 = 1/16 and l2 = 1/4. */
prune_trainer *twin_trainer(prune_model *model, int32_t loss, size_t max_batch, int32_t penalize_bias);

prune_importance *twin_importance(const prune_model *model, int32_t criterion);

/* The means of |g_i| and of g_i^2 over the samples of a task, one by one, in double. */
void twin_sample_means(double *absolute, double *square, const ref_net *net, const ref_task *task);

/* Samples first .. first + n - 1 of a task. */
ref_task twin_part(const ref_task *task, size_t first, size_t n);

/* What a score should be, g the mean of what the criterion is made of. */
double twin_formula(int32_t criterion, double w, double g);

/* Every score against the formula for gradients g, to `error` of the largest score of its parameter. */
void twin_check_scores(const prune_importance *scores, const twin *w, const double *g, int32_t criterion,
                       double error);

#endif
