/* calibrate.c -- what goes into a layer while samples pass: its second moments
 *
 * SPDX-License-Identifier: MIT */
#include "calibrate.h"
#include "spread.h"
#include "text.h"

#include <float.h>
#include <string.h>

enum { BATCH = 64 };

static prune_status take_memory(prn_calibration *c, const prune_model *model)
{
    const size_t width = prn_model_width(model), width_in = prn_model_width_in(model) + 1;
    prn_layout layout = { 0 };
    size_t at[3];
    if (prn_mem_overflows(BATCH, width) || prn_mem_overflows(BATCH, width_in))
        return PRUNE_E_OVERFLOW;
    at[0] = prn_layout_add(&layout, BATCH * width, sizeof(float));
    at[1] = prn_layout_add(&layout, BATCH * width, sizeof(float));
    at[2] = prn_layout_add(&layout, BATCH * width_in, sizeof(double));
    if (layout.overflow)
        return PRUNE_E_OVERFLOW;
    c->bytes = layout.bytes;
    c->block = prn_mem_alloc(&c->mem, 1, layout.bytes);
    if (c->block == NULL)
        return PRUNE_E_MEMORY;
    c->buffers[0] = (float *)c->block + at[0] / sizeof(float);
    c->buffers[1] = (float *)c->block + at[1] / sizeof(float);
    c->rows = (double *)c->block + at[2] / sizeof(double);
    return PRUNE_OK;
}

prune_status prn_calibration_open(prn_calibration *calibration, const prune_model *model,
                                  const prune_data *data, const prune_backend *backend, prune_error *error)
{
    *calibration = (prn_calibration){ 0 };
    prune_status status = prn_model_check(model);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "model", model == NULL ? "NULL" : prune_status_string(status));
    if (!prn_backend_fits(backend))
        return prn_error_set(error, PRUNE_E_ARGUMENT, "backend", "it has no function");
    status = prn_feed_open(&calibration->feed, &model->mem, data, model, BATCH, error);
    if (status != PRUNE_OK)
        return status;
    calibration->mem = model->mem;
    calibration->backend = backend != NULL ? backend : prune_backend_default();
    calibration->linalg = prn_linalg_for(calibration->backend);
    status = take_memory(calibration, model);
    return status == PRUNE_OK ? status : prn_error_set(error, status, "model", prune_status_string(status));
}

void prn_calibration_close(prn_calibration *calibration)
{
    prn_feed_close(&calibration->feed);
    if (calibration->block != NULL)
        prn_mem_free(&calibration->mem, calibration->block, 1, calibration->bytes);
    calibration->block = NULL;
}

/* Runs the batch through all layers before this one. */
static prn_pass run_front(const prn_calibration *c, const prune_model *model, size_t layer)
{
    const prune_tensor *x = &c->feed.batch.inputs;
    prn_pass pass = {
        .backend = c->backend, .batch = prn_tensor_rows(x), .x = x->data, .ldx = prn_tensor_step(x)
    };
    for (size_t l = 0; l < layer; l++) {
        const prn_layer *front = model->layers[l];
        pass.y = c->buffers[l % 2];
        pass.ldy = prn_shape_count(&front->output);
        front->ops->forward(front, &pass);
        pass.x = pass.y;
        pass.ldx = pass.ldy;
    }
    return pass;
}

/* rows[batch][n] = sqrt(2 s) x, so that their squares add up to what h is made of. */
static double widen(const prn_calibration *c, const prn_pass *pass, size_t inputs, size_t n)
{
    double sum = 0.0;
    for (size_t r = 0; r < pass->batch; r++) {
        const double weight = (double)prn_target_weight(&c->feed.batch.target, r);
        const double scale = __builtin_sqrt(2.0 * weight);
        double *row = c->rows + r * n;
        row[n - 1] = scale;
        for (size_t i = 0; i < inputs; i++)
            row[i] = scale * (double)pass->x[r * pass->ldx + i];
        sum += weight;
    }
    return sum;
}

static prune_status divide(double *h, size_t n, double by)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++) {
            h[i * n + j] /= by;
            if (!(h[i * n + j] <= DBL_MAX && h[i * n + j] >= -DBL_MAX))
                return PRUNE_E_NONFINITE;
        }
    return PRUNE_OK;
}

prune_status prn_calibration_moments(double *h, prn_calibration *calibration, const prune_model *model,
                                     const size_t layer_ones[2], prune_error *error)
{
    prn_calibration *c = calibration;
    const size_t layer = layer_ones[0], inputs = prn_shape_count(&model->layers[layer]->input);
    const size_t n = inputs + layer_ones[1];
    double samples = 0.0;
    memset(h, 0, n * n * sizeof *h);
    for (size_t first = 0;; first += BATCH) {
        const prune_tensor *inputs_of_batch;
        const prune_status status = prn_feed_next(&inputs_of_batch, &c->feed, first, BATCH, error);
        if (status != PRUNE_OK)
            return status;
        if (inputs_of_batch == NULL)
            break;
        const prn_pass pass = run_front(c, model, layer);
        samples += widen(c, &pass, inputs, n);
        c->linalg->add_gram(h, n, c->rows, pass.batch);
    }
    const ptrdiff_t place[] = { (ptrdiff_t)layer };
    if (divide(h, n, samples) == PRUNE_OK)
        return PRUNE_OK;
    return prn_error_format(error, PRUNE_E_NONFINITE, "layer %", "what goes into it is not finite", place);
}
