/* tiny_prune.c -- scores of weights, and what is removed by them, without memory for either
 *
 * Scores are not below 0, and so go in the order of their bits. The k-th lowest is found by its bits, the
 * highest first, each by counting what lies below.
 *
 * SPDX-License-Identifier: MIT */
#include "bits.h"
#include "tiny.h"

#include <string.h>

/* Those that are lower than `limit`, and the first `ties` that are equal to it. */
typedef struct choice {
    int32_t criterion;
    uint32_t limit, ties;
    uint32_t removed;
} choice;

/* The weights of one layer after the other. */
typedef struct walk {
    size_t layer, first, end; /* the layer is the next one */
    size_t next;
} walk;

static int32_t walk_on(walk *w, const prune_tiny *t)
{
    if (w->layer == t->plan->layer_count)
        return 0;
    const size_t outputs = t->width[w->layer + 1];
    w->first = w->next;
    w->end = w->first + t->width[w->layer] * outputs;
    w->next = w->end + outputs;
    w->layer++;
    return 1;
}

static uint32_t score_bits(const prune_tiny *t, int32_t criterion, size_t i)
{
    float score = t->weight[i];
    if (criterion != PRUNE_MAGNITUDE) {
        const float mean = t->gradient[i] / (float)t->samples;
        score = criterion == PRUNE_TAYLOR ? score * mean : mean;
    }
    return prn_bits_size(score);
}

static prune_status check_scores(const prune_tiny *t, int32_t criterion)
{
    if (t == NULL || criterion < PRUNE_MAGNITUDE || criterion > PRUNE_TAYLOR)
        return PRUNE_E_ARGUMENT;
    return criterion == PRUNE_MAGNITUDE || t->samples != 0 ? PRUNE_OK : PRUNE_E_STATE;
}

static prune_status check_mask(const prune_tiny *t)
{
    return t == NULL ? PRUNE_E_ARGUMENT : t->mask == NULL ? PRUNE_E_STATE : PRUNE_OK;
}

static prune_status check_removal(const prune_tiny *t, int32_t criterion)
{
    const prune_status status = check_scores(t, criterion);
    return status == PRUNE_OK ? check_mask(t) : status;
}

static void remove_at(prune_tiny *t, size_t i)
{
    t->mask[i / 32] &= ~(1u << i % 32);
}

/* Removes what is chosen in a layer if `commit`; 0 if that is all that the layer has. */
static int32_t remove_chosen(prune_tiny *t, choice *c, const walk *w, int32_t commit)
{
    uint32_t left = 0, gone = 0;
    for (size_t i = w->first; i < w->end; i++) {
        if (!prn_tiny_kept(t, i))
            continue;
        const uint32_t bits = score_bits(t, c->criterion, i);
        if (bits > c->limit || (bits == c->limit && c->ties == 0)) {
            left++;
            continue;
        }
        gone++;
        c->ties -= bits == c->limit;
        if (commit)
            remove_at(t, i);
    }
    c->removed += gone;
    return left != 0 || gone == 0;
}

static prune_status remove_all(uint32_t *removed, prune_tiny *t, const choice *chosen)
{
    for (int32_t commit = 0; commit <= 1; commit++) {
        choice c = *chosen;
        for (walk w = { 0 }; walk_on(&w, t);)
            if (!remove_chosen(t, &c, &w, commit))
                return PRUNE_E_COLLAPSE;
        if (removed != NULL)
            *removed = c.removed;
    }
    prn_tiny_clear(t);
    return PRUNE_OK;
}

static uint32_t count_below(const prune_tiny *t, int32_t criterion, uint32_t limit)
{
    uint32_t count = 0;
    for (walk w = { 0 }; walk_on(&w, t);)
        for (size_t i = w.first; i < w.end; i++)
            count += prn_tiny_kept(t, i) && score_bits(t, criterion, i) < limit;
    return count;
}

uint32_t prune_tiny_kept(const prune_tiny *t)
{
    return t == NULL ? 0 : count_below(t, PRUNE_MAGNITUDE, UINT32_MAX);
}

prune_status prune_tiny_remove_lowest(prune_tiny *t, int32_t criterion, uint32_t count)
{
    const prune_status status = check_removal(t, criterion);
    if (status != PRUNE_OK)
        return status;
    choice c = { .criterion = criterion, .ties = count };
    for (uint32_t bit = 1u << 30; bit != 0; bit >>= 1) {
        const uint32_t below = count_below(t, criterion, c.limit | bit);
        if (below > count)
            continue;
        c.limit |= bit;
        c.ties = count - below;
    }
    return remove_all(NULL, t, &c);
}

prune_status prune_tiny_remove_below(uint32_t *removed, prune_tiny *t, int32_t criterion, float threshold)
{
    const prune_status status = check_removal(t, criterion);
    if (status != PRUNE_OK)
        return status;
    if (!(threshold >= 0.0f))
        return PRUNE_E_RANGE;
    return remove_all(removed, t, &(choice){ .criterion = criterion, .limit = prn_bits_size(threshold) });
}

prune_status prune_tiny_remove_zeros(prune_tiny *t)
{
    const prune_status status = check_mask(t);
    return status != PRUNE_OK ? status
                              : remove_all(NULL, t, &(choice){ .criterion = PRUNE_MAGNITUDE, .limit = 1 });
}

prune_status prune_tiny_restore(prune_tiny *t)
{
    const prune_status status = check_mask(t);
    if (status == PRUNE_OK)
        memset(t->mask, 0xFF, prn_tiny_mask_words(t->parameters) * sizeof *t->mask);
    return status;
}

/* ---- neurons ---- */

/* The layer's weights, and where the neuron's begin. */
static prune_status find_row(walk *w, size_t *row, const prune_tiny *t, const uint32_t layer_neuron[2])
{
    if (layer_neuron[0] >= t->plan->layer_count || layer_neuron[1] >= t->width[layer_neuron[0] + 1])
        return PRUNE_E_RANGE;
    *w = (walk){ 0 };
    do
        (void)walk_on(w, t);
    while (w->layer <= layer_neuron[0]);
    *row = w->first + (size_t)layer_neuron[1] * t->width[layer_neuron[0]];
    return PRUNE_OK;
}

prune_status prune_tiny_neuron_score(float *score, const prune_tiny *t, int32_t criterion, uint32_t layer,
                                     uint32_t neuron)
{
    walk w;
    size_t row;
    uint32_t most = 0;
    prune_status status = score == NULL ? PRUNE_E_ARGUMENT : check_scores(t, criterion);
    if (status == PRUNE_OK)
        status = find_row(&w, &row, t, (const uint32_t[]){ layer, neuron });
    if (status != PRUNE_OK)
        return status;
    for (size_t i = row; i < row + t->width[layer]; i++) {
        const uint32_t bits = prn_tiny_kept(t, i) ? score_bits(t, criterion, i) : 0;
        most = bits > most ? bits : most;
    }
    *score = prn_bits_float(most);
    return PRUNE_OK;
}

static int32_t any_kept(const prune_tiny *t, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        if (prn_tiny_kept(t, i))
            return 1;
    return 0;
}

prune_status prune_tiny_remove_neuron(prune_tiny *t, uint32_t layer, uint32_t neuron)
{
    walk w;
    size_t row;
    prune_status status = check_mask(t);
    if (status == PRUNE_OK)
        status = find_row(&w, &row, t, (const uint32_t[]){ layer, neuron });
    if (status == PRUNE_OK && layer + 1 == t->plan->layer_count)
        status = PRUNE_E_RANGE;
    if (status != PRUNE_OK)
        return status;
    const size_t inputs = t->width[layer];
    if (!any_kept(t, w.first, row) && !any_kept(t, row + inputs, w.end))
        return PRUNE_E_COLLAPSE;
    for (size_t i = 0; i < inputs; i++)
        remove_at(t, row + i);
    remove_at(t, w.end + neuron);
    prn_tiny_clear(t);
    return PRUNE_OK;
}
