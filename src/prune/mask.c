/* mask.c -- which weights are removed, and removing them
 *
 * Every removal is, in each layer, the lowest k units of that layer in the order (score, index). First
 * the cut of each layer is found, then everything within the cuts goes; so a call that fails has
 * changed nothing.
 *
 * SPDX-License-Identifier: MIT */
#include "mask.h"
#include "bits.h"
#include "importance.h"
#include "options.h"
#include "rank.h"
#include "words.h"

#include <float.h>

void prune_removal_init(prune_removal *removal)
{
    if (removal != NULL)
        *removal = (prune_removal){ .size = sizeof *removal };
}

/* One call: its arguments, checked, and what it counts. */
typedef struct choice {
    const prune_model *model;
    const prune_importance *importance;
    prune_selection selection;
    prn_cut *cuts;  /* per layer of the model */
    int32_t common; /* the first cut is that of all layers together */
    prune_removal removal;
} choice;

static prune_status open_choice(choice *c, const prune_removal *removal, const prune_model *model,
                                const prune_importance *importance, const prune_selection *selection)
{
    prune_status status = prn_importance_check(importance);
    if (status == PRUNE_OK && model == NULL)
        status = PRUNE_E_ARGUMENT;
    if (status == PRUNE_OK && importance->model != model)
        status = PRUNE_E_STATE;
    if (status == PRUNE_OK)
        status = prn_unit_selection(&c->selection, selection, model);
    prune_removal_init(&c->removal);
    if (status == PRUNE_OK)
        status = prn_options_read(&c->removal, sizeof c->removal, removal);
    if (status != PRUNE_OK)
        return status;
    c->model = model;
    c->importance = importance;
    c->cuts = importance->cuts;
    c->common = 0;
    c->removal = (prune_removal){ .size = sizeof c->removal,
                                  .by_layer = c->removal.by_layer,
                                  .by_layer_capacity = c->removal.by_layer_capacity };
    if (c->removal.by_layer != NULL && c->removal.by_layer_capacity < model->layer_count)
        return PRUNE_E_SHAPE;
    return prn_unit_prepare(importance, &c->selection);
}

static prn_ranking rank_layers(const choice *c, size_t first, size_t last, const prn_cut *cuts)
{
    return (prn_ranking){ c->importance, &c->selection, cuts, { first, last } };
}

/* How many of a layer's kept units may go. */
static size_t removable(const prune_selection *selection, size_t kept)
{
    return kept > selection->min_kept ? kept - (size_t)selection->min_kept : 0;
}

/* Adds up what all layers have, and returns how many may go. */
static size_t count_all(uint64_t *units, uint64_t *kept, const prune_model *model,
                        const prune_selection *selection)
{
    size_t most = 0;
    *units = *kept = 0;
    for (size_t l = 0; l < model->layer_count; l++) {
        const prn_unit_count count = prn_unit_count_layer(selection, model, l);
        most += removable(selection, count.kept);
        *kept += count.kept;
        *units += count.units;
    }
    return most;
}

/* ---- choosing ---- */

/* Whether what a layer has above a score is enough for its floor. */
static int32_t is_clear_of_floor(const choice *c, size_t l, uint32_t order)
{
    const prn_ranking layer = rank_layers(c, l, l + 1, NULL);
    const uint64_t floor = c->selection.min_kept;
    return prn_rank_has_above(&layer, order, floor < SIZE_MAX ? (size_t)floor : SIZE_MAX) ||
           prn_unit_count_layer(&c->selection, c->model, l).kept == 0;
}

/* One cut for all layers, if no floor stands in its way. */
static int32_t cut_together(choice *c, size_t count)
{
    const prn_ranking all = rank_layers(c, 0, c->model->layer_count, NULL);
    const prn_cut cut = prn_rank_lowest(&all, count);
    for (size_t l = 0; l < c->model->layer_count; l++) {
        if (!is_clear_of_floor(c, l, cut.order))
            return 0;
        c->cuts[l] = (prn_cut){ 0, 0 };
    }
    c->cuts[0] = cut;
    return 1;
}

/* Cuts each layer at what its floor allows. */
static void cut_at_floors(choice *c)
{
    for (size_t l = 0; l < c->model->layer_count; l++) {
        const prn_ranking layer = rank_layers(c, l, l + 1, NULL);
        c->cuts[l] = prn_rank_lowest(
            &layer, removable(&c->selection, prn_unit_count_layer(&c->selection, c->model, l).kept));
    }
}

/* Narrows the cuts, so that of what they hold only the `count` lowest of all layers remain. */
static void narrow_to_lowest(choice *c, size_t count)
{
    const prn_ranking all = rank_layers(c, 0, c->model->layer_count, c->cuts);
    const prn_cut cut = prn_rank_lowest(&all, count);
    size_t ties = cut.ties;
    for (size_t l = 0; l < c->model->layer_count; l++) {
        prn_cut *mine = &c->cuts[l];
        if (mine->order < cut.order)
            continue;
        const prn_ranking layer = rank_layers(c, l, l + 1, NULL);
        const size_t equal = mine->order == cut.order ? mine->ties : prn_rank_count_equal(&layer, cut.order);
        const size_t take = equal < ties ? equal : ties;
        *mine = (prn_cut){ cut.order, take };
        ties -= take;
    }
}

static prune_status choose_globally(choice *c, prn_mask_count *count, void *user)
{
    uint64_t units, kept, wanted = 0;
    const size_t most = count_all(&units, &kept, c->model, &c->selection);
    const prune_status status = count(user, &wanted, units, kept);
    if (status != PRUNE_OK)
        return status;
    if (wanted > most)
        return PRUNE_E_COLLAPSE;
    c->common = cut_together(c, (size_t)wanted);
    if (!c->common) {
        cut_at_floors(c);
        narrow_to_lowest(c, (size_t)wanted);
    }
    return PRUNE_OK;
}

static prune_status choose_by_layer(choice *c, prn_mask_count *count, void *user)
{
    for (size_t l = 0; l < c->model->layer_count; l++) {
        const prn_ranking layer = rank_layers(c, l, l + 1, NULL);
        const prn_unit_count all = prn_unit_count_layer(&c->selection, c->model, l);
        uint64_t wanted = 0;
        const int32_t covered = prn_unit_covers(&c->selection, c->model, l);
        const prune_status status = covered ? count(user, &wanted, all.units, all.kept) : PRUNE_OK;
        if (status != PRUNE_OK)
            return status;
        if (wanted > removable(&c->selection, all.kept))
            return PRUNE_E_COLLAPSE;
        c->cuts[l] = prn_rank_lowest(&layer, (size_t)wanted);
    }
    return PRUNE_OK;
}

static void choose_below(choice *c, float threshold)
{
    for (size_t l = 0; l < c->model->layer_count; l++) {
        const prn_ranking layer = rank_layers(c, l, l + 1, NULL);
        const size_t lower = prn_rank_count_below(&layer, threshold);
        const size_t may_go = removable(&c->selection, prn_unit_count_layer(&c->selection, c->model, l).kept);
        c->removal.spared += lower > may_go ? lower - may_go : 0;
        c->cuts[l] =
            lower > may_go ? prn_rank_lowest(&layer, may_go) : (prn_cut){ prn_bits_order(threshold), 0 };
    }
}

/* ---- doing ---- */

/* The highest score that a cut by count takes: there is a tie at each. */
static float highest_taken(const choice *c)
{
    uint32_t highest = 0;
    for (size_t l = 0; l < c->model->layer_count; l++)
        if (c->cuts[l].ties != 0 && c->cuts[l].order > highest)
            highest = c->cuts[l].order;
    return highest == 0 ? 0.0f : prn_bits_ordered(highest);
}

static size_t take_layer(choice *c, prune_model *model, size_t l)
{
    prn_run_cursor runs;
    prn_run run;
    size_t taken = 0;
    prn_cut *cut = &c->cuts[c->common ? 0 : l];
    prn_run_start(&runs, c->importance, &c->selection, (const size_t[2]){ l, l + 1 });
    while (prn_run_next(&run, &runs))
        for (size_t at = 0; at < run.count; at += PRN_WORD) {
            const uint32_t bits = prn_cut_takes_word(cut, &run, at);
            taken += prn_word_ones(bits);
            if (bits != 0 && model != NULL)
                prn_unit_remove(model, &c->selection, &run, at, bits);
        }
    return taken;
}

/* Counts what is within the cuts, and removes it from `model` unless that is NULL. */
static void carry_out(choice *c, prune_model *model)
{
    prune_removal *r = &c->removal;
    r->threshold = highest_taken(c);
    (void)count_all(&r->units, &r->kept, c->model, &c->selection);
    for (size_t l = 0; l < c->model->layer_count; l++) {
        const size_t taken = take_layer(c, model, l);
        r->removed += taken;
        r->kept -= taken;
        if (r->by_layer != NULL)
            r->by_layer[l] = taken;
    }
}

prune_status prn_mask_lowest(prune_removal *removal, prune_model *model, const prune_importance *importance,
                             const prune_selection *selection, prn_mask_count *count, void *user)
{
    choice c;
    prune_status status = open_choice(&c, removal, model, importance, selection);
    if (status != PRUNE_OK)
        return status;
    const int32_t global = c.selection.scope == PRUNE_GLOBAL;
    status = global ? choose_globally(&c, count, user) : choose_by_layer(&c, count, user);
    if (status != PRUNE_OK)
        return status;
    carry_out(&c, model);
    prn_result_write(removal, &c.removal);
    return PRUNE_OK;
}

static prune_status exactly(void *user, uint64_t *count, uint64_t units, uint64_t kept)
{
    (void)units;
    (void)kept;
    *count = *(const uint64_t *)user;
    return PRUNE_OK;
}

prune_status prune_mask_lowest(prune_removal *removal, prune_model *model, const prune_importance *importance,
                               const prune_selection *selection, uint64_t count)
{
    return prn_mask_lowest(removal, model, importance, selection, exactly, &count);
}

/* model is what to change, or NULL for a preview of importance->model. */
static prune_status below(prune_removal *removal, prune_model *model, const prune_importance *importance,
                          const prune_selection *selection, float threshold)
{
    choice c;
    if (importance == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_model *chosen_from = model != NULL ? model : importance->model;
    const prune_status status = open_choice(&c, removal, chosen_from, importance, selection);
    if (status != PRUNE_OK)
        return status;
    const float least = prn_importance_signed(importance) ? -FLT_MAX : 0.0f;
    if (!(threshold >= least && threshold <= FLT_MAX))
        return PRUNE_E_RANGE;
    choose_below(&c, threshold);
    carry_out(&c, model);
    c.removal.threshold = threshold;
    prn_result_write(removal, &c.removal);
    return PRUNE_OK;
}

prune_status prune_mask_below(prune_removal *removal, prune_model *model, const prune_importance *importance,
                              const prune_selection *selection, float threshold)
{
    return model == NULL ? PRUNE_E_ARGUMENT : below(removal, model, importance, selection, threshold);
}

prune_status prune_mask_preview(prune_removal *removal, const prune_importance *importance,
                                const prune_selection *selection, float threshold)
{
    return removal == NULL ? PRUNE_E_ARGUMENT : below(removal, NULL, importance, selection, threshold);
}

prune_status prune_mask_units(uint64_t *units, uint64_t *kept, const prune_model *model,
                              const prune_selection *selection)
{
    prune_selection mine;
    if (units == NULL || kept == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = prn_unit_selection(&mine, selection, model);
    if (status != PRUNE_OK)
        return status;
    (void)count_all(units, kept, model, &mine);
    return PRUNE_OK;
}

/* ---- keep N of M ---- */

enum { FEW = 8 }; /* so many are found faster value by value than bit by bit */

/* Weights side by side in a row of a matrix. */
typedef struct row_part {
    prn_param *param;
    const float *score; /* of the parameter */
    size_t start, end;  /* elements start .. end - 1 */
} row_part;

/* The cut of the k lowest kept weights, k >= 1: bit by bit from the top, those that agree so far. */
static prn_cut lowest_in_row(const row_part *part, size_t k)
{
    prn_cut cut = { 0, k };
    for (uint32_t bit = 32; bit-- > 0;) {
        size_t lower = 0;
        for (size_t i = part->start; i < part->end; i++)
            lower += prn_mask_test(part->param->mask, i) &&
                     (prn_bits_order(part->score[i]) ^ cut.order) >> bit == 0;
        if (lower >= cut.ties)
            continue;
        cut.ties -= lower;
        cut.order |= 1u << bit;
    }
    return cut;
}

/* The same value by value from the lowest, in at most k rounds. */
static prn_cut few_lowest_in_row(const row_part *part, size_t k)
{
    prn_cut cut = { 0, k };
    for (uint32_t from = 0;; from = cut.order + 1) {
        size_t equal = 0;
        cut.order = UINT32_MAX;
        for (size_t i = part->start; i < part->end; i++) {
            const uint32_t order = prn_bits_order(part->score[i]);
            if (order < from || order > cut.order || !prn_mask_test(part->param->mask, i))
                continue;
            equal = order < cut.order ? 1 : equal + 1;
            cut.order = order;
        }
        if (equal >= cut.ties)
            return cut;
        cut.ties -= equal;
    }
}

/* How many weights of a part are too many. */
static size_t excess_of(const row_part *part, uint64_t keep)
{
    size_t kept = 0;
    for (size_t i = part->start; i < part->end; i++)
        kept += (size_t)prn_mask_test(part->param->mask, i);
    return kept > keep ? kept - (size_t)keep : 0;
}

static void remove_lowest(prune_removal *r, const row_part *part, size_t k)
{
    prn_cut cut = k <= FEW ? few_lowest_in_row(part, k) : lowest_in_row(part, k);
    const float highest = prn_bits_ordered(cut.order);
    r->threshold = r->removed == 0 || highest > r->threshold ? highest : r->threshold;
    r->removed += k;
    for (size_t i = part->start; i < part->end; i++)
        if (prn_mask_test(part->param->mask, i) && prn_cut_takes(&cut, prn_bits_order(part->score[i])))
            prn_param_remove(part->param, i);
}

/* How many weights of a layer are too many; with `apply` they go. */
static size_t thin_layer(choice *c, prn_layer *layer, size_t l, const uint64_t keep_of[2], int32_t apply)
{
    prn_run_cursor runs;
    prn_run run;
    size_t excess = 0;
    prn_run_start(&runs, c->importance, &c->selection, (const size_t[2]){ l, l + 1 });
    while (prn_run_next(&run, &runs)) {
        row_part part = { &layer->params[run.param], run.score, 0, 0 };
        const size_t row = part.param->shape.dims[part.param->shape.rank - 1];
        const size_t size = keep_of[1] < row ? (size_t)keep_of[1] : row;
        for (; part.start < run.count; part.start = part.end) {
            const size_t left = row - part.start % row;
            part.end = part.start + (size < left ? size : left);
            const size_t k = excess_of(&part, keep_of[0]);
            excess += k;
            if (apply && k != 0)
                remove_lowest(&c->removal, &part, k);
        }
    }
    return excess;
}

/* Whether the floors allow it. */
static prune_status check_thinning(choice *c, const prune_model *model, const uint64_t keep_of[2])
{
    for (size_t l = 0; l < model->layer_count; l++) {
        const prn_unit_count count = prn_unit_count_layer(&c->selection, model, l);
        if (thin_layer(c, model->layers[l], l, keep_of, 0) > removable(&c->selection, count.kept))
            return PRUNE_E_COLLAPSE;
        c->removal.units += count.units;
        c->removal.kept += count.kept;
    }
    return PRUNE_OK;
}

prune_status prune_mask_n_of_m(prune_removal *removal, prune_model *model, const prune_importance *importance,
                               const prune_selection *selection, uint64_t keep, uint64_t of)
{
    choice c;
    const uint64_t keep_of[] = { keep, of };
    prune_status status = open_choice(&c, removal, model, importance, selection);
    if (status == PRUNE_OK && c.selection.granularity != PRUNE_WEIGHTS)
        status = PRUNE_E_ARGUMENT;
    if (status == PRUNE_OK && (keep < 1 || keep > of))
        status = PRUNE_E_RANGE;
    c.selection.include_bias = 0;
    if (status == PRUNE_OK && c.selection.layer >= 0 &&
        !prn_unit_covers(&c.selection, model, (size_t)c.selection.layer))
        status = PRUNE_E_RANGE;
    if (status == PRUNE_OK)
        status = check_thinning(&c, model, keep_of);
    for (size_t l = 0; status == PRUNE_OK && l < model->layer_count; l++) {
        const size_t gone = thin_layer(&c, model->layers[l], l, keep_of, 1);
        if (c.removal.by_layer != NULL)
            c.removal.by_layer[l] = gone;
    }
    if (status != PRUNE_OK)
        return status;
    c.removal.kept -= c.removal.removed;
    prn_result_write(removal, &c.removal);
    return PRUNE_OK;
}

/* ---- masks by hand ---- */

static prune_status find_param(prn_param **param, const prune_model *model, const void *bytes,
                               const size_t index_count[2])
{
    if (model == NULL || bytes == NULL)
        return PRUNE_E_ARGUMENT;
    *param = prn_model_param(model, index_count[0]);
    if (*param == NULL)
        return PRUNE_E_RANGE;
    return (*param)->count == index_count[1] ? PRUNE_OK : PRUNE_E_SHAPE;
}

prune_status prune_mask_get(uint8_t *bytes, size_t count, const prune_model *model, size_t index)
{
    prn_param *param;
    const prune_status status = find_param(&param, model, bytes, (const size_t[2]){ index, count });
    for (size_t i = 0; status == PRUNE_OK && i < count; i++)
        bytes[i] = (uint8_t)prn_mask_test(param->mask, i);
    return status;
}

prune_status prune_mask_set(prune_model *model, size_t index, const uint8_t *bytes, size_t count)
{
    prn_param *param;
    const prune_status status = find_param(&param, model, bytes, (const size_t[2]){ index, count });
    if (status != PRUNE_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        if (bytes[i] == 0 && param->statistic)
            return PRUNE_E_RANGE;
    prn_param_revive(param);
    for (size_t i = 0; i < count; i++)
        if (bytes[i] == 0)
            prn_param_remove(param, i);
    return PRUNE_OK;
}

prune_status prune_mask_neuron(prune_model *model, size_t layer, size_t neuron)
{
    const prune_selection neurons = { .granularity = PRUNE_NEURONS, .include_output = 1, .layer = -1 };
    if (model == NULL)
        return PRUNE_E_ARGUMENT;
    if (layer >= model->layer_count || neuron >= model->layers[layer]->ops->units(model->layers[layer]))
        return PRUNE_E_RANGE;
    const prn_run run = { .layer = layer, .first = neuron };
    const prn_group group = prn_group_output(model->layers[layer], neuron);
    const size_t kept = prn_unit_count_layer(&neurons, model, layer).kept;
    if (kept == (prn_group_kept(model->layers[layer], &group) ? 1 : 0))
        return PRUNE_E_COLLAPSE;
    prn_unit_remove(model, &neurons, &run, 0, 1);
    return PRUNE_OK;
}

prune_status prune_mask_reset(prune_model *model)
{
    if (model == NULL)
        return PRUNE_E_ARGUMENT;
    prn_walk w = { .model = model };
    for (prn_param *param = prn_walk_next(&w); param != NULL; param = prn_walk_next(&w))
        prn_param_revive(param);
    return PRUNE_OK;
}
