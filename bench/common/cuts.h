/* cuts.h -- how scores are distributed, and where thresholds cut them
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_CUTS_H
#define BENCH_CUTS_H

#include "study.h"

enum { CUTS_RULES = 5, CUTS = STUDY_SHARES + 2 * CUTS_RULES };

/* A threshold and where it comes from: a share of the weights, or a rule. */
typedef struct cut {
    char name[32];
    float threshold;
} cut;

/* The thresholds of the shares, then of each rule on the scores, then of each on their logarithms. */
void cuts_choose(cut cuts[CUTS], const double shares[STUDY_SHARES], const prune_importance *scores);

/* The histogram of the logarithms, with the names of the thresholds beside it. */
void cuts_print_histogram(const cut cuts[CUTS], const prune_importance *scores);

/* What each threshold would take, and from which layer. */
void cuts_print_preview(const cut cuts[CUTS], const prune_importance *scores);

/* The histogram again, finer, with the thresholds of the shares: FOLDER/demo-scores.svg. */
void cuts_draw(const cut cuts[CUTS], const prune_importance *scores, const char *folder);

#endif
