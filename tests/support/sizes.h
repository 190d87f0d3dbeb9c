/* sizes.h -- scores that a test lays down one by one, and the rules they are put to
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_SIZES_H
#define TESTS_SIZES_H

#include <libprune.h>

enum { SIZES_MOST = 3000 };

/* One neuron with `count` weights of these sizes (up to SIZES_MOST), all others removed, and their
 * magnitudes. */
prune_importance *sizes_scores(prune_model **model, const float *size, size_t count);

/* A rule of this kind, else by default. */
prune_threshold_rule sizes_rule(int32_t kind, int32_t log_scale);

/* From a Gaussian of mean 0 and sigma 1 (Box and Muller). */
float sizes_normal(prune_rng *rng);

#endif
