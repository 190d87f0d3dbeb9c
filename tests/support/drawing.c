/* drawing.c -- reading a picture: its elements, and what its ticks say
 *
 * SPDX-License-Identifier: MIT */
#include "drawing.h"
#include "wellformed.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A number without the locale; *at moves behind it. NaN: there is none. */
static double number(const char **at)
{
    const double sign = **at == '-' ? -1.0 : 1.0;
    double value = 0.0, place = 1.0;
    const char *start = *at += **at == '-';
    for (; **at >= '0' && **at <= '9'; ++*at)
        value = 10.0 * value + (**at - '0');
    if (*at == start)
        return (double)NAN;
    if (**at == '.')
        for (++*at; **at >= '0' && **at <= '9'; ++*at)
            value += (**at - '0') * (place /= 10.0);
    if (**at == 'e') {
        const int down = (*at)[1] == '-';
        int exponent = 0;
        for (*at += 2; **at >= '0' && **at <= '9'; ++*at)
            exponent = 10 * exponent + (**at - '0');
        value *= pow(10.0, down ? -exponent : exponent);
    }
    return sign * value;
}

double drawing_attribute(const char *tag, const char *name)
{
    char key[32];
    (void)snprintf(key, sizeof key, " %s=\"", name);
    const char *at = strstr(tag, key), *end = strchr(tag, '>');
    ck_assert(at != NULL && at < end);
    at += strlen(key);
    return number(&at);
}

static void take_tick(drawing_scale *s, const char *tag, double pixel)
{
    const char *at = strchr(tag, '>') + 1;
    const double value = number(&at);
    if (isnan(value) || *at != '<')
        return;
    ck_assert_uint_lt(s->count, DRAWING_TICKS);
    s->pixel[s->count] = pixel;
    s->value[s->count++] = value;
}

void drawing_read_scales(drawing_scale *x, drawing_scale *y, const char *picture)
{
    x->count = y->count = 0;
    for (const char *tag = strstr(picture, "<text x="); tag != NULL; tag = strstr(tag + 1, "<text x=")) {
        const char *anchor = strstr(tag, "text-anchor=\"");
        if (strncmp(anchor, "text-anchor=\"end\"", 17) == 0)
            take_tick(y, tag, drawing_attribute(tag, "y") - 4.0);
        else if (strncmp(anchor, "text-anchor=\"middle\"", 20) == 0)
            take_tick(x, tag, drawing_attribute(tag, "x"));
    }
}

double drawing_place(const drawing_scale *s, double value, int log_scale)
{
    const size_t last = s->count - 1;
    const double a = log_scale ? log10(s->value[0]) : s->value[0];
    const double b = log_scale ? log10(s->value[last]) : s->value[last];
    const double v = log_scale ? log10(value) : value;
    return s->pixel[0] + (v - a) / (b - a) * (s->pixel[last] - s->pixel[0]);
}

void drawing_check_scale(const drawing_scale *s, double low, double high, int log_scale)
{
    const double slack = 1e-8 * fmax(fabs(low), fabs(high));
    ck_assert_uint_ge(s->count, 2);
    ck_assert_uint_le(s->count, 10);
    ck_assert_double_le(s->value[0], low + slack);
    ck_assert_double_ge(s->value[s->count - 1], high - slack);
    for (size_t i = 0; i < s->count; i++) {
        ck_assert(i == 0 || s->value[i] > s->value[i - 1]);
        ck_assert_double_eq_tol(s->pixel[i], drawing_place(s, s->value[i], log_scale), 0.02);
    }
}

void drawing_check_picture(const char *picture)
{
    ck_assert_msg(wellformed_xml(picture), "%s", picture);
    ck_assert_int_eq(strncmp(picture, "<svg xmlns=\"http://www.w3.org/2000/svg\" ", 40), 0);
    ck_assert_ptr_null(strstr(picture, "nan"));
    ck_assert_ptr_null(strstr(picture, "inf"));
}
