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

/* ---- affine layers ---- */

/* With y = s x + t, the integers are y = f (x - z_x) + t / s_y + z_y, f = s s_x / s_y. Grids are so coarse
 * that no x leads farther than REACH, and LEAST bits are left behind the point: f is off by less than half a
 * step in 255. */
#define REACH 0x1p22
enum { LEAST = 8, MOST = 16 };

/* Factor and constant of a unit, in steps of the outputs. */
typedef struct line {
    double factor, constant;
} line;

static line line_of(const prn_layer *layer, uint32_t unit, const prn_grid grids[2])
{
    float scale_shift[2];
    layer->ops->affine(layer, unit, scale_shift);
    return (line){ (double)scale_shift[0] * grids[0].scale / grids[1].scale,
                   (double)scale_shift[1] / grids[1].scale };
}

static uint32_t units_of(const prn_layer *layer)
{
    return (uint32_t)prn_shape_count(&layer->output);
}

static double farthest(const prn_layer *layer, const prn_grid grids[2])
{
    double most = 0.0;
    for (uint32_t u = 0; u < units_of(layer); u++) {
        const line l = line_of(layer, u, grids);
        const double far = STEPS * size_of(l.factor) + size_of(l.constant);
        most = far > most ? far : most;
    }
    return most;
}

double prn_grid_coarsest_affine(const prn_layer *layer, double input_scale)
{
    const prn_grid one[2] = { { input_scale, 0 }, { 1.0, 0 } };
    return farthest(layer, one) / REACH;
}

/* Scales end with float, so that what is near its end may lie beyond. */
static double bounded(double steps)
{
    return steps > REACH ? REACH : steps < -REACH ? -REACH : steps;
}

/* What is rounded down has a half more, and no zero of the inputs. */
static void put_line(prn_words *words, const line *l, const prn_grid grids[2], uint32_t shift)
{
    const double unit = (double)(UINT32_C(1) << shift);
    const int64_t w = nearest(bounded(l->factor) * unit);
    const int64_t b = nearest((bounded(l->constant) + grids[1].zero + 0.5) * unit) - grids[0].zero * w;
    prn_words_put(words, (uint32_t)b);
    prn_words_put(words, (uint32_t)w);
}

void prn_grid_put_affine(prn_words *words, const prn_layer *layer, uint32_t units, const prn_grid grids[2])
{
    const double steps = farthest(layer, grids) + STEPS;
    uint32_t shift = MOST;
    while (shift > LEAST && steps * (double)(UINT32_C(1) << shift) > 0x1p30)
        shift--;
    prn_words_put(words, shift);
    for (uint32_t u = 0; u < units; u++) {
        const line l = u < units_of(layer) ? line_of(layer, u, grids) : (line){ 0.0, 0.0 };
        put_line(words, &l, grids, shift);
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
