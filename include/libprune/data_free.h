/* data_free.h -- scores of weights that need no data
 *
 * Each call fills a table made with PRUNE_SUPPLIED, see supplied.h. Weights are those of the parameters that
 * are chosen from; biases get FLT_MAX and so go last. Scores are of the weights as they are at the call, and
 * those that are removed count as 0.
 *
 * PRUNE_E_ARGUMENT: NULL; PRUNE_E_STATE: the table is not PRUNE_SUPPLIED, or its model has changed: the
 * table is as it was. PRUNE_E_NONFINITE: a weight is NaN or Inf: the table is without scores.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_DATA_FREE_H
#define LIBPRUNE_DATA_FREE_H

#include "libprune/importance.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* A uniform number in [0, 1) for each weight, in their order, from the stream that belongs to the seed
 * (rng.h): what any other criterion has to beat. It does not look at the weights. */
prune_status prune_score_random(prune_importance *scores, uint64_t seed);

/* LAMP (J. Lee et al., ICLR 2021): of the kept weights of a layer in ascending order of their squares, equal
 * ones by index,
 *     score(u) = w_u^2 / sum of w_v^2 over v from u on
 * so the largest of each layer scores 1, and one ranking over all layers (PRUNE_GLOBAL) chooses how much of
 * each goes. Weights that are 0 score 0. Takes an array as large as the largest parameter from the table's
 * allocator for the time of the call (PRUNE_E_MEMORY: the table is as it was). */
prune_status prune_score_lamp(prune_importance *scores);

/* Geometric median (FPGM: Y. He et al., CVPR 2019): of neuron i with incoming weights w_i, without its bias,
 *     score(i) = sum over the neurons j of its layer of ||w_i - w_j||_2
 * Neurons near the middle of the others can be made up for by these, and go first. Each weight of a dense
 * layer gets the score of its neuron, so prune PRUNE_NEURONS, with PRUNE_ROW_MAX or PRUNE_ROW_MEAN, which
 * give just that for any that is kept, and with PRUNE_PER_LAYER: distances grow with the inputs of a layer
 * and the number of its neurons. Removed neurons count as rows of 0, as in the paper. A sum beyond float
 * is FLT_MAX. */
prune_status prune_score_geometric_median(prune_importance *scores);
/* FFI-END */
PRUNE_API_END

#endif
