/* evaluate.c -- how good a model is on given data
 *
 * SPDX-License-Identifier: MIT */
#include "evaluate.h"
#include "data.h"
#include "libprune/predict.h"
#include "loss.h"
#include "model.h"
#include "options.h"
#include "rows.h"
#include "text.h"

#include <string.h>

enum { BATCH = 256 };

void prune_metrics_init(prune_metrics *metrics)
{
    if (metrics != NULL)
        *metrics = (prune_metrics){ .size = sizeof *metrics };
}

double prn_tally_none(void)
{
    const uint64_t bits = 0x7ff8000000000000u;
    double nan;
    memcpy(&nan, &bits, sizeof nan);
    return nan;
}

/* Whether the label's output is the first of the largest; not where an output is NaN. */
static int32_t is_right(const float *h, size_t outputs, size_t label)
{
    for (size_t o = 0; o < outputs; o++)
        if (!(o < label ? h[label] > h[o] : h[label] >= h[o]))
            return 0;
    return 1;
}

static void add_errors(prn_tally *tally, const float *h, const float *y, size_t outputs)
{
    for (size_t o = 0; o < outputs; o++) {
        const double error = (double)h[o] - (double)y[o];
        tally->absolute += error < 0.0 ? -error : error;
        tally->squared += error * error;
    }
}

void prn_tally_add(prn_tally *tally, int32_t loss, const prune_tensor *h, const prune_tensor *targets)
{
    const size_t rows = prn_tensor_rows(h), outputs = prn_tensor_row(h);
    tally->loss += (double)prn_loss_sum(loss, h, targets, NULL, 0.0f);
    tally->samples += rows;
    tally->outputs = outputs;
    for (size_t r = 0; r < rows; r++) {
        const float *row = (const float *)h->data + r * h->ld;
        if (loss == PRUNE_SOFTMAX_CROSS_ENTROPY)
            tally->correct +=
                is_right(row, outputs, (size_t)((const int32_t *)targets->data)[r * targets->ld]) != 0;
        else
            add_errors(tally, row, (const float *)targets->data + r * targets->ld, outputs);
    }
}

prune_metrics prn_tally_metrics(const prn_tally *tally, int32_t loss)
{
    const int32_t labels = loss == PRUNE_SOFTMAX_CROSS_ENTROPY;
    const double samples = (double)tally->samples, values = samples * (double)tally->outputs;
    return (prune_metrics){
        .size = sizeof(prune_metrics),
        .samples = tally->samples,
        .loss = tally->loss / samples,
        .accuracy = labels ? (double)tally->correct / samples : prn_tally_none(),
        .mae = labels ? prn_tally_none() : tally->absolute / values,
        .rmse = labels ? prn_tally_none() : __builtin_sqrt(tally->squared / values),
    };
}

/* A pass over all samples of a data set. */
typedef struct pass {
    const prune_model *model;
    const prn_data *data;
    prune_workspace *workspace;
    prune_tensor *outputs;
    prn_batch batch;
} pass;

/* With room for the outputs of so many samples. */
static prune_status open_pass(pass *p, size_t samples, prune_error *error)
{
    const prune_shape shape = { 2, { samples, prune_model_outputs(p->model), 0, 0 } };
    const prune_allocator *mem = &p->model->mem;
    prune_status status = prune_workspace_create(&p->workspace, mem, p->model, BATCH, NULL);
    if (status == PRUNE_OK)
        status = prune_tensor_create(&p->outputs, mem, PRUNE_F32, &shape);
    if (status == PRUNE_OK)
        status = prn_batch_open(&p->batch, mem, p->data, BATCH, 1);
    return status == PRUNE_OK ? status : prn_error_set(error, status, "model", prune_status_string(status));
}

static void close_pass(pass *p)
{
    prn_batch_close(&p->batch);
    prune_tensor_free(p->outputs);
    prune_workspace_free(p->workspace);
}

/* *h = a view of the outputs of the batch that starts with sample `first`, in row `row` of all outputs. */
static prune_status predict_batch(prune_tensor *h, pass *p, size_t first, size_t row, prune_error *error)
{
    const size_t outputs = prn_tensor_row(p->outputs);
    prune_status status = prn_data_slice(&p->batch, p->data, first, BATCH, error);
    if (status != PRUNE_OK)
        return status;
    prn_tensor_view(h, (float *)p->outputs->data + row * outputs, prn_tensor_rows(&p->batch.inputs), outputs);
    status = prune_predict(h, p->model, p->workspace, &p->batch.inputs);
    return status == PRUNE_OK ? status : prn_error_set(error, status, "model", prune_status_string(status));
}

static prune_status run(prn_tally *tally, const prune_model *model, const prn_data *data, prune_error *error)
{
    pass p = { .model = model, .data = data };
    prune_tensor h;
    prune_status status = open_pass(&p, BATCH, error);
    for (size_t first = 0; status == PRUNE_OK && first < prn_data_samples(data); first += BATCH) {
        status = predict_batch(&h, &p, first, 0, error);
        if (status == PRUNE_OK)
            prn_tally_add(tally, data->loss, &h, &p.batch.targets);
    }
    close_pass(&p);
    return status;
}

prune_status prune_evaluate(prune_metrics *metrics, const prune_model *model, const prune_data *data,
                            int32_t loss, prune_error *error)
{
    prn_data mine;
    prn_tally tally = { 0 };
    if (metrics == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "metrics", "NULL");
    prune_status status = prn_result_check(metrics, sizeof *metrics);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "metrics", prn_options_reason(status));
    status = prn_data_open(&mine, data, model, loss, error);
    if (status == PRUNE_OK)
        status = run(&tally, model, &mine, error);
    if (status != PRUNE_OK)
        return status;
    const prune_metrics measured = prn_tally_metrics(&tally, loss);
    prn_result_write(metrics, &measured);
    return PRUNE_OK;
}

/* All targets as the metric sees them: where they lie, or in *own, which the caller ends. */
static const prune_tensor *find_targets(prune_tensor **own, const prn_data *data, const prune_allocator *mem)
{
    const prune_tensor *targets = data->targets;
    if (targets->data != NULL)
        return targets;
    return prune_tensor_create(own, mem, targets->dtype, &targets->shape) == PRUNE_OK ? *own : NULL;
}

static prune_status measure(double *value, pass *p, const prune_metric *metric, prune_error *error)
{
    const prn_data *data = p->data;
    prune_tensor *own = NULL, h, part;
    const prune_tensor *targets = find_targets(&own, data, &p->model->mem);
    prune_status status =
        targets != NULL ? PRUNE_OK : prn_error_set(error, PRUNE_E_MEMORY, "targets", "no memory");
    for (size_t first = 0; status == PRUNE_OK && first < prn_data_samples(data); first += BATCH) {
        status = predict_batch(&h, p, first, first, error);
        if (status != PRUNE_OK || own == NULL)
            continue;
        prn_rows_slice(&part, own, first, prn_tensor_rows(&h));
        part.read_only = 0;
        status = prune_tensor_copy(&part, &p->batch.targets);
    }
    if (status == PRUNE_OK &&
        (status = metric->measure(metric->user, value, p->outputs, targets)) != PRUNE_OK)
        prn_error_set(error, status, "metric", prune_status_string(status));
    prune_tensor_free(own);
    return status;
}

prune_status prune_evaluate_metric(double *value, const prune_model *model, const prune_data *data,
                                   int32_t loss, const prune_metric *metric, prune_error *error)
{
    prn_data mine;
    double measured = prn_tally_none();
    if (value == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "value", "NULL");
    if (metric == NULL || metric->measure == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "metric", "no function");
    prune_status status = prn_data_open(&mine, data, model, loss, error);
    if (status != PRUNE_OK)
        return status;
    pass p = { .model = model, .data = &mine };
    status = open_pass(&p, prn_data_samples(&mine), error);
    if (status == PRUNE_OK)
        status = measure(&measured, &p, metric, error);
    close_pass(&p);
    if (status == PRUNE_OK)
        *value = measured;
    return status;
}
