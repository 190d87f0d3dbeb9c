/* rounding.h -- training that knows of int8: the model holds what rounding leaves of its weights
 *
 * Weights of dense layers are w = s q, q whole from -127 to 127, s the largest |w| of the row over 127, or of
 * the layer: as prune_quantize() rounds them, which then loses nothing more on them. Rounded weights would
 * forget steps that are smaller than s, so the object keeps the weights as they are before rounding: after a
 * step has moved w by d, these move by d, and w is what they round to. That is the straight-through estimator
 * (Y. Bengio et al., 2013) in any loop, for any optimizer: gradients are taken at the rounded weights and
 * change the others. Removed weights stay 0 in both.
 *
 *     prune_rounding_create(&rounding, NULL, model, 0);
 *     ... fit.rounding = rounding (fit.h), or after each step of a loop prune_rounding_update(rounding)
 *     prune_rounding_free(rounding);
 *     prune_quantize(...);
 *
 * Threads: as the model's trainer.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_ROUNDING_H
#define LIBPRUNE_ROUNDING_H

#include "libprune/model.h"

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

/* Ends it; the model keeps its rounded weights. NULL is fine. */
void prune_rounding_free(prune_rounding *rounding);
/* FFI-END */
PRUNE_API_END

#endif
