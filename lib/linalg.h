/* linalg.h -- dense linear algebra in double, behind a table: LAPACK, or plain C
 *
 * Matrices are row-major without gaps, unless a leading dimension is given. Of a symmetric matrix only the
 * upper triangle is read and written, unless it says both. Sizes are at most INT_MAX and not 0. */
#ifndef PRN_LINALG_H
#define PRN_LINALG_H

#include "libprune/gemm.h"

/* C[m][n] = C - A[m][k] B[k][n]; leading dimensions are those of C, A and B. They do not overlap. */
typedef struct prn_linalg_product {
    double *c;
    const double *a, *b;
    size_t m, n, k;
    size_t ldc, lda, ldb;
} prn_linalg_product;

typedef struct prn_linalg {
    void (*subtract)(const prn_linalg_product *product);

    /* G[n][n] += X^T X, of X[rows][n]. */
    void (*add_gram)(double *g, size_t n, const double *x, size_t rows);

    /* A[n][n] = U^T U: replaces A by U, and leaves what is below it.
     * PRUNE_E_SINGULAR: A is not positive definite, to rounding; it is spoilt then. */
    prune_status (*factor)(double *a, size_t n);

    /* B[n][columns] = A^-1 B, from such a factor U of A. */
    void (*solve)(double *b, size_t columns, const double *u, size_t n);

    /* Replaces the factor U of A by A^-1, both triangles. */
    void (*invert)(double *u, size_t n);
} prn_linalg;

/* The plain C one: the same bits everywhere. */
const prn_linalg *prn_linalg_reference(void);

/* LAPACK where `backend` (NULL: the default) is the BLAS and comes with it, else the plain one. */
const prn_linalg *prn_linalg_for(const prune_backend *backend);

/* For back ends: whether U is a factor that can be divided by, its diagonal being more than rounding. */
prune_status prn_linalg_check(const double *u, size_t n);

/* Copies the upper triangle to the lower. */
void prn_linalg_mirror(double *a, size_t n);

#endif
