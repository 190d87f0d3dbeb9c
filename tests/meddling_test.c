/* meddling_test.c -- fits not left alone: callbacks that mask or fit, data with gaps, what stays after
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { INPUTS = 6, CLASSES = 3, SAMPLES = 20, EPOCHS = 6 };

static const size_t widths[] = { INPUTS, 8, CLASSES };

typedef struct fixture {
    world_data world, other;
    prune_model *model;
    prune_trainer *trainer;
    prune_fit_options fit;
    prune_fit_result result;
    uint64_t mask_at; /* the epoch after which one weight more is removed */
    size_t masked;
    uint64_t hash[EPOCHS]; /* of the model after each epoch, before the callback changes it */
} fixture;

static int32_t mask(void *user, const prune_progress *progress)
{
    fixture *f = user;
    f->hash[progress->epoch - 1] = world_hash(f->model);
    if (progress->epoch == f->mask_at)
        world_remove(f->model, 0, 20 + f->masked++);
    if (progress->epoch >= f->mask_at) /* from here on it only gets worse */
        ck_assert_ok(prune_trainer_set_learning_rate(progress->trainer, 3.0f));
    return 0;
}

static void open_fixture(fixture *f)
{
    const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    *f = (fixture){ .masked = 0 };
    world_data_make(&f->world, SAMPLES, INPUTS, CLASSES, 5);
    world_data_make(&f->other, SAMPLES, INPUTS, CLASSES, 6);
    f->model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
    f->trainer = world_trainer(f->model, &options);
    prune_fit_options_init(&f->fit);
    prune_fit_result_init(&f->result);
    f->fit.epochs = EPOCHS;
    f->fit.user = f;
}

static void close_fixture(fixture *f)
{
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    world_data_end(&f->world);
    world_data_end(&f->other);
}

/* The weights that are removed after a fit whose callback removes one after epoch `at`. */
static uint64_t fit_and_mask(fixture *f, uint64_t at)
{
    uint64_t units, kept;
    f->mask_at = at;
    ck_assert_ok(prune_trainer_fit(&f->result, f->trainer, &f->world.valued, &f->fit, NULL));
    ck_assert_ok(prune_model_verify(f->model, NULL));
    ck_assert_ok(prune_mask_units(&units, &kept, f->model, NULL));
    return units - kept;
}

/* Otherwise keeping the best epoch would bring back what the callback has removed. */
START_TEST(keeping_the_best_undoes_no_removal)
{
    fixture f;
    open_fixture(&f);
    f.fit.keep_best = 1;
    f.fit.validation = &f.other.valued;
    f.fit.progress = mask;
    ck_assert_uint_eq(fit_and_mask(&f, 2), 1);
    ck_assert_uint_ge(f.result.best_epoch, 3);
    ck_assert_uint_lt(f.result.best_epoch, EPOCHS); /* else nothing was kept */
    ck_assert_uint_eq(world_hash(f.model), f.hash[f.result.best_epoch - 1]);
    ck_assert_uint_eq(fit_and_mask(&f, EPOCHS), 2); /* and then there is no epoch to come back to */
    ck_assert_uint_eq(f.result.best_epoch, 0);
    ck_assert_uint_ne(world_hash(f.model), f.hash[EPOCHS - 1]);
    close_fixture(&f);
}
END_TEST

static int32_t fit_within(void *user, const prune_progress *progress)
{
    fixture *f = user;
    prune_error error;
    const uint64_t before = world_trainer_hash(f->trainer);
    ck_assert_status(prune_trainer_fit(NULL, progress->trainer, &f->other.valued, NULL, &error),
                     PRUNE_E_STATE);
    ck_assert_str_eq(error.place, "trainer");
    ck_assert_uint_eq(world_trainer_hash(f->trainer), before);
    f->masked++;
    return 0;
}

START_TEST(a_callback_may_not_fit)
{
    fixture f;
    open_fixture(&f);
    f.fit.progress = fit_within;
    for (size_t i = 1; i <= 2; i++) { /* afterwards one may fit again */
        ck_assert_ok(prune_trainer_fit(&f.result, f.trainer, &f.world.valued, &f.fit, NULL));
        ck_assert_uint_eq(f.masked, i * EPOCHS);
    }
    close_fixture(&f);
}
END_TEST

static int32_t heal(void *user, const prune_progress *progress)
{
    const float zeros[8 * INPUTS] = { 0.0f };
    fixture *f = user;
    f->hash[progress->epoch - 1] = world_hash(f->model);
    if (progress->epoch == 1) /* Inf - Inf no more */
        ck_assert_ok(prune_model_set_param(f->model, 0, zeros, 8 * INPUTS));
    ck_assert_ok(prune_trainer_set_learning_rate(progress->trainer, 0.0f));
    return 0;
}

/* Finite validation inputs can still overflow a sum in the model. */
START_TEST(a_metric_that_is_not_a_number_is_not_the_best)
{
    fixture f;
    float weights[8 * INPUTS];
    open_fixture(&f);
    for (size_t i = 0; i < 8 * INPUTS; i++)
        weights[i] = i % 2 ? -2.0f : 2.0f;
    for (size_t i = 0; i < SAMPLES * INPUTS; i++)
        f.other.x[i] = 3e38f;
    ck_assert_ok(prune_model_set_param(f.model, 0, weights, 8 * INPUTS));
    f.fit.keep_best = 1;
    f.fit.epochs = 3;
    f.fit.validation = &f.other.valued;
    f.fit.progress = heal;
    ck_assert_ok(prune_trainer_set_learning_rate(f.trainer, 0.0f));
    ck_assert_ok(prune_trainer_fit(&f.result, f.trainer, &f.world.valued, &f.fit, NULL));
    ck_assert_uint_eq(f.result.best_epoch, 2);
    ck_assert(f.result.validation_metric == f.result.validation_metric);
    ck_assert_uint_eq(world_hash(f.model), f.hash[1]);
    close_fixture(&f);
}
END_TEST

/* What the fit last ran forward lay in its own memory. */
START_TEST(the_batch_of_a_fit_is_gone_with_it)
{
    fixture f;
    float loss;
    open_fixture(&f);
    f.fit.validation_fraction = 0.25;
    f.fit.progress = NULL;
    ck_assert_ok(prune_trainer_fit(&f.result, f.trainer, &f.world.valued, &f.fit, NULL));
    ck_assert_status(prune_trainer_loss(&loss, f.trainer, f.world.y_tensor), PRUNE_E_STATE);
    ck_assert_status(prune_trainer_backward(f.trainer, f.world.y_tensor), PRUNE_E_STATE);
    ck_assert_status(prune_trainer_update(f.trainer), PRUNE_E_STATE);
    close_fixture(&f);
}
END_TEST

/* As a slice of a larger array is: rows lie further apart than they are long. */
START_TEST(data_may_be_columns_of_a_larger_matrix)
{
    fixture f, plain;
    enum { FAR_X = INPUTS + 3, FAR_Y = CLASSES + 2 };
    float x[SAMPLES * FAR_X], y[SAMPLES * FAR_Y];
    const prune_shape shape_x = { 2, { SAMPLES, INPUTS, 0, 0 } }, shape_y = { 2, { SAMPLES, CLASSES, 0, 0 } };
    prune_data data;
    prune_tensor *inputs, *targets;
    open_fixture(&f);
    open_fixture(&plain);
    for (size_t i = 0; i < SAMPLES * FAR_X; i++)
        x[i] = i % FAR_X < INPUTS ? f.world.x[i / FAR_X * INPUTS + i % FAR_X] : NAN;
    for (size_t i = 0; i < SAMPLES * FAR_Y; i++)
        y[i] = i % FAR_Y < CLASSES ? f.world.y[i / FAR_Y * CLASSES + i % FAR_Y] : NAN;
    ck_assert_ok(prune_tensor_wrap_const(&inputs, NULL, PRUNE_F32, &shape_x, FAR_X, x));
    ck_assert_ok(prune_tensor_wrap_const(&targets, NULL, PRUNE_F32, &shape_y, FAR_Y, y));
    prune_data_init(&data);
    data.inputs = inputs;
    data.targets = targets;
    f.fit.validation_fraction = plain.fit.validation_fraction = 0.25;
    ck_assert_ok(prune_trainer_fit(NULL, f.trainer, &data, &f.fit, NULL));
    ck_assert_ok(prune_trainer_fit(NULL, plain.trainer, &f.world.valued, &plain.fit, NULL));
    ck_assert_uint_eq(world_trainer_hash(f.trainer), world_trainer_hash(plain.trainer));
    prune_tensor_free(inputs);
    prune_tensor_free(targets);
    close_fixture(&f);
    close_fixture(&plain);
}
END_TEST

/* A source that would make a step of what the batch before has left. */
static prune_status update_within(void *user, const size_t *samples, size_t count, float *inputs,
                                  void *targets)
{
    fixture *f = user;
    for (size_t r = 0; r < count; r++) {
        memcpy(inputs + r * INPUTS, f->world.x + samples[r] * INPUTS, INPUTS * sizeof(float));
        memcpy((float *)targets + r * CLASSES, f->world.y + samples[r] * CLASSES, CLASSES * sizeof(float));
    }
    ck_assert_status(prune_trainer_update(f->trainer), PRUNE_E_STATE);
    f->masked++;
    return PRUNE_OK;
}

START_TEST(gradients_behind_scores_are_for_nobody_to_apply)
{
    fixture f;
    prune_source source;
    prune_data data;
    prune_importance *scores;
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    options.max_batch = SAMPLES / 4;
    open_fixture(&f);
    prune_trainer_free(f.trainer);
    f.trainer = world_trainer(f.model, &options);
    const uint64_t before = world_trainer_hash(f.trainer);
    prune_source_init(&source);
    source.samples = SAMPLES;
    source.inputs = INPUTS;
    source.target_columns = CLASSES;
    source.target_type = PRUNE_F32;
    source.read = update_within;
    source.user = &f;
    prune_data_init(&data);
    data.source = &source;
    ck_assert_ok(prune_importance_create(&scores, NULL, f.model, PRUNE_TAYLOR));
    ck_assert_ok(prune_importance_accumulate(scores, f.trainer, &data, NULL));
    ck_assert_uint_eq(f.masked, 4);
    ck_assert_uint_eq(world_trainer_hash(f.trainer), before);
    prune_importance_free(scores);
    close_fixture(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { data_may_be_columns_of_a_larger_matrix,
                                   the_batch_of_a_fit_is_gone_with_it,
                                   a_metric_that_is_not_a_number_is_not_the_best,
                                   keeping_the_best_undoes_no_removal,
                                   a_callback_may_not_fit,
                                   gradients_behind_scores_are_for_nobody_to_apply };
    return run_tests("meddling", tests, sizeof tests / sizeof tests[0]);
}
