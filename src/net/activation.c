/* activation.c -- the nonlinear functions of a layer
 *
 * Most derivatives are functions of the output y, so nothing else has to be kept; the others, of functions
 * that fall before they rise, are functions of the input z = x + bias.
 *
 * SPDX-License-Identifier: MIT */
#include "activation.h"
#include "bits.h"
#include "nonlinear.h"
#include "wide.h"
#include "libprune/fmath.h"

#include <string.h>

/* Where there are vectors, rows shorter than this are taken several at a time, by a repeated bias. */
enum { ROOM = 128 };

/* Here, and of ReLU, with one test a number, also where code is small: count is above 0. */
static void linear_forward(float *y, const float *bias, size_t count)
{
    const float *const end = bias + count;
    do
        *y++ += *bias++;
    while (bias != end);
}

static void linear_backward(float *dy, const float *y, size_t count)
{
    (void)dy;
    (void)y;
    (void)count;
}

static void relu_forward(float *y, const float *bias, size_t count)
{
    size_t i = 0;
    do {
        const float x = y[i] + bias[i];
        y[i] = prn_bits_float(x > 0.0f ? prn_bits_of(x) : 0u);
    } while (++i != count);
}

/* No y is NaN: its bits order like integers, which costs less where there is no unit for float. */
PRN_INLINE void relu_back(float *dy, const float *y, size_t count)
{
    size_t i = 0;
    do
        dy[i] = prn_bits_float((int32_t)prn_bits_of(y[i]) > 0 ? prn_bits_of(dy[i]) : 0u);
    while (++i != count);
}

PRN_WIDE static void relu_back_wide(float *dy, const float *y, size_t count)
{
    relu_back(dy, y, count);
}

static void relu_backward(float *dy, const float *y, size_t count)
{
    /* cppcheck-suppress knownConditionTrueFalse ; on machines without */
    if (prn_wide())
        relu_back_wide(dy, y, count);
    else
        relu_back(dy, y, count);
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

static void leaky_relu_forward(float *y, const float *bias, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = prn_leaky_relu(y[i] + bias[i]);
}

static void leaky_relu_backward(float *dy, const float *y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        dy[i] = y[i] > 0.0f ? dy[i] : PRN_LEAK * dy[i];
}

static void elu_forward(float *y, const float *bias, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = prn_elu(y[i] + bias[i]);
}

static void elu_backward(float *dy, const float *y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        dy[i] = y[i] > 0.0f ? dy[i] : dy[i] * (y[i] + 1.0f);
}

static void selu_forward(float *y, const float *bias, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = prn_selu(y[i] + bias[i]);
}

static void selu_backward(float *dy, const float *y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        dy[i] *= y[i] > 0.0f ? PRN_SELU : y[i] + PRN_SELU_LOW;
}

static void softplus_forward(float *y, const float *bias, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = prune_softplusf(y[i] + bias[i]);
}

/* f' = sigmoid(z) = 1 - e^-y */
static void softplus_backward(float *dy, const float *y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        dy[i] *= -prune_expm1f(-y[i]);
}

/* ---- those of the form z g(z), where g rises from 0 to 1 ---- */

static void gelu_forward(float *y, const float *bias, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = prn_gelu(y[i] + bias[i]);
}

/* f' = Phi(z) + z phi(z), phi = Phi' */
static void gelu_backward(float *dy, const float *z, size_t count)
{
    const float one_by_root_2_pi = 0.398942280f;
    for (size_t i = 0; i < count; i++) {
        const float phi = one_by_root_2_pi * prune_expf(-0.5f * (z[i] * z[i]));
        dy[i] *= prune_normcdff(z[i]) + prn_gated(z[i], phi);
    }
}

/* sigmoid(u), and its derivative e / (1 + e)^2, e = e^-|u|: not s (1 - s), which near 1 has few digits. */
static inline float sigmoid_and_slope(float u, float *slope)
{
    const float e = prune_expf(u > 0.0f ? -u : u), r = 1.0f / (1.0f + e);
    *slope = e * r * r;
    return u > 0.0f ? r : e * r;
}

static void silu_forward(float *y, const float *bias, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = prn_silu(y[i] + bias[i]);
}

/* f' = s + z s' */
static void silu_backward(float *dy, const float *z, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float slope;
        const float s = sigmoid_and_slope(z[i], &slope);
        dy[i] *= s + prn_gated(z[i], slope);
    }
}

static void gelu_tanh_forward(float *y, const float *bias, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = prn_gelu_tanh(y[i] + bias[i]);
}

/* f' = s + z s' (2 u)' */
static void gelu_tanh_backward(float *dy, const float *z, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const float square = PRN_CUBIC * (z[i] * z[i]);
        float slope;
        const float s = sigmoid_and_slope(z[i] * (PRN_TWICE + square), &slope);
        dy[i] *= s + prn_gated(z[i] * (PRN_TWICE + 3.0f * square), slope);
    }
}

/* ---- second derivatives ---- */

static float sigmoid_second(float y)
{
    return y * (1.0f - y) * (1.0f - 2.0f * y);
}

static float tanh_second(float y)
{
    return -2.0f * y * (1.0f - y * y);
}

static float elu_second(float y)
{
    return y > 0.0f ? 0.0f : y + 1.0f;
}

static float selu_second(float y)
{
    return y > 0.0f ? 0.0f : y + PRN_SELU_LOW;
}

/* s (1 - s), s = 1 - e^-y */
static float softplus_second(float y)
{
    return -prune_expm1f(-y) * prune_expf(-y);
}

/* phi (2 - z^2) */
static float gelu_second(float z)
{
    const float one_by_root_2_pi = 0.398942280f;
    return prn_gated(2.0f - z * z, one_by_root_2_pi * prune_expf(-0.5f * (z * z)));
}

/* 2 s' + z s'', s'' = s' (1 - 2 s) */
static float silu_second(float z)
{
    float slope;
    const float s = sigmoid_and_slope(z, &slope);
    return prn_gated(2.0f + z * (1.0f - 2.0f * s), slope);
}

/* z s(v), v = 2 u:  2 s' v' + z (s'' v'^2 + s' v'') = s' (2 v' + z ((1 - 2 s) v'^2 + v'')) */
static float gelu_tanh_second(float z)
{
    const float square = PRN_CUBIC * (z * z), rise = PRN_TWICE + 3.0f * square;
    float slope;
    const float s = sigmoid_and_slope(z * (PRN_TWICE + square), &slope);
    return prn_gated(2.0f * rise + z * ((1.0f - 2.0f * s) * rise * rise + 6.0f * PRN_CUBIC * z), slope);
}

/* Each by itself: a program that names one links no other. */
const prune_activation prune_activation_linear = { linear_forward, linear_backward, PRUNE_LINEAR, 0 };
const prune_activation prune_activation_relu = { relu_forward, relu_backward, PRUNE_RELU, 0 };
const prune_activation prune_activation_sigmoid = { sigmoid_forward, sigmoid_backward, PRUNE_SIGMOID, 0 };
const prune_activation prune_activation_tanh = { tanh_forward, tanh_backward, PRUNE_TANH, 0 };
const prune_activation prune_activation_leaky_relu = { leaky_relu_forward, leaky_relu_backward,
                                                       PRUNE_LEAKY_RELU, 0 };
const prune_activation prune_activation_elu = { elu_forward, elu_backward, PRUNE_ELU, 0 };
const prune_activation prune_activation_selu = { selu_forward, selu_backward, PRUNE_SELU, 0 };
const prune_activation prune_activation_gelu = { gelu_forward, gelu_backward, PRUNE_GELU, 1 };
const prune_activation prune_activation_gelu_tanh = { gelu_tanh_forward, gelu_tanh_backward, PRUNE_GELU_TANH,
                                                      1 };
const prune_activation prune_activation_silu = { silu_forward, silu_backward, PRUNE_SILU, 1 };
const prune_activation prune_activation_softplus = { softplus_forward, softplus_backward, PRUNE_SOFTPLUS, 0 };

static const struct entry {
    const prune_activation *ops;
    const char *name;
    float (*second)(float from); /* f''; NULL: 0 */
} table[] = {
    [PRUNE_LINEAR] = { &prune_activation_linear, "linear", NULL },
    [PRUNE_RELU] = { &prune_activation_relu, "relu", NULL },
    [PRUNE_SIGMOID] = { &prune_activation_sigmoid, "sigmoid", sigmoid_second },
    [PRUNE_TANH] = { &prune_activation_tanh, "tanh", tanh_second },
    [PRUNE_LEAKY_RELU] = { &prune_activation_leaky_relu, "leaky_relu", NULL },
    [PRUNE_ELU] = { &prune_activation_elu, "elu", elu_second },
    [PRUNE_SELU] = { &prune_activation_selu, "selu", selu_second },
    [PRUNE_GELU] = { &prune_activation_gelu, "gelu", gelu_second },
    [PRUNE_GELU_TANH] = { &prune_activation_gelu_tanh, "gelu_tanh", gelu_tanh_second },
    [PRUNE_SILU] = { &prune_activation_silu, "silu", silu_second },
    [PRUNE_SOFTPLUS] = { &prune_activation_softplus, "softplus", softplus_second },
};

int32_t prn_activation_known(int32_t activation)
{
    return activation >= 0 && (size_t)activation < sizeof table / sizeof table[0];
}

const char *prune_activation_name(int32_t activation)
{
    return prn_activation_known(activation) ? table[activation].name : NULL;
}

int32_t prn_activation_needs_input(int32_t activation)
{
    return table[activation].ops->needs_input;
}

/* Repeats the bias as often as there is room; returns how often. */
static size_t repeat(float room[ROOM], const float *bias, size_t columns, size_t rows)
{
    const size_t fits = ROOM / columns, times = fits < rows ? fits : rows;
    memcpy(room, bias, columns * sizeof *room);
    for (size_t done = 1; done < times; done *= 2)
        memcpy(room + done * columns, room,
               (2 * done < times ? done : times - done) * columns * sizeof *room);
    return times;
}

void prn_activation_forward(int32_t activation, float *y, size_t ldy, const float *bias, size_t rows,
                            size_t columns)
{
    float room[ROOM];
    const float *each = bias;
    size_t times = 1;
    if (PRN_VECTORS && ldy == columns && columns < ROOM) {
        times = repeat(room, bias, columns, rows);
        each = room;
    }
    for (size_t r = 0; r < rows; r += times)
        table[activation].ops->forward(y + r * ldy, each, columns * (rows - r < times ? rows - r : times));
}

void prn_activation_apply(int32_t activation, float *y, const float *x, size_t count)
{
    static const float zeros[64];
    const size_t piece = sizeof zeros / sizeof zeros[0];
    if (y != x)
        memmove(y, x, count * sizeof *y);
    for (size_t done = 0; done < count; done += piece)
        table[activation].ops->forward(y + done, zeros, count - done < piece ? count - done : piece);
}

void prn_activation_backward(int32_t activation, float *dy, const float *from, size_t count)
{
    table[activation].ops->backward(dy, from, count);
}

void prn_activation_slopes(int32_t activation, float *first, float *second, const float *from, size_t count)
{
    const struct entry *entry = &table[activation];
    for (size_t i = 0; i < count; i++) {
        first[i] = 1.0f;
        second[i] = entry->second == NULL ? 0.0f : entry->second(from[i]);
    }
    entry->ops->backward(first, from, count);
}
