/* initializer.h (private) -- fills a weight matrix with its first values */
#ifndef PRN_INITIALIZER_H
#define PRN_INITIALIZER_H

#include "libprune/initializer.h"
#include "libprune/rng.h"

/* 1 if it is one of PRUNE_INIT_*. */
int32_t prn_initializer_known(int32_t initializer);

/* w[fan_out][fan_in]; the activation decides what PRUNE_INIT_AUTO means. */
void prn_initializer_fill(float *w, const size_t fan_in_out[2], int32_t initializer, int32_t activation,
                          prune_rng *rng);

/* PRUNE_INIT_AUTO where that is uniform, else PRUNE_INIT_LECUN_UNIFORM. It brings no other with it. */
void prn_initializer_uniform(float *w, const size_t fan_in_out[2], int32_t activation, prune_rng *rng);

/* Starts the generator of a layer, which is its own. */
void prn_initializer_seed(prune_rng *rng, uint64_t seed, size_t layer);

#endif
