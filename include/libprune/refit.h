/* refit.h -- the weights of a small model, so that its layers give again what those of the big one gave
 *
 * The neurons that are left can stand in, to a part, for those that went. Dense layer by dense layer from the
 * inputs on: x are the numbers that go into the layer in the small model, as it has become, t what the layer
 * of the big model computes for the same samples before its activation, for the neurons that are left. Each
 * row w of the small layer, its bias b among its weights, becomes w + d for the d of the least
 *     sum over samples (x (w + d) - t)^2  +  damping mean(diag sum x x^T) |d|^2,
 * found in double by Cholesky. Only weights that are not removed move, and count in that mean. So the sum of
 * squares is never larger than before, to rounding, and where the samples say nothing the weights stay as
 * they are. It is what OBS does for single weights (B. Hassibi and D. Stork, NIPS 1992), here for neurons.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_REFIT_H
#define LIBPRUNE_REFIT_H

#include "libprune/data.h"
#include "libprune/gemm.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
typedef struct prune_refit_options {
    size_t size;
    int32_t layer;                /* only this layer; default -1: all dense ones */
    double damping;               /* 0 or more; default 1e-4 */
    const prune_backend *backend; /* NULL: prune_backend_default() */
} prune_refit_options;

/* Sets size and the defaults above. NULL is fine. A call that takes such options has them for NULL. */
void prune_refit_options_init(prune_refit_options *options);

/* Refits `small`, made from `model`, or from a masked copy of it, by prune_compact(), whose report has
 * `kept`; with NULL both have the same shapes: a masked model and the one it comes from. Of the data the
 * inputs count, those of `model`; each dense layer reads them once. A model with room for a copy of itself
 * and for squares of the widest layer, in double, from small's allocator. options and error may be NULL.
 * PRUNE_E_SHAPE: other layers, or other widths than `kept` says; PRUNE_E_RANGE: `kept` names a unit that
 * the model has not, no such dense layer, damping; PRUNE_E_SINGULAR: with so little damping there is no
 * single answer; PRUNE_E_NONFINITE: a number on the way, or a weight, leaves float; PRUNE_E_ARGUMENT
 * (also a back end without a function), PRUNE_E_NO_LAYERS, PRUNE_E_VERSION, PRUNE_E_MEMORY,
 * PRUNE_E_OVERFLOW; and as prune_data_check(). On failure small is as before. */
prune_status prune_refit(prune_model *small, const prune_model *model, const size_t *kept,
                         const prune_data *data, const prune_refit_options *options, prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
