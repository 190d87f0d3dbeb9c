/* gemm.h -- matrix products behind a table: the plain reference, BLAS, or the caller's own
 *
 * A back end is a const table, chosen per object when a plan is made (trainer, workspace); NULL
 * there means prune_backend_default(). The reference sums each element in an order that K and the
 * transpositions alone decide, so that its bits do not change with batch size or machine. BLAS gives
 * the same bits for the same call, one build of the BLAS, and one thread.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_GEMM_H
#define LIBPRUNE_GEMM_H

#include "libprune/parallel.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* C[M][N] = alpha * op(A)[M][K] * op(B)[K][N] + beta * C, all row-major float; op(X) is X, or its
 * transpose where transpose_x is not 0. Leading dimensions (elements from one row to the next) are
 * those of the matrices as stored. With beta 0, C is not read. C must not overlap A or B. */
typedef struct prune_gemm {
    size_t m, n, k;
    const float *a;
    const float *b;
    float *c;
    size_t lda, ldb, ldc;
    int32_t transpose_a, transpose_b;
    float alpha, beta;
} prune_gemm;

/* `run` may be called from any thread, with sizes and leading dimensions that are at most INT_MAX and not
 * 0; `user` is handed to it. A large product comes as several calls that each make a part of C, always the
 * same parts: with `parallel` from several threads at the same time, else from the one that entered. */
typedef struct prune_backend {
    const char *name;
    void (*run)(void *user, const prune_gemm *args);
    void *user;
    const prune_parallel *parallel;
} prune_backend;

/* The plain C kernels: always there, the oracle for all others. Never NULL. */
const prune_backend *prune_backend_reference(void);

/* The BLAS that the library was built with, or NULL with BLAS=none. Each call also makes sure that
 * the BLAS can get its work memory, and returns NULL when it cannot: OpenBLAS would hang or exit. */
const prune_backend *prune_backend_blas(void);

/* Where there is a BLAS: "small+blas", the library's own kernels for products so small that a call of the
 * BLAS costs more (M N K up to 32768, K up to 128, beta 0; but not one row with B^T, which a BLAS reads as it
 * lies), and the BLAS for others; of the small ones, the bits do not change with M and N. Else
 * prune_backend_reference(). Never NULL. */
const prune_backend *prune_backend_default(void);

/* "small+blas" with these kernels, of sparse.h: PRUNE_KERNELS_PLAIN, _AVX2, _AVX512 (here F and VL), or _AUTO
 * for the best, which is prune_backend_default(). The last two give the same bits. NULL: there is no BLAS, or
 * library or processor do not have them. */
const prune_backend *prune_backend_small(int32_t kernels);

/* The BLAS's own thread count. It belongs to the whole process, so the library never changes it by
 * itself. Same seed gives same bits only at one fixed count, and 1 is best for small networks.
 * PRUNE_E_UNSUPPORTED: built without OpenBLAS; PRUNE_E_RANGE: threads < 1. */
prune_status prune_blas_set_threads(int32_t threads);

/* For a prune_parallel of the caller's own, once before work begins: makes sure that the BLAS has its work
 * memory (128 MiB of address space each) when so many threads are in it at the same time; OpenBLAS keeps it.
 * Without it OpenBLAS 0.3.21 asks for more in the midst of a product, and never returns if there is none.
 * PRUNE_OK also where there is nothing to reserve. PRUNE_E_RANGE: threads not in
 * 1 .. PRUNE_MOST_THREADS; PRUNE_E_MEMORY. */
prune_status prune_blas_reserve(int32_t threads);
/* FFI-END */
PRUNE_API_END

#endif
