/* predict.c -- forward passes of a const model in a workspace of the caller's
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/predict.h"
#include "model.h"
#include "rows.h"
#include "spread.h"

/* Layers write in turn into two buffers of [max_batch][width]; the last writes to the caller. */
struct prune_workspace {
    prune_allocator mem;
    size_t bytes;
    const prune_backend *backend;
    uint32_t signature;
    size_t max_batch, width;
    float *buffers[2];
};

typedef struct parts {
    size_t bytes;
    size_t buffers[2]; /* offsets */
} parts;

static prune_status lay_out(parts *out, const prune_model *model, size_t max_batch)
{
    prune_status status = prn_model_check(model);
    if (status == PRUNE_OK)
        status = prn_batch_check(max_batch);
    if (status != PRUNE_OK)
        return status;
    const size_t width = prn_model_width(model);
    if (prn_mem_overflows(max_batch, width))
        return PRUNE_E_OVERFLOW;
    prn_layout layout = { 0 };
    prn_layout_add(&layout, 1, sizeof(prune_workspace));
    for (size_t i = 0; i < 2; i++)
        out->buffers[i] = prn_layout_add(&layout, max_batch * width, sizeof(float));
    out->bytes = layout.bytes;
    return layout.overflow ? PRUNE_E_OVERFLOW : PRUNE_OK;
}

prune_status prune_workspace_bytes(size_t *bytes, const prune_model *model, size_t max_batch)
{
    parts plan;
    if (bytes == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = lay_out(&plan, model, max_batch);
    if (status == PRUNE_OK)
        *bytes = plan.bytes;
    return status;
}

prune_status prune_workspace_create(prune_workspace **out, const prune_allocator *mem,
                                    const prune_model *model, size_t max_batch, const prune_backend *backend)
{
    if (out == NULL)
        return PRUNE_E_ARGUMENT;
    *out = NULL;
    parts plan;
    prune_allocator own;
    prune_status status = lay_out(&plan, model, max_batch);
    if (status == PRUNE_OK && !prn_backend_fits(backend))
        status = PRUNE_E_ARGUMENT;
    if (status == PRUNE_OK)
        status = prn_mem_choose(&own, mem);
    if (status != PRUNE_OK)
        return status;
    unsigned char *block = prn_mem_alloc(&own, 1, plan.bytes);
    if (block == NULL)
        return PRUNE_E_MEMORY;
    prune_workspace *workspace = (prune_workspace *)(void *)block;
    *workspace = (prune_workspace){ .mem = own,
                                    .bytes = plan.bytes,
                                    .max_batch = max_batch,
                                    .width = prn_model_width(model),
                                    .backend = backend != NULL ? backend : prune_backend_default(),
                                    .signature = prn_model_signature(model) };
    for (size_t i = 0; i < 2; i++)
        workspace->buffers[i] = (float *)(void *)(block + plan.buffers[i]);
    *out = workspace;
    return PRUNE_OK;
}

void prune_workspace_free(prune_workspace *workspace)
{
    if (workspace == NULL)
        return;
    const prune_allocator mem = workspace->mem;
    prn_mem_free(&mem, workspace, 1, workspace->bytes);
}

static void predict_block(const prune_model *model, const prune_workspace *workspace, prn_pass *pass)
{
    float *const y = pass->y;
    const size_t ldy = pass->ldy;
    for (size_t l = 0; l < model->layer_count; l++) {
        const prn_layer *layer = model->layers[l];
        const int32_t last = l + 1 == model->layer_count;
        pass->y = last ? y : workspace->buffers[l % 2];
        pass->ldy = last ? ldy : prn_shape_count(&layer->output);
        layer->ops->forward(layer, pass);
        pass->x = pass->y;
        pass->ldx = pass->ldy;
    }
}

static prune_status check(const prune_tensor *y, const prune_model *model, const prune_workspace *workspace,
                          const prune_tensor *x)
{
    const prune_status status = prn_model_check(model);
    if (status != PRUNE_OK)
        return status;
    if (y == NULL || x == NULL || workspace == NULL)
        return PRUNE_E_ARGUMENT;
    /* Signatures can be forged; that no buffer is too small may not hang on one. */
    if (workspace->signature != prn_model_signature(model) || prn_model_width(model) > workspace->width)
        return PRUNE_E_STATE;
    return prn_rows_check_pass(y, prune_model_outputs(model), x, prune_model_inputs(model));
}

prune_status prune_predict(prune_tensor *y, const prune_model *model, prune_workspace *workspace,
                           const prune_tensor *x)
{
    const prune_status status = check(y, model, workspace, x);
    if (status != PRUNE_OK)
        return status;
    const size_t samples = prn_tensor_rows(x);
    for (size_t done = 0; done < samples; done += workspace->max_batch) {
        const size_t left = samples - done;
        prn_pass pass = { .backend = workspace->backend,
                          .batch = left < workspace->max_batch ? left : workspace->max_batch,
                          .x = (const float *)x->data + done * x->ld,
                          .ldx = prn_tensor_step(x),
                          .y = (float *)y->data + done * y->ld,
                          .ldy = prn_tensor_step(y) };
        predict_block(model, workspace, &pass);
    }
    return PRUNE_OK;
}
