/* sheet.h -- what tradeoff.c measured: one row for each net, as CSV, and as means over seeds
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_SHEET_H
#define BENCH_SHEET_H

#include <stddef.h>
#include <stdint.h>

enum { SHEET_ROWS = 4096 };

typedef struct sheet_row {
    const char *method;
    double kept;
    uint64_t seed;
    double validation;      /* accuracies are 0 .. 1 */
    double dense, accuracy; /* held out: of the dense net of this seed, and of this one */
    uint64_t weights, bytes;
    double latency_us;
} sheet_row;

typedef struct sheet {
    const char *data;
    char net[64];
    size_t count;
    sheet_row rows[SHEET_ROWS];
} sheet;

/* Over seeds; of n = 0 nothing else is set, and the deviation of one is 0. */
typedef struct sheet_mean {
    size_t n;
    double validation, accuracy, deviation; /* the deviation of the accuracy, over n - 1 */
    double change, change_deviation;        /* of accuracy - dense */
} sheet_mean;

sheet_mean sheet_mean_of(const sheet *s, const char *method, double kept);

/* data,net,method,kept,seed,dense_accuracy,accuracy,weights,bytes,latency_us
 * Ends the program if it cannot. */
void sheet_write(const sheet *s, const char *path);

#endif
