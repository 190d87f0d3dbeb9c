/* example.h -- one net that is pruned as far as its accuracy allows, and made small
 *
 * What is not the test part is cut in three: to train on, to choose by, and to confirm with.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_EXAMPLE_H
#define BENCH_EXAMPLE_H

#include "progress.h"
#include "study.h"

enum { EXAMPLE_TRIALS = 16 };

typedef struct example_plan {
    size_t confirmation; /* samples to confirm with, taken from those to train on */
    double tolerance;    /* how much of the accuracy may go */
    double differ;       /* how many of the samples the dense and a pruned net are expected to differ on */
    uint64_t tuning;     /* epochs of each trial */
    uint64_t trials;     /* of one search, at most EXAMPLE_TRIALS */
} example_plan;

/* The largest pruning of one kind. */
typedef struct example_pruning {
    const char *units;
    prune_selection selection;
    int32_t criterion;
    prune_budget_result search;
    prune_trial log[EXAMPLE_TRIALS];
    prune_model *masked, *small; /* masked is the dense net again where the search was not confirmed */
    prune_compact_report compaction;
    prune_agreement agreement; /* of both, on the samples to choose by */
} example_pruning;

typedef struct example {
    study_plan plan;
    example_plan budget;
    progress *bar;
    size_t fold;
    dataset train, validation, confirmation;
    prune_model *dense;
    prune_importance *scores; /* |w dL/dw| of the dense net */
    example_pruning weights, neurons;
} example;

/* The work that training and both searches report to the progress. */
uint64_t example_work(const study_plan *plan, const example_plan *budget);

/* Trains the dense net of the last fold, and scores it. */
void example_start(example *e, const study_plan *plan, const example_plan *budget, progress *bar);

/* The part of the tolerance that the search may use, so that the confirmation has what it needs. */
double example_share(const example *e);

/* Searches, by the best that validation data have to say, and asks the confirmation data. */
void example_search(example *e, example_pruning *p);

/* The masked net without what does nothing, and the proof that it computes the same. Ends the program if it
 * does not. */
void example_compact(const example *e, example_pruning *p);

void example_end(example *e);

#endif
