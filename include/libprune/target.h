/* target.h -- pruning until the model is small enough: in parameters, multiply-accumulates, or bytes
 *
 * The smallest total is removed with which the model has at most so many, shared out over the layers by
 * prune_allocate(). Whatever goes with one total goes with every larger one too, so it is found by
 * bisection, each total being tried on the model itself, which is then put back: what is measured is
 * what there will be.
 *   PRUNE_TARGET_PARAMETERS  elements of all parameters that are kept: biases and statistics too
 *   PRUNE_TARGET_MACS        multiply-accumulates for one sample whose weight is kept
 *   PRUNE_TARGET_BYTES       prune_model_encoded_bytes()
 * It is measured of the model that prune_compact() would make of it, so that a neuron counts with the column
 * that reads it and whatever else goes then; or of the model itself. Merging and rounding can make a model
 * larger as more goes: by default there is none; with them what is found is small enough, one less is not.
 *
 * Counts are for prune_mask_lowest(), fractions for prune_mask_fraction(), thresholds for prune_mask_below().
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_TARGET_H
#define LIBPRUNE_TARGET_H

#include "libprune/allocation.h"
#include "libprune/compact.h"
#include "libprune/encoded.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum { PRUNE_TARGET_PARAMETERS = 1, PRUNE_TARGET_MACS = 2, PRUNE_TARGET_BYTES = 3 };

typedef struct prune_target {
    size_t size;
    int32_t measure;   /* in: default PRUNE_TARGET_PARAMETERS */
    int32_t compacted; /* in: 1: as compacted, 0: as it is masked; default -1: 1 for neurons and inputs, 0 for
                          weights and blocks */
    int32_t nearest;   /* in: default 0: at most `most`; 1: one unit less, where that is nearer to it */
    uint64_t most;     /* in: must be set */
    /* in: default NULL: its defaults, but without `merge`; drop_inputs is not for here */
    const prune_compact_options *compaction;
    const prune_encoding_options *encoding; /* in: of bytes; default NULL: its defaults */
    uint64_t before;                        /* out: what it was */
    uint64_t achieved;                      /* out: what it is now */
} prune_target;

/* Sets size and the defaults above, the rest 0 and NULL. NULL is fine. */
void prune_target_init(prune_target *target);

/* Prunes to the target. Also where it is met already, what `least` of the allocation asks for goes, and else
 * nothing. removal, allocation and error may be NULL; of the allocation's rules only the ranked one may
 * look at scores to share out, but the lowest of each layer go by them always. Memory from the model's
 * allocator: a copy of it, and what compaction takes.
 * PRUNE_E_COLLAPSE: limits and floors do not allow as much; PRUNE_E_ARGUMENT: NULL, measure, compacted,
 * nearest, drop_inputs; errors as prune_allocate(), prune_mask_allocated(), prune_compact() and
 * prune_model_encoded_bytes(). On failure the model and the results are as before. */
prune_status prune_mask_target(prune_removal *removal, prune_model *model, const prune_importance *importance,
                               const prune_allocation *allocation, prune_target *target, prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
