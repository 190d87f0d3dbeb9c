/* rule_test.c -- thresholds by rules: known answers, what they take, and what is refused
 *
 * SPDX-License-Identifier: MIT */
#include "support/oracle.h"
#include "support/runner.h"
#include "support/sizes.h"

#include <float.h>
#include <math.h>

enum { BINS = PRUNE_RULE_BINS, KINDS = PRUNE_THRESHOLD_KNEE };

static float threshold_of(const float *size, size_t count, const prune_threshold_rule *rule)
{
    float threshold = -1.0f;
    prune_model *model;
    prune_importance *scores = sizes_scores(&model, size, count);
    ck_assert_ok(prune_threshold_from_rule(&threshold, scores, NULL, rule));
    prune_importance_free(scores);
    prune_model_free(model);
    return threshold;
}

/* ---- known answers ---- */

typedef struct sample {
    int32_t kind, log_scale;
    double k;
    size_t count;
    float size[8];
    float threshold;
} sample;

static const sample samples[] = {
    { PRUNE_THRESHOLD_MEAN_SIGMA, 0, 1.0, 2, { 1.0f, 3.0f }, 1.0f },
    { PRUNE_THRESHOLD_MEAN_SIGMA, 0, 0.5, 8, { 2, 4, 4, 4, 5, 5, 7, 9 }, 4.0f }, /* mean 5, sigma 2 */
    { PRUNE_THRESHOLD_MEAN_SIGMA, 0, 3.0, 8, { 2, 4, 4, 4, 5, 5, 7, 9 }, 0.0f },
    { PRUNE_THRESHOLD_MEAN_SIGMA, 0, -1e300, 2, { 1.0f, 3.0f }, FLT_MAX },
    { PRUNE_THRESHOLD_MEAN_SIGMA, 0, DBL_MAX, 2, { 1.0f, 3.0f }, 0.0f },
    { PRUNE_THRESHOLD_MEAN_SIGMA, 1, DBL_MAX, 2, { 1.0f, 3.0f }, 0.0f },
    { PRUNE_THRESHOLD_MEAN_SIGMA, 1, -DBL_MAX, 2, { 1.0f, 3.0f }, FLT_MAX },
    { PRUNE_THRESHOLD_MEAN_SIGMA, 1, 0.0, 3, { 0.25f, 4.0f, 1.0f }, 1.0f },
    { PRUNE_THRESHOLD_MEDIAN_MAD, 0, 1.0, 7, { 1, 1, 2, 2, 4, 6, 9 }, 1.0f }, /* median 2, MAD 1 */
    { PRUNE_THRESHOLD_MEDIAN_MAD, 0, -2.0, 7, { 9, 6, 4, 2, 2, 1, 1 }, 4.0f },
    { PRUNE_THRESHOLD_MEDIAN_MAD, 0, 1.0, 4, { 1, 2, 4, 8 }, 1.5f }, /* median 3, MAD (1 + 2) / 2 */
    { PRUNE_THRESHOLD_MEDIAN_MAD, 0, 0.0, 4, { 1, 2, 4, 8 }, 3.0f },
    { PRUNE_THRESHOLD_MEDIAN_MAD, 1, 0.0, 5, { 0, 0, 0.5f, 8, 2 }, 2.0f },        /* zeros are left out */
    { PRUNE_THRESHOLD_OTSU, 0, 1.0, 4, { 0.0f, 256.0f, 127.2f, 128.2f }, 64.0f }, /* of equals the lowest */
    { PRUNE_THRESHOLD_LARGEST_GAP, 0, 1.0, 5, { 1, 2, 7, 4, 5 }, 3.0f },          /* of equals the lowest */
    { PRUNE_THRESHOLD_LARGEST_GAP, 1, 1.0, 5, { 0.5f, 0, 0, 8, 2 }, 1.0f },
    { PRUNE_THRESHOLD_KNEE, 0, 1.0, 5, { 0, 1, 1, 1, 256 }, 2.0f },
    { PRUNE_THRESHOLD_KNEE, 0, 1.0, 5, { 0, 255, 255, 255, 256 }, 255.0f },
};

START_TEST(small_samples_have_known_thresholds)
{
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        const sample *s = &samples[i];
        prune_threshold_rule rule = sizes_rule(s->kind, s->log_scale);
        rule.k = s->k;
        const double threshold = (double)threshold_of(s->size, s->count, &rule),
                     wanted = (double)s->threshold;
        /* Logarithms are rounded, though in double. */
        const double allowed = s->log_scale ? 1e-7 * wanted : 0.0;
        ck_assert_msg(fabs(threshold - wanted) <= allowed, "sample %d: %g", (int)i, threshold);
    }
}
END_TEST

/* One unit, equal ones, zeros: the lowest score, whatever the rule. */
START_TEST(where_nothing_is_told_apart_it_is_the_lowest)
{
    static const struct {
        size_t count;
        float size[4], linear, log;
    } same[] = {
        { 1, { 3.0f }, 3.0f, 3.0f },
        { 1, { FLT_MAX }, FLT_MAX, FLT_MAX },
        { 1, { 1e-45f }, 1e-45f, 1e-45f },
        { 4, { 0.1f, 0.1f, 0.1f, 0.1f }, 0.1f, 0.1f },
        { 1, { 0.0f }, 0.0f, 0.0f },
        { 3, { 0.0f, 0.0f, 0.0f }, 0.0f, 0.0f },
        { 3, { 0.0f, 0.7f, 0.7f }, -1.0f, 0.7f }, /* told apart when zeros count */
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        for (int32_t kind = 1; kind <= KINDS; kind++) {
            const prune_threshold_rule linear = sizes_rule(kind, 0), logs = sizes_rule(kind, 1);
            ck_assert_number(threshold_of(same[i].size, same[i].count, &logs), same[i].log);
            if (same[i].linear >= 0.0f)
                ck_assert_number(threshold_of(same[i].size, same[i].count, &linear), same[i].linear);
        }
}
END_TEST

START_TEST(two_heaps_are_cut_between)
{
    static float size[SIZES_MOST];
    prune_rng rng;
    prune_rng_seed(&rng, 3);
    for (size_t i = 0; i < SIZES_MOST; i++)
        size[i] = fabsf(i % 4 ? 0.1f + 0.01f * sizes_normal(&rng) : 1.0f + 0.1f * sizes_normal(&rng));
    prune_model *model;
    prune_importance *scores = sizes_scores(&model, size, SIZES_MOST);
    for (int32_t log_scale = 0; log_scale <= 1; log_scale++)
        for (int32_t kind = PRUNE_THRESHOLD_OTSU; kind <= PRUNE_THRESHOLD_LARGEST_GAP; kind++) {
            const prune_threshold_rule rule = sizes_rule(kind, log_scale);
            float threshold;
            prune_removal removal;
            prune_removal_init(&removal);
            ck_assert_ok(prune_threshold_from_rule(&threshold, scores, NULL, &rule));
            ck_assert_ok(prune_mask_preview(&removal, scores, NULL, threshold));
            ck_assert_uint_eq(removal.removed, SIZES_MOST / 4 * 3);
        }
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

/* Two zeros, a and b, two ones: the median is (a + b) / 2, and so is its MAD. */
START_TEST(median_less_an_equal_mad_is_zero)
{
    for (size_t i = 0; i < 200; i++) {
        const float a = 0.01f + 0.001f * (float)i,
                    scores[6] = { 0.0f, 0.0f, a, a + 0.00037f * (float)(i + 1), 1.0f, 1.0f };
        prune_threshold_rule rule;
        prune_importance *table;
        prune_model *model;
        float threshold = -1.0f;
        prune_threshold_rule_init(&rule);
        rule.kind = PRUNE_THRESHOLD_MEDIAN_MAD;
        ck_assert_ok(prune_model_create(&model, NULL, 6));
        ck_assert_ok(prune_model_add_dense(model, 1, PRUNE_LINEAR));
        ck_assert_ok(prune_importance_create(&table, NULL, model, PRUNE_SUPPLIED));
        ck_assert_ok(prune_importance_set_scores(table, 0, scores, 6));
        ck_assert_ok(prune_threshold_from_rule(&threshold, table, NULL, &rule));
        ck_assert(threshold == 0.0f);
        prune_importance_free(table);
        prune_model_free(model);
    }
}
END_TEST

/* 2 sigma below a Gaussian's mean; its MAD is sigma / 1.4826. On the log scale a log-normal one. */
START_TEST(sigmas_of_a_gaussian)
{
    static float size[SIZES_MOST], power[SIZES_MOST];
    prune_rng rng;
    prune_rng_seed(&rng, 4);
    for (size_t i = 0; i < SIZES_MOST; i++) {
        size[i] = 5.0f + 0.5f * sizes_normal(&rng);
        power[i] = expf(size[i]);
    }
    for (int32_t kind = PRUNE_THRESHOLD_MEAN_SIGMA; kind <= PRUNE_THRESHOLD_MEDIAN_MAD; kind++) {
        prune_threshold_rule linear = sizes_rule(kind, 0), logs = sizes_rule(kind, 1);
        linear.k = logs.k = kind == PRUNE_THRESHOLD_MEAN_SIGMA ? 2.0 : 2.0 * 1.4826;
        ck_assert_double_eq_tol((double)threshold_of(size, SIZES_MOST, &linear), 4.0, 0.06);
        ck_assert_double_eq_tol(log((double)threshold_of(power, SIZES_MOST, &logs)), 4.0, 0.06);
    }
}
END_TEST

START_TEST(a_knee_ends_a_crowd_or_a_tail)
{
    static float crowd[SIZES_MOST], tail[SIZES_MOST];
    const prune_threshold_rule rule = sizes_rule(PRUNE_THRESHOLD_KNEE, 0);
    for (size_t i = 0; i < SIZES_MOST; i++) {
        const float u = (float)i / SIZES_MOST; /* nine in ten within a tenth of the range */
        crowd[i] = u < 0.9f ? u / 9.0f : 0.1f + (u - 0.9f) * 9.0f;
        tail[i] = 1.0f - crowd[i];
    }
    ck_assert_double_eq_tol((double)threshold_of(crowd, SIZES_MOST, &rule), 0.1, 1.0 / BINS);
    ck_assert_double_eq_tol((double)threshold_of(tail, SIZES_MOST, &rule), 0.9, 1.0 / BINS);
}
END_TEST

/* An outlier makes the largest gap, but not between the 5 % and the 95 % quantile. */
START_TEST(outliers_do_not_decide_the_gap)
{
    static float size[200];
    for (size_t i = 0; i < 200; i++)
        size[i] = i == 0 ? 1000.0f : (float)i + (i < 80 ? 1.0f : 4.0f);
    prune_threshold_rule rule = sizes_rule(PRUNE_THRESHOLD_LARGEST_GAP, 0);
    ck_assert_number(threshold_of(size, 200, &rule), 82.0);
    rule.from_fraction = 0.0;
    rule.to_fraction = 1.0;
    ck_assert_number(threshold_of(size, 200, &rule), 601.5);
    rule.from_fraction = 0.5;
    rule.to_fraction = 0.501; /* no two scores: nothing to tell apart */
    ck_assert_number(threshold_of(size, 200, &rule), 2.0);
}
END_TEST

/* ---- what goes where ---- */

START_TEST(what_lies_below_goes)
{
    static const size_t shape[] = { 20, 15, 10, 5 };
    prune_model *model = world_model(NULL, shape, 3, PRUNE_RELU, 8);
    prune_importance *scores;
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
    for (int32_t kind = 1; kind <= KINDS; kind++)
        for (int32_t log_scale = 0; log_scale <= 1; log_scale++) {
            const prune_threshold_rule rule = sizes_rule(kind, log_scale);
            uint64_t by_layer[3], all = 0;
            float threshold;
            prune_removal removal;
            prune_removal_init(&removal);
            removal.by_layer = by_layer;
            removal.by_layer_capacity = 3;
            ck_assert_ok(prune_threshold_from_rule(&threshold, scores, NULL, &rule));
            ck_assert_ok(prune_mask_preview(&removal, scores, NULL, threshold));
            for (size_t l = 0; l < 3; l++) {
                const float *score = prune_importance_scores(scores, 2 * l);
                uint64_t below = 0;
                for (size_t i = 0; i < shape[l] * shape[l + 1]; i++)
                    below += score[i] < threshold;
                ck_assert_uint_eq(by_layer[l], below);
                all += below;
            }
            ck_assert_uint_eq(removal.removed, all);
        }
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

/* ---- refusals ---- */

static void check_refused(const prune_importance *scores, const prune_threshold_rule *rule,
                          prune_status expected)
{
    float threshold = 7.0f;
    ck_assert_status(prune_threshold_from_rule(&threshold, scores, NULL, rule), expected);
    ck_assert_number(threshold, 7.0);
}

START_TEST(arguments_are_checked)
{
    static const double wrong_k[] = { (double)NAN, (double)INFINITY, -(double)INFINITY };
    static const double wrong_range[][2] = { { 0.5, 0.5 },
                                             { 0.6, 0.5 },
                                             { -0.1, 0.5 },
                                             { 0.5, 1.1 },
                                             { (double)NAN, 0.5 },
                                             { 0.5, (double)NAN },
                                             { -(double)INFINITY, 1 },
                                             { 0, (double)INFINITY } };
    const float size[] = { 1.0f, 2.0f, 5.0f };
    prune_model *model, *empty;
    prune_importance *scores = sizes_scores(&model, size, 3), *none_left = sizes_scores(&empty, size, 0),
                     *unfilled;
    prune_selection selection;
    float threshold = 7.0f, by_default = 0.0f;
    ck_assert_ok(prune_importance_create(&unfilled, NULL, model, PRUNE_GRADIENT));
    for (int32_t kind = 1; kind <= KINDS; kind++) {
        prune_threshold_rule rule = sizes_rule(kind, 0);
        for (size_t i = 0; i < 3; i++) {
            rule.k = wrong_k[i];
            check_refused(scores, &rule, PRUNE_E_RANGE);
        }
        for (size_t i = 0; i < sizeof wrong_range / sizeof wrong_range[0]; i++) {
            rule = sizes_rule(kind, 0);
            rule.from_fraction = wrong_range[i][0];
            rule.to_fraction = wrong_range[i][1];
            check_refused(scores, &rule, PRUNE_E_RANGE);
        }
        rule = sizes_rule(kind, 0);
        check_refused(none_left, &rule, PRUNE_E_EMPTY);
        check_refused(unfilled, &rule, PRUNE_E_STATE);
        check_refused(NULL, &rule, PRUNE_E_ARGUMENT);
        ck_assert_status(prune_threshold_from_rule(NULL, scores, NULL, &rule), PRUNE_E_ARGUMENT);
    }
    const prune_threshold_rule none = sizes_rule(0, 0), beyond = sizes_rule(KINDS + 1, 0),
                               otsu = sizes_rule(3, 0);
    check_refused(scores, &none, PRUNE_E_ARGUMENT);
    check_refused(scores, &beyond, PRUNE_E_ARGUMENT);
    prune_selection_init(&selection);
    selection.layer = 1;
    ck_assert_status(prune_threshold_from_rule(&threshold, scores, &selection, NULL), PRUNE_E_RANGE);
    ck_assert_number(threshold, 7.0);
    ck_assert_ok(prune_threshold_from_rule(&threshold, scores, NULL, &otsu));
    ck_assert_ok(prune_threshold_from_rule(&by_default, scores, NULL, NULL));
    ck_assert_number(threshold, by_default);
    prune_threshold_rule_init(NULL);
    prune_importance_free(scores);
    prune_importance_free(none_left);
    prune_importance_free(unfilled);
    prune_model_free(model);
    prune_model_free(empty);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        median_less_an_equal_mad_is_zero,
        small_samples_have_known_thresholds,
        where_nothing_is_told_apart_it_is_the_lowest,
        two_heaps_are_cut_between,
        sigmas_of_a_gaussian,
        a_knee_ends_a_crowd_or_a_tail,
        outliers_do_not_decide_the_gap,
        what_lies_below_goes,
        arguments_are_checked,
    };
    return run_tests("rule", tests, sizeof tests / sizeof tests[0]);
}
