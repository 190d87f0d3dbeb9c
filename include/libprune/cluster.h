/* cluster.h -- training and scoring on several machines, each with a part of the data
 *
 * Every rank (allreduce.h) builds the same model, makes a trainer of it with the same options, and calls
 * prune_trainer_set_allreduce(). From then on these calls are made by all ranks together, in the same order,
 * each with its own samples: prune_trainer_fit(), prune_trainer_step() and its parts (trainer.h),
 * prune_importance_accumulate(), prune_importance_reduce(), prune_gradual_progress(). The models stay the
 * same, bit for bit, because all make the same step from the same sums, and are what one process makes of the
 * joined batches, to rounding. So are masks that are chosen from scores. Whatever else the library does is
 * each rank's own affair, also with such a trainer.
 *
 * What goes over the wire. Every step is a meeting, a maximum of 4 doubles, and then one sum of the gradients
 * of the kept weights (and 2 floats): removed weights cost nothing. A rank that fails (bad data, a loss that
 * is not finite, no memory, a callback that changed the model) comes to the next meeting with its status. So
 * the call ends everywhere, in the same step, before weights change: the rank itself returns what happened to
 * it, the others return the status of a failed one, and error names its rank. PRUNE_E_DISAGREE: ranks differ
 * in their masks, in the rate of the next step, in the number of steps, in options that must be equal, or are
 * in different calls; weights and optimizer state are compared by prune_trainer_set_allreduce() and at the
 * beginning of a fit, weights again at each epoch's end.
 *
 * The rules:
 * - A batch is that of all ranks: sum of s d L's gradient over all samples of all ranks / sum of s d over
 *   them (loss.h), whatever the sizes of the parts, the samples' weights, class weights or an own loss. Each
 *   rank's batch_size may be another one. With options.accumulate the sums meet once a step.
 * - Penalty, clipping (by the norm of all), scan for divergence, schedules: once, after that, on each rank.
 * - An epoch has as many batches as the rank with the most needs. Who has no more takes part without samples.
 *   Samples are shuffled, and held back for validation, within each rank's own.
 * - Each rank's seed may be another one; with dropout it should be, or all drop the same. Those of the
 *   weights (prune_model_initialize()) must not.
 * - Batch normalisation normalises by the rank's own batch, so there training is not that of the joined
 *   batch; the statistics that a step leaves are the plain mean of those ranks that had a batch of two at
 *   least.
 * - A fit's progress: figures of the epoch are those of all ranks at its end; in its midst they are the
 *   rank's own. So is the loss that prune_trainer_step() gives. Validation has data on all ranks or on
 *   none; its figures are those of all samples; `metric` is the mean of what it measures on each rank,
 *   weighted by their validation samples, which is right for means over samples and no more than that for
 *   others (AUC). keep_best and patience so decide the same everywhere; a callback that wants to stop stops
 *   all.
 * - epochs, progress_every, keep_best, patience, min_delta, monitor, and whether there are validation data
 *   and a metric, must be equal, and what callbacks change of model and rate, too. Only one rank should
 *   save.
 * - Scores travel for all weights, also removed ones.
 * - fit.importance gathers what its own rank sees, until prune_importance_reduce(); prune_gradual_progress()
 *   calls it.
 * - A trainer is saved without this, and may go on with another number of ranks.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_CLUSTER_H
#define LIBPRUNE_CLUSTER_H

#include "libprune/allreduce.h"
#include "libprune/importance.h"
#include "libprune/trainer.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* Makes the trainer one of several, from now on; the struct is copied, its `user` must outlive the trainer.
 * All ranks call it at the same time. NULL: alone again (nobody is asked). Takes no memory.
 * PRUNE_E_ARGUMENT: trainer NULL, no function, a rank that is none; PRUNE_E_VERSION; PRUNE_E_STATE: a fit
 * is under way, the model has changed; PRUNE_E_DISAGREE: models, masks, weights, penalties, optimizers or
 * their state differ; that of another rank; what run() returned. On failure the trainer is as it was. error
 * may be NULL. */
prune_status prune_trainer_set_allreduce(prune_trainer *trainer, const prune_allreduce *allreduce,
                                         prune_error *error);

/* With a trainer that is one of several, all ranks call it: what their tables have gathered becomes that of
 * all, and the scores are computed anew, the same everywhere. Each rank then holds an equal part (the mean
 * over the ranks of sums, and of what these are divided by; so moving averages become their mean) and may
 * gather on. prune_importance_samples() stays the rank's own. prune_importance_accumulate() has done this
 * already, and where it fails on one rank, it does on all, and empties the sums. Of scores that take no
 * data, and with a trainer that is alone, this is prune_importance_refresh().
 * PRUNE_E_ARGUMENT: NULL; PRUNE_E_STATE: the trainer belongs to another model, or was made with another
 * per_sample; as prune_importance_refresh(); that of another rank; what run() returned. On failure what was
 * gathered is as before. error may be NULL. */
prune_status prune_importance_reduce(prune_importance *importance, prune_trainer *trainer,
                                     prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
