/* gemm_small.h (private) -- products too small for a BLAS to be worth its call */
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

/* Computes the product and returns 1 if it is small and its beta is 0; else 0. The sum of an element runs
 * over k ascending, fused where the machine can: its bits depend neither on M nor N. */
int32_t prn_gemm_small(const prune_gemm *args);

/* prune_backend_blas() with that beside it; NULL where it is. */
const prune_backend *prn_backend_by_size(void);

/* Floats in the vectors of the BLAS's kernels: 16, or 8 at most; 0: not known. And how many it computes in
 * the time of 8: AMD's processors of family 25 (Zen 3, Zen 4) need as long for each half of 16. */
uint32_t prn_blas_vector(void);
uint32_t prn_blas_speed(void);

#endif
