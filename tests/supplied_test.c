/* supplied_test.c -- scores from elsewhere, those below 0 among them
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/runner.h"

#include <float.h>
#include <math.h>

enum { INPUTS = 5, HIDDEN = 4, OUTPUTS = 3, FIRST = INPUTS * HIDDEN, SECOND = HIDDEN * OUTPUTS };

typedef struct world {
    prune_model *model;
    prune_importance *table;
    float all[FIRST + SECOND]; /* scores of both layers */
} world;

/* A stretch of whole and half numbers around 0, the same number more than once. */
static float number(size_t i)
{
    return 0.5f * (float)((i * 7) % 11) - 2.5f;
}

static world make_world(void)
{
    world w = { 0 };
    const size_t widths[] = { INPUTS, HIDDEN, OUTPUTS };
    w.model = world_model(NULL, widths, 2, PRUNE_RELU, 3);
    ck_assert_ok(prune_importance_create(&w.table, NULL, w.model, PRUNE_SUPPLIED));
    for (size_t i = 0; i < FIRST; i++)
        w.all[i] = number(i);
    for (size_t i = 0; i < SECOND; i++)
        w.all[FIRST + i] = number(i + FIRST);
    return w;
}

static world make_filled(void)
{
    world w = make_world();
    ck_assert_ok(prune_importance_set_scores(w.table, 0, w.all, FIRST));
    ck_assert_ok(prune_importance_set_scores(w.table, 2, w.all + FIRST, SECOND));
    return w;
}

static void end_world(world *w)
{
    prune_importance_free(w->table);
    prune_model_free(w->model);
}

static float score_of(const world *w, size_t i)
{
    return w->all[i];
}

/* How many come before weight i in the order (score, layer, index). */
static size_t rank_of(const world *w, size_t i)
{
    size_t before = 0;
    for (size_t k = 0; k < FIRST + SECOND; k++)
        before += score_of(w, k) < score_of(w, i) || (score_of(w, k) == score_of(w, i) && k < i);
    return before;
}

static void assert_mask(const world *w, size_t removed)
{
    uint8_t mask[FIRST + SECOND];
    ck_assert_ok(prune_mask_get(mask, FIRST, w->model, 0));
    ck_assert_ok(prune_mask_get(mask + FIRST, SECOND, w->model, 2));
    for (size_t i = 0; i < FIRST + SECOND; i++)
        ck_assert_uint_eq(mask[i], rank_of(w, i) >= removed);
}

START_TEST(lowest_numbers_go_first)
{
    for (size_t count = 0; count <= FIRST + SECOND; count++) {
        world w = make_filled();
        prune_selection all;
        prune_removal removal;
        prune_selection_init(&all);
        prune_removal_init(&removal);
        all.min_kept = 0;
        ck_assert_ok(prune_mask_lowest(&removal, w.model, w.table, &all, count));
        ck_assert_uint_eq(removal.removed, count);
        assert_mask(&w, count);
        for (size_t i = 0; count > 0 && i < FIRST + SECOND; i++)
            ck_assert(rank_of(&w, i) != count - 1 || removal.threshold == score_of(&w, i));
        end_world(&w);
    }
}
END_TEST

START_TEST(threshold_below_zero_removes_what_is_below_it)
{
    static const float thresholds[] = { -FLT_MAX, -2.5f, -0.75f, -0.0f, 0.0f, 0.5f, FLT_MAX };
    for (size_t t = 0; t < sizeof thresholds / sizeof thresholds[0]; t++) {
        world w = make_filled();
        prune_selection all;
        size_t below = 0;
        prune_selection_init(&all);
        all.min_kept = 0;
        for (size_t i = 0; i < FIRST + SECOND; i++)
            below += score_of(&w, i) < thresholds[t];
        ck_assert_ok(prune_mask_below(NULL, w.model, w.table, &all, thresholds[t]));
        assert_mask(&w, below);
        end_world(&w);
    }
}
END_TEST

START_TEST(minus_zero_is_zero)
{
    world w = make_filled();
    prune_removal removal;
    prune_removal_init(&removal);
    for (size_t i = 0; i < FIRST; i++)
        w.all[i] = i % 2 ? 0.0f : -0.0f;
    for (size_t i = 0; i < SECOND; i++)
        w.all[FIRST + i] = 1.0f;
    ck_assert_ok(prune_importance_set_scores(w.table, 0, w.all, FIRST));
    ck_assert_ok(prune_importance_set_scores(w.table, 2, w.all + FIRST, SECOND));
    ck_assert_ok(prune_mask_lowest(&removal, w.model, w.table, NULL, 7));
    assert_mask(&w, 7);
    end_world(&w);
}
END_TEST

/* Every rule on scores moved by -4 finds the threshold moved by -4: all are of differences. Numbers are such
 * that the moved ones are exact. */
START_TEST(rules_move_with_the_scores)
{
    for (int32_t kind = PRUNE_THRESHOLD_MEAN_SIGMA; kind <= PRUNE_THRESHOLD_KNEE; kind++) {
        world w = make_filled();
        prune_threshold_rule rule;
        float there, moved;
        prune_threshold_rule_init(&rule);
        rule.kind = kind;
        for (size_t pass = 0; pass < 2; pass++) {
            for (size_t i = 0; i < FIRST; i++)
                w.all[i] = number(i) + (pass ? -4.0f : 4.0f);
            for (size_t i = 0; i < SECOND; i++)
                w.all[FIRST + i] = number(i + FIRST) + (pass ? -4.0f : 4.0f);
            ck_assert_ok(prune_importance_set_scores(w.table, 0, w.all, FIRST));
            ck_assert_ok(prune_importance_set_scores(w.table, 2, w.all + FIRST, SECOND));
            ck_assert_ok(prune_threshold_from_rule(pass ? &moved : &there, w.table, NULL, &rule));
        }
        ck_assert_double_eq_tol((double)moved + 8.0, (double)there, 1e-5);
        ck_assert(moved < 0.0f);
        end_world(&w);
    }
}
END_TEST

START_TEST(quantile_and_histogram_take_numbers_below_zero)
{
    world w = make_filled();
    uint64_t counts[4];
    prune_histogram h;
    float threshold;
    prune_histogram_init(&h);
    h.bins = 4;
    h.counts = counts;
    ck_assert_ok(prune_histogram_fill(&h, w.table, NULL));
    ck_assert(h.low == -2.5f);
    ck_assert(h.high == 2.5f);
    ck_assert_uint_eq(h.total, FIRST + SECOND);
    size_t inside[4] = { 0 }, zeros = 0;
    for (size_t i = 0; i < FIRST + SECOND; i++) {
        const size_t bin = (size_t)((score_of(&w, i) + 2.5f) / 1.25f);
        inside[bin < 4 ? bin : 3]++;
        zeros += score_of(&w, i) == 0.0f;
    }
    ck_assert_uint_eq(h.zeros, zeros);
    for (size_t b = 0; b < 4; b++)
        ck_assert_uint_eq(counts[b], inside[b]);
    for (size_t k = 0; k < FIRST + SECOND; k++) {
        ck_assert_ok(prune_threshold_quantile(&threshold, w.table, NULL, (double)k / (FIRST + SECOND)));
        for (size_t i = 0; i < FIRST + SECOND; i++)
            ck_assert(rank_of(&w, i) != k || threshold == score_of(&w, i));
    }
    ck_assert_ok(prune_threshold_quantile(&threshold, w.table, NULL, 1.0));
    ck_assert(threshold == nextafterf(2.5f, 3.0f));
    h.log_scale = 1;
    ck_assert_status(prune_histogram_fill(&h, w.table, NULL), PRUNE_E_RANGE);
    end_world(&w);
}
END_TEST

START_TEST(rows_below_zero)
{
    world w = make_filled();
    float got[HIDDEN];
    for (int32_t a = PRUNE_ROW_MAX; a <= PRUNE_ROW_MEAN; a++) {
        ck_assert_ok(prune_importance_neurons(got, HIDDEN, w.table, 0, a));
        for (size_t o = 0; o < HIDDEN; o++) {
            double most = -1e9, sum = 0.0, squares = 0.0;
            for (size_t i = 0; i < INPUTS; i++) {
                const double s = (double)w.all[o * INPUTS + i];
                most = s > most ? s : most;
                sum += s;
                squares += s * s;
            }
            const double wanted = a == PRUNE_ROW_MAX  ? most
                                  : a == PRUNE_ROW_L1 ? sum
                                  : a == PRUNE_ROW_L2 ? sqrt(squares)
                                                      : sum / INPUTS;
            ck_assert_double_eq_tol((double)got[o], wanted, 1e-6);
        }
    }
    ck_assert_status(prune_importance_neurons(got, HIDDEN, w.table, 0, PRUNE_ROW_SIGNED), PRUNE_E_ARGUMENT);
    end_world(&w);
}
END_TEST

START_TEST(whole_before_it_is_used)
{
    world w = make_world();
    const size_t all = FIRST + SECOND;
    ck_assert_ptr_null(prune_importance_scores(w.table, 0));
    ck_assert_status(prune_mask_lowest(NULL, w.model, w.table, NULL, 1), PRUNE_E_STATE);
    ck_assert_ok(prune_importance_set_scores(w.table, 2, w.all + FIRST, SECOND));
    ck_assert_status(prune_mask_lowest(NULL, w.model, w.table, NULL, 1), PRUNE_E_STATE);
    ck_assert_status(prune_importance_refresh(w.table), PRUNE_E_STATE);
    ck_assert_ok(prune_importance_set_scores(w.table, 0, w.all, FIRST));
    ck_assert_ok(prune_importance_refresh(w.table));
    ck_assert_mem_eq(prune_importance_scores(w.table, 0), w.all, FIRST * sizeof(float));
    ck_assert_mem_eq(prune_importance_scores(w.table, 2), w.all + FIRST, SECOND * sizeof(float));
    for (size_t o = 0; o < HIDDEN; o++)
        ck_assert(prune_importance_scores(w.table, 1)[o] == FLT_MAX);
    prune_selection with_bias;
    prune_selection_init(&with_bias);
    with_bias.include_bias = 1;
    with_bias.min_kept = 0;
    ck_assert_ok(prune_mask_lowest(NULL, w.model, w.table, &with_bias, all));
    assert_mask(&w, all);
    ck_assert_ok(prune_importance_reset(w.table));
    ck_assert_ptr_null(prune_importance_scores(w.table, 0));
    end_world(&w);
}
END_TEST

START_TEST(wrong_scores_change_nothing)
{
    world w = make_filled();
    float wrong[FIRST] = { 0 };
    static const float bad[] = { NAN, INFINITY, -INFINITY };
    prune_importance *magnitude;
    for (size_t b = 0; b < 3; b++) {
        wrong[FIRST - 1] = bad[b];
        ck_assert_status(prune_importance_set_scores(w.table, 0, wrong, FIRST), PRUNE_E_NONFINITE);
    }
    ck_assert_status(prune_importance_set_scores(w.table, 0, w.all, FIRST - 1), PRUNE_E_SHAPE);
    ck_assert_status(prune_importance_set_scores(w.table, 4, w.all, FIRST), PRUNE_E_RANGE);
    ck_assert_status(prune_importance_set_scores(w.table, 0, NULL, FIRST), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_importance_set_scores(NULL, 0, w.all, FIRST), PRUNE_E_ARGUMENT);
    ck_assert_mem_eq(prune_importance_scores(w.table, 0), w.all, FIRST * sizeof(float));
    ck_assert_ok(prune_importance_create(&magnitude, NULL, w.model, PRUNE_MAGNITUDE));
    ck_assert_status(prune_importance_set_scores(magnitude, 0, w.all, FIRST), PRUNE_E_STATE);
    ck_assert_status(prune_mask_below(NULL, w.model, magnitude, NULL, -1.0f), PRUNE_E_RANGE);
    prune_importance_free(magnitude);
    ck_assert_status(prune_importance_set_decay(w.table, 0.5f), PRUNE_E_STATE);
    end_world(&w);
}
END_TEST

START_TEST(data_is_refused)
{
    world w = make_filled();
    world_data data;
    prune_trainer *trainer;
    prune_trainer_options options;
    prune_error error;
    world_data_make(&data, 8, INPUTS, OUTPUTS, 1);
    prune_trainer_options_init(&options);
    ck_assert_ok(prune_trainer_create(&trainer, NULL, w.model, &options, &error));
    ck_assert_status(prune_importance_accumulate(w.table, trainer, &data.labelled, &error), PRUNE_E_STATE);
    ck_assert_str_eq(error.place, "importance");
    ck_assert_mem_eq(prune_importance_scores(w.table, 0), w.all, FIRST * sizeof(float));
    prune_trainer_free(trainer);
    world_data_end(&data);
    end_world(&w);
}
END_TEST

START_TEST(memory_is_one_block)
{
    world w = make_world();
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    size_t bytes;
    prune_importance *table;
    ck_assert_ok(prune_importance_bytes(&bytes, w.model, PRUNE_SUPPLIED));
    ck_assert_ok(prune_importance_create(&table, &mem, w.model, PRUNE_SUPPLIED));
    ck_assert_uint_eq(h.peak_bytes, bytes);
    ck_assert_ok(prune_importance_set_scores(table, 0, w.all, FIRST));
    ck_assert_uint_eq(h.requests, 1);
    prune_importance_free(table);
    heap_refuse_once(&h, 1);
    ck_assert_status(prune_importance_create(&table, &mem, w.model, PRUNE_SUPPLIED), PRUNE_E_MEMORY);
    ck_assert_ptr_null(table);
    ck_assert(heap_is_clean(&h));
    end_world(&w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        lowest_numbers_go_first,
        threshold_below_zero_removes_what_is_below_it,
        minus_zero_is_zero,
        rules_move_with_the_scores,
        quantile_and_histogram_take_numbers_below_zero,
        rows_below_zero,
        whole_before_it_is_used,
        wrong_scores_change_nothing,
        data_is_refused,
        memory_is_one_block,
    };
    return run_tests("supplied", tests, sizeof tests / sizeof tests[0]);
}
