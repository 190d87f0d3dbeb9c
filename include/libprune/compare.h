/* compare.h -- is a model as good as another? With how much data can tell
 *
 * Both models see the same samples, so what counts is how they differ on each: a far narrower question than
 * how good each of them is.
 *
 * Accuracy of samples without weights: with n samples, b that only the first model gets right and c that
 * only the second does, worse = (b - c) / n, and its bounds are the two d for which the score statistic
 *     (b - c - n d) / sqrt(n (2 q + d (1 - d))) = -+ z,   q the likeliest share of the latter if d is true
 * (T. Tango, Statistics in Medicine 17, 1998; a share of right outputs, as of binary cross-entropy, counts as
 * that much of a sample). With b = c = 0 the upper one is z^2 / (n + z^2).
 * Everything else: the data are cut into PRUNE_COMPARE_SECTIONS parts, side by side and of equal length to
 * one sample; with s the spread of what the parts say about `worse`, the bounds are
 *     worse -+ t s / sqrt(sections),  s^2 = sum over parts (worse_i - worse)^2 / (sections - 1)
 * (sectioning: S. Asmussen and P. Glynn, Stochastic Simulation, 2007). It wants samples in no order that
 * matters. t is Student's with sections - 1 degrees of freedom.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_COMPARE_H
#define LIBPRUNE_COMPARE_H

#include "libprune/validate.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum { PRUNE_COMPARE_SECTIONS = 20 };

typedef struct prune_comparison {
    size_t size; /* sizeof(prune_comparison), by prune_comparison_init() */
    double
        confidence; /* in: of each bound by itself, above 0.5 and at most 0.999; default 0.95. Both together
                          hold with 2 confidence - 1 */
    double first;   /* out: the metric of both models */
    double second;
    double worse; /* out: how much worse the second is, in the metric's unit; below 0: better */
    double low;   /* out: bounds of `worse` beyond these data; NaN where a part has no such metric */
    double high;
} prune_comparison;

/* Sets size and defaults, the rest 0. NULL is fine. */
void prune_comparison_init(prune_comparison *comparison);

/* Compares two models of any architecture with the same outputs on data that neither was trained on or chosen
 * by. Of `validation` (NULL: its defaults) loss, metric, own metric, loss options and back end are used. Each
 * model runs once over the data, one after the other; an own metric is asked for all outputs, then for each
 * section. Takes memory as prune_evaluate_metric() does, from each model's allocator while it runs, and where
 * samples are compared one by one a double for each, from that of the first.
 * PRUNE_E_RANGE: confidence; PRUNE_E_EMPTY: fewer than two samples, or two for each section; PRUNE_E_SHAPE:
 * the models' outputs; PRUNE_E_ARGUMENT; PRUNE_E_VERSION; errors as prune_validate() and prune_evaluate().
 * Threads: reads both models. On failure *comparison stays. */
prune_status prune_compare(prune_comparison *comparison, const prune_model *first, const prune_model *second,
                           const prune_data *data, const prune_validation *validation, prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
