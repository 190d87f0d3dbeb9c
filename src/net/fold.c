/* fold.c -- the same function with fewer layers
 *
 * Layer by layer: the newest is held back, and takes up what follows as long as it can.
 *
 * SPDX-License-Identifier: MIT */
#include "fold.h"
#include "text.h"

typedef struct folding {
    prune_model *model; /* what there is so far */
    prn_layer *held;    /* the layer that will be next; NULL at the start */
} folding;

/* All units or none. */
static int32_t absorb(prn_layer *into, const prn_layer *layer)
{
    const size_t units = prn_shape_count(&layer->output);
    for (int32_t apply = 0; apply < 2; apply++)
        for (size_t u = 0; u < units; u++) {
            float scale_shift[2];
            layer->ops->affine(layer, u, scale_shift);
            if (!into->ops->absorb(into, u, scale_shift, apply))
                return 0;
        }
    return 1;
}

static int32_t take_up(prn_layer *held, const prn_layer *layer)
{
    if (held == NULL)
        return 0;
    if (prn_layer_is_identity(layer))
        return 1;
    if (held->ops->absorb == NULL || held->spec.activation != PRUNE_LINEAR)
        return 0;
    if (layer->ops->affine != NULL)
        return absorb(held, layer);
    if (layer->ops->is_activation)
        held->spec.activation = layer->spec.activation;
    return layer->ops->is_activation;
}

/* Appends what is held, and holds a copy of `layer`, or nothing. */
static prune_status hold(folding *f, const prn_layer *layer)
{
    prune_status status = f->held == NULL ? PRUNE_OK : prn_model_append(f->model, f->held);
    f->held = NULL;
    if (status != PRUNE_OK || layer == NULL)
        return status;
    f->held = prn_layer_clone(&f->model->mem, layer);
    return f->held == NULL ? PRUNE_E_MEMORY : PRUNE_OK;
}

/* An identity is held back too if nothing is; the next layer takes its place. */
static prune_status fold_layer(folding *f, const prn_layer *layer)
{
    if (take_up(f->held, layer))
        return PRUNE_OK;
    if (f->held != NULL && prn_layer_is_identity(f->held)) {
        prn_mem_free(&f->model->mem, f->held, 1, f->held->bytes);
        f->held = NULL;
    }
    return hold(f, layer);
}

prune_status prune_model_fold(prune_model **out, const prune_allocator *mem, const prune_model *model,
                              prune_error *error)
{
    folding f = { NULL, NULL };
    if (out == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "out", "NULL");
    *out = NULL;
    prune_status status = prune_model_verify(model, error);
    if (status != PRUNE_OK)
        return status;
    status = prune_model_create(&f.model, mem, prn_shape_count(&model->input));
    for (size_t l = 0; status == PRUNE_OK && l < model->layer_count; l++)
        status = fold_layer(&f, model->layers[l]);
    if (status == PRUNE_OK)
        status = hold(&f, NULL);
    if (status != PRUNE_OK) {
        prune_model_free(f.model);
        return prn_error_set(error, status, "model", prune_status_string(status));
    }
    *out = f.model;
    return PRUNE_OK;
}

/* From behind: what a layer takes up comes right behind it, so that its own are the last of their kind. */
size_t prn_fold_origin(const prune_model *model, const prune_model *folded, size_t l)
{
    size_t from = model->layer_count;
    for (size_t f = folded->layer_count; f-- > l;)
        do {
            from--;
        } while (from > 0 && (prn_layer_is_identity(model->layers[from]) ||
                              model->layers[from]->ops->kind != folded->layers[f]->ops->kind));
    return from;
}
