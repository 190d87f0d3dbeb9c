/* study.h -- one comparison on one data set: a dense net, L1, L2, and the dense net pruned in many ways
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_STUDY_H
#define BENCH_STUDY_H

#include "dataset.h"
#include "progress.h"

enum { STUDY_LAYERS = 3, STUDY_SHARES = 4, STUDY_CRITERIA = 3, STUDY_FOLDS = 5 };
enum {
    STUDY_DENSE,
    STUDY_L1,
    STUDY_L2,
    STUDY_ONE_SHOT,
    STUDY_GRADUAL = STUDY_ONE_SHOT + STUDY_SHARES * STUDY_CRITERIA,
    STUDY_ROWS
};

/* What is done; the choice between penalties is made on the validation part. */
typedef struct study_plan {
    const dataset_info *info;
    const char *folder;
    size_t hidden[STUDY_LAYERS - 1];
    size_t samples; /* to train on; 0: all of the training part */
    size_t batch;
    uint64_t epochs;  /* dense, L1, L2 */
    uint64_t tuning;  /* after one cut */
    uint64_t gradual; /* pruning on the way, to the largest share but one */
    float learning_rate;
    float l1[2], l2[2];          /* tried, one is chosen */
    double shares[STUDY_SHARES]; /* of the weights, removed at once by a threshold */
} study_plan;

/* Means over the folds. */
typedef struct study_figures {
    double train, held_out; /* accuracy, in per cent */
} study_figures;

typedef struct study_row {
    study_figures before, after; /* fine-tuning; rows that are not tuned only have `after` */
    double threshold;            /* of the last fold */
    double weights, nonzero_bytes, macs;
    double by_fold[STUDY_FOLDS]; /* after.held_out of each */
} study_row;

/* What became of one part of the data. */
typedef struct study_fold {
    dataset train, validation;
    prune_model *before[STUDY_ROWS], *after[STUDY_ROWS]; /* `before` only of rows that are tuned */
    float threshold[STUDY_ROWS];
} study_fold;

typedef struct study {
    study_plan plan;
    study_fold folds[STUDY_FOLDS];
    study_row rows[STUDY_ROWS];
    progress *bar;
} study;

/* The work of an epoch with so many samples, in samples: those of the validation part, a fifth of the
 * training part, go forward alone after each, which is a third of the way. */
uint64_t study_epoch(const dataset_info *info, size_t samples);

/* The work that study_train() will report to the progress. */
uint64_t study_work(const study_plan *plan);

/* Trains, chooses and cuts, over all folds of the data set. */
void study_train(study *s, const study_plan *plan, progress *bar);

/* Then, when nothing is to be chosen any more: opens the test parts, and fills in the rows. */
void study_measure(study *s);

void study_end(study *s);

/* The criterion, the share and the name of a pruned row. */
int32_t study_criterion(size_t row);
double study_share(const study_plan *plan, size_t row);
const char *study_name(size_t row);

#endif
