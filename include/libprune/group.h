/* group.h -- one score for many weights: a neuron's row, an input's column, a block, any list
 *
 * Over the scores s of the weights of a group that are kept (removed ones do not count):
 *   PRUNE_ROW_MAX     the largest
 *   PRUNE_ROW_L1      their sum
 *   PRUNE_ROW_L2      the root of the sum of their squares
 *   PRUNE_ROW_MEAN    their sum over their number: rows of different length compare
 *   PRUNE_ROW_SIGNED  |sum of t|, t the terms that the scores are the sizes of (criterion.h): w, g or w g,
 *                     signs included; for the squared criteria (sum of t)^2. With w g it is the first-order
 *                     estimate of what removing all of them at once changes, as opposed to one by one
 *                     (P. Molchanov et al., CVPR 2019). A weight whose squared score is below float counts
 *                     as 0. Not for PRUNE_SAMPLE_GRADIENT and PRUNE_FISHER, whose terms have no sign:
 *                     PRUNE_E_ARGUMENT; nor for PRUNE_SUPPLIED and PRUNE_MOVEMENT, whose L1 has all
 *                     signs
 * A group without a kept weight has the score 0. Sums are scaled and compensated, in the order of the group,
 * and from -FLT_MAX to FLT_MAX. Scores and signs are those of the last refresh, the masks those of now.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_GROUP_H
#define LIBPRUNE_GROUP_H

#include "libprune/importance.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum { PRUNE_ROW_MAX = 1, PRUNE_ROW_L1 = 2, PRUNE_ROW_L2 = 3, PRUNE_ROW_MEAN = 4, PRUNE_ROW_SIGNED = 5 };

/* Elements start, start + stride, ... (count of them) of a parameter of the model. In a weight W[O][I] row o
 * is { param, o * I, 1, I }, column i is { param, i, I, O }, and a block of r rows is r slices. */
typedef struct prune_slice {
    size_t param;
    size_t start;
    size_t stride; /* at least 1 */
    size_t count;  /* 0: none */
} prune_slice;

/* One number for all elements of slices[count] together, of any parameters, biases too; what is named twice
 * counts twice. error says which slice is wrong, and may be NULL.
 * PRUNE_E_RANGE: no such parameter, or an element beyond its end; PRUNE_E_ARGUMENT: a stride of 0, an
 * aggregate that is unknown or not for these scores; PRUNE_E_STATE: no scores. On failure *score stays. */
prune_status prune_importance_group(float *score, const prune_importance *importance,
                                    const prune_slice *slices, size_t count, int32_t aggregate,
                                    prune_error *error);

/* One number per neuron of a layer into scores[capacity]: of its row of weights, without its bias (which a
 * group can have). PRUNE_E_RANGE: no such layer, or one without neurons; PRUNE_E_ARGUMENT: the
 * aggregate, as above; PRUNE_E_SHAPE: capacity is too small; PRUNE_E_STATE: no scores. */
prune_status prune_importance_neurons(float *scores, size_t capacity, const prune_importance *importance,
                                      size_t layer, int32_t aggregate);

/* One number per input of a layer: of the weights that multiply it, its column. For the first layer these
 * are the features, for any other the neurons before it, seen from where they go. Errors as above. */
prune_status prune_importance_inputs(float *scores, size_t capacity, const prune_importance *importance,
                                     size_t layer, int32_t aggregate);
/* FFI-END */
PRUNE_API_END

#endif
