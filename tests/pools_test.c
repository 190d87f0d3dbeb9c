/* pools_test.c -- what each layer loses by rank, alone and in pools, and losing exactly that
 *
 * SPDX-License-Identifier: MIT */
#include "support/allot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- by rank ---- */

typedef struct unit {
    size_t layer, index, rank; /* the place within its layer */
    float score, own;
} unit;

static int in_layer(const void *a, const void *b)
{
    const unit *x = a, *y = b;
    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    if (x->own < y->own || x->own > y->own)
        return x->own < y->own ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static int over_layers(const void *a, const void *b)
{
    const unit *x = a, *y = b;
    if (x->score < y->score || x->score > y->score)
        return x->score < y->score ? -1 : 1;
    return in_layer(a, b);
}

static double measure_of(const unit *units, size_t count, int32_t normalize)
{
    double sum = 0.0, squares = 0.0, most = 0.0;
    for (size_t i = 0; i < count; i++) {
        const double size = fabs((double)units[i].own);
        sum += size;
        squares += size * size;
        most = fmax(most, size);
    }
    return normalize == PRUNE_NORMALIZE_MEAN  ? sum / (double)count
           : normalize == PRUNE_NORMALIZE_L2  ? sqrt(squares)
           : normalize == PRUNE_NORMALIZE_MAX ? most
                                              : 1.0;
}

/* The kept weights of one layer. */
static size_t list_layer(unit *units, const allot *n, size_t l)
{
    static uint8_t mask[ALLOT_UNITS];
    const size_t count = (size_t)n->units[l];
    size_t kept = 0;
    const float *score = prune_importance_scores(n->scores, 2 * l);
    ck_assert_ok(prune_mask_get(mask, count, n->model, 2 * l));
    for (size_t i = 0; i < count; i++)
        if (mask[i])
            units[kept++] = (unit){ .layer = l, .index = i, .own = score[i] };
    const double measure = measure_of(units, kept, n->allocation.normalize);
    for (size_t i = 0; i < kept; i++)
        units[i].score = measure > 0.0 ? (float)((double)units[i].own / measure) : 0.0f;
    qsort(units, kept, sizeof *units, in_layer);
    for (size_t i = 0; i < kept; i++)
        units[i].rank = i;
    return kept;
}

/* First what each layer has to lose, then the lowest of all that may go. */
static void rank_by_sorting(uint64_t *counts, const allot *n, int32_t pool, uint64_t total)
{
    static unit units[ALLOT_UNITS];
    size_t count = 0;
    for (size_t l = 0; l < n->layers; l++) {
        uint64_t limits[2];
        if (n->allocation.pool != NULL && n->allocation.pool[l] != pool)
            continue;
        count += list_layer(units + count, n, l);
        allot_limits(limits, n, l);
        counts[l] = limits[0];
        total -= limits[0];
    }
    qsort(units, count, sizeof *units, over_layers);
    for (size_t i = 0; i < count && total > 0; i++) {
        const unit *u = &units[i];
        uint64_t limits[2];
        allot_limits(limits, n, u->layer);
        if (u->rank < limits[0] || u->rank >= limits[1])
            continue;
        counts[u->layer]++;
        total--;
    }
}

START_TEST(ranking_is_that_of_sorting)
{
    for (uint64_t seed = 0; seed < 1500; seed++) {
        allot n;
        uint64_t least, most, expected[ALLOT_LAYERS];
        allot_open(&n, NULL, seed, PRUNE_WEIGHTS);
        allot_remove_some(&n);
        n.allocation.normalize = (int32_t)(seed % 4);
        if (allot_draw(&n, 2) == 0)
            allot_limit(&n);
        if (prune_allocate_range(&least, &most, n.model, &n.allocation) == PRUNE_OK) {
            const uint64_t total = least + allot_draw(&n, (size_t)(most - least) + 1);
            ck_assert_ok(allot_run(&n, total));
            rank_by_sorting(expected, &n, 0, total);
            ck_assert_mem_eq(n.counts, expected, n.layers * sizeof *expected);
        }
        allot_close(&n);
    }
}
END_TEST

/* Torch-Pruning's scopes: each pool of layers has a ranking of its own, and loses its part. */
START_TEST(pools_rank_apart_and_lose_the_same_part)
{
    for (uint64_t seed = 0; seed < 500; seed++) {
        allot n;
        uint64_t all = 0, units[3] = { 0 }, gone[3] = { 0 }, expected[ALLOT_LAYERS];
        allot_open(&n, NULL, seed, PRUNE_WEIGHTS);
        allot_pools(&n);
        n.selection.min_kept = 0;
        n.allocation.normalize = PRUNE_NORMALIZE_MEAN;
        for (size_t l = 0; l < n.layers; l++) {
            all += n.units[l];
            units[n.pool[l]] += n.units[l];
        }
        ck_assert_ok(allot_run(&n, all / 2));
        for (size_t l = 0; l < n.layers; l++)
            gone[n.pool[l]] += n.counts[l];
        for (size_t p = 0; p < 3; p++) {
            ck_assert_double_le(fabs((double)gone[p] - (double)units[p] / 2.0), 1.0);
            rank_by_sorting(expected, &n, (int32_t)p, gone[p]);
        }
        ck_assert_mem_eq(n.counts, expected, n.layers * sizeof *expected);
        allot_close(&n);
    }
}
END_TEST

START_TEST(pools_below_0_lose_nothing)
{
    for (uint64_t seed = 0; seed < 300; seed++) {
        allot n;
        uint64_t most, sum = 0;
        allot_open(&n, NULL, seed, PRUNE_WEIGHTS);
        allot_pools(&n);
        for (size_t l = 0; l < n.layers; l++)
            n.pool[l]--;
        n.allocation.rule = (int32_t)(1 + seed % 3);
        ck_assert_ok(prune_allocate_range(NULL, &most, n.model, &n.allocation));
        for (size_t l = 0; l < n.layers; l++)
            sum += n.pool[l] < 0 ? 0 : allot_floor(&n, l);
        ck_assert_uint_eq(most, sum);
        ck_assert_ok(allot_run(&n, most));
        for (size_t l = 0; l < n.layers; l++)
            ck_assert_uint_eq(n.counts[l], n.pool[l] < 0 ? 0 : allot_floor(&n, l));
        allot_close(&n);
    }
}
END_TEST

/* Without limits and pools it is the ranking of mask.h, neurons too. */
START_TEST(plain_ranking_is_that_of_masks)
{
    for (uint64_t seed = 0; seed < 600; seed++) {
        allot n;
        uint64_t most, by_layer[ALLOT_LAYERS];
        prune_removal removal;
        allot_open(&n, NULL, seed, PRUNE_WEIGHTS + (int32_t)(seed % 4));
        allot_remove_some(&n);
        ck_assert_ok(prune_allocate_range(NULL, &most, n.model, &n.allocation));
        const uint64_t total = allot_draw(&n, (size_t)most + 1);
        ck_assert_ok(allot_run(&n, total));
        prune_model *twin;
        ck_assert_ok(prune_model_clone(&twin, NULL, n.model));
        ck_assert_ok(prune_mask_allocated(NULL, n.model, n.scores, &n.selection, n.counts, n.layers));
        prune_importance *scores;
        ck_assert_ok(prune_importance_create(&scores, NULL, twin, PRUNE_MAGNITUDE));
        prune_removal_init(&removal);
        removal.by_layer = by_layer;
        removal.by_layer_capacity = n.layers;
        ck_assert_ok(prune_mask_lowest(&removal, twin, scores, &n.selection, total));
        ck_assert_mem_eq(n.counts, by_layer, n.layers * sizeof *by_layer);
        ck_assert(world_same_models(n.model, twin));
        prune_importance_free(scores);
        prune_model_free(twin);
        allot_close(&n);
    }
}
END_TEST

/* ---- removing ---- */

/* By magnitude up to the last unit that may go: no layer ends up with less than its floor. */
START_TEST(no_layer_collapses_at_maximal_compression)
{
    for (uint64_t seed = 0; seed < 500; seed++) {
        allot n;
        uint64_t most;
        allot_open(&n, NULL, seed, PRUNE_WEIGHTS + (int32_t)(seed % 4));
        n.selection.min_kept = 1 + allot_draw(&n, 3);
        n.allocation.rule = (int32_t)(1 + seed % 3);
        ck_assert_ok(prune_allocate_range(NULL, &most, n.model, &n.allocation));
        ck_assert_ok(allot_run(&n, most));
        ck_assert_ok(prune_mask_allocated(NULL, n.model, n.scores, &n.selection, n.counts, n.layers));
        const allot before = n;
        allot_count(&n);
        for (size_t l = 0; l < n.layers; l++) {
            const uint64_t floor = n.selection.min_kept;
            ck_assert_uint_eq(n.kept[l], before.kept[l] < floor ? before.kept[l] : floor);
        }
        ck_assert_status(allot_run(&n, 1), PRUNE_E_COLLAPSE);
        allot_close(&n);
    }
}
END_TEST

/* No weight that stays is lower than one that went. */
static void check_lowest_went(const allot *n, size_t l, const uint8_t *before, const uint8_t *after)
{
    const float *score = prune_importance_scores(n->scores, 2 * l);
    for (size_t i = 0; i < n->units[l]; i++)
        for (size_t j = 0; j < n->units[l]; j++) {
            const int32_t went = before[i] && !after[i];
            if (went && after[j])
                ck_assert(score[i] < score[j] || (score[i] <= score[j] && i < j));
        }
}

START_TEST(exactly_the_lowest_of_each_layer_go)
{
    static uint8_t before[ALLOT_LAYERS][ALLOT_UNITS], after[ALLOT_UNITS];
    for (uint64_t seed = 0; seed < 200; seed++) {
        allot n;
        uint64_t sum = 0, by_layer[ALLOT_LAYERS];
        prune_removal removal;
        allot_open(&n, NULL, seed, PRUNE_WEIGHTS);
        allot_remove_some(&n);
        for (size_t l = 0; l < n.layers; l++) {
            sum += n.counts[l] = allot_draw(&n, (size_t)allot_floor(&n, l) + 1);
            ck_assert_ok(prune_mask_get(before[l], (size_t)n.units[l], n.model, 2 * l));
        }
        prune_removal_init(&removal);
        removal.by_layer = by_layer;
        removal.by_layer_capacity = n.layers;
        ck_assert_ok(prune_mask_allocated(&removal, n.model, n.scores, &n.selection, n.counts, n.layers));
        ck_assert_uint_eq(removal.removed, sum);
        ck_assert_mem_eq(by_layer, n.counts, n.layers * sizeof *by_layer);
        for (size_t l = 0; l < n.layers; l++) {
            ck_assert_ok(prune_mask_get(after, (size_t)n.units[l], n.model, 2 * l));
            check_lowest_went(&n, l, before[l], after);
        }
        allot_close(&n);
    }
}
END_TEST

/* Layers between have nothing to lose; the output layer keeps its neurons unless it is asked for. */
START_TEST(layers_without_units_lose_nothing)
{
    prune_model *model;
    prune_importance *scores;
    prune_selection neurons;
    prune_allocation by;
    uint64_t counts[4], least, most;
    ck_assert_ok(prune_model_create(&model, NULL, 5));
    ck_assert_ok(prune_model_add_dense(model, 8, PRUNE_LINEAR));
    ck_assert_ok(prune_model_add_batch_norm(model, 0.1f, 1e-5f));
    ck_assert_ok(prune_model_add_activation(model, PRUNE_RELU));
    ck_assert_ok(prune_model_add_dense(model, 3, PRUNE_LINEAR));
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
    prune_selection_init(&neurons);
    neurons.granularity = PRUNE_NEURONS;
    prune_allocation_init(&by);
    by.selection = &neurons;
    ck_assert_ok(prune_allocate_range(&least, &most, model, &by));
    ck_assert_uint_eq(least, 0);
    ck_assert_uint_eq(most, 7);
    for (int32_t rule = PRUNE_ALLOCATE_RANKED; rule <= PRUNE_ALLOCATE_ERK; rule++) {
        by.rule = rule;
        ck_assert_ok(prune_allocate(counts, 4, model, scores, &by, 6));
        ck_assert_uint_eq(counts[0], 6);
        ck_assert_uint_eq(counts[1] + counts[2] + counts[3], 0);
    }
    for (size_t l = 1; l < 4; l++) {
        uint64_t wrong[4] = { 0 };
        wrong[l] = 1;
        const uint64_t before = world_hash(model);
        ck_assert_status(prune_mask_allocated(NULL, model, scores, &neurons, wrong, 4), PRUNE_E_RANGE);
        ck_assert_uint_eq(world_hash(model), before);
    }
    neurons.granularity = PRUNE_WEIGHTS;
    neurons.include_bias = 1;
    by.rule = PRUNE_ALLOCATE_ERK;
    ck_assert_ok(prune_allocate_range(NULL, &most, model, &by));
    ck_assert_uint_eq(most, 5 * 8 + 8 - 1 + 8 * 3 + 3 - 1);
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        ranking_is_that_of_sorting,
        pools_rank_apart_and_lose_the_same_part,
        pools_below_0_lose_nothing,
        plain_ranking_is_that_of_masks,
        no_layer_collapses_at_maximal_compression,
        exactly_the_lowest_of_each_layer_go,
        layers_without_units_lose_nothing,
    };
    return run_tests("pools", tests, sizeof tests / sizeof tests[0]);
}
