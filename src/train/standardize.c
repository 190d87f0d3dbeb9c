/* standardize.c -- columns brought to mean 0 and deviation 1
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/standardize.h"
#include "rows.h"
#include "scan.h"
#include "text.h"

#include <float.h>
#include <string.h>

enum { BLOCK = 16 }; /* columns at a time: a cache line */

static const float *row_at(const prune_tensor *tensor, size_t row)
{
    return (const float *)tensor->data + row * tensor->ld;
}

/* Columns first .. first + width - 1. */
static void find_means(double *mean, const prune_tensor *x, size_t first, size_t width)
{
    const size_t rows = prn_tensor_rows(x);
    memset(mean, 0, width * sizeof *mean);
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < width; j++)
            mean[j] += (double)row_at(x, r)[first + j];
    for (size_t j = 0; j < width; j++)
        mean[j] /= (double)rows;
}

/* Whether all elements are the same is not asked of the deviation, which rounding makes almost 0. */
static void find_deviations(float *deviation, const double *mean, const prune_tensor *x, size_t first,
                            size_t width)
{
    const size_t rows = prn_tensor_rows(x);
    double squares[BLOCK] = { 0 };
    int32_t varies[BLOCK] = { 0 };
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < width; j++) {
            const float value = row_at(x, r)[first + j];
            const double off = (double)value - mean[j];
            squares[j] += off * off;
            varies[j] |= value != row_at(x, 0)[first + j];
        }
    for (size_t j = 0; j < width; j++) {
        const float found = (float)__builtin_sqrt(squares[j] / (double)rows);
        deviation[j] = varies[j] && found > 0.0f ? found : 1.0f;
    }
}

static void fit_block(float *mean, float *deviation, const prune_tensor *x, size_t first, size_t width)
{
    double means[BLOCK];
    find_means(means, x, first, width);
    find_deviations(deviation, means, x, first, width);
    for (size_t j = 0; j < width; j++)
        mean[j] = (float)means[j];
}

prune_status prune_standardize_fit(float *mean, float *deviation, size_t columns, const prune_tensor *x,
                                   prune_error *error)
{
    if (mean == NULL || deviation == NULL || x == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "arguments", "a pointer is NULL");
    if (x->dtype != PRUNE_F32)
        return prn_error_set(error, PRUNE_E_TYPE, "x", "it must be PRUNE_F32");
    const ptrdiff_t wide[] = { (ptrdiff_t)prn_tensor_row(x), (ptrdiff_t)columns };
    if (prn_tensor_row(x) != columns)
        return prn_error_format(error, PRUNE_E_SHAPE, "x", "a row has % numbers, not %", wide);
    const prune_status status = prn_rows_check_finite(x, NULL, "x", error);
    for (size_t first = 0; first < columns && status == PRUNE_OK; first += BLOCK)
        fit_block(mean + first, deviation + first, x, first,
                  columns - first < BLOCK ? columns - first : BLOCK);
    return status;
}

static prune_status check(const prune_tensor *to, const prune_tensor *from, const float *mean,
                          const float *deviation, size_t columns)
{
    if (to == NULL || from == NULL || mean == NULL || deviation == NULL)
        return PRUNE_E_ARGUMENT;
    if (to->read_only)
        return PRUNE_E_READONLY;
    if (to->dtype != PRUNE_F32 || from->dtype != PRUNE_F32)
        return PRUNE_E_TYPE;
    if (to->shape.rank != from->shape.rank ||
        memcmp(to->shape.dims, from->shape.dims, sizeof to->shape.dims) != 0 || prn_tensor_row(to) != columns)
        return PRUNE_E_SHAPE;
    if (prn_scan_finite(mean, columns) != columns)
        return PRUNE_E_RANGE;
    for (size_t j = 0; j < columns; j++)
        if (!(deviation[j] > 0.0f && deviation[j] <= FLT_MAX))
            return PRUNE_E_RANGE;
    return PRUNE_OK;
}

prune_status prune_standardize_apply(prune_tensor *to, const prune_tensor *from, const float *mean,
                                     const float *deviation, size_t columns)
{
    const prune_status status = check(to, from, mean, deviation, columns);
    for (size_t r = 0; status == PRUNE_OK && r < prn_tensor_rows(to); r++) {
        float *z = (float *)to->data + r * to->ld;
        for (size_t j = 0; j < columns; j++)
            z[j] = (float)(((double)row_at(from, r)[j] - (double)mean[j]) / (double)deviation[j]);
    }
    return status;
}

prune_status prune_standardize_invert(prune_tensor *to, const prune_tensor *from, const float *mean,
                                      const float *deviation, size_t columns)
{
    const prune_status status = check(to, from, mean, deviation, columns);
    for (size_t r = 0; status == PRUNE_OK && r < prn_tensor_rows(to); r++) {
        float *x = (float *)to->data + r * to->ld;
        for (size_t j = 0; j < columns; j++)
            x[j] = (float)((double)row_at(from, r)[j] * (double)deviation[j] + (double)mean[j]);
    }
    return status;
}
