/* arena.h -- an allocator over one block of the caller's memory, for machines without a heap
 *
 * Memory is handed out from the bottom upwards in steps of 16 bytes. Giving back or resizing the
 * newest block is exact, so blocks that are given back in reverse order are all had again; another
 * block that is given back is lost until prune_arena_reset().
 * How much is needed: prune_model_bytes(), prune_trainer_bytes(), prune_workspace_bytes() and
 * prune_importance_bytes() are exact, each rounded up to 16 (a model of more than 8 layers leaves its
 * outgrown lists of layers behind; on a host a trainer takes more for sparse products under a mask, if there
 * is room). They depend on the size of pointers, and
 * want a model, so on a new target run the whole job once in a large arena and read `peak`.
 * Threads: one at a time.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_ARENA_H
#define LIBPRUNE_ARENA_H

#include "libprune/base.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
typedef struct prune_arena {
    unsigned char *memory; /* 16-byte aligned start */
    size_t size;           /* usable bytes */
    size_t used;           /* bytes handed out now, rounded up */
    size_t peak;           /* the most that was ever handed out */
} prune_arena;

/* Makes an arena of memory[bytes]; what lies before the first 16-byte boundary is not used. The
 * memory is the caller's and must outlive every object made in it.
 * PRUNE_E_ARGUMENT: a NULL pointer; PRUNE_E_SIZE: bytes is 0. */
prune_status prune_arena_init(prune_arena *arena, void *memory, size_t bytes);

/* The arena as an allocator for prune_..._create(). *out stays valid as long as the arena does. */
prune_status prune_arena_allocator(prune_allocator *out, prune_arena *arena);

/* Forgets all blocks: every object made in the arena is gone. `peak` stays. NULL is fine. */
void prune_arena_reset(prune_arena *arena);
/* FFI-END */
PRUNE_API_END

#endif
