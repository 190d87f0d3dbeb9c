/* work.h -- a trainer in the midst of its work, and its way through bytes, for tests
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_WORK_H
#define TESTS_WORK_H

#include "bytes.h"
#include "training.h"

/* 6 - 12 - 4 and 45 samples. */
typedef struct work {
    world_data data;
    prune_model *model;
    prune_trainer *trainer;
} work;

/* All away from the defaults that may be; max_batch 7. */
prune_trainer_options work_options(int32_t optimizer);

/* A trainer with these options; about one in `every` weights is removed (0: none, 1: all). */
void work_start(work *w, int32_t optimizer, uint64_t every);
void work_end(work *w);

/* So many epochs of training. */
void work_fit(prune_trainer *trainer, const world_data *data, uint64_t epochs);

/* Removes about one in `every` elements of every parameter. */
void work_remove_some(prune_model *model, uint64_t every, uint64_t seed);

/* Into bytes and out of them, which must go well. Trainers get the reference back end. */
bytes_file work_write_model(const prune_model *model);
bytes_file work_write_trainer(const prune_trainer *trainer);
prune_model *work_read_model(bytes_file *file, const prune_allocator *mem);
prune_trainer *work_read_trainer(prune_model **model, bytes_file *file);

void work_check_same(const bytes_file *a, const bytes_file *b);

#endif
