/* model.c -- a sequential model: architecture, weights and masks
 *
 * SPDX-License-Identifier: MIT */
#include "model.h"
#include "activation.h"
#include "crc.h"
#include "initializer.h"
#include "kinds.h"
#include "options.h"
#include "scan.h"
#include "text.h"

#include <limits.h>
#include <string.h>

/* ---- building ---- */

static prune_status width_check(size_t width)
{
    if (width == 0)
        return PRUNE_E_SIZE;
    return width > INT_MAX ? PRUNE_E_LIMIT : PRUNE_OK;
}

prune_status prn_batch_check(size_t max_batch)
{
    return width_check(max_batch);
}

/* In bytes of a fixed order, so that the signature is the same on every machine. */
static uint32_t sign(uint32_t signature, uint64_t number)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(number >> 8 * i & 0xff);
    return prn_crc32(signature, bytes, sizeof bytes);
}

prune_status prune_model_create(prune_model **out, const prune_allocator *mem, size_t inputs)
{
    if (out == NULL)
        return PRUNE_E_ARGUMENT;
    *out = NULL;
    prune_allocator own;
    prune_status status = width_check(inputs);
    if (status == PRUNE_OK)
        status = prn_mem_choose(&own, mem);
    if (status != PRUNE_OK)
        return status;
    prune_model *model = prn_mem_alloc(&own, 1, sizeof *model);
    if (model == NULL)
        return PRUNE_E_MEMORY;
    model->mem = own;
    model->input = (prune_shape){ 1, { inputs, 0, 0, 0 } };
    model->signature = sign(0, inputs);
    *out = model;
    return PRUNE_OK;
}

static void initialize_layer(prn_layer *layer, size_t index, int32_t initializer, uint64_t seed)
{
    prune_rng rng;
    prn_initializer_seed(&rng, seed, index);
    layer->ops->initialize(layer, initializer, &rng);
}

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static uint32_t sign_layer(uint32_t signature, const prn_layer *layer)
{
    signature = sign(signature, (uint64_t)layer->ops->kind);
    signature = sign(signature, (uint64_t)layer->spec.activation);
    for (size_t i = 0; i < layer->ops->settings; i++)
        signature = sign(signature, bits_of(layer->spec.settings[i]));
    return sign(signature, prn_shape_count(&layer->output));
}

prune_status prn_model_append(prune_model *model, prn_layer *layer)
{
    void **layers = (void **)model->layers;
    const prune_status status = prn_mem_push(&model->mem, &layers, &model->layer_count, layer);
    model->layers = (prn_layer **)layers;
    if (status == PRUNE_OK)
        model->signature = sign_layer(model->signature, layer);
    else
        prn_mem_free(&model->mem, layer, 1, layer->bytes);
    return status;
}

prune_status prn_model_plan(prn_layer_plan *plan, const prn_layer_spec *spec, const prune_shape *input)
{
    const prn_layer_ops *ops = spec->kind < 0 ? NULL : prn_kinds_find((uint32_t)spec->kind);
    if (ops == NULL || !prn_activation_known(spec->activation))
        return PRUNE_E_ARGUMENT;
    if (ops->has_outputs && (spec->outputs == 0 || spec->outputs > INT_MAX))
        return spec->outputs == 0 ? PRUNE_E_SIZE : PRUNE_E_LIMIT;
    return prn_layer_plan_make(plan, ops, spec, input);
}

prune_status prn_model_add(prune_model *model, const prn_layer_spec *spec)
{
    prn_layer_plan plan;
    prn_layer *layer = NULL;
    prune_status status = prn_model_plan(&plan, spec, prn_model_output(model));
    if (status == PRUNE_OK)
        status = prn_layer_create(&layer, &model->mem, &plan);
    if (status != PRUNE_OK)
        return status;
    initialize_layer(layer, model->layer_count, PRUNE_INIT_AUTO, 0);
    return prn_model_append(model, layer);
}

static prune_status add(prune_model *model, prn_layer_spec spec)
{
    return model == NULL ? PRUNE_E_ARGUMENT : prn_model_add(model, &spec);
}

prune_status prune_model_add_dense(prune_model *model, size_t outputs, int32_t activation)
{
    return add(model, (prn_layer_spec){ PRUNE_LAYER_DENSE, activation, outputs, { 0 } });
}

prune_status prune_model_add_activation(prune_model *model, int32_t activation)
{
    return add(model, (prn_layer_spec){ PRUNE_LAYER_ACTIVATION, activation, 0, { 0 } });
}

prune_status prune_model_add_softmax(prune_model *model)
{
    return add(model, (prn_layer_spec){ .kind = PRUNE_LAYER_SOFTMAX });
}

prune_status prune_model_add_log_softmax(prune_model *model)
{
    return add(model, (prn_layer_spec){ .kind = PRUNE_LAYER_LOG_SOFTMAX });
}

prune_status prune_model_add_dropout(prune_model *model, float rate)
{
    return add(model, (prn_layer_spec){ .kind = PRUNE_LAYER_DROPOUT, .settings = { rate } });
}

prune_status prune_model_add_batch_norm(prune_model *model, float momentum, float epsilon)
{
    return add(model, (prn_layer_spec){ .kind = PRUNE_LAYER_BATCH_NORM, .settings = { momentum, epsilon } });
}

prune_status prune_model_initialize(prune_model *model, int32_t initializer, uint64_t seed)
{
    if (!prn_initializer_known(initializer))
        return PRUNE_E_ARGUMENT;
    const prune_status status = prn_model_check(model);
    if (status != PRUNE_OK)
        return status;
    for (size_t l = 0; l < model->layer_count; l++)
        initialize_layer(model->layers[l], l, initializer, seed);
    return PRUNE_OK;
}

prune_status prune_model_clone(prune_model **out, const prune_allocator *mem, const prune_model *model)
{
    if (out == NULL)
        return PRUNE_E_ARGUMENT;
    *out = NULL;
    if (model == NULL)
        return PRUNE_E_ARGUMENT;
    prune_model *copy = NULL;
    prune_status status = prune_model_create(&copy, mem, prn_shape_count(&model->input));
    for (size_t l = 0; status == PRUNE_OK && l < model->layer_count; l++) {
        prn_layer *layer = prn_layer_clone(&copy->mem, model->layers[l]);
        status = layer == NULL ? PRUNE_E_MEMORY : prn_model_append(copy, layer);
    }
    if (status != PRUNE_OK) {
        prune_model_free(copy);
        return status;
    }
    *out = copy;
    return PRUNE_OK;
}

void prune_model_free(prune_model *model)
{
    if (model == NULL)
        return;
    const prune_allocator mem = model->mem;
    prn_layer *first = model->layer_count == 0 ? NULL : model->layers[0];
    /* Newest first, so that an arena has all of it back: the array came after the first layer. */
    for (size_t l = model->layer_count; l-- > 1;)
        prn_mem_free(&mem, model->layers[l], 1, model->layers[l]->bytes);
    prn_mem_free(&mem, model->layers, 1, prn_mem_pushed_bytes(model->layer_count));
    if (first != NULL)
        prn_mem_free(&mem, first, 1, first->bytes);
    prn_mem_free(&mem, model, 1, sizeof *model);
}

/* ---- looking ---- */

const prune_shape *prn_model_output(const prune_model *model)
{
    return model->layer_count == 0 ? &model->input : &model->layers[model->layer_count - 1]->output;
}

prune_status prn_model_check(const prune_model *model)
{
    if (model == NULL)
        return PRUNE_E_ARGUMENT;
    return model->layer_count == 0 ? PRUNE_E_NO_LAYERS : PRUNE_OK;
}

prn_param *prn_model_param(const prune_model *model, size_t p)
{
    if (model == NULL)
        return NULL;
    for (size_t l = 0; l < model->layer_count; l++) {
        if (p < model->layers[l]->param_count)
            return &model->layers[l]->params[p];
        p -= model->layers[l]->param_count;
    }
    return NULL;
}

prn_param *prn_walk_next(prn_walk *w)
{
    while (w->layer < w->model->layer_count && w->param == w->model->layers[w->layer]->param_count) {
        w->layer++;
        w->param = 0;
    }
    return w->layer < w->model->layer_count ? &w->model->layers[w->layer]->params[w->param++] : NULL;
}

size_t prn_model_offset(const prune_model *model, size_t index)
{
    prn_walk w = { .model = model };
    size_t offset = 0;
    for (; index != 0; index--)
        offset += prn_walk_next(&w)->count;
    return offset;
}

size_t prn_model_first_param(const prune_model *model, size_t layer)
{
    size_t first = 0;
    for (size_t l = 0; l < layer; l++)
        first += model->layers[l]->param_count;
    return first;
}

size_t prn_model_floats(const prune_model *model)
{
    size_t floats = 0;
    for (size_t l = 0; l < model->layer_count; l++)
        floats += prn_layer_floats(model->layers[l]);
    return floats;
}

uint32_t prn_model_masks(const prune_model *model)
{
    uint32_t crc = 0;
    for (size_t l = 0; l < model->layer_count; l++)
        for (size_t p = 0; p < model->layers[l]->param_count; p++) {
            const prn_param *param = &model->layers[l]->params[p];
            crc = prn_crc32(crc, param->mask, prn_mask_words(param->count) * sizeof *param->mask);
        }
    return crc;
}

size_t prn_model_width(const prune_model *model)
{
    size_t width = 0;
    for (size_t l = 0; l < model->layer_count; l++) {
        const size_t output = prn_shape_count(&model->layers[l]->output);
        width = output > width ? output : width;
    }
    return width;
}

size_t prn_model_width_in(const prune_model *model)
{
    size_t width = 0;
    for (size_t l = 0; l < model->layer_count; l++) {
        const size_t input = prn_shape_count(&model->layers[l]->input);
        width = input > width ? input : width;
    }
    return width;
}

static int32_t same_layer(const prn_layer *a, const prn_layer *b)
{
    int32_t same = a->ops == b->ops && a->spec.activation == b->spec.activation &&
                   prn_shape_equal(&a->input, &b->input) && prn_shape_equal(&a->output, &b->output);
    for (size_t i = 0; i < PRN_LAYER_SETTINGS; i++)
        same &= bits_of(a->spec.settings[i]) == bits_of(b->spec.settings[i]);
    return same;
}

int32_t prn_model_same(const prune_model *a, const prune_model *b)
{
    if (a->layer_count != b->layer_count || !prn_shape_equal(&a->input, &b->input))
        return 0;
    for (size_t l = 0; l < a->layer_count; l++)
        if (!same_layer(a->layers[l], b->layers[l]))
            return 0;
    return 1;
}

uint32_t prn_model_signature(const prune_model *model)
{
    return model->signature;
}

size_t prune_model_inputs(const prune_model *model)
{
    return model == NULL ? 0 : prn_shape_count(&model->input);
}

size_t prune_model_outputs(const prune_model *model)
{
    return model == NULL || model->layer_count == 0 ? 0 : prn_shape_count(prn_model_output(model));
}

size_t prune_model_layer_count(const prune_model *model)
{
    return model == NULL ? 0 : model->layer_count;
}

size_t prune_model_param_count(const prune_model *model)
{
    return model == NULL ? 0 : prn_model_first_param(model, model->layer_count);
}

size_t prune_model_bytes(const prune_model *model)
{
    if (model == NULL)
        return 0;
    size_t bytes = sizeof *model + prn_mem_pushed_bytes(model->layer_count);
    for (size_t l = 0; l < model->layer_count; l++)
        bytes += model->layers[l]->bytes;
    return bytes;
}

static void add_param(prune_layer_info *info, const prn_param *param)
{
    info->parameters += param->count;
    for (size_t i = 0; i < param->count; i++)
        info->nonzeros += param->value[i] > 0.0f || param->value[i] < 0.0f;
    if (param->prunable) {
        info->weights += param->count;
        info->weights_kept += param->count - param->removed;
    }
}

prune_status prune_model_layer_info(prune_layer_info *info, const prune_model *model, size_t index)
{
    if (info == NULL || model == NULL)
        return PRUNE_E_ARGUMENT;
    if (index >= model->layer_count)
        return PRUNE_E_RANGE;
    const prune_status status = prn_result_check(info, sizeof *info);
    if (status != PRUNE_OK)
        return status;
    const prn_layer *layer = model->layers[index];
    prune_layer_info mine = { .size = sizeof mine,
                              .kind = layer->ops->kind,
                              .activation = layer->spec.activation,
                              .input = layer->input,
                              .output = layer->output,
                              .bytes = prn_layer_floats(layer) * sizeof(float),
                              .macs = layer->ops->macs(layer),
                              .macs_kept = layer->ops->macs_kept(layer) };
    memcpy(mine.settings, layer->spec.settings, sizeof mine.settings);
    for (size_t p = 0; p < layer->param_count; p++)
        add_param(&mine, &layer->params[p]);
    prn_result_write(info, &mine);
    return PRUNE_OK;
}

prune_status prune_model_param_info(prune_param_info *info, const prune_model *model, size_t index)
{
    if (info == NULL || model == NULL)
        return PRUNE_E_ARGUMENT;
    const prn_param *param = prn_model_param(model, index);
    if (param == NULL)
        return PRUNE_E_RANGE;
    const prune_status status = prn_result_check(info, sizeof *info);
    if (status != PRUNE_OK)
        return status;
    prune_param_info mine = { .size = sizeof mine,
                              .prunable = param->prunable,
                              .statistic = param->statistic != 0,
                              .shape = param->shape,
                              .count = param->count,
                              .kept = param->count - param->removed };
    prn_text name;
    prn_text_start(&name, mine.name, sizeof mine.name);
    prn_text_add(&name, param->name);
    for (size_t first = 0; index - first >= model->layers[mine.layer]->param_count; mine.layer++)
        first += model->layers[mine.layer]->param_count;
    prn_result_write(info, &mine);
    return PRUNE_OK;
}

const float *prune_model_param(const prune_model *model, size_t index)
{
    const prn_param *param = prn_model_param(model, index);
    return param == NULL ? NULL : param->value;
}

/* ---- changing and checking values ---- */

/* The first that is below 0 and may not be, or count. */
static size_t first_negative(const prn_param *param, const float *values)
{
    size_t i = param->statistic == PRN_STATISTIC_NOT_NEGATIVE ? 0 : param->count;
    while (i < param->count && !(values[i] < 0.0f))
        i++;
    return i;
}

prune_status prune_model_set_param(prune_model *model, size_t index, const float *values, size_t count)
{
    if (model == NULL || values == NULL)
        return PRUNE_E_ARGUMENT;
    prn_param *param = prn_model_param(model, index);
    if (param == NULL)
        return PRUNE_E_RANGE;
    if (count != param->count)
        return PRUNE_E_SHAPE;
    if (prn_scan_finite(values, count) != count)
        return PRUNE_E_NONFINITE;
    if (first_negative(param, values) != count)
        return PRUNE_E_RANGE;
    memmove(param->value, values, count * sizeof *values);
    prn_param_mask_values(param, param->value);
    return PRUNE_OK;
}

prune_status prune_model_fill(prune_model *model, float value)
{
    const prune_status status = prn_model_check(model);
    if (status != PRUNE_OK)
        return status;
    if (prn_scan_finite(&value, 1) != 1)
        return PRUNE_E_NONFINITE;
    prn_walk w = { .model = model };
    for (prn_param *param = prn_walk_next(&w); param != NULL; param = prn_walk_next(&w))
        prn_param_fill(param, param->prunable ? value : param->initial);
    return PRUNE_OK;
}

static prune_status verify_param(const prn_param *param, prune_error *error)
{
    const size_t bad = prn_scan_finite(param->value, param->count);
    if (bad != param->count)
        return prn_error_at(error, PRUNE_E_NONFINITE, param->name, bad, "the weight is NaN or infinite");
    const size_t negative = first_negative(param, param->value);
    if (negative != param->count)
        return prn_error_at(error, PRUNE_E_RANGE, param->name, negative, "the variance is below 0");
    if (prn_param_count_removed(param) != param->removed)
        return prn_error_set(error, PRUNE_E_MASK, param->name, "the mask does not have the bits it counts");
    for (size_t i = 0; i < param->count; i++)
        if (!prn_mask_test(param->mask, i) && (param->value[i] > 0.0f || param->value[i] < 0.0f))
            return prn_error_at(error, PRUNE_E_MASK, param->name, i, "a removed weight is not zero");
    return PRUNE_OK;
}

static prune_status within_layer(prune_error *error, prune_status status, size_t layer)
{
    char place[32];
    prn_text text;
    prn_text_start(&text, place, sizeof place);
    prn_text_add(&text, "layer ");
    prn_text_number(&text, layer);
    return prn_error_within(error, status, place);
}

prune_status prune_model_verify(const prune_model *model, prune_error *error)
{
    const prune_status status = prn_model_check(model);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "model", prune_status_string(status));
    for (size_t l = 0; l < model->layer_count; l++)
        for (size_t p = 0; p < model->layers[l]->param_count; p++) {
            const prune_status found = verify_param(&model->layers[l]->params[p], error);
            if (found != PRUNE_OK)
                return within_layer(error, found, l);
        }
    return PRUNE_OK;
}
