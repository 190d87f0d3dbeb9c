/* rank.c -- which units are the lowest
 *
 * Selection by radix: the k-th smallest number is found a digit at a time from the top, with one count
 * of the digits of those that agree so far. Four passes over the scores, 256 counters.
 *
 * SPDX-License-Identifier: MIT */
#include "rank.h"

#include <string.h>

enum { DIGIT_BITS = 8, DIGITS = 1 << DIGIT_BITS };

uint32_t prn_rank_bits(float score)
{
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    return bits & 0x7fffffffu;
}

int32_t prn_cut_takes(const prn_cut *cut, uint32_t bits, size_t *ties_seen)
{
    if (bits != cut->bits)
        return bits < cut->bits;
    *ties_seen += 1;
    return *ties_seen <= cut->ties;
}

void prn_rank_start(prn_rank_cursor *cursor, const prn_ranking *ranking)
{
    prn_cursor_start(&cursor->units, ranking->model, ranking->importance, ranking->selection,
                     ranking->first_last);
    cursor->cuts = ranking->cuts;
    cursor->layer = ranking->first_last[0];
    cursor->ties_seen = 0;
}

static int32_t within_cut(const prn_unit *unit, prn_rank_cursor *cursor)
{
    if (cursor->cuts == NULL)
        return 1;
    if (unit->layer != cursor->layer) {
        cursor->layer = unit->layer;
        cursor->ties_seen = 0;
    }
    return prn_cut_takes(&cursor->cuts[unit->layer], prn_rank_bits(unit->score), &cursor->ties_seen);
}

int32_t prn_rank_next(prn_unit *unit, prn_rank_cursor *cursor)
{
    while (prn_cursor_next(unit, &cursor->units))
        if (unit->kept && within_cut(unit, cursor))
            return 1;
    return 0;
}

size_t prn_rank_count(const prn_ranking *ranking)
{
    prn_rank_cursor cursor;
    prn_unit unit;
    size_t count = 0;
    for (prn_rank_start(&cursor, ranking); prn_rank_next(&unit, &cursor);)
        count++;
    return count;
}

size_t prn_rank_count_below(const prn_ranking *ranking, float threshold)
{
    prn_rank_cursor cursor;
    prn_unit unit;
    size_t count = 0;
    for (prn_rank_start(&cursor, ranking); prn_rank_next(&unit, &cursor);)
        count += unit.score < threshold;
    return count;
}

/* Counts the digit at `shift` of those scores that have `prefix` above it. */
static void count_digits(size_t counts[DIGITS], const prn_ranking *ranking, uint32_t prefix, uint32_t shift)
{
    prn_rank_cursor cursor;
    prn_unit unit;
    memset(counts, 0, DIGITS * sizeof counts[0]);
    for (prn_rank_start(&cursor, ranking); prn_rank_next(&unit, &cursor);) {
        const uint32_t bits = prn_rank_bits(unit.score);
        const int32_t agrees = shift + DIGIT_BITS == 32 || bits >> (shift + DIGIT_BITS) == prefix;
        if (agrees)
            counts[bits >> shift & (DIGITS - 1)]++;
    }
}

prn_cut prn_rank_lowest(const prn_ranking *ranking, size_t k)
{
    size_t counts[DIGITS];
    uint32_t prefix = 0;
    if (k == 0)
        return (prn_cut){ 0, 0 };
    for (uint32_t shift = 32; shift != 0;) {
        shift -= DIGIT_BITS;
        count_digits(counts, ranking, prefix, shift);
        uint32_t digit = 0;
        while (counts[digit] < k)
            k -= counts[digit++];
        prefix = prefix << DIGIT_BITS | digit;
    }
    return (prn_cut){ prefix, k };
}
