/* allot.h -- small random nets with scores, and what their layers may lose, for tests of allocation
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_ALLOT_H
#define TESTS_ALLOT_H

#include "runner.h"

enum { ALLOT_LAYERS = 5, ALLOT_UNITS = 4000, ALLOT_LEVELS = 4 };

typedef struct allot {
    prune_rng rng;
    size_t layers, widths[ALLOT_LAYERS + 1];
    prune_model *model;
    prune_importance *scores;
    prune_selection selection;
    prune_allocation allocation;
    double least[ALLOT_LAYERS], most[ALLOT_LAYERS];
    int32_t pool[ALLOT_LAYERS];
    double fractions[ALLOT_LEVELS], values[ALLOT_LAYERS * ALLOT_LEVELS];
    prune_sensitivity table;
    uint64_t units[ALLOT_LAYERS], kept[ALLOT_LAYERS], counts[ALLOT_LAYERS];
} allot;

/* One to five dense layers, weights of few values so that there are ties, and their magnitudes. All layers
 * may lose units. mem may be NULL. */
void allot_open(allot *n, const prune_allocator *mem, uint64_t seed, int32_t granularity);
void allot_close(allot *n);

/* 0 .. below - 1. */
size_t allot_draw(allot *n, size_t below);

/* What the layers have, anew; and without some of it. */
void allot_count(allot *n);
void allot_remove_some(allot *n);

/* Random limits of all layers, pools 0 to 2, and a table with some NaNs, into the allocation. */
void allot_limit(allot *n);
void allot_pools(allot *n);
void allot_tabulate(allot *n);

/* prune_allocate() into n->counts. */
prune_status allot_run(allot *n, uint64_t total);

/* What a layer may lose for its floor; least_most[0] and [1] of a layer, without what a table knows. */
uint64_t allot_floor(const allot *n, size_t l);
void allot_limits(uint64_t least_most[2], const allot *n, size_t l);

#endif
