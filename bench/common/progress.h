/* progress.h -- how far a long run is: a bar on a terminal, plain lines elsewhere, both on stderr
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include <libprune.h>

typedef struct progress {
    uint64_t work, done; /* of the whole run */
    uint64_t each;       /* what an epoch counts */
    double started;      /* seconds on a clock of its own */
    int is_terminal;
    int lines; /* plain lines told so far */
    const char *stage;
} progress;

/* An epoch counts 1. */
void progress_start(progress *p, uint64_t work);

/* From now on it counts so much: epochs of different length, counted in samples, foretell the end better. */
void progress_each(progress *p, uint64_t work);

/* What the next epochs are for; borrowed. */
void progress_stage(progress *p, const char *stage);

/* A prune_fit progress callback: counts the epochs that end. `user` is the progress. */
int32_t progress_epoch(void *user, const prune_progress *epoch);

/* So much of the work turned out not to be needed. */
void progress_skip(progress *p, uint64_t work);

/* Leaves the line clean. */
void progress_end(progress *p);

#endif
