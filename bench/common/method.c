/* method.c -- the ways of pruning that tradeoff.c compares, each a few calls of the library
 *
 * SPDX-License-Identifier: MIT */
#include "method.h"

#include <stdlib.h>

enum { SCORE_BATCH = 256, SYNFLOW_ROUNDS = 100 };

static void remove_lowest(const pruning *p, const prune_selection *selection, double fraction)
{
    must(prune_mask_fraction(NULL, p->model, p->scores, selection, fraction, PRUNE_OF_ALL), "mask", NULL);
}

/* ---- one table of scores, one ranking over all layers ---- */

static void by_magnitude(pruning *p, double fraction)
{
    must(prune_importance_refresh(p->scores), "scores", NULL);
    remove_lowest(p, NULL, fraction);
}

static void by_gradients(pruning *p, double fraction)
{
    prune_error error;
    must(prune_importance_reset(p->scores), "scores", NULL);
    must(prune_importance_accumulate(p->scores, p->trainer, &p->sample->data, &error), "scores", &error);
    remove_lowest(p, NULL, fraction);
}

static void by_curvature(pruning *p, double fraction)
{
    prune_error error;
    prune_curvature *curvature;
    must(prune_curvature_create(&curvature, NULL, p->model, PRUNE_HESSIAN_OBD), "curvature", NULL);
    must(prune_curvature_accumulate(curvature, p->trainer, &p->sample->data, &error), "curvature", &error);
    must(prune_score_curvature(p->scores, curvature), "scores", NULL);
    prune_curvature_free(curvature);
    remove_lowest(p, NULL, fraction);
}

static void by_lamp(pruning *p, double fraction)
{
    must(prune_score_lamp(p->scores), "scores", NULL);
    remove_lowest(p, NULL, fraction);
}

/* The same numbers each time: what has gone is the beginning of what goes. */
static void by_chance(pruning *p, double fraction)
{
    must(prune_score_random(p->scores, p->seed), "scores", NULL);
    remove_lowest(p, NULL, fraction);
}

/* ---- in each row by itself ---- */

static void by_wanda(pruning *p, double fraction)
{
    prune_error error;
    prune_activity *activity;
    must(prune_activity_create(&activity, NULL, p->model), "activity", NULL);
    must(prune_activity_add(activity, &p->sample->data, NULL, &error), "activity", &error);
    must(prune_score_wanda(p->scores, activity), "scores", NULL);
    must(prune_mask_rows(NULL, p->model, p->scores, -1, fraction), "mask", NULL);
    prune_activity_free(activity);
}

/* ---- before training ---- */

static void by_snip(pruning *p, double fraction)
{
    prune_error error;
    must(prune_snip(NULL, p->trainer, &p->sample->data, NULL, fraction, &error), "SNIP", &error);
}

static void by_synflow(pruning *p, double fraction)
{
    must(prune_synflow(NULL, p->model, NULL, fraction, SYNFLOW_ROUNDS), "SynFlow", NULL);
}

/* ---- layer-wise OBS ---- */

static double removed_of_layer(const prune_model *model, int32_t layer)
{
    uint64_t weights, kept;
    prune_selection selection;
    prune_selection_init(&selection);
    selection.layer = layer;
    must(prune_mask_units(&weights, &kept, model, &selection), "masks", NULL);
    return (double)(weights - kept) / (double)weights;
}

/* How much of each layer goes is what one ranking of all magnitudes says; which weights, and how the others
 * make up for them, is the surgeon's. */
static void by_surgeon(pruning *p, double fraction)
{
    prune_error error;
    prune_model *shares;
    prune_importance *magnitudes;
    prune_layerwise_options options;
    prune_layerwise_options_init(&options);
    must(prune_model_clone(&shares, NULL, p->model), "model", NULL);
    must(prune_importance_create(&magnitudes, NULL, shares, PRUNE_MAGNITUDE), "scores", NULL);
    must(prune_mask_fraction(NULL, shares, magnitudes, NULL, fraction, PRUNE_OF_ALL), "mask", NULL);
    for (int32_t l = 0; l < (int32_t)prune_model_layer_count(shares); l++) {
        options.layer = l;
        options.fraction = removed_of_layer(shares, l);
        must(prune_obs_layerwise(NULL, p->model, &p->sample->data, &options, &error), "OBS", &error);
    }
    prune_importance_free(magnitudes);
    prune_model_free(shares);
}

/* ---- neurons ---- */

/* Each weight of a layer gets the score of its neuron. */
static void score_neurons(pruning *p, const prune_importance *weights, size_t param)
{
    prune_param_info info;
    prune_param_info_init(&info);
    must(prune_model_param_info(&info, p->model, param), "model", NULL);
    if (!info.prunable)
        return;
    const size_t count = (size_t)info.count, rows = info.shape.dims[0];
    float *scores = calloc(count + rows, sizeof *scores), *neurons = scores == NULL ? NULL : scores + count;
    must(scores == NULL ? PRUNE_E_MEMORY : PRUNE_OK, "scores", NULL);
    must(prune_importance_joint(neurons, rows, weights, info.layer, PRUNE_ROW_L1, 1), "scores", NULL);
    for (size_t i = 0; i < count; i++)
        scores[i] = neurons[i / (count / rows)];
    must(prune_importance_set_scores(p->scores, param, scores, count), "scores", NULL);
    free(scores);
}

/* By the squares of a neuron's row, bias and outgoing column, over the mean of its layer. */
static void by_neurons(pruning *p, double fraction)
{
    prune_importance *weights;
    prune_selection selection;
    prune_selection_init(&selection);
    selection.granularity = PRUNE_NEURONS;
    selection.aggregate = PRUNE_ROW_MAX;
    must(prune_importance_create(&weights, NULL, p->model, PRUNE_MAGNITUDE_SQUARED), "scores", NULL);
    for (size_t param = 0; param < prune_model_param_count(p->model); param++)
        score_neurons(p, weights, param);
    remove_lowest(p, &selection, fraction);
    prune_importance_free(weights);
}

/* ---- all ---- */

static const method methods[] = {
    { .name = "magnitude", .criterion = PRUNE_MAGNITUDE, .remove = by_magnitude },
    { .name = "gradient", .criterion = PRUNE_GRADIENT, .remove = by_gradients },
    { .name = "taylor", .criterion = PRUNE_TAYLOR, .remove = by_gradients },
    { .name = "fisher",
      .criterion = PRUNE_FISHER,
      .per_sample = PRUNE_PER_SAMPLE_SQUARE,
      .remove = by_gradients },
    { .name = "obd", .criterion = PRUNE_SUPPLIED, .remove = by_curvature },
    { .name = "obs-layerwise", .criterion = PRUNE_SUPPLIED, .remove = by_surgeon },
    { .name = "wanda", .criterion = PRUNE_SUPPLIED, .rows = 1, .remove = by_wanda },
    { .name = "lamp", .criterion = PRUNE_SUPPLIED, .remove = by_lamp },
    { .name = "random", .criterion = PRUNE_SUPPLIED, .remove = by_chance },
    { .name = "snip", .criterion = PRUNE_SUPPLIED, .untrained = 1, .remove = by_snip },
    { .name = "synflow", .criterion = PRUNE_SUPPLIED, .untrained = 1, .remove = by_synflow },
    { .name = "neurons", .criterion = PRUNE_SUPPLIED, .neurons = 1, .remove = by_neurons },
    { .name = NULL },
};

const method *method_list(void)
{
    return methods;
}

void pruning_start(pruning *p, const method *m, prune_model *model, const dataset *sample, uint64_t seed)
{
    prune_trainer_options options;
    prune_trainer_options_init(&options);
    options.max_batch = SCORE_BATCH;
    options.per_sample = m->per_sample;
    *p = (pruning){ .method = m, .model = model, .sample = sample, .seed = seed };
    must(prune_importance_create(&p->scores, NULL, model, m->criterion), "scores", NULL);
    must(prune_trainer_create(&p->trainer, NULL, model, &options, NULL), "trainer", NULL);
}

void pruning_end(pruning *p)
{
    prune_importance_free(p->scores);
    prune_trainer_free(p->trainer);
}

void pruning_remove(void *user, double fraction)
{
    pruning *p = user;
    p->method->remove(p, fraction);
}
