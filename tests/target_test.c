/* target_test.c -- the smallest removal that makes a model small enough, against trying all of them
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/nets.h"

#include <string.h>

enum { LAYERS = 3, MOST = 256 };

static const size_t widths[] = { 6, 9, 7, 3 };

typedef struct world {
    prune_model *model;
    prune_importance *scores;
    prune_selection selection;
    prune_allocation allocation;
    prune_encoding_options encoding;
    prune_target target;
    prune_removal removal;
    uint64_t hash;
    prune_error error;
} world;

static void world_open(world *w, const prune_allocator *mem, uint64_t seed, int32_t granularity)
{
    memset(w, 0, sizeof *w);
    w->model = world_model(mem, widths, LAYERS, PRUNE_RELU, seed);
    ck_assert_ok(prune_mask_neuron(w->model, 0, 4));
    ck_assert_ok(prune_importance_create(&w->scores, mem, w->model, PRUNE_MAGNITUDE));
    prune_selection_init(&w->selection);
    w->selection.granularity = granularity;
    prune_allocation_init(&w->allocation);
    w->allocation.selection = &w->selection;
    prune_encoding_options_init(&w->encoding);
    prune_target_init(&w->target);
    w->target.encoding = &w->encoding;
    prune_removal_init(&w->removal);
    w->hash = world_hash(w->model);
}

static void world_close(world *w)
{
    prune_importance_free(w->scores);
    prune_model_free(w->model);
}

static prune_status aim(world *w)
{
    return prune_mask_target(&w->removal, w->model, w->scores, &w->allocation, &w->target, &w->error);
}

/* What is said of models by other calls. */
static uint64_t amount_of(const world *w, const prune_model *model)
{
    uint64_t parameters = 0, macs = 0, bytes;
    ck_assert_ok(prune_model_encoded_bytes(&bytes, model, &w->encoding, NULL));
    for (size_t p = 0; p < prune_model_param_count(model); p++) {
        prune_param_info info;
        prune_param_info_init(&info);
        ck_assert_ok(prune_model_param_info(&info, model, p));
        parameters += info.kept;
    }
    for (size_t l = 0; l < prune_model_layer_count(model); l++) {
        prune_layer_info info;
        prune_layer_info_init(&info);
        ck_assert_ok(prune_model_layer_info(&info, model, l));
        macs += info.macs_kept;
    }
    return w->target.measure == PRUNE_TARGET_BYTES  ? bytes
           : w->target.measure == PRUNE_TARGET_MACS ? macs
                                                    : parameters;
}

/* Of the model, small as the target wants it. */
static uint64_t measure(const world *w, const prune_model *model)
{
    prune_model *small;
    prune_compact_options options;
    prune_compact_options_init(&options);
    options.merge = 0;
    if (w->target.compaction != NULL)
        options = *w->target.compaction;
    const int32_t g = w->selection.granularity, parts = g == PRUNE_WEIGHTS || g == PRUNE_BLOCKS;
    if (w->target.compacted == 0 || (w->target.compacted == -1 && parts))
        return amount_of(w, model);
    ck_assert_ok(prune_compact(&small, NULL, model, &options, NULL, NULL));
    const uint64_t amount = amount_of(w, small);
    prune_model_free(small);
    return amount;
}

/* After removing the lowest `total` from a clone. */
static uint64_t after(const world *w, uint64_t total, uint64_t *hash)
{
    prune_model *clone;
    prune_importance *scores;
    ck_assert_ok(prune_model_clone(&clone, NULL, w->model));
    ck_assert_ok(prune_importance_create(&scores, NULL, clone, PRUNE_MAGNITUDE));
    ck_assert_ok(prune_mask_lowest(NULL, clone, scores, &w->selection, total));
    const uint64_t amount = measure(w, clone);
    if (hash != NULL)
        *hash = world_hash(clone);
    prune_importance_free(scores);
    prune_model_free(clone);
    return amount;
}

static uint64_t most_of(const world *w)
{
    uint64_t most;
    ck_assert_ok(prune_allocate_range(NULL, &most, w->model, &w->allocation));
    return most;
}

/* ---- exactly ---- */

static uint64_t nearest_of(const uint64_t *amounts, uint64_t total, uint64_t most)
{
    return total > 0 && amounts[total - 1] - most < most - amounts[total] ? total - 1 : total;
}

/* Aims at `most`, and comes to what trying all totals from 0 on says. */
static void check_aim(const world *given, const uint64_t *amounts, uint64_t count, uint64_t most)
{
    world w = *given;
    uint64_t total = 0, expected;
    while (total < count && amounts[total] > most)
        total++;
    ck_assert_ok(prune_model_clone(&w.model, NULL, given->model));
    ck_assert_ok(prune_importance_create(&w.scores, NULL, w.model, PRUNE_MAGNITUDE));
    w.target.most = most;
    const prune_target before = w.target;
    const prune_status status = aim(&w);
    if (total == count) {
        ck_assert_int_eq(status, PRUNE_E_COLLAPSE);
        ck_assert_uint_eq(world_hash(w.model), w.hash);
        ck_assert_mem_eq(&before, &w.target, sizeof before);
    } else {
        ck_assert_ok(status);
        total = w.target.nearest ? nearest_of(amounts, total, most) : total;
        ck_assert_uint_eq(w.removal.removed, total);
        ck_assert_uint_eq(w.target.before, amounts[0]);
        ck_assert_uint_eq(w.target.achieved, amounts[total]);
        ck_assert_uint_eq(measure(&w, w.model), amounts[total]);
        (void)after(given, total, &expected);
        ck_assert_uint_eq(world_hash(w.model), expected);
    }
    world_close(&w);
}

/* Whether amounts fall as more goes: what makes bisection exact. */
static void check_all_aims(const world *w, uint64_t step)
{
    uint64_t amounts[MOST];
    const uint64_t count = most_of(w) + 1;
    ck_assert_uint_le(count, MOST);
    for (uint64_t total = 0; total < count; total++) {
        amounts[total] = after(w, total, NULL);
        ck_assert(total == 0 || amounts[total] <= amounts[total - 1]);
    }
    check_aim(w, amounts, count, amounts[0] + 5);
    check_aim(w, amounts, count, amounts[count - 1] - 1);
    check_aim(w, amounts, count, 0);
    for (uint64_t most = amounts[count - 1]; most <= amounts[0]; most += step)
        check_aim(w, amounts, count, most);
}

START_TEST(weights_go_until_it_is_small_enough)
{
    for (int32_t m = PRUNE_TARGET_PARAMETERS; m <= PRUNE_TARGET_BYTES; m++)
        for (int32_t compacted = -1; compacted <= 1; compacted++) {
            world w;
            world_open(&w, NULL, (uint64_t)m, PRUNE_WEIGHTS);
            w.target.measure = m;
            w.target.compacted = compacted;
            check_all_aims(&w, 17);
            world_close(&w);
        }
}
END_TEST

START_TEST(groups_go_until_it_is_small_enough)
{
    for (int32_t g = PRUNE_NEURONS; g <= PRUNE_BLOCKS; g++)
        for (int32_t m = PRUNE_TARGET_PARAMETERS; m <= PRUNE_TARGET_BYTES; m++)
            for (int32_t compacted = -1; compacted <= 1; compacted++) {
                world w;
                world_open(&w, NULL, (uint64_t)m, g);
                w.target.measure = m;
                w.target.compacted = compacted;
                check_all_aims(&w, 11);
                world_close(&w);
            }
}
END_TEST

/* Of any layers: constants are folded, paths die, batch normalisations go. */
START_TEST(random_nets_are_hit_as_well)
{
    for (uint64_t seed = 0; seed < 150; seed++) {
        net n;
        world w;
        world_open(&w, NULL, 1, seed % 3 == 0 ? PRUNE_WEIGHTS : PRUNE_NEURONS);
        world_close(&w);
        net_make(&n, seed);
        w.model = n.model;
        w.hash = world_hash(w.model);
        w.target.measure = PRUNE_TARGET_PARAMETERS + (int32_t)(seed % 3);
        w.target.compacted = 1;
        ck_assert_ok(prune_importance_create(&w.scores, NULL, w.model, PRUNE_MAGNITUDE));
        if (most_of(&w) < MOST)
            check_all_aims(&w, 41);
        world_close(&w);
    }
}
END_TEST

START_TEST(the_nearest_may_be_one_less)
{
    for (int32_t g = PRUNE_WEIGHTS; g <= PRUNE_NEURONS; g++)
        for (int32_t m = PRUNE_TARGET_PARAMETERS; m <= PRUNE_TARGET_BYTES; m++) {
            world w;
            world_open(&w, NULL, (uint64_t)m, g);
            w.target.measure = m;
            w.target.nearest = 1;
            check_all_aims(&w, 7);
            world_close(&w);
        }
}
END_TEST

START_TEST(bytes_are_those_of_the_encoding)
{
    static const int32_t encodings[] = { PRUNE_ENCODING_CSR, PRUNE_ENCODING_SLICED, PRUNE_ENCODING_BLOCKS,
                                         PRUNE_ENCODING_BITMASK, PRUNE_ENCODING_DELTAS };
    for (size_t e = 0; e < sizeof encodings / sizeof encodings[0]; e++) {
        world w;
        world_open(&w, NULL, e, PRUNE_WEIGHTS);
        w.target.measure = PRUNE_TARGET_BYTES;
        w.encoding.encoding = encodings[e];
        check_all_aims(&w, 29);
        world_close(&w);
    }
}
END_TEST

static void check_one_less(world *w, uint64_t removed)
{
    ck_assert_ok(prune_importance_create(&w->scores, NULL, w->model, PRUNE_MAGNITUDE));
    ck_assert(removed == 0 || after(w, removed - 1, NULL) > w->target.most);
    world_close(w);
}

/* A weight that goes may set two neurons apart that were one: not the least of all, but small enough. */
START_TEST(merging_is_allowed_for)
{
    uint64_t reached = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        net n;
        world w;
        prune_compact_options merging;
        prune_compact_options_init(&merging);
        world_open(&w, NULL, 1, PRUNE_WEIGHTS);
        world_close(&w);
        net_make(&n, seed);
        net_plant_twins(&n);
        ck_assert_ok(prune_model_clone(&w.model, NULL, n.model));
        ck_assert_ok(prune_importance_create(&w.scores, NULL, w.model, PRUNE_MAGNITUDE));
        w.target.compacted = 1;
        w.target.compaction = &merging;
        const uint64_t before = measure(&w, w.model);
        w.target.most = before - before / 4;
        const prune_status status = aim(&w);
        if (status == PRUNE_OK) {
            ck_assert_uint_eq(w.target.before, before);
            ck_assert_uint_eq(measure(&w, w.model), w.target.achieved);
            ck_assert_uint_le(w.target.achieved, w.target.most);
        }
        world_close(&w);
        w.model = n.model;
        reached += status == PRUNE_OK;
        check_one_less(&w, status == PRUNE_OK ? w.removal.removed : 0);
    }
    ck_assert_uint_gt(reached, 50);
}
END_TEST

/* 6-9-7-3 with all kept: 63 + 70 + 24 parameters. A neuron of the first layer is a row of 6, a bias, and a
 * column of 7; one of the second 9 + 1 + 3. */
START_TEST(a_neuron_counts_with_its_column)
{
    for (int32_t layer = 0; layer < 2; layer++) {
        world w;
        w.model = world_model(NULL, widths, LAYERS, PRUNE_RELU, 9);
        ck_assert_ok(prune_importance_create(&w.scores, NULL, w.model, PRUNE_MAGNITUDE));
        prune_selection_init(&w.selection);
        w.selection.granularity = PRUNE_NEURONS;
        w.selection.layer = layer;
        prune_allocation_init(&w.allocation);
        w.allocation.selection = &w.selection;
        prune_target_init(&w.target);
        prune_removal_init(&w.removal);
        w.target.most = 156;
        ck_assert_ok(aim(&w));
        ck_assert_uint_eq(w.target.before, 157);
        ck_assert_uint_eq(w.target.achieved, layer == 0 ? 157 - 14 : 157 - 13);
        ck_assert_uint_eq(w.removal.removed, 1);
        world_close(&w);
    }
}
END_TEST

/* ---- with rules and limits ---- */

START_TEST(rules_share_out_and_limits_hold)
{
    static const double least[LAYERS] = { 0.0, 0.25, 0.0 }, most[LAYERS] = { 0.5, 1.0, 0.5 };
    for (int32_t rule = PRUNE_ALLOCATE_RANKED; rule <= PRUNE_ALLOCATE_ERK; rule++) {
        world w;
        uint64_t counts[LAYERS], by_layer[LAYERS];
        world_open(&w, NULL, 3, PRUNE_WEIGHTS);
        w.allocation.rule = rule;
        w.allocation.least = least;
        w.allocation.most = most;
        w.allocation.layers = LAYERS;
        w.removal.by_layer = by_layer;
        w.removal.by_layer_capacity = LAYERS;
        w.target.most = 100;
        const uint64_t before = amount_of(&w, w.model);
        ck_assert_ok(prune_allocate(counts, LAYERS, w.model, w.scores, &w.allocation, before - 100));
        ck_assert_ok(aim(&w));
        ck_assert_uint_eq(w.target.achieved, 100);
        ck_assert_mem_eq(counts, by_layer, sizeof counts);
        world_close(&w);
    }
}
END_TEST

/* A quarter of the second layer's 63 weights, whatever is aimed at. */
START_TEST(a_target_that_is_met_takes_the_least)
{
    static const double least[LAYERS] = { 0.0, 0.25, 0.0 };
    for (int32_t limited = 0; limited < 2; limited++) {
        world w;
        world_open(&w, NULL, 3, PRUNE_WEIGHTS);
        w.allocation.least = limited ? least : NULL;
        w.allocation.layers = LAYERS;
        w.target.most = UINT64_MAX;
        w.target.nearest = 1;
        ck_assert_ok(aim(&w));
        ck_assert_uint_eq(w.removal.removed, limited ? 16 : 0);
        ck_assert_uint_eq(w.target.achieved, w.target.before - w.removal.removed);
        ck_assert(limited || world_hash(w.model) == w.hash);
        world_close(&w);
    }
}
END_TEST

/* ---- refusals ---- */

static void check_refused(world *w, prune_status status)
{
    const prune_target before = w->target;
    ck_assert_status(aim(w), status);
    ck_assert_int_eq(w->error.status, status);
    ck_assert_uint_eq(world_hash(w->model), w->hash);
    ck_assert_mem_eq(&before, &w->target, sizeof before);
    prune_target_init(&w->target);
    prune_removal_init(&w->removal);
}

START_TEST(wrong_targets_are_refused)
{
    world w;
    prune_compact_options compaction;
    prune_encoding_options encoding;
    prune_compact_options_init(&compaction);
    prune_encoding_options_init(&encoding);
    world_open(&w, NULL, 5, PRUNE_WEIGHTS);
    prune_target_init(&w.target);
    w.target.measure = 0;
    check_refused(&w, PRUNE_E_ARGUMENT);
    w.target.measure = 4;
    check_refused(&w, PRUNE_E_ARGUMENT);
    w.target.compacted = 2;
    check_refused(&w, PRUNE_E_ARGUMENT);
    w.target.nearest = -1;
    check_refused(&w, PRUNE_E_ARGUMENT);
    w.target.compaction = &compaction;
    compaction.drop_inputs = 1;
    check_refused(&w, PRUNE_E_ARGUMENT);
    compaction.drop_inputs = 0;
    compaction.multiple = 0;
    w.target.compaction = &compaction;
    w.target.compacted = 1;
    check_refused(&w, PRUNE_E_ARGUMENT);
    w.target.measure = PRUNE_TARGET_BYTES;
    w.target.encoding = &encoding;
    encoding.encoding = 99;
    check_refused(&w, PRUNE_E_ARGUMENT);
    w.target.size++;
    const uint64_t size = w.target.size;
    ck_assert_status(aim(&w), PRUNE_E_VERSION);
    ck_assert_uint_eq(w.target.size, size);
    prune_target_init(NULL);
    world_close(&w);
}
END_TEST

START_TEST(wrong_parts_are_refused)
{
    world w;
    uint64_t by_layer[LAYERS];
    prune_importance *empty;
    world_open(&w, NULL, 5, PRUNE_WEIGHTS);
    prune_target_init(&w.target);
    w.allocation.rule = 9;
    check_refused(&w, PRUNE_E_ARGUMENT);
    w.allocation.rule = PRUNE_ALLOCATE_SENSITIVITY;
    check_refused(&w, PRUNE_E_ARGUMENT);
    w.allocation.rule = PRUNE_ALLOCATE_RANKED;
    w.selection.granularity = 9;
    check_refused(&w, PRUNE_E_ARGUMENT);
    w.selection.granularity = PRUNE_WEIGHTS;
    w.removal.by_layer = by_layer;
    w.removal.by_layer_capacity = LAYERS - 1;
    w.target.most = 100;
    check_refused(&w, PRUNE_E_SHAPE);
    w.target.most = 100;
    ck_assert_status(prune_mask_target(NULL, NULL, w.scores, NULL, &w.target, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_target(NULL, w.model, NULL, NULL, &w.target, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_target(NULL, w.model, w.scores, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_ok(prune_importance_create(&empty, NULL, w.model, PRUNE_SUPPLIED));
    ck_assert_status(prune_mask_target(NULL, w.model, empty, NULL, &w.target, NULL), PRUNE_E_STATE);
    ck_assert_uint_eq(world_hash(w.model), w.hash);
    prune_importance_free(empty);
    world_close(&w);
}
END_TEST

START_TEST(refused_memory_changes_nothing)
{
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    world w;
    world_open(&w, &mem, 5, PRUNE_NEURONS);
    w.target.most = 60;
    const prune_target before = w.target;
    prune_status status = PRUNE_E_MEMORY;
    for (size_t n = 1; status == PRUNE_E_MEMORY; n++) {
        const size_t live = h.live_bytes;
        heap_refuse_once(&h, n);
        status = aim(&w);
        ck_assert_uint_eq(h.live_bytes, live);
        ck_assert(status == PRUNE_OK ||
                  (world_hash(w.model) == w.hash && memcmp(&before, &w.target, sizeof before) == 0));
        ck_assert_uint_lt(n, 1000);
    }
    ck_assert_ok(status);
    ck_assert_uint_gt(h.refused, 10);
    world_close(&w);
    ck_assert(heap_is_clean(&h));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        weights_go_until_it_is_small_enough,
        groups_go_until_it_is_small_enough,
        random_nets_are_hit_as_well,
        the_nearest_may_be_one_less,
        bytes_are_those_of_the_encoding,
        merging_is_allowed_for,
        a_neuron_counts_with_its_column,
        rules_share_out_and_limits_hold,
        a_target_that_is_met_takes_the_least,
        wrong_targets_are_refused,
        wrong_parts_are_refused,
        refused_memory_changes_nothing,
    };
    return run_tests("target", tests, sizeof tests / sizeof tests[0]);
}
