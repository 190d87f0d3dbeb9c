/* moving_test.c -- scores gathered while weights move: moving averages and means, by hand and in a fit
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/oracle.h"
#include "support/training.h"
#include "support/twin.h"

#include <math.h>

enum { BATCH = 7, EPOCHS = 2, BATCHES = 7, FEEDING = 6 };

static const int32_t criteria[FEEDING] = { PRUNE_GRADIENT,         PRUNE_TAYLOR,
                                           PRUNE_GRADIENT_SQUARED, PRUNE_TAYLOR_SQUARED,
                                           PRUNE_SAMPLE_GRADIENT,  PRUNE_FISHER };
static const double tolerance = 4e-6;

static int32_t per_sample_of(int32_t criterion)
{
    return criterion == PRUNE_FISHER            ? PRUNE_PER_SAMPLE_SQUARE
           : criterion == PRUNE_SAMPLE_GRADIENT ? PRUNE_PER_SAMPLE_ABSOLUTE
                                                : 0;
}

/* A twin, whatever trains it, and scores. */
typedef struct fixture {
    twin w;
    prune_trainer *trainer;
    prune_importance *scores;
} fixture;

static prune_trainer_options options_for(int32_t criterion, int32_t accumulate)
{
    prune_trainer_options o = world_options(PRUNE_MSE, PRUNE_ADAM);
    o.learning_rate = 0.02f;
    o.l1 = 0.01f;
    o.l2 = 0.125f;
    o.clip_norm = 0.05f;
    o.max_batch = BATCH;
    o.per_sample = per_sample_of(criterion);
    o.accumulate = accumulate;
    return o;
}

static void open_fixture(fixture *f, int32_t criterion, float decay, int32_t accumulate)
{
    const prune_trainer_options o = options_for(criterion, accumulate);
    twin_make(&f->w, PRUNE_MSE);
    f->trainer = world_trainer(f->w.model, &o);
    f->scores = twin_importance(f->w.model, criterion);
    ck_assert_ok(prune_importance_set_decay(f->scores, decay));
}

static void close_fixture(fixture *f)
{
    prune_importance_free(f->scores);
    prune_trainer_free(f->trainer);
    twin_end(&f->w);
}

/* Up to the gradients, which are added. */
static void add_batch(fixture *f, size_t first, size_t count)
{
    float loss;
    prune_tensor *x = world_rows(f->w.data.x_tensor, first, count);
    prune_tensor *y = world_rows(f->w.data.y_tensor, first, count);
    ck_assert_ok(prune_trainer_forward(f->trainer, x));
    ck_assert_ok(prune_trainer_loss(&loss, f->trainer, y));
    ck_assert_ok(prune_trainer_backward(f->trainer, NULL));
    ck_assert_ok(prune_importance_add(f->scores, f->trainer, count));
    prune_tensor_free(x);
    prune_tensor_free(y);
}

static void make_step(fixture *f)
{
    ck_assert_ok(prune_trainer_penalize(NULL, f->trainer));
    ck_assert_ok(prune_trainer_update(f->trainer));
}

/* What fit does without shuffling, with a step after every `accumulate` batches. */
static void own_epoch(fixture *f, size_t accumulate)
{
    for (size_t b = 0; b < BATCHES; b++) {
        const size_t left = TWIN_SAMPLES - b * BATCH;
        add_batch(f, b * BATCH, left < BATCH ? left : BATCH);
        if (accumulate > 1)
            ck_assert_ok(prune_trainer_accumulate(f->trainer));
        if (accumulate <= 1 || b + 1 == BATCHES || (b + 1) % accumulate == 0)
            make_step(f);
    }
}

static prune_fit_options fit_with(prune_importance *scores)
{
    prune_fit_options o;
    prune_fit_options_init(&o);
    ck_assert_ptr_null(o.importance);
    o.epochs = EPOCHS;
    o.batch_size = BATCH;
    o.shuffle = 0;
    o.importance = scores;
    return o;
}

static prune_status fit(fixture *f, prune_error *error)
{
    const prune_fit_options o = fit_with(f->scores);
    return prune_trainer_fit(NULL, f->trainer, twin_data(&f->w), &o, error);
}

static void check_same_scores(const fixture *a, const fixture *b)
{
    ck_assert_uint_eq(prune_importance_samples(a->scores), prune_importance_samples(b->scores));
    for (size_t p = 0; p < 2 * TWIN_LAYERS; p++)
        ck_assert_mem_eq(prune_importance_scores(a->scores, p), prune_importance_scores(b->scores, p),
                         world_count(a->w.model, p) * sizeof(float));
}

/* ---- against double precision ---- */

static void read_weights(twin *w)
{
    for (size_t p = 0; p < 2 * TWIN_LAYERS; p++)
        for (size_t i = 0; i < world_count(w->model, p); i++)
            w->net.w[ref_begin(&w->net, p) + i] = (double)prune_model_param(w->model, p)[i];
}

/* The mean over a batch of what the criterion takes, at the weights as they are. */
static void batch_mean(double *m, twin *w, int32_t criterion, const size_t first_count[2])
{
    static ref_task part;
    double other[REF_PARAMS];
    read_weights(w);
    part = twin_part(&w->task, first_count[0], first_count[1]);
    if (criterion == PRUNE_FISHER)
        twin_sample_means(other, m, &w->net, &part);
    else if (criterion == PRUNE_SAMPLE_GRADIENT)
        twin_sample_means(m, other, &w->net, &part);
    else
        ref_data_gradient(m, &w->net, &part);
}

typedef struct average {
    double sum[REF_PARAMS], weight; /* the average is sum / weight */
} average;

static void add_to_average(average *a, const double *m, double decay, size_t count)
{
    const double keep = decay < 1.0 ? decay : 1.0, take = decay < 1.0 ? 1.0 - decay : (double)count;
    for (size_t i = 0; i < REF_PARAMS; i++)
        a->sum[i] = keep * a->sum[i] + take * m[i];
    a->weight = keep * a->weight + take;
}

static void follow(int32_t criterion, float decay)
{
    static fixture f;
    static average a;
    double m[REF_PARAMS] = { 0.0 };
    a = (average){ .weight = 0.0 };
    open_fixture(&f, criterion, decay, 0);
    for (size_t t = 0; t < (size_t)EPOCHS * BATCHES; t++) {
        const size_t first = t % BATCHES * BATCH, left = TWIN_SAMPLES - first;
        const size_t part[2] = { first, left < BATCH ? left : BATCH };
        batch_mean(m, &f.w, criterion, part);
        add_to_average(&a, m, (double)decay, part[1]);
        add_batch(&f, part[0], part[1]);
        ck_assert_ptr_null(prune_importance_scores(f.scores, 0)); /* those from before are old */
        if (t % 5 == 0 || t + 1 == (size_t)EPOCHS * BATCHES) {
            ck_assert_ok(prune_importance_refresh(f.scores));
            for (size_t i = 0; i < f.w.net.count; i++)
                m[i] = a.sum[i] / a.weight;
            twin_check_scores(f.scores, &f.w, m, criterion, tolerance);
        }
        make_step(&f);
    }
    ck_assert_uint_eq(prune_importance_samples(f.scores), (uint64_t)EPOCHS * TWIN_SAMPLES);
    close_fixture(&f);
}

START_TEST(averages_follow_the_formula)
{
    static const float decays[] = { 0.0f, 0.1f, 0.5f, 0.9f, 0.999f, 1.0f };
    for (size_t c = 0; c < FEEDING; c++)
        for (size_t d = 0; d < sizeof decays / sizeof decays[0]; d++)
            follow(criteria[c], decays[d]);
}
END_TEST

static double score_now(prune_importance *scores)
{
    ck_assert_ok(prune_importance_refresh(scores));
    return (double)prune_importance_scores(scores, 0)[0];
}

START_TEST(a_penalty_is_added_to_the_average)
{
    static fixture f;
    static average a;
    double m[REF_PARAMS] = { 0.0 };
    static const size_t parts[][2] = { { 0, 7 }, { 7, 2 }, { 9, 7 } };
    a = (average){ .weight = 0.0 };
    open_fixture(&f, PRUNE_GRADIENT, 0.75f, 0);
    f.w.task.l1 = (double)0.01f;
    f.w.task.l2 = 0.125;
    for (size_t i = 0; i < 3; i++) {
        batch_mean(m, &f.w, PRUNE_GRADIENT, parts[i]);
        add_to_average(&a, m, 0.75, parts[i][1]);
        add_batch(&f, parts[i][0], parts[i][1]);
    }
    for (size_t i = 0; i < f.w.net.count; i++)
        m[i] = a.sum[i] / a.weight;
    ref_add_penalty_gradient(m, &f.w.net, &f.w.task);
    ck_assert_ok(prune_importance_include_penalty(f.scores, f.trainer, 1));
    twin_check_scores(f.scores, &f.w, m, PRUNE_GRADIENT, tolerance);
    close_fixture(&f);
}
END_TEST

/* ---- in a fit ---- */

START_TEST(a_fit_feeds_as_a_loop_of_ones_own)
{
    static const float decays[] = { 0.9f, 1.0f };
    static fixture fitted, looped;
    for (size_t c = 0; c < FEEDING; c++)
        for (size_t d = 0; d < 2; d++)
            for (int32_t accumulate = 0; accumulate <= 3; accumulate += 3) {
                open_fixture(&fitted, criteria[c], decays[d], accumulate);
                open_fixture(&looped, criteria[c], decays[d], accumulate);
                ck_assert_ok(fit(&fitted, NULL));
                for (size_t e = 0; e < EPOCHS; e++)
                    own_epoch(&looped, (size_t)accumulate);
                ck_assert_uint_eq(world_hash(fitted.w.model), world_hash(looped.w.model));
                ck_assert_ptr_null(prune_importance_scores(fitted.scores, 0));
                ck_assert_ok(prune_importance_refresh(fitted.scores));
                ck_assert_ok(prune_importance_refresh(looped.scores));
                check_same_scores(&fitted, &looped);
                close_fixture(&fitted);
                close_fixture(&looped);
            }
}
END_TEST

/* Two fits of one epoch feed as one of two. */
START_TEST(an_average_goes_on_over_fits)
{
    static fixture whole, parts;
    open_fixture(&whole, PRUNE_TAYLOR, 0.9f, 0);
    open_fixture(&parts, PRUNE_TAYLOR, 0.9f, 0);
    prune_fit_options o = fit_with(parts.scores);
    o.epochs = 1;
    ck_assert_ok(fit(&whole, NULL));
    for (size_t e = 0; e < EPOCHS; e++)
        ck_assert_ok(prune_trainer_fit(NULL, parts.trainer, twin_data(&parts.w), &o, NULL));
    ck_assert_ok(prune_importance_refresh(whole.scores));
    ck_assert_ok(prune_importance_refresh(parts.scores));
    check_same_scores(&whole, &parts);
    close_fixture(&whole);
    close_fixture(&parts);
}
END_TEST

/* The same training, and no memory beyond what it takes anyway; what is held back does not count. */
START_TEST(training_is_the_same_with_and_without)
{
    for (size_t c = 0; c < FEEDING; c++) {
        uint64_t hash[2];
        size_t requests[2];
        for (size_t with = 0; with < 2; with++) {
            static twin w;
            heap h = { 0 };
            const prune_allocator mem = heap_allocator(&h);
            const prune_trainer_options o = options_for(criteria[c], 2);
            prune_trainer *trainer;
            twin_make(&w, PRUNE_MSE);
            prune_importance *scores = twin_importance(w.model, criteria[c]);
            prune_fit_options f = fit_with(with ? scores : NULL);
            f.shuffle = 1;
            f.validation_fraction = 0.2;
            ck_assert_ok(prune_trainer_create(&trainer, &mem, w.model, &o, NULL));
            ck_assert_ok(prune_trainer_fit(NULL, trainer, twin_data(&w), &f, NULL));
            hash[with] = world_trainer_hash(trainer);
            requests[with] = h.requests;
            ck_assert_uint_eq(prune_importance_samples(scores), with ? 36 * EPOCHS : 0);
            prune_importance_free(scores);
            prune_trainer_free(trainer);
            ck_assert(heap_is_clean(&h));
            twin_end(&w);
        }
        ck_assert_uint_eq(hash[0], hash[1]);
        ck_assert_uint_eq(requests[0], requests[1]);
    }
}
END_TEST

/* Removes three weights at each epoch's end, by what the epochs until then have gathered. */
static int32_t prune_a_little(void *user, const prune_progress *progress)
{
    prune_model *model = prune_trainer_model(progress->trainer);
    ck_assert_ok(prune_importance_refresh(user));
    ck_assert_ok(prune_mask_lowest(NULL, model, user, NULL, 3));
    return 0;
}

START_TEST(the_callback_may_prune_by_them)
{
    static fixture f;
    open_fixture(&f, PRUNE_TAYLOR, 0.8f, 0);
    prune_fit_options o = fit_with(f.scores);
    o.epochs = 4;
    o.progress = prune_a_little;
    o.user = f.scores;
    const size_t before = world_check_removed(f.w.model, NULL);
    ck_assert_ok(prune_trainer_fit(NULL, f.trainer, twin_data(&f.w), &o, NULL));
    ck_assert_uint_eq(world_check_removed(f.w.model, NULL), before + 12);
    close_fixture(&f);
}
END_TEST

START_TEST(prune_fit_feeds_too)
{
    static fixture f;
    open_fixture(&f, PRUNE_FISHER, 0.9f, 0);
    const prune_fit_options o = fit_with(f.scores);
    const prune_trainer_options t = options_for(PRUNE_FISHER, 0);
    ck_assert_ok(prune_fit(NULL, f.w.model, twin_data(&f.w), &t, &o, NULL));
    ck_assert_uint_eq(prune_importance_samples(f.scores), EPOCHS * TWIN_SAMPLES);
    ck_assert_double_ge(score_now(f.scores), 0.0);
    close_fixture(&f);
}
END_TEST

/* ---- what goes wrong ---- */

/* The third batch has no finite loss. */
START_TEST(a_fit_that_diverges_leaves_what_was_finite)
{
    static fixture fitted, looped;
    for (int32_t accumulate = 0; accumulate <= 2; accumulate += 2)
        for (size_t c = 0; c < FEEDING; c++) {
            prune_error error = { 0 };
            open_fixture(&fitted, criteria[c], 0.9f, accumulate);
            open_fixture(&looped, criteria[c], 0.9f, accumulate);
            const float good = fitted.w.data.y[16 * TWIN_OUTPUTS];
            fitted.w.data.y[16 * TWIN_OUTPUTS] = 1e30f;
            ck_assert_status(fit(&fitted, &error), PRUNE_E_DIVERGED);
            ck_assert_str_eq(error.place, "epoch 1, batch 3");
            for (size_t b = 0; b < 2; b++) {
                add_batch(&looped, b * BATCH, BATCH);
                if (accumulate > 1)
                    ck_assert_ok(prune_trainer_accumulate(looped.trainer));
                if (accumulate <= 1 || b == 1)
                    make_step(&looped);
            }
            ck_assert_ok(prune_importance_refresh(fitted.scores));
            ck_assert_ok(prune_importance_refresh(looped.scores));
            check_same_scores(&fitted, &looped);
            fitted.w.data.y[16 * TWIN_OUTPUTS] = good;
            ck_assert_ok(fit(&fitted, &error));
            ck_assert_ok(prune_importance_refresh(fitted.scores));
            close_fixture(&fitted);
            close_fixture(&looped);
        }
}
END_TEST

/* Here the gradients of the data are finite, but no step can be made from them and the penalty. */
START_TEST(a_penalty_that_diverges_leaves_the_batch)
{
    static fixture f;
    open_fixture(&f, PRUNE_TAYLOR, 0.9f, 0);
    prune_trainer_options o = options_for(PRUNE_TAYLOR, 0);
    prune_trainer_free(f.trainer);
    o.l2 = 1e30f;
    f.trainer = world_trainer(f.w.model, &o);
    const uint64_t hash = world_hash(f.w.model);
    ck_assert_status(fit(&f, NULL), PRUNE_E_DIVERGED);
    ck_assert_uint_eq(world_hash(f.w.model), hash);
    ck_assert_uint_eq(prune_importance_samples(f.scores), BATCH);
    ck_assert_ok(prune_importance_refresh(f.scores));
    close_fixture(&f);
}
END_TEST

static void refuse(fixture *f, prune_importance *scores, prune_status status, const char *place)
{
    prune_error error = { 0 };
    const prune_fit_options o = fit_with(scores);
    const uint64_t hash = world_trainer_hash(f->trainer);
    ck_assert_status(prune_trainer_fit(NULL, f->trainer, twin_data(&f->w), &o, &error), status);
    ck_assert_str_eq(error.place, place);
    ck_assert_uint_eq(world_trainer_hash(f->trainer), hash);
    ck_assert_uint_eq(prune_importance_samples(scores), 0);
}

START_TEST(what_cannot_be_fed_is_refused_before_any_step)
{
    static fixture f;
    prune_model *copy;
    open_fixture(&f, PRUNE_FISHER, 1.0f, 0);
    ck_assert_ok(prune_model_clone(&copy, NULL, f.w.model));
    for (int32_t criterion = PRUNE_MAGNITUDE; criterion <= PRUNE_FISHER; criterion++) {
        prune_importance *scores = twin_importance(f.w.model, criterion);
        prune_importance *of_copy = twin_importance(copy, criterion);
        if (criterion == PRUNE_MAGNITUDE || criterion == PRUNE_MAGNITUDE_SQUARED)
            refuse(&f, scores, PRUNE_E_STATE, "importance");
        if (criterion == PRUNE_SAMPLE_GRADIENT)
            refuse(&f, scores, PRUNE_E_STATE, "trainer");
        refuse(&f, of_copy, PRUNE_E_STATE, "trainer");
        prune_importance_free(scores);
        prune_importance_free(of_copy);
    }
    prune_model_free(copy);
    close_fixture(&f);
}
END_TEST

START_TEST(decays_are_checked)
{
    static fixture f;
    static const float wrong[] = { -0.1f, 1.0001f, NAN, INFINITY, -INFINITY };
    open_fixture(&f, PRUNE_TAYLOR, 0.5f, 0);
    add_batch(&f, 0, BATCH);
    const double before = score_now(f.scores);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_status(prune_importance_set_decay(f.scores, wrong[i]), PRUNE_E_RANGE);
    ck_assert_status(prune_importance_set_decay(NULL, 0.5f), PRUNE_E_ARGUMENT);
    ck_assert_number(score_now(f.scores), before);
    ck_assert_ok(prune_importance_set_decay(f.scores, 0.5f));
    ck_assert_uint_eq(prune_importance_samples(f.scores), 0);
    ck_assert_ptr_null(prune_importance_scores(f.scores, 0));
    ck_assert_status(prune_importance_refresh(f.scores), PRUNE_E_STATE);
    prune_importance *magnitudes = twin_importance(f.w.model, PRUNE_MAGNITUDE);
    ck_assert_status(prune_importance_set_decay(magnitudes, 0.5f), PRUNE_E_STATE);
    ck_assert_ptr_nonnull(prune_importance_scores(magnitudes, 0));
    prune_importance_free(magnitudes);
    close_fixture(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        averages_follow_the_formula,
        a_penalty_is_added_to_the_average,
        a_fit_feeds_as_a_loop_of_ones_own,
        an_average_goes_on_over_fits,
        training_is_the_same_with_and_without,
        the_callback_may_prune_by_them,
        prune_fit_feeds_too,
        a_fit_that_diverges_leaves_what_was_finite,
        a_penalty_that_diverges_leaves_the_batch,
        what_cannot_be_fed_is_refused_before_any_step,
        decays_are_checked,
    };
    return run_tests("moving", tests, sizeof tests / sizeof tests[0]);
}
