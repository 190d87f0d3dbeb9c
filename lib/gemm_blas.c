/* gemm_blas.c -- matrix products by any BLAS with the C interface
 *
 * OpenBLAS (0.3.21 seen) spins for ever, or ends the process, when the first sgemm cannot map its work
 * buffer. So before the BLAS is handed out the system is asked on trial for as much, which nothing
 * touches, and one small product is computed while it is known to be there; OpenBLAS keeps the buffer
 * from then on.
 *
 * SPDX-License-Identifier: MIT */
#include "gemm_small.h"
#include "libprune/sparse.h"
#include "system.h"
#include "wide.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

/* OpenBLAS's own; another BLAS does not have them, and then the weak symbols are NULL. The last two are how
 * a product takes its work buffer, and leaves it to the next: inner, but exported since GotoBLAS. */
extern void openblas_set_num_threads(int threads) __attribute__((weak));
extern char *openblas_get_corename(void) __attribute__((weak));
extern void *blas_memory_alloc(int where) __attribute__((weak));
extern void blas_memory_free(void *buffer) __attribute__((weak));

enum {
    BUFFER_BYTES = 130 * 1024 * 1024, /* of address space, for each thread that is in OpenBLAS; measured */
    WORK_BYTES = 256 * 1024 * 1024,   /* enough for the first */
    WARM = 64 /* so large that OpenBLAS takes its general path, which needs the buffer */
};

/* One row of A with B^T: B is read as it lies, where sgemm, and the own kernels, would copy it first. */
static int32_t is_vector(const prune_gemm *g)
{
    return g->m == 1 && g->transpose_b && !g->transpose_a;
}

static void run_vector(const prune_gemm *g)
{
    for (size_t j = 0; j < g->n && g->beta == 0.0f; j++)
        g->c[j] = 0.0f; /* some of them would make NaN of NaN */
    cblas_sgemv(CblasRowMajor, CblasNoTrans, (int)g->n, (int)g->k, g->alpha, g->b, (int)g->ldb, g->a, 1,
                g->beta == 0.0f ? 1.0f : g->beta, g->c, 1);
}

static void run(void *user, const prune_gemm *g)
{
    (void)user;
    if (is_vector(g))
        run_vector(g);
    else
        cblas_sgemm(CblasRowMajor, g->transpose_a ? CblasTrans : CblasNoTrans,
                    g->transpose_b ? CblasTrans : CblasNoTrans, (int)g->m, (int)g->n, (int)g->k, g->alpha,
                    g->a, (int)g->lda, g->b, (int)g->ldb, g->beta, g->c, (int)g->ldc);
}

static void run_plain(void *user, const prune_gemm *g)
{
    if (is_vector(g) || !prn_gemm_small_plain(g))
        run(user, g);
}

static void run_avx2(void *user, const prune_gemm *g)
{
    if (is_vector(g) || !prn_gemm_small_avx2(g))
        run(user, g);
}

static int32_t small_avx512(const prune_gemm *g, const prn_beside *beside)
{
    return !is_vector(g) && prn_gemm_small_avx512(g, beside);
}

static void run_avx512(void *user, const prune_gemm *g)
{
    const prn_beside nothing = { NULL, 0, NULL };
    if (!small_avx512(g, &nothing))
        run(user, g);
}

static const prune_backend blas = { "blas", run, NULL, NULL };
static const prune_backend sized[] = {
    [PRUNE_KERNELS_PLAIN] = { "small+blas", run_plain, NULL, NULL },
    [PRUNE_KERNELS_AVX2] = { "small+blas", run_avx2, NULL, NULL },
    [PRUNE_KERNELS_AVX512] = { "small+blas", run_avx512, NULL, NULL },
};

static int32_t best_kernels(void)
{
    if (prn_gemm_small_has_avx512())
        return PRUNE_KERNELS_AVX512;
    /* cppcheck-suppress knownConditionTrueFalse ; on machines without */
    return prn_gemm_small_has_avx2() ? PRUNE_KERNELS_AVX2 : PRUNE_KERNELS_PLAIN;
}

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
    if (!prn_system_can_map(WORK_BYTES))
        return NULL;
    return warm_up() ? &blas : NULL;
}

const prune_backend *prune_backend_small(int32_t kernels)
{
    if (kernels < PRUNE_KERNELS_AUTO || kernels > PRUNE_KERNELS_AVX512 ||
        (kernels == PRUNE_KERNELS_AVX2 && !prn_gemm_small_has_avx2()) ||
        (kernels == PRUNE_KERNELS_AVX512 && !prn_gemm_small_has_avx512()) || prune_backend_blas() == NULL)
        return NULL;
    return &sized[kernels == PRUNE_KERNELS_AUTO ? best_kernels() : kernels];
}

int32_t prn_backend_is_blas(const prune_backend *b)
{
    return b->run == run || b->run == run_plain || b->run == run_avx2 || b->run == run_avx512;
}

prn_small *prn_small_of(const prune_backend *backend)
{
    return backend->run == run_avx512 ? small_avx512 : NULL;
}

/* OpenBLAS tells for which processor its kernels are, which need not be this one: OPENBLAS_CORETYPE. */
uint32_t prn_blas_vector(void)
{
    static const char *const wide[] = { "SkylakeX", "Cooperlake", "Sapphirerapids" };
    if (openblas_get_corename == NULL)
        return 0;
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        if (strcmp(openblas_get_corename(), wide[i]) == 0)
            return 16;
    return 8;
}

uint32_t prn_blas_speed(void)
{
    const uint32_t vector = prn_blas_vector();
    /* cppcheck-suppress knownConditionTrueFalse ; on machines without */
    return vector == 16 && prn_wide_in_halves() ? 8 : vector;
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

prune_status prune_blas_reserve(int32_t threads)
{
    void *held[PRUNE_MOST_THREADS];
    if (threads < 1 || threads > PRUNE_MOST_THREADS)
        return PRUNE_E_RANGE;
    if (blas_memory_alloc == NULL || blas_memory_free == NULL)
        return PRUNE_OK;
    if ((size_t)threads > SIZE_MAX / BUFFER_BYTES || !prn_system_can_map((size_t)threads * BUFFER_BYTES))
        return PRUNE_E_MEMORY;
    for (int32_t i = 0; i < threads; i++)
        held[i] = blas_memory_alloc(0);
    for (int32_t i = 0; i < threads; i++)
        blas_memory_free(held[i]);
    return PRUNE_OK;
}
