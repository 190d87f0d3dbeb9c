/* training.h -- trainers, and their whole state in one number, for tests
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_TRAINING_H
#define TESTS_TRAINING_H

#include "runner.h"

enum { WORLD_MAX_PARAM = 4096 };

/* Default options with the loss, the optimizer and the reference back end. */
prune_trainer_options world_options(int32_t loss, int32_t optimizer);

/* A trainer on malloc. Aborts the test on failure. */
prune_trainer *world_trainer(prune_model *model, const prune_trainer_options *options);

/* The bits of the model, the optimizer state and the counts of steps and epochs: what training changes. */
uint64_t world_trainer_hash(prune_trainer *trainer);

/* More bytes into a hash that began with WORLD_HASH. */
#define WORLD_HASH UINT64_C(0xcbf29ce484222325)
uint64_t world_hash_bytes(uint64_t hash, const void *bytes, size_t count);

/* A host application's own prune_parallel: on one thread, from the last piece to the first. The user is a
 * size_t that counts the calls. */
void world_backwards(void *user, size_t pieces, prune_task task, void *arg);

/* Elements of a parameter. */
size_t world_count(const prune_model *model, size_t param);

/* Removes element i of a parameter; all others stay as they are. */
void world_remove(prune_model *model, size_t param, size_t i);

/* How many elements of all parameters are removed; with a trainer (else NULL), fails the test unless
 * value and optimizer state of each of them are exactly 0. */
size_t world_check_removed(const prune_model *model, const prune_trainer *trainer);

/* Plants a value in a const model, as no call of the library would. */
void world_plant(const prune_model *model, size_t param, size_t i, float value);

/* Largest |a[i] - b[i]|; infinite for a NaN. */
double world_distance(const float *a, const float *b, size_t count);

/* Rows that lie INT_MAX + 1 elements apart, of which only the first is there. NULL where several are more
 * bytes than a size_t counts, and the library has said so. Ended by prune_tensor_free(). */
prune_tensor *world_far_rows(float *values, size_t rows, size_t columns);

/* A view of `rows` rows from `first` on of a matrix tensor. Ended by prune_tensor_free(). */
prune_tensor *world_rows(const prune_tensor *matrix, size_t first, size_t rows);

#endif
