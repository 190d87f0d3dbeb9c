/* group.c -- one score for many weights
 *
 * Twice over a group: the largest score comes first, since what the sums are scaled by hangs on it.
 *
 * SPDX-License-Identifier: MIT */
#include "group.h"
#include "libprune/fmath.h"
#include "text.h"

#include <float.h>

/* Elements of a parameter whose scores start at `offset`. */
typedef struct piece {
    const prn_param *param;
    size_t offset;
    size_t start, stride, count;
} piece;

/* What is gathered over a group. */
typedef struct fold {
    const prune_importance *importance;
    int32_t aggregate;
    float most, widest, scale; /* the largest score, and the largest of their sizes */
    size_t count;
    prn_sum sum;
} fold;

typedef void take_score(fold *f, size_t at);

static void take_largest(fold *f, size_t at)
{
    const float score = f->importance->score[at];
    const float size = score < 0.0f ? -score : score;
    f->most = f->count == 0 || score > f->most ? score : f->most;
    f->widest = size > f->widest ? size : f->widest;
    f->count++;
}

static void take_sum(fold *f, size_t at)
{
    prn_sum_add(&f->sum, f->scale * f->importance->score[at]);
}

static void take_square(fold *f, size_t at)
{
    const float scaled = f->scale * f->importance->score[at];
    prn_sum_add(&f->sum, scaled * scaled);
}

/* The size of a term from its score. */
static float size_of(const fold *f, float score)
{
    return f->importance->criterion->squared ? prune_sqrtf(score) : score;
}

static void take_term(fold *f, size_t at)
{
    const float scaled = f->scale * size_of(f, f->importance->score[at]);
    prn_sum_add(&f->sum, prn_mask_test(f->importance->signs, at) ? -scaled : scaled);
}

static void fold_piece(fold *f, take_score *take, const piece *p)
{
    for (size_t i = 0, e = p->start; i < p->count; i++, e += p->stride)
        if (prn_mask_test(p->param->mask, e))
            take(f, p->offset + e);
}

/* A power of two that keeps the sum of up to 2^31 squares within float, neither 0 nor infinite. */
static float scale_for(float most)
{
    return most > 0x1p40f ? 0x1p-90f : most < 0x1p-50f ? 0x1p95f : 1.0f;
}

/* Between the passes: what the second one takes. */
static take_score *turn(fold *f)
{
    const int32_t terms = f->aggregate == PRUNE_ROW_SIGNED;
    f->scale = scale_for(terms ? size_of(f, f->widest) : f->widest);
    return terms ? take_term : f->aggregate == PRUNE_ROW_L2 ? take_square : take_sum;
}

static float result_of(const fold *f)
{
    const float total = f->sum.sum + f->sum.carry;
    float score = total;
    if (f->count == 0 || f->aggregate == PRUNE_ROW_MAX)
        return f->most;
    if (f->aggregate == PRUNE_ROW_L2)
        score = prune_sqrtf(total);
    if (f->aggregate == PRUNE_ROW_MEAN)
        score = total / (float)f->count;
    if (f->aggregate == PRUNE_ROW_SIGNED)
        score = total < 0.0f ? -total : total;
    score /= f->scale;
    if (f->aggregate == PRUNE_ROW_SIGNED && f->importance->criterion->squared)
        score *= score;
    return score > FLT_MAX ? FLT_MAX : score < -FLT_MAX ? -FLT_MAX : score;
}

prune_status prn_group_aggregate(const prune_importance *importance, int32_t aggregate)
{
    const int32_t known = aggregate >= PRUNE_ROW_MAX && aggregate <= PRUNE_ROW_SIGNED;
    const int32_t has_terms = aggregate != PRUNE_ROW_SIGNED || importance->criterion->has_sign;
    return known && has_terms ? PRUNE_OK : PRUNE_E_ARGUMENT;
}

/* ---- any slices ---- */

static piece piece_of(const prune_importance *importance, const prune_slice *slice)
{
    return (piece){ prn_model_param(importance->model, slice->param),
                    prn_model_offset(importance->model, slice->param), slice->start, slice->stride,
                    slice->count };
}

static void fold_slices(fold *f, take_score *take, const prune_slice *slices, size_t count)
{
    for (size_t s = 0; s < count; s++) {
        const piece p = piece_of(f->importance, &slices[s]);
        fold_piece(f, take, &p);
    }
}

static const char *wrong_with(prune_status *status, const prune_model *model, const prune_slice *slice)
{
    const prn_param *param = prn_model_param(model, slice->param);
    *status = PRUNE_E_RANGE;
    if (param == NULL)
        return "the model has no such parameter";
    if (slice->count != 0 && slice->start >= param->count)
        return "it starts beyond the end of the parameter";
    *status = PRUNE_E_ARGUMENT;
    if (slice->stride == 0)
        return "its stride is 0";
    *status = PRUNE_E_RANGE;
    if (slice->count != 0 && slice->count - 1 > (param->count - 1 - slice->start) / slice->stride)
        return "it goes on beyond the end of the parameter";
    *status = PRUNE_OK;
    return NULL;
}

static prune_status check_slices(const prune_importance *importance, const prune_slice *slices, size_t count,
                                 prune_error *error)
{
    for (size_t s = 0; s < count; s++) {
        prune_status status;
        const char *reason = wrong_with(&status, importance->model, &slices[s]);
        const ptrdiff_t numbers[] = { (ptrdiff_t)s };
        if (status != PRUNE_OK)
            return prn_error_format(error, status, "slices[%]", reason, numbers);
    }
    return PRUNE_OK;
}

prune_status prune_importance_group(float *score, const prune_importance *importance,
                                    const prune_slice *slices, size_t count, int32_t aggregate,
                                    prune_error *error)
{
    prune_status status = prn_importance_check(importance);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "importance", "NULL, without scores, or its model has changed");
    if (score == NULL || (slices == NULL && count != 0))
        return prn_error_set(error, PRUNE_E_ARGUMENT, score == NULL ? "score" : "slices", "NULL");
    status = prn_group_aggregate(importance, aggregate);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "aggregate",
                             "not one of PRUNE_ROW_, or these scores have no sign");
    status = check_slices(importance, slices, count, error);
    if (status != PRUNE_OK)
        return status;
    fold f = { .importance = importance, .aggregate = aggregate };
    fold_slices(&f, take_largest, slices, count);
    fold_slices(&f, turn(&f), slices, count);
    *score = result_of(&f);
    return PRUNE_OK;
}

/* ---- what a layer says belongs together ---- */

typedef size_t layer_slices(const prn_layer *layer, size_t u, prn_slice slices[PRN_UNIT_SLICES]);

/* Of what may be pruned: without biases. */
static void fold_layer(fold *f, take_score *take, const prn_layer *layer, size_t offset,
                       const prn_slice *slices, size_t count)
{
    for (size_t s = 0; s < count; s++) {
        piece p = { &layer->params[slices[s].param], offset, slices[s].start, slices[s].stride,
                    slices[s].count };
        for (size_t q = 0; q < slices[s].param; q++)
            p.offset += layer->params[q].count;
        if (p.param->prunable)
            fold_piece(f, take, &p);
    }
}

/* The group of unit u, as `list` has it. */
static float score_unit(const prune_importance *importance, const prn_layer *layer, size_t offset, size_t u,
                        int32_t aggregate, layer_slices *list)
{
    prn_slice slices[PRN_UNIT_SLICES];
    const size_t count = list(layer, u, slices);
    fold f = { .importance = importance, .aggregate = aggregate };
    fold_layer(&f, take_largest, layer, offset, slices, count);
    fold_layer(&f, turn(&f), layer, offset, slices, count);
    return result_of(&f);
}

float prn_group_neuron(const prune_importance *importance, const prn_layer *layer, size_t offset, size_t u,
                       int32_t aggregate)
{
    return score_unit(importance, layer, offset, u, aggregate, layer->ops->unit_slices);
}

static prune_status check_layer(const float *scores, const prune_importance *importance, size_t layer,
                                int32_t aggregate)
{
    prune_status status = prn_importance_check(importance);
    if (status == PRUNE_OK)
        status = scores == NULL ? PRUNE_E_ARGUMENT : prn_group_aggregate(importance, aggregate);
    if (status != PRUNE_OK)
        return status;
    if (layer >= importance->model->layer_count)
        return PRUNE_E_RANGE;
    const prn_layer *weights = importance->model->layers[layer];
    return weights->ops->units(weights) != 0 ? PRUNE_OK : PRUNE_E_RANGE;
}

static size_t offset_of(const prune_importance *importance, size_t layer)
{
    size_t offset = 0;
    for (size_t l = 0; l < layer; l++)
        offset += prn_layer_floats(importance->model->layers[l]);
    return offset;
}

prune_status prune_importance_neurons(float *scores, size_t capacity, const prune_importance *importance,
                                      size_t layer, int32_t aggregate)
{
    const prune_status status = check_layer(scores, importance, layer, aggregate);
    if (status != PRUNE_OK)
        return status;
    const prn_layer *rows = importance->model->layers[layer];
    const size_t offset = offset_of(importance, layer);
    if (capacity < rows->ops->units(rows))
        return PRUNE_E_SHAPE;
    for (size_t u = 0; u < rows->ops->units(rows); u++)
        scores[u] = prn_group_neuron(importance, rows, offset, u, aggregate);
    return PRUNE_OK;
}

prune_status prune_importance_inputs(float *scores, size_t capacity, const prune_importance *importance,
                                     size_t layer, int32_t aggregate)
{
    const prune_status status = check_layer(scores, importance, layer, aggregate);
    if (status != PRUNE_OK)
        return status;
    const prn_layer *columns = importance->model->layers[layer];
    const size_t offset = offset_of(importance, layer), inputs = prn_shape_count(&columns->input);
    if (capacity < inputs)
        return PRUNE_E_SHAPE;
    for (size_t u = 0; u < inputs; u++)
        scores[u] = score_unit(importance, columns, offset, u, aggregate, columns->ops->input_slices);
    return PRUNE_OK;
}
