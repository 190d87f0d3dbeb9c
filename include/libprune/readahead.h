/* readahead.h -- the next batch of a source is read while this one is computed with
 *
 *     source.any_thread = 1;                        (its read() may be called by a thread of the library's)
 *     prune_readahead_create(&ahead, NULL, &source, NULL);
 *     data.source = prune_readahead_source(ahead);  (in place of &source)
 *
 * What reads a source says which samples it wants next (prune_source.expect). The thread reads them into
 * memory of its own, from which the next read is then served. When other samples are wanted, or the thread
 * has not begun yet, the source is read as if there were none: samples, their order and all results are the
 * same bits, and a read that fails gives its status to the call that wanted it. The source is never read by
 * two threads at once, and by none when a call that used it has returned.
 *
 * Worth a thread where reading takes time that does not compute: a disk, a network, a decoder beside a free
 * processor. datafile.h has it built in.
 *
 * Threads: one at a time. After fork() the child's copy has no thread: it reads directly, if the source may
 * be read by both. The thread takes no signals, and sleeps when nothing is to be read.
 * Not in the firmware library.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_READAHEAD_H
#define LIBPRUNE_READAHEAD_H

#include "libprune/data.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
typedef struct prune_readahead prune_readahead;

/* Starts the thread; where the system gives none, all is read directly, which is no error. The struct is
 * copied, what it points to is borrowed. Memory for the largest batch is taken from the allocator, on the
 * thread that reads, when one is expected; a batch for which there is none is read directly.
 * PRUNE_E_ARGUMENT: a NULL, no function, any_thread is not 1; PRUNE_E_VERSION: source->size;
 * PRUNE_E_TYPE: target_type is neither PRUNE_I32 nor PRUNE_F32; PRUNE_E_MEMORY. */
prune_status prune_readahead_create(prune_readahead **out, const prune_allocator *mem,
                                    const prune_source *source, prune_error *error);

/* The same samples, read ahead. Borrowed: it ends with the object. NULL for NULL. */
const prune_source *prune_readahead_source(const prune_readahead *ahead);

/* How many reads were served by what had been read ahead. 0 for NULL. */
uint64_t prune_readahead_served(const prune_readahead *ahead);

/* Waits for a read that is under way, ends the thread and the object. NULL is fine. */
void prune_readahead_free(prune_readahead *ahead);
/* FFI-END */
PRUNE_API_END

#endif
