/* synflow_test.c -- flow through each weight against taking it away, and that no layer empties
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/stack.h"
#include "support/training.h"

#include <float.h>
#include <math.h>

enum { NETS = 30, MOST = 12 };

typedef struct world {
    prune_model *model;
    prune_importance *table;
} world;

static world make_world(const prune_allocator *mem, size_t inputs, const stack_step *steps, uint64_t seed)
{
    world w = { .model = stack_model(mem, inputs, steps, seed) };
    ck_assert_ok(prune_importance_create(&w.table, mem, w.model, PRUNE_SUPPLIED));
    return w;
}

static void end_world(world *w)
{
    prune_importance_free(w->table);
    prune_model_free(w->model);
}

static const stack_step stacks[][STACK_LAYERS + 1] = {
    { { D, 3, PRUNE_LINEAR, 0, 0 } },
    { { D, 5, PRUNE_RELU, 0, 0 }, { D, 4, PRUNE_TANH, 0, 0 }, { D, 3, PRUNE_LINEAR, 0, 0 } },
    { { D, 6, PRUNE_LINEAR, 0, 0 },
      { B, 0, 0, 0.1f, 1e-5f },
      { A, 0, PRUNE_GELU, 0, 0 },
      { O, 0, 0, 0.5f, 0 },
      { D, 4, PRUNE_SIGMOID, 0, 0 },
      { S, 0, 0, 0, 0 } },
    { { B, 0, 0, 0.1f, 1e-3f }, { D, 4, PRUNE_RELU, 0, 0 }, { D, 2, PRUNE_LINEAR, 0, 0 }, { L, 0, 0, 0, 0 } },
};
enum { STACKS = sizeof stacks / sizeof stacks[0], INPUTS = 5 };

/* ---- the definition ---- */

/* One layer of the net of |w|, without what is added; parameter p of layer l is `absent` in one element. */
typedef struct taken {
    size_t param, element;
} taken;

static double size_at(const prune_model *model, size_t param, size_t i, const taken *absent)
{
    return param == absent->param && i == absent->element ? 0.0
                                                          : fabs((double)prune_model_param(model, param)[i]);
}

static void pass_dense(double *x, const prune_model *model, size_t p, const prune_layer_info *info,
                       const taken *absent)
{
    double y[MOST] = { 0 };
    const size_t in = info->input.dims[0], out = info->output.dims[0];
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++)
            y[o] += size_at(model, p, o * in + i, absent) * x[i];
    memcpy(x, y, sizeof y);
}

/* R, the sum of the outputs. */
static double total_flow(const prune_model *model, const taken *absent)
{
    double x[MOST], sum = 0.0;
    size_t p = 0;
    for (size_t i = 0; i < MOST; i++)
        x[i] = i < prune_model_inputs(model) ? 1.0 : 0.0;
    for (size_t l = 0; l < prune_model_layer_count(model); l++) {
        prune_layer_info info;
        prune_layer_info_init(&info);
        ck_assert_ok(prune_model_layer_info(&info, model, l));
        if (info.kind == PRUNE_LAYER_DENSE) {
            pass_dense(x, model, p, &info, absent);
            p += 2;
        } else if (info.kind == PRUNE_LAYER_BATCH_NORM) {
            for (size_t i = 0; i < info.input.dims[0]; i++)
                x[i] *= fabs((double)prune_model_param(model, p)[i]) /
                        sqrt((double)prune_model_param(model, p + 3)[i] + (double)info.settings[1]);
            p += 4;
        }
    }
    for (size_t i = 0; i < prune_model_outputs(model); i++)
        sum += x[i];
    return sum;
}

/* R is linear in each |w|, so |w| dR/d|w| is what R has less of without it. Returns the sum. */
static double check_param(const world *w, size_t p)
{
    const taken none = { SIZE_MAX, 0 };
    const double all = total_flow(w->model, &none);
    double sum = 0.0;
    prune_param_info info;
    prune_param_info_init(&info);
    ck_assert_ok(prune_model_param_info(&info, w->model, p));
    for (size_t i = 0; i < info.count; i++) {
        const taken one = { p, i };
        const float got = prune_importance_scores(w->table, p)[i];
        if (info.prunable)
            ck_assert_double_eq_tol((double)got, (all - total_flow(w->model, &one)) / all, 1e-6);
        else
            ck_assert(got == (info.statistic ? 0.0f : FLT_MAX));
        sum += (double)got;
    }
    return info.prunable ? sum : 1.0;
}

START_TEST(scores_are_the_flow_lost_without_a_weight)
{
    for (size_t s = 0; s < STACKS; s++)
        for (uint64_t seed = 0; seed < 5; seed++) {
            world w = make_world(NULL, INPUTS, stacks[s], seed);
            ck_assert_ok(prune_score_synflow(w.table));
            for (size_t p = 0; p < prune_model_param_count(w.model); p++)
                ck_assert_double_eq_tol(check_param(&w, p), 1.0, 1e-5);
            end_world(&w);
        }
}
END_TEST

/* ---- the protocol ---- */

static prune_model *random_net(prune_rng *rng, size_t *layers)
{
    size_t widths[6];
    *layers = 1 + (size_t)prune_rng_below(rng, 5);
    for (size_t l = 0; l <= *layers; l++)
        widths[l] = 1 + (size_t)prune_rng_below(rng, MOST);
    return world_model(NULL, widths, *layers, PRUNE_RELU, prune_rng_next(rng));
}

static uint64_t kept_in(const prune_model *model, int32_t layer)
{
    uint64_t units, kept;
    prune_selection selection;
    prune_selection_init(&selection);
    selection.layer = layer;
    ck_assert_ok(prune_mask_units(&units, &kept, model, &selection));
    return kept;
}

static prune_selection without_floors(void)
{
    prune_selection selection;
    prune_selection_init(&selection);
    selection.min_kept = 0;
    return selection;
}

/* Down to one weight in each layer, all on one path; no floor holds it up. */
START_TEST(no_layer_empties_up_to_the_maximal_compression)
{
    prune_rng rng;
    prune_rng_seed(&rng, 1);
    for (size_t n = 0; n < NETS; n++) {
        size_t layers;
        prune_model *model = random_net(&rng, &layers);
        const prune_selection all = without_floors();
        const taken none = { SIZE_MAX, 0 };
        const uint64_t units = kept_in(model, -1);
        ck_assert_ok(prune_synflow(NULL, model, &all, 1.0 - (double)layers / (double)units,
                                   units > 100 ? units : 100));
        ck_assert_uint_eq(kept_in(model, -1), layers);
        for (size_t l = 0; l < layers; l++)
            ck_assert_uint_eq(kept_in(model, (int32_t)l), 1);
        ck_assert(total_flow(model, &none) > 0.0);
        prune_model_free(model);
    }
}
END_TEST

/* With the paper's 100 rounds, at every size of what is left that its nets are tried at. */
START_TEST(no_layer_empties_in_a_hundred_rounds)
{
    static const double fractions[] = { 0.5, 0.9, 0.95, 0.98 };
    prune_rng rng;
    prune_rng_seed(&rng, 2);
    for (size_t n = 0; n < NETS; n++) {
        size_t layers;
        prune_model *model = random_net(&rng, &layers);
        for (size_t f = 0; f < 4; f++) {
            uint64_t gone;
            const prune_selection all = without_floors();
            prune_removal removal;
            prune_removal_init(&removal);
            const uint64_t before = kept_in(model, -1);
            ck_assert_ok(prune_synflow(&removal, model, &all, 0.0, 1));
            ck_assert_ok(prune_fraction_count(&gone, fractions[f], removal.units));
            if (removal.units - gone < layers)
                continue;
            ck_assert_ok(prune_synflow(&removal, model, &all, fractions[f], 100));
            ck_assert_uint_eq(removal.kept, removal.units - gone);
            ck_assert_uint_eq(removal.removed, before - removal.kept);
            for (size_t l = 0; l < layers; l++)
                ck_assert_uint_gt(kept_in(model, (int32_t)l), 0);
        }
        prune_model_free(model);
    }
}
END_TEST

/* The rounds, one by one, with the public calls. */
START_TEST(rounds_are_scored_anew)
{
    const double rounds = 10.0, fraction = 0.85;
    world w = make_world(NULL, INPUTS, stacks[1], 3);
    prune_model *model;
    uint64_t by_layer[3], units, kept, last;
    prune_removal removal, step;
    ck_assert_ok(prune_model_clone(&model, NULL, w.model));
    ck_assert_ok(prune_mask_units(&units, &kept, model, NULL));
    ck_assert_ok(prune_fraction_count(&last, fraction, units));
    prune_removal_init(&step);
    for (size_t i = 1; i <= 10; i++) {
        const double density = pow((double)(units - last) / (double)units, (double)i / rounds);
        const uint64_t gone = i == 10 ? last : (uint64_t)floor((1.0 - density) * (double)units);
        ck_assert_ok(prune_score_synflow(w.table));
        ck_assert_ok(prune_mask_lowest(&step, w.model, w.table, NULL, gone - (units - kept_in(w.model, -1))));
    }
    prune_removal_init(&removal);
    removal.by_layer = by_layer;
    removal.by_layer_capacity = 3;
    ck_assert_ok(prune_synflow(&removal, model, NULL, fraction, 10));
    ck_assert(world_same_models(model, w.model));
    ck_assert_uint_eq(removal.removed, last);
    ck_assert_uint_eq(removal.kept, units - last);
    ck_assert_uint_eq(removal.units, units);
    ck_assert(removal.threshold == step.threshold);
    for (size_t l = 0; l < 3; l++)
        ck_assert_uint_eq(by_layer[l] + kept_in(model, (int32_t)l), world_count(model, 2 * l));
    prune_model_free(model);
    end_world(&w);
}
END_TEST

/* Products of weights over 12 layers leave float and double; those of a layer do not matter. */
START_TEST(deep_nets_do_not_overflow)
{
    static const float scales[] = { 1e36f, 1e-36f };
    for (size_t s = 0; s < 2; s++) {
        size_t widths[13];
        for (size_t l = 0; l < 13; l++)
            widths[l] = 6;
        prune_model *plain = world_model(NULL, widths, 12, PRUNE_RELU, 4);
        prune_model *scaled = world_model(NULL, widths, 12, PRUNE_RELU, 4);
        for (size_t l = 0; l < 12; l++) {
            float values[36];
            for (size_t i = 0; i < 36; i++)
                values[i] = scales[s] * prune_model_param(plain, 2 * l)[i];
            ck_assert_ok(prune_model_set_param(scaled, 2 * l, values, 36));
        }
        ck_assert_ok(prune_synflow(NULL, plain, NULL, 0.8, 100));
        ck_assert_ok(prune_synflow(NULL, scaled, NULL, 0.8, 100));
        for (size_t l = 0; l < 12; l++) {
            uint8_t a[36], b[36];
            ck_assert_ok(prune_mask_get(a, 36, plain, 2 * l));
            ck_assert_ok(prune_mask_get(b, 36, scaled, 2 * l));
            ck_assert_mem_eq(a, b, 36);
        }
        prune_model_free(plain);
        prune_model_free(scaled);
    }
}
END_TEST

START_TEST(no_path_no_flow)
{
    world w = make_world(NULL, INPUTS, stacks[1], 3);
    uint8_t none[20] = { 0 };
    ck_assert_ok(prune_mask_set(w.model, 2, none, 20));
    ck_assert_ok(prune_score_synflow(w.table));
    for (size_t i = 0; i < 25; i++)
        ck_assert(prune_importance_scores(w.table, 0)[i] == 0.0f);
    end_world(&w);
}
END_TEST

/* ---- refused ---- */

START_TEST(bad_tables_stay_as_they_are)
{
    world w = make_world(NULL, INPUTS, stacks[1], 3);
    prune_importance *magnitude;
    ck_assert_status(prune_score_synflow(NULL), PRUNE_E_ARGUMENT);
    ck_assert_ok(prune_importance_create(&magnitude, NULL, w.model, PRUNE_MAGNITUDE));
    ck_assert_status(prune_score_synflow(magnitude), PRUNE_E_STATE);
    ck_assert_ptr_nonnull(prune_importance_scores(magnitude, 0));
    prune_importance_free(magnitude);
    ck_assert_ok(prune_score_synflow(w.table));
    world_plant(w.model, 2, 3, NAN);
    ck_assert_status(prune_score_synflow(w.table), PRUNE_E_NONFINITE);
    ck_assert_ptr_null(prune_importance_scores(w.table, 0));
    ck_assert_status(prune_synflow(NULL, w.model, NULL, 0.5, 10), PRUNE_E_NONFINITE);
    ck_assert_ok(prune_model_add_dense(w.model, 2, PRUNE_LINEAR));
    ck_assert_status(prune_score_synflow(w.table), PRUNE_E_STATE);
    end_world(&w);
}
END_TEST

START_TEST(bad_arguments_remove_nothing)
{
    world w = make_world(NULL, INPUTS, stacks[1], 3);
    const uint64_t hash = world_hash(w.model);
    prune_selection selection;
    prune_removal removal;
    uint64_t by_layer[2];
    prune_selection_init(&selection);
    prune_removal_init(&removal);
    ck_assert_status(prune_synflow(NULL, NULL, NULL, 0.5, 10), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_synflow(NULL, w.model, NULL, 0.5, 0), PRUNE_E_RANGE);
    ck_assert_status(prune_synflow(NULL, w.model, NULL, 1.5, 10), PRUNE_E_RANGE);
    ck_assert_status(prune_synflow(NULL, w.model, NULL, (double)NAN, 10), PRUNE_E_RANGE);
    ck_assert_status(prune_synflow(NULL, w.model, NULL, 1.0, 10), PRUNE_E_COLLAPSE);
    selection.min_kept = 10;
    ck_assert_status(prune_synflow(NULL, w.model, &selection, 0.9, 10), PRUNE_E_COLLAPSE);
    selection.scope = PRUNE_PER_LAYER;
    ck_assert_status(prune_synflow(NULL, w.model, &selection, 0.5, 10), PRUNE_E_ARGUMENT);
    removal.by_layer = by_layer;
    removal.by_layer_capacity = 2;
    ck_assert_status(prune_synflow(&removal, w.model, NULL, 0.5, 10), PRUNE_E_SHAPE);
    removal.size = sizeof removal + 1;
    ck_assert_status(prune_synflow(&removal, w.model, NULL, 0.5, 10), PRUNE_E_VERSION);
    ck_assert_uint_eq(world_hash(w.model), hash);
    end_world(&w);
}
END_TEST

START_TEST(without_memory_nothing_changes)
{
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    world w = make_world(&mem, INPUTS, stacks[1], 3);
    const uint64_t hash = world_hash(w.model);
    const size_t blocks = h.live_blocks, before = h.requests;
    prune_status status = PRUNE_E_MEMORY;
    ck_assert_ok(prune_score_random(w.table, 1));
    const float first = prune_importance_scores(w.table, 0)[0];
    heap_refuse_once(&h, 1);
    ck_assert_status(prune_score_synflow(w.table), PRUNE_E_MEMORY);
    ck_assert(prune_importance_scores(w.table, 0)[0] == first);
    ck_assert_uint_eq(h.requests, before + 1);
    for (size_t n = 1; status == PRUNE_E_MEMORY; n++) {
        heap_refuse_once(&h, n);
        status = prune_synflow(NULL, w.model, NULL, 0.5, 3);
        ck_assert_uint_eq(h.live_blocks, blocks);
        ck_assert(status == PRUNE_OK || world_hash(w.model) == hash);
    }
    ck_assert_ok(status);
    end_world(&w);
    ck_assert(heap_is_clean(&h));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        scores_are_the_flow_lost_without_a_weight,
        no_layer_empties_up_to_the_maximal_compression,
        no_layer_empties_in_a_hundred_rounds,
        rounds_are_scored_anew,
        deep_nets_do_not_overflow,
        no_path_no_flow,
        bad_tables_stay_as_they_are,
        bad_arguments_remove_nothing,
        without_memory_nothing_changes,
    };
    return run_tests("synflow", tests, sizeof tests / sizeof tests[0]);
}
