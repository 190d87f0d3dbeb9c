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

/* ---- what belongs together in a layer ---- */

static prn_group group_of(size_t count, const prn_slice slices[PRN_UNIT_SLICES])
{
    prn_group group = { .count = count };
    for (size_t s = 0; s < count; s++)
        group.parts[s] = (prn_part){ slices[s], 1, 0 };
    return group;
}

prn_group prn_group_output(const prn_layer *layer, size_t u)
{
    prn_slice slices[PRN_UNIT_SLICES];
    return group_of(layer->ops->unit_slices(layer, u, slices), slices);
}

prn_group prn_group_input(const prn_layer *layer, size_t u)
{
    prn_slice slices[PRN_UNIT_SLICES];
    return group_of(layer->ops->input_slices(layer, u, slices), slices);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

prn_group prn_group_block(const prn_layer *layer, size_t param, const size_t corner[2], const size_t form[2])
{
    const size_t *dims = layer->params[param].shape.dims;
    const size_t rows = smaller(form[0], dims[0] - corner[0]),
                 columns = smaller(form[1], dims[1] - corner[1]);
    const prn_slice first = { param, corner[0] * dims[1] + corner[1], 1, columns };
    return (prn_group){ 1, { { first, rows, dims[1] } } };
}

/* The elements of slice i of a part. */
static prn_slice slice_of(const prn_part *part, size_t i)
{
    prn_slice slice = part->slice;
    slice.start += i * part->step;
    return slice;
}

static int32_t slice_kept(const prn_layer *layer, prn_slice slice)
{
    for (size_t i = 0; i < slice.count; i++)
        if (prn_mask_test(layer->params[slice.param].mask, slice.start + i * slice.stride))
            return 1;
    return 0;
}

int32_t prn_group_kept(const prn_layer *layer, const prn_group *group)
{
    for (size_t p = 0; p < group->count; p++)
        for (size_t s = 0; s < group->parts[p].slices; s++)
            if (slice_kept(layer, slice_of(&group->parts[p], s)))
                return 1;
    return 0;
}

static void remove_slice(prn_layer *layer, prn_slice slice)
{
    for (size_t i = 0; i < slice.count; i++)
        prn_param_remove(&layer->params[slice.param], slice.start + i * slice.stride);
}

void prn_group_remove(prn_layer *layer, const prn_group *group)
{
    for (size_t p = 0; p < group->count; p++)
        for (size_t s = 0; s < group->parts[p].slices; s++)
            remove_slice(layer, slice_of(&group->parts[p], s));
}

static void fold_part(fold *f, take_score *take, const prn_layer *layer, size_t offset, const prn_part *part)
{
    for (size_t q = 0; q < part->slice.param; q++)
        offset += layer->params[q].count;
    for (size_t s = 0; s < part->slices; s++) {
        const prn_slice slice = slice_of(part, s);
        const piece p = { &layer->params[slice.param], offset, slice.start, slice.stride, slice.count };
        fold_piece(f, take, &p);
    }
}

/* Of what may be pruned: without biases. */
static void fold_group(fold *f, take_score *take, const prn_layer *layer, size_t offset,
                       const prn_group *group)
{
    for (size_t p = 0; p < group->count; p++)
        if (layer->params[group->parts[p].slice.param].prunable)
            fold_part(f, take, layer, offset, &group->parts[p]);
}

float prn_group_score(const prune_importance *importance, const prn_layer *layer, size_t offset,
                      const prn_group *group, int32_t aggregate)
{
    fold f = { .importance = importance, .aggregate = aggregate };
    fold_group(&f, take_largest, layer, offset, group);
    fold_group(&f, turn(&f), layer, offset, group);
    return result_of(&f);
}

/* ---- neurons and inputs ---- */

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
    for (size_t u = 0; u < rows->ops->units(rows); u++) {
        const prn_group row = prn_group_output(rows, u);
        scores[u] = prn_group_score(importance, rows, offset, &row, aggregate);
    }
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
    for (size_t u = 0; u < inputs; u++) {
        const prn_group column = prn_group_input(columns, u);
        scores[u] = prn_group_score(importance, columns, offset, &column, aggregate);
    }
    return PRUNE_OK;
}
