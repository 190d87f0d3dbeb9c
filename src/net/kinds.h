/* kinds.h (private) -- the one place that knows every kind of layer */
#ifndef PRN_KINDS_H
#define PRN_KINDS_H

#include "layer.h"

/* The table of PRUNE_LAYER_*, or NULL for an unknown one. */
const prn_layer_ops *prn_kinds_find(uint32_t kind);

#endif
