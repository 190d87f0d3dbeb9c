/* data_free_test.c -- random scores, LAMP and the geometric median against plain sums in double
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/training.h"

#include <float.h>
#include <math.h>

enum { SEEDS = 20, LAYERS = 3, MOST = 64 };
static const size_t widths[LAYERS + 1] = { 5, 7, 6, 3 };

typedef struct world {
    prune_model *model;
    prune_importance *table;
} world;

/* Few different weights, so that many are equal, some 0; a third of some layers is removed. */
static world make_world(const prune_allocator *mem, uint64_t seed)
{
    world w = { .model = world_model(NULL, widths, LAYERS, PRUNE_TANH, seed) };
    prune_rng rng;
    prune_rng_seed(&rng, seed);
    for (size_t l = 0; l < LAYERS; l++) {
        float values[MOST];
        uint8_t mask[MOST];
        const size_t count = world_count(w.model, 2 * l);
        for (size_t i = 0; i < count; i++) {
            values[i] = (float)prune_rng_below(&rng, 9) * 0.25f - 1.0f;
            mask[i] = (seed + l) % 2 == 0 || prune_rng_below(&rng, 3) != 0;
        }
        ck_assert_ok(prune_model_set_param(w.model, 2 * l, values, count));
        ck_assert_ok(prune_mask_set(w.model, 2 * l, mask, count));
    }
    ck_assert_ok(prune_importance_create(&w.table, mem, w.model, PRUNE_SUPPLIED));
    return w;
}

static void end_world(world *w)
{
    prune_importance_free(w->table);
    prune_model_free(w->model);
}

static void check_biases(const world *w)
{
    for (size_t l = 0; l < LAYERS; l++)
        for (size_t o = 0; o < widths[l + 1]; o++)
            ck_assert(prune_importance_scores(w->table, 2 * l + 1)[o] == FLT_MAX);
}

START_TEST(random_scores_are_the_seeds_stream)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        world w = make_world(NULL, 3);
        prune_rng rng;
        prune_rng_seed(&rng, seed);
        ck_assert_ok(prune_score_random(w.table, seed));
        for (size_t l = 0; l < LAYERS; l++)
            for (size_t i = 0; i < world_count(w.model, 2 * l); i++)
                ck_assert(prune_importance_scores(w.table, 2 * l)[i] == prune_rng_uniform(&rng));
        check_biases(&w);
        end_world(&w);
    }
}
END_TEST

START_TEST(random_masks_differ_by_seed_alone)
{
    uint64_t hash[3];
    static const uint64_t seeds[] = { 1, 1, 2 };
    for (size_t s = 0; s < 3; s++) {
        world w = make_world(NULL, 3);
        ck_assert_ok(prune_score_random(w.table, seeds[s]));
        ck_assert_ok(prune_mask_lowest(NULL, w.model, w.table, NULL, 30));
        hash[s] = world_hash(w.model);
        end_world(&w);
    }
    ck_assert_uint_eq(hash[0], hash[1]);
    ck_assert_uint_ne(hash[0], hash[2]);
}
END_TEST

/* The definition, without sorting. */
static double lamp_of(const float *w, size_t count, size_t u)
{
    double sum = 0.0;
    const double own = (double)w[u] * (double)w[u];
    for (size_t v = 0; v < count; v++) {
        const double square = (double)w[v] * (double)w[v];
        sum += square > own || (!(square < own) && v >= u) ? square : 0.0;
    }
    return sum > 0.0 ? own / sum : 0.0;
}

START_TEST(lamp_is_its_definition)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        world w = make_world(NULL, seed);
        ck_assert_ok(prune_score_lamp(w.table));
        for (size_t l = 0; l < LAYERS; l++) {
            const float *weights = prune_model_param(w.model, 2 * l);
            const size_t count = world_count(w.model, 2 * l);
            float most = 0.0f;
            for (size_t i = 0; i < count; i++) {
                const float got = prune_importance_scores(w.table, 2 * l)[i];
                ck_assert_double_eq_tol((double)got, lamp_of(weights, count, i), 1e-6);
                most = got > most ? got : most;
            }
            ck_assert(most == 1.0f);
        }
        check_biases(&w);
        end_world(&w);
    }
}
END_TEST

START_TEST(lamp_by_hand_and_at_the_edges_of_float)
{
    static const float given[][3] = { { 3.0f, -1.0f, 2.0f },
                                      { 3e38f, -1e38f, 2e38f },
                                      { 3e-30f, 1e-30f, -2e-30f } };
    static const double wanted[] = { 1.0, 1.0 / 14.0, 4.0 / 13.0 };
    for (size_t g = 0; g < 3; g++) {
        const size_t one[] = { 3, 1 };
        prune_importance *table;
        prune_model *model = world_model(NULL, one, 1, PRUNE_LINEAR, 1);
        ck_assert_ok(prune_model_set_param(model, 0, given[g], 3));
        ck_assert_ok(prune_importance_create(&table, NULL, model, PRUNE_SUPPLIED));
        ck_assert_ok(prune_score_lamp(table));
        for (size_t i = 0; i < 3; i++)
            ck_assert_double_eq_tol((double)prune_importance_scores(table, 0)[i], wanted[i], 1e-6);
        prune_importance_free(table);
        prune_model_free(model);
    }
}
END_TEST

START_TEST(lamp_leaves_each_layer_a_weight_to_the_end)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        prune_model *model = world_model(NULL, widths, LAYERS, PRUNE_TANH, seed);
        prune_importance *table;
        prune_selection all;
        uint64_t units, kept;
        prune_selection_init(&all);
        all.min_kept = 0;
        ck_assert_ok(prune_importance_create(&table, NULL, model, PRUNE_SUPPLIED));
        ck_assert_ok(prune_score_lamp(table));
        ck_assert_ok(prune_mask_units(&units, &kept, model, &all));
        ck_assert_ok(prune_mask_lowest(NULL, model, table, &all, units - LAYERS));
        for (all.layer = 0; all.layer < LAYERS; all.layer++) {
            ck_assert_ok(prune_mask_units(&units, &kept, model, &all));
            ck_assert_uint_eq(kept, 1);
        }
        prune_importance_free(table);
        prune_model_free(model);
    }
}
END_TEST

static double median_score(const float *w, size_t rows, size_t columns, size_t r)
{
    double sum = 0.0;
    for (size_t other = 0; other < rows; other++) {
        double squares = 0.0;
        for (size_t c = 0; c < columns; c++)
            squares += pow((double)w[r * columns + c] - (double)w[other * columns + c], 2.0);
        sum += sqrt(squares);
    }
    return sum;
}

/* Without a kept weight. */
static int32_t is_gone(const world *w, size_t layer, size_t row)
{
    uint8_t mask[MOST];
    ck_assert_ok(prune_mask_get(mask, widths[layer] * widths[layer + 1], w->model, 2 * layer));
    for (size_t c = 0; c < widths[layer]; c++)
        if (mask[row * widths[layer] + c])
            return 0;
    return 1;
}

START_TEST(geometric_median_is_the_sum_of_distances)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        world w = make_world(NULL, seed);
        ck_assert_ok(prune_score_geometric_median(w.table));
        for (size_t l = 0; l < LAYERS; l++) {
            const size_t rows = widths[l + 1], columns = widths[l];
            float neurons[MOST];
            ck_assert_ok(prune_importance_neurons(neurons, rows, w.table, l, PRUNE_ROW_MEAN));
            for (size_t r = 0; r < rows; r++) {
                const double wanted = median_score(prune_model_param(w.model, 2 * l), rows, columns, r);
                for (size_t c = 0; c < columns; c++)
                    ck_assert_double_eq_tol((double)prune_importance_scores(w.table, 2 * l)[r * columns + c],
                                            wanted, 1e-5);
                ck_assert_double_eq_tol((double)neurons[r], is_gone(&w, l, r) ? 0.0 : wanted, 1e-5);
            }
        }
        check_biases(&w);
        end_world(&w);
    }
}
END_TEST

/* Of rows -1, 0, 1 and 5 on a line, 0 and 1 are equally near to the rest: the first goes. */
START_TEST(geometric_median_goes_first)
{
    const size_t widths_of_four[] = { 1, 4, 1 };
    static const float rows[] = { 5.0f, 0.0f, 1.0f, -1.0f };
    uint8_t mask[4];
    prune_selection neurons;
    prune_importance *table;
    prune_model *model = world_model(NULL, widths_of_four, 2, PRUNE_TANH, 1);
    ck_assert_ok(prune_model_set_param(model, 0, rows, 4));
    ck_assert_ok(prune_importance_create(&table, NULL, model, PRUNE_SUPPLIED));
    ck_assert_ok(prune_score_geometric_median(table));
    prune_selection_init(&neurons);
    neurons.granularity = PRUNE_NEURONS;
    neurons.aggregate = PRUNE_ROW_MAX;
    ck_assert_ok(prune_mask_lowest(NULL, model, table, &neurons, 1));
    ck_assert_ok(prune_mask_get(mask, 4, model, 0));
    ck_assert_mem_eq(mask, ((const uint8_t[]){ 1, 0, 1, 1 }), 4);
    prune_importance_free(table);
    prune_model_free(model);
}
END_TEST

START_TEST(a_distance_beyond_float_is_its_largest)
{
    const size_t one[] = { 2, 2 };
    static const float rows[] = { 3e38f, 3e38f, -3e38f, -3e38f };
    prune_importance *table;
    prune_model *model = world_model(NULL, one, 1, PRUNE_LINEAR, 1);
    ck_assert_ok(prune_model_set_param(model, 0, rows, 4));
    ck_assert_ok(prune_importance_create(&table, NULL, model, PRUNE_SUPPLIED));
    ck_assert_ok(prune_score_geometric_median(table));
    for (size_t i = 0; i < 4; i++)
        ck_assert(prune_importance_scores(table, 0)[i] == FLT_MAX);
    prune_importance_free(table);
    prune_model_free(model);
}
END_TEST

static prune_status random_of_seven(prune_importance *table)
{
    return prune_score_random(table, 7);
}

static prune_status (*const producers[])(prune_importance *) = { random_of_seven, prune_score_lamp,
                                                                 prune_score_geometric_median };
enum { PRODUCERS = sizeof producers / sizeof producers[0] };

START_TEST(bad_tables_stay_as_they_are)
{
    for (size_t p = 0; p < PRODUCERS; p++) {
        world w = make_world(NULL, 2);
        prune_importance *magnitude;
        ck_assert_status(producers[p](NULL), PRUNE_E_ARGUMENT);
        ck_assert_ok(prune_importance_create(&magnitude, NULL, w.model, PRUNE_MAGNITUDE));
        ck_assert_status(producers[p](magnitude), PRUNE_E_STATE);
        ck_assert(prune_importance_scores(magnitude, 0)[0] == fabsf(prune_model_param(w.model, 0)[0]));
        prune_importance_free(magnitude);
        ck_assert_ok(producers[p](w.table));
        ck_assert_ok(prune_model_add_dense(w.model, 2, PRUNE_LINEAR));
        ck_assert_status(producers[p](w.table), PRUNE_E_STATE);
        end_world(&w);
    }
}
END_TEST

START_TEST(weights_that_are_not_finite_leave_no_scores)
{
    static const float bad[] = { NAN, INFINITY, -INFINITY };
    for (size_t p = 1; p < PRODUCERS; p++)
        for (size_t b = 0; b < 3; b++) {
            world w = make_world(NULL, 2);
            ck_assert_ok(producers[p](w.table));
            world_plant(w.model, 2, 3, bad[b]);
            ck_assert_status(producers[p](w.table), PRUNE_E_NONFINITE);
            ck_assert_ptr_null(prune_importance_scores(w.table, 0));
            end_world(&w);
        }
}
END_TEST

START_TEST(only_lamp_asks_for_memory_and_gives_it_back)
{
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    world w = make_world(&mem, 2);
    const size_t blocks = h.live_blocks, requests = h.requests;
    ck_assert_ok(producers[0](w.table));
    ck_assert_ok(producers[2](w.table));
    ck_assert_uint_eq(h.requests, requests);
    const float before = prune_importance_scores(w.table, 0)[0];
    heap_refuse_once(&h, 1);
    ck_assert_status(prune_score_lamp(w.table), PRUNE_E_MEMORY);
    ck_assert(prune_importance_scores(w.table, 0)[0] == before);
    ck_assert_ok(prune_score_lamp(w.table));
    ck_assert_uint_eq(h.live_blocks, blocks);
    end_world(&w);
    ck_assert(heap_is_clean(&h));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        random_scores_are_the_seeds_stream,
        random_masks_differ_by_seed_alone,
        lamp_is_its_definition,
        lamp_by_hand_and_at_the_edges_of_float,
        lamp_leaves_each_layer_a_weight_to_the_end,
        geometric_median_is_the_sum_of_distances,
        geometric_median_goes_first,
        a_distance_beyond_float_is_its_largest,
        bad_tables_stay_as_they_are,
        weights_that_are_not_finite_leave_no_scores,
        only_lamp_asks_for_memory_and_gives_it_back,
    };
    return run_tests("data_free", tests, sizeof tests / sizeof tests[0]);
}
