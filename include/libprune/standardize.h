/* standardize.h -- columns brought to mean 0 and deviation 1
 *
 * A column is one of the `columns` elements of a tensor's row. z = (x - mean) / deviation, with the means and
 * deviations of the training data, which validation and test data must be treated with too. Both are the
 * caller's arrays of `columns` floats, and plain numbers: they can be stored beside the model, or folded
 * into its first layer.
 * Threads: any.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_STANDARDIZE_H
#define LIBPRUNE_STANDARDIZE_H

#include "libprune/tensor.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* mean[j] = 1/n sum_i x[i][j], deviation[j] = sqrt(1/n sum_i (x[i][j] - mean[j])^2), of all n rows; first the
 * means, then the deviations (two passes), in double. A column whose elements are all the same, or so near
 * to each other that the deviation is 0 as a float, gets deviation 1: it becomes 0 and loses nothing.
 * x is PRUNE_F32. PRUNE_E_TYPE; PRUNE_E_SHAPE: x's rows have not `columns` elements; PRUNE_E_NONFINITE: NaN
 * or Inf, error names the place; PRUNE_E_ARGUMENT: NULL (error may be). On an error nothing is written. */
prune_status prune_standardize_fit(float *mean, float *deviation, size_t columns, const prune_tensor *x,
                                   prune_error *error);

/* to = (from - mean) / deviation, and to = from * deviation + mean, computed in double and rounded once. Both
 * are PRUNE_F32 of one shape; they may be the same tensor, or two over the same memory with the same ld, but
 * not overlap otherwise. NaN and Inf stay, and what is beyond float becomes Inf: prune_data_check() finds
 * them. PRUNE_E_TYPE; PRUNE_E_SHAPE: of the tensors, or rows have not `columns` elements; PRUNE_E_RANGE: a
 * deviation is not above 0, or infinite, or a mean not finite; PRUNE_E_READONLY; PRUNE_E_ARGUMENT: NULL. On
 * an error nothing is written. */
prune_status prune_standardize_apply(prune_tensor *to, const prune_tensor *from, const float *mean,
                                     const float *deviation, size_t columns);
prune_status prune_standardize_invert(prune_tensor *to, const prune_tensor *from, const float *mean,
                                      const float *deviation, size_t columns);
/* FFI-END */
PRUNE_API_END

#endif
