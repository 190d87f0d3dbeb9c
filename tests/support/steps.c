/* steps.c -- the optimizers in double precision, and how far float arithmetic may be from them
 *
 * SPDX-License-Identifier: MIT */
#include "steps.h"

#include <math.h>
#include <string.h>

static const double U = 1.0 / 16777216.0;

typedef struct state {
    ref_net net;
    double m[REF_PARAMS], v[REF_PARAMS];
    double t; /* steps made */
} state;

/* What is added to one entry of the gradient, and taken from that of the parameters after the step. */
typedef struct nudge {
    size_t entry;
    double gradient, update;
} nudge;

/* ---- one step ---- */

static void clip(double *g, const ref_net *net, const prune_trainer_options *o)
{
    double squares = 0.0;
    for (size_t i = 0; i < net->count; i++) {
        if (o->clip_value > 0.0f)
            g[i] = fmax(fmin(g[i], (double)o->clip_value), -(double)o->clip_value);
        squares += g[i] * g[i];
    }
    const double factor = o->clip_norm > 0.0f ? (double)o->clip_norm / (sqrt(squares) + 1e-6) : 1.0;
    for (size_t i = 0; i < net->count && factor < 1.0; i++)
        g[i] *= factor;
}

static void gradient_of(double *g, const state *s, const ref_task *task, const nudge *n,
                        const prune_trainer_options *o)
{
    ref_data_gradient(g, &s->net, task);
    ref_add_penalty_gradient(g, &s->net, task);
    if (n != NULL)
        g[n->entry] += n->gradient;
    for (size_t i = 0; i < s->net.count; i++)
        g[i] *= s->net.keep[i];
    clip(g, &s->net, o);
}

/* What is taken from parameter i. */
static double change(state *s, size_t i, double g, const prune_trainer_options *o)
{
    const double lr = (double)o->learning_rate, eps = (double)o->epsilon;
    const double mu = (double)o->momentum, b1 = (double)o->beta1, b2 = (double)o->beta2;
    switch (o->optimizer) {
    case PRUNE_SGD:
        s->m[i] = mu * s->m[i] + g;
        return lr * (o->nesterov ? g + mu * s->m[i] : s->m[i]);
    case PRUNE_RMSPROP:
        s->v[i] = (double)o->alpha * s->v[i] + (1.0 - (double)o->alpha) * g * g;
        return lr * g / (sqrt(s->v[i]) + eps);
    case PRUNE_ADAGRAD:
        s->v[i] += g * g;
        return lr * g / (sqrt(s->v[i]) + eps);
    default:
        s->m[i] = b1 * s->m[i] + (1.0 - b1) * g;
        s->v[i] = b2 * s->v[i] + (1.0 - b2) * g * g;
        return lr * s->m[i] / (1.0 - pow(b1, s->t)) / (sqrt(s->v[i] / (1.0 - pow(b2, s->t))) + eps);
    }
}

static void decay(ref_net *net, const prune_trainer_options *o)
{
    const double factor = 1.0 - (double)o->learning_rate * (double)o->weight_decay;
    for (size_t p = 0; p < 2 * net->layers && o->optimizer == PRUNE_ADAMW; p += o->regularize_bias ? 1 : 2)
        for (size_t i = ref_begin(net, p); i < ref_begin(net, p + 1); i++)
            net->w[i] *= factor;
}

static void step(state *s, const ref_task *task, const nudge *n, const prune_trainer_options *o)
{
    double g[REF_PARAMS];
    gradient_of(g, s, task, n, o);
    decay(&s->net, o);
    s->t += 1.0;
    for (size_t i = 0; i < s->net.count; i++)
        s->net.w[i] -= change(s, i, g[i], o) + (n != NULL && n->entry == i ? n->update : 0.0);
    for (size_t i = 0; i < s->net.count; i++)
        s->net.w[i] *= s->net.keep[i];
}

/* ---- what rounding may do ---- */

/* The gradient's own bound, four roundings of clipping, and m, a sum that may cancel, of two products, whose
 * terms are at most what they were when it was larger. The rest of an update only multiplies, divides and
 * adds what has one sign: v after t steps is off by 3 t u at most, its root by half of that. */
static nudge rounding_of(const state *before, const state *after, const double *off, const double *g,
                         size_t i)
{
    const double moved = fabs(after->net.w[i] - before->net.w[i]);
    nudge n = { i, off[i] + 8.0 * U * fabs(g[i]), 0.0 };
    n.gradient += 2.0 * U * (fabs(g[i]) + 10.0 * fabs(before->m[i]));
    n.update = (1.5 * after->t + 8.0) * U * moved + 2.0 * U * fabs(after->net.w[i]);
    return n;
}

/* From step `first` on, once more with a nudge; what differs from `exact`, the states before each step and
 * after the last, is added to the bounds. */
static void carry_on(ref_course_bounds *b, const state *exact, const ref_course *course, size_t first,
                     const nudge *n)
{
    static state s;
    s = exact[first];
    for (size_t k = first; k < REF_STEPS; k++) {
        step(&s, &course->task[k], k == first ? n : NULL, course->options);
        for (size_t i = 0; i < s.net.count; i++)
            b->w[k][i] += fabs(s.net.w[i] - exact[k + 1].net.w[i]);
        if (k + 1 < REF_STEPS)
            b->loss[k + 1] += fabs(ref_data_loss(&s.net, &course->task[k + 1]) -
                                   ref_data_loss(&exact[k + 1].net, &course->task[k + 1]));
    }
}

static void bound_step(ref_course_bounds *b, const state *exact, const ref_course *course, size_t k)
{
    static ref_bounds bounds;
    double g[REF_PARAMS];
    ref_bound(&bounds, &exact[k].net, &course->task[k]);
    gradient_of(g, &exact[k], &course->task[k], NULL, course->options);
    b->loss[k] += bounds.loss;
    for (size_t i = 0; i < exact[k].net.count; i++) {
        const nudge n = rounding_of(&exact[k], &exact[k + 1], bounds.g, g, i);
        if (exact[k].net.keep[i])
            carry_on(b, exact, course, k, &n);
    }
}

void ref_bound_course(ref_course_bounds *b, const ref_course *course)
{
    static state exact[REF_STEPS + 1];
    memset(b, 0, sizeof *b);
    memset(exact, 0, sizeof exact);
    exact[0].net = course->net;
    for (size_t k = 0; k < REF_STEPS; k++) {
        exact[k + 1] = exact[k];
        step(&exact[k + 1], &course->task[k], NULL, course->options);
    }
    for (size_t k = 0; k < REF_STEPS; k++)
        bound_step(b, exact, course, k);
}
