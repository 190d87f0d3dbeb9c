/* importance.c -- how much each weight, and each neuron, matters
 *
 * SPDX-License-Identifier: MIT */
#include "importance.h"
#include "data.h"
#include "libprune/fmath.h"
#include "text.h"
#include "trainer.h"

#include <float.h>
#include <string.h>

static float magnitude(float x)
{
    return x < 0.0f ? -x : x;
}

/* Each gives a score from the weight and m, which is a mean over samples of what the criterion `takes`. */
static float score_magnitude(float w, float m)
{
    (void)m;
    return magnitude(w);
}

static float score_magnitude_squared(float w, float m)
{
    (void)m;
    return w * w;
}

static float score_gradient(float w, float m)
{
    (void)w;
    return magnitude(m);
}

static float score_gradient_squared(float w, float m)
{
    (void)w;
    return m * m;
}

static float score_taylor(float w, float m)
{
    return magnitude(w * m);
}

static float score_taylor_squared(float w, float m)
{
    return w * m * (w * m);
}

static float score_fisher(float w, float m)
{
    return w * w * m;
}

enum { TAKES_NOTHING, TAKES_GRADIENTS, TAKES_ABSOLUTES, TAKES_SQUARES };

static const struct criterion_ops {
    float (*score)(float w, float m);
    int32_t takes;
} table[] = {
    [PRUNE_MAGNITUDE] = { score_magnitude, TAKES_NOTHING },
    [PRUNE_GRADIENT] = { score_gradient, TAKES_GRADIENTS },
    [PRUNE_TAYLOR] = { score_taylor, TAKES_GRADIENTS },
    [PRUNE_MAGNITUDE_SQUARED] = { score_magnitude_squared, TAKES_NOTHING },
    [PRUNE_GRADIENT_SQUARED] = { score_gradient_squared, TAKES_GRADIENTS },
    [PRUNE_TAYLOR_SQUARED] = { score_taylor_squared, TAKES_GRADIENTS },
    [PRUNE_SAMPLE_GRADIENT] = { score_gradient, TAKES_ABSOLUTES },
    [PRUNE_FISHER] = { score_fisher, TAKES_SQUARES },
};

/* ---- making and ending ---- */

typedef struct parts {
    size_t bytes;
    size_t gradient, score, cuts, rules, neuron, neuron_mask; /* offsets */
} parts;

static prune_status lay_out(parts *out, const prune_model *model, int32_t criterion)
{
    const prune_status status = prn_model_check(model);
    if (status != PRUNE_OK)
        return status;
    if (criterion < PRUNE_MAGNITUDE || criterion > PRUNE_FISHER)
        return PRUNE_E_ARGUMENT;
    const size_t floats = prn_model_floats(model);
    prn_layout layout = { 0 };
    prn_layout_add(&layout, 1, sizeof(prune_importance));
    out->score = prn_layout_add(&layout, floats, sizeof(float));
    out->cuts = prn_layout_add(&layout, model->layer_count, sizeof(prn_cut));
    out->rules = prn_layout_add(&layout, model->layer_count, 2 * sizeof(prn_layer_rule));
    size_t neurons = 0, words = 0;
    for (size_t l = 0; l < model->layer_count; l++) {
        const size_t units = model->layers[l]->ops->units(model->layers[l]);
        neurons += units;
        words += prn_mask_words(units);
    }
    out->neuron = prn_layout_add(&layout, neurons, sizeof(float));
    out->neuron_mask = prn_layout_add(&layout, words, sizeof(uint32_t));
    out->gradient = table[criterion].takes ? prn_layout_add(&layout, floats, sizeof(prn_sum)) : 0;
    out->bytes = layout.bytes;
    return layout.overflow ? PRUNE_E_OVERFLOW : PRUNE_OK;
}

prune_status prune_importance_bytes(size_t *bytes, const prune_model *model, int32_t criterion)
{
    parts plan;
    if (bytes == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = lay_out(&plan, model, criterion);
    if (status == PRUNE_OK)
        *bytes = plan.bytes;
    return status;
}

static prune_importance *build(const prune_allocator *mem, const prune_model *model, int32_t criterion,
                               const parts *plan)
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
                                      .floats = prn_model_floats(model) };
    importance->score = (float *)(void *)(block + plan->score);
    importance->cuts = (prn_cut *)(void *)(block + plan->cuts);
    importance->rules = (prn_layer_rule *)(void *)(block + plan->rules);
    importance->neuron = (float *)(void *)(block + plan->neuron);
    importance->neuron_mask = (uint32_t *)(void *)(block + plan->neuron_mask);
    if (plan->gradient != 0)
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
    prune_status status = lay_out(&plan, model, criterion);
    if (status == PRUNE_OK)
        status = prn_mem_choose(&own, mem);
    if (status != PRUNE_OK)
        return status;
    prune_importance *importance = build(&own, model, criterion, &plan);
    if (importance == NULL)
        return PRUNE_E_MEMORY;
    if (!table[criterion].takes)
        status = prune_importance_refresh(importance);
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
    const int32_t takes = table[importance->criterion].takes;
    return (takes != TAKES_ABSOLUTES || trainer->per_sample == PRUNE_PER_SAMPLE_ABSOLUTE) &&
           (takes != TAKES_SQUARES || trainer->per_sample == PRUNE_PER_SAMPLE_SQUARE);
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

static void add_scaled(prn_sum *sums, const float *values, size_t count, float scale)
{
    for (size_t i = 0; i < count; i++)
        prn_sum_add(&sums[i], scale * values[i]);
}

/* What is added for a batch of B samples. Gradients are means over the batch, and so what a sample puts in is
 * 1/B of its own gradient. */
static const float *batch_values(float *scale, const prune_importance *importance,
                                 const prune_trainer *trainer, size_t samples)
{
    const int32_t takes = table[importance->criterion].takes;
    *scale = takes == TAKES_SQUARES ? (float)samples * (float)samples : (float)samples;
    return takes == TAKES_GRADIENTS ? trainer->gradient : trainer->samples;
}

prune_status prune_importance_add(prune_importance *importance, const prune_trainer *trainer, size_t samples)
{
    const prune_status status = check_pair(importance, trainer);
    if (status != PRUNE_OK)
        return status;
    if (samples == 0)
        return PRUNE_E_SIZE;
    if (trainer->stage != PRN_BACKWARD)
        return PRUNE_E_STATE;
    float scale;
    const float *values = batch_values(&scale, importance, trainer, samples);
    if (prn_scan_finite(values, trainer->floats) != trainer->floats)
        return PRUNE_E_DIVERGED;
    add_scaled(importance->gradient, values, importance->floats, scale);
    importance->samples += samples;
    importance->ready = 0;
    return PRUNE_OK;
}

static prune_status add_batch(prune_importance *importance, prune_trainer *trainer, const prn_batch *batch)
{
    float loss;
    prn_trainer_forward(trainer, &batch->inputs);
    prune_status status = prn_trainer_loss(&loss, trainer, &batch->targets);
    if (status == PRUNE_OK)
        status = prune_trainer_backward(trainer, NULL);
    return status != PRUNE_OK ? status
                              : prune_importance_add(importance, trainer, prn_tensor_rows(&batch->inputs));
}

static prune_status open_pair(const prune_importance *importance, const prune_trainer *trainer,
                              prune_error *error)
{
    prune_status status = check_model(importance);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "importance",
                             importance == NULL ? "NULL: was it made?"
                                                : "its model has changed since it was made");
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

static prune_status gather(prune_importance *importance, prune_trainer *trainer, const prn_data *data,
                           prune_error *error)
{
    prn_batch batch;
    const int32_t fitting = trainer->fitting;
    prune_status status = prn_batch_open(&batch, &trainer->mem, data, trainer->max_batch, 1);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "importance", "no memory for a batch");
    trainer->fitting = 1; /* so nobody trains the model meanwhile */
    for (size_t first = 0; first < prn_data_samples(data) && status == PRUNE_OK;
         first += trainer->max_batch) {
        status = prn_data_slice(&batch, data, first, trainer->max_batch, error);
        if (status == PRUNE_OK)
            status = open_pair(importance, trainer, error); /* who read it may have changed the model */
        if (status == PRUNE_OK && add_batch(importance, trainer, &batch) != PRUNE_OK)
            status = diverged(error);
    }
    if (status == PRUNE_OK && prune_importance_refresh(importance) != PRUNE_OK)
        status = diverged(error);
    trainer->fitting = fitting;
    trainer->stage = PRN_IDLE; /* these gradients are for nobody to apply, and the data may go now */
    prn_batch_close(&batch);
    if (status != PRUNE_OK)
        (void)prune_importance_reset(importance);
    return status;
}

prune_status prune_importance_accumulate(prune_importance *importance, prune_trainer *trainer,
                                         const prune_data *data, prune_error *error)
{
    prn_data mine;
    prune_status status = open_pair(importance, trainer, error);
    if (status == PRUNE_OK)
        status = prn_data_open(&mine, data, importance->model, trainer->loss, error);
    if (status != PRUNE_OK)
        return status;
    if (importance->gradient != NULL)
        return gather(importance, trainer, &mine, error);
    return prune_importance_refresh(importance) == PRUNE_OK ? PRUNE_OK : diverged(error);
}

/* The trainer may end before the importance. */
static prn_regularizer copy_penalty(const prune_importance *importance, const prune_trainer *trainer)
{
    const size_t layers = importance->model->layer_count;
    const int32_t first_taken = importance->penalty.layers == importance->rules;
    prn_layer_rule *rules = importance->rules + (first_taken ? layers : 0);
    memcpy(rules, trainer->rules, layers * sizeof *rules);
    prn_regularizer penalty = trainer->regularizer;
    penalty.layers = rules;
    penalty.proximal = 0; /* however a step treats the l1 term, this is its gradient */
    return penalty;
}

prune_status prune_importance_include_penalty(prune_importance *importance, const prune_trainer *trainer,
                                              int32_t include)
{
    prune_status status = check_pair(importance, trainer);
    if (status != PRUNE_OK)
        return status;
    if (table[importance->criterion].takes != TAKES_GRADIENTS)
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

prune_status prune_importance_reset(prune_importance *importance)
{
    if (importance == NULL)
        return PRUNE_E_ARGUMENT;
    if (importance->gradient == NULL)
        return PRUNE_OK;
    memset(importance->gradient, 0, importance->floats * sizeof *importance->gradient);
    importance->samples = 0;
    importance->ready = 0;
    return PRUNE_OK;
}

/* ---- scores ---- */

/* Puts the mean gradients where the scores will be. */
static void mean_gradients(prune_importance *importance)
{
    const float samples = (float)importance->samples;
    for (size_t i = 0; i < importance->floats; i++)
        importance->score[i] = (importance->gradient[i].sum + importance->gradient[i].carry) / samples;
    prn_regularizer_add(&importance->penalty, importance->model, importance->score);
}

static void score_param(int32_t criterion, float *score, const prn_param *param)
{
    for (size_t i = 0; i < param->count; i++)
        score[i] = table[criterion].score(param->value[i], score[i]);
}

prune_status prune_importance_refresh(prune_importance *importance)
{
    const prune_status status = check_model(importance);
    if (status != PRUNE_OK)
        return status;
    importance->ready = 0;
    if (importance->gradient != NULL && importance->samples == 0)
        return PRUNE_E_STATE;
    if (importance->gradient != NULL)
        mean_gradients(importance);
    float *score = importance->score;
    prn_walk w = { .model = importance->model };
    for (const prn_param *param = prn_walk_next(&w); param != NULL; param = prn_walk_next(&w)) {
        score_param(importance->criterion, score, param);
        score += param->count;
    }
    if (prn_scan_finite(importance->score, importance->floats) != importance->floats)
        return PRUNE_E_NONFINITE;
    importance->ready = 1;
    return PRUNE_OK;
}

uint64_t prune_importance_samples(const prune_importance *importance)
{
    return importance == NULL ? 0 : importance->samples;
}

/* The scores of a parameter that exists. */
static const float *scores_of(const prune_importance *importance, size_t index)
{
    return importance->score + prn_model_offset(importance->model, index);
}

const float *prune_importance_scores(const prune_importance *importance, size_t index)
{
    if (prn_importance_check(importance) != PRUNE_OK || prn_model_param(importance->model, index) == NULL)
        return NULL;
    return scores_of(importance, index);
}

/* What is gathered over the scores of a row. */
typedef struct row_fold {
    float most, scale;
    int32_t squares;
    prn_sum sum;
} row_fold;

static void take_largest(row_fold *fold, float score)
{
    fold->most = score > fold->most ? score : fold->most;
}

static void take_sum(row_fold *fold, float score)
{
    const float scaled = fold->scale * score;
    prn_sum_add(&fold->sum, fold->squares ? scaled * scaled : scaled);
}

static void fold_row(row_fold *fold, void (*take)(row_fold *fold, float score), const prn_layer *layer,
                     const float *layer_score, size_t u)
{
    prn_slice slices[PRN_UNIT_SLICES];
    const size_t count = layer->ops->unit_slices(layer, u, slices);
    for (size_t s = 0; s < count; s++) {
        const prn_slice *slice = &slices[s];
        const prn_param *param = &layer->params[slice->param];
        const float *score = layer_score;
        for (size_t p = 0; p < slice->param; p++)
            score += layer->params[p].count;
        for (size_t i = 0, e = slice->start; param->prunable && i < slice->count; i++, e += slice->stride)
            if (prn_mask_test(param->mask, e))
                take(fold, score[e]);
    }
}

/* A power of two that keeps the sum of up to 2^31 squares within float, neither 0 nor infinite. */
static float scale_for(float most)
{
    return most > 0x1p40f ? 0x1p-90f : most < 0x1p-50f ? 0x1p95f : 1.0f;
}

float prn_importance_neuron(const prn_layer *layer, const float *layer_score, size_t u, int32_t aggregate)
{
    row_fold fold = { .squares = aggregate == PRUNE_ROW_L2 };
    fold_row(&fold, take_largest, layer, layer_score, u);
    if (aggregate == PRUNE_ROW_MAX)
        return fold.most;
    fold.scale = scale_for(fold.most);
    fold_row(&fold, take_sum, layer, layer_score, u);
    const float total = fold.sum.sum + fold.sum.carry;
    const float score = (fold.squares ? prune_sqrtf(total) : total) / fold.scale;
    return score < FLT_MAX ? score : FLT_MAX;
}

prune_status prune_importance_neurons(float *scores, size_t capacity, const prune_importance *importance,
                                      size_t layer, int32_t aggregate)
{
    const prune_status status = prn_importance_check(importance);
    if (status != PRUNE_OK)
        return status;
    if (scores == NULL || aggregate < PRUNE_ROW_MAX || aggregate > PRUNE_ROW_L2)
        return PRUNE_E_ARGUMENT;
    if (layer >= importance->model->layer_count)
        return PRUNE_E_RANGE;
    const prn_layer *rows = importance->model->layers[layer];
    if (capacity < rows->ops->units(rows))
        return PRUNE_E_SHAPE;
    const float *score = scores_of(importance, prn_model_first_param(importance->model, layer));
    for (size_t u = 0; u < rows->ops->units(rows); u++)
        scores[u] = prn_importance_neuron(rows, score, u, aggregate);
    return PRUNE_OK;
}
