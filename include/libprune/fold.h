/* fold.h -- the same function with fewer layers, for after training
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_FOLD_H
#define LIBPRUNE_FOLD_H

#include "libprune/model.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* A new model that computes in inference what `model` does, to rounding, without the layers that it can do
 * without:
 * - dropout, and activation layers that are PRUNE_LINEAR, are left out;
 * - batch normalisation behind a linear dense layer becomes part of it: with s = gamma / sqrt(running_var +
 *   epsilon), row o of W times s_o, and b_o = s_o b_o + beta_o - s_o running_mean_o;
 * - an activation layer behind a linear dense layer becomes its activation.
 * What cannot be folded stays: behind a layer that is not linear, say, or where a weight would leave float,
 * or a removed bias would have to be something else than 0. At least one layer stays. Masks are kept: what
 * is removed is exactly 0 in the new model too.
 * mem may be another allocator; the model is not changed. *out is NULL on failure; error may be NULL.
 * PRUNE_E_ARGUMENT: NULL; PRUNE_E_MEMORY; and as prune_model_verify(). */
prune_status prune_model_fold(prune_model **out, const prune_allocator *mem, const prune_model *model,
                              prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
