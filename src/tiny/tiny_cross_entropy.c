/* tiny_cross_entropy.c -- the loss of a classifier
 *
 * SPDX-License-Identifier: MIT */
#include "sample_loss.h"
#include "tiny.h"

static prune_status cross_entropy(float *loss, const prune_tiny *t, float *h, const void *target)
{
    const prn_terms terms = { .outputs = t->width[t->plan->layer_count], .scale = 1.0f };
    if ((uint32_t) * (const int32_t *)target >= terms.outputs)
        return PRUNE_E_LABEL;
    *loss = prn_sharp_cross_entropy(&terms, h, target, h + t->neurons);
    return PRUNE_OK;
}

const prune_tiny_loss prune_tiny_softmax_cross_entropy = { cross_entropy };
