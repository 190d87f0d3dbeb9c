/* true_loss.h -- the losses of loss.h in double, to take central differences of
 *
 * Written from the formulas in loss.h, sample by sample; no derivative is written down here, and no code
 * is shared with the library.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_TRUE_LOSS_H
#define TESTS_TRUE_LOSS_H

#include <libprune/loss.h>

typedef struct true_loss {
    const prune_loss_options *options;
    size_t n, outputs;
    const float *y;       /* [n][outputs], or NULL */
    const int32_t *label; /* [n], where y is NULL */
    const float *weights; /* [n], or NULL */
} true_loss;

/* L of outputs h[n][outputs]. */
double true_loss_of(const true_loss *t, const double *h);

/* g[n][outputs] = (L(h + eps) - L(h - eps)) / (2 eps), one output after the other; h is left as it was. */
void true_loss_differences(double *g, const true_loss *t, double *h, double eps);

#endif
