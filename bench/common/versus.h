/* versus.h -- pieces of work timed in turn beside a reference, and what became of the goals
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_VERSUS_H
#define BENCH_VERSUS_H

#include <stdio.h>

enum { VERSUS_ROUNDS = 15, VERSUS_MOST = 16 };

typedef struct versus_work {
    void (*run)(void *user);
    void *user;
} versus_work;

/* Times of one piece of work, and their ratios to those of the reference in the same rounds; ascending. */
typedef struct versus_times {
    double us[VERSUS_ROUNDS], ratio[VERSUS_ROUNDS];
} versus_times;

/* How time is taken: a clock, and how long a measurement is at least. */
typedef struct versus_watch {
    double (*now_us)(void);
    double least_us;
} versus_watch;

/* All pieces run in each round, in an order drawn anew; work[0] is the reference. Time is that of the
 * processor, which other programs do not lengthen: one thread does it all, and never waits. */
void versus_measure(versus_times *times, const versus_work *work, size_t count);

/* The same by another watch: for several threads that of the processor runs too fast. */
void versus_measure_by(const versus_watch *watch, versus_times *times, const versus_work *work, size_t count);

/* The clock on the wall. */
double versus_wall_us(void);

double versus_median(const double values[VERSUS_ROUNDS]);

/* A row of the CSV file, name,value,unit,reference,reference_value,ratio, and a line for people. `goal` is
 * the ratio that should not be exceeded; 0: there is none. Returns 1 if it is missed, and not within noise:
 * the lower quartile exceeds it too. */
int versus_report(FILE *csv, const char *name, const char *reference, const versus_times *mine,
                  const versus_times *theirs, double goal);

#endif
