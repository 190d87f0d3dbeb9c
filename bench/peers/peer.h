/* peer.h -- the part of peers.py's conversation that a C program takes
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct peer_work {
    const char *name;
    void (*run)(void *user);
    void *user;
} peer_work;

/* Of the processor, which other programs do not lengthen. */
static inline double peer_now_us(void)
{
    return (double)clock() * (1e6 / CLOCKS_PER_SEC);
}

/* Microseconds of a call, over 50 ms; the clock is asked after twice as many calls each time. */
static inline double peer_time(const peer_work *work)
{
    const double start = peer_now_us();
    double end = start;
    size_t done = 0;
    for (size_t calls = 1; end - start < 50e3; calls *= 2) {
        for (size_t i = 0; i < calls; i++)
            work->run(work->user);
        done += calls;
        end = peer_now_us();
    }
    return (end - start) / (double)done;
}

/* Says what there is, and times what is asked for until nothing more is. */
static inline void peer_serve(const peer_work *work, size_t count)
{
    char line[128];
    for (size_t i = 0; i < count; i++)
        printf("%s ", work[i].name);
    printf("\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        for (size_t i = 0; i < count; i++)
            if (strcmp(line, work[i].name) == 0)
                printf("%.6f\n", peer_time(&work[i]));
        fflush(stdout);
    }
}

#endif
