/* decimal.h -- a double in decimal, without stdio and without a locale */
#ifndef PRN_DECIMAL_H
#define PRN_DECIMAL_H

#include "text.h"

/* 9 significant digits, without trailing zeros, with an exponent below 1e-4 and from 1e9 on: "0.125",
 * "-3e-07". The error is below 0.501 of the last digit, so that a float is read back as itself. Also "inf",
 * "-inf" and "nan". */
void prn_decimal_add(prn_text *text, double value);

/* At most `places` (0 .. 2) digits after the point, rounded half up, without trailing zeros; never "-0". From
 * 1e7 on, and what is not finite, as above. */
void prn_decimal_fixed(prn_text *text, double value, int32_t places);

#endif
