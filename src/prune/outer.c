/* outer.c -- the curvature of the loss as a sum of outer products: of each sample some vectors v with
 * sum v v^T = A, and for each of them the gradient J^T v by a backward pass
 *
 * SPDX-License-Identifier: MIT */
#include "outer.h"
#include "libprune/fmath.h"
#include "rows.h"
#include "scan.h"
#include "spread.h"
#include "text.h"

#include <float.h>
#include <limits.h>
#include <string.h>

enum { ROWS = 64 };

static int32_t is_known(int32_t loss)
{
    return loss == PRUNE_MSE || loss == PRUNE_BINARY_CROSS_ENTROPY || loss == PRUNE_SOFTMAX_CROSS_ENTROPY;
}

static prune_status open_trainer(prn_outer *o, prune_model *model, const prn_outer_input *input,
                                 prune_error *error)
{
    prune_trainer_options options;
    prune_trainer_options_init(&options);
    options.loss = input->loss;
    options.optimizer = PRUNE_SGD;
    options.max_batch = 1;
    options.backend = input->backend;
    return prune_trainer_create(&o->trainer, &o->mem, model, &options, error);
}

static prune_status take_memory(prn_outer *o, size_t most, size_t outputs)
{
    prn_layout layout = { 0 };
    if (most > INT_MAX / ROWS)
        return PRUNE_E_OVERFLOW;
    const size_t rows = prn_layout_add(&layout, most * ROWS, sizeof(double));
    const size_t p = prn_layout_add(&layout, outputs, sizeof(float));
    const size_t step = prn_layout_add(&layout, outputs, sizeof(float));
    if (layout.overflow)
        return PRUNE_E_OVERFLOW;
    o->bytes = layout.bytes;
    o->block = prn_mem_alloc(&o->mem, 1, layout.bytes);
    if (o->block == NULL)
        return PRUNE_E_MEMORY;
    o->rows = (double *)o->block + rows / sizeof(double);
    o->p = (float *)o->block + p / sizeof(float);
    o->step = (float *)o->block + step / sizeof(float);
    return prn_batch_open(&o->batch, &o->mem, &o->data, ROWS, 1);
}

prune_status prn_outer_open(prn_outer *outer, prune_model *model, size_t most, const prn_outer_input *input,
                            prune_error *error)
{
    *outer = (prn_outer){ .mem = model->mem, .loss = prn_loss_of(input->loss) };
    if (!is_known(input->loss))
        return prn_error_set(error, PRUNE_E_UNSUPPORTED, "loss", "its curvature is not known here");
    if (!prn_backend_fits(input->backend))
        return prn_error_set(error, PRUNE_E_ARGUMENT, "backend", "it has no function");
    prune_status status = prn_data_open(&outer->data, input->data, model, &outer->loss, error);
    if (status == PRUNE_OK)
        status = open_trainer(outer, model, input, error);
    if (status != PRUNE_OK)
        return status;
    outer->linalg = prn_linalg_for(input->backend);
    status = take_memory(outer, most, outer->data.outputs);
    return status == PRUNE_OK ? status : prn_error_set(error, status, "model", prune_status_string(status));
}

void prn_outer_close(prn_outer *outer)
{
    prn_batch_close(&outer->batch);
    if (outer->block != NULL)
        prn_mem_free(&outer->mem, outer->block, 1, outer->bytes);
    prune_trainer_free(outer->trainer);
    outer->block = NULL;
    outer->trainer = NULL;
}

static void flush(double *h, prn_outer *o)
{
    if (o->used > 0)
        o->linalg->add_gram(h, o->n, o->rows, o->used);
    o->used = 0;
}

/* Adds scale^2 g g^T, g = J^T step. */
static prune_status add_step(double *h, prn_outer *o, double scale)
{
    prune_tensor step;
    prune_trainer *t = o->trainer;
    prn_tensor_view(&step, o->step, 1, o->data.outputs);
    t->stage = PRN_FORWARD; /* a backward pass leaves what the forward pass kept */
    const prune_status status = prune_trainer_backward(t, &step);
    if (status != PRUNE_OK)
        return status;
    if (prn_scan_finite(t->gradient, t->floats) != t->floats)
        return PRUNE_E_DIVERGED;
    double *row = o->rows + o->used * o->n;
    for (size_t i = 0; i < o->n; i++)
        row[i] = scale * (double)t->gradient[o->index[i]];
    if (++o->used == ROWS)
        flush(h, o);
    return PRUNE_OK;
}

/* p of the loss; returns what A is to be multiplied by. */
static double answer(const prn_outer *o, size_t row)
{
    const size_t outputs = o->data.outputs;
    const float *y = o->trainer->h.data;
    const prune_tensor *targets = &o->batch.targets;
    const double weight = (double)prn_target_weight(&o->batch.target, row);
    float most = y[0], sum = 0.0f, target = 0.0f;
    if (o->loss.kind != PRUNE_SOFTMAX_CROSS_ENTROPY) {
        for (size_t i = 0; i < outputs; i++)
            o->p[i] = prune_sigmoidf(y[i]);
        return weight;
    }
    for (size_t i = 1; i < outputs; i++)
        most = y[i] > most ? y[i] : most;
    for (size_t i = 0; i < outputs; i++)
        sum += o->p[i] = prune_expf(y[i] - most);
    for (size_t i = 0; i < outputs; i++)
        o->p[i] /= sum;
    for (size_t i = 0; i < outputs && targets->dtype == PRUNE_F32; i++)
        target += ((const float *)targets->data)[row * targets->ld + i];
    return weight * (targets->dtype == PRUNE_F32 ? (double)target : 1.0);
}

/* The vector number i of a sample: step, and what it is to be multiplied by, squared. */
static double make_step(prn_outer *o, size_t i)
{
    const size_t outputs = o->data.outputs;
    const int32_t softmax = o->loss.kind == PRUNE_SOFTMAX_CROSS_ENTROPY;
    for (size_t j = 0; j < outputs; j++)
        o->step[j] = softmax ? -o->p[j] : 0.0f;
    o->step[i] += 1.0f;
    if (o->loss.kind == PRUNE_MSE)
        return 1.0;
    return softmax ? (double)o->p[i] : (double)o->p[i] * (1.0 - (double)o->p[i]);
}

static prune_status add_sample(double *h, prn_outer *o, size_t row)
{
    prune_tensor x;
    prn_rows_slice(&x, &o->batch.inputs, row, 1);
    prn_trainer_forward(o->trainer, &x, 0);
    const double whole = answer(o, row);
    for (size_t i = 0; i < o->data.outputs; i++) {
        const double part = make_step(o, i) * whole;
        prune_status status = part >= 0.0 && part <= DBL_MAX ? PRUNE_OK : PRUNE_E_DIVERGED;
        if (part > 0.0 && status == PRUNE_OK)
            status = add_step(h, o, __builtin_sqrt(part));
        if (status != PRUNE_OK)
            return status;
    }
    return PRUNE_OK;
}

static prune_status add_batch(double *h, prn_outer *o, double *samples, prune_error *error)
{
    for (size_t r = 0; r < prn_tensor_rows(&o->batch.inputs); r++) {
        const prune_status status = add_sample(h, o, r);
        if (status != PRUNE_OK)
            return prn_error_set(error, status, "model", "a derivative is not finite");
        *samples += (double)prn_target_weight(&o->batch.target, r);
    }
    return PRUNE_OK;
}

prune_status prn_outer_mean(double *h, prn_outer *outer, const size_t *index, size_t n, prune_error *error)
{
    double samples = 0.0;
    outer->index = index;
    outer->n = n;
    outer->used = 0;
    memset(h, 0, n * n * sizeof *h);
    for (size_t first = 0; first < prn_data_samples(&outer->data); first += ROWS) {
        prune_status status = prn_data_slice(&outer->batch, &outer->data, first, ROWS, error);
        if (status == PRUNE_OK)
            status = add_batch(h, outer, &samples, error);
        if (status != PRUNE_OK)
            return status;
    }
    flush(h, outer);
    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++)
            h[i * n + j] /= samples;
    return PRUNE_OK;
}
