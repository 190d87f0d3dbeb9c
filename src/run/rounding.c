/* rounding.c -- training that knows of int8: the model holds what rounding leaves of its weights
 *
 * SPDX-License-Identifier: MIT */
#include "rounding.h"
#include "model.h"
#include "scan.h"

#include <float.h>

enum { WEIGHT = 0, LARGEST = 127 };

/* For each weight of the dense layers, in their order: as it is before rounding, and as it was rounded. */
struct prune_rounding {
    prune_allocator mem;
    prune_model *model;
    uint32_t signature;
    int32_t per_layer;
    size_t count;
    float *exact, *rounded;
};

/* The next matrix of weights, from layer *l on; NULL: no more. */
static prn_param *next_weights(const prune_model *model, size_t *l)
{
    while (*l < model->layer_count && model->layers[*l]->ops->kind != PRUNE_LAYER_DENSE)
        ++*l;
    return *l < model->layer_count ? &model->layers[(*l)++]->params[WEIGHT] : NULL;
}

static size_t count_weights(const prune_model *model)
{
    const prn_param *param;
    size_t count = 0;
    for (size_t l = 0; (param = next_weights(model, &l)) != NULL;)
        count += param->count;
    return count;
}

/* What one scale holds of the weights, to the nearest, halves away from 0. */
static void round_group(float *rounded, const float *exact, size_t count)
{
    double most = 0.0;
    for (size_t i = 0; i < count; i++) {
        const double size = exact[i] < 0.0f ? -(double)exact[i] : (double)exact[i];
        most = size > most ? size : most;
    }
    const double scale = most / LARGEST;
    for (size_t i = 0; i < count; i++) {
        const double at = most > 0.0 ? (double)exact[i] / scale : 0.0;
        rounded[i] = (float)(scale * (double)(int32_t)(at + (at < 0.0 ? -0.5 : 0.5)));
    }
}

static void round_param(const prune_rounding *r, const prn_param *param, size_t offset)
{
    const size_t group = r->per_layer ? param->count : (size_t)param->shape.dims[1];
    for (size_t at = 0; at < param->count; at += group)
        round_group(r->rounded + offset + at, r->exact + offset + at, group);
    for (size_t i = 0; i < param->count; i++)
        param->value[i] = r->rounded[offset + i];
}

/* What weight i of all stands for, since it has moved: a float or beyond. */
static double moved(const prune_rounding *r, const prn_param *param, size_t offset, size_t i)
{
    return (double)r->exact[offset + i] + ((double)param->value[i] - (double)r->rounded[offset + i]);
}

static int32_t can_take_over(const prune_rounding *r, const prn_param *param, size_t offset)
{
    if (prn_scan_finite(param->value, param->count) != param->count)
        return 0;
    for (size_t i = 0; i < param->count; i++) {
        const double to = moved(r, param, offset, i);
        if (prn_mask_test(param->mask, i) && (to > (double)FLT_MAX || to < -(double)FLT_MAX))
            return 0;
    }
    return 1;
}

static void take_over(const prune_rounding *r, const prn_param *param, size_t offset)
{
    for (size_t i = 0; i < param->count; i++)
        r->exact[offset + i] = prn_mask_test(param->mask, i) ? (float)moved(r, param, offset, i) : 0.0f;
}

prune_status prune_rounding_update(prune_rounding *r)
{
    const prn_param *param;
    size_t offset = 0;
    if (r == NULL)
        return PRUNE_E_ARGUMENT;
    if (prn_model_signature(r->model) != r->signature)
        return PRUNE_E_STATE;
    for (size_t l = 0; (param = next_weights(r->model, &l)) != NULL; offset += param->count)
        if (!can_take_over(r, param, offset))
            return PRUNE_E_NONFINITE;
    offset = 0;
    for (size_t l = 0; (param = next_weights(r->model, &l)) != NULL; offset += param->count) {
        take_over(r, param, offset);
        round_param(r, param, offset);
    }
    return PRUNE_OK;
}

prune_status prn_rounding_check(const prune_rounding *r, const prune_model *model)
{
    if (r->model != model)
        return PRUNE_E_ARGUMENT;
    return prn_model_signature(model) == r->signature ? PRUNE_OK : PRUNE_E_STATE;
}

void prn_rounding_restart(prune_rounding *r)
{
    const prn_param *param;
    size_t offset = 0;
    for (size_t l = 0; r != NULL && (param = next_weights(r->model, &l)) != NULL; offset += param->count)
        for (size_t i = 0; i < param->count; i++)
            r->exact[offset + i] = r->rounded[offset + i] = param->value[i];
}

static size_t bytes_of(size_t count)
{
    return sizeof(prune_rounding) + 2 * count * sizeof(float);
}

prune_status prune_rounding_create(prune_rounding **out, const prune_allocator *mem, prune_model *model,
                                   int32_t per_layer)
{
    if (out == NULL)
        return PRUNE_E_ARGUMENT;
    *out = NULL;
    prune_status status = prn_model_check(model);
    if (status == PRUNE_OK)
        status = prune_model_verify(model, NULL);
    if (status != PRUNE_OK)
        return status;
    if (per_layer != 0 && per_layer != 1)
        return PRUNE_E_ARGUMENT;
    const size_t count = count_weights(model);
    if (count > (SIZE_MAX - sizeof(prune_rounding)) / (2 * sizeof(float)))
        return PRUNE_E_OVERFLOW;
    prune_allocator own = model->mem;
    status = mem == NULL ? PRUNE_OK : prn_mem_choose(&own, mem);
    if (status != PRUNE_OK)
        return status;
    prune_rounding *made = prn_mem_alloc(&own, 1, bytes_of(count));
    if (made == NULL)
        return PRUNE_E_MEMORY;
    float *exact = (float *)(void *)(made + 1);
    *made =
        (prune_rounding){ own, model, prn_model_signature(model), per_layer, count, exact, exact + count };
    status = prune_rounding_update(made); /* of zeros, which all weights have moved away from */
    if (status == PRUNE_OK)
        *out = made;
    else
        prune_rounding_free(made);
    return status;
}

void prune_rounding_free(prune_rounding *rounding)
{
    if (rounding == NULL)
        return;
    const prune_allocator mem = rounding->mem;
    prn_mem_free(&mem, rounding, 1, bytes_of(rounding->count));
}
