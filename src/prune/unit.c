/* unit.c -- what a selection chooses from: weights or neurons, in their fixed order
 *
 * SPDX-License-Identifier: MIT */
#include "unit.h"
#include "options.h"

#include <string.h>

void prune_selection_init(prune_selection *selection)
{
    if (selection != NULL)
        *selection = (prune_selection){ .size = sizeof *selection,
                                        .granularity = PRUNE_WEIGHTS,
                                        .scope = PRUNE_GLOBAL,
                                        .aggregate = PRUNE_ROW_L2,
                                        .layer = -1,
                                        .min_kept = 1 };
}

static int32_t is_chosen_from(const prune_selection *selection, const prn_param *param)
{
    return param->prunable || (selection->include_bias && !param->statistic);
}

/* Whether a layer has anything of what is chosen from. */
static int32_t has_choice(const prune_selection *selection, const prn_layer *layer)
{
    int32_t weights = 0;
    for (size_t p = 0; p < layer->param_count; p++)
        weights |= is_chosen_from(selection, &layer->params[p]);
    return selection->granularity == PRUNE_WEIGHTS ? weights : layer->ops->units(layer) != 0;
}

/* The last layer that has neurons: what comes after it only works on its outputs. */
static int32_t is_output(const prune_model *model, size_t layer)
{
    for (size_t l = layer + 1; l < model->layer_count; l++)
        if (model->layers[l]->ops->units(model->layers[l]) != 0)
            return 0;
    return 1;
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
                          mine->aggregate >= PRUNE_ROW_MAX && mine->aggregate <= PRUNE_ROW_SIGNED;
    if (!known)
        return PRUNE_E_ARGUMENT;
    if (mine->layer == -1)
        return PRUNE_OK;
    const int32_t exists = mine->layer >= 0 && (size_t)mine->layer < model->layer_count;
    return exists && has_choice(mine, model->layers[mine->layer]) ? PRUNE_OK : PRUNE_E_RANGE;
}

int32_t prn_unit_covers(const prune_selection *selection, const prune_model *model, size_t layer)
{
    if (selection->layer >= 0 && (size_t)selection->layer != layer)
        return 0;
    if (!has_choice(selection, model->layers[layer]))
        return 0;
    return selection->granularity == PRUNE_WEIGHTS || selection->include_output || !is_output(model, layer);
}

/* ---- neurons ---- */

int32_t prn_unit_neuron_kept(const prn_layer *layer, size_t u)
{
    prn_slice slices[PRN_UNIT_SLICES];
    const size_t count = layer->ops->unit_slices(layer, u, slices);
    for (size_t s = 0; s < count; s++)
        for (size_t i = 0; i < slices[s].count; i++)
            if (prn_mask_test(layer->params[slices[s].param].mask, slices[s].start + i * slices[s].stride))
                return 1;
    return 0;
}

static void remove_slices(prn_layer *layer, size_t u)
{
    prn_slice slices[PRN_UNIT_SLICES];
    const size_t count = layer->ops->unit_slices(layer, u, slices);
    for (size_t s = 0; s < count; s++)
        for (size_t i = 0; i < slices[s].count; i++)
            prn_param_remove(&layer->params[slices[s].param], slices[s].start + i * slices[s].stride);
}

/* With what belongs to it in the layers after its own, as long as they work unit by unit. */
static void remove_neuron(prune_model *model, size_t layer, size_t u)
{
    remove_slices(model->layers[layer], u);
    for (size_t l = layer + 1; l < model->layer_count && model->layers[l]->ops->unitwise; l++)
        remove_slices(model->layers[l], u);
}

static void prepare_layer(const prn_run_cursor *c, const prn_layer *layer, float *neuron, uint32_t *mask)
{
    const size_t units = layer->ops->units(layer), offset = (size_t)(c->layer_score - c->importance->score);
    memset(mask, 0, prn_mask_words(units) * sizeof *mask);
    for (size_t u = 0; u < units; u++) {
        const int32_t kept = prn_unit_neuron_kept(layer, u);
        mask[u / 32] |= (uint32_t)kept << (u % 32);
        neuron[u] = kept ? prn_group_neuron(c->importance, layer, offset, u, c->selection->aggregate) : 0.0f;
    }
}

/* ---- counting ---- */

static prn_unit_count count_weights(const prune_selection *selection, const prn_layer *layer)
{
    prn_unit_count count = { 0 };
    for (size_t p = 0; p < layer->param_count; p++)
        if (is_chosen_from(selection, &layer->params[p])) {
            count.units += layer->params[p].count;
            count.kept += layer->params[p].count - layer->params[p].removed;
        }
    return count;
}

static prn_unit_count count_neurons(const prn_layer *layer)
{
    prn_unit_count count = { .units = layer->ops->units(layer) };
    for (size_t u = 0; u < count.units; u++)
        count.kept += prn_unit_neuron_kept(layer, u) != 0;
    return count;
}

prn_unit_count prn_unit_count_layer(const prune_selection *selection, const prune_model *model, size_t layer)
{
    if (!prn_unit_covers(selection, model, layer))
        return (prn_unit_count){ 0 };
    return selection->granularity == PRUNE_WEIGHTS ? count_weights(selection, model->layers[layer])
                                                   : count_neurons(model->layers[layer]);
}

/* ---- the walk ---- */

static const prn_layer *layer_of(const prn_run_cursor *c)
{
    return c->importance->model->layers[c->layer];
}

static void to_next_layer(prn_run_cursor *c)
{
    const prn_layer *layer = layer_of(c);
    const size_t units = layer->ops->units(layer);
    c->layer_score += prn_layer_floats(layer);
    c->neuron += units;
    c->neuron_mask += prn_mask_words(units);
    c->score = c->layer_score;
    c->layer++;
    c->param = 0;
}

void prn_run_start(prn_run_cursor *c, const prune_importance *importance, const prune_selection *selection,
                   const size_t first_last[2])
{
    *c = (prn_run_cursor){ .importance = importance,
                           .selection = selection,
                           .last = first_last[1],
                           .layer_score = importance->score,
                           .score = importance->score,
                           .neuron = importance->neuron,
                           .neuron_mask = importance->neuron_mask };
    while (c->layer < first_last[0])
        to_next_layer(c);
}

prune_status prn_unit_prepare(const prune_importance *importance, const prune_selection *selection)
{
    prn_run_cursor c;
    const size_t all[2] = { 0, importance->model->layer_count };
    if (selection->granularity == PRUNE_WEIGHTS)
        return PRUNE_OK;
    const prune_status status = prn_group_aggregate(importance, selection->aggregate);
    if (status != PRUNE_OK)
        return status;
    for (prn_run_start(&c, importance, selection, all); c.layer < c.last; to_next_layer(&c)) {
        float *neuron = importance->neuron + (c.neuron - importance->neuron);
        uint32_t *mask = importance->neuron_mask + (c.neuron_mask - importance->neuron_mask);
        if (prn_unit_covers(selection, importance->model, c.layer))
            prepare_layer(&c, layer_of(&c), neuron, mask);
    }
    return PRUNE_OK;
}

static int32_t next_neurons(prn_run *run, prn_run_cursor *c)
{
    if (c->param != 0)
        return 0;
    const prn_layer *layer = layer_of(c);
    *run = (prn_run){ c->layer, 0, layer->ops->units(layer), c->neuron, c->neuron_mask };
    c->param = layer->param_count;
    return 1;
}

static int32_t next_weights(prn_run *run, prn_run_cursor *c)
{
    const prn_layer *layer = layer_of(c);
    while (c->param < layer->param_count) {
        const prn_param *param = &layer->params[c->param];
        *run = (prn_run){ c->layer, c->param, param->count, c->score, param->mask };
        c->score += param->count;
        c->param++;
        if (is_chosen_from(c->selection, param))
            return 1;
    }
    return 0;
}

int32_t prn_run_next(prn_run *run, prn_run_cursor *c)
{
    const int32_t weights = c->selection->granularity == PRUNE_WEIGHTS;
    for (; c->layer < c->last; to_next_layer(c))
        if (prn_unit_covers(c->selection, c->importance->model, c->layer) &&
            (weights ? next_weights(run, c) : next_neurons(run, c)))
            return 1;
    return 0;
}

void prn_unit_remove(prune_model *model, const prune_selection *selection, const prn_run *run, size_t i)
{
    if (selection->granularity == PRUNE_NEURONS)
        remove_neuron(model, run->layer, i);
    else
        prn_param_remove(&model->layers[run->layer]->params[run->param], i);
}
