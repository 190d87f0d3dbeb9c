/* quiet.h -- a trainer whose data say nothing, so that a step is what the penalty does
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_QUIET_H
#define TESTS_QUIET_H

#include "training.h"

enum {
    QUIET_INPUTS = 4,
    QUIET_HIDDEN = 5,
    QUIET_MIDDLE = 6,
    QUIET_OUTPUTS = 3,
    QUIET_LAYERS = 3,
    QUIET_PARAMS = 2 * QUIET_LAYERS,
    QUIET_MOST = 40 /* elements of a parameter */
};

extern const size_t quiet_widths[QUIET_LAYERS + 1];

/* A net of dense layers, no bias 0. */
typedef struct quiet {
    world_data world;
    prune_model *model;
    prune_trainer *trainer;
} quiet;

/* SGD of rate 0.5 with a group lasso. */
prune_trainer_options quiet_options(const prune_group_lasso *lasso);

void quiet_open(quiet *q, const prune_trainer_options *options);
void quiet_close(quiet *q);

/* To behind the backward pass, with gradients that are 0; and all of a step. */
void quiet_backward(quiet *q);
void quiet_step(quiet *q);

#endif
