/* snip_test.c -- connection sensitivity: |w g| over the sum of all, in double; and its protocol
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/reference.h"
#include "support/training.h"

#include <float.h>
#include <math.h>

enum { LAYERS = 2, SAMPLES = 21, INPUTS = 4, HIDDEN = 6, CLASSES = 3, SEEDS = 8 };

typedef struct world {
    ref_net net;
    ref_task task;
    prune_model *model;
    prune_trainer *trainer;
    prune_importance *table;
    world_data data;
} world;

static void open_world(world *w, const prune_allocator *mem, uint64_t seed)
{
    static const size_t widths[] = { INPUTS, HIDDEN, CLASSES };
    static const int32_t activations[] = { PRUNE_TANH, PRUNE_LINEAR };
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
    uint64_t state = seed;
    memset(w, 0, sizeof *w);
    ref_shape(&w->net, LAYERS, widths, activations);
    for (size_t i = 0; i < w->net.count; i++) {
        w->net.keep[i] = i >= ref_begin(&w->net, 1) || (i + seed) % 4 != 0;
        w->net.w[i] = w->net.keep[i] ? (double)(float)ref_uniform(&state, -1.0, 1.0) : 0.0;
    }
    ck_assert_ok(ref_model(&w->model, &w->net));
    world_data_make(&w->data, SAMPLES, INPUTS, CLASSES, seed);
    w->task = (ref_task){ .loss = PRUNE_SOFTMAX_CROSS_ENTROPY, .n = SAMPLES };
    for (size_t i = 0; i < SAMPLES * INPUTS; i++)
        w->task.x[i] = (double)w->data.x[i];
    memcpy(w->task.label, w->data.label, SAMPLES * sizeof *w->task.label);
    options.max_batch = 8;
    ck_assert_ok(prune_trainer_create(&w->trainer, mem, w->model, &options, NULL));
    ck_assert_ok(prune_importance_create(&w->table, NULL, w->model, PRUNE_SUPPLIED));
}

static void close_world(world *w)
{
    prune_importance_free(w->table);
    prune_trainer_free(w->trainer);
    prune_model_free(w->model);
    world_data_end(&w->data);
}

START_TEST(scores_are_products_over_their_sum)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world w;
        double g[REF_PARAMS], total = 0.0;
        open_world(&w, NULL, seed);
        const uint64_t hash = world_trainer_hash(w.trainer);
        ck_assert_ok(prune_score_snip(w.table, w.trainer, &w.data.labelled, NULL));
        ck_assert_uint_eq(world_trainer_hash(w.trainer), hash);
        ref_data_gradient(g, &w.net, &w.task);
        for (size_t p = 0; p < 2 * LAYERS; p += 2)
            for (size_t i = ref_begin(&w.net, p); i < ref_begin(&w.net, p + 1); i++)
                total += fabs(w.net.w[i] * g[i]);
        for (size_t p = 0; p < 2 * LAYERS; p++)
            for (size_t i = ref_begin(&w.net, p), k = 0; i < ref_begin(&w.net, p + 1); i++, k++) {
                const float got = prune_importance_scores(w.table, p)[k];
                if (p % 2 == 1)
                    ck_assert(got == FLT_MAX);
                else
                    ck_assert_double_eq_tol((double)got, fabs(w.net.w[i] * g[i]) / total, 1e-6);
            }
        close_world(&w);
    }
}
END_TEST

START_TEST(one_call_is_score_and_fraction)
{
    static const double fractions[] = { 0.0, 0.3, 0.5, 0.9 };
    for (size_t f = 0; f < sizeof fractions / sizeof fractions[0]; f++) {
        world one, two;
        prune_removal a, b;
        prune_removal_init(&a);
        prune_removal_init(&b);
        open_world(&one, NULL, 3);
        open_world(&two, NULL, 3);
        ck_assert_ok(prune_snip(&a, one.trainer, &one.data.labelled, NULL, fractions[f], NULL));
        ck_assert_ok(prune_score_snip(two.table, two.trainer, &two.data.labelled, NULL));
        ck_assert_ok(prune_mask_fraction(&b, two.model, two.table, NULL, fractions[f], PRUNE_OF_ALL));
        ck_assert(world_same_models(one.model, two.model));
        ck_assert_uint_eq(a.removed, b.removed);
        ck_assert_uint_eq(a.kept, b.kept);
        ck_assert(a.threshold == b.threshold);
        close_world(&one);
        close_world(&two);
    }
}
END_TEST

/* Without a gradient there is no sum to divide by. */
START_TEST(no_gradient_no_score)
{
    world w;
    float zeros[INPUTS * HIDDEN] = { 0 };
    open_world(&w, NULL, 3);
    ck_assert_ok(prune_model_set_param(w.model, 0, zeros, INPUTS * HIDDEN));
    ck_assert_ok(prune_model_set_param(w.model, 2, zeros, HIDDEN * CLASSES));
    ck_assert_ok(prune_score_snip(w.table, w.trainer, &w.data.labelled, NULL));
    for (size_t i = 0; i < INPUTS * HIDDEN; i++)
        ck_assert(prune_importance_scores(w.table, 0)[i] == 0.0f);
    close_world(&w);
}
END_TEST

START_TEST(bad_arguments_change_nothing)
{
    world w, other;
    prune_error error;
    prune_importance *magnitude;
    open_world(&w, NULL, 3);
    open_world(&other, NULL, 3);
    prune_data *data = &w.data.labelled;
    const uint64_t hash = world_hash(w.model);
    ck_assert_status(prune_score_snip(NULL, w.trainer, data, &error), PRUNE_E_ARGUMENT);
    ck_assert_str_eq(error.place, "scores");
    ck_assert_status(prune_score_snip(w.table, NULL, data, &error), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_score_snip(w.table, w.trainer, NULL, &error), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_score_snip(other.table, w.trainer, data, &error), PRUNE_E_STATE);
    ck_assert_ok(prune_importance_create(&magnitude, NULL, w.model, PRUNE_MAGNITUDE));
    ck_assert_status(prune_score_snip(magnitude, w.trainer, data, &error), PRUNE_E_STATE);
    prune_importance_free(magnitude);
    ck_assert_status(prune_snip(NULL, NULL, data, NULL, 0.5, &error), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_snip(NULL, w.trainer, NULL, NULL, 0.5, &error), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_snip(NULL, w.trainer, data, NULL, 1.5, &error), PRUNE_E_RANGE);
    ck_assert_str_eq(error.place, "fraction");
    ck_assert_status(prune_snip(NULL, w.trainer, data, NULL, 1.0, &error), PRUNE_E_COLLAPSE);
    ck_assert_uint_eq(world_hash(w.model), hash);
    close_world(&w);
    close_world(&other);
}
END_TEST

START_TEST(what_diverges_leaves_the_table)
{
    world w;
    prune_error error;
    open_world(&w, NULL, 3);
    ck_assert_ok(prune_score_random(w.table, 1));
    const float before = prune_importance_scores(w.table, 0)[0];
    world_plant(w.model, 2, 0, NAN);
    ck_assert_status(prune_score_snip(w.table, w.trainer, &w.data.labelled, &error), PRUNE_E_DIVERGED);
    ck_assert(prune_importance_scores(w.table, 0)[0] == before);
    ck_assert_status(prune_snip(NULL, w.trainer, &w.data.labelled, NULL, 0.5, &error), PRUNE_E_DIVERGED);
    close_world(&w);
}
END_TEST

START_TEST(a_changed_model_is_noticed)
{
    world w;
    open_world(&w, NULL, 3);
    ck_assert_ok(prune_model_add_dense(w.model, 2, PRUNE_LINEAR));
    ck_assert_status(prune_score_snip(w.table, w.trainer, &w.data.labelled, NULL), PRUNE_E_STATE);
    ck_assert_status(prune_snip(NULL, w.trainer, &w.data.labelled, NULL, 0.5, NULL), PRUNE_E_STATE);
    close_world(&w);
}
END_TEST

START_TEST(without_memory_nothing_changes)
{
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    world w;
    prune_status status = PRUNE_E_MEMORY;
    open_world(&w, &mem, 3);
    const uint64_t hash = world_hash(w.model);
    const size_t blocks = h.live_blocks;
    for (size_t n = 1; status == PRUNE_E_MEMORY; n++) {
        heap_refuse_once(&h, n);
        status = prune_snip(NULL, w.trainer, &w.data.labelled, NULL, 0.5, NULL);
        ck_assert_uint_eq(h.live_blocks, blocks);
        ck_assert(status == PRUNE_OK || world_hash(w.model) == hash);
    }
    ck_assert_ok(status);
    ck_assert_uint_ge(h.refused, 2);
    close_world(&w);
    ck_assert(heap_is_clean(&h));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        scores_are_products_over_their_sum, one_call_is_score_and_fraction, no_gradient_no_score,
        bad_arguments_change_nothing,       what_diverges_leaves_the_table, a_changed_model_is_noticed,
        without_memory_nothing_changes,
    };
    return run_tests("snip", tests, sizeof tests / sizeof tests[0]);
}
