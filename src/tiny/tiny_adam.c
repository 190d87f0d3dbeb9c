/* tiny_adam.c -- Adam with the betas of the paper
 *
 * SPDX-License-Identifier: MIT */
#include "fmath.h"
#include "tiny.h"

#define BETA1 0.9f
#define BETA2 0.999f
#define EPSILON 1e-8f

/* Sums are kept where the paper has means, m = (1 - BETA1) M and v = (1 - BETA2) V: M = BETA1 M + g and
 * V = BETA2 V + g^2; and so for 1 - beta^steps = (1 - beta) (1 + beta + ... + beta^(steps - 1)). With such
 * sums B1 and B2
 *     rate (m / c1) / (sqrt(v / c2) + EPSILON) = rate sqrt(B2) / B1  M / (sqrt(V) + EPSILON sqrt(B2)). */
static void advance(prune_tiny *t)
{
    t->powers[0] = BETA1 * t->powers[0] + 1.0f;
    t->powers[1] = BETA2 * t->powers[1] + 1.0f;
    const float root = prn_root(t->powers[1]);
    t->factor = t->rate * root / t->powers[0];
    t->epsilon = EPSILON * root;
}

static void take(prune_tiny *t, float *w, const float *x, float by, size_t count)
{
    const float *const end = x + count, factor = t->factor, epsilon = t->epsilon;
    float *m = t->moment[0] + (w - t->weight), *v = t->moment[1] + (w - t->weight);
    do {
        const float g = by * *x++, squares = BETA2 * *v + g * g, sum = BETA1 * *m + g;
        *m++ = sum;
        *v++ = squares;
        *w++ -= factor * sum / (prn_root(squares) + epsilon);
    } while (x != end);
}

const prune_tiny_optimizer prune_tiny_adam = { 2, advance, take };
