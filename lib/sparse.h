/* sparse.h (private) -- the weights of a matrix that are not 0, laid out for products; kernels behind a table
 *
 * One file per back end gives its table, or NULL where compiler or processor lack what it needs. Counts are
 * below 2^32. Kernels allocate nothing. Parts of a layout begin on lines of the cache. */
#ifndef PRN_SPARSE_H
#define PRN_SPARSE_H

#include "libprune/sparse.h"

enum { PRN_SPARSE_COLUMNS = 65536 }; /* what u16 tells apart */

/* Compressed sparse rows, cut into tiles of columns: first all rows of the first tile. Tile t of row r ends
 * at ends[t * rows + r] and begins where the one before ends; column counts from the tile's first. */
typedef struct prn_rows {
    uint32_t rows, columns, tile; /* tile: columns of one; at most PRN_SPARSE_COLUMNS */
    uint32_t *ends;
    uint16_t *column;
    float *value;
} prn_rows;

/* Slices of `lanes` rows side by side, in the order of `order`. A step of a slice holds one weight of each
 * row, or +0: value[lanes], of columns that lie in base .. base + window - 1 at index[lanes], numbers of
 * `bits` bits, least significant first. A slice ends after ends[slice] steps. At least `window` columns. */
typedef struct prn_windows {
    uint32_t rows, columns, window; /* window: one of the kernels' */
    uint32_t *ends, *order;
    uint16_t *base;
    unsigned char *index;
    float *value;
} prn_windows;

/* Groups of `height` neighbouring rows, +0 beyond the last. Group g has blocks up to ends[g]: a column, and a
 * weight of each row there. */
typedef struct prn_groups {
    uint32_t rows, columns, height;
    uint32_t *ends;
    uint16_t *column;
    float *value;
} prn_groups;

/* Slices of `abreast` neighbouring rows, nothing kept beyond the last. A slice has for each `span` columns,
 * and there for each row, a mask of (span + 7) / 8 bytes, bit i of byte j for column 8 j + i, 1: kept; and in
 * the same order the weights that are kept. Behind the last weight may be read a span more. */
typedef struct prn_masks {
    uint32_t rows, columns;
    unsigned char *mask;
    float *value;
} prn_masks;

/* Samples of x and y as rows, ldx and ldy apart. */
typedef struct prn_sample_rows {
    const float *x;
    float *y;
    size_t ldx, ldy, count;
    int32_t accumulate; /* y + W x, not W x */
} prn_sample_rows;

/* Samples as rows of a matrix, and side by side in a panel [count][width]. */
typedef struct prn_samples {
    float *panel;
    uint32_t width, samples, count; /* 0 < samples <= width */
    size_t ld;                      /* of the matrix */
} prn_samples;

/* Two panels [rows][width] and [columns][width], and rows first .. end - 1 of a matrix. */
typedef struct prn_dots {
    const float *d, *x;
    uint32_t width, first, end;
} prn_dots;

enum { PRN_SPARSE_HEIGHTS = 3, PRN_SPARSE_WINDOWS = 2 };

typedef struct prn_sparse {
    int32_t id;                           /* PRUNE_KERNELS_* */
    uint32_t lanes, bits;                 /* of windows; 0: there are none */
    uint32_t window[PRN_SPARSE_WINDOWS];  /* narrow, whose steps are cheaper, and wide */
    uint32_t heights[PRN_SPARSE_HEIGHTS]; /* of groups, 0 behind the last */
    uint32_t narrow, vector, widest;      /* widths of panels: narrow, or a multiple of vector up to widest */
    uint32_t tile;                        /* columns, when there are panels */
    uint32_t abreast, span, together;     /* of masks; together: samples for which a span is spread once */
    /* y = W x, or with accumulate y + W x, for one sample. */
    void (*windows)(float *y, const prn_windows *w, const float *x, int32_t accumulate);
    void (*groups)(float *y, const prn_groups *w, const float *x, int32_t accumulate);
    void (*masks)(const prn_masks *w, const prn_sample_rows *samples);
    /* The same for samples side by side: y[rows][width] = W x[columns][width]. */
    void (*panel)(float *y, const prn_rows *w, const float *x, uint32_t width);
    /* to[k] += d[r] x[c], dot products of rows of panels, where weight k of W is that of row r, column c. */
    void (*dots)(float *to, const prn_rows *w, const prn_dots *of);
    /* Into a panel, 0 beyond the samples; and out of it, or added to what is there. */
    void (*pack)(const prn_samples *to, const float *from);
    void (*unpack)(float *to, const prn_samples *from, int32_t accumulate);
} prn_sparse;

/* Samples of the panel that takes so many, fillers included. */
static inline uint32_t prn_panel_width(const prn_sparse *kernels, size_t samples)
{
    if (samples <= kernels->narrow)
        return kernels->narrow;
    if (samples >= kernels->widest)
        return kernels->widest;
    return ((uint32_t)samples + kernels->vector - 1) / kernels->vector * kernels->vector;
}

/* Where the row that ends at *end, one of w->ends, begins. */
static inline uint32_t prn_rows_begin(const prn_rows *w, const uint32_t *end)
{
    return end == w->ends ? 0 : end[-1];
}

/* In plain C, for all back ends: y = W x, or with accumulate y + W x. */
void prn_rows_run(float *y, const prn_rows *w, const float *x, int32_t accumulate);
/* Sums of the rows from `first` on, in the order of w, to where they belong. */
void prn_windows_settle(float *y, const prn_windows *w, const float *sum, const uint32_t first_lanes[2],
                        int32_t accumulate);
/* What is left to pack: samples from first[0] on, of columns first[1] .. end - 1. Unpack: likewise. */
void prn_samples_pack(const prn_samples *to, const float *from, const uint32_t first[2], uint32_t end);
void prn_samples_unpack(float *to, const prn_samples *from, int32_t accumulate, const uint32_t first[2],
                        uint32_t end);

/* The best for AUTO; NULL: not offered. */
const prn_sparse *prn_sparse_find(int32_t kernels);

const prn_sparse *prn_sparse_plain(void);
const prn_sparse *prn_sparse_avx2(void);
const prn_sparse *prn_sparse_avx512(void);
const prn_sparse *prn_sparse_neon(void);

#endif
