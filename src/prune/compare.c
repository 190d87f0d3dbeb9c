/* compare.c -- is a model as good as another? With how much data can tell
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/compare.h"
#include "data.h"
#include "evaluate.h"
#include "interval.h"
#include "model.h"
#include "options.h"
#include "rows.h"
#include "text.h"
#include "validate.h"

enum { SECTIONS = PRUNE_COMPARE_SECTIONS };

void prune_comparison_init(prune_comparison *comparison)
{
    if (comparison != NULL)
        *comparison = (prune_comparison){ .size = sizeof *comparison, .confidence = 0.95 };
}

/* One call. */
typedef struct pair {
    const prune_model *models[2];
    prn_loss loss;
    prn_data data;
    prune_validation validation;
    prune_comparison result;
    prune_error *error;
    double *differences;          /* of samples without weights by accuracy, else NULL; see add_rights() */
    double whole[2];              /* the metric of each model, */
    double sections[2][SECTIONS]; /* and of each section, unless there are differences */
    size_t which;                 /* of the two models is looked at */
} pair;

/* ---- what a model's outputs say ---- */

/* differences[samples]: 1 where only the first model is right, -1 where only the second is. */
static void add_rights(pair *p, const prune_tensor *outputs, const prune_tensor *targets)
{
    const double sign = p->which == 0 ? 1.0 : -1.0;
    for (size_t row = 0; row < prn_tensor_rows(outputs); row++) {
        const float *h = (const float *)outputs->data + row * outputs->ld;
        p->differences[row] += sign * prn_tally_right(p->loss.kind, h, prn_tensor_row(outputs), targets, row);
    }
}

/* Samples side by side. */
typedef struct part {
    const prune_tensor *outputs, *targets;
    size_t first, count;
} part;

static prune_status measure(double *value, const pair *p, const part *samples)
{
    const size_t first = samples->first, count = samples->count;
    prune_tensor h, y, s;
    prn_tally tally = { 0 };
    prn_rows_slice(&h, samples->outputs, first, count);
    prn_rows_slice(&y, samples->targets, first, count);
    *value = prn_tally_none();
    if (p->validation.metric == PRUNE_METRIC_OWN)
        return p->validation.own->measure(p->validation.own->user, value, &h, &y);
    if (p->data.weights != NULL)
        prn_rows_slice(&s, p->data.weights, first, count);
    const prn_target target = { &y, p->data.weights != NULL ? &s : NULL };
    const prune_status status = prn_tally_add_all(&tally, &p->loss, &h, &target);
    const prune_metrics metrics = prn_tally_metrics(&tally, p->loss.kind);
    *value = prn_validation_pick(&p->validation, &metrics);
    return status;
}

static size_t section_start(size_t samples, size_t i)
{
    return samples / SECTIONS * i + samples % SECTIONS * i / SECTIONS;
}

static prune_status look(void *user, double *value, const prune_tensor *outputs, const prune_tensor *targets)
{
    pair *p = user;
    part some = { outputs, targets, 0, prn_tensor_rows(outputs) };
    prune_status status = measure(value, p, &some);
    if (p->differences != NULL)
        add_rights(p, outputs, targets);
    for (size_t i = 0; status == PRUNE_OK && p->differences == NULL && i < SECTIONS; i++) {
        some.first = section_start(prn_tensor_rows(outputs), i);
        some.count = section_start(prn_tensor_rows(outputs), i + 1) - some.first;
        status = measure(&p->sections[p->which][i], p, &some);
    }
    return status;
}

/* Each model runs once over the data. */
static prune_status look_at_both(pair *p, const prune_data *data)
{
    const prune_metric metric = { look, p, 0 };
    prune_status status = PRUNE_OK;
    const prn_question question = { &p->loss, &metric, p->validation.backend };
    for (p->which = 0; status == PRUNE_OK && p->which < 2; p->which++)
        status = prn_evaluate_metric(&p->whole[p->which], p->models[p->which], data, &question, p->error);
    p->result.first = p->whole[0];
    p->result.second = p->whole[1];
    return status;
}

/* ---- sample by sample ---- */

/* What only the first model gets right, what only the second does, and all. */
typedef struct discord {
    double b, c, n;
} discord;

/* The score statistic of worse = d: how many standard deviations the data are above it. q is the likeliest
 * share of samples that only the second gets right if d is true. It falls with d. */
static double score(const discord *x, double d)
{
    const double B = (2.0 * x->n - x->b + x->c) * d - x->b - x->c, C = -x->c * d * (1.0 - d);
    const double q = (__builtin_sqrt(B * B - 8.0 * x->n * C) - B) / (4.0 * x->n);
    const double variance = x->n * (2.0 * q + d * (1.0 - d));
    const double distance = x->b - x->c - x->n * d;
    if (variance > 0.0)
        return distance / __builtin_sqrt(variance);
    return distance > 0.0 ? 1e9 : distance < 0.0 ? -1e9 : 0.0;
}

/* Where the statistic is `level`; -1 or 1 if it is nowhere. */
static double solve(const discord *x, double level)
{
    double low = -1.0, high = 1.0;
    for (int i = 0; i < 60; i++) {
        const double middle = 0.5 * (low + high);
        if (score(x, middle) > level)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

static void bound_by_samples(pair *p)
{
    const size_t samples = prn_data_samples(&p->data);
    discord x = { 0.0, 0.0, (double)samples };
    const double quantile = prn_normal_quantile(p->result.confidence);
    for (size_t i = 0; i < samples; i++) {
        x.b += p->differences[i] > 0.0 ? p->differences[i] : 0.0;
        x.c -= p->differences[i] < 0.0 ? p->differences[i] : 0.0;
    }
    p->result.worse = (x.b - x.c) / x.n;
    p->result.low = solve(&x, quantile);
    p->result.high = solve(&x, -quantile);
}

static prune_status compare_samples(pair *p, const prune_data *data)
{
    const prune_allocator *mem = &p->models[0]->mem;
    const size_t samples = prn_data_samples(&p->data);
    p->differences = prn_mem_alloc(mem, samples, sizeof *p->differences);
    if (p->differences == NULL)
        return prn_error_set(p->error, PRUNE_E_MEMORY, "comparison", "no memory for the samples");
    for (size_t i = 0; i < samples; i++)
        p->differences[i] = 0.0;
    const prune_status status = look_at_both(p, data);
    if (status == PRUNE_OK)
        bound_by_samples(p);
    prn_mem_free(mem, p->differences, samples, sizeof *p->differences);
    return status;
}

/* ---- section by section ---- */

static void bound_by_sections(pair *p)
{
    const double freedom = SECTIONS - 1;
    double squares = 0.0;
    p->result.worse = prn_validation_worse(&p->validation, p->whole[1], p->whole[0]);
    for (size_t i = 0; i < SECTIONS; i++) {
        const double worse = prn_validation_worse(&p->validation, p->sections[1][i], p->sections[0][i]);
        squares += (worse - p->result.worse) * (worse - p->result.worse);
    }
    const double half = prn_student_quantile(p->result.confidence, freedom) *
                        __builtin_sqrt(squares / freedom / (double)SECTIONS);
    p->result.low = p->result.worse - half;
    p->result.high = p->result.worse + half;
}

static prune_status compare_sections(pair *p, const prune_data *data)
{
    const prune_status status = look_at_both(p, data);
    if (status == PRUNE_OK)
        bound_by_sections(p);
    return status;
}

/* ---- the call ---- */

static prune_status open_pair(pair *p, const prune_comparison *comparison, const prune_validation *validation)
{
    prune_validation defaults;
    prune_comparison_init(&p->result);
    prune_validation_init(&defaults);
    prune_status status =
        comparison == NULL ? PRUNE_E_ARGUMENT : prn_options_read(&p->result, sizeof p->result, comparison);
    if (status != PRUNE_OK)
        return prn_error_set(p->error, status, "comparison",
                             comparison == NULL ? "NULL" : prn_options_reason(status));
    if (!(p->result.confidence > 0.5 && p->result.confidence <= 0.999))
        return prn_error_set(p->error, PRUNE_E_RANGE, "comparison.confidence",
                             "not above 0.5 and at most 0.999: 95 % is 0.95");
    status = prn_validation_open(&p->validation, validation != NULL ? validation : &defaults, p->error);
    if (status == PRUNE_OK && prune_model_outputs(p->models[0]) != prune_model_outputs(p->models[1]))
        status = prn_error_set(p->error, PRUNE_E_SHAPE, "models", "not the same number of outputs");
    return status;
}

static prune_status open_data(pair *p, const prune_data *data)
{
    prune_loss_options plain;
    const prune_loss_options *loss = prn_validation_loss(&plain, &p->validation);
    prune_status status = prn_data_loss(&p->loss, loss, p->models[0], p->error);
    if (status == PRUNE_OK)
        status = prn_data_open(&p->data, data, p->models[0], &p->loss, p->error);
    return status;
}

prune_status prune_compare(prune_comparison *comparison, const prune_model *first, const prune_model *second,
                           const prune_data *data, const prune_validation *validation, prune_error *error)
{
    pair p = { .models = { first, second }, .error = error };
    prune_status status = open_pair(&p, comparison, validation);
    if (status == PRUNE_OK)
        status = open_data(&p, data);
    if (status != PRUNE_OK)
        return status;
    const int32_t paired = p.validation.metric == PRUNE_METRIC_ACCURACY && p.data.weights == NULL;
    if (prn_data_samples(&p.data) < (paired ? 2u : 2u * SECTIONS))
        return prn_error_set(error, PRUNE_E_EMPTY, "data", "too few samples to tell: 2, or 2 for a section");
    status = paired ? compare_samples(&p, data) : compare_sections(&p, data);
    if (status == PRUNE_OK)
        prn_result_write(comparison, &p.result);
    return status;
}
