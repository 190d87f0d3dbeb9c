/* activation.h -- the nonlinear functions of a layer
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_ACTIVATION_H
#define LIBPRUNE_ACTIVATION_H

#include "libprune/base.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum {
    PRUNE_LINEAR = 0,  /* f(x) = x */
    PRUNE_RELU = 1,    /* f(x) = max(0, x), f'(0) = 0 */
    PRUNE_SIGMOID = 2, /* f(x) = 1 / (1 + e^-x) */
    PRUNE_TANH = 3     /* f(x) = tanh(x) */
};

/* "linear", "relu", "sigmoid", "tanh"; NULL for an unknown one. */
const char *prune_activation_name(int32_t activation);
/* FFI-END */
PRUNE_API_END

#endif
