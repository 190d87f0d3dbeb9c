/* sensitivity_test.c -- the metric as one layer alone loses its units, against doing it by hand
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/runner.h"

#include <math.h>
#include <string.h>

enum { LAYERS = 3, LEVELS = 4, ALL = LAYERS * LEVELS };

static const size_t widths[] = { 6, 9, 8, 4 };
static const double fractions[LEVELS] = { 0.1, 0.5, 0.875, 1.0 };

typedef struct world {
    world_data data;
    prune_model *model;
    prune_importance *scores;
    prune_selection selection;
    prune_validation metric;
    prune_sensitivity table;
    prune_sensitivity_options options;
    double values[ALL];
    uint64_t hash;
    size_t calls, stop_at;
    prune_status refusal;
    double own;
    prune_error error;
} world;

static int32_t note(void *user, size_t layer, size_t level, double value)
{
    world *w = user;
    const double got = w->values[layer * LEVELS + level];
    ck_assert(memcmp(&got, &value, sizeof got) == 0);
    w->calls++;
    return w->calls == w->stop_at;
}

static void world_open(world *w, const prune_allocator *mem)
{
    memset(w, 0, sizeof *w);
    world_data_make(&w->data, 70, widths[0], widths[LAYERS], 1);
    w->model = world_model(mem, widths, LAYERS, PRUNE_TANH, 2);
    ck_assert_ok(prune_mask_neuron(w->model, 1, 3)); /* 9 of 72 weights of this layer */
    ck_assert_ok(prune_importance_create(&w->scores, mem, w->model, PRUNE_MAGNITUDE));
    prune_selection_init(&w->selection);
    prune_validation_init(&w->metric);
    prune_sensitivity_init(&w->table);
    w->table.fractions = fractions;
    w->table.levels = LEVELS;
    w->table.values = w->values;
    w->table.capacity = ALL;
    prune_sensitivity_options_init(&w->options);
    w->options.selection = &w->selection;
    w->options.metric = &w->metric;
    w->options.progress = note;
    w->options.user = w;
    w->hash = world_hash(w->model);
}

static void world_close(world *w)
{
    prune_importance_free(w->scores);
    prune_model_free(w->model);
    world_data_end(&w->data);
}

static prune_status scan(world *w)
{
    const prune_status status =
        prune_sensitivity_scan(&w->table, w->model, w->scores, &w->data.labelled, &w->options, &w->error);
    ck_assert_uint_eq(world_hash(w->model), w->hash);
    return status;
}

static double measure(const world *w, const prune_model *model)
{
    prune_metrics metrics;
    prune_metrics_init(&metrics);
    ck_assert_ok(prune_evaluate(&metrics, model, &w->data.labelled, PRUNE_SOFTMAX_CROSS_ENTROPY, NULL));
    return w->metric.metric == PRUNE_METRIC_LOSS ? metrics.loss : metrics.accuracy;
}

/* On a clone; NaN where it cannot be. */
static double by_hand(const world *w, size_t layer, double fraction)
{
    prune_model *clone;
    prune_importance *scores;
    prune_selection one = w->selection;
    one.layer = (int32_t)layer;
    ck_assert_ok(prune_model_clone(&clone, NULL, w->model));
    ck_assert_ok(prune_importance_create(&scores, NULL, clone, PRUNE_MAGNITUDE));
    const prune_status status = prune_mask_fraction(NULL, clone, scores, &one, fraction, PRUNE_OF_ALL);
    const double value = status == PRUNE_OK ? measure(w, clone) : (double)NAN;
    prune_importance_free(scores);
    prune_model_free(clone);
    return value;
}

static void check_same(double a, double b)
{
    ck_assert((isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0);
}

static size_t count_numbers(const world *w)
{
    size_t numbers = 0;
    for (size_t i = 0; i < ALL; i++)
        numbers += isnan(w->values[i]) ? 0 : 1;
    return numbers;
}

START_TEST(values_are_those_of_removing_by_hand)
{
    static const int32_t metrics[] = { PRUNE_METRIC_LOSS, PRUNE_METRIC_ACCURACY };
    for (int32_t g = PRUNE_WEIGHTS; g <= PRUNE_NEURONS; g++)
        for (size_t m = 0; m < 2; m++) {
            world w;
            world_open(&w, NULL);
            w.selection.granularity = g;
            w.selection.include_output = 1;
            w.metric.metric = metrics[m];
            ck_assert_ok(scan(&w));
            check_same(w.table.reference, measure(&w, w.model));
            ck_assert_int_eq(w.table.higher_is_better, m == 1);
            for (size_t i = 0; i < ALL; i++)
                check_same(w.values[i], by_hand(&w, i / LEVELS, fractions[i % LEVELS]));
            ck_assert_uint_eq(w.table.measured, count_numbers(&w));
            ck_assert_uint_eq(w.calls, w.table.measured);
            world_close(&w);
        }
}
END_TEST

/* 9 of 72 are gone already, more than a tenth. */
START_TEST(what_is_gone_already_costs_nothing)
{
    world w;
    world_open(&w, NULL);
    ck_assert_ok(scan(&w));
    check_same(w.values[1 * LEVELS], w.table.reference);
    world_close(&w);
}
END_TEST

START_TEST(without_a_floor_all_of_a_layer_may_go)
{
    world w;
    world_open(&w, NULL);
    w.selection.min_kept = 0;
    ck_assert_ok(scan(&w));
    ck_assert_uint_eq(w.table.measured, ALL);
    world_close(&w);
}
END_TEST

START_TEST(other_layers_are_not_measured)
{
    world w;
    world_open(&w, NULL);
    w.selection.layer = 1;
    ck_assert_ok(scan(&w));
    for (size_t i = 0; i < ALL; i++)
        ck_assert(!isnan(w.values[i]) == (i / LEVELS == 1 && i % LEVELS < LEVELS - 1));
    w.selection.layer = -1;
    w.selection.granularity = PRUNE_NEURONS; /* the outputs stay */
    ck_assert_ok(scan(&w));
    for (size_t i = 0; i < ALL; i++)
        ck_assert(!isnan(w.values[i]) == (i / LEVELS < LAYERS - 1 && i % LEVELS < LEVELS - 1));
    world_close(&w);
}
END_TEST

START_TEST(a_stopped_scan_has_what_it_came_to)
{
    for (size_t stop = 1; stop < ALL - LAYERS; stop++) {
        world w;
        world_open(&w, NULL);
        w.stop_at = stop;
        ck_assert_ok(scan(&w));
        ck_assert_uint_eq(count_numbers(&w), stop);
        ck_assert_uint_eq(w.table.measured, stop);
        ck_assert_uint_eq(w.calls, stop);
        world_close(&w);
    }
}
END_TEST

/* ---- an own metric ---- */

static prune_status own_metric(void *user, double *value, const prune_tensor *outputs,
                               const prune_tensor *targets)
{
    world *w = user;
    ck_assert(outputs != NULL && targets != NULL);
    *value = w->own;
    return w->calls < 3 ? PRUNE_OK : w->refusal;
}

START_TEST(a_metric_of_ones_own_serves_and_may_fail)
{
    for (int32_t higher = 0; higher < 2; higher++) {
        world w;
        world_open(&w, NULL);
        const prune_metric own = { own_metric, &w, higher };
        w.metric.metric = PRUNE_METRIC_OWN;
        w.metric.own = &own;
        w.own = -2.5;
        ck_assert_ok(scan(&w));
        ck_assert_int_eq(w.table.higher_is_better, higher);
        check_same(w.values[1], -2.5);
        w.calls = 0;
        w.refusal = 77;
        const prune_sensitivity before = w.table;
        ck_assert_status(scan(&w), 77);
        ck_assert_mem_eq(&before, &w.table, sizeof before);
        w.own = (double)NAN;
        w.calls = 0;
        ck_assert_status(scan(&w), PRUNE_E_NONFINITE);
        ck_assert_str_eq(w.error.place, "options.metric");
        world_close(&w);
    }
}
END_TEST

/* ---- refusals ---- */

START_TEST(wrong_tables_are_refused)
{
    static const double wrong[][2] = {
        { 0.0, 0.5 }, { 0.5, 0.5 }, { 0.5, 0.25 }, { 0.5, 1.5 }, { -0.1, 1.0 }
    };
    double nan[2] = { 0.5, (double)NAN };
    world w;
    world_open(&w, NULL);
    w.table.levels = 2;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        w.table.fractions = wrong[i];
        ck_assert_status(scan(&w), PRUNE_E_RANGE);
    }
    w.table.fractions = nan;
    ck_assert_status(scan(&w), PRUNE_E_RANGE);
    w.table.fractions = NULL;
    ck_assert_status(scan(&w), PRUNE_E_ARGUMENT);
    w.table.fractions = fractions;
    w.table.levels = 0;
    ck_assert_status(scan(&w), PRUNE_E_SIZE);
    w.table.levels = LEVELS;
    w.table.capacity--;
    ck_assert_status(scan(&w), PRUNE_E_SHAPE);
    w.table.capacity++;
    w.table.values = NULL;
    ck_assert_status(scan(&w), PRUNE_E_ARGUMENT);
    w.table.values = w.values;
    w.table.size++;
    ck_assert_status(scan(&w), PRUNE_E_VERSION);
    world_close(&w);
}
END_TEST

START_TEST(wrong_arguments_are_refused)
{
    world w;
    prune_importance *empty;
    world_open(&w, NULL);
    ck_assert_ok(prune_importance_create(&empty, NULL, w.model, PRUNE_SUPPLIED));
    const prune_data *data = &w.data.labelled;
    const prune_sensitivity before = w.table;
    ck_assert_status(prune_sensitivity_scan(NULL, w.model, w.scores, data, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_sensitivity_scan(&w.table, NULL, w.scores, data, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_sensitivity_scan(&w.table, w.model, NULL, data, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_sensitivity_scan(&w.table, w.model, empty, data, NULL, NULL), PRUNE_E_STATE);
    ck_assert_status(prune_sensitivity_scan(&w.table, w.model, w.scores, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    w.metric.metric = PRUNE_METRIC_RMSE;
    ck_assert_status(scan(&w), PRUNE_E_ARGUMENT);
    w.metric.metric = PRUNE_METRIC_ACCURACY;
    w.selection.granularity = 9;
    ck_assert_status(scan(&w), PRUNE_E_ARGUMENT);
    ck_assert_str_eq(w.error.place, "options.selection");
    w.selection.granularity = PRUNE_NEURONS;
    w.selection.aggregate = PRUNE_ROW_L2;
    w.options.size++;
    ck_assert_status(scan(&w), PRUNE_E_VERSION);
    ck_assert_mem_eq(&before, &w.table, sizeof before);
    ck_assert_uint_eq(world_hash(w.model), w.hash);
    prune_sensitivity_init(NULL);
    prune_sensitivity_options_init(NULL);
    prune_importance_free(empty);
    world_close(&w);
}
END_TEST

START_TEST(refused_memory_leaves_the_model)
{
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    world w;
    world_open(&w, &mem);
    prune_status status = PRUNE_E_MEMORY;
    for (size_t n = 1; status == PRUNE_E_MEMORY; n++) {
        const size_t live = h.live_bytes;
        const prune_sensitivity before = w.table;
        heap_refuse_once(&h, n);
        status = scan(&w);
        ck_assert_uint_eq(h.live_bytes, live);
        ck_assert(status == PRUNE_OK || memcmp(&before, &w.table, sizeof before) == 0);
        ck_assert_uint_lt(n, 1000);
    }
    ck_assert_ok(status);
    ck_assert_uint_gt(h.refused, 5);
    world_close(&w);
    ck_assert(heap_is_clean(&h));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        values_are_those_of_removing_by_hand,
        what_is_gone_already_costs_nothing,
        without_a_floor_all_of_a_layer_may_go,
        other_layers_are_not_measured,
        a_stopped_scan_has_what_it_came_to,
        a_metric_of_ones_own_serves_and_may_fail,
        wrong_tables_are_refused,
        wrong_arguments_are_refused,
        refused_memory_leaves_the_model,
    };
    return run_tests("sensitivity", tests, sizeof tests / sizeof tests[0]);
}
