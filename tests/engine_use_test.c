/* engine_use_test.c -- engines used: after their model, by many threads, wrongly, without memory
 *
 * SPDX-License-Identifier: MIT */
#include "support/engines.h"
#include "support/heap.h"

#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 3 };

START_TEST(an_engine_outlives_its_model)
{
    const size_t widths[2] = { INPUTS, OUTPUTS };
    float before[SAMPLES * OUTPUTS], after[SAMPLES * OUTPUTS];
    engines f;
    engines_open(&f);
    prune_engine *engine = engine_of(f.model, NULL);
    run(engine, before, f.world.x, SAMPLES, widths);
    ck_assert_ok(prune_model_fill(f.model, 2.0f));
    prune_model_free(f.model);
    f.model = NULL;
    run(engine, after, f.world.x, SAMPLES, widths);
    ck_assert_mem_eq(before, after, sizeof after);
    prune_engine_free(engine);
    engines_close(&f);
}
END_TEST

START_TEST(inputs_that_are_not_finite_spoil_only_their_sample)
{
    const size_t widths[2] = { INPUTS, OUTPUTS };
    float good[SAMPLES * OUTPUTS], got[SAMPLES * OUTPUTS];
    for (size_t max_batch = 1; max_batch <= SAMPLES; max_batch += 13) {
        engines f;
        engines_open(&f);
        const size_t shape[] = { INPUTS, 33, OUTPUTS };
        prune_model *model = world_model(NULL, shape, 2, PRUNE_TANH, 2); /* all kept: all are read */
        const prune_engine_options options = options_of(max_batch, PRUNE_CHOOSE_MODELLED);
        prune_engine *engine = engine_of(model, &options);
        run(engine, good, f.world.x, SAMPLES, widths);
        f.world.x[4 * INPUTS + 2] = NAN;
        f.world.x[9 * INPUTS] = INFINITY;
        f.world.x[9 * INPUTS + 1] = -INFINITY;
        run(engine, got, f.world.x, SAMPLES, widths);
        for (size_t i = 0; i < SAMPLES * OUTPUTS; i++)
            if (i / OUTPUTS != 9)
                ck_assert(i / OUTPUTS == 4 ? isnan(got[i]) : got[i] == good[i]);
        prune_engine_free(engine);
        prune_model_free(model);
        engines_close(&f);
    }
}
END_TEST

/* ---- threads ---- */

typedef struct job {
    const prune_engine *engine;
    const prune_tensor *x;
    const float *expected;
    int32_t failures;
} job;

static void *run_again_and_again(void *user)
{
    job *j = user;
    float h[SAMPLES * OUTPUTS];
    prune_tensor *y = NULL;
    char *room = malloc(prune_engine_room(j->engine) + 1);
    prune_status status = prune_tensor_matrix(&y, NULL, PRUNE_F32, SAMPLES, OUTPUTS, h);
    for (int i = 0; i < 50 && status == PRUNE_OK && room != NULL; i++) {
        memset(h, 0, sizeof h);
        status = prune_engine_run(j->engine, y, j->x, room + i % 2);
        j->failures += memcmp(h, j->expected, sizeof h) != 0;
    }
    j->failures += status != PRUNE_OK || room == NULL;
    prune_tensor_free(y);
    free(room);
    return NULL;
}

START_TEST(one_engine_serves_many_threads)
{
    const size_t widths[2] = { INPUTS, OUTPUTS };
    float expected[SAMPLES * OUTPUTS];
    pthread_t threads[THREADS];
    job jobs[THREADS];
    engines f;
    engines_open(&f);
    const prune_engine_options options = options_of(17, PRUNE_CHOOSE_MODELLED);
    prune_engine *engine = engine_of(f.model, &options);
    run(engine, expected, f.world.x, SAMPLES, widths);
    for (size_t i = 0; i < THREADS; i++) {
        jobs[i] = (job){ engine, f.world.x_tensor, expected, 0 };
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_again_and_again, &jobs[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_int_eq(jobs[i].failures, 0);
    }
    prune_engine_free(engine);
    engines_close(&f);
}
END_TEST

/* ---- refused ---- */

START_TEST(what_makes_no_sense_is_refused)
{
    const prune_clock no_clock = { NULL, NULL };
    const prune_backend no_backend = { .name = "none", .run = NULL, .user = NULL };
    const int32_t layouts[4] = { 0, 0, 77, 0 };
    const prune_engine_options good = options_of(1, PRUNE_CHOOSE_MODELLED);
    prune_engine_options bad[10];
    const prune_status expected[10] = { PRUNE_E_ARGUMENT, PRUNE_E_ARGUMENT, PRUNE_E_ARGUMENT,
                                        PRUNE_E_ARGUMENT, PRUNE_E_ARGUMENT, PRUNE_E_SIZE,
                                        PRUNE_E_LIMIT,    PRUNE_E_SHAPE,    PRUNE_E_ARGUMENT,
                                        PRUNE_E_VERSION };
    static const char *const place[10] = {
        "choice",    "layouts",   "backend",      "clock",      "kernels",
        "max_batch", "max_batch", "layout_count", "layouts[2]", "options"
    };
    for (size_t i = 0; i < 10; i++)
        bad[i] = good;
    bad[0].choice = PRUNE_CHOOSE_BYTES + 1;
    bad[1].layout_count = 1;
    bad[2].backend = &no_backend;
    bad[3].clock = &no_clock;
    bad[4].kernels = PRUNE_KERNELS_NEON + 1;
    bad[5].max_batch = 0;
    bad[6].max_batch = (size_t)INT_MAX + 1;
    bad[7].layouts = layouts, bad[7].layout_count = 4;
    bad[8].layouts = layouts, bad[8].layout_count = 3;
    bad[9].size = sizeof bad[9] + 1;
    engines f;
    engines_open(&f);
    for (size_t i = 0; i < 10; i++) {
        prune_engine *engine = (prune_engine *)(uintptr_t)&f;
        prune_error error = { 0 };
        ck_assert_status(prune_engine_create(&engine, NULL, f.model, &bad[i], &error), expected[i]);
        ck_assert_ptr_null(engine);
        ck_assert_int_eq(error.status, expected[i]);
        ck_assert_str_eq(error.place, place[i]);
    }
    prune_engine *engine = (prune_engine *)(uintptr_t)&f;
    ck_assert_status(prune_engine_create(NULL, NULL, f.model, &good, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_engine_create(&engine, NULL, NULL, &good, NULL), PRUNE_E_ARGUMENT);
    ck_assert_ptr_null(engine);
    engines_close(&f);
}
END_TEST

/* Plain C has no groups, and the second dense layer asks for them: the model's fourth, though engines have no
 * layers for the two before it. */
START_TEST(errors_name_the_layer)
{
    const int32_t layouts[2] = { PRUNE_LAYOUT_ROWS, PRUNE_LAYOUT_GROUPS };
    prune_engine_options options = options_of(1, PRUNE_CHOOSE_MODELLED);
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, INPUTS));
    ck_assert_ok(prune_model_add_dense(model, 20, PRUNE_LINEAR));
    ck_assert_ok(prune_model_add_batch_norm(model, 0.1f, 1e-5f));
    ck_assert_ok(prune_model_add_dropout(model, 0.5f));
    ck_assert_ok(prune_model_add_dense(model, OUTPUTS, PRUNE_LINEAR));
    options.kernels = PRUNE_KERNELS_PLAIN;
    options.layouts = layouts;
    options.layout_count = 2;
    prune_engine *engine = (prune_engine *)(uintptr_t)&options;
    prune_error error = { 0 };
    ck_assert_status(prune_engine_create(&engine, NULL, model, &options, &error), PRUNE_E_UNSUPPORTED);
    ck_assert_ptr_null(engine);
    ck_assert_str_eq(error.place, "layer 3");
    ck_assert_ptr_nonnull(strstr(error.reason, "layout"));
    prune_model_free(model);
}
END_TEST

START_TEST(what_does_not_fit_leaves_the_outputs)
{
    static float numbers[SAMPLES * 64];
    const struct {
        int32_t x_type, y_type, read_only;
        size_t x_rows, x_columns, y_rows, y_columns;
        prune_status status;
    } cases[] = {
        { PRUNE_F32, PRUNE_F32, 0, 9, INPUTS + 1, 9, OUTPUTS, PRUNE_E_SHAPE },
        { PRUNE_F32, PRUNE_F32, 0, 9, INPUTS, 9, OUTPUTS + 1, PRUNE_E_SHAPE },
        { PRUNE_F32, PRUNE_F32, 0, 9, INPUTS, 8, OUTPUTS, PRUNE_E_SHAPE },
        { PRUNE_I32, PRUNE_F32, 0, 9, INPUTS, 9, OUTPUTS, PRUNE_E_TYPE },
        { PRUNE_F32, PRUNE_I32, 0, 9, INPUTS, 9, OUTPUTS, PRUNE_E_TYPE },
        { PRUNE_F32, PRUNE_F32, 1, 9, INPUTS, 9, OUTPUTS, PRUNE_E_READONLY },
    };
    float y[SAMPLES * (OUTPUTS + 1)];
    engines f;
    prune_engine_layer layer;
    engines_open(&f);
    prune_engine *engine = engine_of(f.model, NULL);
    for (size_t i = 0; i < SAMPLES * (OUTPUTS + 1); i++)
        y[i] = 7.0f;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        prune_tensor *in, *out;
        const size_t rows = cases[i].y_rows, columns = cases[i].y_columns;
        ck_assert_ok(prune_tensor_const_matrix(&in, NULL, cases[i].x_type, cases[i].x_rows,
                                               cases[i].x_columns, numbers));
        ck_assert_ok(cases[i].read_only
                         ? prune_tensor_const_matrix(&out, NULL, cases[i].y_type, rows, columns, y)
                         : prune_tensor_matrix(&out, NULL, cases[i].y_type, rows, columns, y));
        ck_assert_status(prune_engine_run(engine, out, in, NULL), cases[i].status);
        ck_assert_status(prune_engine_run(NULL, out, in, NULL), PRUNE_E_ARGUMENT);
        ck_assert_status(prune_engine_run(engine, NULL, in, NULL), PRUNE_E_ARGUMENT);
        ck_assert_status(prune_engine_run(engine, out, NULL, NULL), PRUNE_E_ARGUMENT);
        prune_tensor_free(in);
        prune_tensor_free(out);
    }
    for (size_t i = 0; i < SAMPLES * (OUTPUTS + 1); i++)
        ck_assert(y[i] == 7.0f);
    prune_engine_layer_init(&layer);
    ck_assert_status(prune_engine_describe(&layer, engine, 3), PRUNE_E_RANGE);
    ck_assert_status(prune_engine_describe(NULL, engine, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_engine_describe(&layer, NULL, 0), PRUNE_E_ARGUMENT);
    layer.size++;
    ck_assert_status(prune_engine_describe(&layer, engine, 0), PRUNE_E_VERSION);
    prune_engine_free(engine);
    prune_engine_free(NULL);
    ck_assert(prune_engine_bytes(NULL) == 0 && prune_engine_room(NULL) == 0);
    ck_assert_uint_eq(prune_engine_layer_count(NULL), 0);
    prune_engine_options_init(NULL);
    prune_engine_layer_init(NULL);
    engines_close(&f);
}
END_TEST

/* ---- memory ---- */

START_TEST(every_failing_allocation_is_survived)
{
    float y[SAMPLES * OUTPUTS];
    engines f;
    engines_open(&f);
    ck_assert_ok(prune_model_add_softmax(f.model));
    for (int32_t choice = PRUNE_CHOOSE_MODELLED; choice <= PRUNE_CHOOSE_BYTES; choice++) {
        const prune_engine_options options = options_of(20, choice);
        prune_status status = PRUNE_E_MEMORY;
        size_t n = 1;
        for (; status == PRUNE_E_MEMORY; n++) {
            heap h = { 0 };
            const prune_allocator mem = heap_allocator(&h);
            prune_engine *engine;
            heap_refuse_once(&h, n);
            status = prune_engine_create(&engine, &mem, f.model, &options, NULL);
            ck_assert(status == PRUNE_OK || (status == PRUNE_E_MEMORY && engine == NULL && h.refused != 0));
            ck_assert(status != PRUNE_OK || h.live_bytes == prune_engine_bytes(engine));
            prune_tensor *out;
            ck_assert_ok(prune_tensor_matrix(&out, NULL, PRUNE_F32, SAMPLES, OUTPUTS, y));
            const size_t requests = h.requests;
            if (status == PRUNE_OK)
                ck_assert_ok(prune_engine_run(engine, out, f.world.x_tensor, NULL));
            ck_assert_uint_eq(h.requests, requests);
            prune_tensor_free(out);
            prune_engine_free(engine);
            ck_assert(heap_is_clean(&h));
        }
        ck_assert_uint_gt(n, 10);
    }
    engines_close(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_engine_outlives_its_model,
        inputs_that_are_not_finite_spoil_only_their_sample,
        one_engine_serves_many_threads,
        what_makes_no_sense_is_refused,
        errors_name_the_layer,
        what_does_not_fit_leaves_the_outputs,
        every_failing_allocation_is_survived,
    };
    return run_tests("engine_use", tests, sizeof tests / sizeof tests[0]);
}
