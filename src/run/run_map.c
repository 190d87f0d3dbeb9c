/* run_map.c -- activations of each element by itself
 *
 * SPDX-License-Identifier: MIT */
#include "blob.h"
#include "nonlinear.h"
#include "libprune/activation.h"

static void map(void *y, const void *x, const prune_blob_layer *layer, float (*function)(float))
{
    const float *in = prn_floats_at(x);
    float *out = (float *)y;
    for (uint32_t left = layer->outputs; left != 0; left--)
        *out++ = function(*in++);
}

/* As a floor does it, NaN too. */
static float relu(float x)
{
    return prn_floored(x, 0.0f);
}

static void run_relu(void *y, const void *x, const prune_blob_layer *layer)
{
    map(y, x, layer, relu);
}

static void run_sigmoid(void *y, const void *x, const prune_blob_layer *layer)
{
    map(y, x, layer, prune_sigmoidf);
}

static void run_tanh(void *y, const void *x, const prune_blob_layer *layer)
{
    map(y, x, layer, prune_tanhf);
}

static void run_leaky_relu(void *y, const void *x, const prune_blob_layer *layer)
{
    map(y, x, layer, prn_leaky_relu);
}

static void run_elu(void *y, const void *x, const prune_blob_layer *layer)
{
    map(y, x, layer, prn_elu);
}

static void run_selu(void *y, const void *x, const prune_blob_layer *layer)
{
    map(y, x, layer, prn_selu);
}

static void run_gelu(void *y, const void *x, const prune_blob_layer *layer)
{
    map(y, x, layer, prn_gelu);
}

static void run_gelu_tanh(void *y, const void *x, const prune_blob_layer *layer)
{
    map(y, x, layer, prn_gelu_tanh);
}

static void run_silu(void *y, const void *x, const prune_blob_layer *layer)
{
    map(y, x, layer, prn_silu);
}

static void run_softplus(void *y, const void *x, const prune_blob_layer *layer)
{
    map(y, x, layer, prune_softplusf);
}

enum { F32 = PRUNE_BLOB_F32, FIRST = PRUNE_BLOB_ACTIVATION };

const prune_blob_op prune_op_relu = { FIRST + PRUNE_RELU, F32, F32, 1, prn_check_none, run_relu };
const prune_blob_op prune_op_sigmoid = { FIRST + PRUNE_SIGMOID, F32, F32, 1, prn_check_none, run_sigmoid };
const prune_blob_op prune_op_tanh = { FIRST + PRUNE_TANH, F32, F32, 1, prn_check_none, run_tanh };
const prune_blob_op prune_op_leaky_relu = { FIRST + PRUNE_LEAKY_RELU, F32,           F32, 1,
                                            prn_check_none,           run_leaky_relu };
const prune_blob_op prune_op_elu = { FIRST + PRUNE_ELU, F32, F32, 1, prn_check_none, run_elu };
const prune_blob_op prune_op_selu = { FIRST + PRUNE_SELU, F32, F32, 1, prn_check_none, run_selu };
const prune_blob_op prune_op_gelu = { FIRST + PRUNE_GELU, F32, F32, 1, prn_check_none, run_gelu };
const prune_blob_op prune_op_gelu_tanh = {
    FIRST + PRUNE_GELU_TANH, F32, F32, 1, prn_check_none, run_gelu_tanh
};
const prune_blob_op prune_op_silu = { FIRST + PRUNE_SILU, F32, F32, 1, prn_check_none, run_silu };
const prune_blob_op prune_op_softplus = { FIRST + PRUNE_SOFTPLUS, F32, F32, 1, prn_check_none, run_softplus };
