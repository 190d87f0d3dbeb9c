/* gemm_blas.c -- matrix products by any BLAS with the C interface
 *
 * OpenBLAS (0.3.21 seen) spins for ever, or ends the process, when the first sgemm cannot map its work
 * buffer. So before the BLAS is handed out the same amount of memory is asked for on trial, and one
 * small product is computed while it is known to be there; OpenBLAS keeps the buffer from then on.
 *
 * SPDX-License-Identifier: MIT */
#include "gemm_small.h"

#include <cblas.h>
#include <stdlib.h>

/* OpenBLAS's own; another BLAS does not have it, and then the weak symbol is NULL. */
extern void openblas_set_num_threads(int threads) __attribute__((weak));

enum {
    WORK_BYTES = 256 * 1024 * 1024, /* OpenBLAS 0.3.21 needs about 130 MiB of address space; measured */
    WARM = 64 /* so large that OpenBLAS takes its general path, which needs the buffer */
};

static void run(void *user, const prune_gemm *g)
{
    (void)user;
    cblas_sgemm(CblasRowMajor, g->transpose_a ? CblasTrans : CblasNoTrans,
                g->transpose_b ? CblasTrans : CblasNoTrans, (int)g->m, (int)g->n, (int)g->k, g->alpha, g->a,
                (int)g->lda, g->b, (int)g->ldb, g->beta, g->c, (int)g->ldc);
}

static void run_by_size(void *user, const prune_gemm *g)
{
    if (!prn_gemm_small(g))
        run(user, g);
}

static const prune_backend blas = { "blas", run, NULL }, sized = { "small+blas", run_by_size, NULL };

static int32_t warm_up(void)
{
    float *matrix = calloc(3 * WARM * WARM, sizeof *matrix);
    if (matrix == NULL)
        return 0;
    const prune_gemm product = { .m = WARM,
                                 .n = WARM,
                                 .k = WARM,
                                 .a = matrix,
                                 .b = matrix + WARM * WARM,
                                 .c = matrix + 2 * WARM * WARM,
                                 .lda = WARM,
                                 .ldb = WARM,
                                 .ldc = WARM,
                                 .alpha = 1.0f };
    run(NULL, &product);
    free(matrix);
    return 1;
}

const prune_backend *prune_backend_blas(void)
{
    void *volatile trial =
        malloc(WORK_BYTES); /* else clang drops the pair of calls, and success is certain */
    if (trial == NULL)
        return NULL;
    free(trial);
    return warm_up() ? &blas : NULL;
}

const prune_backend *prn_backend_by_size(void)
{
    return prune_backend_blas() != NULL ? &sized : NULL;
}

prune_status prune_blas_set_threads(int32_t threads)
{
    if (openblas_set_num_threads == NULL)
        return PRUNE_E_UNSUPPORTED;
    if (threads < 1)
        return PRUNE_E_RANGE;
    openblas_set_num_threads(threads);
    return PRUNE_OK;
}
