/* idle.h (private) -- one unit of a model: does it do anything? */
#ifndef PRN_IDLE_H
#define PRN_IDLE_H

#include "libprune/idle.h"
#include "model.h"

enum { PRN_IDLE_KINDS = PRUNE_IDLE_COMPACTED + 1 };

/* Unit u of those before layer `first`: the inputs of the model (0), or the neurons of the dense layer
 * first - 1. */
int32_t prn_idle_unit(const prune_model *model, size_t first, size_t u);

/* Whether a layer has neurons. */
int32_t prn_idle_has(const prn_layer *layer);

#endif
