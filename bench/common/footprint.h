/* footprint.h -- how good and how large nets are, before and after
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_FOOTPRINT_H
#define BENCH_FOOTPRINT_H

#include "dataset.h"

typedef struct footprint_net {
    const char *name;
    const prune_model *model;
} footprint_net;

/* A line for each net: accuracy on `test`, and what it stores, computes and takes; time as a ratio to the
 * first net's. */
void footprint_print(const footprint_net *nets, size_t count, const dataset *test);

#endif
