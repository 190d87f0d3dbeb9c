/* trainer.c -- the plan to train one model: everything laid out once, in one block
 *
 * Invariant: a step that fails has changed neither weights nor optimizer state.
 *
 * SPDX-License-Identifier: MIT */
#include "trainer.h"
#include "loss.h"
#include "options.h"
#include "rows.h"
#include "scan.h"

#include <float.h>
#include <string.h>

/* Above this the square of a gradient would leave float, and Adam's v with it. */
static const float gradient_limit = 1e18f;

/* ---- options ---- */

void prune_trainer_options_init(prune_trainer_options *options)
{
    if (options != NULL)
        *options = (prune_trainer_options){ .size = sizeof *options,
                                            .loss = PRUNE_SOFTMAX_CROSS_ENTROPY,
                                            .optimizer = PRUNE_ADAM,
                                            .learning_rate = 1e-3f,
                                            .beta1 = 0.9f,
                                            .beta2 = 0.999f,
                                            .epsilon = 1e-8f,
                                            .max_batch = 32 };
}

static int32_t is_rate(float x)
{
    return x >= 0.0f && x <= 1e6f;
}

static int32_t is_size(float x)
{
    return x >= 0.0f && x <= FLT_MAX;
}

static int32_t is_decay(float x)
{
    return x >= 0.0f && x < 1.0f;
}

static prune_status read_options(prune_trainer_options *mine, const prune_trainer_options *given)
{
    prune_trainer_options_init(mine);
    const prune_status status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return status;
    if (!prn_loss_known(mine->loss) || !prn_optimizer_known(mine->optimizer))
        return PRUNE_E_ARGUMENT;
    const int32_t good = is_rate(mine->learning_rate) && is_size(mine->l1) && is_size(mine->l2) &&
                         is_decay(mine->momentum) && is_decay(mine->beta1) && is_decay(mine->beta2) &&
                         is_size(mine->epsilon) && mine->epsilon > 0.0f;
    return good ? prn_batch_check(mine->max_batch) : PRUNE_E_RANGE;
}

void prn_trainer_options(prune_trainer_options *options, const prune_trainer *t)
{
    *options = (prune_trainer_options){
        .size = sizeof *options,
        .loss = t->loss,
        .optimizer = t->optimizer.kind,
        .learning_rate = t->optimizer.learning_rate,
        .momentum = t->optimizer.momentum,
        .beta1 = t->optimizer.beta1,
        .beta2 = t->optimizer.beta2,
        .epsilon = t->optimizer.epsilon,
        .l1 = t->regularizer.l1,
        .l2 = t->regularizer.l2,
        .regularize_bias = t->regularizer.include_bias,
        .seed = t->seed,
        .max_batch = t->max_batch,
        .backend = t->backend,
    };
}

/* ---- making and ending ---- */

typedef struct parts {
    size_t bytes;
    size_t gradient, state[2], outputs, delta[2]; /* offsets */
} parts;

static prune_status lay_out(parts *out, const prune_model *model, const prune_trainer_options *options)
{
    const size_t batch = options->max_batch, floats = prn_model_floats(model);
    if (prn_mem_overflows(batch, prn_model_width(model)))
        return PRUNE_E_OVERFLOW;
    prn_layout layout = { 0 };
    prn_layout_add(&layout, 1, sizeof(prune_trainer));
    out->gradient = prn_layout_add(&layout, floats, sizeof(float));
    for (size_t s = 0; s < prn_optimizer_slots(options->optimizer); s++)
        out->state[s] = prn_layout_add(&layout, floats, sizeof(float));
    out->outputs = prn_layout_add(&layout, model->layer_count, sizeof(float *));
    for (size_t i = 0; i < 2; i++)
        out->delta[i] = prn_layout_add(&layout, batch * prn_model_width(model), sizeof(float));
    for (size_t l = 0; l < model->layer_count; l++)
        prn_layout_add(&layout, batch * prn_shape_count(&model->layers[l]->output), sizeof(float));
    out->bytes = layout.bytes;
    return layout.overflow ? PRUNE_E_OVERFLOW : PRUNE_OK;
}

static prune_status make_plan(parts *plan, prune_trainer_options *mine, const prune_model *model,
                              const prune_trainer_options *given)
{
    prune_status status = prn_model_check(model);
    if (status == PRUNE_OK)
        status = read_options(mine, given);
    return status != PRUNE_OK ? status : lay_out(plan, model, mine);
}

prune_status prune_trainer_bytes(size_t *bytes, const prune_model *model,
                                 const prune_trainer_options *options)
{
    parts plan;
    prune_trainer_options mine;
    if (bytes == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = make_plan(&plan, &mine, model, options);
    if (status == PRUNE_OK)
        *bytes = plan.bytes;
    return status;
}

/* Sets the pointers into the block behind the trainer. The layers' outputs follow delta[1]. */
static void place(prune_trainer *t, const parts *plan)
{
    unsigned char *block = (unsigned char *)t;
    t->gradient = (float *)(void *)(block + plan->gradient);
    for (size_t s = 0; s < prn_optimizer_slots(t->optimizer.kind); s++)
        t->state[s] = (float *)(void *)(block + plan->state[s]);
    t->outputs = (float **)(void *)(block + plan->outputs);
    for (size_t i = 0; i < 2; i++)
        t->delta[i] = (float *)(void *)(block + plan->delta[i]);
    prn_layout layout = { plan->delta[1], 0 };
    (void)prn_layout_add(&layout, t->max_batch * prn_model_width(t->model), sizeof(float));
    for (size_t l = 0; l < t->model->layer_count; l++) {
        const size_t floats = t->max_batch * prn_shape_count(&t->model->layers[l]->output);
        t->outputs[l] = (float *)(void *)(block + prn_layout_add(&layout, floats, sizeof(float)));
    }
}

static prune_trainer from_options(prune_model *model, const prune_trainer_options *o)
{
    return (prune_trainer){
        .model = model,
        .signature = prn_model_signature(model),
        .floats = prn_model_floats(model),
        .backend = o->backend != NULL ? o->backend : prune_backend_default(),
        .loss = o->loss,
        .seed = o->seed,
        .max_batch = o->max_batch,
        .optimizer = { .kind = o->optimizer,
                       .learning_rate = o->learning_rate,
                       .momentum = o->momentum,
                       .beta1 = o->beta1,
                       .beta2 = o->beta2,
                       .epsilon = o->epsilon },
        .regularizer = { o->l1, o->l2, o->regularize_bias != 0 },
    };
}

prune_status prune_trainer_create(prune_trainer **out, const prune_allocator *mem, prune_model *model,
                                  const prune_trainer_options *options)
{
    if (out == NULL)
        return PRUNE_E_ARGUMENT;
    *out = NULL;
    parts plan;
    prune_trainer_options mine;
    prune_allocator own;
    prune_status status = make_plan(&plan, &mine, model, options);
    if (status == PRUNE_OK)
        status = prn_mem_choose(&own, mem);
    if (status != PRUNE_OK)
        return status;
    prune_trainer *t = prn_mem_alloc(&own, 1, plan.bytes);
    if (t == NULL)
        return PRUNE_E_MEMORY;
    *t = from_options(model, &mine);
    t->mem = own;
    t->bytes = plan.bytes;
    prune_rng_seed(&t->rng, t->seed);
    place(t, &plan);
    *out = t;
    return PRUNE_OK;
}

void prune_trainer_free(prune_trainer *trainer)
{
    if (trainer == NULL)
        return;
    const prune_allocator mem = trainer->mem;
    prn_mem_free(&mem, trainer, 1, trainer->bytes);
}

prune_status prn_trainer_check(const prune_trainer *trainer)
{
    if (trainer == NULL)
        return PRUNE_E_ARGUMENT;
    return prn_model_signature(trainer->model) == trainer->signature ? PRUNE_OK : PRUNE_E_STATE;
}

/* ---- steps ---- */

void prn_trainer_forward(prune_trainer *t, const prune_tensor *x)
{
    const prune_model *model = t->model;
    const size_t batch = prn_tensor_rows(x);
    prn_rows_slice(&t->x, x, 0, batch);
    prn_pass pass = { .backend = t->backend, .batch = batch, .x = x->data, .ldx = x->ld };
    for (size_t l = 0; l < model->layer_count; l++) {
        pass.y = t->outputs[l];
        pass.ldy = prn_shape_count(&model->layers[l]->output);
        model->layers[l]->ops->forward(model->layers[l], &pass);
        pass.x = pass.y;
        pass.ldx = pass.ldy;
    }
    prn_tensor_view(&t->h, pass.y, batch, pass.ldy);
    prn_tensor_view(&t->h_delta, t->delta[0], batch, pass.ldy);
    t->h.read_only = 1;
    t->stage = PRN_FORWARD;
}

prune_status prune_trainer_forward(prune_trainer *t, const prune_tensor *x)
{
    const prune_status status = prn_trainer_check(t);
    if (status != PRUNE_OK)
        return status;
    if (x == NULL)
        return PRUNE_E_ARGUMENT;
    if (x->dtype != PRUNE_F32)
        return PRUNE_E_TYPE;
    if (prn_tensor_rows(x) > t->max_batch || prn_tensor_row(x) != prn_shape_count(&t->model->input))
        return PRUNE_E_SHAPE;
    const prune_status finite = prn_rows_check_finite(x, "x", NULL);
    if (finite == PRUNE_OK)
        prn_trainer_forward(t, x);
    return finite;
}

const prune_tensor *prune_trainer_outputs(const prune_trainer *trainer)
{
    return trainer == NULL || trainer->h.data == NULL ? NULL : &trainer->h;
}

prune_status prn_trainer_loss(float *loss, prune_trainer *t, const prune_tensor *targets)
{
    const float scale = 1.0f / (float)prn_tensor_rows(&t->h);
    const float mean = scale * prn_loss_sum(t->loss, &t->h, targets, &t->h_delta, scale);
    t->stage = t->stage == PRN_LOSS ? PRN_FORWARD : t->stage; /* an earlier dL/dh is gone */
    if (prn_scan_finite(&mean, 1) != 1)
        return PRUNE_E_DIVERGED;
    *loss = mean;
    t->stage = PRN_LOSS;
    return PRUNE_OK;
}

prune_status prune_trainer_loss(float *loss, prune_trainer *t, const prune_tensor *targets)
{
    prune_status status = prn_trainer_check(t);
    if (status == PRUNE_OK && (loss == NULL || targets == NULL))
        status = PRUNE_E_ARGUMENT;
    if (status == PRUNE_OK && t->stage == PRN_IDLE)
        status = PRUNE_E_STATE;
    if (status == PRUNE_OK)
        status = prn_loss_fits(t->loss, targets, prn_tensor_rows(&t->h), prn_tensor_row(&t->h));
    if (status == PRUNE_OK)
        status = prn_loss_check(t->loss, targets, prn_tensor_row(&t->h), NULL);
    return status != PRUNE_OK ? status : prn_trainer_loss(loss, t, targets);
}

static void backward(prune_trainer *t)
{
    const prune_model *model = t->model;
    float *gradient = t->gradient + t->floats;
    float *dy = t->delta[0], *dx = t->delta[1];
    for (size_t l = model->layer_count; l-- > 0;) {
        const prn_layer *layer = model->layers[l];
        prn_pass pass = { .backend = t->backend,
                          .batch = prn_tensor_rows(&t->x),
                          .x = l == 0 ? t->x.data : t->outputs[l - 1],
                          .ldx = l == 0 ? t->x.ld : prn_shape_count(&layer->input),
                          .y = t->outputs[l],
                          .ldy = prn_shape_count(&layer->output),
                          .dy = dy,
                          .dx = l == 0 ? NULL : dx };
        gradient -= prn_layer_floats(layer);
        float *next = gradient;
        for (size_t p = 0; p < layer->param_count; p++) {
            pass.gradient[p] = next;
            next += layer->params[p].count;
        }
        layer->ops->backward(layer, &pass);
        float *const done = dy;
        dy = dx;
        dx = done;
    }
    t->stage = PRN_BACKWARD;
}

prune_status prune_trainer_backward(prune_trainer *t, const prune_tensor *output_gradient)
{
    const prune_status status = prn_trainer_check(t);
    if (status != PRUNE_OK)
        return status;
    if (output_gradient == NULL && t->stage != PRN_LOSS)
        return PRUNE_E_STATE;
    if (output_gradient != NULL) {
        if (t->stage != PRN_FORWARD && t->stage != PRN_LOSS)
            return PRUNE_E_STATE;
        const prune_status copied = prune_tensor_copy(&t->h_delta, output_gradient);
        if (copied != PRUNE_OK)
            return copied;
    }
    backward(t);
    return PRUNE_OK;
}

prune_status prune_trainer_penalize(float *penalty, prune_trainer *t)
{
    const prune_status status = prn_trainer_check(t);
    if (status != PRUNE_OK)
        return status;
    if (t->stage != PRN_BACKWARD)
        return PRUNE_E_STATE;
    prn_regularizer_add(&t->regularizer, t->model, t->gradient);
    if (penalty != NULL)
        *penalty = prn_regularizer_value(&t->regularizer, t->model);
    t->stage = PRN_PENALIZED;
    return PRUNE_OK;
}

static void update_param(prune_trainer *t, prn_param *param, size_t offset)
{
    float *v = t->state[1] == NULL ? NULL : t->state[1] + offset;
    prn_optimizer_apply(&t->optimizer, param, t->gradient + offset, t->state[0] + offset, v);
}

prune_status prune_trainer_update(prune_trainer *t)
{
    const prune_status status = prn_trainer_check(t);
    if (status != PRUNE_OK)
        return status;
    if (t->stage != PRN_BACKWARD && t->stage != PRN_PENALIZED)
        return PRUNE_E_STATE;
    if (prn_scan_limit(t->gradient, t->floats, gradient_limit) != t->floats)
        return PRUNE_E_DIVERGED;
    size_t offset = 0;
    prn_optimizer_advance(&t->optimizer);
    for (size_t l = 0; l < t->model->layer_count; l++)
        for (size_t p = 0; p < t->model->layers[l]->param_count; p++) {
            update_param(t, &t->model->layers[l]->params[p], offset);
            offset += t->model->layers[l]->params[p].count;
        }
    t->steps++;
    t->stage = PRN_IDLE;
    return PRUNE_OK;
}

static prune_status finish_step(prune_trainer *t)
{
    backward(t);
    const prune_status status = prune_trainer_penalize(NULL, t);
    return status != PRUNE_OK ? status : prune_trainer_update(t);
}

prune_status prn_trainer_step(float *loss, prune_trainer *t, const prune_tensor *x,
                              const prune_tensor *targets)
{
    prn_trainer_forward(t, x);
    const prune_status status = prn_trainer_loss(loss, t, targets);
    return status != PRUNE_OK ? status : finish_step(t);
}

prune_status prune_trainer_step(float *loss, prune_trainer *trainer, const prune_tensor *x,
                                const prune_tensor *targets)
{
    float mean = 0.0f;
    prune_status status = prune_trainer_forward(trainer, x);
    if (status == PRUNE_OK)
        status = prune_trainer_loss(&mean, trainer, targets);
    if (status == PRUNE_OK)
        status = finish_step(trainer);
    if (status == PRUNE_OK && loss != NULL)
        *loss = mean;
    return status;
}

/* ---- looking ---- */

static int32_t find_param(size_t *offset, const prune_trainer *t, size_t index)
{
    if (prn_trainer_check(t) != PRUNE_OK || prn_model_param(t->model, index) == NULL)
        return 0;
    *offset = 0;
    for (size_t p = 0; p < index; p++)
        *offset += prn_model_param(t->model, p)->count;
    return 1;
}

const float *prune_trainer_gradient(const prune_trainer *trainer, size_t param)
{
    size_t offset;
    return find_param(&offset, trainer, param) ? trainer->gradient + offset : NULL;
}

const float *prune_trainer_state(const prune_trainer *trainer, size_t param, size_t slot)
{
    size_t offset;
    if (slot >= 2 || !find_param(&offset, trainer, param) || trainer->state[slot] == NULL)
        return NULL;
    return trainer->state[slot] + offset;
}

prune_model *prune_trainer_model(prune_trainer *trainer)
{
    return trainer == NULL ? NULL : trainer->model;
}

uint64_t prune_trainer_steps(const prune_trainer *trainer)
{
    return trainer == NULL ? 0 : trainer->steps;
}

uint64_t prune_trainer_epochs(const prune_trainer *trainer)
{
    return trainer == NULL ? 0 : trainer->epochs;
}

float prune_trainer_learning_rate(const prune_trainer *trainer)
{
    return trainer == NULL ? 0.0f : trainer->optimizer.learning_rate;
}

prune_status prune_trainer_set_learning_rate(prune_trainer *trainer, float learning_rate)
{
    if (trainer == NULL)
        return PRUNE_E_ARGUMENT;
    if (!is_rate(learning_rate))
        return PRUNE_E_RANGE;
    trainer->optimizer.learning_rate = learning_rate;
    return PRUNE_OK;
}

prune_status prune_trainer_reset(prune_trainer *t)
{
    if (t == NULL)
        return PRUNE_E_ARGUMENT;
    for (size_t s = 0; s < prn_optimizer_slots(t->optimizer.kind); s++)
        memset(t->state[s], 0, t->floats * sizeof(float));
    t->optimizer.complement1 = t->optimizer.complement2 = 0.0f;
    t->steps = 0;
    return PRUNE_OK;
}
