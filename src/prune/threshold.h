/* threshold.h (private) -- what histograms and thresholds look at */
#ifndef PRN_THRESHOLD_H
#define PRN_THRESHOLD_H

#include "libprune/threshold.h"
#include "rank.h"

/* All kept units that the selection names, whatever its scope, and how many they are; their selection as
 * read goes into `mine`, which the ranking refers to. PRUNE_E_EMPTY: none. */
prune_status prn_threshold_open(prn_ranking *all, size_t *kept, prune_selection *mine,
                                const prune_importance *importance, const prune_selection *selection);

#endif
