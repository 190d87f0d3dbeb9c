/* surgeon.c -- optimal brain surgeon: one weight goes, and all others make up for it
 *
 * All work is on a clone, whose parameters the model takes over at the end.
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/surgeon.h"
#include "options.h"
#include "removal.h"
#include "outer.h"
#include "supplied.h"
#include "text.h"

#include <float.h>
#include <string.h>

void prune_surgeon_options_init(prune_surgeon_options *options)
{
    if (options != NULL)
        *options = (prune_surgeon_options){ .size = sizeof *options,
                                            .count = 1,
                                            .limit = DBL_MAX,
                                            .alpha = 1e-4,
                                            .recompute = 1,
                                            .min_kept = 1,
                                            .loss = PRUNE_SOFTMAX_CROSS_ENTROPY };
}

static prune_status read_options(prune_surgeon_options *mine, const prune_surgeon_options *given,
                                 prune_error *error)
{
    prune_surgeon_options_init(mine);
    const prune_status status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "options", prn_options_reason(status));
    if (!(mine->limit >= 0.0))
        return prn_error_set(error, PRUNE_E_RANGE, "limit", "from 0 on");
    if (!(mine->alpha >= 1e-12 && mine->alpha <= 1e12))
        return prn_error_set(error, PRUNE_E_RANGE, "alpha", "1e-12 .. 1e12");
    if (mine->include_bias & ~1)
        return prn_error_set(error, PRUNE_E_RANGE, "include_bias", "0 or 1");
    return PRUNE_OK;
}

/* ---- the kept parameters ---- */

/* One of them. */
typedef struct element {
    prn_param *param;
    size_t layer, i;
    int32_t may_go, kept;
} element;

typedef struct surgeon {
    prune_surgeon_options options;
    prune_allocator mem;
    prune_model *model; /* the clone */
    prn_outer outer;
    size_t bytes;
    void *block;
    size_t n;
    element *elements; /* [n] */
    size_t *index;     /* [n]: where they are in all parameters in order */
    double *w;         /* [n] */
    double *h;         /* [n][n]: H^-1, both triangles */
    size_t *kept;      /* weights that each layer keeps */
} surgeon;

static int32_t may_go(const surgeon *s, const prn_layer *layer, const prn_param *param)
{
    return param->prunable || (s->options.include_bias && layer->ops->kind == PRUNE_LAYER_DENSE);
}

static void list_param(surgeon *s, prn_param *param, size_t layer, size_t offset)
{
    const int32_t goes = may_go(s, s->model->layers[layer], param);
    for (size_t i = 0; i < param->count && !param->statistic; i++) {
        if (!prn_mask_test(param->mask, i))
            continue;
        s->elements[s->n] = (element){ param, layer, i, goes, 1 };
        s->index[s->n] = offset + i;
        s->w[s->n] = (double)param->value[i];
        s->n++;
    }
}

static void list(surgeon *s)
{
    size_t offset = 0;
    s->n = 0;
    for (size_t l = 0; l < s->model->layer_count; l++) {
        prn_layer *layer = s->model->layers[l];
        s->kept[l] = 0;
        for (size_t p = 0; p < layer->param_count; p++) {
            prn_param *param = &layer->params[p];
            list_param(s, param, l, offset);
            s->kept[l] += param->prunable ? param->count - param->removed : 0;
            offset += param->count;
        }
    }
}

static size_t count_kept(const prune_model *model)
{
    size_t kept = 0;
    prn_walk w = { .model = model };
    for (const prn_param *param = prn_walk_next(&w); param != NULL; param = prn_walk_next(&w))
        kept += param->statistic ? 0 : param->count - param->removed;
    return kept;
}

static prune_status take_memory(surgeon *s, size_t most)
{
    prn_layout layout = { 0 };
    const size_t h = prn_layout_add(&layout, most * most, sizeof(double));
    const size_t w = prn_layout_add(&layout, most, sizeof(double));
    const size_t elements = prn_layout_add(&layout, most, sizeof(element));
    const size_t index = prn_layout_add(&layout, most, sizeof(size_t));
    const size_t kept = prn_layout_add(&layout, s->model->layer_count, sizeof(size_t));
    if (layout.overflow)
        return PRUNE_E_OVERFLOW;
    s->bytes = layout.bytes;
    unsigned char *block = s->block = prn_mem_alloc(&s->mem, 1, layout.bytes);
    if (block == NULL)
        return PRUNE_E_MEMORY;
    s->h = (double *)(void *)(block + h);
    s->w = (double *)(void *)(block + w);
    s->elements = (element *)(void *)(block + elements);
    s->index = (size_t *)(void *)(block + index);
    s->kept = (size_t *)(void *)(block + kept);
    return PRUNE_OK;
}

static prune_status open_surgeon(surgeon *s, const prune_model *model, const prune_data *data,
                                 const prune_surgeon_options *options, prune_error *error)
{
    prune_status status = read_options(&s->options, options, error);
    if (status != PRUNE_OK)
        return status;
    const size_t most = count_kept(model);
    if (most > PRUNE_SURGEON_LIMIT)
        return prn_error_set(error, PRUNE_E_LIMIT, "model", "more kept parameters than PRUNE_SURGEON_LIMIT");
    s->mem = model->mem;
    status = prune_model_clone(&s->model, &s->mem, model);
    if (status == PRUNE_OK)
        status = take_memory(s, most);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "model", prune_status_string(status));
    const prn_outer_input input = { data, s->options.loss, s->options.backend };
    return prn_outer_open(&s->outer, s->model, most, &input, error);
}

static void close_surgeon(surgeon *s)
{
    prn_outer_close(&s->outer);
    if (s->block != NULL)
        prn_mem_free(&s->mem, s->block, 1, s->bytes);
    prune_model_free(s->model);
}

/* Lists what is kept, and makes H^-1 at the weights as they are. */
static prune_status look(surgeon *s, prune_error *error)
{
    const prn_linalg *linalg = s->outer.linalg;
    list(s);
    if (s->n == 0)
        return PRUNE_OK;
    prune_status status = prn_outer_mean(s->h, &s->outer, s->index, s->n, error);
    if (status != PRUNE_OK)
        return status;
    for (size_t i = 0; i < s->n; i++)
        s->h[i * s->n + i] += s->options.alpha;
    status = linalg->factor(s->h, s->n);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "alpha", "too small beside the derivatives of the outputs");
    linalg->invert(s->h, s->n);
    return PRUNE_OK;
}

static double saliency(const surgeon *s, size_t q)
{
    return s->w[q] * s->w[q] / (2.0 * s->h[q * s->n + q]);
}

/* ---- operating ---- */

/* The lowest that may go, the first of equals; n: none. */
static size_t choose(const surgeon *s)
{
    size_t lowest = s->n;
    for (size_t q = 0; q < s->n; q++) {
        const element *e = &s->elements[q];
        const int32_t floor = e->param->prunable && s->kept[e->layer] <= s->options.min_kept;
        if (e->kept && e->may_go && !floor && (lowest == s->n || saliency(s, q) < saliency(s, lowest)))
            lowest = q;
    }
    return lowest < s->n && saliency(s, lowest) <= s->options.limit ? lowest : s->n;
}

/* H^-1 of what is left when row and column q of H go. */
static void forget(surgeon *s, size_t q)
{
    const size_t n = s->n;
    const double own = s->h[q * n + q];
    for (size_t i = 0; i < n; i++) {
        const double t = s->h[i * n + q] / own;
        for (size_t j = 0; j < n && i != q; j++)
            s->h[i * n + j] -= t * s->h[q * n + j];
    }
    for (size_t i = 0; i < n; i++)
        s->h[i * n + q] = s->h[q * n + i] = 0.0;
}

static void operate(surgeon *s, size_t q)
{
    element *e = &s->elements[q];
    const double t = s->w[q] / s->h[q * s->n + q];
    for (size_t i = 0; i < s->n; i++)
        s->w[i] -= s->elements[i].kept ? t * s->h[q * s->n + i] : 0.0;
    s->w[q] = 0.0;
    e->kept = 0;
    s->kept[e->layer] -= e->param->prunable ? 1 : 0;
    prn_param_remove(e->param, e->i);
}

static prune_status give_weights(const surgeon *s, prune_error *error)
{
    for (size_t i = 0; i < s->n; i++) {
        const element *e = &s->elements[i];
        if (!(s->w[i] <= (double)FLT_MAX && s->w[i] >= (double)-FLT_MAX))
            return prn_error_set(error, PRUNE_E_NONFINITE, "model", "a weight would leave float");
        if (e->kept)
            e->param->value[e->i] = (float)s->w[i];
    }
    return PRUNE_OK;
}

static void note(prune_removal *gone, double cost)
{
    const float threshold = cost < (double)FLT_MAX ? (float)cost : FLT_MAX;
    gone->removed++;
    gone->threshold = threshold > gone->threshold ? threshold : gone->threshold;
}

static prune_status remove_all(surgeon *s, prune_removal *gone, prune_error *error)
{
    prune_status status = look(s, error);
    const uint64_t every = s->options.recompute;
    while (status == PRUNE_OK && gone->removed < s->options.count) {
        const size_t q = choose(s);
        if (q == s->n)
            break;
        const double cost = saliency(s, q);
        operate(s, q);
        note(gone, cost);
        if (every == 0 || gone->removed % every != 0) {
            forget(s, q);
            continue;
        }
        status = give_weights(s, error);
        if (status == PRUNE_OK && gone->removed < s->options.count)
            status = look(s, error);
    }
    return status == PRUNE_OK ? give_weights(s, error) : status;
}

/* ---- all of it ---- */

/* Weights, and biases if they may go; the model is as it was. */
static void count_units(prune_removal *gone, const surgeon *s, const prune_model *model)
{
    for (size_t l = 0; l < model->layer_count; l++) {
        const prn_layer *layer = s->model->layers[l];
        uint64_t removed = 0;
        for (size_t p = 0; p < layer->param_count; p++)
            if (may_go(s, layer, &layer->params[p])) {
                gone->units += layer->params[p].count;
                gone->kept += layer->params[p].count - layer->params[p].removed;
                removed += layer->params[p].removed - model->layers[l]->params[p].removed;
            }
        if (gone->by_layer != NULL)
            gone->by_layer[l] = removed;
    }
}

static void take_over(prune_model *model, const prune_model *clone)
{
    prn_walk ours = { .model = model }, others = { .model = clone };
    for (prn_param *mine = prn_walk_next(&ours); mine != NULL; mine = prn_walk_next(&ours)) {
        const prn_param *theirs = prn_walk_next(&others);
        memcpy(mine->value, theirs->value, mine->count * sizeof *mine->value);
        memcpy(mine->mask, theirs->mask, prn_mask_words(mine->count) * sizeof *mine->mask);
        mine->removed = theirs->removed;
    }
}

prune_status prune_obs(prune_removal *removal, prune_model *model, const prune_data *data,
                       const prune_surgeon_options *options, prune_error *error)
{
    prune_removal gone;
    surgeon s = { 0 };
    prune_status status = prn_model_check(model);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "model", model == NULL ? "NULL" : prune_status_string(status));
    status = prn_removal_open(&gone, removal, model, error);
    if (status == PRUNE_OK)
        status = open_surgeon(&s, model, data, options, error);
    if (status == PRUNE_OK)
        status = remove_all(&s, &gone, error);
    if (status == PRUNE_OK) {
        count_units(&gone, &s, model);
        take_over(model, s.model);
        prn_result_write(removal, &gone);
    }
    close_surgeon(&s);
    return status;
}

static prune_status fill(prune_importance *scores, surgeon *s, prune_error *error)
{
    float *table;
    prune_status status = look(s, error);
    if (status != PRUNE_OK || (status = prn_importance_write(&table, scores)) != PRUNE_OK)
        return status;
    prn_walk w = { .model = s->model };
    float *next = table;
    for (const prn_param *param = prn_walk_next(&w); param != NULL; param = prn_walk_next(&w)) {
        memset(next, 0, param->count * sizeof *next);
        next += param->count;
    }
    for (size_t q = 0; q < s->n; q++)
        table[s->index[q]] = (float)saliency(s, q);
    if ((status = prn_importance_written(scores)) != PRUNE_OK)
        (void)prn_error_set(error, status, "scores", "a score is not finite");
    return status;
}

prune_status prune_score_obs(prune_importance *scores, const prune_data *data,
                             const prune_surgeon_options *options, prune_error *error)
{
    surgeon s = { 0 };
    prune_status status = prn_importance_is_supplied(scores);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "scores",
                             "NULL, not of PRUNE_SUPPLIED, or its model has changed");
    status = open_surgeon(&s, scores->model, data, options, error);
    if (status == PRUNE_OK)
        status = fill(scores, &s, error);
    close_surgeon(&s);
    return status;
}
