/* unit_test.c -- what can be chosen: neurons, inputs and blocks, more of them than a walk takes at a time
 *
 * SPDX-License-Identifier: MIT */
#include "support/oracle.h"
#include "support/stack.h"

#include <math.h>
#include <string.h>

/* Wide enough for many runs of units, narrow enough for the oracle. */
static const size_t wide[] = { 40, 9, 37, 3 };
enum { LAYERS = 3, MATRIX = 400 };

static const struct kind {
    int32_t granularity, aggregate, joint, include_bias, rows, columns;
} kinds[] = {
    { PRUNE_NEURONS, PRUNE_ROW_L2, 0, 0, 4, 4 },        { PRUNE_NEURONS, PRUNE_ROW_L1, 1, 0, 4, 4 },
    { PRUNE_NEURONS, PRUNE_ROW_MEAN, 1, 1, 4, 4 },      { PRUNE_INPUTS, PRUNE_ROW_L1, 0, 0, 4, 4 },
    { PRUNE_INPUTS, PRUNE_ROW_SIGNED, 0, 0, 4, 4 },     { PRUNE_INPUTS, PRUNE_ROW_MAX, 1, 1, 4, 4 },
    { PRUNE_BLOCKS, PRUNE_ROW_L2, 0, 0, 2, 3 },         { PRUNE_BLOCKS, PRUNE_ROW_SIGNED, 0, 0, 1, 4 },
    { PRUNE_BLOCKS, PRUNE_ROW_MEAN, 0, 0, 5, 1 },       { PRUNE_BLOCKS, PRUNE_ROW_MAX, 1, 0, 100, 100 },
    { PRUNE_BLOCKS, PRUNE_ROW_L1, 0, 0, INT32_MAX, 1 }, { PRUNE_BLOCKS, PRUNE_ROW_MAX, 0, 0, 1, INT32_MAX },
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static prune_selection selection_of(const struct kind *k, int32_t scope)
{
    prune_selection s;
    prune_selection_init(&s);
    s.granularity = k->granularity;
    s.aggregate = k->aggregate;
    s.joint = k->joint;
    s.include_bias = k->include_bias;
    s.block_rows = k->rows;
    s.block_columns = k->columns;
    s.scope = scope;
    s.include_output = 1;
    return s;
}

/* Few values and a few weights gone: many equal scores. */
static prune_model *make_wide(uint64_t seed)
{
    prune_rng rng;
    float value[MATRIX];
    uint8_t mask[MATRIX];
    prune_model *model = world_model(NULL, wide, LAYERS, PRUNE_RELU, seed);
    prune_rng_seed(&rng, seed);
    for (size_t l = 0; l < LAYERS; l++) {
        const size_t count = wide[l] * wide[l + 1];
        for (size_t i = 0; i < count; i++) {
            value[i] = 0.25f * (float)prune_rng_below(&rng, 3) - 0.25f;
            mask[i] = prune_rng_below(&rng, 8) != 0;
        }
        ck_assert_ok(prune_model_set_param(model, 2 * l, value, count));
        ck_assert_ok(prune_mask_set(model, 2 * l, mask, count));
    }
    return model;
}

static prune_importance *magnitudes(const prune_model *model, int32_t criterion)
{
    prune_importance *scores;
    ck_assert_ok(prune_importance_create(&scores, NULL, model, criterion));
    return scores;
}

static void check_lowest(const struct kind *k, int32_t scope, uint64_t count, uint64_t seed)
{
    static oracle o;
    prune_model *model = make_wide(seed), *expected;
    prune_importance *scores = magnitudes(model, PRUNE_MAGNITUDE);
    const prune_selection s = selection_of(k, scope);
    prune_removal removal;
    prune_removal_init(&removal);
    ck_assert_ok(prune_model_clone(&expected, NULL, model));
    oracle_list(&o, model, scores, &s);
    const int32_t possible = oracle_lowest(&o, count);
    ck_assert_status(prune_mask_lowest(&removal, model, scores, &s, count),
                     possible ? PRUNE_OK : PRUNE_E_COLLAPSE);
    if (possible) {
        oracle_apply(expected, &o);
        ck_assert_uint_eq(removal.removed, oracle_chosen(&o, -1));
        ck_assert_uint_eq(removal.units, o.count);
    }
    ck_assert(world_same_models(model, expected));
    ck_assert_ok(prune_model_verify(model, NULL));
    prune_importance_free(scores);
    prune_model_free(expected);
    prune_model_free(model);
}

START_TEST(the_lowest_of_many_go)
{
    for (size_t k = 0; k < KINDS; k++)
        for (uint64_t count = 1; count < 120; count = count * 2 + k % 3) {
            check_lowest(&kinds[k], PRUNE_GLOBAL, count, 10 * k + count);
            check_lowest(&kinds[k], PRUNE_PER_LAYER, count, 10 * k + count);
        }
}
END_TEST

/* A histogram and a preview count what the oracle lists. */
START_TEST(distributions_are_of_the_same_units)
{
    static oracle o;
    for (size_t k = 0; k < KINDS; k++) {
        prune_model *model = make_wide(k);
        prune_importance *scores = magnitudes(model, PRUNE_MAGNITUDE);
        const prune_selection s = selection_of(&kinds[k], PRUNE_GLOBAL);
        uint64_t counts[7], units, kept, below = 0;
        float middle;
        prune_histogram h;
        prune_histogram_init(&h);
        h.bins = 7;
        h.counts = counts;
        oracle_list(&o, model, scores, &s);
        ck_assert_ok(prune_mask_units(&units, &kept, model, &s));
        ck_assert_uint_eq(units, o.count);
        ck_assert_uint_eq(kept, oracle_kept(&o, -1));
        ck_assert_ok(prune_histogram_fill(&h, scores, &s));
        ck_assert_uint_eq(h.total, kept);
        ck_assert_ok(prune_threshold_quantile(&middle, scores, &s, 0.5));
        for (size_t i = 0; i < o.count; i++)
            below += o.unit[i].kept && o.unit[i].score < middle;
        prune_removal removal;
        prune_removal_init(&removal);
        ck_assert_ok(prune_mask_preview(&removal, scores, &s, middle));
        ck_assert_uint_eq(removal.removed + removal.spared, below);
        prune_importance_free(scores);
        prune_model_free(model);
    }
}
END_TEST

static void check_mask(const prune_model *model, size_t param, const char *text)
{
    uint8_t mask[64];
    const size_t count = strlen(text);
    ck_assert_ok(prune_mask_get(mask, count, model, param));
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(mask[i] == (text[i] == '1'), "parameter %d, element %d", (int)param, (int)i);
}

/* Blocks of 2 x 2 in 3 x 5: sums of |w| are 8, 8, 1; 7, 2, 3 below, where the last are smaller. */
START_TEST(blocks_by_hand)
{
    static const float w[] = { 1, -3, 2, 2, 0.5f, 4, 0, -2, 2, -0.5f, 3, 4, -1, 1, 3 };
    static const struct step {
        uint64_t count;
        const char *mask;
    } steps[] = {
        { 1, "111101111011111" }, { 1, "111101111011001" }, { 1, "111101111011000" },
        { 1, "111101111000000" }, { 1, "001100011000000" },
    };
    const size_t widths[] = { 5, 3 };
    prune_model *model = world_model(NULL, widths, 1, PRUNE_LINEAR, 1);
    ck_assert_ok(prune_model_set_param(model, 0, w, 15));
    prune_importance *scores = magnitudes(model, PRUNE_MAGNITUDE);
    prune_selection s;
    prune_selection_init(&s);
    s.granularity = PRUNE_BLOCKS;
    s.aggregate = PRUNE_ROW_L1;
    s.block_rows = s.block_columns = 2;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        ck_assert_ok(prune_mask_lowest(NULL, model, scores, &s, steps[i].count));
        check_mask(model, 0, steps[i].mask);
        check_mask(model, 1, "111");
    }
    ck_assert_status(prune_mask_lowest(NULL, model, scores, &s, 1), PRUNE_E_COLLAPSE);
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

/* The weakest feature goes, no neuron and no bias with it; the last layer has inputs like any other. */
START_TEST(inputs_by_hand)
{
    static const float first[] = { 3, 0.1f, -2, 1, -0.2f, 2 }, last[] = { 0.5f, -4 };
    const stack_step steps[] = { { D, 2, 0, 0, 0 },
                                 { B, 0, 0, 0.1f, 1e-3f },
                                 { A, 0, PRUNE_RELU, 0, 0 },
                                 { D, 1, 0, 0, 0 },
                                 { 0, 0, 0, 0, 0 } };
    prune_model *model = stack_model(NULL, 3, steps, 1);
    const size_t reader = prune_model_param_count(model) - 2;
    ck_assert_ok(prune_model_set_param(model, 0, first, 6));
    ck_assert_ok(prune_model_set_param(model, reader, last, 2));
    prune_importance *scores = magnitudes(model, PRUNE_MAGNITUDE);
    prune_selection s;
    prune_selection_init(&s);
    s.granularity = PRUNE_INPUTS;
    ck_assert_ok(prune_mask_lowest(NULL, model, scores, &s, 1));
    check_mask(model, 0, "101101");
    check_mask(model, reader, "11");
    ck_assert_ok(prune_mask_lowest(NULL, model, scores, &s, 1));
    check_mask(model, 0, "101101");
    check_mask(model, reader, "01");
    for (size_t p = 1; p < reader; p++)
        check_mask(model, p, "11");
    for (s.layer = 1; s.layer <= 2; s.layer++) {
        ck_assert_status(prune_mask_lowest(NULL, model, scores, &s, 0), PRUNE_E_RANGE);
        s.granularity = PRUNE_BLOCKS;
        ck_assert_status(prune_mask_lowest(NULL, model, scores, &s, 0), PRUNE_E_RANGE);
    }
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

/* A strong row that nobody listens to goes before a weak one that is heard; what belongs to it in between
 * goes too. Torch-Pruning: (9 + 0.01) / 2 and (1 + 9) / 2, by their rows 9 and 1. */
START_TEST(a_joint_score_sees_who_listens)
{
    static const float rows[] = { 3, 0, 1, 0 }, column[] = { 0.1f, 3 };
    const stack_step steps[] = {
        { D, 2, 0, 0, 0 }, { B, 0, 0, 0.1f, 1e-3f }, { D, 1, 0, 0, 0 }, { 0, 0, 0, 0, 0 }
    };
    for (int32_t joint = 0; joint < 2; joint++) {
        prune_model *model = stack_model(NULL, 2, steps, 1);
        const size_t reader = prune_model_param_count(model) - 2;
        ck_assert_ok(prune_model_set_param(model, 0, rows, 4));
        ck_assert_ok(prune_model_set_param(model, reader, column, 2));
        prune_importance *scores = magnitudes(model, PRUNE_MAGNITUDE_SQUARED);
        prune_removal removal;
        prune_selection s;
        prune_removal_init(&removal);
        prune_selection_init(&s);
        s.granularity = PRUNE_NEURONS;
        s.aggregate = PRUNE_ROW_L1;
        s.joint = joint;
        ck_assert_ok(prune_mask_lowest(&removal, model, scores, &s, 1));
        check_mask(model, 0, joint ? "0011" : "1100");
        check_mask(model, 1, joint ? "01" : "10");
        check_mask(model, 2, joint ? "01" : "10");
        check_mask(model, 3, joint ? "01" : "10");
        check_mask(model, reader, "11");
        ck_assert_double_eq_tol((double)removal.threshold, joint ? 4.505 / (0.5 * (4.505 + 5.0)) : 1.0, 1e-6);
        prune_importance_free(scores);
        prune_model_free(model);
    }
}
END_TEST

/* Sums of means over layers: normalised, no layer loses all just for being narrow. In double, by the rule. */
START_TEST(joint_scores_compare_over_layers)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        const size_t widths[] = { 11, 8, 5, 2 };
        double score[13], mean[2] = { 0.0, 0.0 };
        prune_model *model = world_model(NULL, widths, LAYERS, PRUNE_TANH, seed);
        for (size_t n = 0; n < 13; n++) {
            const size_t l = n >= 8, u = l ? n - 8 : n;
            const float *row = prune_model_param(model, 2 * l) + u * widths[l];
            const float *column = prune_model_param(model, 2 * l + 2) + u;
            score[n] = 0.0;
            for (size_t i = 0; i < widths[l]; i++)
                score[n] += 0.5 * (double)row[i] * (double)row[i];
            for (size_t o = 0; o < widths[l + 2]; o++)
                score[n] += 0.5 * (double)column[o * widths[l + 1]] * (double)column[o * widths[l + 1]];
            mean[l] += score[n] / (double)widths[l + 1];
        }
        size_t lowest = 0;
        for (size_t n = 0; n < 13; n++) {
            score[n] /= mean[n >= 8];
            lowest = score[n] < score[lowest] ? n : lowest;
        }
        uint64_t by_layer[LAYERS];
        prune_removal removal = { .size = sizeof removal, .by_layer = by_layer, .by_layer_capacity = LAYERS };
        prune_importance *scores = magnitudes(model, PRUNE_MAGNITUDE_SQUARED);
        const struct kind joint = { PRUNE_NEURONS, PRUNE_ROW_L1, 1, 0, 1, 1 };
        prune_selection s = selection_of(&joint, PRUNE_GLOBAL);
        s.include_output = 0;
        ck_assert_ok(prune_mask_lowest(&removal, model, scores, &s, 1));
        ck_assert_double_eq_tol((double)removal.threshold, score[lowest], 1e-5 * score[lowest]);
        ck_assert_uint_eq(by_layer[lowest >= 8], 1);
        prune_importance_free(scores);
        prune_model_free(model);
    }
}
END_TEST

START_TEST(switches_are_0_or_1)
{
    uint64_t units, kept;
    prune_selection s;
    prune_model *model = make_wide(1);
    for (int32_t which = 0; which < 3; which++)
        for (int32_t value = -1; value <= 2; value++) {
            prune_selection_init(&s);
            s.granularity = PRUNE_NEURONS;
            *(which == 0 ? &s.include_output : which == 1 ? &s.include_bias : &s.joint) = value;
            ck_assert_int_eq(prune_mask_units(&units, &kept, model, &s),
                             value == 0 || value == 1 ? PRUNE_OK : PRUNE_E_ARGUMENT);
        }
    prune_model_free(model);
}
END_TEST

/* int(10 * (1 - 0.9)) is 0 and int(100 * 0.29) is 28 in binary: here a layer of n loses the nearest integer
 * and is never emptied. */
START_TEST(percentages_of_neurons_are_exact)
{
    static const size_t neurons[] = { 10, 100, 1000 };
    for (size_t i = 0; i < 3; i++)
        for (uint64_t percent = 1; percent < 100; percent += i == 2 ? 7 : 1) {
            const size_t widths[] = { 1, neurons[i], 1 };
            prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, percent);
            prune_importance *scores = magnitudes(model, PRUNE_MAGNITUDE);
            const prune_selection s = { .size = offsetof(prune_selection, joint),
                                        .granularity = PRUNE_NEURONS,
                                        .scope = PRUNE_PER_LAYER,
                                        .aggregate = PRUNE_ROW_L2,
                                        .layer = 0 };
            prune_removal removal;
            prune_removal_init(&removal);
            ck_assert_ok(
                prune_mask_fraction(&removal, model, scores, &s, (double)percent / 100, PRUNE_OF_ALL));
            const uint64_t twice = 2 * percent * neurons[i]; /* of 200ths; halves to even */
            const uint64_t whole = twice / 200, rest = twice % 200;
            ck_assert_uint_eq(removal.removed, whole + (rest > 100 || (rest == 100 && whole % 2 == 1)));
            prune_importance_free(scores);
            prune_model_free(model);
        }
}
END_TEST

/* Terms without a sign have no signed sum, of any group. */
START_TEST(aggregates_that_scores_do_not_have_are_refused)
{
    const size_t widths[] = { 3, 2, 2 };
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 1);
    prune_importance *scores = magnitudes(model, PRUNE_SUPPLIED);
    const float zeros[6] = { 0 };
    ck_assert_ok(prune_importance_set_scores(scores, 0, zeros, 6));
    ck_assert_ok(prune_importance_set_scores(scores, 2, zeros, 4));
    const uint64_t hash = world_hash(model);
    for (int32_t g = PRUNE_NEURONS; g <= PRUNE_BLOCKS; g++) {
        const struct kind k = { g, PRUNE_ROW_SIGNED, 0, 0, 2, 2 };
        const prune_selection s = selection_of(&k, PRUNE_GLOBAL);
        ck_assert_status(prune_mask_lowest(NULL, model, scores, &s, 1), PRUNE_E_ARGUMENT);
        ck_assert_status(prune_mask_below(NULL, model, scores, &s, 1.0f), PRUNE_E_ARGUMENT);
    }
    ck_assert_uint_eq(world_hash(model), hash);
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_lowest_of_many_go,
        distributions_are_of_the_same_units,
        blocks_by_hand,
        inputs_by_hand,
        a_joint_score_sees_who_listens,
        joint_scores_compare_over_layers,
        switches_are_0_or_1,
        percentages_of_neurons_are_exact,
        aggregates_that_scores_do_not_have_are_refused,
    };
    return run_tests("unit", tests, sizeof tests / sizeof tests[0]);
}
