/* plot.h -- what all pictures are drawn with: a frame, axes, bars, lines, dots, a legend, as SVG */
#ifndef PRN_PLOT_H
#define PRN_PLOT_H

#include "axis.h"
#include "sink.h"

/* Fixed before anything is drawn. */
typedef struct prn_frame {
    const char *title, *x_label, *y_label;
    double width, height;
    size_t legend; /* how many entries there will be */
    int32_t bare;  /* the x axis gets no ticks: prn_plot_under() names what stands there */
} prn_frame;

typedef struct prn_plot {
    prn_sink out;
    prn_axis x, y;
    double width, height;
    size_t legend; /* entries so far */
} prn_plot;

enum { PRN_PLOT_DASHED = 1 };

/* The n-th of the colours, which come again and again. */
const char *prn_plot_color(size_t n);

/* Opens the document and draws frame, ticks, labels and title. Both spans have some. */
void prn_plot_open(prn_plot *plot, const prune_writer *writer, const prn_frame *frame, const prn_span *x,
                   const prn_span *y);

/* In pixels; from prn_axis_at() of x and y. A bar is at least a pixel wide and high. */
void prn_plot_bar(prn_plot *plot, const double x[2], const double y[2], const char *color);
void prn_plot_line(prn_plot *plot, const double x[2], const double y[2], const char *color, int32_t dashed);
void prn_plot_dot(prn_plot *plot, double x, double y, const char *color);
void prn_plot_text(prn_plot *plot, double x, double y, const char *text);

/* A path of lines: the first point with start, the others without, then the end. */
void prn_plot_path(prn_plot *plot, double x, double y, const char *start_color);
void prn_plot_path_end(prn_plot *plot);

/* The next entry of the legend. */
void prn_plot_name(prn_plot *plot, const char *name, const char *color, int32_t dashed);

prune_status prn_plot_close(prn_plot *plot);

#endif
