/* gradual.h -- pruning while training: a fit that removes more and more, as a sparsity schedule says
 *
 * prune_gradual_progress() is the progress callback of a fit. After each step (progress_every 1) it looks at
 * prune_trainer_steps() and the schedule, and where more is due than is gone, it scores and removes exactly
 * the difference. What it does follows from steps and masks, which a trainer's file has: a fit that is
 * resumed from one goes on as the one that was never interrupted. If a fit ends before the schedule does,
 * so does pruning; a later fit with the same trainer takes it up.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_GRADUAL_H
#define LIBPRUNE_GRADUAL_H

#include "libprune/fit.h"
#include "libprune/fraction.h"
#include "libprune/sparsity.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* fit.progress = prune_gradual_progress, fit.user = a struct like this, fit.progress_every = 1. */
typedef struct prune_gradual {
    size_t size;
    const prune_sparsity *sparsity; /* default NULL: the defaults of sparsity.h; t is the trainer's steps */
    /* What is removed by; of the model in training; must be set. It is refreshed each time that something is
     * due: magnitudes need no more, the others what the fit's option `importance`, or `score`, feeds. */
    prune_importance *importance;
    const prune_selection *selection; /* default NULL: the defaults of unit.h */
    /* Default NULL; called in place of the refresh, to score in another way. Not PRUNE_OK stops the fit. */
    prune_status (*score)(void *user, prune_importance *importance, const prune_progress *progress);
    void *score_user;
    /* Default NULL; your own progress callback, autosave or history: called after pruning, so that what is
     * saved is pruned already. It may stop the fit. */
    int32_t (*next)(void *user, const prune_progress *progress);
    void *next_user;
    /* Default PRUNE_OK; why the fit was stopped: PRUNE_E_ARGUMENT: no importance; as prune_sparsity_at(),
     * prune_importance_refresh(), prune_mask_fraction(), or what `score` returned. Nothing is removed. */
    prune_status status;
    uint64_t times;       /* out: how often something was removed */
    prune_removal newest; /* out: what was removed the last time; by_layer may be set */
} prune_gradual;

/* The defaults above. NULL is fine. */
void prune_gradual_init(prune_gradual *gradual);

/* The callback. Also stops the fit when user is NULL or its size not that of a prune_gradual. */
int32_t prune_gradual_progress(void *user, const prune_progress *progress);
/* FFI-END */
PRUNE_API_END

#endif
