/* optimizer.h -- how a gradient g becomes a step of the parameters w
 *
 *   PRUNE_SGD   m = mu m + g;  w = w - lr m          (mu = momentum; PyTorch's SGD, dampening 0)
 *   PRUNE_ADAM  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
 *               w = w - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
 *               (D. Kingma and J. Ba, ICLR 2015, Algorithm 1)
 * Where a mask is 0, w, m and v are exactly 0 after every step.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_OPTIMIZER_H
#define LIBPRUNE_OPTIMIZER_H

#include "libprune/base.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum { PRUNE_SGD = 1, PRUNE_ADAM = 2 };
/* FFI-END */
PRUNE_API_END

#endif
