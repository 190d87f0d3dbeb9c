/* source_failure_test.c -- a source that fails, gives bad values or meddles, at every read of every call
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/stream.h"
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { INPUTS = 5, CLASSES = 3, SAMPLES = 45, BATCH = 7, EPOCHS = 3, STEPS = 100 };

static const size_t widths[] = { INPUTS, 8, CLASSES };

/* Everything in one heap. */
typedef struct fixture {
    heap h;
    world_data world;
    stream file;
    prune_model *model;
    prune_trainer *trainer;
    prune_snapshot *snapshot;
    prune_importance *scores;
    int32_t loss;
} fixture;

static void open_fixture(fixture *f, int32_t loss, int32_t accumulate)
{
    prune_trainer_options options = world_options(loss, PRUNE_ADAM);
    options.max_batch = BATCH;
    options.accumulate = accumulate;
    memset(f, 0, sizeof *f);
    f->loss = loss;
    const prune_allocator mem = heap_allocator(&f->h);
    world_data_make(&f->world, SAMPLES, INPUTS, CLASSES, 5);
    stream_open(&f->file, &f->world, loss);
    f->model = world_model(&mem, widths, 2, PRUNE_TANH, 2);
    ck_assert_ok(prune_trainer_create(&f->trainer, &mem, f->model, &options, NULL));
    ck_assert_ok(prune_snapshot_create(&f->snapshot, &mem, f->model));
    ck_assert_ok(prune_importance_create(&f->scores, &mem, f->model, PRUNE_TAYLOR));
}

static void close_fixture(fixture *f)
{
    prune_importance_free(f->scores);
    prune_snapshot_free(f->snapshot);
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    ck_assert(heap_is_clean(&f->h));
    stream_close(&f->file);
    world_data_end(&f->world);
}

/* ---- a fit ---- */

/* The weights after each step, and how many steps and epochs there were before each read. */
typedef struct record {
    uint64_t hash[STEPS];
    uint64_t steps[STEPS], epochs[STEPS];
    prune_trainer *trainer;
} record;

static void note(void *user, size_t call)
{
    record *r = user;
    ck_assert_uint_lt(call, STEPS);
    r->hash[call] = world_hash(prune_trainer_model(r->trainer));
    r->steps[call] = prune_trainer_steps(r->trainer);
    r->epochs[call] = prune_trainer_epochs(r->trainer);
}

static prune_fit_options fit_options(double fraction)
{
    prune_fit_options options;
    prune_fit_options_init(&options);
    options.epochs = EPOCHS;
    options.validation_fraction = fraction;
    options.shuffle = fraction > 0.0; /* else the order is known */
    return options;
}

/* What a fit that goes well looks like at each read; returns how many there are. */
static size_t watch(record *r, int32_t loss, int32_t accumulate, double fraction)
{
    fixture f;
    const prune_fit_options options = fit_options(fraction);
    open_fixture(&f, loss, accumulate);
    r->trainer = f.trainer;
    f.file.meddle = note;
    f.file.user = r;
    ck_assert_ok(prune_trainer_fit(NULL, f.trainer, &f.file.data, &options, NULL));
    const size_t calls = f.file.calls;
    close_fixture(&f);
    return calls;
}

typedef struct fit_case {
    int32_t loss, accumulate;
    double fraction;
} fit_case;

static const fit_case fits[] = {
    { PRUNE_SOFTMAX_CROSS_ENTROPY, 1, 0.3 },
    { PRUNE_MSE, 1, 0.0 },
    { PRUNE_MSE, 3, 0.3 },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, 4, 0.0 },
};

/* Fails at the call-th read, and leaves what there was before it. */
static void fail_at(fixture *f, const fit_case *c, size_t call, const record *r, prune_status expected)
{
    const prune_fit_options options = fit_options(c->fraction);
    prune_error error = { 0 };
    prune_fit_result result;
    prune_fit_result_init(&result);
    ck_assert_status(prune_trainer_fit(&result, f->trainer, &f->file.data, &options, &error), expected);
    ck_assert_int_eq(error.status, expected);
    ck_assert_uint_eq(f->file.calls, call);
    ck_assert_uint_eq(world_hash(f->model), r->hash[call]);
    ck_assert_uint_eq(prune_trainer_steps(f->trainer), r->steps[call]);
    ck_assert_uint_eq(result.epochs, r->epochs[call]);
    ck_assert_int_eq(result.stopped, 0);
    if (expected == f->file.refusal) {
        ck_assert_str_eq(error.place, "source");
        return;
    }
    char place[60];
    snprintf(place, sizeof place, f->file.spoil_target ? "targets[%zu]" : "inputs[%zu][0]", f->file.spoiled);
    ck_assert_msg(strncmp(error.place, place, strlen(place)) == 0, "%s, not %s", error.place, place);
}

START_TEST(a_fit_ends_after_its_last_whole_step)
{
    static const prune_status refusals[] = { PRUNE_E_IO, PRUNE_E_DIVERGED, 77, PRUNE_E_STATE };
    record *r = calloc(1, sizeof *r);
    for (size_t c = 0; c < sizeof fits / sizeof fits[0]; c++) {
        const size_t calls = watch(r, fits[c].loss, fits[c].accumulate, fits[c].fraction);
        ck_assert_uint_ge(calls, EPOCHS * SAMPLES / BATCH);
        for (size_t k = 1; k <= calls; k++) {
            fixture f;
            open_fixture(&f, fits[c].loss, fits[c].accumulate);
            f.file.fail_call = k;
            f.file.refusal = refusals[k % 4];
            const size_t bytes = f.h.live_bytes;
            fail_at(&f, &fits[c], k, r, refusals[k % 4]);
            ck_assert_uint_eq(f.h.live_bytes, bytes);
            close_fixture(&f);
        }
    }
    free(r);
}
END_TEST

START_TEST(a_bad_value_ends_it_as_well)
{
    record *r = calloc(1, sizeof *r);
    for (size_t c = 0; c < sizeof fits / sizeof fits[0]; c++) {
        const size_t calls = watch(r, fits[c].loss, fits[c].accumulate, fits[c].fraction);
        for (size_t k = 1; k <= calls; k++) {
            fixture f;
            open_fixture(&f, fits[c].loss, fits[c].accumulate);
            f.file.spoil_call = k;
            f.file.spoil_target = k % 2;
            const int32_t label = k % 2 && fits[c].loss == PRUNE_SOFTMAX_CROSS_ENTROPY;
            fail_at(&f, &fits[c], k, r, label ? PRUNE_E_LABEL : PRUNE_E_NONFINITE);
            close_fixture(&f);
        }
    }
    free(r);
}
END_TEST

/* Its own set for validation fails: the place says so. */
START_TEST(the_failing_set_is_named)
{
    fixture f;
    stream other;
    prune_error error;
    prune_fit_options options = fit_options(0.0);
    open_fixture(&f, PRUNE_MSE, 1);
    stream_open(&other, &f.world, PRUNE_MSE);
    options.validation = &other.data;
    other.fail_call = 2;
    other.refusal = PRUNE_E_SPACE;
    ck_assert_status(prune_trainer_fit(NULL, f.trainer, &f.file.data, &options, &error), PRUNE_E_SPACE);
    ck_assert_str_eq(error.place, "validation source");
    stream_close(&other);
    close_fixture(&f);
}
END_TEST

/* Four batches to a step: what was gathered before the failure takes no part in what comes after it. */
START_TEST(nothing_of_the_broken_step_is_left)
{
    uint64_t hash[4];
    const prune_fit_options options = fit_options(0.0);
    for (size_t k = 0; k < 4; k++) {
        fixture f;
        open_fixture(&f, PRUNE_MSE, 4);
        f.file.fail_call = 5 + k;
        ck_assert_status(prune_trainer_fit(NULL, f.trainer, &f.file.data, &options, NULL), PRUNE_E_IO);
        ck_assert_uint_eq(prune_trainer_steps(f.trainer), k < 3 ? 1 : 2); /* 7 batches: 4 and 3 */
        f.file.fail_call = 0;
        ck_assert_ok(prune_trainer_fit(NULL, f.trainer, &f.file.data, &options, NULL));
        hash[k] = world_hash(f.model);
        close_fixture(&f);
    }
    ck_assert(hash[0] == hash[1] && hash[0] == hash[2] && hash[0] != hash[3]);
}
END_TEST

/* ---- all calls ---- */

static prune_status always_one(void *user, double *value, const prune_tensor *outputs,
                               const prune_tensor *targets)
{
    (void)user, (void)outputs, (void)targets;
    *value = 1.0;
    return PRUNE_OK;
}

static prune_status call_fit(fixture *f, prune_error *error)
{
    const prune_fit_options options = fit_options(0.3);
    return prune_trainer_fit(NULL, f->trainer, &f->file.data, &options, error);
}

static prune_status call_check(fixture *f, prune_error *error)
{
    return prune_data_check(&f->file.data, f->model, f->loss, error);
}

static prune_status call_evaluate(fixture *f, prune_error *error)
{
    prune_metrics metrics;
    prune_metrics_init(&metrics);
    const prune_status status = prune_evaluate(&metrics, f->model, &f->file.data, f->loss, error);
    ck_assert_uint_eq(metrics.samples, status == PRUNE_OK ? SAMPLES : 0);
    return status;
}

static prune_status call_metric(fixture *f, prune_error *error)
{
    const prune_metric metric = { always_one, NULL, 1 };
    double value = -5.0;
    const prune_status status =
        prune_evaluate_metric(&value, f->model, &f->file.data, f->loss, &metric, error);
    ck_assert(value == (status == PRUNE_OK ? 1.0 : -5.0));
    return status;
}

static prune_status call_validate(fixture *f, prune_error *error)
{
    prune_validation validation;
    prune_validation_init(&validation);
    validation.loss = f->loss;
    validation.metric = PRUNE_METRIC_LOSS;
    validation.reference = 1e6;
    validation.accepted = 5;
    const prune_status status = prune_validate(&validation, f->model, f->snapshot, &f->file.data, error);
    ck_assert_int_eq(validation.accepted, status == PRUNE_OK ? 1 : 5);
    return status;
}

static prune_status call_accumulate(fixture *f, prune_error *error)
{
    const prune_status status = prune_importance_accumulate(f->scores, f->trainer, &f->file.data, error);
    ck_assert_uint_eq(prune_importance_samples(f->scores), status == PRUNE_OK ? SAMPLES : 0);
    ck_assert_int_eq(prune_importance_scores(f->scores, 0) != NULL, status == PRUNE_OK);
    ck_assert_ok(prune_importance_reset(f->scores));
    return status;
}

static const struct call {
    const char *name;
    prune_status (*make)(fixture *f, prune_error *error);
    int32_t trains;
} calls[] = {
    { "fit", call_fit, 1 },           { "check", call_check, 0 },
    { "evaluate", call_evaluate, 0 }, { "evaluate_metric", call_metric, 0 },
    { "validate", call_validate, 0 }, { "accumulate", call_accumulate, 0 },
};

enum { CALLS = sizeof calls / sizeof calls[0] };

START_TEST(every_call_passes_a_failure_on)
{
    for (size_t i = 0; i < 2 * CALLS; i++) {
        size_t k = 1;
        for (;; k++) {
            fixture f;
            prune_error error = { 0 };
            open_fixture(&f, i % 2 ? PRUNE_MSE : PRUNE_SOFTMAX_CROSS_ENTROPY, 1);
            const uint64_t before = world_trainer_hash(f.trainer);
            f.file.fail_call = k;
            const prune_status status = calls[i / 2].make(&f, &error);
            ck_assert(calls[i / 2].trains || world_trainer_hash(f.trainer) == before);
            const int32_t failed = f.file.calls >= k;
            ck_assert_msg(status == (failed ? PRUNE_E_IO : PRUNE_OK), "%s, read %zu: %d", calls[i / 2].name,
                          k, (int)status);
            ck_assert_str_eq(error.place, failed ? "source" : "");
            if (failed) { /* all is well again, and the same call works, with the same error struct or none */
                f.file.fail_call = 0;
                ck_assert_ok(calls[i / 2].make(&f, NULL));
            }
            close_fixture(&f);
            if (!failed)
                break;
        }
        ck_assert_uint_ge(k, 2);
    }
}
END_TEST

START_TEST(every_refused_request_is_survived)
{
    for (size_t i = 0; i < CALLS; i++) {
        size_t n = 1;
        for (;; n++) {
            fixture f;
            prune_error error = { 0 };
            open_fixture(&f, PRUNE_MSE, 1);
            const uint64_t before = world_trainer_hash(f.trainer);
            const size_t bytes = f.h.live_bytes;
            heap_refuse_once(&f.h, n);
            const prune_status status = calls[i].make(&f, &error);
            const int32_t refused = f.h.refused != 0;
            ck_assert_msg(status == (refused ? PRUNE_E_MEMORY : PRUNE_OK), "%s, request %zu: %d",
                          calls[i].name, n, (int)status);
            ck_assert_int_eq(error.status, status);
            ck_assert_uint_eq(f.h.live_bytes, bytes);
            if (refused) {
                ck_assert_uint_eq(f.file.calls, 0);
                ck_assert_uint_eq(world_trainer_hash(f.trainer), before);
            }
            close_fixture(&f);
            if (!refused)
                break;
        }
        ck_assert_uint_ge(n, 2);
    }
}
END_TEST

/* ---- what read() does to others ---- */

static void fit_again(void *user, size_t call)
{
    fixture *f = user;
    const prune_fit_options options = fit_options(0.0);
    prune_error error;
    const uint64_t before = world_trainer_hash(f->trainer);
    (void)call;
    ck_assert_status(prune_trainer_fit(NULL, f->trainer, &f->world.valued, &options, &error), PRUNE_E_STATE);
    ck_assert_str_eq(error.place, "trainer");
    ck_assert_uint_eq(world_trainer_hash(f->trainer), before);
}

START_TEST(a_trainer_at_work_does_not_fit)
{
    uint64_t hash[2];
    prune_fit_options options = fit_options(0.0);
    for (size_t i = 0; i < 2; i++) {
        fixture f;
        open_fixture(&f, PRUNE_MSE, 1);
        f.file.meddle = i ? fit_again : NULL;
        f.file.user = &f;
        ck_assert_ok(call_accumulate(&f, NULL));
        ck_assert_ok(call_fit(&f, NULL));
        hash[i] = world_trainer_hash(f.trainer);
        ck_assert_ok(prune_trainer_fit(NULL, f.trainer, &f.world.valued, &options, NULL)); /* now it does */
        close_fixture(&f);
    }
    ck_assert_uint_eq(hash[0], hash[1]);
}
END_TEST

static void add_layer(void *user, size_t call)
{
    fixture *f = user;
    if (call == 2)
        ck_assert_ok(prune_model_add_dense(f->model, CLASSES, PRUNE_LINEAR));
}

START_TEST(a_model_that_grows_meanwhile_is_noticed)
{
    static const size_t ones[] = { 0, 5 };
    for (size_t i = 0; i < 2; i++) {
        fixture f;
        prune_error error = { 0 };
        open_fixture(&f, PRUNE_MSE, 1);
        f.file.meddle = add_layer;
        f.file.user = &f;
        const struct call *c = &calls[ones[i]];
        const prune_status status =
            c->trains ? c->make(&f, &error)
                      : prune_importance_accumulate(f.scores, f.trainer, &f.file.data, &error);
        ck_assert_status(status, PRUNE_E_STATE);
        ck_assert_uint_eq(f.file.calls, 2);
        ck_assert_int_eq(error.status, PRUNE_E_STATE);
        close_fixture(&f);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_fit_ends_after_its_last_whole_step,
        a_bad_value_ends_it_as_well,
        the_failing_set_is_named,
        nothing_of_the_broken_step_is_left,
        every_call_passes_a_failure_on,
        every_refused_request_is_survived,
        a_trainer_at_work_does_not_fit,
        a_model_that_grows_meanwhile_is_noticed,
    };
    return run_tests("source failure", tests, sizeof tests / sizeof tests[0]);
}
