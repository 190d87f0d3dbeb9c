/* rule.c -- a threshold that follows from how the scores are distributed
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/rule.h"
#include "bits.h"
#include "libprune/fraction.h"
#include "options.h"
#include "real.h"
#include "threshold.h"

#include <float.h>
#include <string.h>

enum { BINS = PRUNE_RULE_BINS, GAPS = PRUNE_RULE_GAPS };

/* What a rule looks at. */
typedef struct scores {
    prune_selection selection;
    prn_ranking all;
    prune_histogram histogram; /* on the log scale without the zeros */
    uint64_t counts[BINS];
    size_t skipped; /* the lowest units: those without a value */
    size_t count;   /* units with a value */
} scores;

/* ---- values: scores or their logarithms ---- */

static double value_of(const scores *s, float score)
{
    return s->histogram.log_scale ? prn_real_log((double)score) : (double)score;
}

static float score_of(const scores *s, double value)
{
    const double score = s->histogram.log_scale ? prn_real_exp(value) : value;
    const float least = s->histogram.low < 0.0f ? -FLT_MAX : 0.0f;
    if (!(score > (double)least))
        return least;
    return score < (double)FLT_MAX ? (float)score : FLT_MAX;
}

static int32_t next_value(double *value, float *score, prn_rank_cursor *cursor, const scores *s)
{
    while (prn_rank_next(score, cursor))
        if (!s->histogram.log_scale || *score > 0.0f) {
            *value = value_of(s, *score);
            return 1;
        }
    return 0;
}

/* The k-th smallest score that has a value. */
static float score_at(const scores *s, size_t k)
{
    return prn_bits_ordered(prn_rank_lowest(&s->all, s->skipped + k).order);
}

/* ---- mean and median ---- */

static float mean_sigma(const scores *s, const prune_threshold_rule *rule)
{
    prn_rank_cursor cursor;
    float score;
    double value, sum = 0.0, squares = 0.0;
    for (prn_rank_start(&cursor, &s->all); next_value(&value, &score, &cursor, s);)
        sum += value;
    const double mean = sum / (double)s->count;
    for (prn_rank_start(&cursor, &s->all); next_value(&value, &score, &cursor, s);)
        squares += (value - mean) * (value - mean);
    return score_of(s, mean - rule->k * __builtin_sqrt(squares / (double)s->count));
}

/* Of a number that is not negative; orders like it. */
static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* The k-th smallest |v - centre|: by radix, as in rank.c, of numbers that lie nowhere. In double, since
 * rounding would make of median - MAD = 0 a threshold above 0, below which all scores of 0 lie. */
static double deviation_at(const scores *s, double centre, size_t k)
{
    uint64_t prefix = 0;
    for (uint32_t shift = 64; shift != 0;) {
        size_t counts[256] = { 0 };
        prn_rank_cursor cursor;
        float score;
        double value;
        shift -= 8;
        for (prn_rank_start(&cursor, &s->all); next_value(&value, &score, &cursor, s);) {
            const uint64_t bits = bits_of(value < centre ? centre - value : value - centre);
            if (shift == 56 || bits >> (shift + 8) == prefix)
                counts[bits >> shift & 255]++;
        }
        uint32_t digit = 0;
        while (counts[digit] < k)
            k -= counts[digit++];
        prefix = prefix << 8 | digit;
    }
    double deviation;
    memcpy(&deviation, &prefix, sizeof deviation);
    return deviation;
}

static float median_mad(const scores *s, const prune_threshold_rule *rule)
{
    const size_t lower = (s->count + 1) / 2, upper = s->count / 2 + 1;
    const double median = 0.5 * (value_of(s, score_at(s, lower)) + value_of(s, score_at(s, upper)));
    const double mad = 0.5 * (deviation_at(s, median, lower) + deviation_at(s, median, upper));
    return score_of(s, median - rule->k * mad);
}

/* ---- edges of the histogram ---- */

static float otsu(const scores *s, const prune_threshold_rule *rule)
{
    (void)rule;
    const double n = (double)s->count;
    double all = 0.0, below = 0.0, sum = 0.0, most = -1.0;
    size_t first = 1;
    for (size_t i = 0; i < BINS; i++)
        all += (double)i * (double)s->counts[i];
    for (size_t i = 1; i < BINS; i++) {
        below += (double)s->counts[i - 1];
        sum += (double)(i - 1) * (double)s->counts[i - 1];
        if (!(below > 0.0)) /* where floats so near have one logarithm */
            continue;
        /* n^3 times the variance; the highest score is in the last bin */
        const double apart = n * sum - below * all, variance = apart * apart / (below * (n - below));
        first = variance > most ? i : first;
        most = variance > most ? variance : most;
    }
    size_t last = first;
    while (s->counts[last] == 0)
        last++;
    return prune_histogram_edge(&s->histogram, (first + last) / 2);
}

static float knee(const scores *s, const prune_threshold_rule *rule)
{
    (void)rule;
    uint64_t below = 0, most = 0;
    size_t best = 0; /* the edge at the lowest score */
    for (size_t i = 1; i < BINS; i++) {
        below += s->counts[i - 1];
        const uint64_t curve = below * BINS, chord = i * (uint64_t)s->count;
        const uint64_t distance = curve > chord ? curve - chord : chord - curve;
        best = distance > most ? i : best;
        most = distance > most ? distance : most;
    }
    return prune_histogram_edge(&s->histogram, best);
}

/* ---- the largest gap ---- */

/* The lowest and the highest score in each part of a range; lowest above highest: none. The largest of
 * up to GAPS gaps is at least as wide as a part, so it does not lie within one. */
typedef struct parts {
    float lowest[GAPS], highest[GAPS];
} parts;

static void fill_parts(parts *p, const scores *s, float low, float high)
{
    const double start = value_of(s, low), range = value_of(s, high) - start;
    prn_rank_cursor cursor;
    float score;
    double value;
    for (size_t i = 0; i < GAPS; i++) {
        p->lowest[i] = FLT_MAX;
        p->highest[i] = -FLT_MAX;
    }
    for (prn_rank_start(&cursor, &s->all); next_value(&value, &score, &cursor, s);) {
        if (score < low || score > high)
            continue;
        const double place = (value - start) / range * (double)GAPS;
        const size_t i = place < (double)GAPS ? (size_t)place : GAPS - 1;
        p->lowest[i] = score < p->lowest[i] ? score : p->lowest[i];
        p->highest[i] = score > p->highest[i] ? score : p->highest[i];
    }
}

/* The middle, so that `below` lies below it, and `above` does not. */
static float between(const scores *s, float below, float above)
{
    const float middle = score_of(s, 0.5 * (value_of(s, below) + value_of(s, above)));
    return middle > below && middle < above ? middle : above;
}

static float widest_gap(const parts *p, const scores *s)
{
    float below = p->highest[0], threshold = s->histogram.low;
    double widest = 0.0;
    for (size_t i = 1; i < GAPS; i++) {
        if (p->lowest[i] > p->highest[i])
            continue;
        const double gap = value_of(s, p->lowest[i]) - value_of(s, below);
        if (gap > widest) {
            widest = gap;
            threshold = between(s, below, p->lowest[i]);
        }
        below = p->highest[i];
    }
    return threshold;
}

static float largest_gap(const scores *s, const prune_threshold_rule *rule)
{
    parts p;
    uint64_t before, last;
    (void)prune_fraction_count(&before, rule->from_fraction, s->count);
    (void)prune_fraction_count(&last, rule->to_fraction, s->count);
    if (last < before + 2)
        return s->histogram.low;
    const float low = score_at(s, (size_t)before + 1), high = score_at(s, (size_t)last);
    if (!(value_of(s, low) < value_of(s, high)))
        return s->histogram.low;
    fill_parts(&p, s, low, high);
    return widest_gap(&p, s);
}

/* ---- the call ---- */

typedef float find_threshold(const scores *s, const prune_threshold_rule *rule);

static find_threshold *const rules[] = {
    [PRUNE_THRESHOLD_MEAN_SIGMA] = mean_sigma,
    [PRUNE_THRESHOLD_MEDIAN_MAD] = median_mad,
    [PRUNE_THRESHOLD_OTSU] = otsu,
    [PRUNE_THRESHOLD_KNEE] = knee,
    [PRUNE_THRESHOLD_LARGEST_GAP] = largest_gap,
};

void prune_threshold_rule_init(prune_threshold_rule *rule)
{
    if (rule != NULL)
        *rule = (prune_threshold_rule){ .size = sizeof *rule,
                                        .kind = PRUNE_THRESHOLD_OTSU,
                                        .k = 1.0,
                                        .from_fraction = 0.05,
                                        .to_fraction = 0.95 };
}

static prune_status read_rule(prune_threshold_rule *mine, const prune_threshold_rule *given)
{
    prune_threshold_rule_init(mine);
    const prune_status status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return status;
    if (mine->kind < PRUNE_THRESHOLD_MEAN_SIGMA || mine->kind > PRUNE_THRESHOLD_KNEE)
        return PRUNE_E_ARGUMENT;
    const int32_t fits = mine->k >= -DBL_MAX && mine->k <= DBL_MAX && mine->from_fraction >= 0.0 &&
                         mine->from_fraction < mine->to_fraction && mine->to_fraction <= 1.0;
    return fits ? PRUNE_OK : PRUNE_E_RANGE;
}

static prune_status look_at(scores *s, const prune_importance *importance, const prune_selection *selection,
                            int32_t log_scale)
{
    size_t kept;
    prune_histogram_init(&s->histogram);
    s->histogram.bins = BINS;
    s->histogram.counts = s->counts;
    s->histogram.log_scale = log_scale;
    prune_status status = prune_histogram_fill(&s->histogram, importance, selection);
    if (status == PRUNE_OK)
        status = prn_threshold_open(&s->all, &kept, &s->selection, importance, selection);
    if (status != PRUNE_OK)
        return status;
    s->skipped = log_scale ? (size_t)s->histogram.zeros : 0;
    s->count = kept - s->skipped;
    s->counts[0] -= s->skipped;
    return PRUNE_OK;
}

prune_status prune_threshold_from_rule(float *threshold, const prune_importance *importance,
                                       const prune_selection *selection, const prune_threshold_rule *rule)
{
    scores s;
    prune_threshold_rule mine;
    if (threshold == NULL)
        return PRUNE_E_ARGUMENT;
    prune_status status = read_rule(&mine, rule);
    if (status == PRUNE_OK)
        status = look_at(&s, importance, selection, mine.log_scale);
    if (status != PRUNE_OK)
        return status;
    const int32_t apart = s.histogram.low < s.histogram.high;
    *threshold = apart ? rules[mine.kind](&s, &mine) : s.histogram.low;
    return PRUNE_OK;
}
