/* softmax.c -- softmax y_i = e^x_i / sum_j e^x_j and log-softmax y_i = x_i - log sum_j e^x_j of each sample
 *
 * Both with the largest x taken off first, so that nothing overflows and one term of the sum is 1.
 *
 * SPDX-License-Identifier: MIT */
#include "softmax.h"
#include "libprune/fmath.h"
#include "scan.h"

static float largest(const float *x, size_t width)
{
    float most = x[0];
    for (size_t i = 1; i < width; i++)
        most = x[i] > most ? x[i] : most;
    return most;
}

static float value_of(prn_sum sum)
{
    return sum.sum + sum.carry;
}

static void softmax_row(float *y, const float *x, size_t width)
{
    const float most = largest(x, width);
    prn_sum sum = { 0 };
    for (size_t i = 0; i < width; i++) {
        y[i] = prune_expf(x[i] - most);
        prn_sum_add(&sum, y[i]);
    }
    const float scale = 1.0f / value_of(sum);
    for (size_t i = 0; i < width; i++)
        y[i] *= scale;
}

/* x - most is exact where it matters, near 0; the log is 0 .. log(width). */
static void log_softmax_row(float *y, const float *x, size_t width)
{
    const float most = largest(x, width);
    prn_sum sum = { 0 };
    for (size_t i = 0; i < width; i++)
        prn_sum_add(&sum, prune_expf(x[i] - most));
    /* log(1 + others), of which 1 + others may have lost the others */
    const float others = (sum.sum - 1.0f) + sum.carry, whole = 1.0f + others;
    const float log_sum = prune_logf(whole) + (others - (whole - 1.0f)) / whole;
    for (size_t i = 0; i < width; i++)
        y[i] = (x[i] - most) - log_sum;
}

/* dx_i = y_i (dy_i - sum_j dy_j y_j) */
static void softmax_row_back(float *dx, const float *dy, const float *y, size_t width)
{
    prn_sum sum = { 0 };
    for (size_t i = 0; i < width; i++)
        prn_sum_add(&sum, dy[i] * y[i]);
    const float mean = value_of(sum);
    for (size_t i = 0; i < width; i++)
        dx[i] = y[i] * (dy[i] - mean);
}

/* dx_i = dy_i - e^y_i sum_j dy_j */
static void log_softmax_row_back(float *dx, const float *dy, const float *y, size_t width)
{
    prn_sum sum = { 0 };
    for (size_t i = 0; i < width; i++)
        prn_sum_add(&sum, dy[i]);
    const float all = value_of(sum);
    for (size_t i = 0; i < width; i++)
        dx[i] = dy[i] - prune_expf(y[i]) * all;
}

typedef void row_forward(float *y, const float *x, size_t width);
typedef void row_backward(float *dx, const float *dy, const float *y, size_t width);

static void forward_rows(const prn_layer *layer, const prn_pass *pass, row_forward *row)
{
    for (size_t r = 0; r < pass->batch; r++)
        row(pass->y + r * pass->ldy, pass->x + r * pass->ldx, prn_shape_count(&layer->output));
}

static void backward_rows(const prn_layer *layer, const prn_pass *pass, row_backward *row)
{
    const size_t width = prn_shape_count(&layer->output);
    for (size_t r = 0; pass->dx != NULL && r < pass->batch; r++)
        row(pass->dx + r * width, pass->dy + r * width, pass->y + r * pass->ldy, width);
}

static void softmax_forward(const prn_layer *layer, const prn_pass *pass)
{
    forward_rows(layer, pass, softmax_row);
}

static void softmax_backward(const prn_layer *layer, const prn_pass *pass)
{
    backward_rows(layer, pass, softmax_row_back);
}

static void log_softmax_forward(const prn_layer *layer, const prn_pass *pass)
{
    forward_rows(layer, pass, log_softmax_row);
}

static void log_softmax_backward(const prn_layer *layer, const prn_pass *pass)
{
    backward_rows(layer, pass, log_softmax_row_back);
}

const prn_layer_ops prn_softmax_ops = {
    .kind = PRUNE_LAYER_SOFTMAX,
    .name = "softmax",
    .plan = prn_layer_same_shape,
    .forward = softmax_forward,
    .backward = softmax_backward,
    .initialize = prn_layer_initialize,
    .cache_size = prn_layer_no_size,
    .macs = prn_layer_no_macs,
    .macs_kept = prn_layer_no_macs,
    .units = prn_layer_no_size,
    .unit_slices = prn_layer_no_slices,
    .input_slices = prn_layer_no_slices,
};

const prn_layer_ops prn_log_softmax_ops = {
    .kind = PRUNE_LAYER_LOG_SOFTMAX,
    .name = "log_softmax",
    .plan = prn_layer_same_shape,
    .forward = log_softmax_forward,
    .backward = log_softmax_backward,
    .initialize = prn_layer_initialize,
    .cache_size = prn_layer_no_size,
    .macs = prn_layer_no_macs,
    .macs_kept = prn_layer_no_macs,
    .units = prn_layer_no_size,
    .unit_slices = prn_layer_no_slices,
    .input_slices = prn_layer_no_slices,
};
