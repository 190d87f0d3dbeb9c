/* faults_test.c -- whatever goes wrong in a pruning call: a status, and nothing is half-changed
 *
 * Every call that prunes, scores or measures with data, under every fault: numbers that are not finite in
 * data and in weights, a source that fails, each allocation in turn, no data, results of another version.
 * After each the model, the trainer, the scores and the result are the same bits as before.
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/stream.h"
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { INPUTS = 6, CLASSES = 3, SAMPLES = 48, BATCH = 16, LAYERS = 3 };

static const size_t widths[] = { INPUTS, 7, 5, CLASSES };

typedef struct world {
    heap h;
    prune_allocator mem;
    world_data data, other;
    stream stream;
    prune_model *model, *dense;
    prune_trainer *trainer;
    prune_importance *table, *gradients, *magnitudes;
    prune_snapshot *snapshot;
    const prune_data *given; /* to the call, as the other two */
    prune_removal removal;
    prune_error error;
} world;

static void open_world(world *w)
{
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
    prune_selection some;
    prune_fit_options fit;
    prune_fit_options_init(&fit);
    fit.epochs = 1;
    memset(w, 0, sizeof *w);
    w->mem = heap_allocator(&w->h);
    options.max_batch = BATCH;
    world_data_make(&w->data, SAMPLES, INPUTS, CLASSES, 7);
    world_data_make(&w->other, SAMPLES, INPUTS, CLASSES, 8);
    stream_open(&w->stream, &w->data, PRUNE_SOFTMAX_CROSS_ENTROPY);
    w->model = world_model(&w->mem, widths, LAYERS, PRUNE_TANH, 3);
    ck_assert_ok(prune_model_clone(&w->dense, &w->mem, w->model));
    ck_assert_ok(prune_trainer_create(&w->trainer, &w->mem, w->model, &options, NULL));
    ck_assert_ok(prune_trainer_fit(NULL, w->trainer, &w->data.labelled, &fit, NULL));
    ck_assert_ok(prune_importance_create(&w->magnitudes, &w->mem, w->model, PRUNE_MAGNITUDE));
    prune_selection_init(&some);
    some.scope = PRUNE_PER_LAYER;
    ck_assert_ok(prune_mask_fraction(NULL, w->model, w->magnitudes, &some, 0.2, PRUNE_OF_ALL));
    ck_assert_ok(prune_trainer_fit(NULL, w->trainer, &w->data.labelled, &fit, NULL));
    ck_assert_ok(prune_importance_refresh(w->magnitudes));
    ck_assert_ok(prune_importance_create(&w->table, &w->mem, w->model, PRUNE_SUPPLIED));
    ck_assert_ok(prune_score_random(w->table, 5));
    ck_assert_ok(prune_importance_create(&w->gradients, &w->mem, w->model, PRUNE_GRADIENT));
    ck_assert_ok(prune_importance_accumulate(w->gradients, w->trainer, &w->data.labelled, NULL));
    ck_assert_ok(prune_snapshot_create(&w->snapshot, &w->mem, w->model));
}

static void close_world(world *w)
{
    prune_snapshot_free(w->snapshot);
    prune_importance_free(w->gradients);
    prune_importance_free(w->table);
    prune_importance_free(w->magnitudes);
    prune_trainer_free(w->trainer);
    prune_model_free(w->dense);
    prune_model_free(w->model);
    ck_assert(heap_is_clean(&w->h));
    stream_close(&w->stream);
    world_data_end(&w->data);
    world_data_end(&w->other);
}

static uint64_t hash_scores(uint64_t hash, const prune_importance *scores, const prune_model *model)
{
    for (size_t p = 0; p < prune_model_param_count(model); p++) {
        const float *s = prune_importance_scores(scores, p);
        for (size_t i = 0; s != NULL && i < world_count(model, p); i++) {
            uint32_t bits;
            memcpy(&bits, &s[i], sizeof bits);
            hash = (hash ^ bits) * UINT64_C(0x100000001b3);
        }
        hash = (hash ^ (s != NULL)) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* What the user has: models, optimizer, scores. */
static uint64_t state_of(world *w)
{
    uint64_t hash = world_trainer_hash(w->trainer) ^ world_hash(w->dense);
    hash = hash_scores(hash, w->table, w->model);
    hash = hash_scores(hash, w->magnitudes, w->model);
    return hash_scores(hash, w->gradients, w->model);
}

/* ---- the calls ---- */

typedef prune_status action(world *w);

static prune_status by_count(world *w)
{
    return prune_mask_lowest(&w->removal, w->model, w->table, NULL, 5);
}

static prune_status by_threshold(world *w)
{
    return prune_mask_below(&w->removal, w->model, w->table, NULL, 0.5f);
}

static prune_status by_fraction(world *w)
{
    return prune_mask_fraction(&w->removal, w->model, w->table, NULL, 0.5, PRUNE_OF_ALL);
}

static prune_status by_rows(world *w)
{
    return prune_mask_rows(&w->removal, w->model, w->table, -1, 0.5);
}

static prune_status by_groups(world *w)
{
    return prune_mask_n_of_m(&w->removal, w->model, w->table, NULL, 1, 2);
}

static prune_status by_layers(world *w)
{
    static const uint64_t counts[LAYERS] = { 3, 2, 1 };
    return prune_mask_allocated(&w->removal, w->model, w->table, NULL, counts, LAYERS);
}

static prune_status by_target(world *w)
{
    prune_target target;
    prune_target_init(&target);
    target.most = 60;
    target.compacted = 1;
    return prune_mask_target(&w->removal, w->model, w->table, NULL, &target, &w->error);
}

static prune_status by_flow(world *w)
{
    return prune_synflow(&w->removal, w->model, NULL, 0.5, 3);
}

static prune_status by_gates(world *w)
{
    return prune_snip(&w->removal, w->trainer, w->given, NULL, 0.5, &w->error);
}

static prune_status by_surgery(world *w)
{
    return prune_obs(&w->removal, w->model, w->given, NULL, &w->error);
}

static prune_status by_layers_surgery(world *w)
{
    return prune_obs_layerwise(&w->removal, w->model, w->given, NULL, &w->error);
}

static prune_status score_gates(world *w)
{
    return prune_score_snip(w->table, w->trainer, w->given, &w->error);
}

static prune_status score_grasp(world *w)
{
    return prune_score_grasp(w->table, w->trainer, w->given, 200.0f, &w->error);
}

static prune_status score_surgery(world *w)
{
    return prune_score_obs(w->table, w->given, NULL, &w->error);
}

static prune_status score_layers(world *w)
{
    return prune_score_layerwise(w->table, w->given, NULL, &w->error);
}

static prune_status score_curvature(world *w)
{
    prune_curvature *curvature;
    prune_status status = prune_curvature_create(&curvature, &w->mem, w->model, PRUNE_HESSIAN_EXACT);
    if (status == PRUNE_OK)
        status = prune_curvature_accumulate(curvature, w->trainer, w->given, &w->error);
    if (status == PRUNE_OK)
        status = prune_score_curvature(w->table, curvature);
    prune_curvature_free(curvature);
    return status;
}

static prune_status score_wanda(world *w)
{
    prune_activity *activity;
    prune_status status = prune_activity_create(&activity, &w->mem, w->model);
    if (status == PRUNE_OK)
        status = prune_activity_add(activity, w->given, NULL, &w->error);
    if (status == PRUNE_OK)
        status = prune_score_wanda(w->table, activity);
    prune_activity_free(activity);
    return status;
}

static prune_status measure_product(world *w)
{
    prune_hessian *hessian;
    prune_status status = prune_hessian_create(&hessian, &w->mem, w->trainer);
    if (status == PRUNE_OK)
        status = prune_hessian_accumulate(hessian, w->given, &w->error);
    prune_hessian_free(hessian);
    return status;
}

static prune_status scan(world *w)
{
    static const double fractions[] = { 0.5, 0.9 };
    double values[2 * LAYERS];
    prune_sensitivity table;
    prune_sensitivity_options options;
    prune_validation metric;
    prune_validation_init(&metric);
    metric.metric = PRUNE_METRIC_LOSS;
    prune_sensitivity_options_init(&options);
    options.metric = &metric;
    prune_sensitivity_init(&table);
    table.fractions = fractions;
    table.levels = 2;
    table.values = values;
    table.capacity = 2 * LAYERS;
    return prune_sensitivity_scan(&table, w->model, w->table, w->given, &options, &w->error);
}

static prune_status compare(world *w)
{
    prune_comparison comparison;
    prune_validation metric;
    prune_validation_init(&metric);
    metric.metric = PRUNE_METRIC_LOSS;
    prune_comparison_init(&comparison);
    const prune_comparison before = comparison;
    const prune_status status = prune_compare(&comparison, w->dense, w->model, w->given, &metric, &w->error);
    ck_assert(status == PRUNE_OK || memcmp(&comparison, &before, sizeof before) == 0);
    return status;
}

static prune_status validate(world *w)
{
    prune_validation metric;
    prune_validation_init(&metric);
    metric.reference = 1.0;
    metric.tolerance = 0.99;
    return prune_validate(&metric, w->model, w->snapshot, w->given, &w->error);
}

static prune_status agree(world *w)
{
    return prune_models_agree(NULL, w->model, w->model, NULL, w->given, &w->error);
}

static prune_status refit(world *w)
{
    return prune_refit(w->model, w->dense, NULL, w->given, NULL, &w->error);
}

static prune_status spend(world *w)
{
    prune_budget_options options;
    prune_budget_result result;
    prune_validation metric;
    prune_fit_options fit;
    prune_validation_init(&metric);
    metric.metric = PRUNE_METRIC_LOSS;
    metric.tolerance = 5.0;
    prune_fit_options_init(&fit);
    fit.epochs = 1;
    prune_budget_options_init(&options);
    options.validation = w->given;
    options.confirmation = &w->other.labelled;
    options.metric = &metric;
    options.criterion = PRUNE_TAYLOR;
    options.fine_tune = &fit;
    options.max_trials = 1;
    prune_budget_result_init(&result);
    return prune_budget(&result, w->model, w->given, &options, &w->error);
}

/* BLIND: to the weights' values. MEASURES: what is not a number may be the answer. */
enum { DATA = 1, REMOVAL = 2, BLIND = 4, MEASURES = 8 };

static const struct call {
    const char *name;
    action *run;
    int32_t flags;
} calls[] = {
    { "lowest", by_count, REMOVAL | BLIND },
    { "below", by_threshold, REMOVAL | BLIND },
    { "fraction", by_fraction, REMOVAL | BLIND },
    { "rows", by_rows, REMOVAL | BLIND },
    { "n of m", by_groups, REMOVAL | BLIND },
    { "allocated", by_layers, REMOVAL | BLIND },
    { "target", by_target, REMOVAL },
    { "synflow", by_flow, REMOVAL },
    { "snip", by_gates, REMOVAL | DATA },
    { "obs", by_surgery, REMOVAL | DATA },
    { "obs layerwise", by_layers_surgery, REMOVAL | DATA },
    { "score snip", score_gates, DATA },
    { "score grasp", score_grasp, DATA },
    { "score obs", score_surgery, DATA },
    { "score layerwise", score_layers, DATA },
    { "score curvature", score_curvature, DATA },
    { "score wanda", score_wanda, DATA },
    { "hessian", measure_product, DATA },
    { "sensitivity", scan, DATA | MEASURES },
    { "compare", compare, DATA | MEASURES },
    { "validate", validate, DATA | MEASURES },
    { "agree", agree, DATA | MEASURES },
    { "refit", refit, DATA },
    { "budget", spend, DATA },
};
enum { CALLS = sizeof calls / sizeof calls[0] };

/* Runs it; on a failure all is as it was. */
static prune_status run(world *w, size_t i, const prune_data *data)
{
    uint64_t by_layer[LAYERS] = { 77, 77, 77 };
    w->given = data;
    const prune_removal before = { .size = sizeof before, .by_layer = by_layer, .by_layer_capacity = LAYERS };
    w->removal = before;
    const uint64_t state = state_of(w);
    const size_t live = w->h.live_bytes;
    const prune_status status = calls[i].run(w);
    ck_assert_msg(w->h.live_bytes == live, "%s: memory is left", calls[i].name);
    if (status == PRUNE_OK)
        return status;
    ck_assert_msg(state_of(w) == state, "%s: changed, but %s", calls[i].name, prune_status_string(status));
    ck_assert_msg(memcmp(&w->removal, &before, sizeof before) == 0, "%s: removal", calls[i].name);
    ck_assert_msg(by_layer[0] == 77 && by_layer[LAYERS - 1] == 77, "%s: by_layer", calls[i].name);
    return status;
}

static void expect(world *w, size_t i, const prune_data *data, prune_status wanted)
{
    const prune_status status = run(w, i, data);
    ck_assert_msg(status == wanted, "%s gave %d (%s), not %d", calls[i].name, (int)status,
                  prune_status_string(status), (int)wanted);
}

/* Without a fault they work: else the rest would show nothing. */
START_TEST(without_a_fault_each_succeeds)
{
    for (size_t i = 0; i < CALLS; i++)
        for (int32_t source = 0; source <= 1; source++) {
            world w;
            open_world(&w);
            expect(&w, i, source ? &w.stream.data : &w.data.labelled, PRUNE_OK);
            close_world(&w);
        }
}
END_TEST

START_TEST(no_data)
{
    prune_data empty;
    prune_data_init(&empty);
    for (size_t i = 0; i < CALLS; i++) {
        world w;
        if (!(calls[i].flags & DATA))
            continue;
        open_world(&w);
        expect(&w, i, NULL, PRUNE_E_ARGUMENT);
        expect(&w, i, &empty, PRUNE_E_EMPTY);
        close_world(&w);
    }
}
END_TEST

START_TEST(inputs_that_are_not_finite)
{
    static const float bad[] = { NAN, INFINITY, -INFINITY };
    for (size_t i = 0; i < CALLS; i++)
        for (size_t b = 0; b < 3 && (calls[i].flags & DATA); b++) {
            world w;
            open_world(&w);
            w.data.x[SAMPLES * INPUTS - 1] = bad[b];
            expect(&w, i, &w.data.labelled, PRUNE_E_NONFINITE);
            close_world(&w);
        }
}
END_TEST

START_TEST(sources_that_fail)
{
    for (size_t i = 0; i < CALLS; i++)
        for (size_t at = 1, done = !(calls[i].flags & DATA); !done; at++)
            for (int32_t spoiled = 0; spoiled <= 1; spoiled++) {
                world w;
                open_world(&w);
                w.stream.refusal = 77;
                w.stream.fail_call = spoiled ? 0 : at;
                w.stream.spoil_call = spoiled ? at : 0;
                const prune_status status = run(&w, i, &w.stream.data);
                done = w.stream.calls < at;
                ck_assert_msg(status == (done      ? PRUNE_OK
                                         : spoiled ? PRUNE_E_NONFINITE
                                                   : 77),
                              "%s at %d gave %d", calls[i].name, (int)at, (int)status);
                close_world(&w);
            }
}
END_TEST

/* Each request in turn, and from each on. */
START_TEST(memory_that_is_refused)
{
    for (size_t i = 0; i < CALLS; i++)
        for (int32_t later = 0; later <= 1; later++) {
            prune_status status = PRUNE_E_MEMORY;
            for (size_t n = 1; status == PRUNE_E_MEMORY; n++) {
                world w;
                open_world(&w);
                const size_t refused = w.h.refused;
                if (later)
                    heap_refuse_from(&w.h, n);
                else
                    heap_refuse_once(&w.h, n);
                status = run(&w, i, &w.stream.data);
                ck_assert_msg(status == (w.h.refused > refused ? PRUNE_E_MEMORY : PRUNE_OK), "%s gave %d",
                              calls[i].name, (int)status);
                close_world(&w);
                ck_assert_uint_lt(n, 1000);
            }
        }
}
END_TEST

/* As no call of the library would leave them. Scores that come out so are documented to go. */
START_TEST(weights_that_are_not_finite)
{
    static const float bad[] = { NAN, INFINITY };
    for (size_t i = 0; i < CALLS; i++)
        for (size_t b = 0; b < 2 && !(calls[i].flags & BLIND); b++) {
            world w;
            open_world(&w);
            const uint64_t model = world_hash(w.model), table = hash_scores(0, w.table, w.model);
            const float was = prune_model_param(w.model, 2)[3];
            world_plant(w.model, 2, 3, bad[b]);
            w.given = &w.data.labelled;
            prune_removal_init(&w.removal);
            const prune_status status = calls[i].run(&w);
            world_plant(w.model, 2, 3, was);
            ck_assert_msg(status == PRUNE_E_NONFINITE || status == PRUNE_E_DIVERGED ||
                              (status == PRUNE_OK && (calls[i].flags & MEASURES)),
                          "%s gave %d", calls[i].name, (int)status);
            ck_assert_msg(prune_importance_scores(w.table, 0) == NULL ||
                              hash_scores(0, w.table, w.model) == table,
                          "%s changed scores", calls[i].name);
            ck_assert_msg(world_hash(w.model) == model, "%s changed the model", calls[i].name);
            close_world(&w);
        }
}
END_TEST

START_TEST(results_that_do_not_fit)
{
    for (size_t i = 0; i < CALLS; i++) {
        world w;
        uint64_t by_layer[LAYERS] = { 77, 77, 77 };
        if (!(calls[i].flags & REMOVAL))
            continue;
        open_world(&w);
        w.given = &w.data.labelled;
        const uint64_t state = state_of(&w);
        prune_removal_init(&w.removal);
        w.removal.size++;
        ck_assert_int_eq(calls[i].run(&w), PRUNE_E_VERSION);
        prune_removal_init(&w.removal);
        w.removal.by_layer = by_layer;
        w.removal.by_layer_capacity = LAYERS - 1;
        ck_assert_int_eq(calls[i].run(&w), PRUNE_E_SHAPE);
        ck_assert_uint_eq(by_layer[0], 77);
        ck_assert_uint_eq(state_of(&w), state);
        close_world(&w);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { without_a_fault_each_succeeds, no_data,
                                   inputs_that_are_not_finite,    sources_that_fail,
                                   memory_that_is_refused,        weights_that_are_not_finite,
                                   results_that_do_not_fit };
    return run_tests("faults", tests, sizeof tests / sizeof tests[0]);
}
