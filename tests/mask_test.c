/* mask_test.c -- removing: as many as asked for, the right ones, and nothing on failure
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/oracle.h"
#include "support/runner.h"

#include <math.h>
#include <string.h>

enum { WORLDS = 600, LAYERS = 3 };

static prune_importance *magnitudes(const prune_model *model)
{
    prune_importance *scores;
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
    return scores;
}

static prune_model *copy_of(const prune_model *model)
{
    prune_model *copy;
    ck_assert_ok(prune_model_clone(&copy, NULL, model));
    return copy;
}

static prune_removal wanted(uint64_t by_layer[LAYERS])
{
    prune_removal removal;
    prune_removal_init(&removal);
    memset(by_layer, 0x55, LAYERS * sizeof *by_layer);
    removal.by_layer = by_layer;
    removal.by_layer_capacity = LAYERS;
    return removal;
}

static void check_removal(const prune_removal *removal, const oracle *o)
{
    ck_assert_uint_eq(removal->units, o->count);
    ck_assert_uint_eq(removal->removed, oracle_chosen(o, -1));
    ck_assert_uint_eq(removal->kept, oracle_kept(o, -1) - oracle_chosen(o, -1));
    for (size_t l = 0; l < o->layers; l++)
        ck_assert_uint_eq(removal->by_layer[l], oracle_chosen(o, (int32_t)l));
}

/* ---- by count ---- */

static void lowest_in_one_world(uint64_t seed)
{
    static oracle o;
    prune_rng rng;
    uint64_t by_layer[LAYERS];
    prune_rng_seed(&rng, seed);
    prune_model *model = oracle_model(&rng, seed % 4), *expected = copy_of(model);
    prune_importance *scores = magnitudes(model);
    const prune_selection selection = oracle_selection(&rng, model);
    for (int32_t round = 0; round < 2; round++) {
        oracle_list(&o, model, scores, &selection);
        const uint64_t count = prune_rng_below(&rng, o.count / 2 + 3);
        prune_removal removal = wanted(by_layer);
        const int32_t possible = oracle_lowest(&o, count);
        ck_assert_status(prune_mask_lowest(&removal, model, scores, &selection, count),
                         possible ? PRUNE_OK : PRUNE_E_COLLAPSE);
        if (possible) {
            oracle_apply(expected, &o);
            check_removal(&removal, &o);
            ck_assert_number(removal.threshold, oracle_highest(&o));
            ck_assert_uint_eq(removal.spared, 0);
        }
        ck_assert(world_same_models(model, expected));
        ck_assert_ok(prune_model_verify(model, NULL));
    }
    prune_importance_free(scores);
    prune_model_free(expected);
    prune_model_free(model);
}

START_TEST(lowest_takes_what_a_stable_sort_would)
{
    for (uint64_t seed = 0; seed < WORLDS; seed++)
        lowest_in_one_world(seed);
}
END_TEST

START_TEST(equal_scores_go_in_order_of_layer_and_index)
{
    const size_t widths[] = { 40, 30, 4 };
    static float ones[1200];
    static uint8_t mask[1200];
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 0);
    for (size_t i = 0; i < 1200; i++)
        ones[i] = i % 2 ? 1.0f : -1.0f;
    ck_assert_ok(prune_model_set_param(model, 0, ones, 1200));
    ck_assert_ok(prune_model_set_param(model, 2, ones, 120));
    prune_importance *scores = magnitudes(model);
    ck_assert_ok(prune_mask_lowest(NULL, model, scores, NULL, 777));
    ck_assert_ok(prune_mask_get(mask, 1200, model, 0));
    for (size_t i = 0; i < 1200; i++)
        ck_assert_uint_eq(mask[i], i >= 777);
    /* All of the first layer but its last, then the second. */
    ck_assert_ok(prune_mask_lowest(NULL, model, scores, NULL, 1199 - 777 + 5));
    ck_assert_ok(prune_mask_get(mask, 1200, model, 0));
    for (size_t i = 0; i < 1200; i++)
        ck_assert_uint_eq(mask[i], i == 1199);
    ck_assert_ok(prune_mask_get(mask, 120, model, 2));
    for (size_t i = 0; i < 120; i++)
        ck_assert_uint_eq(mask[i], i >= 5);
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

/* ---- by threshold ---- */

static float pick_threshold(prune_rng *rng, const oracle *o)
{
    static const float others[] = { 0.0f, 1e-30f, 0.3f, 100.0f };
    if (o->count == 0 || prune_rng_below(rng, 3) == 0)
        return others[prune_rng_below(rng, 4)];
    return o->unit[prune_rng_below(rng, o->count)].score;
}

static uint64_t all_below(const oracle *o, float threshold)
{
    uint64_t below = 0;
    for (size_t i = 0; i < o->count; i++)
        below += o->unit[i].kept && o->unit[i].score < threshold;
    return below;
}

static void below_in_one_world(uint64_t seed)
{
    static oracle o;
    prune_rng rng;
    uint64_t by_layer[LAYERS], foreseen[LAYERS];
    prune_rng_seed(&rng, seed);
    prune_model *model = oracle_model(&rng, seed % 4), *expected = copy_of(model);
    prune_importance *scores = magnitudes(model);
    const prune_selection selection = oracle_selection(&rng, model);
    oracle_list(&o, model, scores, &selection);
    const float threshold = pick_threshold(&rng, &o);
    const uint64_t below = all_below(&o, threshold);
    oracle_choose(&o, -1, UINT64_MAX, threshold);

    prune_removal preview = wanted(foreseen), removal = wanted(by_layer);
    ck_assert_ok(prune_mask_preview(&preview, scores, &selection, threshold));
    ck_assert(world_same_models(model, expected));
    check_removal(&preview, &o);
    ck_assert_ok(prune_mask_below(&removal, model, scores, &selection, threshold));
    check_removal(&removal, &o);
    ck_assert_uint_eq(removal.spared, below - oracle_chosen(&o, -1));
    ck_assert_uint_eq(preview.spared, removal.spared);
    ck_assert_number(removal.threshold, threshold);
    ck_assert_number(preview.threshold, threshold);
    oracle_apply(expected, &o);
    ck_assert(world_same_models(model, expected));
    ck_assert_ok(prune_model_verify(model, NULL));
    prune_importance_free(scores);
    prune_model_free(expected);
    prune_model_free(model);
}

START_TEST(below_takes_what_is_strictly_below)
{
    for (uint64_t seed = 1000; seed < 1000 + WORLDS; seed++)
        below_in_one_world(seed);
}
END_TEST

START_TEST(units_are_counted)
{
    static oracle o;
    for (uint64_t seed = 0; seed < WORLDS; seed++) {
        prune_rng rng;
        uint64_t units, kept;
        prune_rng_seed(&rng, seed);
        prune_model *model = oracle_model(&rng, seed % 3);
        prune_importance *scores = magnitudes(model);
        const prune_selection selection = oracle_selection(&rng, model);
        oracle_list(&o, model, scores, &selection);
        ck_assert_ok(prune_mask_units(&units, &kept, model, &selection));
        ck_assert_uint_eq(units, o.count);
        ck_assert_uint_eq(kept, oracle_kept(&o, -1));
        prune_importance_free(scores);
        prune_model_free(model);
    }
}
END_TEST

/* ---- refusals ---- */

static const size_t small[] = { 4, 3, 2 };

typedef void spoil(prune_selection *selection, prune_removal *removal);

static void unknown_granularity(prune_selection *s, prune_removal *r)
{
    (void)r;
    s->granularity = PRUNE_BLOCKS + 1;
}
static void no_rows(prune_selection *s, prune_removal *r)
{
    (void)r;
    s->granularity = PRUNE_BLOCKS;
    s->block_rows = 0;
}
static void fewer_columns_than_none(prune_selection *s, prune_removal *r)
{
    (void)r;
    s->granularity = PRUNE_BLOCKS;
    s->block_columns = -1;
}
static void unknown_scope(prune_selection *s, prune_removal *r)
{
    (void)r;
    s->scope = 0;
}
static void unknown_aggregate(prune_selection *s, prune_removal *r)
{
    (void)r;
    s->aggregate = 6;
}
static void layer_too_large(prune_selection *s, prune_removal *r)
{
    (void)r;
    s->layer = 2;
}
static void layer_too_small(prune_selection *s, prune_removal *r)
{
    (void)r;
    s->layer = -2;
}
static void newer_selection(prune_selection *s, prune_removal *r)
{
    (void)r;
    s->size += sizeof(uint64_t);
}
static void newer_removal(prune_selection *s, prune_removal *r)
{
    (void)s;
    r->size += sizeof(uint64_t);
}
static void room_too_small(prune_selection *s, prune_removal *r)
{
    (void)s;
    r->by_layer_capacity = 1;
}
static void high_floor(prune_selection *s, prune_removal *r)
{
    (void)r;
    s->min_kept = 6;
}
static void protected_output(prune_selection *s, prune_removal *r)
{
    (void)r;
    s->granularity = PRUNE_NEURONS;
    s->layer = 1;
}
static void one_layer_too_small(prune_selection *s, prune_removal *r)
{
    (void)r;
    s->scope = PRUNE_PER_LAYER;
}

static const struct refusal {
    spoil *how;
    prune_status status;
    uint64_t count;
} refusals[] = {
    { no_rows, PRUNE_E_ARGUMENT, 1 },
    { fewer_columns_than_none, PRUNE_E_ARGUMENT, 1 },
    { unknown_granularity, PRUNE_E_ARGUMENT, 1 },
    { unknown_scope, PRUNE_E_ARGUMENT, 1 },
    { unknown_aggregate, PRUNE_E_ARGUMENT, 1 },
    { layer_too_large, PRUNE_E_RANGE, 1 },
    { layer_too_small, PRUNE_E_RANGE, 1 },
    { newer_selection, PRUNE_E_VERSION, 1 },
    { newer_removal, PRUNE_E_VERSION, 1 },
    { room_too_small, PRUNE_E_SHAPE, 1 },
    { high_floor, PRUNE_E_COLLAPSE, 7 },
    { protected_output, PRUNE_E_COLLAPSE, 1 },
    { one_layer_too_small, PRUNE_E_COLLAPSE, 6 },
};

static void refuse_one(const struct refusal *r)
{
    prune_model *model = world_model(NULL, small, 2, PRUNE_RELU, 7);
    prune_importance *scores = magnitudes(model);
    uint64_t by_layer[LAYERS];
    prune_selection selection;
    prune_removal removal = wanted(by_layer);
    prune_selection_init(&selection);
    r->how(&selection, &removal);
    const prune_removal before = removal;
    const uint64_t hash = world_hash(model);
    ck_assert_status(prune_mask_lowest(&removal, model, scores, &selection, r->count), r->status);
    if (r->status != PRUNE_E_COLLAPSE) {
        ck_assert_status(prune_mask_below(&removal, model, scores, &selection, 0.1f), r->status);
        ck_assert_status(prune_mask_preview(&removal, scores, &selection, 0.1f), r->status);
    }
    ck_assert_uint_eq(world_hash(model), hash);
    ck_assert_mem_eq(&removal, &before, sizeof removal);
    for (size_t l = 0; l < LAYERS; l++)
        ck_assert_uint_eq(by_layer[l], UINT64_C(0x5555555555555555));
    prune_importance_free(scores);
    prune_model_free(model);
}

START_TEST(what_is_refused_changes_nothing)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        refuse_one(&refusals[i]);
}
END_TEST

START_TEST(floors_that_a_layer_is_below_already_take_nothing_from_it)
{
    prune_model *model = world_model(NULL, small, 2, PRUNE_RELU, 7); /* 12 and 6 weights */
    prune_importance *scores = magnitudes(model);
    prune_selection selection;
    uint64_t by_layer[LAYERS];
    prune_removal removal = wanted(by_layer);
    prune_selection_init(&selection);
    selection.min_kept = 8;
    ck_assert_status(prune_mask_lowest(NULL, model, scores, &selection, 5), PRUNE_E_COLLAPSE);
    ck_assert_ok(prune_mask_lowest(&removal, model, scores, &selection, 4));
    ck_assert_uint_eq(by_layer[0], 4);
    ck_assert_uint_eq(by_layer[1], 0);
    removal = wanted(by_layer);
    ck_assert_ok(prune_mask_below(&removal, model, scores, &selection, 1e9f));
    ck_assert_uint_eq(removal.removed, 0);
    ck_assert_uint_eq(removal.spared, 14);
    selection.min_kept = 0; /* the user may empty it all, if he says so */
    ck_assert_ok(prune_mask_below(&removal, model, scores, &selection, 1e9f));
    ck_assert_uint_eq(removal.kept, 0);
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

START_TEST(scores_must_be_there_and_of_this_model)
{
    prune_model *model = world_model(NULL, small, 2, PRUNE_RELU, 7), *twin = copy_of(model), *empty;
    prune_importance *scores = magnitudes(model), *unfilled;
    prune_removal removal;
    uint64_t units, kept;
    const uint64_t hash = world_hash(model);
    ck_assert_ok(prune_model_create(&empty, NULL, 3));
    ck_assert_ok(prune_importance_create(&unfilled, NULL, model, PRUNE_TAYLOR));
    prune_removal_init(&removal);
    ck_assert_status(prune_mask_lowest(NULL, twin, scores, NULL, 1), PRUNE_E_STATE);
    ck_assert_status(prune_mask_below(NULL, twin, scores, NULL, 1.0f), PRUNE_E_STATE);
    ck_assert_status(prune_mask_lowest(NULL, model, unfilled, NULL, 1), PRUNE_E_STATE);
    ck_assert_status(prune_mask_below(NULL, model, unfilled, NULL, 1.0f), PRUNE_E_STATE);
    ck_assert_status(prune_mask_preview(&removal, unfilled, NULL, 1.0f), PRUNE_E_STATE);
    ck_assert_status(prune_mask_lowest(NULL, NULL, scores, NULL, 1), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_lowest(NULL, model, NULL, NULL, 1), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_below(NULL, NULL, scores, NULL, 1.0f), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_below(NULL, model, NULL, NULL, 1.0f), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_preview(NULL, scores, NULL, 1.0f), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_preview(&removal, NULL, NULL, 1.0f), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_units(NULL, &kept, model, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_units(&units, NULL, model, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_units(&units, &kept, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_units(&units, &kept, empty, NULL), PRUNE_E_NO_LAYERS);
    ck_assert_uint_eq(world_hash(model), hash);
    ck_assert_ok(prune_model_add_dense(model, 2, PRUNE_LINEAR));
    ck_assert_status(prune_mask_lowest(NULL, model, scores, NULL, 1), PRUNE_E_STATE);
    prune_importance_free(scores);
    prune_importance_free(unfilled);
    prune_model_free(model);
    prune_model_free(twin);
    prune_model_free(empty);
}
END_TEST

START_TEST(thresholds_out_of_range_are_refused)
{
    const float bad[] = { NAN, INFINITY, -INFINITY, -1e-30f };
    prune_model *model = world_model(NULL, small, 2, PRUNE_RELU, 7);
    prune_importance *scores = magnitudes(model);
    prune_removal removal;
    prune_removal_init(&removal);
    const uint64_t hash = world_hash(model);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_status(prune_mask_below(&removal, model, scores, NULL, bad[i]), PRUNE_E_RANGE);
        ck_assert_status(prune_mask_preview(&removal, scores, NULL, bad[i]), PRUNE_E_RANGE);
    }
    ck_assert_uint_eq(world_hash(model), hash);
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

START_TEST(choosing_allocates_nothing)
{
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_model *model = world_model(&mem, small, 2, PRUNE_RELU, 7);
    prune_importance *scores;
    prune_selection selection;
    prune_removal removal;
    prune_selection_init(&selection);
    prune_removal_init(&removal);
    ck_assert_ok(prune_importance_create(&scores, &mem, model, PRUNE_MAGNITUDE));
    const size_t requests = h.requests;
    ck_assert_ok(prune_mask_lowest(&removal, model, scores, &selection, 3));
    selection.granularity = PRUNE_NEURONS;
    ck_assert_ok(prune_mask_lowest(&removal, model, scores, &selection, 1));
    ck_assert_ok(prune_mask_preview(&removal, scores, &selection, 1.0f));
    ck_assert_ok(prune_mask_below(&removal, model, scores, &selection, 1.0f));
    selection.granularity = PRUNE_BLOCKS;
    ck_assert_ok(prune_mask_preview(&removal, scores, &selection, 1.0f));
    ck_assert_uint_eq(h.requests, requests);
    prune_importance_free(scores);
    prune_model_free(model);
    ck_assert(heap_is_clean(&h));
}
END_TEST

START_TEST(an_older_removal_struct_is_filled_as_far_as_it_goes)
{
    prune_model *model = world_model(NULL, small, 2, PRUNE_RELU, 7);
    prune_importance *scores = magnitudes(model);
    prune_removal removal;
    memset(&removal, 0x55, sizeof removal);
    removal.size = offsetof(prune_removal, spared);
    ck_assert_ok(prune_mask_lowest(&removal, model, scores, NULL, 3));
    ck_assert_uint_eq(removal.removed, 3);
    ck_assert_uint_eq(removal.spared, UINT64_C(0x5555555555555555));
    ck_assert_uint_eq(removal.size, offsetof(prune_removal, spared));
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        lowest_takes_what_a_stable_sort_would,
        equal_scores_go_in_order_of_layer_and_index,
        below_takes_what_is_strictly_below,
        units_are_counted,
        what_is_refused_changes_nothing,
        floors_that_a_layer_is_below_already_take_nothing_from_it,
        scores_must_be_there_and_of_this_model,
        thresholds_out_of_range_are_refused,
        choosing_allocates_nothing,
        an_older_removal_struct_is_filled_as_far_as_it_goes,
    };
    return run_tests("mask", tests, sizeof tests / sizeof tests[0]);
}
