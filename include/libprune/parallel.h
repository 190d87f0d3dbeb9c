/* parallel.h -- threads of the host application: a hook that large pieces of work are handed to
 *
 * The library starts no threads to compute with by itself. Who has a pool of his own gives a prune_parallel
 * to a back end (gemm.h), and what computes with that back end uses it: trainers (products, the optimizer's
 * pass), scores and predictions. pool.h makes such a back end for those who have no threads yet.
 *
 * Work is cut where its shape says, not by how many threads there are, and every element is computed within
 * one piece: the bits are the same for any number of threads, any order of the pieces, and without a hook.
 * What is too small to gain (a product below 2^21 multiplications) is not cut, and the hook not called.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_PARALLEL_H
#define LIBPRUNE_PARALLEL_H

#include "libprune/base.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* The most threads that can be asked for. */
enum { PRUNE_MOST_THREADS = 64 };

/* Does one piece of work. It may be called from any thread; it calls no callback of the user but the run()
 * of a back end, allocates nothing and always returns. */
typedef void (*prune_task)(void *arg, size_t piece);

/* run(): calls task(arg, piece) once for each piece from 0 to pieces - 1, in any order, on any threads, at
 * the same time or not; returns when all have returned, and what they wrote is visible to the caller. The
 * library calls it only on the thread that entered, never from within a task. `user` is handed to it. */
typedef struct prune_parallel {
    void (*run)(void *user, size_t pieces, prune_task task, void *arg);
    void *user;
} prune_parallel;
/* FFI-END */
PRUNE_API_END

#endif
