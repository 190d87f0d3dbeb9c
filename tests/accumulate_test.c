/* accumulate_test.c -- several batches to one step of the optimizer
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { INPUTS = 6, CLASSES = 3, SAMPLES = 24 };

static const size_t widths[] = { INPUTS, 9, CLASSES };

typedef struct fixture {
    world_data world;
    prune_model *model;
    prune_trainer *trainer;
} fixture;

static void open_fixture(fixture *f, int32_t optimizer, int32_t accumulate)
{
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, optimizer);
    options.learning_rate = 0.01f;
    options.momentum = 0.5f;
    options.l2 = 0.01f;
    options.epsilon = 1e-3f;
    options.clip_norm = 0.5f;
    options.accumulate = accumulate;
    world_data_make(&f->world, SAMPLES, INPUTS, CLASSES, 5);
    f->model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
    f->trainer = world_trainer(f->model, &options);
}

static void close_fixture(fixture *f)
{
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    world_data_end(&f->world);
}

static void step_on(fixture *f, size_t first, size_t count)
{
    prune_tensor *x = world_rows(f->world.x_tensor, first, count);
    prune_tensor *y = world_rows(f->world.label_tensor, first, count);
    ck_assert_ok(prune_trainer_step(NULL, f->trainer, x, y));
    prune_tensor_free(x);
    prune_tensor_free(y);
}

static void assert_same(const fixture *a, const fixture *b)
{
    for (size_t p = 0; p < 4; p++)
        ck_assert_double_le(world_distance(prune_model_param(a->model, p), prune_model_param(b->model, p),
                                           world_count(a->model, p)),
                            1e-6);
}

/* Three batches, equal or not, are one large one. */
START_TEST(batches_add_up)
{
    static const size_t cuts[][4] = { { 0, 8, 16, 24 }, { 0, 3, 20, 24 } };
    for (int32_t optimizer = PRUNE_SGD; optimizer <= PRUNE_ADAGRAD; optimizer++)
        for (size_t c = 0; c < 2; c++) {
            fixture whole, parts;
            open_fixture(&whole, optimizer, 0);
            open_fixture(&parts, optimizer, 3);
            for (uint64_t t = 1; t <= 5; t++) {
                step_on(&whole, 0, SAMPLES);
                for (size_t i = 0; i < 3; i++) {
                    const uint64_t before = world_hash(parts.model);
                    step_on(&parts, cuts[c][i], cuts[c][i + 1] - cuts[c][i]);
                    ck_assert_int_eq(world_hash(parts.model) == before, i < 2);
                    ck_assert_uint_eq(prune_trainer_steps(parts.trainer), i < 2 ? t - 1 : t);
                }
                assert_same(&whole, &parts);
            }
            close_fixture(&whole);
            close_fixture(&parts);
        }
}
END_TEST

static void backward_on(fixture *f, size_t first, size_t count)
{
    float loss;
    prune_tensor *x = world_rows(f->world.x_tensor, first, count);
    prune_tensor *y = world_rows(f->world.label_tensor, first, count);
    ck_assert_ok(prune_trainer_forward(f->trainer, x));
    ck_assert_ok(prune_trainer_loss(&loss, f->trainer, y));
    ck_assert_ok(prune_trainer_backward(f->trainer, NULL));
    prune_tensor_free(x);
    prune_tensor_free(y);
}

/* By hand, with any number of batches. */
START_TEST(the_step_api_accumulates_too)
{
    fixture whole, parts;
    open_fixture(&whole, PRUNE_ADAM, 1);
    open_fixture(&parts, PRUNE_ADAM, 2);
    for (int t = 0; t < 3; t++) {
        backward_on(&whole, 0, SAMPLES);
        for (size_t i = 0; i < 4; i++) {
            backward_on(&parts, 6 * i, 6);
            ck_assert_ok(prune_trainer_accumulate(parts.trainer));
        }
        for (size_t p = 0; p < 4; p++)
            ck_assert_double_le(world_distance(prune_trainer_gradient(parts.trainer, p),
                                               prune_trainer_gradient(whole.trainer, p),
                                               world_count(whole.model, p)),
                                1e-6);
        ck_assert_ok(prune_trainer_penalize(NULL, whole.trainer));
        ck_assert_ok(prune_trainer_penalize(NULL, parts.trainer));
        ck_assert_ok(prune_trainer_update(whole.trainer));
        ck_assert_ok(prune_trainer_update(parts.trainer));
        assert_same(&whole, &parts);
    }
    close_fixture(&whole);
    close_fixture(&parts);
}
END_TEST

START_TEST(states)
{
    fixture f, single;
    open_fixture(&f, PRUNE_SGD, 2);
    open_fixture(&single, PRUNE_SGD, 1);
    ck_assert_status(prune_trainer_accumulate(NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_accumulate(f.trainer), PRUNE_E_STATE);
    backward_on(&f, 0, 6);
    ck_assert_ok(prune_trainer_accumulate(f.trainer));
    ck_assert_status(prune_trainer_accumulate(f.trainer), PRUNE_E_STATE); /* once for each */
    backward_on(&single, 0, 6);
    ck_assert_status(prune_trainer_accumulate(single.trainer), PRUNE_E_STATE);
    close_fixture(&f);
    close_fixture(&single);
}
END_TEST

/* 24 samples in batches of 5: 5 batches, steps after 2, 4 and at the end. */
START_TEST(a_fit_steps_at_the_end_of_an_epoch)
{
    prune_fit_options how;
    fixture f;
    open_fixture(&f, PRUNE_ADAM, 2);
    prune_fit_options_init(&how);
    how.epochs = 4;
    how.batch_size = 5;
    prune_fit_result result;
    prune_fit_result_init(&result);
    ck_assert_ok(prune_trainer_fit(&result, f.trainer, &f.world.labelled, &how, NULL));
    ck_assert_uint_eq(prune_trainer_steps(f.trainer), 12);
    ck_assert_uint_eq(result.steps, 12);
    close_fixture(&f);
}
END_TEST

START_TEST(a_reset_forgets_what_was_accumulated)
{
    fixture f, fresh;
    open_fixture(&f, PRUNE_ADAM, 2);
    open_fixture(&fresh, PRUNE_ADAM, 2);
    step_on(&f, 0, 6);
    ck_assert_ok(prune_trainer_reset(f.trainer));
    for (size_t i = 1; i < 3; i++) {
        step_on(&f, 6 * i, 6);
        step_on(&fresh, 6 * i, 6);
    }
    ck_assert_uint_eq(world_trainer_hash(f.trainer), world_trainer_hash(fresh.trainer));
    close_fixture(&f);
    close_fixture(&fresh);
}
END_TEST

/* What is left over at the end of an epoch of one's own: a step that is as one of that batch alone. */
START_TEST(what_is_left_can_be_flushed)
{
    fixture whole, parts;
    open_fixture(&whole, PRUNE_ADAM, 0);
    open_fixture(&parts, PRUNE_ADAM, 2);
    for (size_t i = 0; i < 3; i++)
        step_on(&parts, 8 * i, 8);
    step_on(&whole, 0, 16);
    step_on(&whole, 16, 8);
    ck_assert_uint_eq(prune_trainer_steps(parts.trainer), 1);
    ck_assert_ok(prune_trainer_flush(parts.trainer));
    assert_same(&whole, &parts);
    const uint64_t hash = world_trainer_hash(parts.trainer);
    ck_assert_ok(prune_trainer_flush(parts.trainer)); /* nothing is left */
    ck_assert_uint_eq(world_trainer_hash(parts.trainer), hash);
    ck_assert_uint_eq(prune_trainer_steps(parts.trainer), 2);
    ck_assert_status(prune_trainer_flush(NULL), PRUNE_E_ARGUMENT);
    close_fixture(&whole);
    close_fixture(&parts);
}
END_TEST

/* A step from the second batch alone would lose the first. */
START_TEST(a_batch_is_not_left_out)
{
    fixture f;
    open_fixture(&f, PRUNE_ADAM, 2);
    backward_on(&f, 0, 6);
    ck_assert_ok(prune_trainer_accumulate(f.trainer));
    backward_on(&f, 6, 6);
    ck_assert_status(prune_trainer_penalize(NULL, f.trainer), PRUNE_E_STATE);
    ck_assert_status(prune_trainer_update(f.trainer), PRUNE_E_STATE);
    ck_assert_ok(prune_trainer_accumulate(f.trainer));
    ck_assert_ok(prune_trainer_penalize(NULL, f.trainer));
    ck_assert_ok(prune_trainer_update(f.trainer));
    close_fixture(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { batches_add_up,
                                   the_step_api_accumulates_too,
                                   states,
                                   a_fit_steps_at_the_end_of_an_epoch,
                                   a_reset_forgets_what_was_accumulated,
                                   what_is_left_can_be_flushed,
                                   a_batch_is_not_left_out };
    return run_tests("accumulate", tests, sizeof tests / sizeof tests[0]);
}
