/* initializer.h -- first values of the weights W[O][I] (fan-in I, fan-out O)
 *
 * Glorot: X. Glorot and Y. Bengio, AISTATS 2010. He: K. He et al., ICCV 2015. LeCun: Y. LeCun et al.,
 * "Efficient BackProp", 1998. The normal forms are plain normal distributions, not truncated. Orthogonal:
 * A. Saxe et al., ICLR 2014. Biases start at 0. For one value everywhere see prune_model_fill().
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_INITIALIZER_H
#define LIBPRUNE_INITIALIZER_H

#include "libprune/base.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum {
    PRUNE_INIT_AUTO = 0,           /* He uniform before ReLU, leaky ReLU, ELU, GELU (both) and SiLU; LeCun
                                      normal before SELU; Glorot uniform before all others */
    PRUNE_INIT_GLOROT_UNIFORM = 1, /* uniform in +-sqrt(6 / (I + O)) */
    PRUNE_INIT_GLOROT_NORMAL = 2,  /* standard deviation sqrt(2 / (I + O)) */
    PRUNE_INIT_HE_UNIFORM = 3,     /* uniform in +-sqrt(6 / I) */
    PRUNE_INIT_HE_NORMAL = 4,      /* standard deviation sqrt(2 / I) */
    PRUNE_INIT_LECUN_UNIFORM = 5,  /* uniform in +-sqrt(3 / I) */
    PRUNE_INIT_LECUN_NORMAL = 6,   /* standard deviation sqrt(1 / I) */
    PRUNE_INIT_ORTHOGONAL = 7,     /* rows of length 1 at right angles; if O > I the columns instead. Each
                                      such matrix is equally likely; takes 2 O I min(O, I) multiply-adds */
    PRUNE_INIT_ZEROS = 8           /* all 0: for an output layer; hidden neurons would learn alike */
};
/* FFI-END */
PRUNE_API_END

#endif
