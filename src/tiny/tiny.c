/* tiny.c -- the training core for chips: one block of memory, one sample at a time
 *
 * The gradient of a layer is that of its rows, d_o x, and of its biases, d times 1: each goes to an
 * optimizer, or to where it is added up, without ever being stored.
 *
 * SPDX-License-Identifier: MIT */
#include "bits.h"
#include "inline.h"
#include "tiny.h"

#include <string.h>

/* Inputs, activations and derivatives: products of two are gradients of at most 1e16, and a thousand of their
 * squares are less than float holds. A weight then moves by at most rate 1e16 <= 1e22 in a step (with Adam,
 * far beyond any use of its epsilon, 1e31), and soon its own activation is too large: so it never leaves
 * float. */
#define LIMIT_BITS 0x4CBEBC20u /* of 1e8f */

enum { MOST_WIDTH = 32767, MOST_PARAMETERS = 1 << 26 };

/* ---- laying out ---- */

static int32_t plan_is_whole(const prune_tiny_plan *plan)
{
    return plan != NULL && plan->layer_count != 0 && plan->layers != NULL && plan->loss != NULL &&
           plan->optimizer != NULL && plan->parts <= (PRUNE_TINY_GRADIENT | PRUNE_TINY_MASK);
}

/* The parameters, and how many neurons; 0: not a plan. */
static uint32_t measure(uint32_t *neurons, const prune_tiny_plan *plan)
{
    if (!plan_is_whole(plan))
        return 0;
    const prune_tiny_layer *layer = plan->layers, *const end = layer + plan->layer_count;
    uint32_t parameters = 0, sum = 0;
    for (uint32_t width = plan->inputs;; layer++) {
        if (width - 1u >= MOST_WIDTH || parameters > MOST_PARAMETERS)
            return 0;
        if (layer == end)
            break;
        parameters += (width + 1) * layer->outputs;
        sum += width = layer->outputs;
        if (layer->activation == NULL || layer->activation->needs_input)
            return 0;
    }
    *neurons = sum;
    return parameters;
}

/* Where arrays begin, in floats: outputs behind weights, moments and gradient; the mask behind derivatives
 * and widths. */
typedef struct places {
    size_t output, mask, end;
} places;

PRN_INLINE places lay_out(const prune_tiny_plan *plan, uint32_t parameters, uint32_t neurons)
{
    const size_t output = (1 + plan->optimizer->moments + (plan->parts & PRUNE_TINY_GRADIENT)) * parameters;
    const size_t mask = output + 2 * (size_t)neurons + plan->layer_count + 1;
    const size_t words = plan->parts / PRUNE_TINY_MASK * prn_tiny_mask_words(parameters); /* times 0 or 1 */
    const places at = { output, mask, mask + words };
    return at;
}

size_t prune_tiny_bytes(const prune_tiny_plan *plan)
{
    uint32_t neurons;
    const uint32_t parameters = measure(&neurons, plan);
    return parameters == 0 ? 0 : lay_out(plan, parameters, neurons).end * sizeof(float);
}

prune_status prune_tiny_init(prune_tiny *t, const prune_tiny_plan *plan, void *memory, size_t bytes)
{
    uint32_t neurons;
    if (t == NULL || memory == NULL || (uintptr_t)memory % sizeof(float) != 0)
        return PRUNE_E_ARGUMENT;
    const uint32_t parameters = measure(&neurons, plan);
    if (parameters == 0)
        return PRUNE_E_ARGUMENT;
    const places at = lay_out(plan, parameters, neurons);
    if (bytes / sizeof(float) < at.end)
        return PRUNE_E_MEMORY;
    float *first = (float *)memset(memory, 0, at.end * sizeof(float));
    *t = (prune_tiny){ .plan = plan, .parameters = parameters, .neurons = neurons, .rate = 0.01f };
    t->weight = first;
    t->output = first + at.output;
    t->delta = t->output + neurons;
    uint32_t *width = t->width = (uint32_t *)(void *)(t->delta + neurons);
    const prune_tiny_layer *layer = plan->layers;
    *width++ = plan->inputs;
    do
        *width++ = layer++->outputs;
    while (layer != plan->layers + plan->layer_count);
    for (size_t m = 0; m < plan->optimizer->moments; m++)
        t->moment[m] = first += parameters;
    if (plan->parts & PRUNE_TINY_GRADIENT)
        t->gradient = t->output - parameters;
    if (plan->parts & PRUNE_TINY_MASK)
        t->mask = (uint32_t *)memset(width, 0xFF, (at.end - at.mask) * sizeof *width);
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

float *prn_tiny_forward(const prune_tiny *t, const float *x)
{
    const prune_tiny_layer *layer = t->plan->layers;
    const float *w = t->weight;
    float *y = t->output;
    for (const uint32_t *width = t->width;; width++) {
        float *const first = y;
        for (const float *const end = y + width[1]; y != end; w += width[0])
            *y++ = dot(w, x, width[0]);
        (layer++)->activation->forward(first, w, width[1]);
        if (y == t->delta)
            return first;
        w += width[1];
        x = first;
    }
}

const float *prune_tiny_run(prune_tiny *t, const float *x)
{
    return t == NULL || x == NULL ? NULL : prn_tiny_forward(t, x);
}

/* Down a column of a matrix. */
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

/* From dL/dh of the outputs to dL/dz of all neurons. */
static void backward(const prune_tiny *t)
{
    const float *w = t->weight + t->parameters;
    float *d = t->delta + t->neurons;
    for (size_t l = t->plan->layer_count;;) {
        const size_t outputs = t->width[l], inputs = t->width[--l];
        d -= outputs;
        t->plan->layers[l].activation->backward(d, d - t->neurons, outputs);
        if (l == 0)
            return;
        w -= (inputs + 1) * outputs;
        for (size_t i = inputs; i-- > 0;)
            (d - inputs)[i] = dot_column(w + i, inputs, d, outputs);
    }
}

/* NaN is not. */
static int32_t bounded(const float *x, size_t count)
{
    const float *const end = x + count;
    do
        if (prn_bits_of(*x) << 1 > LIMIT_BITS << 1)
            return 0;
    while (++x != end);
    return 1;
}

/* ---- where gradients go ---- */

static void give(prune_tiny *t, const float *x, prn_tiny_take *take)
{
    const float *d = t->delta, *y = t->output;
    float *w = t->weight;
    for (const uint32_t *width = t->width; y != t->delta; width++) {
        for (const float *const end = d + width[1]; d != end; w += width[0])
            take(t, w, x, *d++, width[0]);
        take(t, w, d - width[1], 1.0f, width[1]);
        w += width[1];
        x = y;
        y += width[1];
    }
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
    t->clear = prn_tiny_clear;
    for (size_t i = 0; i < t->parameters; i += 32)
        for (uint32_t gone = ~t->mask[i / 32], k = 0; gone != 0; gone >>= 1, k++)
            if (gone & 1u)
                prn_tiny_zero(t, i + k);
}

/* Bits behind the last are not of removed weights. */
void prn_tiny_resize(prune_tiny *t, size_t parameters, size_t neurons)
{
    t->parameters = (uint32_t)parameters;
    t->neurons = (uint32_t)neurons;
    t->delta = t->output + neurons;
    if (t->mask != NULL)
        t->clear = prn_tiny_clear;
    for (size_t i = parameters; i % 32 != 0; i++)
        prn_tiny_set_kept(t, i, 1);
}

PRN_INLINE void clear(prune_tiny *t)
{
    if (t->clear != NULL)
        t->clear(t);
}

void prn_tiny_restart(prune_tiny *t)
{
    for (size_t m = 0; m < t->plan->optimizer->moments; m++)
        memset(t->moment[m], 0, t->parameters * sizeof(float));
    memset(t->powers, 0, sizeof t->powers);
    prune_tiny_forget(t);
    clear(t);
}

prune_status prune_tiny_step(float *loss, prune_tiny *t, const float *x, const void *target)
{
    if (t == NULL || x == NULL || target == NULL)
        return PRUNE_E_ARGUMENT;
    if (!bounded(x, t->width[0]))
        return PRUNE_E_RANGE;
    const prune_status status = t->plan->loss->of(loss, t, prn_tiny_forward(t, x), target);
    if (status != PRUNE_OK)
        return status;
    backward(t);
    if (!bounded(t->output, 2 * (size_t)t->neurons)) /* and t->delta, which lies behind it */
        return PRUNE_E_DIVERGED;
    const prune_tiny_optimizer *const by = t->plan->optimizer;
    by->advance(t);
    give(t, x, by->take);
    clear(t);
    return PRUNE_OK;
}

/* Adding up is a step of an optimizer that leaves the weights as they are. */
static void count_sample(prune_tiny *t)
{
    t->samples++;
}

static void add_up(prune_tiny *t, float *w, const float *x, float by, size_t count)
{
    const float *const end = x + count;
    float *g = t->gradient + (w - t->weight);
    do
        *g++ += by * *x++;
    while (x != end);
}

static const prune_tiny_optimizer adding = { 0, count_sample, add_up };

prune_status prune_tiny_add(float *loss, prune_tiny *t, const float *x, const void *target)
{
    if (t == NULL)
        return PRUNE_E_ARGUMENT;
    if (t->gradient == NULL)
        return PRUNE_E_STATE;
    const prune_tiny_plan *const plan = t->plan;
    prune_tiny_plan sums = *plan;
    sums.optimizer = &adding;
    t->plan = &sums;
    const prune_status status = prune_tiny_step(loss, t, x, target);
    t->plan = plan;
    return status;
}

prune_status prune_tiny_update(prune_tiny *t)
{
    if (t == NULL)
        return PRUNE_E_ARGUMENT;
    if (t->samples == 0)
        return PRUNE_E_STATE;
    t->plan->optimizer->advance(t);
    t->plan->optimizer->take(t, t->weight, t->gradient, 1.0f / (float)t->samples, t->parameters);
    clear(t);
    prune_tiny_forget(t);
    return PRUNE_OK;
}

static prune_status squared_error(float *loss, const prune_tiny *t, float *h, const void *target)
{
    const float *y = (const float *)target;
    float sum = 0.0f;
    do {
        const float difference = *h - *y++;
        sum += difference * difference;
        h[t->neurons] = difference;
    } while (++h != t->delta);
    if (loss != NULL)
        *loss = 0.5f * sum;
    return PRUNE_OK;
}

const prune_tiny_loss prune_tiny_mse = { squared_error };
