/* data_test.c -- what prune_data_check() finds, and how it names the place
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { INPUTS = 4, CLASSES = 3, SAMPLES = 9 };

static const size_t widths[] = { INPUTS, CLASSES };

typedef struct fixture {
    world_data world;
    prune_model *model;
} fixture;

static void open_fixture(fixture *f)
{
    world_data_make(&f->world, SAMPLES, INPUTS, CLASSES, 5);
    f->model = world_model(NULL, widths, 1, PRUNE_RELU, 2);
}

static void close_fixture(fixture *f)
{
    prune_model_free(f->model);
    world_data_end(&f->world);
}

static void assert_found(const fixture *f, const prune_data *data, int32_t loss, prune_status status,
                         const char *place)
{
    prune_error error = { 0 };
    ck_assert_status(prune_data_check(data, f->model, loss, &error), status);
    ck_assert_status(prune_data_check(data, f->model, loss, NULL), status);
    ck_assert_int_eq(error.status, status);
    ck_assert_str_eq(error.place, place);
    ck_assert_int_eq(strlen(error.reason) > 0, status != PRUNE_OK);
}

START_TEST(good_data_are_good)
{
    fixture f;
    open_fixture(&f);
    assert_found(&f, &f.world.labelled, PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_OK, "");
    assert_found(&f, &f.world.valued, PRUNE_MSE, PRUNE_OK, "");
    for (size_t i = 0; i < SAMPLES; i++)
        f.world.label[i] = i % 2 ? CLASSES - 1 : 0; /* both ends */
    assert_found(&f, &f.world.labelled, PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_OK, "");
    f.world.x[0] = 3.4e38f; /* large is not infinite */
    f.world.x[1] = -1e-45f;
    assert_found(&f, &f.world.valued, PRUNE_MSE, PRUNE_OK, "");
    close_fixture(&f);
}
END_TEST

START_TEST(every_bad_value_is_found)
{
    const float bad[] = { NAN, INFINITY, -INFINITY };
    fixture f;
    char place[60];
    open_fixture(&f);
    for (size_t i = 0; i < 3 * SAMPLES * INPUTS; i++) {
        const size_t at = i / 3;
        const float good = f.world.x[at];
        f.world.x[at] = bad[i % 3];
        snprintf(place, sizeof place, "inputs[%zu][%zu]", at / INPUTS, at % INPUTS);
        assert_found(&f, &f.world.valued, PRUNE_MSE, PRUNE_E_NONFINITE, place);
        f.world.x[at] = good;
    }
    for (size_t i = 0; i < 3 * SAMPLES * CLASSES; i++) {
        const size_t at = i / 3;
        const float good = f.world.y[at];
        f.world.y[at] = bad[i % 3];
        snprintf(place, sizeof place, "targets[%zu][%zu]", at / CLASSES, at % CLASSES);
        assert_found(&f, &f.world.valued, PRUNE_MSE, PRUNE_E_NONFINITE, place);
        f.world.y[at] = good;
    }
    close_fixture(&f);
}
END_TEST

START_TEST(every_bad_label_is_found)
{
    const int32_t bad[] = { -1, CLASSES, INT32_MIN, INT32_MAX };
    fixture f;
    char place[60];
    open_fixture(&f);
    for (size_t i = 0; i < 4 * SAMPLES; i++) {
        const int32_t good = f.world.label[i / 4];
        f.world.label[i / 4] = bad[i % 4];
        snprintf(place, sizeof place, "targets[%zu]", i / 4);
        assert_found(&f, &f.world.labelled, PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_E_LABEL, place);
        f.world.label[i / 4] = good;
    }
    close_fixture(&f);
}
END_TEST

START_TEST(the_first_of_many_is_named)
{
    fixture f;
    open_fixture(&f);
    f.world.x[3 * INPUTS + 1] = f.world.x[3 * INPUTS + 2] = f.world.x[8 * INPUTS] = NAN;
    f.world.y[0] = NAN; /* inputs are looked at first */
    assert_found(&f, &f.world.valued, PRUNE_MSE, PRUNE_E_NONFINITE, "inputs[3][1]");
    f.world.label[2] = f.world.label[5] = -1;
    for (size_t i = 0; i < SAMPLES * INPUTS; i++)
        f.world.x[i] = 0.0f;
    assert_found(&f, &f.world.labelled, PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_E_LABEL, "targets[2]");
    close_fixture(&f);
}
END_TEST

START_TEST(what_lies_between_rows_is_not_looked_at)
{
    enum { LD = INPUTS + 2 };
    float wide[SAMPLES * LD];
    const prune_shape shape = { 2, { SAMPLES, INPUTS, 0, 0 } };
    fixture f;
    prune_tensor *x;
    open_fixture(&f);
    for (size_t i = 0; i < SAMPLES * LD; i++)
        wide[i] = i % LD < INPUTS ? 0.5f : NAN;
    ck_assert_ok(prune_tensor_wrap_const(&x, NULL, PRUNE_F32, &shape, LD, wide));
    f.world.valued.inputs = x;
    assert_found(&f, &f.world.valued, PRUNE_MSE, PRUNE_OK, "");
    wide[5 * LD + 2] = INFINITY;
    assert_found(&f, &f.world.valued, PRUNE_MSE, PRUNE_E_NONFINITE, "inputs[5][2]");
    prune_tensor_free(x);
    close_fixture(&f);
}
END_TEST

START_TEST(shapes_and_types_must_fit)
{
    enum { CE = PRUNE_SOFTMAX_CROSS_ENTROPY };
    static float zeros[16 * 16];
    static int32_t labels[16 * 16];
    const struct {
        int32_t x_type;
        size_t x_rows, x_columns;
        int32_t y_type;
        size_t y_rows, y_columns;
        int32_t loss;
        prune_status status;
        const char *place;
    } cases[] = {
        { PRUNE_F32, 1, 4, PRUNE_F32, 1, 3, PRUNE_MSE, PRUNE_OK, "" },
        { PRUNE_F32, 9, 3, PRUNE_F32, 9, 3, PRUNE_MSE, PRUNE_E_SHAPE, "inputs" },
        { PRUNE_F32, 9, 5, PRUNE_F32, 9, 3, PRUNE_MSE, PRUNE_E_SHAPE, "inputs" },
        { PRUNE_F32, 9, 4, PRUNE_F32, 9, 2, PRUNE_MSE, PRUNE_E_SHAPE, "targets" },
        { PRUNE_F32, 9, 4, PRUNE_F32, 9, 4, PRUNE_MSE, PRUNE_E_SHAPE, "targets" },
        { PRUNE_F32, 9, 4, PRUNE_F32, 8, 3, PRUNE_MSE, PRUNE_E_SHAPE, "targets" },
        { PRUNE_F32, 9, 4, PRUNE_F32, 10, 3, PRUNE_MSE, PRUNE_E_SHAPE, "targets" },
        { PRUNE_F32, 9, 4, PRUNE_I32, 9, 3, PRUNE_MSE, PRUNE_E_TYPE, "targets" },
        { PRUNE_I32, 9, 4, PRUNE_F32, 9, 3, PRUNE_MSE, PRUNE_E_TYPE, "inputs" },
        { PRUNE_U8, 9, 4, PRUNE_F32, 9, 3, PRUNE_MSE, PRUNE_E_TYPE, "inputs" },
        { PRUNE_F32, 9, 4, PRUNE_I32, 9, 1, CE, PRUNE_OK, "" },
        { PRUNE_F32, 9, 4, PRUNE_I32, 9, 3, CE, PRUNE_E_SHAPE, "targets" },
        { PRUNE_F32, 9, 4, PRUNE_I32, 1, 9, CE, PRUNE_E_SHAPE, "targets" },
        { PRUNE_F32, 9, 4, PRUNE_F32, 9, 1, CE, PRUNE_E_SHAPE, "targets" },
        { PRUNE_F32, 9, 4, PRUNE_U8, 9, 1, CE, PRUNE_E_TYPE, "targets" },
    };
    fixture f;
    open_fixture(&f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        prune_tensor *x, *y;
        prune_data data;
        const size_t rows = cases[i].y_rows, columns = cases[i].y_columns;
        const void *y_data = cases[i].y_type == PRUNE_F32 ? (const void *)zeros : (const void *)labels;
        ck_assert_ok(
            prune_tensor_const_matrix(&x, NULL, cases[i].x_type, cases[i].x_rows, cases[i].x_columns, zeros));
        ck_assert_ok(prune_tensor_const_matrix(&y, NULL, cases[i].y_type, rows, columns, y_data));
        prune_data_init(&data);
        data.inputs = x;
        data.targets = y;
        assert_found(&f, &data, cases[i].loss, cases[i].status, cases[i].place);
        prune_tensor_free(x);
        prune_tensor_free(y);
    }
    close_fixture(&f);
}
END_TEST

START_TEST(samples_of_more_dimensions_count_their_elements)
{
    static float zeros[SAMPLES * INPUTS];
    const prune_shape image = { 3, { SAMPLES, 2, INPUTS / 2, 0 } }, flat = { 1, { SAMPLES, 0, 0, 0 } };
    fixture f;
    prune_tensor *x, *labels;
    open_fixture(&f);
    ck_assert_ok(prune_tensor_wrap_const(&x, NULL, PRUNE_F32, &image, 0, zeros));
    ck_assert_ok(prune_tensor_wrap_const(&labels, NULL, PRUNE_I32, &flat, 0, f.world.label));
    f.world.labelled.inputs = x;
    f.world.labelled.targets = labels;
    assert_found(&f, &f.world.labelled, PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_OK, "");
    prune_tensor_free(x);
    prune_tensor_free(labels);
    close_fixture(&f);
}
END_TEST

START_TEST(missing_things_are_refused)
{
    fixture f;
    prune_data data;
    prune_data_init(NULL);
    open_fixture(&f);
    prune_data_init(&data);
    ck_assert_uint_eq(data.size, sizeof data);
    assert_found(&f, &data, PRUNE_MSE, PRUNE_E_EMPTY, "data");
    data.inputs = f.world.x_tensor;
    assert_found(&f, &data, PRUNE_MSE, PRUNE_E_EMPTY, "data");
    data.size = offsetof(prune_data, inputs); /* an old caller who knows of neither */
    assert_found(&f, &data, PRUNE_MSE, PRUNE_E_EMPTY, "data");
    data.size = sizeof data + 1;
    assert_found(&f, &data, PRUNE_MSE, PRUNE_E_VERSION, "data");
    assert_found(&f, NULL, PRUNE_MSE, PRUNE_E_ARGUMENT, "data");
    assert_found(&f, &f.world.valued, 0, PRUNE_E_ARGUMENT, "loss");
    assert_found(&f, &f.world.valued, PRUNE_LOSS_OWN + 1, PRUNE_E_ARGUMENT, "loss");
    ck_assert_status(prune_data_check(&f.world.valued, NULL, PRUNE_MSE, NULL), PRUNE_E_ARGUMENT);
    close_fixture(&f);
}
END_TEST

START_TEST(numbers_are_told)
{
    fixture f;
    prune_error error = { 0 };
    prune_tensor *narrow;
    prune_data data;
    open_fixture(&f);
    f.world.label[3] = -7;
    ck_assert_status(prune_data_check(&f.world.labelled, f.model, PRUNE_SOFTMAX_CROSS_ENTROPY, &error),
                     PRUNE_E_LABEL);
    char expected[sizeof error.reason];
    snprintf(expected, sizeof expected, "the label is -7, and the model has %d outputs", CLASSES);
    ck_assert_str_eq(error.reason, expected);
    ck_assert_ok(prune_tensor_const_matrix(&narrow, NULL, PRUNE_F32, SAMPLES, INPUTS - 1, f.world.x));
    prune_data_init(&data);
    data.inputs = narrow;
    data.targets = f.world.y_tensor;
    ck_assert_status(prune_data_check(&data, f.model, PRUNE_MSE, &error), PRUNE_E_SHAPE);
    snprintf(expected, sizeof expected, "a sample has %d numbers, the model takes %d", INPUTS - 1, INPUTS);
    ck_assert_str_eq(error.reason, expected);
    prune_tensor_free(narrow);
    close_fixture(&f);
}
END_TEST

/* BLAS counts in int; nothing is read before this is known. */
START_TEST(rows_too_far_apart_are_refused)
{
    fixture f;
    prune_tensor *y2, *y1;
    prune_data data;
    open_fixture(&f);
    prune_tensor *pair = world_far_rows(f.world.x, 2, INPUTS);
    prune_tensor *single = world_far_rows(f.world.x, 1, INPUTS);
    ck_assert_ok(prune_tensor_const_matrix(&y2, NULL, PRUNE_F32, 2, CLASSES, f.world.y));
    ck_assert_ok(prune_tensor_const_matrix(&y1, NULL, PRUNE_F32, 1, CLASSES, f.world.y));
    prune_data_init(&data);
    data.inputs = pair;
    data.targets = y2;
    if (pair != NULL)
        assert_found(&f, &data, PRUNE_MSE, PRUNE_E_LIMIT, "inputs");
    data.inputs = single;
    data.targets = y1;
    assert_found(&f, &data, PRUNE_MSE, PRUNE_OK, "");
    prune_tensor *const tensors[] = { pair, single, y2, y1 };
    for (size_t i = 0; i < 4; i++)
        prune_tensor_free(tensors[i]);
    close_fixture(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        rows_too_far_apart_are_refused,
        numbers_are_told,
        good_data_are_good,
        every_bad_value_is_found,
        every_bad_label_is_found,
        the_first_of_many_is_named,
        what_lies_between_rows_is_not_looked_at,
        shapes_and_types_must_fit,
        samples_of_more_dimensions_count_their_elements,
        missing_things_are_refused,
    };
    return run_tests("data", tests, sizeof tests / sizeof tests[0]);
}
