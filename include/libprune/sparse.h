/* sparse.h -- kernels for pruned matrices: which there are, and the layouts they compute with (product.h)
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_SPARSE_H
#define LIBPRUNE_SPARSE_H

#include "libprune/base.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum {
    PRUNE_KERNELS_AUTO = 0, /* the best that library and processor have */
    PRUNE_KERNELS_PLAIN = 1,
    PRUNE_KERNELS_AVX2 = 2,   /* and FMA */
    PRUNE_KERNELS_AVX512 = 3, /* F and VPOPCNTDQ: since Ice Lake and Zen 4 */
    PRUNE_KERNELS_NEON = 4
};
enum {
    PRUNE_LAYOUT_AUTO = 0, /* by modelled cost */
    PRUNE_LAYOUT_DENSE = 1,
    PRUNE_LAYOUT_ROWS = 2,
    PRUNE_LAYOUT_WINDOWS = 3,
    PRUNE_LAYOUT_GROUPS = 4,
    PRUNE_LAYOUT_MASKS = 5
};

/* What runs here. */
typedef struct prune_kernels_info {
    size_t size;      /* sizeof(prune_kernels_info), by prune_kernels_info_init() */
    int32_t best;     /* PRUNE_KERNELS_*: what AUTO takes */
    uint32_t offered; /* bit 1 << PRUNE_KERNELS_*: in this library, and the processor has what they need */
} prune_kernels_info;

void prune_kernels_info_init(prune_kernels_info *info);
/* PRUNE_E_ARGUMENT, PRUNE_E_VERSION: size. */
prune_status prune_backend_info(prune_kernels_info *info);

/* "plain", "avx2", "avx512", "neon"; "dense", "rows", "windows", "groups", "masks"; NULL for any other. */
const char *prune_kernels_name(int32_t kernels);
const char *prune_layout_name(int32_t layout);
/* FFI-END */
PRUNE_API_END

#endif
