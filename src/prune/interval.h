/* interval.h (private) -- quantiles, for confidence bounds */
#ifndef PRN_INTERVAL_H
#define PRN_INTERVAL_H

/* The p-quantile of the standard normal distribution, 1e-9 <= p <= 1 - 1e-9, to 1e-9. */
double prn_normal_quantile(double p);

/* Of Student's t with at least 10 degrees of freedom, 0.001 <= p <= 0.999, to 1e-3: its expansion in
 * 1 / freedom (M. Abramowitz and I. Stegun, Handbook of Mathematical Functions, 26.7.5). */
double prn_student_quantile(double p, double freedom);

#endif
