/* budget_test.c -- the largest pruning that holds is found, and given only if other data confirm it
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { INPUTS = 12, HIDDEN = 20, CLASSES = 4, WEIGHTS = INPUTS * HIDDEN + HIDDEN * CLASSES, LOG = 64 };

static const size_t widths[] = { INPUTS, HIDDEN, CLASSES };

typedef struct world {
    world_data train, validation, confirmation;
    prune_model *model;
    uint64_t dense;
    prune_validation metric;
    prune_metric own;
    prune_budget_options options;
    prune_budget_result result;
    prune_trial log[LOG];
    prune_error error;
    /* What the metric of weights goes by: below this many it is worse than it may be; also where `hole`
     * lie. */
    uint64_t least, hole_from, hole_to;
    size_t measured, trials;
    uint64_t stop_at;
} world;

static uint64_t kept_weights(const prune_model *model)
{
    uint64_t units, kept;
    ck_assert_ok(prune_mask_units(&units, &kept, model, NULL));
    return kept;
}

/* A metric of the weights left alone, so that it is known what must be found. */
static prune_status count_weights(void *user, double *value, const prune_tensor *outputs,
                                  const prune_tensor *targets)
{
    world *w = user;
    const uint64_t kept = kept_weights(w->model);
    const int32_t in_hole = kept >= w->hole_from && kept < w->hole_to;
    ck_assert(outputs != NULL && targets != NULL);
    w->measured++;
    *value = kept >= w->least && !in_hole ? 0.75 : 0.5;
    return PRUNE_OK;
}

static void open_world(world *w, const prune_allocator *mem)
{
    memset(w, 0, sizeof *w);
    world_data_make(&w->train, 60, INPUTS, CLASSES, 1);
    world_data_make(&w->validation, 80, INPUTS, CLASSES, 2);
    world_data_make(&w->confirmation, 300, INPUTS, CLASSES, 3);
    w->model = world_model(mem, widths, 2, PRUNE_TANH, 7);
    w->dense = world_hash(w->model);
    w->own = (prune_metric){ count_weights, w, 1 };
    prune_validation_init(&w->metric);
    w->metric.metric = PRUNE_METRIC_OWN;
    w->metric.own = &w->own;
    w->metric.tolerance = 0.1;
    prune_budget_options_init(&w->options);
    w->options.metric = &w->metric;
    w->options.validation = &w->validation.labelled;
    w->options.confirmation = &w->confirmation.labelled;
    w->options.max_trials = LOG;
    w->options.search_share = 1.0;
    prune_budget_result_init(&w->result);
    w->result.log = w->log;
    w->result.capacity = LOG;
}

static void close_world(world *w)
{
    world_data_end(&w->train);
    world_data_end(&w->validation);
    world_data_end(&w->confirmation);
    prune_model_free(w->model);
}

static prune_status search(world *w)
{
    return prune_budget(&w->result, w->model, &w->train.labelled, &w->options, &w->error);
}

/* With any limit, what is found keeps it, and a step of the resolution more would not. */
START_TEST(the_largest_that_holds_is_found)
{
    static const double resolutions[] = { 1e-9, 0.05 };
    for (size_t r = 0; r < 2; r++)
        for (uint64_t least = 1; least < WEIGHTS; least += 77) {
            world w;
            open_world(&w, NULL);
            w.least = least;
            w.options.resolution = resolutions[r];
            const prune_status status = search(&w);
            const uint64_t kept = kept_weights(w.model);
            if ((double)least * (1.0 + resolutions[r]) >=
                WEIGHTS) { /* the dense model is as near as wanted */
                close_world(&w);
                continue;
            }
            ck_assert_ok(status);
            ck_assert_int_eq(w.result.confirmed, 1);
            ck_assert_uint_eq(w.result.units, WEIGHTS);
            ck_assert_uint_eq(w.result.best.kept, kept);
            ck_assert_uint_ge(kept, least);
            ck_assert((double)kept <= (double)least * (1.0 + resolutions[r]) + 2.0);
            ck_assert(w.result.reference == 0.75 && w.result.comparison.worse == 0.0);
            for (uint64_t i = 0; i < w.result.trials; i++) {
                ck_assert_int_eq(w.log[i].held, w.log[i].status == PRUNE_OK && w.log[i].kept >= least);
                ck_assert(!w.log[i].held || w.log[i].kept >= kept);
                ck_assert(w.log[i].held || w.log[i].kept < kept);
            }
            ck_assert_ok(prune_model_verify(w.model, NULL));
            close_world(&w);
        }
}
END_TEST

/* What goes is what prune_mask_fraction() takes of the dense model. */
START_TEST(without_fine_tuning_it_is_the_mask_of_that_fraction)
{
    world w;
    open_world(&w, NULL);
    w.least = 100;
    ck_assert_ok(search(&w));
    prune_model *by_hand = world_model(NULL, widths, 2, PRUNE_TANH, 7);
    prune_importance *scores;
    ck_assert_ok(prune_importance_create(&scores, NULL, by_hand, PRUNE_MAGNITUDE));
    ck_assert_ok(prune_mask_fraction(NULL, by_hand, scores, NULL, w.result.best.fraction, PRUNE_OF_ALL));
    ck_assert(world_same_models(w.model, by_hand));
    prune_importance_free(scores);
    prune_model_free(by_hand);
    close_world(&w);
}
END_TEST

/* The metric falls and rises again: what comes back was measured, and held. */
START_TEST(a_metric_with_holes_still_gives_one_that_holds)
{
    for (uint64_t from = 20; from < 280; from += 60) {
        world w;
        open_world(&w, NULL);
        w.least = 15;
        w.hole_from = from;
        w.hole_to = from + 40;
        const prune_status status = search(&w);
        if (status == PRUNE_OK) {
            ck_assert(w.result.best.held && w.result.best.value == 0.75);
            ck_assert_uint_eq(kept_weights(w.model), w.result.best.kept);
        } else {
            ck_assert_int_eq(status, PRUNE_E_UNCONFIRMED);
            ck_assert(world_hash(w.model) == w.dense);
        }
        close_world(&w);
    }
}
END_TEST

START_TEST(nothing_holds_leaves_the_dense_model)
{
    world w;
    open_world(&w, NULL);
    w.least = WEIGHTS;
    ck_assert_status(search(&w), PRUNE_E_UNCONFIRMED);
    ck_assert_str_eq(w.error.place, "options.validation");
    ck_assert_int_eq(w.result.confirmed, 0);
    ck_assert_int_eq(w.result.best.held, 0);
    ck_assert_uint_gt(w.result.trials, 3);
    ck_assert(world_hash(w.model) == w.dense);
    close_world(&w);
}
END_TEST

/* Labels that the dense model gives: it is always right. A handful of them says little about a pruned one,
 * and on many others it is seen to be wrong. */
static void label_by(world_data *data, const prune_model *model)
{
    prune_workspace *workspace;
    prune_tensor *outputs;
    float h[CLASSES * 300];
    ck_assert_ok(prune_workspace_create(&workspace, NULL, model, 64, NULL));
    ck_assert_ok(prune_tensor_matrix(&outputs, NULL, PRUNE_F32, data->samples, CLASSES, h));
    ck_assert_ok(prune_predict(outputs, model, workspace, data->x_tensor));
    for (size_t i = 0; i < data->samples; i++) {
        data->label[i] = 0;
        for (int32_t c = 1; c < CLASSES; c++)
            if (h[i * CLASSES + (size_t)c] > h[i * CLASSES + (size_t)data->label[i]])
                data->label[i] = c;
    }
    prune_tensor_free(outputs);
    prune_workspace_free(workspace);
}

START_TEST(what_other_data_do_not_confirm_is_taken_back)
{
    world w;
    open_world(&w, NULL);
    world_data few;
    world_data_make(&few, 3, INPUTS, CLASSES, 5);
    label_by(&few, w.model);
    label_by(&w.confirmation, w.model);
    prune_validation_init(&w.metric);
    w.metric.tolerance = 0.02;
    w.options.validation = &few.labelled;
    ck_assert_status(search(&w), PRUNE_E_UNCONFIRMED);
    ck_assert_str_eq(w.error.place, "options.confirmation");
    ck_assert_int_eq(w.result.confirmed, 0);
    ck_assert_int_eq(w.result.best.held, 1);
    ck_assert(w.result.comparison.high > 0.02);
    ck_assert(w.result.comparison.first == 1.0);
    ck_assert(world_hash(w.model) == w.dense);
    /* The same with a tolerance that allows all of it. */
    w.metric.tolerance = 0.99;
    ck_assert_ok(search(&w));
    ck_assert_int_eq(w.result.confirmed, 1);
    ck_assert(w.result.comparison.high <= 0.99);
    world_data_end(&few);
    close_world(&w);
}
END_TEST

/* All of the tolerance used up by the search is more than other data confirm; a part of it they do, who have
 * all of it. */
START_TEST(what_the_search_leaves_is_for_the_confirmation)
{
    static const double shares[] = { 1.0, 0.15 };
    const double tolerance = 0.2;
    world w;
    open_world(&w, NULL);
    label_by(&w.validation, w.model);
    label_by(&w.confirmation, w.model);
    prune_validation_init(&w.metric);
    w.metric.tolerance = tolerance;
    for (size_t i = 0; i < 2; i++) {
        w.options.search_share = shares[i];
        const prune_status status = search(&w);
        ck_assert_status(status, i == 0 ? PRUNE_E_UNCONFIRMED : PRUNE_OK);
        for (uint64_t t = 0; t < w.result.trials; t++)
            ck_assert_int_eq(w.log[t].held, w.log[t].value >= 1.0 - shares[i] * tolerance - 1e-9);
        ck_assert(w.result.comparison.high > shares[i] * tolerance);
        ck_assert_int_eq(w.result.confirmed, w.result.comparison.high <= tolerance);
        prune_model_free(w.model);
        w.model = world_model(NULL, widths, 2, PRUNE_TANH, 7);
    }
    close_world(&w);
}
END_TEST

/* Fine-tuned trials are functions of data and options alone: the winner comes again by hand. */
START_TEST(fine_tuning_and_scores_from_data)
{
    for (int32_t criterion = PRUNE_MAGNITUDE; criterion <= PRUNE_TAYLOR; criterion++) {
        world w;
        prune_trainer_options training = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
        prune_fit_options fit;
        prune_importance *scores;
        prune_trainer *trainer;
        open_world(&w, NULL);
        prune_fit_options_init(&fit);
        fit.epochs = 3;
        training.max_batch = 16;
        w.least = 60;
        w.options.criterion = criterion;
        w.options.training = &training;
        w.options.fine_tune = &fit;
        ck_assert_ok(search(&w));
        prune_model *by_hand = world_model(NULL, widths, 2, PRUNE_TANH, 7);
        ck_assert_ok(prune_importance_create(&scores, NULL, by_hand, criterion));
        ck_assert_ok(prune_trainer_create(&trainer, NULL, by_hand, &training, NULL));
        ck_assert_ok(prune_importance_accumulate(scores, trainer, &w.train.labelled, NULL));
        ck_assert_ok(prune_mask_fraction(NULL, by_hand, scores, NULL, w.result.best.fraction, PRUNE_OF_ALL));
        prune_trainer_free(trainer);
        ck_assert_ok(prune_fit(NULL, by_hand, &w.train.labelled, &training, &fit, NULL));
        ck_assert(world_same_models(w.model, by_hand));
        prune_importance_free(scores);
        prune_model_free(by_hand);
        close_world(&w);
    }
}
END_TEST

/* Each trial goes on from the last one that held: what that had removed stays removed. */
static int32_t watch(void *user, const prune_trial *trial)
{
    world *w = user;
    ck_assert_uint_eq(trial->kept, kept_weights(w->model));
    w->trials++;
    return w->stop_at != 0 && w->trials >= w->stop_at;
}

START_TEST(cumulative_trials_and_stopping)
{
    world w;
    open_world(&w, NULL);
    w.least = 30;
    w.options.cumulative = 1;
    w.options.progress = watch;
    w.options.user = &w;
    ck_assert_ok(search(&w));
    ck_assert_uint_eq(w.trials, w.result.trials);
    ck_assert_uint_ge(kept_weights(w.model), 30);
    ck_assert_uint_le(kept_weights(w.model), 34);
    prune_model_free(w.model);
    w.model = world_model(NULL, widths, 2, PRUNE_TANH, 7);
    w.trials = 0;
    w.stop_at = 2;
    ck_assert_ok(search(&w));
    ck_assert_uint_eq(w.result.trials, 2);
    ck_assert_uint_eq(kept_weights(w.model), WEIGHTS / 4);
    close_world(&w);
}
END_TEST

static prune_status last_first(void *user, prune_importance *scores, prune_model *model)
{
    prune_status *status = user;
    float values[WEIGHTS];
    for (size_t i = 0; i < WEIGHTS; i++)
        values[i] = -(float)i;
    for (size_t p = 0; p < 4; p += 2)
        ck_assert_ok(prune_importance_set_scores(scores, p, values, world_count(model, p)));
    return *status;
}

START_TEST(own_scores)
{
    world w;
    prune_status status = PRUNE_OK;
    uint8_t mask[INPUTS * HIDDEN];
    prune_selection first;
    open_world(&w, NULL);
    prune_selection_init(&first);
    first.layer = 0;
    w.options.selection = &first;
    w.options.score = last_first;
    w.options.score_user = &status;
    w.least = HIDDEN * CLASSES + 100;
    ck_assert_ok(search(&w));
    ck_assert_ok(prune_mask_get(mask, sizeof mask, w.model, 0));
    for (size_t i = 0; i < sizeof mask; i++)
        ck_assert_uint_eq(mask[i], i < w.result.best.kept);
    prune_model_free(w.model);
    w.model = world_model(NULL, widths, 2, PRUNE_TANH, 7);
    status = PRUNE_E_IO;
    ck_assert_status(search(&w), PRUNE_E_IO);
    ck_assert(world_hash(w.model) == w.dense);
    close_world(&w);
}
END_TEST

/* A floor that most fractions run into is a limit of the search, not a failure. */
START_TEST(floors_are_limits)
{
    world w;
    prune_selection floors;
    open_world(&w, NULL);
    prune_selection_init(&floors);
    floors.scope = PRUNE_PER_LAYER;
    floors.min_kept = 50;
    w.options.selection = &floors;
    ck_assert_ok(search(&w));
    ck_assert_uint_ge(kept_weights(w.model), 148 + 50); /* 50 of 80, and as large a part of 240, rounded */
    ck_assert_uint_le(kept_weights(w.model), 212);
    for (uint64_t i = 0; i < w.result.trials; i++)
        ck_assert(w.log[i].held || (w.log[i].status == PRUNE_E_COLLAPSE && isnan(w.log[i].value)));
    close_world(&w);
}
END_TEST

START_TEST(neurons_too)
{
    world w;
    prune_selection neurons;
    open_world(&w, NULL);
    prune_selection_init(&neurons);
    neurons.granularity = PRUNE_NEURONS;
    w.options.selection = &neurons;
    w.options.resolution = 1e-9;
    w.least = HIDDEN * CLASSES + 7 * INPUTS;
    ck_assert_ok(search(&w));
    ck_assert_uint_eq(w.result.best.kept, 7);
    ck_assert_uint_eq(w.result.units, HIDDEN);
    close_world(&w);
}
END_TEST

START_TEST(arguments_are_checked)
{
    world w;
    open_world(&w, NULL);
    const prune_budget_options good = w.options;
    const prune_budget_result untouched = w.result;
#define REFUSED(change, status)                                \
    w.options = good;                                          \
    change;                                                    \
    ck_assert_status(search(&w), status);                      \
    ck_assert_mem_eq(&w.result, &untouched, sizeof untouched); \
    ck_assert(world_hash(w.model) == w.dense)
    REFUSED(w.options.validation = NULL, PRUNE_E_ARGUMENT);
    REFUSED(w.options.confirmation = NULL, PRUNE_E_ARGUMENT);
    REFUSED(w.options.confirmation = w.options.validation, PRUNE_E_ARGUMENT);
    const prune_data copy = *w.options.validation;
    REFUSED(w.options.confirmation = &copy, PRUNE_E_ARGUMENT);
    ck_assert_str_eq(w.error.place, "options.confirmation");
    REFUSED(w.options.cumulative = 2, PRUNE_E_ARGUMENT);
    REFUSED(w.options.criterion = PRUNE_SUPPLIED, PRUNE_E_ARGUMENT);
    ck_assert_str_eq(w.error.place, "options.score");
    REFUSED(w.options.criterion = PRUNE_MOVEMENT, PRUNE_E_ARGUMENT);
    REFUSED(w.options.resolution = 0.0, PRUNE_E_RANGE);
    REFUSED(w.options.resolution = (double)NAN, PRUNE_E_RANGE);
    REFUSED(w.options.max_trials = 0, PRUNE_E_RANGE);
    REFUSED(w.options.confidence = 0.5, PRUNE_E_RANGE);
    REFUSED(w.options.confidence = (double)NAN, PRUNE_E_RANGE);
    REFUSED(w.options.search_share = -0.1, PRUNE_E_RANGE);
    REFUSED(w.options.search_share = 1.1, PRUNE_E_RANGE);
    REFUSED(w.options.search_share = (double)NAN, PRUNE_E_RANGE);
    REFUSED(w.options.criterion = 77, PRUNE_E_ARGUMENT);
    REFUSED(w.options.size++, PRUNE_E_VERSION);
    w.options = good;
    w.options.criterion = PRUNE_TAYLOR;
    ck_assert_status(prune_budget(&w.result, w.model, NULL, &w.options, &w.error), PRUNE_E_ARGUMENT);
    ck_assert_str_eq(w.error.place, "train");
    ck_assert_status(prune_budget(NULL, w.model, NULL, &good, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_budget(&w.result, NULL, NULL, &good, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_budget(&w.result, w.model, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    w.metric.tolerance = -1.0;
    REFUSED((void)0, PRUNE_E_RANGE);
    prune_budget_options_init(NULL);
    prune_budget_result_init(NULL);
    close_world(&w);
}
END_TEST

START_TEST(refused_memory_leaves_the_dense_model)
{
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_fit_options fit;
    world w;
    open_world(&w, &mem);
    prune_fit_options_init(&fit);
    fit.epochs = 1;
    prune_validation_init(&w.metric); /* accuracy: fewer passes over the data */
    w.metric.tolerance = 0.99;
    w.options.fine_tune = &fit;
    w.options.criterion = PRUNE_GRADIENT;
    w.options.max_trials = 2;
    prune_status status = PRUNE_E_MEMORY;
    for (size_t n = 1; status == PRUNE_E_MEMORY; n++) {
        const size_t live = h.live_bytes;
        heap_refuse_once(&h, n);
        status = search(&w);
        ck_assert_uint_eq(h.live_bytes, live);
        ck_assert(status == PRUNE_OK || world_hash(w.model) == w.dense);
        ck_assert_uint_lt(n, 1000);
    }
    ck_assert_ok(status);
    ck_assert_uint_gt(h.refused, 20);
    close_world(&w);
    ck_assert(heap_is_clean(&h));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_largest_that_holds_is_found,
        without_fine_tuning_it_is_the_mask_of_that_fraction,
        a_metric_with_holes_still_gives_one_that_holds,
        nothing_holds_leaves_the_dense_model,
        what_other_data_do_not_confirm_is_taken_back,
        what_the_search_leaves_is_for_the_confirmation,
        fine_tuning_and_scores_from_data,
        cumulative_trials_and_stopping,
        own_scores,
        floors_are_limits,
        neurons_too,
        arguments_are_checked,
        refused_memory_leaves_the_dense_model,
    };
    return run_tests("budget", tests, sizeof tests / sizeof tests[0]);
}
