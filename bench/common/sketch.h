/* sketch.h -- pictures of one net
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_SKETCH_H
#define BENCH_SKETCH_H

#include "dataset.h"

/* FOLDER/demo-sensitivity.svg: accuracy on `set` as one layer alone loses its weights, without tuning. */
void sketch_sensitivity(prune_model *model, const prune_importance *scores, const dataset *set,
                        const char *folder);

/* FOLDER/demo-sparsity.svg: what each layer has lost. */
void sketch_sparsity(const prune_model *model, const char *folder);

#endif
