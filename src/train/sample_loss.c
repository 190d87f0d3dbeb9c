/* sample_loss.c -- the loss of one sample, and its gradient at the outputs
 *
 * SPDX-License-Identifier: MIT */
#include "sample_loss.h"
#include "libprune/fmath.h"

#include <string.h>

/* ---- values ---- */

float prn_squared_error(const prn_terms *terms, const float *h, const void *target, float *g)
{
    const float *y = target;
    float sum = 0.0f;
    for (size_t o = 0; o < terms->outputs; o++) {
        const float difference = h[o] - y[o];
        sum += difference * difference;
        if (g != NULL)
            g[o] = terms->scale * difference;
    }
    return 0.5f * sum;
}

void prn_squared_errors(const prn_terms *terms, const float *h, const float *y, float *g, float *losses,
                        size_t count)
{
    const float scale = terms->scale;
    for (size_t i = 0; i < count; i++) {
        const float difference = h[i] - y[i];
        losses[i] = 0.5f * (difference * difference);
        g[i] = scale * difference;
    }
}

/* x at most `size` from 0. */
static float within(float x, float size)
{
    return x > size ? size : x < -size ? -size : x;
}

static float magnitude(float x)
{
    return x < 0.0f ? -x : x;
}

float prn_absolute_error(const prn_terms *terms, const float *h, const void *target, float *g)
{
    const float *y = target;
    float sum = 0.0f;
    for (size_t o = 0; o < terms->outputs; o++) {
        const float difference = h[o] - y[o];
        sum += magnitude(difference);
        if (g != NULL)
            g[o] = difference > 0.0f ? terms->scale : difference < 0.0f ? -terms->scale : 0.0f * difference;
    }
    return sum;
}

float prn_huber(const prn_terms *terms, const float *h, const void *target, float *g)
{
    const float *y = target, delta = terms->delta;
    float sum = 0.0f;
    for (size_t o = 0; o < terms->outputs; o++) {
        const float difference = h[o] - y[o], size = magnitude(difference);
        sum += size > delta ? delta * (size - 0.5f * delta) : 0.5f * difference * difference;
        if (g != NULL)
            g[o] = terms->scale * within(difference, delta);
    }
    return sum;
}

/* -y log s(h) - (1 - y) log(1 - s(h)) = softplus(-|h|) + (h > 0 ? h (1 - y) : -h y), where no two terms
 * cancel; and s(h) - y = h > 0 ? (1 - y) - s(-h) : s(h) - y. */
float prn_binary_cross_entropy(const prn_terms *terms, const float *h, const void *target, float *g)
{
    const float *y = target;
    float sum = 0.0f;
    for (size_t o = 0; o < terms->outputs; o++) {
        const float x = h[o], size = magnitude(x);
        const float off = x > 0.0f ? 1.0f - y[o] : y[o]; /* what the target lacks of where the output is */
        sum += prune_softplusf(-size) + (off > 0.0f ? size * off : x - x);
        if (g == NULL)
            continue;
        const float slope = off - prune_sigmoidf(-size);
        g[o] = terms->scale * (x > 0.0f ? slope : -slope);
    }
    return sum;
}

/* ---- classes ---- */

static size_t largest(const float *h, size_t outputs)
{
    size_t most = 0;
    for (size_t o = 1; o < outputs; o++)
        most = h[o] > h[most] ? o : most;
    return most;
}

/* log(1 + x) for finite x >= 0, precise near 0 too: what 1 + x rounds away is added to first order. */
static float log_one_plus(float x)
{
    const float sum = 1.0f + x;
    return prune_logf(sum) + (x - (sum - 1.0f)) / sum;
}

/* What a class counts for, in the loss and where sums over samples are divided. */
static float class_weight(const prn_terms *terms, size_t class)
{
    return terms->class_weights == NULL ? 1.0f : terms->class_weights[class] * terms->class_unit;
}

/* log sum exp(h) - h_y = log(sum exp(h - max)) + (max - h_y): no term can overflow. The label's term stays
 * out of the sum: where the model is sure and right, the others are all that loss and gradient consist of.
 * `strange` is 0, or NaN if an output is not finite: -Inf would go unnoticed. */
float prn_sharp_cross_entropy(const prn_terms *terms, const float *h, const void *target, float *g)
{
    const size_t outputs = terms->outputs, label = (size_t) * (const int32_t *)target;
    const float most = h[largest(h, outputs)], gap = most - h[label], own = prune_expf(-gap);
    const float weight = class_weight(terms, label);
    float others = 0.0f, strange = 0.0f;
    for (size_t o = 0; o < outputs; o++) {
        const float e = prune_expf(h[o] - most);
        strange += h[o] - h[o]; /* before g[o] is written: g may be h */
        others += o == label ? 0.0f : e;
        if (g != NULL)
            g[o] = e;
    }
    if (g != NULL) {
        const float factor = terms->scale * weight / (others + own);
        for (size_t o = 0; o < outputs; o++)
            g[o] *= factor;
        g[label] = -factor * others;
    }
    return weight * (log_one_plus(others - (1.0f - own)) + gap) + strange;
}

/* A target as parts v_c of the classes; `label` or the row is given. */
typedef struct parts {
    const prn_terms *terms;
    const float *row; /* or NULL */
    size_t label;
} parts;

static float part(const parts *p, size_t class)
{
    const float smoothing = p->terms->smoothing;
    const float y = p->row != NULL ? p->row[class] : class == p->label ? 1.0f : 0.0f;
    return class_weight(p->terms, class) * ((1.0f - smoothing) * y + smoothing / (float)p->terms->outputs);
}

/* What the largest output's exp(0) leaves: sum exp(h - max) = 1 + rest; and what the largest part, of class
 * `heavy`, leaves: the sum of the parts is heaviest + lighter. */
typedef struct softened {
    size_t most, heavy;
    float rest, heaviest, lighter, loss;
} softened;

static void add_part(softened *s, float v, size_t class)
{
    if (v <= s->heaviest) {
        s->lighter += v;
        return;
    }
    s->lighter += s->heaviest;
    s->heaviest = v;
    s->heavy = class;
}

/* log sum exp(h) - h_c = log(1 + rest) + (max - h_c), both from 0 on. g[o] = exp(h_o - max). */
static softened soften(const parts *p, const float *h, float *g)
{
    softened s = { .most = largest(h, p->terms->outputs) };
    const float most = h[s.most];
    float gaps = 0.0f;
    for (size_t o = 0; o < p->terms->outputs; o++) {
        const float gap = most - h[o], e = prune_expf(-gap), v = part(p, o);
        gaps += v > 0.0f ? v * gap : h[o] - h[o];
        add_part(&s, v, o);
        s.rest += o == s.most ? 0.0f : e;
        if (g != NULL)
            g[o] = e;
    }
    s.loss = (s.heaviest + s.lighter) * log_one_plus(s.rest) + gaps;
    return s;
}

/* total p_o - v_o = (total - v_o) p_o - v_o (1 - p_o): of one-hot parts nothing cancels, also where the model
 * is sure, if 1 - p of the largest is made of the others, and total - v of the largest part likewise: beside
 * it they may be too small to show in the total. */
static float soft_cross_entropy(const parts *p, const float *h, float *g)
{
    const softened s = soften(p, h, g);
    const float sum = 1.0f + s.rest, total = s.heaviest + s.lighter;
    for (size_t o = 0; g != NULL && o < p->terms->outputs; o++) {
        const float e = g[o], v = part(p, o), others = o == s.most ? s.rest : sum - e;
        const float rest_of_parts = o == s.heavy ? s.lighter : total - v;
        g[o] = p->terms->scale * ((rest_of_parts * e - v * others) / sum);
    }
    return s.loss;
}

float prn_label_cross_entropy(const prn_terms *terms, const float *h, const void *target, float *g)
{
    const parts p = { terms, NULL, (size_t) * (const int32_t *)target };
    return terms->smoothing > 0.0f ? soft_cross_entropy(&p, h, g)
                                   : prn_sharp_cross_entropy(terms, h, target, g);
}

float prn_soft_cross_entropy(const prn_terms *terms, const float *h, const void *target, float *g)
{
    const parts p = { terms, target, 0 };
    return soft_cross_entropy(&p, h, g);
}

float prn_label_nll(const prn_terms *terms, const float *h, const void *target, float *g)
{
    const size_t label = (size_t) * (const int32_t *)target;
    const float loss = -class_weight(terms, label) * h[label];
    float strange = 0.0f;
    for (size_t o = 0; o < terms->outputs; o++) {
        strange += h[o] - h[o];
        if (g != NULL)
            g[o] = 0.0f;
    }
    if (g != NULL)
        g[label] = -terms->scale * class_weight(terms, label);
    return loss + strange;
}

/* ---- second derivatives ---- */

void prn_no_bend(const prn_terms *terms, const float *h, const void *target, float *hessian)
{
    (void)h;
    (void)target;
    memset(hessian, 0, terms->outputs * terms->outputs * sizeof *hessian);
}

/* Of losses that are sums over the outputs. */
static void fill_diagonal(const prn_terms *terms, const float *h, const float *y, float *hessian,
                          float (*second)(const prn_terms *, float h, float y))
{
    prn_no_bend(terms, h, y, hessian);
    for (size_t o = 0; o < terms->outputs; o++)
        hessian[o * (terms->outputs + 1)] = terms->scale * second(terms, h[o], y[o]);
}

static float one(const prn_terms *terms, float h, float y)
{
    (void)terms;
    (void)h;
    (void)y;
    return 1.0f;
}

static float one_within_delta(const prn_terms *terms, float h, float y)
{
    return magnitude(h - y) > terms->delta ? 0.0f : 1.0f;
}

static float sigmoid_slope(const prn_terms *terms, float h, float y)
{
    const float less = prune_sigmoidf(-magnitude(h));
    (void)terms;
    (void)y;
    return less * (1.0f - less);
}

void prn_squared_error_bend(const prn_terms *terms, const float *h, const void *target, float *hessian)
{
    fill_diagonal(terms, h, target, hessian, one);
}

void prn_huber_bend(const prn_terms *terms, const float *h, const void *target, float *hessian)
{
    fill_diagonal(terms, h, target, hessian, one_within_delta);
}

void prn_binary_cross_entropy_bend(const prn_terms *terms, const float *h, const void *target, float *hessian)
{
    fill_diagonal(terms, h, target, hessian, sigmoid_slope);
}

/* total (diag(p) - p p^T). 1 - p of the largest output is made of the others, see soft_cross_entropy(). */
static void cross_entropy_bend(const parts *p, const float *h, float *hessian)
{
    const size_t outputs = p->terms->outputs;
    float *e = hessian; /* the first row, which is filled last */
    const softened s = soften(p, h, e);
    const float sum = 1.0f + s.rest, factor = p->terms->scale * (s.heaviest + s.lighter);
    for (size_t r = outputs; r-- > 0;) {
        const float mine = e[r] / sum;
        for (size_t c = outputs; c-- > 0;) {
            const float others = c == s.most ? s.rest : sum - e[c];
            hessian[r * outputs + c] = factor * mine * (c == r ? others : -e[c]) / sum;
        }
    }
}

void prn_label_cross_entropy_bend(const prn_terms *terms, const float *h, const void *target, float *hessian)
{
    const parts p = { terms, NULL, (size_t) * (const int32_t *)target };
    cross_entropy_bend(&p, h, hessian);
}

void prn_soft_cross_entropy_bend(const prn_terms *terms, const float *h, const void *target, float *hessian)
{
    const parts p = { terms, target, 0 };
    cross_entropy_bend(&p, h, hessian);
}
