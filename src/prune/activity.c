/* activity.c -- what passes through the neurons while samples do, and scores made of it
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/activity.h"
#include "feed.h"
#include "spread.h"
#include "supplied.h"
#include "text.h"

#include <float.h>
#include <string.h>

enum { BATCH = 64 };

/* Of one number: sums over the samples of its differences from the first one. */
typedef struct trace {
    double first, sum, squares, zeros;
} trace;

struct prune_activity {
    prune_allocator mem;
    size_t bytes;
    const prune_model *model;
    uint32_t signature;
    size_t numbers; /* that go into the layers, and come out of the last */
    uint64_t samples;
    double weight;
    trace *traces;
    float *buffers[2]; /* [BATCH][widest output]: what layers write, in turn */
};

/* ---- making and ending ---- */

typedef struct parts {
    size_t bytes, numbers;
    size_t traces, buffers[2]; /* offsets */
} parts;

static size_t width_of(const prune_model *model, size_t layer)
{
    return prn_shape_count(layer < model->layer_count ? &model->layers[layer]->input
                                                      : prn_model_output(model));
}

static prune_status lay_out(parts *out, const prune_model *model)
{
    const prune_status status = prn_model_check(model);
    if (status != PRUNE_OK)
        return status;
    const size_t wide = prn_model_width(model);
    if (prn_mem_overflows(BATCH, wide))
        return PRUNE_E_OVERFLOW;
    prn_layout layout = { 0 };
    prn_layout_add(&layout, 1, sizeof(prune_activity));
    out->numbers = 0;
    for (size_t l = 0; l <= model->layer_count; l++)
        out->numbers += width_of(model, l);
    out->traces = prn_layout_add(&layout, out->numbers, sizeof(trace));
    for (size_t i = 0; i < 2; i++)
        out->buffers[i] = prn_layout_add(&layout, BATCH * wide, sizeof(float));
    out->bytes = layout.bytes;
    return layout.overflow ? PRUNE_E_OVERFLOW : PRUNE_OK;
}

prune_status prune_activity_bytes(size_t *bytes, const prune_model *model)
{
    parts plan;
    if (bytes == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = lay_out(&plan, model);
    if (status == PRUNE_OK)
        *bytes = plan.bytes;
    return status;
}

prune_status prune_activity_create(prune_activity **out, const prune_allocator *mem, const prune_model *model)
{
    if (out == NULL)
        return PRUNE_E_ARGUMENT;
    *out = NULL;
    parts plan;
    prune_allocator own;
    prune_status status = lay_out(&plan, model);
    if (status == PRUNE_OK)
        status = prn_mem_choose(&own, mem);
    if (status != PRUNE_OK)
        return status;
    unsigned char *block = prn_mem_alloc(&own, 1, plan.bytes);
    if (block == NULL)
        return PRUNE_E_MEMORY;
    *out = (prune_activity *)(void *)block;
    **out = (prune_activity){ .mem = own,
                              .bytes = plan.bytes,
                              .model = model,
                              .signature = prn_model_signature(model),
                              .numbers = plan.numbers,
                              .traces = (trace *)(void *)(block + plan.traces),
                              .buffers = { (float *)(void *)(block + plan.buffers[0]),
                                           (float *)(void *)(block + plan.buffers[1]) } };
    return PRUNE_OK;
}

void prune_activity_free(prune_activity *activity)
{
    if (activity == NULL)
        return;
    const prune_allocator mem = activity->mem;
    prn_mem_free(&mem, activity, 1, activity->bytes);
}

prune_status prune_activity_reset(prune_activity *activity)
{
    if (activity == NULL)
        return PRUNE_E_ARGUMENT;
    activity->samples = 0;
    activity->weight = 0.0;
    memset(activity->traces, 0, activity->numbers * sizeof *activity->traces);
    return PRUNE_OK;
}

uint64_t prune_activity_samples(const prune_activity *activity)
{
    return activity == NULL ? 0 : activity->samples;
}

static prune_status check(const prune_activity *activity)
{
    if (activity == NULL)
        return PRUNE_E_ARGUMENT;
    return prn_model_signature(activity->model) == activity->signature ? PRUNE_OK : PRUNE_E_STATE;
}

/* ---- gathering ---- */

static void add_row(trace *traces, const float *x, size_t width, double weight, int32_t is_first)
{
    for (size_t i = 0; i < width; i++) {
        trace *t = &traces[i];
        const double value = (double)x[i];
        if (is_first)
            t->first = value;
        const double off = value - t->first;
        t->sum += weight * off;
        t->squares += weight * off * off;
        t->zeros += x[i] < 0.0f || x[i] > 0.0f ? 0.0 : weight;
    }
}

/* The batch's numbers on their way into a layer. */
static prune_status add_rows(prune_activity *a, trace *traces, const prn_pass *pass, size_t width,
                             const prn_target *target)
{
    for (size_t r = 0; r < pass->batch; r++) {
        const float *row = pass->x + r * pass->ldx;
        if (prn_scan_finite(row, width) != width)
            return PRUNE_E_NONFINITE;
        add_row(traces, row, width, (double)prn_target_weight(target, r), a->samples == 0 && r == 0);
    }
    return PRUNE_OK;
}

static prune_status add_batch(prune_activity *a, const prn_batch *batch, const prune_backend *backend)
{
    const prune_tensor *x = &batch->inputs;
    trace *traces = a->traces;
    prn_pass pass = {
        .backend = backend, .batch = prn_tensor_rows(x), .x = x->data, .ldx = prn_tensor_step(x)
    };
    for (size_t l = 0; l <= a->model->layer_count; l++) {
        const size_t width = width_of(a->model, l);
        const prune_status status = add_rows(a, traces, &pass, width, &batch->target);
        if (status != PRUNE_OK)
            return status;
        traces += width;
        if (l == a->model->layer_count)
            break;
        pass.y = a->buffers[l % 2];
        pass.ldy = prn_shape_count(&a->model->layers[l]->output);
        a->model->layers[l]->ops->forward(a->model->layers[l], &pass);
        pass.x = pass.y;
        pass.ldx = pass.ldy;
    }
    for (size_t r = 0; r < pass.batch; r++)
        a->weight += (double)prn_target_weight(&batch->target, r);
    a->samples += pass.batch;
    return PRUNE_OK;
}

static prune_status add_all(prune_activity *a, prn_feed *feed, const prune_backend *backend,
                            prune_error *error)
{
    const prune_tensor *x;
    for (size_t first = 0;; first += BATCH) {
        prune_status status = prn_feed_next(&x, feed, first, BATCH, error);
        if (status != PRUNE_OK || x == NULL)
            return status;
        status = check(a); /* who read it may have changed the model */
        if (status != PRUNE_OK)
            return prn_error_set(error, status, "activity", "its model has changed since it was made");
        status = add_batch(a, &feed->batch, backend);
        if (status != PRUNE_OK)
            return prn_error_set(error, status, "activity", "what a layer gives is not finite");
    }
}

prune_status prune_activity_add(prune_activity *activity, const prune_data *data,
                                const prune_backend *backend, prune_error *error)
{
    prn_feed feed;
    prune_status status = check(activity);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "activity",
                             activity == NULL ? "NULL: was it made?"
                                              : "its model has changed since it was made");
    if (!prn_backend_fits(backend))
        return prn_error_set(error, PRUNE_E_ARGUMENT, "backend", "it has no function");
    status = prn_feed_open(&feed, &activity->mem, data, activity->model, BATCH, error);
    if (status == PRUNE_OK) {
        status = add_all(activity, &feed, backend != NULL ? backend : prune_backend_default(), error);
        if (status != PRUNE_OK)
            (void)prune_activity_reset(activity);
    }
    prn_feed_close(&feed);
    return status;
}

/* ---- statistics ---- */

static double measure(const trace *t, double weight, int32_t statistic)
{
    const double off = t->sum / weight, mean = t->first + off;
    const double spread = t->squares / weight - off * off, variance = spread > 0.0 ? spread : 0.0;
    return statistic == PRUNE_ACTIVITY_ZEROS      ? t->zeros / weight
           : statistic == PRUNE_ACTIVITY_MEAN     ? mean
           : statistic == PRUNE_ACTIVITY_VARIANCE ? variance
                                                  : variance + mean * mean;
}

/* PRUNE_OK if there is anything to say of all numbers. */
static prune_status check_statistic(const prune_activity *activity, int32_t statistic)
{
    const prune_status status = check(activity);
    if (status != PRUNE_OK)
        return status;
    if (statistic < PRUNE_ACTIVITY_ZEROS || statistic > PRUNE_ACTIVITY_SQUARE)
        return PRUNE_E_ARGUMENT;
    return activity->weight > 0.0 ? PRUNE_OK : PRUNE_E_STATE;
}

static const trace *traces_into(const prune_activity *a, size_t layer)
{
    const trace *traces = a->traces;
    for (size_t l = 0; l < layer; l++)
        traces += width_of(a->model, l);
    return traces;
}

static int32_t fit_in_float(const prune_activity *a, const trace *traces, size_t count, int32_t statistic)
{
    for (size_t i = 0; i < count; i++) {
        const double value = measure(&traces[i], a->weight, statistic);
        if (!(value <= (double)FLT_MAX && value >= -(double)FLT_MAX))
            return 0;
    }
    return 1;
}

prune_status prune_activity_inputs(float *values, size_t count, const prune_activity *activity, size_t layer,
                                   int32_t statistic)
{
    if (values == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = check_statistic(activity, statistic);
    if (status != PRUNE_OK)
        return status;
    if (layer > activity->model->layer_count)
        return PRUNE_E_RANGE;
    if (count != width_of(activity->model, layer))
        return PRUNE_E_SHAPE;
    const trace *traces = traces_into(activity, layer);
    if (!fit_in_float(activity, traces, count, statistic))
        return PRUNE_E_NONFINITE;
    for (size_t i = 0; i < count; i++)
        values[i] = (float)measure(&traces[i], activity->weight, statistic);
    return PRUNE_OK;
}

/* ---- scores ---- */

/* The layer whose input is the activity of this one's neurons. */
static size_t consumer_of(const prune_model *model, size_t layer)
{
    size_t next = layer + 1;
    while (next < model->layer_count && model->layers[next]->ops->unitwise)
        next++;
    return next;
}

static prune_status check_table(const prune_importance *scores, const prune_activity *activity,
                                int32_t statistic)
{
    if (scores == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = check_statistic(activity, statistic);
    if (status != PRUNE_OK)
        return status;
    const int32_t fits = scores->model == activity->model && scores->signature == activity->signature;
    if (!fits || !scores->criterion->supplied)
        return PRUNE_E_STATE;
    return fit_in_float(activity, activity->traces, activity->numbers, statistic) ? PRUNE_OK
                                                                                  : PRUNE_E_NONFINITE;
}

static float score_of(const prune_activity *a, const trace *t, int32_t statistic)
{
    const double value = measure(t, a->weight, statistic);
    return (float)(statistic == PRUNE_ACTIVITY_ZEROS ? 1.0 - value : value < 0.0 ? -value : value);
}

/* The weights of a dense layer are [units][inputs]. */
typedef struct matrix {
    size_t layer, rows, columns;
    const float *weight;
    float *scores;
} matrix;

/* Calls for each dense layer of the table. */
static prune_status each_matrix(prune_importance *table, const prune_activity *a, int32_t statistic,
                                void (*fill)(const matrix *m, const prune_activity *a, int32_t statistic))
{
    float *to;
    prune_status status = check_table(table, a, statistic);
    if (status == PRUNE_OK)
        status = prn_importance_write(&to, table);
    if (status != PRUNE_OK)
        return status;
    for (size_t l = 0; l < table->model->layer_count; l++) {
        const prn_layer *layer = table->model->layers[l];
        for (size_t p = 0; p < layer->param_count; to += layer->params[p++].count) {
            const prn_param *param = &layer->params[p];
            const size_t rows = param->shape.dims[0];
            const matrix m = { l, rows, param->count / rows, param->value, to };
            if (param->prunable)
                fill(&m, a, statistic);
        }
    }
    return prn_importance_written(table);
}

static void fill_rows(const matrix *m, const prune_activity *a, int32_t statistic)
{
    const trace *traces = traces_into(a, consumer_of(a->model, m->layer));
    for (size_t r = 0; r < m->rows; r++)
        for (size_t c = 0; c < m->columns; c++)
            m->scores[r * m->columns + c] = score_of(a, &traces[r], statistic);
}

static void fill_wanda(const matrix *m, const prune_activity *a, int32_t statistic)
{
    const trace *traces = traces_into(a, m->layer);
    for (size_t c = 0; c < m->columns; c++) {
        const float norm = (float)__builtin_sqrt(measure(&traces[c], a->weight, statistic));
        for (size_t i = c; i < m->rows * m->columns; i += m->columns)
            m->scores[i] = (m->weight[i] < 0.0f ? -m->weight[i] : m->weight[i]) * norm;
    }
}

prune_status prune_score_activity(prune_importance *scores, const prune_activity *activity, int32_t statistic)
{
    return each_matrix(scores, activity, statistic, fill_rows);
}

prune_status prune_score_wanda(prune_importance *scores, const prune_activity *activity)
{
    return each_matrix(scores, activity, PRUNE_ACTIVITY_SQUARE, fill_wanda);
}
