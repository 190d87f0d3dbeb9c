/* failed_step_test.c -- what a step that failed, or gradients too large to be added, leave behind: nothing
 *
 * SPDX-License-Identifier: MIT */
#include "support/stack.h"
#include "support/training.h"

#include <float.h>
#include <math.h>

enum { INPUTS = 3, OUTPUTS = 2, N = 8 };

/* Normalised at once, so that statistics follow from the inputs. */
static const stack_step net[] = { { B, 0, 0, 0.25f, 1e-3f },
                                  { D, 5, PRUNE_TANH, 0, 0 },
                                  { B, 0, 0, 0.25f, 1e-3f },
                                  { D, OUTPUTS, PRUNE_LINEAR, 0, 0 },
                                  { 0 } };

typedef struct fixture {
    world_data world;
    prune_model *model;
    prune_trainer *trainer;
} fixture;

static void open_fixture(fixture *f, int32_t accumulate)
{
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    options.accumulate = accumulate;
    world_data_make(&f->world, N, INPUTS, OUTPUTS, 3);
    f->model = stack_model(NULL, INPUTS, net, 5);
    f->trainer = world_trainer(f->model, &options);
}

static void close_fixture(fixture *f)
{
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    world_data_end(&f->world);
}

/* A step on the first rows, as they are now. */
static prune_status step(fixture *f, size_t rows)
{
    prune_tensor *x = world_rows(f->world.x_tensor, 0, rows);
    prune_tensor *y = world_rows(f->world.y_tensor, 0, rows);
    const prune_status status = prune_trainer_step(NULL, f->trainer, x, y);
    prune_tensor_free(x);
    prune_tensor_free(y);
    return status;
}

/* What spoils a batch, and what comes of it. Inputs far apart: the variance of the batch leaves float, while
 * outputs and gradients do not. */
typedef enum spoiler { FAR_INPUTS, HUGE_TARGET, LARGE_TARGET, NAN_TARGET, NAN_INPUT, SPOILERS } spoiler;

static const float far_off = 1e20f;

static float *spoiled(fixture *f, spoiler how)
{
    return how == FAR_INPUTS || how == NAN_INPUT ? f->world.x : f->world.y;
}

static void fail_once(fixture *f, spoiler how)
{
    const float values[] = { far_off, 3e38f, 1.8e19f, 0.0f, 0.0f };
    float *at = spoiled(f, how);
    const float good = *at;
    const int32_t nan = how == NAN_TARGET || how == NAN_INPUT;
    *at = nan ? NAN : values[how];
    ck_assert_status(step(f, N), nan ? PRUNE_E_NONFINITE : PRUNE_E_DIVERGED);
    *at = good;
}

/* After it, two that never failed and one that did go the same way: also from a single row, which statistics
 * have no part in, and in batches that are smaller than what was left lying. */
START_TEST(the_next_steps_are_those_of_one_that_never_failed)
{
    static const size_t next[] = { 1, 2, N };
    for (spoiler how = FAR_INPUTS; how < SPOILERS; how++)
        for (size_t n = 0; n < 3; n++) {
            fixture f, other;
            open_fixture(&f, 0);
            open_fixture(&other, 0);
            ck_assert_ok(step(&f, N));
            ck_assert_ok(step(&other, N));
            const uint64_t before = world_trainer_hash(f.trainer);
            fail_once(&f, how);
            fail_once(&f, how);
            ck_assert_uint_eq(world_trainer_hash(f.trainer), before);
            for (size_t k = 0; k < 3; k++) {
                ck_assert_ok(step(&f, next[(n + k) % 3]));
                ck_assert_ok(step(&other, next[(n + k) % 3]));
                ck_assert_uint_eq(world_trainer_hash(f.trainer), world_trainer_hash(other.trainer));
            }
            ck_assert(world_trainer_hash(f.trainer) != before);
            close_fixture(&f);
            close_fixture(&other);
        }
}
END_TEST

/* Of several batches to a step: one without a loss is as if it had not been; the step that fails takes all of
 * them with it. */
START_TEST(batches_that_were_added_up)
{
    for (spoiler how = FAR_INPUTS; how < SPOILERS; how++) {
        fixture f, other;
        const int32_t whole_step = how == FAR_INPUTS || how == LARGE_TARGET;
        open_fixture(&f, 2);
        open_fixture(&other, 2);
        const uint64_t before = world_trainer_hash(f.trainer);
        ck_assert_ok(step(&f, 5));
        if (!whole_step)
            ck_assert_ok(step(&other, 5));
        fail_once(&f, how);
        ck_assert_uint_eq(world_trainer_hash(f.trainer), before);
        for (size_t k = 0; k < 3; k++) {
            ck_assert_ok(step(&f, 3 + k));
            ck_assert_ok(step(&other, 3 + k));
            ck_assert_uint_eq(world_trainer_hash(f.trainer), world_trainer_hash(other.trainer));
        }
        ck_assert(world_trainer_hash(f.trainer) != before);
        close_fixture(&f);
        close_fixture(&other);
    }
}
END_TEST

/* Nor does a forward pass that led to nothing, before a last batch that has no part in statistics. */
START_TEST(a_pass_that_was_given_up)
{
    fixture f, other;
    open_fixture(&f, 2);
    open_fixture(&other, 2);
    ck_assert_ok(step(&f, N));
    ck_assert_ok(step(&other, N));
    const float good = f.world.x[0];
    f.world.x[0] = far_off;
    ck_assert_ok(prune_trainer_forward(f.trainer, f.world.x_tensor));
    f.world.x[0] = good;
    ck_assert_ok(step(&f, 1));
    ck_assert_ok(step(&other, 1));
    ck_assert_uint_eq(prune_trainer_steps(f.trainer), 1);
    ck_assert_uint_eq(world_trainer_hash(f.trainer), world_trainer_hash(other.trainer));
    close_fixture(&f);
    close_fixture(&other);
}
END_TEST

/* ---- sums of scores ---- */

/* One weight, one input of 1: its gradient is the output's, whatever that is. */
static void leave_gradient(prune_trainer *trainer, float value)
{
    const float one = 1.0f;
    prune_tensor *x, *dh;
    ck_assert_ok(prune_tensor_const_matrix(&x, NULL, PRUNE_F32, 1, 1, &one));
    ck_assert_ok(prune_tensor_const_matrix(&dh, NULL, PRUNE_F32, 1, 1, &value));
    ck_assert_ok(prune_trainer_forward(trainer, x));
    ck_assert_ok(prune_trainer_backward(trainer, dh));
    prune_tensor_free(x);
    prune_tensor_free(dh);
}

/* g times the samples it stands for would leave float: nothing is added, and what there was goes on. */
START_TEST(a_sum_of_scores_beyond_float_is_refused)
{
    static const struct {
        float gradient;
        size_t samples;
        prune_status expected;
    } rows[] = {
        { FLT_MAX, 1, PRUNE_OK },
        { FLT_MAX, 2, PRUNE_E_DIVERGED },
        { 1e38f, 3, PRUNE_OK },
        { 1e38f, 4, PRUNE_E_DIVERGED },
        { -1e38f, 4, PRUNE_E_DIVERGED },
        { 1e32f, 3000000, PRUNE_OK },
        { 1e32f, 4000000, PRUNE_E_DIVERGED },
    };
    const size_t widths[] = { 1, 1 };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        prune_importance *scores;
        const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
        prune_model *model = world_model(NULL, widths, 1, PRUNE_LINEAR, 1);
        prune_trainer *trainer = world_trainer(model, &options);
        ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_GRADIENT));
        leave_gradient(trainer, 0.0f);
        ck_assert_ok(prune_importance_add(scores, trainer, 1));
        ck_assert_ok(prune_importance_refresh(scores));
        leave_gradient(trainer, rows[i].gradient);
        ck_assert_status(prune_importance_add(scores, trainer, rows[i].samples), rows[i].expected);
        if (rows[i].expected != PRUNE_OK) {
            ck_assert_uint_eq(prune_importance_samples(scores), 1);
            ck_assert(prune_importance_scores(scores, 0)[0] == 0.0f); /* still there */
            leave_gradient(trainer, -6.0f);
            ck_assert_ok(prune_importance_add(scores, trainer, 2));
        }
        ck_assert_ok(prune_importance_refresh(scores));
        const float score = prune_importance_scores(scores, 0)[0];
        ck_assert(rows[i].expected == PRUNE_OK ? score >= 1e31f && score <= FLT_MAX : score == 4.0f);
        prune_importance_free(scores);
        prune_trainer_free(trainer);
        prune_model_free(model);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_next_steps_are_those_of_one_that_never_failed,
        batches_that_were_added_up,
        a_pass_that_was_given_up,
        a_sum_of_scores_beyond_float_is_refused,
    };
    return run_tests("failed_step", tests, sizeof tests / sizeof tests[0]);
}
