/* n_of_m_test.c -- keep N of M: the right ones in every group of a row, as many as asked for
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/oracle.h"
#include "support/runner.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { LAYERS = 2, MOST = 400, WORLDS = 300 };

typedef struct world {
    size_t widths[LAYERS + 1];
    prune_model *model;
    prune_importance *scores;
    float score[LAYERS][MOST];
    uint8_t before[LAYERS][MOST], wanted[LAYERS][MOST];
    uint64_t gone[LAYERS], kept;
    float highest;
} world;

static size_t weights_of(const world *w, size_t layer)
{
    return w->widths[layer] * w->widths[layer + 1];
}

/* Few values, of both signs, so that most have equals; a fifth of the weights is removed before. */
static void make(world *w, uint64_t seed)
{
    static const float level[] = { 0.0f, -1.5f, 2.0f, 0.5f, 7.0f, -0.0f };
    prune_rng rng;
    memset(w, 0, sizeof *w);
    prune_rng_seed(&rng, seed);
    for (size_t l = 0; l <= LAYERS; l++)
        w->widths[l] = 1 + (size_t)prune_rng_below(&rng, 19);
    w->model = world_model(NULL, w->widths, LAYERS, PRUNE_RELU, seed);
    ck_assert_ok(prune_importance_create(&w->scores, NULL, w->model, PRUNE_SUPPLIED));
    for (size_t l = 0; l < LAYERS; l++) {
        for (size_t i = 0; i < weights_of(w, l); i++) {
            w->score[l][i] = level[prune_rng_below(&rng, 6)];
            w->before[l][i] = prune_rng_below(&rng, 5) != 0;
        }
        const float none[MOST] = { 0.0f };
        ck_assert_ok(prune_mask_set(w->model, 2 * l, w->before[l], weights_of(w, l)));
        ck_assert_ok(prune_importance_set_scores(w->scores, 2 * l, w->score[l], weights_of(w, l)));
        ck_assert_ok(prune_importance_set_scores(w->scores, 2 * l + 1, none, w->widths[l + 1]));
    }
}

static void end(world *w)
{
    prune_importance_free(w->scores);
    prune_model_free(w->model);
}

/* The lowest that is left of a group goes, until few enough are. */
static void thin_group(world *w, size_t l, size_t start, size_t count, size_t keep)
{
    for (;;) {
        size_t left = 0, lowest = count;
        for (size_t i = 0; i < count; i++) {
            if (!w->wanted[l][start + i])
                continue;
            left++;
            if (lowest == count || w->score[l][start + i] < w->score[l][start + lowest])
                lowest = i;
        }
        if (left <= keep)
            return;
        w->wanted[l][start + lowest] = 0;
        w->highest = fmaxf(w->highest, w->score[l][start + lowest]);
        w->gone[l]++;
    }
}

static void expect(world *w, int32_t layer, size_t keep, size_t of)
{
    memcpy(w->wanted, w->before, sizeof w->before);
    w->highest = -FLT_MAX;
    w->kept = 0;
    for (size_t l = 0; l < LAYERS; l++) {
        const size_t inputs = w->widths[l];
        w->gone[l] = 0;
        if (layer >= 0 && (size_t)layer != l)
            continue;
        for (size_t row = 0; row < w->widths[l + 1]; row++)
            for (size_t i = 0; i < inputs; i += of)
                thin_group(w, l, row * inputs + i, inputs - i < of ? inputs - i : of, keep);
        for (size_t i = 0; i < weights_of(w, l); i++)
            w->kept += w->wanted[l][i];
    }
}

static void check_masks(const world *w)
{
    uint8_t mask[MOST];
    for (size_t l = 0; l < LAYERS; l++) {
        ck_assert_ok(prune_mask_get(mask, weights_of(w, l), w->model, 2 * l));
        ck_assert_mem_eq(mask, w->wanted[l], weights_of(w, l));
        ck_assert_ok(prune_mask_get(mask, w->widths[l + 1], w->model, 2 * l + 1));
        for (size_t u = 0; u < w->widths[l + 1]; u++)
            ck_assert_uint_eq(mask[u], 1);
    }
    ck_assert_ok(prune_model_verify(w->model, NULL));
}

static void check_world(uint64_t seed)
{
    static world w;
    uint64_t by_layer[LAYERS] = { 77, 77 };
    prune_selection s;
    prune_removal removal;
    make(&w, seed);
    const size_t of = 1 + (size_t)(seed % 9), keep = 1 + (size_t)(seed / 9) % of;
    prune_selection_init(&s);
    s.layer = seed % 4 == 3 ? (int32_t)(seed / 4 % LAYERS) : -1;
    s.include_bias = seed % 2 != 0; /* biases are in no row */
    s.min_kept = 0;
    prune_removal_init(&removal);
    removal.by_layer = by_layer;
    removal.by_layer_capacity = LAYERS;
    expect(&w, s.layer, keep, of);
    ck_assert_ok(prune_mask_n_of_m(&removal, w.model, w.scores, &s, keep, of));
    check_masks(&w);
    ck_assert_uint_eq(removal.removed, w.gone[0] + w.gone[1]);
    ck_assert_mem_eq(by_layer, w.gone, sizeof by_layer);
    ck_assert_uint_eq(removal.kept, w.kept);
    ck_assert_uint_eq(removal.units,
                      s.layer < 0 ? weights_of(&w, 0) + weights_of(&w, 1) : weights_of(&w, (size_t)s.layer));
    ck_assert_uint_eq(removal.spared, 0);
    if (removal.removed != 0)
        ck_assert_number(removal.threshold, w.highest);
    /* Once more there is nothing to do. */
    ck_assert_ok(prune_mask_n_of_m(&removal, w.model, w.scores, &s, keep, of));
    ck_assert_uint_eq(removal.removed, 0);
    check_masks(&w);
    end(&w);
}

START_TEST(each_group_keeps_its_best)
{
    for (uint64_t seed = 0; seed < WORLDS; seed++)
        check_world(seed);
}
END_TEST

/* 2 of 4, by magnitude, in two rows of six: of the last two both stay, and of equals the first goes. */
START_TEST(two_of_four_by_hand)
{
    static const float w[] = { 0.1f, -0.9f, 0.4f, 0.2f, 0.01f, 0.0f, 0.5f, 0.5f, -0.5f, 0.5f, 3.0f, 4.0f };
    static const uint8_t two[] = { 0, 1, 1, 0, 1, 1, 0, 0, 1, 1, 1, 1 };
    static const uint8_t one[] = { 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1 };
    uint8_t mask[12];
    const size_t widths[] = { 6, 2 };
    prune_model *model = world_model(NULL, widths, 1, PRUNE_LINEAR, 1);
    prune_importance *scores;
    ck_assert_ok(prune_model_set_param(model, 0, w, 12));
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
    ck_assert_ok(prune_mask_n_of_m(NULL, model, scores, NULL, 2, 4));
    ck_assert_ok(prune_mask_get(mask, 12, model, 0));
    ck_assert_mem_eq(mask, two, 12);
    ck_assert_ok(prune_mask_n_of_m(NULL, model, scores, NULL, 1, 4));
    ck_assert_ok(prune_mask_get(mask, 12, model, 0));
    ck_assert_mem_eq(mask, one, 12);
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

/* Whole rows: as in Wanda, each neuron keeps as many of its inputs. */
START_TEST(a_group_longer_than_the_row_is_the_row)
{
    static world w;
    const uint64_t longer[] = { 19, 1000, UINT64_MAX };
    for (size_t i = 0; i < 3; i++) {
        make(&w, 5);
        expect(&w, -1, 3, 19);
        ck_assert_ok(prune_mask_n_of_m(NULL, w.model, w.scores, NULL, 3, longer[i]));
        check_masks(&w);
        end(&w);
    }
}
END_TEST

static const struct refusal {
    uint64_t keep, of, min_kept;
    int32_t layer, granularity;
    prune_status status;
} refusals[] = {
    { 0, 4, 1, -1, PRUNE_WEIGHTS, PRUNE_E_RANGE },         { 5, 4, 1, -1, PRUNE_WEIGHTS, PRUNE_E_RANGE },
    { 0, 0, 1, -1, PRUNE_WEIGHTS, PRUNE_E_RANGE },         { 2, 4, 1, 2, PRUNE_WEIGHTS, PRUNE_E_RANGE },
    { 2, 4, 1, -1, PRUNE_NEURONS, PRUNE_E_ARGUMENT },      { 2, 4, 1, -1, PRUNE_BLOCKS, PRUNE_E_ARGUMENT },
    { 1, 400, 2000, -1, PRUNE_WEIGHTS, PRUNE_E_COLLAPSE }, { 1, 2, 1, -1, 9, PRUNE_E_ARGUMENT },
};

START_TEST(what_is_refused_changes_nothing)
{
    static world w;
    make(&w, 4);
    const uint64_t hash = world_hash(w.model);
    prune_removal removal;
    prune_removal_init(&removal);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *r = &refusals[i];
        prune_selection s;
        prune_selection_init(&s);
        s.min_kept = r->min_kept;
        s.layer = r->layer;
        s.granularity = r->granularity;
        ck_assert_status(prune_mask_n_of_m(&removal, w.model, w.scores, &s, r->keep, r->of), r->status);
        ck_assert_uint_eq(removal.units, 0);
    }
    ck_assert_status(prune_mask_n_of_m(NULL, NULL, w.scores, NULL, 2, 4), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_n_of_m(NULL, w.model, NULL, NULL, 2, 4), PRUNE_E_ARGUMENT);
    removal.by_layer = &removal.units;
    removal.by_layer_capacity = 1;
    ck_assert_status(prune_mask_n_of_m(&removal, w.model, w.scores, NULL, 2, 4), PRUNE_E_SHAPE);
    ck_assert_ok(prune_importance_reset(w.scores));
    ck_assert_status(prune_mask_n_of_m(NULL, w.model, w.scores, NULL, 2, 4), PRUNE_E_STATE);
    ck_assert_uint_eq(world_hash(w.model), hash);
    end(&w);
}
END_TEST

/* A floor that holds is no matter: what is left after it counts. */
START_TEST(floors_are_exact)
{
    const size_t widths[] = { 8, 1 };
    prune_model *model = world_model(NULL, widths, 1, PRUNE_LINEAR, 1);
    prune_importance *scores;
    prune_selection s;
    prune_selection_init(&s);
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
    s.min_kept = 5;
    ck_assert_status(prune_mask_n_of_m(NULL, model, scores, &s, 2, 4), PRUNE_E_COLLAPSE);
    s.min_kept = 4;
    ck_assert_ok(prune_mask_n_of_m(NULL, model, scores, &s, 2, 4));
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

START_TEST(it_allocates_nothing)
{
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    const size_t widths[] = { 8, 4 };
    prune_model *model = world_model(&mem, widths, 1, PRUNE_LINEAR, 1);
    prune_importance *scores;
    ck_assert_ok(prune_importance_create(&scores, &mem, model, PRUNE_MAGNITUDE));
    heap_refuse_from(&h, 1);
    ck_assert_ok(prune_mask_n_of_m(NULL, model, scores, NULL, 2, 4));
    ck_assert_uint_eq(h.refused, 0);
    prune_importance_free(scores);
    prune_model_free(model);
    ck_assert(heap_is_clean(&h));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        each_group_keeps_its_best,       two_of_four_by_hand, a_group_longer_than_the_row_is_the_row,
        what_is_refused_changes_nothing, floors_are_exact,    it_allocates_nothing,
    };
    return run_tests("n_of_m", tests, sizeof tests / sizeof tests[0]);
}
