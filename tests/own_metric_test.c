/* own_metric_test.c -- a fit that measures a metric of the user's own, and goes by it
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/stream.h"
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { INPUTS = 6, CLASSES = 3, SAMPLES = 60, EPOCHS = 12 };

static const size_t widths[] = { INPUTS, 8, CLASSES };

/* Where the validation samples come from. */
enum { HELD_BACK, TENSORS, SOURCE, HELD_BACK_OF_SOURCE, PLACES };

/* One fit, and all that is seen of it. */
typedef struct fixture {
    heap h;
    world_data world, other;
    stream file, other_file;
    prune_model *model;
    prune_trainer *trainer;
    prune_metric metric;
    prune_fit_options fit;
    prune_fit_result result;
    prune_error error;
    prune_status status;
    const double *script; /* what the metric says at each epoch, or NULL */
    size_t measured, fail_at, mask_at;
    size_t epochs;
    double own[EPOCHS], usual[EPOCHS];
    uint64_t hash[EPOCHS];
} fixture;

static double accuracy_of(const prune_tensor *outputs, const prune_tensor *targets)
{
    const float *h = prune_tensor_data(outputs);
    const int32_t *label = prune_tensor_data(targets);
    const size_t rows = prune_tensor_dim(outputs, 0);
    size_t right = 0;
    ck_assert_uint_eq(prune_tensor_dim(targets, 0), rows);
    for (size_t r = 0; r < rows; r++) {
        size_t best = 0;
        for (size_t c = 1; c < CLASSES; c++)
            best = h[r * CLASSES + c] > h[r * CLASSES + best] ? c : best;
        right += (int32_t)best == label[r];
    }
    return (double)right / (double)rows;
}

static prune_status measure(void *user, double *value, const prune_tensor *outputs,
                            const prune_tensor *targets)
{
    fixture *f = user;
    *value = f->script != NULL ? f->script[f->measured] : accuracy_of(outputs, targets);
    return ++f->measured == f->fail_at ? 77 : PRUNE_OK;
}

static int32_t take_down(void *user, const prune_progress *p)
{
    fixture *f = user;
    f->own[f->epochs] = p->validation_own;
    f->usual[f->epochs] = p->validation_metric;
    f->hash[f->epochs++] = world_hash(f->model);
    if (f->epochs == f->mask_at)
        world_remove(f->model, 0, 0);
    return 0;
}

static void open_fixture(fixture *f)
{
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
    options.learning_rate = 0.02f;
    options.max_batch = 7;
    memset(f, 0, sizeof *f);
    const prune_allocator mem = heap_allocator(&f->h);
    world_data_make(&f->world, SAMPLES, INPUTS, CLASSES, 5);
    world_data_make(&f->other, SAMPLES / 2, INPUTS, CLASSES, 6);
    stream_open(&f->file, &f->world, options.loss);
    stream_open(&f->other_file, &f->other, options.loss);
    f->model = world_model(&mem, widths, 2, PRUNE_TANH, 2);
    ck_assert_ok(prune_trainer_create(&f->trainer, &mem, f->model, &options, NULL));
    f->metric = (prune_metric){ measure, f, 1 };
    prune_fit_options_init(&f->fit);
    prune_fit_result_init(&f->result);
    ck_assert(f->fit.metric == NULL);
    f->fit.epochs = EPOCHS;
    f->fit.metric = &f->metric;
    f->fit.progress = take_down;
    f->fit.user = f;
}

static void run(fixture *f, int32_t place)
{
    const prune_data *data = place == HELD_BACK_OF_SOURCE ? &f->file.data : &f->world.labelled;
    if (place == HELD_BACK || place == HELD_BACK_OF_SOURCE)
        f->fit.validation_fraction = 0.4;
    else
        f->fit.validation = place == SOURCE ? &f->other_file.data : &f->other.labelled;
    f->status = prune_trainer_fit(&f->result, f->trainer, data, &f->fit, &f->error);
}

static void close_fixture(fixture *f)
{
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    ck_assert(heap_is_clean(&f->h));
    stream_close(&f->file);
    stream_close(&f->other_file);
    world_data_end(&f->world);
    world_data_end(&f->other);
}

START_TEST(it_sees_every_output_and_its_target)
{
    for (int32_t place = 0; place < PLACES; place++) {
        fixture f, without;
        double largest = 0.0;
        open_fixture(&f);
        run(&f, place);
        ck_assert_ok(f.status);
        ck_assert(f.measured == EPOCHS && f.epochs == EPOCHS);
        for (size_t e = 0; e < EPOCHS; e++) {
            ck_assert(f.own[e] == f.usual[e]); /* it is the accuracy */
            largest = f.own[e] > largest ? f.own[e] : largest;
        }
        ck_assert(largest > 0.4 && f.result.validation_own == f.own[EPOCHS - 1]);
        open_fixture(&without);
        without.fit.metric = NULL;
        run(&without, place);
        ck_assert_ok(without.status);
        ck_assert_mem_eq(without.hash, f.hash, sizeof f.hash); /* looking changes nothing */
        ck_assert(isnan(without.own[0]) && isnan(without.result.validation_own));
        close_fixture(&without);
        close_fixture(&f);
    }
}
END_TEST

#define NOTHING (double)NAN

/* Values by epoch, and what follows from them by the rules in fit.h. */
static const struct script_case {
    double script[EPOCHS];
    int32_t higher;
    uint64_t patience;
    double min_delta;
    size_t best, epochs;
} scripts[] = {
    { { 1, 2, 3, 2, 1, 0, 4, 4, 3, 2, 1, 0 }, 1, 0, 0.0, 7, EPOCHS },
    { { 1, 2, 3, 2, 1, 0, 4, 4, 3, 2, 1, 0 }, 0, 0, 0.0, 6, EPOCHS },
    { { 1, 2, 3, 2, 1, 0, 4, 4, 3, 2, 1, 0 }, 1, 3, 0.0, 3, 6 },
    { { 1, 2, 3, 2, 1, 0, 4, 4, 3, 2, 1, 0 }, 1, 4, 0.0, 7, 11 },
    { { 5, 4, 3, 2.5, 2.25, 2, 2, 2, 2, 2, 2, 2 }, 0, 2, 0.5, 6, 7 },
    { { -5, -4, -3, -2, -1, -1, -1, -1, 0, 0, 0, 0 }, 1, 3, 0.0, 5, 8 },
    { { NOTHING, NOTHING, 1, NOTHING, 0.5, NOTHING, 2, 1, 1, 1, 1, 1 }, 1, 4, 0.0, 7, 11 },
};

START_TEST(the_best_by_it_comes_back)
{
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        const struct script_case *c = &scripts[i];
        fixture f;
        open_fixture(&f);
        f.script = c->script;
        f.metric.higher_is_better = c->higher;
        f.fit.monitor = PRUNE_MONITOR_OWN;
        f.fit.keep_best = 1;
        f.fit.patience = c->patience;
        f.fit.min_delta = c->min_delta;
        run(&f, HELD_BACK);
        ck_assert_ok(f.status);
        ck_assert_msg(f.result.best_epoch == c->best, "case %zu: best %d", i, (int)f.result.best_epoch);
        ck_assert_msg(f.result.epochs == c->epochs, "case %zu: epochs %d", i, (int)f.result.epochs);
        ck_assert_int_eq(f.result.stopped_early, c->epochs < EPOCHS);
        ck_assert_uint_eq(world_hash(f.model), f.hash[c->best - 1]);
        ck_assert_double_eq(f.result.validation_own, c->script[c->best - 1]);
        ck_assert_double_eq(f.result.validation_metric, f.usual[c->best - 1]);
        close_fixture(&f);
    }
}
END_TEST

/* Measured, but the accuracy decides. */
START_TEST(without_being_monitored_it_only_tells)
{
    fixture f;
    open_fixture(&f);
    f.script = scripts[1].script;
    f.fit.keep_best = 1;
    run(&f, HELD_BACK);
    ck_assert_ok(f.status);
    size_t best = 0;
    for (size_t e = 1; e < EPOCHS; e++)
        best = f.usual[e] > f.usual[best] ? e : best;
    ck_assert_uint_eq(f.result.best_epoch, best + 1);
    ck_assert_double_eq(f.result.validation_own, f.script[best]);
    close_fixture(&f);
}
END_TEST

START_TEST(what_was_best_before_masking_does_not_count)
{
    fixture f;
    open_fixture(&f);
    f.script = scripts[5].script;
    f.metric.higher_is_better = 0; /* the first epoch would be best */
    f.fit.monitor = PRUNE_MONITOR_OWN;
    f.fit.keep_best = 1;
    f.mask_at = 2;
    run(&f, HELD_BACK);
    ck_assert_ok(f.status);
    ck_assert_uint_eq(f.result.best_epoch, 3);
    ck_assert_double_eq(f.result.validation_own, -3.0);
    close_fixture(&f);
}
END_TEST

START_TEST(its_failure_ends_the_fit_after_whole_epochs)
{
    fixture whole;
    open_fixture(&whole);
    run(&whole, HELD_BACK);
    for (size_t k = 1; k <= EPOCHS; k++) {
        fixture f;
        open_fixture(&f);
        f.fail_at = k;
        run(&f, HELD_BACK);
        ck_assert_status(f.status, 77);
        ck_assert_int_eq(f.error.status, 77);
        ck_assert_str_eq(f.error.place, "metric");
        ck_assert_uint_eq(f.result.epochs, k);
        ck_assert_uint_eq(f.epochs, k - 1); /* that epoch is not reported */
        ck_assert_uint_eq(world_hash(f.model), whole.hash[k - 1]);
        f.epochs = 0;
        run(&f, HELD_BACK);
        ck_assert_ok(f.status);
        close_fixture(&f);
    }
    close_fixture(&whole);
}
END_TEST

START_TEST(every_refused_request_is_survived)
{
    for (int32_t place = 0; place < PLACES; place++) {
        size_t n = 1;
        for (;; n++) {
            fixture f;
            open_fixture(&f);
            const uint64_t before = world_trainer_hash(f.trainer);
            f.fit.keep_best = 1;
            heap_refuse_once(&f.h, n);
            run(&f, place);
            const int32_t refused = f.h.refused != 0;
            ck_assert_status(f.status, refused ? PRUNE_E_MEMORY : PRUNE_OK);
            ck_assert(!refused || (f.measured == 0 && world_trainer_hash(f.trainer) == before));
            close_fixture(&f);
            if (!refused)
                break;
        }
        ck_assert_uint_ge(n, 4);
    }
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
    static const struct {
        int32_t has_metric, has_function, has_samples, monitor;
        const char *place;
    } cases[] = {
        { 0, 0, 1, PRUNE_MONITOR_OWN, "metric" },
        { 1, 0, 1, PRUNE_MONITOR_METRIC, "metric" },
        { 1, 1, 0, PRUNE_MONITOR_METRIC, "metric" },
        { 1, 1, 1, PRUNE_MONITOR_OWN + 1, "monitor" },
        { 1, 1, 1, -1, "monitor" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture f;
        open_fixture(&f);
        f.metric.measure = cases[i].has_function ? measure : NULL;
        f.fit.metric = cases[i].has_metric ? &f.metric : NULL;
        f.fit.validation_fraction = cases[i].has_samples ? 0.5 : 0.0;
        f.fit.monitor = cases[i].monitor;
        ck_assert_status(prune_trainer_fit(NULL, f.trainer, &f.world.labelled, &f.fit, &f.error),
                         PRUNE_E_ARGUMENT);
        ck_assert_str_eq(f.error.place, cases[i].place);
        ck_assert_uint_eq(prune_trainer_steps(f.trainer), 0);
        close_fixture(&f);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        it_sees_every_output_and_its_target,
        the_best_by_it_comes_back,
        without_being_monitored_it_only_tells,
        what_was_best_before_masking_does_not_count,
        its_failure_ends_the_fit_after_whole_epochs,
        every_refused_request_is_survived,
        what_makes_no_sense_is_refused,
    };
    return run_tests("own metric", tests, sizeof tests / sizeof tests[0]);
}
