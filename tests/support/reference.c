/* reference.c -- a dense network in double precision, to judge the library by
 *
 * SPDX-License-Identifier: MIT */
#include "reference.h"

#include <libprune/mask.h>

#include <math.h>
#include <string.h>

static const double PI = 3.14159265358979323846;
static const double SELU_SCALE = 1.0507009873554804934193349852946;
static const double SELU_ALPHA = 1.6732632423543772848170429916717;

/* What one sample leaves behind: inputs z and outputs a of each activation; a[0] is the sample. */
typedef struct trace {
    double z[REF_LAYERS][REF_WIDTH];
    double a[REF_LAYERS + 1][REF_WIDTH];
} trace;

/* ---- shape ---- */

void ref_shape(ref_net *net, size_t layers, const size_t *width, const int32_t *activation)
{
    memset(net, 0, sizeof *net);
    net->layers = layers;
    memcpy(net->width, width, (layers + 1) * sizeof *width);
    memcpy(net->activation, activation, layers * sizeof *activation);
    net->count = ref_begin(net, 2 * layers);
    memset(net->keep, 1, sizeof net->keep);
}

size_t ref_begin(const ref_net *net, size_t p)
{
    size_t begin = 0;
    for (size_t l = 0; l < p / 2; l++)
        begin += net->width[l + 1] * (net->width[l] + 1);
    return p % 2 == 0 ? begin : begin + net->width[p / 2 + 1] * net->width[p / 2];
}

/* ---- forward ---- */

static double sigmoid(double z)
{
    return 1.0 / (1.0 + exp(-z));
}

static double gelu_tanh_inner(double z)
{
    return sqrt(2.0 / PI) * (z + 0.044715 * z * z * z);
}

static double activate(int32_t kind, double z)
{
    switch (kind) {
    case PRUNE_RELU:
        return z > 0.0 ? z : 0.0;
    case PRUNE_SIGMOID:
        return sigmoid(z);
    case PRUNE_TANH:
        return tanh(z);
    case PRUNE_LEAKY_RELU:
        return z > 0.0 ? z : 0.01 * z;
    case PRUNE_ELU:
        return z > 0.0 ? z : exp(z) - 1.0;
    case PRUNE_SELU:
        return SELU_SCALE * (z > 0.0 ? z : SELU_ALPHA * (exp(z) - 1.0));
    case PRUNE_GELU:
        return 0.5 * z * (1.0 + erf(z / sqrt(2.0)));
    case PRUNE_GELU_TANH:
        return 0.5 * z * (1.0 + tanh(gelu_tanh_inner(z)));
    case PRUNE_SILU:
        return z * sigmoid(z);
    case PRUNE_SOFTPLUS:
        return log(1.0 + exp(z));
    default:
        return z;
    }
}

double ref_activation(int32_t kind, double z)
{
    return activate(kind, z);
}

static double gelu_tanh_slope(double z)
{
    const double t = tanh(gelu_tanh_inner(z));
    return 0.5 * (1.0 + t) + 0.5 * z * (1.0 - t * t) * sqrt(2.0 / PI) * (1.0 + 0.134145 * z * z);
}

double ref_slope(int32_t kind, double z)
{
    const double f = activate(kind, z);
    switch (kind) {
    case PRUNE_RELU:
        return z > 0.0 ? 1.0 : 0.0;
    case PRUNE_SIGMOID:
        return f * (1.0 - f);
    case PRUNE_TANH:
        return 1.0 - f * f;
    case PRUNE_LEAKY_RELU:
        return z > 0.0 ? 1.0 : 0.01;
    case PRUNE_ELU:
        return z > 0.0 ? 1.0 : exp(z);
    case PRUNE_SELU:
        return SELU_SCALE * (z > 0.0 ? 1.0 : SELU_ALPHA * exp(z));
    case PRUNE_GELU:
        return 0.5 * (1.0 + erf(z / sqrt(2.0))) + z * exp(-0.5 * z * z) / sqrt(2.0 * PI);
    case PRUNE_GELU_TANH:
        return gelu_tanh_slope(z);
    case PRUNE_SILU:
        return sigmoid(z) + f * (1.0 - sigmoid(z));
    case PRUNE_SOFTPLUS:
        return sigmoid(z);
    default:
        return 1.0;
    }
}

static int32_t has_kink(int32_t kind)
{
    return kind == PRUNE_RELU || kind == PRUNE_LEAKY_RELU || kind == PRUNE_SELU;
}

static void run(trace *t, const ref_net *net, const double *x)
{
    memcpy(t->a[0], x, net->width[0] * sizeof *x);
    for (size_t l = 0; l < net->layers; l++) {
        const double *weight = net->w + ref_begin(net, 2 * l);
        const double *bias = net->w + ref_begin(net, 2 * l + 1);
        for (size_t o = 0; o < net->width[l + 1]; o++) {
            double z = bias[o];
            for (size_t i = 0; i < net->width[l]; i++)
                z += weight[o * net->width[l] + i] * t->a[l][i];
            t->z[l][o] = z;
            t->a[l + 1][o] = activate(net->activation[l], z);
        }
    }
}

void ref_forward(double *h, const ref_net *net, const double *x)
{
    trace t;
    run(&t, net, x);
    memcpy(h, t.a[net->layers], net->width[net->layers] * sizeof *h);
}

/* ---- what is minimised ---- */

static double log_sum_exp(const double *h, size_t outputs)
{
    double high = h[0], sum = 0.0;
    for (size_t o = 1; o < outputs; o++)
        high = fmax(high, h[o]);
    for (size_t o = 0; o < outputs; o++)
        sum += exp(h[o] - high);
    return high + log(sum);
}

/* The sample's part of the sum in front of which 1/n stands. */
static double sample_loss(const ref_task *task, size_t s, const double *h, size_t outputs)
{
    if (task->loss == PRUNE_SOFTMAX_CROSS_ENTROPY)
        return log_sum_exp(h, outputs) - h[task->label[s]];
    double squares = 0.0;
    for (size_t o = 0; o < outputs; o++)
        squares += (task->y[s * outputs + o] - h[o]) * (task->y[s * outputs + o] - h[o]);
    return 0.5 * squares;
}

double ref_output_loss(const ref_task *task, const double *h, size_t outputs)
{
    double sum = 0.0;
    for (size_t s = 0; s < task->n; s++)
        sum += sample_loss(task, s, h + s * outputs, outputs);
    return sum / (double)task->n;
}

double ref_data_loss(const ref_net *net, const ref_task *task)
{
    const size_t outputs = net->width[net->layers];
    double h[REF_BATCH * REF_WIDTH];
    for (size_t s = 0; s < task->n; s++)
        ref_forward(h + s * outputs, net, task->x + s * net->width[0]);
    return ref_output_loss(task, h, outputs);
}

double ref_penalty(const ref_net *net, const ref_task *task)
{
    double sum = 0.0;
    for (size_t p = 0; p < 2 * net->layers; p += task->penalize_bias ? 1 : 2)
        for (size_t i = ref_begin(net, p); i < ref_begin(net, p + 1); i++)
            sum += task->l1 * fabs(net->w[i]) + task->l2 / 2.0 * net->w[i] * net->w[i];
    return sum;
}

/* ---- gradients ---- */

/* d[outputs] = n dL/dh for one sample. */
static void output_delta(double *d, const ref_task *task, size_t s, const double *h, size_t outputs)
{
    const double shift = log_sum_exp(h, outputs);
    for (size_t o = 0; o < outputs; o++)
        if (task->loss == PRUNE_SOFTMAX_CROSS_ENTROPY)
            d[o] = exp(h[o] - shift) - ((size_t)task->label[s] == o ? 1.0 : 0.0);
        else
            d[o] = h[o] - task->y[s * outputs + o];
}

/* Adds a sample's gradient of layer l, given d = dL/dz, and turns d into dL/da of the layer below. */
static void back_through(double *g, double *d, const ref_net *net, const trace *t, size_t l)
{
    const size_t inputs = net->width[l];
    const double *weight = net->w + ref_begin(net, 2 * l);
    double *weight_gradient = g + ref_begin(net, 2 * l), *bias_gradient = g + ref_begin(net, 2 * l + 1);
    double below[REF_WIDTH] = { 0.0 };
    for (size_t o = 0; o < net->width[l + 1]; o++) {
        bias_gradient[o] += d[o];
        for (size_t i = 0; i < inputs; i++) {
            weight_gradient[o * inputs + i] += d[o] * t->a[l][i];
            below[i] += d[o] * weight[o * inputs + i];
        }
    }
    memcpy(d, below, inputs * sizeof *d);
}

static void add_sample(double *g, const ref_net *net, const ref_task *task, size_t s)
{
    trace t;
    double d[REF_WIDTH];
    run(&t, net, task->x + s * net->width[0]);
    output_delta(d, task, s, t.a[net->layers], net->width[net->layers]);
    for (size_t l = net->layers; l-- > 0;) {
        for (size_t o = 0; o < net->width[l + 1]; o++)
            d[o] *= ref_slope(net->activation[l], t.z[l][o]);
        back_through(g, d, net, &t, l);
    }
}

void ref_data_gradient(double *g, const ref_net *net, const ref_task *task)
{
    memset(g, 0, net->count * sizeof *g);
    for (size_t s = 0; s < task->n; s++)
        add_sample(g, net, task, s);
    for (size_t i = 0; i < net->count; i++)
        g[i] /= (double)task->n;
}

void ref_add_penalty_gradient(double *g, const ref_net *net, const ref_task *task)
{
    for (size_t p = 0; p < 2 * net->layers; p += task->penalize_bias ? 1 : 2)
        for (size_t i = ref_begin(net, p); i < ref_begin(net, p + 1); i++) {
            const double sign = net->w[i] > 0.0 ? 1.0 : net->w[i] < 0.0 ? -1.0 : 0.0;
            g[i] += task->l1 * sign + task->l2 * net->w[i];
        }
}

void ref_differences(double *g, const ref_net *net, const ref_task *task, double eps)
{
    ref_net moved = *net;
    for (size_t i = 0; i < net->count; i++) {
        moved.w[i] = net->w[i] + eps;
        const double above = ref_data_loss(&moved, task) + ref_penalty(&moved, task);
        moved.w[i] = net->w[i] - eps;
        const double below = ref_data_loss(&moved, task) + ref_penalty(&moved, task);
        moved.w[i] = net->w[i];
        g[i] = (above - below) / (2.0 * eps);
    }
}

double ref_kink_distance(const ref_net *net, const ref_task *task)
{
    trace t;
    double nearest = (double)INFINITY;
    for (size_t s = 0; s < task->n; s++) {
        run(&t, net, task->x + s * net->width[0]);
        for (size_t l = 0; l < net->layers; l++)
            for (size_t o = 0; has_kink(net->activation[l]) && o < net->width[l + 1]; o++)
                nearest = fmin(nearest, fabs(t.z[l][o]));
    }
    return nearest;
}

/* ---- comparing ---- */

double ref_largest(const double *a, size_t count)
{
    double largest = 0.0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(a[i]));
    return largest;
}

/* The larger of two errors; a NaN is the largest of all. */
static double worse(double a, double b)
{
    return isnan(b) ? (double)INFINITY : fmax(a, b);
}

double ref_relative_error(const double *a, const double *b, size_t count, double floor)
{
    double worst = 0.0;
    for (size_t i = 0; i < count; i++)
        worst = worse(worst, fabs(a[i] - b[i]) / fmax(fmax(fabs(a[i]), fabs(b[i])), floor));
    return worst;
}

double ref_scaled_error(const float *a, const double *b, size_t count)
{
    double worst = 0.0;
    for (size_t i = 0; i < count; i++)
        worst = worse(worst, fabs((double)a[i] - b[i]));
    return worst > 0.0 ? worst / ref_largest(b, count) : 0.0;
}

/* ---- the library's twin, and numbers ---- */

static prune_status set_param(prune_model *model, const ref_net *net, size_t p)
{
    const size_t begin = ref_begin(net, p), count = ref_begin(net, p + 1) - begin;
    float values[REF_PARAMS];
    for (size_t i = 0; i < count; i++)
        values[i] = (float)net->w[begin + i];
    const prune_status status = prune_model_set_param(model, p, values, count);
    return status != PRUNE_OK ? status : prune_mask_set(model, p, net->keep + begin, count);
}

prune_status ref_model(prune_model **out, const ref_net *net)
{
    prune_status status = prune_model_create(out, NULL, net->width[0]);
    for (size_t l = 0; l < net->layers && status == PRUNE_OK; l++)
        status = prune_model_add_dense(*out, net->width[l + 1], net->activation[l]);
    for (size_t p = 0; p < 2 * net->layers && status == PRUNE_OK; p++)
        status = set_param(*out, net, p);
    if (status != PRUNE_OK) {
        prune_model_free(*out);
        *out = NULL;
    }
    return status;
}

double ref_uniform(uint64_t *state, double low, double high)
{
    /* Knuth's linear congruential generator for 64 bits; its upper bits are good enough here. */
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return low + (high - low) * (double)(*state >> 11) / 9007199254740992.0;
}
