/* run_softmax.c -- y_i = e^x_i / sum_j e^x_j and y_i = x_i - log sum_j e^x_j
 *
 * The largest x is taken off first, so that nothing overflows and one term of the sum is 1.
 *
 * SPDX-License-Identifier: MIT */
#include "blob.h"
#include "libprune/fmath.h"

static uint32_t largest(const float *x, uint32_t count)
{
    uint32_t first = 0;
    for (uint32_t i = 1; i < count; i++)
        first = x[i] > x[first] ? i : first;
    return first;
}

/* The term of the largest comes last, so that the others keep their digits. */
static void run_softmax(void *y, const void *x, const prune_blob_layer *layer)
{
    const float *in = prn_floats_at(x);
    const uint32_t count = layer->outputs, first = largest(in, count);
    const float most = in[first];
    float *out = (float *)y, sum = 0.0f;
    for (uint32_t i = 0; i < count; i++) {
        out[i] = prune_expf(in[i] - most);
        sum += i == first ? 0.0f : out[i];
    }
    const float scale = 1.0f / (out[first] + sum);
    for (uint32_t i = 0; i < count; i++)
        out[i] *= scale;
}

/* log(1 + others), of which 1 + others may have lost the others. With x of +Inf it is NaN, as softmax. */
static void run_log_softmax(void *y, const void *x, const prune_blob_layer *layer)
{
    const float *in = prn_floats_at(x);
    const uint32_t count = layer->outputs, first = largest(in, count);
    const float most = in[first], one = prune_expf(most - most);
    float *out = (float *)y, others = 0.0f;
    for (uint32_t i = 0; i < count; i++)
        others += i == first ? 0.0f : prune_expf(in[i] - most);
    const float whole = one + others;
    const float log_sum = prune_logf(whole) + (others - (whole - one)) / whole;
    for (uint32_t i = 0; i < count; i++)
        out[i] = (in[i] - most) - log_sum;
}

enum { F32 = PRUNE_BLOB_F32 };

const prune_blob_op prune_op_softmax = { PRUNE_BLOB_SOFTMAX, F32, F32, 1, prn_check_none, run_softmax };
const prune_blob_op prune_op_log_softmax = { PRUNE_BLOB_LOG_SOFTMAX, F32, F32, 1, prn_check_none,
                                             run_log_softmax };
