/* gradual_test.c -- pruning while training: exactly what the schedule says, when it says so
 *
 * SPDX-License-Identifier: MIT */
#include "support/bytes.h"
#include "support/folder.h"
#include "support/training.h"

#include <math.h>

enum { INPUTS = 6, CLASSES = 3, SAMPLES = 20, BATCH = 5, BATCHES = 4, WEIGHTS = INPUTS * 8 + 8 * CLASSES };

static const size_t widths[] = { INPUTS, 8, CLASSES };

typedef struct fixture {
    world_data world;
    prune_model *model;
    prune_trainer *trainer;
    prune_importance *scores;
    prune_sparsity sparsity;
    prune_gradual gradual;
    prune_fit_options fit;
    /* What was seen after each step. */
    uint64_t kept[200];
    size_t seen;
    uint64_t stop_at; /* steps; 0: never */
} fixture;

static uint64_t kept_weights(const prune_model *model)
{
    uint64_t units, kept;
    ck_assert_ok(prune_mask_units(&units, &kept, model, NULL));
    ck_assert_uint_eq(units, WEIGHTS);
    return kept;
}

static int32_t look(void *user, const prune_progress *p)
{
    fixture *f = user;
    prune_model *model = prune_trainer_model(p->trainer);
    (void)world_check_removed(model, NULL);
    f->seen = (size_t)prune_trainer_steps(p->trainer);
    f->kept[f->seen] = kept_weights(model);
    return f->stop_at != 0 && f->seen >= f->stop_at;
}

static void open_scores(fixture *f, int32_t criterion)
{
    ck_assert_ok(prune_importance_create(&f->scores, NULL, f->model, criterion));
    f->gradual.importance = f->scores;
    f->fit.importance = criterion == PRUNE_MAGNITUDE || criterion == PRUNE_SUPPLIED ? NULL : f->scores;
}

static void open_fixture(fixture *f, int32_t optimizer, int32_t criterion)
{
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, optimizer);
    *f = (fixture){ 0 };
    options.learning_rate = 0.02f;
    options.max_batch = BATCH;
    options.momentum = 0.9f;
    options.l2 = 0.01f;
    world_data_make(&f->world, SAMPLES, INPUTS, CLASSES, 5);
    f->model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
    f->trainer = world_trainer(f->model, &options);
    prune_sparsity_init(&f->sparsity);
    f->sparsity.begin = 3;
    f->sparsity.end = 30;
    f->sparsity.every = 4;
    prune_gradual_init(&f->gradual);
    f->gradual.sparsity = &f->sparsity;
    f->gradual.next = look;
    f->gradual.next_user = f;
    prune_fit_options_init(&f->fit);
    f->fit.progress = prune_gradual_progress;
    f->fit.user = &f->gradual;
    f->fit.progress_every = 1;
    f->fit.epochs = 10;
    open_scores(f, criterion);
}

static void close_fixture(fixture *f)
{
    prune_importance_free(f->scores);
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    world_data_end(&f->world);
}

static void run(fixture *f)
{
    ck_assert_ok(prune_trainer_fit(NULL, f->trainer, &f->world.labelled, &f->fit, NULL));
    ck_assert_ok(f->gradual.status);
}

static uint64_t wanted(const fixture *f, uint64_t step)
{
    double fraction;
    uint64_t gone;
    ck_assert_ok(prune_sparsity_at(&fraction, &f->sparsity, step));
    ck_assert_ok(prune_fraction_count(&gone, fraction, WEIGHTS));
    return WEIGHTS - gone;
}

START_TEST(after_each_step_exactly_what_is_due_is_gone)
{
    static const int32_t criteria[] = { PRUNE_MAGNITUDE, PRUNE_TAYLOR, PRUNE_GRADIENT_SQUARED };
    for (int32_t optimizer = PRUNE_SGD; optimizer <= PRUNE_ADAGRAD; optimizer++)
        for (size_t c = 0; c < 3; c++) {
            fixture f;
            uint64_t times = 0;
            open_fixture(&f, optimizer, criteria[c]);
            run(&f);
            ck_assert_uint_eq(f.seen, 10 * BATCHES);
            for (uint64_t t = 1; t <= f.seen; t++) {
                ck_assert_uint_eq(f.kept[t], wanted(&f, t));
                times += t > 1 && f.kept[t] < f.kept[t - 1];
            }
            ck_assert_uint_eq(f.gradual.times, times);
            ck_assert_uint_eq(f.gradual.newest.kept, WEIGHTS - 65); /* 0.9 of 72 are 64.8 */
            ck_assert_uint_eq(world_check_removed(f.model, NULL), 65);
            close_fixture(&f);
        }
}
END_TEST

START_TEST(what_goes_is_what_one_would_remove_by_hand)
{
    fixture f;
    uint8_t mask[INPUTS * 8], by_hand[INPUTS * 8];
    open_fixture(&f, PRUNE_SGD, PRUNE_MAGNITUDE);
    f.sparsity.kind = PRUNE_SPARSITY_ONE_SHOT;
    f.sparsity.final = 0.5;
    f.stop_at = 3; /* right after it */
    run(&f);
    ck_assert_ok(prune_mask_get(mask, sizeof mask, f.model, 0));
    fixture g;
    open_fixture(&g, PRUNE_SGD, PRUNE_MAGNITUDE);
    g.fit.progress = look;
    g.fit.user = &g;
    g.stop_at = 3;
    run(&g);
    ck_assert_ok(prune_importance_refresh(g.scores));
    ck_assert_ok(prune_mask_fraction(NULL, g.model, g.scores, NULL, 0.5, PRUNE_OF_ALL));
    ck_assert_ok(prune_mask_get(by_hand, sizeof by_hand, g.model, 0));
    ck_assert_mem_eq(mask, by_hand, sizeof mask);
    ck_assert(world_same_models(f.model, g.model));
    close_fixture(&g);
    close_fixture(&f);
}
END_TEST

START_TEST(layers_by_themselves)
{
    fixture f;
    prune_selection layers;
    open_fixture(&f, PRUNE_ADAM, PRUNE_MAGNITUDE);
    prune_selection_init(&layers);
    layers.scope = PRUNE_PER_LAYER;
    f.gradual.selection = &layers;
    run(&f);
    for (int32_t l = 0; l < 2; l++) {
        prune_layer_info info;
        prune_layer_info_init(&info);
        ck_assert_ok(prune_model_layer_info(&info, f.model, (size_t)l));
        ck_assert_uint_eq(info.weights_kept, l == 0 ? 48 - 43 : 24 - 22); /* 0.9 of 48 are 43.2, of 24 21.6 */
    }
    close_fixture(&f);
}
END_TEST

/* In mid-schedule, through a file; the trainer's scores are magnitudes, so nothing else is to be kept. */
START_TEST(goes_on_after_loading_with_the_same_bits)
{
    fixture whole, first;
    folder place;
    open_fixture(&whole, PRUNE_ADAM, PRUNE_MAGNITUDE);
    run(&whole);
    folder_make(&place);
    open_fixture(&first, PRUNE_ADAM, PRUNE_MAGNITUDE);
    first.fit.epochs = 4;
    run(&first);
    ck_assert_uint_gt(kept_weights(first.model), kept_weights(whole.model));
    ck_assert_ok(prune_trainer_save(first.trainer, place.file, NULL));
    prune_importance_free(first.scores);
    prune_trainer_free(first.trainer);
    prune_model_free(first.model);
    ck_assert_ok(
        prune_trainer_load(&first.trainer, &first.model, NULL, place.file, prune_backend_reference(), NULL));
    open_scores(&first, PRUNE_MAGNITUDE);
    first.fit.epochs = 6;
    run(&first);
    ck_assert_uint_eq(world_trainer_hash(first.trainer), world_trainer_hash(whole.trainer));
    close_fixture(&first);
    close_fixture(&whole);
    folder_end(&place);
}
END_TEST

/* Where enough is gone already, nothing is asked of the scores. */
START_TEST(nothing_due_needs_no_scores)
{
    fixture f;
    open_fixture(&f, PRUNE_SGD, PRUNE_MAGNITUDE);
    ck_assert_ok(prune_mask_fraction(NULL, f.model, f.scores, NULL, 0.95, PRUNE_OF_ALL));
    prune_importance_free(f.scores);
    open_scores(&f, PRUNE_SUPPLIED);
    const uint64_t kept = kept_weights(f.model);
    run(&f);
    ck_assert_uint_eq(kept_weights(f.model), kept);
    ck_assert_uint_eq(f.gradual.times, 0);
    close_fixture(&f);
}
END_TEST

typedef struct scorer {
    size_t calls;
    prune_status status;
} scorer;

/* The last weights first. */
static prune_status score(void *user, prune_importance *scores, const prune_progress *progress)
{
    scorer *s = user;
    float values[48];
    s->calls++;
    ck_assert_ptr_nonnull(progress->trainer);
    for (size_t i = 0; i < 48; i++)
        values[i] = -(float)i;
    ck_assert_ok(prune_importance_set_scores(scores, 2, values, 24));
    ck_assert_ok(prune_importance_set_scores(scores, 0, values, 48));
    return s->status;
}

START_TEST(own_scores)
{
    fixture f;
    scorer s = { 0, PRUNE_OK };
    uint8_t mask[48];
    prune_selection first;
    open_fixture(&f, PRUNE_SGD, PRUNE_SUPPLIED);
    prune_selection_init(&first);
    first.layer = 0;
    f.gradual.selection = &first;
    f.gradual.score = score;
    f.gradual.score_user = &s;
    f.sparsity.final = 0.5;
    run(&f);
    ck_assert_uint_eq(s.calls, f.gradual.times);
    ck_assert_ok(prune_mask_get(mask, 48, f.model, 0));
    for (size_t i = 0; i < 48; i++)
        ck_assert_uint_eq(mask[i], i < 24);
    close_fixture(&f);
}
END_TEST

static void expect_stop(fixture *f, prune_status status)
{
    prune_fit_result result;
    prune_fit_result_init(&result);
    ck_assert_ok(prune_trainer_fit(&result, f->trainer, &f->world.labelled, &f->fit, NULL));
    ck_assert_int_eq(result.stopped, 1);
    ck_assert_int_eq(f->gradual.status, status);
    ck_assert_uint_eq(kept_weights(f->model), WEIGHTS);
}

START_TEST(faults_stop_the_fit_and_remove_nothing)
{
    fixture f;
    scorer s = { 0, PRUNE_E_IO };
    prune_selection deep;
    open_fixture(&f, PRUNE_SGD, PRUNE_SUPPLIED);
    expect_stop(&f, PRUNE_E_STATE); /* no scores */
    ck_assert_uint_eq(prune_trainer_steps(f.trainer), 7);
    f.gradual.status = PRUNE_OK;
    f.gradual.score = score;
    f.gradual.score_user = &s;
    expect_stop(&f, PRUNE_E_IO);
    f.gradual.status = PRUNE_OK;
    f.gradual.importance = NULL;
    expect_stop(&f, PRUNE_E_ARGUMENT);
    f.gradual.status = PRUNE_OK;
    f.gradual.importance = f.scores;
    f.sparsity.every = 0;
    expect_stop(&f, PRUNE_E_RANGE);
    f.sparsity.every = 1;
    f.gradual.status = PRUNE_OK;
    s.status = PRUNE_OK;
    prune_selection_init(&deep);
    deep.min_kept = WEIGHTS;
    f.gradual.selection = &deep;
    expect_stop(&f, PRUNE_E_COLLAPSE);
    f.gradual.size--;
    ck_assert_int_eq(prune_gradual_progress(&f.gradual, NULL), 1);
    ck_assert_int_eq(prune_gradual_progress(NULL, NULL), 1);
    prune_gradual_init(NULL);
    close_fixture(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        after_each_step_exactly_what_is_due_is_gone,
        what_goes_is_what_one_would_remove_by_hand,
        layers_by_themselves,
        goes_on_after_loading_with_the_same_bits,
        nothing_due_needs_no_scores,
        own_scores,
        faults_stop_the_fit_and_remove_nothing,
    };
    return run_tests("gradual", tests, sizeof tests / sizeof tests[0]);
}
