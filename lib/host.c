/* host.c -- the platform when there is an operating system: malloc, its monotonic clock, its BLAS
 *
 * SPDX-License-Identifier: MIT */
#include "gemm_small.h"
#include "platform.h"
#include "sparse.h"
#include "system.h"

#include <stdlib.h>

static void *heap_resize(void *user, void *block, size_t old_size, size_t new_size)
{
    (void)user;
    (void)old_size;
    if (new_size != 0)
        return realloc(block, new_size);
    free(block);
    return NULL;
}

static uint64_t monotonic_now(void *user)
{
    (void)user;
    return prn_system_now();
}

static const prune_allocator heap = { heap_resize, NULL };
static const prune_clock monotonic = { monotonic_now, NULL };

const prune_allocator *prn_platform_allocator(void)
{
    return &heap;
}

const prune_clock *prn_platform_clock(void)
{
    return &monotonic;
}

const prn_sparse *prn_platform_kernels(int32_t kernels)
{
    return prn_sparse_find(kernels);
}

const prune_backend *prune_backend_default(void)
{
    const prune_backend *fast = prune_backend_small(PRUNE_KERNELS_AUTO);
    return fast != NULL ? fast : prune_backend_reference();
}
