/* rounding.h (private) -- for those who train with rounded weights */
#ifndef PRN_ROUNDING_H
#define PRN_ROUNDING_H

#include "libprune/rounding.h"

/* PRUNE_E_ARGUMENT: it is of another model; PRUNE_E_STATE: that has other layers now. */
prune_status prn_rounding_check(const prune_rounding *rounding, const prune_model *model);

/* Goes on from the weights that the model has, which are rounded. NULL is fine. */
void prn_rounding_restart(prune_rounding *rounding);

#endif
