/* fuse.h (private) -- units whose output others can take over: constants, and those that do the same */
#ifndef PRN_FUSE_H
#define PRN_FUSE_H

#include "chain.h"

/* From the inputs on: folds the constants of each space into the biases of its reader, and then, if `merge`,
 * makes one unit of those that do the same. PRUNE_E_NONFINITE: a bias or a constant leaves float. */
prune_status prn_fuse(prn_chain *chain, int32_t merge);

#endif
