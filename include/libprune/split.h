/* split.h -- samples parted at random into training and held-out ones, once or in folds
 *
 * Everything is an order of the indices 0 .. n - 1 in the caller's order[n]; rows are then copied by
 * prune_tensor_create_rows() or prune_tensor_take_rows(), with the same indices for inputs and targets.
 * Nothing is allocated. The same state of the generator gives the same order on every platform. On an
 * error order and generator are untouched.
 *
 * "Stratified": every class is held out in the proportion of the whole. A class is a value of `labels`
 * ([n] or [n][1], PRUNE_I32, any values); there may be any number of them. Within a part the order is
 * random, not by class.
 * n is at most 2^32 - 1 and at least 2. Takes O(n log n).
 *
 * Errors, all: PRUNE_E_ARGUMENT: NULL; PRUNE_E_RANGE: fraction, folds or fold; PRUNE_E_EMPTY: fewer than 2
 * samples; PRUNE_E_LIMIT: too many; PRUNE_E_TYPE, PRUNE_E_SHAPE: of the labels.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_SPLIT_H
#define LIBPRUNE_SPLIT_H

#include "libprune/rng.h"
#include "libprune/tensor.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* order[0 .. *train - 1] are for training, order[*train .. count - 1] held out. H samples are held out:
 * prune_fraction_count() of `fraction` (0 < fraction < 1), but at least 1 and at most count - 1. */
prune_status prune_split(size_t *order, size_t *train, size_t count, double fraction, prune_rng *rng);

/* The same with H parted among the classes by largest remainder: a class of m samples gives
 * floor(m H / n), and those that are then missing come one each from the classes with the largest
 * remainders, of equals from that with the lower label. */
prune_status prune_split_stratified(size_t *order, size_t *train, const prune_tensor *labels, double fraction,
                                    prune_rng *rng);

/* K folds, 2 <= K <= count, one behind the other: fold f is order[prune_fold_first(count, K, f)] up to
 * before where the next one begins. Each has floor(count / K) samples, the first count mod K one more. */
prune_status prune_folds(size_t *order, size_t count, size_t folds, prune_rng *rng);

/* Folds of the same sizes, where a class of m samples has floor(m / K) or one more in each. */
prune_status prune_folds_stratified(size_t *order, const prune_tensor *labels, size_t folds, prune_rng *rng);

/* Where fold 0 .. K begins (K: count). 0 if there is no such fold. */
size_t prune_fold_first(size_t count, size_t folds, size_t fold);

/* One turn of cross-validation, as prune_split() gives it: chosen[0 .. *train - 1] are the samples of the
 * other folds, the fold's own follow. chosen[count] is not `order`. */
prune_status prune_fold_choose(size_t *chosen, size_t *train, const size_t *order, size_t count, size_t folds,
                               size_t fold);
/* FFI-END */
PRUNE_API_END

#endif
