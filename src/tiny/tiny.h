/* tiny.h (private) -- what the parts of the training core for chips share */
#ifndef PRN_TINY_H
#define PRN_TINY_H

#include "activation.h"
#include "libprune/tiny.h"

#include <float.h>

/* The loss of the outputs h, which may be NULL, and into h + neurons, which is their place in t->delta, its
 * derivatives. PRUNE_E_LABEL. */
struct prune_tiny_loss {
    prune_status (*of)(float *loss, const prune_tiny *t, float *h, const void *target);
};

/* Takes a piece of a gradient, by * x[i] for each of the weights w[count]; count is above 0. */
typedef void prn_tiny_take(prune_tiny *t, float *w, const float *x, float by, size_t count);

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

static inline void prn_tiny_set_kept(prune_tiny *t, size_t i, int32_t kept)
{
    if (t->mask != NULL)
        t->mask[i / 32] = (t->mask[i / 32] & ~(1u << i % 32)) | (kept ? 1u : 0u) << i % 32;
}

static inline size_t prn_tiny_mask_words(size_t parameters)
{
    return (parameters + 31) / 32;
}

/* y = f(W x + b) of all layers; the outputs. */
float *prn_tiny_forward(const prune_tiny *t, const float *x);

/* 0 into weight and moments of a parameter. */
void prn_tiny_zero(prune_tiny *t, size_t i);

/* And of all whose mask is 0, now and behind each step. Only what makes such masks names it, so that programs
 * that do not prune are without it. */
void prn_tiny_clear(prune_tiny *t);

/* To these sizes, whose widths and masks are written: what follows from them. */
void prn_tiny_resize(prune_tiny *t, size_t parameters, size_t neurons);

/* Behind new weights: state, step count and what was added up are forgotten, removed weights are 0. */
void prn_tiny_restart(prune_tiny *t);

#endif
