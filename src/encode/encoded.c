/* encoded.c -- a model's parameters in the encodings, and how large it is so
 *
 * SPDX-License-Identifier: MIT */
#include "encoded.h"

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

prune_status prune_model_encoded_bytes(uint64_t *bytes, const prune_model *model,
                                       const prune_encoding_options *options)
{
    const prune_status checked = bytes == NULL ? PRUNE_E_ARGUMENT : prn_model_check(model);
    if (checked != PRUNE_OK)
        return checked;
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
            return status;
        sum += info.bytes;
    }
    *bytes = sum;
    return PRUNE_OK;
}
