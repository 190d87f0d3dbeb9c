/* unit.h (private) -- what a selection chooses from: weights of a model, or groups of them, with their scores
 *
 * Units come in runs, in their fixed order (layer, then index), whatever they are, so that everything above
 * (ranking, thresholds, histograms) is written once. Weights lie side by side in memory; groups (neurons,
 * inputs, blocks) are listed and scored as the walk comes to them, a few at a time, which takes no memory. */
#ifndef PRN_UNIT_H
#define PRN_UNIT_H

#include "group.h"
#include "libprune/unit.h"

/* Reads and checks a selection (NULL: defaults) for a model that has layers. */
prune_status prn_unit_selection(prune_selection *mine, const prune_selection *given,
                                const prune_model *model);

/* Whether the selection looks at this layer. */
int32_t prn_unit_covers(const prune_selection *selection, const prune_model *model, size_t layer);

typedef struct prn_unit_count {
    size_t units, kept;
} prn_unit_count;

/* Units of one layer; none where the selection does not cover it. */
prn_unit_count prn_unit_count_layer(const prune_selection *selection, const prune_model *model, size_t layer);

/* Units first + i of a layer (of a parameter, if they are weights), i = 0 .. count - 1, with score[i], kept
 * where mask bit i is 1. Of groups it is good until the next run. */
typedef struct prn_run {
    size_t layer;
    size_t param; /* within the layer; of weights */
    size_t first, count;
    const float *score;
    const uint32_t *mask;
} prn_run;

enum { PRN_RUN_GROUPS = 32 }; /* the bits of one word */

/* Runs of groups point into it: it stays where it is. */
typedef struct prn_run_cursor {
    const prune_importance *importance;
    const prune_selection *selection;
    size_t layer, last; /* layers layer .. last - 1 */
    size_t param, unit;
    const float *layer_score, *score; /* of the layer, and of the parameter */
    float *groups;                    /* the scores of the layer's groups, NaN where removed; or NULL */
    float group_score[PRN_RUN_GROUPS];
    uint32_t group_mask;
} prn_run_cursor;

/* Once before runs are walked, and until the last walk the masks stay as they are, but for units that it has
 * passed: what scores of all groups of a layer hang on, and the scores, unless there are more groups than
 * room for them (small blocks); then each walk computes them anew. PRUNE_E_ARGUMENT: the
 * aggregate is not one for these scores. */
prune_status prn_unit_prepare(const prune_importance *importance, const prune_selection *selection);

/* All runs of layers first .. last - 1 that the selection covers. */
void prn_run_start(prn_run_cursor *cursor, const prune_importance *importance,
                   const prune_selection *selection, const size_t first_last[2]);

/* The next run, or 0 at the end. */
int32_t prn_run_next(prn_run *run, prn_run_cursor *cursor);

/* Removes units of a run from the model, at + i where bit i is 1, `at` a multiple of 32: the weights, or all
 * that belongs to the groups. */
void prn_unit_remove(prune_model *model, const prune_selection *selection, const prn_run *run, size_t at,
                     uint32_t bits);

#endif
