/* ramp_test.c -- schedules of the penalty
 *
 * SPDX-License-Identifier: MIT */
#include "support/quiet.h"

#include <string.h>

START_TEST(a_schedule_multiplies_all_of_the_penalty)
{
    const prune_schedule schedules[] = {
        { sizeof schedules[0], PRUNE_SCHEDULE_CONSTANT, 0.1f, 0.0f, 4, 1000 }, /* a linear ramp */
        { sizeof schedules[0], PRUNE_SCHEDULE_STEP, 0.5f, 0.0f, 0, 2 },
    };
    for (size_t s = 0; s < 2; s++) {
        prune_group_lasso o;
        prune_group_lasso_init(&o);
        o.neuron_lambda = 0.11f;
        o.input_lambda = 0.07f;
        prune_trainer_options options = quiet_options(&o);
        options.l1 = 0.01f;
        options.l2 = 0.02f;
        options.learning_rate = 0.0f; /* the weights stay */
        float penalty, whole, part;
        quiet f;
        quiet_open(&f, &options);
        quiet_backward(&f);
        ck_assert_ok(prune_trainer_penalize(&whole, f.trainer));
        quiet_close(&f);
        options.penalty_schedule = &schedules[s];
        quiet_open(&f, &options);
        for (uint64_t step = 0; step < 7; step++) {
            quiet_backward(&f);
            ck_assert_ok(prune_trainer_penalize(&penalty, f.trainer));
            ck_assert_ok(prune_schedule_rate(&part, &schedules[s], 1.0f, step));
            ck_assert_double_eq_tol((double)(penalty), (double)(part * whole), (double)(1e-6f * whole));
            ck_assert_ok(prune_trainer_update(f.trainer));
        }
        quiet_close(&f);
    }
}
END_TEST

START_TEST(a_schedule_multiplies_the_thresholds)
{
    const prune_schedule ramp = { sizeof ramp, PRUNE_SCHEDULE_CONSTANT, 0.1f, 0.0f, 4, 1000 };
    for (int32_t groups = 0; groups < 2; groups++) {
        static const float start[QUIET_INPUTS] = { 0.6f, 0.0f, 0.8f, 0.0f };
        float weight[QUIET_HIDDEN * QUIET_INPUTS] = { 0 };
        memcpy(weight, start, sizeof start);
        prune_group_lasso o;
        prune_group_lasso_init(&o);
        o.include_bias = o.by_size = 0;
        o.neuron_lambda = groups ? 0.1f : 0.0f;
        o.proximal = 1;
        prune_trainer_options options = quiet_options(&o);
        options.learning_rate = 1.0f;
        options.l1 = groups ? 0.0f : 0.1f;
        options.l1_proximal = 1;
        options.penalty_schedule = &ramp;
        quiet f;
        quiet_open(&f, &options);
        ck_assert_ok(prune_model_set_param(f.model, 0, weight, QUIET_HIDDEN * QUIET_INPUTS));
        quiet_step(&f); /* a quarter of it */
        const float *w = prune_model_param(f.model, 0);
        ck_assert_double_eq_tol((double)(w[0]), (double)(groups ? 0.6f * 0.975f : 0.575f), (double)1e-6f);
        ck_assert_double_eq_tol((double)(w[2]), (double)(groups ? 0.8f * 0.975f : 0.775f), (double)1e-6f);
        quiet_step(&f); /* and half of it */
        ck_assert_double_eq_tol((double)(prune_model_param(f.model, 0)[0]),
                                (double)(groups ? 0.6f * 0.925f : 0.525f), (double)1e-6f);
        quiet_close(&f);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { a_schedule_multiplies_all_of_the_penalty,
                                   a_schedule_multiplies_the_thresholds };
    return run_tests("ramp", tests, sizeof tests / sizeof tests[0]);
}
