/* wide.h -- functions built a second time for vectors of 256 bits, where a machine may have them
 *
 * A body that is PRN_INLINE is called by two functions, one of them PRN_WIDE; prn_wide() says which may run.
 * With -ffp-contract=off longer vectors are all that differs: each element has the same bits both ways. */
#ifndef PRN_WIDE_H
#define PRN_WIDE_H

#include "lanes.h"

#include <stdint.h>

#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))

#define PRN_WIDE __attribute__((target("avx2,fma")))
enum { PRN_MAY_BE_WIDE = 1 };

static inline int32_t prn_wide(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

/* Whether vectors of 512 bits, where there are such, take twice the time of 256. */
static inline int32_t prn_wide_in_halves(void)
{
    return __builtin_cpu_is("amdfam19h");
}

#else

#define PRN_WIDE
enum { PRN_MAY_BE_WIDE = 0 };

static inline int32_t prn_wide(void)
{
    return 0;
}

static inline int32_t prn_wide_in_halves(void)
{
    return 0;
}

#endif

#endif
