/* trainer.c -- the steps of training
 *
 * Invariant: a step that fails has changed neither weights nor optimizer state. So a forward pass does not
 * touch a layer's statistics: what it measures stays in the plan until the step is known to be good.
 *
 * SPDX-License-Identifier: MIT */
#include "trainer.h"
#include "clip.h"
#include "loss.h"
#include "rows.h"
#include "scan.h"
#include "text.h"

#include <limits.h>
#include <string.h>

prune_status prn_trainer_check(const prune_trainer *trainer)
{
    if (trainer == NULL)
        return PRUNE_E_ARGUMENT;
    return prn_model_signature(trainer->model) == trainer->signature ? PRUNE_OK : PRUNE_E_STATE;
}

prune_status prn_trainer_open(const prune_trainer *trainer, prune_error *error)
{
    const prune_status status = prn_trainer_check(trainer);
    if (status == PRUNE_E_ARGUMENT)
        return prn_error_set(error, status, "trainer", "NULL: was it made?");
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "trainer", "its model has changed since it was made");
    return PRUNE_OK;
}

/* ---- steps ---- */

/* A frozen layer does what it does in inference. */
static void forward(prune_trainer *t, const prune_tensor *x, int32_t training)
{
    const prune_model *model = t->model;
    const size_t batch = prn_tensor_rows(x);
    prn_rows_slice(&t->x, x, 0, batch);
    t->x.ld = prn_tensor_step(x);
    prn_pass pass = { .backend = t->backend, .batch = batch, .x = x->data, .ldx = t->x.ld, .rng = &t->rng };
    for (size_t l = 0; l < model->layer_count; l++) {
        pass.y = t->outputs[l];
        pass.ldy = prn_shape_count(&model->layers[l]->output);
        pass.cache = t->caches[l];
        pass.memory = t->memories[l];
        pass.training = training && !t->rules[l].frozen && batch >= model->layers[l]->ops->least_batch;
        t->rules[l].training = pass.training;
        model->layers[l]->ops->forward(model->layers[l], &pass);
        pass.x = pass.y;
        pass.ldx = pass.ldy;
    }
    prn_tensor_view(&t->h, pass.y, batch, pass.ldy);
    prn_tensor_view(&t->h_delta, t->delta[0], batch, pass.ldy);
    t->h.read_only = 1;
    t->stage = PRN_FORWARD;
}

void prn_trainer_forward(prune_trainer *t, const prune_tensor *x)
{
    forward(t, x, 0);
}

prune_status prune_trainer_set_training(prune_trainer *t, int32_t training)
{
    if (t == NULL || (training != 0 && training != 1))
        return PRUNE_E_ARGUMENT;
    t->training = training;
    return PRUNE_OK;
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
    if (prn_tensor_rows(x) > t->max_batch || prn_tensor_step(x) > INT_MAX)
        return PRUNE_E_LIMIT;
    if (prn_tensor_row(x) != prn_shape_count(&t->model->input))
        return PRUNE_E_SHAPE;
    const prune_status finite = prn_rows_check_finite(x, NULL, "x", NULL);
    if (finite == PRUNE_OK)
        forward(t, x, t->training);
    return finite;
}

const prune_tensor *prune_trainer_outputs(const prune_trainer *trainer)
{
    return trainer == NULL || trainer->h.data == NULL ? NULL : &trainer->h;
}

static void count_samples(prune_trainer *t)
{
    t->weight = (float)prn_tensor_rows(&t->h);
    t->weighted = 0;
}

static void count_weights(prune_trainer *t, const prn_target *target, float weight)
{
    t->weight = weight;
    t->weighted = target->weights != NULL || t->loss.class_weights != NULL;
    if (t->weighted && t->shares != NULL)
        prn_loss_shares(t->shares, &t->loss, prn_tensor_rows(&t->h), target, weight);
}

prune_status prn_trainer_loss(float *loss, prune_trainer *t, const prn_target *target)
{
    prn_loss_sums sums;
    t->stage = t->stage == PRN_LOSS ? PRN_FORWARD : t->stage; /* an earlier dL/dh is gone */
    const prune_status status = prn_loss_add_up(&sums, &t->h_delta, &t->loss, &t->h, target);
    if (status != PRUNE_OK)
        return status;
    const float mean = prn_loss_mean(&sums);
    if (prn_scan_finite(&mean, 1) != 1)
        return PRUNE_E_DIVERGED;
    count_weights(t, target, sums.weight);
    *loss = mean;
    t->stage = PRN_LOSS;
    return PRUNE_OK;
}

prune_status prune_trainer_weighted_loss(float *loss, prune_trainer *t, const prune_tensor *targets,
                                         const prune_tensor *weights)
{
    const prn_target target = { targets, weights };
    prune_status status = prn_trainer_check(t);
    if (status == PRUNE_OK && (loss == NULL || targets == NULL))
        status = PRUNE_E_ARGUMENT;
    if (status == PRUNE_OK && t->stage == PRN_IDLE)
        status = PRUNE_E_STATE;
    if (status == PRUNE_OK)
        status = prn_loss_check_target(&t->loss, &t->h, &target);
    return status != PRUNE_OK ? status : prn_trainer_loss(loss, t, &target);
}

prune_status prune_trainer_loss(float *loss, prune_trainer *t, const prune_tensor *targets)
{
    return prune_trainer_weighted_loss(loss, t, targets, NULL);
}

/* Pointers to a layer's part of an array laid out like all parameters; `part` is where it begins. */
static void point_at(float *to[PRN_LAYER_PARAMS], float *part, const prn_layer *layer)
{
    for (size_t p = 0; p < layer->param_count; p++) {
        to[p] = part;
        part += layer->params[p].count;
    }
}

static void backward_layer(const prune_trainer *t, size_t l, size_t offset, float *const dy_dx[2],
                           int32_t scores)
{
    const prn_layer *layer = t->model->layers[l];
    prn_pass pass = { .backend = t->backend,
                      .batch = prn_tensor_rows(&t->x),
                      .x = l == 0 ? t->x.data : t->outputs[l - 1],
                      .ldx = l == 0 ? t->x.ld : prn_shape_count(&layer->input),
                      .y = t->outputs[l],
                      .ldy = prn_shape_count(&layer->output),
                      .cache = t->caches[l],
                      .memory = t->memories[l],
                      .training = t->rules[l].training,
                      .dy = dy_dx[0],
                      .dx = l == 0 ? NULL : dy_dx[1],
                      .scratch = t->scratch,
                      .shares = t->weighted ? t->shares : NULL,
                      .power = t->per_sample };
    point_at(pass.gradient, t->gradient + offset, layer);
    layer->ops->backward(layer, &pass);
    if (t->samples == NULL || !scores || layer->ops->sample_gradients == NULL)
        return;
    point_at(pass.samples, t->samples + offset, layer);
    layer->ops->sample_gradients(layer, &pass);
}

/* `scores`: with the gradients of single samples, if the plan has them. */
static void backward(prune_trainer *t, int32_t scores)
{
    size_t offset = t->floats;
    for (size_t l = t->model->layer_count, turn = 0; l-- > 0; turn = 1 - turn) {
        float *const dy_dx[2] = { t->delta[turn], t->delta[1 - turn] };
        offset -= prn_layer_floats(t->model->layers[l]);
        backward_layer(t, l, offset, dy_dx, scores);
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
        if (output_gradient->dtype != PRUNE_F32)
            return PRUNE_E_TYPE;
        const prune_status copied = prune_tensor_copy(&t->h_delta, output_gradient);
        if (copied != PRUNE_OK)
            return copied;
        count_samples(t);
    }
    backward(t, 1);
    return PRUNE_OK;
}

/* ---- statistics ---- */

/* After a backward pass whose gradients count. */
static void gather_statistics(prune_trainer *t)
{
    for (size_t l = 0; l < t->model->layer_count; l++) {
        const prn_layer *layer = t->model->layers[l];
        prn_layer_rule *rule = &t->rules[l];
        if (layer->ops->gather == NULL || !rule->training)
            continue;
        layer->ops->gather(layer, t->memories[l], prn_tensor_rows(&t->x), !rule->gathered);
        rule->gathered = 1;
    }
}

static int32_t statistics_are_finite(const prune_trainer *t)
{
    for (size_t l = 0; l < t->model->layer_count; l++) {
        const prn_layer *layer = t->model->layers[l];
        const size_t size = t->rules[l].gathered ? layer->ops->memory_size(layer) : 0;
        if (prn_scan_finite(t->memories[l], size) != size)
            return 0;
    }
    return 1;
}

static void commit_statistics(prune_trainer *t)
{
    for (size_t l = 0; l < t->model->layer_count; l++)
        if (t->rules[l].gathered && !t->rules[l].frozen)
            t->model->layers[l]->ops->commit(t->model->layers[l], t->memories[l]);
}

/* ---- steps, gone on with ---- */

/* The gradients: the mean of what was added up. */
static void take_mean(prune_trainer *t)
{
    for (size_t i = 0; i < t->floats; i++)
        t->gradient[i] = t->summed_weight > 0.0f ? t->sum[i] / t->summed_weight : 0.0f;
    t->stage = PRN_SUMMED;
}

void prn_trainer_forget(prune_trainer *t)
{
    t->summed = 0;
    t->summed_weight = 0.0f;
    for (size_t l = 0; l < t->layers; l++)
        t->rules[l].gathered = 0;
}

static void accumulate(prune_trainer *t)
{
    gather_statistics(t);
    if (t->summed == 0)
        memset(t->sum, 0, t->floats * sizeof(float));
    for (size_t i = 0; i < t->floats; i++)
        t->sum[i] += t->weight * t->gradient[i];
    t->summed++;
    t->summed_weight += t->weight;
}

prune_status prune_trainer_accumulate(prune_trainer *t)
{
    const prune_status status = prn_trainer_check(t);
    if (status != PRUNE_OK)
        return status;
    if (t->stage != PRN_BACKWARD || t->sum == NULL)
        return PRUNE_E_STATE;
    accumulate(t);
    take_mean(t);
    return PRUNE_OK;
}

prune_status prune_trainer_penalize(float *penalty, prune_trainer *t)
{
    const prune_status status = prn_trainer_check(t);
    if (status != PRUNE_OK)
        return status;
    if (t->stage != PRN_BACKWARD && t->stage != PRN_SUMMED)
        return PRUNE_E_STATE;
    prn_regularizer_add(&t->regularizer, t->model, t->gradient);
    if (penalty != NULL)
        *penalty = prn_regularizer_value(&t->regularizer, t->model);
    t->stage = PRN_PENALIZED;
    return PRUNE_OK;
}

static void update_param(prune_trainer *t, size_t layer, prn_param *param, size_t offset, float rate)
{
    const prn_regularizer *r = &t->regularizer;
    const int32_t covered = prn_regularizer_covers(r, param);
    if (param->statistic)
        return;
    const prn_stride stride = { .rate = rate,
                                .decay = covered ? t->optimizer.weight_decay : 0.0f,
                                .threshold =
                                    covered && r->proximal ? rate * prn_regularizer_l1(r, layer) : 0.0f };
    float *const state[2] = { t->state[0] + offset, t->state[1] == NULL ? NULL : t->state[1] + offset };
    for (size_t s = 0; t->rules[layer].frozen && s < 2 && state[s] != NULL; s++)
        prn_param_mask_values(param, state[s]); /* something may have been removed */
    if (!t->rules[layer].frozen)
        prn_optimizer_apply(&t->optimizer, &stride, param, t->gradient + offset, state);
}

static void clip(prune_trainer *t)
{
    if (t->clip_value > 0.0f)
        prn_clip_value(t->gradient, t->floats, t->clip_value);
    if (t->clip_norm > 0.0f)
        prn_clip_norm(t->gradient, t->model, t->rules, t->clip_norm);
}

float prune_trainer_next_rate(const prune_trainer *t)
{
    return t == NULL ? 0.0f : prn_schedule_rate(&t->schedule, t->optimizer.learning_rate, t->steps);
}

prune_status prune_trainer_update(prune_trainer *t)
{
    const prune_status status = prn_trainer_check(t);
    if (status != PRUNE_OK)
        return status;
    if (t->stage < PRN_BACKWARD)
        return PRUNE_E_STATE;
    if (t->summed == 0)
        gather_statistics(t);
    if (prn_scan_limit(t->gradient, t->floats, PRN_GRADIENT_LIMIT) != t->floats ||
        !statistics_are_finite(t)) {
        prn_trainer_forget(t);
        return PRUNE_E_DIVERGED;
    }
    size_t offset = 0;
    const float rate = prune_trainer_next_rate(t);
    clip(t);
    prn_optimizer_advance(&t->optimizer);
    for (size_t l = 0; l < t->model->layer_count; l++)
        for (size_t p = 0; p < t->model->layers[l]->param_count; p++) {
            update_param(t, l, &t->model->layers[l]->params[p], offset, rate);
            offset += t->model->layers[l]->params[p].count;
        }
    commit_statistics(t);
    prn_trainer_forget(t);
    t->steps++;
    t->stage = PRN_IDLE;
    return PRUNE_OK;
}

static prune_status penalize_and_update(prune_trainer *t)
{
    const prune_status status = prune_trainer_penalize(NULL, t);
    return status != PRUNE_OK ? status : prune_trainer_update(t);
}

prune_status prn_trainer_flush(prune_trainer *t)
{
    if (t->summed == 0)
        return PRUNE_OK;
    take_mean(t);
    return penalize_and_update(t);
}

prune_status prn_trainer_finish(prune_trainer *t)
{
    if (t->sum == NULL)
        return penalize_and_update(t);
    accumulate(t);
    t->stage = PRN_IDLE;
    return t->summed < t->accumulate ? PRUNE_OK : prn_trainer_flush(t);
}

prune_status prn_trainer_gradients(float *loss, prune_trainer *t, const prune_tensor *x,
                                   const prn_target *target, int32_t scores)
{
    forward(t, x, 1);
    const prune_status status = prn_trainer_loss(loss, t, target);
    if (status == PRUNE_OK)
        backward(t, scores);
    return status;
}

prune_status prune_trainer_weighted_step(float *loss, prune_trainer *trainer, const prune_tensor *x,
                                         const prune_tensor *targets, const prune_tensor *weights)
{
    float mean = 0.0f;
    prune_status status = prune_trainer_forward(trainer, x);
    if (status == PRUNE_OK)
        status = prune_trainer_weighted_loss(&mean, trainer, targets, weights);
    if (status != PRUNE_OK)
        return status;
    backward(trainer, 0);
    status = prn_trainer_finish(trainer);
    if (status == PRUNE_OK && loss != NULL)
        *loss = mean;
    return status;
}

prune_status prune_trainer_step(float *loss, prune_trainer *trainer, const prune_tensor *x,
                                const prune_tensor *targets)
{
    return prune_trainer_weighted_step(loss, trainer, x, targets, NULL);
}

/* ---- looking ---- */

static int32_t find_param(size_t *offset, const prune_trainer *t, size_t index)
{
    if (prn_trainer_check(t) != PRUNE_OK || prn_model_param(t->model, index) == NULL)
        return 0;
    *offset = prn_model_offset(t->model, index);
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

/* ---- setting ---- */

prune_status prune_trainer_set_state(prune_trainer *t, size_t index, size_t slot, const float *values,
                                     size_t count)
{
    const prune_status status = values == NULL ? PRUNE_E_ARGUMENT : prn_trainer_check(t);
    if (status != PRUNE_OK)
        return status;
    const prn_param *param = prn_model_param(t->model, index);
    if (param == NULL || slot >= prn_optimizer_slots(t->optimizer.kind))
        return PRUNE_E_RANGE;
    if (count != param->count)
        return PRUNE_E_SHAPE;
    if (prn_scan_finite(values, count) != count)
        return PRUNE_E_NONFINITE;
    if (prn_optimizer_scan(&t->optimizer, slot, values, count, PRN_GRADIENT_LIMIT) != count)
        return PRUNE_E_RANGE;
    float *state = t->state[slot] + prn_model_offset(t->model, index);
    memmove(state, values, count * sizeof *values);
    prn_param_mask_values(param, state);
    return PRUNE_OK;
}

prune_status prune_trainer_set_steps(prune_trainer *t, uint64_t steps)
{
    const prune_status status = prn_trainer_check(t);
    if (status != PRUNE_OK)
        return status;
    prn_optimizer_go_to(&t->optimizer, steps);
    t->steps = steps;
    return PRUNE_OK;
}

prune_status prune_trainer_reset(prune_trainer *t)
{
    if (t == NULL)
        return PRUNE_E_ARGUMENT;
    for (size_t s = 0; s < prn_optimizer_slots(t->optimizer.kind); s++)
        memset(t->state[s], 0, t->floats * sizeof(float));
    t->optimizer.complement1 = t->optimizer.complement2 = 0.0f;
    prn_trainer_forget(t);
    t->steps = 0;
    return PRUNE_OK;
}
