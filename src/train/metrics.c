/* metrics.c -- how good given outputs are, whatever they come from
 *
 * SPDX-License-Identifier: MIT */
#include "metrics.h"
#include "mem.h"
#include "options.h"
#include "rows.h"
#include "text.h"

#include <string.h>

double prn_metrics_none(void)
{
    const uint64_t bits = 0x7ff8000000000000u;
    double nan;
    memcpy(&nan, &bits, sizeof nan);
    return nan;
}

/* ---- checks ---- */

/* One label a row, each below `classes`. */
static prune_status check_labels(const prune_tensor *labels, const char *name, size_t rows, size_t classes,
                                 prune_error *error)
{
    if (labels->dtype != PRUNE_I32)
        return prn_error_set(error, PRUNE_E_TYPE, name, "labels must be PRUNE_I32");
    const ptrdiff_t shapes[] = { (ptrdiff_t)prn_tensor_rows(labels), (ptrdiff_t)prn_tensor_row(labels),
                                 (ptrdiff_t)rows };
    if (prn_tensor_rows(labels) != rows || prn_tensor_row(labels) != 1)
        return prn_error_format(error, PRUNE_E_SHAPE, name, "% x % for % samples: one label each", shapes);
    for (size_t r = 0; r < rows; r++) {
        const int32_t label = ((const int32_t *)labels->data)[r * labels->ld];
        if (label < 0 || (size_t)label >= classes)
            return prn_error_at(error, PRUNE_E_LABEL, name, r, "the label is not one of the classes");
    }
    return PRUNE_OK;
}

static prune_status check_floats(const prune_tensor *tensor, const char *name, prune_error *error)
{
    if (tensor->dtype != PRUNE_F32)
        return prn_error_set(error, PRUNE_E_TYPE, name, "not PRUNE_F32");
    return prn_rows_check_finite(tensor, NULL, name, error);
}

prune_status prn_metrics_check(const prune_tensor *outputs, const prune_tensor *labels, prune_error *error)
{
    if (outputs == NULL || labels == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, outputs == NULL ? "outputs" : "labels", "NULL");
    const prune_status status = check_floats(outputs, "outputs", error);
    if (status != PRUNE_OK)
        return status;
    const size_t columns = prn_tensor_row(outputs);
    return check_labels(labels, "labels", prn_tensor_rows(outputs), columns == 1 ? 2 : columns, error);
}

/* ---- the confusion matrix ---- */

void prune_confusion_init(prune_confusion *confusion)
{
    if (confusion != NULL)
        *confusion = (prune_confusion){ .size = sizeof *confusion };
}

static prune_status read_confusion(prune_confusion *mine, const prune_confusion *given, prune_error *error)
{
    prune_confusion_init(mine);
    if (given == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "confusion", "NULL");
    const prune_status status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "confusion", prn_options_reason(status));
    if (mine->counts == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "confusion counts",
                             "NULL: give it room for classes x classes numbers");
    if (mine->classes < 2)
        return prn_error_set(error, PRUNE_E_SIZE, "confusion classes", "fewer than 2");
    if (mine->threshold != mine->threshold)
        return prn_error_set(error, PRUNE_E_RANGE, "confusion threshold", "NaN");
    const int32_t overflows = prn_mem_overflows(mine->classes, mine->classes) ||
                              prn_mem_overflows(mine->classes * mine->classes, sizeof *mine->counts);
    return overflows ? prn_error_set(error, PRUNE_E_OVERFLOW, "confusion classes", "more than can be counted")
                     : PRUNE_OK;
}

static prune_status check_outputs(const prune_tensor *outputs, size_t classes, prune_error *error)
{
    if (outputs->dtype == PRUNE_I32)
        return check_labels(outputs, "outputs", prn_tensor_rows(outputs), classes, error);
    const ptrdiff_t wide[] = { (ptrdiff_t)prn_tensor_row(outputs), (ptrdiff_t)classes };
    if (wide[0] != wide[1] && !(wide[0] == 1 && classes == 2))
        return prn_error_format(error, PRUNE_E_SHAPE, "outputs", "% a sample for % classes", wide);
    return check_floats(outputs, "outputs", error);
}

static size_t class_of(const prune_tensor *outputs, size_t r, float threshold)
{
    if (outputs->dtype == PRUNE_I32)
        return prn_metrics_label(outputs, r);
    const float *h = prn_metrics_row(outputs, r);
    const size_t columns = prn_tensor_row(outputs);
    if (columns == 1)
        return h[0] > threshold;
    size_t best = 0;
    for (size_t o = 1; o < columns; o++)
        best = h[o] > h[best] ? o : best;
    return best;
}

prune_status prune_confusion_add(prune_confusion *confusion, const prune_tensor *outputs,
                                 const prune_tensor *labels, prune_error *error)
{
    prune_confusion mine;
    if (outputs == NULL || labels == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, outputs == NULL ? "outputs" : "labels", "NULL");
    prune_status status = read_confusion(&mine, confusion, error);
    if (status == PRUNE_OK)
        status = check_outputs(outputs, mine.classes, error);
    if (status == PRUNE_OK)
        status = check_labels(labels, "labels", prn_tensor_rows(outputs), mine.classes, error);
    if (status != PRUNE_OK)
        return status;
    for (size_t r = 0; r < prn_tensor_rows(outputs); r++)
        mine.counts[prn_metrics_label(labels, r) * mine.classes + class_of(outputs, r, mine.threshold)]++;
    return PRUNE_OK;
}

/* Samples that are of a class, are taken for it, and both. */
typedef struct decisions {
    uint64_t samples, taken, right;
} decisions;

static decisions of_class(const prune_confusion *c, size_t label)
{
    decisions d = { .right = c->counts[label * c->classes + label] };
    for (size_t other = 0; other < c->classes; other++) {
        d.samples += c->counts[label * c->classes + other];
        d.taken += c->counts[other * c->classes + label];
    }
    return d;
}

static decisions of_all(const prune_confusion *c)
{
    decisions all = { 0 };
    for (size_t label = 0; label < c->classes; label++) {
        const decisions d = of_class(c, label);
        all.samples += d.samples;
        all.taken += d.taken;
        all.right += d.right;
    }
    return all;
}

/* Reads it, and what it says of all samples, of which there are some. */
static prune_status open_confusion(prune_confusion *mine, decisions *all, const prune_confusion *given)
{
    const prune_status status = read_confusion(mine, given, NULL);
    if (status != PRUNE_OK)
        return status;
    *all = of_all(mine);
    return all->samples == 0 ? PRUNE_E_EMPTY : PRUNE_OK;
}

static double ratio(double part, double whole)
{
    return whole > 0.0 ? part / whole : 0.0;
}

prune_status prune_confusion_accuracy(double *accuracy, double *balanced, const prune_confusion *confusion)
{
    prune_confusion mine;
    decisions all;
    const prune_status status = open_confusion(&mine, &all, confusion);
    if (status != PRUNE_OK)
        return status;
    double recalls = 0.0, classes = 0.0;
    for (size_t label = 0; label < mine.classes; label++) {
        const decisions d = of_class(&mine, label);
        recalls += ratio((double)d.right, (double)d.samples);
        classes += d.samples != 0;
    }
    if (accuracy != NULL)
        *accuracy = ratio((double)all.right, (double)all.samples);
    if (balanced != NULL)
        *balanced = ratio(recalls, classes);
    return PRUNE_OK;
}

void prune_class_scores_init(prune_class_scores *scores)
{
    if (scores != NULL)
        *scores = (prune_class_scores){ .size = sizeof *scores };
}

static prune_class_scores score(const decisions *d)
{
    return (prune_class_scores){
        .size = sizeof(prune_class_scores),
        .precision = ratio((double)d->right, (double)d->taken),
        .recall = ratio((double)d->right, (double)d->samples),
        .f1 = ratio(2.0 * (double)d->right, (double)d->taken + (double)d->samples),
        .support = d->samples,
    };
}

static prune_status open_scores(prune_confusion *mine, decisions *all, const prune_class_scores *scores,
                                const prune_confusion *confusion)
{
    if (scores == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = prn_result_check(scores, sizeof *scores);
    return status == PRUNE_OK ? open_confusion(mine, all, confusion) : status;
}

prune_status prune_confusion_class(prune_class_scores *scores, const prune_confusion *confusion, size_t label)
{
    prune_confusion mine;
    decisions all;
    prune_status status = open_scores(&mine, &all, scores, confusion);
    if (status == PRUNE_OK && label >= mine.classes)
        status = PRUNE_E_RANGE;
    if (status != PRUNE_OK)
        return status;
    const decisions d = of_class(&mine, label);
    const prune_class_scores one = score(&d);
    prn_result_write(scores, &one);
    return PRUNE_OK;
}

/* The mean of the classes' scores, by support or each the same. */
static prune_class_scores mean_of_classes(const prune_confusion *c, int32_t by_support)
{
    prune_class_scores mean = { .size = sizeof mean };
    double weights = 0.0;
    for (size_t label = 0; label < c->classes; label++) {
        const decisions d = of_class(c, label);
        const prune_class_scores one = score(&d);
        const double weight = by_support ? (double)d.samples : d.samples + d.taken != 0 ? 1.0 : 0.0;
        mean.precision += weight * one.precision;
        mean.recall += weight * one.recall;
        mean.f1 += weight * one.f1;
        weights += weight;
    }
    mean.precision /= weights;
    mean.recall /= weights;
    mean.f1 /= weights;
    return mean;
}

prune_status prune_confusion_average(prune_class_scores *scores, const prune_confusion *confusion,
                                     int32_t average)
{
    prune_confusion mine;
    decisions all;
    prune_status status = open_scores(&mine, &all, scores, confusion);
    if (status == PRUNE_OK && (average < PRUNE_AVERAGE_MACRO || average > PRUNE_AVERAGE_WEIGHTED))
        status = PRUNE_E_ARGUMENT;
    if (status != PRUNE_OK)
        return status;
    prune_class_scores mean = average == PRUNE_AVERAGE_MICRO
                                  ? score(&all)
                                  : mean_of_classes(&mine, average == PRUNE_AVERAGE_WEIGHTED);
    mean.support = all.samples;
    prn_result_write(scores, &mean);
    return PRUNE_OK;
}

/* ---- top k ---- */

/* How many outputs come before that of the label. */
static size_t place_of(const float *h, size_t columns, size_t label)
{
    size_t before = 0;
    for (size_t o = 0; o < columns; o++)
        before += o < label ? h[o] >= h[label] : h[o] > h[label];
    return before;
}

prune_status prune_top_k_accuracy(double *accuracy, const prune_tensor *outputs, const prune_tensor *labels,
                                  size_t k, prune_error *error)
{
    if (accuracy == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "accuracy", "NULL");
    const prune_status status = prn_metrics_check(outputs, labels, error);
    if (status != PRUNE_OK)
        return status;
    const size_t rows = prn_tensor_rows(outputs), columns = prn_tensor_row(outputs);
    if (columns == 1)
        return prn_error_set(error, PRUNE_E_SHAPE, "outputs", "of one output there are no k largest");
    if (k == 0 || k > columns)
        return prn_error_set(error, PRUNE_E_RANGE, "k", "0, or more than there are outputs");
    uint64_t right = 0;
    for (size_t r = 0; r < rows; r++)
        right += place_of(prn_metrics_row(outputs, r), columns, prn_metrics_label(labels, r)) < k;
    *accuracy = (double)right / (double)rows;
    return PRUNE_OK;
}

/* ---- values ---- */

void prune_regression_init(prune_regression *regression)
{
    if (regression != NULL)
        *regression = (prune_regression){ .size = sizeof *regression };
}

typedef struct error_sums {
    double absolute, squared, variation;
} error_sums;

/* Of one column. The target is taken relative to its first value: a constant one varies by exactly 0. */
static error_sums sum_errors(const prune_tensor *outputs, const prune_tensor *targets, size_t column)
{
    const size_t rows = prn_tensor_rows(outputs);
    const double first = (double)prn_metrics_row(targets, 0)[column];
    error_sums sums = { 0 };
    double mean = 0.0;
    for (size_t r = 0; r < rows; r++) {
        const double y = (double)prn_metrics_row(targets, r)[column];
        const double error = (double)prn_metrics_row(outputs, r)[column] - y;
        sums.absolute += error < 0.0 ? -error : error;
        sums.squared += error * error;
        mean += y - first;
    }
    mean /= (double)rows;
    for (size_t r = 0; r < rows; r++) {
        const double off = (double)prn_metrics_row(targets, r)[column] - first - mean;
        sums.variation += off * off;
    }
    return sums;
}

static double determination(const error_sums *sums, size_t rows)
{
    if (rows < 2)
        return prn_metrics_none();
    if (sums->variation > 0.0)
        return 1.0 - sums->squared / sums->variation;
    return sums->squared > 0.0 ? 0.0 : 1.0;
}

static prune_status check_values(const prune_tensor *outputs, const prune_tensor *targets, int32_t output,
                                 prune_error *error)
{
    if (outputs == NULL || targets == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, outputs == NULL ? "outputs" : "targets", "NULL");
    const ptrdiff_t shapes[] = { (ptrdiff_t)prn_tensor_rows(targets), (ptrdiff_t)prn_tensor_row(targets),
                                 (ptrdiff_t)prn_tensor_rows(outputs), (ptrdiff_t)prn_tensor_row(outputs) };
    if (shapes[0] != shapes[2] || shapes[1] != shapes[3])
        return prn_error_format(error, PRUNE_E_SHAPE, "targets", "% x %, and the outputs are % x %", shapes);
    if (output < PRUNE_ALL_OUTPUTS || (output >= 0 && (size_t)output >= prn_tensor_row(outputs)))
        return prn_error_set(error, PRUNE_E_RANGE, "output", "no such output");
    const prune_status status = check_floats(outputs, "outputs", error);
    return status == PRUNE_OK ? check_floats(targets, "targets", error) : status;
}

prune_status prune_regression_measure(prune_regression *regression, const prune_tensor *outputs,
                                      const prune_tensor *targets, int32_t output, prune_error *error)
{
    if (regression == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "regression", "NULL");
    prune_status status = prn_result_check(regression, sizeof *regression);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "regression", prn_options_reason(status));
    status = check_values(outputs, targets, output, error);
    if (status != PRUNE_OK)
        return status;
    const int32_t all = output == PRUNE_ALL_OUTPUTS;
    const size_t first = all ? 0 : (size_t)output, columns = all ? prn_tensor_row(outputs) : 1;
    const size_t rows = prn_tensor_rows(outputs);
    prune_regression mean = { .size = sizeof mean };
    double squared = 0.0;
    for (size_t column = first; column < first + columns; column++) {
        const error_sums sums = sum_errors(outputs, targets, column);
        mean.mae += sums.absolute / (double)rows / (double)columns;
        squared += sums.squared / (double)rows / (double)columns;
        mean.r2 += determination(&sums, rows) / (double)columns;
    }
    mean.rmse = __builtin_sqrt(squared);
    prn_result_write(regression, &mean);
    return PRUNE_OK;
}
