/* real.c -- logarithm and exponential in double
 *
 * SPDX-License-Identifier: MIT */
#include "real.h"
#include "libprune/base.h"

#include <string.h>

static const double LN2 = 0.69314718055994530942;

/* 2^exponent, for normal numbers. */
static double power_of_two(int32_t exponent)
{
    const uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* x = 2^e m, 0.7 < m < 1.5, and log m = 2 artanh s = 2 (s + s^3/3 + s^5/5 + ...) with
 * s = (m - 1) / (m + 1), |s| < 0.2. */
double prn_real_log(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int32_t exponent = (int32_t)(bits >> 52) - 1023;
    double m = x / power_of_two(exponent);
    if (m > 1.4) {
        m *= 0.5;
        exponent++;
    }
    const double s = (m - 1.0) / (m + 1.0);
    double sum = 0.0;
    for (int32_t i = 23; i > 0; i -= 2)
        sum = sum * s * s + 1.0 / (double)i;
    return (double)exponent * LN2 + 2.0 * s * sum;
}

/* By its series, of a 128th of what 2^e leaves. */
double prn_real_exp(double y)
{
    y = y < -690.0 ? -690.0 : y > 690.0 ? 690.0 : y;
    const int32_t exponent = (int32_t)(y / LN2);
    const double rest = (y - (double)exponent * LN2) / 128.0;
    double sum = 1.0;
    for (int32_t i = 7; i > 0; i--)
        sum = 1.0 + sum * rest / (double)i;
    for (int32_t i = 0; i < 7; i++)
        sum *= sum;
    return sum * power_of_two(exponent);
}
