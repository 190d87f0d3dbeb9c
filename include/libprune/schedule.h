/* schedule.h -- how the learning rate changes from step to step
 *
 * With t the steps done so far (the first step has t = 0; from 2^32 - 1 on it stays there), W = warmup,
 * P = period and s = t - W, the rate is the learning rate times
 *
 *   t < W                       (t + 1) / W                                       linear warm-up
 *   PRUNE_SCHEDULE_CONSTANT     1
 *   PRUNE_SCHEDULE_STEP         factor ^ floor(s / P)                             PyTorch's StepLR
 *   PRUNE_SCHEDULE_EXPONENTIAL  factor ^ (s / P)                                  P = 1: ExponentialLR
 *   PRUNE_SCHEDULE_COSINE       floor + (1 - floor) (1 + cos(pi min(s, P) / P)) / 2
 *                               (I. Loshchilov and F. Hutter, ICLR 2017, one period, then `floor`)
 *
 * A function of the step alone: the same bits on every machine, also after loading. A relative error of
 * 3e-5 at most, where the result is a normal number; 1 and `floor` at the ends are exact.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_SCHEDULE_H
#define LIBPRUNE_SCHEDULE_H

#include "libprune/base.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum {
    PRUNE_SCHEDULE_CONSTANT = 0,
    PRUNE_SCHEDULE_STEP = 1,
    PRUNE_SCHEDULE_EXPONENTIAL = 2,
    PRUNE_SCHEDULE_COSINE = 3
};

typedef struct prune_schedule {
    size_t size;
    int32_t kind;    /* default PRUNE_SCHEDULE_CONSTANT */
    float factor;    /* above 0, at most 1; default 0.1 */
    float floor;     /* 0 .. 1, a part of the learning rate; default 0 */
    uint32_t warmup; /* steps; default 0 */
    uint32_t period; /* steps, from 1 on; default 1000 */
} prune_schedule;

/* The defaults above. NULL is fine. */
void prune_schedule_init(prune_schedule *schedule);

/* *rate for the step after `step` steps; schedule NULL is a constant rate.
 * PRUNE_E_ARGUMENT: rate NULL, an unknown kind; PRUNE_E_RANGE: a number of the schedule, or a learning
 * rate that is not in 0 .. 1e6; PRUNE_E_VERSION. */
prune_status prune_schedule_rate(float *rate, const prune_schedule *schedule, float learning_rate,
                                 uint64_t step);
/* FFI-END */
PRUNE_API_END

#endif
