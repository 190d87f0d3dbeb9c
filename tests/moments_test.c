/* moments_test.c -- optimizer state and step count set from outside
 *
 * SPDX-License-Identifier: MIT */
#include "support/bytes.h"
#include "support/training.h"
#include "support/work.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { INPUTS = 5, HIDDEN = 7, CLASSES = 3, SAMPLES = 9, PARAMS = 4, WEIGHTS = INPUTS * HIDDEN };

static const size_t widths[] = { INPUTS, HIDDEN, CLASSES };

typedef struct fixture {
    world_data world;
    prune_model *model;
    prune_trainer *trainer;
} fixture;

static void open_fixture(fixture *f, const prune_trainer_options *options)
{
    world_data_make(&f->world, SAMPLES, INPUTS, CLASSES, 5);
    f->model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
    f->trainer = world_trainer(f->model, options);
}

static void close_fixture(fixture *f)
{
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    world_data_end(&f->world);
}

static void steps(const fixture *f, prune_trainer *trainer, int count)
{
    for (int i = 0; i < count; i++)
        ck_assert_ok(prune_trainer_step(NULL, trainer, f->world.x_tensor, f->world.label_tensor));
}

static void copy_state(prune_trainer *to, const prune_trainer *from, const prune_model *model)
{
    for (size_t p = 0; p < PARAMS; p++)
        for (size_t slot = 0; prune_trainer_state(from, p, slot) != NULL; slot++)
            ck_assert_ok(prune_trainer_set_state(to, p, slot, prune_trainer_state(from, p, slot),
                                                 world_count(model, p)));
    ck_assert_ok(prune_trainer_set_steps(to, prune_trainer_steps(from)));
}

/* Another trainer goes on with the same model, schedule and all; one that starts anew does not. Adam's
 * corrections are the same to rounding, the others' steps are the same bits. */
START_TEST(a_trainer_goes_on_where_another_stood)
{
    for (int32_t kind = PRUNE_SGD; kind <= PRUNE_ADAGRAD; kind++) {
        fixture f;
        prune_schedule schedule;
        prune_schedule_init(&schedule);
        schedule.kind = PRUNE_SCHEDULE_EXPONENTIAL;
        schedule.factor = 0.5f;
        prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, kind);
        options.learning_rate = 0.05f;
        options.momentum = 0.9f;
        options.schedule = &schedule;
        open_fixture(&f, &options);
        steps(&f, f.trainer, 6);
        prune_model *other;
        ck_assert_ok(prune_model_clone(&other, NULL, f.model));
        prune_trainer *heir = world_trainer(other, &options);
        copy_state(heir, f.trainer, f.model);
        ck_assert_uint_eq(prune_trainer_steps(heir), 6);
        ck_assert(prune_trainer_next_rate(heir) == prune_trainer_next_rate(f.trainer));
        steps(&f, f.trainer, 4);
        steps(&f, heir, 4);
        const double distance =
            world_distance(prune_model_param(other, 0), prune_model_param(f.model, 0), WEIGHTS);
        ck_assert_double_le(distance, kind == PRUNE_ADAM || kind == PRUNE_ADAMW ? 1e-6 : 0.0);
        prune_trainer_free(heir);
        prune_model_free(other);
        close_fixture(&f);
    }
}
END_TEST

/* ---- the count of steps ---- */

static void backward(const fixture *f)
{
    float loss;
    ck_assert_ok(prune_trainer_forward(f->trainer, f->world.x_tensor));
    ck_assert_ok(prune_trainer_loss(&loss, f->trainer, f->world.label_tensor));
    ck_assert_ok(prune_trainer_backward(f->trainer, NULL));
}

/* What step number t makes of w[0] with m = v = 0.5 before it. */
static double adam_by_formula(const prune_trainer_options *o, double w, double g, double t)
{
    const double b1 = (double)o->beta1, b2 = (double)o->beta2;
    const double m = b1 * 0.5 + (1.0 - b1) * g, v = b2 * 0.5 + (1.0 - b2) * g * g;
    return w - (double)o->learning_rate * (m / -expm1(t * log(b1))) /
                   (sqrt(v / -expm1(t * log(b2))) + (double)o->epsilon);
}

START_TEST(the_correction_is_that_of_the_steps)
{
    static const uint64_t counts[] = { 0, 1, 2, 3, 7, 100, 1000, 123456, UINT64_C(1) << 40, UINT64_MAX - 1 };
    static const float betas[][2] = { { 0.9f, 0.999f }, { 0.5f, 0.75f }, { 0.99f, 0.999999f } };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0] * 3; i++) {
        fixture f;
        float halves[WEIGHTS];
        prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
        options.beta1 = betas[i % 3][0];
        options.beta2 = betas[i % 3][1];
        open_fixture(&f, &options);
        for (size_t k = 0; k < WEIGHTS; k++)
            halves[k] = 0.5f;
        ck_assert_ok(prune_trainer_set_state(f.trainer, 0, 0, halves, WEIGHTS));
        ck_assert_ok(prune_trainer_set_state(f.trainer, 0, 1, halves, WEIGHTS));
        ck_assert_ok(prune_trainer_set_steps(f.trainer, counts[i / 3]));
        backward(&f);
        const double w = (double)prune_model_param(f.model, 0)[0];
        const double g = (double)prune_trainer_gradient(f.trainer, 0)[0];
        const double expected = adam_by_formula(&options, w, g, (double)counts[i / 3] + 1.0);
        ck_assert_ok(prune_trainer_update(f.trainer));
        const double moved = (double)prune_model_param(f.model, 0)[0] - w;
        ck_assert_double_le(fabs(moved - (expected - w)), 2e-6 * fabs(expected - w) + 3e-8);
        ck_assert_uint_eq(prune_trainer_steps(f.trainer), counts[i / 3] + 1);
        close_fixture(&f);
    }
}
END_TEST

/* No step done is the start; what is set can be saved and comes back. */
START_TEST(what_was_set_is_saved)
{
    static const uint64_t counts[] = { 0, 1, 1000000007 };
    for (size_t i = 0; i < 3; i++) {
        fixture f;
        bytes_file file = { 0 };
        prune_model *model;
        prune_trainer *read;
        const float v[CLASSES] = { 1.0f, FLT_MIN, 1e30f };
        const prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
        open_fixture(&f, &options);
        ck_assert_ok(prune_trainer_set_state(f.trainer, 3, 1, v, CLASSES));
        ck_assert_ok(prune_trainer_set_steps(f.trainer, counts[i]));
        const prune_writer writer = bytes_writer(&file);
        ck_assert_ok(prune_trainer_write(f.trainer, &writer, NULL));
        const prune_reader reader = bytes_reader(&file);
        ck_assert_ok(prune_trainer_read(&read, &model, NULL, &reader, NULL, NULL));
        ck_assert_uint_eq(prune_trainer_steps(read), counts[i]);
        ck_assert(memcmp(prune_trainer_state(read, 3, 1), v, sizeof v) == 0);
        prune_trainer_free(read);
        prune_model_free(model);
        bytes_end(&file);
        close_fixture(&f);
    }
}
END_TEST

/* The last count stays, and its file is good. */
START_TEST(the_count_does_not_wrap)
{
    fixture f;
    prune_model *model;
    const prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
    open_fixture(&f, &options);
    ck_assert_ok(prune_trainer_set_steps(f.trainer, UINT64_MAX - 1));
    for (int i = 0; i < 3; i++) {
        steps(&f, f.trainer, 1);
        ck_assert_uint_eq(prune_trainer_steps(f.trainer), UINT64_MAX);
    }
    bytes_file file = work_write_trainer(f.trainer);
    prune_trainer *back = work_read_trainer(&model, &file);
    ck_assert_uint_eq(world_trainer_hash(back), world_trainer_hash(f.trainer));
    ck_assert_uint_eq(prune_trainer_steps(back), UINT64_MAX);
    prune_trainer_free(back);
    prune_model_free(model);
    bytes_end(&file);
    close_fixture(&f);
}
END_TEST

/* ---- masks, and what is refused ---- */

START_TEST(removed_weights_have_no_state)
{
    fixture f;
    const float values[CLASSES] = { 3.0f, 4.0f, 5.0f };
    const prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
    open_fixture(&f, &options);
    world_remove(f.model, 3, 1);
    for (size_t slot = 0; slot < 2; slot++) {
        ck_assert_ok(prune_trainer_set_state(f.trainer, 3, slot, values, CLASSES));
        const float *state = prune_trainer_state(f.trainer, 3, slot);
        ck_assert(state[0] == 3.0f && state[1] == 0.0f && state[2] == 5.0f);
    }
    ck_assert_uint_eq(world_check_removed(f.model, f.trainer), 1);
    close_fixture(&f);
}
END_TEST

static void refuses(fixture *f, size_t param, size_t slot, float last, prune_status expected)
{
    const float values[CLASSES] = { 1.0f, 1.0f, last };
    const uint64_t before = world_trainer_hash(f->trainer);
    ck_assert_status(prune_trainer_set_state(f->trainer, param, slot, values, CLASSES), expected);
    ck_assert_uint_eq(world_trainer_hash(f->trainer), before);
}

START_TEST(what_training_cannot_make_is_refused)
{
    static const size_t slots[] = { 0, 1, 2, 1, 2, 1 }; /* by kind */
    for (int32_t kind = PRUNE_SGD; kind <= PRUNE_ADAGRAD; kind++) {
        fixture f;
        const size_t last = slots[kind] - 1;
        const prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, kind);
        open_fixture(&f, &options);
        steps(&f, f.trainer, 2);
        refuses(&f, 3, last, NAN, PRUNE_E_NONFINITE);
        refuses(&f, 3, last, -INFINITY, PRUNE_E_NONFINITE);
        refuses(&f, 3, 0, -FLT_MAX, PRUNE_E_RANGE);
        refuses(&f, 3, slots[kind], 1.0f, PRUNE_E_RANGE);
        refuses(&f, PARAMS, 0, 1.0f, PRUNE_E_RANGE);
        refuses(&f, 2, 0, 1.0f, PRUNE_E_SHAPE);
        if (kind != PRUNE_SGD)
            refuses(&f, 3, last, -1e-30f, PRUNE_E_RANGE); /* a square */
        else
            ck_assert_ok(prune_trainer_set_state(f.trainer, 3, 0, (const float[]){ -1.0f, 0.0f, -1e18f }, 3));
        close_fixture(&f);
    }
}
END_TEST

START_TEST(null_and_a_changed_model_are_refused)
{
    fixture f;
    const float values[CLASSES] = { 0 };
    const prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
    open_fixture(&f, &options);
    ck_assert_status(prune_trainer_set_state(NULL, 3, 0, values, CLASSES), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_set_state(f.trainer, 3, 0, NULL, CLASSES), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_set_steps(NULL, 1), PRUNE_E_ARGUMENT);
    ck_assert_ok(prune_model_add_dense(f.model, 2, PRUNE_LINEAR));
    ck_assert_status(prune_trainer_set_state(f.trainer, 3, 0, values, CLASSES), PRUNE_E_STATE);
    ck_assert_status(prune_trainer_set_steps(f.trainer, 1), PRUNE_E_STATE);
    ck_assert_uint_eq(prune_trainer_steps(f.trainer), 0);
    close_fixture(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { a_trainer_goes_on_where_another_stood,
                                   the_correction_is_that_of_the_steps,
                                   what_was_set_is_saved,
                                   the_count_does_not_wrap,
                                   removed_weights_have_no_state,
                                   what_training_cannot_make_is_refused,
                                   null_and_a_changed_model_are_refused };
    return run_tests("moments", tests, sizeof tests / sizeof tests[0]);
}
