/* rank.c -- which units are the lowest
 *
 * Of many weights, a sample says between which two scores the k-th lies (after R. Floyd and R. Rivest, 1975:
 * Expected time bounds for selection). One pass counts what is below them and lists what is between; the
 * k-th is then found in the list. The sample decides how long it takes, never what comes out.
 *
 * Else, and where the list would become too long, by radix: a digit at a time from the top, with one count
 * of the digits of those that agree so far. Four passes over the scores, 256 counters.
 *
 * SPDX-License-Identifier: MIT */
#include "rank.h"
#include "bits.h"
#include "libprune/fmath.h"
#include "words.h"

#include <float.h>
#include <string.h>

enum { DIGIT_BITS = 8, DIGITS = 1 << DIGIT_BITS };
enum {
    MANY = 1 << 14,         /* units that are worth a sample */
    SAMPLED = 96,           /* one of so many is in it, */
    MOST_SAMPLES = 1 << 16, /* or fewer */
    LISTED = 32,            /* one of so many may be in the list: a float for 32 is 1/8 byte for each */
    LEAST_LISTED = 1 << 15, /* or so many */
    BRACKETS = 2            /* counted before it is done by radix */
};

/* ---- walking ---- */

void prn_rank_start(prn_rank_cursor *cursor, const prn_ranking *ranking)
{
    *cursor = (prn_rank_cursor){ .cuts = ranking->cuts };
    prn_run_start(&cursor->runs, ranking->importance, ranking->selection, ranking->first_last);
}

/* Asked of all kept units in order, so that ties are counted. */
static int32_t within_cut(prn_rank_cursor *c, float score)
{
    if (c->cuts == NULL)
        return 1;
    const prn_cut *cut = &c->cuts[c->run.layer];
    const uint32_t order = prn_bits_order(score);
    if (order != cut->order)
        return order < cut->order;
    if (c->tied_layer != c->run.layer)
        c->ties_seen = 0;
    c->tied_layer = c->run.layer;
    c->ties_seen++;
    return c->ties_seen <= cut->ties;
}

int32_t prn_rank_next(float *score, prn_rank_cursor *c)
{
    for (;;) {
        while (c->next < c->run.count) {
            c->at = c->next++;
            *score = c->run.score[c->at];
            if (prn_mask_test(c->run.mask, c->at) && within_cut(c, *score))
                return 1;
        }
        c->next = 0;
        if (!prn_run_next(&c->run, &c->runs))
            return 0;
    }
}

int32_t prn_cut_takes(prn_cut *cut, uint32_t order)
{
    if (order != cut->order || cut->ties == 0)
        return order < cut->order;
    cut->ties--;
    return 1;
}

/* ---- a word at a time ---- */

/* The units of a run from `at` on as a whole word: their scores, and which are there and kept. */
typedef struct word {
    const float *score;
    uint32_t kept;
    float rest[PRN_WORD]; /* at the end of the run */
} word;

static inline void take_word(word *w, const prn_run *run, size_t at)
{
    const size_t left = run->count - at;
    w->kept = run->mask[at / PRN_WORD];
    w->score = run->score + at;
    if (left >= PRN_WORD)
        return;
    memset(w->rest, 0, sizeof w->rest);
    memcpy(w->rest, w->score, left * sizeof w->rest[0]);
    w->kept &= prn_word_bit[left] - 1u;
    w->score = w->rest;
}

uint32_t prn_cut_takes_word(prn_cut *cut, const prn_run *run, size_t at)
{
    const float limit = prn_bits_ordered(cut->order); /* of order 0 a NaN, which nothing is below */
    word w;
    take_word(&w, run, at);
    uint32_t taken = prn_word_below(w.score, limit) & w.kept;
    if (cut->ties == 0)
        return taken;
    for (uint32_t tied = prn_word_up_to(w.score, limit) & w.kept & ~taken; tied != 0; tied &= tied - 1u) {
        if (cut->ties == 0)
            break;
        cut->ties--;
        taken |= tied & (~tied + 1u);
    }
    return taken;
}

/* ---- counting ---- */

size_t prn_rank_count_below(const prn_ranking *ranking, float threshold)
{
    prn_run_cursor runs;
    prn_run run;
    word w;
    size_t count = 0;
    prn_run_start(&runs, ranking->importance, ranking->selection, ranking->first_last);
    while (prn_run_next(&run, &runs))
        for (size_t at = 0; at < run.count; at += PRN_WORD) {
            take_word(&w, &run, at);
            count += prn_word_ones(prn_word_below(w.score, threshold) & w.kept);
        }
    return count;
}

size_t prn_rank_count_equal(const prn_ranking *ranking, uint32_t order)
{
    const float score = prn_bits_ordered(order);
    prn_run_cursor runs;
    prn_run run;
    word w;
    size_t count = 0;
    prn_run_start(&runs, ranking->importance, ranking->selection, ranking->first_last);
    while (prn_run_next(&run, &runs))
        for (size_t at = 0; at < run.count; at += PRN_WORD) {
            take_word(&w, &run, at);
            count += prn_word_ones(prn_word_up_to(w.score, score) & ~prn_word_below(w.score, score) & w.kept);
        }
    return count;
}

int32_t prn_rank_has_above(const prn_ranking *ranking, uint32_t order, size_t count)
{
    prn_run_cursor runs;
    prn_run run;
    prn_run_start(&runs, ranking->importance, ranking->selection, ranking->first_last);
    while (count != 0 && prn_run_next(&run, &runs))
        for (size_t i = 0; i < run.count && count != 0; i++)
            count -= prn_bits_order(run.score[i]) > order && prn_mask_test(run.mask, i);
    return count == 0;
}

/* ---- by radix ---- */

/* The digit that is looked at: at `shift`, of numbers that have `prefix` above it. */
typedef struct digit {
    uint32_t prefix, shift;
} digit;

static inline int32_t has_prefix(const digit *d, uint32_t order)
{
    return d->shift + DIGIT_BITS == 32 || order >> (d->shift + DIGIT_BITS) == d->prefix;
}

/* Kept units that are below the limit. */
static void count_run(size_t counts[DIGITS], const prn_run *run, uint32_t limit, const digit *d)
{
    const digit mine = *d;
    for (size_t i = 0; i < run->count; i++) {
        const uint32_t order = prn_bits_order(run->score[i]);
        if (has_prefix(&mine, order) && order < limit && prn_mask_test(run->mask, i))
            counts[order >> mine.shift & (DIGITS - 1)]++;
    }
}

static void count_digits(size_t counts[DIGITS], const prn_ranking *ranking, const digit *d)
{
    prn_run_cursor runs;
    prn_run run;
    const prn_cut *cuts = ranking->cuts;
    memset(counts, 0, DIGITS * sizeof counts[0]);
    prn_run_start(&runs, ranking->importance, ranking->selection, ranking->first_last);
    while (prn_run_next(&run, &runs))
        count_run(counts, &run, cuts == NULL ? UINT32_MAX : cuts[run.layer].order, d);
    for (size_t l = ranking->first_last[0]; cuts != NULL && l < ranking->first_last[1]; l++)
        if (has_prefix(d, cuts[l].order))
            counts[cuts[l].order >> d->shift & (DIGITS - 1)] += cuts[l].ties;
}

static prn_cut lowest_by_radix(const prn_ranking *ranking, size_t k)
{
    size_t counts[DIGITS];
    digit d = { 0, 32 };
    while (d.shift != 0) {
        d.shift -= DIGIT_BITS;
        count_digits(counts, ranking, &d);
        uint32_t value = 0;
        while (counts[value] < k)
            k -= counts[value++];
        d.prefix = d.prefix << DIGIT_BITS | value;
    }
    return (prn_cut){ d.prefix, k };
}

/* ---- a list ---- */

static size_t move_to_front(float *list, size_t count, uint32_t first, uint32_t last)
{
    size_t moved = 0;
    for (size_t i = 0; i < count; i++) {
        const float score = list[i];
        const uint32_t order = prn_bits_order(score);
        if (order < first || order > last)
            continue;
        list[i] = list[moved];
        list[moved++] = score;
    }
    return moved;
}

/* The cut of the k lowest, k from 1, in digits of what is left of its range; the list gets another order. */
static prn_cut lowest_of_list(float *list, size_t count, size_t k)
{
    for (;;) {
        size_t counts[DIGITS] = { 0 };
        uint32_t low = UINT32_MAX, high = 0, shift = 0, value = 0;
        for (size_t i = 0; i < count; i++) {
            const uint32_t order = prn_bits_order(list[i]);
            low = order < low ? order : low;
            high = order > high ? order : high;
        }
        if (low == high)
            return (prn_cut){ low, k };
        while ((high - low) >> shift >= DIGITS)
            shift++;
        for (size_t i = 0; i < count; i++)
            counts[(prn_bits_order(list[i]) - low) >> shift]++;
        while (counts[value] < k)
            k -= counts[value++];
        const uint32_t first = low + (value << shift), wide = (1u << shift) - 1u;
        count = move_to_front(list, count, first, high - first < wide ? high : first + wide);
    }
}

/* ---- by a bracket ---- */

/* Orders low .. high, and how many units are below and within. */
typedef struct bracket {
    uint32_t low, high;
    size_t below, within;
} bracket;

/* Room for scores: in that for groups, which no choice among weights has. */
typedef struct room {
    float *list;
    size_t size;
} room;

static size_t kept_weights(const prn_ranking *ranking)
{
    size_t kept = 0;
    for (size_t l = ranking->first_last[0]; l < ranking->first_last[1]; l++)
        kept += prn_unit_count_layer(ranking->selection, ranking->importance->model, l).kept;
    return kept;
}

static room room_for(const prune_importance *importance, size_t kept)
{
    const size_t size = kept / LISTED > LEAST_LISTED ? kept / LISTED : LEAST_LISTED;
    return (room){ importance->groups, size < importance->group_room ? size : importance->group_room };
}

/* One of each `stride` units, anywhere among them: a fixed place could meet the same columns in all rows. */
static size_t draw_sample(const room *r, const prn_ranking *ranking, size_t stride)
{
    prn_run_cursor runs;
    prn_run run;
    uint32_t state = 1;
    size_t count = 0;
    prn_run_start(&runs, ranking->importance, ranking->selection, ranking->first_last);
    while (prn_run_next(&run, &runs))
        for (size_t first = 0; first < run.count; first += stride) {
            state = state * 1664525u + 1013904223u; /* Numerical Recipes, "quick and dirty" */
            const size_t at = first + (size_t)((uint64_t)state * stride >> 32);
            if (at < run.count && count < r->size && prn_mask_test(run.mask, at))
                r->list[count++] = run.score[at];
        }
    return count;
}

/* Where the k-th of so many kept units should be, to three standard deviations. */
static bracket guess(const room *r, size_t samples, size_t k, size_t kept)
{
    const float part = (float)k / (float)kept, middle = part * (float)samples;
    const float spread = 1.0f + 3.0f * prune_sqrtf(middle * (1.0f - part));
    const float first = middle - spread, last = middle + spread + 1.0f;
    bracket b = { prn_bits_order(-FLT_MAX), prn_bits_order(FLT_MAX), 0, kept };
    if (first >= 1.0f)
        b.low = lowest_of_list(r->list, samples, (size_t)first).order;
    if (last < (float)samples)
        b.high = lowest_of_list(r->list, samples, (size_t)last).order;
    return b;
}

static void list_word(const room *r, size_t listed, const float *score, uint32_t bits)
{
    for (; bits != 0 && listed < r->size; bits &= bits - 1u)
        r->list[listed++] = score[prn_word_first(bits)];
}

/* Counts, and lists what is within as long as there is room. */
static void count_bracket(bracket *b, const room *r, const prn_ranking *ranking)
{
    const uint32_t minus_zero = prn_bits_order(0.0f) - 1u; /* an order that no score has */
    const float low = prn_bits_ordered(b->low);
    const float high = prn_bits_ordered(b->high == minus_zero ? b->high - 1u : b->high);
    prn_run_cursor runs;
    prn_run run;
    word w;
    b->below = b->within = 0;
    prn_run_start(&runs, ranking->importance, ranking->selection, ranking->first_last);
    while (prn_run_next(&run, &runs))
        for (size_t at = 0; at < run.count; at += PRN_WORD) {
            take_word(&w, &run, at);
            const uint32_t below = prn_word_below(w.score, low) & w.kept;
            const uint32_t within = prn_word_up_to(w.score, high) & w.kept & ~below;
            list_word(r, b->within, w.score, within);
            b->below += prn_word_ones(below);
            b->within += prn_word_ones(within);
        }
}

/* What a count says of where the k-th is: the cut, or a narrower bracket with what is below. */
static int32_t conclude(prn_cut *cut, bracket *known, const bracket *b, const room *r, size_t k)
{
    const size_t up_to = b->below + b->within;
    if (k > b->below && k <= up_to && b->within <= r->size) {
        *cut = lowest_of_list(r->list, b->within, k - b->below);
        return 1;
    }
    if (k <= b->below)
        known->high = b->low - 1u;
    else if (k > up_to)
        *known = (bracket){ b->high + 1u, known->high, up_to, 0 };
    else
        *known = *b;
    *cut = (prn_cut){ known->low, k - known->below };
    return known->low == known->high;
}

/* 0: it should be done by radix. Too much within means many ties, mostly with an end of the bracket: the
 * next one is without its ends. */
static int32_t lowest_by_bracket(prn_cut *cut, const prn_ranking *ranking, size_t k)
{
    if (ranking->cuts != NULL || ranking->selection->granularity != PRUNE_WEIGHTS)
        return 0;
    const size_t kept = kept_weights(ranking), stride = kept / MOST_SAMPLES;
    const room r = room_for(ranking->importance, kept);
    const size_t samples = kept < MANY ? 0 : draw_sample(&r, ranking, stride > SAMPLED ? stride : SAMPLED);
    if (samples == 0)
        return 0;
    bracket b = guess(&r, samples, k, kept),
            known = { prn_bits_order(-FLT_MAX), prn_bits_order(FLT_MAX), 0, 0 };
    for (int32_t i = 0; i < BRACKETS; i++) {
        count_bracket(&b, &r, ranking);
        if (conclude(cut, &known, &b, &r, k))
            return 1;
        b = (bracket){ known.low + 1u, known.high - 1u, 0, 0 };
        b.high = b.high < b.low ? b.low : b.high;
    }
    return 0;
}

prn_cut prn_rank_lowest(const prn_ranking *ranking, size_t k)
{
    prn_cut cut = { 0, 0 };
    if (k == 0 || lowest_by_bracket(&cut, ranking, k))
        return cut;
    return lowest_by_radix(ranking, k);
}
