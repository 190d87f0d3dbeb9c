/* callback_test.c -- what a fit reports while it runs, stopping it, and keeping the best epoch
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { INPUTS = 6, CLASSES = 3, SAMPLES = 20, BATCH = 6, BATCHES = 4, REPORTS = 64 };

static const size_t widths[] = { INPUTS, 8, CLASSES };

/* A fit that is watched. The clock stands still but for what each report adds. */
typedef struct fixture {
    world_data world, other;
    prune_model *model;
    prune_trainer *trainer;
    prune_fit_options fit;
    prune_fit_result result;
    size_t reports;
    prune_progress seen[REPORTS];
    uint64_t hash[REPORTS];
    double penalty[REPORTS];
    uint64_t now;
    size_t stop_at; /* the report to stop at, counted from 1; 0 never stops */
    void (*then)(prune_trainer *trainer, const prune_progress *progress);
} fixture;

static uint64_t fake_now(void *user)
{
    return ((fixture *)user)->now;
}

static double l1_of(const prune_model *model)
{
    double sum = 0.0;
    for (size_t p = 0; p < prune_model_param_count(model); p += 2)
        for (size_t i = 0; i < world_count(model, p); i++)
            sum += fabs((double)prune_model_param(model, p)[i]);
    return sum;
}

static int32_t watch(void *user, const prune_progress *progress)
{
    fixture *f = user;
    ck_assert_uint_lt(f->reports, REPORTS);
    f->hash[f->reports] = world_hash(f->model);
    f->penalty[f->reports] = 0.125 * l1_of(f->model);
    f->seen[f->reports++] = *progress;
    f->now += 2500000000u;
    if (f->then != NULL)
        f->then(progress->trainer, progress);
    return f->reports == f->stop_at;
}

static prune_trainer_options usual_options(void)
{
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    options.learning_rate = 0.02f;
    options.l1 = 0.125f;
    options.max_batch = BATCH;
    return options;
}

static void open_fixture(fixture *f, const prune_trainer_options *options)
{
    static prune_clock clock;
    memset(f, 0, sizeof *f);
    world_data_make(&f->world, SAMPLES, INPUTS, CLASSES, 5);
    world_data_make(&f->other, SAMPLES + 1, INPUTS, CLASSES, 6);
    f->model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
    world_remove(f->model, 0, 3);
    f->trainer = world_trainer(f->model, options);
    f->now = UINT64_MAX / 2;
    clock = (prune_clock){ fake_now, f };
    prune_fit_options_init(&f->fit);
    prune_fit_result_init(&f->result);
    f->fit.epochs = 3;
    f->fit.progress = watch;
    f->fit.user = f;
    f->fit.clock = &clock;
}

static void close_fixture(fixture *f)
{
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    world_data_end(&f->world);
    world_data_end(&f->other);
}

static void run(fixture *f)
{
    f->reports = 0;
    ck_assert_ok(prune_trainer_fit(&f->result, f->trainer, &f->world.valued, &f->fit, NULL));
}

/* ---- what is reported ---- */

START_TEST(an_epoch_is_reported_at_its_end)
{
    fixture f;
    const prune_trainer_options options = usual_options();
    open_fixture(&f, &options);
    run(&f);
    ck_assert_uint_eq(f.reports, 3);
    for (size_t i = 0; i < 3; i++) {
        const prune_progress *p = &f.seen[i];
        ck_assert_uint_eq(p->size, sizeof *p);
        ck_assert_uint_eq(p->epoch, i + 1);
        ck_assert_uint_eq(p->epochs, 3);
        ck_assert_uint_eq(p->batch, BATCHES);
        ck_assert_uint_eq(p->batches, BATCHES);
        ck_assert_int_eq(p->epoch_end, 1);
        ck_assert(isnan(p->validation_loss) && isnan(p->validation_metric));
        ck_assert_ptr_eq(p->trainer, f.trainer);
        ck_assert_double_eq_tol(p->penalty, f.penalty[i], 1e-5);
    }
    ck_assert(f.result.loss == f.seen[2].loss && f.seen[2].loss < f.seen[0].loss);
    ck_assert(f.result.epochs == 3 && f.result.steps == 3 * BATCHES && f.result.stopped == 0);
    ck_assert(f.result.best_epoch == 0 && isnan(f.result.validation_loss));
    close_fixture(&f);
}
END_TEST

START_TEST(reports_come_as_often_as_asked)
{
    /* of batches 1 to 4: is there a report, for progress_every 0 to 5? The end of an epoch always is. */
    const int32_t expected[6][BATCHES] = { { 0, 0, 0, 1 }, { 1, 1, 1, 1 }, { 0, 1, 0, 1 },
                                           { 0, 0, 1, 1 }, { 0, 0, 0, 1 }, { 0, 0, 0, 1 } };
    for (uint64_t every = 0; every < 6; every++) {
        fixture f;
        const prune_trainer_options options = usual_options();
        open_fixture(&f, &options);
        f.fit.progress_every = every;
        run(&f);
        size_t i = 0;
        for (uint64_t batch = 0; batch < 3 * BATCHES; batch++) {
            if (!expected[every][batch % BATCHES])
                continue;
            ck_assert_uint_eq(f.seen[i].epoch, batch / BATCHES + 1);
            ck_assert_uint_eq(f.seen[i].batch, batch % BATCHES + 1);
            ck_assert_int_eq(f.seen[i++].epoch_end, batch % BATCHES == BATCHES - 1);
        }
        ck_assert_uint_eq(f.reports, i);
        close_fixture(&f);
    }
}
END_TEST

START_TEST(the_loss_is_the_mean_so_far)
{
    fixture f, g;
    const prune_trainer_options options = usual_options();
    double sum = 0.0;
    open_fixture(&f, &options);
    open_fixture(&g, &options);
    g.fit.progress_every = 1;
    g.fit.shuffle = 0;
    run(&g);
    for (size_t batch = 0; batch < BATCHES; batch++) {
        const size_t first = batch * BATCH, count = batch == BATCHES - 1 ? SAMPLES - first : BATCH;
        float loss;
        prune_tensor *x = world_rows(f.world.x_tensor, first, count);
        prune_tensor *y = world_rows(f.world.y_tensor, first, count);
        ck_assert_ok(prune_trainer_step(&loss, f.trainer, x, y));
        sum += (double)loss * (double)count;
        ck_assert_double_eq_tol(g.seen[batch].loss, sum / (double)(first + count), 1e-12);
        ck_assert_uint_eq(g.hash[batch], world_hash(f.model));
        prune_tensor_free(x);
        prune_tensor_free(y);
    }
    close_fixture(&f);
    close_fixture(&g);
}
END_TEST

START_TEST(time_is_told_and_estimated)
{
    fixture f;
    const prune_trainer_options options = usual_options();
    open_fixture(&f, &options);
    f.fit.progress_every = 1;
    run(&f);
    ck_assert_uint_eq(f.reports, 12);
    for (size_t i = 0; i < 12; i++) {
        const double elapsed = 2.5 * (double)i, done = (double)i + 1.0;
        ck_assert_double_eq_tol(f.seen[i].elapsed, elapsed, 1e-9);
        ck_assert_double_eq_tol(f.seen[i].remaining, elapsed * (12.0 - done) / done, 1e-9);
    }
    ck_assert(f.seen[11].remaining == 0.0);
    f.fit.clock = NULL; /* the system's: starts at this call, does not run backwards */
    run(&f);
    ck_assert_double_ge(f.seen[0].elapsed, 0.0);
    ck_assert_double_ge(f.seen[11].elapsed, f.seen[0].elapsed);
    ck_assert_double_lt(f.seen[11].elapsed, 100.0);
    close_fixture(&f);
}
END_TEST

/* ---- validation ---- */

static void assert_validates(int32_t loss)
{
    fixture f;
    prune_metrics metrics;
    prune_trainer_options options = usual_options();
    options.loss = loss;
    open_fixture(&f, &options);
    const prune_data *train = loss == PRUNE_MSE ? &f.world.valued : &f.world.labelled;
    f.fit.validation = loss == PRUNE_MSE ? &f.other.valued : &f.other.labelled;
    f.fit.validation_fraction = 0.5; /* counts only when there is no set */
    prune_metrics_init(&metrics);
    ck_assert_ok(prune_trainer_fit(&f.result, f.trainer, train, &f.fit, NULL));
    ck_assert_ok(prune_evaluate(&metrics, f.model, f.fit.validation, loss, NULL));
    const double metric = loss == PRUNE_MSE ? metrics.rmse : metrics.accuracy;
    ck_assert_uint_eq(f.result.steps, 3 * BATCHES);
    ck_assert_double_eq_tol(f.seen[2].validation_loss, metrics.loss, 1e-6);
    ck_assert_double_eq_tol(f.seen[2].validation_metric, metric, 1e-6);
    ck_assert(f.result.validation_loss == f.seen[2].validation_loss);
    ck_assert(f.result.validation_metric == f.seen[2].validation_metric);
    close_fixture(&f);
}

START_TEST(validation_figures_are_those_of_evaluate)
{
    assert_validates(PRUNE_MSE);
    assert_validates(PRUNE_SOFTMAX_CROSS_ENTROPY);
}
END_TEST

START_TEST(validating_changes_no_bit)
{
    fixture f, g;
    const prune_trainer_options options = usual_options();
    open_fixture(&f, &options);
    open_fixture(&g, &options);
    g.fit.validation = &g.other.valued;
    run(&f);
    run(&g);
    ck_assert_uint_eq(world_trainer_hash(f.trainer), world_trainer_hash(g.trainer));
    close_fixture(&f);
    close_fixture(&g);
}
END_TEST

static size_t first_best(const fixture *f, int32_t loss)
{
    size_t best = 0;
    for (size_t i = 1; i < f->reports; i++) {
        const double a = f->seen[i].validation_metric, b = f->seen[best].validation_metric;
        best = (loss == PRUNE_MSE ? a < b : a > b) ? i : best;
    }
    return best;
}

static void assert_keeps_best(int32_t loss, double fraction)
{
    fixture f;
    prune_trainer_options options = usual_options();
    options.loss = loss;
    options.l1 = 0.0f;
    options.learning_rate = 0.3f; /* far too high, so that the epochs go up and down */
    open_fixture(&f, &options);
    f.fit.keep_best = 1;
    f.fit.epochs = 30;
    f.fit.validation_fraction = fraction;
    if (fraction <= 0.0)
        f.fit.validation = loss == PRUNE_MSE ? &f.other.valued : &f.other.labelled;
    const prune_data *train = loss == PRUNE_MSE ? &f.world.valued : &f.world.labelled;
    ck_assert_ok(prune_trainer_fit(&f.result, f.trainer, train, &f.fit, NULL));
    const size_t best = first_best(&f, loss);
    ck_assert_uint_lt(best, 29); /* else this shows nothing */
    ck_assert_uint_eq(f.result.best_epoch, best + 1);
    ck_assert_uint_eq(world_hash(f.model), f.hash[best]);
    ck_assert(f.result.validation_loss == f.seen[best].validation_loss);
    ck_assert(f.result.validation_metric == f.seen[best].validation_metric);
    ck_assert(f.result.loss == f.seen[29].loss && f.result.epochs == 30);
    close_fixture(&f);
}

START_TEST(the_best_epoch_can_be_kept)
{
    assert_keeps_best(PRUNE_MSE, 0.0);
    assert_keeps_best(PRUNE_MSE, 0.4);
    assert_keeps_best(PRUNE_SOFTMAX_CROSS_ENTROPY, 0.0);
    assert_keeps_best(PRUNE_SOFTMAX_CROSS_ENTROPY, 0.4);
}
END_TEST

START_TEST(of_equal_epochs_the_first_is_the_best)
{
    fixture f;
    prune_trainer_options options = usual_options();
    options.learning_rate = 0.0f;
    open_fixture(&f, &options);
    f.fit.validation = &f.other.valued;
    run(&f);
    ck_assert_uint_eq(f.result.epochs, 3);
    ck_assert_uint_eq(f.result.best_epoch, 1);
    close_fixture(&f);
}
END_TEST

/* ---- stopping ---- */

START_TEST(stopping_at_an_epoch_is_a_shorter_fit)
{
    fixture f, g;
    const prune_trainer_options options = usual_options();
    open_fixture(&f, &options);
    open_fixture(&g, &options);
    f.stop_at = 2;
    run(&f);
    ck_assert(f.result.stopped == 1 && f.result.epochs == 2 && f.result.steps == 2 * BATCHES);
    g.fit.epochs = 2;
    run(&g);
    ck_assert_int_eq(g.result.stopped, 0);
    ck_assert_uint_eq(world_trainer_hash(f.trainer), world_trainer_hash(g.trainer));
    f.stop_at = 0;
    f.fit.epochs = 1;
    g.fit.epochs = 1;
    run(&f);
    run(&g);
    ck_assert_uint_eq(world_trainer_hash(f.trainer), world_trainer_hash(g.trainer));
    close_fixture(&f);
    close_fixture(&g);
}
END_TEST

START_TEST(stopping_within_an_epoch_is_clean)
{
    for (size_t stop = 1; stop <= 8; stop++) {
        fixture f;
        const prune_trainer_options options = usual_options();
        open_fixture(&f, &options);
        f.fit.progress_every = 1;
        f.fit.validation_fraction = 0.2; /* leaves 16 samples: 3 batches */
        f.stop_at = stop;
        run(&f);
        ck_assert_int_eq(f.result.stopped, 1);
        ck_assert_uint_eq(f.reports, stop);
        ck_assert_uint_eq(f.result.steps, stop);
        ck_assert_uint_eq(f.result.epochs, stop / 3);
        ck_assert_uint_eq(prune_trainer_epochs(f.trainer), stop / 3);
        ck_assert_ok(prune_model_verify(f.model, NULL));
        ck_assert_uint_eq(world_check_removed(f.model, f.trainer), 1);
        f.stop_at = 0;
        run(&f);
        ck_assert(f.result.stopped == 0 && f.result.epochs == 3);
        close_fixture(&f);
    }
}
END_TEST

START_TEST(a_stopped_fit_keeps_its_best_epoch)
{
    fixture f;
    prune_trainer_options options = usual_options();
    open_fixture(&f, &options);
    f.fit.progress_every = 1;
    f.fit.keep_best = 1;
    f.fit.validation = &f.other.valued;
    f.stop_at = BATCHES + 2; /* in the second epoch */
    run(&f);
    ck_assert(f.result.stopped == 1 && f.result.best_epoch == 1);
    ck_assert_uint_eq(world_hash(f.model), f.hash[BATCHES - 1]);
    f.stop_at = 1; /* in the first: none is complete */
    run(&f);
    ck_assert(f.result.best_epoch == 0 && isnan(f.result.validation_metric) && isnan(f.result.loss));
    ck_assert_uint_eq(world_hash(f.model), f.hash[0]);
    close_fixture(&f);
}
END_TEST

/* ---- what a callback may do ---- */

static void mask_more(prune_trainer *trainer, const prune_progress *progress)
{
    if (progress->epoch == 2)
        world_remove(prune_trainer_model(trainer), 0, 20 + (size_t)progress->batch);
}

START_TEST(a_callback_may_mask)
{
    fixture f;
    const prune_trainer_options options = usual_options();
    open_fixture(&f, &options);
    f.fit.progress_every = 1;
    f.then = mask_more;
    run(&f);
    ck_assert_uint_eq(world_check_removed(f.model, f.trainer), 1 + BATCHES);
    close_fixture(&f);
}
END_TEST

static void swap_weights(prune_trainer *trainer, const prune_progress *progress)
{
    uint8_t mask[WORLD_MAX_PARAM];
    prune_model *model = prune_trainer_model(trainer);
    if (progress->epoch != 1 || !progress->epoch_end)
        return;
    ck_assert_ok(prune_mask_get(mask, world_count(model, 0), model, 0));
    mask[0] = 1;
    mask[1] = 0;
    ck_assert_ok(prune_mask_set(model, 0, mask, world_count(model, 0)));
}

/* As much comes back as goes, and the first epoch is the best: its weight does not come back with it. */
START_TEST(the_best_epoch_undoes_no_removal)
{
    fixture f;
    uint8_t mask[WORLD_MAX_PARAM];
    prune_trainer_options options = usual_options();
    options.learning_rate = 0.0f;
    open_fixture(&f, &options);
    world_remove(f.model, 0, 0);
    f.fit.keep_best = 1;
    f.fit.validation = &f.other.valued;
    f.then = swap_weights;
    run(&f);
    ck_assert_ok(prune_mask_get(mask, world_count(f.model, 0), f.model, 0));
    ck_assert_uint_eq(mask[0], 1);
    ck_assert_uint_eq(mask[1], 0);
    ck_assert_uint_eq(f.result.best_epoch, 2);
    close_fixture(&f);
}
END_TEST

static void stand_still(prune_trainer *trainer, const prune_progress *progress)
{
    if (progress->epoch == 2)
        ck_assert_ok(prune_trainer_set_learning_rate(trainer, 0.0f));
}

START_TEST(a_callback_may_set_the_learning_rate)
{
    fixture f;
    const prune_trainer_options options = usual_options();
    open_fixture(&f, &options);
    f.then = stand_still;
    run(&f);
    ck_assert_uint_ne(f.hash[0], f.hash[1]);
    ck_assert_uint_eq(f.hash[1], f.hash[2]);
    close_fixture(&f);
}
END_TEST

static void add_layer(prune_trainer *trainer, const prune_progress *progress)
{
    if (progress->epoch == 2)
        ck_assert_ok(prune_model_add_dense(prune_trainer_model(trainer), CLASSES, PRUNE_LINEAR));
}

START_TEST(a_callback_that_adds_a_layer_ends_the_fit)
{
    for (uint64_t every = 0; every < 2; every++) {
        fixture f;
        prune_error error = { 0 };
        const prune_trainer_options options = usual_options();
        open_fixture(&f, &options);
        f.fit.progress_every = every;
        f.then = add_layer;
        ck_assert_status(prune_trainer_fit(NULL, f.trainer, &f.world.valued, &f.fit, &error), PRUNE_E_STATE);
        ck_assert_int_eq(error.status, PRUNE_E_STATE);
        ck_assert_uint_eq(f.reports, every == 0 ? 2 : BATCHES + 1);
        ck_assert_ok(prune_model_verify(f.model, NULL));
        close_fixture(&f);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_epoch_is_reported_at_its_end,
        reports_come_as_often_as_asked,
        the_loss_is_the_mean_so_far,
        time_is_told_and_estimated,
        validation_figures_are_those_of_evaluate,
        validating_changes_no_bit,
        the_best_epoch_can_be_kept,
        of_equal_epochs_the_first_is_the_best,
        stopping_at_an_epoch_is_a_shorter_fit,
        stopping_within_an_epoch_is_clean,
        a_stopped_fit_keeps_its_best_epoch,
        a_callback_may_mask,
        the_best_epoch_undoes_no_removal,

        a_callback_may_set_the_learning_rate,
        a_callback_that_adds_a_layer_ends_the_fit,
    };
    return run_tests("callback", tests, sizeof tests / sizeof tests[0]);
}
