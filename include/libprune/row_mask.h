/* row_mask.h -- the lowest weights of each row
 *
 * Weights compared with those of their own neuron alone, as Wanda wants it (activity.h); for any scores.
 * Threads: changing a mask is changing the model.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_ROW_MASK_H
#define LIBPRUNE_ROW_MASK_H

#include "libprune/mask.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* Removes weights until floor(fraction * I) of each row of I weights are gone, the lowest first, equal
 * ones by their index; the product is rounded to double first. Of a row where more are gone already none
 * goes. layer: only the weights of this layer; -1: all. removal may be NULL; its threshold is the largest
 * score removed. PRUNE_E_COLLAPSE: nothing would be left of a row (fraction is 1); PRUNE_E_RANGE: fraction
 * is NaN or not in 0 .. 1, the layer has no weights to choose from; PRUNE_E_STATE: no scores, or another
 * model's; PRUNE_E_SHAPE: by_layer_capacity is too small; PRUNE_E_VERSION. On failure nothing is removed.
 * Allocates nothing. */
prune_status prune_mask_rows(prune_removal *removal, prune_model *model, const prune_importance *importance,
                             int32_t layer, double fraction);
/* FFI-END */
PRUNE_API_END

#endif
