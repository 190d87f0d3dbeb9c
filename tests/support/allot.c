/* allot.c -- small random nets with scores, and what their layers may lose
 *
 * SPDX-License-Identifier: MIT */
#include "allot.h"

#include <math.h>
#include <string.h>

size_t allot_draw(allot *n, size_t below)
{
    return (size_t)prune_rng_below(&n->rng, below);
}

/* Weights of few values, so that there are ties. */
static void set_weights(allot *n)
{
    static float values[ALLOT_UNITS];
    for (size_t l = 0; l < n->layers; l++) {
        const size_t count = n->widths[l] * n->widths[l + 1];
        for (size_t i = 0; i < count; i++)
            values[i] = (float)allot_draw(n, 40) * (l % 2 == 0 ? 0.125f : 0.01f) - 1.0f;
        ck_assert_ok(prune_model_set_param(n->model, 2 * l, values, count));
    }
}

void allot_count(allot *n)
{
    for (size_t l = 0; l < n->layers; l++) {
        prune_selection one = n->selection;
        one.layer = (int32_t)l;
        ck_assert_ok(prune_mask_units(&n->units[l], &n->kept[l], n->model, &one));
    }
}

void allot_remove_some(allot *n)
{
    prune_selection one = n->selection;
    for (size_t l = 0; l < n->layers; l++) {
        one.layer = (int32_t)l;
        if (n->kept[l] > 1 && allot_draw(n, 2) == 0)
            ck_assert_ok(
                prune_mask_lowest(NULL, n->model, n->scores, &one, allot_draw(n, (size_t)n->kept[l])));
    }
    allot_count(n);
}

void allot_open(allot *n, const prune_allocator *mem, uint64_t seed, int32_t granularity)
{
    memset(n, 0, sizeof *n);
    prune_rng_seed(&n->rng, seed);
    n->layers = 1 + allot_draw(n, ALLOT_LAYERS);
    for (size_t l = 0; l <= n->layers; l++)
        n->widths[l] = 1 + allot_draw(n, 20);
    n->model = world_model(mem, n->widths, n->layers, PRUNE_RELU, seed);
    set_weights(n);
    ck_assert_ok(prune_importance_create(&n->scores, mem, n->model, PRUNE_MAGNITUDE));
    prune_selection_init(&n->selection);
    n->selection.granularity = granularity;
    n->selection.include_output = 1;
    n->selection.aggregate = PRUNE_ROW_L1;
    prune_allocation_init(&n->allocation);
    n->allocation.selection = &n->selection;
    allot_count(n);
}

void allot_close(allot *n)
{
    prune_importance_free(n->scores);
    prune_model_free(n->model);
}

void allot_limit(allot *n)
{
    for (size_t l = 0; l < n->layers; l++) {
        const double a = (double)allot_draw(n, 5) / 8.0, b = (double)(allot_draw(n, 5) + 4) / 8.0;
        n->least[l] = a < b ? a : b;
        n->most[l] = a < b ? b : a;
    }
    n->allocation.least = n->least;
    n->allocation.most = n->most;
    n->allocation.layers = n->layers;
}

void allot_pools(allot *n)
{
    for (size_t l = 0; l < n->layers; l++)
        n->pool[l] = (int32_t)allot_draw(n, 3);
    n->allocation.pool = n->pool;
    n->allocation.layers = n->layers;
}

void allot_tabulate(allot *n)
{
    for (size_t i = 0; i < ALLOT_LEVELS; i++)
        n->fractions[i] = (double)(i + 1) / ALLOT_LEVELS;
    for (size_t i = 0; i < n->layers * ALLOT_LEVELS; i++)
        n->values[i] = allot_draw(n, 12) == 0 ? (double)NAN : (double)allot_draw(n, 9);
    prune_sensitivity_init(&n->table);
    n->table.fractions = n->fractions;
    n->table.levels = ALLOT_LEVELS;
    n->table.values = n->values;
    n->table.capacity = n->layers * ALLOT_LEVELS;
    n->table.reference = 4.0;
    n->table.higher_is_better = (int32_t)allot_draw(n, 2);
    n->allocation.sensitivity = &n->table;
}

prune_status allot_run(allot *n, uint64_t total)
{
    return prune_allocate(n->counts, n->layers, n->model, n->scores, &n->allocation, total);
}

uint64_t allot_floor(const allot *n, size_t l)
{
    return n->kept[l] > n->selection.min_kept ? n->kept[l] - n->selection.min_kept : 0;
}

static uint64_t limit_of(const allot *n, const double *fractions, size_t l, double otherwise)
{
    uint64_t count;
    const uint64_t gone = n->units[l] - n->kept[l];
    ck_assert_ok(prune_fraction_count(&count, fractions != NULL ? fractions[l] : otherwise, n->units[l]));
    return count > gone ? count - gone : 0;
}

void allot_limits(uint64_t least_most[2], const allot *n, size_t l)
{
    least_most[0] = limit_of(n, n->allocation.least, l, 0.0);
    least_most[1] = limit_of(n, n->allocation.most, l, 1.0);
    least_most[1] = least_most[1] < allot_floor(n, l) ? least_most[1] : allot_floor(n, l);
}
