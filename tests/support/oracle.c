/* oracle.c -- what a selection should choose, found by listing and sorting every unit
 *
 * SPDX-License-Identifier: MIT */
#include "oracle.h"
#include "runner.h"

#include <math.h>
#include <string.h>

/* ---- listing ---- */

static prune_param_info describe(const prune_model *model, size_t param)
{
    prune_param_info info = { .size = sizeof info };
    ck_assert_ok(prune_model_param_info(&info, model, param));
    return info;
}

static void add_unit(oracle *o, const oracle_unit *unit)
{
    ck_assert_uint_lt(o->count, ORACLE_UNITS);
    o->unit[o->count++] = *unit;
}

static void list_weights(oracle *o, const prune_model *model, const prune_importance *importance,
                         size_t layer)
{
    uint8_t mask[ORACLE_UNITS];
    size_t index = 0;
    for (size_t p = 0; p < prune_model_param_count(model); p++) {
        const prune_param_info info = describe(model, p);
        if (info.layer != layer || (!info.prunable && !o->selection.include_bias))
            continue;
        const size_t count = (size_t)info.count;
        const float *score = prune_importance_scores(importance, p);
        ck_assert_ok(prune_mask_get(mask, count, model, p));
        for (size_t i = 0; i < count; i++)
            add_unit(o, &(oracle_unit){ layer, index++, p, i, 1, 1, 0, score[i], mask[i], 0 });
    }
}

/* Dense: parameters 2l and 2l + 1 are weight and bias. */
static int32_t neuron_has_bias(const oracle *o, const prune_model *model, const oracle_unit *unit)
{
    uint8_t bias[ORACLE_UNITS];
    if (o->selection.granularity != PRUNE_NEURONS)
        return 0;
    ck_assert_ok(
        prune_mask_get(bias, (size_t)describe(model, unit->param + 1).count, model, unit->param + 1));
    return bias[unit->index];
}

/* Its score, as prune_importance_group() has it, and whether anything of it is left. */
static void weigh(oracle *o, const prune_model *model, const prune_importance *importance, oracle_unit *unit)
{
    uint8_t mask[ORACLE_UNITS];
    prune_slice rows[ORACLE_UNITS];
    ck_assert_ok(prune_mask_get(mask, (size_t)describe(model, unit->param).count, model, unit->param));
    unit->kept = neuron_has_bias(o, model, unit);
    for (size_t r = 0; r < unit->rows; r++) {
        rows[r] = (prune_slice){ unit->param, unit->element + r * unit->pitch, 1, unit->columns };
        for (size_t i = 0; i < unit->columns; i++)
            unit->kept |= mask[rows[r].start + i];
    }
    ck_assert_ok(
        prune_importance_group(&unit->score, importance, rows, unit->rows, o->selection.aggregate, NULL));
}

static void put_joint_scores(oracle *o, const prune_importance *importance, size_t layer, size_t first)
{
    float score[ORACLE_UNITS];
    const size_t count = o->count - first;
    ck_assert_ok(prune_importance_joint(score, count, importance, layer, o->selection.aggregate,
                                        o->selection.include_bias));
    for (size_t u = 0; u < count; u++)
        o->unit[first + u].score = score[u];
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Rectangles of weights: rows, columns and blocks. */
static void list_groups(oracle *o, const prune_model *model, const prune_importance *importance, size_t layer)
{
    const prune_selection *s = &o->selection;
    const prune_param_info info = describe(model, 2 * layer);
    const size_t outputs = info.shape.dims[0], inputs = info.shape.dims[1], first = o->count;
    const int32_t neurons = s->granularity == PRUNE_NEURONS, columns = s->granularity == PRUNE_INPUTS;
    const size_t tall = neurons ? 1 : columns ? outputs : (size_t)s->block_rows;
    const size_t wide = neurons ? inputs : columns ? 1 : (size_t)s->block_columns;
    for (size_t r = 0; r < outputs; r += tall)
        for (size_t c = 0; c < inputs; c += wide) {
            oracle_unit unit = { .layer = layer, .index = o->count - first, .param = 2 * layer };
            unit.element = r * inputs + c;
            unit.rows = smaller(tall, outputs - r);
            unit.columns = smaller(wide, inputs - c);
            unit.pitch = inputs;
            weigh(o, model, importance, &unit);
            add_unit(o, &unit);
        }
    if (neurons && s->joint)
        put_joint_scores(o, importance, layer, first);
}

/* By insertion, which keeps equals in order. */
static void rank_units(oracle *o)
{
    for (size_t i = 0; i < o->count; i++) {
        size_t at = i;
        for (; at > 0 && o->unit[o->rank[at - 1]].score > o->unit[i].score; at--)
            o->rank[at] = o->rank[at - 1];
        o->rank[at] = i;
    }
}

int32_t oracle_covers(const oracle *o, size_t layer)
{
    if (o->selection.layer >= 0)
        if ((size_t)o->selection.layer != layer)
            return 0;
    return o->selection.granularity != PRUNE_NEURONS || layer + 1 < o->layers || o->selection.include_output;
}

void oracle_list(oracle *o, const prune_model *model, const prune_importance *importance,
                 const prune_selection *selection)
{
    o->selection = *selection;
    o->layers = prune_model_layer_count(model);
    o->count = 0;
    for (size_t l = 0; l < o->layers; l++)
        if (oracle_covers(o, l) && selection->granularity == PRUNE_WEIGHTS)
            list_weights(o, model, importance, l);
        else if (oracle_covers(o, l))
            list_groups(o, model, importance, l);
    rank_units(o);
}

/* ---- choosing ---- */

static uint64_t count_units(const oracle *o, int32_t layer, int32_t chosen_only)
{
    uint64_t count = 0;
    for (size_t i = 0; i < o->count; i++)
        if (layer < 0 || o->unit[i].layer == (size_t)layer)
            count += o->unit[i].kept && (o->unit[i].chosen || !chosen_only);
    return count;
}

uint64_t oracle_kept(const oracle *o, int32_t layer)
{
    return count_units(o, layer, 0);
}

uint64_t oracle_chosen(const oracle *o, int32_t layer)
{
    return count_units(o, layer, 1);
}

uint64_t oracle_choose(oracle *o, int32_t layer, uint64_t count, float threshold)
{
    uint64_t chosen = 0;
    for (size_t r = 0; r < o->count && chosen < count; r++) {
        oracle_unit *unit = &o->unit[o->rank[r]];
        const int32_t here = (int32_t)unit->layer;
        const uint64_t left = oracle_kept(o, here) - oracle_chosen(o, here);
        if (!unit->kept || unit->chosen || !(unit->score < threshold) || (layer >= 0 && layer != here))
            continue;
        if (left <= o->selection.min_kept)
            continue;
        unit->chosen = 1;
        chosen++;
    }
    return chosen;
}

int32_t oracle_lowest(oracle *o, uint64_t count)
{
    if (o->selection.scope == PRUNE_GLOBAL)
        return oracle_choose(o, -1, count, INFINITY) == count;
    for (size_t l = 0; l < o->layers; l++)
        if (oracle_covers(o, l) && oracle_choose(o, (int32_t)l, count, INFINITY) != count)
            return 0;
    return 1;
}

float oracle_highest(const oracle *o)
{
    float highest = 0.0f;
    for (size_t i = 0; i < o->count; i++)
        highest = o->unit[i].chosen ? fmaxf(highest, o->unit[i].score) : highest;
    return highest;
}

/* ---- doing ---- */

static void clear_bytes(prune_model *model, size_t param, size_t first, size_t count)
{
    uint8_t mask[ORACLE_UNITS];
    const size_t all = (size_t)describe(model, param).count;
    ck_assert_ok(prune_mask_get(mask, all, model, param));
    memset(mask + first, 0, count);
    ck_assert_ok(prune_mask_set(model, param, mask, all));
}

void oracle_apply(prune_model *model, const oracle *o)
{
    for (size_t i = 0; i < o->count; i++) {
        const oracle_unit *unit = &o->unit[i];
        if (!unit->chosen)
            continue;
        for (size_t r = 0; r < unit->rows; r++)
            clear_bytes(model, unit->param, unit->element + r * unit->pitch, unit->columns);
        if (o->selection.granularity == PRUNE_NEURONS)
            clear_bytes(model, unit->param + 1, unit->index, 1);
    }
}

/* ---- worlds ---- */

static void fill_param(prune_model *model, size_t param, prune_rng *rng, uint64_t gone)
{
    static const float level[] = { 0.0f, 0.25f, -0.25f, 0.5f, -0.5f, 1.0f, -0.0f, 0.75f };
    float value[ORACLE_UNITS];
    uint8_t mask[ORACLE_UNITS];
    const size_t count = (size_t)describe(model, param).count;
    for (size_t i = 0; i < count; i++) {
        value[i] = level[prune_rng_below(rng, sizeof level / sizeof level[0])];
        mask[i] = gone == 0 || prune_rng_below(rng, gone) != 0;
    }
    ck_assert_ok(prune_model_set_param(model, param, value, count));
    ck_assert_ok(prune_mask_set(model, param, mask, count));
}

prune_model *oracle_model(prune_rng *rng, uint64_t gone)
{
    size_t widths[4];
    const size_t layers = 1 + (size_t)prune_rng_below(rng, 3);
    for (size_t l = 0; l <= layers; l++)
        widths[l] = 1 + (size_t)prune_rng_below(rng, 5);
    prune_model *model = world_model(NULL, widths, layers, PRUNE_TANH, 0);
    for (size_t p = 0; p < prune_model_param_count(model); p++)
        fill_param(model, p, rng, gone);
    return model;
}

prune_selection oracle_selection(prune_rng *rng, const prune_model *model)
{
    prune_selection s;
    prune_selection_init(&s);
    s.granularity = PRUNE_WEIGHTS + (int32_t)prune_rng_below(rng, 4);
    s.scope = prune_rng_below(rng, 2) ? PRUNE_GLOBAL : PRUNE_PER_LAYER;
    s.aggregate = PRUNE_ROW_MAX + (int32_t)prune_rng_below(rng, 5);
    s.layer = prune_rng_below(rng, 3) ? -1 : (int32_t)prune_rng_below(rng, prune_model_layer_count(model));
    s.include_output = (int32_t)prune_rng_below(rng, 2);
    s.include_bias = (int32_t)prune_rng_below(rng, 2);
    s.min_kept = prune_rng_below(rng, 4);
    s.joint = prune_rng_below(rng, 3) == 0;
    s.block_rows = 1 + (int32_t)prune_rng_below(rng, 3);
    s.block_columns = 1 + (int32_t)prune_rng_below(rng, 6);
    return s;
}
