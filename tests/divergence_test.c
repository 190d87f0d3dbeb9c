/* divergence_test.c -- steps that are refused, and steps that leave the finite numbers: nothing changes
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

enum { INPUTS = 6, CLASSES = 3, SAMPLES = 16 };

static const size_t widths[] = { INPUTS, 5, CLASSES };

typedef struct fixture {
    world_data world;
    prune_model *model;
    prune_trainer *trainer;
} fixture;

/* After two steps, so that there is a state to spoil. */
static void open_fixture(fixture *f, const prune_trainer_options *options)
{
    world_data_make(&f->world, SAMPLES, INPUTS, CLASSES, 5);
    f->model = world_model(NULL, widths, 2, PRUNE_RELU, 2);
    world_remove(f->model, 0, 3);
    f->trainer = world_trainer(f->model, options);
    const prune_tensor *targets = options->loss == PRUNE_MSE ? f->world.y_tensor : f->world.label_tensor;
    for (int t = 0; t < 2; t++)
        ck_assert_ok(prune_trainer_step(NULL, f->trainer, f->world.x_tensor, targets));
}

static void close_fixture(fixture *f)
{
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    world_data_end(&f->world);
}

static const float not_finite[] = { NAN, INFINITY, -INFINITY };

/* ---- refused ---- */

static void assert_refused(fixture *f, const prune_tensor *x, const prune_tensor *targets,
                           prune_status expected)
{
    float loss = 7.0f;
    const uint64_t before = world_trainer_hash(f->trainer);
    ck_assert_status(prune_trainer_step(&loss, f->trainer, x, targets), expected);
    ck_assert(loss == 7.0f);
    ck_assert_uint_eq(world_trainer_hash(f->trainer), before);
}

START_TEST(inputs_that_are_not_finite_are_refused)
{
    fixture f;
    const prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
    open_fixture(&f, &options);
    for (size_t b = 0; b < 3; b++)
        for (size_t i = 0; i < SAMPLES * INPUTS; i++) {
            const float good = f.world.x[i];
            f.world.x[i] = not_finite[b];
            assert_refused(&f, f.world.x_tensor, f.world.label_tensor, PRUNE_E_NONFINITE);
            f.world.x[i] = good;
        }
    close_fixture(&f);
}
END_TEST

START_TEST(bad_targets_are_refused)
{
    const int32_t bad_labels[] = { -1, CLASSES, INT32_MAX, INT32_MIN };
    fixture f;
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
    open_fixture(&f, &options);
    for (size_t i = 0; i < SAMPLES * 4; i++) {
        const int32_t good = f.world.label[i / 4];
        f.world.label[i / 4] = bad_labels[i % 4];
        assert_refused(&f, f.world.x_tensor, f.world.label_tensor, PRUNE_E_LABEL);
        f.world.label[i / 4] = good;
    }
    close_fixture(&f);
    options.loss = PRUNE_MSE;
    open_fixture(&f, &options);
    for (size_t i = 0; i < SAMPLES * CLASSES * 3; i++) {
        const float good = f.world.y[i / 3];
        f.world.y[i / 3] = not_finite[i % 3];
        assert_refused(&f, f.world.x_tensor, f.world.y_tensor, PRUNE_E_NONFINITE);
        f.world.y[i / 3] = good;
    }
    close_fixture(&f);
}
END_TEST

START_TEST(shapes_and_types_that_do_not_fit_are_refused)
{
    static float numbers[64 * 8];
    static int32_t labels[64 * 8];
    const struct {
        int32_t x_type;
        size_t x_rows, x_columns;
        int32_t y_type;
        size_t y_rows, y_columns;
        prune_status status;
    } cases[] = {
        { PRUNE_F32, 16, INPUTS, PRUNE_I32, 16, 1, PRUNE_OK },
        { PRUNE_F32, 17, INPUTS, PRUNE_I32, 17, 1, PRUNE_E_LIMIT }, /* over max_batch */
        { PRUNE_F32, 16, INPUTS - 1, PRUNE_I32, 16, 1, PRUNE_E_SHAPE },
        { PRUNE_F32, 16, INPUTS + 1, PRUNE_I32, 16, 1, PRUNE_E_SHAPE },
        { PRUNE_F32, 16, INPUTS, PRUNE_I32, 15, 1, PRUNE_E_SHAPE },
        { PRUNE_F32, 15, INPUTS, PRUNE_I32, 16, 1, PRUNE_E_SHAPE },
        { PRUNE_F32, 16, INPUTS, PRUNE_I32, 16, 2, PRUNE_E_SHAPE },
        { PRUNE_F32, 16, INPUTS, PRUNE_F32, 16, 1, PRUNE_E_SHAPE },
        { PRUNE_I32, 16, INPUTS, PRUNE_I32, 16, 1, PRUNE_E_TYPE },
        { PRUNE_F16, 16, INPUTS, PRUNE_I32, 16, 1, PRUNE_E_TYPE },
        { PRUNE_F32, 16, INPUTS, PRUNE_U8, 16, 1, PRUNE_E_TYPE },
    };
    fixture f;
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
    options.max_batch = SAMPLES;
    open_fixture(&f, &options);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        prune_tensor *x, *y;
        const size_t rows = cases[i].x_rows, y_rows = cases[i].y_rows;
        const void *y_data = cases[i].y_type == PRUNE_F32 ? (const void *)numbers : (const void *)labels;
        ck_assert_ok(prune_tensor_const_matrix(&x, NULL, cases[i].x_type, rows, cases[i].x_columns, numbers));
        ck_assert_ok(
            prune_tensor_const_matrix(&y, NULL, cases[i].y_type, y_rows, cases[i].y_columns, y_data));
        if (cases[i].status == PRUNE_OK)
            ck_assert_ok(prune_trainer_step(NULL, f.trainer, x, y));
        else
            assert_refused(&f, x, y, cases[i].status);
        prune_tensor_free(x);
        prune_tensor_free(y);
    }
    close_fixture(&f);
}
END_TEST

START_TEST(labels_may_have_one_dimension)
{
    const prune_shape shape = { 1, { SAMPLES, 0, 0, 0 } };
    fixture f;
    prune_tensor *labels;
    const prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
    open_fixture(&f, &options);
    ck_assert_ok(prune_tensor_wrap_const(&labels, NULL, PRUNE_I32, &shape, 0, f.world.label));
    ck_assert_ok(prune_trainer_step(NULL, f.trainer, f.world.x_tensor, labels));
    prune_tensor_free(labels);
    close_fixture(&f);
}
END_TEST

START_TEST(a_refusal_leaves_no_trace)
{
    fixture once, twice;
    const prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
    open_fixture(&once, &options);
    open_fixture(&twice, &options);
    twice.world.label[7] = 99;
    assert_refused(&twice, twice.world.x_tensor, twice.world.label_tensor, PRUNE_E_LABEL);
    twice.world.label[7] = once.world.label[7];
    ck_assert_ok(prune_trainer_step(NULL, once.trainer, once.world.x_tensor, once.world.label_tensor));
    ck_assert_ok(prune_trainer_step(NULL, twice.trainer, twice.world.x_tensor, twice.world.label_tensor));
    ck_assert_uint_eq(world_trainer_hash(once.trainer), world_trainer_hash(twice.trainer));
    close_fixture(&once);
    close_fixture(&twice);
}
END_TEST

START_TEST(a_refused_batch_leaves_the_one_before)
{
    float a, b;
    fixture f;
    const prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
    open_fixture(&f, &options);
    ck_assert_ok(prune_trainer_forward(f.trainer, f.world.x_tensor));
    ck_assert_ok(prune_trainer_loss(&a, f.trainer, f.world.label_tensor));
    ck_assert_status(prune_trainer_forward(f.trainer, f.world.label_tensor), PRUNE_E_TYPE);
    ck_assert_status(prune_trainer_loss(&b, f.trainer, f.world.y_tensor), PRUNE_E_RANGE);
    ck_assert_ok(prune_trainer_loss(&b, f.trainer, f.world.label_tensor));
    ck_assert(a == b);
    ck_assert_ok(prune_trainer_backward(f.trainer, NULL));
    ck_assert_ok(prune_trainer_update(f.trainer));
    close_fixture(&f);
}
END_TEST

/* ---- diverging ---- */

START_TEST(a_loss_beyond_float_changes_nothing)
{
    fixture f;
    const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    open_fixture(&f, &options);
    f.world.y[5] = 1e30f;
    assert_refused(&f, f.world.x_tensor, f.world.y_tensor, PRUNE_E_DIVERGED);
    ck_assert_ok(prune_model_verify(f.model, NULL));
    f.world.y[5] = 0.0f;
    ck_assert_ok(prune_trainer_step(NULL, f.trainer, f.world.x_tensor, f.world.y_tensor));
    close_fixture(&f);
}
END_TEST

START_TEST(a_diverged_loss_has_no_gradient)
{
    float loss;
    fixture f;
    const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    open_fixture(&f, &options);
    ck_assert_ok(prune_trainer_forward(f.trainer, f.world.x_tensor));
    ck_assert_ok(prune_trainer_loss(&loss, f.trainer, f.world.y_tensor));
    f.world.y[5] = 1e30f;
    ck_assert_status(prune_trainer_loss(&loss, f.trainer, f.world.y_tensor), PRUNE_E_DIVERGED);
    ck_assert_status(prune_trainer_backward(f.trainer, NULL), PRUNE_E_STATE);
    close_fixture(&f);
}
END_TEST

START_TEST(gradients_beyond_the_limit_change_nothing)
{
    const struct {
        float gradient;
        prune_status status;
    } cases[] = { { 0.9e18f, PRUNE_OK },          { -0.9e18f, PRUNE_OK },
                  { 1.1e18f, PRUNE_E_DIVERGED },  { -1.1e18f, PRUNE_E_DIVERGED },
                  { FLT_MAX, PRUNE_E_DIVERGED },  { NAN, PRUNE_E_DIVERGED },
                  { INFINITY, PRUNE_E_DIVERGED }, { -INFINITY, PRUNE_E_DIVERGED } };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        fixture f;
        float g[CLASSES] = { 0 };
        prune_tensor *own, *x;
        const prune_trainer_options options = world_options(PRUNE_MSE, i % 2 ? PRUNE_ADAM : PRUNE_SGD);
        open_fixture(&f, &options);
        const uint64_t before = world_trainer_hash(f.trainer);
        g[1] = cases[i / 2].gradient; /* with one sample, the gradient of the last bias is this */
        ck_assert_ok(prune_tensor_matrix(&own, NULL, PRUNE_F32, 1, CLASSES, g));
        x = world_rows(f.world.x_tensor, 0, 1);
        for (size_t k = 0; k < INPUTS; k++)
            f.world.x[k] *= 1e-3f; /* so that all other gradients are smaller */
        ck_assert_ok(prune_trainer_forward(f.trainer, x));
        ck_assert_ok(prune_trainer_backward(f.trainer, own));
        ck_assert_status(prune_trainer_update(f.trainer), cases[i / 2].status);
        ck_assert_int_eq(world_trainer_hash(f.trainer) == before, cases[i / 2].status != PRUNE_OK);
        ck_assert_ok(prune_model_verify(f.model, NULL));
        prune_tensor_free(own);
        prune_tensor_free(x);
        close_fixture(&f);
    }
}
END_TEST

/* Steps until it diverges; every step before has left finite weights. */
static void assert_diverges_cleanly(fixture *f, const prune_tensor *targets)
{
    prune_status status = PRUNE_OK;
    uint64_t before = 0;
    for (int t = 0; t < 1000 && status == PRUNE_OK; t++) {
        before = world_trainer_hash(f->trainer);
        status = prune_trainer_step(NULL, f->trainer, f->world.x_tensor, targets);
        ck_assert_ok(prune_model_verify(f->model, NULL));
    }
    ck_assert_int_eq(status, PRUNE_E_DIVERGED);
    ck_assert_uint_eq(world_trainer_hash(f->trainer), before);
    ck_assert_uint_eq(world_check_removed(f->model, f->trainer), 1);
}

START_TEST(a_huge_learning_rate_diverges_with_finite_weights)
{
    fixture f;
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    open_fixture(&f, &options);
    for (size_t i = 0; i < SAMPLES * CLASSES; i++)
        f.world.y[i] *= 1e10f;
    ck_assert_ok(prune_trainer_set_learning_rate(f.trainer, 1e6f));
    assert_diverges_cleanly(&f, f.world.y_tensor);
    close_fixture(&f);
}
END_TEST

static int32_t stays(void *user, const prune_progress *progress)
{
    (void)progress;
    (*(int *)user)++;
    return 0;
}

START_TEST(a_fit_that_diverges_names_the_epoch)
{
    fixture f;
    prune_fit_options fit;
    prune_error error = { 0 };
    int calls = 0;
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    open_fixture(&f, &options);
    for (size_t i = 0; i < SAMPLES * CLASSES; i++)
        f.world.y[i] *= 1e10f;
    ck_assert_ok(prune_trainer_set_learning_rate(f.trainer, 1e6f));
    prune_fit_options_init(&fit);
    fit.epochs = 1000;
    fit.batch_size = 4;
    fit.progress = stays;
    fit.user = &calls;
    prune_fit_result result;
    prune_fit_result_init(&result);
    ck_assert_status(prune_trainer_fit(&result, f.trainer, &f.world.valued, &fit, &error), PRUNE_E_DIVERGED);
    ck_assert_int_eq(error.status, PRUNE_E_DIVERGED);
    ck_assert_uint_eq(result.epochs, (uint64_t)calls); /* those were reported */
    const int batch = (int)(result.steps - 4 * result.epochs) + 1;
    char place[sizeof error.place];
    snprintf(place, sizeof place, "epoch %d, batch %d", calls + 1, batch);
    ck_assert_str_eq(error.place, place);
    ck_assert_ok(prune_model_verify(f.model, NULL));
    ck_assert_uint_eq(world_check_removed(f.model, f.trainer), 1);
    close_fixture(&f);
}
END_TEST

START_TEST(rows_too_far_apart_are_refused)
{
    const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    fixture f;
    prune_tensor *y;
    open_fixture(&f, &options);
    prune_tensor *x = world_far_rows(f.world.x, 2, INPUTS);
    ck_assert_ok(prune_tensor_const_matrix(&y, NULL, PRUNE_F32, 2, CLASSES, f.world.y));
    assert_refused(&f, x, y, x != NULL ? PRUNE_E_LIMIT : PRUNE_E_ARGUMENT);
    prune_tensor_free(x);
    prune_tensor_free(y);
    close_fixture(&f);
}
END_TEST

/* The bias of the last output is the last of all parameters. */
START_TEST(the_last_gradient_counts_too)
{
    const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    const float zeros[INPUTS] = { 0 }, large[CLASSES] = { 0, 0, 2e18f };
    fixture f;
    prune_tensor *x, *dh;
    open_fixture(&f, &options);
    for (size_t p = 0; p < 3; p++) { /* so that no other gradient is large */
        float none[INPUTS * 5] = { 0 };
        ck_assert_ok(prune_model_set_param(f.model, p, none, world_count(f.model, p)));
    }
    ck_assert_ok(prune_tensor_const_matrix(&x, NULL, PRUNE_F32, 1, INPUTS, zeros));
    ck_assert_ok(prune_tensor_const_matrix(&dh, NULL, PRUNE_F32, 1, CLASSES, large));
    ck_assert_ok(prune_trainer_forward(f.trainer, x));
    ck_assert_ok(prune_trainer_backward(f.trainer, dh));
    const uint64_t before = world_trainer_hash(f.trainer);
    ck_assert_status(prune_trainer_update(f.trainer), PRUNE_E_DIVERGED);
    ck_assert_uint_eq(world_trainer_hash(f.trainer), before);
    prune_tensor_free(x);
    prune_tensor_free(dh);
    close_fixture(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        rows_too_far_apart_are_refused,
        the_last_gradient_counts_too,
        inputs_that_are_not_finite_are_refused,
        bad_targets_are_refused,
        shapes_and_types_that_do_not_fit_are_refused,
        labels_may_have_one_dimension,
        a_refusal_leaves_no_trace,
        a_refused_batch_leaves_the_one_before,
        a_loss_beyond_float_changes_nothing,
        a_diverged_loss_has_no_gradient,
        gradients_beyond_the_limit_change_nothing,
        a_huge_learning_rate_diverges_with_finite_weights,
        a_fit_that_diverges_names_the_epoch,
    };
    return run_tests("divergence", tests, sizeof tests / sizeof tests[0]);
}
