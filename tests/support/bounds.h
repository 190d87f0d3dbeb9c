/* bounds.h -- how far from reference.h's numbers float arithmetic may be
 *
 * A running error analysis to first order, with u = 2^-24: an inner product of k terms, in any order and
 * with or without FMA, is at most g(k) = k u / (1 - k u) of the sum of its terms' magnitudes off (N.
 * Higham, Accuracy and Stability of Numerical Algorithms, 2002, sections 3.1 and 3.3); errors of what goes
 * into it are carried on by the magnitudes of the derivatives. Functions are right to ULPS units in the
 * last place, as activation.h says. So a bound is wide where numbers cancel, and there alone.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_BOUNDS_H
#define TESTS_BOUNDS_H

#include "reference.h"

typedef struct ref_bounds {
    double h[REF_BATCH * REF_WIDTH]; /* of the outputs [n][outputs] */
    double loss;
    double g[REF_PARAMS]; /* of the gradient of the loss and the penalty together */
} ref_bounds;

void ref_bound(ref_bounds *b, const ref_net *net, const ref_task *task);

/* The largest of |a[i] - b[i]| / bound[i]: at most 1 where a is right. NaN counts as infinite, 0 / 0 as 0. */
double ref_excess(const float *a, const double *b, const double *bound, size_t count);

#endif
