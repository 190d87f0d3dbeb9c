/* plot.c -- what all pictures are drawn with: a frame, axes, bars, lines, dots, a legend, as SVG
 *
 * SPDX-License-Identifier: MIT */
#include "plot.h"

enum { LEFT = 70, TOP = 44, RIGHT = 24, BOTTOM = 52, LEGEND = 180, ENTRY = 18, NAME = 22 };

const char *prn_plot_color(size_t n)
{
    static const char *const colors[] = { "#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                          "#e69f00", "#56b4e9", "#000000", "#999999" };
    return colors[n % (sizeof colors / sizeof colors[0])];
}

/* ---- text ---- */

/* Bytes of the character there, if XML takes it: UTF-8 as RFC 3629 has it, no controls; 0: it does not. */
static size_t character(const unsigned char *c)
{
    static const uint32_t least[] = { 0x20, 0x80, 0x800, 0x10000 };
    const size_t more = c[0] < 0x80 ? 0 : c[0] < 0xe0 ? 1 : c[0] < 0xf0 ? 2 : 3;
    uint32_t value = more == 0 ? c[0] : c[0] & (0x3fu >> more);
    if ((c[0] >= 0x80 && c[0] < 0xc2) || c[0] > 0xf4)
        return 0;
    for (size_t i = 1; i <= more; i++) {
        if ((c[i] & 0xc0u) != 0x80u)
            return 0;
        value = value << 6 | (c[i] & 0x3fu);
    }
    if (value < least[more] || value == 0x7f || value > 0x10ffff)
        return 0;
    return (value >= 0xd800 && value < 0xe000) || (value & 0xfffeu) == 0xfffeu ? 0 : more + 1;
}

static void put_character(prn_sink *out, const char *at, size_t length)
{
    switch (*at) {
    case '<':
        prn_sink_add(out, "&lt;");
        break;
    case '>':
        prn_sink_add(out, "&gt;");
        break;
    case '&':
        prn_sink_add(out, "&amp;");
        break;
    case '"':
        prn_sink_add(out, "&quot;");
        break;
    default:
        if (length > 0)
            prn_sink_bytes(out, at, length);
        else
            prn_sink_add(out, "?");
    }
}

/* At most `most` characters, with dots for what is cut. */
static void put_escaped(prn_sink *out, const char *text, size_t most)
{
    for (size_t n = 0; *text != '\0'; n++) {
        if (n == most) {
            prn_sink_add(out, "...");
            return;
        }
        const size_t length = character((const unsigned char *)text);
        put_character(out, text, length);
        text += length > 0 ? length : 1;
    }
}

/* ---- elements ---- */

static void put_attribute(prn_sink *out, const char *name, double value)
{
    prn_sink_add(out, " ");
    prn_sink_add(out, name);
    prn_sink_add(out, "=\"");
    prn_sink_fixed(out, value, 2);
    prn_sink_add(out, "\"");
}

static void put_string(prn_sink *out, const char *name, const char *value)
{
    prn_sink_add(out, " ");
    prn_sink_add(out, name);
    prn_sink_add(out, "=\"");
    prn_sink_add(out, value);
    prn_sink_add(out, "\"");
}

/* Leaves the element open for its text, which ends with end_text(). */
static void start_text(prn_sink *out, double x, double y, const char *anchor)
{
    prn_sink_add(out, "<text");
    put_attribute(out, "x", x);
    put_attribute(out, "y", y);
    put_string(out, "text-anchor", anchor);
    prn_sink_add(out, ">");
}

static void end_text(prn_sink *out)
{
    prn_sink_add(out, "</text>\n");
}

void prn_plot_text(prn_plot *plot, double x, double y, const char *text)
{
    start_text(&plot->out, x, y, "middle");
    put_escaped(&plot->out, text, NAME);
    end_text(&plot->out);
}

void prn_plot_line(prn_plot *plot, const double x[2], const double y[2], const char *color, int32_t dashed)
{
    prn_sink *out = &plot->out;
    prn_sink_add(out, "<line");
    put_attribute(out, "x1", x[0]);
    put_attribute(out, "y1", y[0]);
    put_attribute(out, "x2", x[1]);
    put_attribute(out, "y2", y[1]);
    put_string(out, "stroke", color);
    if (dashed)
        put_string(out, "stroke-dasharray", "6 3");
    prn_sink_add(out, "/>\n");
}

static void put_rect(prn_sink *out, const double corner[2], const double size[2], const char *color)
{
    prn_sink_add(out, "<rect");
    put_attribute(out, "x", corner[0]);
    put_attribute(out, "y", corner[1]);
    put_attribute(out, "width", size[0]);
    put_attribute(out, "height", size[1]);
    put_string(out, "fill", color);
    prn_sink_add(out, "/>\n");
}

/* Pixels of y grow downward. */
void prn_plot_bar(prn_plot *plot, const double x[2], const double y[2], const char *color)
{
    const double wide = x[1] - x[0] > 1.0 ? x[1] - x[0] : 1.0, high = y[0] - y[1] > 1.0 ? y[0] - y[1] : 1.0;
    put_rect(&plot->out, (const double[]){ x[0], y[0] - high }, (const double[]){ wide, high }, color);
}

void prn_plot_dot(prn_plot *plot, double x, double y, const char *color)
{
    prn_sink_add(&plot->out, "<circle");
    put_attribute(&plot->out, "cx", x);
    put_attribute(&plot->out, "cy", y);
    put_string(&plot->out, "r", "3");
    put_string(&plot->out, "fill", color);
    prn_sink_add(&plot->out, "/>\n");
}

void prn_plot_path(prn_plot *plot, double x, double y, const char *start_color)
{
    prn_sink *out = &plot->out;
    if (start_color != NULL) {
        prn_sink_add(out, "<polyline fill=\"none\" stroke-width=\"1.5\"");
        put_string(out, "stroke", start_color);
        prn_sink_add(out, " points=\"");
    } else {
        prn_sink_add(out, " ");
    }
    prn_sink_fixed(out, x, 2);
    prn_sink_add(out, ",");
    prn_sink_fixed(out, y, 2);
}

void prn_plot_path_end(prn_plot *plot)
{
    prn_sink_add(&plot->out, "\"/>\n");
}

void prn_plot_name(prn_plot *plot, const char *name, const char *color, int32_t dashed)
{
    const double x = plot->x.to + 14.0, y = (double)(TOP + 8 + ENTRY * plot->legend++);
    prn_plot_line(plot, (const double[]){ x, x + 20.0 }, (const double[]){ y, y }, color, dashed);
    start_text(&plot->out, x + 26.0, y + 4.0, "start");
    put_escaped(&plot->out, name, NAME);
    end_text(&plot->out);
}

/* ---- the frame ---- */

static void put_head(prn_sink *out, double width, double height)
{
    prn_sink_add(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\"");
    put_attribute(out, "width", width);
    put_attribute(out, "height", height);
    prn_sink_add(out, " viewBox=\"0 0 ");
    prn_sink_fixed(out, width, 2);
    prn_sink_add(out, " ");
    prn_sink_fixed(out, height, 2);
    prn_sink_add(out, "\" font-family=\"sans-serif\" font-size=\"12\">\n");
    put_rect(out, (const double[]){ 0.0, 0.0 }, (const double[]){ width, height }, "#ffffff");
}

static void put_tick_text(prn_plot *plot, double x, double y, const char *anchor, double value)
{
    start_text(&plot->out, x, y, anchor);
    prn_sink_number(&plot->out, value);
    end_text(&plot->out);
}

static void put_x_ticks(prn_plot *plot)
{
    const double y[2] = { plot->y.from, plot->y.to };
    for (size_t i = 0; i < plot->x.ticks; i++) {
        const double value = prn_axis_tick(&plot->x, i), at = prn_axis_at(&plot->x, value);
        prn_plot_line(plot, (const double[]){ at, at }, y, "#dddddd", 0);
        put_tick_text(plot, at, plot->y.from + 16.0, "middle", value);
    }
}

static void put_y_ticks(prn_plot *plot)
{
    const double x[2] = { plot->x.from, plot->x.to };
    for (size_t i = 0; i < plot->y.ticks; i++) {
        const double value = prn_axis_tick(&plot->y, i), at = prn_axis_at(&plot->y, value);
        prn_plot_line(plot, x, (const double[]){ at, at }, "#dddddd", 0);
        put_tick_text(plot, plot->x.from - 6.0, at + 4.0, "end", value);
    }
}

/* Characters that fit: in most sans-serif fonts the mean one is a little over half as wide as its size. */
static size_t fitting(double length, double font_size)
{
    return (size_t)(length / (0.6 * font_size));
}

static void put_labels(prn_plot *plot, const prn_frame *frame)
{
    prn_sink *out = &plot->out;
    const size_t across = fitting(plot->x.to - plot->x.from, 12.0);
    const size_t upwards = fitting(plot->y.from - plot->y.to, 12.0);
    const double x = 0.5 * (plot->x.from + plot->x.to), y = 0.5 * (plot->y.from + plot->y.to);
    prn_sink_add(out, "<text font-size=\"15\" text-anchor=\"middle\"");
    put_attribute(out, "x", 0.5 * plot->width);
    prn_sink_add(out, " y=\"22\">");
    put_escaped(out, frame->title, fitting(plot->width, 15.0));
    end_text(out);
    start_text(out, x, plot->height - 12.0, "middle");
    put_escaped(out, frame->x_label, across);
    end_text(out);
    prn_sink_add(out, "<text text-anchor=\"middle\" transform=\"translate(16 ");
    prn_sink_fixed(out, y, 2);
    prn_sink_add(out, ") rotate(-90)\">");
    put_escaped(out, frame->y_label, upwards);
    end_text(out);
}

void prn_plot_open(prn_plot *plot, const prune_writer *writer, const prn_frame *frame, const prn_span *x,
                   const prn_span *y)
{
    const double least = (double)(TOP + BOTTOM + ENTRY * frame->legend);
    prn_sink_start(&plot->out, writer);
    plot->legend = 0;
    plot->width = frame->width;
    plot->height = frame->height > least ? frame->height : least;
    prn_axis_make(&plot->x, x);
    prn_axis_make(&plot->y, y);
    plot->x.from = LEFT;
    plot->x.to = plot->width - (frame->legend > 0 ? LEGEND + RIGHT : RIGHT);
    plot->y.from = plot->height - BOTTOM;
    plot->y.to = TOP;
    put_head(&plot->out, plot->width, plot->height);
    if (!frame->bare)
        put_x_ticks(plot);
    put_y_ticks(plot);
    put_labels(plot, frame);
}

/* The axes lie over what was drawn. */
prune_status prn_plot_close(prn_plot *plot)
{
    const double x[2] = { plot->x.from, plot->x.to }, y[2] = { plot->y.from, plot->y.to };
    prn_plot_line(plot, x, (const double[]){ y[0], y[0] }, "#000000", 0);
    prn_plot_line(plot, (const double[]){ x[0], x[0] }, y, "#000000", 0);
    prn_sink_add(&plot->out, "</svg>\n");
    return prn_sink_end(&plot->out);
}
