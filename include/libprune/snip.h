/* snip.h -- pruning before training by what the loss says of each connection
 *
 * SNIP (N. Lee et al., ICLR 2019): with a gate c = 1 on each weight w, the loss L changes with it by dL/dc
 * = w g, g the mean gradient over the data. A weight scores |w g|, over the sum of all: PRUNE_TAYLOR of
 * criterion.h, of a net that has just been initialised, normalised. The authors take the data of one
 * batch, about ten samples of each class; batches may be any.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_SNIP_H
#define LIBPRUNE_SNIP_H

#include "libprune/mask.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* Fills a PRUNE_SUPPLIED table (supplied.h) of the trainer's model with these scores; of the weights
 * chosen from they add up to 1, or are all 0. The trainer's optimizer state and the model stay as they
 * are. Takes a score table from the trainer's allocator for the time of the call. error may be NULL.
 * PRUNE_E_ARGUMENT; PRUNE_E_STATE: another model's table, or not such a one; PRUNE_E_MEMORY; errors as
 * prune_importance_accumulate(), PRUNE_E_DIVERGED among them. On failure the table is as it was. */
prune_status prune_score_snip(prune_importance *scores, prune_trainer *trainer, const prune_data *data,
                              prune_error *error);

/* Its protocol in one call: scores the trainer's model, and removes the lowest units until the given
 * fraction of all is gone, as prune_mask_fraction() does, whose errors these are beside those above. The
 * selection and removal may be NULL. On failure nothing is removed. */
prune_status prune_snip(prune_removal *removal, prune_trainer *trainer, const prune_data *data,
                        const prune_selection *selection, double fraction, prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
