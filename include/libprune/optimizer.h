/* optimizer.h -- how a gradient g becomes a step of the parameters w
 *
 *   PRUNE_SGD      m = mu m + g;  w = w - lr m      (mu = momentum; PyTorch's SGD, dampening 0)
 *                  nesterov:      w = w - lr (g + mu m)
 *   PRUNE_ADAM     m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
 *                  w = w - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
 *                  (D. Kingma and J. Ba, ICLR 2015, Algorithm 1; PyTorch's. scikit-learn and ONNX add eps
 *                  to sqrt(v) before the correction: that is eps / sqrt(1 - b2^t) here)
 *   PRUNE_RMSPROP  v = a v + (1 - a) g^2;  w = w - lr g / (sqrt(v) + eps)
 *                  (a = alpha; PyTorch's RMSprop, not centered, no momentum)
 *   PRUNE_ADAMW    w = (1 - lr decay) w, then a step of Adam's; decay = weight_decay for weights, and for
 *                  biases too if regularize_bias is 1  (I. Loshchilov and F. Hutter, ICLR 2019)
 *   PRUNE_ADAGRAD  v = v + g^2, at most the largest float;  w = w - lr g / (sqrt(v) + eps)
 *                  (J. Duchi et al., JMLR 2011; PyTorch's Adagrad, lr_decay 0, v from 0 on)
 * Where a mask is 0, w, m and v are exactly 0 after every step.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_OPTIMIZER_H
#define LIBPRUNE_OPTIMIZER_H

#include "libprune/base.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum { PRUNE_SGD = 1, PRUNE_ADAM = 2, PRUNE_RMSPROP = 3, PRUNE_ADAMW = 4, PRUNE_ADAGRAD = 5 };
/* FFI-END */
PRUNE_API_END

#endif
