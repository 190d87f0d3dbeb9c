/* versus.c -- pieces of work timed in turn beside a reference, and what became of the goals
 *
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "versus.h"
#include "libprune/rng.h"

#include <stdlib.h>
#include <time.h>

static double processor_us(void)
{
    return (double)clock() * (1e6 / CLOCKS_PER_SEC);
}

#ifdef _WIN32 /* clock() is the wall's there, and nothing else is standard */
double versus_wall_us(void)
{
    return processor_us();
}
#else
double versus_wall_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}
#endif

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double time_of(const versus_watch *watch, const versus_work *work, size_t calls)
{
    const double start = watch->now_us();
    for (size_t i = 0; i < calls; i++)
        work->run(work->user);
    return (watch->now_us() - start) / (double)calls;
}

/* Calls that take long enough together; also warms up. */
static size_t calls_of(const versus_watch *watch, const versus_work *work)
{
    size_t calls = 1;
    (void)time_of(watch, work, 1);
    while (time_of(watch, work, calls) * (double)calls < watch->least_us)
        calls *= 2;
    return calls;
}

static void sort(double values[VERSUS_ROUNDS])
{
    qsort(values, VERSUS_ROUNDS, sizeof *values, by_value);
}

/* Another order in every round: who comes behind a large one finds its caches swept. */
static void shuffle(size_t *order, size_t count, prune_rng *rng)
{
    for (size_t i = 0; i < count; i++) {
        const size_t other = (size_t)prune_rng_below(rng, i + 1);
        order[i] = order[other];
        order[other] = i;
    }
}

void versus_measure_by(const versus_watch *watch, versus_times *times, const versus_work *work, size_t count)
{
    size_t calls[VERSUS_MOST], order[VERSUS_MOST];
    prune_rng rng;
    for (size_t i = 0; i < count; i++)
        calls[i] = calls_of(watch, &work[i]);
    prune_rng_seed(&rng, 1);
    for (size_t round = 0; round < VERSUS_ROUNDS; round++) {
        shuffle(order, count, &rng);
        for (size_t i = 0; i < count; i++)
            times[order[i]].us[round] = time_of(watch, &work[order[i]], calls[order[i]]);
        for (size_t i = 0; i < count; i++)
            times[i].ratio[round] = times[i].us[round] / times[0].us[round];
    }
    for (size_t i = 0; i < count; i++) {
        sort(times[i].us);
        sort(times[i].ratio);
    }
}

void versus_measure(versus_times *times, const versus_work *work, size_t count)
{
    versus_measure_by(&(versus_watch){ processor_us, 1000.0 }, times, work, count);
}

double versus_median(const double values[VERSUS_ROUNDS])
{
    return values[VERSUS_ROUNDS / 2];
}

int versus_report(FILE *csv, const char *name, const char *reference, const versus_times *mine,
                  const versus_times *theirs, double goal)
{
    const double value = versus_median(mine->us), beside = versus_median(theirs->us);
    const double ratio = versus_median(mine->ratio), low = mine->ratio[VERSUS_ROUNDS / 4];
    const int missed = goal > 0.0 && low > goal;
    const char *verdict = ratio <= goal ? "met" : missed ? "missed" : "within noise";
    fprintf(csv, "%s,%.3f,us,%s,%.3f,%.4f\n", name, value, reference, beside, ratio);
    printf("%-34s %11.1f us %11.1f us   %6.3f  (%.3f .. %.3f)", name, value, beside, ratio, low,
           mine->ratio[VERSUS_ROUNDS - 1 - VERSUS_ROUNDS / 4]);
    if (goal > 0.0)
        printf("   goal %.3f: %s", goal, verdict);
    putchar('\n');
    return missed;
}
