/* lowest_test.c -- choices among many weights: what a stable sort of all of them would take
 *
 * Nets large enough for the choice by a sample (rank.c), scores that make it easy and hard: ties, also at the
 * edge, scores below 0, scales that differ by column, most weights gone before.
 *
 * SPDX-License-Identifier: MIT */
#include "support/runner.h"

#include <stdlib.h>
#include <string.h>

enum { LAYERS = 3, WEIGHTS = 157 * 131 + 131 * 90 + 90 * 7, CASES = 40 };

static const size_t widths[LAYERS + 1] = { 157, 131, 90, 7 };

typedef struct unit {
    float score;
    size_t layer, index;
    int32_t kept, chosen;
} unit;

typedef struct world {
    prune_rng rng;
    prune_model *model;
    prune_importance *scores;
    prune_selection selection;
    unit *unit;    /* by layer and index */
    unit **ranked; /* by score, layer and index */
    size_t kept[LAYERS], goes[LAYERS];
} world;

/* ---- scores ---- */

typedef float draw(prune_rng *rng, size_t i);

static float normal(prune_rng *rng, size_t i)
{
    (void)i;
    return prune_rng_normal(rng);
}

static float magnitude(prune_rng *rng, size_t i)
{
    const float x = normal(rng, i);
    return x < 0.0f ? -x : x;
}

static float all_equal(prune_rng *rng, size_t i)
{
    (void)rng;
    (void)i;
    return 0.25f;
}

static float one_of_three(prune_rng *rng, size_t i)
{
    (void)i;
    return (float)prune_rng_below(rng, 3) - 1.0f;
}

/* As of a net whose weights were rounded to 8 bits. */
static float eight_bits(prune_rng *rng, size_t i)
{
    return (float)(int32_t)(32.0f * normal(rng, i)) / 32.0f;
}

static float mostly_zero(prune_rng *rng, size_t i)
{
    static const float zeros[] = { 0.0f, -0.0f };
    return prune_rng_below(rng, 4) != 0 ? zeros[prune_rng_below(rng, 2)] : normal(rng, i);
}

/* Two values next to each other, also beside 0, make an edge that no bracket is without. */
static float neighbours(prune_rng *rng, size_t i)
{
    static const float values[] = { -0x1p-149f, 0.0f, 0x1p-149f };
    (void)i;
    return values[prune_rng_below(rng, 3)];
}

static float by_column(prune_rng *rng, size_t i)
{
    return normal(rng, i) * (i % 96 == 0 ? 1000.0f : 1.0f);
}

static float falling(prune_rng *rng, size_t i)
{
    (void)rng;
    return -(float)i;
}

static float wide(prune_rng *rng, size_t i)
{
    static const float ends[] = { -3.4028235e38f, 3.4028235e38f, 1e-38f, -1e-30f };
    return prune_rng_below(rng, 2) != 0 ? ends[prune_rng_below(rng, 4)] : normal(rng, i);
}

static draw *const draws[] = { normal,      magnitude,  all_equal, one_of_three, eight_bits,
                               mostly_zero, neighbours, by_column, falling,      wide };

enum { DRAWS = sizeof draws / sizeof draws[0] };

/* ---- a world ---- */

static size_t count_of(size_t l)
{
    return widths[l] * widths[l + 1];
}

/* About one in `every` weights is gone already, 0: none. */
static void open_layer(world *w, unit *units, size_t l, draw *score, uint64_t every)
{
    const size_t count = count_of(l);
    float *scores = malloc(count * sizeof *scores);
    uint8_t *mask = malloc(count);
    ck_assert(scores != NULL && mask != NULL);
    w->kept[l] = 0;
    for (size_t i = 0; i < count; i++) {
        scores[i] = score(&w->rng, i);
        mask[i] = every == 0 || prune_rng_below(&w->rng, every) != 0;
        units[i] = (unit){ scores[i], l, i, mask[i], 0 };
        w->kept[l] += mask[i];
    }
    ck_assert_ok(prune_importance_set_scores(w->scores, 2 * l, scores, count));
    ck_assert_ok(prune_mask_set(w->model, 2 * l, mask, count));
    free(scores);
    free(mask);
}

static int by_rank(const void *a, const void *b)
{
    const unit *x = *(unit *const *)a, *y = *(unit *const *)b;
    if (x->score < y->score || y->score < x->score)
        return x->score < y->score ? -1 : 1;
    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static void open_world(world *w, uint64_t seed)
{
    static const uint64_t gone[] = { 0, 0, 10, 2 };
    size_t first = 0;
    *w = (world){ 0 };
    prune_rng_seed(&w->rng, seed);
    w->model = world_model(NULL, widths, LAYERS, PRUNE_RELU, seed);
    ck_assert_ok(prune_importance_create(&w->scores, NULL, w->model, PRUNE_SUPPLIED));
    w->unit = malloc(WEIGHTS * sizeof *w->unit);
    w->ranked = malloc(WEIGHTS * sizeof *w->ranked);
    ck_assert(w->unit != NULL && w->ranked != NULL);
    for (size_t l = 0; l < LAYERS; first += count_of(l++))
        open_layer(w, w->unit + first, l, draws[seed % DRAWS], gone[prune_rng_below(&w->rng, 4)]);
    for (size_t i = 0; i < WEIGHTS; i++)
        w->ranked[i] = &w->unit[i];
    qsort(w->ranked, WEIGHTS, sizeof *w->ranked, by_rank);
    prune_selection_init(&w->selection);
    w->selection.min_kept = prune_rng_below(&w->rng, 3) == 0 ? prune_rng_below(&w->rng, 3000) : seed % 2;
}

static void close_world(world *w)
{
    prune_importance_free(w->scores);
    prune_model_free(w->model);
    free(w->unit);
    free(w->ranked);
}

/* ---- what should go ---- */

static uint64_t may_go(const world *w, size_t l)
{
    return w->kept[l] > w->selection.min_kept ? w->kept[l] - w->selection.min_kept : 0;
}

/* The first `count` of the layer, or of all (layer LAYERS), in order, that no floor holds back. Returns the
 * score of the last. */
static float choose(world *w, size_t layer, uint64_t count)
{
    float last = 0.0f;
    for (size_t i = 0; i < WEIGHTS && count != 0; i++) {
        unit *u = w->ranked[i];
        if (!u->kept || (layer != LAYERS && u->layer != layer) || w->goes[u->layer] == may_go(w, u->layer))
            continue;
        u->chosen = 1;
        last = u->score;
        w->goes[u->layer]++;
        count--;
    }
    return last;
}

static void check_masks(const world *w)
{
    const unit *u = w->unit;
    for (size_t l = 0; l < LAYERS; u += count_of(l++)) {
        uint8_t *mask = malloc(count_of(l));
        ck_assert_ok(prune_mask_get(mask, count_of(l), w->model, 2 * l));
        for (size_t i = 0; i < count_of(l); i++)
            ck_assert_msg(mask[i] == (u[i].kept && !u[i].chosen), "layer %d, weight %d", (int)l, (int)i);
        free(mask);
    }
    ck_assert_ok(prune_model_verify(w->model, NULL));
}

static void check_removal(const world *w, const prune_removal *removal, const prune_model *before)
{
    uint64_t sum = 0, kept = 0;
    for (size_t l = 0; l < LAYERS; l++) {
        ck_assert_uint_eq(removal->by_layer[l], w->goes[l]);
        sum += w->goes[l];
        kept += w->kept[l];
    }
    ck_assert_uint_eq(removal->removed, sum);
    ck_assert_uint_eq(removal->kept, kept - sum);
    ck_assert_uint_eq(removal->units, WEIGHTS);
    ck_assert_int_eq(world_same_models(w->model, before), sum == 0);
}

static prune_removal open_removal(uint64_t by_layer[LAYERS])
{
    prune_removal removal;
    prune_removal_init(&removal);
    removal.by_layer = by_layer;
    removal.by_layer_capacity = LAYERS;
    return removal;
}

/* ---- tests ---- */

/* From none to all that may go, and at the edges of ties. */
static uint64_t pick_count(world *w, uint64_t most)
{
    uint64_t lower = 0;
    switch (prune_rng_below(&w->rng, 6)) {
    case 0:
        return prune_rng_below(&w->rng, 3) % (most + 1);
    case 1:
        return most - prune_rng_below(&w->rng, 3) % (most + 1);
    case 2: {
        const float edge = w->unit[prune_rng_below(&w->rng, WEIGHTS)].score;
        for (size_t i = 0; i < WEIGHTS; i++)
            lower += w->unit[i].kept && w->unit[i].score < edge;
        lower += prune_rng_below(&w->rng, 2);
        return lower < most ? lower : most;
    }
    case 3:
        return most * 9 / 10;
    default:
        return prune_rng_below(&w->rng, most + 1);
    }
}

START_TEST(of_all_weights)
{
    for (uint64_t seed = 0; seed < CASES; seed++) {
        world w;
        uint64_t by_layer[LAYERS], most = 0;
        prune_model *before;
        open_world(&w, seed);
        for (size_t l = 0; l < LAYERS; l++)
            most += may_go(&w, l);
        const uint64_t count = pick_count(&w, most);
        prune_removal removal = open_removal(by_layer);
        ck_assert_ok(prune_model_clone(&before, NULL, w.model));
        ck_assert_status(prune_mask_lowest(&removal, w.model, w.scores, &w.selection, most + 1),
                         PRUNE_E_COLLAPSE);
        ck_assert(world_same_models(w.model, before));
        const float last = choose(&w, LAYERS, count);
        ck_assert_ok(prune_mask_lowest(&removal, w.model, w.scores, &w.selection, count));
        check_masks(&w);
        check_removal(&w, &removal, before);
        ck_assert_double_eq((double)removal.threshold, (double)last);
        prune_model_free(before);
        close_world(&w);
    }
}
END_TEST

START_TEST(of_each_layer)
{
    for (uint64_t seed = 0; seed < CASES; seed++) {
        world w;
        uint64_t by_layer[LAYERS], least = UINT64_MAX;
        prune_model *before;
        open_world(&w, seed);
        w.selection.scope = PRUNE_PER_LAYER;
        for (size_t l = 0; l < LAYERS; l++)
            least = may_go(&w, l) < least ? may_go(&w, l) : least;
        const uint64_t count = pick_count(&w, least);
        prune_removal removal = open_removal(by_layer);
        ck_assert_ok(prune_model_clone(&before, NULL, w.model));
        for (size_t l = 0; l < LAYERS; l++)
            (void)choose(&w, l, count);
        ck_assert_ok(prune_mask_lowest(&removal, w.model, w.scores, &w.selection, count));
        check_masks(&w);
        check_removal(&w, &removal, before);
        prune_model_free(before);
        close_world(&w);
    }
}
END_TEST

/* Strictly below, of each layer but its floor; the preview says the same. */
START_TEST(below_a_threshold)
{
    for (uint64_t seed = 0; seed < CASES; seed++) {
        world w;
        uint64_t by_layer[LAYERS], foreseen[LAYERS];
        prune_model *before;
        open_world(&w, seed);
        const float threshold = w.unit[prune_rng_below(&w.rng, WEIGHTS)].score;
        prune_removal removal = open_removal(by_layer), preview = open_removal(foreseen);
        ck_assert_ok(prune_model_clone(&before, NULL, w.model));
        for (size_t l = 0; l < LAYERS; l++) {
            uint64_t lower = 0;
            for (size_t i = 0; i < WEIGHTS; i++)
                lower += w.unit[i].layer == l && w.unit[i].kept && w.unit[i].score < threshold;
            (void)choose(&w, l, lower);
        }
        ck_assert_ok(prune_mask_preview(&preview, w.scores, &w.selection, threshold));
        ck_assert(world_same_models(w.model, before));
        ck_assert_ok(prune_mask_below(&removal, w.model, w.scores, &w.selection, threshold));
        check_masks(&w);
        check_removal(&w, &removal, before);
        ck_assert_uint_eq(preview.removed, removal.removed);
        ck_assert_mem_eq(foreseen, by_layer, sizeof by_layer);
        prune_model_free(before);
        close_world(&w);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { of_all_weights, of_each_layer, below_a_threshold };
    return run_tests("lowest", tests, sizeof tests / sizeof tests[0]);
}
