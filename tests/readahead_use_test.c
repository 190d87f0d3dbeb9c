/* readahead_use_test.c -- every result, and every failure, is the same whether a source is read ahead or not
 *
 * SPDX-License-Identifier: MIT */
#include "support/stream.h"
#include "support/training.h"

#include <string.h>

enum { INPUTS = 5, CLASSES = 3, SAMPLES = 45, BATCH = 7 };

static const size_t widths[] = { INPUTS, 8, CLASSES };
static const int32_t losses[] = { PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_MSE };

static prune_readahead *ahead_of(const stream *file)
{
    prune_readahead *ahead;
    ck_assert_ok(prune_readahead_create(&ahead, NULL, &file->source, NULL));
    return ahead;
}

typedef struct outcome {
    prune_status status;
    prune_error error;
    uint64_t hash;
    prune_fit_result result;
    prune_metrics metrics;
    float scores[8 * INPUTS];
} outcome;

/* A source that may fail or spoil a value in a call. */
typedef struct trouble {
    size_t fail_call, spoil_call;
    int32_t spoil_target;
} trouble;

static void train_and_measure(outcome *out, int32_t loss, prune_trainer *trainer, const prune_data *data)
{
    prune_fit_options options;
    prune_importance *scores;
    prune_fit_options_init(&options);
    options.epochs = 2;
    options.validation_fraction = 0.3;
    out->status = prune_trainer_fit(&out->result, trainer, data, &options, &out->error);
    out->hash = world_trainer_hash(trainer);
    if (out->status != PRUNE_OK)
        return;
    const prune_model *model = prune_trainer_model(trainer);
    out->status = prune_evaluate(&out->metrics, model, data, loss, &out->error);
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_TAYLOR));
    if (out->status == PRUNE_OK)
        out->status = prune_importance_accumulate(scores, trainer, data, &out->error);
    if (out->status == PRUNE_OK)
        memcpy(out->scores, prune_importance_scores(scores, 0), sizeof out->scores);
    prune_importance_free(scores);
}

static size_t run(outcome *out, int32_t loss, const trouble *t, int32_t reads_ahead)
{
    stream file;
    world_data world;
    prune_trainer_options options = world_options(loss, PRUNE_ADAM);
    options.max_batch = BATCH;
    memset(out, 0, sizeof *out);
    prune_fit_result_init(&out->result);
    prune_metrics_init(&out->metrics);
    world_data_make(&world, SAMPLES, INPUTS, CLASSES, 5);
    stream_open(&file, &world, loss);
    file.fail_call = t->fail_call;
    file.spoil_call = t->spoil_call;
    file.spoil_target = t->spoil_target;
    file.source.any_thread = 1;
    prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
    prune_trainer *trainer = world_trainer(model, &options);
    prune_readahead *ahead = reads_ahead ? ahead_of(&file) : NULL;
    prune_data data = file.data;
    if (reads_ahead)
        data.source = prune_readahead_source(ahead);
    train_and_measure(out, loss, trainer, &data);
    prune_readahead_free(ahead);
    const size_t calls = file.calls;
    prune_trainer_free(trainer);
    prune_model_free(model);
    stream_close(&file);
    world_data_end(&world);
    return calls;
}

START_TEST(all_results_are_the_same_bits)
{
    for (size_t i = 0; i < 2; i++) {
        const trouble none = { 0 };
        outcome direct, ahead;
        const size_t calls = run(&direct, losses[i], &none, 0);
        ck_assert_uint_eq(run(&ahead, losses[i], &none, 1), calls);
        ck_assert_ok(direct.status);
        ck_assert_mem_eq(&direct, &ahead, sizeof ahead);
    }
}
END_TEST

START_TEST(failures_and_bad_values_are_those_of_the_read_that_was_wanted)
{
    for (size_t i = 0; i < 2; i++) {
        const trouble none = { 0 };
        outcome direct, ahead;
        const size_t calls = run(&direct, losses[i], &none, 0);
        for (size_t k = 1; k <= 2 * calls; k++) {
            const size_t call = (k + 1) / 2;
            const trouble t = { k % 2 ? call : 0, k % 2 ? 0 : call, k % 4 == 0 };
            run(&direct, losses[i], &t, 0);
            run(&ahead, losses[i], &t, 1);
            ck_assert_int_ne(direct.status, PRUNE_OK);
            ck_assert_mem_eq(&direct, &ahead, sizeof ahead);
        }
    }
}
END_TEST

/* ---- what a source is told ---- */

enum { MANY = 601 };

/* A source that notes what it is told. */
typedef struct listener {
    stream file;
    prune_source source;
    size_t expected[MANY], count; /* samples that are to come; none */
    size_t reads, announced, dropped;
} listener;

static prune_status read_announced(void *user, const size_t *samples, size_t count, float *inputs,
                                   void *targets)
{
    listener *l = user;
    l->reads++;
    if (l->count != 0) {
        ck_assert_uint_eq(l->count, count);
        ck_assert_mem_eq(l->expected, samples, count * sizeof *samples);
        l->announced++;
    }
    l->count = 0;
    return l->file.source.read(l->file.source.user, samples, count, inputs, targets);
}

static void listen(void *user, const size_t *samples, size_t count)
{
    listener *l = user;
    ck_assert(count == 0 ? samples == NULL && l->count != 0 : l->count == 0);
    ck_assert_uint_le(count, MANY);
    l->dropped += count == 0;
    l->count = count;
    if (count != 0)
        memcpy(l->expected, samples, count * sizeof *samples);
}

/* Since the last time: so many passes, each of whose reads but the first was announced. */
static void assert_passes(listener *l, size_t passes)
{
    ck_assert_uint_eq(l->count, 0);
    ck_assert_uint_eq(l->dropped, 0);
    ck_assert_uint_gt(l->reads, passes);
    ck_assert_uint_eq(l->reads - l->announced, passes);
    l->reads = l->announced = 0;
}

static void listen_to(listener *l, const world_data *world)
{
    memset(l, 0, sizeof *l);
    stream_open(&l->file, world, PRUNE_MSE);
    l->source = l->file.source;
    l->source.read = read_announced;
    l->source.expect = listen;
    l->source.user = l;
    l->file.data.source = &l->source;
}

START_TEST(every_pass_announces_all_but_its_first_batch)
{
    world_data world;
    listener l, other;
    prune_importance *scores;
    prune_curvature *curvature;
    prune_hessian *hessian;
    prune_metrics metrics;
    prune_fit_options options;
    prune_trainer_options how = world_options(PRUNE_MSE, PRUNE_ADAM);
    how.max_batch = BATCH;
    world_data_make(&world, MANY, INPUTS, CLASSES, 5);
    listen_to(&l, &world);
    listen_to(&other, &world);
    prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
    prune_trainer *trainer = world_trainer(model, &how);
    prune_fit_options_init(&options);
    options.epochs = 3;
    options.validation_fraction = 0.3;
    ck_assert_ok(prune_trainer_fit(NULL, trainer, &l.file.data, &options, NULL));
    assert_passes(&l, 6);
    options.validation = &other.file.data;
    ck_assert_ok(prune_trainer_fit(NULL, trainer, &l.file.data, &options, NULL));
    assert_passes(&l, 3);
    assert_passes(&other, 3);
    prune_metrics_init(&metrics);
    ck_assert_ok(prune_evaluate(&metrics, model, &l.file.data, PRUNE_MSE, NULL));
    assert_passes(&l, 1);
    ck_assert_ok(prune_data_check(&l.file.data, model, PRUNE_MSE, NULL));
    assert_passes(&l, 1);
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_TAYLOR));
    ck_assert_ok(prune_importance_accumulate(scores, trainer, &l.file.data, NULL));
    assert_passes(&l, 1);
    ck_assert_ok(prune_curvature_create(&curvature, NULL, model, PRUNE_HESSIAN_GAUSS_NEWTON));
    ck_assert_ok(prune_curvature_accumulate(curvature, trainer, &l.file.data, NULL));
    assert_passes(&l, 1);
    ck_assert_ok(prune_hessian_create(&hessian, NULL, trainer));
    ck_assert_ok(prune_hessian_accumulate(hessian, &l.file.data, NULL));
    assert_passes(&l, 1);
    prune_hessian_free(hessian);
    prune_curvature_free(curvature);
    prune_importance_free(scores);
    prune_trainer_free(trainer);
    prune_model_free(model);
    stream_close(&l.file);
    stream_close(&other.file);
    world_data_end(&world);
}
END_TEST

static int32_t stop(void *user, const prune_progress *progress)
{
    (void)user;
    return progress->batch == 2;
}

/* Stopped, or ended by a bad value: what was announced is taken back before the call returns. */
START_TEST(a_pass_that_ends_early_takes_its_announcement_back)
{
    for (size_t i = 0; i < 3; i++) {
        world_data world;
        listener l;
        prune_fit_options options;
        const prune_trainer_options how = world_options(PRUNE_MSE, PRUNE_ADAM);
        world_data_make(&world, MANY, INPUTS, CLASSES, 5);
        listen_to(&l, &world);
        prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
        prune_trainer *trainer = world_trainer(model, &how);
        prune_fit_options_init(&options);
        options.progress_every = 1;
        options.progress = i == 0 ? stop : NULL;
        l.file.spoil_call = i == 1 ? 2 : 0;
        l.file.fail_call = i == 2 ? 2 : 0;
        const prune_status status = prune_trainer_fit(NULL, trainer, &l.file.data, &options, NULL);
        ck_assert_int_eq(status, i == 0 ? PRUNE_OK : i == 1 ? PRUNE_E_NONFINITE : PRUNE_E_IO);
        ck_assert_uint_eq(l.reads, 2);
        ck_assert_uint_eq(l.announced, 1);
        ck_assert_uint_eq(l.dropped, i == 0);
        ck_assert_uint_eq(l.count, 0);
        prune_trainer_free(trainer);
        prune_model_free(model);
        stream_close(&l.file);
        world_data_end(&world);
    }
}
END_TEST

/* ---- what it says when it fails ---- */

static prune_status refuse(void *user, const size_t *samples, size_t count, float *inputs, void *targets)
{
    (void)user;
    (void)samples;
    (void)count;
    (void)inputs;
    (void)targets;
    return PRUNE_E_SPACE;
}

static void say(void *user, prune_error *error)
{
    ck_assert_int_eq(error->status, PRUNE_E_SPACE);
    ck_assert_str_eq(error->place, "source");
    ck_assert_str_eq(error->reason, "read() failed at sample 0 and the following, 45 in all");
    memset(error->place, 'p', sizeof error->place); /* not even terminated */
    strcpy(error->reason, user);
    error->status = PRUNE_OK;
}

START_TEST(a_source_may_say_what_went_wrong)
{
    char why[] = "the tape is torn";
    world_data world;
    stream file;
    prune_metrics metrics;
    prune_metrics_init(&metrics);
    world_data_make(&world, SAMPLES, INPUTS, CLASSES, 5);
    stream_open(&file, &world, PRUNE_MSE);
    file.source.read = refuse;
    file.source.explain = say;
    file.source.user = why;
    file.source.any_thread = 1;
    prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
    for (size_t i = 0; i < 2; i++) {
        prune_error error = { 0 };
        prune_readahead *ahead = i == 0 ? NULL : ahead_of(&file);
        prune_data data = file.data;
        if (i != 0)
            data.source = prune_readahead_source(ahead);
        ck_assert_status(prune_evaluate(&metrics, model, &data, PRUNE_MSE, &error), PRUNE_E_SPACE);
        ck_assert_int_eq(error.status, PRUNE_E_SPACE);
        ck_assert_uint_eq(strlen(error.place), sizeof error.place - 1);
        ck_assert_str_eq(error.reason, why);
        ck_assert_status(prune_evaluate(&metrics, model, &data, PRUNE_MSE, NULL), PRUNE_E_SPACE);
        prune_readahead_free(ahead);
    }
    prune_model_free(model);
    stream_close(&file);
    world_data_end(&world);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        all_results_are_the_same_bits,
        failures_and_bad_values_are_those_of_the_read_that_was_wanted,
        every_pass_announces_all_but_its_first_batch,
        a_pass_that_ends_early_takes_its_announcement_back,
        a_source_may_say_what_went_wrong,
    };
    return run_tests("readahead use", tests, sizeof tests / sizeof tests[0]);
}
