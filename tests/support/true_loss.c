/* true_loss.c -- the losses of loss.h in double, to take central differences of
 *
 * SPDX-License-Identifier: MIT */
#include "true_loss.h"

#include <math.h>

static double class_weight(const true_loss *t, size_t c)
{
    return t->options->class_weights == NULL ? 1.0 : (double)t->options->class_weights[c];
}

static double huber(double error, double delta)
{
    return error <= delta ? 0.5 * error * error : delta * (error - delta / 2.0);
}

/* Of one output. */
static double element(const prune_loss_options *options, double h, double y)
{
    const double s = 1.0 / (1.0 + exp(-h));
    switch (options->kind) {
    case PRUNE_MSE:
        return 0.5 * (h - y) * (h - y);
    case PRUNE_MAE:
        return fabs(h - y);
    case PRUNE_HUBER:
        return huber(fabs(h - y), (double)options->delta);
    default:
        return -y * log(s) - (1.0 - y) * log(1.0 - s);
    }
}

static double elements(const true_loss *t, const double *h, const float *y)
{
    double sum = 0.0;
    for (size_t o = 0; o < t->outputs; o++)
        sum += element(t->options, h[o], (double)y[o]);
    return t->options->mean_over_outputs ? sum / (double)t->outputs : sum;
}

static double cross_entropy(const true_loss *t, const double *h, size_t row)
{
    const double e = (double)t->options->smoothing;
    double sum = 0.0, loss = 0.0;
    for (size_t c = 0; c < t->outputs; c++)
        sum += exp(h[c]);
    for (size_t c = 0; c < t->outputs; c++) {
        const double hot =
            t->y == NULL ? (double)(t->label[row] == (int32_t)c) : (double)t->y[row * t->outputs + c];
        loss += class_weight(t, c) * ((1.0 - e) * hot + e / (double)t->outputs) * (log(sum) - h[c]);
    }
    return loss;
}

/* l and d of one sample. */
static double sample(double *d, const true_loss *t, const double *h, size_t row)
{
    *d = t->y == NULL ? class_weight(t, (size_t)t->label[row]) : 1.0;
    if (t->options->kind == PRUNE_NLL)
        return -*d * h[t->label[row]];
    if (t->options->kind == PRUNE_SOFTMAX_CROSS_ENTROPY)
        return cross_entropy(t, h, row);
    return elements(t, h, t->y + row * t->outputs);
}

double true_loss_of(const true_loss *t, const double *h)
{
    double above = 0.0, below = 0.0;
    for (size_t row = 0; row < t->n; row++) {
        const double s = t->weights == NULL ? 1.0 : (double)t->weights[row];
        double d;
        above += s * sample(&d, t, h + row * t->outputs, row);
        below += s * d;
    }
    return below > 0.0 ? above / below : 0.0;
}

void true_loss_differences(double *g, const true_loss *t, double *h, double eps)
{
    for (size_t i = 0; i < t->n * t->outputs; i++) {
        const double middle = h[i];
        h[i] = middle + eps;
        const double high = true_loss_of(t, h);
        h[i] = middle - eps;
        g[i] = (high - true_loss_of(t, h)) / (2.0 * eps);
        h[i] = middle;
    }
}
