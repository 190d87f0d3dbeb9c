/* sizes.h -- how good and how large nets are, before and after
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_SIZES_H
#define BENCH_SIZES_H

#include "dataset.h"

typedef struct sizes_net {
    const char *name;
    const prune_model *model;
} sizes_net;

/* A line for each net: accuracy on `test`, and what it stores, computes and takes; time as a ratio to the
 * first net's. */
void sizes_print(const sizes_net *nets, size_t count, const dataset *test);

#endif
