/* latency.h -- how long one sample takes
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include "dataset.h"

/* Microseconds of prune_predict() for one sample of two models, in turn, medians. OpenBLAS must have been
 * told to use one thread. */
void latency_measure(double us[2], const prune_model *const models[2], const dataset *set);

#endif
