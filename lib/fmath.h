/* fmath.h (private) -- the square root as one instruction, where the machine has one, for loops over many */
#ifndef PRN_FMATH_H
#define PRN_FMATH_H

#include "libprune/fmath.h"

/* Correctly rounded both ways, so the bits are the same. */
#if defined(__NO_MATH_ERRNO__) && (defined(__SSE__) || defined(__ARM_FP) || defined(__riscv_flen) || \
                                   defined(__wasm__) || defined(__s390x__))
enum { PRN_HAS_ROOT = 1 };

static inline float prn_root(float x)
{
    return __builtin_sqrtf(x); /* else it may be a call */
}
#else
enum { PRN_HAS_ROOT = 0 };

static inline float prn_root(float x)
{
    return prune_sqrtf(x);
}
#endif

#endif
