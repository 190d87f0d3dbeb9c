/* tiny_cross_entropy.c -- the loss of a classifier
 *
 * SPDX-License-Identifier: MIT */
#include "sample_loss.h"
#include "tiny.h"

static prune_status cross_entropy(float *loss, const prune_tiny *t, float *h, const void *target)
{
    const prune_tiny_plan *plan = t->plan;
    const prn_terms terms = { .outputs = t->width[plan->layer_count], .scale = 1.0f };
    /* It is of softmax, which it applies itself; of one output it would be 0 always. */
    if (terms.outputs < 2 || plan->layers[plan->layer_count - 1].activation->activation != PRUNE_LINEAR)
        return PRUNE_E_UNSUPPORTED;
    if ((uint32_t) * (const int32_t *)target >= terms.outputs)
        return PRUNE_E_LABEL;
    *loss = prn_sharp_cross_entropy(&terms, h, target, h + t->neurons);
    return PRUNE_OK;
}

const prune_tiny_loss prune_tiny_softmax_cross_entropy = { cross_entropy };
