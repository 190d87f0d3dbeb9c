/* curves.h -- what tradeoff.c measured, as a picture
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_CURVES_H
#define BENCH_CURVES_H

#include "sheet.h"

enum { CURVES_POINTS = 16 };

/* An SVG of accuracy against what is kept, a curve with deviations for each method that has rows; count is at
 * most CURVES_POINTS. Ends the program if it cannot be written. */
void curves_write(const sheet *s, const double *kept, size_t count, const char *path);

#endif
