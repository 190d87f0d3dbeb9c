/* progress.c -- how far a long run is
 *
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BAR = 30, PLAIN_LINES = 10 };

/* Whole seconds are enough here, and every C has them. */
static double now(void)
{
    return (double)time(NULL);
}

void progress_start(progress *p, uint64_t epochs)
{
    *p = (progress){ .epochs = epochs, .started = now(), .is_terminal = isatty(STDERR_FILENO), .stage = "" };
}

void progress_stage(progress *p, const char *stage)
{
    p->stage = stage;
}

static void draw_bar(const progress *p, double left)
{
    const int full = (int)(p->done * BAR / p->epochs);
    fprintf(stderr, "\r[%.*s%.*s] %3d %%  %.0f s left  %-36.36s", full, "##############################",
            BAR - full, "..............................", (int)(p->done * 100 / p->epochs), left, p->stage);
}

/* Every tenth of the way. */
static void write_line(progress *p, double left)
{
    if (p->done * PLAIN_LINES / p->epochs <= (uint64_t)p->lines)
        return;
    p->lines = (int)(p->done * PLAIN_LINES / p->epochs);
    fprintf(stderr, "%3d %% of the epochs, %.0f s left: %s\n", (int)(p->done * 100 / p->epochs), left,
            p->stage);
}

static void go_on(progress *p, uint64_t epochs)
{
    p->done += epochs < p->epochs - p->done ? epochs : p->epochs - p->done;
    const double left = (now() - p->started) * (double)(p->epochs - p->done) / (double)p->done;
    if (p->is_terminal)
        draw_bar(p, left);
    else
        write_line(p, left);
}

int32_t progress_epoch(void *user, const prune_progress *epoch)
{
    (void)epoch;
    go_on(user, 1);
    return 0;
}

void progress_skip(progress *p, uint64_t epochs)
{
    if (epochs != 0)
        go_on(p, epochs);
}

void progress_end(progress *p)
{
    if (p->is_terminal)
        fprintf(stderr, "\r%90s\r", "");
}
