/* tiny_adam.c -- Adam with the betas of the paper
 *
 * SPDX-License-Identifier: MIT */
#include "fmath.h"
#include "tiny.h"

#define BETA1 0.9f
#define BETA2 0.999f
#define EPSILON 1e-8f
#define ROOT 31.6227766f /* 1 / sqrt(1 - BETA2) */

/* Sums are kept where the paper has means, m = (1 - BETA1) M and v = (1 - BETA2) V: M = BETA1 M + g and
 * V = BETA2 V + g^2. With c = 1 - beta^steps
 *     rate (m / c1) / (sqrt(v / c2) + EPSILON)
 *         = rate (1 - BETA1) ROOT sqrt(c2) / c1  M / (sqrt(V) + EPSILON ROOT sqrt(c2)). */
static void advance(prune_tiny *t)
{
    t->complement[0] = BETA1 * t->complement[0] + (1.0f - BETA1);
    t->complement[1] = BETA2 * t->complement[1] + (1.0f - BETA2);
    const float root = ROOT * prn_root(t->complement[1]);
    t->factor = t->rate * (1.0f - BETA1) * root / t->complement[0];
    t->epsilon = EPSILON * root;
}

static void take(prune_tiny *t, size_t at, const float *x, float by, size_t count)
{
    const float *const end = x + count, factor = t->factor, epsilon = t->epsilon;
    float *w = t->weight + at, *m = t->moment[0] + at, *v = t->moment[1] + at;
    do {
        const float g = by * *x++, sum = BETA1 * *m + g, squares = BETA2 * *v + g * g;
        *m++ = sum;
        *v++ = squares;
        *w++ -= factor * sum / (prn_root(squares) + epsilon);
    } while (x != end);
}

const prune_tiny_optimizer prune_tiny_adam = { 2, advance, take };
