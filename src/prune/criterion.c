/* criterion.c -- the table of criteria: what a score is made of
 *
 * SPDX-License-Identifier: MIT */
#include "criterion.h"

static float weight(float w, float m)
{
    (void)m;
    return w;
}

static float mean(float w, float m)
{
    (void)w;
    return m;
}

static float product(float w, float m)
{
    return w * m;
}

static float square_times_mean(float w, float m)
{
    return w * w * m;
}

static const prn_criterion table[] = {
    [PRUNE_MAGNITUDE] = { weight, PRN_TAKES_NOTHING, 0, 1, 0, 0 },
    [PRUNE_GRADIENT] = { mean, PRN_TAKES_GRADIENTS, 0, 1, 0, 0 },
    [PRUNE_TAYLOR] = { product, PRN_TAKES_GRADIENTS, 0, 1, 0, 0 },
    [PRUNE_MAGNITUDE_SQUARED] = { weight, PRN_TAKES_NOTHING, 1, 1, 0, 0 },
    [PRUNE_GRADIENT_SQUARED] = { mean, PRN_TAKES_GRADIENTS, 1, 1, 0, 0 },
    [PRUNE_TAYLOR_SQUARED] = { product, PRN_TAKES_GRADIENTS, 1, 1, 0, 0 },
    [PRUNE_SAMPLE_GRADIENT] = { mean, PRN_TAKES_ABSOLUTES, 0, 0, 0, 0 },
    [PRUNE_FISHER] = { square_times_mean, PRN_TAKES_SQUARES, 0, 0, 0, 0 },
    [PRUNE_SUPPLIED] = { NULL, PRN_TAKES_NOTHING, 0, 0, 1, 0 },
    [PRUNE_MOVEMENT] = { mean, PRN_TAKES_GRADIENTS, 0, 0, 0, 1 },
};

const prn_criterion *prn_criterion_find(int32_t criterion)
{
    return criterion < PRUNE_MAGNITUDE || criterion > PRUNE_MOVEMENT ? NULL : &table[criterion];
}
