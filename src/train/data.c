/* data.c -- samples: inputs and what they should give
 *
 * A source is a data set whose tensors have type and shape, but no data: the same checks of both hold for
 * it, and those of values wait until a batch has been read.
 *
 * SPDX-License-Identifier: MIT */
#include "data.h"
#include "loss.h"
#include "mem.h"
#include "model.h"
#include "options.h"
#include "rows.h"
#include "text.h"

#include <limits.h>
#include <string.h>

void prune_data_init(prune_data *data)
{
    if (data != NULL)
        *data = (prune_data){ .size = sizeof *data };
}

void prune_source_init(prune_source *source)
{
    if (source != NULL)
        *source = (prune_source){ .size = sizeof *source, .target_columns = 1, .target_type = PRUNE_I32 };
}

/* ---- opening ---- */

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
    return inputs->data == NULL ? PRUNE_OK : prn_rows_check_finite(inputs, NULL, "inputs", error);
}

static prune_status check_targets(const prn_data *data, prune_error *error)
{
    const prune_tensor *targets = data->targets;
    const prune_status status = prn_loss_fits(data->loss, targets, prn_data_samples(data), data->outputs);
    if (status == PRUNE_E_TYPE)
        return prn_error_set(error, status, "targets", "labels must be PRUNE_I32, other targets PRUNE_F32");
    const ptrdiff_t shapes[] = { (ptrdiff_t)prn_tensor_rows(targets), (ptrdiff_t)prn_tensor_row(targets),
                                 (ptrdiff_t)prn_data_samples(data), (ptrdiff_t)data->outputs };
    if (status != PRUNE_OK)
        return prn_error_format(error, status, "targets",
                                "% x % for % samples and % outputs: one label, or one row of outputs, each",
                                shapes);
    return targets->data == NULL ? PRUNE_OK : prn_loss_check(data->loss, targets, NULL, data->outputs, error);
}

static prune_status take_source(prn_data *mine, const prune_source *given, prune_error *error)
{
    prune_source *source = &mine->source;
    prune_source_init(source);
    const prune_status status = prn_options_read(source, sizeof *source, given);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "source", prn_options_reason(status));
    if (source->read == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "source", "it has no function");
    if (source->samples == 0)
        return prn_error_set(error, PRUNE_E_EMPTY, "source", "there are no samples");
    prn_tensor_view(&mine->kinds[0], NULL, source->samples, source->inputs);
    prn_tensor_view(&mine->kinds[1], NULL, source->samples, source->target_columns);
    mine->kinds[1].dtype = source->target_type;
    mine->inputs = &mine->kinds[0];
    mine->targets = &mine->kinds[1];
    return PRUNE_OK;
}

/* Sums are as exact as they have to be: it is 0 or it is not. */
static prune_status check_weights(const prn_data *data, prune_error *error)
{
    const prune_tensor *weights = data->weights;
    const prune_status status = prn_loss_check_weights(weights, prn_data_samples(data), error);
    if (status != PRUNE_OK || weights == NULL)
        return status;
    for (size_t r = 0; r < prn_tensor_rows(weights); r++)
        if (((const float *)weights->data)[r * weights->ld] > 0.0f)
            return PRUNE_OK;
    return prn_error_set(error, PRUNE_E_RANGE, "weights", "all of them are 0");
}

static prune_status take_samples(prn_data *mine, const prune_data *given, prune_error *error)
{
    prune_data data;
    prune_data_init(&data);
    const prune_status status = prn_options_read(&data, sizeof data, given);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "data", prn_options_reason(status));
    mine->weights = data.weights;
    if (data.source != NULL && (data.inputs != NULL || data.targets != NULL))
        return prn_error_set(error, PRUNE_E_ARGUMENT, "data", "there are tensors and a source");
    if (data.source != NULL)
        return take_source(mine, data.source, error);
    if (data.inputs == NULL || data.targets == NULL)
        return prn_error_set(error, PRUNE_E_EMPTY, "data", "inputs or targets are missing");
    mine->inputs = data.inputs;
    mine->targets = data.targets;
    return PRUNE_OK;
}

prune_status prn_data_loss(prn_loss *mine, const prune_loss_options *given, const prune_model *model,
                           prune_error *error)
{
    const prune_status status = prn_model_check(model);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "model", model == NULL ? "NULL" : prune_status_string(status));
    return prn_loss_read(mine, given, prn_shape_count(prn_model_output(model)), error);
}

prune_status prn_data_open(prn_data *mine, const prune_data *given, const prune_model *model,
                           const prn_loss *loss, prune_error *error)
{
    prune_status status = prn_loss_ready(loss, error);
    if (status != PRUNE_OK)
        return status;
    if (given == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "data", "NULL");
    *mine = (prn_data){ .loss = loss, .outputs = prn_shape_count(prn_model_output(model)) };
    status = take_samples(mine, given, error);
    if (status == PRUNE_OK)
        status = check_inputs(mine->inputs, model, error);
    if (status == PRUNE_OK)
        status = check_targets(mine, error);
    if (status != PRUNE_OK)
        return status;
    mine->target_bytes = prn_tensor_row_bytes(mine->targets);
    return check_weights(mine, error);
}

size_t prn_data_samples(const prn_data *data)
{
    return prn_tensor_rows(data->inputs);
}

static int32_t is_read(const prn_data *data)
{
    return data->source.read != NULL;
}

/* ---- batches ---- */

prune_status prn_batch_open(prn_batch *batch, const prune_allocator *mem, const prn_data *data, size_t rows,
                            int32_t ordered)
{
    *batch = (prn_batch){ .mem = *mem };
    if (ordered && !is_read(data))
        return PRUNE_OK;
    prn_layout layout = { 0 };
    const size_t samples = prn_layout_add(&layout, rows, sizeof(size_t));
    const size_t x = prn_layout_add(&layout, rows, prn_tensor_row_bytes(data->inputs));
    const size_t y = prn_layout_add(&layout, rows, data->target_bytes);
    const size_t w = prn_layout_add(&layout, rows, sizeof(float));
    batch->bytes = layout.bytes;
    batch->block = layout.overflow ? NULL : prn_mem_alloc(mem, 1, layout.bytes);
    if (batch->block == NULL)
        return PRUNE_E_MEMORY;
    batch->samples = (size_t *)batch->block + samples / sizeof(size_t);
    batch->own_inputs = (float *)batch->block + x / sizeof(float);
    batch->own_targets = (unsigned char *)batch->block + y;
    batch->own_weights = (float *)batch->block + w / sizeof(float);
    return PRUNE_OK;
}

/* The samples that a source will be asked for next; none: it was to be asked, and will not be. */
static void announce(prn_batch *batch, const prn_data *data, const size_t *samples, size_t count)
{
    const prune_source *source = data == NULL ? NULL : &data->source;
    batch->ahead = count == 0 ? NULL : data;
    if (source != NULL && source->expect != NULL)
        source->expect(source->user, count == 0 ? NULL : samples, count);
}

void prn_batch_close(prn_batch *batch)
{
    announce(batch, batch->ahead, NULL, 0);
    if (batch->block != NULL)
        prn_mem_free(&batch->mem, batch->block, 1, batch->bytes);
    batch->block = NULL;
}

/* Makes *view a view of `count` rows of the kind of `all`, in memory without gaps. */
static void view_rows(prune_tensor *view, const prune_tensor *all, void *memory, size_t count)
{
    *view = *all;
    view->data = memory;
    view->shape.dims[0] = count;
    view->ld = prn_tensor_row(all);
    view->read_only = 1;
}

static prune_status read_failed(prune_status status, const prune_source *source, size_t first, size_t count,
                                prune_error *error)
{
    const ptrdiff_t numbers[] = { (ptrdiff_t)first, (ptrdiff_t)count };
    prn_error_format(error, status, "source", "read() failed at sample % and the following, % in all",
                     numbers);
    if (error == NULL || source->explain == NULL)
        return status;
    source->explain(source->user, error);
    error->status = status;
    error->place[sizeof error->place - 1] = error->reason[sizeof error->reason - 1] = '\0';
    return status;
}

/* All bits 1 are NaN, and the label -1: what read() leaves out is found. */
static prune_status read_batch(prn_batch *batch, const prn_data *data, const size_t *order, size_t count,
                               prune_error *error)
{
    const prune_source *source = &data->source;
    memset(batch->own_inputs, 0xFF, count * prn_tensor_row_bytes(data->inputs));
    memset(batch->own_targets, 0xFF, count * prn_tensor_row_bytes(data->targets));
    if (batch->ahead != data)
        announce(batch, batch->ahead, NULL, 0);
    batch->ahead = NULL;
    prune_status status = source->read(source->user, order, count, batch->own_inputs, batch->own_targets);
    if (status != PRUNE_OK)
        return read_failed(status, source, order[0], count, error);
    view_rows(&batch->inputs, data->inputs, batch->own_inputs, count);
    view_rows(&batch->targets, data->targets, batch->own_targets, count);
    status = prn_rows_check_finite(&batch->inputs, order, "inputs", error);
    return status != PRUNE_OK ? status
                              : prn_loss_check(data->loss, &batch->targets, order, data->outputs, error);
}

static void set_target(prn_batch *batch, const prn_data *data)
{
    batch->target = (prn_target){ &batch->targets, data->weights == NULL ? NULL : &batch->weights };
}

prune_status prn_data_collect(prn_batch *batch, const prn_data *data, const size_t *order, size_t count,
                              size_t left, prune_error *error)
{
    set_target(batch, data);
    if (data->weights != NULL)
        prn_rows_collect(&batch->weights, batch->own_weights, data->weights, order, count);
    if (is_read(data)) {
        const prune_status status = read_batch(batch, data, order, count, error);
        if (status == PRUNE_OK && left != 0)
            announce(batch, data, order + count, left < count ? left : count);
        return status;
    }
    prn_rows_collect(&batch->inputs, batch->own_inputs, data->inputs, order, count);
    prn_rows_collect(&batch->targets, batch->own_targets, data->targets, order, count);
    return PRUNE_OK;
}

static void number(size_t *samples, size_t first, size_t count)
{
    for (size_t i = 0; i < count; i++)
        samples[i] = first + i;
}

static prune_status read_slice(prn_batch *batch, const prn_data *data, size_t first, size_t count,
                               prune_error *error)
{
    const size_t left = prn_data_samples(data) - first - count, next = left < count ? left : count;
    number(batch->samples, first, count);
    const prune_status status = read_batch(batch, data, batch->samples, count, error);
    if (status != PRUNE_OK || next == 0)
        return status;
    number(batch->samples, first + count, next);
    announce(batch, data, batch->samples, next);
    return PRUNE_OK;
}

prune_status prn_data_slice(prn_batch *batch, const prn_data *data, size_t first, size_t most,
                            prune_error *error)
{
    const size_t left = prn_data_samples(data) - first, count = left < most ? left : most;
    set_target(batch, data);
    if (data->weights != NULL)
        prn_rows_slice(&batch->weights, data->weights, first, count);
    if (is_read(data))
        return read_slice(batch, data, first, count, error);
    prn_rows_slice(&batch->inputs, data->inputs, first, count);
    prn_rows_slice(&batch->targets, data->targets, first, count);
    return PRUNE_OK;
}

/* ---- checking all ---- */

enum { CHECKED_AT_ONCE = 256 };

static prune_status check_all(const prn_data *data, const prune_allocator *mem, prune_error *error)
{
    prn_batch batch;
    prune_status status = prn_batch_open(&batch, mem, data, CHECKED_AT_ONCE, 1);
    if (status != PRUNE_OK)
        prn_error_set(error, status, "data", "no memory for a batch");
    for (size_t first = 0; first < prn_data_samples(data) && status == PRUNE_OK; first += CHECKED_AT_ONCE)
        status = prn_data_slice(&batch, data, first, CHECKED_AT_ONCE, error);
    prn_batch_close(&batch);
    return status;
}

prune_status prune_data_check_with(const prune_data *data, const prune_model *model,
                                   const prune_loss_options *loss, prune_error *error)
{
    prn_loss my_loss;
    prn_data mine;
    prune_status status = prn_data_loss(&my_loss, loss, model, error);
    if (status == PRUNE_OK)
        status = prn_data_open(&mine, data, model, &my_loss, error);
    return status != PRUNE_OK || !is_read(&mine) ? status : check_all(&mine, &model->mem, error);
}

prune_status prune_data_check(const prune_data *data, const prune_model *model, int32_t loss,
                              prune_error *error)
{
    const prn_loss plain = prn_loss_of(loss);
    return prune_data_check_with(data, model, &plain, error);
}
