/* squares.c -- least squares by normal equations
 *
 * SPDX-License-Identifier: MIT */
#include "squares.h"

void prn_squares_damp(double *gram, size_t n, double damping)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += gram[i * n + i];
    for (size_t i = 0; i < n; i++)
        gram[i * n + i] += damping * (sum / (double)n);
}

prune_status prn_squares_solve(double *w, size_t columns, double *gram, size_t n, double damping,
                               const prn_linalg *linalg)
{
    prn_squares_damp(gram, n, damping);
    const prune_status status = linalg->factor(gram, n);
    if (status == PRUNE_OK)
        linalg->solve(w, columns, gram, n);
    return status;
}
