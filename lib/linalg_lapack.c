/* linalg_lapack.c -- linear algebra by OpenBLAS, which has LAPACK in it
 *
 * A row-major upper triangle is a column-major lower one, and that is what LAPACK is told.
 * gemm_blas.c has warmed OpenBLAS up when its back end exists; without it nothing here runs.
 *
 * SPDX-License-Identifier: MIT */
#include "linalg.h"

#include <cblas.h>

/* LAPACK is Fortran: all by reference, and the length of each text behind the last argument. */
extern void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t uplo_length);
extern void dpotri_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t uplo_length);

static void subtract(const prn_linalg_product *p)
{
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)p->m, (int)p->n, (int)p->k, -1.0, p->a,
                (int)p->lda, p->b, (int)p->ldb, 1.0, p->c, (int)p->ldc);
}

static void add_gram(double *g, size_t n, const double *x, size_t rows)
{
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, (int)n, (int)rows, 1.0, x, (int)n, 1.0, g, (int)n);
}

static prune_status factor(double *a, size_t n)
{
    const int size = (int)n;
    int info = 0;
    dpotrf_("L", &size, a, &size, &info, 1);
    return info != 0 ? PRUNE_E_SINGULAR : prn_linalg_check(a, n);
}

static void solve(double *b, size_t columns, const double *u, size_t n)
{
    const int rows = (int)n, across = (int)columns;
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasUpper, CblasTrans, CblasNonUnit, rows, across, 1.0, u, rows, b,
                across);
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasUpper, CblasNoTrans, CblasNonUnit, rows, across, 1.0, u, rows,
                b, across);
}

/* Cannot fail: the factor has no 0 on its diagonal. */
static void invert(double *u, size_t n)
{
    const int size = (int)n;
    int info = 0;
    dpotri_("L", &size, u, &size, &info, 1);
    prn_linalg_mirror(u, n);
}

static const prn_linalg lapack = { subtract, add_gram, factor, solve, invert };

const prn_linalg *prn_linalg_for(const prune_backend *backend)
{
    const prune_backend *blas = prune_backend_blas();
    return blas != NULL && (backend == NULL || backend == blas) ? &lapack : prn_linalg_reference();
}
