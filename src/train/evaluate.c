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
#include "spread.h"
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

/* The fraction of outputs that are on the target's side; NaN is on none. */
static double sides(const float *h, const float *y, size_t outputs)
{
    size_t right = 0;
    for (size_t o = 0; o < outputs; o++)
        right += y[o] > 0.5f ? h[o] > 0.0f : h[o] <= 0.0f;
    return (double)right / (double)outputs;
}

static size_t first_largest(const float *y, size_t outputs)
{
    size_t most = 0;
    for (size_t o = 1; o < outputs; o++)
        most = y[o] > y[most] ? o : most;
    return most;
}

double prn_tally_right(int32_t kind, const float *h, size_t outputs, const prune_tensor *targets, size_t row)
{
    const float *y = (const float *)targets->data + row * targets->ld;
    if (targets->dtype == PRUNE_I32)
        return is_right(h, outputs, (size_t)((const int32_t *)targets->data)[row * targets->ld]);
    return kind == PRUNE_BINARY_CROSS_ENTROPY ? sides(h, y, outputs)
                                              : is_right(h, outputs, first_largest(y, outputs));
}

static void add_errors(prn_tally *tally, const float *h, const float *y, double weight)
{
    for (size_t o = 0; o < tally->outputs; o++) {
        const double error = (double)h[o] - (double)y[o];
        tally->absolute += weight * (error < 0.0 ? -error : error);
        tally->squared += weight * (error * error);
    }
}

static void add_row(prn_tally *tally, int32_t kind, const float *h, const prn_target *target, size_t row)
{
    const prune_tensor *targets = target->values;
    const double weight = (double)prn_target_weight(target, row);
    const int32_t says = prn_loss_says(kind);
    tally->weight += weight;
    if (says == PRN_SAYS_NOTHING || weight <= 0.0)
        return;
    if (says == PRN_SAYS_CLASSES)
        tally->correct += weight * prn_tally_right(kind, h, tally->outputs, targets, row);
    else
        add_errors(tally, h, (const float *)targets->data + row * targets->ld, weight);
}

prune_status prn_tally_add(prn_tally *tally, const prn_loss *loss, const prune_tensor *h,
                           const prn_target *target)
{
    prn_loss_sums sums;
    const prune_status status = prn_loss_add_up(&sums, NULL, loss, h, target);
    const double unit = (double)sums.unit[0] * (double)sums.unit[1];
    tally->loss += unit * (double)sums.loss;
    tally->divisor += unit * (double)sums.weight;
    tally->samples += prn_tensor_rows(h);
    tally->outputs = prn_tensor_row(h);
    for (size_t r = 0; r < prn_tensor_rows(h); r++)
        add_row(tally, loss->kind, (const float *)h->data + r * h->ld, target, r);
    return status;
}

prune_status prn_tally_add_all(prn_tally *tally, const prn_loss *loss, const prune_tensor *h,
                               const prn_target *target)
{
    const size_t rows = prn_tensor_rows(h);
    prune_status status = PRUNE_OK;
    for (size_t first = 0, some; first < rows && status == PRUNE_OK; first += some) {
        prune_tensor part_h, part_y, part_s;
        some = rows - first < BATCH ? rows - first : BATCH;
        prn_rows_slice(&part_h, h, first, some);
        prn_rows_slice(&part_y, target->values, first, some);
        if (target->weights != NULL)
            prn_rows_slice(&part_s, target->weights, first, some);
        const prn_target part = { &part_y, target->weights != NULL ? &part_s : NULL };
        status = prn_tally_add(tally, loss, &part_h, &part);
    }
    return status;
}

double prn_tally_mean(double sum, double weight)
{
    return weight > 0.0 ? sum / weight : prn_tally_none();
}

prune_metrics prn_tally_metrics(const prn_tally *tally, int32_t kind)
{
    const int32_t says = prn_loss_says(kind);
    const double values = tally->weight * (double)tally->outputs, none = prn_tally_none();
    return (prune_metrics){
        .size = sizeof(prune_metrics),
        .samples = tally->samples,
        .loss = prn_tally_mean(tally->loss, tally->divisor),
        .accuracy = says == PRN_SAYS_CLASSES ? prn_tally_mean(tally->correct, tally->weight) : none,
        .mae = says == PRN_SAYS_VALUES ? prn_tally_mean(tally->absolute, values) : none,
        .rmse = says == PRN_SAYS_VALUES ? __builtin_sqrt(prn_tally_mean(tally->squared, values)) : none,
    };
}

double prn_tally_pick(const prune_metrics *metrics, int32_t kind)
{
    if (kind == PRUNE_LOSS_OWN)
        return metrics->loss;
    if (kind == PRUNE_MAE)
        return metrics->mae;
    return prn_loss_says(kind) == PRN_SAYS_CLASSES ? metrics->accuracy : metrics->rmse;
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
    const prune_backend *backend;
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
    prune_status status = prune_workspace_create(&p->workspace, mem, p->model, BATCH, p->backend);
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
    status = prn_tally_add(&p->tally, data->loss, &h, &p->batch.target);
    if (status != PRUNE_OK)
        return prn_loss_failed(status, error);
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

prune_status prune_evaluate_on(prune_metrics *metrics, const prune_model *model, const prune_data *data,
                               const prune_loss_options *loss, const prune_backend *backend,
                               prune_error *error)
{
    prn_loss my_loss;
    prn_data mine;
    pass p = { .model = model, .backend = backend };
    if (metrics == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "metrics", "NULL");
    if (!prn_backend_fits(backend))
        return prn_error_set(error, PRUNE_E_ARGUMENT, "backend", "it has no function");
    prune_status status = prn_result_check(metrics, sizeof *metrics);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "metrics", prn_options_reason(status));
    status = prn_data_loss(&my_loss, loss, model, error);
    if (status == PRUNE_OK)
        status = prn_data_open(&mine, data, model, &my_loss, error);
    if (status == PRUNE_OK)
        status = run(&p, &mine, error);
    if (status != PRUNE_OK)
        return status;
    const prune_metrics measured = prn_tally_metrics(&p.tally, my_loss.kind);
    prn_result_write(metrics, &measured);
    return PRUNE_OK;
}

prune_status prune_evaluate_with(prune_metrics *metrics, const prune_model *model, const prune_data *data,
                                 const prune_loss_options *loss, prune_error *error)
{
    return prune_evaluate_on(metrics, model, data, loss, NULL, error);
}

prune_status prune_evaluate(prune_metrics *metrics, const prune_model *model, const prune_data *data,
                            int32_t loss, prune_error *error)
{
    const prn_loss plain = prn_loss_of(loss);
    return prune_evaluate_with(metrics, model, data, &plain, error);
}

prune_status prn_evaluate_metric(double *value, const prune_model *model, const prune_data *data,
                                 const prn_question *question, prune_error *error)
{
    prn_loss my_loss;
    prn_data mine;
    prn_answers answers = { 0 };
    const prune_metric *metric = question->metric;
    pass p = { .model = model, .backend = question->backend, .answers = &answers };
    double measured = prn_tally_none();
    if (value == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "value", "NULL");
    if (metric == NULL || metric->measure == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "metric", "no function");
    prune_status status = prn_data_loss(&my_loss, question->loss, model, error);
    if (status == PRUNE_OK)
        status = prn_data_open(&mine, data, model, &my_loss, error);
    if (status == PRUNE_OK)
        status = run(&p, &mine, error);
    if (status == PRUNE_OK)
        status = prn_answers_measure(&measured, &answers, metric, error);
    prn_answers_close(&answers);
    if (status == PRUNE_OK)
        *value = measured;
    return status;
}

prune_status prune_evaluate_metric_with(double *value, const prune_model *model, const prune_data *data,
                                        const prune_loss_options *loss, const prune_metric *metric,
                                        prune_error *error)
{
    const prn_question question = { loss, metric, NULL };
    return prn_evaluate_metric(value, model, data, &question, error);
}

prune_status prune_evaluate_metric(double *value, const prune_model *model, const prune_data *data,
                                   int32_t loss, const prune_metric *metric, prune_error *error)
{
    const prn_loss plain = prn_loss_of(loss);
    return prune_evaluate_metric_with(value, model, data, &plain, metric, error);
}
