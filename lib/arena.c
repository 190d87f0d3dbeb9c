/* arena.c -- an allocator over one block of the caller's memory
 *
 * Invariant: used <= peak <= size, all multiples of STEP (size rounded down).
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/arena.h"

#include <string.h>

enum { STEP = 16 };

prune_status prune_arena_init(prune_arena *arena, void *memory, size_t bytes)
{
    if (arena == NULL || memory == NULL)
        return PRUNE_E_ARGUMENT;
    if (bytes == 0)
        return PRUNE_E_SIZE;
    const size_t skip = (STEP - (size_t)((uintptr_t)memory % STEP)) % STEP;
    const size_t usable = bytes > skip ? (bytes - skip) / STEP * STEP : 0;
    *arena = (prune_arena){ .memory = (unsigned char *)memory + (usable != 0 ? skip : 0), .size = usable };
    return PRUNE_OK;
}

static size_t round_up(size_t bytes)
{
    return (bytes + STEP - 1) / STEP * STEP;
}

static void set_used(prune_arena *arena, size_t used)
{
    arena->used = used;
    if (arena->peak < used)
        arena->peak = used;
}

static void *take(prune_arena *arena, size_t bytes)
{
    if (bytes > arena->size - arena->used)
        return NULL;
    void *block = arena->memory + arena->used;
    set_used(arena, arena->used + round_up(bytes));
    return block;
}

/* Only the caller knows how long blocks are, so nothing is kept of them: the newest is the one that ends
 * where the free memory begins. */
static int32_t is_newest(const prune_arena *arena, const void *block, size_t size)
{
    return (const unsigned char *)block + round_up(size) == arena->memory + arena->used;
}

static void *resize_newest(prune_arena *arena, void *block, size_t new_size)
{
    const size_t offset = (size_t)((unsigned char *)block - arena->memory);
    if (new_size > arena->size - offset)
        return NULL;
    set_used(arena, offset + round_up(new_size));
    return new_size == 0 ? NULL : block;
}

static void *arena_resize(void *user, void *block, size_t old_size, size_t new_size)
{
    prune_arena *arena = user;
    if (block == NULL)
        return take(arena, new_size);
    if (is_newest(arena, block, old_size))
        return resize_newest(arena, block, new_size);
    if (new_size <= old_size)
        return new_size == 0 ? NULL : block;
    void *moved = take(arena, new_size);
    if (moved != NULL)
        memcpy(moved, block, old_size);
    return moved;
}

prune_status prune_arena_allocator(prune_allocator *out, prune_arena *arena)
{
    if (out == NULL || arena == NULL)
        return PRUNE_E_ARGUMENT;
    *out = (prune_allocator){ arena_resize, arena };
    return PRUNE_OK;
}

void prune_arena_reset(prune_arena *arena)
{
    if (arena != NULL)
        arena->used = 0;
}
