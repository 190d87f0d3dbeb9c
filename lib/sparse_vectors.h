/* sparse_vectors.h -- kernels that are the same for all vectors: a back end defines these, and includes it
 *
 *     VECTOR_TARGET   what goes before its functions
 *     VECTOR          the type, of VECTOR_LANES floats
 *     vector_zero() vector_load(from) vector_store(to, v) vector_all(x) vector_add(a, b)
 *     vector_fma(a, b, c)   a b + c
 *     vector_sums(to, v)    to[i] is what the floats of v[i] add up to, of four vectors
 *     vector_load_some(from, count)   the first count, then 0
 *     vector_across(v)   the sum of all
 *     VECTOR_SAMPLES   that registers hold sums for, of 4 rows each
 *     VECTOR expand(const float **from, const unsigned char *mask)   of prn_masks, span VECTOR_LANES
 *     WINDOW NARROW_WINDOW
 *     VECTOR add_step(VECTOR sum, const prn_windows *w, size_t step, const float *x, uint32_t window)
 *
 * The products of an element go to several sums in turn, so that none waits for the addition before. */
#ifndef PRN_SPARSE_VECTORS_H
#define PRN_SPARSE_VECTORS_H

#include "lanes.h"
#include "sparse.h"

enum { VECTOR_SUMS = 4, VECTOR_MOST = 4 };
enum { AHEAD = 2048, AHEAD_MASKS = 512, LINE = 64 }; /* bytes */

/* What is read once and soon: that far ahead processors alone do not look. It may lie behind the end. */
PRN_INLINE void fetch_ahead(const void *from, size_t bytes)
{
    __builtin_prefetch((const char *)from + bytes);
}

/* Sums of some rows to where they belong: y[count]. */
static void settle(float *y, const float *sum, uint32_t count, int32_t accumulate)
{
    for (uint32_t r = 0; r < count; r++)
        y[r] = accumulate ? y[r] + sum[r] : sum[r];
}

/* ---- panels ---- */

/* `n` vectors of samples, for weights begin .. end - 1 of a row; n is a constant where it is called. */
VECTOR_TARGET PRN_INLINE void add_weights(float *y, const prn_rows *w, const uint32_t range[2],
                                          const float *x, uint32_t n)
{
    const uint32_t width = n * VECTOR_LANES;
    const uint16_t *column = w->column;
    const float *value = w->value;
    VECTOR even[VECTOR_MOST], odd[VECTOR_MOST];
    uint32_t k = range[0];
    for (uint32_t v = 0; v < n; v++) {
        even[v] = vector_load(y + v * VECTOR_LANES);
        odd[v] = vector_zero();
    }
    for (; k + 2 <= range[1]; k += 2) {
        const float *a = x + (size_t)column[k] * width, *b = x + (size_t)column[k + 1] * width;
        const VECTOR wa = vector_all(value[k]), wb = vector_all(value[k + 1]);
        for (uint32_t v = 0; v < n; v++) {
            even[v] = vector_fma(wa, vector_load(a + v * VECTOR_LANES), even[v]);
            odd[v] = vector_fma(wb, vector_load(b + v * VECTOR_LANES), odd[v]);
        }
    }
    for (; k < range[1]; k++)
        for (uint32_t v = 0; v < n; v++)
            even[v] = vector_fma(vector_all(value[k]),
                                 vector_load(x + (size_t)column[k] * width + v * VECTOR_LANES), even[v]);
    for (uint32_t v = 0; v < n; v++)
        vector_store(y + v * VECTOR_LANES, vector_add(even[v], odd[v]));
}

VECTOR_TARGET PRN_INLINE void panel_of(float *y, const prn_rows *w, const float *x, uint32_t n)
{
    const uint32_t width = n * VECTOR_LANES;
    const uint32_t *ends = w->ends;
    uint32_t begin = 0;
    memset(y, 0, (size_t)w->rows * width * sizeof *y);
    for (uint32_t first = 0; first < w->columns; first += w->tile)
        for (uint32_t r = 0; r < w->rows; r++) {
            const uint32_t range[2] = { begin, *ends++ };
            add_weights(y + (size_t)r * width, w, range, x + (size_t)first * width, n);
            begin = range[1];
        }
}

VECTOR_TARGET static void panel(float *y, const prn_rows *w, const float *x, uint32_t width)
{
    switch (width / VECTOR_LANES) {
    case 1:
        panel_of(y, w, x, 1);
        break;
    case 2:
        panel_of(y, w, x, 2);
        break;
    case 3:
        panel_of(y, w, x, 3);
        break;
    default:
        panel_of(y, w, x, 4);
        break;
    }
}

/* ---- gradients ---- */

/* Weights begin .. end - 1 of a row, four at a time; where there are fewer, one of them stands in. n vectors
 * of samples. */
VECTOR_TARGET PRN_INLINE void add_dots(float *to, const prn_rows *w, const uint32_t range[2], const float *d,
                                       const float *x, uint32_t n)
{
    const uint32_t width = n * VECTOR_LANES;
    VECTOR row[VECTOR_MOST], s[VECTOR_SUMS];
    for (uint32_t v = 0; v < n; v++)
        row[v] = vector_load(d + v * VECTOR_LANES);
    for (uint32_t k = range[0]; k < range[1]; k += VECTOR_SUMS) {
        const uint32_t left = range[1] - k, count = left < VECTOR_SUMS ? left : VECTOR_SUMS;
        float sum[VECTOR_SUMS];
        for (uint32_t i = 0; i < VECTOR_SUMS; i++) {
            const float *at = x + (size_t)w->column[k + (i < count ? i : 0)] * width;
            s[i] = vector_zero();
            for (uint32_t v = 0; v < n; v++)
                s[i] = vector_fma(row[v], vector_load(at + v * VECTOR_LANES), s[i]);
        }
        vector_sums(sum, s);
        for (uint32_t i = 0; i < count; i++)
            to[k + i] += sum[i];
    }
}

VECTOR_TARGET PRN_INLINE void dots_of(float *to, const prn_rows *w, const prn_dots *of, uint32_t n)
{
    const size_t width = n * VECTOR_LANES;
    const uint32_t *ends = w->ends;
    for (uint32_t first = 0; first < w->columns; first += w->tile, ends += w->rows)
        for (uint32_t r = of->first; r < of->end; r++) {
            const uint32_t range[2] = { prn_rows_begin(w, ends + r), ends[r] };
            add_dots(to, w, range, of->d + r * width, of->x + first * width, n);
        }
}

VECTOR_TARGET static void dots(float *to, const prn_rows *w, const prn_dots *of)
{
    switch (of->width / VECTOR_LANES) {
    case 1:
        dots_of(to, w, of, 1);
        break;
    case 2:
        dots_of(to, w, of, 2);
        break;
    case 3:
        dots_of(to, w, of, 3);
        break;
    default:
        dots_of(to, w, of, 4);
        break;
    }
}

/* ---- windows ---- */

/* `window` is a constant where it is called. */
VECTOR_TARGET PRN_INLINE void windows_of(float *y, const prn_windows *w, const float *x, int32_t accumulate,
                                         uint32_t window)
{
    size_t step = 0;
    for (uint32_t first = 0, slice = 0; first < w->rows; first += VECTOR_LANES, slice++) {
        const size_t end = w->ends[slice];
        VECTOR even = vector_zero(), odd = vector_zero();
        for (; step + 2 <= end; step += 2) {
            fetch_ahead(w->value + step * VECTOR_LANES, AHEAD);
            fetch_ahead(w->value + step * VECTOR_LANES, AHEAD + LINE);
            even = add_step(even, w, step, x, window);
            odd = add_step(odd, w, step + 1, x, window);
        }
        for (; step < end; step++)
            even = add_step(even, w, step, x, window);
        float sum[VECTOR_LANES];
        vector_store(sum, vector_add(even, odd));
        prn_windows_settle(y, w, sum, (const uint32_t[2]){ first, VECTOR_LANES }, accumulate);
    }
}

VECTOR_TARGET static void windows(float *y, const prn_windows *w, const float *x, int32_t accumulate)
{
    if (w->window == NARROW_WINDOW)
        windows_of(y, w, x, accumulate, NARROW_WINDOW);
    else
        windows_of(y, w, x, accumulate, WINDOW);
}

/* ---- masks ---- */

enum { VECTOR_ABREAST = 4, MASK = (VECTOR_LANES + 7) / 8 };

/* The weights of a slice that lie in one span, times x of n samples. */
VECTOR_TARGET PRN_INLINE void add_span(VECTOR sum[VECTOR_SAMPLES][VECTOR_ABREAST], const float **value,
                                       const unsigned char *mask, const VECTOR *x, uint32_t n)
{
    for (uint32_t r = 0; r < VECTOR_ABREAST; r++) {
        const VECTOR weights = expand(value, mask + r * MASK);
        for (uint32_t i = 0; i < n; i++)
            sum[i][r] = vector_fma(weights, x[i], sum[i][r]);
    }
}

/* The sums of a slice for n samples from x on, to y. Returns where the next slice's weights begin. */
VECTOR_TARGET PRN_INLINE const float *add_slice(float y[VECTOR_SAMPLES][VECTOR_ABREAST], const float *value,
                                                const unsigned char *mask, const float *x,
                                                const size_t ld_columns[2], uint32_t n)
{
    const size_t ld = ld_columns[0], columns = ld_columns[1];
    VECTOR sum[VECTOR_SAMPLES][VECTOR_ABREAST], at[VECTOR_SAMPLES];
    size_t first = 0;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t r = 0; r < VECTOR_ABREAST; r++)
            sum[i][r] = vector_zero();
    for (; first + VECTOR_LANES <= columns; first += VECTOR_LANES, mask += VECTOR_ABREAST * MASK) {
        for (uint32_t i = 0; i < n; i++)
            at[i] = vector_load(x + i * ld + first);
        fetch_ahead(mask, AHEAD_MASKS);
        fetch_ahead(value, AHEAD);
        fetch_ahead(value, AHEAD + LINE);
        add_span(sum, &value, mask, at, n);
    }
    if (first < columns) {
        for (uint32_t i = 0; i < n; i++)
            at[i] = vector_load_some(x + i * ld + first, (uint32_t)(columns - first));
        add_span(sum, &value, mask, at, n);
    }
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t r = 0; r < VECTOR_ABREAST; r++)
            y[i][r] = vector_across(sum[i][r]);
    return value;
}

VECTOR_TARGET static void masks(const prn_masks *w, const prn_sample_rows *b)
{
    const size_t ld_columns[2] = { b->ldx, w->columns };
    const size_t bytes = ((size_t)w->columns + VECTOR_LANES - 1) / VECTOR_LANES * VECTOR_ABREAST * MASK;
    const unsigned char *mask = w->mask;
    const float *value = w->value, *next = value;
    for (uint32_t first = 0; first < w->rows; first += VECTOR_ABREAST, mask += bytes, value = next) {
        const uint32_t rows = w->rows - first < VECTOR_ABREAST ? w->rows - first : VECTOR_ABREAST;
        for (size_t i = 0, n; i < b->count; i += n) {
            float sum[VECTOR_SAMPLES][VECTOR_ABREAST];
            const float *x = b->x + i * b->ldx;
            n = b->count - i >= VECTOR_SAMPLES ? VECTOR_SAMPLES : 1;
            next = n == 1 ? add_slice(sum, value, mask, x, ld_columns, 1)
                          : add_slice(sum, value, mask, x, ld_columns, VECTOR_SAMPLES);
            for (size_t j = 0; j < n; j++)
                settle(b->y + (i + j) * b->ldy + first, sum[j], rows, b->accumulate);
        }
    }
}

/* ---- groups ---- */

/* One group, n vectors high. */
VECTOR_TARGET PRN_INLINE void sum_group(float *sum, const prn_groups *w, const uint32_t range[2],
                                        const float *x, uint32_t n)
{
    const uint32_t height = n * VECTOR_LANES;
    const uint16_t *column = w->column;
    VECTOR s[VECTOR_SUMS][VECTOR_MOST];
    uint32_t k = range[0];
    for (uint32_t i = 0; i < VECTOR_SUMS; i++)
        for (uint32_t v = 0; v < n; v++)
            s[i][v] = vector_zero();
    for (; k + VECTOR_SUMS <= range[1]; k += VECTOR_SUMS) {
        const float *value = w->value + (size_t)k * height;
        for (uint32_t i = 0; i < VECTOR_SUMS; i++)
            for (uint32_t v = 0; v < n; v++)
                s[i][v] = vector_fma(vector_load(value + i * height + v * VECTOR_LANES),
                                     vector_all(x[column[k + i]]), s[i][v]);
    }
    for (; k < range[1]; k++)
        for (uint32_t v = 0; v < n; v++)
            s[0][v] = vector_fma(vector_load(w->value + (size_t)k * height + v * VECTOR_LANES),
                                 vector_all(x[column[k]]), s[0][v]);
    for (uint32_t v = 0; v < n; v++)
        vector_store(sum + v * VECTOR_LANES,
                     vector_add(vector_add(s[0][v], s[1][v]), vector_add(s[2][v], s[3][v])));
}

VECTOR_TARGET PRN_INLINE void groups_of(float *y, const prn_groups *w, const float *x, int32_t accumulate,
                                        uint32_t n)
{
    const uint32_t height = n * VECTOR_LANES;
    uint32_t begin = 0;
    for (uint32_t first = 0, g = 0; first < w->rows; first += height, g++) {
        float sum[VECTOR_MOST * VECTOR_LANES];
        const uint32_t range[2] = { begin, w->ends[g] };
        sum_group(sum, w, range, x, n);
        settle(y + first, sum, w->rows - first < height ? w->rows - first : height, accumulate);
        begin = range[1];
    }
}

#endif
