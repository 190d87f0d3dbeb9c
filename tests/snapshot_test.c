/* snapshot_test.c -- weights and masks come back bit for bit, and only where they fit
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/oracle.h"
#include "support/runner.h"

enum { LAYERS = 2 };

static const size_t widths[LAYERS + 1] = { 9, 7, 5 };

static void mask_some(prune_model *model, double fraction)
{
    prune_importance *scores;
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
    ck_assert_ok(prune_mask_fraction(NULL, model, scores, NULL, fraction, PRUNE_OF_ALL));
    prune_importance_free(scores);
}

static prune_model *pruned_model(uint64_t seed)
{
    prune_model *model = world_model(NULL, widths, LAYERS, PRUNE_TANH, seed);
    ck_assert_ok(prune_mask_neuron(model, 0, 3));
    mask_some(model, 0.5);
    return model;
}

static uint64_t kept_of(const prune_model *model)
{
    uint64_t units, kept;
    ck_assert_ok(prune_mask_units(&units, &kept, model, NULL));
    return kept;
}

START_TEST(what_is_put_back_is_what_was_there)
{
    prune_model *model = pruned_model(1);
    prune_snapshot *snapshot;
    const uint64_t hash = world_hash(model), kept = kept_of(model);
    ck_assert_ok(prune_snapshot_create(&snapshot, NULL, model));
    mask_some(model, 0.9);
    ck_assert_uint_ne(world_hash(model), hash);
    ck_assert_ok(prune_snapshot_restore(snapshot, model));
    ck_assert_uint_eq(world_hash(model), hash);
    ck_assert_uint_eq(kept_of(model), kept);
    ck_assert_ok(prune_model_verify(model, NULL));
    ck_assert_ok(prune_mask_reset(model));
    ck_assert_ok(prune_model_initialize(model, PRUNE_INIT_HE_NORMAL, 77));
    ck_assert_ok(prune_snapshot_restore(snapshot, model)); /* as often as you like */
    ck_assert_uint_eq(world_hash(model), hash);
    ck_assert_uint_eq(kept_of(model), kept);
    ck_assert_ok(prune_model_verify(model, NULL));
    prune_snapshot_free(snapshot);
    prune_model_free(model);
}
END_TEST

/* Lottery tickets: early weights under the late masks. */
START_TEST(rewinding_keeps_the_masks)
{
    prune_model *model = pruned_model(1), *early = pruned_model(1);
    prune_snapshot *snapshot;
    ck_assert_ok(prune_snapshot_create(&snapshot, NULL, model));
    ck_assert_ok(prune_mask_reset(model));
    ck_assert_ok(prune_model_initialize(model, PRUNE_INIT_HE_NORMAL, 77));
    mask_some(model, 0.7);
    for (size_t p = 0; p < 4; p++) {
        uint8_t before[64], after[64], held[64];
        float values[64];
        prune_param_info info;
        prune_param_info_init(&info);
        ck_assert_ok(prune_model_param_info(&info, model, p));
        const size_t count = (size_t)info.count;
        ck_assert_ok(prune_mask_get(before, count, model, p));
        ck_assert_ok(prune_mask_get(held, count, early, p));
        ck_assert_ok(prune_snapshot_rewind(snapshot, model));
        ck_assert_ok(prune_mask_get(after, count, model, p));
        ck_assert_mem_eq(after, before, count);
        for (size_t i = 0; i < count; i++) {
            values[i] = after[i] ? prune_model_param(early, p)[i] : 0.0f;
            ck_assert(held[i] || prune_model_param(early, p)[i] == 0.0f);
        }
        ck_assert_mem_eq(prune_model_param(model, p), values, count * sizeof values[0]);
    }
    ck_assert_ok(prune_model_verify(model, NULL));
    ck_assert_status(prune_snapshot_rewind(NULL, model), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_snapshot_rewind(snapshot, NULL), PRUNE_E_ARGUMENT);
    prune_model *other = world_model(NULL, widths, 1, PRUNE_TANH, 1);
    ck_assert_status(prune_snapshot_rewind(snapshot, other), PRUNE_E_SHAPE);
    prune_model_free(other);
    prune_snapshot_free(snapshot);
    prune_model_free(early);
    prune_model_free(model);
}
END_TEST

START_TEST(taking_again_replaces_what_was_held)
{
    prune_model *model = pruned_model(1), *other = world_model(NULL, widths, LAYERS, PRUNE_TANH, 2);
    prune_snapshot *snapshot;
    const uint64_t pruned = world_hash(model), dense = world_hash(other);
    ck_assert_ok(prune_snapshot_create(&snapshot, NULL, model));
    ck_assert_ok(prune_snapshot_take(snapshot, other));
    ck_assert_ok(prune_snapshot_restore(snapshot, model));
    ck_assert_uint_eq(world_hash(model), dense);
    ck_assert_uint_ne(dense, pruned);
    ck_assert_uint_eq(kept_of(model), 9 * 7 + 7 * 5);
    ck_assert_ok(prune_model_verify(model, NULL));
    prune_snapshot_free(snapshot);
    prune_model_free(model);
    prune_model_free(other);
}
END_TEST

START_TEST(another_model_of_the_architecture_takes_it)
{
    prune_model *model = pruned_model(1), *other = world_model(NULL, widths, LAYERS, PRUNE_TANH, 2);
    prune_snapshot *snapshot;
    ck_assert_ok(prune_snapshot_create(&snapshot, NULL, model));
    ck_assert_ok(prune_snapshot_restore(snapshot, other));
    ck_assert(world_same_models(model, other));
    ck_assert_uint_eq(kept_of(other), kept_of(model));
    const uint64_t hash = world_hash(model);
    prune_model_free(model); /* the snapshot does not need it */
    mask_some(other, 0.8);
    ck_assert_ok(prune_snapshot_restore(snapshot, other));
    ck_assert_uint_eq(world_hash(other), hash);
    prune_snapshot_free(snapshot);
    prune_model_free(other);
}
END_TEST

static const struct other {
    size_t layers;
    size_t widths[4];
    int32_t hidden;
} others[] = {
    { 2, { 9, 7, 6 }, PRUNE_TANH },    { 2, { 9, 8, 5 }, PRUNE_TANH }, { 2, { 8, 7, 5 }, PRUNE_TANH },
    { 3, { 9, 7, 5, 5 }, PRUNE_TANH }, { 1, { 9, 7 }, PRUNE_TANH },    { 2, { 9, 7, 5 }, PRUNE_RELU },
};

START_TEST(another_architecture_is_refused)
{
    prune_model *model = pruned_model(1);
    prune_snapshot *snapshot;
    const uint64_t hash = world_hash(model);
    ck_assert_ok(prune_snapshot_create(&snapshot, NULL, model));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        prune_model *other = world_model(NULL, others[i].widths, others[i].layers, others[i].hidden, 3);
        const uint64_t before = world_hash(other);
        ck_assert_status(prune_snapshot_restore(snapshot, other), PRUNE_E_SHAPE);
        ck_assert_status(prune_snapshot_take(snapshot, other), PRUNE_E_SHAPE);
        ck_assert_uint_eq(world_hash(other), before);
        prune_model_free(other);
    }
    ck_assert_ok(prune_mask_reset(model));
    ck_assert_ok(prune_snapshot_restore(snapshot, model));
    ck_assert_uint_eq(world_hash(model), hash);
    ck_assert_ok(prune_model_add_dense(model, 5, PRUNE_LINEAR));
    ck_assert_status(prune_snapshot_restore(snapshot, model), PRUNE_E_SHAPE);
    prune_snapshot_free(snapshot);
    prune_model_free(model);
}
END_TEST

START_TEST(only_making_one_allocates)
{
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_model *model = pruned_model(1);
    prune_snapshot *snapshot;
    ck_assert_ok(prune_snapshot_create(&snapshot, &mem, model));
    const size_t requests = h.requests;
    ck_assert_ok(prune_snapshot_take(snapshot, model));
    ck_assert_ok(prune_snapshot_restore(snapshot, model));
    ck_assert_uint_eq(h.requests, requests);
    prune_snapshot_free(snapshot);
    ck_assert(heap_is_clean(&h));
    for (size_t n = 1; n <= requests; n++) {
        heap_refuse_once(&h, n);
        ck_assert_status(prune_snapshot_create(&snapshot, &mem, model), PRUNE_E_MEMORY);
        ck_assert_ptr_null(snapshot);
        ck_assert(heap_is_clean(&h));
    }
    prune_model_free(model);
}
END_TEST

START_TEST(arguments_are_checked)
{
    prune_model *model = pruned_model(1), *empty;
    prune_snapshot *snapshot, *none = (prune_snapshot *)(void *)model;
    ck_assert_ok(prune_model_create(&empty, NULL, 4));
    ck_assert_ok(prune_snapshot_create(&snapshot, NULL, model));
    ck_assert_status(prune_snapshot_create(NULL, NULL, model), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_snapshot_create(&none, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_ptr_null(none);
    ck_assert_status(prune_snapshot_create(&none, NULL, empty), PRUNE_E_NO_LAYERS);
    ck_assert_status(prune_snapshot_take(NULL, model), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_snapshot_take(snapshot, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_snapshot_restore(NULL, model), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_snapshot_restore(snapshot, NULL), PRUNE_E_ARGUMENT);
    prune_snapshot_free(NULL);
    prune_snapshot_free(snapshot);
    prune_model_free(model);
    prune_model_free(empty);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_is_put_back_is_what_was_there,
        rewinding_keeps_the_masks,
        taking_again_replaces_what_was_held,
        another_model_of_the_architecture_takes_it,
        another_architecture_is_refused,
        only_making_one_allocates,
        arguments_are_checked,
    };
    return run_tests("snapshot", tests, sizeof tests / sizeof tests[0]);
}
