/* axis.c -- an axis of a picture: its range, its ticks, and where a value lies on it
 *
 * SPDX-License-Identifier: MIT */
#include "axis.h"
#include "real.h"

enum { MOST_STEPS = 6, MOST_DECADES = 8 };
static const double WILD = 1e100;
static const double TINY = 1e-100;

int32_t prn_span_takes(const prn_span *span, double value)
{
    return value - value <= 0.0 && (!span->log || value > 0.0);
}

void prn_span_add(prn_span *span, double value)
{
    if (!prn_span_takes(span, value))
        return;
    span->wild |= value > WILD || value < -WILD || (span->log && value < TINY);
    span->low = !span->some || value < span->low ? value : span->low;
    span->high = !span->some || value > span->high ? value : span->high;
    span->some = 1;
}

static double power_of_ten(int32_t exponent)
{
    double power = 1.0;
    for (int32_t i = 0; i < exponent; i++)
        power *= 10.0;
    for (int32_t i = 0; i > exponent; i--)
        power /= 10.0;
    return power;
}

/* The largest whole number that is not above x. */
static int64_t whole_below(double x)
{
    const int64_t whole = (int64_t)x;
    return (double)whole > x ? whole - 1 : whole;
}

/* The power of ten at or below, or with `above` at or above, a value above 0. */
static int32_t decade(double value, int32_t above)
{
    int32_t e = (int32_t)whole_below(prn_real_log(value) / prn_real_log(10.0) + 1e-12);
    return above && power_of_ten(e) < value * (1.0 - 1e-12) ? e + 1 : e;
}

static void make_log(prn_axis *axis, const prn_span *span)
{
    const int32_t low = decade(span->low, 0), highest = decade(span->high, 1);
    const int32_t high = highest > low ? highest : low + 1;
    const int32_t step = (high - low + MOST_DECADES - 1) / MOST_DECADES;
    const int32_t steps = (high - low + step - 1) / step;
    axis->low = power_of_ten(low);
    axis->high = power_of_ten(low + steps * step);
    axis->step = (double)step;
    axis->ticks = (size_t)steps + 1;
}

/* 1, 2 or 5 times a power of ten, not below `least`. */
static double round_step(double least)
{
    double step = 1.0;
    while (step > least)
        step /= 10.0;
    while (step * 10.0 <= least)
        step *= 10.0;
    return step >= least         ? step
           : 2.0 * step >= least ? 2.0 * step
           : 5.0 * step >= least ? 5.0 * step
                                 : 10.0 * step;
}

/* Where all values are one, or as good as, there is still something to see. */
static void make_linear(prn_axis *axis, const prn_span *span)
{
    double low = span->low, high = span->high;
    const double size = high > -low ? high : -low;
    if (high - low <= 1e-9 * size || !(high - low >= TINY)) {
        const double more = size > TINY ? 0.5 * size : 0.5;
        low -= more;
        high += more;
    }
    axis->step = round_step((high - low) / MOST_STEPS);
    const int64_t first = whole_below(low / axis->step + 1e-9);
    const int64_t last = -whole_below(-high / axis->step + 1e-9);
    axis->low = (double)first * axis->step;
    axis->high = (double)last * axis->step;
    axis->ticks = (size_t)(last - first) + 1;
}

void prn_axis_make(prn_axis *axis, const prn_span *span)
{
    axis->log = span->log;
    if (span->log)
        make_log(axis, span);
    else
        make_linear(axis, span);
}

/* Counted from 0, so that there it is 0 exactly. */
double prn_axis_tick(const prn_axis *axis, size_t i)
{
    if (axis->log)
        return axis->low * power_of_ten((int32_t)i * (int32_t)axis->step);
    const double first = axis->low / axis->step;
    const double nearest = (double)whole_below(first + 0.5);
    return (nearest + (double)i) * axis->step;
}

double prn_axis_at(const prn_axis *axis, double value)
{
    double part;
    if (axis->log)
        part = prn_real_log(value / axis->low) / prn_real_log(axis->high / axis->low);
    else
        part = (value - axis->low) / (axis->high - axis->low);
    part = part < 0.0 ? 0.0 : part > 1.0 ? 1.0 : part;
    return axis->from + part * (axis->to - axis->from);
}
