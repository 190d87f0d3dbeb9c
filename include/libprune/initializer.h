/* initializer.h -- first values of the weights W[O][I] (fan-in I, fan-out O)
 *
 * Glorot: X. Glorot and Y. Bengio, AISTATS 2010. He: K. He et al., ICCV 2015. The normal forms are
 * plain normal distributions, not truncated. Biases start at 0.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_INITIALIZER_H
#define LIBPRUNE_INITIALIZER_H

#include "libprune/base.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum {
    PRUNE_INIT_AUTO = 0,           /* He uniform before a ReLU, Glorot uniform before all others */
    PRUNE_INIT_GLOROT_UNIFORM = 1, /* uniform in +-sqrt(6 / (I + O)) */
    PRUNE_INIT_GLOROT_NORMAL = 2,  /* standard deviation sqrt(2 / (I + O)) */
    PRUNE_INIT_HE_UNIFORM = 3,     /* uniform in +-sqrt(6 / I) */
    PRUNE_INIT_HE_NORMAL = 4       /* standard deviation sqrt(2 / I) */
};
/* FFI-END */
PRUNE_API_END

#endif
