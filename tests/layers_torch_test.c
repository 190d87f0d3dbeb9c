/* layers_torch_test.c -- layers of their own beside PyTorch, by the numbers in fixtures/layers.h
 *
 * Each tolerance is a few times what fixtures/make_layers.py prints as the distance of PyTorch's own float
 * arithmetic, relative to the largest magnitude.
 *
 * SPDX-License-Identifier: MIT */
#include "support/stack.h"
#include "support/training.h"

#include "fixtures/layers.h"

#include <math.h>
#include <string.h>

static const double TOLERANCE = 2e-6; /* PyTorch: up to 7.5e-7 */

static double error_of(const float *got, const float *expected, size_t count)
{
    double most = 0.05, worst = 0.0;
    for (size_t i = 0; i < count; i++) {
        most = fmax(most, fabs((double)expected[i]));
        worst = fmax(worst, isnan(got[i]) ? (double)INFINITY : fabs((double)got[i] - (double)expected[i]));
    }
    return worst / most;
}

static prune_model *make_model(const torch_layers *t)
{
    prune_model *model = stack_model(NULL, t->inputs, t->steps, 1);
    size_t at = 0;
    for (size_t p = 0; p < prune_model_param_count(model); at += world_count(model, p), p++)
        ck_assert_ok(prune_model_set_param(model, p, t->params + at, world_count(model, p)));
    ck_assert_uint_eq(at, t->count);
    return model;
}

static prune_trainer *make_trainer(prune_model *model)
{
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    options.learning_rate = torch_rate;
    return world_trainer(model, &options);
}

static prune_tensor *rows_of(const float *values, size_t rows, size_t columns)
{
    prune_tensor *tensor;
    ck_assert_ok(prune_tensor_const_matrix(&tensor, NULL, PRUNE_F32, rows, columns, values));
    return tensor;
}

static const float *outputs_of(const prune_trainer *trainer)
{
    return prune_tensor_data(prune_trainer_outputs(trainer));
}

/* Of all parameters, or of all gradients, together: a bias before a batch normalisation has a gradient of 0,
 * which is only as exact as its neighbours are large. */
static double params_error(const prune_model *model, const prune_trainer *gradients, const float *expected)
{
    float values[STACK_PARAMS];
    size_t at = 0;
    for (size_t p = 0; p < prune_model_param_count(model); at += world_count(model, p), p++)
        memcpy(values + at,
               gradients != NULL ? prune_trainer_gradient(gradients, p) : prune_model_param(model, p),
               world_count(model, p) * sizeof *values);
    return error_of(values, expected, at);
}

static void check_pass(const torch_layers *t, int32_t training)
{
    prune_model *model = make_model(t);
    prune_trainer *trainer = make_trainer(model);
    prune_tensor *x = rows_of(t->x, t->n, t->inputs), *c = rows_of(t->c, t->n, t->outputs);
    const uint64_t before = world_hash(model);
    ck_assert_ok(prune_trainer_set_training(trainer, training));
    ck_assert_ok(prune_trainer_forward(trainer, x));
    ck_assert_double_le(error_of(outputs_of(trainer), t->h[training], t->n * t->outputs), TOLERANCE);
    ck_assert_ok(prune_trainer_backward(trainer, c));
    ck_assert_double_le(params_error(model, trainer, t->g[training]), TOLERANCE);
    ck_assert_uint_eq(world_hash(model), before);
    prune_tensor_free(x);
    prune_tensor_free(c);
    prune_trainer_free(trainer);
    prune_model_free(model);
}

START_TEST(passes)
{
    for (size_t i = 0; i < sizeof torch_cases / sizeof torch_cases[0]; i++)
        for (int32_t training = 0; training < 2; training++)
            check_pass(&torch_cases[i], training);
}
END_TEST

static void check_training(const torch_layers *t)
{
    prune_model *model = make_model(t);
    prune_trainer *trainer = make_trainer(model);
    prune_tensor *y = rows_of(t->y, t->n, t->outputs), *last = rows_of(t->x, t->n, t->inputs);
    for (size_t step = 0; step < TORCH_BATCHES; step++) {
        prune_tensor *x = rows_of(t->batches + step * t->n * t->inputs, t->n, t->inputs);
        ck_assert_ok(prune_trainer_step(NULL, trainer, x, y));
        prune_tensor_free(x);
    }
    ck_assert_double_le(params_error(model, NULL, t->trained), TOLERANCE);
    ck_assert_ok(prune_trainer_set_training(trainer, 0));
    ck_assert_ok(prune_trainer_forward(trainer, last));
    ck_assert_double_le(error_of(outputs_of(trainer), t->trained_h, t->n * t->outputs), TOLERANCE);
    prune_tensor_free(y);
    prune_tensor_free(last);
    prune_trainer_free(trainer);
    prune_model_free(model);
}

/* Running statistics are among the parameters. */
START_TEST(training)
{
    for (size_t i = 0; i < sizeof torch_cases / sizeof torch_cases[0]; i++)
        check_training(&torch_cases[i]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { passes, training };
    return run_tests("layers_torch", tests, sizeof tests / sizeof tests[0]);
}
