/* rng.h -- random numbers: one generator per object, the same stream on every platform
 *
 * xoshiro128++ 1.0 (D. Blackman and S. Vigna, "Scrambled linear pseudorandom number generators",
 * ACM TOMS 47, 2021); the state is filled by two outputs of SplitMix64 (Steele, Lea, Flood 2014),
 * low word first, started at the seed. Not for cryptography.
 * Threads: one generator, one thread at a time. A NULL generator is not allowed.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_RNG_H
#define LIBPRUNE_RNG_H

#include "libprune/base.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
typedef struct prune_rng {
    uint32_t state[4];
} prune_rng;

/* Starts the stream that belongs to `seed`; any value is good. */
void prune_rng_seed(prune_rng *rng, uint64_t seed);

/* The next 32 random bits. */
uint32_t prune_rng_next(prune_rng *rng);

/* Uniform in [0, 1): the top 24 bits of the next output, times 2^-24. */
float prune_rng_uniform(prune_rng *rng);

/* Standard normal, by Marsaglia's polar method; the second value of a pair is dropped, so that the
 * state stays four words. */
float prune_rng_normal(prune_rng *rng);

/* Uniform in 0 .. bound - 1 without bias, by rejection; 0 when bound is 0. */
uint64_t prune_rng_below(prune_rng *rng, uint64_t bound);

/* Permutes order[count] in place, each permutation equally likely (Fisher-Yates, from the end). */
void prune_rng_shuffle(prune_rng *rng, size_t *order, size_t count);
/* FFI-END */
PRUNE_API_END

#endif
