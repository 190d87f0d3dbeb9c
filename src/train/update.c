/* update.c -- the way from gradients to new weights: added up, penalized, clipped, applied
 *
 * Invariant: a step that fails has changed neither weights nor optimizer state. So a forward pass does not
 * touch a layer's statistics: what it measures stays in the plan until the step is known to be good.
 *
 * SPDX-License-Identifier: MIT */
#include "update.h"
#include "clip.h"
#include "scan.h"
#include "spread.h"

#include <string.h>

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

static size_t statistics_of(const prn_layer *layer)
{
    size_t floats = 0;
    for (size_t p = 0; p < layer->param_count; p++)
        floats += layer->params[p].statistic ? layer->params[p].count : 0;
    return floats;
}

static int32_t statistics_are_finite(const prune_trainer *t)
{
    for (size_t l = 0; l < t->model->layer_count; l++) {
        const size_t size = t->rules[l].gathered ? statistics_of(t->model->layers[l]) : 0;
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

/* ---- the step ---- */

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
        t->sum[i] += t->by * t->gradient[i];
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

/* Gradients of a batch that others were added up before: they would be lost in its step. */
static int32_t is_left_out(const prune_trainer *t)
{
    return t->stage == PRN_BACKWARD && t->summed != 0;
}

/* ---- with other ranks ---- */

/* An own loss that asks is in the midst of what others do. */
prune_status prn_trainer_tell(prune_trainer *t, prune_status status)
{
    if (t != NULL && t->together != NULL && !t->asking)
        (void)t->together->step(t, status);
    return status;
}

static prune_status reduce(prune_trainer *t)
{
    if (t->together == NULL)
        return PRUNE_OK;
    if (t->summed == 0)
        gather_statistics(t);
    const prune_status status = t->together->step(t, PRUNE_OK);
    t->stage = status == PRUNE_OK ? PRN_REDUCED : PRN_IDLE;
    if (status != PRUNE_OK)
        prn_trainer_forget(t);
    return status;
}

prune_status prune_trainer_reduce(prune_trainer *t)
{
    const prune_status status = prn_trainer_check(t);
    if (status != PRUNE_OK)
        return prn_trainer_tell(t, status);
    if ((t->stage != PRN_BACKWARD && t->stage != PRN_SUMMED) || is_left_out(t))
        return prn_trainer_tell(t, PRUNE_E_STATE);
    return reduce(t);
}

prune_status prn_trainer_join(prune_trainer *t)
{
    memset(t->gradient, 0, t->floats * sizeof(float));
    for (size_t l = 0; l < t->layers; l++)
        t->rules[l].training = 0; /* there is nothing to gather */
    t->weight = t->by = 0.0f;
    t->stage = PRN_BACKWARD;
    return prn_trainer_finish(t);
}

prune_status prune_trainer_join(prune_trainer *t)
{
    const prune_status status = prn_trainer_check(t);
    if (status != PRUNE_OK || t->together == NULL)
        return status != PRUNE_OK ? prn_trainer_tell(t, status) : PRUNE_E_STATE;
    return prn_trainer_join(t);
}

/* Whether the gradients are those that a penalty may be added to, and a step made from. */
static int32_t is_ready(const prune_trainer *t)
{
    return t->together != NULL ? t->stage >= PRN_REDUCED : t->stage >= PRN_BACKWARD && !is_left_out(t);
}

/* A batch of which nothing counts leaves gradients for sums to take, and for a step of its own none. */
static void drop_uncounted(prune_trainer *t)
{
    if (t->stage == PRN_BACKWARD && !(t->weight > 0.0f))
        memset(t->gradient, 0, t->floats * sizeof(float));
}

prune_status prune_trainer_penalize(float *penalty, prune_trainer *t)
{
    const prune_status status = prn_trainer_check(t);
    if (status != PRUNE_OK)
        return status;
    if (t->stage == PRN_PENALIZED || !is_ready(t))
        return PRUNE_E_STATE;
    const prn_regularizer regularizer = prn_trainer_penalty(t);
    drop_uncounted(t);
    prn_regularizer_add(&regularizer, t->model, t->gradient);
    if (penalty != NULL)
        *penalty = prn_regularizer_value(&regularizer, t->model);
    t->stage = PRN_PENALIZED;
    return PRUNE_OK;
}

/* One parameter of a layer, which begins at `offset` of all. */
typedef struct place {
    size_t layer, offset;
} place;

/* What a step does to one parameter. */
typedef struct change {
    const prune_trainer *trainer;
    prn_param *param;
    size_t offset;
    prn_stride stride;
    const uint32_t *places; /* of kept elements, where only those are gone through */
} change;

/* `first` is a multiple of 32, so that the mask goes on with a whole word. */
static void apply_range(const void *arg, size_t first, size_t count)
{
    const change *c = arg;
    const prune_trainer *t = c->trainer;
    const size_t at = c->offset + first;
    float *const state[2] = { t->state[0] + at, t->state[1] == NULL ? NULL : t->state[1] + at };
    prn_param part = *c->param;
    part.value += first;
    part.mask += first / 32;
    part.count = count;
    prn_optimizer_apply(&t->optimizer, &c->stride, &part, t->gradient + at, state);
}

enum { TOGETHER = 128 };

/* The same for elements that lie anywhere, brought together for it. */
static void apply_places(const change *c, const uint32_t *at, size_t count)
{
    uint32_t all[TOGETHER / 32] = { UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX };
    const prune_trainer *t = c->trainer;
    float values[4][TOGETHER];
    float *const from[4] = { c->param->value, t->gradient + c->offset, t->state[0] + c->offset,
                             t->state[1] == NULL ? NULL : t->state[1] + c->offset };
    prn_param part = *c->param;
    for (size_t a = 0; a < 4 && from[a] != NULL; a++)
        for (size_t i = 0; i < count; i++)
            values[a][i] = from[a][at[i]];
    part.value = values[0];
    part.mask = all;
    part.count = count;
    prn_optimizer_apply(&t->optimizer, &c->stride, &part, values[1],
                        (float *const[2]){ values[2], from[3] == NULL ? NULL : values[3] });
    for (size_t a = 0; a < 4 && from[a] != NULL; a++)
        for (size_t i = 0; i < count && a != 1; i++)
            from[a][at[i]] = values[a][i];
}

static void apply_kept(const void *arg, size_t first, size_t count)
{
    const change *c = arg;
    for (size_t done = 0; done < count; done += TOGETHER)
        apply_places(c, c->places + first + done, count - done < TOGETHER ? count - done : TOGETHER);
}

enum { MOST_PIECES = 8 };

/* Small parameters of one stride, for one call of the optimizer. */
typedef struct batch {
    prn_stride stride;
    size_t count;
    prn_piece pieces[MOST_PIECES];
} batch;

static void finish_batch(const prune_trainer *t, batch *b)
{
    if (b->count != 0)
        prn_optimizer_apply_pieces(&t->optimizer, &b->stride, b->pieces, b->count);
    b->count = 0;
}

/* 1: it is one of the batch now. Strides of one step differ in nothing else. */
static int32_t join_batch(batch *b, const change *c)
{
    const prune_trainer *t = c->trainer;
    const int32_t same = b->stride.decay == c->stride.decay && b->stride.threshold == c->stride.threshold;
    if (c->param->count > PRN_PIECE_MOST)
        return 0;
    if (b->count == MOST_PIECES || !same)
        finish_batch(t, b);
    b->stride = c->stride;
    b->pieces[b->count++] = (prn_piece){ c->param->count,
                                         c->param->value,
                                         t->gradient + c->offset,
                                         t->state[0] + c->offset,
                                         t->state[t->state[1] != NULL] + c->offset,
                                         c->param->mask };
    return 1;
}

/* Values and state of removed weights become 0 in the first step under a mask, and stay so until there is a
 * step, or a state that is set, under another one. */
static void apply(const change *step, prn_thin *thin, batch *together)
{
    const uint32_t *places;
    const size_t count = prn_thin_kept(&places, thin, step->param);
    if (places != NULL && thin->settled) {
        change kept = *step;
        kept.places = places;
        prn_spread_range(step->trainer->backend, count, apply_kept, &kept);
        return;
    }
    if (!join_batch(together, step))
        prn_spread_range(step->trainer->backend, step->param->count, apply_range, step);
    if (thin->weight == step->param)
        thin->settled = places != NULL;
}

static void update_param(prune_trainer *t, const prn_regularizer *r, prn_param *param, place at,
                         batch *together)
{
    change step = { .trainer = t, .param = param, .offset = at.offset, .stride = together->stride };
    if (param->statistic)
        return;
    if (t->rules[at.layer].frozen) {
        for (size_t s = 0; s < prn_optimizer_slots(t->optimizer.kind); s++)
            prn_param_mask_values(param, t->state[s] + at.offset); /* something may have been removed */
        return;
    }
    const int32_t covered = prn_regularizer_covers(r, param);
    step.stride.decay = covered && t->optimizer.kind == PRUNE_ADAMW ? t->optimizer.weight_decay : 0.0f;
    step.stride.threshold =
        covered && r->proximal ? step.stride.rate * prn_regularizer_l1(r, at.layer) : 0.0f;
    apply(&step, &t->thins[at.layer], together);
}

static void update_params(prune_trainer *t, const prn_regularizer *penalty, float rate)
{
    size_t offset = 0;
    batch together;
    together.count = 0;
    together.stride = (prn_stride){ .rate = rate };
    for (size_t l = 0; l < t->model->layer_count; l++)
        for (size_t p = 0; p < t->model->layers[l]->param_count; p++) {
            update_param(t, penalty, &t->model->layers[l]->params[p], (place){ l, offset }, &together);
            offset += t->model->layers[l]->params[p].count;
        }
    finish_batch(t, &together);
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
    if (!is_ready(t))
        return PRUNE_E_STATE;
    drop_uncounted(t);
    if (t->summed == 0 && t->together == NULL)
        gather_statistics(t);
    if (prn_scan_limit(t->gradient, t->floats, PRN_GRADIENT_LIMIT) != t->floats ||
        !statistics_are_finite(t)) {
        prn_trainer_forget(t);
        return PRUNE_E_DIVERGED;
    }
    const float rate = prune_trainer_next_rate(t);
    const prn_regularizer penalty = prn_trainer_penalty(t);
    clip(t);
    prn_optimizer_advance(&t->optimizer);
    update_params(t, &penalty, rate);
    prn_regularizer_shrink(&penalty, t->model, rate);
    commit_statistics(t);
    prn_trainer_forget(t);
    t->steps += t->steps < UINT64_MAX; /* 0 would be the start */
    t->stage = PRN_IDLE;
    return PRUNE_OK;
}

static prune_status penalize_and_update(prune_trainer *t)
{
    prune_status status = reduce(t);
    if (status == PRUNE_OK)
        status = prune_trainer_penalize(NULL, t);
    return status != PRUNE_OK ? status : prune_trainer_update(t);
}

prune_status prn_trainer_flush(prune_trainer *t)
{
    if (t->summed == 0)
        return PRUNE_OK;
    take_mean(t);
    return penalize_and_update(t);
}

prune_status prune_trainer_flush(prune_trainer *t)
{
    const prune_status status = prn_trainer_check(t);
    return status != PRUNE_OK ? prn_trainer_tell(t, status) : prn_trainer_flush(t);
}

prune_status prn_trainer_finish(prune_trainer *t)
{
    if (t->sum == NULL)
        return penalize_and_update(t);
    accumulate(t);
    t->stage = PRN_IDLE;
    return t->summed < t->accumulate ? PRUNE_OK : prn_trainer_flush(t);
}

prune_status prune_trainer_weighted_step(float *loss, prune_trainer *trainer, const prune_tensor *x,
                                         const prune_tensor *targets, const prune_tensor *weights)
{
    float mean = 0.0f;
    prune_status status = prune_trainer_forward(trainer, x);
    if (status == PRUNE_OK)
        status = prune_trainer_weighted_loss(&mean, trainer, targets, weights);
    if (status != PRUNE_OK)
        return prn_trainer_tell(trainer, status);
    prn_trainer_backward(trainer, PRN_WANTS_KEPT);
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

prune_status prune_trainer_reset(prune_trainer *t)
{
    if (t == NULL)
        return PRUNE_E_ARGUMENT;
    if (t->asking)
        return PRUNE_E_STATE;
    for (size_t s = 0; s < prn_optimizer_slots(t->optimizer.kind); s++)
        memset(t->state[s], 0, t->floats * sizeof(float));
    t->optimizer.complement1 = t->optimizer.complement2 = 0.0f;
    prn_trainer_forget(t);
    t->steps = 0;
    return PRUNE_OK;
}
