/* importance.c -- the score table: sums of what the criterion takes, and scores made from them
 *
 * SPDX-License-Identifier: MIT */
#include "importance.h"
#include "averages.h"
#include "data.h"
#include "scan.h"
#include "text.h"
#include "update.h"

#include <float.h>
#include <string.h>

/* ---- making and ending ---- */

typedef struct parts {
    size_t bytes;
    size_t gradient, score, signs, cuts, rules, means, groups, given; /* offsets */
    size_t group_room;
} parts;

/* For neurons and inputs, and for as many blocks; or for the list of a choice among weights (rank.c), where
 * there are many: n / 8 bytes for n floats, or n / 2 of less than half a million. */
static size_t group_room(const prune_model *model)
{
    const size_t floats = prn_model_floats(model);
    const size_t list = floats < 1u << 14 ? 0 : floats / (floats < 1u << 19 ? 8 : 32);
    size_t room = 0;
    for (size_t l = 0; l < model->layer_count; l++)
        room += prn_layer_groups(model->layers[l]);
    return room > list ? room : list;
}

static prune_status lay_out(parts *out, const prune_model *model, const prn_criterion *criterion)
{
    const prune_status status = prn_model_check(model);
    if (status != PRUNE_OK)
        return status;
    if (criterion == NULL)
        return PRUNE_E_ARGUMENT;
    const size_t floats = prn_model_floats(model);
    prn_layout layout = { 0 };
    out->group_room = group_room(model);
    prn_layout_add(&layout, 1, sizeof(prune_importance));
    out->score = prn_layout_add(&layout, floats, sizeof(float));
    out->cuts = prn_layout_add(&layout, model->layer_count, sizeof(prn_cut));
    out->rules = prn_layout_add(&layout, model->layer_count, 2 * sizeof(prn_layer_rule));
    out->means = prn_layout_add(&layout, model->layer_count, sizeof(float));
    out->groups = prn_layout_add(&layout, out->group_room, sizeof(float));
    out->signs = prn_layout_add(&layout, criterion->has_sign ? prn_mask_words(floats) : 0, sizeof(uint32_t));
    out->given = prn_layout_add(&layout, criterion->supplied ? prune_model_param_count(model) : 0, 1);
    out->gradient = prn_layout_add(&layout, criterion->takes ? floats : 0, sizeof(prn_sum));
    out->bytes = layout.bytes;
    return layout.overflow ? PRUNE_E_OVERFLOW : PRUNE_OK;
}

prune_status prune_importance_bytes(size_t *bytes, const prune_model *model, int32_t criterion)
{
    parts plan;
    if (bytes == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = lay_out(&plan, model, prn_criterion_find(criterion));
    if (status == PRUNE_OK)
        *bytes = plan.bytes;
    return status;
}

static prune_importance *build(const prune_allocator *mem, const prune_model *model,
                               const prn_criterion *criterion, const parts *plan)
{
    unsigned char *block = prn_mem_alloc(mem, 1, plan->bytes);
    if (block == NULL)
        return NULL;
    prune_importance *importance = (prune_importance *)(void *)block;
    *importance = (prune_importance){ .mem = *mem,
                                      .bytes = plan->bytes,
                                      .model = model,
                                      .signature = prn_model_signature(model),
                                      .criterion = criterion,
                                      .decay = 1.0f,
                                      .floats = prn_model_floats(model),
                                      .group_room = plan->group_room };
    importance->score = (float *)(void *)(block + plan->score);
    importance->cuts = (prn_cut *)(void *)(block + plan->cuts);
    importance->rules = (prn_layer_rule *)(void *)(block + plan->rules);
    importance->means = (float *)(void *)(block + plan->means);
    importance->groups = (float *)(void *)(block + plan->groups);
    if (criterion->supplied)
        importance->given = block + plan->given;
    if (criterion->has_sign)
        importance->signs = (uint32_t *)(void *)(block + plan->signs);
    if (criterion->takes)
        importance->gradient = (prn_sum *)(void *)(block + plan->gradient);
    return importance;
}

prune_status prune_importance_create(prune_importance **out, const prune_allocator *mem,
                                     const prune_model *model, int32_t criterion)
{
    if (out == NULL)
        return PRUNE_E_ARGUMENT;
    *out = NULL;
    parts plan;
    prune_allocator own;
    prune_status status = lay_out(&plan, model, prn_criterion_find(criterion));
    if (status == PRUNE_OK)
        status = prn_mem_choose(&own, mem);
    if (status != PRUNE_OK)
        return status;
    prune_importance *importance = build(&own, model, prn_criterion_find(criterion), &plan);
    if (importance == NULL)
        return PRUNE_E_MEMORY;
    status = importance->given != NULL      ? prune_importance_reset(importance)
             : importance->gradient == NULL ? prune_importance_refresh(importance)
                                            : PRUNE_OK;
    if (status != PRUNE_OK) {
        prune_importance_free(importance);
        return status;
    }
    *out = importance;
    return PRUNE_OK;
}

void prune_importance_free(prune_importance *importance)
{
    if (importance == NULL)
        return;
    const prune_allocator mem = importance->mem;
    prn_mem_free(&mem, importance, 1, importance->bytes);
}

int32_t prn_importance_signed(const prune_importance *importance)
{
    return importance->criterion->supplied || importance->criterion->moves;
}

int32_t prn_importance_wants(const prune_importance *importance)
{
    const int32_t means = importance->criterion->takes == PRN_TAKES_GRADIENTS;
    return means ? PRN_WANTS_GRADIENTS : PRN_WANTS_SAMPLES;
}

/* ---- gathering ---- */

static prune_status check_model(const prune_importance *importance)
{
    if (importance == NULL)
        return PRUNE_E_ARGUMENT;
    return prn_model_signature(importance->model) == importance->signature ? PRUNE_OK : PRUNE_E_STATE;
}

prune_status prn_importance_check(const prune_importance *importance)
{
    const prune_status status = check_model(importance);
    if (status != PRUNE_OK)
        return status;
    return importance->ready ? PRUNE_OK : PRUNE_E_STATE;
}

static int32_t gives_what_it_takes(const prune_trainer *trainer, const prune_importance *importance)
{
    const int32_t takes = importance->criterion->takes;
    return (takes != PRN_TAKES_ABSOLUTES || trainer->per_sample == PRUNE_PER_SAMPLE_ABSOLUTE) &&
           (takes != PRN_TAKES_SQUARES || trainer->per_sample == PRUNE_PER_SAMPLE_SQUARE);
}

/* Whether the trainer's gradients are gradients of this table's model. */
static prune_status check_pair(const prune_importance *importance, const prune_trainer *trainer)
{
    prune_status status = check_model(importance);
    if (status == PRUNE_OK)
        status = prn_trainer_check(trainer);
    if (status != PRUNE_OK)
        return status;
    const int32_t fits = trainer->model == importance->model && importance->gradient != NULL;
    return fits && gives_what_it_takes(trainer, importance) ? PRUNE_OK : PRUNE_E_STATE;
}

/* What the trainer has of a batch of B samples, and what makes it their mean. Gradients are means over the
 * batch, and so what a sample puts in is 1/B of its own gradient; with weights it is its share, and squares
 * have been divided by that once. */
static const float *batch_values(float *scale, const prune_importance *importance,
                                 const prune_trainer *trainer, size_t samples)
{
    const int32_t takes = importance->criterion->takes;
    *scale = takes == PRN_TAKES_SQUARES && !trainer->weighted ? (float)samples : 1.0f;
    return takes == PRN_TAKES_GRADIENTS ? trainer->gradient : trainer->samples;
}

/* A batch of weight 0 has no mean, but may have something to add to that of all. */
static void add_values(prune_importance *importance, const prune_backend *backend, const float *values,
                       const float scale_by[2], float weight)
{
    const float one = 1.0f, decay = importance->decay;
    const int32_t moves = decay < 1.0f;
    const prn_addend of_all = { values, importance->floats, moves ? scale_by[0] : scale_by[0] * scale_by[1] };
    const prn_addend of_one = { moves ? &one : &weight, 1, 1.0f };
    if (moves && !(weight > 0.0f))
        return;
    prn_averages_take(importance->gradient, &of_all, decay, backend);
    prn_averages_take(&importance->ones, &of_one, decay, backend);
}

static float movement(float w, float g)
{
    return -(w * g);
}

/* Each batch is a step, whatever its size. The products lie where the scores were, which are old now. */
static prune_status add_movement(prune_importance *importance, const prune_trainer *trainer)
{
    const float *g = trainer->gradient, step = trainer->weighted && trainer->weight <= 0.0f ? 0.0f : 1.0f;
    prn_walk w = { .model = importance->model };
    for (const prn_param *param = prn_walk_next(&w); param != NULL; param = prn_walk_next(&w))
        for (size_t i = 0; i < param->count; i++, g++) {
            const float moved = param->statistic ? 0.0f : movement(param->value[i], *g);
            if (!(moved <= FLT_MAX && moved >= -FLT_MAX))
                return PRUNE_E_DIVERGED;
        }
    g = trainer->gradient;
    float *to = importance->score;
    w = (prn_walk){ .model = importance->model };
    for (const prn_param *param = prn_walk_next(&w); param != NULL; param = prn_walk_next(&w))
        for (size_t i = 0; i < param->count; i++, g++)
            *to++ = param->statistic ? 0.0f : movement(param->value[i], *g);
    add_values(importance, trainer->backend, importance->score, (const float[2]){ 1.0f, step }, step);
    return PRUNE_OK;
}

/* Means, which may be of gradients of single samples. */
static prune_status add_means(prune_importance *importance, const prune_trainer *trainer, size_t samples)
{
    float scale_by[2] = { 1.0f, trainer->weighted ? trainer->by : (float)samples };
    const float *values = batch_values(&scale_by[0], importance, trainer, samples);
    const float weight = trainer->weighted ? trainer->weight : (float)samples;
    const prn_addend whole = { values, importance->floats, scale_by[0] * scale_by[1] };
    if (!prn_averages_can_take(&whole))
        return PRUNE_E_DIVERGED;
    add_values(importance, trainer->backend, values, scale_by, weight);
    return PRUNE_OK;
}

prune_status prune_importance_add(prune_importance *importance, const prune_trainer *trainer, size_t samples)
{
    prune_status status = check_pair(importance, trainer);
    if (status != PRUNE_OK)
        return status;
    if (samples == 0)
        return PRUNE_E_SIZE;
    if (trainer->stage != PRN_BACKWARD)
        return PRUNE_E_STATE;
    status = importance->criterion->moves ? add_movement(importance, trainer)
                                          : add_means(importance, trainer, samples);
    if (status != PRUNE_OK)
        return status;
    importance->samples += samples;
    importance->ready = 0;
    return PRUNE_OK;
}

static prune_status add_batch(prune_importance *importance, prune_trainer *trainer, const prn_batch *batch)
{
    float loss;
    prn_trainer_forward(trainer, &batch->inputs, 0);
    prune_status status = prn_trainer_loss(&loss, trainer, &batch->target);
    if (status == PRUNE_OK)
        status = prn_trainer_check(trainer); /* an own loss may have changed the model */
    if (status != PRUNE_OK)
        return status;
    prn_trainer_backward(trainer, prn_importance_wants(importance));
    status = prune_importance_add(importance, trainer, prn_tensor_rows(&batch->inputs));
    trainer->stage = PRN_IDLE; /* these gradients are for nobody to apply */
    return status;
}

prune_status prn_importance_open(const prune_importance *importance, const prune_trainer *trainer,
                                 prune_error *error)
{
    prune_status status = check_model(importance);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "importance",
                             importance == NULL ? "NULL: was it made?"
                                                : "its model has changed since it was made");
    if (importance->given != NULL)
        return prn_error_set(error, PRUNE_E_STATE, "importance", "its scores are supplied: it takes no data");
    status = prn_trainer_open(trainer, error);
    if (status == PRUNE_OK && trainer->model != importance->model)
        return prn_error_set(error, PRUNE_E_STATE, "trainer", "it trains another model than the scored one");
    if (status == PRUNE_OK && !gives_what_it_takes(trainer, importance))
        return prn_error_set(error, PRUNE_E_STATE, "trainer",
                             "the criterion wants another per_sample in the trainer's options");
    return status;
}

static prune_status diverged(prune_error *error)
{
    return prn_error_set(error, PRUNE_E_DIVERGED, "importance",
                         "a loss, a gradient or a score is not finite");
}

/* A batch did. */
static prune_status failed(const prune_trainer *trainer, prune_status status, prune_error *error)
{
    const char *own = prn_trainer_blame(trainer);
    if (own == NULL && status == PRUNE_E_DIVERGED)
        return diverged(error);
    return prn_error_set(error, status, "importance",
                         own != NULL ? own : "the model was changed by a callback");
}

prune_status prn_importance_pool(prune_importance *importance, prune_trainer *trainer, prune_status mine,
                                 prune_error *error)
{
    const prn_pool pool = { importance->gradient, &importance->ones, importance->score,
                            importance->gradient == NULL ? 0 : importance->floats };
    if (trainer->together == NULL)
        return mine;
    importance->ready = pool.count == 0; /* else scores lend their place */
    return trainer->together->pool(trainer, mine, &pool, error);
}

static prune_status gather(prune_importance *importance, prune_trainer *trainer, const prn_data *data,
                           prune_error *error)
{
    prn_batch batch;
    const int32_t fitting = trainer->fitting;
    prune_status status = prn_batch_open(&batch, &trainer->mem, data, trainer->max_batch, 1);
    if (status != PRUNE_OK)
        return prn_trainer_tell(trainer, prn_error_set(error, status, "importance", "no memory for a batch"));
    trainer->fitting = 1; /* so nobody trains the model meanwhile */
    for (size_t first = 0; first < prn_data_samples(data) && status == PRUNE_OK;
         first += trainer->max_batch) {
        status = prn_data_slice(&batch, data, first, trainer->max_batch, error);
        if (status == PRUNE_OK)
            status =
                prn_importance_open(importance, trainer, error); /* who read it may have changed the model */
        if (status == PRUNE_OK && (status = add_batch(importance, trainer, &batch)) != PRUNE_OK)
            status = failed(trainer, status, error);
    }
    status = prn_importance_pool(importance, trainer, status, error);
    if (status == PRUNE_OK && prune_importance_refresh(importance) != PRUNE_OK)
        status = diverged(error);
    trainer->fitting = fitting;
    trainer->stage = PRN_IDLE; /* the data may go now */
    prn_batch_close(&batch);
    if (status != PRUNE_OK)
        (void)prune_importance_reset(importance);
    return status;
}

prune_status prune_importance_accumulate(prune_importance *importance, prune_trainer *trainer,
                                         const prune_data *data, prune_error *error)
{
    prn_data mine;
    prune_status status = prn_importance_open(importance, trainer, error);
    if (status == PRUNE_OK)
        status = prn_data_open(&mine, data, importance->model, &trainer->loss, error);
    if (status != PRUNE_OK)
        return prn_trainer_tell(trainer, status);
    if (importance->gradient != NULL)
        return gather(importance, trainer, &mine, error);
    status = prn_importance_pool(importance, trainer, status, error);
    if (status != PRUNE_OK)
        return status;
    return prune_importance_refresh(importance) == PRUNE_OK ? PRUNE_OK : diverged(error);
}

/* The trainer may end before the importance. */
static prn_regularizer copy_penalty(const prune_importance *importance, const prune_trainer *trainer)
{
    const size_t layers = importance->model->layer_count;
    const int32_t first_taken = importance->penalty.layers == importance->rules;
    prn_layer_rule *rules = importance->rules + (first_taken ? layers : 0);
    memcpy(rules, trainer->rules, layers * sizeof *rules);
    prn_regularizer penalty = prn_trainer_penalty(trainer);
    penalty.layers = rules;
    penalty.proximal = penalty.lasso.proximal = 0; /* however a step treats them, these are the gradients */
    return penalty;
}

prune_status prune_importance_include_penalty(prune_importance *importance, const prune_trainer *trainer,
                                              int32_t include)
{
    prune_status status = check_pair(importance, trainer);
    if (status != PRUNE_OK)
        return status;
    if (importance->criterion->takes != PRN_TAKES_GRADIENTS || importance->criterion->moves)
        return PRUNE_E_STATE;
    const prn_regularizer before = importance->penalty;
    importance->penalty = include ? copy_penalty(importance, trainer) : (prn_regularizer){ 0 };
    if (importance->samples == 0)
        return PRUNE_OK;
    status = prune_importance_refresh(importance);
    if (status != PRUNE_OK) {
        importance->penalty = before;
        (void)prune_importance_refresh(importance);
    }
    return status;
}

static prune_status clear_given(prune_importance *importance)
{
    memset(importance->given, 0, prune_model_param_count(importance->model));
    importance->ready = 0;
    return PRUNE_OK;
}

prune_status prune_importance_reset(prune_importance *importance)
{
    if (importance == NULL)
        return PRUNE_E_ARGUMENT;
    if (importance->given != NULL)
        return clear_given(importance);
    if (importance->gradient == NULL)
        return PRUNE_OK;
    memset(importance->gradient, 0, importance->floats * sizeof *importance->gradient);
    importance->ones = (prn_sum){ 0 };
    importance->samples = 0;
    importance->ready = 0;
    return PRUNE_OK;
}

prune_status prune_importance_set_decay(prune_importance *importance, float decay)
{
    if (importance == NULL)
        return PRUNE_E_ARGUMENT;
    if (importance->gradient == NULL)
        return PRUNE_E_STATE;
    if (!(decay >= 0.0f && decay <= 1.0f))
        return PRUNE_E_RANGE;
    importance->decay = decay;
    return prune_importance_reset(importance);
}

/* ---- scores ---- */

/* Puts the means where the scores will be. */
static void take_means(prune_importance *importance)
{
    prn_averages_means(importance->score, importance->gradient, importance->floats, &importance->ones);
    prn_regularizer_add(&importance->penalty, importance->model, importance->score);
}

prune_status prune_importance_refresh(prune_importance *importance)
{
    const prune_status status = check_model(importance);
    if (status != PRUNE_OK)
        return status;
    if (importance->given != NULL)
        return importance->ready ? PRUNE_OK : PRUNE_E_STATE;
    importance->ready = 0;
    if (importance->gradient != NULL && importance->samples == 0)
        return PRUNE_E_STATE;
    if (importance->gradient != NULL)
        take_means(importance);
    prn_criterion_score(importance->criterion, importance->model, importance->score, importance->signs);
    if (prn_scan_finite(importance->score, importance->floats) != importance->floats)
        return PRUNE_E_NONFINITE;
    importance->ready = 1;
    return PRUNE_OK;
}

uint64_t prune_importance_samples(const prune_importance *importance)
{
    return importance == NULL ? 0 : importance->samples;
}

const float *prune_importance_scores(const prune_importance *importance, size_t index)
{
    if (prn_importance_check(importance) != PRUNE_OK || prn_model_param(importance->model, index) == NULL)
        return NULL;
    return importance->score + prn_model_offset(importance->model, index);
}
