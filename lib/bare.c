/* bare.c -- the platform when there is none: memory is the caller's, and so is time
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/gemm.h"
#include "platform.h"

const prune_allocator *prn_platform_allocator(void)
{
    return NULL;
}

const prune_clock *prn_platform_clock(void)
{
    return NULL;
}

const struct prn_sparse *prn_platform_kernels(int32_t kernels)
{
    (void)kernels;
    return NULL;
}

const prune_backend *prune_backend_default(void)
{
    return prune_backend_reference();
}
