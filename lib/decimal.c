/* decimal.c -- a double in decimal, without stdio and without a locale
 *
 * SPDX-License-Identifier: MIT */
#include "decimal.h"

#include <float.h>

enum { DIGITS = 9, LEAST_POINT = -3 };

/* value = 0.d1 d2 ... d9 * 10^point, d1 > 0 */
typedef struct decimal {
    char digit[DIGITS + 1];
    int32_t point;
} decimal;

/* One rounding a step, of 2^-53 each: over all of double's range together below 1e-13. */
static void take_apart(decimal *d, double value)
{
    d->point = DIGITS;
    for (; value >= 1e9; d->point++)
        value /= 10.0;
    for (; value < 1e8; d->point--)
        value *= 10.0;
    uint32_t whole = (uint32_t)(value + 0.5);
    if (whole >= 1000000000u) {
        whole /= 10;
        d->point++;
    }
    d->digit[DIGITS] = '\0';
    for (int32_t i = DIGITS - 1; i >= 0; i--, whole /= 10)
        d->digit[i] = (char)('0' + (int)(whole % 10));
    for (int32_t i = DIGITS - 1; i > 0 && d->digit[i] == '0'; i--)
        d->digit[i] = '\0';
}

/* The first `count` digits (0: none, at most all), filled up with zeros. Returns what follows them. */
static const char *add_digits(prn_text *text, const char *digit, int32_t count)
{
    for (; count > 0; count--) {
        const char one[] = { *digit == '\0' ? '0' : *digit, '\0' };
        prn_text_add(text, one);
        digit += *digit != '\0';
    }
    return digit;
}

static void add_fraction(prn_text *text, const char *digit)
{
    if (*digit != '\0') {
        prn_text_add(text, ".");
        prn_text_add(text, digit);
    }
}

static void add_scientific(prn_text *text, const decimal *d)
{
    const int32_t exponent = d->point - 1;
    add_fraction(text, add_digits(text, d->digit, 1));
    prn_text_add(text, exponent < 0 ? "e-" : "e+");
    const size_t size = (size_t)(exponent < 0 ? -exponent : exponent);
    prn_text_add(text, size < 10 ? "0" : "");
    prn_text_number(text, size);
}

static void add_plain(prn_text *text, const decimal *d)
{
    if (d->point > 0) {
        add_fraction(text, add_digits(text, d->digit, d->point));
        return;
    }
    prn_text_add(text, "0.");
    add_digits(text, "", -d->point);
    prn_text_add(text, d->digit);
}

void prn_decimal_add(prn_text *text, double value)
{
    decimal d;
    prn_text_add(text, value < 0.0 ? "-" : "");
    value = value < 0.0 ? -value : value;
    if (value != value || value > DBL_MAX || !(value > 0.0)) {
        prn_text_add(text, value != value ? "nan" : value > 0.0 ? "inf" : "0");
        return;
    }
    take_apart(&d, value);
    if (d.point < LEAST_POINT || d.point > DIGITS)
        add_scientific(text, &d);
    else
        add_plain(text, &d);
}

void prn_decimal_fixed(prn_text *text, double value, int32_t places)
{
    static const uint32_t powers[] = { 1, 10, 100 };
    const double size = value < 0.0 ? -value : value;
    if (!(size < 1e7)) {
        prn_decimal_add(text, value);
        return;
    }
    const uint32_t whole = (uint32_t)(size * (double)powers[places] + 0.5);
    const uint32_t hundredths = whole * (powers[2] / powers[places]);
    const char digits[] = { '.', (char)('0' + hundredths / 10 % 10), (char)('0' + hundredths % 10), '\0' };
    const char tenth[] = { digits[0], digits[1], '\0' };
    prn_text_add(text, value < 0.0 && hundredths > 0 ? "-" : "");
    prn_text_number(text, hundredths / 100);
    if (hundredths % 100 > 0)
        prn_text_add(text, hundredths % 10 > 0 ? digits : tenth);
}
