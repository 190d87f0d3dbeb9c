/* criterion.h -- what a score is made of
 *
 * Scores of a weight w, from the mean gradient g of the data loss over all samples that were given
 * (no penalty unless asked), however they were cut into batches:
 *   PRUNE_MAGNITUDE          |w|      needs no data
 *   PRUNE_GRADIENT           |g|      also of removed weights: what regrowth looks at
 *   PRUNE_TAYLOR             |w g|    first-order estimate of the change of the loss when w goes to 0
 *                                     (P. Molchanov et al., ICLR 2017)
 *   PRUNE_MAGNITUDE_SQUARED  w^2      their squares: the same ranking of weights, other sums over a row
 *   PRUNE_GRADIENT_SQUARED   g^2
 *   PRUNE_TAYLOR_SQUARED     (w g)^2  (P. Molchanov et al., CVPR 2019)
 * and from the gradients g_i of the losses of single samples, which do not cancel out where the mean
 * does; the trainer that lends its buffers needs the option per_sample:
 *   PRUNE_SAMPLE_GRADIENT    E|g_i|        with PRUNE_PER_SAMPLE_ABSOLUTE
 *   PRUNE_FISHER             w^2 E[g_i^2]  with PRUNE_PER_SAMPLE_SQUARE: twice the estimate of the change
 *                                     of the loss by the empirical Fisher information (L. Theis et al., 2018)
 *
 * With weights (of samples, or of the labels' classes) each mean is the one of loss.h: g_i is the gradient of
 * the sample's own loss, which counts as much as its weight says; 2 is two equal samples. That gradient is of
 * l_i / d_i: with label smoothing it grows without limit as the class weight of the label goes to 0, and
 * d_i g_i^2, what the sample adds to PRUNE_FISHER, with it; at 0 the sample is left out there. Nearly ignored
 * classes would decide the ranking: take PRUNE_SAMPLE_GRADIENT then, or no smoothing.
 *
 * These scores are 0 or larger. The first six are the size, or the square, of a term that has a sign: w, g
 * or w g. Groups of weights can be scored by the sum of these terms, see group.h.
 *
 *   PRUNE_SUPPLIED           whatever the caller, or one of the prune_score_*() functions, puts into the
 *                                     table, see supplied.h; may be below 0
 *   PRUNE_MOVEMENT           mean of -w g   over the batches of training, each at the weights it met and once
 *                                     whatever its size: below 0 where steps along -g make |w| smaller, so
 *                                     what moves to 0 goes first (V. Sanh et al., NeurIPS 2020). A fit
 *                                     feeds it (importance in fit.h), or prune_importance_add(). Removed
 *                                     weights do not move. The paper's score is the sum times the rate:
 *                                     the same order
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_CRITERION_H
#define LIBPRUNE_CRITERION_H

#include "libprune/base.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum {
    PRUNE_MAGNITUDE = 1,
    PRUNE_GRADIENT = 2,
    PRUNE_TAYLOR = 3,
    PRUNE_MAGNITUDE_SQUARED = 4,
    PRUNE_GRADIENT_SQUARED = 5,
    PRUNE_TAYLOR_SQUARED = 6,
    PRUNE_SAMPLE_GRADIENT = 7,
    PRUNE_FISHER = 8,
    PRUNE_SUPPLIED = 9,
    PRUNE_MOVEMENT = 10
};
/* FFI-END */
PRUNE_API_END

#endif
