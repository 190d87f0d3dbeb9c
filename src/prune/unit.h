/* unit.h (private) -- what a selection chooses from: weights or neurons of a model, with their scores
 *
 * Units come in runs that lie side by side in memory, in their fixed order (layer, then index), whatever
 * they are, so that everything above (ranking, thresholds, histograms) is written once. */
#ifndef PRN_UNIT_H
#define PRN_UNIT_H

#include "group.h"
#include "libprune/unit.h"

/* Reads and checks a selection (NULL: defaults) for a model that has layers. */
prune_status prn_unit_selection(prune_selection *mine, const prune_selection *given,
                                const prune_model *model);

/* Whether the selection looks at this layer. */
int32_t prn_unit_covers(const prune_selection *selection, const prune_model *model, size_t layer);

/* A neuron is kept while any of its elements is. */
int32_t prn_unit_neuron_kept(const prn_layer *layer, size_t u);

typedef struct prn_unit_count {
    size_t units, kept;
} prn_unit_count;

/* Units of one layer; none where the selection does not cover it. */
prn_unit_count prn_unit_count_layer(const prune_selection *selection, const prune_model *model, size_t layer);

/* Units i = 0 .. count - 1 with score[i], kept where mask bit i is 1. */
typedef struct prn_run {
    size_t layer;
    size_t param; /* within the layer; of weights */
    size_t count;
    const float *score;
    const uint32_t *mask;
} prn_run;

typedef struct prn_run_cursor {
    const prune_importance *importance;
    const prune_selection *selection;
    size_t layer, last; /* layers layer .. last - 1 */
    size_t param;
    const float *layer_score, *score; /* of the layer, and of the parameter */
    const float *neuron;
    const uint32_t *neuron_mask;
} prn_run_cursor;

/* Scores the neurons, once before runs are walked and while the masks stay as they are; weights have
 * their scores. PRUNE_E_ARGUMENT: the aggregate is not one for these scores. */
prune_status prn_unit_prepare(const prune_importance *importance, const prune_selection *selection);

/* All runs of layers first .. last - 1 that the selection covers. */
void prn_run_start(prn_run_cursor *cursor, const prune_importance *importance,
                   const prune_selection *selection, const size_t first_last[2]);

/* The next run, or 0 at the end. */
int32_t prn_run_next(prn_run *run, prn_run_cursor *cursor);

/* Removes unit i of a run from the model: the weight, or all that belongs to the neuron. */
void prn_unit_remove(prune_model *model, const prune_selection *selection, const prn_run *run, size_t i);

#endif
