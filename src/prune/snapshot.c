/* snapshot.c -- weights and masks set aside: a clone of the model, copied back and forth
 *
 * SPDX-License-Identifier: MIT */
#include "snapshot.h"
#include "model.h"

#include <string.h>

struct prune_snapshot {
    prune_allocator mem;
    prune_model *copy;
};

prune_status prune_snapshot_create(prune_snapshot **out, const prune_allocator *mem, const prune_model *model)
{
    if (out == NULL)
        return PRUNE_E_ARGUMENT;
    *out = NULL;
    prune_allocator own;
    prune_status status = prn_model_check(model);
    if (status == PRUNE_OK)
        status = prn_mem_choose(&own, mem);
    if (status != PRUNE_OK)
        return status;
    prune_snapshot *snapshot = prn_mem_alloc(&own, 1, sizeof *snapshot);
    if (snapshot == NULL)
        return PRUNE_E_MEMORY;
    snapshot->mem = own;
    status = prune_model_clone(&snapshot->copy, &own, model);
    if (status != PRUNE_OK) {
        prune_snapshot_free(snapshot);
        return status;
    }
    *out = snapshot;
    return PRUNE_OK;
}

void prune_snapshot_free(prune_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    const prune_allocator mem = snapshot->mem;
    prune_model_free(snapshot->copy);
    prn_mem_free(&mem, snapshot, 1, sizeof *snapshot);
}

static void copy_params(prune_model *to, const prune_model *from)
{
    prn_walk ours = { .model = to }, others = { .model = from };
    for (prn_param *mine = prn_walk_next(&ours); mine != NULL; mine = prn_walk_next(&ours)) {
        const prn_param *theirs = prn_walk_next(&others);
        memcpy(mine->value, theirs->value, mine->count * sizeof *mine->value);
        memcpy(mine->mask, theirs->mask, prn_mask_words(mine->count) * sizeof *mine->mask);
        mine->removed = theirs->removed;
    }
}

prune_status prn_snapshot_fits(const prune_snapshot *snapshot, const prune_model *model)
{
    if (snapshot == NULL || model == NULL)
        return PRUNE_E_ARGUMENT;
    return prn_model_same(snapshot->copy, model) ? PRUNE_OK : PRUNE_E_SHAPE;
}

const prune_model *prn_snapshot_model(const prune_snapshot *snapshot)
{
    return snapshot->copy;
}

prune_status prune_snapshot_take(prune_snapshot *snapshot, const prune_model *model)
{
    const prune_status status = prn_snapshot_fits(snapshot, model);
    if (status == PRUNE_OK)
        copy_params(snapshot->copy, model);
    return status;
}

prune_status prune_snapshot_restore(const prune_snapshot *snapshot, prune_model *model)
{
    const prune_status status = prn_snapshot_fits(snapshot, model);
    if (status == PRUNE_OK)
        copy_params(model, snapshot->copy);
    return status;
}

prune_status prune_snapshot_rewind(const prune_snapshot *snapshot, prune_model *model)
{
    const prune_status status = prn_snapshot_fits(snapshot, model);
    if (status != PRUNE_OK)
        return status;
    prn_walk ours = { .model = model }, others = { .model = snapshot->copy };
    for (prn_param *mine = prn_walk_next(&ours); mine != NULL; mine = prn_walk_next(&ours)) {
        memcpy(mine->value, prn_walk_next(&others)->value, mine->count * sizeof *mine->value);
        prn_param_mask_values(mine, mine->value);
    }
    return PRUNE_OK;
}
