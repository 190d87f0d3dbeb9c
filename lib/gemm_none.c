/* gemm_none.c -- BLAS=none: there is no BLAS
 *
 * SPDX-License-Identifier: MIT */
#include "gemm_small.h"

const prune_backend *prune_backend_blas(void)
{
    return NULL;
}

const prune_backend *prune_backend_small(int32_t kernels)
{
    (void)kernels;
    return NULL;
}

prn_small *prn_small_of(const prune_backend *backend)
{
    (void)backend;
    return NULL;
}

int32_t prn_backend_is_blas(const prune_backend *backend)
{
    (void)backend;
    return 0;
}

uint32_t prn_blas_vector(void)
{
    return 0;
}

uint32_t prn_blas_speed(void)
{
    return 0;
}

prune_status prune_blas_set_threads(int32_t threads)
{
    (void)threads;
    return PRUNE_E_UNSUPPORTED;
}

prune_status prune_blas_reserve(int32_t threads)
{
    return threads >= 1 && threads <= PRUNE_MOST_THREADS ? PRUNE_OK : PRUNE_E_RANGE;
}
