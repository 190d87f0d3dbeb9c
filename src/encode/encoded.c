/* encoded.c -- a model's parameters in the encodings, and how large it is so
 *
 * SPDX-License-Identifier: MIT */
#include "encoded.h"
#include "text.h"

prune_status prn_matrix_of(prn_matrix *m, const prn_param *param)
{
    const size_t columns = param->count / param->shape.dims[0];
    *m = (prn_matrix){ .ld = columns, .values = param->value, .mask = param->mask };
    return prn_matrix_size(m, param->shape.dims[0], columns);
}

static prune_status find_param(prn_matrix *m, const prune_model *model, size_t index)
{
    if (model == NULL)
        return PRUNE_E_ARGUMENT;
    const prn_param *param = prn_model_param(model, index);
    return param == NULL ? PRUNE_E_RANGE : prn_matrix_of(m, param);
}

prune_status prune_encoded_param(prune_encoding_info *info, const prune_model *model, size_t param,
                                 const prune_encoding_options *options)
{
    prn_matrix m;
    const prune_status status = info == NULL ? PRUNE_E_ARGUMENT : find_param(&m, model, param);
    return status == PRUNE_OK ? prn_encoding_measure(info, &m, options) : status;
}

prune_status prune_encoded_write(void *bytes, size_t length, const prune_model *model, size_t param,
                                 const prune_encoding_options *options)
{
    prn_matrix m;
    const prune_status status = bytes == NULL ? PRUNE_E_ARGUMENT : find_param(&m, model, param);
    return status == PRUNE_OK ? prn_encoding_encode(bytes, length, &m, options) : status;
}

/* What is wrong with the options is so for every layer. */
static prune_status say(prune_error *error, prune_status status, size_t layer, const char *param)
{
    char place[32];
    prn_text text;
    if (status == PRUNE_E_ARGUMENT || status == PRUNE_E_RANGE || status == PRUNE_E_VERSION)
        return prn_error_set(error, status, "options", prune_status_string(status));
    prn_text_start(&text, place, sizeof place);
    prn_text_add(&text, "layer ");
    prn_text_number(&text, layer);
    prn_error_set(error, status, param,
                  status == PRUNE_E_UNSUPPORTED ? "more are kept in a group than the encoding holds"
                                                : prune_status_string(status));
    return prn_error_within(error, status, place);
}

prune_status prune_model_encoded_bytes(uint64_t *bytes, const prune_model *model,
                                       const prune_encoding_options *options, prune_error *error)
{
    if (bytes == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "bytes", "NULL");
    const prune_status checked = prn_model_check(model);
    if (checked != PRUNE_OK)
        return prn_error_set(error, checked, "model", prune_status_string(checked));
    uint64_t sum = PRUNE_ENCODED_MODEL + (uint64_t)model->layer_count * PRUNE_ENCODED_LAYER;
    prn_walk w = { .model = model };
    for (const prn_param *param = prn_walk_next(&w); param != NULL; param = prn_walk_next(&w)) {
        prn_matrix m;
        prune_encoding_info info = { .size = sizeof info, .bytes = (uint64_t)param->count * sizeof(float) };
        prune_status status = PRUNE_OK;
        if (param->prunable && param->shape.rank > 1) {
            status = prn_matrix_of(&m, param);
            status = status == PRUNE_OK ? prn_encoding_measure(&info, &m, options) : status;
        }
        if (status != PRUNE_OK)
            return say(error, status, w.layer, param->name);
        sum += info.bytes;
    }
    *bytes = sum;
    return PRUNE_OK;
}
