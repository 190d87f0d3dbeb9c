/* unit.c -- what a selection chooses from: weights or neurons, in their fixed order
 *
 * SPDX-License-Identifier: MIT */
#include "unit.h"
#include "options.h"

void prune_selection_init(prune_selection *selection)
{
    if (selection != NULL)
        *selection = (prune_selection){ .size = sizeof *selection, .granularity = PRUNE_WEIGHTS,
                                        .scope = PRUNE_GLOBAL, .aggregate = PRUNE_ROW_L2, .layer = -1,
                                        .min_kept = 1 };
}

prune_status prn_unit_selection(prune_selection *mine, const prune_selection *given, const prune_model *model)
{
    prune_selection_init(mine);
    prune_status status = prn_model_check(model);
    if (status == PRUNE_OK)
        status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return status;
    const int32_t known = (mine->granularity == PRUNE_WEIGHTS || mine->granularity == PRUNE_NEURONS) &&
                          (mine->scope == PRUNE_GLOBAL || mine->scope == PRUNE_PER_LAYER) &&
                          mine->aggregate >= PRUNE_ROW_MAX && mine->aggregate <= PRUNE_ROW_L2;
    if (!known)
        return PRUNE_E_ARGUMENT;
    return mine->layer >= -1 && (mine->layer == -1 || (size_t)mine->layer < model->layer_count)
               ? PRUNE_OK
               : PRUNE_E_RANGE;
}

int32_t prn_unit_covers(const prune_selection *selection, const prune_model *model, size_t layer)
{
    if (selection->layer >= 0 && (size_t)selection->layer != layer)
        return 0;
    const int32_t is_output = layer + 1 == model->layer_count;
    return selection->granularity == PRUNE_WEIGHTS || !is_output || selection->include_output;
}

/* ---- neurons ---- */

static int32_t neuron_is_kept(const prn_layer *layer, size_t u)
{
    prn_slice slices[PRN_UNIT_SLICES];
    const size_t count = layer->ops->unit_slices(layer, u, slices);
    for (size_t s = 0; s < count; s++)
        for (size_t i = 0; i < slices[s].count; i++)
            if (prn_mask_test(layer->params[slices[s].param].mask, slices[s].start + i * slices[s].stride))
                return 1;
    return 0;
}

static void remove_neuron(prn_layer *layer, size_t u)
{
    prn_slice slices[PRN_UNIT_SLICES];
    const size_t count = layer->ops->unit_slices(layer, u, slices);
    for (size_t s = 0; s < count; s++)
        for (size_t i = 0; i < slices[s].count; i++)
            prn_param_remove(&layer->params[slices[s].param], slices[s].start + i * slices[s].stride);
}

/* ---- the walk ---- */

static const prn_layer *layer_of(const prn_cursor *c)
{
    return c->model->layers[c->layer];
}

static void to_next_layer(prn_cursor *c)
{
    if (c->score != NULL)
        c->score += prn_layer_floats(layer_of(c));
    c->layer++;
    c->param = c->element = c->offset = c->index = 0;
}

void prn_cursor_start(prn_cursor *c, const prune_model *model, const prune_importance *importance,
                      const prune_selection *selection, const size_t first_last[2])
{
    *c = (prn_cursor){ .model = model, .selection = selection, .last = first_last[1],
                       .score = importance == NULL ? NULL : importance->score };
    while (c->layer < first_last[0])
        to_next_layer(c);
}

static int32_t next_neuron(prn_unit *unit, prn_cursor *c)
{
    const prn_layer *layer = layer_of(c);
    if (c->index == layer->ops->units(layer))
        return 0;
    const size_t u = c->index++;
    *unit = (prn_unit){ .layer = c->layer, .index = u, .kept = neuron_is_kept(layer, u) };
    if (unit->kept && c->score != NULL)
        unit->score = prn_importance_neuron(layer, c->score, u, c->selection->aggregate);
    return 1;
}

/* To the next parameter that has an element left to give; c->offset follows. */
static int32_t find_weight(prn_cursor *c)
{
    const prn_layer *layer = layer_of(c);
    while (c->param < layer->param_count) {
        const prn_param *param = &layer->params[c->param];
        if (c->element < param->count && (param->prunable || c->selection->include_bias))
            return 1;
        c->offset += param->count;
        c->param++;
        c->element = 0;
    }
    return 0;
}

static int32_t next_weight(prn_unit *unit, prn_cursor *c)
{
    if (!find_weight(c))
        return 0;
    const prn_param *param = &layer_of(c)->params[c->param];
    *unit = (prn_unit){ .layer = c->layer, .index = c->index++, .param = c->param, .element = c->element,
                        .kept = prn_mask_test(param->mask, c->element) };
    if (c->score != NULL)
        unit->score = c->score[c->offset + c->element];
    c->element++;
    return 1;
}

int32_t prn_cursor_next(prn_unit *unit, prn_cursor *c)
{
    const int32_t weights = c->selection->granularity == PRUNE_WEIGHTS;
    for (; c->layer < c->last; to_next_layer(c))
        if (prn_unit_covers(c->selection, c->model, c->layer) &&
            (weights ? next_weight(unit, c) : next_neuron(unit, c)))
            return 1;
    return 0;
}

void prn_unit_remove(prune_model *model, const prune_selection *selection, const prn_unit *unit)
{
    prn_layer *layer = model->layers[unit->layer];
    if (selection->granularity == PRUNE_NEURONS)
        remove_neuron(layer, unit->index);
    else
        prn_param_remove(&layer->params[unit->param], unit->element);
}
