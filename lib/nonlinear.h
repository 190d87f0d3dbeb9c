/* nonlinear.h -- the activations of activation.h that fmath.h has not, as functions of a number */
#ifndef PRN_NONLINEAR_H
#define PRN_NONLINEAR_H

#include "libprune/fmath.h"

#define PRN_LEAK 0.01f

/* SELU: the fixed point of mean 0 and variance 1; LOW is the product with alpha. */
#define PRN_SELU 1.05070099f
#define PRN_SELU_LOW 1.75809934f

/* GELU_TANH: (1 + tanh(u)) / 2 = sigmoid(2 u), 2 u = z (TWICE + CUBIC z^2): all its digits for u < 0 too. */
#define PRN_TWICE 1.59576917f
#define PRN_CUBIC 0.0713548163f

/* z g without the NaN of -Inf times 0. */
static inline float prn_gated(float z, float g)
{
    return g == 0.0f ? 0.0f : z * g;
}

static inline float prn_leaky_relu(float z)
{
    return z > 0.0f ? z : PRN_LEAK * z;
}

static inline float prn_elu(float z)
{
    return z > 0.0f ? z : prune_expm1f(z);
}

static inline float prn_selu(float z)
{
    return z > 0.0f ? PRN_SELU * z : PRN_SELU_LOW * prune_expm1f(z);
}

static inline float prn_gelu(float z)
{
    return prn_gated(z, prune_normcdff(z));
}

static inline float prn_gelu_tanh(float z)
{
    return prn_gated(z, prune_sigmoidf(z * (PRN_TWICE + PRN_CUBIC * (z * z))));
}

static inline float prn_silu(float z)
{
    return prn_gated(z, prune_sigmoidf(z));
}

#endif
