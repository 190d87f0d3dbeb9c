/* ranks.h -- threads of one process as ranks, whose numbers are added up in memory, for tests
 *
 * A test says what each rank does; asserting is for afterwards, in the thread of the test. Nobody waits for
 * ever: where a rank has ended that others wait for, these are `stranded`.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_RANKS_H
#define TESTS_RANKS_H

#include <libprune/allreduce.h>

#include <pthread.h>

enum { RANKS_MOST = 4 };

typedef struct ranks {
    int32_t count;
    uint64_t fail_call; /* the call, counted from 1, that fails on all of them; 0: none */
    uint64_t calls;     /* so far */
    uint64_t floats;    /* what the last sum of floats had */
    int32_t stranded;   /* a rank waited for one that had ended */
    int32_t unlike;     /* ranks asked for different things at the same time */
    pthread_mutex_t lock;
    pthread_cond_t turn;
    int32_t here, ended;
    void *values[RANKS_MOST];
    size_t lengths[RANKS_MOST];
    int32_t what[RANKS_MOST];
} ranks;

/* Runs body() once for each of `count` ranks, at the same time, and returns when all have ended. */
void ranks_run(ranks *r, int32_t count, void (*body)(const prune_allreduce *all, void *user), void *user);

/* The same of which call `fail_call` fails. */
void ranks_run_failing(ranks *r, int32_t count, uint64_t fail_call,
                       void (*body)(const prune_allreduce *all, void *user), void *user);

#endif
