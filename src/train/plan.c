/* plan.c -- making a trainer: its options checked, everything laid out once, in one block
 *
 * SPDX-License-Identifier: MIT */
#include "plan.h"
#include "loss.h"
#include "options.h"
#include "spread.h"
#include "text.h"

#include <float.h>
#include <string.h>

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
                                            .max_batch = 32,
                                            .alpha = 0.99f,
                                            .weight_decay = 0.01f };
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

static prune_status in_range(int32_t good)
{
    return good ? PRUNE_OK : PRUNE_E_RANGE;
}

static prune_status check_options(const prune_trainer_options *o, prune_error *error)
{
    prune_schedule schedule;
    prune_group_lasso lasso;
    const struct rule {
        const char *place;
        prune_status status; /* PRUNE_OK: it holds */
        const char *reason;
    } rules[] = {
        { "optimizer", prn_optimizer_known(o->optimizer) ? PRUNE_OK : PRUNE_E_ARGUMENT,
          "not one of those in optimizer.h" },
        { "backend", prn_backend_fits(o->backend) ? PRUNE_OK : PRUNE_E_ARGUMENT, "it has no function" },
        { "learning_rate", in_range(is_rate(o->learning_rate)), "not in 0 .. 1e6" },
        { "momentum", in_range(is_decay(o->momentum)), "not from 0 to below 1" },
        { "beta1", in_range(is_decay(o->beta1)), "not from 0 to below 1" },
        { "beta2", in_range(is_decay(o->beta2)), "not from 0 to below 1" },
        { "epsilon", in_range(is_size(o->epsilon) && o->epsilon > 0.0f), "not a finite number above 0" },
        { "l1", in_range(is_size(o->l1)), "not a finite number from 0 on" },
        { "l2", in_range(is_size(o->l2)), "not a finite number from 0 on" },
        { "per_sample", in_range(o->per_sample >= 0 && o->per_sample <= PRUNE_PER_SAMPLE_SQUARE),
          "not one of those in trainer.h" },
        { "max_batch", prn_batch_check(o->max_batch), "not in 1 .. INT_MAX" },
        { "alpha", in_range(is_decay(o->alpha)), "not from 0 to below 1" },
        { "weight_decay", in_range(is_rate(o->weight_decay)), "not in 0 .. 1e6" },
        { "clip_norm", in_range(is_size(o->clip_norm)), "not a finite number from 0 on" },
        { "clip_value", in_range(is_size(o->clip_value)), "not a finite number from 0 on" },
        { "accumulate", in_range(o->accumulate >= 0), "below 0" },
        { "sparse", prn_trainer_check_sparse(o->sparse, o->sparse_kernels),
          "it, or the kernels, are not among those of trainer.h, or not offered" },
        { "nesterov", o->nesterov == 0 || o->optimizer == PRUNE_SGD ? PRUNE_OK : PRUNE_E_ARGUMENT,
          "only PRUNE_SGD has it" },
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].status != PRUNE_OK)
            return prn_error_set(error, rules[i].status, rules[i].place, rules[i].reason);
    prune_status status = prn_schedule_read(&schedule, o->schedule, error);
    if (status == PRUNE_OK)
        status = prn_schedule_read(&schedule, o->penalty_schedule, error);
    return status != PRUNE_OK ? status : prn_group_lasso_read(&lasso, o->group_lasso, error);
}

/* Whether training by the loss leads anywhere: not if the last layer is what the loss has inside and would
 * apply twice, nor by one that is 0 whatever the outputs are. There would be no other sign than a bad end. */
static prune_status check_outputs(const prn_loss *loss, const prune_model *model, prune_error *error)
{
    const prn_layer *last = model->layers[model->layer_count - 1];
    if (loss->kind == PRUNE_SOFTMAX_CROSS_ENTROPY && prn_shape_count(&last->output) == 1)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "loss",
                             "softmax cross-entropy of one output is always 0: use two outputs, or "
                             "PRUNE_BINARY_CROSS_ENTROPY; for values PRUNE_MSE");
    if (loss->kind == PRUNE_SOFTMAX_CROSS_ENTROPY && last->ops->kind == PRUNE_LAYER_SOFTMAX)
        return prn_error_set(
            error, PRUNE_E_ARGUMENT, "loss",
            "the last layer is a softmax already, and this loss applies one: drop the layer, "
            "or use log-softmax with PRUNE_NLL");
    if (loss->kind == PRUNE_BINARY_CROSS_ENTROPY && last->spec.activation == PRUNE_SIGMOID)
        return prn_error_set(
            error, PRUNE_E_ARGUMENT, "loss",
            "the last layer is a sigmoid already, and this loss applies one: make it linear");
    return PRUNE_OK;
}

static prune_status read_loss_of(prn_loss *loss, const prune_loss_options *given, const prune_model *model,
                                 prune_error *error)
{
    const size_t outputs = prn_shape_count(prn_model_output(model));
    const prune_status status = prn_loss_read(loss, given, outputs, error);
    return status != PRUNE_OK ? status : check_outputs(loss, model, error);
}

/* The loss that the options ask for, one way or the other. */
static prune_status read_loss(prn_loss *loss, const prune_trainer_options *o, const prune_model *model,
                              prune_error *error)
{
    const prn_loss plain = prn_loss_of(o->loss);
    return read_loss_of(loss, o->loss_options != NULL ? o->loss_options : &plain, model, error);
}

static prune_status read_options(prune_trainer_options *mine, const prune_trainer_options *given,
                                 const prune_model *model, prune_error *error)
{
    prn_loss loss;
    prune_trainer_options_init(mine);
    prune_status status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "trainer options", prn_options_reason(status));
    status = read_loss(&loss, mine, model, error);
    return status != PRUNE_OK ? status : check_options(mine, error);
}

void prn_trainer_options(prune_trainer_options *options, const prune_trainer *t)
{
    *options = (prune_trainer_options){
        .size = sizeof *options,
        .loss = t->loss.kind,
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
        .per_sample = t->per_sample,
        .nesterov = t->optimizer.nesterov,
        .alpha = t->optimizer.alpha,
        .weight_decay = t->optimizer.weight_decay,
        .clip_norm = t->clip_norm,
        .clip_value = t->clip_value,
        .l1_proximal = t->regularizer.proximal,
        .schedule = &t->schedule,
        .accumulate = t->accumulate,
        .loss_options = &t->loss,
        .group_lasso = &t->regularizer.lasso,
        .penalty_schedule = &t->penalty_schedule,
        .sparse = t->sparse,
        .sparse_kernels = t->sparse_kernels,
    };
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
    if (trainer->asking)
        return PRUNE_E_STATE;
    trainer->optimizer.learning_rate = learning_rate;
    return PRUNE_OK;
}

/* ---- the loss ---- */

/* `loss` has been read for the model. */
static void take_loss(prune_trainer *t, const prn_loss *loss)
{
    t->loss = *loss;
    if (loss->class_weights == NULL)
        return;
    memmove(t->class_weights, loss->class_weights, loss->class_count * sizeof(float)); /* may be its own */
    t->loss.class_weights = t->class_weights;
}

prune_status prune_trainer_set_loss(prune_trainer *t, const prune_loss_options *loss, prune_error *error)
{
    prn_loss mine;
    prune_status status = prn_trainer_open(t, error);
    if (status != PRUNE_OK)
        return status;
    if (t->fitting)
        return prn_error_set(error, PRUNE_E_STATE, "trainer", "a fit is under way");
    status = read_loss_of(&mine, loss, t->model, error);
    if (status != PRUNE_OK)
        return status;
    take_loss(t, &mine);
    t->stage = PRN_IDLE;
    return PRUNE_OK;
}

prune_status prune_trainer_get_loss(prune_loss_options *loss, const prune_trainer *t)
{
    if (t == NULL || loss == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = prn_result_check(loss, sizeof *loss);
    if (status == PRUNE_OK)
        prn_result_write(loss, &t->loss);
    return status;
}

/* ---- single layers ---- */

void prune_layer_training_init(prune_layer_training *training)
{
    if (training != NULL)
        *training = (prune_layer_training){
            .size = sizeof *training, .l1_scale = 1.0f, .l2_scale = 1.0f, .group_scale = 1.0f
        };
}

prune_status prune_trainer_set_layer(prune_trainer *t, size_t layer, const prune_layer_training *training)
{
    prune_layer_training mine;
    prune_status status = prn_trainer_check(t);
    if (status == PRUNE_OK && (training == NULL || layer >= t->model->layer_count))
        status = PRUNE_E_ARGUMENT;
    if (status != PRUNE_OK)
        return status;
    prune_layer_training_init(&mine);
    status = prn_options_read(&mine, sizeof mine, training);
    if (status != PRUNE_OK)
        return status;
    if (mine.frozen != 0 && mine.frozen != 1)
        return PRUNE_E_ARGUMENT;
    if (!is_size(mine.l1_scale) || !is_size(mine.l2_scale) || !is_size(mine.l1_scale * t->regularizer.l1) ||
        !is_size(mine.l2_scale * t->regularizer.l2) || !is_size(mine.group_scale) ||
        !is_size(mine.group_scale * t->regularizer.lasso.neuron_lambda))
        return PRUNE_E_RANGE;
    t->rules[layer].frozen = mine.frozen;
    t->rules[layer].l1_scale = mine.l1_scale;
    t->rules[layer].l2_scale = mine.l2_scale;
    t->rules[layer].group_scale = mine.group_scale;
    return PRUNE_OK;
}

prune_status prune_trainer_get_layer(prune_layer_training *training, const prune_trainer *t, size_t layer)
{
    prune_status status = prn_trainer_check(t);
    if (status == PRUNE_OK && (training == NULL || layer >= t->model->layer_count))
        status = PRUNE_E_ARGUMENT;
    if (status == PRUNE_OK)
        status = prn_result_check(training, sizeof *training);
    if (status != PRUNE_OK)
        return status;
    const prn_layer_rule *rule = &t->rules[layer];
    const prune_layer_training mine = { sizeof mine, rule->frozen, rule->l1_scale, rule->l2_scale,
                                        rule->group_scale };
    prn_result_write(training, &mine);
    return PRUNE_OK;
}

/* ---- making and ending ---- */

static float *floats_at(prune_trainer *t, size_t offset)
{
    return (float *)(void *)((unsigned char *)t + offset);
}

/* Lays out what each layer leaves behind for its way back; t NULL: only the size counts. */
static void add_layers(prune_trainer *t, prn_layout *layout, const prune_model *model, size_t batch)
{
    for (size_t l = 0; l < model->layer_count; l++) {
        const prn_layer *layer = model->layers[l];
        const size_t output = prn_layout_add(layout, batch * prn_shape_count(&layer->output), sizeof(float));
        const size_t cache_size = layer->ops->cache_size(layer);
        if (prn_mem_overflows(batch, cache_size))
            layout->overflow = 1;
        const size_t cache = prn_layout_add(layout, batch * cache_size, sizeof(float));
        const size_t memory_size = layer->ops->memory_size == NULL ? 0 : layer->ops->memory_size(layer);
        const size_t memory = prn_layout_add(layout, memory_size, sizeof(float));
        if (t == NULL)
            continue;
        t->outputs[l] = floats_at(t, output);
        t->caches[l] = floats_at(t, cache);
        t->memories[l] = floats_at(t, memory);
    }
}

typedef struct parts {
    size_t bytes;
    size_t rules, class_weights, sum, gradient, state[2]; /* offsets */
    size_t samples, scratch, shares, outputs, caches, memories, delta[2], thins, layers;
} parts;

static prune_status lay_out(parts *out, const prune_model *model, const prune_trainer_options *options)
{
    const size_t batch = options->max_batch, floats = prn_model_floats(model);
    const size_t wide = prn_model_width(model), wide_in = prn_model_width_in(model);
    if (prn_mem_overflows(batch, wide) || prn_mem_overflows(batch, wide_in))
        return PRUNE_E_OVERFLOW;
    prn_layout layout = { 0 };
    prn_layout_add(&layout, 1, sizeof(prune_trainer));
    out->rules = prn_layout_add(&layout, model->layer_count, sizeof(prn_layer_rule));
    out->class_weights = prn_layout_add(&layout, prn_shape_count(prn_model_output(model)), sizeof(float));
    out->sum = prn_layout_add(&layout, options->accumulate > 1 ? floats : 0, sizeof(float));
    out->gradient = prn_layout_add(&layout, floats + PRN_TAIL, sizeof(float));
    for (size_t s = 0; s < prn_optimizer_slots(options->optimizer); s++)
        out->state[s] = prn_layout_add(&layout, floats, sizeof(float));
    out->samples = prn_layout_add(&layout, options->per_sample ? floats : 0, sizeof(float));
    out->scratch = prn_layout_add(&layout, options->per_sample ? batch * wide_in : 0, sizeof(float));
    const int32_t squares = options->per_sample == PRUNE_PER_SAMPLE_SQUARE;
    out->shares = prn_layout_add(&layout, squares ? batch : 0, sizeof(float));
    out->outputs = prn_layout_add(&layout, model->layer_count, sizeof(float *));
    out->caches = prn_layout_add(&layout, model->layer_count, sizeof(float *));
    out->memories = prn_layout_add(&layout, model->layer_count, sizeof(float *));
    for (size_t i = 0; i < 2; i++)
        out->delta[i] = prn_layout_add(&layout, batch * wide, sizeof(float));
    out->thins = prn_layout_add(&layout, model->layer_count, sizeof(prn_thin));
    out->layers = layout.bytes;
    add_layers(NULL, &layout, model, batch);
    out->bytes = layout.bytes;
    return layout.overflow ? PRUNE_E_OVERFLOW : PRUNE_OK;
}

static prune_status make_plan(parts *plan, prune_trainer_options *mine, const prune_model *model,
                              const prune_trainer_options *given, prune_error *error)
{
    prune_status status = prn_model_check(model);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "model", model == NULL ? "NULL" : prune_status_string(status));
    status = read_options(mine, given, model, error);
    if (status != PRUNE_OK)
        return status;
    status = lay_out(plan, model, mine);
    return status == PRUNE_OK ? status
                              : prn_error_set(error, status, "max_batch", "more than can be counted");
}

prune_status prune_trainer_bytes(size_t *bytes, const prune_model *model,
                                 const prune_trainer_options *options)
{
    parts plan;
    prune_trainer_options mine;
    if (bytes == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = make_plan(&plan, &mine, model, options, NULL);
    if (status == PRUNE_OK)
        *bytes = plan.bytes;
    return status;
}

/* Sets the pointers into the block behind the trainer. */
static void place(prune_trainer *t, const parts *plan)
{
    t->rules = (prn_layer_rule *)(void *)((unsigned char *)t + plan->rules);
    for (size_t l = 0; l < t->model->layer_count; l++)
        t->rules[l] = (prn_layer_rule){ .l1_scale = 1.0f, .l2_scale = 1.0f, .group_scale = 1.0f };
    t->regularizer.layers = t->rules;
    t->class_weights = floats_at(t, plan->class_weights);
    t->sum = t->accumulate > 1 ? floats_at(t, plan->sum) : NULL;
    t->gradient = floats_at(t, plan->gradient);
    for (size_t s = 0; s < prn_optimizer_slots(t->optimizer.kind); s++)
        t->state[s] = floats_at(t, plan->state[s]);
    if (t->per_sample) {
        t->samples = floats_at(t, plan->samples);
        t->scratch = floats_at(t, plan->scratch);
        t->shares = t->per_sample == PRUNE_PER_SAMPLE_SQUARE ? floats_at(t, plan->shares) : NULL;
    }
    t->outputs = (float **)(void *)((unsigned char *)t + plan->outputs);
    t->caches = (float **)(void *)((unsigned char *)t + plan->caches);
    t->memories = (float **)(void *)((unsigned char *)t + plan->memories);
    for (size_t i = 0; i < 2; i++)
        t->delta[i] = floats_at(t, plan->delta[i]);
    t->thins = (prn_thin *)(void *)((unsigned char *)t + plan->thins);
    prn_layout layout = { plan->layers, 0 };
    add_layers(t, &layout, t->model, t->max_batch);
}

static prune_trainer from_options(prune_model *model, const prune_trainer_options *o)
{
    const prune_backend *backend = o->backend != NULL ? o->backend : prune_backend_default();
    return (prune_trainer){
        .model = model,
        .signature = prn_model_signature(model),
        .floats = prn_model_floats(model),
        .layers = model->layer_count,
        .backend = backend,
        .small = prn_small_of(backend),
        .seed = o->seed,
        .max_batch = o->max_batch,
        .per_sample = o->per_sample,
        .optimizer = { .kind = o->optimizer,
                       .learning_rate = o->learning_rate,
                       .momentum = o->momentum,
                       .beta1 = o->beta1,
                       .beta2 = o->beta2,
                       .epsilon = o->epsilon,
                       .alpha = o->alpha,
                       .weight_decay = o->weight_decay,
                       .nesterov = o->nesterov != 0 },
        .regularizer = { .l1 = o->l1,
                         .l2 = o->l2,
                         .include_bias = o->regularize_bias != 0,
                         .proximal = o->l1_proximal != 0 },
        .clip_norm = o->clip_norm,
        .clip_value = o->clip_value,
        .accumulate = o->accumulate,
        .training = 1,
    };
}

prune_status prune_trainer_create(prune_trainer **out, const prune_allocator *mem, prune_model *model,
                                  const prune_trainer_options *options, prune_error *error)
{
    if (out == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "out", "NULL");
    *out = NULL;
    parts plan;
    prune_trainer_options mine;
    prune_allocator own;
    prune_status status = make_plan(&plan, &mine, model, options, error);
    if (status != PRUNE_OK)
        return status;
    status = prn_mem_choose(&own, mem);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "mem", "no allocator");
    prune_trainer *t = prn_mem_alloc(&own, 1, plan.bytes);
    if (t == NULL)
        return prn_error_set(error, PRUNE_E_MEMORY, "trainer", "no memory for it");
    *t = from_options(model, &mine);
    (void)prn_schedule_read(&t->schedule, mine.schedule, NULL);
    (void)prn_schedule_read(&t->penalty_schedule, mine.penalty_schedule, NULL);
    (void)prn_group_lasso_read(&t->regularizer.lasso, mine.group_lasso, NULL);
    t->mem = own;
    t->bytes = plan.bytes;
    prune_rng_seed(&t->rng, t->seed);
    place(t, &plan);
    prn_trainer_set_sparse(t, mine.sparse, mine.sparse_kernels);
    prn_loss loss;
    (void)read_loss(&loss, &mine, model, NULL);
    take_loss(t, &loss);
    *out = t;
    return PRUNE_OK;
}

void prune_trainer_free(prune_trainer *trainer)
{
    if (trainer == NULL)
        return;
    const prune_allocator mem = trainer->mem;
    for (size_t l = 0; l < trainer->layers; l++)
        prn_thin_end(&trainer->thins[l]);
    prn_mem_free(&mem, trainer, 1, trainer->bytes);
}
