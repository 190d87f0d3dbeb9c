/* curves.c -- accuracy against what is kept, a curve for each method
 *
 * SPDX-License-Identifier: MIT */
#include "curves.h"
#include "dataset.h"
#include "method.h"
#include "output.h"

#include <stdio.h>

enum { CURVES = 32 };

typedef struct curve {
    double x[CURVES_POINTS], y[CURVES_POINTS], error[CURVES_POINTS];
} curve;

/* The points that there are. */
static prune_picture_series trace(curve *c, const sheet *s, const char *name, const double *kept,
                                  size_t count)
{
    prune_picture_series series = { .name = name, .x = c->x, .y = c->y, .error = c->error };
    for (size_t i = 0; i < count && series.count < CURVES_POINTS; i++) {
        const sheet_mean mean = sheet_mean_of(s, name, kept[i]);
        if (mean.n == 0)
            continue;
        c->x[series.count] = kept[i];
        c->y[series.count] = 100.0 * mean.accuracy;
        c->error[series.count++] = 100.0 * mean.deviation;
    }
    return series;
}

static prune_status draw(FILE *file, const sheet *s, const prune_picture_series *series, size_t count)
{
    char title[128];
    const prune_writer writer = output_to(file);
    prune_picture_options options;
    prune_picture_options_init(&options);
    snprintf(title, sizeof title, "%s, %s", s->data, s->net);
    options.title = title;
    options.x_label = "kept";
    options.y_label = "held-out accuracy in per cent";
    options.log_x = 1;
    options.width = 960.0;
    options.height = 600.0;
    return prune_picture_tradeoff(&writer, series, count, &options);
}

void curves_write(const sheet *s, const double *kept, size_t count, const char *path)
{
    static curve curves[CURVES];
    prune_picture_series series[CURVES];
    size_t used = 0;
    for (const method *m = method_list(); m->name != NULL && used < CURVES; m++) {
        series[used] = trace(&curves[used], s, m->name, kept, count);
        used += series[used].count != 0;
    }
    if (used == 0)
        return;
    FILE *file = fopen(path, "wb");
    must(file == NULL ? PRUNE_E_IO : PRUNE_OK, path, NULL);
    const prune_status status = draw(file, s, series, used);
    must(fclose(file) != 0 ? PRUNE_E_IO : status, path, NULL);
}
