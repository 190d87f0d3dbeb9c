/* rounding.c -- training that knows of int8: the model holds what rounding leaves of its weights
 *
 * SPDX-License-Identifier: MIT */
#include "rounding.h"
#include "grid.h"
#include "model.h"
#include "scan.h"
#include "tensor.h"
#include "trainer.h"

#include <float.h>
#include <string.h>

enum { WEIGHT = 0, LARGEST = 127, LOWEST8 = -128, HIGHEST8 = 127, BITS = 32 };

/* An array of numbers that int8 has too: what goes into the model, or comes out of a layer. */
typedef struct stage {
    int32_t rounds; /* 0: int8 has no such array */
    int32_t known;  /* whether there is a range */
    prn_range range;
    size_t width;
    uint32_t *cut; /* [max_batch][width] bits, row behind row: 1 is not in range */
} stage;

/* Rounds the numbers in the passes of a trainer. */
typedef struct watch {
    prn_between between; /* first, so that the trainer's pointer is this object's */
    prune_trainer *trainer;
    float momentum;
    size_t bytes;  /* of this block */
    float *inputs; /* [max_batch][inputs] */
    stage *stages; /* [layers + 1]: the inputs, and then the layers' outputs */
} watch;

/* For each weight of the dense layers, in their order: as it is before rounding, and as it was rounded. */
struct prune_rounding {
    prune_allocator mem;
    prune_model *model;
    uint32_t signature;
    int32_t per_layer;
    size_t count;
    float *exact, *rounded;
    watch *watch; /* NULL: only weights are rounded */
};

/* The next matrix of weights, from layer *l on; NULL: no more. */
static prn_param *next_weights(const prune_model *model, size_t *l)
{
    while (*l < model->layer_count && model->layers[*l]->ops->kind != PRUNE_LAYER_DENSE)
        ++*l;
    return *l < model->layer_count ? &model->layers[(*l)++]->params[WEIGHT] : NULL;
}

static size_t count_weights(const prune_model *model)
{
    const prn_param *param;
    size_t count = 0;
    for (size_t l = 0; (param = next_weights(model, &l)) != NULL;)
        count += param->count;
    return count;
}

/* What one scale holds of the weights, to the nearest, halves away from 0. */
static void round_group(float *rounded, const float *exact, size_t count)
{
    double most = 0.0;
    for (size_t i = 0; i < count; i++) {
        const double size = (double)prn_size(exact[i]);
        most = size > most ? size : most;
    }
    const double scale = most / LARGEST;
    for (size_t i = 0; i < count; i++) {
        const double at = most > 0.0 ? (double)exact[i] / scale : 0.0;
        rounded[i] = (float)(scale * (double)(int32_t)(at + (at < 0.0 ? -0.5 : 0.5)));
    }
}

static void round_param(const prune_rounding *r, const prn_param *param, size_t offset)
{
    const size_t group = r->per_layer ? param->count : (size_t)param->shape.dims[1];
    for (size_t at = 0; at < param->count; at += group)
        round_group(r->rounded + offset + at, r->exact + offset + at, group);
    for (size_t i = 0; i < param->count; i++)
        param->value[i] = r->rounded[offset + i];
}

/* What weight i of all stands for, since it has moved: a float or beyond. */
static double moved(const prune_rounding *r, const prn_param *param, size_t offset, size_t i)
{
    return (double)r->exact[offset + i] + ((double)param->value[i] - (double)r->rounded[offset + i]);
}

static int32_t can_take_over(const prune_rounding *r, const prn_param *param, size_t offset)
{
    if (prn_scan_finite(param->value, param->count) != param->count)
        return 0;
    for (size_t i = 0; i < param->count; i++) {
        const double to = moved(r, param, offset, i);
        if (prn_mask_test(param->mask, i) && (to > (double)FLT_MAX || to < -(double)FLT_MAX))
            return 0;
    }
    return 1;
}

static void take_over(const prune_rounding *r, const prn_param *param, size_t offset)
{
    for (size_t i = 0; i < param->count; i++)
        r->exact[offset + i] = prn_mask_test(param->mask, i) ? (float)moved(r, param, offset, i) : 0.0f;
}

prune_status prune_rounding_update(prune_rounding *r)
{
    const prn_param *param;
    size_t offset = 0;
    if (r == NULL)
        return PRUNE_E_ARGUMENT;
    if (prn_model_signature(r->model) != r->signature)
        return PRUNE_E_STATE;
    for (size_t l = 0; (param = next_weights(r->model, &l)) != NULL; offset += param->count)
        if (!can_take_over(r, param, offset))
            return PRUNE_E_NONFINITE;
    offset = 0;
    for (size_t l = 0; (param = next_weights(r->model, &l)) != NULL; offset += param->count) {
        take_over(r, param, offset);
        round_param(r, param, offset);
    }
    return PRUNE_OK;
}

prune_status prn_rounding_check(const prune_rounding *r, const prune_model *model)
{
    if (r->model != model)
        return PRUNE_E_ARGUMENT;
    return prn_model_signature(model) == r->signature ? PRUNE_OK : PRUNE_E_STATE;
}

void prn_rounding_restart(prune_rounding *r)
{
    const prn_param *param;
    size_t offset = 0;
    for (size_t l = 0; r != NULL && (param = next_weights(r->model, &l)) != NULL; offset += param->count)
        for (size_t i = 0; i < param->count; i++)
            r->exact[offset + i] = r->rounded[offset + i] = param->value[i];
}

/* ---- numbers between layers ---- */

static void mix(double *end, double batch, double share)
{
    *end += share * (batch - *end);
}

/* Ends of what is finite: the first time those of the batch. */
static void see(stage *s, const float *x, size_t count, double momentum)
{
    prn_range batch = { 0.0, 0.0 };
    for (size_t i = 0; i < count; i++) {
        const double value = (double)x[i];
        batch.low = value < batch.low && value >= -(double)FLT_MAX ? value : batch.low;
        batch.high = value > batch.high && value <= (double)FLT_MAX ? value : batch.high;
    }
    mix(&s->range.low, batch.low, s->known ? momentum : 1.0);
    mix(&s->range.high, batch.high, s->known ? momentum : 1.0);
    s->known = 1;
}

static void set_bit(uint32_t *bits, size_t i, int32_t value)
{
    const uint32_t bit = UINT32_C(1) << i % BITS;
    bits[i / BITS] = value ? bits[i / BITS] | bit : bits[i / BITS] & ~bit;
}

/* In steps from 0, which is exact; NaN and Inf stay, so that they are seen. */
static void round_all(const stage *s, float *x, size_t count)
{
    const prn_grid grid = prn_grid_of(&s->range, (double)FLT_MIN);
    const float scale = (float)grid.scale, low = (float)(LOWEST8 - grid.zero),
                high = (float)(HIGHEST8 - grid.zero);
    for (size_t i = 0; i < count; i++) {
        const float at = x[i] / scale, inside = at > high ? high : at < low ? low : at;
        const int32_t finite = prn_scan_finite(&x[i], 1) == 1;
        set_bit(s->cut, i, finite && inside != at);
        if (finite)
            x[i] = scale * (float)(int32_t)(inside + (inside < 0.0f ? -0.5f : 0.5f));
    }
}

static void pass_stage(const watch *w, stage *s, float *x, size_t rows, int32_t training)
{
    const size_t count = rows * s->width;
    if (!s->rounds)
        return;
    if (training && (w->momentum > 0.0f || !s->known))
        see(s, x, count, (double)w->momentum);
    if (s->known)
        round_all(s, x, count);
}

static void round_inputs(prn_between *between, prune_tensor *x, int32_t training)
{
    watch *w = (watch *)(void *)between;
    const size_t rows = prn_tensor_rows(x), width = prn_tensor_row(x);
    for (size_t r = 0; r < rows; r++)
        memcpy(w->inputs + r * width, (const float *)x->data + r * x->ld, width * sizeof(float));
    pass_stage(w, &w->stages[0], w->inputs, rows, training);
    prn_tensor_view(x, w->inputs, rows, width);
}

static void round_outputs(prn_between *between, size_t layer, float *y, size_t rows, int32_t training)
{
    watch *w = (watch *)(void *)between;
    pass_stage(w, &w->stages[layer + 1], y, rows, training);
}

/* As if nothing had been rounded, but of what was cut there is none. */
static void cut_gradient(prn_between *between, size_t layer, float *dy, size_t rows)
{
    const stage *s = &((watch *)(void *)between)->stages[layer + 1];
    for (size_t i = 0; s->rounds && s->known && i < rows * s->width; i++)
        dy[i] = prn_mask_test(s->cut, i) ? 0.0f : dy[i];
}

/* What becomes a part of the layer before it: batch normalisation behind a linear dense layer, and ReLU. */
static int32_t joins(const prn_layer *layer)
{
    return layer->ops->affine != NULL || (layer->ops->is_activation && layer->spec.activation == PRUNE_RELU);
}

/* Which outputs are arrays in a blob of int8, softmax being float. */
static void choose_stages(watch *w, const prune_model *model)
{
    int32_t open = 0; /* whether the layer is linear, and dense or a part of one that is */
    w->stages[0].rounds = 1;
    for (size_t l = 0; l < model->layer_count; l++) {
        const prn_layer *layer = model->layers[l];
        size_t next = l + 1;
        if (prn_layer_is_identity(layer))
            continue;
        while (next < model->layer_count && prn_layer_is_identity(model->layers[next]))
            next++;
        open = layer->ops->kind == PRUNE_LAYER_DENSE ? layer->spec.activation == PRUNE_LINEAR
                                                     : open && layer->ops->affine != NULL;
        w->stages[l + 1].rounds = layer->ops->kind != PRUNE_LAYER_SOFTMAX &&
                                  layer->ops->kind != PRUNE_LAYER_LOG_SOFTMAX &&
                                  !(open && next < model->layer_count && joins(model->layers[next]));
    }
}

static void end_watch(prune_rounding *r)
{
    if (r->watch == NULL)
        return;
    r->watch->trainer->between = NULL;
    r->watch->trainer->stage = PRN_IDLE; /* it has inputs of the last pass */
    prn_mem_free(&r->mem, r->watch, 1, r->watch->bytes);
    r->watch = NULL;
}

static size_t width_of(const prune_model *model, size_t s)
{
    return prn_shape_count(s == 0 ? &model->input : &model->layers[s - 1]->output);
}

/* Words of bits for each column of all stages. */
static size_t column_words(const prune_trainer *trainer)
{
    return trainer->max_batch / BITS + 1;
}

static void place_stages(watch *w, unsigned char *cut)
{
    const prune_model *model = w->trainer->model;
    uint32_t *at = (uint32_t *)(void *)cut;
    for (size_t s = 0; s <= model->layer_count; s++) {
        w->stages[s] = (stage){ .width = width_of(model, s), .cut = at };
        at += column_words(w->trainer) * w->stages[s].width;
    }
    choose_stages(w, model);
}

static prune_status start_watch(prune_rounding *r, prune_trainer *trainer, float momentum)
{
    const size_t count = r->model->layer_count + 1;
    size_t columns = 0;
    prn_layout layout = { 0 };
    for (size_t s = 0; s < count; s++)
        columns += width_of(r->model, s);
    (void)prn_layout_add(&layout, 1, sizeof(watch));
    const size_t stages = prn_layout_add(&layout, count, sizeof(stage));
    const size_t inputs = prn_layout_add(&layout, trainer->max_batch, width_of(r->model, 0) * sizeof(float));
    const size_t cut = prn_layout_add(&layout, column_words(trainer), columns * sizeof(uint32_t));
    if (layout.overflow)
        return PRUNE_E_OVERFLOW;
    unsigned char *block = prn_mem_alloc(&r->mem, 1, layout.bytes);
    if (block == NULL)
        return PRUNE_E_MEMORY;
    watch *w = (watch *)(void *)block;
    *w = (watch){ .between = { round_inputs, round_outputs, cut_gradient },
                  .trainer = trainer,
                  .momentum = momentum,
                  .bytes = layout.bytes,
                  .inputs = (float *)(void *)(block + inputs),
                  .stages = (stage *)(void *)(block + stages) };
    place_stages(w, block + cut);
    r->watch = w;
    trainer->between = &w->between;
    return PRUNE_OK;
}

prune_status prune_rounding_activations(prune_rounding *r, prune_trainer *trainer, float momentum)
{
    if (r == NULL || (trainer != NULL && trainer->model != r->model))
        return PRUNE_E_ARGUMENT;
    if (!(momentum >= 0.0f && momentum <= 1.0f))
        return PRUNE_E_RANGE;
    if (trainer != NULL &&
        (prn_trainer_check(trainer) != PRUNE_OK || prn_model_signature(r->model) != r->signature))
        return PRUNE_E_STATE;
    if (r->watch != NULL && r->watch->trainer == trainer) {
        r->watch->momentum = momentum;
        return PRUNE_OK;
    }
    if (trainer != NULL && trainer->between != NULL)
        return PRUNE_E_STATE;
    end_watch(r);
    return trainer == NULL ? PRUNE_OK : start_watch(r, trainer, momentum);
}

/* ---- making and ending ---- */

static size_t bytes_of(size_t count)
{
    return sizeof(prune_rounding) + 2 * count * sizeof(float);
}

prune_status prune_rounding_create(prune_rounding **out, const prune_allocator *mem, prune_model *model,
                                   int32_t per_layer)
{
    if (out == NULL)
        return PRUNE_E_ARGUMENT;
    *out = NULL;
    prune_status status = prn_model_check(model);
    if (status == PRUNE_OK)
        status = prune_model_verify(model, NULL);
    if (status != PRUNE_OK)
        return status;
    if (per_layer != 0 && per_layer != 1)
        return PRUNE_E_ARGUMENT;
    const size_t count = count_weights(model);
    if (count > (SIZE_MAX - sizeof(prune_rounding)) / (2 * sizeof(float)))
        return PRUNE_E_OVERFLOW;
    prune_allocator own = model->mem;
    status = mem == NULL ? PRUNE_OK : prn_mem_choose(&own, mem);
    if (status != PRUNE_OK)
        return status;
    prune_rounding *made = prn_mem_alloc(&own, 1, bytes_of(count));
    if (made == NULL)
        return PRUNE_E_MEMORY;
    float *exact = (float *)(void *)(made + 1);
    *made = (prune_rounding){ own,           model, prn_model_signature(model), per_layer, count, exact,
                              exact + count, NULL };
    status = prune_rounding_update(made); /* of zeros, which all weights have moved away from */
    if (status == PRUNE_OK)
        *out = made;
    else
        prune_rounding_free(made);
    return status;
}

void prune_rounding_free(prune_rounding *rounding)
{
    if (rounding == NULL)
        return;
    const prune_allocator mem = rounding->mem;
    end_watch(rounding);
    prn_mem_free(&mem, rounding, 1, bytes_of(rounding->count));
}
