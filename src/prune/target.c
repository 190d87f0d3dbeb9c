/* target.c -- pruning until the model is small enough
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/target.h"
#include "importance.h"
#include "model.h"
#include "options.h"
#include "snapshot.h"
#include "text.h"
#include "unit.h"

void prune_target_init(prune_target *target)
{
    if (target != NULL)
        *target =
            (prune_target){ .size = sizeof *target, .measure = PRUNE_TARGET_PARAMETERS, .compacted = -1 };
}

/* One call. */
typedef struct search {
    prune_model *model;
    const prune_importance *importance;
    prune_allocation allocation;
    prune_target target;
    int32_t compacted;
    prune_compact_options compaction;
    uint64_t *counts; /* one for each layer */
    prune_snapshot *before;
    prune_error *error;
} search;

static prune_status fail(const search *s, prune_status status, const char *place)
{
    return prn_error_set(s->error, status, place, prune_status_string(status));
}

/* ---- setting up ---- */

static prune_status read_target(search *s, const prune_target *given)
{
    prune_target_init(&s->target);
    prune_compact_options_init(&s->compaction);
    s->compaction.merge = 0;
    prune_status status =
        given == NULL ? PRUNE_E_ARGUMENT : prn_options_read(&s->target, sizeof s->target, given);
    const prune_target *t = &s->target;
    if (status != PRUNE_OK)
        return fail(s, status, "target");
    if (t->measure < PRUNE_TARGET_PARAMETERS || t->measure > PRUNE_TARGET_BYTES)
        return prn_error_set(s->error, PRUNE_E_ARGUMENT, "target.measure", "not one of PRUNE_TARGET_*");
    if (t->compacted < -1 || t->compacted > 1 || t->nearest < 0 || t->nearest > 1)
        return prn_error_set(s->error, PRUNE_E_ARGUMENT, "target", "compacted or nearest is not 0 or 1");
    status = prn_options_read(&s->compaction, sizeof s->compaction, t->compaction);
    if (status == PRUNE_OK && s->compaction.drop_inputs)
        status = PRUNE_E_ARGUMENT;
    return status == PRUNE_OK ? status : fail(s, status, "target.compaction");
}

static prune_status read_allocation(search *s, const prune_allocation *given)
{
    prune_selection selection;
    prune_allocation_init(&s->allocation);
    prune_status status = prn_options_read(&s->allocation, sizeof s->allocation, given);
    if (status == PRUNE_OK)
        status = prn_unit_selection(&selection, s->allocation.selection, s->model);
    if (status != PRUNE_OK)
        return fail(s, status, "allocation");
    const int32_t whole = selection.granularity == PRUNE_NEURONS || selection.granularity == PRUNE_INPUTS;
    s->compacted = s->target.compacted == -1 ? whole : s->target.compacted;
    return PRUNE_OK;
}

static prune_status open_search(search *s, const prune_removal *removal, const prune_allocation *allocation,
                                const prune_target *target)
{
    prune_status status = prune_model_verify(s->model, s->error);
    if (status == PRUNE_OK)
        status = read_target(s, target);
    if (status == PRUNE_OK)
        status = read_allocation(s, allocation);
    if (status != PRUNE_OK)
        return status;
    status = prn_importance_check(s->importance);
    if (status == PRUNE_OK && s->importance->model != s->model)
        status = PRUNE_E_STATE;
    if (status != PRUNE_OK)
        return fail(s, status, "importance");
    status = prn_result_check(removal, sizeof *removal);
    if (status != PRUNE_OK)
        return fail(s, status, "removal");
    s->counts = prn_mem_alloc(&s->model->mem, s->model->layer_count, sizeof *s->counts);
    status = s->counts == NULL ? PRUNE_E_MEMORY : prune_snapshot_create(&s->before, &s->model->mem, s->model);
    return status == PRUNE_OK ? status : fail(s, status, "target");
}

/* ---- measuring ---- */

static void count_kept(uint64_t *parameters, uint64_t *macs, const prune_model *model)
{
    prn_walk w = { .model = model };
    *parameters = *macs = 0;
    for (const prn_param *param = prn_walk_next(&w); param != NULL; param = prn_walk_next(&w))
        *parameters += param->count - param->removed;
    for (size_t l = 0; l < model->layer_count; l++)
        *macs += model->layers[l]->ops->macs_kept(model->layers[l]);
}

static prune_status measure_model(const search *s, uint64_t *amount, const prune_model *model)
{
    uint64_t parameters, macs;
    if (s->target.measure == PRUNE_TARGET_BYTES) {
        const prune_status status = prune_model_encoded_bytes(amount, model, s->target.encoding, s->error);
        return status == PRUNE_OK ? status : prn_error_within(s->error, status, "target.encoding");
    }
    count_kept(&parameters, &macs, model);
    *amount = s->target.measure == PRUNE_TARGET_MACS ? macs : parameters;
    return PRUNE_OK;
}

static prune_status measure(const search *s, uint64_t *amount)
{
    prune_model *small;
    if (!s->compacted)
        return measure_model(s, amount, s->model);
    prune_status status = prune_compact(&small, &s->model->mem, s->model, &s->compaction, NULL, s->error);
    if (status == PRUNE_OK)
        status = measure_model(s, amount, small);
    prune_model_free(small);
    return status;
}

/* Removes so many from the model as it was. */
static prune_status prune_by(const search *s, prune_removal *removal, uint64_t total)
{
    const size_t layers = s->model->layer_count;
    prune_status status = prune_allocate(s->counts, layers, s->model, s->importance, &s->allocation, total);
    if (status == PRUNE_OK)
        status = prune_mask_allocated(removal, s->model, s->importance, s->allocation.selection, s->counts,
                                      layers);
    return status == PRUNE_OK ? status : fail(s, status, "allocation");
}

static prune_status try_total(const search *s, uint64_t *amount, uint64_t total)
{
    prune_status status = prune_by(s, NULL, total);
    if (status == PRUNE_OK)
        status = measure(s, amount);
    (void)prune_snapshot_restore(s->before, s->model);
    return status;
}

/* ---- searching ---- */

static prune_status check_reachable(const search *s, uint64_t most)
{
    uint64_t amount = 0;
    const prune_status status = try_total(s, &amount, most);
    if (status != PRUNE_OK || amount <= s->target.most)
        return status;
    return prn_error_set(s->error, PRUNE_E_COLLAPSE, "target.most",
                         "limits and floors of the layers do not allow as little");
}

static prune_status step_back(const search *s, uint64_t *total)
{
    uint64_t amount, fewer;
    prune_status status = try_total(s, &amount, *total);
    if (status == PRUNE_OK)
        status = try_total(s, &fewer, *total - 1);
    if (status == PRUNE_OK && fewer - s->target.most < s->target.most - amount)
        --*total;
    return status;
}

static prune_status look_for_total(const search *s, uint64_t *total)
{
    uint64_t least, low, high;
    prune_status status = prune_allocate_range(&least, &high, s->model, &s->allocation);
    if (status != PRUNE_OK)
        return fail(s, status, "allocation");
    status = check_reachable(s, high);
    for (low = least; status == PRUNE_OK && low < high;) {
        const uint64_t middle = low + (high - low) / 2;
        uint64_t amount = 0;
        status = try_total(s, &amount, middle);
        if (amount <= s->target.most)
            high = middle;
        else
            low = middle + 1;
    }
    *total = low;
    return status == PRUNE_OK && s->target.nearest && low > least ? step_back(s, total) : status;
}

static prune_status carry_out(search *s, prune_removal *removal)
{
    uint64_t total = 0;
    prune_status status = measure(s, &s->target.before);
    if (status == PRUNE_OK)
        status = look_for_total(s, &total);
    if (status == PRUNE_OK)
        status = try_total(s, &s->target.achieved, total);
    return status == PRUNE_OK ? prune_by(s, removal, total) : status;
}

prune_status prune_mask_target(prune_removal *removal, prune_model *model, const prune_importance *importance,
                               const prune_allocation *allocation, prune_target *target, prune_error *error)
{
    search s = { .model = model, .importance = importance, .error = error };
    prune_status status = open_search(&s, removal, allocation, target);
    if (status == PRUNE_OK)
        status = carry_out(&s, removal);
    if (status == PRUNE_OK)
        prn_result_write(target, &s.target);
    prune_snapshot_free(s.before);
    if (s.counts != NULL)
        prn_mem_free(&model->mem, s.counts, model->layer_count, sizeof *s.counts);
    return status;
}
