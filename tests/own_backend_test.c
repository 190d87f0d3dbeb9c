/* own_backend_test.c -- calls that measure and refit, on the caller's back end
 *
 * Each computes with the back end that it is given and with no other, refuses one without a function, and
 * gives the same bits for any number of threads.
 *
 * SPDX-License-Identifier: MIT */
#include "support/runner.h"

#include <string.h>

enum { SAMPLES = 400, INPUTS = 40, HIDDEN = 70, CLASSES = 5, PLACES = 512 };

/* Results in one struct without gaps, so that bits can be compared. */
typedef struct answer {
    double number[PLACES];
} answer;

typedef struct world {
    prune_model *model, *other;
    world_data data, second;
} world;

typedef prune_status a_call(answer *a, world *w, const prune_backend *backend, prune_error *error);

static const size_t widths[] = { INPUTS, HIDDEN, CLASSES };

static void world_open(world *w)
{
    w->model = world_model(NULL, widths, 2, PRUNE_TANH, 3);
    ck_assert_ok(prune_model_clone(&w->other, NULL, w->model));
    for (size_t unit = 0; unit < HIDDEN; unit += 3)
        ck_assert_ok(prune_mask_neuron(w->other, 0, unit));
    world_data_make(&w->data, SAMPLES, INPUTS, CLASSES, 4);
    world_data_make(&w->second, SAMPLES, INPUTS, CLASSES, 5);
}

static void world_close(world *w)
{
    world_data_end(&w->data);
    world_data_end(&w->second);
    prune_model_free(w->model);
    prune_model_free(w->other);
}

/* ---- the calls ---- */

static prune_status validating(answer *a, world *w, const prune_backend *backend, prune_error *error)
{
    prune_snapshot *snapshot;
    prune_validation v;
    prune_validation_init(&v);
    v.metric = PRUNE_METRIC_LOSS;
    v.reference = 1.0;
    v.tolerance = 1e9;
    v.backend = backend;
    ck_assert_ok(prune_snapshot_create(&snapshot, NULL, w->other));
    const prune_status status = prune_validate(&v, w->other, snapshot, &w->data.labelled, error);
    a->number[0] = v.value;
    prune_snapshot_free(snapshot);
    return status;
}

static prune_status comparing(answer *a, world *w, const prune_backend *backend, prune_error *error)
{
    prune_comparison c;
    prune_validation v;
    prune_comparison_init(&c);
    prune_validation_init(&v);
    v.metric = PRUNE_METRIC_LOSS;
    v.backend = backend;
    const prune_status status = prune_compare(&c, w->model, w->other, &w->data.labelled, &v, error);
    a->number[0] = c.first, a->number[1] = c.second, a->number[2] = c.low, a->number[3] = c.high;
    return status;
}

static prune_status agreeing(answer *a, world *w, const prune_backend *backend, prune_error *error)
{
    prune_agreement g;
    prune_agreement_init(&g);
    g.tolerance = 1e9;
    g.backend = backend;
    const prune_status status = prune_models_agree(&g, w->model, w->other, NULL, &w->data.labelled, error);
    a->number[0] = g.absolute, a->number[1] = g.relative, a->number[2] = (double)g.sample;
    return status;
}

static prune_status refitting(answer *a, world *w, const prune_backend *backend, prune_error *error)
{
    prune_model *small;
    prune_refit_options o;
    prune_refit_options_init(&o);
    o.backend = backend;
    ck_assert_ok(prune_model_clone(&small, NULL, w->other));
    const prune_status status = prune_refit(small, w->model, NULL, &w->data.labelled, &o, error);
    for (size_t i = 0; i < CLASSES * HIDDEN; i++)
        a->number[i] = (double)prune_model_param(small, 2)[i];
    prune_model_free(small);
    return status;
}

static prune_status budget(answer *a, world *w, const prune_trainer_options *training,
                           const prune_validation *metric, prune_error *error)
{
    prune_model *model;
    prune_budget_options o;
    prune_budget_result r;
    prune_budget_options_init(&o);
    prune_budget_result_init(&r);
    o.validation = &w->data.labelled;
    o.confirmation = &w->second.labelled;
    o.metric = metric;
    o.training = training;
    o.max_trials = 3;
    ck_assert_ok(prune_model_clone(&model, NULL, w->model));
    const prune_status status = prune_budget(&r, model, NULL, &o, error);
    a->number[0] = r.reference, a->number[1] = r.best.value, a->number[2] = r.comparison.high;
    prune_model_free(model);
    return status == PRUNE_E_UNCONFIRMED ? PRUNE_OK : status;
}

static prune_validation loose_metric(void)
{
    prune_validation v;
    prune_validation_init(&v);
    v.metric = PRUNE_METRIC_LOSS;
    v.tolerance = 1e3;
    return v;
}

static prune_status budgeting(answer *a, world *w, const prune_backend *backend, prune_error *error)
{
    prune_validation v = loose_metric();
    v.backend = backend;
    return budget(a, w, NULL, &v, error);
}

/* The metric has none of its own. */
static prune_status budgeting_as_trained(answer *a, world *w, const prune_backend *backend,
                                         prune_error *error)
{
    const prune_validation v = loose_metric();
    prune_trainer_options training;
    prune_trainer_options_init(&training);
    training.backend = backend;
    return budget(a, w, &training, &v, error);
}

static const struct {
    a_call *call;
    const char *place;
} calls[] = {
    { validating, "validation.backend" }, { comparing, "validation.backend" },
    { agreeing, "agreement.backend" },    { refitting, "options.backend" },
    { budgeting, "validation.backend" },  { budgeting_as_trained, "options.training.backend" },
};
enum { CALLS = sizeof calls / sizeof calls[0] };

/* ---- tests ---- */

/* Counts, and lets the reference compute. */
static void counted(void *user, const prune_gemm *g)
{
    *(size_t *)user += 1;
    prune_backend_reference()->run(prune_backend_reference()->user, g);
}

START_TEST(the_back_end_that_is_given_computes)
{
    world w;
    world_open(&w);
    for (size_t i = 0; i < CALLS; i++) {
        size_t count = 0;
        const prune_backend own = { .name = "counted", .run = counted, .user = &count };
        answer mine = { { 0 } }, reference = { { 0 } };
        ck_assert_ok(calls[i].call(&mine, &w, &own, NULL));
        ck_assert_ok(calls[i].call(&reference, &w, prune_backend_reference(), NULL));
        ck_assert_uint_gt(count, 0);
        ck_assert_mem_eq(&mine, &reference, sizeof mine);
        ck_assert(mine.number[0] != 0.0);
    }
    world_close(&w);
}
END_TEST

START_TEST(threads_do_not_change_bits)
{
    world w;
    world_open(&w);
    for (size_t i = 0; i < CALLS; i++) {
        answer first = { { 0 } };
        for (int32_t threads = 1; threads <= 3; threads++) {
            prune_pool *pool;
            answer a = { { 0 } };
            ck_assert_ok(prune_pool_create(&pool, NULL, threads));
            ck_assert_ok(calls[i].call(&a, &w, prune_pool_backend(pool), NULL));
            if (threads == 1)
                first = a;
            ck_assert_mem_eq(&a, &first, sizeof a);
            prune_pool_free(pool);
        }
    }
    world_close(&w);
}
END_TEST

START_TEST(a_back_end_without_a_function_is_refused)
{
    const prune_backend none = { .name = "none" };
    world w;
    world_open(&w);
    for (size_t i = 0; i < CALLS; i++) {
        answer a;
        prune_error error = { 0 };
        ck_assert_status(calls[i].call(&a, &w, &none, &error), PRUNE_E_ARGUMENT);
        ck_assert_str_eq(error.place, calls[i].place);
        ck_assert_ok(calls[i].call(&a, &w, NULL, &error));
    }
    world_close(&w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { the_back_end_that_is_given_computes, threads_do_not_change_bits,
                                   a_back_end_without_a_function_is_refused };
    return run_tests("own_backend", tests, sizeof tests / sizeof tests[0]);
}
