/* fit_model.c -- a fit with a trainer of its own
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/fit.h"
#include "model.h"
#include "options.h"
#include "text.h"

/* prune_fit() makes the trainer as large as the batches that are asked for. */
static prune_status plan_options(prune_trainer_options *mine, const prune_trainer_options *given,
                                 const prune_fit_options *options, prune_error *error)
{
    prune_fit_options fit;
    prune_trainer_options_init(mine);
    prune_fit_options_init(&fit);
    prune_status status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "trainer options", prn_options_reason(status));
    status = prn_options_read(&fit, sizeof fit, options);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "fit options", prn_options_reason(status));
    if (fit.batch_size > mine->max_batch)
        mine->max_batch = fit.batch_size;
    return PRUNE_OK;
}

prune_status prune_fit(prune_fit_result *result, prune_model *model, const prune_data *data,
                       const prune_trainer_options *trainer_options, const prune_fit_options *options,
                       prune_error *error)
{
    prune_trainer_options mine;
    prune_trainer *trainer = NULL;
    if (model == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "model", "NULL");
    prune_status status = plan_options(&mine, trainer_options, options, error);
    if (status == PRUNE_OK)
        status = prune_trainer_create(&trainer, &model->mem, model, &mine, error);
    if (status != PRUNE_OK)
        return status;
    status = prune_trainer_fit(result, trainer, data, options, error);
    prune_trainer_free(trainer);
    return status;
}
