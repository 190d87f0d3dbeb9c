/* activation.h -- the nonlinear functions of a layer
 *
 * ELU: D.-A. Clevert et al., ICLR 2016. SELU: G. Klambauer et al., NeurIPS 2017. GELU: D. Hendrycks and
 * K. Gimpel, arXiv 1606.08415, 2016. SiLU: S. Elfwing et al., Neural Networks 107, 2018.
 *
 * Values are those of the formulas to a few units in the last place (GELU_TANH: of the argument of its tanh),
 * also where 1 + erf and 1 + tanh have no digits left, but may be 0 below 1e-36; at -Inf they are the limits.
 * NaN gives NaN, but ReLU makes it 0. The derivatives of GELU, GELU_TANH and SiLU need x itself: a trainer
 * keeps it for them, as many floats as the layer has outputs, for each sample of a batch.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_ACTIVATION_H
#define LIBPRUNE_ACTIVATION_H

#include "libprune/base.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum {
    PRUNE_LINEAR = 0,     /* f(x) = x */
    PRUNE_RELU = 1,       /* f(x) = max(0, x), f'(0) = 0 */
    PRUNE_SIGMOID = 2,    /* f(x) = 1 / (1 + e^-x) */
    PRUNE_TANH = 3,       /* f(x) = tanh(x) */
    PRUNE_LEAKY_RELU = 4, /* f(x) = x > 0 ? x : 0.01 x, f'(0) = 0.01 */
    PRUNE_ELU = 5,        /* f(x) = x > 0 ? x : e^x - 1 */
    PRUNE_SELU = 6,       /* f(x) = 1.0507009873554805 (x > 0 ? x : 1.6732632423543773 (e^x - 1)) */
    PRUNE_GELU = 7,       /* f(x) = x (1 + erf(x / sqrt(2))) / 2 */
    PRUNE_GELU_TANH = 8,  /* f(x) = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 */
    PRUNE_SILU = 9,       /* f(x) = x / (1 + e^-x) */
    PRUNE_SOFTPLUS = 10   /* f(x) = log(1 + e^x) */
};

/* "linear", "relu", "sigmoid", "tanh", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh", "silu", "softplus";
 * NULL for an unknown one. */
const char *prune_activation_name(int32_t activation);

/* An activation as an object, for calls that link those alone that are named (tiny.h). */
typedef struct prune_activation prune_activation;
/* FFI-END */
/* Behind FFI-END, since cffi knows no constant structs: a binding declares them without const. */
extern const prune_activation prune_activation_linear;
extern const prune_activation prune_activation_relu;
extern const prune_activation prune_activation_sigmoid;
extern const prune_activation prune_activation_tanh;
extern const prune_activation prune_activation_leaky_relu;
extern const prune_activation prune_activation_elu;
extern const prune_activation prune_activation_selu;
extern const prune_activation prune_activation_gelu;
extern const prune_activation prune_activation_gelu_tanh;
extern const prune_activation prune_activation_silu;
extern const prune_activation prune_activation_softplus;
PRUNE_API_END

#endif
