/* gemm_small.h (private) -- products too small for a BLAS to be worth its call
 *
 * The sum of an element runs over k ascending, fused where the machine can: its bits depend neither on M nor
 * on N, and are the same by AVX2 and AVX-512. */
#ifndef PRN_GEMM_SMALL_H
#define PRN_GEMM_SMALL_H

#include "libprune/gemm.h"

/* Up to LARGEST multiplications the call of OpenBLAS 0.3.21 took longer (Zen 5, its AVX2 kernels): measured
 * by train_bench. */
enum { PRN_SMALL_DEEPEST = 128, PRN_SMALL_LARGEST = 32768 };

static inline int32_t prn_gemm_is_small(size_t m, size_t n, size_t k)
{
    return k <= PRN_SMALL_DEEPEST && m * n <= PRN_SMALL_LARGEST / k;
}

/* C^T = op(B)^T op(A)^T, for one column without gaps: as a row it is made of whole vectors. */
static inline int32_t prn_gemm_is_column(const prune_gemm *g)
{
    return g->n == 1 && g->ldc == 1;
}

static inline prune_gemm prn_gemm_turned(const prune_gemm *g)
{
    prune_gemm t = *g;
    t.m = 1, t.n = g->m, t.ldc = g->m;
    t.a = g->b, t.lda = g->ldb, t.transpose_a = !g->transpose_b;
    t.b = g->a, t.ldb = g->lda, t.transpose_b = !g->transpose_a;
    return t;
}

/* What is done beside a product, on its way: C = f(alpha op(A) op(B) + bias). The bits are the same as if it
 * were done afterwards. */
typedef struct prn_beside {
    const float *bias; /* [N]; NULL: none */
    int32_t relu;      /* f is max(x, 0), else x */
    float *sums;       /* [M]: of the rows of op(A), K ascending; NULL: not wanted */
} prn_beside;

/* Computes the product and returns 1 if it is small and its beta is 0; else 0. */
typedef int32_t prn_small(const prune_gemm *args, const prn_beside *beside);

/* Without anything beside; and whether the processor has what the second needs. */
int32_t prn_gemm_small_plain(const prune_gemm *args);
int32_t prn_gemm_small_avx2(const prune_gemm *args);
int32_t prn_gemm_small_has_avx2(void);

prn_small prn_gemm_small_avx512;
int32_t prn_gemm_small_has_avx512(void);

/* For a back end of prune_backend_small(), or one with its `run`: what makes its small products with
 * something beside; NULL: nothing does. */
prn_small *prn_small_of(const prune_backend *backend);

/* prune_backend_blas(), one of prune_backend_small(), or one with the `run` of these. */
int32_t prn_backend_is_blas(const prune_backend *backend);

/* Floats in the vectors of the BLAS's kernels: 16, or 8 at most; 0: not known. And how many it computes in
 * the time of 8: AMD's processors of family 25 (Zen 3, Zen 4) need as long for each half of 16. */
uint32_t prn_blas_vector(void);
uint32_t prn_blas_speed(void);

#endif
