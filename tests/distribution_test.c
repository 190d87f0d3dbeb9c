/* distribution_test.c -- thresholds by rules are what sorting all scores and plain loops say
 *
 * SPDX-License-Identifier: MIT */
#include "support/oracle.h"
#include "support/runner.h"
#include "support/sizes.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { BINS = PRUNE_RULE_BINS, WORLDS = 150, KINDS = PRUNE_THRESHOLD_KNEE };

/* ---- the plain way ---- */

/* Scores with a value, and their values, in order. */
typedef struct sorted {
    int32_t log_scale;
    size_t count;
    float score[SIZES_MOST];
    double value[SIZES_MOST];
    prune_histogram histogram;
    uint64_t counts[BINS];
} sorted;

static int by_size(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void sort(sorted *s, const float *size, size_t count, int32_t log_scale)
{
    s->log_scale = log_scale;
    s->count = 0;
    for (size_t i = 0; i < count; i++)
        if (size[i] > 0.0f || !log_scale)
            s->score[s->count++] = size[i];
    qsort(s->score, s->count, sizeof s->score[0], by_size);
    for (size_t i = 0; i < s->count; i++)
        s->value[i] = log_scale ? log((double)s->score[i]) : (double)s->score[i];
}

static double back(const sorted *s, double value)
{
    const double score = s->log_scale ? exp(value) : value;
    return fmin(fmax(score, 0.0), (double)FLT_MAX);
}

/* A float's rounding, and where the result is a power, that of its exponent. */
static void check_near(const sorted *s, float threshold, double value, double spread)
{
    const double expected = back(s, value);
    const double allowed = s->log_scale ? expected * (2e-7 + 1e-7 * spread) : 1e-7 * (expected + spread);
    ck_assert_msg(fabs((double)threshold - expected) <= allowed + 2e-45, "%g, not %g", (double)threshold,
                  expected);
}

static void check_mean_sigma(const sorted *s, float threshold, const prune_threshold_rule *rule)
{
    double mean = 0.0, square = 0.0;
    for (size_t i = 0; i < s->count; i++)
        mean += s->value[i] / (double)s->count;
    for (size_t i = 0; i < s->count; i++)
        square += (s->value[i] - mean) * (s->value[i] - mean) / (double)s->count;
    check_near(s, threshold, mean - rule->k * sqrt(square), 1e-6 * fabs(mean));
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double middle_of(const double *value, size_t n)
{
    return n % 2 ? value[n / 2] : 0.5 * (value[n / 2 - 1] + value[n / 2]);
}

static void check_median_mad(const sorted *s, float threshold, const prune_threshold_rule *rule)
{
    static double away[SIZES_MOST];
    const double median = middle_of(s->value, s->count);
    for (size_t i = 0; i < s->count; i++)
        away[i] = fabs(s->value[i] - median);
    qsort(away, s->count, sizeof away[0], by_value);
    const double mad = middle_of(away, s->count);
    check_near(s, threshold, median - rule->k * mad, fabs(rule->k) * mad);
}

/* How many scores lie below edge i. */
static size_t below_edge(const sorted *s, size_t i)
{
    size_t below = 0;
    while (below < s->count && s->score[below] < prune_histogram_edge(&s->histogram, i))
        below++;
    return below;
}

/* The lowest edge that the threshold may be; the last if it is none. */
static size_t edge_of(const sorted *s, float threshold)
{
    size_t i = 0;
    while (i < BINS && !(threshold <= prune_histogram_edge(&s->histogram, i)))
        i++;
    ck_assert_number(threshold, prune_histogram_edge(&s->histogram, i));
    return i;
}

/* w (1 - w) (a - b)^2 of the bin numbers when cut at edge i; 0 when all are on one side. */
static double variance_at(const sorted *s, const size_t *bin, size_t i)
{
    double below = 0.0, sum_below = 0.0, sum_above = 0.0;
    const double n = (double)s->count;
    for (size_t u = 0; u < s->count; u++) {
        below += bin[u] < i;
        *(bin[u] < i ? &sum_below : &sum_above) += (double)bin[u];
    }
    if (!(below > 0.0 && below < n))
        return 0.0;
    const double apart = sum_below / below - sum_above / (n - below);
    return below / n * (1.0 - below / n) * apart * apart;
}

static void check_otsu(const sorted *s, float threshold)
{
    static size_t bin[SIZES_MOST];
    static double variance[BINS];
    double most = 0.0;
    size_t u = 0;
    for (size_t i = 1; i <= BINS; i++)
        for (const size_t below = i == BINS ? s->count : below_edge(s, i); u < below; u++)
            bin[u] = i - 1;
    for (size_t i = 1; i < BINS; i++)
        most = fmax(most, variance[i] = variance_at(s, bin, i));
    const size_t at = edge_of(s, threshold), below = below_edge(s, at);
    size_t first = at, last = at;
    ck_assert(variance[at] >= (1.0 - 1e-12) * most);
    while (first > 1 && below_edge(s, first - 1) == below)
        first--;
    while (last < BINS - 1 && below_edge(s, last + 1) == below)
        last++;
    ck_assert_number(threshold, prune_histogram_edge(&s->histogram, (first + last) / 2));
    for (size_t i = 1; i < first; i++)
        ck_assert(variance[i] <= (1.0 + 1e-12) * variance[at]);
}

static void check_knee(const sorted *s, float threshold)
{
    double most = 0.0;
    size_t best = 0;
    for (size_t i = 1; i < BINS; i++) {
        const double away = fabs((double)(below_edge(s, i) * BINS) - (double)(i * s->count));
        best = away > most ? i : best;
        most = fmax(most, away);
    }
    ck_assert_number(threshold, prune_histogram_edge(&s->histogram, best));
}

/* Whether the scores at j and j + 1, of those from `first` to `last`, lie in two parts of that range. */
static int32_t in_two_parts(const sorted *s, size_t first, size_t last, size_t j)
{
    const double low = s->value[first], range = s->value[last] - low;
    return floor((s->value[j] - low) / range * PRUNE_RULE_GAPS) <
           fmin(floor((s->value[j + 1] - low) / range * PRUNE_RULE_GAPS), PRUNE_RULE_GAPS - 1);
}

static void check_gap(const sorted *s, float threshold, const prune_threshold_rule *rule)
{
    uint64_t from, to;
    double most = 0.0;
    size_t best = 0;
    ck_assert_ok(prune_fraction_count(&from, rule->from_fraction, s->count));
    ck_assert_ok(prune_fraction_count(&to, rule->to_fraction, s->count));
    for (size_t j = (size_t)from; j + 1 < (size_t)to; j++) {
        const double gap = s->value[j + 1] - s->value[j];
        const int32_t counts =
            to - from <= PRUNE_RULE_GAPS + 1 || in_two_parts(s, (size_t)from, (size_t)to - 1, j);
        best = counts && gap > most ? j : best;
        most = counts ? fmax(most, gap) : most;
    }
    if (!(most > 0.0)) {
        ck_assert_number(threshold, s->score[0]);
        return;
    }
    ck_assert(threshold > s->score[best] && threshold <= s->score[best + 1]);
    if (threshold < s->score[best + 1])
        check_near(s, threshold, 0.5 * (s->value[best] + s->value[best + 1]), 0.0);
    else
        ck_assert(nextafterf(s->score[best], INFINITY) >= nextafterf(threshold, 0.0f));
}

static void check_rule(const float *size, size_t count, const prune_importance *scores,
                       const prune_selection *selection, const prune_threshold_rule *rule)
{
    static sorted s;
    float threshold = -1.0f;
    ck_assert_ok(prune_threshold_from_rule(&threshold, scores, selection, rule));
    sort(&s, size, count, rule->log_scale);
    if (s.count == 0 || s.score[0] >= s.score[s.count - 1]) {
        ck_assert_number(threshold, s.count == 0 ? 0.0f : s.score[0]);
        return;
    }
    prune_histogram_init(&s.histogram);
    s.histogram.bins = BINS;
    s.histogram.counts = s.counts;
    s.histogram.log_scale = rule->log_scale;
    ck_assert_ok(prune_histogram_fill(&s.histogram, scores, selection));
    switch (rule->kind) {
    case PRUNE_THRESHOLD_MEAN_SIGMA:
        check_mean_sigma(&s, threshold, rule);
        break;
    case PRUNE_THRESHOLD_MEDIAN_MAD:
        check_median_mad(&s, threshold, rule);
        break;
    case PRUNE_THRESHOLD_OTSU:
        check_otsu(&s, threshold);
        break;
    case PRUNE_THRESHOLD_LARGEST_GAP:
        check_gap(&s, threshold, rule);
        break;
    default:
        check_knee(&s, threshold);
    }
}

/* ---- against the plain way ---- */

/* Sizes of one of some kinds of distribution. */
static void make_sizes(float *size, size_t count, size_t shape, prune_rng *rng)
{
    for (size_t i = 0; i < count; i++) {
        const float u = prune_rng_uniform(rng);
        const float shapes[] = {
            u,
            fabsf(sizes_normal(rng)),
            u * u * u * u,
            (float)prune_rng_below(rng, 12),                                 /* ties, and zeros */
            i % 7 == 3 ? 0.0f : expf(40.0f * u - 20.0f),                     /* magnitudes, and zeros */
            i % 3 ? 1.0f + u : 9.0f + u,                                     /* two heaps */
            i % 5 ? 1e-39f * u : u * 3e38f,                                  /* all that a float can */
            1.0f + (float)prune_rng_below(rng, 5) * FLT_EPSILON,             /* neighbours */
            i % 50 == 7 ? 1e6f * u : 0.001f * (1.0f + sizes_normal(rng) / 5) /* outliers */
        };
        size[i] = fabsf(shapes[shape]);
    }
}
enum { SHAPES = 9 };

static void check_sizes(const float *size, size_t count, prune_rng *rng)
{
    static const double ks[] = { 1.0, 0.0, -2.5, 3.0, 0.3 };
    prune_model *model;
    prune_importance *scores = sizes_scores(&model, size, count);
    for (int32_t kind = 1; kind <= KINDS; kind++)
        for (int32_t log_scale = 0; log_scale <= 1; log_scale++) {
            prune_threshold_rule rule = sizes_rule(kind, log_scale);
            rule.k = ks[prune_rng_below(rng, 5)];
            if (prune_rng_below(rng, 2)) {
                rule.from_fraction = 0.5 * (double)prune_rng_uniform(rng);
                rule.to_fraction = 1.0 - 0.49 * (double)prune_rng_uniform(rng);
            }
            check_rule(size, count, scores, NULL, &rule);
        }
    prune_importance_free(scores);
    prune_model_free(model);
}

START_TEST(rules_are_what_sorting_and_plain_loops_say)
{
    static const size_t counts[] = { 1, 2, 3, 4, 7, 20, 130, 513, 514, SIZES_MOST };
    static float size[SIZES_MOST];
    prune_rng rng;
    prune_rng_seed(&rng, 1);
    for (size_t shape = 0; shape < SHAPES; shape++)
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            make_sizes(size, counts[c], shape, &rng);
            check_sizes(size, counts[c], &rng);
        }
}
END_TEST

START_TEST(rules_look_at_what_the_selection_names)
{
    static oracle o;
    for (uint64_t seed = 0; seed < WORLDS; seed++) {
        static float size[ORACLE_UNITS];
        size_t count = 0;
        prune_rng rng;
        prune_rng_seed(&rng, seed);
        prune_model *model = oracle_model(&rng, 4);
        prune_importance *scores;
        ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
        const prune_selection selection = oracle_selection(&rng, model);
        oracle_list(&o, model, scores, &selection);
        for (size_t i = 0; i < o.count; i++)
            if (o.unit[i].kept)
                size[count++] = o.unit[i].score;
        for (int32_t kind = 1; kind <= KINDS; kind++) {
            const prune_threshold_rule rule = sizes_rule(kind, (int32_t)prune_rng_below(&rng, 2));
            float threshold = 7.0f;
            if (count > 0)
                check_rule(size, count, scores, &selection, &rule);
            else
                ck_assert_status(prune_threshold_from_rule(&threshold, scores, &selection, &rule),
                                 PRUNE_E_EMPTY);
        }
        prune_importance_free(scores);
        prune_model_free(model);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        rules_are_what_sorting_and_plain_loops_say,
        rules_look_at_what_the_selection_names,
    };
    return run_tests("distribution", tests, sizeof tests / sizeof tests[0]);
}
