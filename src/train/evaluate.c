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

/* ---- all outputs, for a metric of the user's own ---- */

prune_status prn_answers_open(prn_answers *answers, const prune_allocator *mem, const prn_data *data,
                              size_t samples, int32_t ordered)
{
    const prune_shape shape = { 2, { samples, data->outputs, 0, 0 } };
    prune_shape target_shape = data->targets->shape;
    target_shape.dims[0] = samples;
    *answers = (prn_answers){ .targets = data->targets };
    const prune_status status = prune_tensor_create(&answers->outputs, mem, PRUNE_F32, &shape);
    if (status != PRUNE_OK || (ordered && data->targets->data != NULL))
        return status;
    answers->targets = NULL;
    return prune_tensor_create(&answers->own_targets, mem, data->targets->dtype, &target_shape);
}

void prn_answers_close(prn_answers *answers)
{
    prune_tensor_free(answers->own_targets);
    prune_tensor_free(answers->outputs);
}

static void put_rows(prune_tensor *all, size_t first, const prune_tensor *rows)
{
    prune_tensor part;
    prn_rows_slice(&part, all, first, prn_tensor_rows(rows));
    part.read_only = 0;
    (void)prune_tensor_copy(&part, rows);
}

void prn_answers_add(prn_answers *answers, const prune_tensor *h, const prn_batch *batch)
{
    put_rows(answers->outputs, answers->done, h);
    if (answers->own_targets != NULL)
        put_rows(answers->own_targets, answers->done, &batch->targets);
    answers->done += prn_tensor_rows(h);
}

prune_status prn_answers_measure(double *value, prn_answers *answers, const prune_metric *metric,
                                 prune_error *error)
{
    const prune_tensor *targets = answers->targets != NULL ? answers->targets : answers->own_targets;
    answers->done = 0;
    const prune_status status = metric->measure(metric->user, value, answers->outputs, targets);
    return status == PRUNE_OK ? status : prn_error_set(error, status, "metric", prune_status_string(status));
}

/* ---- a pass over all samples of a data set ---- */

typedef struct pass {
    const prune_model *model;
    prune_workspace *workspace;
    prune_tensor *outputs;
    prn_batch batch;
    prn_tally tally;
    prn_answers *answers; /* or NULL */
} pass;

static prune_status open_pass(pass *p, const prn_data *data, prune_error *error)
{
    const prune_shape shape = { 2, { BATCH, data->outputs, 0, 0 } };
    const prune_allocator *mem = &p->model->mem;
    prune_status status = prune_workspace_create(&p->workspace, mem, p->model, BATCH, NULL);
    if (status == PRUNE_OK)
        status = prune_tensor_create(&p->outputs, mem, PRUNE_F32, &shape);
    if (status == PRUNE_OK)
        status = prn_batch_open(&p->batch, mem, data, BATCH, 1);
    if (status == PRUNE_OK && p->answers != NULL)
        status = prn_answers_open(p->answers, mem, data, prn_data_samples(data), 1);
    return status == PRUNE_OK ? status : prn_error_set(error, status, "model", prune_status_string(status));
}

static void close_pass(pass *p)
{
    prn_batch_close(&p->batch);
    prune_tensor_free(p->outputs);
    prune_workspace_free(p->workspace);
}

static prune_status take_batch(pass *p, const prn_data *data, size_t first, prune_error *error)
{
    prune_tensor h;
    prune_status status = prn_data_slice(&p->batch, data, first, BATCH, error);
    if (status != PRUNE_OK)
        return status;
    prn_tensor_view(&h, p->outputs->data, prn_tensor_rows(&p->batch.inputs), data->outputs);
    status = prune_predict(&h, p->model, p->workspace, &p->batch.inputs);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "model", prune_status_string(status));
    prn_tally_add(&p->tally, data->loss, &h, &p->batch.targets);
    if (p->answers != NULL)
        prn_answers_add(p->answers, &h, &p->batch);
    return PRUNE_OK;
}

static prune_status run(pass *p, const prn_data *data, prune_error *error)
{
    prune_status status = open_pass(p, data, error);
    for (size_t first = 0; status == PRUNE_OK && first < prn_data_samples(data); first += BATCH)
        status = take_batch(p, data, first, error);
    close_pass(p);
    return status;
}

prune_status prune_evaluate(prune_metrics *metrics, const prune_model *model, const prune_data *data,
                            int32_t loss, prune_error *error)
{
    prn_data mine;
    pass p = { .model = model };
    if (metrics == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "metrics", "NULL");
    prune_status status = prn_result_check(metrics, sizeof *metrics);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "metrics", prn_options_reason(status));
    status = prn_data_open(&mine, data, model, loss, error);
    if (status == PRUNE_OK)
        status = run(&p, &mine, error);
    if (status != PRUNE_OK)
        return status;
    const prune_metrics measured = prn_tally_metrics(&p.tally, loss);
    prn_result_write(metrics, &measured);
    return PRUNE_OK;
}

prune_status prune_evaluate_metric(double *value, const prune_model *model, const prune_data *data,
                                   int32_t loss, const prune_metric *metric, prune_error *error)
{
    prn_data mine;
    prn_answers answers = { 0 };
    pass p = { .model = model, .answers = &answers };
    double measured = prn_tally_none();
    if (value == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "value", "NULL");
    if (metric == NULL || metric->measure == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "metric", "no function");
    prune_status status = prn_data_open(&mine, data, model, loss, error);
    if (status == PRUNE_OK)
        status = run(&p, &mine, error);
    if (status == PRUNE_OK)
        status = prn_answers_measure(&measured, &answers, metric, error);
    prn_answers_close(&answers);
    if (status == PRUNE_OK)
        *value = measured;
    return status;
}
