/* drawing.h -- reading a picture: its elements, and what its ticks say
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_DRAWING_H
#define TESTS_DRAWING_H

#include "wellformed.h"

enum { DRAWING_TICKS = 64 };

/* An axis as its tick texts have it. */
typedef struct drawing_scale {
    size_t count;
    double pixel[DRAWING_TICKS], value[DRAWING_TICKS];
} drawing_scale;

/* The value of a numeric attribute of the element at `tag`. */
double drawing_attribute(const char *tag, const char *name);

/* Both axes. */
void drawing_read_scales(drawing_scale *x, drawing_scale *y, const char *picture);

/* The pixel where a value should be, from the first and the last tick. */
double drawing_place(const drawing_scale *s, double value, int log_scale);

/* Fails the test unless there are 2 to 10 ticks, each where it says, with all of low .. high between them. */
void drawing_check_scale(const drawing_scale *s, double low, double high, int log_scale);

/* Fails the test unless it is well-formed, and no number in it is none. */
void drawing_check_picture(const char *picture);

#endif
