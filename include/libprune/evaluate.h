/* evaluate.h -- how good a model is on given data
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_EVALUATE_H
#define LIBPRUNE_EVALUATE_H

#include "libprune/data.h"
#include "libprune/loss.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* What does not apply to the loss is NaN. */
typedef struct prune_metrics {
    size_t size; /* sizeof(prune_metrics), by prune_metrics_init() */
    uint64_t samples;
    double loss;     /* mean data loss, as in loss.h, no penalty */
    double accuracy; /* cross-entropy: fraction whose largest output (the first, if equal) is the label;
                         where an output is NaN it is not */
    double mae;      /* mean squared error: mean |h - y| over samples and outputs */
    double rmse;     /* mean squared error: sqrt of mean (h - y)^2 over samples and outputs */
} prune_metrics;

/* Sets size, the rest 0. NULL is fine. */
void prune_metrics_init(prune_metrics *metrics);

/* Measures the model. Sums are in double. Takes a workspace for 256 samples from the model's
 * allocator for the time of the call. Outputs that are not finite give a loss that is not. It
 * computes with prune_backend_default().
 * Errors as prune_data_check(); PRUNE_E_MEMORY; PRUNE_E_NO_LAYERS.
 * Threads: as reading the model, if they may share its allocator (malloc: yes; an arena: no). */
prune_status prune_evaluate(prune_metrics *metrics, const prune_model *model, const prune_data *data,
                            int32_t loss, prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
