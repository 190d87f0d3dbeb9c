/* chain.c -- a model as spaces of units: its inputs, and the outputs of each dense layer
 *
 * SPDX-License-Identifier: MIT */
#include "chain.h"

static int32_t is_dense(const prn_layer *layer)
{
    return layer->ops->kind == PRUNE_LAYER_DENSE;
}

static size_t next_dense(const prune_model *model, size_t l)
{
    while (l < model->layer_count && !is_dense(model->layers[l]))
        l++;
    return l;
}

static int32_t keeps_units_apart(const prune_model *model, const prn_space *space)
{
    for (size_t l = space->first; l < space->reader; l++)
        if (!model->layers[l]->ops->unitwise)
            return 0;
    return 1;
}

/* Units and spaces, and the widest of them. */
static size_t measure(size_t count_widest[2], const prune_model *model)
{
    size_t units = prn_shape_count(&model->input);
    count_widest[0] = 1;
    count_widest[1] = units;
    for (size_t l = next_dense(model, 0); l < model->layer_count; l = next_dense(model, l + 1)) {
        const size_t width = prn_shape_count(&model->layers[l]->output);
        units += width;
        count_widest[0]++;
        count_widest[1] = width > count_widest[1] ? width : count_widest[1];
    }
    return units;
}

static void fill_in(prn_chain *c, uint8_t *fate, int32_t drop_inputs)
{
    const prune_model *model = c->model;
    size_t first = 0, width = prn_shape_count(&model->input);
    for (size_t s = 0; s < c->count; s++) {
        prn_space *space = &c->spaces[s];
        *space = (prn_space){ width, first, next_dense(model, first), 0, fate };
        space->pinned = space->reader == model->layer_count || !keeps_units_apart(model, space) ||
                        (s == 0 && !drop_inputs);
        fate += width;
        first = space->reader + 1;
        width = first > model->layer_count ? 0 : prn_shape_count(&model->layers[first - 1]->output);
    }
}

prune_status prn_chain_create(prn_chain **out, const prune_allocator *mem, const prune_model *model,
                              int32_t drop_inputs)
{
    size_t count_widest[2];
    prn_layout layout = { 0 };
    const size_t units = measure(count_widest, model);
    prn_layout_add(&layout, 1, sizeof(prn_chain));
    const size_t spaces = prn_layout_add(&layout, count_widest[0], sizeof(prn_space));
    const size_t value = prn_layout_add(&layout, count_widest[1], sizeof(float));
    const size_t other = prn_layout_add(&layout, count_widest[1], sizeof(float));
    const size_t fate = prn_layout_add(&layout, units, 1);
    *out = NULL;
    if (layout.overflow)
        return PRUNE_E_OVERFLOW;
    unsigned char *block = prn_mem_alloc(mem, 1, layout.bytes);
    if (block == NULL)
        return PRUNE_E_MEMORY;
    prn_chain *c = (prn_chain *)(void *)block;
    *c = (prn_chain){ .mem = *mem, .bytes = layout.bytes, .count = count_widest[0] };
    c->spaces = (prn_space *)(void *)(block + spaces);
    c->value[0] = (float *)(void *)(block + value);
    c->value[1] = (float *)(void *)(block + other);
    const prune_status status = prune_model_clone(&c->model, mem, model);
    if (status != PRUNE_OK) {
        prn_chain_free(c);
        return status;
    }
    fill_in(c, block + fate, drop_inputs);
    *out = c;
    return PRUNE_OK;
}

void prn_chain_free(prn_chain *chain)
{
    if (chain == NULL)
        return;
    const prune_allocator mem = chain->mem;
    prune_model_free(chain->model);
    prn_mem_free(&mem, chain, 1, chain->bytes);
}

prn_layer *prn_chain_maker(const prn_chain *chain, size_t s)
{
    return chain->model->layers[chain->spaces[s].first - 1];
}

prn_layer *prn_chain_reader(const prn_chain *chain, size_t s)
{
    return chain->model->layers[chain->spaces[s].reader];
}

size_t prn_chain_count(const prn_space *space, uint8_t fate)
{
    size_t count = 0;
    for (size_t u = 0; u < space->width; u++)
        count += space->fate[u] == fate;
    return count;
}

static void remove_slices(prn_layer *layer, const prn_slice *slices, size_t count)
{
    for (size_t s = 0; s < count; s++)
        for (size_t i = 0; i < slices[s].count; i++)
            prn_param_remove(&layer->params[slices[s].param], slices[s].start + i * slices[s].stride);
}

void prn_chain_clear(prn_chain *chain, size_t s, size_t u)
{
    prn_slice slices[PRN_UNIT_SLICES];
    for (size_t l = chain->spaces[s].first - (s != 0); l < chain->spaces[s].reader; l++) {
        prn_layer *layer = chain->model->layers[l];
        const size_t count = layer->ops->unit_slices(layer, u, slices);
        remove_slices(layer, slices, count);
    }
}

void prn_chain_unread(prn_chain *chain, size_t s, size_t u)
{
    prn_slice slices[PRN_UNIT_SLICES];
    prn_layer *reader = prn_chain_reader(chain, s);
    const size_t count = reader->ops->input_slices(reader, u, slices);
    remove_slices(reader, slices, count);
}

void prn_chain_set(prn_param *param, size_t i, float value)
{
    const uint32_t bit = (uint32_t)1 << (i % 32);
    if (!(value > 0.0f || value < 0.0f) && (param->mask[i / 32] & bit) == 0)
        return;
    param->removed -= (param->mask[i / 32] & bit) == 0;
    param->mask[i / 32] |= bit;
    param->value[i] = value;
}
