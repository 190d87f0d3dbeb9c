/* pack.h -- what is kept of a matrix, as the layouts of sparse.h */
#ifndef PRN_PACK_H
#define PRN_PACK_H

#include "kept.h"
#include "sparse.h"

/* Steps of windows, and blocks of groups, that packing would make. */
uint32_t prn_pack_steps(const prn_kept *kept, const prn_sparse *kernels, uint32_t window);
uint32_t prn_pack_blocks(const prn_kept *kept, uint32_t height);

/* The memory that a layout lies in. All 0: none. */
typedef struct prn_pack {
    void *memory;
    size_t bytes;
} prn_pack;

/* PRUNE_E_MEMORY, and nothing to give back. */
prune_status prn_pack_rows(prn_rows *out, prn_pack *pack, const prn_kept *kept, uint32_t tile);
prune_status prn_pack_windows(prn_windows *out, prn_pack *pack, const prn_kept *kept,
                              const prn_sparse *kernels, uint32_t window);
prune_status prn_pack_groups(prn_groups *out, prn_pack *pack, const prn_kept *kept, uint32_t height);
prune_status prn_pack_masks(prn_masks *out, prn_pack *pack, const prn_kept *kept, const prn_sparse *kernels);
/* All of it, [rows][columns]. */
prune_status prn_pack_dense(const float **out, prn_pack *pack, const prn_kept *kept);

void prn_pack_end(prn_pack *pack, const prune_allocator *mem);

#endif
