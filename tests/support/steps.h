/* steps.h -- the optimizers in double precision, and how far float arithmetic may be from them
 *
 * Written from optimizer.h's and trainer.h's formulas, over reference.h's gradients.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_STEPS_H
#define TESTS_STEPS_H

#include "bounds.h"

#include <libprune/trainer.h>

enum { REF_STEPS = 10 };

/* A training without its data: the options' penalties are those of the tasks. */
typedef struct ref_course {
    ref_net net;
    const prune_trainer_options *options;
    const ref_task *task; /* [REF_STEPS] */
} ref_course;

/* How far parameters and losses may be off after, or before, each step: what rounding may do to each entry of
 * each step's gradient and update, carried on through the steps that follow by making them again. */
typedef struct ref_course_bounds {
    double w[REF_STEPS][REF_PARAMS];
    double loss[REF_STEPS];
} ref_course_bounds;

void ref_bound_course(ref_course_bounds *b, const ref_course *course);

#endif
