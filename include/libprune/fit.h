/* fit.h -- epochs of mini-batches over a data set, with progress, validation and a clean stop
 *
 * The same seed, data and options give the same bits (see gemm.h for what the BLAS must hold). An
 * epoch visits the samples in an order drawn from the trainer's generator at the epoch's start, so
 * that fitting 3 and then 4 epochs, even through a saved file, equals fitting 7. To resume after a
 * crash, save the trainer where epoch_end is 1 (prune_autosave_progress() in save.h does), and fit what
 * prune_trainer_epochs() leaves of the epochs wanted; what was saved in mid-epoch goes on with a new epoch.
 * keep_best and patience see the epochs of their own call alone: a best epoch before the crash is not in the
 * file.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_FIT_H
#define LIBPRUNE_FIT_H

#include "libprune/data.h"
#include "libprune/evaluate.h"
#include "libprune/importance.h"
#include "libprune/rounding.h"
#include "libprune/trainer.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* What epochs are compared by. */
enum {
    /* The validation metric: accuracy of losses of classes, RMSE of MSE and Huber, MAE of PRUNE_MAE; of an
     * own loss the loss. */
    PRUNE_MONITOR_METRIC = 0,
    PRUNE_MONITOR_LOSS = 1, /* the validation loss */
    PRUNE_MONITOR_OWN = 2   /* `metric` of the fit options */
};

/* What a progress callback sees; borrowed for the call. */
typedef struct prune_progress {
    size_t size;
    uint64_t epoch; /* 1 .. epochs, within this call */
    uint64_t epochs;
    uint64_t batch;           /* batches done in this epoch */
    uint64_t batches;         /* batches in an epoch */
    int32_t epoch_end;        /* 1 when the epoch is complete (then the validation figures are fresh) */
    double loss;              /* mean data loss over the samples of this epoch so far, as in loss.h */
    double penalty;           /* of the options (l1, l2, groups), as the next step has it */
    double validation_loss;   /* NaN without validation data */
    double validation_metric; /* see PRUNE_MONITOR_METRIC; NaN without validation data */
    double elapsed;           /* seconds since the call began; 0 without a clock */
    double remaining;         /* estimated seconds to the end */
    prune_trainer *trainer;   /* for example for prune_trainer_set_learning_rate() */
    double validation_own;    /* `metric` of the fit options; NaN without it */
} prune_progress;

typedef struct prune_fit_options {
    size_t size;
    uint64_t epochs;   /* default 10; 0 does nothing */
    size_t batch_size; /* default 0: the trainer's max_batch */
    int32_t shuffle;   /* default 1 */
    /* Default 0; 1: ends with the weights and masks of the epoch that is best by `monitor` (the first of
     * equals); needs validation data. Removing is never undone: once the callback has changed the
     * masks, the epochs before that do not count any more. The optimizer's state stays that of the end. */
    int32_t keep_best;
    const prune_data *validation; /* default NULL */
    /* Default 0; the part of the data that is held back when `validation` is NULL; 0 <= fraction < 1, at
     * least one sample on either side. Which samples depends on the trainer's seed and their number alone:
     * the same ones in every fit, also after loading (a fit without held-back samples sees them all). Drawn
     * without a look at the classes, and not told: to hold back in the proportion of the classes, or to know
     * which samples, part them by prune_split_stratified() or prune_split() (split.h), make both parts by
     * prune_tensor_create_rows(), and give the second as `validation`. */
    double validation_fraction;
    /* Called after every progress_every batches and at each epoch's end, after validation; not 0 stops
     * cleanly. It may mask the model, score it with this trainer, and change the learning rate, but not
     * fit with this trainer (PRUNE_E_STATE) nor add layers (which ends the fit with PRUNE_E_STATE). */
    int32_t (*progress)(void *user, const prune_progress *progress);
    void *user;
    uint64_t progress_every;  /* default 0: only at the end of an epoch */
    const prune_clock *clock; /* default NULL: the system's */
    /* Early stopping. Default 0: none. Else the fit ends after the epoch that is the patience-th in a row
     * that was not better than the last one that was, by more than min_delta (any number is better than
     * nothing, and than NaN); needs validation data. The ending epoch is reported like any other. Once
     * the callback has masked the model, waiting starts anew (but not in the very epoch that ends the fit).
     * Patience is not saved with a trainer. To end with the best weights and not those of the last epoch,
     * set keep_best as well, which any improvement counts for. */
    uint64_t patience;
    double min_delta; /* default 0; in units of what is monitored; not negative */
    int32_t monitor;  /* default PRUNE_MONITOR_METRIC */
    /* Default NULL; scores of the trained model, which get the gradients of every batch that is trained on,
     * as by prune_importance_add(): those of the data loss, before accumulation, penalty and clipping, at
     * the weights that the batch met. A mean is then over all samples seen, a moving average (see
     * prune_importance_set_decay()) over the batches. prune_importance_refresh() gives the scores, in the
     * callback too. For per-sample criteria the trainer needs its option per_sample, and a step takes
     * longer. Training is the same, bit for bit, with and without. What the object holds goes on over several
     * fits; it is not saved with a trainer: after loading one, it begins anew. With PRUNE_E_DIVERGED it
     * holds the batches before the one at fault, and that one too if its own gradients were finite; a sum
     * over samples that leaves float is a fault as well. */
    prune_importance *importance;
    /* Default NULL; a metric of the caller's own, see evaluate.h, measured at the end of each epoch; it can
     * then be what is monitored. Takes memory for all outputs of the validation samples, and for their
     * targets where these are not tensors of their own. A status but PRUNE_OK ends the fit, as a failing
     * source does. */
    const prune_metric *metric;
    /* Default NULL; rounds the weights (rounding.h) before the first step and after each, so that batches,
     * validation, patience, keep_best and callbacks meet rounded weights, and these are left. It goes on
     * over several fits, after keep_best from the best weights, but is not saved with a trainer. All ranks
     * have one, or none. */
    prune_rounding *rounding;
} prune_fit_options;

/* The defaults above. NULL is fine. */
void prune_fit_options_init(prune_fit_options *options);

/* Filled in on PRUNE_OK, and as far as it went where the call failed after training had begun. */
typedef struct prune_fit_result {
    size_t size;            /* sizeof(prune_fit_result), by prune_fit_result_init() */
    uint64_t epochs;        /* complete epochs */
    uint64_t steps;         /* optimizer steps */
    int32_t stopped;        /* 1: the progress callback asked to stop */
    uint64_t best_epoch;    /* the best by `monitor`, 1 .. epochs; 0 without validation data, and with
                               keep_best when the callback masked the model after the last of them */
    double loss;            /* of the last complete epoch */
    double validation_loss; /* at best_epoch with keep_best if there is one, else of the last epoch; NaN
                               without validation data */
    double validation_metric;
    int32_t stopped_early; /* 1: patience ran out */
    double validation_own; /* as validation_metric; NaN without a metric of the caller's own */
} prune_fit_result;

/* Sets size, the rest 0. NULL is fine. */
void prune_fit_result_init(prune_fit_result *result);

/* Trains with a trainer of the caller's, going on from where it stands. result, options and error may
 * be NULL. Batches are batch_size samples, the last of an epoch what is left. The memory for the
 * order and for validation comes from the trainer's allocator, before the first step.
 * PRUNE_E_DIVERGED leaves the last finite weights. What a source's read() or an own loss returns, or a bad
 * value that it gave, leaves those of the last whole step, of the optimizer's too: what was accumulated
 * towards one is forgotten. The trainer may go on, with a new epoch. error tells epoch and batch, and whether
 * it was the own loss: also where that left NaN or Inf for finite outputs (PRUNE_E_DIVERGED).
 * Every other error but what a callback does is found before any weight changes: as prune_data_check();
 * PRUNE_E_LIMIT: batch_size over max_batch;
 * PRUNE_E_RANGE: validation_fraction, min_delta; PRUNE_E_EMPTY: a validation_fraction of a single sample;
 * PRUNE_E_ARGUMENT: keep_best, patience or metric without validation, an unknown monitor, one without its
 * metric, a metric or a clock without a function, a `rounding` of another model; PRUNE_E_MEMORY;
 * PRUNE_E_STATE: the model has changed, a fit is under way, scores are being gathered with the trainer, or
 * `importance` is of another model or of magnitudes, or wants another per_sample. */
prune_status prune_trainer_fit(prune_fit_result *result, prune_trainer *trainer, const prune_data *data,
                               const prune_fit_options *options, prune_error *error);

/* Makes a trainer, its max_batch at least batch_size, fits, and ends the trainer.
 * trainer_options NULL: defaults. */
prune_status prune_fit(prune_fit_result *result, prune_model *model, const prune_data *data,
                       const prune_trainer_options *trainer_options, const prune_fit_options *options,
                       prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
