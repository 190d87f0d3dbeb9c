/* tiny_cross_entropy.c -- the loss of a classifier
 *
 * SPDX-License-Identifier: MIT */
#include "sample_loss.h"
#include "tiny.h"

/* It applies an activation itself, and of one output it is always 0. Asked here, programs of other losses
 * are without the question. */
static int32_t can_teach(const prune_tiny_plan *plan)
{
    const prune_tiny_layer *last = &plan->layers[plan->layer_count - 1];
    return last->outputs > 1 && last->activation->activation == PRUNE_LINEAR;
}

static prune_status cross_entropy(float *loss, const prune_tiny *t, float *h, const void *target)
{
    if (!can_teach(t->plan))
        return PRUNE_E_ARGUMENT;
    const prn_terms terms = { .outputs = t->width[t->plan->layer_count], .scale = 1.0f };
    if ((uint32_t) * (const int32_t *)target >= terms.outputs)
        return PRUNE_E_LABEL;
    const float sum = prn_sharp_cross_entropy(&terms, h, target, h + t->neurons);
    if (loss != NULL)
        *loss = sum;
    return PRUNE_OK;
}

const prune_tiny_loss prune_tiny_softmax_cross_entropy = { cross_entropy };
