/* fit_test.c -- epochs: the same bits, what is learned from, what is held back, what is refused
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { INPUTS = 6, CLASSES = 3, SAMPLES = 20 };

static const size_t widths[] = { INPUTS, 8, CLASSES };

typedef struct fixture {
    world_data world;
    prune_model *model;
    prune_trainer *trainer;
    prune_fit_options fit;
    prune_fit_result result;
} fixture;

static prune_trainer_options usual_options(void)
{
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    options.learning_rate = 0.02f;
    options.l1 = 0.001f;
    options.max_batch = 6;
    options.seed = 9;
    return options;
}

static void open_fixture(fixture *f, const prune_trainer_options *options)
{
    world_data_make(&f->world, SAMPLES, INPUTS, CLASSES, 5);
    f->model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
    world_remove(f->model, 0, 3);
    f->trainer = world_trainer(f->model, options);
    prune_fit_options_init(&f->fit);
    prune_fit_result_init(&f->result);
}

static void close_fixture(fixture *f)
{
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    world_data_end(&f->world);
}

static void run(fixture *f, uint64_t epochs)
{
    f->fit.epochs = epochs;
    ck_assert_ok(prune_trainer_fit(&f->result, f->trainer, &f->world.valued, &f->fit, NULL));
}

/* The state after one fit, in a world of its own. */
static uint64_t hash_after(const prune_trainer_options *options, const prune_fit_options *fit,
                           uint64_t epochs)
{
    fixture f;
    open_fixture(&f, options);
    f.fit = *fit;
    run(&f, epochs);
    const uint64_t hash = world_trainer_hash(f.trainer);
    close_fixture(&f);
    return hash;
}

/* ---- bits ---- */

START_TEST(same_seed_same_bits)
{
    prune_fit_options fit;
    prune_fit_options_init(&fit);
    prune_trainer_options options = usual_options(), other = options;
    const uint64_t hash = hash_after(&options, &fit, 4);
    ck_assert_uint_eq(hash_after(&options, &fit, 4), hash);
    other.seed = 10;
    ck_assert_uint_ne(hash_after(&other, &fit, 4), hash);
    fit.shuffle = 0;
    const uint64_t in_order = hash_after(&options, &fit, 4);
    ck_assert_uint_ne(in_order, hash);
    ck_assert_uint_eq(hash_after(&other, &fit, 4), in_order);
}
END_TEST

START_TEST(three_and_four_epochs_are_seven)
{
    const double fractions[] = { 0.0, 0.3 };
    for (size_t i = 0; i < 2; i++) {
        fixture f;
        prune_fit_options fit;
        const prune_trainer_options options = usual_options();
        prune_fit_options_init(&fit);
        fit.validation_fraction = fractions[i];
        open_fixture(&f, &options);
        f.fit = fit;
        run(&f, 3);
        run(&f, 0);
        run(&f, 4);
        ck_assert_uint_eq(prune_trainer_epochs(f.trainer), 7);
        ck_assert_uint_eq(world_trainer_hash(f.trainer), hash_after(&options, &fit, 7));
        close_fixture(&f);
    }
}
END_TEST

START_TEST(a_fit_in_order_is_a_loop_of_steps)
{
    fixture loop;
    prune_fit_options fit;
    const prune_trainer_options options = usual_options();
    prune_fit_options_init(&fit);
    fit.shuffle = 0;
    open_fixture(&loop, &options);
    for (int epoch = 0; epoch < 2; epoch++)
        for (size_t first = 0; first < SAMPLES; first += 6) {
            const size_t count = SAMPLES - first < 6 ? SAMPLES - first : 6;
            prune_tensor *x = world_rows(loop.world.x_tensor, first, count);
            prune_tensor *y = world_rows(loop.world.y_tensor, first, count);
            ck_assert_ok(prune_trainer_step(NULL, loop.trainer, x, y));
            prune_tensor_free(x);
            prune_tensor_free(y);
        }
    const uint64_t weights = world_hash(loop.model);
    close_fixture(&loop);
    fixture f;
    open_fixture(&f, &options);
    f.fit = fit;
    run(&f, 2);
    ck_assert_uint_eq(world_hash(f.model), weights);
    ck_assert_uint_eq(f.result.steps, 8);
    ck_assert_uint_eq(prune_trainer_steps(f.trainer), 8);
    close_fixture(&f);
}
END_TEST

START_TEST(prune_fit_is_a_trainer_and_a_fit)
{
    fixture f, g;
    const prune_trainer_options options = usual_options();
    open_fixture(&f, &options);
    open_fixture(&g, &options);
    run(&f, 3);
    g.fit.epochs = 3;
    ck_assert_ok(prune_fit(&g.result, g.model, &g.world.valued, &options, &g.fit, NULL));
    ck_assert(world_same_models(f.model, g.model));
    ck_assert(f.result.loss == g.result.loss && g.result.epochs == 3 && g.result.steps == 12);
    ck_assert_ok(prune_fit(NULL, g.model, &g.world.labelled, NULL, NULL, NULL)); /* defaults for all */
    close_fixture(&f);
    close_fixture(&g);
}
END_TEST

START_TEST(prune_fit_makes_room_for_large_batches)
{
    prune_fit_options fit;
    prune_trainer_options options = usual_options();
    fixture f, g;
    prune_fit_options_init(&fit);
    open_fixture(&g, &options);
    fit.batch_size = 15;
    ck_assert_ok(prune_fit(NULL, g.model, &g.world.valued, &options, &fit, NULL));
    options.max_batch = 15;
    open_fixture(&f, &options);
    run(&f, 10);
    ck_assert(world_same_models(f.model, g.model));
    close_fixture(&f);
    close_fixture(&g);
}
END_TEST

/* ---- what is trained on ---- */

/* The state's hash after fitting with target s changed a little. */
static uint64_t hash_without(size_t s, double fraction, double *validation_loss)
{
    fixture f;
    const prune_trainer_options options = usual_options();
    open_fixture(&f, &options);
    f.fit.validation_fraction = fraction;
    if (s < SAMPLES)
        f.world.y[s * CLASSES] += 0.5f;
    run(&f, 2);
    *validation_loss = f.result.validation_loss;
    const uint64_t hash = world_trainer_hash(f.trainer);
    close_fixture(&f);
    return hash;
}

START_TEST(held_back_samples_are_never_trained_on)
{
    const double fractions[] = { 0.0, 0.01, 0.3, 0.99 };
    const size_t held[] = { 0, 1, 6, SAMPLES - 1 }; /* at least one is held back, at least one stays */
    for (size_t i = 0; i < 4; i++) {
        double usual_loss, loss;
        size_t without_effect = 0;
        const uint64_t usual = hash_without(SAMPLES, fractions[i], &usual_loss);
        for (size_t s = 0; s < SAMPLES; s++)
            if (hash_without(s, fractions[i], &loss) == usual) {
                without_effect++;
                ck_assert(loss != usual_loss); /* validated on instead */
            }
        ck_assert_uint_eq(without_effect, held[i]);
    }
}
END_TEST

START_TEST(every_sample_counts_once_an_epoch)
{
    fixture f;
    prune_metrics metrics;
    prune_trainer_options options = usual_options();
    options.learning_rate = 0.0f;
    open_fixture(&f, &options);
    prune_metrics_init(&metrics);
    ck_assert_ok(prune_evaluate(&metrics, f.model, &f.world.valued, PRUNE_MSE, NULL));
    run(&f, 2);
    ck_assert_double_eq_tol(f.result.loss, metrics.loss, 1e-6);
    f.world.y[17 * CLASSES] += 10.0f;
    run(&f, 1);
    ck_assert(fabs(f.result.loss - metrics.loss) > 1e-3);
    close_fixture(&f);
}
END_TEST

START_TEST(the_data_stay_as_they_are)
{
    fixture f;
    float x[SAMPLES * INPUTS], y[SAMPLES * CLASSES];
    const prune_trainer_options options = usual_options();
    open_fixture(&f, &options);
    memcpy(x, f.world.x, sizeof x);
    memcpy(y, f.world.y, sizeof y);
    run(&f, 2);
    ck_assert_mem_eq(x, f.world.x, sizeof x);
    ck_assert_mem_eq(y, f.world.y, sizeof y);
    close_fixture(&f);
}
END_TEST

START_TEST(no_epochs_do_nothing)
{
    fixture f;
    const prune_trainer_options options = usual_options();
    open_fixture(&f, &options);
    const uint64_t before = world_trainer_hash(f.trainer);
    run(&f, 0);
    ck_assert_uint_eq(world_trainer_hash(f.trainer), before);
    ck_assert(f.result.epochs == 0 && f.result.steps == 0 && f.result.stopped == 0);
    ck_assert(isnan(f.result.validation_loss) && isnan(f.result.validation_metric));
    ck_assert_uint_eq(f.result.size, sizeof f.result);
    close_fixture(&f);
}
END_TEST

/* ---- learning ---- */

START_TEST(it_learns)
{
    const size_t net[] = { 8, 32, 4 };
    world_data world;
    prune_metrics before, after;
    prune_fit_options fit;
    prune_fit_result first, last;
    prune_trainer_options options;
    world_data_make(&world, 600, 8, 4, 3);
    prune_model *model = world_model(NULL, net, 2, PRUNE_RELU, 1);
    prune_trainer_options_init(&options);
    options.learning_rate = 0.01f;
    prune_fit_options_init(&fit);
    prune_metrics_init(&before);
    prune_metrics_init(&after);
    prune_fit_result_init(&first);
    prune_fit_result_init(&last);
    ck_assert_ok(prune_evaluate(&before, model, &world.labelled, options.loss, NULL));
    fit.epochs = 1;
    ck_assert_ok(prune_fit(&first, model, &world.labelled, &options, &fit, NULL));
    fit.epochs = 30;
    ck_assert_ok(prune_fit(&last, model, &world.labelled, &options, &fit, NULL));
    ck_assert_ok(prune_evaluate(&after, model, &world.labelled, options.loss, NULL));
    ck_assert_double_lt(before.accuracy, 0.6);
    ck_assert_double_gt(after.accuracy, 0.95);
    ck_assert_double_lt(first.loss, before.loss);
    ck_assert_double_lt(last.loss, 0.3 * first.loss);
    prune_model_free(model);
    world_data_end(&world);
}
END_TEST

/* ---- refused ---- */

/* A fit of `data` is refused and leaves no trace: the next one gives the bits of one that had no quarrel. */
static void assert_refused(fixture *f, const prune_data *data, prune_status status, const char *place)
{
    prune_error error = { 0 };
    prune_fit_result result;
    prune_fit_result_init(&result);
    result.steps = 77;
    const uint64_t before = world_trainer_hash(f->trainer);
    ck_assert_status(prune_trainer_fit(&result, f->trainer, data, &f->fit, &error), status);
    ck_assert_status(prune_trainer_fit(NULL, f->trainer, data, &f->fit, NULL), status);
    ck_assert_uint_eq(result.steps, 77);
    ck_assert_uint_eq(world_trainer_hash(f->trainer), before);
    ck_assert_int_eq(error.status, status);
    ck_assert_str_eq(error.place, place);
    ck_assert_uint_gt(strlen(error.reason), 0);
}

START_TEST(bad_values_are_refused_by_their_place)
{
    const float bad[] = { NAN, INFINITY, -INFINITY };
    const prune_trainer_options options = usual_options();
    fixture f;
    open_fixture(&f, &options);
    prune_fit_options fit = f.fit;
    for (size_t i = 0; i < 3; i++) {
        const float x = f.world.x[19 * INPUTS + 4], y = f.world.y[7 * CLASSES];
        f.world.x[19 * INPUTS + 4] = bad[i]; /* in the very last sample */
        assert_refused(&f, &f.world.valued, PRUNE_E_NONFINITE, "inputs[19][4]");
        f.world.x[19 * INPUTS + 4] = x;
        f.world.y[7 * CLASSES] = bad[i];
        assert_refused(&f, &f.world.valued, PRUNE_E_NONFINITE, "targets[7][0]");
        f.world.y[7 * CLASSES] = y;
    }
    run(&f, 3);
    ck_assert_uint_eq(world_trainer_hash(f.trainer), hash_after(&options, &fit, 3));
    close_fixture(&f);
}
END_TEST

START_TEST(bad_labels_are_refused_by_their_place)
{
    fixture f;
    const int32_t bad[] = { -1, CLASSES, INT32_MAX };
    prune_trainer_options options = usual_options();
    options.loss = PRUNE_SOFTMAX_CROSS_ENTROPY;
    open_fixture(&f, &options);
    for (size_t i = 0; i < 3; i++) {
        f.world.label[11] = bad[i];
        assert_refused(&f, &f.world.labelled, PRUNE_E_LABEL, "targets[11]");
    }
    close_fixture(&f);
}
END_TEST

START_TEST(bad_validation_data_are_named_as_such)
{
    fixture f;
    world_data held;
    prune_trainer_options options = usual_options();
    options.loss = PRUNE_SOFTMAX_CROSS_ENTROPY;
    open_fixture(&f, &options);
    world_data_make(&held, SAMPLES, INPUTS, CLASSES, 2);
    f.fit.validation = &held.labelled;
    held.label[7] = -1;
    assert_refused(&f, &f.world.labelled, PRUNE_E_LABEL, "validation targets[7]");
    f.fit.validation = &held.valued;
    held.y[0] = -0.5f;
    assert_refused(&f, &f.world.labelled, PRUNE_E_RANGE, "validation targets[0][0]");
    close_fixture(&f);
    world_data_end(&held);
}
END_TEST

START_TEST(data_that_do_not_fit_are_refused)
{
    fixture f;
    world_data narrow, few;
    const prune_trainer_options options = usual_options();
    open_fixture(&f, &options);
    world_data_make(&narrow, SAMPLES, INPUTS - 1, CLASSES - 1, 1);
    world_data_make(&few, SAMPLES - 1, INPUTS, CLASSES, 1);
    const struct {
        const prune_tensor *inputs, *targets;
        prune_status status;
        const char *place;
    } cases[] = {
        { NULL, f.world.y_tensor, PRUNE_E_EMPTY, "data" },
        { f.world.x_tensor, NULL, PRUNE_E_EMPTY, "data" },
        { narrow.x_tensor, f.world.y_tensor, PRUNE_E_SHAPE, "inputs" },
        { f.world.x_tensor, narrow.y_tensor, PRUNE_E_SHAPE, "targets" },
        { f.world.x_tensor, few.y_tensor, PRUNE_E_SHAPE, "targets" },
        { few.x_tensor, f.world.y_tensor, PRUNE_E_SHAPE, "targets" },
        { f.world.label_tensor, f.world.y_tensor, PRUNE_E_TYPE, "inputs" },
        { f.world.x_tensor, f.world.label_tensor, PRUNE_E_TYPE, "targets" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        prune_data data;
        prune_data_init(&data);
        data.inputs = cases[i].inputs;
        data.targets = cases[i].targets;
        assert_refused(&f, &data, cases[i].status, cases[i].place);
    }
    assert_refused(&f, NULL, PRUNE_E_ARGUMENT, "data");
    close_fixture(&f);
    world_data_end(&narrow);
    world_data_end(&few);
}
END_TEST

START_TEST(a_clock_needs_a_function)
{
    const prune_clock none = { NULL, NULL };
    const prune_trainer_options options = usual_options();
    fixture f;
    open_fixture(&f, &options);
    f.fit.clock = &none;
    assert_refused(&f, &f.world.valued, PRUNE_E_ARGUMENT, "clock");
    close_fixture(&f);
}
END_TEST

START_TEST(options_that_make_no_sense_are_refused)
{
    const double fractions[] = { -0.01, 1.0, 1.5, (double)NAN, (double)INFINITY, -(double)INFINITY };
    fixture f;
    const prune_trainer_options options = usual_options();
    open_fixture(&f, &options);
    for (size_t i = 0; i < sizeof fractions / sizeof fractions[0]; i++) {
        f.fit.validation_fraction = fractions[i];
        assert_refused(&f, &f.world.valued, PRUNE_E_RANGE, "validation_fraction");
    }
    prune_fit_options_init(&f.fit);
    f.fit.batch_size = 7;
    assert_refused(&f, &f.world.valued, PRUNE_E_LIMIT, "batch_size");
    prune_fit_options_init(&f.fit);
    f.fit.keep_best = 1;
    assert_refused(&f, &f.world.valued, PRUNE_E_ARGUMENT, "keep_best");
    prune_fit_options_init(&f.fit);
    f.fit.size++;
    assert_refused(&f, &f.world.valued, PRUNE_E_VERSION, "fit options");
    close_fixture(&f);
}
END_TEST

START_TEST(other_arguments_are_refused)
{
    fixture f;
    prune_error error = { 0 };
    const prune_trainer_options options = usual_options();
    prune_trainer_options bad = options;
    open_fixture(&f, &options);
    const uint64_t before = world_trainer_hash(f.trainer);
    f.result.size++;
    ck_assert_status(prune_trainer_fit(&f.result, f.trainer, &f.world.valued, NULL, &error), PRUNE_E_VERSION);
    ck_assert_status(prune_fit(&f.result, f.model, &f.world.valued, &options, NULL, &error), PRUNE_E_VERSION);
    ck_assert_status(prune_trainer_fit(NULL, NULL, &f.world.valued, NULL, &error), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_fit(NULL, NULL, &f.world.valued, NULL, NULL, &error), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_fit(NULL, f.model, NULL, NULL, NULL, &error), PRUNE_E_ARGUMENT);
    bad.learning_rate = NAN;
    ck_assert_status(prune_fit(NULL, f.model, &f.world.valued, &bad, NULL, &error), PRUNE_E_RANGE);
    bad.learning_rate = 0.1f;
    bad.max_batch = 0;
    ck_assert_status(prune_fit(NULL, f.model, &f.world.valued, &bad, NULL, &error), PRUNE_E_SIZE);
    ck_assert_uint_eq(world_trainer_hash(f.trainer), before);
    close_fixture(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {

        same_seed_same_bits,
        three_and_four_epochs_are_seven,
        a_fit_in_order_is_a_loop_of_steps,
        prune_fit_is_a_trainer_and_a_fit,
        prune_fit_makes_room_for_large_batches,
        held_back_samples_are_never_trained_on,
        every_sample_counts_once_an_epoch,
        the_data_stay_as_they_are,
        no_epochs_do_nothing,
        it_learns,
        bad_values_are_refused_by_their_place,
        bad_labels_are_refused_by_their_place,
        bad_validation_data_are_named_as_such,
        a_clock_needs_a_function,
        data_that_do_not_fit_are_refused,
        options_that_make_no_sense_are_refused,
        other_arguments_are_refused,
    };
    return run_tests("fit", tests, sizeof tests / sizeof tests[0]);
}
