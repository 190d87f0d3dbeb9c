/* sensitivity.h (private) -- what may be asked of a table that a caller gives */
#ifndef PRN_SENSITIVITY_H
#define PRN_SENSITIVITY_H

#include "libprune/sensitivity.h"

/* Reads it, and checks all but the values. PRUNE_E_ARGUMENT, PRUNE_E_SIZE, PRUNE_E_RANGE, PRUNE_E_SHAPE. */
prune_status prn_sensitivity_open(prune_sensitivity *mine, const prune_sensitivity *given, size_t layers);

#endif
