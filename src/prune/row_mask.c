/* row_mask.c -- the lowest weights of each row
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/row_mask.h"
#include "libprune/fraction.h"
#include "bits.h"
#include "importance.h"
#include "options.h"
#include "removal.h"
#include "unit.h"

typedef struct row {
    prn_param *param;
    const float *score; /* of the whole parameter */
    size_t first, count;
} row;

static size_t count_up_to(const row *r, uint32_t order)
{
    size_t found = 0;
    for (size_t i = r->first; i < r->first + r->count; i++)
        found += prn_mask_test(r->param->mask, i) && prn_bits_order(r->score[i]) <= order;
    return found;
}

/* The order of the k-th lowest kept score; there are that many. */
static uint32_t order_at(const row *r, size_t k)
{
    uint32_t low = 0, high = UINT32_MAX;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (count_up_to(r, middle) >= k)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void remove_lowest(prune_removal *removal, const row *r, size_t k)
{
    const uint32_t cut = order_at(r, k);
    size_t ties = k - (cut == 0 ? 0 : count_up_to(r, cut - 1));
    for (size_t i = r->first; i < r->first + r->count; i++) {
        const uint32_t order = prn_bits_order(r->score[i]);
        if (!prn_mask_test(r->param->mask, i) || order > cut || (order == cut && ties == 0))
            continue;
        ties -= order == cut;
        prn_param_remove(r->param, i);
        removal->threshold =
            removal->removed == 0 || r->score[i] > removal->threshold ? r->score[i] : removal->threshold;
        removal->removed++;
    }
}

static void remove_rows(prune_removal *removal, prn_param *param, const float *score, double fraction)
{
    const size_t rows = param->shape.dims[0], columns = param->count / rows;
    uint64_t wanted = 0;
    (void)prune_fraction_count_by(&wanted, fraction, columns, PRUNE_COUNT_DOWN);
    for (size_t o = 0; o < rows; o++) {
        const row r = { param, score, o * columns, columns };
        const size_t gone = columns - count_up_to(&r, UINT32_MAX);
        if (wanted > gone)
            remove_lowest(removal, &r, (size_t)wanted - gone);
    }
    removal->units += param->count;
    removal->kept += param->count - param->removed;
}

static prune_status check(prune_removal *mine, const prune_removal *theirs, const prune_model *model,
                          const prune_importance *importance, double fraction)
{
    prune_status status = prn_importance_check(importance);
    if (status == PRUNE_OK && model == NULL)
        status = PRUNE_E_ARGUMENT;
    if (status == PRUNE_OK && importance->model != model)
        status = PRUNE_E_STATE;
    if (status == PRUNE_OK)
        status = prn_removal_open(mine, theirs, model, NULL);
    if (status != PRUNE_OK)
        return status;
    if (!(fraction >= 0.0 && fraction <= 1.0))
        return PRUNE_E_RANGE;
    return fraction < 1.0 ? PRUNE_OK : PRUNE_E_COLLAPSE;
}

static void remove_layers(prune_removal *removal, prune_model *model, const float *score,
                          const prune_selection *selection, double fraction)
{
    for (size_t l = 0; l < model->layer_count; l++) {
        const prn_layer *layer = model->layers[l];
        const uint64_t before = removal->removed;
        for (size_t p = 0; p < layer->param_count; score += layer->params[p++].count)
            if (layer->params[p].prunable && prn_unit_covers(selection, model, l))
                remove_rows(removal, &layer->params[p], score, fraction);
        if (removal->by_layer != NULL)
            removal->by_layer[l] = removal->removed - before;
    }
}

prune_status prune_mask_rows(prune_removal *removal, prune_model *model, const prune_importance *importance,
                             int32_t layer, double fraction)
{
    prune_removal mine;
    prune_selection chosen, selection;
    prune_status status = check(&mine, removal, model, importance, fraction);
    prune_selection_init(&chosen);
    chosen.layer = layer;
    if (status == PRUNE_OK)
        status = prn_unit_selection(&selection, &chosen, model);
    if (status != PRUNE_OK)
        return status;
    remove_layers(&mine, model, importance->score, &selection, fraction);
    prn_result_write(removal, &mine);
    return PRUNE_OK;
}
