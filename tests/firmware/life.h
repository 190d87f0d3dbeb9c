/* life.h -- the life of 20-10-10-1 on a chip: made, trained, scored, masked, trained on, compacted
 *
 * All is in one block of memory, in two arenas: `home` for what stays, and behind it one of exactly as many
 * bytes as the plans said beforehand that they need.
 *
 * SPDX-License-Identifier: MIT */
#ifndef FIRMWARE_LIFE_H
#define FIRMWARE_LIFE_H

#include <libprune.h>

enum { INPUTS = 20, HIDDEN = 10, OUTPUTS = 1, SAMPLES = 64, BATCH = 8 };

typedef struct life {
    float x[SAMPLES * INPUTS], y[SAMPLES * OUTPUTS], h[SAMPLES * OUTPUTS];
    prune_arena home, plans, rest;
    prune_allocator mem, plan_mem, rest_mem;
    prune_model *model;
    prune_trainer *trainer;
    prune_workspace *workspace;
    prune_importance *scores;
    prune_tensor *inputs, *targets, *outputs, *one_x, *one_y, *one_h;
    prune_trainer *sgd; /* in `rest`, as is `small` */
    prune_model *small;
    prune_compact_report report;
} life;

/* memory[bytes], aligned to 16. Ends with the model masked, and compacted into `small`. */
void life_run(life *l, void *memory, size_t bytes);
void life_end(life *l);

#endif
