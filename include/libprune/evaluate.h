/* evaluate.h -- how good a model is on given data
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_EVALUATE_H
#define LIBPRUNE_EVALUATE_H

#include "libprune/data.h"
#include "libprune/gemm.h"
#include "libprune/loss.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* What does not apply to the loss is NaN, and so is a mean of nothing (labels of class weight 0 alone,
 * where a training step has a loss of 0); to an own loss only `loss` does. Each sample counts as much as its
 * weight; class weights count in the loss alone, as in loss.h. */
typedef struct prune_metrics {
    size_t size; /* sizeof(prune_metrics), by prune_metrics_init() */
    uint64_t samples;
    double loss;     /* mean data loss, as in loss.h, no penalty */
    double accuracy; /* softmax cross-entropy, NLL: fraction whose largest output (the first, if equal) is the
                         label, or where the largest target (the first) is. Binary cross-entropy: fraction of
                         samples and outputs with h > 0 where y > 0.5 and not elsewhere. NaN is never right */
    double mae;      /* MSE, MAE, Huber: mean |h - y| over samples and outputs */
    double rmse;     /* MSE, MAE, Huber: sqrt of mean (h - y)^2 over samples and outputs */
} prune_metrics;

/* Sets size, the rest 0. NULL is fine. */
void prune_metrics_init(prune_metrics *metrics);

/* Measures the model. Sums are in double. Takes a workspace for 256 samples from the model's
 * allocator for the time of the call, and room for a batch of a source. Outputs that are not finite give a
 * loss that is not. It computes with prune_backend_default().
 * Errors as prune_data_check(); PRUNE_E_MEMORY; PRUNE_E_NO_LAYERS.
 * Threads: as reading the model, if they may share its allocator (malloc: yes; an arena: no). */
prune_status prune_evaluate(prune_metrics *metrics, const prune_model *model, const prune_data *data,
                            int32_t loss, prune_error *error);

/* The same for a loss with options. Errors also as prune_loss_with(); what an own loss returned. */
prune_status prune_evaluate_with(prune_metrics *metrics, const prune_model *model, const prune_data *data,
                                 const prune_loss_options *loss, prune_error *error);

/* The same on a back end of the caller's, which may have threads; NULL: prune_backend_default().
 * PRUNE_E_ARGUMENT: a back end without a function. */
prune_status prune_evaluate_on(prune_metrics *metrics, const prune_model *model, const prune_data *data,
                               const prune_loss_options *loss, const prune_backend *backend,
                               prune_error *error);

/* A metric of the user's own, such as those of metrics.h: *value from all outputs h[n][O] of the model and
 * the targets of the data. Any status but PRUNE_OK ends the call that asked, and is what it returns. The
 * tensors are borrowed for the time of the call. */
typedef struct prune_metric {
    prune_status (*measure)(void *user, double *value, const prune_tensor *outputs,
                            const prune_tensor *targets);
    void *user;
    int32_t higher_is_better; /* for prune_validate(): 1 as of an accuracy, 0 as of an error */
} prune_metric;

/* *value = the metric over the data, whose targets are as `loss` wants them. Takes memory for all outputs at
 * once, all targets of a source, and a workspace for 256 samples, as prune_evaluate() does.
 * PRUNE_E_ARGUMENT: no function; what it returned; else errors and threads as prune_evaluate(). */
prune_status prune_evaluate_metric(double *value, const prune_model *model, const prune_data *data,
                                   int32_t loss, const prune_metric *metric, prune_error *error);
prune_status prune_evaluate_metric_with(double *value, const prune_model *model, const prune_data *data,
                                        const prune_loss_options *loss, const prune_metric *metric,
                                        prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
