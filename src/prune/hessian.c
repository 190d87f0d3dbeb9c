/* hessian.c -- the Hessian times a vector: passes forward and backward, and how they change along it
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/hessian.h"
#include "averages.h"
#include "data.h"
#include "scan.h"
#include "supplied.h"
#include "text.h"
#include "trainer.h"

#include <float.h>
#include <string.h>

struct prune_hessian {
    prune_allocator mem;
    size_t bytes;
    prune_trainer *trainer;
    const prune_model *model;
    uint32_t signature;
    float temperature;
    size_t floats;
    size_t samples;
    prn_sum weight;
    /* Per layer, [max_batch][out]: R y and R z; then R dL/dy of two neighbouring layers in turn. */
    float **ry, **rz;
    float *rdelta[2], *slope[2];
    float *scaled; /* [max_batch][O]: outputs over the temperature */
    float *bend;   /* [O][O] */
    /* Laid out like all parameters of the model in order. */
    float *vector;
    prn_sum *product_sums, *gradient_sums;
    float *product, *gradient; /* of a batch, then the means */
};

/* ---- making and ending ---- */

typedef struct parts {
    size_t bytes;
    size_t ry, rz, rdelta[2], slope[2], scaled, bend, vector, sums[2], product, gradient; /* offsets */
    size_t layers;
} parts;

static float *floats_at(unsigned char *block, size_t offset)
{
    return (float *)(void *)(block + offset);
}

/* With h NULL only the size counts. */
static void add_layers(prune_hessian *h, prn_layout *layout, const prune_model *model, size_t batch)
{
    for (size_t l = 0; l < model->layer_count; l++) {
        const size_t count = batch * prn_shape_count(&model->layers[l]->output);
        const size_t ry = prn_layout_add(layout, count, sizeof(float));
        const size_t rz = prn_layout_add(layout, count, sizeof(float));
        if (h == NULL)
            continue;
        h->ry[l] = floats_at((unsigned char *)h, ry);
        h->rz[l] = floats_at((unsigned char *)h, rz);
    }
}

/* The trainer's plan has checked that batch times the widest output fits. */
static prune_status lay_out(parts *out, const prune_trainer *t)
{
    const prune_status status = prn_trainer_check(t);
    if (status != PRUNE_OK)
        return status;
    const prune_model *model = t->model;
    const size_t wide = prn_model_width(model), outputs = prn_shape_count(prn_model_output(model));
    if (prn_mem_overflows(outputs, outputs))
        return PRUNE_E_OVERFLOW;
    prn_layout layout = { 0 };
    prn_layout_add(&layout, 1, sizeof(prune_hessian));
    out->ry = prn_layout_add(&layout, model->layer_count, sizeof(float *));
    out->rz = prn_layout_add(&layout, model->layer_count, sizeof(float *));
    for (size_t i = 0; i < 2; i++) {
        out->rdelta[i] = prn_layout_add(&layout, t->max_batch * wide, sizeof(float));
        out->slope[i] = prn_layout_add(&layout, t->max_batch * wide, sizeof(float));
        out->sums[i] = prn_layout_add(&layout, t->floats, sizeof(prn_sum));
    }
    out->scaled = prn_layout_add(&layout, t->max_batch * outputs, sizeof(float));
    out->bend = prn_layout_add(&layout, outputs * outputs, sizeof(float));
    out->vector = prn_layout_add(&layout, t->floats, sizeof(float));
    out->product = prn_layout_add(&layout, t->floats, sizeof(float));
    out->gradient = prn_layout_add(&layout, t->floats, sizeof(float));
    out->layers = layout.bytes;
    add_layers(NULL, &layout, model, t->max_batch);
    out->bytes = layout.bytes;
    return layout.overflow ? PRUNE_E_OVERFLOW : PRUNE_OK;
}

prune_status prune_hessian_bytes(size_t *bytes, const prune_trainer *trainer)
{
    parts plan;
    if (bytes == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = lay_out(&plan, trainer);
    if (status == PRUNE_OK)
        *bytes = plan.bytes;
    return status;
}

static prune_hessian *build(const prune_allocator *mem, prune_trainer *t, const parts *plan)
{
    unsigned char *block = prn_mem_alloc(mem, 1, plan->bytes);
    if (block == NULL)
        return NULL;
    prn_layout layout = { .bytes = plan->layers };
    prune_hessian *h = (prune_hessian *)(void *)block;
    *h = (prune_hessian){ .mem = *mem,
                          .bytes = plan->bytes,
                          .trainer = t,
                          .model = t->model,
                          .signature = t->signature,
                          .temperature = 1.0f,
                          .floats = t->floats,
                          .ry = (float **)(void *)(block + plan->ry),
                          .rz = (float **)(void *)(block + plan->rz),
                          .scaled = floats_at(block, plan->scaled),
                          .bend = floats_at(block, plan->bend),
                          .vector = floats_at(block, plan->vector),
                          .product_sums = (prn_sum *)(void *)(block + plan->sums[0]),
                          .gradient_sums = (prn_sum *)(void *)(block + plan->sums[1]),
                          .product = floats_at(block, plan->product),
                          .gradient = floats_at(block, plan->gradient) };
    for (size_t i = 0; i < 2; i++) {
        h->rdelta[i] = floats_at(block, plan->rdelta[i]);
        h->slope[i] = floats_at(block, plan->slope[i]);
    }
    add_layers(h, &layout, t->model, t->max_batch);
    return h;
}

prune_status prune_hessian_create(prune_hessian **out, const prune_allocator *mem, prune_trainer *trainer)
{
    if (out == NULL)
        return PRUNE_E_ARGUMENT;
    *out = NULL;
    parts plan;
    prune_allocator own;
    prune_status status = lay_out(&plan, trainer);
    if (status == PRUNE_OK)
        status = prn_mem_choose(&own, mem);
    if (status != PRUNE_OK)
        return status;
    *out = build(&own, trainer, &plan);
    return *out == NULL ? PRUNE_E_MEMORY : PRUNE_OK;
}

void prune_hessian_free(prune_hessian *hessian)
{
    if (hessian == NULL)
        return;
    const prune_allocator mem = hessian->mem;
    prn_mem_free(&mem, hessian, 1, hessian->bytes);
}

/* ---- setting ---- */

prune_status prune_hessian_set_vector(prune_hessian *h, size_t index, const float *values, size_t count)
{
    if (h == NULL || values == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = prn_trainer_check(h->trainer);
    if (status != PRUNE_OK)
        return status;
    const prn_param *param = prn_model_param(h->model, index);
    if (param == NULL || param->statistic)
        return PRUNE_E_RANGE;
    if (count != param->count)
        return PRUNE_E_SHAPE;
    if (prn_scan_finite(values, count) != count)
        return PRUNE_E_NONFINITE;
    memcpy(h->vector + prn_model_offset(h->model, index), values, count * sizeof *values);
    return prune_hessian_reset(h);
}

prune_status prune_hessian_set_temperature(prune_hessian *h, float temperature)
{
    if (h == NULL)
        return PRUNE_E_ARGUMENT;
    if (!(temperature > 0.0f && temperature <= FLT_MAX))
        return PRUNE_E_RANGE;
    h->temperature = temperature;
    return prune_hessian_reset(h);
}

prune_status prune_hessian_reset(prune_hessian *h)
{
    if (h == NULL)
        return PRUNE_E_ARGUMENT;
    memset(h->product_sums, 0, h->floats * sizeof *h->product_sums);
    memset(h->gradient_sums, 0, h->floats * sizeof *h->gradient_sums);
    h->weight = (prn_sum){ 0 };
    h->samples = 0;
    return PRUNE_OK;
}

/* ---- one batch ---- */

/* Layer l of the trainer's last pass; its parameters begin at `offset`. */
static void make_pass(prn_pass *pass, prn_along *along, const prune_hessian *h, size_t l, size_t offset)
{
    const prune_trainer *t = h->trainer;
    const prn_layer *layer = h->model->layers[l];
    *pass = (prn_pass){ .backend = t->backend,
                        .batch = prn_tensor_rows(&t->x),
                        .x = l == 0 ? t->x.data : t->outputs[l - 1],
                        .ldx = l == 0 ? t->x.ld : prn_shape_count(&layer->input),
                        .y = t->outputs[l],
                        .ldy = prn_shape_count(&layer->output),
                        .cache = t->caches[l],
                        .memory = t->memories[l] };
    *along = (prn_along){ .rx = l == 0 ? NULL : h->ry[l - 1],
                          .ry = h->ry[l],
                          .rz = h->rz[l],
                          .slope = { h->slope[0], h->slope[1] } };
    for (size_t p = 0; p < layer->param_count; offset += layer->params[p++].count) {
        pass->gradient[p] = t->gradient + offset;
        along->vector[p] = h->vector + offset;
        along->product[p] = h->product + offset;
    }
}

static void forward_along(const prune_hessian *h)
{
    size_t offset = 0;
    for (size_t l = 0; l < h->model->layer_count; l++) {
        const prn_layer *layer = h->model->layers[l];
        prn_pass pass;
        prn_along along;
        make_pass(&pass, &along, h, l, offset);
        layer->ops->forward_along(layer, &pass, &along);
        offset += prn_layer_floats(layer);
    }
}

static void backward_along(const prune_hessian *h)
{
    const prune_trainer *t = h->trainer;
    size_t offset = h->floats;
    for (size_t l = h->model->layer_count, turn = 0; l-- > 0; turn = 1 - turn) {
        const prn_layer *layer = h->model->layers[l];
        prn_pass pass;
        prn_along along;
        offset -= prn_layer_floats(layer);
        make_pass(&pass, &along, h, l, offset);
        pass.dy = t->delta[turn];
        pass.dx = l == 0 ? NULL : t->delta[1 - turn];
        along.rdy = h->rdelta[turn];
        along.rdx = l == 0 ? NULL : h->rdelta[1 - turn];
        layer->ops->backward_along(layer, &pass, &along);
        layer->ops->backward(layer, &pass);
    }
}

/* R dL/dh = (d2L/dh2) R h, of each sample by itself; through h / T the derivatives are 1 / T each. */
static void bend_outputs(const prune_hessian *h, const prune_tensor *scaled, const prn_target *target,
                         float by)
{
    const size_t outputs = prn_tensor_row(scaled);
    const float scale = 1.0f / h->temperature;
    const float *rh = h->ry[h->model->layer_count - 1];
    for (size_t r = 0; r < prn_tensor_rows(scaled); r++) {
        prn_loss_bend(h->bend, &h->trainer->loss, scaled, target, r, by);
        for (size_t o = 0; o < outputs; o++) {
            float sum = 0.0f;
            for (size_t c = 0; c < outputs; c++)
                sum += h->bend[o * outputs + c] * (scale * rh[r * outputs + c]);
            h->rdelta[0][r * outputs + o] = scale * sum;
        }
    }
}

/* L of the outputs over the temperature, its gradient by the outputs where backward starts, and what the
 * batch weighs. */
static prune_status measure(prn_loss_sums *sums, const prune_hessian *h, prune_tensor *scaled,
                            const prn_target *target)
{
    prune_trainer *t = h->trainer;
    const float *outputs = t->h.data, scale = 1.0f / h->temperature;
    const size_t count = prn_tensor_rows(&t->h) * prn_tensor_row(&t->h);
    for (size_t i = 0; i < count; i++)
        h->scaled[i] = scale * outputs[i];
    prn_tensor_view(scaled, h->scaled, prn_tensor_rows(&t->h), prn_tensor_row(&t->h));
    const prune_status status = prn_loss_add_up(sums, &t->h_delta, &t->loss, scaled, target);
    for (size_t i = 0; i < count; i++)
        t->delta[0][i] *= scale;
    const float mean = prn_loss_mean(sums);
    return status != PRUNE_OK || prn_scan_finite(&mean, 1) == 1 ? status : PRUNE_E_DIVERGED;
}

static prune_status add_scaled(prn_sum *sums, const float *values, const prune_hessian *h, float weight)
{
    const prn_addend addend = { values, h->floats, weight };
    if (!prn_averages_can_take(&addend))
        return PRUNE_E_DIVERGED;
    prn_averages_take(sums, &addend, 1.0f, h->trainer->backend);
    return PRUNE_OK;
}

/* A batch of weight 0 has no mean, but may have something to add to that of all. */
static prune_status add_batch(prune_hessian *h, const prn_batch *batch)
{
    prune_tensor scaled;
    prn_loss_sums sums;
    prn_trainer_forward(h->trainer, &batch->inputs, 0);
    prune_status status = measure(&sums, h, &scaled, &batch->target);
    if (status != PRUNE_OK)
        return status;
    h->samples += prn_tensor_rows(&batch->inputs);
    const float by = prn_loss_whole(&sums, sums.by);
    if (!(by > 0.0f))
        return PRUNE_OK;
    forward_along(h);
    bend_outputs(h, &scaled, &batch->target, by);
    backward_along(h);
    status = add_scaled(h->product_sums, h->product, h, by);
    if (status == PRUNE_OK)
        status = add_scaled(h->gradient_sums, h->trainer->gradient, h, by);
    prn_sum_add(&h->weight, prn_loss_whole(&sums, sums.weight));
    return status;
}

/* ---- gathering ---- */

static prune_status take_means(float *means, const prn_sum *sums, const prune_hessian *h)
{
    prn_averages_means(means, sums, h->floats, &h->weight);
    return prn_scan_finite(means, h->floats) == h->floats ? PRUNE_OK : PRUNE_E_DIVERGED;
}

static prune_status open_trainer(const prune_hessian *h, prune_error *error)
{
    if (h == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "hessian", "NULL: was it made?");
    const prune_status status = prn_trainer_open(h->trainer, error);
    return status == PRUNE_OK ? prn_loss_bends(&h->trainer->loss, error) : status;
}

static prune_status add_data(prune_hessian *h, const prn_data *data, prn_batch *batch, prune_error *error)
{
    const size_t most = h->trainer->max_batch;
    prune_status status = PRUNE_OK;
    for (size_t first = 0; first < prn_data_samples(data) && status == PRUNE_OK; first += most) {
        status = prn_data_slice(batch, data, first, most, error);
        if (status == PRUNE_OK)
            status = open_trainer(h, error); /* who read it may have changed the model */
        if (status == PRUNE_OK && (status = add_batch(h, batch)) != PRUNE_OK)
            prn_error_set(error, status, "hessian", "a loss or a derivative is not finite");
    }
    if (status != PRUNE_OK)
        return status;
    status = take_means(h->product, h->product_sums, h);
    if (status == PRUNE_OK)
        status = take_means(h->gradient, h->gradient_sums, h);
    return status == PRUNE_OK ? status : prn_error_set(error, status, "hessian", "a mean is not finite");
}

prune_status prune_hessian_accumulate(prune_hessian *h, const prune_data *data, prune_error *error)
{
    prn_data mine;
    prn_batch batch;
    prune_status status = open_trainer(h, error);
    if (status == PRUNE_OK)
        status = prn_data_open(&mine, data, h->model, &h->trainer->loss, error);
    if (status != PRUNE_OK)
        return status;
    prune_trainer *t = h->trainer;
    status = prn_batch_open(&batch, &t->mem, &mine, t->max_batch, 1);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "hessian", "no memory for a batch");
    const int32_t fitting = t->fitting;
    t->fitting = 1; /* so nobody trains the model meanwhile */
    status = add_data(h, &mine, &batch, error);
    t->fitting = fitting;
    t->stage = PRN_IDLE;
    prn_batch_close(&batch);
    if (status != PRUNE_OK)
        (void)prune_hessian_reset(h);
    return status;
}

/* ---- looking ---- */

uint64_t prune_hessian_samples(const prune_hessian *hessian)
{
    return hessian == NULL ? 0 : hessian->samples;
}

static const float *find(const prune_hessian *h, const float *values, size_t param)
{
    const int32_t same = prn_model_signature(h->model) == h->signature;
    if (!same || h->samples == 0 || prn_model_param(h->model, param) == NULL)
        return NULL;
    return values + prn_model_offset(h->model, param);
}

const float *prune_hessian_product(const prune_hessian *hessian, size_t param)
{
    return hessian == NULL ? NULL : find(hessian, hessian->product, param);
}

const float *prune_hessian_gradient(const prune_hessian *hessian, size_t param)
{
    return hessian == NULL ? NULL : find(hessian, hessian->gradient, param);
}

/* ---- GraSP ---- */

/* v = g of what is prunable and kept. */
static void aim_at_gradient(prune_hessian *h)
{
    size_t offset = 0;
    prn_walk walk = { .model = h->model };
    for (const prn_param *param = prn_walk_next(&walk); param != NULL; param = prn_walk_next(&walk)) {
        for (size_t i = 0; i < param->count; i++) {
            const int32_t counts = param->prunable && prn_mask_test(param->mask, i);
            h->vector[offset + i] = counts ? h->gradient[offset + i] : 0.0f;
        }
        offset += param->count;
    }
    (void)prune_hessian_reset(h);
}

static prune_status score(prune_importance *scores, const prune_hessian *h)
{
    float *to;
    const prune_status status = prn_importance_write(&to, scores);
    if (status != PRUNE_OK)
        return status;
    const float *product = h->product;
    prn_walk walk = { .model = h->model };
    for (const prn_param *param = prn_walk_next(&walk); param != NULL; param = prn_walk_next(&walk))
        for (size_t i = 0; i < param->count; i++)
            *to++ = param->value[i] * *product++;
    return prn_importance_written(scores);
}

static prune_status two_passes(prune_importance *scores, prune_hessian *h, const prune_data *data,
                               prune_error *error)
{
    prune_status status = prune_hessian_accumulate(h, data, error);
    if (status != PRUNE_OK)
        return status;
    aim_at_gradient(h);
    status = prune_hessian_accumulate(h, data, error);
    if (status != PRUNE_OK)
        return status;
    status = score(scores, h);
    return status == PRUNE_OK ? status : prn_error_set(error, status, "scores", "a score is not finite");
}

prune_status prune_score_grasp(prune_importance *scores, prune_trainer *trainer, const prune_data *data,
                               float temperature, prune_error *error)
{
    prune_hessian *h;
    prune_status status = prn_supplied_fits(scores, trainer, error);
    if (status != PRUNE_OK)
        return status;
    status = prune_hessian_create(&h, &trainer->mem, trainer);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "hessian", "no memory for it");
    status = prune_hessian_set_temperature(h, temperature);
    status = status == PRUNE_OK ? two_passes(scores, h, data, error)
                                : prn_error_set(error, status, "temperature", "not a finite number above 0");
    prune_hessian_free(h);
    return status;
}
