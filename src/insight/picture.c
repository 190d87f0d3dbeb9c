/* picture.c -- what pruning looks like, as SVG: four pictures on one way to draw
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/picture.h"
#include "bits.h"
#include "decimal.h"
#include "model.h"
#include "options.h"
#include "plot.h"

enum { NARROWEST = 400, LOWEST = 200, LARGEST = 10000, NAMED_BARS = 12, LABEL = 40 };

void prune_picture_options_init(prune_picture_options *options)
{
    if (options != NULL)
        *options = (prune_picture_options){ .size = sizeof *options, .width = 640.0, .height = 400.0 };
}

/* The caller's options, and what the picture says where he says nothing. */
static prune_status take_options(prune_picture_options *mine, const prune_picture_options *options,
                                 const prune_writer *writer, const char *const defaults[3])
{
    prune_picture_options_init(mine);
    if (writer == NULL || writer->write == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = prn_options_read(mine, sizeof *mine, options);
    if (status != PRUNE_OK)
        return status;
    mine->title = mine->title == NULL ? defaults[0] : mine->title;
    mine->x_label = mine->x_label == NULL ? defaults[1] : mine->x_label;
    mine->y_label = mine->y_label == NULL ? defaults[2] : mine->y_label;
    return mine->width >= NARROWEST && mine->width <= LARGEST && mine->height >= LOWEST &&
                   mine->height <= LARGEST
               ? PRUNE_OK
               : PRUNE_E_RANGE;
}

static prn_frame frame_of(const prune_picture_options *o, size_t legend)
{
    return (prn_frame){ o->title, o->x_label, o->y_label, o->width, o->height, legend, 0 };
}

static prune_status check_spans(const prn_span *x, const prn_span *y)
{
    if (x->wild || y->wild)
        return PRUNE_E_RANGE;
    return x->some && y->some ? PRUNE_OK : PRUNE_E_EMPTY;
}

/* ---- histogram ---- */

typedef struct histogram {
    prune_histogram h;
    const prune_picture_mark *marks;
    size_t mark_count;
    prn_span x, y;
} histogram;

/* A histogram by ratios of scores that are all 0 has no logarithms. */
static prune_status span_histogram(histogram *g)
{
    const double low = (double)g->h.low, high = (double)g->h.high;
    if (!(low - low <= 0.0) || !(high - high <= 0.0))
        return PRUNE_E_NONFINITE;
    if (!(low <= high))
        return PRUNE_E_RANGE;
    g->x.log = g->h.log_scale && low > 0.0;
    prn_span_add(&g->x, low);
    prn_span_add(&g->x, high);
    for (size_t i = 0; i < g->mark_count; i++)
        prn_span_add(&g->x, g->marks[i].value);
    prn_span_add(&g->y, g->y.log ? 1.0 : 0.0);
    uint64_t most = 0;
    for (size_t i = 0; i < g->h.bins; i++)
        most = g->h.counts[i] > most ? g->h.counts[i] : most;
    prn_span_add(&g->y, (double)most);
    return most > 0 ? check_spans(&g->x, &g->y) : PRUNE_E_EMPTY;
}

static prune_status check_histogram(histogram *g, const prune_histogram *given)
{
    if (given == NULL || (g->marks == NULL && g->mark_count > 0))
        return PRUNE_E_ARGUMENT;
    const prune_status status = prn_options_read(&g->h, sizeof g->h, given);
    if (status != PRUNE_OK)
        return status;
    if (g->h.bins == 0)
        return PRUNE_E_SIZE;
    return g->h.counts == NULL ? PRUNE_E_ARGUMENT : span_histogram(g);
}

static void draw_bins(prn_plot *plot, const prune_histogram *h)
{
    for (size_t i = 0; i < h->bins; i++) {
        const double x[2] = { prn_axis_at(&plot->x, (double)prune_histogram_edge(h, i)),
                              prn_axis_at(&plot->x, (double)prune_histogram_edge(h, i + 1)) };
        if (h->counts[i] > 0)
            prn_plot_bar(plot, x,
                         (const double[]){ plot->y.from, prn_axis_at(&plot->y, (double)h->counts[i]) },
                         prn_plot_color(0));
    }
}

static void draw_marks(prn_plot *plot, const histogram *g)
{
    const double y[2] = { plot->y.from, plot->y.to };
    for (size_t i = 0; i < g->mark_count; i++) {
        const prune_picture_mark *mark = &g->marks[i];
        if (!prn_span_takes(&g->x, mark->value))
            continue;
        const double x = prn_axis_at(&plot->x, mark->value);
        prn_plot_line(plot, (const double[]){ x, x }, y, prn_plot_color(1 + i), 1);
        prn_plot_name(plot, mark->name == NULL ? "threshold" : mark->name, prn_plot_color(1 + i), 1);
    }
}

prune_status prune_picture_histogram(const prune_writer *writer, const prune_histogram *given,
                                     const prune_picture_mark *marks, size_t mark_count,
                                     const prune_picture_options *options)
{
    static const char *const defaults[] = { "Distribution of the scores", "score", "units" };
    prune_picture_options mine;
    prn_plot plot;
    histogram g = { .marks = marks, .mark_count = mark_count };
    prune_status status = take_options(&mine, options, writer, defaults);
    g.y.log = mine.log_y != 0;
    if (status == PRUNE_OK)
        status = check_histogram(&g, given);
    if (status != PRUNE_OK)
        return status;
    size_t legend = 0;
    for (size_t i = 0; i < mark_count; i++)
        legend += (size_t)prn_span_takes(&g.x, marks[i].value);
    const prn_frame frame = frame_of(&mine, legend);
    prn_plot_open(&plot, writer, &frame, &g.x, &g.y);
    draw_bins(&plot, &g.h);
    draw_marks(&plot, &g);
    return prn_plot_close(&plot);
}

/* ---- curves ---- */

typedef struct curves {
    const prune_picture_series *series;
    size_t count;
    double before; /* NaN or infinite: no line */
    prn_span x, y;
} curves;

static int32_t is_there(const curves *c, const prune_picture_series *s, size_t i)
{
    return prn_span_takes(&c->x, s->x[i]) && prn_span_takes(&c->y, s->y[i]);
}

/* How far the bar of a point goes: 0 if there is none. */
static double error_at(const prune_picture_series *s, size_t i)
{
    return s->error != NULL && s->error[i] - s->error[i] <= 0.0 ? s->error[i] : 0.0;
}

static prune_status span_series(curves *c, const prune_picture_series *s)
{
    if (s->count > 0 && (s->x == NULL || s->y == NULL))
        return PRUNE_E_ARGUMENT;
    for (size_t i = 0; i < s->count; i++) {
        if (!is_there(c, s, i))
            continue;
        if (error_at(s, i) < 0.0)
            return PRUNE_E_RANGE;
        prn_span_add(&c->x, s->x[i]);
        prn_span_add(&c->y, s->y[i]);
        prn_span_add(&c->y, s->y[i] - error_at(s, i));
        prn_span_add(&c->y, s->y[i] + error_at(s, i));
    }
    return PRUNE_OK;
}

static void draw_error(prn_plot *plot, const curves *c, const double at[3], const char *color)
{
    const double x = prn_axis_at(&plot->x, at[0]), ends[2] = { at[1] - at[2], at[1] + at[2] };
    double y[2];
    for (size_t k = 0; k < 2; k++)
        y[k] = prn_span_takes(&c->y, ends[k]) ? prn_axis_at(&plot->y, ends[k]) : plot->y.from;
    prn_plot_line(plot, (const double[]){ x, x }, y, color, 0);
    for (size_t k = 0; k < 2; k++)
        prn_plot_line(plot, (const double[]){ x - 4.0, x + 4.0 }, (const double[]){ y[k], y[k] }, color, 0);
}

static void draw_series(prn_plot *plot, const curves *c, size_t which)
{
    const prune_picture_series *s = &c->series[which];
    const char *color = prn_plot_color(which);
    int32_t inside = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (is_there(c, s, i))
            prn_plot_path(plot, prn_axis_at(&plot->x, s->x[i]), prn_axis_at(&plot->y, s->y[i]),
                          inside ? NULL : color);
        else if (inside)
            prn_plot_path_end(plot);
        inside = is_there(c, s, i);
    }
    if (inside)
        prn_plot_path_end(plot);
    for (size_t i = 0; i < s->count; i++) {
        if (!is_there(c, s, i))
            continue;
        prn_plot_dot(plot, prn_axis_at(&plot->x, s->x[i]), prn_axis_at(&plot->y, s->y[i]), color);
        if (error_at(s, i) > 0.0)
            draw_error(plot, c, (const double[]){ s->x[i], s->y[i], error_at(s, i) }, color);
    }
}

static void draw_curves(prn_plot *plot, const curves *c)
{
    for (size_t i = 0; i < c->count; i++) {
        draw_series(plot, c, i);
        if (c->series[i].name != NULL)
            prn_plot_name(plot, c->series[i].name, prn_plot_color(i), 0);
    }
    if (prn_span_takes(&c->y, c->before)) {
        const double x[2] = { plot->x.from, plot->x.to }, y = prn_axis_at(&plot->y, c->before);
        prn_plot_line(plot, x, (const double[]){ y, y }, "#000000", 1);
        prn_plot_name(plot, "before", "#000000", 1);
    }
}

static prune_status picture_curves(const prune_writer *writer, curves *c,
                                   const prune_picture_options *options, const char *const defaults[3])
{
    prune_picture_options mine;
    prn_plot plot;
    size_t legend = 0;
    prune_status status = take_options(&mine, options, writer, defaults);
    if (status == PRUNE_OK && c->series == NULL && c->count > 0)
        status = PRUNE_E_ARGUMENT;
    c->x.log = mine.log_x != 0;
    c->y.log = mine.log_y != 0;
    for (size_t i = 0; status == PRUNE_OK && i < c->count; i++) {
        status = span_series(c, &c->series[i]);
        legend += c->series[i].name != NULL;
    }
    if (status == PRUNE_OK)
        status = check_spans(&c->x, &c->y);
    prn_span_add(&c->y, c->before);
    if (status == PRUNE_OK)
        status = check_spans(&c->x, &c->y);
    if (status != PRUNE_OK)
        return status;
    legend += (size_t)prn_span_takes(&c->y, c->before);
    const prn_frame frame = frame_of(&mine, legend);
    prn_plot_open(&plot, writer, &frame, &c->x, &c->y);
    draw_curves(&plot, c);
    return prn_plot_close(&plot);
}

prune_status prune_picture_tradeoff(const prune_writer *writer, const prune_picture_series *series,
                                    size_t series_count, const prune_picture_options *options)
{
    static const char *const defaults[] = { "Accuracy against sparsity", "sparsity", "accuracy" };
    curves c = { .series = series, .count = series_count };
    c.before = (double)prn_bits_float(0x7fc00000u);
    return picture_curves(writer, &c, options, defaults);
}

prune_status prune_picture_sensitivity(const prune_writer *writer, const prune_picture_series *series,
                                       size_t series_count, double before,
                                       const prune_picture_options *options)
{
    static const char *const defaults[] = { "Sensitivity of the layers", "removed share of the layer",
                                            "metric" };
    curves c = { .series = series, .count = series_count, .before = before };
    return picture_curves(writer, &c, options, defaults);
}

/* ---- sparsity by layer ---- */

static prune_status weights_of(uint64_t *weights, uint64_t *kept, const prune_model *model, size_t layer)
{
    prune_layer_info info = { .size = sizeof info };
    const prune_status status = prune_model_layer_info(&info, model, layer);
    *weights = status == PRUNE_OK ? info.weights : 0;
    *kept = info.weights_kept;
    return status;
}

/* Layers with weights. */
static size_t count_bars(const prune_model *model)
{
    uint64_t weights, kept;
    size_t bars = 0;
    for (size_t l = 0; l < model->layer_count; l++)
        bars += weights_of(&weights, &kept, model, l) == PRUNE_OK && weights > 0;
    return bars;
}

static void name_bar(prn_plot *plot, double x, double y, double percent)
{
    char bytes[LABEL];
    prn_text text;
    prn_text_start(&text, bytes, sizeof bytes);
    prn_decimal_fixed(&text, percent, 1);
    prn_text_add(&text, " %");
    prn_plot_text(plot, x, y - 5.0, bytes);
}

static void name_layer(prn_plot *plot, double x, const prn_layer *layer, size_t l, int32_t wide)
{
    char bytes[LABEL];
    prn_text text;
    prn_text_start(&text, bytes, sizeof bytes);
    prn_text_number(&text, l);
    if (wide) {
        prn_text_add(&text, " ");
        prn_text_add(&text, layer->ops->name);
    }
    prn_plot_text(plot, x, plot->y.from + 16.0, bytes);
}

static void draw_layers(prn_plot *plot, const prune_model *model, size_t bars)
{
    const double pitch = (plot->x.to - plot->x.from) / (double)bars;
    const size_t every = 1 + bars / (2 * NAMED_BARS);
    uint64_t weights, kept;
    size_t n = 0;
    for (size_t l = 0; l < model->layer_count; l++) {
        if (weights_of(&weights, &kept, model, l) != PRUNE_OK || weights == 0)
            continue;
        const double middle = plot->x.from + pitch * ((double)n + 0.5), half = 0.35 * pitch;
        const double percent = 100.0 * (double)(weights - kept) / (double)weights;
        const double y[2] = { plot->y.from, prn_axis_at(&plot->y, percent) };
        if (kept < weights)
            prn_plot_bar(plot, (const double[]){ middle - half, middle + half }, y, prn_plot_color(0));
        if (bars <= NAMED_BARS)
            name_bar(plot, middle, y[1], percent);
        if (n % every == 0)
            name_layer(plot, middle, model->layers[l], l, bars <= NAMED_BARS / 2);
        n++;
    }
}

prune_status prune_picture_sparsity(const prune_writer *writer, const prune_model *model,
                                    const prune_picture_options *options)
{
    static const char *const defaults[] = { "Sparsity of the layers", "layer", "removed weights, %" };
    prune_picture_options mine;
    prn_plot plot;
    prune_status status = take_options(&mine, options, writer, defaults);
    if (status == PRUNE_OK)
        status = prn_model_check(model);
    const size_t bars = status == PRUNE_OK ? count_bars(model) : 0;
    if (status == PRUNE_OK && bars == 0)
        status = PRUNE_E_EMPTY;
    if (status != PRUNE_OK)
        return status;
    prn_span x = { 0 }, y = { 0 };
    prn_span_add(&x, 0.0);
    prn_span_add(&x, 1.0);
    prn_span_add(&y, 0.0);
    prn_span_add(&y, 100.0);
    prn_frame frame = frame_of(&mine, 0);
    frame.bare = 1;
    prn_plot_open(&plot, writer, &frame, &x, &y);
    draw_layers(&plot, model, bars);
    return prn_plot_close(&plot);
}
