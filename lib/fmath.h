/* fmath.h (private) -- the square root as one instruction, where the machine has one, for loops over many */
#ifndef PRN_FMATH_H
#define PRN_FMATH_H

#include "libprune/fmath.h"

/* Correctly rounded both ways, so the bits are the same. With math-errno it would be a call, too; Clang does
 * not say that it goes without, so the Makefile does. */
#if (defined(__NO_MATH_ERRNO__) || defined(PRN_NO_MATH_ERRNO)) &&                           \
    (defined(__SSE__) || defined(__ARM_FP) || defined(__riscv_flen) || defined(__wasm__) || \
     defined(__s390x__))
#define PRN_HAS_ROOT 1

static inline float prn_root(float x)
{
    return __builtin_sqrtf(x); /* else it may be a call */
}
#else
#define PRN_HAS_ROOT 0

float prn_square_root(float x);

static inline float prn_root(float x)
{
    return prn_square_root(x);
}
#endif

#endif
