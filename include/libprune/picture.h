/* picture.h -- what pruning looks like, as SVG
 *
 * Each call writes one picture through a writer: an SVG 1.1 document, UTF-8, with axes, ticks, labels, title
 * and legend; no library is needed, and no font but sans-serif. The same numbers give the same bytes, in any
 * locale. Titles, labels and names may be any text: what XML does not take becomes '?'. Names longer than 22
 * characters are cut, titles and labels where they would not fit in most fonts.
 *
 * Values that are NaN or infinite are left out, and so is what is not above 0 on a logarithmic axis: no
 * picture holds "nan". A curve is broken there. If nothing is left to draw it is PRUNE_E_EMPTY.
 *
 * Errors of all: PRUNE_E_ARGUMENT: NULL; PRUNE_E_VERSION: size; PRUNE_E_RANGE: width or height, a value
 * beyond +-1e100, or above 0 and below 1e-100 on a logarithmic axis; before anything is written. Else what
 * the writer returns, which ends it. Nothing is allocated.
 * Threads: as reading what is given.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_PICTURE_H
#define LIBPRUNE_PICTURE_H

#include "libprune/model.h"
#include "libprune/threshold.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
typedef struct prune_picture_options {
    size_t size;
    const char *title; /* default NULL: what each picture is; so with the labels */
    const char *x_label;
    const char *y_label;
    int32_t log_x; /* default 0; 1: a logarithmic axis, of curves */
    int32_t log_y; /* the same, of curves and histograms */
    double width;  /* in pixels, 400 .. 10000; default 640 */
    double height; /* 200 .. 10000; default 400. It grows with a long legend */
} prune_picture_options;

/* The defaults above. NULL is fine, and where a call takes such options means them. */
void prune_picture_options_init(prune_picture_options *options);

/* A vertical line with a name, for a threshold. */
typedef struct prune_picture_mark {
    const char *name; /* NULL: "threshold" */
    double value;
} prune_picture_mark;

/* A curve: count points (x, y), in this order. */
typedef struct prune_picture_series {
    const char *name; /* NULL: not in the legend */
    const double *x;
    const double *y;
    const double *error; /* NULL, or how far a bar goes up and down from y: at least 0 (PRUNE_E_RANGE) */
    size_t count;
} prune_picture_series;

/* A histogram that prune_histogram_fill() has filled, its x axis logarithmic if its bins are (zeros are then
 * in the first bar), and thresholds in it; marks may be NULL if there are none. A bin that is not empty is at
 * least a pixel high. PRUNE_E_SIZE: no bins; PRUNE_E_NONFINITE: an edge. */
prune_status prune_picture_histogram(const prune_writer *writer, const prune_histogram *histogram,
                                     const prune_picture_mark *marks, size_t mark_count,
                                     const prune_picture_options *options);

/* Accuracy, or another metric, against sparsity: curves with a dot for each point, and error bars. */
prune_status prune_picture_tradeoff(const prune_writer *writer, const prune_picture_series *series,
                                    size_t series_count, const prune_picture_options *options);

/* Sensitivity: curves of the metric against the share that a layer loses, and a dashed line where it was
 * before, unless that is not finite. Of a scan (sensitivity.h) a curve is a layer: x = fractions,
 * y = values + layer * levels, count = levels; before = reference. */
prune_status prune_picture_sensitivity(const prune_writer *writer, const prune_picture_series *series,
                                       size_t series_count, double before,
                                       const prune_picture_options *options);

/* A bar for each layer of the model that has weights: how many per cent of them are removed.
 * PRUNE_E_NO_LAYERS. */
prune_status prune_picture_sparsity(const prune_writer *writer, const prune_model *model,
                                    const prune_picture_options *options);
/* FFI-END */
PRUNE_API_END

#endif
