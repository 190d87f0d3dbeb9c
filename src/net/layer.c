/* layer.c -- memory, parameters and masks, the same for every kind of layer
 *
 * SPDX-License-Identifier: MIT */
#include "layer.h"
#include "words.h"

#include <string.h>

void prune_layer_info_init(prune_layer_info *info)
{
    if (info != NULL)
        *info = (prune_layer_info){ .size = sizeof *info };
}

void prune_param_info_init(prune_param_info *info)
{
    if (info != NULL)
        *info = (prune_param_info){ .size = sizeof *info };
}

/* ---- making ---- */

prune_status prn_layer_plan_make(prn_layer_plan *plan, const prn_layer_ops *ops, const prn_layer_spec *spec,
                                 const prune_shape *input)
{
    const prune_status status = ops->check == NULL ? PRUNE_OK : ops->check(spec);
    if (status != PRUNE_OK)
        return status;
    *plan = (prn_layer_plan){ .layer = { .ops = ops, .spec = *spec, .input = *input } };
    plan->layer.params = plan->params;
    return ops->plan(&plan->layer);
}

/* Lays all out in one block. With block NULL only the size counts. */
static void lay_out(prn_layout *layout, const prn_layer *from, unsigned char *block)
{
    prn_layout_add(layout, 1, sizeof *from);
    const size_t params = prn_layout_add(layout, from->param_count, sizeof *from->params);
    for (size_t i = 0; i < from->param_count; i++) {
        const prn_param *param = &from->params[i];
        const size_t value = prn_layout_add(layout, param->count, sizeof *param->value);
        const size_t mask = prn_layout_add(layout, prn_mask_words(param->count), sizeof *param->mask);
        if (block == NULL)
            continue;
        prn_param *mine = (prn_param *)(void *)(block + params) + i;
        *mine = *param;
        mine->value = (float *)(void *)(block + value);
        mine->mask = (uint32_t *)(void *)(block + mask);
    }
    if (block != NULL)
        ((prn_layer *)(void *)block)->params = (prn_param *)(void *)(block + params);
}

prune_status prn_layer_create(prn_layer **out, const prune_allocator *mem, const prn_layer_plan *plan)
{
    prn_layout layout = { 0 };
    lay_out(&layout, &plan->layer, NULL);
    if (layout.overflow)
        return PRUNE_E_OVERFLOW;
    prn_layer *layer = prn_mem_alloc(mem, 1, layout.bytes);
    if (layer == NULL)
        return PRUNE_E_MEMORY;
    *layer = plan->layer;
    layer->bytes = layout.bytes;
    layout = (prn_layout){ 0 };
    lay_out(&layout, &plan->layer, (unsigned char *)layer);
    for (size_t p = 0; p < layer->param_count; p++)
        prn_param_unmask(&layer->params[p]);
    *out = layer;
    return PRUNE_OK;
}

prn_layer *prn_layer_clone(const prune_allocator *mem, const prn_layer *from)
{
    prn_layout layout = { 0 };
    prn_layer *to = prn_mem_alloc(mem, 1, from->bytes);
    if (to == NULL)
        return NULL;
    memcpy(to, from, from->bytes);
    lay_out(&layout, from, (unsigned char *)to);
    return to;
}

/* ---- entries of tables ---- */

void prn_layer_initialize(prn_layer *layer, int32_t initializer, prune_rng *rng)
{
    (void)initializer;
    (void)rng;
    for (size_t p = 0; p < layer->param_count; p++)
        prn_param_fill(&layer->params[p], layer->params[p].initial);
}

prune_status prn_layer_same_shape(prn_layer *layer)
{
    layer->output = layer->input;
    return PRUNE_OK;
}

size_t prn_layer_no_size(const prn_layer *layer)
{
    (void)layer;
    return 0;
}

uint64_t prn_layer_no_macs(const prn_layer *layer)
{
    (void)layer;
    return 0;
}

size_t prn_layer_no_slices(const prn_layer *layer, size_t u, prn_slice slices[PRN_UNIT_SLICES])
{
    (void)layer;
    (void)u;
    (void)slices;
    return 0;
}

/* ---- parameters and shapes ---- */

size_t prn_shape_count(const prune_shape *shape)
{
    size_t count = 1;
    for (size_t i = 0; i < shape->rank; i++)
        count *= shape->dims[i];
    return count;
}

int32_t prn_shape_equal(const prune_shape *a, const prune_shape *b)
{
    return a->rank == b->rank && memcmp(a->dims, b->dims, a->rank * sizeof a->dims[0]) == 0;
}

size_t prn_mask_words(size_t count)
{
    return count / 32 + (count % 32 != 0);
}

void prn_param_remove(prn_param *param, size_t i)
{
    const uint32_t bit = (uint32_t)1 << (i % 32);
    if ((param->mask[i / 32] & bit) == 0)
        return;
    param->mask[i / 32] &= ~bit;
    param->removed++;
    param->value[i] = 0.0f;
}

void prn_param_remove_word(prn_param *param, size_t word, uint32_t bits)
{
    const size_t first = PRN_WORD * word, left = param->count - first;
    bits &= param->mask[word];
    param->mask[word] &= ~bits;
    param->removed += prn_word_ones(bits);
    if (left >= PRN_WORD)
        prn_word_clear(param->value + first, bits);
    for (size_t i = first; left < PRN_WORD && i < param->count; i++)
        if (!prn_mask_test(param->mask, i))
            param->value[i] = 0.0f;
}

void prn_param_return(prn_param *param, size_t i)
{
    const uint32_t bit = (uint32_t)1 << (i % 32);
    if ((param->mask[i / 32] & bit) != 0)
        return;
    param->mask[i / 32] |= bit;
    param->removed--;
    param->value[i] = param->initial;
}

void prn_param_mask_values(const prn_param *param, float *values)
{
    if (param->removed == 0)
        return;
    for (size_t i = 0; i < param->count; i++)
        values[i] = prn_mask_test(param->mask, i) ? values[i] : 0.0f;
}

void prn_param_fill(prn_param *param, float value)
{
    for (size_t i = 0; i < param->count; i++)
        param->value[i] = value;
    prn_param_mask_values(param, param->value);
}

void prn_param_unmask(prn_param *param)
{
    memset(param->mask, 0xff, prn_mask_words(param->count) * sizeof *param->mask);
    param->removed = 0;
}

void prn_param_revive(prn_param *param)
{
    for (size_t i = 0; i < param->count; i++)
        if (!prn_mask_test(param->mask, i))
            param->value[i] = param->initial;
    prn_param_unmask(param);
}

size_t prn_param_count_removed(const prn_param *param)
{
    size_t removed = 0;
    for (size_t i = 0; i < prn_mask_words(param->count); i++)
        removed += PRN_WORD - prn_word_ones(param->mask[i]);
    return removed;
}

size_t prn_layer_groups(const prn_layer *layer)
{
    return layer->ops->units(layer) == 0 ? 0
                                         : prn_shape_count(&layer->input) + prn_shape_count(&layer->output);
}

size_t prn_layer_floats(const prn_layer *layer)
{
    size_t floats = 0;
    for (size_t i = 0; i < layer->param_count; i++)
        floats += layer->params[i].count;
    return floats;
}
