/* importance.h -- how much each weight, and each neuron, matters
 *
 * Scores of a weight w, from the mean gradient g of the data loss over all samples that were given
 * (no penalty unless asked), however they were cut into batches:
 *   PRUNE_MAGNITUDE          |w|      needs no data
 *   PRUNE_GRADIENT           |g|      also of removed weights: what regrowth looks at
 *   PRUNE_TAYLOR             |w g|    first-order estimate of the change of the loss when w goes to 0
 *                                     (P. Molchanov et al., ICLR 2017)
 *   PRUNE_MAGNITUDE_SQUARED  w^2      their squares: the same ranking of weights, other sums over a row
 *   PRUNE_GRADIENT_SQUARED   g^2
 *   PRUNE_TAYLOR_SQUARED     (w g)^2  (P. Molchanov et al., CVPR 2019)
 * and from the gradients g_i of the losses of single samples, which do not cancel out where the mean
 * does; the trainer that lends its buffers needs the option per_sample:
 *   PRUNE_SAMPLE_GRADIENT    E|g_i|        with PRUNE_PER_SAMPLE_ABSOLUTE
 *   PRUNE_FISHER             w^2 E[g_i^2]  with PRUNE_PER_SAMPLE_SQUARE: twice the estimate of the change
 *                                     of the loss by the empirical Fisher information (L. Theis et al., 2018)
 * Sums over batches are compensated (Neumaier), in float.
 * A neuron's score is aggregated over its row of the weight matrix, see prune_importance_neurons().
 *
 * Scores are those of the moment of create, accumulate or refresh: after more training, refresh (and for
 * new gradients, reset and accumulate again) before masking by them.
 *
 * Threads: one importance object, one thread at a time.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_IMPORTANCE_H
#define LIBPRUNE_IMPORTANCE_H

#include "libprune/data.h"
#include "libprune/trainer.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum {
    PRUNE_MAGNITUDE = 1,
    PRUNE_GRADIENT = 2,
    PRUNE_TAYLOR = 3,
    PRUNE_MAGNITUDE_SQUARED = 4,
    PRUNE_GRADIENT_SQUARED = 5,
    PRUNE_TAYLOR_SQUARED = 6,
    PRUNE_SAMPLE_GRADIENT = 7,
    PRUNE_FISHER = 8
};
enum { PRUNE_ROW_MAX = 1, PRUNE_ROW_L1 = 2, PRUNE_ROW_L2 = 3 };

typedef struct prune_importance prune_importance;

/* Makes a score table for the model, which must outlive it. Magnitudes are filled in at once; the
 * others wait for data.
 * PRUNE_E_ARGUMENT: unknown criterion; PRUNE_E_NO_LAYERS; PRUNE_E_OVERFLOW; PRUNE_E_MEMORY. */
prune_status prune_importance_create(prune_importance **out, const prune_allocator *mem,
                                     const prune_model *model, int32_t criterion);

/* Bytes that such an object takes from its allocator. */
prune_status prune_importance_bytes(size_t *bytes, const prune_model *model, int32_t criterion);

/* Ends it. NULL is fine. */
void prune_importance_free(prune_importance *importance);

/* Adds all samples of `data` and computes the scores anew; for magnitudes it only does the latter. The
 * trainer lends loss, batch size and buffers; its optimizer state and the model stay as they are, its
 * gradients are overwritten.
 * PRUNE_E_STATE: the trainer belongs to another model, or was made with another per_sample than the
 * criterion wants; PRUNE_E_DIVERGED: a loss, a gradient or a score is not finite; errors as
 * prune_data_check(). On failure the sums are those from before the call, except PRUNE_E_DIVERGED
 * and failures of a source, which empty them. A source needs memory for a batch from the trainer's allocator
 * (PRUNE_E_MEMORY). */
prune_status prune_importance_accumulate(prune_importance *importance, prune_trainer *trainer,
                                         const prune_data *data, prune_error *error);

/* The step of it, for loops of the user's own: adds the gradients that prune_trainer_backward() has
 * just left for a batch of `samples` (a mean over them). Then prune_importance_refresh().
 * PRUNE_E_SIZE: samples is 0; PRUNE_E_STATE: the trainer has no fresh gradients or another model, or the
 * criterion needs none; PRUNE_E_DIVERGED: a gradient is not finite. On failure nothing is added. */
prune_status prune_importance_add(prune_importance *importance, const prune_trainer *trainer, size_t samples);

/* Adds the gradient of the trainer's l1 and l2 penalty, at the model's weights as they are, to the
 * mean gradient (0 or 1 switches it), and computes the scores anew if there are samples.
 * PRUNE_E_STATE: as above, or the criterion is not one of the mean gradient; PRUNE_E_NONFINITE: a score
 * would be NaN or Inf. */
prune_status prune_importance_include_penalty(prune_importance *importance, const prune_trainer *trainer,
                                              int32_t include);

/* Computes the scores anew from the sums and the model's weights as they are now.
 * PRUNE_E_STATE: no samples yet; PRUNE_E_NONFINITE: a score is NaN or Inf. */
prune_status prune_importance_refresh(prune_importance *importance);

/* Forgets all samples. */
prune_status prune_importance_reset(prune_importance *importance);

/* Samples added so far; 0 for NULL. */
uint64_t prune_importance_samples(const prune_importance *importance);

/* The scores of a parameter, its shape, row-major: borrowed, overwritten by the next refresh. NULL
 * for no such index or before scores exist. */
const float *prune_importance_scores(const prune_importance *importance, size_t param);

/* One number per neuron of a layer into scores[capacity]:
 * the largest, the sum (L1), or the root of the sum of squares (L2) of the scores of its row's kept
 * weights, at most FLT_MAX; without its bias. PRUNE_E_RANGE: no such layer;
 * PRUNE_E_ARGUMENT: unknown aggregate; PRUNE_E_SHAPE: capacity is too small; PRUNE_E_STATE. */
prune_status prune_importance_neurons(float *scores, size_t capacity, const prune_importance *importance,
                                      size_t layer, int32_t aggregate);
/* FFI-END */
PRUNE_API_END

#endif
