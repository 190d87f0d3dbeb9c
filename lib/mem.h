/* mem.h -- arrays from the caller's allocator: overflow checked, zeroed; and plans in one block */
#ifndef PRN_MEM_H
#define PRN_MEM_H

#include "libprune/base.h"

/* *out = the given allocator, or the platform's when it is NULL; PRUNE_E_ARGUMENT if there is none. */
prune_status prn_mem_choose(prune_allocator *out, const prune_allocator *given);

/* 1 if count * item does not fit into size_t. */
int32_t prn_mem_overflows(size_t count, size_t item);

/* count items of `item` bytes, all zero; NULL if the allocator refuses or the size overflows. */
void *prn_mem_alloc(const prune_allocator *mem, size_t count, size_t item);

/* Gives back what prn_mem_alloc() returned for the same sizes. NULL is fine. */
void prn_mem_free(const prune_allocator *mem, void *block, size_t count, size_t item);

/* An array of pointers that grows by one. On failure *array and *count are as before. It is given back
 * with prn_mem_free(), as one item of so many bytes. */
size_t prn_mem_pushed_bytes(size_t count);
prune_status prn_mem_push(const prune_allocator *mem, void ***array, size_t *count, void *item);

/* A plan lays its parts out first and takes one block for all of them: the same code tells how many
 * bytes are needed and where each part lies. Once `overflow` is set, sizes mean nothing. */
typedef struct prn_layout {
    size_t bytes;
    int32_t overflow;
} prn_layout;

/* Adds count items of `item` bytes, aligned to 16; returns their offset. */
size_t prn_layout_add(prn_layout *layout, size_t count, size_t item);

#endif
