/* fmath.h -- float functions without libm: the same bits on every IEEE 754 machine
 *
 * Pure functions of float; no errno, no tables in RAM, no double. Built with -ffp-contract=off the
 * results agree bit for bit between x86, ARM and RISC-V. -ffast-math, and its parts that reorder sums or
 * know no NaN, are refused at compile time: results would be wrong, not merely less exact. Errors are given
 * against the exact value, measured over all floats. NaN gives NaN. Any thread.
 * On chips: libprune-firmware.a and libprune-runtime.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_FMATH_H
#define LIBPRUNE_FMATH_H

#include "libprune/base.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* e^x; relative error at most 8.5e-8 while the result is a normal number. Above 88.72283 it is +Inf;
 * below -87.33654, where the result would be subnormal, it is 0. */
float prune_expf(float x);

/* Natural logarithm; relative error at most 8.7e-8. 0 gives -Inf, x < 0 NaN; subnormal x is right too. */
float prune_logf(float x);

/* Hyperbolic tangent; relative error at most 9.3e-8. Odd: tanh(-x) is -tanh(x), bit for bit. */
float prune_tanhf(float x);

/* 1 / (1 + e^-x); relative error at most 9e-8 while the result is a normal number; below -87.33654 it
 * is 0. */
float prune_sigmoidf(float x);

/* e^x - 1, without loss for small x; relative error at most 9e-8. Above 88.72283 it is +Inf. */
float prune_expm1f(float x);

/* log(1 + e^x), which never overflows; relative error at most 9.9e-8 while the result is a normal number;
 * below -87.33654 it is 0. */
float prune_softplusf(float x);

/* Standard normal distribution function, (1 + erf(x / sqrt(2))) / 2; relative error at most 9.7e-8 while the
 * result is a normal number, also far out on the left, where erf has no digits left; below -13.17 it is 0. */
float prune_normcdff(float x);

/* Square root, correctly rounded. x < 0 gives NaN. */
float prune_sqrtf(float x);
/* FFI-END */
PRUNE_API_END

#endif
