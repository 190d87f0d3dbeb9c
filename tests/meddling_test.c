/* meddling_test.c -- callbacks that change what the fit works on: masks under keep_best, a fit within a fit
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

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

int main(void)
{
    const TTest *const tests[] = { keeping_the_best_undoes_no_removal, a_callback_may_not_fit };
    return run_tests("meddling", tests, sizeof tests / sizeof tests[0]);
}
