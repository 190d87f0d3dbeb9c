/* unit.c -- what a selection chooses from: weights or groups of them, in their fixed order
 *
 * SPDX-License-Identifier: MIT */
#include "unit.h"
#include "bits.h"
#include "joint.h"
#include "options.h"

#include <float.h>

void prune_selection_init(prune_selection *selection)
{
    if (selection != NULL)
        *selection = (prune_selection){ .size = sizeof *selection,
                                        .granularity = PRUNE_WEIGHTS,
                                        .scope = PRUNE_GLOBAL,
                                        .aggregate = PRUNE_ROW_L2,
                                        .layer = -1,
                                        .min_kept = 1,
                                        .block_rows = 4,
                                        .block_columns = 1 };
}

static int32_t is_chosen_from(const prune_selection *selection, const prn_param *param)
{
    return param->prunable || (selection->include_bias && !param->statistic);
}

/* The parameter that is a matrix of weights, or their number. */
static size_t matrix_of(const prn_layer *layer)
{
    size_t p = 0;
    while (p < layer->param_count && !(layer->params[p].prunable && layer->params[p].shape.rank == 2))
        p++;
    return p;
}

/* Into how many parts of one size, but for the last, that many are cut. */
static size_t parts_of(size_t count, size_t size)
{
    return count / size + (count % size != 0);
}

static size_t groups_of(const prune_selection *selection, const prn_layer *layer)
{
    const size_t matrix = matrix_of(layer);
    if (selection->granularity == PRUNE_NEURONS)
        return layer->ops->units(layer);
    if (selection->granularity == PRUNE_INPUTS)
        return layer->ops->units(layer) != 0 ? prn_shape_count(&layer->input) : 0;
    if (matrix == layer->param_count)
        return 0;
    const size_t *dims = layer->params[matrix].shape.dims;
    return parts_of(dims[0], (size_t)selection->block_rows) *
           parts_of(dims[1], (size_t)selection->block_columns);
}

/* Whether a layer has anything of what is chosen from. */
static int32_t has_choice(const prune_selection *selection, const prn_layer *layer)
{
    int32_t weights = 0;
    for (size_t p = 0; p < layer->param_count; p++)
        weights |= is_chosen_from(selection, &layer->params[p]);
    return selection->granularity == PRUNE_WEIGHTS ? weights : groups_of(selection, layer) != 0;
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
    const int32_t switches[] = { mine->include_output, mine->include_bias, mine->joint };
    const int32_t known = prn_options_switches(switches, 3) && mine->granularity >= PRUNE_WEIGHTS &&
                          mine->granularity <= PRUNE_BLOCKS && mine->block_rows >= 1 &&
                          mine->block_columns >= 1 &&
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
    return selection->granularity != PRUNE_NEURONS || selection->include_output || !is_output(model, layer);
}

/* ---- groups ---- */

static prn_group group_of(const prune_selection *selection, const prn_layer *layer, size_t u)
{
    if (selection->granularity == PRUNE_NEURONS)
        return prn_group_output(layer, u);
    if (selection->granularity == PRUNE_INPUTS)
        return prn_group_input(layer, u);
    const size_t form[] = { (size_t)selection->block_rows, (size_t)selection->block_columns };
    const size_t matrix = matrix_of(layer);
    const size_t across = parts_of(layer->params[matrix].shape.dims[1], form[1]);
    const size_t corner[] = { u / across * form[0], u % across * form[1] };
    return prn_group_block(layer, matrix, corner, form);
}

static int32_t is_kept(const prune_selection *selection, const prn_layer *layer, size_t u)
{
    const prn_group group = group_of(selection, layer, u);
    return prn_group_kept(layer, &group);
}

/* A neuron goes with what belongs to it in the layers after its own, as long as they work unit by unit. */
static void remove_group(prune_model *model, const prune_selection *selection, size_t layer, size_t u)
{
    const prn_group group = group_of(selection, model->layers[layer], u);
    prn_group_remove(model->layers[layer], &group);
    if (selection->granularity != PRUNE_NEURONS)
        return;
    for (size_t l = layer + 1; l < model->layer_count && model->layers[l]->ops->unitwise; l++) {
        const prn_group behind = prn_group_output(model->layers[l], u);
        prn_group_remove(model->layers[l], &behind);
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

static prn_unit_count count_groups(const prune_selection *selection, const prn_layer *layer)
{
    prn_unit_count count = { .units = groups_of(selection, layer) };
    for (size_t u = 0; u < count.units; u++)
        count.kept += is_kept(selection, layer, u) != 0;
    return count;
}

prn_unit_count prn_unit_count_layer(const prune_selection *selection, const prune_model *model, size_t layer)
{
    if (!prn_unit_covers(selection, model, layer))
        return (prn_unit_count){ 0 };
    return selection->granularity == PRUNE_WEIGHTS ? count_weights(selection, model->layers[layer])
                                                   : count_groups(selection, model->layers[layer]);
}

/* ---- the walk ---- */

static const prn_layer *layer_of(const prn_run_cursor *c)
{
    return c->importance->model->layers[c->layer];
}

static void to_next_layer(prn_run_cursor *c)
{
    c->layer_score += prn_layer_floats(layer_of(c));
    if (c->groups != NULL)
        c->groups += groups_of(c->selection, layer_of(c));
    c->score = c->layer_score;
    c->layer++;
    c->param = c->unit = 0;
}

static int32_t has_room(const prune_importance *importance, const prune_selection *selection)
{
    const prune_model *model = importance->model;
    size_t left = importance->group_room;
    for (size_t l = 0; l < model->layer_count; l++) {
        const size_t groups = groups_of(selection, model->layers[l]);
        if (groups > left)
            return 0;
        left -= groups;
    }
    return 1;
}

void prn_run_start(prn_run_cursor *c, const prune_importance *importance, const prune_selection *selection,
                   const size_t first_last[2])
{
    *c = (prn_run_cursor){ .importance = importance,
                           .selection = selection,
                           .last = first_last[1],
                           .layer_score = importance->score,
                           .score = importance->score };
    if (selection->granularity != PRUNE_WEIGHTS && has_room(importance, selection))
        c->groups = importance->groups;
    while (c->layer < first_last[0])
        to_next_layer(c);
}

static int32_t is_joint(const prune_selection *selection)
{
    return selection->granularity == PRUNE_NEURONS && selection->joint;
}

static float score_of(const prn_run_cursor *c, size_t u)
{
    const prune_selection *s = c->selection;
    if (is_joint(s)) {
        const float score = prn_joint_neuron(c->importance, c->layer, u, s->aggregate, s->include_bias);
        return prn_joint_over(score, c->importance->means[c->layer]);
    }
    const prn_layer *layer = layer_of(c);
    const prn_group group = group_of(s, layer, u);
    const size_t offset = (size_t)(c->layer_score - c->importance->score);
    return prn_group_score(c->importance, layer, offset, &group, s->aggregate);
}

/* NaN if it is removed. */
static float kept_score(const prn_run_cursor *c, size_t u)
{
    return is_kept(c->selection, layer_of(c), u) ? score_of(c, u) : prn_bits_float(0x7fc00000u);
}

static void keep_scores(const prune_importance *importance, const prune_selection *selection)
{
    const prune_model *model = importance->model;
    prn_run_cursor c;
    prn_run_start(&c, importance, selection, (const size_t[2]){ 0, model->layer_count });
    for (; c.groups != NULL && c.layer < c.last; to_next_layer(&c))
        if (prn_unit_covers(selection, model, c.layer))
            for (size_t u = 0; u < groups_of(selection, layer_of(&c)); u++)
                c.groups[u] = kept_score(&c, u);
}

prune_status prn_unit_prepare(const prune_importance *importance, const prune_selection *selection)
{
    const prune_model *model = importance->model;
    if (selection->granularity == PRUNE_WEIGHTS)
        return PRUNE_OK;
    const prune_status status = prn_group_aggregate(importance, selection->aggregate);
    for (size_t l = 0; status == PRUNE_OK && is_joint(selection) && l < model->layer_count; l++)
        if (prn_unit_covers(selection, model, l))
            importance->means[l] =
                prn_joint_mean(importance, l, selection->aggregate, selection->include_bias);
    if (status == PRUNE_OK)
        keep_scores(importance, selection);
    return status;
}

static int32_t next_groups(prn_run *run, prn_run_cursor *c)
{
    const size_t units = groups_of(c->selection, layer_of(c)), first = c->unit;
    size_t count = 0;
    c->group_mask = 0;
    for (; c->unit < units && count < PRN_RUN_GROUPS; count++, c->unit++) {
        const float score = c->groups != NULL ? c->groups[c->unit] : kept_score(c, c->unit);
        const int32_t kept = score <= FLT_MAX;
        c->group_mask |= (uint32_t)kept << count;
        c->group_score[count] = kept ? score : 0.0f;
    }
    *run = (prn_run){ c->layer, 0, first, count, c->group_score, &c->group_mask };
    return count != 0;
}

static int32_t next_weights(prn_run *run, prn_run_cursor *c)
{
    const prn_layer *layer = layer_of(c);
    while (c->param < layer->param_count) {
        const prn_param *param = &layer->params[c->param];
        *run = (prn_run){ c->layer, c->param, 0, param->count, c->score, param->mask };
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
            (weights ? next_weights(run, c) : next_groups(run, c)))
            return 1;
    return 0;
}

void prn_unit_remove(prune_model *model, const prune_selection *selection, const prn_run *run, size_t at,
                     uint32_t bits)
{
    if (selection->granularity == PRUNE_WEIGHTS)
        prn_param_remove_word(&model->layers[run->layer]->params[run->param], at / 32, bits);
    else
        for (size_t i = run->first + at; bits != 0; i++, bits >>= 1)
            if (bits & 1u)
                remove_group(model, selection, run->layer, i);
}
