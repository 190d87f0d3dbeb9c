/* outputs.h -- outputs, labels and confusion matrices over plain arrays, for tests of metrics
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_OUTPUTS_H
#define TESTS_OUTPUTS_H

#include "runner.h"

#include <math.h>
#include <string.h>

/* Absolute where numbers are small: they are means of numbers around 1. */
static inline void same(double got, double expected, const char *name)
{
    const double size = fabs(expected) > 1.0 ? fabs(expected) : 1.0;
    const int32_t equal = isnan(expected) ? isnan(got) != 0 : fabs(got - expected) <= 1e-12 * size;
    ck_assert_msg(equal, "%s: got %.17g, not %.17g", name, got, expected);
}

static inline prune_tensor *floats(const float *data, size_t rows, size_t columns)
{
    prune_tensor *tensor;
    ck_assert_ok(prune_tensor_const_matrix(&tensor, NULL, PRUNE_F32, rows, columns, data));
    return tensor;
}

static inline prune_tensor *labels_of(const int32_t *data, size_t rows)
{
    prune_tensor *tensor;
    const prune_shape shape = { 1, { rows, 0, 0, 0 } };
    ck_assert_ok(prune_tensor_wrap_const(&tensor, NULL, PRUNE_I32, &shape, 0, data));
    return tensor;
}

static inline prune_confusion confusion_of(uint64_t *counts, size_t classes, float threshold)
{
    prune_confusion confusion;
    prune_confusion_init(&confusion);
    ck_assert(confusion.threshold == 0.0f && confusion.counts == NULL && confusion.classes == 0);
    memset(counts, 0, classes * classes * sizeof *counts);
    confusion.classes = classes;
    confusion.counts = counts;
    confusion.threshold = threshold;
    return confusion;
}

#endif
