/* predict_test.c -- forward passes of a const model: any batch, any thread, the same bits
 *
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/heap.h"
#include "support/training.h"

#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

enum { INPUTS = 13, OUTPUTS = 5, SAMPLES = 41, GAP = 3, THREADS = 4, ROUNDS = 50 };

static const size_t widths[] = { INPUTS, 17, 9, OUTPUTS };
static const float untouched = -77.0f;

typedef struct fixture {
    world_data world;
    prune_model *model;
    float expected[SAMPLES * OUTPUTS]; /* one sample at a time */
} fixture;

static prune_workspace *workspace_of(const prune_model *model, size_t max_batch)
{
    prune_workspace *workspace;
    ck_assert_ok(prune_workspace_create(&workspace, NULL, model, max_batch, prune_backend_reference()));
    return workspace;
}

static void open_fixture(fixture *f)
{
    world_data_make(&f->world, SAMPLES, INPUTS, OUTPUTS, 5);
    f->model = world_model(NULL, widths, 3, PRUNE_SIGMOID, 2);
    world_remove(f->model, 0, 3);
    for (size_t p = 1; p < 6; p += 2) { /* biases, so that none can go astray unnoticed */
        float bias[17];
        for (size_t i = 0; i < 17; i++)
            bias[i] = 0.25f + 0.125f * (float)i;
        ck_assert_ok(prune_model_set_param(f->model, p, bias, widths[p / 2 + 1]));
    }
    prune_workspace *workspace = workspace_of(f->model, 1);
    for (size_t s = 0; s < SAMPLES; s++) {
        prune_tensor *x = world_rows(f->world.x_tensor, s, 1), *y;
        ck_assert_ok(prune_tensor_matrix(&y, NULL, PRUNE_F32, 1, OUTPUTS, f->expected + s * OUTPUTS));
        ck_assert_ok(prune_predict(y, f->model, workspace, x));
        prune_tensor_free(x);
        prune_tensor_free(y);
    }
    prune_workspace_free(workspace);
}

static void close_fixture(fixture *f)
{
    prune_model_free(f->model);
    world_data_end(&f->world);
}

/* ---- numbers ---- */

START_TEST(a_small_net_by_hand)
{
    const float w0[] = { 1, -2, 0.5f, 3 }, b0[] = { 0.5f, -1 }, w1[] = { 2, -1 }, b1[] = { 0.25f };
    const float x[] = { 1, 1, 2, -1 };
    const size_t net[] = { 2, 2, 1 };
    float h[2];
    prune_tensor *inputs, *outputs;
    prune_model *model = world_model(NULL, net, 2, PRUNE_RELU, 1);
    ck_assert_ok(prune_model_set_param(model, 0, w0, 4));
    ck_assert_ok(prune_model_set_param(model, 1, b0, 2));
    ck_assert_ok(prune_model_set_param(model, 2, w1, 2));
    ck_assert_ok(prune_model_set_param(model, 3, b1, 1));
    ck_assert_ok(prune_tensor_const_matrix(&inputs, NULL, PRUNE_F32, 2, 2, x));
    ck_assert_ok(prune_tensor_matrix(&outputs, NULL, PRUNE_F32, 2, 1, h));
    prune_workspace *workspace = workspace_of(model, 2);
    ck_assert_ok(prune_predict(outputs, model, workspace, inputs));
    ck_assert(h[0] == -2.25f); /* hidden max(0, -0.5), 2.5 */
    ck_assert(h[1] == 9.25f);  /* hidden 4.5, max(0, -3) */
    prune_workspace_free(workspace);
    prune_tensor_free(inputs);
    prune_tensor_free(outputs);
    prune_model_free(model);
}
END_TEST

START_TEST(any_batch_through_any_workspace_gives_the_same_bits)
{
    fixture f;
    open_fixture(&f);
    for (size_t max_batch = 1; max_batch <= SAMPLES + 1; max_batch++)
        for (size_t batch = 1; batch <= SAMPLES; batch += 8) {
            float h[SAMPLES * OUTPUTS];
            prune_workspace *workspace = workspace_of(f.model, max_batch);
            prune_tensor *x = world_rows(f.world.x_tensor, SAMPLES - batch, batch), *y;
            ck_assert_ok(prune_tensor_matrix(&y, NULL, PRUNE_F32, batch, OUTPUTS, h));
            ck_assert_ok(prune_predict(y, f.model, workspace, x));
            ck_assert_mem_eq(h, f.expected + (SAMPLES - batch) * OUTPUTS, batch * OUTPUTS * sizeof(float));
            prune_tensor_free(x);
            prune_tensor_free(y);
            prune_workspace_free(workspace);
        }
    close_fixture(&f);
}
END_TEST

START_TEST(the_default_back_end_agrees_to_rounding)
{
    float h[SAMPLES * OUTPUTS];
    fixture f;
    prune_tensor *y;
    prune_workspace *workspace;
    open_fixture(&f);
    ck_assert_ok(prune_workspace_create(&workspace, NULL, f.model, 16, NULL));
    ck_assert_ok(prune_tensor_matrix(&y, NULL, PRUNE_F32, SAMPLES, OUTPUTS, h));
    ck_assert_ok(prune_predict(y, f.model, workspace, f.world.x_tensor));
    ck_assert_double_le(world_distance(h, f.expected, SAMPLES * OUTPUTS), 1e-6);
    prune_tensor_free(y);
    prune_workspace_free(workspace);
    close_fixture(&f);
}
END_TEST

START_TEST(gaps_between_rows_are_neither_read_nor_written)
{
    enum { X_LD = INPUTS + GAP, Y_LD = OUTPUTS + GAP };
    static float x[SAMPLES * X_LD], y[SAMPLES * Y_LD];
    const prune_shape x_shape = { 2, { SAMPLES, INPUTS, 0, 0 } }, y_shape = { 2, { SAMPLES, OUTPUTS, 0, 0 } };
    prune_tensor *inputs, *outputs;
    fixture f;
    open_fixture(&f);
    for (size_t i = 0; i < SAMPLES * X_LD; i++)
        x[i] = i % X_LD < INPUTS ? f.world.x[i / X_LD * INPUTS + i % X_LD] : NAN;
    for (size_t i = 0; i < SAMPLES * Y_LD; i++)
        y[i] = untouched;
    ck_assert_ok(prune_tensor_wrap_const(&inputs, NULL, PRUNE_F32, &x_shape, X_LD, x));
    ck_assert_ok(prune_tensor_wrap(&outputs, NULL, PRUNE_F32, &y_shape, Y_LD, y));
    prune_workspace *workspace = workspace_of(f.model, 7);
    ck_assert_ok(prune_predict(outputs, f.model, workspace, inputs));
    for (size_t i = 0; i < SAMPLES * Y_LD; i++)
        ck_assert(y[i] == (i % Y_LD < OUTPUTS ? f.expected[i / Y_LD * OUTPUTS + i % Y_LD] : untouched));
    prune_workspace_free(workspace);
    prune_tensor_free(inputs);
    prune_tensor_free(outputs);
    close_fixture(&f);
}
END_TEST

START_TEST(inputs_that_are_not_finite_spoil_only_their_sample)
{
    float h[SAMPLES * OUTPUTS];
    prune_tensor *y;
    fixture f;
    open_fixture(&f);
    f.world.x[4 * INPUTS + 2] = NAN;
    ck_assert_ok(prune_tensor_matrix(&y, NULL, PRUNE_F32, SAMPLES, OUTPUTS, h));
    prune_workspace *workspace = workspace_of(f.model, 16);
    ck_assert_ok(prune_predict(y, f.model, workspace, f.world.x_tensor));
    for (size_t i = 0; i < SAMPLES * OUTPUTS; i++)
        ck_assert(i / OUTPUTS == 4 ? isnan(h[i]) : h[i] == f.expected[i]);
    prune_workspace_free(workspace);
    prune_tensor_free(y);
    close_fixture(&f);
}
END_TEST

/* ---- threads ---- */

typedef struct job {
    const prune_model *model;
    const prune_tensor *x;
    size_t max_batch;
    const float *expected;
    int32_t failures;
} job;

static void *predict_again_and_again(void *user)
{
    job *j = user;
    float h[SAMPLES * OUTPUTS];
    prune_tensor *y = NULL;
    prune_workspace *workspace = NULL;
    prune_status status = prune_tensor_matrix(&y, NULL, PRUNE_F32, SAMPLES, OUTPUTS, h);
    if (status == PRUNE_OK)
        status = prune_workspace_create(&workspace, NULL, j->model, j->max_batch, prune_backend_reference());
    for (int i = 0; i < ROUNDS && status == PRUNE_OK; i++) {
        memset(h, 0, sizeof h);
        status = prune_predict(y, j->model, workspace, j->x);
        j->failures += memcmp(h, j->expected, sizeof h) != 0;
    }
    j->failures += status != PRUNE_OK;
    prune_workspace_free(workspace);
    prune_tensor_free(y);
    return NULL;
}

START_TEST(one_model_serves_many_threads)
{
    pthread_t threads[THREADS];
    job jobs[THREADS];
    fixture f;
    open_fixture(&f);
    for (size_t i = 0; i < THREADS; i++) {
        jobs[i] = (job){ f.model, f.world.x_tensor, 1 + 5 * i, f.expected, 0 };
        ck_assert_int_eq(pthread_create(&threads[i], NULL, predict_again_and_again, &jobs[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_int_eq(jobs[i].failures, 0);
    }
    close_fixture(&f);
}
END_TEST

/* ---- refused ---- */

START_TEST(what_does_not_fit_leaves_the_outputs)
{
    static float numbers[SAMPLES * 32];
    const struct {
        int32_t x_type, y_type, read_only;
        size_t x_rows, x_columns, y_rows, y_columns;
        prune_status status;
    } cases[] = {
        { PRUNE_F32, PRUNE_F32, 0, 9, INPUTS + 1, 9, OUTPUTS, PRUNE_E_SHAPE },
        { PRUNE_F32, PRUNE_F32, 0, 9, INPUTS - 1, 9, OUTPUTS, PRUNE_E_SHAPE },
        { PRUNE_F32, PRUNE_F32, 0, 9, INPUTS, 9, OUTPUTS + 1, PRUNE_E_SHAPE },
        { PRUNE_F32, PRUNE_F32, 0, 9, INPUTS, 8, OUTPUTS, PRUNE_E_SHAPE },
        { PRUNE_F32, PRUNE_F32, 0, 9, INPUTS, 10, OUTPUTS, PRUNE_E_SHAPE },
        { PRUNE_I32, PRUNE_F32, 0, 9, INPUTS, 9, OUTPUTS, PRUNE_E_TYPE },
        { PRUNE_F32, PRUNE_I32, 0, 9, INPUTS, 9, OUTPUTS, PRUNE_E_TYPE },
        { PRUNE_F32, PRUNE_F32, 1, 9, INPUTS, 9, OUTPUTS, PRUNE_E_READONLY },
    };
    float y[SAMPLES * (OUTPUTS + 1)];
    fixture f;
    open_fixture(&f);
    prune_workspace *workspace = workspace_of(f.model, 4);
    for (size_t i = 0; i < SAMPLES * (OUTPUTS + 1); i++)
        y[i] = untouched;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        prune_tensor *in, *out;
        const size_t rows = cases[i].y_rows, columns = cases[i].y_columns;
        ck_assert_ok(prune_tensor_const_matrix(&in, NULL, cases[i].x_type, cases[i].x_rows,
                                               cases[i].x_columns, numbers));
        if (cases[i].read_only)
            ck_assert_ok(prune_tensor_const_matrix(&out, NULL, cases[i].y_type, rows, columns, y));
        else
            ck_assert_ok(prune_tensor_matrix(&out, NULL, cases[i].y_type, rows, columns, y));
        ck_assert_status(prune_predict(out, f.model, workspace, in), cases[i].status);
        ck_assert_status(prune_predict(NULL, f.model, workspace, in), PRUNE_E_ARGUMENT);
        ck_assert_status(prune_predict(out, NULL, workspace, in), PRUNE_E_ARGUMENT);
        ck_assert_status(prune_predict(out, f.model, NULL, in), PRUNE_E_ARGUMENT);
        ck_assert_status(prune_predict(out, f.model, workspace, NULL), PRUNE_E_ARGUMENT);
        prune_tensor_free(in);
        prune_tensor_free(out);
    }
    for (size_t i = 0; i < SAMPLES * (OUTPUTS + 1); i++)
        ck_assert(y[i] == untouched);
    prune_workspace_free(workspace);
    close_fixture(&f);
}
END_TEST

START_TEST(a_workspace_knows_its_architecture)
{
    const size_t wider[] = { INPUTS, 17, 10, OUTPUTS }, shorter[] = { INPUTS, 17, OUTPUTS };
    float h[SAMPLES * OUTPUTS];
    fixture f;
    prune_tensor *y;
    open_fixture(&f);
    prune_workspace *workspace = workspace_of(f.model, 8);
    ck_assert_ok(prune_tensor_matrix(&y, NULL, PRUNE_F32, SAMPLES, OUTPUTS, h));
    prune_model *others[] = { world_model(NULL, wider, 3, PRUNE_SIGMOID, 2),
                              world_model(NULL, shorter, 2, PRUNE_SIGMOID, 2),
                              world_model(NULL, widths, 3, PRUNE_RELU, 2), /* another activation */
                              world_model(NULL, widths, 3, PRUNE_SIGMOID, 7) };
    for (size_t i = 0; i < 4; i++) {
        h[0] = untouched;
        const prune_status expected = i == 3 ? PRUNE_OK : PRUNE_E_STATE; /* other weights are fine */
        ck_assert_status(prune_predict(y, others[i], workspace, f.world.x_tensor), expected);
        ck_assert_int_eq(h[0] == untouched, i != 3);
        prune_model_free(others[i]);
    }
    prune_workspace_free(workspace);
    prune_tensor_free(y);
    close_fixture(&f);
}
END_TEST

START_TEST(workspaces_have_limits_and_a_known_size)
{
    size_t bytes = 0;
    fixture f;
    prune_workspace *workspace = (prune_workspace *)(uintptr_t)&bytes;
    open_fixture(&f);
    const size_t bad[] = { 0, (size_t)INT_MAX + 1, SIZE_MAX };
    for (size_t i = 0; i < 3; i++) {
        const prune_status expected = i == 0 ? PRUNE_E_SIZE : PRUNE_E_LIMIT;
        ck_assert_status(prune_workspace_create(&workspace, NULL, f.model, bad[i], NULL), expected);
        ck_assert_ptr_null(workspace);
        ck_assert_status(prune_workspace_bytes(&bytes, f.model, bad[i]), expected);
    }
    ck_assert_status(prune_workspace_create(NULL, NULL, f.model, 1, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_workspace_create(&workspace, NULL, NULL, 1, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_workspace_bytes(NULL, f.model, 1), PRUNE_E_ARGUMENT);
    prune_workspace_free(NULL);
    for (size_t max_batch = 1; max_batch < 300; max_batch = 3 * max_batch + 1) {
        heap h = { 0 };
        const prune_allocator mem = heap_allocator(&h);
        ck_assert_ok(prune_workspace_bytes(&bytes, f.model, max_batch));
        ck_assert_ok(prune_workspace_create(&workspace, &mem, f.model, max_batch, NULL));
        ck_assert_uint_eq(h.live_bytes, bytes);
        ck_assert_uint_eq(h.peak_bytes, bytes);
        prune_workspace_free(workspace);
        ck_assert(heap_is_clean(&h));
    }
    close_fixture(&f);
}
END_TEST

/* Both models have the same checksum of their architectures (found by search); the second is wider. */
START_TEST(a_forged_signature_writes_nowhere)
{
    const size_t wider[] = { 200, 129, 69, 300, 2 };
    const int32_t activations[] = { PRUNE_LINEAR, PRUNE_LINEAR, PRUNE_LINEAR, PRUNE_LINEAR, PRUNE_LINEAR };
    const size_t narrow[] = { 4, 8, 2 };
    float x[4] = { 1, 2, 3, 4 }, y[2] = { 7, 7 };
    prune_model *small = world_model(NULL, narrow, 2, PRUNE_RELU, 1), *wide;
    ck_assert_ok(prune_model_create(&wide, NULL, 4));
    for (size_t l = 0; l < 5; l++)
        ck_assert_ok(prune_model_add_dense(wide, wider[l], activations[l]));
    prune_workspace *workspace;
    prune_tensor *inputs, *outputs;
    ck_assert_ok(prune_workspace_create(&workspace, NULL, small, 1, NULL));
    ck_assert_ok(prune_tensor_matrix(&inputs, NULL, PRUNE_F32, 1, 4, x));
    ck_assert_ok(prune_tensor_matrix(&outputs, NULL, PRUNE_F32, 1, 2, y));
    ck_assert_status(prune_predict(outputs, wide, workspace, inputs), PRUNE_E_STATE);
    ck_assert(y[0] == 7.0f && y[1] == 7.0f);
    prune_tensor_free(inputs);
    prune_tensor_free(outputs);
    prune_workspace_free(workspace);
    prune_model_free(small);
    prune_model_free(wide);
}
END_TEST

/* BLAS counts in int. A single row needs no leading dimension, so any is fine there. */
START_TEST(rows_far_apart_are_refused_or_right)
{
    const size_t shape[] = { 4, 8, 2 };
    float x[4] = { 1, 2, 3, 4 }, y[2], expected[2];
    prune_model *model = world_model(NULL, shape, 2, PRUNE_RELU, 1);
    prune_workspace *workspace;
    prune_tensor *near, *outputs, *reference, *both;
    float many[4];
    ck_assert_ok(prune_workspace_create(&workspace, NULL, model, 2, NULL));
    ck_assert_ok(prune_tensor_matrix(&near, NULL, PRUNE_F32, 1, 4, x));
    prune_tensor *single = world_far_rows(x, 1, 4), *pair = world_far_rows(x, 2, 4);
    ck_assert_ok(prune_tensor_matrix(&outputs, NULL, PRUNE_F32, 1, 2, y));
    ck_assert_ok(prune_tensor_matrix(&reference, NULL, PRUNE_F32, 1, 2, expected));
    ck_assert_ok(prune_tensor_matrix(&both, NULL, PRUNE_F32, 2, 2, many));
    ck_assert_ok(prune_predict(reference, model, workspace, near));
    ck_assert_ok(prune_predict(outputs, model, workspace, single));
    ck_assert_mem_eq(y, expected, sizeof y);
    const prune_status refused = pair != NULL ? PRUNE_E_LIMIT : PRUNE_E_ARGUMENT; /* before it is read */
    ck_assert_status(prune_predict(both, model, workspace, pair), refused);
    float x2[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    prune_tensor *plain, *scattered = world_far_rows(many, 2, 2);
    ck_assert_ok(prune_tensor_matrix(&plain, NULL, PRUNE_F32, 2, 4, x2));
    ck_assert_status(prune_predict(scattered, model, workspace, plain), refused);
    prune_tensor_free(plain);
    prune_tensor_free(scattered);
    prune_tensor *const tensors[] = { near, single, pair, outputs, reference, both };
    for (size_t i = 0; i < 6; i++)
        prune_tensor_free(tensors[i]);
    prune_workspace_free(workspace);
    prune_model_free(model);
}
END_TEST

/* A back end of the caller's: counts, and lets the reference work. */
static void counted(void *user, const prune_gemm *args)
{
    *(size_t *)user += 1;
    prune_backend_reference()->run(NULL, args);
}

START_TEST(a_back_end_may_be_the_callers)
{
    const size_t shape[] = { 4, 8, 2 };
    size_t calls = 0;
    const prune_backend mine = { .name = "counted", .run = counted, .user = &calls };
    float x[4] = { 1, 2, 3, 4 }, y[2];
    prune_model *model = world_model(NULL, shape, 2, PRUNE_RELU, 1);
    prune_workspace *workspace;
    prune_tensor *inputs, *outputs;
    ck_assert_ok(prune_workspace_create(&workspace, NULL, model, 1, &mine));
    ck_assert_ok(prune_tensor_matrix(&inputs, NULL, PRUNE_F32, 1, 4, x));
    ck_assert_ok(prune_tensor_matrix(&outputs, NULL, PRUNE_F32, 1, 2, y));
    ck_assert_ok(prune_predict(outputs, model, workspace, inputs));
    ck_assert_uint_eq(calls, 2);
    prune_tensor_free(inputs);
    prune_tensor_free(outputs);
    prune_workspace_free(workspace);
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_forged_signature_writes_nowhere,
        rows_far_apart_are_refused_or_right,
        a_back_end_may_be_the_callers,
        a_small_net_by_hand,
        any_batch_through_any_workspace_gives_the_same_bits,
        the_default_back_end_agrees_to_rounding,
        gaps_between_rows_are_neither_read_nor_written,
        inputs_that_are_not_finite_spoil_only_their_sample,
        one_model_serves_many_threads,
        what_does_not_fit_leaves_the_outputs,
        a_workspace_knows_its_architecture,
        workspaces_have_limits_and_a_known_size,
    };
    return run_tests("predict", tests, sizeof tests / sizeof tests[0]);
}
