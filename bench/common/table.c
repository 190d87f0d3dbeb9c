/* table.c -- what the nets of a study came to, as a table and as a picture
 *
 * SPDX-License-Identifier: MIT */
#include "table.h"
#include "output.h"

#include <math.h>

static void print_figures(const study_figures *f)
{
    if (f->train > 0.0)
        printf("  %6.2f %6.2f %6.2f", f->train, f->held_out, f->train - f->held_out);
    else
        printf("  %6s %6s %6s", "", "", "");
}

static void print_row(const study *s, size_t r)
{
    const study_row *row = &s->rows[r];
    char cut[32] = "";
    if (r >= STUDY_ONE_SHOT && r < STUDY_GRADUAL)
        snprintf(cut, sizeof cut, "%3.0f %% < %.2g", 100.0 * study_share(&s->plan, r), row->threshold);
    if (r == STUDY_GRADUAL)
        snprintf(cut, sizeof cut, "%3.0f %%", 100.0 * study_share(&s->plan, r));
    printf("%-14s %-14s %8.0f", study_name(r), cut, row->weights);
    print_figures(&row->before);
    print_figures(&row->after);
    printf(" %9.0f %8.0f\n", row->nonzero_bytes, row->macs);
}

void table_print(const study *s)
{
    printf("%-14s %-14s %8s  %20s  %20s %9s %8s\n", "", "", "", "-- before tuning --", "---- trained ----",
           "non-zero", "");
    printf("%-14s %-14s %8s", "net or score", "removed", "weights");
    for (int i = 0; i < 2; i++)
        printf("  %6s %6s %6s", "train", "held", "gap");
    printf(" %9s %8s\n", "bytes", "MACs");
    for (size_t r = 0; r < STUDY_ROWS; r++)
        print_row(s, r);
}

/* ---- accuracy against what is removed ---- */

enum { POINTS = 1 + STUDY_SHARES };

typedef struct curve {
    double x[POINTS], y[POINTS], error[POINTS];
} curve;

/* Of the folds; 0 for a single one. */
static double deviation(const study_row *row, size_t folds)
{
    double squares = 0.0;
    for (size_t i = 0; i < folds; i++)
        squares += pow(row->by_fold[i] - row->after.held_out, 2.0);
    return folds < 2 ? 0.0 : sqrt(squares / (double)(folds - 1));
}

static void add_point(prune_picture_series *series, curve *c, const study *s, size_t row, double removed)
{
    c->x[series->count] = removed;
    c->y[series->count] = s->rows[row].after.held_out;
    c->error[series->count++] = deviation(&s->rows[row], s->plan.info->folds);
}

/* From the dense net on, by the shares of one score. */
static prune_picture_series trace(curve *c, const study *s, size_t first_row)
{
    prune_picture_series series = { .name = study_name(first_row), .x = c->x, .y = c->y, .error = c->error };
    add_point(&series, c, s, STUDY_DENSE, 0.0);
    for (size_t i = 0; i < STUDY_SHARES && first_row + i < STUDY_ROWS; i++)
        add_point(&series, c, s, first_row + i, 100.0 * study_share(&s->plan, first_row + i));
    return series;
}

void table_draw(const study *s, const char *folder)
{
    enum { CURVES = STUDY_CRITERIA + 1 };
    curve curves[CURVES];
    prune_picture_series series[CURVES];
    prune_picture_options options;
    FILE *file = output_open(folder, "demo-tradeoff.svg");
    const prune_writer writer = output_to(file);
    for (size_t i = 0; i < CURVES; i++)
        series[i] = trace(&curves[i], s, STUDY_ONE_SHOT + i * STUDY_SHARES);
    prune_picture_options_init(&options);
    options.title = s->plan.info->folds < 2 ? "Accuracy of the pruned and tuned nets"
                                            : "Accuracy of the pruned and tuned nets, deviations over folds";
    options.x_label = "removed weights, %";
    options.y_label = "held-out accuracy, %";
    must(prune_picture_tradeoff(&writer, series, CURVES, &options), "picture", NULL);
    output_close(file);
}
