/* patience_test.c -- early stopping: at the epoch where counting by hand would stop, with the right weights
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { INPUTS = 6, CLASSES = 3, SAMPLES = 60, EPOCHS = 40 };

static const size_t widths[] = { INPUTS, 8, CLASSES };

typedef struct record {
    double metric[EPOCHS], loss[EPOCHS];
    uint64_t hash[EPOCHS]; /* of the model at the end of each epoch */
    size_t epochs, mask_at;
} record;

/* What one fit did. */
typedef struct outcome {
    record seen;
    prune_fit_result result;
    uint64_t weights;
    prune_status status;
} outcome;

static int32_t take_down(void *user, const prune_progress *p)
{
    record *r = user;
    prune_model *model = prune_trainer_model(p->trainer);
    r->metric[r->epochs] = p->validation_metric;
    r->loss[r->epochs] = p->validation_loss;
    r->hash[r->epochs++] = world_hash(model);
    if (r->epochs == r->mask_at)
        world_remove(model, 0, 0);
    return 0;
}

static prune_fit_options usual_fit(void)
{
    prune_fit_options fit;
    prune_fit_options_init(&fit);
    fit.epochs = EPOCHS;
    fit.validation_fraction = 0.4;
    return fit;
}

static void run(outcome *out, int32_t loss, prune_fit_options fit, size_t mask_at)
{
    world_data world;
    prune_trainer_options options = world_options(loss, PRUNE_ADAM);
    options.learning_rate = 0.05f; /* jumps about */
    options.max_batch = 4;
    options.seed = 3;
    world_data_make(&world, SAMPLES, INPUTS, CLASSES, 5);
    prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
    prune_trainer *trainer = world_trainer(model, &options);
    memset(out, 0, sizeof *out);
    out->seen.mask_at = mask_at;
    prune_fit_result_init(&out->result);
    fit.progress = take_down;
    fit.user = &out->seen;
    const prune_data *data = loss == PRUNE_MSE ? &world.valued : &world.labelled;
    out->status = prune_trainer_fit(&out->result, trainer, data, &fit, NULL);
    out->weights = world_hash(model);
    prune_trainer_free(trainer);
    prune_model_free(model);
    world_data_end(&world);
}

/* Higher is better, whatever is monitored. */
static double goodness(const record *r, size_t epoch, int32_t loss, int32_t monitor)
{
    if (monitor == PRUNE_MONITOR_LOSS)
        return -r->loss[epoch];
    return loss == PRUNE_MSE ? -r->metric[epoch] : r->metric[epoch];
}

/* How many epochs there are, counted from `first` on. */
static size_t count_epochs(const record *r, int32_t loss, const prune_fit_options *fit, size_t first)
{
    size_t last_better = first;
    for (size_t e = first + 1; e < EPOCHS; e++) {
        if (goodness(r, e, loss, fit->monitor) - goodness(r, last_better, loss, fit->monitor) >
            fit->min_delta)
            last_better = e;
        if (e - last_better == fit->patience)
            return e + 1;
    }
    return EPOCHS;
}

static size_t find_best(const record *r, size_t epochs, int32_t loss, int32_t monitor)
{
    size_t best = 0;
    for (size_t e = 1; e < epochs; e++)
        best = goodness(r, e, loss, monitor) > goodness(r, best, loss, monitor) ? e : best;
    return best;
}

static const int32_t losses[] = { PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_MSE };

START_TEST(it_stops_where_counting_by_hand_stops)
{
    static const struct {
        uint64_t patience;
        double min_delta;
    } cases[] = { { 1, 0.0 }, { 2, 0.0 }, { 3, 0.01 }, { 5, 0.0 }, { 4, 10.0 }, { EPOCHS, 0.0 } };
    size_t early = 0, late = 0;
    for (size_t l = 0; l < 2; l++) {
        outcome whole, cut;
        run(&whole, losses[l], usual_fit(), 0);
        ck_assert_uint_eq(whole.result.epochs, EPOCHS);
        ck_assert_int_eq(whole.result.stopped_early, 0);
        for (size_t c = 0; c < 2 * sizeof cases / sizeof cases[0]; c++) {
            prune_fit_options fit = usual_fit();
            fit.patience = cases[c / 2].patience;
            fit.min_delta = cases[c / 2].min_delta;
            fit.monitor = c % 2 ? PRUNE_MONITOR_LOSS : PRUNE_MONITOR_METRIC;
            const size_t epochs = count_epochs(&whole.seen, losses[l], &fit, 0);
            run(&cut, losses[l], fit, 0);
            ck_assert_ok(cut.status);
            ck_assert_uint_eq(cut.result.epochs, epochs);
            ck_assert_uint_eq(cut.seen.epochs, epochs);
            ck_assert_int_eq(cut.result.stopped_early, epochs < EPOCHS);
            ck_assert_int_eq(cut.result.stopped, 0);
            ck_assert_uint_eq(cut.weights, whole.seen.hash[epochs - 1]);
            ck_assert_uint_eq(cut.result.best_epoch,
                              find_best(&whole.seen, epochs, losses[l], fit.monitor) + 1);
            ck_assert_double_eq(cut.result.validation_loss, whole.seen.loss[epochs - 1]);
            early += epochs < EPOCHS;
            late += epochs == EPOCHS;
        }
    }
    ck_assert_uint_gt(early, 12);
    ck_assert_uint_gt(late, 1);
}
END_TEST

START_TEST(the_best_weights_come_back)
{
    for (size_t c = 0; c < 4; c++) {
        outcome out;
        prune_fit_options fit = usual_fit();
        fit.patience = 4;
        fit.min_delta = 0.004; /* small improvements do not count for patience, but for the best they do */
        fit.keep_best = 1;
        fit.monitor = c % 2 ? PRUNE_MONITOR_LOSS : PRUNE_MONITOR_METRIC;
        run(&out, losses[c / 2], fit, 0);
        ck_assert_ok(out.status);
        ck_assert_int_eq(out.result.stopped_early, 1);
        const size_t best = find_best(&out.seen, out.seen.epochs, losses[c / 2], fit.monitor);
        ck_assert_uint_lt(best + 1, out.seen.epochs);
        ck_assert_uint_eq(out.result.best_epoch, best + 1);
        ck_assert_uint_eq(out.weights, out.seen.hash[best]);
        ck_assert_double_eq(out.result.validation_loss, out.seen.loss[best]);
        ck_assert_double_eq(out.result.validation_metric, out.seen.metric[best]);
    }
}
END_TEST

START_TEST(masking_starts_the_waiting_anew)
{
    for (size_t keep = 0; keep < 2; keep++) {
        outcome whole, cut;
        prune_fit_options fit = usual_fit();
        run(&whole, PRUNE_MSE, fit, 3);
        fit.patience = 4;
        fit.min_delta = 10.0; /* nothing is ever better */
        fit.keep_best = (int32_t)keep;
        run(&cut, PRUNE_MSE, fit, 3);
        ck_assert_ok(cut.status);
        ck_assert_uint_eq(cut.result.epochs, count_epochs(&whole.seen, PRUNE_MSE, &fit, 3));
        ck_assert_uint_eq(cut.result.epochs, 8);
        ck_assert_int_eq(cut.result.stopped_early, 1);
        ck_assert(!keep || cut.result.best_epoch > 3);
    }
}
END_TEST

START_TEST(without_a_best_epoch_the_figures_are_those_of_the_last)
{
    outcome out;
    prune_fit_options fit = usual_fit();
    fit.keep_best = 1;
    run(&out, PRUNE_MSE, fit, EPOCHS); /* masked when all is done */
    ck_assert_ok(out.status);
    ck_assert_uint_lt(find_best(&out.seen, EPOCHS, PRUNE_MSE, PRUNE_MONITOR_METRIC), EPOCHS - 1);
    ck_assert_uint_eq(out.result.best_epoch, 0);
    ck_assert_double_eq(out.result.validation_loss, out.seen.loss[EPOCHS - 1]);
    ck_assert_double_eq(out.result.validation_metric, out.seen.metric[EPOCHS - 1]);
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
    static const double bad[] = { -1e-9, (double)NAN, (double)INFINITY };
    outcome out, none;
    prune_fit_options fit = usual_fit();
    fit.epochs = 0;
    run(&none, PRUNE_MSE, fit, 0);
    fit = usual_fit();
    for (size_t i = 0; i < 3; i++) {
        fit.min_delta = bad[i];
        run(&out, PRUNE_MSE, fit, 0);
        ck_assert_status(out.status, PRUNE_E_RANGE);
        ck_assert_uint_eq(out.weights, none.weights);
    }
    fit = usual_fit();
    fit.monitor = PRUNE_MONITOR_OWN + 1;
    run(&out, PRUNE_MSE, fit, 0);
    ck_assert_status(out.status, PRUNE_E_ARGUMENT);
    fit = usual_fit();
    fit.validation_fraction = 0.0;
    fit.patience = 1;
    run(&out, PRUNE_MSE, fit, 0);
    ck_assert_status(out.status, PRUNE_E_ARGUMENT);
    ck_assert_uint_eq(out.weights, none.weights);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { it_stops_where_counting_by_hand_stops, the_best_weights_come_back,
                                   masking_starts_the_waiting_anew,
                                   without_a_best_epoch_the_figures_are_those_of_the_last,
                                   what_makes_no_sense_is_refused };
    return run_tests("patience", tests, sizeof tests / sizeof tests[0]);
}
