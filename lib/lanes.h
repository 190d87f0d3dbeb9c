/* lanes.h -- four floats at once, with the same bits on every machine
 *
 * Where the machine has vectors of 128 bits this is the vector extension of GCC and Clang; elsewhere
 * four scalars, which the compiler keeps in registers. (It would keep the extension's in memory, and
 * vectorises neither loops nor scalars reliably.) */
#ifndef PRN_LANES_H
#define PRN_LANES_H

#include "inline.h"

#include <stddef.h>
#include <string.h>

enum { PRN_LANES = 4 };

#if defined(__SSE__) || defined(__ARM_NEON) || defined(__ALTIVEC__) || defined(__wasm_simd128__)

enum { PRN_VECTORS = 1 };

typedef float prn_lanes __attribute__((vector_size(16)));

PRN_INLINE prn_lanes prn_lanes_load(const float *from)
{
    prn_lanes x;
    memcpy(&x, from, sizeof x);
    return x;
}

PRN_INLINE void prn_lanes_store(float *to, prn_lanes x)
{
    memcpy(to, &x, sizeof x);
}

/* sum + x * y, lane by lane */
PRN_INLINE prn_lanes prn_lanes_add_product(prn_lanes sum, prn_lanes x, prn_lanes y)
{
    return sum + x * y;
}

/* sum + factor * y */
PRN_INLINE prn_lanes prn_lanes_add_scaled(prn_lanes sum, float factor, prn_lanes y)
{
    return sum + factor * y;
}

/* The lanes added up, in pairs: (0 + 2) + (1 + 3) */
PRN_INLINE float prn_lanes_across(prn_lanes x)
{
    return (x[0] + x[2]) + (x[1] + x[3]);
}

#else

enum { PRN_VECTORS = 0 };

typedef struct prn_lanes {
    float x0, x1, x2, x3;
} prn_lanes;

PRN_INLINE prn_lanes prn_lanes_load(const float *from)
{
    return (prn_lanes){ from[0], from[1], from[2], from[3] };
}

PRN_INLINE void prn_lanes_store(float *to, prn_lanes x)
{
    to[0] = x.x0;
    to[1] = x.x1;
    to[2] = x.x2;
    to[3] = x.x3;
}

PRN_INLINE prn_lanes prn_lanes_add_product(prn_lanes sum, prn_lanes x, prn_lanes y)
{
    return (prn_lanes){ sum.x0 + x.x0 * y.x0, sum.x1 + x.x1 * y.x1, sum.x2 + x.x2 * y.x2,
                        sum.x3 + x.x3 * y.x3 };
}

PRN_INLINE prn_lanes prn_lanes_add_scaled(prn_lanes sum, float factor, prn_lanes y)
{
    return (prn_lanes){ sum.x0 + factor * y.x0, sum.x1 + factor * y.x1, sum.x2 + factor * y.x2,
                        sum.x3 + factor * y.x3 };
}

PRN_INLINE float prn_lanes_across(prn_lanes x)
{
    return (x.x0 + x.x2) + (x.x1 + x.x3);
}

#endif

#endif
