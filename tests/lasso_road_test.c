/* lasso_road_test.c -- the group lasso on the road: options, zero groups to removed neurons
 *
 * SPDX-License-Identifier: MIT */
#include "fixtures/lasso.h"
#include "support/work.h"

#include <math.h>
#include <string.h>

/* ---- options ---- */

START_TEST(what_is_wrong_is_named)
{
    static const size_t widths[] = { 3, 2, 2 };
    static const struct bad {
        prune_group_lasso lasso;
        prune_status status;
        const char *place;
    } cases[] = {
        { { sizeof(prune_group_lasso), NAN, 0, 1, 0, 0, 1, 0 }, PRUNE_E_RANGE, "group_lasso neuron_lambda" },
        { { sizeof(prune_group_lasso), -1, 0, 1, 0, 0, 1, 0 }, PRUNE_E_RANGE, "group_lasso neuron_lambda" },
        { { sizeof(prune_group_lasso), INFINITY, 0, 1, 0, 0, 1, 0 },
          PRUNE_E_RANGE,
          "group_lasso neuron_lambda" },
        { { sizeof(prune_group_lasso), 0, -1, 1, 0, 0, 1, 0 }, PRUNE_E_RANGE, "group_lasso input_lambda" },
        { { sizeof(prune_group_lasso), 0, 0, 2, 0, 0, 1, 0 }, PRUNE_E_ARGUMENT, "group_lasso" },
        { { sizeof(prune_group_lasso), 0, 0, 1, -1, 0, 1, 0 }, PRUNE_E_ARGUMENT, "group_lasso" },
        { { sizeof(prune_group_lasso), 0, 0, 1, 0, 2, 1, 0 }, PRUNE_E_ARGUMENT, "group_lasso" },
        { { sizeof(prune_group_lasso), 0, 0, 1, 0, 0, 3, 0 }, PRUNE_E_ARGUMENT, "group_lasso" },
        { { sizeof(prune_group_lasso), 0, 0, 1, 0, 0, 1, 2 }, PRUNE_E_ARGUMENT, "group_lasso" },
        { { sizeof(prune_group_lasso) + 8, 0, 0, 1, 0, 0, 1, 0 }, PRUNE_E_VERSION, "group_lasso" },
        { { 1, 0, 0, 1, 0, 0, 1, 0 }, PRUNE_E_ARGUMENT, "group_lasso" },
    };
    prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
        prune_trainer *trainer;
        prune_error error = { 0 };
        size_t bytes = 7;
        options.group_lasso = &cases[i].lasso;
        ck_assert_status(prune_trainer_create(&trainer, NULL, model, &options, &error), cases[i].status);
        ck_assert_ptr_null(trainer);
        ck_assert_str_eq(error.place, cases[i].place);
        ck_assert_status(prune_trainer_bytes(&bytes, model, &options), cases[i].status);
        ck_assert_uint_eq(bytes, 7);
    }
    prune_group_lasso_init(NULL);
    prune_model_free(model);
}
END_TEST

START_TEST(bad_schedules_and_scales_are_refused)
{
    static const size_t widths[] = { 3, 2, 2 };
    const prune_schedule bad = { sizeof bad, 9, 0.1f, 0.0f, 0, 1000 };
    prune_group_lasso lasso;
    prune_group_lasso_init(&lasso);
    lasso.neuron_lambda = 1e30f;
    prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 1);
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    prune_trainer *trainer;
    options.penalty_schedule = &bad;
    ck_assert_status(prune_trainer_create(&trainer, NULL, model, &options, NULL), PRUNE_E_ARGUMENT);
    options.penalty_schedule = NULL;
    options.group_lasso = &lasso;
    trainer = world_trainer(model, &options);
    prune_layer_training how;
    const float never[] = { NAN, -1.0f, INFINITY, 1e10f };
    prune_layer_training_init(&how);
    ck_assert(how.group_scale == 1.0f);
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        how.group_scale = never[i];
        ck_assert_status(prune_trainer_set_layer(trainer, 0, &how), PRUNE_E_RANGE);
        prune_layer_training got;
        prune_layer_training_init(&got);
        ck_assert_ok(prune_trainer_get_layer(&got, trainer, 0));
        ck_assert(got.group_scale == 1.0f);
    }
    prune_trainer_free(trainer);
    prune_model_free(model);
}
END_TEST

/* ---- what becomes 0 can go ---- */

enum { N = 60, MANY = 16, IN = 6, OUT = 3 };

static void outputs_of(float *y, const prune_model *model, const prune_tensor *x)
{
    prune_workspace *workspace;
    prune_tensor *to;
    ck_assert_ok(prune_workspace_create(&workspace, NULL, model, N, prune_backend_reference()));
    ck_assert_ok(prune_tensor_matrix(&to, NULL, PRUNE_F32, N, OUT, y));
    ck_assert_ok(prune_predict(to, model, workspace, x));
    prune_tensor_free(to);
    prune_workspace_free(workspace);
}

static size_t zero_rows(const prune_model *model)
{
    size_t zeros = 0;
    for (size_t u = 0; u < MANY; u++) {
        size_t some = 0;
        for (size_t i = 0; i < IN; i++)
            some += prune_model_param(model, 0)[u * IN + i] != 0.0f;
        zeros += some == 0;
    }
    return zeros;
}

/* With the column in the group sigmoid may be what it is at 0; without it tanh is 0 there. */
START_TEST(neurons_that_are_0_can_be_removed)
{
    static const size_t widths[] = { IN, MANY, OUT };
    for (int32_t column = 0; column < 2; column++)
        for (int32_t optimizer = PRUNE_SGD; optimizer <= PRUNE_ADAM; optimizer++) {
            static float before[N * OUT], after[N * OUT];
            world_data world;
            prune_group_lasso lasso;
            prune_group_lasso_init(&lasso);
            lasso.neuron_lambda = optimizer == PRUNE_SGD ? 0.01f : 0.5f;
            lasso.include_column = column;
            lasso.proximal = 1;
            prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, optimizer);
            options.learning_rate = optimizer == PRUNE_SGD ? 0.2f : 0.01f;
            options.group_lasso = &lasso;
            world_data_make(&world, N, IN, OUT, 4);
            prune_model *model = world_model(NULL, widths, 2, column ? PRUNE_SIGMOID : PRUNE_TANH, 3);
            prune_trainer *trainer = world_trainer(model, &options);
            work_fit(trainer, &world, 120);
            outputs_of(before, model, world.x_tensor);
            const size_t zeros = zero_rows(model);
            ck_assert_uint_gt(zeros, 0);
            ck_assert_uint_lt(zeros, MANY);

            prune_importance *scores;
            prune_selection neurons;
            prune_removal removal;
            prune_selection_init(&neurons);
            prune_removal_init(&removal);
            neurons.granularity = PRUNE_NEURONS;
            ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
            ck_assert_ok(prune_mask_below(&removal, model, scores, &neurons, 1e-30f));
            ck_assert_uint_eq(removal.removed, zeros);
            outputs_of(after, model, world.x_tensor);
            ck_assert_mem_eq(before, after, sizeof before);
            prune_importance_free(scores);
            prune_trainer_free(trainer);
            prune_model_free(model);
            world_data_end(&world);
        }
}
END_TEST

/* Two inputs say all, the others nothing. */
START_TEST(inputs_that_say_nothing_become_0)
{
    static const size_t widths[] = { IN, MANY, 1 };
    static float x[N * IN], y[N];
    prune_tensor *inputs, *targets;
    prune_rng rng;
    prune_rng_seed(&rng, 11);
    for (size_t i = 0; i < N * IN; i++)
        x[i] = 2.0f * prune_rng_uniform(&rng) - 1.0f;
    for (size_t r = 0; r < N; r++)
        y[r] = x[r * IN + 1] - 2.0f * x[r * IN + 4];
    ck_assert_ok(prune_tensor_const_matrix(&inputs, NULL, PRUNE_F32, N, IN, x));
    ck_assert_ok(prune_tensor_const_matrix(&targets, NULL, PRUNE_F32, N, 1, y));
    prune_group_lasso lasso;
    prune_group_lasso_init(&lasso);
    lasso.input_lambda = 0.03f;
    lasso.proximal = 1;
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    options.learning_rate = 0.1f;
    options.max_batch = N;
    options.group_lasso = &lasso;
    prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 6);
    prune_trainer *trainer = world_trainer(model, &options);
    for (int32_t step = 0; step < 1500; step++)
        ck_assert_ok(prune_trainer_step(NULL, trainer, inputs, targets));
    for (size_t i = 0; i < IN; i++) {
        size_t some = 0;
        for (size_t u = 0; u < MANY; u++)
            some += prune_model_param(model, 0)[u * IN + i] != 0.0f;
        ck_assert_uint_eq(some, i == 1 || i == 4 ? MANY : 0);
    }
    prune_trainer_free(trainer);
    prune_model_free(model);
    prune_tensor_free(inputs);
    prune_tensor_free(targets);
}
END_TEST

/* The penalty's gradient in scores has no threshold in its place. */
START_TEST(scores_may_include_the_penalty)
{
    static const size_t widths[] = { IN, MANY, OUT };
    for (int32_t proximal = 0; proximal < 2; proximal++) {
        world_data world;
        prune_group_lasso lasso;
        prune_group_lasso_init(&lasso);
        lasso.neuron_lambda = 0.5f;
        lasso.proximal = proximal;
        prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
        options.max_batch = N;
        options.group_lasso = &lasso;
        world_data_make(&world, N, IN, OUT, 4);
        prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 3);
        prune_trainer *trainer = world_trainer(model, &options);
        prune_importance *scores;
        ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_GRADIENT));
        ck_assert_ok(prune_importance_include_penalty(scores, trainer, 1));
        ck_assert_ok(prune_importance_accumulate(scores, trainer, &world.labelled, NULL));
        float loss;
        ck_assert_ok(prune_trainer_forward(trainer, world.x_tensor));
        ck_assert_ok(prune_trainer_loss(&loss, trainer, world.label_tensor));
        ck_assert_ok(prune_trainer_backward(trainer, NULL));
        const float *w = prune_model_param(model, 0), *g = prune_trainer_gradient(trainer, 0);
        for (size_t u = 0; u < MANY; u++) {
            double squares = 0.0;
            for (size_t i = 0; i < IN; i++)
                squares += (double)w[u * IN + i] * (double)w[u * IN + i];
            for (size_t i = 0; i < IN; i++) {
                const double direction = (double)w[u * IN + i] / sqrt(squares);
                const double expected = fabs((double)g[u * IN + i] + 0.5 * sqrt(IN + 1.0) * direction);
                ck_assert_double_eq_tol((double)prune_importance_scores(scores, 0)[u * IN + i], expected,
                                        1e-6);
            }
        }
        prune_importance_free(scores);
        prune_trainer_free(trainer);
        prune_model_free(model);
        world_data_end(&world);
    }
}
END_TEST

/* ---- beside PyTorch ---- */

START_TEST(steps_are_those_of_torch)
{
    prune_model *model;
    prune_group_lasso lasso;
    prune_tensor *x, *y;
    prune_group_lasso_init(&lasso);
    lasso.neuron_lambda = LASSO_NEURONS;
    lasso.input_lambda = LASSO_INPUTS;
    lasso.include_column = 1;
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    options.learning_rate = LASSO_RATE;
    options.momentum = LASSO_MOMENTUM;
    options.group_lasso = &lasso;
    ck_assert_ok(prune_model_create(&model, NULL, LASSO_IN));
    ck_assert_ok(prune_model_add_dense(model, LASSO_HIDDEN, PRUNE_TANH));
    ck_assert_ok(prune_model_add_dense(model, LASSO_OUT, PRUNE_LINEAR));
    const float *start = lasso_start, *end = lasso_end;
    for (size_t p = 0; p < 4; start += world_count(model, p), p++)
        ck_assert_ok(prune_model_set_param(model, p, start, world_count(model, p)));
    ck_assert_ok(prune_tensor_const_matrix(&x, NULL, PRUNE_F32, LASSO_N, LASSO_IN, lasso_x));
    ck_assert_ok(prune_tensor_const_matrix(&y, NULL, PRUNE_F32, LASSO_N, LASSO_OUT, lasso_y));
    prune_trainer *trainer = world_trainer(model, &options);
    for (int32_t step = 0; step < LASSO_STEPS; step++) {
        float loss, penalty;
        ck_assert_ok(prune_trainer_forward(trainer, x));
        ck_assert_ok(prune_trainer_loss(&loss, trainer, y));
        ck_assert_ok(prune_trainer_backward(trainer, NULL));
        ck_assert_ok(prune_trainer_penalize(&penalty, trainer));
        ck_assert_ok(prune_trainer_update(trainer));
        ck_assert_double_eq_tol((double)penalty, (double)lasso_penalty[step], 2e-6);
    }
    for (size_t p = 0; p < 4; end += world_count(model, p), p++)
        for (size_t i = 0; i < world_count(model, p); i++)
            ck_assert_double_eq_tol((double)prune_model_param(model, p)[i], (double)end[i], 2e-6);
    prune_trainer_free(trainer);
    prune_model_free(model);
    prune_tensor_free(x);
    prune_tensor_free(y);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_is_wrong_is_named,
        bad_schedules_and_scales_are_refused,
        neurons_that_are_0_can_be_removed,
        inputs_that_say_nothing_become_0,
        scores_may_include_the_penalty,
        steps_are_those_of_torch,
    };
    return run_tests("lasso_road", tests, sizeof tests / sizeof tests[0]);
}
