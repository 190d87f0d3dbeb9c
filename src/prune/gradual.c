/* gradual.c -- pruning while training
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/gradual.h"
#include "libprune/cluster.h"
#include "unit.h"

void prune_gradual_init(prune_gradual *gradual)
{
    if (gradual == NULL)
        return;
    *gradual = (prune_gradual){ .size = sizeof *gradual };
    prune_removal_init(&gradual->newest);
}

/* Whether fewer units are gone than the fraction asks for. */
static prune_status is_short(int32_t *due, const prune_model *model, const prune_selection *selection,
                             double fraction)
{
    uint64_t units, kept, wanted = 0;
    prune_status status = prune_mask_units(&units, &kept, model, selection);
    if (status == PRUNE_OK)
        status = prune_fraction_count(&wanted, fraction, units);
    *due = status == PRUNE_OK && wanted > units - kept;
    return status;
}

/* Of all units, or of a layer's: where nothing is due, nothing need be scored. */
static prune_status is_due(int32_t *due, const prune_model *model, const prune_selection *given,
                           double fraction)
{
    prune_selection mine;
    *due = 0;
    prune_status status = prn_unit_selection(&mine, given, model);
    if (status != PRUNE_OK || mine.scope == PRUNE_GLOBAL || mine.layer >= 0)
        return status != PRUNE_OK ? status : is_short(due, model, &mine, fraction);
    for (size_t l = 0; l < model->layer_count && status == PRUNE_OK && !*due; l++) {
        prune_selection layer = mine;
        layer.layer = (int32_t)l;
        if (prn_unit_covers(&mine, model, l))
            status = is_short(due, model, &layer, fraction);
    }
    return status;
}

static prune_status remove_due(prune_gradual *g, const prune_progress *progress)
{
    double fraction;
    int32_t due;
    prune_model *model = prune_trainer_model(progress->trainer);
    prune_status status = g->importance == NULL ? PRUNE_E_ARGUMENT : PRUNE_OK;
    if (status == PRUNE_OK)
        status = prune_sparsity_at(&fraction, g->sparsity, prune_trainer_steps(progress->trainer));
    if (status == PRUNE_OK)
        status = is_due(&due, model, g->selection, fraction);
    if (status != PRUNE_OK || !due)
        return status;
    status = g->score != NULL ? g->score(g->score_user, g->importance, progress)
                              : prune_importance_reduce(g->importance, progress->trainer, NULL);
    if (status == PRUNE_OK)
        status = prune_mask_fraction(&g->newest, model, g->importance, g->selection, fraction, PRUNE_OF_ALL);
    g->times += status == PRUNE_OK;
    return status;
}

int32_t prune_gradual_progress(void *user, const prune_progress *progress)
{
    prune_gradual *g = user;
    if (g == NULL || g->size != sizeof *g)
        return 1;
    if (g->status == PRUNE_OK)
        g->status = remove_due(g, progress);
    if (g->status != PRUNE_OK)
        return 1;
    return g->next != NULL ? g->next(g->next_user, progress) : 0;
}
