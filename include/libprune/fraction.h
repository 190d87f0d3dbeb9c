/* fraction.h -- pruning to a sparsity: fractions turned into exact counts
 *
 * The count is the integer nearest to fraction * units, ties to even, and exactly that many units go. The
 * product is rounded to double first, as Python and torch.nn.utils.prune do: 0.15 of 10 is 1.5 and gives
 * 2, though the double 0.15 is a little less. All of any number is all of it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_FRACTION_H
#define LIBPRUNE_FRACTION_H

#include "libprune/mask.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum {
    PRUNE_OF_ALL = 1,      /* a fraction of all units: 0.9 leaves one tenth, whatever was removed before */
    PRUNE_OF_REMAINING = 2 /* a fraction of the units still kept, as repeated calls in torch do */
};

/* How others make a count of a fraction, each product rounded to double. The first is the rule above. */
enum {
    PRUNE_COUNT_NEAREST = 1,      /* round_half_even(fraction units): torch, SparseML */
    PRUNE_COUNT_DOWN = 2,         /* floor(fraction units): NNI, Wanda */
    PRUNE_COUNT_LEFT_NEAREST = 3, /* what stays is round_half_even((1 - fraction) units), but never none of
                                     some: TensorFlow Model Optimization */
    PRUNE_COUNT_LEFT_DOWN = 4     /* what stays is floor((1 - fraction) units), which for 0.9 of 10 is 0, as
                                     1 - 0.9 is below 0.1 in double: Torch-Pruning */
};

/* *count = round_half_even(fraction * units). PRUNE_E_RANGE: fraction is NaN or outside 0 .. 1. */
prune_status prune_fraction_count(uint64_t *count, double fraction, uint64_t units);

/* The same by any of these rules, for prune_mask_lowest(), where masks are to be those of another system.
 * PRUNE_E_ARGUMENT: NULL, an unknown rule; PRUNE_E_RANGE as above. On failure *count stays. */
prune_status prune_fraction_count_by(uint64_t *count, double fraction, uint64_t units, int32_t rule);

/* Removes the lowest units until the given fraction (of each layer with PRUNE_PER_LAYER) is gone;
 * removes nothing if more is gone already. Errors as prune_mask_lowest(), and PRUNE_E_RANGE. */
prune_status prune_mask_fraction(prune_removal *removal, prune_model *model,
                                 const prune_importance *importance, const prune_selection *selection,
                                 double fraction, int32_t of);
/* FFI-END */
PRUNE_API_END

#endif
