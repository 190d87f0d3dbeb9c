/* activation_test.c -- activations as a layer applies them: values, extremes, NaN, derivatives
 *
 * A model of one weight 1 and one bias computes f(x + b).
 *
 * SPDX-License-Identifier: MIT */
#include "support/runner.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

enum { KINDS = 11, MOST = 4096, BACKENDS = 2 };

/* Asked for once, since asking makes sure of a BLAS's memory. */
static void backends(const prune_backend *found[BACKENDS])
{
    found[0] = prune_backend_reference();
    found[1] = prune_backend_default();
}

static const double SELU_SCALE = 1.0507009873554804934, SELU_ALPHA = 1.6732632423543772848;
static const double TWO_ROOT = 1.5957691216057307118; /* 2 sqrt(2 / pi) */

static double logistic(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static double normal_cdf(double x)
{
    return 0.5 * erfc(-x * 0.70710678118654752440);
}

/* 2 u, where the tanh form of GELU has (1 + tanh(u)) / 2 = logistic(2 u). */
static double twice_u(double x)
{
    return TWO_ROOT * (x + 0.044715 * x * x * x);
}

static double truth(int32_t kind, double x)
{
    switch (kind) {
    case PRUNE_RELU:
        return x > 0.0 ? x : 0.0;
    case PRUNE_SIGMOID:
        return logistic(x);
    case PRUNE_TANH:
        return tanh(x);
    case PRUNE_LEAKY_RELU:
        return x > 0.0 ? x : 0.01 * x;
    case PRUNE_ELU:
        return x > 0.0 ? x : expm1(x);
    case PRUNE_SELU:
        return SELU_SCALE * (x > 0.0 ? x : SELU_ALPHA * expm1(x));
    case PRUNE_GELU:
        return x * normal_cdf(x);
    case PRUNE_GELU_TANH:
        return x * logistic(twice_u(x));
    case PRUNE_SILU:
        return x * logistic(x);
    case PRUNE_SOFTPLUS:
        return x > 0.0 ? x + log1p(exp(-x)) : log1p(exp(x));
    default:
        return x;
    }
}

/* The derivative of the logistic function; even, and 0 far out. */
static double bump(double x)
{
    const double e = exp(-fabs(x));
    return e / ((1.0 + e) * (1.0 + e));
}

static double true_slope(int32_t kind, double x)
{
    switch (kind) {
    case PRUNE_RELU:
        return x > 0.0 ? 1.0 : 0.0;
    case PRUNE_SIGMOID:
        return bump(x);
    case PRUNE_TANH:
        return 1.0 / (cosh(x) * cosh(x));
    case PRUNE_LEAKY_RELU:
        return x > 0.0 ? 1.0 : 0.01;
    case PRUNE_ELU:
        return x > 0.0 ? 1.0 : exp(x);
    case PRUNE_SELU:
        return SELU_SCALE * (x > 0.0 ? 1.0 : SELU_ALPHA * exp(x));
    case PRUNE_GELU:
        return normal_cdf(x) + x * exp(-0.5 * x * x) * 0.39894228040143267794;
    case PRUNE_GELU_TANH:
        return logistic(twice_u(x)) + x * bump(twice_u(x)) * TWO_ROOT * (1.0 + 3.0 * 0.044715 * x * x);
    case PRUNE_SILU:
        return logistic(x) + x * bump(x);
    case PRUNE_SOFTPLUS:
        return logistic(x);
    default:
        return 1.0;
    }
}

/* Relative: units in the last place, times what the function does to an error of its argument's exponent. */
static double tolerance_of(int32_t kind, double x)
{
    return 1.7e-7 * (kind == PRUNE_GELU_TANH ? 1.0 + fmax(-twice_u(x), 0.0) : 1.0);
}

static prune_model *unit(int32_t kind, float bias)
{
    static const float one = 1.0f;
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, 1));
    ck_assert_ok(prune_model_add_dense(model, 1, kind));
    ck_assert_ok(prune_model_set_param(model, 0, &one, 1));
    ck_assert_ok(prune_model_set_param(model, 1, &bias, 1));
    return model;
}

/* y[count] = f(x + bias) */
static void apply(float *y, int32_t kind, float bias, const float *x, size_t count,
                  const prune_backend *backend)
{
    prune_model *model = unit(kind, bias);
    prune_workspace *workspace;
    prune_tensor *x_tensor, *y_tensor;
    ck_assert_ok(prune_workspace_create(&workspace, NULL, model, count, backend));
    ck_assert_ok(prune_tensor_const_matrix(&x_tensor, NULL, PRUNE_F32, count, 1, x));
    ck_assert_ok(prune_tensor_matrix(&y_tensor, NULL, PRUNE_F32, count, 1, y));
    ck_assert_ok(prune_predict(y_tensor, model, workspace, x_tensor));
    prune_tensor_free(x_tensor);
    prune_tensor_free(y_tensor);
    prune_workspace_free(workspace);
    prune_model_free(model);
}

/* ---- names ---- */

START_TEST(names)
{
    static const char *const expected[KINDS] = { "linear", "relu", "sigmoid",   "tanh", "leaky_relu", "elu",
                                                 "selu",   "gelu", "gelu_tanh", "silu", "softplus" };
    static const int32_t kinds[KINDS] = { PRUNE_LINEAR,     PRUNE_RELU, PRUNE_SIGMOID, PRUNE_TANH,
                                          PRUNE_LEAKY_RELU, PRUNE_ELU,  PRUNE_SELU,    PRUNE_GELU,
                                          PRUNE_GELU_TANH,  PRUNE_SILU, PRUNE_SOFTPLUS };
    static const int32_t unknown[] = { -1, KINDS, KINDS + 1, INT32_MIN, INT32_MAX };
    for (int32_t i = 0; i < KINDS; i++) {
        ck_assert_int_eq(kinds[i], i); /* pinned: files hold them */
        ck_assert_str_eq(prune_activation_name(i), expected[i]);
    }
    for (size_t i = 0; i < 5; i++)
        ck_assert_ptr_null(prune_activation_name(unknown[i]));
}
END_TEST

START_TEST(unknown_ones_are_refused)
{
    static const int32_t unknown[] = { -1, KINDS, INT32_MIN, INT32_MAX };
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, 1));
    for (size_t i = 0; i < 4; i++)
        ck_assert_status(prune_model_add_dense(model, 1, unknown[i]), PRUNE_E_ARGUMENT);
    ck_assert_uint_eq(prune_model_layer_count(model), 0);
    prune_model_free(model);
}
END_TEST

/* ---- values ---- */

/* From 2^-40 to 2^80 of both signs, and 0. */
static size_t many_inputs(float *x)
{
    size_t count = 0;
    x[count++] = 0.0f;
    for (int exponent = -40; exponent <= 80; exponent++)
        for (int step = 0; step < 16; step++) {
            x[count] = ldexpf(1.0f + (float)step / 16.0f, exponent);
            x[count + 1] = -x[count];
            count += 2;
        }
    return count;
}

/* Where e^-x is beyond a float, SiLU and the tanh form are 0 already: by less than this. */
static double lost_below(int32_t kind)
{
    return kind == PRUNE_SILU || kind == PRUNE_GELU_TANH ? 90.0 * (double)FLT_MIN : (double)FLT_MIN;
}

START_TEST(values_agree_with_double)
{
    static float x[MOST], y[MOST];
    const prune_backend *backend[BACKENDS];
    const size_t count = many_inputs(x);
    backends(backend);
    for (int32_t kind = 0; kind < KINDS; kind++)
        for (size_t b = 0; b < BACKENDS; b++) {
            apply(y, kind, 0.0f, x, count, backend[b]);
            for (size_t i = 0; i < count; i++) {
                const double expected = truth(kind, (double)x[i]);
                const double error = fabs((double)y[i] - expected);
                if (error > tolerance_of(kind, (double)x[i]) * fabs(expected) + lost_below(kind))
                    ck_abort_msg("%s(%.9g) is %.9g", prune_activation_name(kind), (double)x[i], (double)y[i]);
            }
        }
}
END_TEST

START_TEST(the_bias_comes_before)
{
    static const float x[] = { -2, -0.5f, 0, 0.5f, 2 };
    for (int32_t kind = 0; kind < KINDS; kind++) {
        float y[5];
        apply(y, kind, 0.75f, x, 5, NULL);
        for (size_t i = 0; i < 5; i++)
            ck_assert_double_eq_tol((double)y[i], truth(kind, (double)x[i] + 0.75), 3e-7);
    }
}
END_TEST

START_TEST(extremes)
{
    static const float x[] = { 1e30f, -1e30f, FLT_MAX, -FLT_MAX, INFINITY, -INFINITY };
    static const float expected[KINDS][6] = {
        { 1e30f, -1e30f, FLT_MAX, -FLT_MAX, INFINITY, -INFINITY },
        { 1e30f, 0, FLT_MAX, 0, INFINITY, 0 },
        { 1, 0, 1, 0, 1, 0 },
        { 1, -1, 1, -1, 1, -1 },
        { 1e30f, -0.01f * 1e30f, FLT_MAX, -0.01f * FLT_MAX, INFINITY, -INFINITY },
        { 1e30f, -1, FLT_MAX, -1, INFINITY, -1 },
        { 1.05070099f * 1e30f, -1.75809934f, INFINITY, -1.75809934f, INFINITY, -1.75809934f },
        { 1e30f, 0, FLT_MAX, 0, INFINITY, 0 },
        { 1e30f, 0, FLT_MAX, 0, INFINITY, 0 },
        { 1e30f, 0, FLT_MAX, 0, INFINITY, 0 },
        { 1e30f, 0, FLT_MAX, 0, INFINITY, 0 },
    };
    const prune_backend *backend[BACKENDS];
    backends(backend);
    for (int32_t kind = 0; kind < KINDS; kind++)
        for (size_t b = 0; b < BACKENDS; b++) {
            float y[6];
            apply(y, kind, 0.0f, x, 6, backend[b]);
            for (size_t i = 0; i < 6; i++)
                ck_assert(y[i] == expected[kind][i]);
        }
}
END_TEST

START_TEST(relu_makes_0_of_nan_and_the_others_keep_it)
{
    const float x[3] = { NAN, 1.0f, -NAN };
    const prune_backend *backend[BACKENDS];
    backends(backend);
    for (int32_t kind = 0; kind < KINDS; kind++)
        for (size_t b = 0; b < BACKENDS; b++) {
            float y[3];
            apply(y, kind, 0.0f, x, 3, backend[b]);
            ck_assert(kind == PRUNE_RELU ? y[0] == 0.0f && y[2] == 0.0f : isnan(y[0]) && isnan(y[2]));
            ck_assert_double_eq_tol((double)y[1], truth(kind, 1.0), 1e-6);
        }
}
END_TEST

/* ---- derivatives ---- */

/* For gradients of the test's own, whatever its loss. */
static prune_trainer *trainer_of(prune_model *model)
{
    prune_trainer *trainer;
    prune_trainer_options options;
    prune_trainer_options_init(&options);
    options.loss = PRUNE_MSE;
    ck_assert_ok(prune_trainer_create(&trainer, NULL, model, &options, NULL));
    return trainer;
}

/* f'(x + 0), as the gradient of the bias when dL/dh is 1. */
static float slope_at(prune_trainer *trainer, float x)
{
    static const float one = 1.0f;
    prune_tensor *x_tensor, *gradient;
    ck_assert_ok(prune_tensor_const_matrix(&x_tensor, NULL, PRUNE_F32, 1, 1, &x));
    ck_assert_ok(prune_tensor_const_matrix(&gradient, NULL, PRUNE_F32, 1, 1, &one));
    ck_assert_ok(prune_trainer_forward(trainer, x_tensor));
    ck_assert_ok(prune_trainer_backward(trainer, gradient));
    prune_tensor_free(x_tensor);
    prune_tensor_free(gradient);
    return *prune_trainer_gradient(trainer, 1);
}

START_TEST(derivatives_agree_with_double)
{
    for (int32_t kind = 0; kind < KINDS; kind++) {
        prune_model *model = unit(kind, 0.0f);
        prune_trainer *trainer = trainer_of(model);
        for (int i = -200; i <= 200; i++) {
            const float x = (float)i / 16.0f;
            ck_assert_double_eq_tol((double)slope_at(trainer, x), true_slope(kind, (double)x), 3e-7);
        }
        ck_assert(kind != PRUNE_RELU || slope_at(trainer, 0.0f) == 0.0f);
        ck_assert(kind != PRUNE_LEAKY_RELU || slope_at(trainer, 0.0f) == 0.01f);
        ck_assert(kind != PRUNE_RELU || slope_at(trainer, FLT_TRUE_MIN) == 1.0f);
        prune_trainer_free(trainer);
        prune_model_free(model);
    }
}
END_TEST

/* Far out a derivative is a constant, and no NaN. */
START_TEST(derivatives_far_out)
{
    static const float x[] = { 100, -100, 1e30f, -1e30f, FLT_MAX, -FLT_MAX };
    for (int32_t kind = 0; kind < KINDS; kind++) {
        prune_model *model = unit(kind, 0.0f);
        prune_trainer *trainer = trainer_of(model);
        for (size_t i = 0; i < 6; i++) {
            const double right[KINDS] = { 1, 1, 0, 0, 1, 1, SELU_SCALE, 1, 1, 1, 1 };
            const double left[KINDS] = { 1, 0, 0, 0, 0.01, 0, 0, 0, 0, 0, 0 };
            const double expected = x[i] > 0.0f ? right[kind] : left[kind];
            ck_assert_double_eq_tol((double)slope_at(trainer, x[i]), expected, 1e-7 * expected + 1e-30);
        }
        prune_trainer_free(trainer);
        prune_model_free(model);
    }
}
END_TEST

/* ---- memory ---- */

static size_t trainer_bytes(int32_t kind, size_t outputs, size_t batch)
{
    prune_model *model;
    prune_trainer_options options;
    size_t bytes = 0;
    prune_trainer_options_init(&options);
    options.max_batch = batch;
    ck_assert_ok(prune_model_create(&model, NULL, 3));
    ck_assert_ok(prune_model_add_dense(model, outputs, kind));
    ck_assert_ok(prune_trainer_bytes(&bytes, model, &options));
    prune_model_free(model);
    return bytes;
}

START_TEST(only_those_that_need_their_input_keep_it)
{
    const size_t plain = trainer_bytes(PRUNE_LINEAR, 20, 16);
    for (int32_t kind = 0; kind < KINDS; kind++) {
        const int32_t keeps = kind == PRUNE_GELU || kind == PRUNE_GELU_TANH || kind == PRUNE_SILU;
        ck_assert_uint_eq(trainer_bytes(kind, 20, 16), plain + (keeps ? 20 * 16 * sizeof(float) : 0));
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        names,
        unknown_ones_are_refused,
        values_agree_with_double,
        the_bias_comes_before,
        extremes,
        relu_makes_0_of_nan_and_the_others_keep_it,
        derivatives_agree_with_double,
        derivatives_far_out,
        only_those_that_need_their_input_keep_it,
    };
    return run_tests("activation", tests, sizeof tests / sizeof tests[0]);
}
