/* compare.c -- is a model as good as another? With how much data can tell
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/compare.h"
#include "evaluate.h"
#include "interval.h"
#include "model.h"
#include "options.h"
#include "rows.h"
#include "text.h"
#include "validate.h"

enum { SECTIONS = PRUNE_COMPARE_SECTIONS, CHUNK = 64 };

void prune_comparison_init(prune_comparison *comparison)
{
    if (comparison != NULL)
        *comparison = (prune_comparison){ .size = sizeof *comparison, .confidence = 0.95 };
}

/* One call; the data have been checked by measuring on them. */
typedef struct pair {
    const prune_model *first, *second;
    prune_data data;
    size_t samples;
    prune_validation validation;
    prune_comparison result;
    prune_error *error;
} pair;

/* ---- sample by sample ---- */

typedef struct rights {
    int32_t kind;
    double sign; /* what the rights are added with */
    double *sums;
} rights;

static prune_status add_rights(void *user, double *value, const prune_tensor *outputs,
                               const prune_tensor *targets)
{
    const rights *r = user;
    *value = 0.0;
    for (size_t row = 0; row < prn_tensor_rows(outputs); row++) {
        const float *h = (const float *)outputs->data + row * outputs->ld;
        r->sums[row] += r->sign * prn_tally_right(r->kind, h, prn_tensor_row(outputs), targets, row);
    }
    return PRUNE_OK;
}

/* differences[samples] = 1 where only the first model is right, -1 where only the second is. */
static prune_status subtract(double *differences, const pair *p)
{
    prune_loss_options plain;
    double value;
    const prune_loss_options *loss = prn_validation_loss(&plain, &p->validation);
    rights r = { loss->kind, 1.0, differences };
    const prune_metric metric = { add_rights, &r, 0 };
    for (size_t i = 0; i < p->samples; i++)
        differences[i] = 0.0;
    prune_status status = prune_evaluate_metric_with(&value, p->first, &p->data, loss, &metric, p->error);
    r.sign = -1.0;
    if (status == PRUNE_OK)
        status = prune_evaluate_metric_with(&value, p->second, &p->data, loss, &metric, p->error);
    return status;
}

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

static void bound_differences(pair *p, const double *differences)
{
    discord x = { 0.0, 0.0, (double)p->samples };
    const double quantile = prn_normal_quantile(p->result.confidence);
    for (size_t i = 0; i < p->samples; i++) {
        x.b += differences[i] > 0.0 ? differences[i] : 0.0;
        x.c -= differences[i] < 0.0 ? differences[i] : 0.0;
    }
    p->result.worse = (x.b - x.c) / x.n;
    p->result.low = solve(&x, quantile);
    p->result.high = solve(&x, -quantile);
}

static prune_status compare_samples(pair *p)
{
    const prune_allocator *mem = &p->first->mem;
    double *differences = prn_mem_alloc(mem, p->samples, sizeof *differences);
    if (differences == NULL)
        return prn_error_set(p->error, PRUNE_E_MEMORY, "comparison", "no memory for the samples");
    const prune_status status = subtract(differences, p);
    if (status == PRUNE_OK)
        bound_differences(p, differences);
    prn_mem_free(mem, differences, p->samples, sizeof *differences);
    return status;
}

/* ---- section by section ---- */

/* Some samples of a data set, side by side. */
typedef struct section {
    prune_data data;
    prune_tensor inputs, targets, weights;
    prune_source source;
    const prune_source *whole;
    size_t first;
} section;

static prune_status read_section(void *user, const size_t *samples, size_t count, float *inputs,
                                 void *targets)
{
    const section *s = user;
    const size_t target = s->whole->target_columns * 4; /* bytes: labels and floats alike */
    size_t numbers[CHUNK];
    prune_status status = PRUNE_OK;
    for (size_t done = 0, some = 0; done < count && status == PRUNE_OK; done += some) {
        for (some = 0; some < CHUNK && done + some < count; some++)
            numbers[some] = s->first + samples[done + some];
        status = s->whole->read(s->whole->user, numbers, some, inputs + done * s->whole->inputs,
                                (unsigned char *)targets + done * target);
    }
    return status;
}

static void cut(section *s, const pair *p, size_t first, size_t count)
{
    prune_data_init(&s->data);
    s->whole = p->data.source;
    s->first = first;
    if (s->whole != NULL) {
        prune_source_init(&s->source);
        (void)prn_options_read(&s->source, sizeof s->source, s->whole);
        s->source.samples = count;
        s->source.read = read_section;
        s->source.user = s;
        s->data.source = &s->source;
    } else {
        prn_rows_slice(&s->inputs, p->data.inputs, first, count);
        prn_rows_slice(&s->targets, p->data.targets, first, count);
        s->data.inputs = &s->inputs;
        s->data.targets = &s->targets;
    }
    if (p->data.weights != NULL) {
        prn_rows_slice(&s->weights, p->data.weights, first, count);
        s->data.weights = &s->weights;
    }
}

/* *worse on these data, and what both models are there. */
static prune_status measure(double values[3], pair *p, const prune_data *data)
{
    prune_status status = prn_validation_measure(&p->validation, p->first, data, p->error);
    values[0] = p->validation.value;
    if (status == PRUNE_OK)
        status = prn_validation_measure(&p->validation, p->second, data, p->error);
    values[1] = p->validation.value;
    values[2] = prn_validation_worse(&p->validation, values[1], values[0]);
    return status;
}

static prune_status compare_sections(pair *p)
{
    double squares = 0.0;
    for (size_t i = 0; i < SECTIONS; i++) {
        section s;
        double values[3];
        const size_t first = p->samples / SECTIONS * i + p->samples % SECTIONS * i / SECTIONS;
        const size_t next = p->samples / SECTIONS * (i + 1) + p->samples % SECTIONS * (i + 1) / SECTIONS;
        cut(&s, p, first, next - first);
        const prune_status status = measure(values, p, &s.data);
        if (status != PRUNE_OK)
            return status;
        squares += (values[2] - p->result.worse) * (values[2] - p->result.worse);
    }
    const double freedom = SECTIONS - 1;
    const double half = prn_student_quantile(p->result.confidence, freedom) *
                        __builtin_sqrt(squares / freedom / (double)SECTIONS);
    p->result.low = p->result.worse - half;
    p->result.high = p->result.worse + half;
    return PRUNE_OK;
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
    if (status == PRUNE_OK && prune_model_outputs(p->first) != prune_model_outputs(p->second))
        status = prn_error_set(p->error, PRUNE_E_SHAPE, "models", "not the same number of outputs");
    return status;
}

prune_status prune_compare(prune_comparison *comparison, const prune_model *first, const prune_model *second,
                           const prune_data *data, const prune_validation *validation, prune_error *error)
{
    pair p = { .first = first, .second = second, .error = error };
    double values[3];
    prune_data_init(&p.data);
    prune_status status = open_pair(&p, comparison, validation);
    if (status == PRUNE_OK)
        status = measure(values, &p, data);
    if (status != PRUNE_OK)
        return status;
    (void)prn_options_read(&p.data, sizeof p.data, data);
    p.samples = p.data.source != NULL ? p.data.source->samples : prn_tensor_rows(p.data.inputs);
    p.result.first = values[0];
    p.result.second = values[1];
    p.result.worse = values[2];
    const int32_t paired = p.validation.metric == PRUNE_METRIC_ACCURACY && p.data.weights == NULL;
    if (p.samples < (paired ? 2u : 2u * SECTIONS))
        return prn_error_set(error, PRUNE_E_EMPTY, "data", "too few samples to tell: 2, or 2 for a section");
    status = paired ? compare_samples(&p) : compare_sections(&p);
    if (status == PRUNE_OK)
        prn_result_write(comparison, &p.result);
    return status;
}
