/* importance.h -- how much each weight, and each neuron, matters
 *
 * What a score is made of: criterion.h. Of groups of weights, neurons among them: group.h.
 * Sums over batches are compensated (Neumaier), in float. In place of the mean over all samples there can be
 * a moving average over batches, see prune_importance_set_decay(); a fit can feed either while it trains, see
 * importance in fit.h.
 *
 * Scores are those of the moment of create, accumulate or refresh: after more training, refresh (and for
 * new gradients, reset and accumulate again) before masking by them.
 *
 * Threads: one importance object, one thread at a time.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_IMPORTANCE_H
#define LIBPRUNE_IMPORTANCE_H

#include "libprune/criterion.h"
#include "libprune/data.h"
#include "libprune/trainer.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
typedef struct prune_importance prune_importance;

/* Makes a score table for the model, which must outlive it. Magnitudes are filled in at once; PRUNE_SUPPLIED
 * waits for its scores (supplied.h), the others for data.
 * PRUNE_E_ARGUMENT: unknown criterion; PRUNE_E_NO_LAYERS; PRUNE_E_OVERFLOW; PRUNE_E_MEMORY. */
prune_status prune_importance_create(prune_importance **out, const prune_allocator *mem,
                                     const prune_model *model, int32_t criterion);

/* Bytes that such an object takes from its allocator; among them are a float for each input and output of a
 * layer, so that a choice among neurons or inputs scores each of them once; or, if that is more and the model
 * has n >= 16384 parameters, n / 8 bytes (below 524288 n / 2) for a fast choice among weights. */
prune_status prune_importance_bytes(size_t *bytes, const prune_model *model, int32_t criterion);

/* Ends it. NULL is fine. */
void prune_importance_free(prune_importance *importance);

/* Adds all samples of `data` to those added before (a model that has changed since wants a
 * prune_importance_reset() first), and computes the scores anew; for magnitudes it only does the latter. The
 * trainer lends loss, batch size and buffers; its optimizer state and the model stay as they are, its
 * gradients are spoilt.
 * PRUNE_E_STATE: the trainer belongs to another model, or was made with another per_sample than the
 * criterion wants; PRUNE_E_DIVERGED: a loss, a gradient or a score is not finite; errors as
 * prune_data_check(). On failure the sums are those from before the call, except PRUNE_E_DIVERGED
 * and failures of a source or an own loss, which empty them. A source needs memory for a batch from the
 * trainer's allocator (PRUNE_E_MEMORY). */
prune_status prune_importance_accumulate(prune_importance *importance, prune_trainer *trainer,
                                         const prune_data *data, prune_error *error);

/* The step of it, for loops of the user's own: adds the gradients that prune_trainer_backward() has
 * just left for a batch of `samples` (a mean over them; of a loss with weights, that counts as their sum).
 * Then prune_importance_refresh().
 * PRUNE_E_SIZE: samples is 0; PRUNE_E_STATE: the trainer has no fresh gradients or another model, or the
 * criterion needs none; PRUNE_E_DIVERGED: a gradient, or that times what it counts for, is not finite. On
 * failure nothing is added. */
prune_status prune_importance_add(prune_importance *importance, const prune_trainer *trainer, size_t samples);

/* Adds the gradient of the trainer's l1 and l2 penalty, at the model's weights as they are, to the
 * mean gradient (0 or 1 switches it), and computes the scores anew if there are samples.
 * PRUNE_E_STATE: as above, or the criterion is not one of the mean gradient; PRUNE_E_NONFINITE: a score
 * would be NaN or Inf. */
prune_status prune_importance_include_penalty(prune_importance *importance, const prune_trainer *trainer,
                                              int32_t include);

/* Computes the scores anew from the sums and the model's weights as they are now.
 * Of PRUNE_SUPPLIED they stay.
 * PRUNE_E_STATE: no samples yet, or not all scores supplied; PRUNE_E_NONFINITE: a score is NaN or Inf. */
prune_status prune_importance_refresh(prune_importance *importance);

/* How the batches are averaged; forgets all samples.
 * 1, as after create: the mean over all samples, m = sum over batches of B m_t / sum of B.
 * 0 <= decay < 1: a moving average over batches, each of which counts once whatever its size
 * (one of weight 0 not at all):
 *     E(0) = 0,  E(t) = decay E(t-1) + (1 - decay) m_t,  m = E(t) / (1 - decay^t)
 * as Adam's moments (D. Kingma and J. Ba, ICLR 2015); 0 is the last batch alone. m_t is the mean over batch t
 * of what the criterion is made of: g, |g_i| or g_i^2. So it is m that is averaged, not the score: w is that
 * of the refresh, and squares are of the average. (Of PRUNE_MOVEMENT it is -w g.) E is compensated, and
 * 1 - decay^t is the same average of ones, so that neither loses what a decay near 1 adds in small pieces.
 * PRUNE_E_RANGE: decay is NaN or not in 0 .. 1; PRUNE_E_STATE: the criterion needs no data. */
prune_status prune_importance_set_decay(prune_importance *importance, float decay);

/* Forgets all samples, or supplied scores; the decay stays. */
prune_status prune_importance_reset(prune_importance *importance);

/* Samples added so far; 0 for NULL. */
uint64_t prune_importance_samples(const prune_importance *importance);

/* The scores of a parameter, its shape, row-major, 0 for running statistics: borrowed, overwritten by the
 * next refresh. NULL for no such index or before scores exist. */
const float *prune_importance_scores(const prune_importance *importance, size_t param);
/* FFI-END */
PRUNE_API_END

#endif
