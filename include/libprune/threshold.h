/* threshold.h -- the distribution of scores, and thresholds read off it
 *
 * Over the units that a selection names (see mask.h) and that are still kept; scope does not matter
 * here: choose one layer with selection->layer. An absolute threshold needs no function, rule.h has those
 * that follow from the distribution; prune_mask_preview() says what each would remove and where.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_THRESHOLD_H
#define LIBPRUNE_THRESHOLD_H

#include "libprune/mask.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
typedef struct prune_histogram {
    size_t size;       /* sizeof(prune_histogram), by prune_histogram_init() */
    size_t bins;       /* length of counts, set by the caller, at least 1 */
    uint64_t *counts;  /* the caller's; counts[i] units have a score in bin i */
    int32_t log_scale; /* 0: bins of equal width; 1: of equal ratio, zeros in counts[0] */
    float low;         /* out: lower edge of bin 0: smallest score (log_scale: smallest above 0) */
    float high;        /* out: upper edge of the last bin: largest score, which counts as in it */
    uint64_t total;    /* out: units counted */
    uint64_t zeros;    /* out: units whose score is exactly 0 */
} prune_histogram;

/* Sets size, the rest 0 and NULL. NULL is fine. */
void prune_histogram_init(prune_histogram *histogram);

/* Fills the histogram. Bin i holds the scores from edge i up to, and without, edge i + 1, so below edge i
 * lie as many as the bins before it hold (unless bins are narrower than floats lie apart); if all are
 * equal they are in bin 0. PRUNE_E_SIZE: no bins; PRUNE_E_EMPTY: no unit is left to count;
 * PRUNE_E_RANGE: log_scale, and a score below 0; PRUNE_E_STATE: no scores. */
prune_status prune_histogram_fill(prune_histogram *histogram, const prune_importance *importance,
                                  const prune_selection *selection);

/* Lower edge of bin i (i = bins: upper edge of the last); NaN for NULL or i > bins. */
float prune_histogram_edge(const prune_histogram *histogram, size_t i);

/* The threshold under which round_half_even(fraction * kept units) units lie: with m of them, the
 * (m+1)-th smallest score; with all, the next float above the largest (if there is one). Equal scores
 * may make fewer lie below, and where that many are 0 the threshold is 0, below which nothing lies;
 * prune_mask_fraction() is exact there.
 * PRUNE_E_RANGE: fraction is NaN or outside 0 .. 1; PRUNE_E_EMPTY; PRUNE_E_STATE. */
prune_status prune_threshold_quantile(float *threshold, const prune_importance *importance,
                                      const prune_selection *selection, double fraction);
/* FFI-END */
PRUNE_API_END

#endif
