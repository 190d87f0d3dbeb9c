/* tiny.c -- the training core for chips: one block of memory, one sample at a time
 *
 * All loops over weights are two: sums of products, and multiples of a row added to another one. The
 * gradient of a layer is that of its rows, d_o x, and of its biases, d times 1: each goes to an optimizer, or
 * to where it is added up, without ever being stored.
 *
 * SPDX-License-Identifier: MIT */
#include "bits.h"
#include "tiny.h"

#include <string.h>

/* Inputs, activations and derivatives: products of two are gradients of at most 1e16, and a thousand of their
 * squares are less than float holds. A weight then moves by at most rate 1e16 <= 1e22 in a step (with Adam,
 * far beyond any use of its epsilon, 1e31), and soon its own activation is too large: so it never leaves
 * float. */
#define LIMIT_BITS 0x4CBEBC20u /* of 1e8f */

enum { MOST_WIDTH = 32767, MOST_PARAMETERS = 1 << 26 };

/* ---- laying out ---- */

typedef struct sizes {
    uint32_t parameters, neurons;
    size_t words;
} sizes;

static int32_t layer_fits(const prune_tiny_layer *layer)
{
    return layer->outputs - 1u < MOST_WIDTH && layer->activation != NULL && !layer->activation->needs_input;
}

static int32_t plan_is_whole(const prune_tiny_plan *plan)
{
    return plan != NULL && plan->inputs - 1u < MOST_WIDTH && plan->layer_count != 0 && plan->layers != NULL &&
           plan->loss != NULL && plan->optimizer != NULL &&
           plan->parts <= (PRUNE_TINY_GRADIENT | PRUNE_TINY_MASK);
}

/* 0: not a plan. */
static int32_t measure(sizes *to, const prune_tiny_plan *plan)
{
    *to = (sizes){ 0 };
    if (!plan_is_whole(plan))
        return 0;
    const prune_tiny_layer *layer = plan->layers, *const end = layer + plan->layer_count;
    uint32_t width = plan->inputs;
    for (; layer != end; layer++) {
        if (!layer_fits(layer))
            return 0;
        to->parameters += (width + 1) * layer->outputs;
        to->neurons += width = layer->outputs;
        if (to->parameters > MOST_PARAMETERS)
            return 0;
    }
    /* Cross-entropy applies the last activation itself, and of one output it is always 0. */
    const uint32_t sharp = (uint32_t)plan->loss->of_label;
    if (width <= sharp || sharp * (uint32_t)end[-1].activation->activation != PRUNE_LINEAR)
        return 0;
    to->words = PRUNE_TINY_WORDS(to->parameters, to->neurons, plan->layer_count, 1 + plan->optimizer->moments,
                                 plan->parts);
    return 1;
}

size_t prune_tiny_bytes(const prune_tiny_plan *plan)
{
    sizes of;
    return measure(&of, plan) ? of.words * sizeof(float) : 0;
}

/* The arrays, one behind the other. */
static void place(prune_tiny *t, float *next)
{
    const prune_tiny_plan *plan = t->plan;
    t->weight = next;
    for (size_t m = 0; m < plan->optimizer->moments; m++)
        t->moment[m] = next += t->parameters;
    if (plan->parts & PRUNE_TINY_GRADIENT)
        t->gradient = next += t->parameters;
    t->output = next += t->parameters;
    t->delta = next += t->neurons;
    t->width = (uint32_t *)(void *)(next + t->neurons);
    if (plan->parts & PRUNE_TINY_MASK)
        t->mask = t->width + plan->layer_count + 1;
}

prune_status prune_tiny_init(prune_tiny *t, const prune_tiny_plan *plan, void *memory, size_t bytes)
{
    sizes of;
    if (t == NULL || memory == NULL || (uintptr_t)memory % sizeof(float) != 0 || !measure(&of, plan))
        return PRUNE_E_ARGUMENT;
    if (bytes / sizeof(float) < of.words)
        return PRUNE_E_MEMORY;
    memset(memory, 0, of.words * sizeof(float));
    *t = (prune_tiny){ .plan = plan, .parameters = of.parameters, .neurons = of.neurons, .rate = 0.01f };
    place(t, memory);
    *t->width = plan->inputs;
    for (size_t l = 0; l < plan->layer_count; l++)
        t->width[l + 1] = plan->layers[l].outputs;
    if (t->mask != NULL)
        memset(t->mask, 0xFF, prn_tiny_mask_words(t->parameters) * sizeof *t->mask);
    return PRUNE_OK;
}

/* ---- forward and backward ---- */

/* Counts are above 0: so the test at the end is the only one, also where code is small. */
static float dot(const float *w, const float *x, size_t count)
{
    const float *const end = w + count;
    float sum = 0.0f;
    do
        sum += *w++ * *x++;
    while (w != end);
    return sum;
}

/* The same down a column of a matrix. */
static float dot_column(const float *w, size_t stride, const float *x, size_t count)
{
    const float *const end = x + count;
    float sum = 0.0f;
    do {
        sum += *w * *x++;
        w += stride;
    } while (x != end);
    return sum;
}

static void add_multiple(float *y, const float *x, float by, size_t count)
{
    const float *const end = x + count;
    do
        *y++ += by * *x++;
    while (x != end);
}

float *prn_tiny_forward(const prune_tiny *t, const float *x)
{
    const float *w = t->weight;
    float *y = t->output;
    for (size_t l = 0;; l++) {
        const size_t inputs = t->width[l], outputs = t->width[l + 1];
        for (size_t o = 0; o < outputs; o++, w += inputs)
            y[o] = dot(w, x, inputs);
        t->plan->layers[l].activation->forward(y, w, outputs);
        if (l + 1 == t->plan->layer_count)
            return y;
        w += outputs;
        x = y;
        y += outputs;
    }
}

const float *prune_tiny_run(prune_tiny *t, const float *x)
{
    return t == NULL || x == NULL ? NULL : prn_tiny_forward(t, x);
}

/* From dL/dh of the outputs to dL/dz of all neurons. */
static void backward(const prune_tiny *t)
{
    const float *w = t->weight + t->parameters, *y = t->output + t->neurons;
    float *d = t->delta + t->neurons;
    for (size_t l = t->plan->layer_count;;) {
        const size_t outputs = t->width[l], inputs = t->width[--l];
        y -= outputs;
        d -= outputs;
        t->plan->layers[l].activation->backward(d, y, outputs);
        if (l == 0)
            return;
        w -= (inputs + 1) * outputs;
        for (size_t i = 0; i < inputs; i++)
            (d - inputs)[i] = dot_column(w + i, inputs, d, outputs);
    }
}

/* NaN is not. */
static int32_t bounded(const float *x, size_t count)
{
    while (count-- > 0)
        if (prn_bits_size(*x++) > LIMIT_BITS)
            return 0;
    return 1;
}

static prune_status differentiate(float *loss, prune_tiny *t, const float *x, const void *target)
{
    if (t == NULL || x == NULL || target == NULL)
        return PRUNE_E_ARGUMENT;
    const prn_terms terms = { .outputs = t->width[t->plan->layer_count], .scale = 1.0f };
    if (t->plan->loss->of_label && (uint32_t) * (const int32_t *)target >= terms.outputs)
        return PRUNE_E_LABEL;
    if (!bounded(x, t->width[0]))
        return PRUNE_E_RANGE;
    const float *h = prn_tiny_forward(t, x);
    const float l = t->plan->loss->of(&terms, h, target, t->delta + (h - t->output));
    backward(t);
    if (!bounded(t->output, 2 * (size_t)t->neurons)) /* and t->delta, which lies behind it */
        return PRUNE_E_DIVERGED;
    if (loss != NULL)
        *loss = l;
    return PRUNE_OK;
}

/* ---- where gradients go ---- */

static void give(prune_tiny *t, const float *x, prn_tiny_take *take)
{
    const float *d = t->delta, *y = t->output;
    size_t at = 0;
    for (size_t l = 0; l < t->plan->layer_count; l++) {
        const size_t inputs = t->width[l], outputs = t->width[l + 1];
        for (size_t o = 0; o < outputs; o++, at += inputs)
            take(t, at, x, d[o], inputs);
        take(t, at, d, 1.0f, outputs);
        at += outputs;
        d += outputs;
        x = y;
        y += outputs;
    }
}

static void add_up(prune_tiny *t, size_t at, const float *x, float by, size_t count)
{
    add_multiple(t->gradient + at, x, by, count);
}

prune_status prune_tiny_add(float *loss, prune_tiny *t, const float *x, const void *target)
{
    if (t != NULL && t->gradient == NULL)
        return PRUNE_E_STATE;
    const prune_status status = differentiate(loss, t, x, target);
    if (status != PRUNE_OK)
        return status;
    give(t, x, add_up);
    t->samples++;
    return PRUNE_OK;
}

void prune_tiny_forget(prune_tiny *t)
{
    if (t == NULL || t->gradient == NULL)
        return;
    memset(t->gradient, 0, t->parameters * sizeof *t->gradient);
    t->samples = 0;
}

void prn_tiny_zero(prune_tiny *t, size_t i)
{
    t->weight[i] = 0.0f;
    for (size_t m = 0; m < t->plan->optimizer->moments; m++)
        t->moment[m][i] = 0.0f;
}

void prn_tiny_clear(prune_tiny *t)
{
    for (size_t i = 0; i < t->parameters && t->mask != NULL; i += 32)
        for (uint32_t gone = ~t->mask[i / 32], k = 0; gone != 0; gone >>= 1, k++)
            if (gone & 1u)
                prn_tiny_zero(t, i + k);
}

void prn_tiny_restart(prune_tiny *t)
{
    for (size_t m = 0; m < t->plan->optimizer->moments; m++)
        memset(t->moment[m], 0, t->parameters * sizeof(float));
    memset(t->complement, 0, sizeof t->complement);
    prune_tiny_forget(t);
    prn_tiny_clear(t);
}

prune_status prune_tiny_step(float *loss, prune_tiny *t, const float *x, const void *target)
{
    const prune_status status = differentiate(loss, t, x, target);
    if (status != PRUNE_OK)
        return status;
    t->plan->optimizer->advance(t);
    give(t, x, t->plan->optimizer->take);
    prn_tiny_clear(t);
    return PRUNE_OK;
}

prune_status prune_tiny_update(prune_tiny *t)
{
    if (t == NULL)
        return PRUNE_E_ARGUMENT;
    if (t->samples == 0)
        return PRUNE_E_STATE;
    t->plan->optimizer->advance(t);
    t->plan->optimizer->take(t, 0, t->gradient, 1.0f / (float)t->samples, t->parameters);
    prn_tiny_clear(t);
    prune_tiny_forget(t);
    return PRUNE_OK;
}

const prune_tiny_loss prune_tiny_mse = { prn_squared_error, 0 };
