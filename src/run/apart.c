/* apart.c -- a model as layers that are one operation on int8 each
 *
 * SPDX-License-Identifier: MIT */
#include "apart.h"
#include "fold.h"
#include "scan.h"
#include "text.h"

enum { WIDEST = 0xFFFC };

/* ---- what is refused, of the model as it was given ---- */

static int32_t is_softmax(const prn_layer *layer)
{
    return layer->ops->kind == PRUNE_LAYER_SOFTMAX || layer->ops->kind == PRUNE_LAYER_LOG_SOFTMAX;
}

static prune_status check_layer(const prune_model *model, size_t l, prune_error *error)
{
    const prn_layer *layer = model->layers[l];
    const ptrdiff_t numbers[] = { (ptrdiff_t)l, WIDEST };
    size_t next = l + 1;
    if (prn_shape_count(&layer->input) > WIDEST || prn_shape_count(&layer->output) > WIDEST)
        return prn_error_format(error, PRUNE_E_LIMIT, "layer %", "it is wider than %", numbers);
    while (next < model->layer_count && prn_layer_is_identity(model->layers[next]))
        next++;
    return !is_softmax(layer) || next == model->layer_count
               ? PRUNE_OK
               : prn_error_format(error, PRUNE_E_UNSUPPORTED, "layer %",
                                  "softmax has to be the last layer, since its outputs are float: drop what "
                                  "follows, or export all in float by prune_blob_export()",
                                  numbers);
}

static prune_status check_affine(const prn_layer *layer, size_t origin, prune_error *error)
{
    for (size_t u = 0; layer->ops->affine != NULL && u < prn_shape_count(&layer->output); u++) {
        float scale_shift[2];
        layer->ops->affine(layer, u, scale_shift);
        if (prn_scan_finite(scale_shift, 2) != 2)
            return prn_error_format(error, PRUNE_E_NONFINITE, "layer %",
                                    "what unit % is scaled by, or moved by, leaves float: gamma, beta or the "
                                    "mean is too large, or the variance 0, or almost, and epsilon as well",
                                    (const ptrdiff_t[]){ (ptrdiff_t)origin, (ptrdiff_t)u });
    }
    return PRUNE_OK;
}

/* ---- taking apart ---- */

static prune_status add_activation(prune_model *model, int32_t activation)
{
    const prn_layer_spec spec = { .kind = PRUNE_LAYER_ACTIVATION, .activation = activation };
    return prn_model_add(model, &spec);
}

static prune_status add_layer(prune_model *model, const prn_layer *layer)
{
    const int32_t activation = layer->spec.activation;
    const int32_t apart = prn_is_dense(layer) && activation != PRUNE_LINEAR && activation != PRUNE_RELU;
    if (layer->ops->identity)
        return PRUNE_OK;
    prn_layer *copy = prn_layer_clone(&model->mem, layer);
    if (copy == NULL)
        return PRUNE_E_MEMORY;
    if (apart)
        copy->spec.activation = PRUNE_LINEAR;
    const prune_status status = prn_model_append(model, copy);
    return status == PRUNE_OK && apart ? add_activation(model, activation) : status;
}

static prune_status take(prn_apart *a, const prn_layer *layer, size_t origin, prune_error *error)
{
    const size_t first = a->model->layer_count;
    prune_status status = check_affine(layer, origin, error);
    if (status == PRUNE_OK)
        status = add_layer(a->model, layer);
    for (size_t l = first; l < a->model->layer_count; l++)
        a->origins[l] = origin;
    return status;
}

static prune_status take_all(prn_apart *a, const prune_model *model, const prune_model *folded,
                             prune_error *error)
{
    prune_status status =
        prune_model_create(&a->model, &folded->mem, (uint64_t)prn_shape_count(&folded->input));
    if (status != PRUNE_OK)
        return status;
    a->origin_room = 2 * folded->layer_count;
    a->origins = prn_mem_alloc(&a->model->mem, a->origin_room, sizeof *a->origins);
    if (a->origins == NULL)
        return PRUNE_E_MEMORY;
    for (size_t l = 0; l < folded->layer_count && status == PRUNE_OK; l++)
        status = take(a, folded->layers[l], prn_fold_origin(model, folded, l), error);
    if (status == PRUNE_OK && a->model->layer_count == 0) { /* nothing but identities */
        status = add_activation(a->model, PRUNE_LINEAR);
        a->origins[0] = 0;
    }
    return status;
}

prune_status prn_apart_make(prn_apart *a, const prune_allocator *mem, const prune_model *model,
                            prune_error *error)
{
    prune_model *folded;
    *a = (prn_apart){ 0 };
    prune_status status = prune_model_fold(&folded, mem, model, error);
    if (status != PRUNE_OK)
        return status;
    for (size_t l = 0; l < model->layer_count && status == PRUNE_OK; l++)
        status = check_layer(model, l, error);
    if (status == PRUNE_OK)
        status = take_all(a, model, folded, error);
    prune_model_free(folded);
    if (status == PRUNE_OK)
        a->layers = a->model->layer_count - (size_t)is_softmax(a->model->layers[a->model->layer_count - 1]);
    return status == PRUNE_E_MEMORY ? prn_error_set(error, status, "model", prune_status_string(status))
                                    : status;
}

void prn_apart_end(prn_apart *a)
{
    if (a->origins != NULL)
        prn_mem_free(&a->model->mem, a->origins, a->origin_room, sizeof *a->origins);
    prune_model_free(a->model);
}

prune_status prn_apart_error(const prn_apart *a, size_t layer, prune_status status, const char *reason,
                             prune_error *error)
{
    return prn_error_format(error, status, "layer %", reason,
                            (const ptrdiff_t[]){ (ptrdiff_t)a->origins[layer] });
}
