/* pool.h -- threads for those who have none: a back end whose work a few threads share
 *
 *     prune_pool *pool;
 *     prune_blas_set_threads(1);                    (OpenBLAS's own threads would be in the way)
 *     prune_pool_create(&pool, NULL, 2);
 *     options.backend = prune_pool_backend(pool);   (of a trainer; or of a workspace, ...)
 *
 * The thread that calls the library is one of the `threads`; the others sleep while there is nothing to do.
 * One that comes late costs nothing: the others do its pieces. Where the machine is so loaded that the caller
 * would be faster alone, he works alone for a while.
 *
 * Threads: several may compute with one pool at the same time; while one is served, the others work alone. So
 * does a task that asks again. After fork() the child's copy has no threads: its caller works alone, to the
 * same bits, and may end the pool. The threads take no signals.
 * Not in the firmware library.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_POOL_H
#define LIBPRUNE_POOL_H

#include "libprune/gemm.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
typedef struct prune_pool prune_pool;

/* Makes a pool and starts threads - 1 threads; 1: none, but work is cut, so that the bits are those of any
 * number. Calls prune_blas_reserve(), so that each thread can compute.
 * PRUNE_E_ARGUMENT: out is NULL; PRUNE_E_RANGE: threads not in 1 .. PRUNE_MOST_THREADS; PRUNE_E_MEMORY:
 * of the allocator, or for the BLAS; PRUNE_E_LIMIT: the system gives no more threads. */
prune_status prune_pool_create(prune_pool **out, const prune_allocator *mem, int32_t threads);

/* prune_backend_default(), as it was when the pool was made, with the pool's threads. Borrowed: ends with the
 * pool, which must outlive what was made with it. NULL for NULL. */
const prune_backend *prune_pool_backend(const prune_pool *pool);

/* Ends the threads, and the pool. Nothing may compute with it any more. NULL is fine. */
void prune_pool_free(prune_pool *pool);
/* FFI-END */
PRUNE_API_END

#endif
