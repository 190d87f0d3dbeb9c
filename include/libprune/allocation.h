/* allocation.h -- how much each layer is to lose, and losing exactly that
 *
 * prune_allocate() shares a total out over the layers of a selection, in integers whose sum is the total;
 * prune_mask_allocated() then removes these, the lowest of each layer. By the rules
 *   PRUNE_ALLOCATE_RANKED       the lowest of all, as prune_mask_lowest() does; scores of different layers
 *                               may be brought to one measure first, by what `normalize` says of the scores
 *                               of the layer that are kept
 *   PRUNE_ALLOCATE_UNIFORM      what stays of each layer is proportional to its units
 *   PRUNE_ALLOCATE_ERK          the density of layer l is proportional to (in + out) / (in out), at most 1,
 *                               the rest being shared by the others: Erdos-Renyi, for dense layers the
 *                               same as its kernel form (D. Mocanu et al., Nature Comm. 9, 2018; U. Evci et
 *                               al., ICML 2020). Nothing goes from layers without weights, such as batch
 *                               normalisation
 *   PRUNE_ALLOCATE_SENSITIVITY  by a table of sensitivity.h, piecewise linear between its levels: the layer
 *                               whose next step costs least of the metric per unit takes it, then the next,
 *                               ties by layer; the last step is taken in part. Beyond the first NaN and the
 *                               last level of a layer nothing is known, and nothing goes
 *
 * Proportional counts are by divisors (A. Sainte-Lague, 1910): round(x share) for the x that gives the
 * total; ties by layer. So whatever goes with a total goes with every larger one too, by every rule.
 *
 * Limits hold for each layer: at least `least` and at most `most` of all its units are gone in the end, those
 * removed before among them, and min_kept stay. Layers of one pool share one ranking (or table), and every
 * pool loses the same part of its units, as far as limits allow: what stays of each is proportional. With
 * PRUNE_PER_LAYER each layer is a pool. From layers of a pool below 0 nothing goes, so one pool after the
 * other can get a total of its own.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_ALLOCATION_H
#define LIBPRUNE_ALLOCATION_H

#include "libprune/mask.h"
#include "libprune/sensitivity.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum {
    PRUNE_ALLOCATE_RANKED = 1,
    PRUNE_ALLOCATE_UNIFORM = 2,
    PRUNE_ALLOCATE_ERK = 3,
    PRUNE_ALLOCATE_SENSITIVITY = 4
};

/* What a score is divided by, over the n kept units of its layer; all 0 stays 0. */
enum {
    PRUNE_NORMALIZE_NONE = 0,
    PRUNE_NORMALIZE_MEAN = 1, /* (1/n) sum |s| */
    PRUNE_NORMALIZE_L2 = 2,   /* the root of the sum of s^2 */
    PRUNE_NORMALIZE_MAX = 3   /* the largest |s| */
};

typedef struct prune_allocation {
    size_t size;
    int32_t rule;                         /* default PRUNE_ALLOCATE_RANKED */
    int32_t normalize;                    /* of that rule; default PRUNE_NORMALIZE_NONE */
    const prune_selection *selection;     /* default NULL: weights, global */
    const double *least;                  /* [layers] or NULL: 0; fractions, made counts as in fraction.h */
    const double *most;                   /* [layers] or NULL: 1 */
    const int32_t *pool;                  /* [layers] or NULL: all layers are one pool */
    size_t layers;                        /* of the model, where one of these arrays is given */
    const prune_sensitivity *sensitivity; /* of the rule that goes by it; of the model as it is now */
} prune_allocation;

/* The defaults above. NULL is fine. Calls that take an allocation have them for NULL. */
void prune_allocation_init(prune_allocation *allocation);

/* How many units have to go for `least`, and how many may, all layers together. least and most may be NULL.
 * Errors as below. */
prune_status prune_allocate_range(uint64_t *least, uint64_t *most, const prune_model *model,
                                  const prune_allocation *allocation);

/* counts[layer] = how many units each layer is to lose, beside those that are gone: `total` together. counts
 * is as long as the model has layers, else PRUNE_E_SHAPE. The scores are only looked at by
 * PRUNE_ALLOCATE_RANKED, and else may be NULL. Takes some memory for each layer from the model's allocator.
 * PRUNE_E_COLLAPSE: more than limits and floors allow, or least and the floor exclude each other;
 * PRUNE_E_RANGE: less than `least` asks for; least or most NaN, outside 0 .. 1, or least above most;
 * PRUNE_E_SHAPE: layers; PRUNE_E_ARGUMENT: an unknown rule, no table; else as prune_mask_lowest() of
 * scores and selection, and of the table as prune_sensitivity_scan(). On failure counts stay. */
prune_status prune_allocate(uint64_t *counts, size_t capacity, const prune_model *model,
                            const prune_importance *importance, const prune_allocation *allocation,
                            uint64_t total);

/* Removes the counts[layer] lowest units of each of the model's layers, whatever the selection's scope is.
 * PRUNE_E_SHAPE: layers; PRUNE_E_RANGE: a layer that is not of the selection is to lose some; else as
 * prune_mask_lowest(). On failure nothing is removed. Allocates nothing. */
prune_status prune_mask_allocated(prune_removal *removal, prune_model *model,
                                  const prune_importance *importance, const prune_selection *selection,
                                  const uint64_t *counts, size_t layers);
/* FFI-END */
PRUNE_API_END

#endif
