/* loss.c -- what training minimises, and its gradient at the outputs
 *
 * SPDX-License-Identifier: MIT */
#include "loss.h"
#include "libprune/fmath.h"
#include "rows.h"
#include "scan.h"
#include "text.h"

/* One sample: its loss, and scale * dL/dh into g unless that is NULL. */
typedef float row_loss(const float *h, const void *target, size_t outputs, float *g, float scale);

static float squared_error(const float *h, const void *target, size_t outputs, float *g, float scale)
{
    const float *y = target;
    float sum = 0.0f;
    for (size_t o = 0; o < outputs; o++) {
        const float difference = h[o] - y[o];
        sum += difference * difference;
        if (g != NULL)
            g[o] = scale * difference;
    }
    return 0.5f * sum;
}

static float largest(const float *h, size_t outputs)
{
    float most = h[0];
    for (size_t o = 1; o < outputs; o++)
        most = h[o] > most ? h[o] : most;
    return most;
}

/* log(1 + x) for finite x >= 0, precise near 0 too: what 1 + x rounds away is added to first order. */
static float log_one_plus(float x)
{
    const float sum = 1.0f + x;
    return prune_logf(sum) + (x - (sum - 1.0f)) / sum;
}

/* log sum exp(h) - h_y = log(sum exp(h - max)) + (max - h_y): no term can overflow. The label's term stays
 * out of the sum: where the model is sure and right, the others are all that loss and gradient consist of.
 * `strange` is 0, or NaN if an output is not finite: -Inf would go unnoticed. */
static float softmax_cross_entropy(const float *h, const void *target, size_t outputs, float *g, float scale)
{
    const size_t label = (size_t) * (const int32_t *)target;
    const float most = largest(h, outputs), gap = most - h[label], own = prune_expf(-gap);
    float others = 0.0f, strange = 0.0f;
    for (size_t o = 0; o < outputs; o++) {
        const float e = prune_expf(h[o] - most);
        strange += h[o] - h[o]; /* before g[o] is written: g may be h */
        others += o == label ? 0.0f : e;
        if (g != NULL)
            g[o] = e;
    }
    if (g != NULL) {
        const float factor = scale / (others + own);
        for (size_t o = 0; o < outputs; o++)
            g[o] *= factor;
        g[label] = -factor * others;
    }
    return log_one_plus(others - (1.0f - own)) + gap + strange;
}

static row_loss *const losses[] = {
    [PRUNE_MSE] = squared_error,
    [PRUNE_SOFTMAX_CROSS_ENTROPY] = softmax_cross_entropy,
};

int32_t prn_loss_known(int32_t kind)
{
    return kind >= PRUNE_MSE && kind <= PRUNE_SOFTMAX_CROSS_ENTROPY;
}

prune_status prn_loss_fits(int32_t kind, const prune_tensor *targets, size_t rows, size_t outputs)
{
    const int32_t labels = kind == PRUNE_SOFTMAX_CROSS_ENTROPY;
    if (targets->dtype != (labels ? PRUNE_I32 : PRUNE_F32))
        return PRUNE_E_TYPE;
    const size_t columns = labels ? 1 : outputs;
    return prn_tensor_rows(targets) == rows && prn_tensor_row(targets) == columns ? PRUNE_OK : PRUNE_E_SHAPE;
}

static prune_status check_labels(const prune_tensor *targets, const size_t *numbers, size_t outputs,
                                 prune_error *error)
{
    const int32_t *labels = targets->data;
    for (size_t r = 0; r < prn_tensor_rows(targets); r++) {
        const int32_t label = labels[r * targets->ld];
        const ptrdiff_t told[] = { (ptrdiff_t)(numbers == NULL ? r : numbers[r]), label, (ptrdiff_t)outputs };
        if (label < 0 || (size_t)label >= outputs)
            return prn_error_format(error, PRUNE_E_LABEL, "targets[%]",
                                    "the label is %, and the model has % outputs", told);
    }
    return PRUNE_OK;
}

prune_status prn_loss_check(int32_t kind, const prune_tensor *targets, const size_t *numbers, size_t outputs,
                            prune_error *error)
{
    if (kind == PRUNE_SOFTMAX_CROSS_ENTROPY)
        return check_labels(targets, numbers, outputs, error);
    return prn_rows_check_finite(targets, numbers, "targets", error);
}

float prn_loss_sum(int32_t kind, const prune_tensor *h, const prune_tensor *targets, prune_tensor *g,
                   float scale)
{
    const size_t outputs = prn_tensor_row(h), item = prune_dtype_size(targets->dtype);
    prn_sum sum = { 0 };
    for (size_t r = 0; r < prn_tensor_rows(h); r++) {
        const float *row = (const float *)h->data + r * h->ld;
        const void *target = (const char *)targets->data + r * targets->ld * item;
        float *gradient = g == NULL ? NULL : (float *)g->data + r * g->ld;
        prn_sum_add(&sum, losses[kind](row, target, outputs, gradient, scale));
    }
    return sum.sum + sum.carry;
}

static prune_status gradient_check(const prune_tensor *gradient, const prune_tensor *outputs)
{
    if (gradient == NULL)
        return PRUNE_OK;
    if (gradient->dtype != PRUNE_F32)
        return PRUNE_E_TYPE;
    if (gradient->read_only)
        return PRUNE_E_READONLY;
    const int32_t same = prn_tensor_rows(gradient) == prn_tensor_rows(outputs) &&
                         prn_tensor_row(gradient) == prn_tensor_row(outputs);
    return same ? PRUNE_OK : PRUNE_E_SHAPE;
}

prune_status prune_loss(float *loss, prune_tensor *gradient, int32_t kind, const prune_tensor *outputs,
                        const prune_tensor *targets)
{
    if (loss == NULL || outputs == NULL || targets == NULL || !prn_loss_known(kind))
        return PRUNE_E_ARGUMENT;
    if (outputs->dtype != PRUNE_F32)
        return PRUNE_E_TYPE;
    prune_status status = gradient_check(gradient, outputs);
    if (status == PRUNE_OK)
        status = prn_loss_fits(kind, targets, prn_tensor_rows(outputs), prn_tensor_row(outputs));
    if (status == PRUNE_OK)
        status = prn_loss_check(kind, targets, NULL, prn_tensor_row(outputs), NULL);
    if (status != PRUNE_OK)
        return status;
    const float scale = 1.0f / (float)prn_tensor_rows(outputs);
    *loss = scale * prn_loss_sum(kind, outputs, targets, gradient, scale);
    return PRUNE_OK;
}
