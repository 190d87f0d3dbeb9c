/* select.h -- the lowest of more scores than memory holds
 *
 * Scores, or weights, that lie in a file or come over a wire: they are read piece by piece, several times
 * over, and never held. What is chosen is what prune_mask_lowest() takes of the same scores where they are
 * those of one layer without a floor: the lowest `count` in the order (score, index).
 *
 * Memory: one block of at most the `bytes` that the caller grants, at least PRUNE_SELECT_LEAST. Each pass
 * finds as many bits of the 32 of the k-th lowest score as there are counters for. It takes 4 passes, 3 from
 * 32 KiB on, 2 from 1 MiB on; the mask takes one more.
 *
 * Threads: none of its own; calls with different sources, any thread.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_SELECT_H
#define LIBPRUNE_SELECT_H

#include "libprune/base.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum { PRUNE_SELECT_LEAST = 4096 };

/* n scores. read() fills scores[count] from number `first` on, 1 <= count; each pass asks for all of them in
 * their order, so that a stream that starts anew at 0 will do. It must give the same each time. Before the
 * call scores are NaN, and so what it forgets is refused. A status other than PRUNE_OK ends the call that
 * asked, and is what that returns. It comes on the thread that entered the library. */
typedef struct prune_score_source {
    size_t size;      /* sizeof(prune_score_source), by prune_score_source_init() */
    uint64_t count;   /* n */
    int32_t absolute; /* 0; 1: these are weights, their scores are |w| */
    prune_status (*read)(void *user, uint64_t first, float *scores, size_t count);
    void *user;
} prune_score_source;

/* Sets size, the rest 0 and NULL. NULL is fine. */
void prune_score_source_init(prune_score_source *source);

/* Where the lowest end. */
typedef struct prune_cutoff {
    size_t size;     /* sizeof(prune_cutoff), by prune_cutoff_init() */
    float threshold; /* the highest score that goes; 0 if none does */
    uint64_t below;  /* so many are below it, and go, */
    uint64_t ties;   /* and so do the first so many that are equal to it */
    uint64_t passes; /* over the scores */
} prune_cutoff;

/* Sets size, the rest 0. NULL is fine. */
void prune_cutoff_init(prune_cutoff *cutoff);

/* Where the lowest `count` of all scores end; below + ties is count. mem may be NULL.
 * PRUNE_E_EMPTY: no scores; PRUNE_E_RANGE: count is more than n; PRUNE_E_SIZE: bytes is less than
 * PRUNE_SELECT_LEAST; PRUNE_E_NONFINITE: a score, error has its number; PRUNE_E_STATE: a pass met other
 * scores than one before; PRUNE_E_MEMORY; PRUNE_E_ARGUMENT: NULL, no read(), absolute is neither 0 nor 1;
 * PRUNE_E_VERSION; and what read() returns. On failure *cutoff is as it was. */
prune_status prune_select_lowest(prune_cutoff *cutoff, const prune_allocator *mem,
                                 const prune_score_source *scores, uint64_t count, size_t bytes,
                                 prune_error *error);

/* Writes which scores are kept, in one pass: ceil(n / 8) bytes, bit i % 8 of byte i / 8 is 1 where score i
 * stays; bits behind the last score are 0. Errors as above, and what write() returns; PRUNE_E_STATE is
 * noticed at the end. */
prune_status prune_select_mask(const prune_writer *writer, const prune_allocator *mem,
                               const prune_score_source *scores, const prune_cutoff *cutoff, size_t bytes,
                               prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
