/* gemm_small.h (private) -- products too small for a BLAS to be worth its call */
#ifndef PRN_GEMM_SMALL_H
#define PRN_GEMM_SMALL_H

#include "libprune/gemm.h"

/* Computes the product and returns 1 if it is small and its beta is 0; else 0. The sum of an element runs
 * over k ascending, fused where the machine can: its bits depend neither on M nor N. */
int32_t prn_gemm_small(const prune_gemm *args);

/* prune_backend_blas() with that beside it; NULL where it is. */
const prune_backend *prn_backend_by_size(void);

/* Floats in the vectors of the BLAS's kernels: 16, or 8 at most; 0: not known. */
uint32_t prn_blas_vector(void);

#endif
