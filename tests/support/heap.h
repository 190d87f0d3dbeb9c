/* heap.h -- a counting allocator for tests, which can refuse and which checks its callers
 *
 * Every block carries its size in front, so a wrong old_size is noticed; new memory is filled with
 * rubbish, and a resized block always moves, so that nobody gets away with trusting either.
 *
 *     heap h = { 0 };
 *     heap_refuse_from(&h, 3);                    (or heap_refuse_once; 0 refuses nothing)
 *     const prune_allocator mem = heap_allocator(&h);
 *     ... use &mem ...
 *     ck_assert(heap_is_clean(&h));
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_HEAP_H
#define TESTS_HEAP_H

#include <libprune/base.h>

#include <stdlib.h>
#include <string.h>

enum { HEAP_HEADER = 32, HEAP_RUBBISH = 0xA5 };

typedef struct heap {
    size_t requests;      /* so far: for new blocks and for more or less room, refused ones included */
    size_t refused;       /* how many of them were refused */
    size_t refuse;        /* the number of the request to refuse, counted from 1; 0 refuses none */
    int32_t refuse_later; /* also refuse all requests after that one */
    size_t live_blocks;
    size_t live_bytes;
    size_t peak_bytes;
    size_t largest; /* request, refused ones included */
    size_t faults;  /* calls with a wrong old_size, or that give back nothing */
} heap;

/* Refuses the n-th request from now on, and only that. 0: none. */
static inline void heap_refuse_once(heap *h, size_t n)
{
    h->refuse = n == 0 ? 0 : h->requests + n;
    h->refuse_later = 0;
}

/* Refuses the n-th request from now on and every one after it. 0: none. */
static inline void heap_refuse_from(heap *h, size_t n)
{
    heap_refuse_once(h, n);
    h->refuse_later = 1;
}

/* 1 if no block is left and nobody has made a mistake. */
static inline int32_t heap_is_clean(const heap *h)
{
    return h->live_blocks == 0 && h->live_bytes == 0 && h->faults == 0;
}

static inline size_t heap_block_size(const void *block)
{
    size_t size;
    memcpy(&size, (const char *)block - HEAP_HEADER, sizeof size);
    return size;
}

static inline int32_t heap_refuses(heap *h)
{
    h->requests++;
    const int32_t refuses =
        h->refuse != 0 && (h->requests == h->refuse || (h->refuse_later && h->requests > h->refuse));
    h->refused += (size_t)refuses;
    return refuses;
}

static inline void *heap_take(heap *h, size_t size)
{
    char *whole = size > SIZE_MAX / 2 ? NULL : malloc(HEAP_HEADER + size);
    if (whole == NULL)
        return NULL;
    memcpy(whole, &size, sizeof size);
    memset(whole + HEAP_HEADER, HEAP_RUBBISH, size);
    h->live_blocks++;
    h->live_bytes += size;
    if (h->peak_bytes < h->live_bytes)
        h->peak_bytes = h->live_bytes;
    return whole + HEAP_HEADER;
}

static inline void heap_give_back(heap *h, void *block)
{
    const size_t size = heap_block_size(block);
    memset(block, HEAP_RUBBISH, size);
    h->live_blocks--;
    h->live_bytes -= size;
    free((char *)block - HEAP_HEADER);
}

/* prune_allocator.resize */
static inline void *heap_resize(void *user, void *block, size_t old_size, size_t new_size)
{
    heap *h = user;
    const size_t size = block == NULL ? 0 : heap_block_size(block);
    if (old_size != size || (block == NULL && new_size == 0))
        h->faults++;
    if (new_size == 0) {
        if (block != NULL)
            heap_give_back(h, block);
        return NULL;
    }
    if (h->largest < new_size)
        h->largest = new_size;
    void *moved = heap_refuses(h) ? NULL : heap_take(h, new_size);
    if (moved == NULL || block == NULL)
        return moved;
    memcpy(moved, block, size < new_size ? size : new_size);
    heap_give_back(h, block);
    return moved;
}

static inline prune_allocator heap_allocator(heap *h)
{
    const prune_allocator mem = { heap_resize, h };
    return mem;
}

#endif
