/* rank.c -- which units are the lowest
 *
 * Selection by radix: the k-th smallest number is found a digit at a time from the top, with one count
 * of the digits of those that agree so far. Four passes over the scores, 256 counters.
 *
 * SPDX-License-Identifier: MIT */
#include "rank.h"
#include "bits.h"

#include <string.h>

enum { DIGIT_BITS = 8, DIGITS = 1 << DIGIT_BITS };

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

/* ---- counting ---- */

size_t prn_rank_count_below(const prn_ranking *ranking, float threshold)
{
    prn_run_cursor runs;
    prn_run run;
    size_t count = 0;
    prn_run_start(&runs, ranking->importance, ranking->selection, ranking->first_last);
    while (prn_run_next(&run, &runs))
        for (size_t i = 0; i < run.count; i++)
            count += run.score[i] < threshold && prn_mask_test(run.mask, i);
    return count;
}

size_t prn_rank_count_equal(const prn_ranking *ranking, uint32_t order)
{
    prn_run_cursor runs;
    prn_run run;
    size_t count = 0;
    prn_run_start(&runs, ranking->importance, ranking->selection, ranking->first_last);
    while (prn_run_next(&run, &runs))
        for (size_t i = 0; i < run.count; i++)
            count += prn_bits_order(run.score[i]) == order && prn_mask_test(run.mask, i);
    return count;
}

/* ---- choosing ---- */

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

prn_cut prn_rank_lowest(const prn_ranking *ranking, size_t k)
{
    size_t counts[DIGITS];
    digit d = { 0, 32 };
    if (k == 0)
        return (prn_cut){ 0, 0 };
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
