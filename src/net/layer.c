/* layer.c -- parameters and their masks, the same for every kind of layer
 *
 * SPDX-License-Identifier: MIT */
#include "layer.h"

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

void prn_param_mask_values(const prn_param *param, float *values)
{
    if (param->removed == 0)
        return;
    for (size_t i = 0; i < param->count; i++)
        values[i] = prn_mask_test(param->mask, i) ? values[i] : 0.0f;
}

void prn_param_unmask(prn_param *param)
{
    memset(param->mask, 0xff, prn_mask_words(param->count) * sizeof *param->mask);
    param->removed = 0;
}

static uint32_t count_ones(uint32_t word)
{
    word -= word >> 1 & 0x55555555u;
    word = (word & 0x33333333u) + (word >> 2 & 0x33333333u);
    return ((word + (word >> 4)) & 0x0f0f0f0fu) * 0x01010101u >> 24;
}

size_t prn_param_count_removed(const prn_param *param)
{
    size_t removed = 0;
    for (size_t i = 0; i < prn_mask_words(param->count); i++)
        removed += 32 - count_ones(param->mask[i]);
    return removed;
}

size_t prn_layer_floats(const prn_layer *layer)
{
    size_t floats = 0;
    for (size_t i = 0; i < layer->param_count; i++)
        floats += layer->params[i].count;
    return floats;
}
