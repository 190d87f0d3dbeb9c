/* axis.h -- an axis of a picture: its range, its ticks, and where a value lies on it */
#ifndef PRN_AXIS_H
#define PRN_AXIS_H

#include "libprune/base.h"

/* What an axis has to cover. Starts as zeros. */
typedef struct prn_span {
    int32_t log;  /* takes only what is above 0 */
    int32_t some; /* whether it has taken any */
    int32_t wild; /* whether one was beyond 1e100 */
    double low, high;
} prn_span;

typedef struct prn_axis {
    int32_t log;
    double low, high; /* both are ticks */
    double step;      /* of the ticks; of their exponents on a logarithmic axis */
    size_t ticks;
    double from, to; /* pixels of low and high */
} prn_axis;

/* Whether the span can take a value, which is finite and, on a logarithmic axis, above 0. */
int32_t prn_span_takes(const prn_span *span, double value);

/* Widens the span by a value, if it can take it. */
void prn_span_add(prn_span *span, double value);

/* Round ticks around all of a span that has some. */
void prn_axis_make(prn_axis *axis, const prn_span *span);

/* The value of tick i < ticks; and the pixel of a value of the span. */
double prn_axis_tick(const prn_axis *axis, size_t i);
double prn_axis_at(const prn_axis *axis, double value);

#endif
