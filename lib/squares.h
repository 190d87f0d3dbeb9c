/* squares.h -- least squares by normal equations */
#ifndef PRN_SQUARES_H
#define PRN_SQUARES_H

#include "linalg.h"

/* Adds damping times the mean of the diagonal to the diagonal. */
void prn_squares_damp(double *gram, size_t n, double damping);

/* The W[n][columns] of the least ||X W - Y||^2 + damping mean(diag X^T X) ||W||^2, from the upper triangle of
 * X^T X in gram[n][n], which is spoilt, and from X^T Y in w, where the answer goes.
 * PRUNE_E_SINGULAR: columns of X depend on each other, and there is not damping enough; w is as before. */
prune_status prn_squares_solve(double *w, size_t columns, double *gram, size_t n, double damping,
                               const prn_linalg *linalg);

#endif
