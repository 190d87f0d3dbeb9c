/* quiet.c -- a trainer whose data say nothing, so that a step is what the penalty does
 *
 * SPDX-License-Identifier: MIT */
#include "quiet.h"

const size_t quiet_widths[QUIET_LAYERS + 1] = { QUIET_INPUTS, QUIET_HIDDEN, QUIET_MIDDLE, QUIET_OUTPUTS };

prune_trainer_options quiet_options(const prune_group_lasso *lasso)
{
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    options.learning_rate = 0.5f;
    options.group_lasso = lasso;
    return options;
}

void quiet_open(quiet *q, const prune_trainer_options *options)
{
    static const float bias[QUIET_MIDDLE] = { 0.3f, -0.2f, 0.1f, 0.5f, -0.4f, 0.2f };
    world_data_make(&q->world, 12, QUIET_INPUTS, QUIET_OUTPUTS, 3);
    q->model = world_model(NULL, quiet_widths, QUIET_LAYERS, PRUNE_TANH, 7);
    for (size_t l = 0; l < QUIET_LAYERS; l++)
        ck_assert_ok(prune_model_set_param(q->model, 2 * l + 1, bias, quiet_widths[l + 1]));
    q->trainer = world_trainer(q->model, options);
}

void quiet_close(quiet *q)
{
    prune_trainer_free(q->trainer);
    prune_model_free(q->model);
    world_data_end(&q->world);
}

void quiet_backward(quiet *q)
{
    static const float zeros[QUIET_MOST] = { 0 };
    float loss;
    ck_assert_ok(prune_trainer_forward(q->trainer, q->world.x_tensor));
    ck_assert_ok(prune_trainer_loss(&loss, q->trainer, q->world.y_tensor));
    ck_assert_ok(prune_trainer_backward(q->trainer, NULL));
    for (size_t p = 0; p < QUIET_PARAMS; p++)
        ck_assert_ok(prune_trainer_set_gradient(q->trainer, p, zeros, world_count(q->model, p)));
}

void quiet_step(quiet *q)
{
    quiet_backward(q);
    ck_assert_ok(prune_trainer_penalize(NULL, q->trainer));
    ck_assert_ok(prune_trainer_update(q->trainer));
}
