/* tiny_sgd.c -- w -= rate g
 *
 * SPDX-License-Identifier: MIT */
#include "tiny.h"

static void advance(prune_tiny *t)
{
    (void)t;
}

static void take(prune_tiny *t, float *w, const float *x, float by, size_t count)
{
    const float *const end = x + count, step = t->rate * by;
    do
        *w++ -= step * *x++;
    while (x != end);
}

const prune_tiny_optimizer prune_tiny_sgd = { 0, advance, take };
