/* sparse_plain.c -- sparse products in plain C: what the other back ends are held to
 *
 * Each element is the sum of its products, columns ascending, not contracted: the bits of
 * prune_encoding_apply().
 *
 * SPDX-License-Identifier: MIT */
#include "lanes.h"
#include "sparse.h"

enum { VECTOR = 2 * PRN_LANES, WIDEST = 4 * VECTOR, TILE = 256, SPAN = 8 };

/* VECTOR samples of a panel, for weights begin .. end - 1 of a row. */
static void add_row(float *y, const prn_rows *w, uint32_t begin, uint32_t end, const float *x, uint32_t width)
{
    prn_lanes s0 = prn_lanes_load(y), s1 = prn_lanes_load(y + PRN_LANES);
    for (uint32_t k = begin; k < end; k++) {
        const float *at = x + (size_t)w->column[k] * width;
        s0 = prn_lanes_add_scaled(s0, w->value[k], prn_lanes_load(at));
        s1 = prn_lanes_add_scaled(s1, w->value[k], prn_lanes_load(at + PRN_LANES));
    }
    prn_lanes_store(y, s0);
    prn_lanes_store(y + PRN_LANES, s1);
}

/* The same for two vectors: sums that do not wait for each other. */
static void add_row_twice(float *y, const prn_rows *w, uint32_t begin, uint32_t end, const float *x,
                          uint32_t width)
{
    prn_lanes s0 = prn_lanes_load(y), s1 = prn_lanes_load(y + PRN_LANES);
    prn_lanes s2 = prn_lanes_load(y + VECTOR), s3 = prn_lanes_load(y + VECTOR + PRN_LANES);
    for (uint32_t k = begin; k < end; k++) {
        const float *at = x + (size_t)w->column[k] * width;
        s0 = prn_lanes_add_scaled(s0, w->value[k], prn_lanes_load(at));
        s1 = prn_lanes_add_scaled(s1, w->value[k], prn_lanes_load(at + PRN_LANES));
        s2 = prn_lanes_add_scaled(s2, w->value[k], prn_lanes_load(at + VECTOR));
        s3 = prn_lanes_add_scaled(s3, w->value[k], prn_lanes_load(at + VECTOR + PRN_LANES));
    }
    prn_lanes_store(y, s0);
    prn_lanes_store(y + PRN_LANES, s1);
    prn_lanes_store(y + VECTOR, s2);
    prn_lanes_store(y + VECTOR + PRN_LANES, s3);
}

static void panel(float *y, const prn_rows *w, const float *x, uint32_t width)
{
    const uint32_t *ends = w->ends;
    uint32_t begin = 0;
    memset(y, 0, (size_t)w->rows * width * sizeof *y);
    for (uint32_t first = 0; first < w->columns; first += w->tile)
        for (uint32_t r = 0; r < w->rows; r++) {
            uint32_t s = 0;
            for (; s + 2 * VECTOR <= width; s += 2 * VECTOR)
                add_row_twice(y + (size_t)r * width + s, w, begin, *ends, x + (size_t)first * width + s,
                              width);
            if (s < width)
                add_row(y + (size_t)r * width + s, w, begin, *ends, x + (size_t)first * width + s, width);
            begin = *ends++;
        }
}

static float dot(const float *d, const float *x, uint32_t width)
{
    const float zero[PRN_LANES] = { 0 };
    prn_lanes s0 = prn_lanes_load(zero), s1 = prn_lanes_load(zero);
    for (uint32_t s = 0; s < width; s += VECTOR) {
        s0 = prn_lanes_add_product(s0, prn_lanes_load(d + s), prn_lanes_load(x + s));
        s1 = prn_lanes_add_product(s1, prn_lanes_load(d + s + PRN_LANES), prn_lanes_load(x + s + PRN_LANES));
    }
    return prn_lanes_across(s0) + prn_lanes_across(s1);
}

static void dots(float *to, const prn_rows *w, const prn_dots *of)
{
    const size_t width = of->width;
    const uint32_t *ends = w->ends;
    for (uint32_t first = 0; first < w->columns; first += w->tile, ends += w->rows)
        for (uint32_t r = of->first; r < of->end; r++)
            for (uint32_t k = prn_rows_begin(w, ends + r); k < ends[r]; k++)
                to[k] += dot(of->d + r * width, of->x + (first + w->column[k]) * width, of->width);
}

/* For one sample; returns where the next row's weights begin. */
static const float *mask_row(float *sum, const prn_masks *w, const unsigned char *mask, const float *value,
                             const float *x)
{
    float s = 0.0f;
    for (uint32_t first = 0; first < w->columns; first += SPAN, mask++)
        for (uint32_t bits = *mask, i = first; bits != 0; bits >>= 1, i++)
            if (bits & 1)
                s += *value++ * x[i];
    *sum = s;
    return value;
}

static void masks(const prn_masks *w, const prn_sample_rows *samples)
{
    const size_t bytes = ((size_t)w->columns + SPAN - 1) / SPAN;
    const float *value = w->value, *next = value;
    for (size_t r = 0; r < w->rows; r++, value = next)
        for (size_t i = 0; i < samples->count; i++) {
            float sum, *y = samples->y + i * samples->ldy + r;
            next = mask_row(&sum, w, w->mask + r * bytes, value, samples->x + i * samples->ldx);
            *y = samples->accumulate ? *y + sum : sum;
        }
}

static void pack(const prn_samples *to, const float *from)
{
    prn_samples_pack(to, from, (const uint32_t[2]){ 0, 0 }, to->count);
}

static void unpack(float *to, const prn_samples *from, int32_t accumulate)
{
    prn_samples_unpack(to, from, accumulate, (const uint32_t[2]){ 0, 0 }, from->count);
}

static const prn_sparse plain = { .id = PRUNE_KERNELS_PLAIN,
                                  .narrow = VECTOR,
                                  .vector = VECTOR,
                                  .widest = WIDEST,
                                  .tile = TILE,
                                  .abreast = 1,
                                  .span = SPAN,
                                  .together = 1,
                                  .masks = masks,
                                  .panel = panel,
                                  .dots = dots,
                                  .pack = pack,
                                  .unpack = unpack };

const prn_sparse *prn_sparse_plain(void)
{
    return &plain;
}
