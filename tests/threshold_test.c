/* threshold_test.c -- histograms hold every kept unit in its bin; thresholds take what they say
 *
 * SPDX-License-Identifier: MIT */
#include "support/oracle.h"
#include "support/runner.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { BINS = 10, WORLDS = 300, UNITS = 400 };

static const size_t widths[] = { UNITS, 1 };

/* One neuron whose weights have these sizes, and their magnitudes; removed where NaN. */
static prune_importance *scores_of(prune_model **model, const float *size, size_t count)
{
    float value[UNITS] = { 0 };
    uint8_t keep[UNITS] = { 0 };
    prune_importance *scores;
    *model = world_model(NULL, widths, 1, PRUNE_LINEAR, 0);
    for (size_t i = 0; i < count; i++) {
        if (!isnan(size[i]))
            keep[i] = 1;
        value[i] = keep[i] ? (i % 2 ? size[i] : -size[i]) : 0.0f;
    }
    ck_assert_ok(prune_mask_set(*model, 0, keep, UNITS));
    ck_assert_ok(prune_model_set_param(*model, 0, value, UNITS));
    ck_assert_ok(prune_importance_create(&scores, NULL, *model, PRUNE_MAGNITUDE));
    return scores;
}

static prune_histogram wanted(uint64_t *counts, size_t bins, int32_t log_scale)
{
    prune_histogram h;
    prune_histogram_init(&h);
    memset(counts, 0x55, bins * sizeof *counts);
    h.bins = bins;
    h.counts = counts;
    h.log_scale = log_scale;
    return h;
}

/* ---- histograms ---- */

typedef struct sample {
    const char *name;
    int32_t log_scale;
    size_t count;
    float size[12];
    uint64_t counts[BINS];
    float low, high;
    uint64_t total, zeros;
} sample;

static const sample samples[] = {
    { "linear",
      0,
      7,
      { 0.0f, 1.0f, 2.5f, 9.5f, 9.0f, 10.0f, 0.5f },
      { 2, 1, 1, 0, 0, 0, 0, 0, 0, 3 },
      0,
      10,
      7,
      1 },
    { "not from zero", 0, 4, { 5.0f, 6.0f, 5.25f, 5.5f }, { 1, 0, 1, 0, 0, 1, 0, 0, 0, 1 }, 5, 6, 4, 0 },
    { "removed ones do not count",
      0,
      4,
      { NAN, 1.0f, NAN, 2.0f },
      { 1, 0, 0, 0, 0, 0, 0, 0, 0, 1 },
      1,
      2,
      2,
      0 },
    { "log",
      1,
      6,
      { 1e-6f, 2e-5f, 2e-4f, 1e4f, 3e-6f, 0.0f },
      { 3, 1, 1, 0, 0, 0, 0, 0, 0, 1 },
      1e-6f,
      1e4f,
      6,
      1 },
    { "log over all of float",
      1,
      3,
      { 1e-40f, 3e38f, 1.0f },
      { 1, 0, 0, 0, 0, 1, 0, 0, 0, 1 },
      1e-40f,
      3e38f,
      3,
      0 },
    { "all equal", 0, 3, { 2.0f, 2.0f, 2.0f }, { 3 }, 2, 2, 3, 0 },
    { "all equal, log", 1, 3, { 2.0f, 2.0f, 2.0f }, { 3 }, 2, 2, 3, 0 },
    { "all zero", 0, 2, { 0.0f, 0.0f }, { 2 }, 0, 0, 2, 2 },
    { "all zero, log", 1, 2, { 0.0f, 0.0f }, { 2 }, 0, 0, 2, 2 },
    { "one", 0, 1, { 3.0f }, { 1 }, 3, 3, 1, 0 },
    { "one above zeros, log", 1, 3, { 0.0f, 3.0f, 0.0f }, { 3 }, 3, 3, 3, 2 },
    { "huge", 0, 3, { FLT_MAX, 0.0f, FLT_MAX / 2 }, { 1, 0, 0, 0, 0, 1, 0, 0, 0, 1 }, 0, FLT_MAX, 3, 1 },
};

static void check_sample(const sample *s)
{
    uint64_t counts[BINS];
    prune_model *model;
    prune_importance *scores = scores_of(&model, s->size, s->count);
    prune_histogram h = wanted(counts, BINS, s->log_scale);
    ck_assert_ok(prune_histogram_fill(&h, scores, NULL));
    for (size_t i = 0; i < BINS; i++)
        ck_assert_msg(counts[i] == s->counts[i], "%s: %d in bin %d", s->name, (int)counts[i], (int)i);
    ck_assert_number(h.low, s->low);
    ck_assert_number(h.high, s->high);
    ck_assert_uint_eq(h.total, s->total);
    ck_assert_uint_eq(h.zeros, s->zeros);
    for (size_t i = 0; i <= BINS; i++) {
        const double part = (double)i / BINS, low = (double)s->low, high = (double)s->high;
        const double linear = low + part * (high - low), edge = (double)prune_histogram_edge(&h, i);
        const double expected = s->log_scale && low > 0.0 ? low * pow(high / low, part) : linear;
        ck_assert_msg(fabs(edge - expected) <= 3e-5 * expected, "%s: edge %d is %g", s->name, (int)i, edge);
    }
    prune_importance_free(scores);
    prune_model_free(model);
}

START_TEST(bins_hold_what_they_should)
{
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
        check_sample(&samples[i]);
}
END_TEST

/* The user reads an edge off the histogram and prunes there. */
static void check_edges(const prune_histogram *h, const prune_importance *scores)
{
    uint64_t below = h->counts[0];
    for (size_t i = 1; i < h->bins; i++) {
        prune_removal removal;
        prune_removal_init(&removal);
        ck_assert_ok(prune_mask_preview(&removal, scores, NULL, prune_histogram_edge(h, i)));
        ck_assert_uint_eq(removal.removed, below);
        below += h->counts[i];
    }
    ck_assert_uint_eq(below, h->total);
}

START_TEST(below_an_edge_lies_what_the_bins_before_it_hold)
{
    for (uint64_t seed = 0; seed < 40; seed++) {
        float size[UNITS];
        uint64_t counts[97];
        prune_rng rng;
        prune_model *model;
        prune_rng_seed(&rng, seed);
        for (size_t i = 0; i < UNITS; i++) {
            const float u = prune_rng_uniform(&rng);
            size[i] = seed % 4 == 0 ? floorf(u * 97.0f) / 97.0f : seed % 4 == 1 ? u * u * u * u : u;
            if (seed % 4 == 3)
                size[i] = i % 50 == 0 ? 0.0f : expf(60.0f * (u - 0.5f));
        }
        prune_importance *scores = scores_of(&model, size, UNITS);
        for (int32_t log_scale = 0; log_scale <= 1; log_scale++) {
            prune_histogram h = wanted(counts, 97, log_scale);
            ck_assert_ok(prune_histogram_fill(&h, scores, NULL));
            ck_assert_uint_eq(h.total, UNITS);
            check_edges(&h, scores);
        }
        prune_importance_free(scores);
        prune_model_free(model);
    }
}
END_TEST

/* The hardest scores: the edges themselves, and the floats just below them. */
START_TEST(scores_on_edges_are_in_the_bin_above)
{
    static const float ranges[][2] = {
        { 0.1f, 0.7f }, { 1e-5f, 3.0f }, { 3e-30f, 1e7f }, { 1.0f, 1.001f }, { 5.0f, 3e9f }
    };
    for (size_t r = 0; r < 2 * sizeof ranges / sizeof ranges[0]; r++) {
        float size[UNITS];
        uint64_t counts[97];
        prune_model *model;
        size_t count = 2;
        size[0] = ranges[r / 2][0];
        size[1] = ranges[r / 2][1];
        prune_importance *scores = scores_of(&model, size, count);
        prune_histogram h = wanted(counts, 97, (int32_t)(r % 2));
        ck_assert_ok(prune_histogram_fill(&h, scores, NULL));
        for (size_t i = 1; i < 97; i++) {
            size[count++] = prune_histogram_edge(&h, i);
            size[count++] = nextafterf(prune_histogram_edge(&h, i), 0.0f);
        }
        prune_importance_free(scores);
        prune_model_free(model);
        scores = scores_of(&model, size, count);
        ck_assert_ok(prune_histogram_fill(&h, scores, NULL));
        check_edges(&h, scores);
        for (size_t i = 0; i < 97; i++)
            ck_assert_uint_eq(counts[i], 2);
        prune_importance_free(scores);
        prune_model_free(model);
    }
}
END_TEST

START_TEST(a_histogram_is_of_what_the_selection_names)
{
    static oracle o;
    for (uint64_t seed = 0; seed < WORLDS; seed++) {
        prune_rng rng;
        uint64_t counts[7], sum = 0;
        float high = 0.0f;
        prune_rng_seed(&rng, seed);
        prune_model *model = oracle_model(&rng, 4);
        prune_importance *scores;
        ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
        const prune_selection selection = oracle_selection(&rng, model);
        prune_histogram h = wanted(counts, 7, (int32_t)(seed % 2));
        oracle_list(&o, model, scores, &selection);
        const uint64_t kept = oracle_kept(&o, -1);
        ck_assert_status(prune_histogram_fill(&h, scores, &selection), kept == 0 ? PRUNE_E_EMPTY : PRUNE_OK);
        for (size_t i = 0; i < 7; i++)
            sum += kept == 0 ? 0 : counts[i];
        for (size_t i = 0; i < o.count; i++)
            high = o.unit[i].kept ? fmaxf(high, o.unit[i].score) : high;
        ck_assert_uint_eq(sum, kept);
        ck_assert_uint_eq(h.total, kept);
        ck_assert_number(h.high, high);
        prune_importance_free(scores);
        prune_model_free(model);
    }
}
END_TEST

/* ---- quantiles ---- */

static const double fractions[] = { 0.0, 0.0013, 0.1, 0.25, 0.5, 0.7512, 0.9, 0.999, 1.0 };

static void check_quantile(prune_model *model, const prune_importance *scores, double fraction,
                           int32_t distinct)
{
    float threshold;
    uint64_t count, units, kept;
    prune_selection selection;
    prune_removal removal;
    prune_selection_init(&selection);
    prune_removal_init(&removal);
    selection.min_kept = 0;
    ck_assert_ok(prune_mask_units(&units, &kept, model, &selection));
    ck_assert_ok(prune_fraction_count(&count, fraction, kept));
    ck_assert_ok(prune_threshold_quantile(&threshold, scores, &selection, fraction));
    ck_assert_ok(prune_mask_preview(&removal, scores, &selection, threshold));
    ck_assert_uint_le(removal.removed, count);
    if (distinct || count == kept)
        ck_assert_uint_eq(removal.removed, count);
    /* It is the (m + 1)-th smallest: a little above it there is at least one more. */
    ck_assert_ok(prune_mask_preview(&removal, scores, &selection, nextafterf(threshold, INFINITY)));
    ck_assert_uint_ge(removal.removed, count < kept ? count + 1 : count);
    prune_model *pruned;
    prune_importance *again;
    ck_assert_ok(prune_model_clone(&pruned, NULL, model));
    ck_assert_ok(prune_importance_create(&again, NULL, pruned, PRUNE_MAGNITUDE));
    ck_assert_ok(prune_mask_below(&removal, pruned, again, &selection, threshold));
    for (size_t i = 0; i < UNITS; i++) {
        const float before = fabsf(prune_model_param(model, 0)[i]),
                    after = fabsf(prune_model_param(pruned, 0)[i]);
        ck_assert_number(after, before < threshold ? 0.0f : before);
    }
    prune_importance_free(again);
    prune_model_free(pruned);
}

START_TEST(below_a_quantile_lie_as_many_as_asked)
{
    for (int32_t distinct = 0; distinct <= 1; distinct++) {
        float size[UNITS];
        prune_rng rng;
        prune_model *model;
        prune_rng_seed(&rng, 5);
        for (size_t i = 0; i < UNITS; i++) {
            size[i] = distinct ? (float)i + 0.5f * prune_rng_uniform(&rng) : (float)prune_rng_below(&rng, 12);
            size[i] = i % 10 == 3 ? NAN : size[i];
        }
        prune_importance *scores = scores_of(&model, size, UNITS);
        for (size_t f = 0; f < sizeof fractions / sizeof fractions[0]; f++)
            check_quantile(model, scores, fractions[f], distinct);
        prune_importance_free(scores);
        prune_model_free(model);
    }
}
END_TEST

START_TEST(quantiles_of_neurons_and_layers)
{
    static oracle o;
    for (uint64_t seed = 0; seed < WORLDS; seed++) {
        prune_rng rng;
        float threshold = 0.0f;
        uint64_t count;
        prune_rng_seed(&rng, seed);
        prune_model *model = oracle_model(&rng, 5);
        prune_importance *scores;
        ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
        const prune_selection selection = oracle_selection(&rng, model);
        const double fraction = (double)prune_rng_uniform(&rng);
        oracle_list(&o, model, scores, &selection);
        const uint64_t kept = oracle_kept(&o, -1);
        ck_assert_status(prune_threshold_quantile(&threshold, scores, &selection, fraction),
                         kept == 0 ? PRUNE_E_EMPTY : PRUNE_OK);
        ck_assert_ok(prune_fraction_count(&count, fraction, kept));
        o.selection.min_kept = 0;
        ck_assert_uint_eq(oracle_choose(&o, -1, count, INFINITY), count);
        if (count < kept) {
            ck_assert_number(threshold >= oracle_highest(&o), 1);
            ck_assert_uint_eq(oracle_choose(&o, -1, 1, INFINITY), 1);
            ck_assert_number(threshold, oracle_highest(&o));
        }
        prune_importance_free(scores);
        prune_model_free(model);
    }
}
END_TEST

START_TEST(quantiles_of_equal_scores)
{
    const float same[3] = { 2.0f, 2.0f, 2.0f }, none[3] = { 0.0f, 0.0f, 0.0f }, most[1] = { FLT_MAX };
    float threshold;
    prune_model *model;
    prune_importance *scores = scores_of(&model, same, 3);
    ck_assert_ok(prune_threshold_quantile(&threshold, scores, NULL, 0.7));
    ck_assert_number(threshold, 2.0);
    ck_assert_ok(prune_threshold_quantile(&threshold, scores, NULL, 1.0));
    ck_assert_number(threshold, nextafterf(2.0f, 3.0f));
    prune_importance_free(scores);
    prune_model_free(model);
    scores = scores_of(&model, none, 3);
    ck_assert_ok(prune_threshold_quantile(&threshold, scores, NULL, 0.5));
    ck_assert_number(threshold, 0.0);
    ck_assert_ok(prune_threshold_quantile(&threshold, scores, NULL, 1.0));
    ck_assert(threshold > 0.0f);
    ck_assert_ok(prune_mask_below(NULL, model, scores, NULL, threshold));
    prune_importance_free(scores);
    prune_model_free(model);
    scores = scores_of(&model, most, 1);
    ck_assert_ok(prune_threshold_quantile(&threshold, scores, NULL, 1.0));
    ck_assert_number(threshold, FLT_MAX); /* one that prune_mask_below() takes */
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

/* ---- refusals ---- */

START_TEST(arguments_are_checked)
{
    const float size[2] = { 1.0f, 2.0f }, gone[1] = { NAN };
    const double wrong[] = { (double)NAN, (double)INFINITY, -1e-9, 1.0000001 };
    float threshold = 7.0f;
    uint64_t counts[BINS];
    prune_model *model, *empty;
    prune_importance *scores = scores_of(&model, size, 2), *nothing_left = scores_of(&empty, gone, 1),
                     *unfilled;
    ck_assert_ok(prune_importance_create(&unfilled, NULL, model, PRUNE_GRADIENT));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_status(prune_threshold_quantile(&threshold, scores, NULL, wrong[i]), PRUNE_E_RANGE);
    ck_assert_status(prune_threshold_quantile(&threshold, nothing_left, NULL, 0.5), PRUNE_E_EMPTY);
    ck_assert_status(prune_threshold_quantile(&threshold, unfilled, NULL, 0.5), PRUNE_E_STATE);
    ck_assert_status(prune_threshold_quantile(&threshold, NULL, NULL, 0.5), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_threshold_quantile(NULL, scores, NULL, 0.5), PRUNE_E_ARGUMENT);
    ck_assert_number(threshold, 7.0);

    prune_histogram h = wanted(counts, BINS, 0);
    ck_assert_status(prune_histogram_fill(&h, nothing_left, NULL), PRUNE_E_EMPTY);
    ck_assert_status(prune_histogram_fill(&h, unfilled, NULL), PRUNE_E_STATE);
    ck_assert_status(prune_histogram_fill(&h, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_histogram_fill(NULL, scores, NULL), PRUNE_E_ARGUMENT);
    h.bins = 0;
    ck_assert_status(prune_histogram_fill(&h, scores, NULL), PRUNE_E_SIZE);
    h = wanted(counts, BINS, 0);
    h.counts = NULL;
    ck_assert_status(prune_histogram_fill(&h, scores, NULL), PRUNE_E_ARGUMENT);
    h = wanted(counts, BINS, 0);
    h.size += 8;
    ck_assert_status(prune_histogram_fill(&h, scores, NULL), PRUNE_E_VERSION);
    for (size_t i = 0; i < BINS; i++)
        ck_assert_uint_eq(counts[i], UINT64_C(0x5555555555555555));
    h = wanted(counts, BINS, 0);
    ck_assert_ok(prune_histogram_fill(&h, scores, NULL));
    ck_assert(isnan(prune_histogram_edge(&h, BINS + 1)));
    ck_assert(isnan(prune_histogram_edge(NULL, 0)));
    prune_histogram_init(NULL);
    prune_importance_free(scores);
    prune_importance_free(nothing_left);
    prune_importance_free(unfilled);
    prune_model_free(model);
    prune_model_free(empty);
}
END_TEST

START_TEST(neighbouring_floats_have_one_logarithm)
{
    const float next = nextafterf(1e10f, INFINITY), weights[] = { 1e10f, next, nextafterf(next, INFINITY) };
    const size_t shape[] = { 3, 1 };
    uint64_t counts[4];
    prune_importance *scores;
    prune_histogram h;
    prune_model *model = world_model(NULL, shape, 1, PRUNE_LINEAR, 1);
    ck_assert_ok(prune_model_set_param(model, 0, weights, 3));
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
    prune_histogram_init(&h);
    h.bins = 4;
    h.counts = counts;
    h.log_scale = 1;
    ck_assert_ok(prune_histogram_fill(&h, scores, NULL));
    for (size_t i = 0; i < 3; i++) {
        ck_assert(prune_histogram_edge(&h, i) == weights[0]); /* below which lies nothing */
        ck_assert_uint_eq(counts[i], 0);
    }
    ck_assert_uint_eq(counts[3], 3);
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

/* Thousands of floats in a row, in bins of eight: logarithms are too coarse to find the bin by. */
START_TEST(bins_agree_with_their_edges)
{
    enum { FLOATS = 8000, SOME = 1000 };
    static const float from[] = { 1e-30f, 1e-20f, 1.0f, 1e10f };
    static float weights[FLOATS];
    static uint64_t counts[SOME];
    const size_t shape[] = { FLOATS, 1 };
    for (size_t k = 0; k < 8; k++) {
        prune_importance *scores;
        prune_histogram h;
        prune_model *model = world_model(NULL, shape, 1, PRUNE_LINEAR, 1);
        weights[0] = from[k / 2];
        for (size_t i = 1; i < FLOATS; i++)
            weights[i] = nextafterf(weights[i - 1], INFINITY);
        ck_assert_ok(prune_model_set_param(model, 0, weights, FLOATS));
        ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
        prune_histogram_init(&h);
        h.bins = SOME;
        h.counts = counts;
        h.log_scale = (int32_t)(k % 2);
        ck_assert_ok(prune_histogram_fill(&h, scores, NULL));
        uint64_t before = 0;
        size_t below = 0;
        for (size_t i = 0; i < SOME; before += counts[i++]) {
            while (below < FLOATS && weights[below] < prune_histogram_edge(&h, i))
                below++;
            ck_assert_uint_eq(before, below);
        }
        ck_assert_uint_eq(before, FLOATS);
        prune_importance_free(scores);
        prune_model_free(model);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        bins_agree_with_their_edges,
        neighbouring_floats_have_one_logarithm,
        bins_hold_what_they_should,
        below_an_edge_lies_what_the_bins_before_it_hold,
        scores_on_edges_are_in_the_bin_above,
        a_histogram_is_of_what_the_selection_names,
        below_a_quantile_lie_as_many_as_asked,
        quantiles_of_neurons_and_layers,
        quantiles_of_equal_scores,
        arguments_are_checked,
    };
    return run_tests("threshold", tests, sizeof tests / sizeof tests[0]);
}
