/* platform.h -- what differs between a host and a bare machine, as functions: host.c or bare.c
 * (prune_backend_default() of gemm.h is one more) */
#ifndef PRN_PLATFORM_H
#define PRN_PLATFORM_H

#include "libprune/base.h"

/* The allocator that NULL stands for, or NULL where there is none. */
const prune_allocator *prn_platform_allocator(void);

/* The clock that NULL stands for, or NULL where there is none. */
const prune_clock *prn_platform_clock(void);

/* Kernels for sparse products, PRUNE_KERNELS_*; NULL where they are not to be had. */
struct prn_sparse;
const struct prn_sparse *prn_platform_kernels(int32_t kernels);

#endif
