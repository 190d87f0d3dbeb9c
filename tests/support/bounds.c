/* bounds.c -- how far from reference.h's numbers float arithmetic may be
 *
 * SPDX-License-Identifier: MIT */
#include "bounds.h"

#include <math.h>
#include <string.h>

static const double U = 1.0 / 16777216.0;
static const double ULPS = 4.0; /* the "few" of activation.h */

/* A sample's way through the net, each number with its bound. */
typedef struct trace {
    double z[REF_LAYERS][REF_WIDTH], z_off[REF_LAYERS][REF_WIDTH];
    double a[REF_LAYERS + 1][REF_WIDTH], a_off[REF_LAYERS + 1][REF_WIDTH];
} trace;

/* dL/dz, or dL/da, of the layer that is looked at. */
typedef struct delta {
    double d[REF_WIDTH], off[REF_WIDTH];
} delta;

/* A unit in the last place is at most 2 u of the number. */
static double ulps(double magnitude)
{
    return 2.0 * ULPS * U * magnitude;
}

static double gamma_of(size_t terms)
{
    return (double)terms * U / (1.0 - (double)terms * U);
}

/* ---- forward ---- */

/* How much f' may move between z - off and z + off, and its own rounding: its formulas, which may start from
 * the rounded f(z), are a sum of at most three terms of at most 2. */
static double slope_off(int32_t kind, double z, double off)
{
    const double at = ref_slope(kind, z);
    return fmax(fabs(ref_slope(kind, z + off) - at), fabs(ref_slope(kind, z - off) - at)) + ulps(2.0);
}

static void run_layer(trace *t, const ref_net *net, size_t l)
{
    const size_t inputs = net->width[l];
    const double *weight = net->w + ref_begin(net, 2 * l), *bias = net->w + ref_begin(net, 2 * l + 1);
    for (size_t o = 0; o < net->width[l + 1]; o++) {
        double z = bias[o], size = fabs(bias[o]), carried = 0.0;
        for (size_t i = 0; i < inputs; i++) {
            const double w = weight[o * inputs + i];
            z += w * t->a[l][i];
            size += fabs(w * t->a[l][i]);
            carried += fabs(w) * t->a_off[l][i];
        }
        const int32_t kind = net->activation[l];
        const double off = carried + gamma_of(inputs + 1) * size, a = ref_activation(kind, z);
        t->z[l][o] = z, t->z_off[l][o] = off;
        t->a[l + 1][o] = a;
        /* GELU_TANH promises units of its argument: |z| pays for those. */
        t->a_off[l + 1][o] =
            (fabs(ref_slope(kind, z)) + slope_off(kind, z, off)) * off + ulps(fabs(a) + fabs(z));
    }
}

static void run(trace *t, const ref_net *net, const double *x)
{
    memset(t->a_off[0], 0, sizeof t->a_off[0]);
    memcpy(t->a[0], x, net->width[0] * sizeof *x);
    for (size_t l = 0; l < net->layers; l++)
        run_layer(t, net, l);
}

/* ---- the loss ---- */

/* n times the loss of a sample, and its gradient. */
static double squared_error(delta *d, const double *y, const double *h, const double *off, size_t outputs)
{
    double loss = 0.0, carried = 0.0;
    for (size_t o = 0; o < outputs; o++) {
        d->d[o] = h[o] - y[o];
        d->off[o] = off[o] + 2.0 * U * fabs(d->d[o]);
        carried += fabs(d->d[o]) * d->off[o];
        loss += 0.5 * d->d[o] * d->d[o];
    }
    return carried + gamma_of(outputs + 2) * loss;
}

static double cross_entropy(delta *d, size_t label, const double *h, const double *off, size_t outputs)
{
    double high = h[0], sum = 0.0, carried = 0.0;
    for (size_t o = 1; o < outputs; o++)
        high = fmax(high, h[o]);
    for (size_t o = 0; o < outputs; o++)
        sum += exp(h[o] - high);
    for (size_t o = 0; o < outputs; o++)
        carried += exp(h[o] - high) / sum * off[o];
    for (size_t o = 0; o < outputs; o++) {
        const double p = exp(h[o] - high) / sum;
        d->d[o] = p - (o == label ? 1.0 : 0.0);
        d->off[o] = p * (off[o] + carried + ulps(1.0 + fabs(h[o] - high)) + gamma_of(outputs + 2)) +
                    2.0 * U * fabs(d->d[o]);
    }
    return carried + off[label] + ulps(log(sum) + fabs(high)) + gamma_of(outputs + 2) +
           2.0 * U * fabs(h[label]);
}

/* ---- backward ---- */

/* dL/da becomes dL/dz. */
static void back_through_activation(delta *d, const ref_net *net, const trace *t, size_t l)
{
    const int32_t kind = net->activation[l];
    for (size_t o = 0; o < net->width[l + 1]; o++) {
        const double slope = ref_slope(kind, t->z[l][o]), off = slope_off(kind, t->z[l][o], t->z_off[l][o]);
        d->off[o] = d->off[o] * (fabs(slope) + off) + fabs(d->d[o]) * (off + U * fabs(slope));
        d->d[o] *= slope;
    }
}

/* Adds a sample's share to the bounds of layer l, and turns dL/dz into dL/da of the layer below. */
static void back_through(double *g, delta *d, const ref_net *net, const trace *t, size_t l, size_t n)
{
    const size_t inputs = net->width[l], outputs = net->width[l + 1];
    const double *weight = net->w + ref_begin(net, 2 * l);
    double *weight_off = g + ref_begin(net, 2 * l), *bias_off = g + ref_begin(net, 2 * l + 1);
    delta below = { { 0.0 }, { 0.0 } };
    for (size_t o = 0; o < outputs; o++) {
        bias_off[o] += d->off[o] + gamma_of(n + 1) * fabs(d->d[o]);
        for (size_t i = 0; i < inputs; i++) {
            const double w = weight[o * inputs + i], a = t->a[l][i];
            weight_off[o * inputs + i] +=
                d->off[o] * fabs(a) + fabs(d->d[o]) * t->a_off[l][i] + gamma_of(n + 1) * fabs(d->d[o] * a);
            below.d[i] += d->d[o] * w;
            below.off[i] += d->off[o] * fabs(w) + gamma_of(outputs) * fabs(d->d[o] * w);
        }
    }
    *d = below;
}

static void add_sample(ref_bounds *b, const ref_net *net, const ref_task *task, size_t s)
{
    static trace t;
    delta d;
    const size_t outputs = net->width[net->layers];
    const double *h = t.a[net->layers], *off = t.a_off[net->layers];
    run(&t, net, task->x + s * net->width[0]);
    memcpy(b->h + s * outputs, off, outputs * sizeof *off);
    b->loss += task->loss == PRUNE_SOFTMAX_CROSS_ENTROPY
                   ? cross_entropy(&d, (size_t)task->label[s], h, off, outputs)
                   : squared_error(&d, task->y + s * outputs, h, off, outputs);
    for (size_t l = net->layers; l-- > 0;) {
        back_through_activation(&d, net, &t, l);
        back_through(b->g, &d, net, &t, l, task->n);
    }
}

/* The penalty's gradient of two products, and the sum of both gradients. */
static void add_penalty(double *g, const ref_net *net, const ref_task *task)
{
    double both[REF_PARAMS];
    ref_data_gradient(both, net, task);
    ref_add_penalty_gradient(both, net, task);
    for (size_t p = 0; p < 2 * net->layers; p += task->penalize_bias ? 1 : 2)
        for (size_t i = ref_begin(net, p); i < ref_begin(net, p + 1); i++)
            g[i] += 2.0 * U * (task->l1 + task->l2 * fabs(net->w[i])) + U * fabs(both[i]);
}

void ref_bound(ref_bounds *b, const ref_net *net, const ref_task *task)
{
    memset(b, 0, sizeof *b);
    for (size_t s = 0; s < task->n; s++)
        add_sample(b, net, task, s);
    for (size_t i = 0; i < net->count; i++)
        b->g[i] /= (double)task->n;
    b->loss = b->loss / (double)task->n + gamma_of(task->n + 1) * ref_data_loss(net, task);
    add_penalty(b->g, net, task);
}

double ref_excess(const float *a, const double *b, const double *bound, size_t count)
{
    double worst = 0.0;
    for (size_t i = 0; i < count; i++) {
        const double off = fabs((double)a[i] - b[i]);
        if (off != 0.0)
            worst = isnan(off) ? (double)INFINITY : fmax(worst, off / bound[i]);
    }
    return worst;
}
