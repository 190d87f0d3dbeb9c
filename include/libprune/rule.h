/* rule.h -- a threshold that follows from how the scores are distributed
 *
 * Over the same n units as threshold.h: those that a selection names and that are still kept. Each has a
 * value v: its score, or with log_scale the natural logarithm of its score. Scores that are exactly 0 have no
 * logarithm: on the log scale they are left out of the rule, and n does not count them
 * (prune_histogram.zeros does), but they lie below every threshold above 0. v(i) is the i-th smallest value.
 *
 *   PRUNE_THRESHOLD_MEAN_SIGMA   mean - k sigma;  sigma^2 = (1/n) sum (v - mean)^2
 *   PRUNE_THRESHOLD_MEDIAN_MAD   median - k MAD;  MAD = median |v - median| (F. R. Hampel, 1974), as it is:
 *                                1.4826 MAD estimate the sigma of a Gaussian. The median of an even number
 *                                of values is the mean of the middle two. k may be negative in both
 *   PRUNE_THRESHOLD_OTSU         the edge i of a histogram of PRUNE_RULE_BINS bins (prune_histogram_fill(),
 *                                i = 1 .. bins - 1) with the largest variance between what lies below and
 *                                above it, w (1 - w) (a - b)^2: w is the share below, a and b the mean bin
 *                                numbers of both sides (N. Otsu, IEEE Trans. SMC 9(1), 1979). Of equals the
 *                                lowest; where empty bins follow it, the middle of the edges around them
 *                                (the lower of two)
 *   PRUNE_THRESHOLD_LARGEST_GAP  the middle of the largest gap v(j+1) - v(j), or where no float is between
 *                                them its upper end, in the ranks
 *                                round_half_even(from_fraction n) < j < round_half_even(to_fraction n),
 *                                so that outliers do not decide; of equal gaps the lowest. Exact for up to
 *                                PRUNE_RULE_GAPS + 1 ranks; with more, a gap counts only where v(j) and
 *                                v(j+1) lie in two of PRUNE_RULE_GAPS equal parts of the range of these
 *                                values, as they do in every gap at least as wide as a part
 *   PRUNE_THRESHOLD_KNEE         the edge i of the same histogram where the cumulative distribution is
 *                                farthest from its chord, |share below edge i - i / bins|, on either side:
 *                                the end of a crowd of low scores, or of a thin tail below the crowd (after
 *                                V. Satopaa et al., "Finding a kneedle in a haystack", 2011, the plain
 *                                distance, not smoothed). Of equals the lowest
 *
 * On the linear scale one outlier stretches the bins of Otsu and knee; scores that span magnitudes are better
 * cut on the log scale. A rule that finds nothing to tell apart (one unit, equal values, no gap) gives the
 * lowest score (on the log scale: the lowest above 0; 0 if there is none), below which nothing of what it
 * looked at lies. Ties are never split.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_RULE_H
#define LIBPRUNE_RULE_H

#include "libprune/threshold.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum {
    PRUNE_THRESHOLD_MEAN_SIGMA = 1,
    PRUNE_THRESHOLD_MEDIAN_MAD = 2,
    PRUNE_THRESHOLD_OTSU = 3,
    PRUNE_THRESHOLD_LARGEST_GAP = 4,
    PRUNE_THRESHOLD_KNEE = 5
};
enum { PRUNE_RULE_BINS = 256, PRUNE_RULE_GAPS = 512 };

typedef struct prune_threshold_rule {
    size_t size;
    int32_t kind;         /* PRUNE_THRESHOLD_*; default PRUNE_THRESHOLD_OTSU */
    int32_t log_scale;    /* 0 (default): of the scores; 1: of their logarithms */
    double k;             /* mean and median: how far below; default 1 */
    double from_fraction; /* largest gap: of the ranks, where it starts to look; default 0.05 */
    double to_fraction;   /* and where it stops; default 0.95; 0 <= from_fraction < to_fraction <= 1 */
} prune_threshold_rule;

/* The defaults above. NULL is fine. */
void prune_threshold_rule_init(prune_threshold_rule *rule);

/* The threshold by a rule (NULL: the defaults), from 0 (also where the formula is below it, unless
 * scores are below 0) to FLT_MAX, for
 * prune_mask_below(); prune_mask_preview() says how much would go, and where. Allocates nothing; takes some
 * 10 kB of stack. The same scores give the same bits.
 * PRUNE_E_EMPTY: no unit is left; PRUNE_E_STATE: no scores; PRUNE_E_ARGUMENT: unknown kind, or the
 * selection's; PRUNE_E_RANGE: k is NaN or infinite, the fractions are not as above, or the selection's. On
 * failure *threshold stays as it was. */
prune_status prune_threshold_from_rule(float *threshold, const prune_importance *importance,
                                       const prune_selection *selection, const prune_threshold_rule *rule);
/* FFI-END */
PRUNE_API_END

#endif
