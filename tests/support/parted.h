/* parted.h -- a data set in parts, one for each rank, whose batches joined are those of the whole, for tests
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_PARTED_H
#define TESTS_PARTED_H

#include "ranks.h"
#include "training.h"

/* Of each batch of PARTED_BATCH samples rank r has those from cut[r] to cut[r + 1]: uneven parts. */
enum { PARTED_BATCH = 24, PARTED_INPUTS = 6, PARTED_CLASSES = 3 };

typedef struct parted {
    int32_t count;
    world_data world;
    float *weight;
    prune_tensor *weights;
    prune_data whole; /* with weights if asked for */
    size_t cut[RANKS_MOST + 1];
    prune_data part[RANKS_MOST];
    prune_tensor *tensors[RANKS_MOST][3];
} parted;

/* Samples with labels or values as the loss wants them; weighted: each sample has a weight, some of
 * them 0. */
void parted_make(parted *p, int32_t count, size_t samples, int32_t loss, int32_t weighted);
void parted_end(parted *p);

/* The batch size of a rank. */
size_t parted_batch(const parted *p, int32_t rank);

/* What ranks make, and how it went; the rest is the test's. */
typedef struct member {
    prune_model *model;
    prune_trainer *trainer;
    prune_importance *scores;
    prune_fit_result result;
    prune_error error;
    prune_status status;
} member;

/* A net of its own for each rank, all alike, some weights removed, and trainers with these options; their
 * max_batch is PARTED_BATCH. members[count] */
void parted_members(member *members, int32_t count, const prune_trainer_options *options);
void parted_release(member *members, int32_t count);

/* Fails the test unless all are equal bit for bit, with their optimizer state. */
void parted_check_equal(member *members, int32_t count);

/* The largest difference between parameters. */
double parted_distance(const prune_model *a, const prune_model *b);

#endif
