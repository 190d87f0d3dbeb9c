/* rank.h (private) -- which units are the lowest: exact counts, ties by order, no sorting, no memory
 *
 * Scores are finite and not negative, so their bits order like they do. */
#ifndef PRN_RANK_H
#define PRN_RANK_H

#include "unit.h"

/* The kept units of layers first .. last - 1; with `cuts` only those that are within the cut of
 * their layer (cuts[layer]). */
typedef struct prn_ranking {
    const prune_model *model;
    const prune_importance *importance;
    const prune_selection *selection;
    const prn_cut *cuts;
    size_t first_last[2];
} prn_ranking;

uint32_t prn_rank_bits(float score);

/* Whether a unit is within the cut; called for the units of the sequence in order, with the number of
 * ties seen so far. */
int32_t prn_cut_takes(const prn_cut *cut, uint32_t bits, size_t *ties_seen);

/* Walks the ranked units. Start the cursor with prn_rank_start(). */
typedef struct prn_rank_cursor {
    prn_cursor units;
    const prn_cut *cuts;
    size_t layer, ties_seen;
} prn_rank_cursor;

void prn_rank_start(prn_rank_cursor *cursor, const prn_ranking *ranking);
int32_t prn_rank_next(prn_unit *unit, prn_rank_cursor *cursor);

/* How many units there are, and how many with a score below `threshold`. */
size_t prn_rank_count(const prn_ranking *ranking);
size_t prn_rank_count_below(const prn_ranking *ranking, float threshold);

/* The cut of the lowest k units; k is at most prn_rank_count(). */
prn_cut prn_rank_lowest(const prn_ranking *ranking, size_t k);

#endif
