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

void progress_start(progress *p, uint64_t work)
{
    *p = (progress){
        .work = work, .each = 1, .started = now(), .is_terminal = isatty(STDERR_FILENO), .stage = ""
    };
}

void progress_each(progress *p, uint64_t work)
{
    p->each = work;
}

void progress_stage(progress *p, const char *stage)
{
    p->stage = stage;
}

static void draw_bar(const progress *p, double left)
{
    const int full = (int)(p->done * BAR / p->work);
    fprintf(stderr, "\r[%.*s%.*s] %3d %%  %.0f s left  %-36.36s", full, "##############################",
            BAR - full, "..............................", (int)(p->done * 100 / p->work), left, p->stage);
}

/* Every tenth of the way. */
static void write_line(progress *p, double left)
{
    if (p->done * PLAIN_LINES / p->work <= (uint64_t)p->lines)
        return;
    p->lines = (int)(p->done * PLAIN_LINES / p->work);
    fprintf(stderr, "%3d %% done, %.0f s left: %s\n", (int)(p->done * 100 / p->work), left, p->stage);
}

int32_t progress_epoch(void *user, const prune_progress *epoch)
{
    progress *p = user;
    const uint64_t left_over = p->work - p->done;
    (void)epoch;
    p->done += p->each < left_over ? p->each : left_over;
    const double left = (now() - p->started) * (double)(p->work - p->done) / (double)p->done;
    if (p->is_terminal)
        draw_bar(p, left);
    else
        write_line(p, left);
    return 0;
}

void progress_skip(progress *p, uint64_t work)
{
    const uint64_t left_over = p->work - p->done;
    p->work -= work < left_over ? work : left_over;
}

void progress_end(progress *p)
{
    if (p->is_terminal)
        fprintf(stderr, "\r%90s\r", "");
}
