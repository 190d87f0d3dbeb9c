/* unit.h -- what can be removed: weights, neurons, inputs or blocks, and which of them a call looks at
 *
 * A layer that has a matrix of weights W[O][I] (a dense one) has
 *   PRUNE_WEIGHTS  O I weights, and with include_bias its biases; then the gamma and beta of a batch
 *                  normalisation are chosen from as well
 *   PRUNE_NEURONS  O neurons: a row and its bias, and what belongs to it in the layers behind that work unit
 *                  by unit (batch normalisation)
 *   PRUNE_INPUTS   I inputs: a column. Of the first layer these are the features, of any other the neurons
 *                  before it, seen from where they go: those stay, unread, until compaction takes them
 *   PRUNE_BLOCKS   blocks of block_rows x block_columns weights, in rows of blocks from the top left; those
 *                  at the right and the lower edge are smaller where the matrix does not divide (encoding.h
 *                  has the format for them)
 * All but weights are groups: each has one score, of its weights that are kept, by an aggregate (group.h),
 * and it counts as kept while anything in it is.
 *
 * Groups of layers with different fan-in have different size, so their L1 and L2 scores do not compare well
 * over layers: prefer PRUNE_PER_LAYER, PRUNE_ROW_MAX, PRUNE_ROW_MEAN or, for neurons, joint scores.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_UNIT_H
#define LIBPRUNE_UNIT_H

#include "libprune/group.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum { PRUNE_WEIGHTS = 1, PRUNE_NEURONS = 2, PRUNE_INPUTS = 3, PRUNE_BLOCKS = 4 };
enum { PRUNE_GLOBAL = 1, PRUNE_PER_LAYER = 2 };

typedef struct prune_selection {
    size_t size;
    int32_t granularity;    /* PRUNE_WEIGHTS (default), NEURONS, INPUTS or BLOCKS */
    int32_t scope;          /* PRUNE_GLOBAL (default): one ranking over the chosen layers;
                               PRUNE_PER_LAYER: count or fraction hold for each layer by itself */
    int32_t aggregate;      /* groups: PRUNE_ROW_*, see group.h; default PRUNE_ROW_L2 */
    int32_t layer;          /* only this layer; default -1: all. PRUNE_E_RANGE: it has no such units.
                               Neurons of the last layer are there to choose only with include_output */
    int32_t include_output; /* neurons: may the last layer that has any lose some; default 0 */
    int32_t include_bias;   /* weights: are biases chosen from too; joint: do they count; default 0 */
    uint64_t min_kept;      /* units that stay in each layer; default 1 */
    int32_t joint;          /* neurons: their joint scores, see joint.h, by the aggregate; default 0 */
    int32_t block_rows;     /* blocks: at least 1; default 4, as for PRUNE_ENCODING_BLOCKS */
    int32_t block_columns;  /* default 1 */
} prune_selection;

/* The defaults above. NULL is fine. Where a call takes a selection, NULL means the defaults. */
void prune_selection_init(prune_selection *selection);
/* FFI-END */
PRUNE_API_END

#endif
