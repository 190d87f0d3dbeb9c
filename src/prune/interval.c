/* interval.c -- quantiles, for confidence bounds
 *
 * SPDX-License-Identifier: MIT */
#include "interval.h"
#include "real.h"

/* P(X < x) = 1/2 + f(x) (x + x^3/3 + x^5/(3 5) + ...), f the density (G. Marsaglia, J. Stat. Software 11(4),
 * 2004); |x| <= 7. */
static double normal_below(double x)
{
    double term = x, sum = x;
    for (int k = 3; k < 400; k += 2) {
        term *= x * x / (double)k;
        sum += term;
    }
    return 0.5 + sum * 0.39894228040143267794 * prn_real_exp(-0.5 * x * x);
}

double prn_normal_quantile(double p)
{
    double low = -7.0, high = 7.0;
    for (int i = 0; i < 60; i++) {
        const double middle = 0.5 * (low + high);
        if (normal_below(middle) < p)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

double prn_student_quantile(double p, double freedom)
{
    const double z = prn_normal_quantile(p), v = 1.0 / freedom, s = z * z;
    const double g1 = z * (s + 1.0) / 4.0;
    const double g2 = z * ((5.0 * s + 16.0) * s + 3.0) / 96.0;
    const double g3 = z * (((3.0 * s + 19.0) * s + 17.0) * s - 15.0) / 384.0;
    const double g4 = z * ((((79.0 * s + 776.0) * s + 1482.0) * s - 1920.0) * s - 945.0) / 92160.0;
    return z + v * (g1 + v * (g2 + v * (g3 + v * g4)));
}
