/* aggregate_test.c -- sums, means and signed sums of scores, by hand: signs, ends of float, masks, ties
 *
 * SPDX-License-Identifier: MIT */
#include "support/oracle.h"
#include "support/twin.h"

#include <float.h>
#include <math.h>

static const int32_t aggregates[] = { PRUNE_ROW_MAX, PRUNE_ROW_L1, PRUNE_ROW_L2, PRUNE_ROW_MEAN,
                                      PRUNE_ROW_SIGNED };
enum { AGGREGATES = 5 };

/* Scores of one neuron with these weights. */
static prune_importance *row_scores(prune_model **model, const float *weights, size_t count,
                                    int32_t criterion)
{
    const size_t widths[] = { count, 1 };
    *model = world_model(NULL, widths, 1, PRUNE_LINEAR, 0);
    ck_assert_ok(prune_model_set_param(*model, 0, weights, count));
    return twin_importance(*model, criterion);
}

static float row_score(const float *weights, size_t count, int32_t criterion, int32_t aggregate)
{
    prune_model *model;
    float score, again;
    prune_importance *scores = row_scores(&model, weights, count, criterion);
    ck_assert_ok(prune_importance_neurons(&score, 1, scores, 0, aggregate));
    ck_assert_ok(prune_importance_neurons(&again, 1, scores, 0, aggregate));
    ck_assert_mem_eq(&score, &again, sizeof score);
    prune_importance_free(scores);
    prune_model_free(model);
    return score;
}

START_TEST(scores_by_hand)
{
    static const struct {
        float weights[4];
        size_t count;
        int32_t criterion, aggregate;
        float expected;
    } cases[] = {
        { { 1, -2, 4, -8 }, 4, PRUNE_MAGNITUDE, PRUNE_ROW_SIGNED, 5 },
        { { 1, -2, 4, -8 }, 4, PRUNE_MAGNITUDE_SQUARED, PRUNE_ROW_SIGNED, 25 },
        { { 1, -2, 4, -8 }, 4, PRUNE_MAGNITUDE, PRUNE_ROW_MEAN, 3.75f },
        { { 1, -2, 4, -8 }, 4, PRUNE_MAGNITUDE_SQUARED, PRUNE_ROW_MEAN, 21.25f },
        { { 1, -2, 4, -8 }, 4, PRUNE_MAGNITUDE, PRUNE_ROW_L1, 15 },
        { { 1, -2, 4, -8 }, 4, PRUNE_MAGNITUDE_SQUARED, PRUNE_ROW_L1, 85 },
        { { 3, -3 }, 2, PRUNE_MAGNITUDE, PRUNE_ROW_SIGNED, 0 },
        { { 0, -0.0f }, 2, PRUNE_MAGNITUDE, PRUNE_ROW_SIGNED, 0 },
        /* Compensated: in plain float the small ones would be lost. */
        { { 1e8f, 1, -1e8f, 1 }, 4, PRUNE_MAGNITUDE, PRUNE_ROW_SIGNED, 2 },
        { { 1e8f, 1, -1e8f, 1 }, 4, PRUNE_MAGNITUDE_SQUARED, PRUNE_ROW_SIGNED, 4 },
        /* The ends of float. */
        { { FLT_MAX, FLT_MAX, FLT_MAX }, 3, PRUNE_MAGNITUDE, PRUNE_ROW_MEAN, FLT_MAX },
        { { FLT_MAX, FLT_MAX, -FLT_MAX }, 3, PRUNE_MAGNITUDE, PRUNE_ROW_SIGNED, FLT_MAX },
        { { -FLT_MAX, -FLT_MAX, -FLT_MAX }, 3, PRUNE_MAGNITUDE, PRUNE_ROW_SIGNED, FLT_MAX },
        { { 0x1p63f, 0x1p63f }, 2, PRUNE_MAGNITUDE_SQUARED, PRUNE_ROW_SIGNED, FLT_MAX },
        { { 0x1p63f, -0x1p62f }, 2, PRUNE_MAGNITUDE_SQUARED, PRUNE_ROW_SIGNED, 0x1p124f },
        { { 0x1p63f, 0x1p63f }, 2, PRUNE_MAGNITUDE_SQUARED, PRUNE_ROW_MEAN, 0x1p126f },
        { { 0x1p-120f, -0x1p-119f }, 2, PRUNE_MAGNITUDE, PRUNE_ROW_SIGNED, 0x1p-120f },
        { { 0x1p-60f, 0x1p-60f }, 2, PRUNE_MAGNITUDE_SQUARED, PRUNE_ROW_SIGNED, 0x1p-118f },
        { { 0x1p-120f, 0x1p-120f }, 2, PRUNE_MAGNITUDE, PRUNE_ROW_MEAN, 0x1p-120f },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const float score =
            row_score(cases[i].weights, cases[i].count, cases[i].criterion, cases[i].aggregate);
        ck_assert_msg(score == cases[i].expected && !signbit(score), "case %d: %a, not %a", (int)i,
                      (double)score, (double)cases[i].expected);
    }
}
END_TEST

START_TEST(one_weight_alone_is_its_score)
{
    static const float weights[] = { 0.3f, -0.7f, -1e-3f, 123.456f, -3e-30f, 3e30f };
    for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++)
        for (size_t a = 0; a < AGGREGATES; a++) {
            const float w = weights[i];
            if (aggregates[a] != PRUNE_ROW_L2)
                ck_assert_number(row_score(&w, 1, PRUNE_MAGNITUDE, aggregates[a]), fabsf(w));
            if (fabsf(w) > 1e-18f && fabsf(w) < 1e18f)
                ck_assert_double_le(
                    fabs((double)row_score(&w, 1, PRUNE_MAGNITUDE_SQUARED, aggregates[a]) / (double)(w * w) -
                         1.0),
                    3e-7);
        }
}
END_TEST

/* With the mask as it is, and the signs of the last refresh. */
START_TEST(removed_weights_do_not_count)
{
    static const float weights[] = { 1, -2, 4, -8 }, turned[] = { -1, -2, -4, -8 };
    static const uint8_t masks[][4] = { { 1, 1, 1, 0 }, { 0, 1, 0, 0 }, { 0, 0, 0, 0 } };
    static const float expected[][AGGREGATES] = { { 4, 7, 4.58257569f, 7.0f / 3.0f, 3 },
                                                  { 2, 2, 2, 2, 2 },
                                                  { 0, 0, 0, 0, 0 } };
    prune_model *model;
    prune_importance *scores = row_scores(&model, weights, 4, PRUNE_MAGNITUDE);
    ck_assert_ok(prune_model_set_param(model, 0, turned, 4));
    for (size_t m = 0; m < 3; m++) {
        ck_assert_ok(prune_mask_set(model, 0, masks[m], 4));
        for (size_t a = 0; a < AGGREGATES; a++) {
            float score;
            ck_assert_ok(prune_importance_neurons(&score, 1, scores, 0, aggregates[a]));
            ck_assert(score == expected[m][a]);
        }
    }
    ck_assert_ok(prune_mask_reset(model));
    ck_assert_ok(prune_model_set_param(model, 0, turned, 4));
    ck_assert_ok(prune_importance_refresh(scores));
    float score;
    ck_assert_ok(prune_importance_neurons(&score, 1, scores, 0, PRUNE_ROW_SIGNED));
    ck_assert_number(score, 15);
    ck_assert_ok(prune_model_set_param(model, 0, weights, 4)); /* signs go as well as come */
    ck_assert_ok(prune_importance_refresh(scores));
    ck_assert_ok(prune_importance_neurons(&score, 1, scores, 0, PRUNE_ROW_SIGNED));
    ck_assert_number(score, 5);
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

/* Signs lie 32 in a word, and a parameter begins within one. */
START_TEST(many_weights_keep_their_signs)
{
    static const size_t widths[] = { 45, 7, 71 };
    prune_rng rng;
    prune_model *model = world_model(NULL, widths, 2, PRUNE_LINEAR, 0);
    prune_rng_seed(&rng, 1);
    for (size_t l = 0; l < 2; l++) {
        float w[71 * 45], expected[71], score[71];
        for (size_t o = 0; o < widths[l + 1]; o++) {
            expected[o] = 0.0f;
            for (size_t i = 0; i < widths[l]; i++) {
                w[o * widths[l] + i] = (float)prune_rng_below(&rng, 9) - 4.0f;
                expected[o] += w[o * widths[l] + i];
            }
        }
        ck_assert_ok(prune_model_set_param(model, 2 * l, w, widths[l] * widths[l + 1]));
        prune_importance *scores = twin_importance(model, PRUNE_MAGNITUDE);
        ck_assert_ok(prune_importance_neurons(score, 71, scores, l, PRUNE_ROW_SIGNED));
        for (size_t o = 0; o < widths[l + 1]; o++)
            ck_assert(score[o] == (expected[o] < 0.0f ? -expected[o] : expected[o]));
        prune_importance_free(scores);
    }
    prune_model_free(model);
}
END_TEST

/* ---- masks ---- */

/* W[6][2]: the rows' sums are 1, 1, 0, 5, 2, 1, their means 1, 2, 3, 2.5, 1, 0.5. */
static const float rows[12] = { 0.5f, 0.5f, 1.5f, -2.5f, -3, 3, -2.5f, -2.5f, -1, -1, -1, 0 };

START_TEST(neurons_go_by_sign_and_by_mean)
{
    static const struct {
        int32_t aggregate;
        uint64_t count;
        uint8_t kept[6];
    } cases[] = {
        { PRUNE_ROW_SIGNED, 1, { 1, 1, 0, 1, 1, 1 } }, /* equals: the first goes first */
        { PRUNE_ROW_SIGNED, 2, { 0, 1, 0, 1, 1, 1 } }, { PRUNE_ROW_SIGNED, 3, { 0, 0, 0, 1, 1, 1 } },
        { PRUNE_ROW_SIGNED, 5, { 0, 0, 0, 1, 0, 0 } }, { PRUNE_ROW_MEAN, 2, { 0, 1, 1, 1, 1, 0 } },
        { PRUNE_ROW_MEAN, 4, { 0, 0, 1, 1, 0, 0 } },
    };
    const size_t widths[] = { 2, 6 };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        prune_selection s;
        prune_removal removal;
        uint8_t mask[12];
        prune_model *model = world_model(NULL, widths, 1, PRUNE_LINEAR, 0);
        ck_assert_ok(prune_model_set_param(model, 0, rows, 12));
        prune_importance *scores = twin_importance(model, PRUNE_MAGNITUDE);
        prune_selection_init(&s);
        prune_removal_init(&removal);
        s.granularity = PRUNE_NEURONS;
        s.include_output = 1;
        s.aggregate = cases[i].aggregate;
        ck_assert_ok(prune_mask_lowest(&removal, model, scores, &s, cases[i].count));
        ck_assert_uint_eq(removal.removed, cases[i].count);
        ck_assert_ok(prune_mask_get(mask, 12, model, 0));
        for (size_t u = 0; u < 12; u++)
            ck_assert_int_eq(mask[u], cases[i].kept[u / 2]);
        prune_importance_free(scores);
        prune_model_free(model);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { scores_by_hand, one_weight_alone_is_its_score,
                                   removed_weights_do_not_count, many_weights_keep_their_signs,
                                   neurons_go_by_sign_and_by_mean };
    return run_tests("aggregate", tests, sizeof tests / sizeof tests[0]);
}
