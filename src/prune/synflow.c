/* synflow.c -- pruning before training, without data: iterative synaptic flow
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/synflow.h"
#include "libprune/fraction.h"
#include "options.h"
#include "real.h"
#include "removal.h"
#include "supplied.h"
#include "unit.h"

#include <string.h>

/* ---- scores ---- */

/* Flow on its way: vectors are scaled so that the largest number is 1. */
typedef struct flow {
    size_t bytes;
    double *in;      /* into each layer, one after the other */
    double *back[2]; /* dR by the outputs of a layer and by its inputs, in turn; [widest] */
} flow;

static size_t inputs_of(const prn_layer *layer)
{
    return prn_shape_count(&layer->input);
}

/* The weights [out][in] of a layer that has such. */
static const prn_param *matrix_of(const prn_layer *layer)
{
    for (size_t p = 0; p < layer->param_count; p++)
        if (layer->params[p].prunable)
            return &layer->params[p];
    return NULL;
}

static prune_status open_flow(flow *f, const prune_allocator *mem, const prune_model *model)
{
    const size_t out = prn_model_width(model), in = prn_model_width_in(model), wide = out > in ? out : in;
    size_t numbers = 0;
    for (size_t l = 0; l < model->layer_count; l++)
        numbers += inputs_of(model->layers[l]);
    prn_layout layout = { 0 };
    const size_t at_in = prn_layout_add(&layout, numbers, sizeof(double));
    const size_t at_back = prn_layout_add(&layout, wide, sizeof(double));
    const size_t at_next = prn_layout_add(&layout, wide, sizeof(double));
    if (layout.overflow)
        return PRUNE_E_OVERFLOW;
    unsigned char *block = prn_mem_alloc(mem, 1, layout.bytes);
    if (block == NULL)
        return PRUNE_E_MEMORY;
    *f = (flow){ layout.bytes,
                 (double *)(void *)(block + at_in),
                 { (double *)(void *)(block + at_back), (double *)(void *)(block + at_next) } };
    return PRUNE_OK;
}

static void scale_to_one(double *x, size_t count)
{
    double most = 0.0;
    for (size_t i = 0; i < count; i++)
        most = x[i] > most ? x[i] : most;
    for (size_t i = 0; i < count && most > 0.0; i++)
        x[i] /= most;
}

static double size_of(float w)
{
    return w < 0.0f ? -(double)w : (double)w;
}

/* What a unit's number is multiplied by, where units go their own way. */
static double factor_of(const prn_layer *layer, size_t u)
{
    float scale_shift[2] = { 1.0f, 0.0f };
    if (layer->ops->affine != NULL)
        layer->ops->affine(layer, u, scale_shift);
    return size_of(scale_shift[0]);
}

static void flow_forward(double *y, const prn_layer *layer, const double *x)
{
    const prn_param *matrix = matrix_of(layer);
    const size_t inputs = inputs_of(layer), outputs = prn_shape_count(&layer->output);
    for (size_t o = 0; o < outputs; o++) {
        y[o] = matrix == NULL ? factor_of(layer, o) * x[o] : 0.0;
        for (size_t i = 0; matrix != NULL && i < inputs; i++)
            y[o] += size_of(matrix->value[o * inputs + i]) * x[i];
    }
    scale_to_one(y, outputs);
}

static void flow_backward(double *dx, const prn_layer *layer, const double *dy)
{
    const prn_param *matrix = matrix_of(layer);
    const size_t inputs = inputs_of(layer), outputs = prn_shape_count(&layer->output);
    for (size_t i = 0; i < inputs; i++)
        dx[i] = matrix == NULL ? factor_of(layer, i) * dy[i] : 0.0;
    for (size_t o = 0; matrix != NULL && o < outputs; o++)
        for (size_t i = 0; i < inputs; i++)
            dx[i] += size_of(matrix->value[o * inputs + i]) * dy[o];
    scale_to_one(dx, inputs);
}

/* The matrix's scores, so that they add up to 1. */
static void score_matrix(float *scores, const prn_param *matrix, const double *x, const double *dy)
{
    const size_t inputs = matrix->count / matrix->shape.dims[0];
    double sum = 0.0;
    for (size_t k = 0; k < matrix->count; k++)
        sum += size_of(matrix->value[k]) * x[k % inputs] * dy[k / inputs];
    for (size_t k = 0; k < matrix->count; k++) {
        const double own = size_of(matrix->value[k]) * x[k % inputs] * dy[k / inputs];
        scores[k] = sum > 0.0 ? (float)(own / sum) : 0.0f;
    }
}

static void score_layer(float *scores, const prn_layer *layer, const double *x, const double *dy)
{
    for (size_t p = 0; p < layer->param_count; scores += layer->params[p++].count)
        if (layer->params[p].prunable)
            score_matrix(scores, &layer->params[p], x, dy);
}

/* `scores` and f->in are at their ends when it starts. */
static void score_backward(float *scores, const flow *f, const prune_model *model, const double *in)
{
    size_t turn = 0;
    for (size_t o = 0; o < prn_shape_count(prn_model_output(model)); o++)
        f->back[0][o] = 1.0;
    for (size_t l = model->layer_count; l-- > 0; turn = 1 - turn) {
        const prn_layer *layer = model->layers[l];
        in -= inputs_of(layer);
        scores -= prn_layer_floats(layer);
        score_layer(scores, layer, in, f->back[turn]);
        flow_backward(f->back[1 - turn], layer, f->back[turn]);
    }
}

static void score(float *scores, const flow *f, const prune_model *model)
{
    double *in = f->in;
    for (size_t i = 0; i < inputs_of(model->layers[0]); i++)
        in[i] = 1.0;
    for (size_t l = 0; l + 1 < model->layer_count; l++) {
        double *next = in + inputs_of(model->layers[l]);
        flow_forward(next, model->layers[l], in);
        in = next;
    }
    in += inputs_of(model->layers[model->layer_count - 1]);
    score_backward(scores + prn_model_floats(model), f, model, in);
}

static int32_t is_finite(const prune_model *model)
{
    prn_walk walk = { .model = model };
    for (const prn_param *param = prn_walk_next(&walk); param != NULL; param = prn_walk_next(&walk))
        if (prn_scan_finite(param->value, param->count) != param->count)
            return 0;
    return 1;
}

prune_status prune_score_synflow(prune_importance *scores)
{
    flow f;
    float *to;
    if (scores == NULL)
        return PRUNE_E_ARGUMENT;
    prune_status status = open_flow(&f, &scores->mem, scores->model);
    if (status != PRUNE_OK)
        return status;
    status = prn_importance_write(&to, scores);
    if (status == PRUNE_OK && !is_finite(scores->model))
        status = PRUNE_E_NONFINITE;
    if (status == PRUNE_OK) {
        score(to, &f, scores->model);
        status = prn_importance_written(scores);
    }
    prn_mem_free(&scores->mem, f.in, 1, f.bytes);
    return status;
}

/* ---- the protocol ---- */

typedef struct protocol {
    prune_selection selection;
    uint64_t rounds, units, kept; /* of all, at the start */
    uint64_t gone;                /* in the end */
    prune_removal removal;        /* of the last round */
} protocol;

/* How many are gone after a round: as many as Python's int((1 - density) * units) where all were kept. */
static uint64_t gone_after(const protocol *p, uint64_t round)
{
    if (round == p->rounds)
        return p->gone;
    const double units = (double)p->units, start = (double)p->kept / units;
    const double end = (double)(p->units - p->gone) / units;
    const double share = (double)round / (double)p->rounds;
    return (uint64_t)((1.0 - start * prn_real_exp(share * prn_real_log(end / start))) * units);
}

static prune_status run_rounds(protocol *p, prune_model *model, prune_importance *scores)
{
    uint64_t units, kept;
    prune_status status = PRUNE_OK;
    for (uint64_t round = 1; round <= p->rounds && status == PRUNE_OK; round++) {
        const uint64_t gone = gone_after(p, round);
        status = prune_mask_units(&units, &kept, model, &p->selection);
        if (status != PRUNE_OK || units - kept >= gone)
            continue;
        status = prune_score_synflow(scores);
        if (status == PRUNE_OK)
            status = prune_mask_lowest(&p->removal, model, scores, &p->selection, gone - (units - kept));
    }
    return status;
}

static prune_status prune_clone(protocol *p, prune_model *clone, const prune_allocator *mem)
{
    prune_importance *scores;
    prune_status status = prune_importance_create(&scores, mem, clone, PRUNE_SUPPLIED);
    if (status == PRUNE_OK)
        status = run_rounds(p, clone, scores);
    prune_importance_free(scores);
    return status;
}

/* Removes what the clone has not any more, and says what went. */
static void take_over(prune_removal *removal, const protocol *p, prune_model *model, const prune_model *clone)
{
    prn_walk walk = { .model = model }, other = { .model = clone };
    for (size_t l = 0; l < model->layer_count; l++) {
        const size_t before = prn_unit_count_layer(&p->selection, model, l).kept;
        const size_t after = prn_unit_count_layer(&p->selection, clone, l).kept;
        if (removal->by_layer != NULL)
            removal->by_layer[l] = before - after;
        removal->removed += before - after;
    }
    for (prn_param *param = prn_walk_next(&walk); param != NULL; param = prn_walk_next(&walk)) {
        const prn_param *theirs = prn_walk_next(&other);
        for (size_t i = 0; i < param->count; i++)
            if (!prn_mask_test(theirs->mask, i))
                prn_param_remove(param, i);
    }
    removal->units = p->units;
    removal->kept = p->kept - removal->removed;
    removal->threshold = p->removal.threshold;
}

static prune_status read_arguments(protocol *p, prune_removal *mine, const prune_removal *theirs,
                                   const prune_model *model, const prune_selection *selection)
{
    prune_removal_init(&p->removal);
    prune_status status = prn_unit_selection(&p->selection, selection, model);
    if (status == PRUNE_OK)
        status = prn_removal_open(mine, theirs, model, NULL);
    if (status != PRUNE_OK)
        return status;
    return p->selection.scope == PRUNE_GLOBAL ? PRUNE_OK : PRUNE_E_ARGUMENT;
}

prune_status prune_synflow(prune_removal *removal, prune_model *model, const prune_selection *selection,
                           double fraction, uint64_t rounds)
{
    protocol p = { .rounds = rounds };
    prune_removal mine;
    prune_model *clone;
    prune_status status = read_arguments(&p, &mine, removal, model, selection);
    if (status == PRUNE_OK)
        status = prune_mask_units(&p.units, &p.kept, model, &p.selection);
    if (status == PRUNE_OK)
        status = rounds > 0 ? prune_fraction_count(&p.gone, fraction, p.units) : PRUNE_E_RANGE;
    if (status == PRUNE_OK && p.gone == p.units && p.gone > 0)
        status = PRUNE_E_COLLAPSE;
    if (status == PRUNE_OK)
        status = prune_model_clone(&clone, &model->mem, model);
    if (status != PRUNE_OK)
        return status;
    if (p.units - p.kept < p.gone)
        status = prune_clone(&p, clone, &model->mem);
    if (status == PRUNE_OK) {
        take_over(&mine, &p, model, clone);
        prn_result_write(removal, &mine);
    }
    prune_model_free(clone);
    return status;
}
