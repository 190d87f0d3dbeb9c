/* row_mask_test.c -- the lowest weights of each row, against sorting each row
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <math.h>

enum { LAYERS = 3, MOST = 80 };
static const size_t widths[LAYERS + 1] = { 10, 8, 5, 3 };

typedef struct world {
    prune_model *model;
    prune_importance *table;
    float score[LAYERS][MOST];
    uint8_t mask[LAYERS][MOST];
} world;

/* Few different scores, some below 0; about a quarter is removed before. */
static world make_world(uint64_t seed)
{
    world w = { .model = world_model(NULL, widths, LAYERS, PRUNE_TANH, seed) };
    prune_rng rng;
    prune_rng_seed(&rng, seed);
    ck_assert_ok(prune_importance_create(&w.table, NULL, w.model, PRUNE_SUPPLIED));
    for (size_t l = 0; l < LAYERS; l++) {
        const size_t count = world_count(w.model, 2 * l);
        for (size_t i = 0; i < count; i++) {
            w.score[l][i] = (float)prune_rng_below(&rng, 7) - 3.0f;
            w.mask[l][i] = prune_rng_below(&rng, 4) != 0;
        }
        ck_assert_ok(prune_mask_set(w.model, 2 * l, w.mask[l], count));
        ck_assert_ok(prune_importance_set_scores(w.table, 2 * l, w.score[l], count));
    }
    return w;
}

static void end_world(world *w)
{
    prune_importance_free(w->table);
    prune_model_free(w->model);
}

/* Takes the lowest kept weight of a row, one by one. Returns how many, and the largest score. */
static size_t take_lowest(uint8_t *mask, const float *score, size_t columns, size_t wanted, float *largest)
{
    size_t gone = 0, taken = 0;
    for (size_t c = 0; c < columns; c++)
        gone += !mask[c];
    for (; gone < wanted; gone++, taken++) {
        size_t lowest = columns;
        for (size_t c = 0; c < columns; c++)
            if (mask[c] && (lowest == columns || score[c] < score[lowest]))
                lowest = c;
        mask[lowest] = 0;
        *largest = score[lowest] > *largest ? score[lowest] : *largest;
    }
    return taken;
}

static void check(uint64_t seed, int32_t layer, double fraction)
{
    world w = make_world(seed);
    uint64_t by_layer[LAYERS], units = 0, removed = 0, kept = 0;
    float largest = -1e9f;
    prune_removal removal;
    prune_removal_init(&removal);
    removal.by_layer = by_layer;
    removal.by_layer_capacity = LAYERS;
    ck_assert_ok(prune_mask_rows(&removal, w.model, w.table, layer, fraction));
    for (size_t l = 0; l < LAYERS; l++) {
        uint8_t got[MOST];
        uint64_t taken = 0;
        const int32_t covered = layer == -1 || (size_t)layer == l;
        const size_t columns = widths[l], count = columns * widths[l + 1];
        const size_t wanted = covered ? (size_t)floor(fraction * (double)columns) : 0;
        for (size_t o = 0; o < widths[l + 1]; o++)
            taken +=
                take_lowest(w.mask[l] + o * columns, w.score[l] + o * columns, columns, wanted, &largest);
        ck_assert_ok(prune_mask_get(got, count, w.model, 2 * l));
        ck_assert_mem_eq(got, w.mask[l], count);
        ck_assert_uint_eq(by_layer[l], taken);
        removed += taken;
        units += covered ? count : 0;
        for (size_t i = 0; covered && i < count; i++)
            kept += w.mask[l][i];
    }
    ck_assert_uint_eq(removal.units, units);
    ck_assert_uint_eq(removal.removed, removed);
    ck_assert_uint_eq(removal.kept, kept);
    ck_assert(removed == 0 || removal.threshold == largest);
    (void)world_check_removed(w.model, NULL);
    end_world(&w);
}

START_TEST(as_sorting_each_row_does)
{
    static const double fractions[] = { 0.0, 0.1, 0.29, 0.5, 0.6, 0.999 };
    for (uint64_t seed = 0; seed < 15; seed++)
        for (size_t f = 0; f < sizeof fractions / sizeof fractions[0]; f++)
            for (int32_t layer = -1; layer < LAYERS; layer++)
                check(seed, layer, fractions[f]);
}
END_TEST

/* Products are rounded to double before the floor, as Python's int(columns * s): 10 * 0.3 is 3. */
START_TEST(counts_are_those_of_python)
{
    for (size_t tenths = 0; tenths < 10; tenths++) {
        world w = make_world(1);
        ck_assert_ok(prune_mask_reset(w.model));
        ck_assert_ok(prune_mask_rows(NULL, w.model, w.table, 0, (double)tenths / 10.0));
        uint8_t mask[MOST];
        size_t gone = 0;
        ck_assert_ok(prune_mask_get(mask, 80, w.model, 0));
        for (size_t i = 0; i < 10; i++)
            gone += !mask[i];
        ck_assert_uint_eq(gone, tenths);
        end_world(&w);
    }
}
END_TEST

START_TEST(bad_arguments_remove_nothing)
{
    world w = make_world(1), other = make_world(2);
    prune_removal removal;
    uint64_t by_layer[LAYERS] = { 0 };
    const uint64_t hash = world_hash(w.model);
    prune_removal_init(&removal);
    ck_assert_status(prune_mask_rows(NULL, NULL, w.table, -1, 0.5), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_rows(NULL, w.model, NULL, -1, 0.5), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_rows(NULL, w.model, other.table, -1, 0.5), PRUNE_E_STATE);
    ck_assert_status(prune_mask_rows(NULL, w.model, w.table, -1, 1.0), PRUNE_E_COLLAPSE);
    ck_assert_status(prune_mask_rows(NULL, w.model, w.table, -1, -0.1), PRUNE_E_RANGE);
    ck_assert_status(prune_mask_rows(NULL, w.model, w.table, -1, 1.1), PRUNE_E_RANGE);
    ck_assert_status(prune_mask_rows(NULL, w.model, w.table, -1, (double)NAN), PRUNE_E_RANGE);
    ck_assert_status(prune_mask_rows(NULL, w.model, w.table, LAYERS, 0.5), PRUNE_E_RANGE);
    ck_assert_status(prune_mask_rows(NULL, w.model, w.table, -2, 0.5), PRUNE_E_RANGE);
    removal.by_layer = by_layer;
    removal.by_layer_capacity = LAYERS - 1;
    ck_assert_status(prune_mask_rows(&removal, w.model, w.table, -1, 0.5), PRUNE_E_SHAPE);
    removal.size = sizeof removal + 1;
    ck_assert_status(prune_mask_rows(&removal, w.model, w.table, -1, 0.5), PRUNE_E_VERSION);
    ck_assert_ok(prune_importance_reset(w.table));
    ck_assert_status(prune_mask_rows(NULL, w.model, w.table, -1, 0.5), PRUNE_E_STATE);
    ck_assert_uint_eq(world_hash(w.model), hash);
    end_world(&w);
    end_world(&other);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { as_sorting_each_row_does, counts_are_those_of_python,
                                   bad_arguments_remove_nothing };
    return run_tests("row_mask", tests, sizeof tests / sizeof tests[0]);
}
