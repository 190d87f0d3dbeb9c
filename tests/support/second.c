/* second.c -- diagonals of the Hessian by differences in double precision, to judge the library by
 *
 * SPDX-License-Identifier: MIT */
#include "second.h"

#include <string.h>

static const double step = 1e-4;

void second_exact(double *h, problem *p)
{
    const double middle = problem_value(p);
    for (size_t i = 0; i < p->s.first[p->s.layers]; i++) {
        const double w = p->s.w[i];
        h[i] = 0.0;
        if (problem_statistic(p, i))
            continue;
        p->s.w[i] = w + step;
        const double above = problem_value(p);
        p->s.w[i] = w - step;
        h[i] = (above - 2.0 * middle + problem_value(p)) / (step * step);
        p->s.w[i] = w;
    }
}

/* d2L/dh_a dh_b at outputs h of all samples. */
static double output_hessian(const problem *p, double *h, size_t a, size_t b)
{
    double sum = 0.0;
    for (int i = -1; i <= 1; i += 2)
        for (int j = -1; j <= 1; j += 2) {
            const double old[2] = { h[a], h[b] };
            h[a] += i * step;
            h[b] += j * step;
            sum += i * j * true_loss_of(&p->truth, h);
            h[b] = old[1];
            h[a] = old[0];
        }
    return sum / (4.0 * step * step);
}

void second_gauss_newton(double *g, problem *p)
{
    const size_t outputs = p->truth.outputs, count = PROBLEM_SAMPLES * outputs;
    double h[STACK_BLOCK], above[STACK_BLOCK], below[STACK_BLOCK], hessian[PROBLEM_SAMPLES][12][12];
    stack_forward(h, &p->s, p->x);
    for (size_t i = 0; i < count; i++)
        for (size_t o = 0; o < outputs; o++)
            hessian[i / outputs][i % outputs][o] = output_hessian(p, h, i, i / outputs * outputs + o);
    for (size_t i = 0; i < p->s.first[p->s.layers]; i++) {
        const double w = p->s.w[i];
        g[i] = 0.0;
        if (problem_statistic(p, i))
            continue;
        p->s.w[i] = w + step;
        stack_forward(above, &p->s, p->x);
        p->s.w[i] = w - step;
        stack_forward(below, &p->s, p->x);
        p->s.w[i] = w;
        for (size_t a = 0; a < count; a++)
            for (size_t o = 0; o < outputs; o++) {
                const size_t b = a / outputs * outputs + o;
                g[i] += (above[a] - below[a]) * hessian[a / outputs][a % outputs][o] * (above[b] - below[b]) /
                        (4.0 * step * step);
            }
    }
}

/* OBD's recursion over one layer by the definition: for any number v that the layer's outputs y depend on,
 * h_v = sum_k h_k (dy_k/dv)^2 + dL/dy_k d2y_k/dv2. All samples at once: h and g are sums over them, or if `v`
 * is of one sample, only that one's outputs move. */
static double through_layer(problem *p, size_t l, const double *x, double *v, const double *h,
                            const double *g)
{
    const size_t count = PROBLEM_SAMPLES * p->s.info[l].output.dims[0];
    double y[3][STACK_BLOCK], sum = 0.0;
    const double middle = *v;
    for (int i = 0; i < 3; i++) {
        *v = middle + (i - 1) * step;
        stack_run(y[i], &p->s, l, l + 1, x);
    }
    *v = middle;
    for (size_t k = 0; k < count; k++) {
        const double first = (y[2][k] - y[0][k]) / (2.0 * step);
        sum += h[k] * first * first + g[k] * (y[2][k] - 2.0 * y[1][k] + y[0][k]) / (step * step);
    }
    return sum;
}

/* dL/dy of what comes out of layer l - 1. */
static void boundary_gradient(double *g, problem *p, size_t l, double *y, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const double middle = y[i];
        y[i] = middle + step;
        const double above = problem_value_from(p, l, y);
        y[i] = middle - step;
        g[i] = (above - problem_value_from(p, l, y)) / (2.0 * step);
        y[i] = middle;
    }
}

void second_obd(double *h, problem *p)
{
    static double y[STACK_LAYERS + 1][STACK_BLOCK], hy[STACK_LAYERS + 1][STACK_BLOCK];
    const size_t layers = p->s.layers, outputs = p->truth.outputs;
    double g[STACK_BLOCK];
    for (size_t i = 0; i < PROBLEM_SAMPLES * p->s.info[0].input.dims[0]; i++)
        y[0][i] = (double)p->x[i];
    for (size_t l = 0; l < layers; l++)
        stack_run(y[l + 1], &p->s, l, l + 1, y[l]);
    for (size_t i = 0; i < PROBLEM_SAMPLES * outputs; i++) {
        const double middle = true_loss_of(&p->truth, y[layers]), old = y[layers][i];
        y[layers][i] = old + step;
        const double above = true_loss_of(&p->truth, y[layers]);
        y[layers][i] = old - step;
        hy[layers][i] = (above - 2.0 * middle + true_loss_of(&p->truth, y[layers])) / (step * step);
        y[layers][i] = old;
    }
    for (size_t l = layers; l-- > 0;) {
        boundary_gradient(g, p, l + 1, y[l + 1], PROBLEM_SAMPLES * p->s.info[l].output.dims[0]);
        for (size_t i = p->s.first[l]; i < p->s.first[l + 1]; i++)
            h[i] = problem_statistic(p, i) ? 0.0 : through_layer(p, l, y[l], &p->s.w[i], hy[l + 1], g);
        for (size_t i = 0; i < PROBLEM_SAMPLES * p->s.info[l].input.dims[0]; i++)
            hy[l][i] = through_layer(p, l, y[l], &y[l][i], hy[l + 1], g);
    }
}

/* L at w + a e_i + b v. */
static double value_at(problem *p, size_t i, double a, double b, const double *v)
{
    double old[STACK_PARAMS];
    memcpy(old, p->s.w, sizeof old);
    for (size_t k = 0; k < p->s.first[p->s.layers]; k++)
        p->s.w[k] += b * v[k];
    p->s.w[i] += a;
    const double value = problem_value(p);
    memcpy(p->s.w, old, sizeof old);
    return value;
}

void second_along(double *product, double *g, problem *p, const double *v)
{
    for (size_t i = 0; i < p->s.first[p->s.layers]; i++) {
        product[i] = g[i] = 0.0;
        if (problem_statistic(p, i))
            continue;
        for (int a = -1; a <= 1; a += 2) {
            g[i] += a * value_at(p, i, a * step, 0.0, v) / (2.0 * step);
            for (int b = -1; b <= 1; b += 2)
                product[i] += a * b * value_at(p, i, a * step, b * step, v) / (4.0 * step * step);
        }
    }
}
