/* fold.h (private) -- where the layers of a folded model come from */
#ifndef PRN_FOLD_H
#define PRN_FOLD_H

#include "libprune/fold.h"
#include "model.h"

/* The number in the model of the layer that layer l of the folded one was made of: the first, if of many. */
size_t prn_fold_origin(const prune_model *model, const prune_model *folded, size_t l);

#endif
