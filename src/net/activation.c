/* activation.c -- the nonlinear functions of a layer
 *
 * Every derivative here is a function of the output alone, so nothing else has to be kept.
 *
 * SPDX-License-Identifier: MIT */
#include "activation.h"
#include "libprune/fmath.h"

typedef struct activation_ops {
    const char *name;
    void (*forward)(float *y, const float *bias, size_t count);
    void (*backward)(float *dy, const float *y, size_t count);
} activation_ops;

static void linear_forward(float *y, const float *bias, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] += bias[i];
}

static void linear_backward(float *dy, const float *y, size_t count)
{
    (void)dy;
    (void)y;
    (void)count;
}

static void relu_forward(float *y, const float *bias, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const float x = y[i] + bias[i];
        y[i] = x > 0.0f ? x : 0.0f;
    }
}

static void relu_backward(float *dy, const float *y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        dy[i] = y[i] > 0.0f ? dy[i] : 0.0f;
}

static void sigmoid_forward(float *y, const float *bias, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = prune_sigmoidf(y[i] + bias[i]);
}

static void sigmoid_backward(float *dy, const float *y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        dy[i] *= y[i] * (1.0f - y[i]);
}

static void tanh_forward(float *y, const float *bias, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = prune_tanhf(y[i] + bias[i]);
}

static void tanh_backward(float *dy, const float *y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        dy[i] *= 1.0f - y[i] * y[i];
}

static const activation_ops table[] = {
    [PRUNE_LINEAR] = { "linear", linear_forward, linear_backward },
    [PRUNE_RELU] = { "relu", relu_forward, relu_backward },
    [PRUNE_SIGMOID] = { "sigmoid", sigmoid_forward, sigmoid_backward },
    [PRUNE_TANH] = { "tanh", tanh_forward, tanh_backward },
};

int32_t prn_activation_known(int32_t activation)
{
    return activation >= 0 && (size_t)activation < sizeof table / sizeof table[0];
}

const char *prune_activation_name(int32_t activation)
{
    return prn_activation_known(activation) ? table[activation].name : NULL;
}

void prn_activation_forward(int32_t activation, float *y, size_t ldy, const float *bias, size_t rows,
                            size_t columns)
{
    for (size_t r = 0; r < rows; r++)
        table[activation].forward(y + r * ldy, bias, columns);
}

void prn_activation_backward(int32_t activation, float *dy, const float *y, size_t count)
{
    table[activation].backward(dy, y, count);
}
