/* curvature.c -- the diagonal of the Hessian, sample by sample, from the outputs back
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/curvature.h"
#include "averages.h"
#include "data.h"
#include "scan.h"
#include "supplied.h"
#include "text.h"
#include "trainer.h"

#include <string.h>

struct prune_curvature {
    prune_allocator mem;
    size_t bytes;
    const prune_model *model;
    uint32_t signature;
    int32_t kind;
    size_t lowest; /* the first layer that has parameters: below it nothing is wanted */
    size_t floats;
    size_t samples;
    prn_sum weight;
    float *h[2];     /* of two neighbouring layers in turn: [side][side]; [side] of OBD */
    float *delta[2]; /* dl/dy of these, [side] */
    float *slope[2]; /* [side] */
    float *room;     /* [side][side]; of OBD, of the outputs alone */
    /* Laid out like all parameters of the model in order. */
    prn_sum *sums;
    float *values; /* of a batch, then the means */
};

/* ---- making and ending ---- */

static size_t lowest_layer(const prune_model *model)
{
    size_t l = 0;
    while (l < model->layer_count && model->layers[l]->param_count == 0)
        l++;
    return l;
}

static size_t widest(const prune_model *model)
{
    size_t side = prn_shape_count(prn_model_output(model));
    for (size_t l = lowest_layer(model); l < model->layer_count; l++) {
        const size_t width = prn_shape_count(&model->layers[l]->output);
        side = width > side ? width : side;
    }
    return side;
}

typedef struct parts {
    size_t bytes;
    size_t h[2], delta[2], slope[2], room, sums, values; /* offsets */
} parts;

static size_t add_square(prn_layout *layout, size_t side)
{
    if (prn_mem_overflows(side, side))
        layout->overflow = 1;
    return layout->overflow ? 0 : prn_layout_add(layout, side * side, sizeof(float));
}

static prune_status lay_out(parts *out, const prune_model *model, int32_t kind)
{
    const prune_status status = prn_model_check(model);
    if (status != PRUNE_OK)
        return status;
    if (kind < PRUNE_HESSIAN_EXACT || kind > PRUNE_HESSIAN_OBD)
        return PRUNE_E_ARGUMENT;
    const int32_t diagonal = kind == PRUNE_HESSIAN_OBD;
    const size_t side = widest(model), floats = prn_model_floats(model);
    prn_layout layout = { 0 };
    prn_layout_add(&layout, 1, sizeof(prune_curvature));
    for (size_t i = 0; i < 2; i++) {
        out->h[i] = diagonal ? prn_layout_add(&layout, side, sizeof(float)) : add_square(&layout, side);
        out->delta[i] = prn_layout_add(&layout, side, sizeof(float));
        out->slope[i] = prn_layout_add(&layout, side, sizeof(float));
    }
    out->room = add_square(&layout, diagonal ? prn_shape_count(prn_model_output(model)) : side);
    out->sums = prn_layout_add(&layout, floats, sizeof(prn_sum));
    out->values = prn_layout_add(&layout, floats, sizeof(float));
    out->bytes = layout.bytes;
    return layout.overflow ? PRUNE_E_OVERFLOW : PRUNE_OK;
}

prune_status prune_curvature_bytes(size_t *bytes, const prune_model *model, int32_t kind)
{
    parts plan;
    if (bytes == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = lay_out(&plan, model, kind);
    if (status == PRUNE_OK)
        *bytes = plan.bytes;
    return status;
}

static float *floats_at(unsigned char *block, size_t offset)
{
    return (float *)(void *)(block + offset);
}

prune_status prune_curvature_create(prune_curvature **out, const prune_allocator *mem,
                                    const prune_model *model, int32_t kind)
{
    if (out == NULL)
        return PRUNE_E_ARGUMENT;
    *out = NULL;
    parts plan;
    prune_allocator own;
    prune_status status = lay_out(&plan, model, kind);
    if (status == PRUNE_OK)
        status = prn_mem_choose(&own, mem);
    if (status != PRUNE_OK)
        return status;
    unsigned char *block = prn_mem_alloc(&own, 1, plan.bytes);
    if (block == NULL)
        return PRUNE_E_MEMORY;
    prune_curvature *c = (prune_curvature *)(void *)block;
    *c = (prune_curvature){ .mem = own,
                            .bytes = plan.bytes,
                            .model = model,
                            .signature = prn_model_signature(model),
                            .kind = kind,
                            .lowest = lowest_layer(model),
                            .floats = prn_model_floats(model),
                            .room = floats_at(block, plan.room),
                            .sums = (prn_sum *)(void *)(block + plan.sums),
                            .values = floats_at(block, plan.values) };
    for (size_t i = 0; i < 2; i++) {
        c->h[i] = floats_at(block, plan.h[i]);
        c->delta[i] = floats_at(block, plan.delta[i]);
        c->slope[i] = floats_at(block, plan.slope[i]);
    }
    *out = c;
    return PRUNE_OK;
}

void prune_curvature_free(prune_curvature *curvature)
{
    if (curvature == NULL)
        return;
    const prune_allocator mem = curvature->mem;
    prn_mem_free(&mem, curvature, 1, curvature->bytes);
}

/* ---- one sample ---- */

static void bend_layer(const prune_curvature *c, const prune_trainer *t, const size_t sample_layer[2],
                       size_t offset, size_t turn)
{
    const size_t r = sample_layer[0], l = sample_layer[1];
    const prn_layer *layer = c->model->layers[l];
    const size_t in = prn_shape_count(&layer->input), out = prn_shape_count(&layer->output);
    const int32_t last = l == c->lowest;
    prn_pass pass = { .backend = t->backend,
                      .batch = 1,
                      .x = l == 0 ? (const float *)t->x.data + r * t->x.ld : t->outputs[l - 1] + r * in,
                      .ldx = in,
                      .y = t->outputs[l] + r * out,
                      .ldy = out,
                      .cache = t->caches[l] + r * layer->ops->cache_size(layer),
                      .memory = t->memories[l],
                      .dy = c->delta[turn],
                      .dx = c->delta[1 - turn],
                      .unread = 1 };
    prn_bend bend = { .diagonal = c->kind == PRUNE_HESSIAN_OBD,
                      .linear = c->kind == PRUNE_HESSIAN_GAUSS_NEWTON,
                      .h = c->h[turn],
                      .hx = last ? NULL : c->h[1 - turn],
                      .slope = { c->slope[0], c->slope[1] },
                      .room = c->room };
    for (size_t p = 0, at = 0; p < layer->param_count; at += layer->params[p++].count) {
        bend.own[p] = c->values + offset + at;
        pass.gradient[p] = t->gradient + at; /* nobody's */
    }
    layer->ops->bend(layer, &pass, &bend);
    if (!last)
        layer->ops->backward(layer, &pass);
}

/* What the loss says at the outputs of sample r, into the first of the buffers. */
static void start(const prune_curvature *c, const prune_trainer *t, const prn_target *target, size_t r)
{
    const size_t outputs = prn_tensor_row(&t->h);
    memcpy(c->delta[0], (const float *)t->h_delta.data + r * t->h_delta.ld, outputs * sizeof(float));
    prn_loss_bend(c->room, &t->loss, &t->h, target, r, t->by);
    if (c->kind != PRUNE_HESSIAN_OBD)
        memcpy(c->h[0], c->room, outputs * outputs * sizeof(float));
    else
        for (size_t o = 0; o < outputs; o++)
            c->h[0][o] = c->room[o * (outputs + 1)];
}

static void add_sample(const prune_curvature *c, const prune_trainer *t, const prn_target *target, size_t r)
{
    size_t offset = c->floats;
    start(c, t, target, r);
    for (size_t l = c->model->layer_count, turn = 0; l-- > c->lowest; turn = 1 - turn) {
        offset -= prn_layer_floats(c->model->layers[l]);
        bend_layer(c, t, (const size_t[2]){ r, l }, offset, turn);
    }
}

/* ---- gathering ---- */

/* The values are means over the batch, or of one of weight 0 what it adds to that of all. */
static prune_status add_batch(prune_curvature *c, prune_trainer *t, const prn_batch *batch)
{
    const size_t rows = prn_tensor_rows(&batch->inputs);
    float loss;
    prn_trainer_forward(t, &batch->inputs, 0);
    const prune_status status = prn_trainer_loss(&loss, t, &batch->target);
    if (status != PRUNE_OK)
        return status;
    c->samples += rows;
    if (!(t->by > 0.0f))
        return PRUNE_OK;
    memset(c->values, 0, c->floats * sizeof *c->values);
    for (size_t r = 0; r < rows; r++)
        add_sample(c, t, &batch->target, r);
    const prn_addend values = { c->values, c->floats, t->by };
    if (!prn_averages_can_take(&values))
        return PRUNE_E_DIVERGED;
    prn_averages_take(c->sums, &values, 1.0f, t->backend);
    prn_sum_add(&c->weight, t->weight);
    return PRUNE_OK;
}

static prune_status take_means(const prune_curvature *c)
{
    prn_averages_means(c->values, c->sums, c->floats, &c->weight);
    return prn_scan_finite(c->values, c->floats) == c->floats ? PRUNE_OK : PRUNE_E_DIVERGED;
}

static prune_status open_pair(const prune_curvature *c, const prune_trainer *t, prune_error *error)
{
    if (c == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "curvature", "NULL: was it made?");
    if (prn_model_signature(c->model) != c->signature)
        return prn_error_set(error, PRUNE_E_STATE, "curvature", "its model has changed since it was made");
    const prune_status status = prn_trainer_open(t, error);
    if (status != PRUNE_OK)
        return status;
    if (t->model != c->model)
        return prn_error_set(error, PRUNE_E_STATE, "trainer", "it trains another model than this one's");
    return prn_loss_bends(&t->loss, error);
}

static prune_status add_data(prune_curvature *c, prune_trainer *t, const prn_data *data, prn_batch *batch,
                             prune_error *error)
{
    prune_status status = PRUNE_OK;
    for (size_t first = 0; first < prn_data_samples(data) && status == PRUNE_OK; first += t->max_batch) {
        status = prn_data_slice(batch, data, first, t->max_batch, error);
        if (status == PRUNE_OK)
            status = open_pair(c, t, error); /* who read it may have changed the model */
        if (status == PRUNE_OK && (status = add_batch(c, t, batch)) != PRUNE_OK)
            prn_error_set(error, status, "curvature", "a loss or a derivative is not finite");
    }
    if (status == PRUNE_OK && (status = take_means(c)) != PRUNE_OK)
        prn_error_set(error, status, "curvature", "a mean is not finite");
    return status;
}

prune_status prune_curvature_accumulate(prune_curvature *c, prune_trainer *t, const prune_data *data,
                                        prune_error *error)
{
    prn_data mine;
    prn_batch batch;
    prune_status status = open_pair(c, t, error);
    if (status == PRUNE_OK)
        status = prn_data_open(&mine, data, c->model, &t->loss, error);
    if (status != PRUNE_OK)
        return status;
    status = prn_batch_open(&batch, &t->mem, &mine, t->max_batch, 1);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "curvature", "no memory for a batch");
    const int32_t fitting = t->fitting;
    t->fitting = 1; /* so nobody trains the model meanwhile */
    status = add_data(c, t, &mine, &batch, error);
    t->fitting = fitting;
    t->stage = PRN_IDLE;
    prn_batch_close(&batch);
    if (status != PRUNE_OK)
        (void)prune_curvature_reset(c);
    return status;
}

prune_status prune_curvature_reset(prune_curvature *c)
{
    if (c == NULL)
        return PRUNE_E_ARGUMENT;
    memset(c->sums, 0, c->floats * sizeof *c->sums);
    c->weight = (prn_sum){ 0 };
    c->samples = 0;
    return PRUNE_OK;
}

/* ---- looking ---- */

uint64_t prune_curvature_samples(const prune_curvature *curvature)
{
    return curvature == NULL ? 0 : curvature->samples;
}

const float *prune_curvature_diagonal(const prune_curvature *c, size_t param)
{
    const int32_t there = c != NULL && c->samples != 0 && prn_model_signature(c->model) == c->signature;
    if (!there || prn_model_param(c->model, param) == NULL)
        return NULL;
    return c->values + prn_model_offset(c->model, param);
}

/* ---- scores ---- */

prune_status prune_score_curvature(prune_importance *scores, const prune_curvature *c)
{
    float *score;
    if (scores == NULL || c == NULL)
        return PRUNE_E_ARGUMENT;
    if (prune_curvature_diagonal(c, 0) == NULL || scores->model != c->model)
        return PRUNE_E_STATE;
    const prune_status status = prn_importance_write(&score, scores);
    if (status != PRUNE_OK)
        return status;
    prn_walk walk = { .model = c->model };
    const float *h = c->values;
    for (const prn_param *param = prn_walk_next(&walk); param != NULL; param = prn_walk_next(&walk))
        for (size_t i = 0; i < param->count; i++)
            *score++ = 0.5f * (param->value[i] * param->value[i]) * *h++; /* h of statistics is 0 */
    return prn_importance_written(scores);
}
