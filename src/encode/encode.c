/* encode.c -- choosing an encoding for a matrix; checking, decoding and multiplying with what it made
 *
 * SPDX-License-Identifier: MIT */
#include "encode.h"
#include "options.h"
#include "tensor.h"
#include "text.h"

#include <limits.h>
#include <string.h>

enum { PARAMETER_MAX = 255 };

/* ---- choosing ---- */

static int32_t in_range(int32_t number, int32_t least)
{
    return number >= least && number <= PARAMETER_MAX;
}

static prune_status read_options(prune_encoding_options *mine, const prune_encoding_options *given)
{
    prune_encoding_options_init(mine);
    const prune_status status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return status;
    if (mine->encoding != PRUNE_ENCODING_BEST && prune_encoding_name(mine->encoding) == NULL)
        return PRUNE_E_ARGUMENT;
    const int32_t good = in_range(mine->lanes, 1) && in_range(mine->block_rows, 1) &&
                         in_range(mine->block_columns, 1) && in_range(mine->of, 2) && mine->keep >= 1 &&
                         mine->keep < mine->of;
    return good ? PRUNE_OK : PRUNE_E_RANGE;
}

static void take_parameters(prn_coded *coded, const prune_encoding_options *options)
{
    switch (coded->code->parameters) {
    case PRN_BY_LANES:
        coded->p = (uint32_t)options->lanes;
        break;
    case PRN_BY_BLOCK:
        coded->p = (uint32_t)options->block_rows;
        coded->q = (uint32_t)options->block_columns;
        break;
    case PRN_BY_GROUP:
        coded->p = (uint32_t)options->keep;
        coded->q = (uint32_t)options->of;
        break;
    default:
        break;
    }
}

static prune_status measure_as(prn_coded *coded, const prn_matrix *m, const prune_encoding_options *options,
                               const prn_code *code)
{
    *coded = (prn_coded){ .code = code };
    take_parameters(coded, options);
    return prn_code_measure(coded, m);
}

/* Dense comes first, and so nothing larger is chosen. */
static prune_status measure_best(prn_coded *best, const prn_matrix *m, const prune_encoding_options *options)
{
    const prune_status status = measure_as(best, m, options, prn_code_find(PRUNE_ENCODING_DENSE));
    for (uint32_t id = PRUNE_ENCODING_DENSE + 1; prn_code_find(id) != NULL; id++) {
        prn_coded other;
        if (measure_as(&other, m, options, prn_code_find(id)) != PRUNE_OK)
            continue;
        if (other.length < best->length)
            *best = other;
    }
    return best->length > SIZE_MAX ? status : PRUNE_OK;
}

static prune_status choose(prn_coded *coded, const prn_matrix *m, const prune_encoding_options *given)
{
    prune_encoding_options options;
    const prune_status status = read_options(&options, given);
    if (status != PRUNE_OK)
        return status;
    return options.encoding == PRUNE_ENCODING_BEST
               ? measure_best(coded, m, &options)
               : measure_as(coded, m, &options, prn_code_find((uint32_t)options.encoding));
}

static void tell(prune_encoding_info *info, const prn_coded *coded)
{
    const int32_t p = (int32_t)coded->p, q = (int32_t)coded->q, by = coded->code->parameters;
    prune_encoding_info mine = { .size = sizeof mine,
                                 .encoding = coded->code->id,
                                 .dtype = PRUNE_F32,
                                 .lanes = by == PRN_BY_LANES ? p : 0,
                                 .block_rows = by == PRN_BY_BLOCK ? p : 0,
                                 .block_columns = by == PRN_BY_BLOCK ? q : 0,
                                 .keep = by == PRN_BY_GROUP ? p : 0,
                                 .of = by == PRN_BY_GROUP ? q : 0,
                                 .index_bytes = (int32_t)coded->index.width,
                                 .rows = coded->rows,
                                 .columns = coded->columns,
                                 .stored = coded->stored,
                                 .bytes = coded->length };
    prn_result_write(info, &mine);
}

prune_status prn_matrix_size(prn_matrix *m, size_t rows, size_t columns)
{
    if (rows > INT_MAX || columns > INT_MAX || columns > UINT32_MAX / rows)
        return PRUNE_E_LIMIT;
    m->rows = (uint32_t)rows;
    m->columns = (uint32_t)columns;
    return PRUNE_OK;
}

prune_status prn_encoding_measure(prune_encoding_info *info, const prn_matrix *m,
                                  const prune_encoding_options *options)
{
    prn_coded coded;
    prune_status status = prn_result_check(info, sizeof *info);
    if (status == PRUNE_OK)
        status = choose(&coded, m, options);
    if (status == PRUNE_OK)
        tell(info, &coded);
    return status;
}

prune_status prn_encoding_encode(void *bytes, size_t length, const prn_matrix *m,
                                 const prune_encoding_options *options)
{
    prn_coded coded;
    const prune_status status = choose(&coded, m, options);
    if (status != PRUNE_OK)
        return status;
    if (coded.length != length)
        return PRUNE_E_SHAPE;
    prn_code_write(bytes, &coded, m);
    return PRUNE_OK;
}

/* ---- tensors ---- */

prune_status prn_matrix_take(prn_matrix *m, const prune_tensor *weights, const uint8_t *kept)
{
    if (weights->dtype != PRUNE_F32)
        return PRUNE_E_TYPE;
    *m = (prn_matrix){ .ld = weights->ld, .values = weights->data, .kept = kept };
    return prn_matrix_size(m, prn_tensor_rows(weights), prn_tensor_row(weights));
}

prune_status prune_encoding_measure(prune_encoding_info *info, const prune_tensor *weights,
                                    const uint8_t *kept, const prune_encoding_options *options)
{
    prn_matrix m;
    if (info == NULL || weights == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = prn_matrix_take(&m, weights, kept);
    return status == PRUNE_OK ? prn_encoding_measure(info, &m, options) : status;
}

prune_status prune_encoding_encode(void *bytes, size_t length, const prune_tensor *weights,
                                   const uint8_t *kept, const prune_encoding_options *options)
{
    prn_matrix m;
    if (bytes == NULL || weights == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = prn_matrix_take(&m, weights, kept);
    return status == PRUNE_OK ? prn_encoding_encode(bytes, length, &m, options) : status;
}

/* ---- bytes from anywhere ---- */

prune_status prn_encoding_open(prn_coded *coded, const void *bytes, size_t length, const char **reason)
{
    *reason = "NULL";
    if (bytes == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = prn_code_open(coded, bytes, length, reason);
    if (status != PRUNE_OK)
        return status;
    *reason = prn_code_check(coded);
    return *reason == NULL ? PRUNE_OK : PRUNE_E_FORMAT;
}

prune_status prune_encoding_check(prune_encoding_info *info, const void *bytes, size_t length,
                                  prune_error *error)
{
    prn_coded coded;
    const char *reason;
    prune_status status = prn_result_check(info, sizeof *info);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "info", prn_options_reason(status));
    status = prn_encoding_open(&coded, bytes, length, &reason);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "bytes", reason);
    tell(info, &coded);
    return PRUNE_OK;
}

prune_status prn_matrix_check_out(const prune_tensor *out, size_t columns)
{
    if (out->dtype != PRUNE_F32)
        return PRUNE_E_TYPE;
    if (out->read_only)
        return PRUNE_E_READONLY;
    return prn_tensor_row(out) == columns ? PRUNE_OK : PRUNE_E_SHAPE;
}

prune_status prune_encoding_decode(prune_tensor *weights, const void *bytes, size_t length)
{
    prn_coded coded;
    const char *reason;
    if (weights == NULL)
        return PRUNE_E_ARGUMENT;
    prune_status status = prn_encoding_open(&coded, bytes, length, &reason);
    if (status == PRUNE_OK)
        status = prn_matrix_check_out(weights, coded.columns);
    if (status == PRUNE_OK && prn_tensor_rows(weights) != coded.rows)
        status = PRUNE_E_SHAPE;
    if (status != PRUNE_OK)
        return status;
    prn_cursor c = { .coded = &coded };
    for (; c.row < coded.rows; c.row++) {
        float *row = (float *)weights->data + c.row * weights->ld;
        memset(row, 0, coded.columns * sizeof *row);
        coded.code->start_row(&c);
        while (coded.code->next(&c)) {
            const uint32_t bits = prn_code_get(coded.bytes, &coded.values, c.value);
            memcpy(row + c.column, &bits, sizeof bits);
        }
    }
    return PRUNE_OK;
}

/* ---- applying ---- */

static float sum_of_row(prn_cursor *c, const float *x)
{
    float sum = 0.0f;
    c->coded->code->start_row(c);
    while (c->coded->code->next(c)) {
        const uint32_t bits = prn_code_get(c->coded->bytes, &c->coded->values, c->value);
        float w;
        memcpy(&w, &bits, sizeof w);
        sum += w * x[c->column];
    }
    return sum;
}

static void apply(float *y, const float *x, const prn_coded *coded, int32_t accumulate)
{
    prn_cursor c = { .coded = coded };
    for (; c.row < coded->rows; c.row++) {
        const float sum = sum_of_row(&c, x);
        y[c.row] = accumulate ? y[c.row] + sum : sum;
    }
}

prune_status prune_encoding_apply(prune_tensor *y, const prune_tensor *x, const void *bytes, size_t length,
                                  int32_t accumulate)
{
    prn_coded coded;
    const char *reason;
    if (y == NULL || x == NULL || bytes == NULL)
        return PRUNE_E_ARGUMENT;
    prune_status status = prn_code_open(&coded, bytes, length, &reason);
    if (status == PRUNE_OK)
        status = x->dtype == PRUNE_F32 ? prn_matrix_check_out(y, coded.rows) : PRUNE_E_TYPE;
    if (status != PRUNE_OK)
        return status;
    const size_t samples = prn_tensor_rows(x);
    if (prn_tensor_row(x) != coded.columns || prn_tensor_rows(y) != samples)
        return PRUNE_E_SHAPE;
    for (size_t s = 0; s < samples; s++)
        apply((float *)y->data + s * y->ld, (const float *)x->data + s * x->ld, &coded, accumulate);
    return PRUNE_OK;
}
