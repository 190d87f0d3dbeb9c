/* oracle.h -- what a selection should choose, found by listing and sorting every unit
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_ORACLE_H
#define TESTS_ORACLE_H

#include <libprune.h>

/* The same number; both may be float. */
#define ck_assert_number(a, b) ck_assert_double_eq((double)(a), (double)(b))

enum { ORACLE_UNITS = 512 };

typedef struct oracle_unit {
    size_t layer, index;
    size_t param, element;       /* in the model: its first weight */
    size_t rows, columns, pitch; /* of weights, each row `pitch` behind the one before */
    float score;
    int32_t kept, chosen;
} oracle_unit;

typedef struct oracle {
    prune_selection selection;
    size_t layers, count;
    oracle_unit unit[ORACLE_UNITS];
    size_t rank[ORACLE_UNITS]; /* units in the order (score, layer, index) */
} oracle;

/* Lists and ranks what the selection (not NULL) names; nothing is chosen yet. */
void oracle_list(oracle *o, const prune_model *model, const prune_importance *importance,
                 const prune_selection *selection);

/* Kept units of a layer, or with layer -1 of all; and chosen ones. */
uint64_t oracle_kept(const oracle *o, int32_t layer);
uint64_t oracle_chosen(const oracle *o, int32_t layer);

/* Whether the selection names units of this layer. */
int32_t oracle_covers(const oracle *o, size_t layer);

/* Chooses, going up the ranking, up to `count` units with a score below `threshold`, of one layer or (-1)
 * of all, but none that would leave its layer fewer than min_kept. Returns how many it chose. */
uint64_t oracle_choose(oracle *o, int32_t layer, uint64_t count, float threshold);

/* What prune_mask_lowest() should do: 0 if the floors forbid it. */
int32_t oracle_lowest(oracle *o, uint64_t count);

/* The largest score chosen; 0 without any. */
float oracle_highest(const oracle *o);

/* Removes from the model what was chosen, with prune_mask_set() alone. */
void oracle_apply(prune_model *model, const oracle *o);

/* A model of one to three layers of one to five neurons, whose weights and biases take few values, so that
 * most scores have equals; about one in `gone` weights is removed (0: none). */
prune_model *oracle_model(prune_rng *rng, uint64_t gone);

/* Any valid selection for it. */
prune_selection oracle_selection(prune_rng *rng, const prune_model *model);

#endif
