/* softmax.c -- softmax y_i = e^x_i / sum_j e^x_j and log-softmax y_i = x_i - log sum_j e^x_j of each sample
 *
 * Both with the largest x taken off first, so that nothing overflows and one term of the sum is 1.
 *
 * SPDX-License-Identifier: MIT */
#include "softmax.h"
#include "bend.h"
#include "libprune/fmath.h"
#include "scan.h"

#include <string.h>

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

/* ---- second derivatives:  hx = J^T h J + sum_k dy_k d2y_k/dx2 ---- */

/* To a row v of h: v J, J = dy/dx. */
typedef void row_times(float *v, const float *y, size_t width);

static void softmax_row_times(float *v, const float *y, size_t width)
{
    softmax_row_back(v, v, y, width); /* J is symmetric */
}

/* J_ki = [k = i] - p_i */
static void log_softmax_row_times(float *v, const float *y, size_t width)
{
    log_softmax_row_back(v, v, y, width);
}

static void transpose(float *h, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            const float kept = h[i * n + j];
            h[i * n + j] = h[j * n + i];
            h[j * n + i] = kept;
        }
}

/* h = J^T h J, h symmetric: rows, then what were columns. */
static void through(const prn_bend *bend, const float *y, size_t n, row_times *times)
{
    for (size_t i = 0; i < n; i++)
        times(bend->h + i * n, y, n);
    transpose(bend->h, n);
    for (size_t i = 0; i < n; i++)
        times(bend->h + i * n, y, n);
}

/* Element i of sum_k h_k J_ki^2: a row of J, for symmetric and for log-softmax's J alike, is what comes back
 * from a unit vector; here its squares, with p_i as it stands in J. */
static float diagonal_softmax(const prn_bend *bend, const float *y, size_t n, size_t i)
{
    float sum = 0.0f;
    for (size_t k = 0; k < n; k++) {
        const float j = k == i ? y[k] * (1.0f - y[k]) : y[k] * y[i];
        sum += bend->h[k] * (j * j);
    }
    return sum;
}

static float diagonal_log_softmax(const prn_bend *bend, const float *y, size_t n, size_t i)
{
    const float p = prune_expf(y[i]);
    float sum = 0.0f;
    for (size_t k = 0; k < n; k++) {
        const float j = k == i ? 1.0f - p : p;
        sum += bend->h[k] * (j * j);
    }
    return sum;
}

/* d2 by x_i, x_j is [i = j] a_i - a_i y_j - y_i a_j, a the gradient by x: in slope[0]. */
static void add_softmax_second(const prn_bend *bend, const float *y, const float *dy, size_t n)
{
    float *a = bend->slope[0];
    softmax_row_back(a, dy, y, n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            if (!bend->diagonal || i == j)
                bend->h[bend->diagonal ? i : i * n + j] += (i == j ? a[i] : 0.0f) - a[i] * y[j] - y[i] * a[j];
}

/* And of log-softmax: -(sum_k dy_k) ([i = j] p_i - p_i p_j). */
static void add_log_softmax_second(const prn_bend *bend, const float *y, const float *dy, size_t n)
{
    float *p = bend->slope[0];
    prn_sum sum = { 0 };
    for (size_t i = 0; i < n; i++) {
        prn_sum_add(&sum, dy[i]);
        p[i] = prune_expf(y[i]);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            if (!bend->diagonal || i == j)
                bend->h[bend->diagonal ? i : i * n + j] -=
                    value_of(sum) * (i == j ? p[i] * (1.0f - p[i]) : -p[i] * p[j]);
}

/* The recursion's diagonal: slope[1] is room. */
static void through_diagonal(const prn_bend *bend, const float *y, size_t n,
                             float (*element)(const prn_bend *, const float *, size_t, size_t))
{
    for (size_t i = 0; i < n; i++)
        bend->slope[1][i] = element(bend, y, n, i);
    memcpy(bend->h, bend->slope[1], n * sizeof *bend->h);
}

static void softmax_bend(const prn_layer *layer, const prn_pass *pass, const prn_bend *bend)
{
    const size_t width = prn_shape_count(&layer->output);
    if (bend->diagonal)
        through_diagonal(bend, pass->y, width, diagonal_softmax);
    else
        through(bend, pass->y, width, softmax_row_times);
    if (!bend->linear)
        add_softmax_second(bend, pass->y, pass->dy, width);
    prn_bend_pass_on(bend, width);
}

static void log_softmax_bend(const prn_layer *layer, const prn_pass *pass, const prn_bend *bend)
{
    const size_t width = prn_shape_count(&layer->output);
    if (bend->diagonal)
        through_diagonal(bend, pass->y, width, diagonal_log_softmax);
    else
        through(bend, pass->y, width, log_softmax_row_times);
    if (!bend->linear)
        add_log_softmax_second(bend, pass->y, pass->dy, width);
    prn_bend_pass_on(bend, width);
}

/* ---- along a vector:  R y = J R x, and R dx from dx = J^T dy ---- */

static void softmax_forward_along(const prn_layer *layer, const prn_pass *pass, const prn_along *along)
{
    const size_t width = prn_shape_count(&layer->output);
    for (size_t at = 0; at < pass->batch * width; at += width)
        if (along->rx == NULL)
            memset(along->ry + at, 0, width * sizeof *along->ry);
        else
            softmax_row_back(along->ry + at, along->rx + at, pass->y + at, width); /* J is symmetric */
}

/* dx_i = y_i (dy_i - m), m = sum_j dy_j y_j:  R dx_i = R y_i (dy_i - m) + y_i (R dy_i - R m) */
static void softmax_row_back_along(float *rdx, const float *const dy_rdy[2], const float *const y_ry[2],
                                   size_t width)
{
    const float *dy = dy_rdy[0], *rdy = dy_rdy[1], *y = y_ry[0], *ry = y_ry[1];
    prn_sum sum = { 0 }, moved = { 0 };
    for (size_t i = 0; i < width; i++) {
        prn_sum_add(&sum, dy[i] * y[i]);
        prn_sum_add(&moved, rdy[i] * y[i] + dy[i] * ry[i]);
    }
    for (size_t i = 0; i < width; i++)
        rdx[i] = ry[i] * (dy[i] - value_of(sum)) + y[i] * (rdy[i] - value_of(moved));
}

/* y_i = x_i - log sum_j e^x_j:  R y_i = R x_i - sum_j p_j R x_j */
static void log_softmax_row_along(float *ry, const float *rx, const float *y, size_t width)
{
    prn_sum sum = { 0 };
    for (size_t i = 0; i < width; i++)
        prn_sum_add(&sum, prune_expf(y[i]) * rx[i]);
    for (size_t i = 0; i < width; i++)
        ry[i] = rx[i] - value_of(sum);
}

static void log_softmax_forward_along(const prn_layer *layer, const prn_pass *pass, const prn_along *along)
{
    const size_t width = prn_shape_count(&layer->output);
    for (size_t at = 0; at < pass->batch * width; at += width)
        if (along->rx == NULL)
            memset(along->ry + at, 0, width * sizeof *along->ry);
        else
            log_softmax_row_along(along->ry + at, along->rx + at, pass->y + at, width);
}

/* dx_i = dy_i - p_i sum_j dy_j, R p_i = p_i R y_i */
static void log_softmax_row_back_along(float *rdx, const float *const dy_rdy[2], const float *const y_ry[2],
                                       size_t width)
{
    const float *dy = dy_rdy[0], *rdy = dy_rdy[1], *y = y_ry[0], *ry = y_ry[1];
    prn_sum sum = { 0 }, moved = { 0 };
    for (size_t i = 0; i < width; i++) {
        prn_sum_add(&sum, dy[i]);
        prn_sum_add(&moved, rdy[i]);
    }
    for (size_t i = 0; i < width; i++)
        rdx[i] = rdy[i] - prune_expf(y[i]) * (value_of(moved) + ry[i] * value_of(sum));
}

static void rows_back_along(const prn_layer *layer, const prn_pass *pass, const prn_along *along,
                            void (*row)(float *, const float *const[2], const float *const[2], size_t))
{
    const size_t width = prn_shape_count(&layer->output);
    for (size_t at = 0; at < pass->batch * width && along->rdx != NULL; at += width) {
        const float *const dy_rdy[2] = { pass->dy + at, along->rdy + at };
        const float *const y_ry[2] = { pass->y + at, along->ry + at };
        row(along->rdx + at, dy_rdy, y_ry, width);
    }
}

static void softmax_backward_along(const prn_layer *layer, const prn_pass *pass, const prn_along *along)
{
    rows_back_along(layer, pass, along, softmax_row_back_along);
}

static void log_softmax_backward_along(const prn_layer *layer, const prn_pass *pass, const prn_along *along)
{
    rows_back_along(layer, pass, along, log_softmax_row_back_along);
}

const prn_layer_ops prn_softmax_ops = {
    .kind = PRUNE_LAYER_SOFTMAX,
    .name = "softmax",
    .plan = prn_layer_same_shape,
    .forward = softmax_forward,
    .backward = softmax_backward,
    .bend = softmax_bend,
    .forward_along = softmax_forward_along,
    .backward_along = softmax_backward_along,
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
    .bend = log_softmax_bend,
    .forward_along = log_softmax_forward_along,
    .backward_along = log_softmax_backward_along,
    .initialize = prn_layer_initialize,
    .cache_size = prn_layer_no_size,
    .macs = prn_layer_no_macs,
    .macs_kept = prn_layer_no_macs,
    .units = prn_layer_no_size,
    .unit_slices = prn_layer_no_slices,
    .input_slices = prn_layer_no_slices,
};
