/* tiny.h (private) -- what the parts of the training core for chips share */
#ifndef PRN_TINY_H
#define PRN_TINY_H

#include "activation.h"
#include "libprune/tiny.h"
#include "sample_loss.h"

#include <float.h>

struct prune_tiny_loss {
    prn_sample_loss *of;
    int32_t of_label;
};

/* Takes a piece of a gradient, by * x[i] for the parameters at + i. */
typedef void prn_tiny_take(prune_tiny *t, size_t at, const float *x, float by, size_t count);

/* take: one step of these. */
struct prune_tiny_optimizer {
    uint32_t moments;
    void (*advance)(prune_tiny *t); /* to the next step */
    prn_tiny_take *take;
};

/* Whether the parameter is not removed. */
static inline int32_t prn_tiny_kept(const prune_tiny *t, size_t i)
{
    return t->mask == NULL || (t->mask[i / 32] >> i % 32 & 1u) != 0;
}

static inline size_t prn_tiny_mask_words(size_t parameters)
{
    return (parameters + 31) / 32;
}

/* y = f(W x + b) of all layers; the outputs. */
float *prn_tiny_forward(const prune_tiny *t, const float *x);

/* 0 into weight and moments of a parameter; and of all whose mask is 0. */
void prn_tiny_zero(prune_tiny *t, size_t i);
void prn_tiny_clear(prune_tiny *t);

/* Behind new weights: state, step count and what was added up are forgotten, removed weights are 0. */
void prn_tiny_restart(prune_tiny *t);

#endif
