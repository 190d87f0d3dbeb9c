/* unit.h -- what can be removed: weights or neurons, and which of them a call looks at
 *
 * Neurons of layers with different fan-in have rows of different length, so their L1 and L2 scores do
 * not compare well over layers: prefer PRUNE_PER_LAYER, PRUNE_ROW_MAX or PRUNE_ROW_MEAN for neurons.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_UNIT_H
#define LIBPRUNE_UNIT_H

#include "libprune/group.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum { PRUNE_WEIGHTS = 1, PRUNE_NEURONS = 2 };
enum { PRUNE_GLOBAL = 1, PRUNE_PER_LAYER = 2 };

typedef struct prune_selection {
    size_t size;
    int32_t granularity;    /* PRUNE_WEIGHTS (default) or PRUNE_NEURONS */
    int32_t scope;          /* PRUNE_GLOBAL (default): one ranking over the chosen layers;
                               PRUNE_PER_LAYER: count or fraction hold for each layer by itself */
    int32_t aggregate;      /* neurons: PRUNE_ROW_*, see group.h; default PRUNE_ROW_L2 */
    int32_t layer;          /* only this layer; default -1: all. PRUNE_E_RANGE: it has no such units */
    int32_t include_output; /* neurons: may the last layer that has any lose some; default 0 */
    int32_t include_bias;   /* weights: are biases chosen from too; default 0 */
    uint64_t min_kept;      /* units that stay in each layer; default 1 */
} prune_selection;

/* The defaults above. NULL is fine. Where a call takes a selection, NULL means the defaults. */
void prune_selection_init(prune_selection *selection);
/* FFI-END */
PRUNE_API_END

#endif
