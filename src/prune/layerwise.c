/* layerwise.c -- optimal brain surgeon, layer by layer: what stays makes up for what goes
 *
 * All work is on a clone, whose layers the model takes over at the end.
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/layerwise.h"
#include "calibrate.h"
#include "libprune/fraction.h"
#include "options.h"
#include "removal.h"
#include "supplied.h"
#include "surgery.h"
#include "text.h"

#include <float.h>
#include <limits.h>
#include <string.h>

enum { WEIGHT = 0, BIAS = 1 };

void prune_layerwise_options_init(prune_layerwise_options *options)
{
    if (options != NULL)
        *options = (prune_layerwise_options){
            .size = sizeof *options, .layer = -1, .fraction = 0.5, .damping = 0.01, .block = 128, .bias = 1
        };
}

/* ---- all layers ---- */

/* The options, and what is wrong with them. */
static prune_status read_options(prune_layerwise_options *mine, const prune_layerwise_options *given,
                                 const prune_model *model, prune_error *error)
{
    prune_layerwise_options_init(mine);
    const prune_status status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "options", prn_options_reason(status));
    if (!(mine->fraction >= 0.0 && mine->fraction < 1.0))
        return prn_error_set(error, PRUNE_E_RANGE, "fraction", "from 0 to below 1");
    if (mine->keep > mine->of || (mine->keep == 0) != (mine->of == 0) || mine->of > INT_MAX)
        return prn_error_set(error, PRUNE_E_RANGE, "keep", "keep N of M wants 1 <= N <= M, or both 0");
    if (!(mine->damping >= 0.0 && mine->damping <= DBL_MAX))
        return prn_error_set(error, PRUNE_E_RANGE, "damping", "finite, from 0 on");
    if (mine->block == 0 || mine->block > INT_MAX)
        return prn_error_set(error, PRUNE_E_RANGE, "block", "from 1 on");
    if ((mine->bias | mine->original | mine->one_more) & ~1)
        return prn_error_set(error, PRUNE_E_RANGE, "options", "bias, original and one_more are 0 or 1");
    const int32_t all = mine->layer == -1;
    if (!all && (mine->layer < 0 || (size_t)mine->layer >= model->layer_count ||
                 model->layers[mine->layer]->ops->kind != PRUNE_LAYER_DENSE))
        return prn_error_set(error, PRUNE_E_RANGE, "layer", "there is no such dense layer");
    return PRUNE_OK;
}

static int32_t is_chosen(const prune_layerwise_options *options, const prune_model *model, size_t layer)
{
    return model->layers[layer]->ops->kind == PRUNE_LAYER_DENSE &&
           (options->layer == -1 || (size_t)options->layer == layer);
}

static prn_surgery start(const prune_layerwise_options *options, const prn_calibration *c,
                         const prune_model *model)
{
    return (prn_surgery){ .options = { .fraction = options->fraction,
                                       .damping = options->damping,
                                       .keep = options->keep,
                                       .of = options->of,
                                       .block = options->block,
                                       .bias = options->bias,
                                       .one_more = options->one_more },
                          .linalg = c->linalg,
                          .mem = model->mem };
}

/* The layer by name, and what is wrong with it. */
static prune_status say(prune_error *error, prune_status status, size_t layer)
{
    const ptrdiff_t place[] = { (ptrdiff_t)layer };
    const char *reason = status == PRUNE_E_SINGULAR    ? "its inputs depend on each other: give more damping"
                         : status == PRUNE_E_COLLAPSE  ? "none of its weights would stay"
                         : status == PRUNE_E_NONFINITE ? "a weight would leave float"
                                                       : prune_status_string(status);
    return status == PRUNE_OK ? status : prn_error_format(error, status, "layer %", reason, place);
}

/* Memory, and H^-1 of a layer, of the inputs that `front` gives it. */
static prune_status prepare(prn_surgery *s, prn_calibration *c, const prune_model *model,
                            const prune_model *front, size_t layer, prune_error *error)
{
    const size_t layer_ones[2] = { layer, (size_t)s->options.bias };
    prune_status status = prn_surgery_open(s, model->layers[layer]);
    if (status != PRUNE_OK)
        return say(error, status, layer);
    status = prn_calibration_moments(s->h, c, front, layer_ones, error);
    return status != PRUNE_OK ? status : say(error, prn_surgery_invert(s), layer);
}

/* By groups it is for them to say how many are to be gone. */
static prune_status prune_layer(prn_surgery *s, uint64_t units, size_t layer, prune_error *error)
{
    uint64_t count;
    prune_status status = prune_fraction_count(&count, s->options.fraction, units);
    if (status == PRUNE_OK && s->options.of == 0 && count == units)
        status = PRUNE_E_COLLAPSE;
    if (status == PRUNE_OK)
        status = prn_surgery_operate(s, count);
    return say(error, status, layer);
}

static prune_status prune_layers(prune_model *clone, const prune_model *model, prn_calibration *c,
                                 const prune_layerwise_options *options, prune_error *error)
{
    prune_status status = PRUNE_OK;
    for (size_t l = 0; l < model->layer_count && status == PRUNE_OK; l++) {
        prn_surgery s = start(options, c, model);
        if (!is_chosen(options, model, l))
            continue;
        status = prepare(&s, c, clone, options->original ? model : clone, l, error);
        if (status == PRUNE_OK)
            status = prune_layer(&s, model->layers[l]->params[WEIGHT].count, l, error);
        prn_surgery_close(&s);
    }
    return status;
}

/* Takes over what the clone has, and says what went. */
static void take_over(prune_removal *removal, prune_model *model, const prune_model *clone,
                      const prune_layerwise_options *options)
{
    for (size_t l = 0; l < model->layer_count; l++) {
        if (removal->by_layer != NULL)
            removal->by_layer[l] = 0;
        if (!is_chosen(options, model, l))
            continue;
        for (size_t p = WEIGHT; p <= BIAS; p++) {
            prn_param *mine = &model->layers[l]->params[p];
            const prn_param *theirs = &clone->layers[l]->params[p];
            const uint64_t removed = theirs->removed - mine->removed;
            removal->units += p == WEIGHT ? mine->count : 0;
            removal->kept += p == WEIGHT ? theirs->count - theirs->removed : 0;
            removal->removed += removed;
            if (removal->by_layer != NULL)
                removal->by_layer[l] += removed;
            memcpy(mine->value, theirs->value, mine->count * sizeof *mine->value);
            memcpy(mine->mask, theirs->mask, prn_mask_words(mine->count) * sizeof *mine->mask);
            mine->removed = theirs->removed;
        }
    }
}

prune_status prune_obs_layerwise(prune_removal *removal, prune_model *model, const prune_data *data,
                                 const prune_layerwise_options *options, prune_error *error)
{
    prune_layerwise_options mine;
    prune_removal gone;
    prn_calibration calibration = { 0 };
    prune_model *clone = NULL;
    prune_status status = prn_model_check(model);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "model", model == NULL ? "NULL" : prune_status_string(status));
    status = read_options(&mine, options, model, error);
    if (status == PRUNE_OK)
        status = prn_removal_open(&gone, removal, model, error);
    if (status == PRUNE_OK)
        status = prn_calibration_open(&calibration, model, data, mine.backend, error);
    if (status == PRUNE_OK && (status = prune_model_clone(&clone, &model->mem, model)) != PRUNE_OK)
        (void)prn_error_set(error, status, "model", prune_status_string(status));
    if (status == PRUNE_OK)
        status = prune_layers(clone, model, &calibration, &mine, error);
    if (status == PRUNE_OK) {
        take_over(&gone, model, clone, &mine);
        prn_result_write(removal, &gone);
    }
    prune_model_free(clone);
    prn_calibration_close(&calibration);
    return status;
}

/* ---- as scores ---- */

static void score_layer(float *scores, const prn_surgery *s)
{
    for (size_t o = 0; o < s->outputs; o++)
        for (size_t i = 0; i < s->inputs; i++) {
            const double w = s->w[o * s->n + i];
            scores[o * s->inputs + i] = (float)(w * w / s->h[i * s->n + i]);
        }
}

/* What belongs to the chosen layers; the rest of the table is as write left it. */
static prune_status give_scores(prune_importance *table, const float *scores,
                                const prune_layerwise_options *options)
{
    float *to;
    const prune_model *model = table->model;
    const prune_status status = prn_importance_write(&to, table);
    for (size_t l = 0; l < model->layer_count && status == PRUNE_OK; l++) {
        const size_t first = prn_model_first_param(model, l);
        if (is_chosen(options, model, l))
            memcpy(to + prn_model_offset(model, first), scores + prn_model_offset(model, first),
                   model->layers[l]->params[WEIGHT].count * sizeof *to);
    }
    return status == PRUNE_OK ? prn_importance_written(table) : status;
}

static prune_status score_layers(float *scores, const prune_model *model, prn_calibration *c,
                                 const prune_layerwise_options *options, prune_error *error)
{
    prune_status status = PRUNE_OK;
    for (size_t l = 0; l < model->layer_count && status == PRUNE_OK; l++) {
        prn_surgery s = start(options, c, model);
        if (!is_chosen(options, model, l))
            continue;
        status = prepare(&s, c, model, model, l, error);
        if (status == PRUNE_OK)
            score_layer(scores + prn_model_offset(model, prn_model_first_param(model, l)), &s);
        prn_surgery_close(&s);
    }
    return status;
}

/* Computed beside the table, which is touched when all of it is there. */
static prune_status score_beside(prune_importance *scores, prn_calibration *c,
                                 const prune_layerwise_options *options, prune_error *error)
{
    const prune_model *model = scores->model;
    float *room = prn_mem_alloc(&model->mem, scores->floats, sizeof *room);
    if (room == NULL)
        return prn_error_set(error, PRUNE_E_MEMORY, "scores", "no memory for them");
    prune_status status = score_layers(room, model, c, options, error);
    if (status == PRUNE_OK && (status = give_scores(scores, room, options)) != PRUNE_OK)
        (void)prn_error_set(error, status, "scores", "a score is not finite");
    prn_mem_free(&model->mem, room, scores->floats, sizeof *room);
    return status;
}

prune_status prune_score_layerwise(prune_importance *scores, const prune_data *data,
                                   const prune_layerwise_options *options, prune_error *error)
{
    prune_layerwise_options mine;
    prn_calibration calibration = { 0 };
    prune_status status = prn_importance_is_supplied(scores);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "scores",
                             "NULL, not of PRUNE_SUPPLIED, or its model has changed");
    status = read_options(&mine, options, scores->model, error);
    if (status == PRUNE_OK)
        status = prn_calibration_open(&calibration, scores->model, data, mine.backend, error);
    if (status == PRUNE_OK)
        status = score_beside(scores, &calibration, &mine, error);
    prn_calibration_close(&calibration);
    return status;
}
