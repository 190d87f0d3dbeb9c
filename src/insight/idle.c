/* idle.c -- neurons and inputs that do nothing any more, and why
 *
 * SPDX-License-Identifier: MIT */
#include "idle.h"

int32_t prn_idle_has(const prn_layer *layer)
{
    return layer->ops->kind == PRUNE_LAYER_DENSE;
}

static int32_t is_zero(float value)
{
    return value >= 0.0f && value <= 0.0f;
}

/* Whether every element is 0, or with `masks` is removed. */
static int32_t is_empty(const prn_layer *layer, const prn_slice *slice, int32_t masks)
{
    const prn_param *param = &layer->params[slice->param];
    for (size_t n = 0; n < slice->count; n++) {
        const size_t i = slice->start + n * slice->stride;
        if (masks ? prn_mask_test(param->mask, i) : !is_zero(param->value[i]))
            return 0;
    }
    return 1;
}

/* Slice 0 is the row. */
static int32_t made_by(const prn_layer *maker, size_t u)
{
    prn_slice slices[PRN_UNIT_SLICES];
    const size_t count = maker->ops->unit_slices(maker, u, slices);
    int32_t removed = count > 0;
    for (size_t i = 0; i < count && removed; i++)
        removed = is_empty(maker, &slices[i], 1);
    if (removed)
        return PRUNE_IDLE_REMOVED;
    return count > 0 && is_empty(maker, &slices[0], 0) ? PRUNE_IDLE_CONSTANT : PRUNE_IDLE_NOT;
}

static int32_t is_read(const prune_model *model, size_t first, size_t u)
{
    prn_slice slices[PRN_UNIT_SLICES];
    size_t l = first;
    while (l < model->layer_count && model->layers[l]->ops->unitwise)
        l++;
    if (l == model->layer_count || !prn_idle_has(model->layers[l]))
        return 1;
    const size_t count = model->layers[l]->ops->input_slices(model->layers[l], u, slices);
    int32_t read = count == 0;
    for (size_t i = 0; i < count && !read; i++)
        read = !is_empty(model->layers[l], &slices[i], 0);
    return read;
}

int32_t prn_idle_unit(const prune_model *model, size_t first, size_t u)
{
    const int32_t made = first > 0 ? made_by(model->layers[first - 1], u) : PRUNE_IDLE_NOT;
    if (made != PRUNE_IDLE_NOT)
        return made;
    return is_read(model, first, u) ? PRUNE_IDLE_NOT : PRUNE_IDLE_UNREAD;
}

static prune_status fill(uint8_t *idle, size_t count, const prune_model *model, size_t first)
{
    const prune_shape *shape = first == 0 ? &model->input : &model->layers[first - 1]->output;
    if (count != prn_shape_count(shape))
        return PRUNE_E_SHAPE;
    for (size_t u = 0; u < count; u++)
        idle[u] = (uint8_t)prn_idle_unit(model, first, u);
    return PRUNE_OK;
}

prune_status prune_idle_neurons(uint8_t *idle, size_t count, const prune_model *model, size_t layer)
{
    const prune_status status = idle == NULL ? PRUNE_E_ARGUMENT : prn_model_check(model);
    if (status != PRUNE_OK)
        return status;
    if (layer >= model->layer_count || !prn_idle_has(model->layers[layer]))
        return PRUNE_E_RANGE;
    return fill(idle, count, model, layer + 1);
}

prune_status prune_idle_inputs(uint8_t *idle, size_t count, const prune_model *model)
{
    const prune_status status = idle == NULL ? PRUNE_E_ARGUMENT : prn_model_check(model);
    return status == PRUNE_OK ? fill(idle, count, model, 0) : status;
}

const char *prune_idle_name(int32_t idle)
{
    static const char *const names[] = { NULL, "removed", "constant", "unread", "compacted" };
    return idle >= 0 && idle < PRN_IDLE_KINDS ? names[idle] : NULL;
}
