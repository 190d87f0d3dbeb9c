/* mask.h (private) -- the choice behind every removal, for rules that turn something else into counts */
#ifndef PRN_MASK_H
#define PRN_MASK_H

#include "libprune/mask.h"

/* How many units one layer is to lose, given its units and how many of them are kept. */
typedef prune_status prn_mask_count(void *user, uint64_t *count, uint64_t units, uint64_t kept);

/* prune_mask_lowest(), the count asked for once (PRUNE_GLOBAL) or for each layer. */
prune_status prn_mask_lowest(prune_removal *removal, prune_model *model, const prune_importance *importance,
                             const prune_selection *selection, prn_mask_count *count, void *user);

#endif
