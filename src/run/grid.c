/* grid.c -- numbers as int8: scales, zeros, weights, biases
 *
 * With weights s_w q, inputs s_x (x - z_x) and outputs s_y (y - z_y), y - z_y is s_w s_x / s_y times
 * sum q x + b / (s_w s_x) - z_x sum q. No sum leaves 32 bits: 255 * 127 * 65532 + 2^24 < 2^31.
 *
 * SPDX-License-Identifier: MIT */
#include "grid.h"
#include "activation.h"

#include <float.h>

enum { STEPS = 255, WEIGHT = 127, SHARES = 64, SHIFTS = 31 };

#define BIAS 0x1p24 /* the largest, in whole numbers */

static double size_of(double x)
{
    return x < 0.0 ? -x : x;
}

/* Halves away from 0; |x| is below 2^62. */
static int64_t nearest(double x)
{
    return (int64_t)(x + (x < 0.0 ? -0.5 : 0.5));
}

prn_grid prn_grid_of(const prn_range *range, double least)
{
    double scale = (range->high - range->low) / STEPS;
    scale = scale > 0.0 ? scale : 1.0 / STEPS;
    scale = scale > least ? scale : least;
    scale = scale < (double)FLT_MAX ? (double)(float)scale : (double)FLT_MAX;
    return (prn_grid){ scale, (int32_t)nearest(-128.0 - range->low / scale) };
}

int8_t prn_grid_round(const prn_grid *grid, double value)
{
    const double at = value / grid->scale + grid->zero;
    return (int8_t)nearest(at > 127.0 ? 127.0 : at > -128.0 ? at : -128.0);
}

/* ---- weights ---- */

/* Of one row; 0 if all of it is 0. */
static double row_scale(const prn_layer_matrix *m, uint32_t row, double input_scale)
{
    const float *w = m->weights + (size_t)row * m->columns;
    double scale = size_of((double)m->biases[row]) / (input_scale * BIAS);
    for (uint32_t i = 0; i < m->columns; i++) {
        const double own = size_of((double)w[i]) / WEIGHT;
        scale = own > scale ? own : scale;
    }
    return scale;
}

static double layer_scale(const prn_layer_matrix *m, double input_scale)
{
    double largest = 0.0;
    for (uint32_t row = 0; row < m->rows; row++) {
        const double scale = row_scale(m, row, input_scale);
        largest = scale > largest ? scale : largest;
    }
    return largest;
}

/* A little more, for the rounding of scales. */
double prn_grid_coarsest(const prn_layer_matrix *m, double input_scale)
{
    return 4.00001 * layer_scale(m, input_scale) * input_scale;
}

/* c with c 2^-(33 + j) = factor, j being its lowest five bits. */
static uint32_t factor_word(double factor)
{
    double c = factor * 0x1p33;
    uint32_t j = 0;
    for (; c < 0x1p30 && j < SHIFTS; j++)
        c *= 2.0;
    c = c < 0x1p31 - 32.0 ? c : 0x1p31 - 32.0;
    return (uint32_t)(c < j ? 0 : nearest((c - j) / 32.0)) * 32 + j;
}

/* Returns the sum of the row. */
static int64_t fill_row(int8_t *q, const prn_target8 *t, const prn_layer_matrix *m, uint32_t row,
                        double scale)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < t->columns; i++) {
        const int32_t is_there = row < m->rows && i < m->columns && scale > 0.0;
        q[i] = (int8_t)(is_there ? nearest((double)m->weights[(size_t)row * m->columns + i] / scale) : 0);
        sum += q[i];
    }
    return sum;
}

void prn_grid_matrix(const prn_target8 *target, const prn_layer_matrix *m, const prn_grid grids[2],
                     int32_t per_layer)
{
    const double in = grids[0].scale, whole = layer_scale(m, in);
    for (uint32_t row = 0; row < target->rows; row++) {
        const double scale = row >= m->rows ? 0.0 : per_layer ? whole : row_scale(m, row, in);
        const int64_t sum = fill_row(target->weights + (size_t)row * target->columns, target, m, row, scale);
        const int64_t bias = scale > 0.0 ? nearest((double)m->biases[row] / (scale * in)) : 0;
        target->biases[row] = (int32_t)(bias - grids[0].zero * sum);
        if (row == 0 || !per_layer)
            target->scales[row] = factor_word(scale * in / grids[1].scale);
    }
}

/* ---- activations ---- */

static double apply(int32_t activation, double x)
{
    const float in = (float)x;
    float y;
    prn_activation_apply(activation, &y, &in, 1);
    return (double)y;
}

static double trimmed(double end, double half, int32_t activation)
{
    const double flat = apply(activation, end);
    double share = 1.0;
    while (share > 1.0 / SHARES && size_of(apply(activation, end * (share - 1.0 / SHARES)) - flat) <= half)
        share -= 1.0 / SHARES;
    return end * share;
}

void prn_range_trim(prn_range *in, const prn_range *out, int32_t activation)
{
    const double half = (out->high - out->low) / STEPS / 2.0;
    in->low = trimmed(in->low, half, activation);
    in->high = trimmed(in->high, half, activation);
}
