/* agree.h -- whether two models compute the same: the big masked one, and the small one made of it
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_AGREE_H
#define LIBPRUNE_AGREE_H

#include "libprune/data.h"
#include "libprune/gemm.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* How far apart the outputs are. */
typedef struct prune_agreement {
    size_t size;
    double tolerance; /* given; what `relative` may be, 0 or more; default 1e-4 */
    uint64_t samples;
    double absolute; /* the largest |a - b| of two outputs */
    double relative; /* that over the largest |a|: what is lost beside what there is. 0 where both are 0,
                        DBL_MAX where only the divisor is */
    uint64_t sample; /* where the largest is, the first such; its two outputs */
    uint64_t output;
    float a, b;
    const prune_backend *backend; /* given; NULL: prune_backend_default() */
} prune_agreement;

/* Sets size and tolerance, the rest 0 and NULL. NULL is fine. */
void prune_agreement_init(prune_agreement *agreement);

/* Runs two models, in inference, on all inputs of `data`; targets are not needed and weights do not count.
 * The second takes the inputs kept[0 .. its inputs - 1] of the first (prune_compact_report; what follows
 * there is not read), or with NULL the same. Memory is from the first model's allocator.
 * PRUNE_E_DISAGREE: relative is over the tolerance; the agreement is filled then too. PRUNE_E_NONFINITE: an
 * input or an output is; PRUNE_E_SHAPE: outputs differ, or inputs without `kept`; PRUNE_E_RANGE: the first
 * has no such input, the tolerance; PRUNE_E_NO_LAYERS, PRUNE_E_VERSION, PRUNE_E_ARGUMENT (agreement may be
 * NULL; also a back end without a function), PRUNE_E_MEMORY, PRUNE_E_OVERFLOW; and as prune_data_check(). */
prune_status prune_models_agree(prune_agreement *agreement, const prune_model *a, const prune_model *b,
                                const size_t *kept, const prune_data *data, prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
