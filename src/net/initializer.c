/* initializer.c -- Glorot and He
 *
 * SPDX-License-Identifier: MIT */
#include "initializer.h"
#include "libprune/fmath.h"

int32_t prn_initializer_known(int32_t initializer)
{
    return initializer >= PRUNE_INIT_AUTO && initializer <= PRUNE_INIT_HE_NORMAL;
}

static void fill_uniform(float *w, size_t count, float limit, prune_rng *rng)
{
    for (size_t i = 0; i < count; i++)
        w[i] = limit * (2.0f * prune_rng_uniform(rng) - 1.0f);
}

static void fill_normal(float *w, size_t count, float deviation, prune_rng *rng)
{
    for (size_t i = 0; i < count; i++)
        w[i] = deviation * prune_rng_normal(rng);
}

void prn_initializer_fill(float *w, const size_t fan_in_out[2], int32_t initializer, int32_t is_relu,
                          prune_rng *rng)
{
    const size_t count = fan_in_out[0] * fan_in_out[1];
    const float fan_in = (float)fan_in_out[0], fan_both = fan_in + (float)fan_in_out[1];
    if (initializer == PRUNE_INIT_AUTO)
        initializer = is_relu ? PRUNE_INIT_HE_UNIFORM : PRUNE_INIT_GLOROT_UNIFORM;
    switch (initializer) {
    case PRUNE_INIT_GLOROT_UNIFORM:
        fill_uniform(w, count, prune_sqrtf(6.0f / fan_both), rng);
        break;
    case PRUNE_INIT_GLOROT_NORMAL:
        fill_normal(w, count, prune_sqrtf(2.0f / fan_both), rng);
        break;
    case PRUNE_INIT_HE_UNIFORM:
        fill_uniform(w, count, prune_sqrtf(6.0f / fan_in), rng);
        break;
    default:
        fill_normal(w, count, prune_sqrtf(2.0f / fan_in), rng);
        break;
    }
}
