/* loss.h -- what training minimises, and its gradient at the outputs
 *
 * Shapes: h[n][O] outputs of the model, n samples.
 *   PRUNE_MSE                    targets y[n][O] float:  L = 1/(2n) sum_i ||y_i - h_i||^2
 *                                                        dL/dh = (h - y) / n
 *   PRUNE_SOFTMAX_CROSS_ENTROPY  labels y[n] or [n][1], PRUNE_I32, 0 .. O-1, h are logits:
 *                                L = 1/n sum_i (log sum_j exp h_ij - h_iy)
 *                                dL/dh = (softmax(h) - onehot(y)) / n
 *                                The log-sum-exp is shifted by the largest logit, so it cannot overflow.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_LOSS_H
#define LIBPRUNE_LOSS_H

#include "libprune/tensor.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum { PRUNE_MSE = 1, PRUNE_SOFTMAX_CROSS_ENTROPY = 2 };

/* *loss = L over the n rows of `outputs`, and dL/dh into `gradient` (same shape; NULL if not
 * wanted). Any thread. PRUNE_E_ARGUMENT: unknown kind, NULL; PRUNE_E_SHAPE; PRUNE_E_TYPE;
 * PRUNE_E_NONFINITE: a target is NaN or Inf; PRUNE_E_LABEL; PRUNE_E_READONLY. Non-finite outputs
 * give a non-finite loss. `gradient` may be `outputs`. On failure nothing is written. */
prune_status prune_loss(float *loss, prune_tensor *gradient, int32_t kind, const prune_tensor *outputs,
                        const prune_tensor *targets);
/* FFI-END */
PRUNE_API_END

#endif
