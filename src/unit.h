/* unit.h (private) -- what a selection chooses from: weights or neurons of a model, with their scores
 *
 * A cursor walks the units in their fixed order (layer, then index), whatever they are, so that
 * everything above it (ranking, thresholds, histograms) is written once. */
#ifndef PRN_UNIT_H
#define PRN_UNIT_H

#include "importance.h"
#include "libprune/mask.h"

/* Reads and checks a selection (NULL: defaults) for a model that has layers. */
prune_status prn_unit_selection(prune_selection *mine, const prune_selection *given, const prune_model *model);

/* Whether the selection looks at this layer. */
int32_t prn_unit_covers(const prune_selection *selection, const prune_model *model, size_t layer);

/* One unit. */
typedef struct prn_unit {
    size_t layer;
    size_t index;    /* neuron; or weight, counted through the layer's chosen parameters */
    size_t param;    /* weights: parameter within the layer, and element of it */
    size_t element;
    int32_t kept;    /* mask; a neuron is kept while any of its elements is */
    float score;     /* only of kept units, and only where there are scores */
} prn_unit;

typedef struct prn_cursor {
    const prune_model *model;
    const prune_selection *selection;
    size_t layer, last;  /* layers layer .. last - 1 */
    size_t param, element;
    size_t offset;       /* of the parameter among the layer's floats */
    size_t index;
    const float *score;  /* of the layer; NULL: no scores wanted */
} prn_cursor;

/* All units of layers first .. last - 1 that the selection covers. importance NULL: without scores. */
void prn_cursor_start(prn_cursor *cursor, const prune_model *model, const prune_importance *importance,
                      const prune_selection *selection, const size_t first_last[2]);

/* The next unit, or 0 at the end. */
int32_t prn_cursor_next(prn_unit *unit, prn_cursor *cursor);

/* Removes it from the model: the weight, or all that belongs to the neuron. */
void prn_unit_remove(prune_model *model, const prune_selection *selection, const prn_unit *unit);

#endif
