/* rounding.h -- training that knows of int8: the model holds what rounding leaves of its weights, and its
 * trainer computes with what it leaves of the numbers between layers
 *
 * Weights of dense layers are w = s q, q whole from -127 to 127, s the largest |w| of the row over 127, or of
 * the layer: as prune_quantize() rounds them, which then loses nothing more on them. Rounded weights would
 * forget steps that are smaller than s, so the object keeps the weights as they are before rounding: after a
 * step has moved w by d, these move by d, and w is what they round to. That is the straight-through estimator
 * (Y. Bengio et al., 2013) in any loop, for any optimizer: gradients are taken at the rounded weights and
 * change the others. Removed weights stay 0 in both.
 *
 * The trainer can be told to round numbers between layers too, to 255 steps from end to end of a range that
 * moves with what training shows, as a blob of int8 has them (quantize.h). It is for models that lose more by
 * that than by rounded weights: where the numbers of one neuron are much larger than those of others, say.
 *
 *     prune_rounding_create(&rounding, NULL, model, 0);
 *     prune_rounding_activations(rounding, trainer, 0.05f);
 *     ... fit.rounding = rounding (fit.h), or after each step of a loop prune_rounding_update(rounding)
 *     prune_rounding_free(rounding);
 *     prune_quantize(...);
 *
 * Threads: as the model's trainer.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_ROUNDING_H
#define LIBPRUNE_ROUNDING_H

#include "libprune/trainer.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
typedef struct prune_rounding prune_rounding;

/* Rounds the weights of all dense layers of a model, which must outlive the object; a float for each is kept.
 * per_layer: as in prune_quantize_options. mem NULL: the model's.
 * PRUNE_E_ARGUMENT: NULL, per_layer is neither 0 nor 1; PRUNE_E_NO_LAYERS; PRUNE_E_OVERFLOW, PRUNE_E_MEMORY;
 * and as prune_model_verify(). Nothing is changed then. */
prune_status prune_rounding_create(prune_rounding **out, const prune_allocator *mem, prune_model *model,
                                   int32_t per_layer);

/* Takes over what has changed since, and rounds again. Call it after the last step too.
 * PRUNE_E_ARGUMENT: NULL; PRUNE_E_STATE: the model has other layers now; PRUNE_E_NONFINITE: a weight, or what
 * it would be without rounding. Nothing is changed then. */
prune_status prune_rounding_update(prune_rounding *rounding);

/* From now on all passes of a trainer of the same model round numbers: what goes into the model, and what
 * comes out of each layer, where int8 has such an array. So not before ReLU, or batch normalisation that
 * folds, behind a linear layer, and not softmax. (Before another activation in a dense layer int8 rounds
 * too, a pass does not.) Each array has a range, from 0 or below to 0 or above. The first batch in
 * training (prune_trainer_step(), a fit, prune_trainer_forward() unless in inference) sets it; every
 * further one moves its ends by `momentum`, 0 .. 1, of the way to its own: 0.05, say; 0: they stay. Until
 * then nothing is rounded. Gradients pass as if nothing was, but those of numbers beyond the range are 0.
 * prune_predict() and what is built on it round nothing.
 * With the same trainer again, the momentum changes. With NULL, or when the rounding is freed, it ends,
 * and with it what the last pass has left; until then the trainer must live. Memory for max_batch inputs,
 * and a bit for each number, is from the rounding's allocator.
 * PRUNE_E_ARGUMENT: NULL, a trainer of another model; PRUNE_E_RANGE: momentum; PRUNE_E_STATE: the model
 * has other layers now, another rounding is at the trainer; PRUNE_E_OVERFLOW, PRUNE_E_MEMORY. */
prune_status prune_rounding_activations(prune_rounding *rounding, prune_trainer *trainer, float momentum);

/* Ends it; the model keeps its rounded weights. NULL is fine. */
void prune_rounding_free(prune_rounding *rounding);
/* FFI-END */
PRUNE_API_END

#endif
