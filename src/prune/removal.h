/* removal.h (private) -- a caller's prune_removal, before a call fills it */
#ifndef PRN_REMOVAL_H
#define PRN_REMOVAL_H

#include "libprune/mask.h"

/* *mine is empty but for the caller's array, which has room for the layers of the model. theirs and error
 * may be NULL. PRUNE_E_VERSION, PRUNE_E_ARGUMENT: size; PRUNE_E_SHAPE: no room. */
prune_status prn_removal_open(prune_removal *mine, const prune_removal *theirs, const prune_model *model,
                              prune_error *error);

#endif
