/* allreduce.h -- what the library asks of several machines that work together: numbers added up over all
 *
 * A rank is a process (on whatever machine), or a thread, that runs the same program on a part of the data.
 * The library knows no network and includes no mpi.h: it asks a function of yours for the few sums that
 * it needs. With MPI that function is
 *
 *     static prune_status run(void *user, void *values, size_t count, int32_t what)
 *     {
 *         const MPI_Datatype type = what == PRUNE_REDUCE_SUM_F32 ? MPI_FLOAT : MPI_DOUBLE;
 *         const MPI_Op op = what == PRUNE_REDUCE_MAX_F64 ? MPI_MAX : MPI_SUM;
 *         const int done = MPI_Allreduce(MPI_IN_PLACE, values, (int)count, type, op, *(MPI_Comm *)user);
 *         return done == MPI_SUCCESS ? PRUNE_OK : PRUNE_E_IO;
 *     }
 *
 * (bench/mpi.c has it whole, for counts beyond int too). What is done with it: cluster.h.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_ALLREDUCE_H
#define LIBPRUNE_ALLREDUCE_H

#include "libprune/base.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum { PRUNE_REDUCE_SUM_F32 = 1, PRUNE_REDUCE_SUM_F64 = 2, PRUNE_REDUCE_MAX_F64 = 3 };

/* run() replaces each of values[count], floats or doubles, by the sum or the maximum over all ranks, which
 * call it in the same order with the same count and `what`, and returns when that is done. All ranks must get
 * the same bits (as MPI requires of MPI_Allreduce), or their weights would part; no value is NaN where the
 * maximum is asked for. It may be anything that a sum in float can be: Inf and NaN go through.
 * Any status but PRUNE_OK ends the call that asked, which returns it and leaves the weights as they were.
 * The library cannot tell others of that, since it has nothing else to tell them by: a function that fails
 * must do so on all ranks at the same call, or end the program (as MPI's default error handler does).
 * It comes on the thread that entered the library, and must leave the library's objects alone. */
typedef struct prune_allreduce {
    size_t size;   /* sizeof(prune_allreduce), by prune_allreduce_init() */
    int32_t rank;  /* 0 .. ranks - 1: who this is */
    int32_t ranks; /* default 1; at most 2^20 */
    prune_status (*run)(void *user, void *values, size_t count, int32_t what);
    void *user;
} prune_allreduce;

/* Sets size and defaults, the rest 0 and NULL. NULL is fine. */
void prune_allreduce_init(prune_allreduce *allreduce);

/* For a rank that cannot go on, and has no call of the library's to fail in: its data could not be read, or
 * there was no memory for a trainer. Takes its place in what the others do next, and tells them that it
 * failed with `status`; their calls return that. It then must not take part in anything more, until all
 * ranks start anew.
 * Returns PRUNE_OK when it is told, else what run() returned. PRUNE_E_ARGUMENT: NULL, no function, a rank
 * that is none, status PRUNE_OK; PRUNE_E_VERSION. */
prune_status prune_allreduce_fail(const prune_allreduce *allreduce, prune_status status);
/* FFI-END */
PRUNE_API_END

#endif
