/* standardize_test.c -- means and deviations against long double, constant columns, there and back
 *
 * SPDX-License-Identifier: MIT */
#include "support/runner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 57, COLUMNS = 37, LD = 40 };

static float table[ROWS][LD];

static void assert_near(float got, float expected, float tolerance)
{
    ck_assert_double_eq_tol((double)got, (double)expected, (double)tolerance);
}

static void assert_same(float got, float expected)
{
    ck_assert_double_eq((double)got, (double)expected);
}

static prune_tensor *matrix(float *data, size_t rows, size_t columns, size_t ld)
{
    prune_tensor *tensor;
    const prune_shape shape = { 2, { rows, columns, 0, 0 } };
    ck_assert_ok(prune_tensor_wrap(&tensor, NULL, PRUNE_F32, &shape, ld, data));
    return tensor;
}

/* Columns of many scales, the last ones far from 0 beside how much they vary. */
static prune_tensor *fill(void)
{
    prune_rng rng;
    prune_rng_seed(&rng, 4);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t j = 0; j < LD; j++)
            table[r][j] = j >= COLUMNS
                              ? NAN
                              : ldexpf(prune_rng_normal(&rng) + (j > 30 ? 4096.0f : (float)j), (int)j - 9);
    return matrix(&table[0][0], ROWS, COLUMNS, LD);
}

START_TEST(means_and_deviations_are_those_of_the_columns)
{
    prune_tensor *x = fill();
    float mean[COLUMNS], deviation[COLUMNS];
    ck_assert_ok(prune_standardize_fit(mean, deviation, COLUMNS, x, NULL));
    for (size_t j = 0; j < COLUMNS; j++) {
        long double sum = 0, squares = 0;
        for (size_t r = 0; r < ROWS; r++)
            sum += (long double)table[r][j];
        for (size_t r = 0; r < ROWS; r++)
            squares += powl((long double)table[r][j] - sum / ROWS, 2);
        assert_near(mean[j], (float)(sum / ROWS), 1e-7f * fabsf(mean[j]));
        assert_near(deviation[j], (float)sqrtl(squares / ROWS), 2e-7f * deviation[j]);
    }
    prune_tensor_free(x);
}
END_TEST

START_TEST(standardized_columns_have_mean_0_and_deviation_1)
{
    prune_tensor *x = fill(), *z;
    float mean[COLUMNS], deviation[COLUMNS];
    const prune_shape shape = { 2, { ROWS, COLUMNS, 0, 0 } };
    ck_assert_ok(prune_tensor_create(&z, NULL, PRUNE_F32, &shape));
    ck_assert_ok(prune_standardize_fit(mean, deviation, COLUMNS, x, NULL));
    ck_assert_ok(prune_standardize_apply(z, x, mean, deviation, COLUMNS));
    const float *value = prune_tensor_data(z);
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        const size_t r = i / COLUMNS, j = i % COLUMNS;
        assert_near(value[i], (table[r][j] - mean[j]) / deviation[j], 1e-4f);
    }
    ck_assert_ok(prune_standardize_fit(mean, deviation, COLUMNS, z, NULL));
    for (size_t j = 0; j < COLUMNS; j++) {
        assert_near(mean[j], 0.0f, 1e-3f); /* the mean itself is a float */
        assert_near(deviation[j], 1.0f, 1e-5f);
    }
    prune_tensor_free(x);
    prune_tensor_free(z);
}
END_TEST

START_TEST(in_place_is_the_same_and_inverting_comes_back)
{
    prune_tensor *x = fill(), *z;
    static float before[ROWS][LD];
    float mean[COLUMNS], deviation[COLUMNS];
    const prune_shape shape = { 2, { ROWS, COLUMNS, 0, 0 } };
    memcpy(before, table, sizeof table);
    ck_assert_ok(prune_tensor_create(&z, NULL, PRUNE_F32, &shape));
    ck_assert_ok(prune_standardize_fit(mean, deviation, COLUMNS, x, NULL));
    ck_assert_ok(prune_standardize_apply(z, x, mean, deviation, COLUMNS));
    ck_assert_ok(prune_standardize_apply(x, x, mean, deviation, COLUMNS));
    for (size_t r = 0; r < ROWS; r++)
        ck_assert_mem_eq(table[r], (const float *)prune_tensor_data(z) + r * COLUMNS,
                         COLUMNS * sizeof(float));
    ck_assert_ok(prune_standardize_invert(x, z, mean, deviation, COLUMNS));
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t j = 0; j < COLUMNS; j++)
            assert_near(table[r][j], before[r][j], 3e-7f * fabsf(before[r][j]) + 1e-6f * deviation[j]);
        ck_assert_mem_eq(table[r] + COLUMNS, before[r] + COLUMNS, (LD - COLUMNS) * sizeof(float));
    }
    prune_tensor_free(x);
    prune_tensor_free(z);
}
END_TEST

START_TEST(constant_columns_get_deviation_1)
{
    static const float values[] = { 0.0f, 0.1f, -1e30f, 3e38f, 1e-45f, 16777217.0f };
    enum { COUNT = sizeof values / sizeof values[0] };
    float x[1000][COUNT + 1], mean[COUNT + 1], deviation[COUNT + 1];
    for (size_t r = 0; r < 1000; r++) {
        memcpy(x[r], values, sizeof values);
        x[r][COUNT] = r == 0 ? 1e-45f : 0.0f; /* varies, but by too little for a float */
    }
    prune_tensor *tensor = matrix(&x[0][0], 1000, COUNT + 1, 0);
    ck_assert_ok(prune_standardize_fit(mean, deviation, COUNT + 1, tensor, NULL));
    ck_assert_ok(prune_standardize_apply(tensor, tensor, mean, deviation, COUNT + 1));
    for (size_t j = 0; j <= COUNT; j++) {
        assert_same(deviation[j], 1.0f);
        if (j < COUNT)
            assert_same(mean[j], values[j]);
        if (j < COUNT)
            assert_same(x[7][j], 0.0f);
    }
    prune_tensor_free(tensor);
}
END_TEST

START_TEST(the_largest_floats_do_not_overflow)
{
    float x[] = { 3.4e38f, -3.4e38f, 3.4e38f, -3.4e38f }, mean, deviation;
    prune_tensor *tensor = matrix(x, 4, 1, 0);
    ck_assert_ok(prune_standardize_fit(&mean, &deviation, 1, tensor, NULL));
    assert_same(mean, 0.0f);
    assert_near(deviation, 3.4e38f, 1e32f);
    ck_assert_ok(prune_standardize_apply(tensor, tensor, &mean, &deviation, 1));
    for (size_t i = 0; i < 4; i++)
        assert_near(x[i], i % 2 ? -1.0f : 1.0f, 1e-6f);
    prune_tensor_free(tensor);
}
END_TEST

START_TEST(a_row_of_more_dimensions_is_its_elements)
{
    float x[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 }, mean[6], deviation[6];
    const prune_shape shape = { 3, { 2, 3, 2, 0 } };
    prune_tensor *tensor;
    ck_assert_ok(prune_tensor_wrap(&tensor, NULL, PRUNE_F32, &shape, 0, x));
    ck_assert_ok(prune_standardize_fit(mean, deviation, 6, tensor, NULL));
    for (size_t j = 0; j < 6; j++) {
        assert_same(mean[j], (float)j + 4.0f);
        assert_same(deviation[j], 3.0f);
    }
    ck_assert_ok(prune_standardize_apply(tensor, tensor, mean, deviation, 6));
    for (size_t i = 0; i < 12; i++)
        assert_same(x[i], i < 6 ? -1.0f : 1.0f);
    prune_tensor_free(tensor);
}
END_TEST

START_TEST(numbers_that_are_not_finite_are_refused_when_fitting)
{
    static const float bad[] = { NAN, INFINITY, -INFINITY };
    for (size_t i = 0; i < 3; i++) {
        prune_tensor *x = fill();
        float mean[COLUMNS] = { 5 }, deviation[COLUMNS] = { 6 };
        prune_error error = { 0 };
        table[56][36] = bad[i];
        ck_assert_status(prune_standardize_fit(mean, deviation, COLUMNS, x, &error), PRUNE_E_NONFINITE);
        ck_assert_str_eq(error.place, "x[56][36]");
        assert_same(mean[0], 5.0f);
        assert_same(deviation[0], 6.0f);
        prune_tensor_free(x);
    }
}
END_TEST

START_TEST(numbers_that_are_not_finite_stay_when_applying)
{
    float x[] = { NAN, INFINITY, -INFINITY, 3e38f };
    const float mean = 0.0f, deviation = 1e-30f;
    prune_tensor *tensor = matrix(x, 4, 1, 0);
    ck_assert_ok(prune_standardize_apply(tensor, tensor, &mean, &deviation, 1));
    ck_assert(isnan(x[0]) && isinf(x[1]) && x[1] > 0.0f && isinf(x[2]) && x[2] < 0.0f && isinf(x[3]));
    prune_tensor_free(tensor);
}
END_TEST

typedef prune_status transform(prune_tensor *to, const prune_tensor *from, const float *mean,
                               const float *deviation, size_t columns);

static void assert_refusals(transform *go)
{
    float x[6] = { 1, 2, 3, 4, 5, 6 }, mean[3] = { 0, 0, 0 }, deviation[3] = { 2, 2, 2 };
    static const float bad[] = { 0.0f, -1.0f, NAN, INFINITY };
    prune_tensor *t = matrix(x, 2, 3, 0), *turned = matrix(x, 3, 2, 0), *fixed, *integers;
    ck_assert_ok(prune_tensor_const_matrix(&fixed, NULL, PRUNE_F32, 2, 3, x));
    ck_assert_ok(prune_tensor_matrix(&integers, NULL, PRUNE_I32, 2, 3, x));
    for (size_t i = 0; i < 4; i++) {
        deviation[2] = bad[i];
        ck_assert_status(go(t, t, mean, deviation, 3), PRUNE_E_RANGE);
    }
    deviation[2] = 2.0f;
    for (size_t i = 2; i < 4; i++) {
        mean[2] = bad[i];
        ck_assert_status(go(t, t, mean, deviation, 3), PRUNE_E_RANGE);
    }
    mean[2] = 0.0f;
    ck_assert_status(go(t, t, mean, deviation, 2), PRUNE_E_SHAPE);
    ck_assert_status(go(t, turned, mean, deviation, 3), PRUNE_E_SHAPE);
    ck_assert_status(go(fixed, t, mean, deviation, 3), PRUNE_E_READONLY);
    ck_assert_status(go(integers, t, mean, deviation, 3), PRUNE_E_TYPE);
    ck_assert_status(go(t, integers, mean, deviation, 3), PRUNE_E_TYPE);
    ck_assert_status(go(NULL, t, mean, deviation, 3), PRUNE_E_ARGUMENT);
    ck_assert_status(go(t, NULL, mean, deviation, 3), PRUNE_E_ARGUMENT);
    ck_assert_status(go(t, t, NULL, deviation, 3), PRUNE_E_ARGUMENT);
    ck_assert_status(go(t, t, mean, NULL, 3), PRUNE_E_ARGUMENT);
    for (size_t i = 0; i < 6; i++)
        assert_same(x[i], (float)(i + 1));
    prune_tensor_free(t);
    prune_tensor_free(turned);
    prune_tensor_free(fixed);
    prune_tensor_free(integers);
}

START_TEST(what_makes_no_sense_is_refused_and_changes_nothing)
{
    int32_t labels[4] = { 0 };
    float x[4] = { 0 }, mean[2], deviation[2];
    prune_error error = { 0 };
    prune_tensor *t = matrix(x, 2, 2, 0), *integers;
    ck_assert_ok(prune_tensor_matrix(&integers, NULL, PRUNE_I32, 2, 2, labels));
    assert_refusals(prune_standardize_apply);
    assert_refusals(prune_standardize_invert);
    ck_assert_status(prune_standardize_fit(mean, deviation, 3, t, &error), PRUNE_E_SHAPE);
    ck_assert_str_eq(error.reason, "a row has 2 numbers, not 3");
    ck_assert_status(prune_standardize_fit(mean, deviation, 2, integers, NULL), PRUNE_E_TYPE);
    ck_assert_status(prune_standardize_fit(NULL, deviation, 2, t, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_standardize_fit(mean, NULL, 2, t, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_standardize_fit(mean, deviation, 2, NULL, &error), PRUNE_E_ARGUMENT);
    prune_tensor_free(t);
    prune_tensor_free(integers);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { means_and_deviations_are_those_of_the_columns,
                                   standardized_columns_have_mean_0_and_deviation_1,
                                   in_place_is_the_same_and_inverting_comes_back,
                                   constant_columns_get_deviation_1,
                                   the_largest_floats_do_not_overflow,
                                   a_row_of_more_dimensions_is_its_elements,
                                   numbers_that_are_not_finite_are_refused_when_fitting,
                                   numbers_that_are_not_finite_stay_when_applying,
                                   what_makes_no_sense_is_refused_and_changes_nothing };
    return run_tests("standardize", tests, sizeof tests / sizeof tests[0]);
}
