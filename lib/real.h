/* real.h (private) -- logarithm and exponential in double, for modules without the C library */
#ifndef PRN_REAL_H
#define PRN_REAL_H

/* The natural logarithm of a normal double above 0, to some units in the last place. */
double prn_real_log(double x);

/* e^y, to 1e-14; y is taken to lie within -690 .. 690. */
double prn_real_exp(double y);

#endif
