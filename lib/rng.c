/* rng.c -- xoshiro128++ seeded by SplitMix64, and what is drawn from it
 *
 * Which draws a function makes is part of its contract: two builds with one seed stay in step.
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/rng.h"
#include "libprune/fmath.h"

static uint64_t splitmix64(uint64_t *state)
{
    *state += 0x9E3779B97F4A7C15u;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

void prune_rng_seed(prune_rng *rng, uint64_t seed)
{
    for (size_t i = 0; i < 4; i += 2) {
        const uint64_t word = splitmix64(&seed);
        rng->state[i] = (uint32_t)word;
        rng->state[i + 1] = (uint32_t)(word >> 32);
    }
}

static uint32_t rotate_left(uint32_t x, uint32_t by)
{
    return (x << by) | (x >> (32u - by));
}

uint32_t prune_rng_next(prune_rng *rng)
{
    uint32_t *s = rng->state;
    const uint32_t result = rotate_left(s[0] + s[3], 7) + s[0];
    const uint32_t t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 11);
    return result;
}

float prune_rng_uniform(prune_rng *rng)
{
    return (float)(prune_rng_next(rng) >> 8) * 0x1p-24f;
}

float prune_rng_normal(prune_rng *rng)
{
    for (;;) {
        const float u = 2.0f * prune_rng_uniform(rng) - 1.0f;
        const float v = 2.0f * prune_rng_uniform(rng) - 1.0f;
        const float s = u * u + v * v;
        if (s < 1.0f && s > 0.0f)
            return u * prune_sqrtf(-2.0f * prune_logf(s) / s);
    }
}

/* The low bits of one output, or of two (low word first) when 32 bits are not enough. */
static uint64_t masked(prune_rng *rng, uint64_t mask)
{
    const uint64_t low = prune_rng_next(rng);
    const uint64_t high = mask > UINT32_MAX ? prune_rng_next(rng) : 0;
    return (high << 32 | low) & mask;
}

/* Draws as many bits as bound - 1 has, until they are below bound: at most half are thrown away, and
 * no 64-bit division is needed. */
uint64_t prune_rng_below(prune_rng *rng, uint64_t bound)
{
    if (bound == 0)
        return 0;
    uint64_t mask = bound - 1;
    for (uint32_t shift = 1; shift < 64; shift *= 2)
        mask |= mask >> shift;
    uint64_t drawn;
    do
        drawn = masked(rng, mask);
    while (drawn >= bound);
    return drawn;
}

void prune_rng_shuffle(prune_rng *rng, size_t *order, size_t count)
{
    for (size_t left = count; left > 1; left--) {
        const size_t chosen = (size_t)prune_rng_below(rng, left);
        const size_t last = order[left - 1];
        order[left - 1] = order[chosen];
        order[chosen] = last;
    }
}
