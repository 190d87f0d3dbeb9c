/* validate.h -- the last step of pruning: did the metric hold? if not, back
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_VALIDATE_H
#define LIBPRUNE_VALIDATE_H

#include "libprune/evaluate.h"
#include "libprune/gemm.h"
#include "libprune/snapshot.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum {
    PRUNE_METRIC_LOSS = 1,
    PRUNE_METRIC_ACCURACY = 2,
    PRUNE_METRIC_MAE = 3,
    PRUNE_METRIC_RMSE = 4,
    PRUNE_METRIC_OWN = 5 /* validation->own */
};

typedef struct prune_validation {
    size_t size;      /* sizeof(prune_validation), by prune_validation_init() */
    int32_t loss;     /* in: one of loss.h, by default; default PRUNE_SOFTMAX_CROSS_ENTROPY */
    int32_t metric;   /* in: PRUNE_METRIC_*; default accuracy */
    double reference; /* in: what the metric was before, on the same data; default NaN: it must be set */
    double tolerance; /* in: how much worse is still accepted, >= 0, in the metric's own unit: of accuracy, a
                         point is 0.01 */
    double value;     /* out: the metric now */
    int32_t accepted; /* out: 1 kept, 0 rolled back */
    const prune_metric *own; /* in: of PRUNE_METRIC_OWN, see evaluate.h: F1, ROC AUC, R2, ... */
    const prune_loss_options *loss_options; /* in: default NULL; else in place of `loss` */
    const prune_backend *backend;           /* in: NULL: prune_backend_default() */
} prune_validation;

/* Sets size and defaults, the rest 0. NULL is fine. */
void prune_validation_init(prune_validation *validation);

/* Measures the model on `data`. If the metric is worse than reference by more than tolerance (and 1e-12 of
 * the reference, for rounding), or not a number, the model goes back to the snapshot
 * (a trainer keeps its moments, see prune_trainer_reset()). Smaller is better
 * for all metrics but accuracy, and the own one if it says so.
 * PRUNE_E_RANGE: tolerance or reference negative or NaN (that of an own metric or loss may be negative, but
 * is finite), or of accuracy not a fraction (tolerance below 1, reference at most 1); PRUNE_E_ARGUMENT: a
 * metric that the loss does not have, or no own one, a back end without a function; PRUNE_E_SHAPE: the
 * snapshot is of another architecture; errors as prune_evaluate_with(), and what an own metric returns.
 * On failure the model is untouched. */
prune_status prune_validate(prune_validation *validation, prune_model *model, const prune_snapshot *snapshot,
                            const prune_data *data, prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
