/* mask.h -- which weights are removed, and removing them
 *
 * A mask is one bit per parameter element, owned by the model; 1 is kept. Removing a weight makes it
 * exactly 0 for good: training honours masks without knowing who set them. Removing a neuron removes
 * its row of the weight matrix and its bias, and nothing in the layer that reads it: that goes on reading
 * f(0), a constant, until compaction folds it (compact.h). Activation layers
 * and the like have neither weights nor neurons: nothing is chosen from them. A trainer forgets the
 * optimizer state of removed weights with its next step; a roll-back before it goes on as before.
 *
 * What is chosen from is a selection, see unit.h. Units (weights, or groups of them) are ordered by (score,
 * layer, index), so ties never make a result depend on anything else, and as many go as were asked for.
 * Removed units are not chosen again. In every layer the best min_kept units stay.
 *
 * Threads: changing a mask is changing the model.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_MASK_H
#define LIBPRUNE_MASK_H

#include "libprune/importance.h"
#include "libprune/unit.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* What a call removed, or would. */
typedef struct prune_removal {
    size_t size;        /* sizeof(prune_removal), by prune_removal_init() */
    uint64_t units;     /* in the selected layers, removed ones too */
    uint64_t removed;   /* units removed by this call */
    uint64_t spared;    /* below the threshold, but kept for min_kept */
    uint64_t kept;      /* units left after it */
    float threshold;    /* the largest score removed by count, or the threshold given */
    uint64_t *by_layer; /* the caller's array or NULL: removed units of each layer of the model */
    size_t by_layer_capacity;
} prune_removal;

/* Sets size, the rest 0 and NULL. NULL is fine. */
void prune_removal_init(prune_removal *removal);

/* Removes the `count` lowest units (of each layer with PRUNE_PER_LAYER).
 * removal may be NULL; so may the selection. `importance` must be of this model, with scores.
 * PRUNE_E_COLLAPSE: more than the floors allow; PRUNE_E_STATE: no scores, or another model's;
 * PRUNE_E_ARGUMENT, PRUNE_E_RANGE: selection, an aggregate that these scores do not have among it;
 * PRUNE_E_SHAPE: by_layer_capacity is too small. On failure nothing is removed. Allocates nothing. */
prune_status prune_mask_lowest(prune_removal *removal, prune_model *model, const prune_importance *importance,
                               const prune_selection *selection, uint64_t count);

/* Removes every unit whose score is below `threshold` (strictly), except the best min_kept of a layer.
 * PRUNE_E_RANGE: threshold is NaN, infinite, or negative where no score is (PRUNE_SUPPLIED and
 * PRUNE_MOVEMENT may be); else as above. */
prune_status prune_mask_below(prune_removal *removal, prune_model *model, const prune_importance *importance,
                              const prune_selection *selection, float threshold);

/* Keeps `keep` of `of`: in each group of `of` weights side by side in a row of a weight matrix (inputs 0 ..
 * of - 1 of a neuron, the next `of`, ...) those with the highest scores stay, and as many go that no more
 * than `keep` are left; of equal scores the first go first. Weights removed before count as gone. The last
 * group of a row, if it is shorter, keeps as many, or all it has. 2 of 4 is what others call 2:4, where some
 * count what is removed: here it is always what stays. of = inputs ranks whole rows. PRUNE_ENCODING_N_OF_M
 * stores the result.
 * Of the selection the layer and min_kept count, and granularity has to be PRUNE_WEIGHTS. removal as above.
 * PRUNE_E_RANGE: not 1 <= keep <= of, or the selection's; PRUNE_E_ARGUMENT: NULL, the granularity;
 * PRUNE_E_COLLAPSE: a layer would have fewer than min_kept weights left; else as prune_mask_lowest(). */
prune_status prune_mask_n_of_m(prune_removal *removal, prune_model *model, const prune_importance *importance,
                               const prune_selection *selection, uint64_t keep, uint64_t of);

/* What prune_mask_below() would do; changes nothing. */
prune_status prune_mask_preview(prune_removal *removal, const prune_importance *importance,
                                const prune_selection *selection, float threshold);

/* Units in the selected layers, and how many of them are still kept. */
prune_status prune_mask_units(uint64_t *units, uint64_t *kept, const prune_model *model,
                              const prune_selection *selection);

/* The mask of a parameter as bytes 0 and 1, row-major. count must be its number of elements
 * (PRUNE_E_SHAPE). Setting zeroes what is removed; what comes back starts at 0, the gamma of a batch
 * normalisation at 1. Bytes other than 0 count as 1. PRUNE_E_RANGE: no such index; running statistics, of
 * which nothing may be removed. */
prune_status prune_mask_get(uint8_t *bytes, size_t count, const prune_model *model, size_t param);
prune_status prune_mask_set(prune_model *model, size_t param, const uint8_t *bytes, size_t count);

/* Removes one neuron, by a rule of the caller's own. PRUNE_E_RANGE: no such layer or neuron;
 * PRUNE_E_COLLAPSE: no other would be left in its layer. */
prune_status prune_mask_neuron(prune_model *model, size_t layer, size_t neuron);

/* All weights may live again (they start as in prune_mask_set()). */
prune_status prune_mask_reset(prune_model *model);
/* FFI-END */
PRUNE_API_END

#endif
