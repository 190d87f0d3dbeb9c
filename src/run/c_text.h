/* c_text.h -- constants as C source */
#ifndef PRN_C_TEXT_H
#define PRN_C_TEXT_H

#include "sink.h"

/* A hexadecimal float that C99 and C++17 read back as itself: "0x1.8p-3f"; -Inf: "-PRN_INFINITY". */
void prn_c_float(prn_sink *sink, float value);

/* All elements, some to a line, each behind a comma but the first: type is PRUNE_BLOB_I8, I16 or F32, or one
 * of these. */
enum { PRN_C_WORD = 3, PRN_C_HALF = 4 };
void prn_c_array(prn_sink *sink, int32_t type, const void *elements, size_t count);

/* 1 if these are finite. */
int32_t prn_c_finite(const float *x, size_t count);

/* The text, letters as capitals. */
void prn_c_upper(prn_sink *sink, const char *text);

#endif
