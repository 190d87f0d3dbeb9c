/* supplied.h -- scores from elsewhere: the caller's own, or those that a prune_score_*() function computes
 *
 * A table made with PRUNE_SUPPLIED starts without scores. What fills it is up to the caller; masks, groups,
 * thresholds and histograms then work as with any other. Scores may be below 0, and order as numbers do:
 * the lowest are the first to go. The logarithmic scale is for tables without such (PRUNE_E_RANGE).
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_SUPPLIED_H
#define LIBPRUNE_SUPPLIED_H

#include "libprune/importance.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* Takes scores[count], laid out as the parameter, row-major. The table has scores as soon as each
 * prunable parameter has got its own; any other that never got some (a bias) has FLT_MAX and so goes last.
 * prune_importance_reset() forgets all of them.
 * PRUNE_E_STATE: the table is not PRUNE_SUPPLIED, or its model has changed; PRUNE_E_RANGE: no such
 * parameter, or running statistics; PRUNE_E_SHAPE: count differs; PRUNE_E_NONFINITE. On failure the scores
 * are those from before. */
prune_status prune_importance_set_scores(prune_importance *importance, size_t param, const float *scores,
                                         size_t count);
/* FFI-END */
PRUNE_API_END

#endif
