/* sheet.c -- rows of measurements, as CSV and as means
 *
 * SPDX-License-Identifier: MIT */
#include "sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int belongs(const sheet_row *row, const char *method, double kept)
{
    return row->kept == kept && strcmp(row->method, method) == 0;
}

static double deviation(double squares, size_t n)
{
    return n < 2 ? 0.0 : sqrt(squares / (double)(n - 1));
}

static void add_deviations(sheet_mean *m, const sheet *s, const char *method, double kept)
{
    double accuracy = 0.0, change = 0.0;
    for (const sheet_row *row = s->rows; row < s->rows + s->count; row++)
        if (belongs(row, method, kept)) {
            accuracy += pow(row->accuracy - m->accuracy, 2.0);
            change += pow(row->accuracy - row->dense - m->change, 2.0);
        }
    m->deviation = deviation(accuracy, m->n);
    m->change_deviation = deviation(change, m->n);
}

sheet_mean sheet_mean_of(const sheet *s, const char *method, double kept)
{
    sheet_mean m = { 0 };
    for (const sheet_row *row = s->rows; row < s->rows + s->count; row++)
        if (belongs(row, method, kept)) {
            m.n++;
            m.validation += row->validation;
            m.accuracy += row->accuracy;
            m.change += row->accuracy - row->dense;
        }
    if (m.n == 0)
        return m;
    m.validation /= (double)m.n;
    m.accuracy /= (double)m.n;
    m.change /= (double)m.n;
    add_deviations(&m, s, method, kept);
    return m;
}

static int write_rows(FILE *file, const sheet *s)
{
    int good =
        fputs("data,net,method,kept,seed,dense_accuracy,accuracy,weights,bytes,latency_us\n", file) >= 0;
    for (const sheet_row *row = s->rows; row < s->rows + s->count; row++)
        good &=
            fprintf(file, "%s,%s,%s,%.6g,%llu,%.6f,%.6f,%llu,%llu,%.3f\n", s->data, s->net, row->method,
                    row->kept, (unsigned long long)row->seed, row->dense, row->accuracy,
                    (unsigned long long)row->weights, (unsigned long long)row->bytes, row->latency_us) > 0;
    return good;
}

void sheet_write(const sheet *s, const char *path)
{
    FILE *file = fopen(path, "w");
    const int good = file != NULL && write_rows(file, s);
    if (file == NULL || fclose(file) != 0 || !good) {
        fprintf(stderr, "%s: cannot be written\n", path);
        exit(1);
    }
}
