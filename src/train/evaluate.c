/* evaluate.c -- how good a model is on given data
 *
 * SPDX-License-Identifier: MIT */
#include "evaluate.h"
#include "data.h"
#include "libprune/predict.h"
#include "loss.h"
#include "model.h"
#include "options.h"
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

static prune_status run(prn_tally *tally, const prune_model *model, const prune_data *data, int32_t loss)
{
    prune_shape shape = { 2, { BATCH, prune_model_outputs(model), 0, 0 } };
    prune_workspace *workspace = NULL;
    prune_tensor *h = NULL, part;
    prn_batch batch;
    prune_status status = prune_workspace_create(&workspace, &model->mem, model, BATCH, NULL);
    if (status == PRUNE_OK)
        status = prune_tensor_create(&h, &model->mem, PRUNE_F32, &shape);
    const size_t samples = prn_data_samples(data);
    for (size_t first = 0; status == PRUNE_OK && first < samples; first += BATCH) {
        const size_t count = samples - first < BATCH ? samples - first : BATCH;
        prn_data_slice(&batch, data, first, count);
        prn_tensor_view(&part, h->data, count, shape.dims[1]);
        status = prune_predict(&part, model, workspace, &batch.inputs);
        if (status == PRUNE_OK)
            prn_tally_add(tally, loss, &part, &batch.targets);
    }
    prune_tensor_free(h);
    prune_workspace_free(workspace);
    return status;
}

prune_status prune_evaluate(prune_metrics *metrics, const prune_model *model, const prune_data *data,
                            int32_t loss, prune_error *error)
{
    prune_data mine;
    prn_tally tally = { 0 };
    if (metrics == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "metrics", "NULL");
    prune_status status = prn_result_check(metrics, sizeof *metrics);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "metrics", prn_options_reason(status));
    status = prn_data_open(&mine, data, model, loss, error);
    if (status != PRUNE_OK)
        return status;
    status = run(&tally, model, &mine, loss);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "model", prune_status_string(status));
    const prune_metrics measured = prn_tally_metrics(&tally, loss);
    prn_result_write(metrics, &measured);
    return PRUNE_OK;
}

/* *h = all outputs, in a tensor that the caller ends, also after a failure. */
static prune_status predict_all(prune_tensor **h, const prune_model *model, const prune_tensor *inputs)
{
    const prune_shape shape = { 2, { prn_tensor_rows(inputs), prune_model_outputs(model), 0, 0 } };
    prune_workspace *workspace = NULL;
    prune_status status = prune_tensor_create(h, &model->mem, PRUNE_F32, &shape);
    if (status == PRUNE_OK)
        status = prune_workspace_create(&workspace, &model->mem, model, BATCH, NULL);
    if (status == PRUNE_OK)
        status = prune_predict(*h, model, workspace, inputs);
    prune_workspace_free(workspace);
    return status;
}

prune_status prune_evaluate_metric(double *value, const prune_model *model, const prune_data *data,
                                   int32_t loss, const prune_metric *metric, prune_error *error)
{
    prune_data mine;
    prune_tensor *h = NULL;
    double measured = prn_tally_none();
    if (value == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "value", "NULL");
    if (metric == NULL || metric->measure == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "metric", "no function");
    prune_status status = prn_data_open(&mine, data, model, loss, error);
    if (status != PRUNE_OK)
        return status;
    status = predict_all(&h, model, mine.inputs);
    if (status != PRUNE_OK)
        prn_error_set(error, status, "model", prune_status_string(status));
    else if ((status = metric->measure(metric->user, &measured, h, mine.targets)) != PRUNE_OK)
        prn_error_set(error, status, "metric", prune_status_string(status));
    prune_tensor_free(h);
    if (status == PRUNE_OK)
        *value = measured;
    return status;
}
