/* removal.c -- a caller's prune_removal, before a call fills it
 *
 * SPDX-License-Identifier: MIT */
#include "removal.h"
#include "model.h"
#include "options.h"
#include "text.h"

prune_status prn_removal_open(prune_removal *mine, const prune_removal *theirs, const prune_model *model,
                              prune_error *error)
{
    prune_removal_init(mine);
    const prune_status status = prn_options_read(mine, sizeof *mine, theirs);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "removal", prn_options_reason(status));
    *mine = (prune_removal){ .size = sizeof *mine,
                             .by_layer = mine->by_layer,
                             .by_layer_capacity = mine->by_layer_capacity };
    if (mine->by_layer != NULL && mine->by_layer_capacity < model->layer_count)
        return prn_error_set(error, PRUNE_E_SHAPE, "removal", "by_layer has no room for all layers");
    return PRUNE_OK;
}
