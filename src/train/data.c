/* data.c -- samples: inputs and what they should give
 *
 * SPDX-License-Identifier: MIT */
#include "data.h"
#include "loss.h"
#include "model.h"
#include "options.h"
#include "rows.h"
#include "text.h"

#include <limits.h>

void prune_data_init(prune_data *data)
{
    if (data != NULL)
        *data = (prune_data){ .size = sizeof *data };
}

static prune_status check_inputs(const prune_tensor *inputs, const prune_model *model, prune_error *error)
{
    if (inputs->dtype != PRUNE_F32)
        return prn_error_set(error, PRUNE_E_TYPE, "inputs", "inputs must be PRUNE_F32");
    const ptrdiff_t wide[] = { (ptrdiff_t)prn_tensor_row(inputs), (ptrdiff_t)prn_shape_count(&model->input) };
    if (wide[0] != wide[1])
        return prn_error_format(error, PRUNE_E_SHAPE, "inputs", "a sample has % numbers, the model takes %",
                                wide);
    if (prn_tensor_step(inputs) > INT_MAX)
        return prn_error_set(error, PRUNE_E_LIMIT, "inputs", "rows are more than INT_MAX elements apart");
    return prn_rows_check_finite(inputs, "inputs", error);
}

static prune_status check_targets(const prune_data *data, const prune_model *model, int32_t loss,
                                  prune_error *error)
{
    const size_t outputs = prn_shape_count(prn_model_output(model));
    const prune_status status = prn_loss_fits(loss, data->targets, prn_data_samples(data), outputs);
    if (status == PRUNE_E_TYPE)
        return prn_error_set(error, status, "targets", "labels must be PRUNE_I32, other targets PRUNE_F32");
    const prune_tensor *targets = data->targets;
    const ptrdiff_t shapes[] = { (ptrdiff_t)prn_tensor_rows(targets), (ptrdiff_t)prn_tensor_row(targets),
                                 (ptrdiff_t)prn_data_samples(data), (ptrdiff_t)outputs };
    if (status != PRUNE_OK)
        return prn_error_format(error, status, "targets",
                                "% x % for % samples and % outputs: one label, or one row of outputs, each",
                                shapes);
    return prn_loss_check(loss, data->targets, outputs, error);
}

prune_status prn_data_open(prune_data *mine, const prune_data *given, const prune_model *model, int32_t loss,
                           prune_error *error)
{
    prune_status status = prn_model_check(model);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "model", model == NULL ? "NULL" : prune_status_string(status));
    if (!prn_loss_known(loss))
        return prn_error_set(error, PRUNE_E_ARGUMENT, "loss", "not one of those in loss.h");
    if (given == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "data", "NULL");
    prune_data_init(mine);
    status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "data", prn_options_reason(status));
    if (mine->inputs == NULL || mine->targets == NULL)
        return prn_error_set(error, PRUNE_E_EMPTY, "data", "inputs or targets are missing");
    status = check_inputs(mine->inputs, model, error);
    return status != PRUNE_OK ? status : check_targets(mine, model, loss, error);
}

prune_status prune_data_check(const prune_data *data, const prune_model *model, int32_t loss,
                              prune_error *error)
{
    prune_data mine;
    return prn_data_open(&mine, data, model, loss, error);
}

size_t prn_data_samples(const prune_data *data)
{
    return prn_tensor_rows(data->inputs);
}

void prn_data_slice(prn_batch *batch, const prune_data *data, size_t first, size_t count)
{
    prn_rows_slice(&batch->inputs, data->inputs, first, count);
    prn_rows_slice(&batch->targets, data->targets, first, count);
}

void prn_data_collect(prn_batch *batch, const prn_batch_memory *memory, const prune_data *data,
                      const size_t *order, size_t count)
{
    prn_rows_collect(&batch->inputs, memory->inputs, data->inputs, order, count);
    prn_rows_collect(&batch->targets, memory->targets, data->targets, order, count);
}
