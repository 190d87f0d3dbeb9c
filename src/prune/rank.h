/* rank.h (private) -- which units are the lowest: exact counts, ties by order, no sorting, no memory but
 * room that the scores have
 *
 * Scores are finite; prn_bits_order() makes of each a number that orders like it. */
#ifndef PRN_RANK_H
#define PRN_RANK_H

#include "unit.h"

/* The kept units of layers first .. last - 1; with `cuts` only those that are within the cut of
 * their layer (cuts[layer]). Neurons are to be prepared, see unit.h. */
typedef struct prn_ranking {
    const prune_importance *importance;
    const prune_selection *selection;
    const prn_cut *cuts;
    size_t first_last[2];
} prn_ranking;

/* Walks the ranked units: unit `at` of `run`. Units behind the cursor may be removed. */
typedef struct prn_rank_cursor {
    prn_run_cursor runs;
    prn_run run;
    size_t at, next;
    const prn_cut *cuts;
    size_t tied_layer, ties_seen;
} prn_rank_cursor;

void prn_rank_start(prn_rank_cursor *cursor, const prn_ranking *ranking);
int32_t prn_rank_next(float *score, prn_rank_cursor *cursor);

/* How many units have a score below `threshold`, or exactly the score of that order. Without cuts. */
size_t prn_rank_count_below(const prn_ranking *ranking, float threshold);
size_t prn_rank_count_equal(const prn_ranking *ranking, uint32_t order);

/* Whether so many units have scores of a higher order; stops as soon as it knows. Without cuts. */
int32_t prn_rank_has_above(const prn_ranking *ranking, uint32_t order, size_t count);

/* Whether a unit whose score has that order is within the cut: asked of all units in order, as ties are
 * counted down. */
int32_t prn_cut_takes(prn_cut *cut, uint32_t order);

/* The same of the kept units at .. at + 31 of a run, `at` a multiple of 32: bit i is that of at + i. */
uint32_t prn_cut_takes_word(prn_cut *cut, const prn_run *run, size_t at);

/* The cut of the lowest k units; there are at least k. */
prn_cut prn_rank_lowest(const prn_ranking *ranking, size_t k);

#endif
