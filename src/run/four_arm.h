/* four_arm.h -- four products at a time, and sums cut, by the DSP instructions of ARM cores */
#ifndef PRN_FOUR_ARM_H
#define PRN_FOUR_ARM_H

#include "libprune/base.h"

typedef uint32_t __attribute__((may_alias)) prn_pair;

/* Columns 0 and 1, 2 and 3. */
typedef struct prn_four {
    uint32_t low, high;
} prn_four;

/* x is aligned to 4. */
static inline prn_four prn_four_at(const int16_t *x)
{
    const prn_pair *pair = (const prn_pair *)(const void *)x;
    const prn_four four = { pair[0], pair[1] };
    return four;
}

static inline uint32_t prn_four_add(uint32_t sum, uint32_t weights, prn_four four)
{
    uint32_t even, odd;
    __asm__("sxtb16 %0, %1" : "=r"(even) : "r"(weights));
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(odd) : "r"(weights));
    __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(even), "r"(four.low));
    __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(odd), "r"(four.high));
    return sum;
}

static inline int32_t prn_saturated(int32_t value)
{
    int32_t byte;
    __asm__("ssat %0, #8, %1" : "=r"(byte) : "r"(value));
    return byte;
}

#endif
