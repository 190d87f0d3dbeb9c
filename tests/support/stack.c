/* stack.c -- models of any layers in double precision, to judge the library by
 *
 * SPDX-License-Identifier: MIT */
#include "stack.h"
#include "reference.h"

#include <math.h>
#include <string.h>

/* ---- making ---- */

prune_status stack_add(prune_model *model, const stack_step *step)
{
    switch (step->kind) {
    case PRUNE_LAYER_DENSE:
        return prune_model_add_dense(model, step->outputs, step->activation);
    case PRUNE_LAYER_ACTIVATION:
        return prune_model_add_activation(model, step->activation);
    case PRUNE_LAYER_SOFTMAX:
        return prune_model_add_softmax(model);
    case PRUNE_LAYER_LOG_SOFTMAX:
        return prune_model_add_log_softmax(model);
    case PRUNE_LAYER_DROPOUT:
        return prune_model_add_dropout(model, step->a);
    case PRUNE_LAYER_BATCH_NORM:
        return prune_model_add_batch_norm(model, step->a, step->b);
    default:
        return PRUNE_E_ARGUMENT;
    }
}

/* Variances and scales must not come near 0: all names but those of dense layers are drawn above it. */
static void draw_param(prune_model *model, size_t p, uint64_t *state)
{
    float values[STACK_PARAMS];
    prune_param_info info = { .size = sizeof info };
    ck_assert_ok(prune_model_param_info(&info, model, p));
    ck_assert_uint_le(info.count, STACK_PARAMS);
    const int32_t positive = strcmp(info.name, "gamma") == 0 || strcmp(info.name, "running_var") == 0;
    for (size_t i = 0; i < info.count; i++)
        values[i] = (float)ref_uniform(state, positive ? 0.5 : -1.0, positive ? 1.5 : 1.0);
    ck_assert_ok(prune_model_set_param(model, p, values, (size_t)info.count));
}

prune_model *stack_model(const prune_allocator *mem, size_t inputs, const stack_step *steps, uint64_t seed)
{
    prune_model *model;
    uint64_t state = seed;
    ck_assert_ok(prune_model_create(&model, mem, inputs));
    for (; steps->kind != 0; steps++)
        ck_assert_ok(stack_add(model, steps));
    for (size_t p = 0; p < prune_model_param_count(model); p++)
        draw_param(model, p, &state);
    return model;
}

void stack_read(stack *s, const prune_model *model, size_t n, int32_t training)
{
    size_t at = 0, p = 0;
    memset(s, 0, sizeof *s);
    s->layers = prune_model_layer_count(model);
    s->n = n;
    s->training = training;
    ck_assert_uint_le(s->layers, STACK_LAYERS);
    for (size_t l = 0; l < s->layers; l++) {
        prune_layer_info_init(&s->info[l]);
        ck_assert_ok(prune_model_layer_info(&s->info[l], model, l));
        s->first[l] = at;
        const size_t end = at + (size_t)s->info[l].parameters;
        for (; at < end; p++) {
            prune_param_info info = { .size = sizeof info };
            ck_assert_ok(prune_model_param_info(&info, model, p));
            for (size_t i = 0; i < info.count; i++)
                s->w[at++] = (double)prune_model_param(model, p)[i];
        }
    }
    s->first[s->layers] = at;
    ck_assert_uint_le(at, STACK_PARAMS);
}

/* ---- forward: y[n][out] from x[n][in] ---- */

static void dense(double *y, const double *x, const stack *s, size_t l)
{
    const size_t in = s->info[l].input.dims[0], out = s->info[l].output.dims[0];
    const double *w = s->w + s->first[l], *bias = w + in * out;
    for (size_t r = 0; r < s->n; r++)
        for (size_t o = 0; o < out; o++) {
            double z = bias[o];
            for (size_t i = 0; i < in; i++)
                z += w[o * in + i] * x[r * in + i];
            y[r * out + o] = ref_activation(s->info[l].activation, z);
        }
}

static void softmax(double *y, const double *x, const stack *s, size_t l)
{
    const size_t width = s->info[l].input.dims[0];
    for (size_t r = 0; r < s->n; r++) {
        double sum = 0.0;
        for (size_t i = 0; i < width; i++)
            sum += exp(x[r * width + i]);
        for (size_t i = 0; i < width; i++) {
            const double log_y = x[r * width + i] - log(sum);
            y[r * width + i] = s->info[l].kind == PRUNE_LAYER_SOFTMAX ? exp(log_y) : log_y;
        }
    }
}

static void each(double *y, const double *x, const stack *s, size_t l)
{
    const size_t width = s->info[l].input.dims[0];
    for (size_t i = 0; i < s->n * width; i++)
        y[i] = s->info[l].kind == PRUNE_LAYER_ACTIVATION ? ref_activation(s->info[l].activation, x[i])
               : s->training                             ? x[i] * s->factor[l][i]
                                                         : x[i];
}

static void measure(stack *s, size_t l, const double *x)
{
    const size_t width = s->info[l].input.dims[0];
    for (size_t i = 0; i < width; i++) {
        double sum = 0.0, squares = 0.0;
        for (size_t r = 0; r < s->n; r++)
            sum += x[r * width + i];
        s->mean[l][i] = sum / (double)s->n;
        for (size_t r = 0; r < s->n; r++)
            squares += pow(x[r * width + i] - s->mean[l][i], 2.0);
        s->variance[l][i] = squares / (double)s->n;
    }
}

static void batch_norm(double *y, const double *x, stack *s, size_t l)
{
    const size_t width = s->info[l].input.dims[0];
    const double *gamma = s->w + s->first[l], *beta = gamma + width;
    const double *mean = beta + width, *variance = mean + width;
    if (s->training && s->n > 1) {
        measure(s, l, x);
        mean = s->mean[l];
        variance = s->variance[l];
    }
    for (size_t r = 0; r < s->n; r++)
        for (size_t i = 0; i < width; i++)
            y[r * width + i] =
                gamma[i] * (x[r * width + i] - mean[i]) / sqrt(variance[i] + (double)s->info[l].settings[1]) +
                beta[i];
}

static void layer(double *to, const double *from, stack *s, size_t l)
{
    const int32_t kind = s->info[l].kind;
    if (kind == PRUNE_LAYER_DENSE)
        dense(to, from, s, l);
    else if (kind == PRUNE_LAYER_SOFTMAX || kind == PRUNE_LAYER_LOG_SOFTMAX)
        softmax(to, from, s, l);
    else if (kind == PRUNE_LAYER_BATCH_NORM)
        batch_norm(to, from, s, l);
    else
        each(to, from, s, l);
}

void stack_run(double *y, stack *s, size_t first, size_t end, const double *x)
{
    double buffer[2][STACK_BLOCK];
    memcpy(buffer[first % 2], x, s->n * s->info[first].input.dims[0] * sizeof *x);
    for (size_t l = first; l < end; l++)
        layer(buffer[1 - l % 2], buffer[l % 2], s, l);
    memcpy(y, buffer[end % 2], s->n * s->info[end - 1].output.dims[0] * sizeof *y);
}

void stack_forward(double *h, stack *s, const float *x)
{
    double from[STACK_BLOCK];
    for (size_t i = 0; i < s->n * s->info[0].input.dims[0]; i++)
        from[i] = (double)x[i];
    stack_run(h, s, 0, s->layers, from);
}

/* ---- gradients ---- */

static double loss(stack *s, const float *x, const float *c)
{
    double h[STACK_BLOCK], sum = 0.0;
    stack_forward(h, s, x);
    for (size_t i = 0; i < s->n * s->info[s->layers - 1].output.dims[0]; i++)
        sum += (double)c[i] * h[i];
    return sum;
}

void stack_differences(double *g, stack *s, const float *x, const float *c, double eps)
{
    for (size_t i = 0; i < s->first[s->layers]; i++) {
        const double w = s->w[i];
        s->w[i] = w + eps;
        const double above = loss(s, x, c);
        s->w[i] = w - eps;
        g[i] = (above - loss(s, x, c)) / (2.0 * eps);
        s->w[i] = w;
    }
}
