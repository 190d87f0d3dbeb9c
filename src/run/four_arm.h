/* four_arm.h -- four products at a time, and sums cut, by the DSP instructions of ARM cores */
#ifndef PRN_FOUR_ARM_H
#define PRN_FOUR_ARM_H

#include "inline.h"
#include "libprune/base.h"

/* Columns 0 and 1, 2 and 3. */
typedef struct __attribute__((may_alias)) prn_four {
    uint32_t low, high;
} prn_four;

/* x is aligned to 4. */
PRN_INLINE prn_four prn_four_at(const int16_t *x)
{
    const prn_four *at = (const prn_four *)(const void *)x;
    prn_four four;
    __asm__("ldrd %0, %1, %2" : "=r"(four.low), "=r"(four.high) : "Q"(*at));
    return four;
}

/* And goes on behind them. */
PRN_INLINE prn_four prn_four_take(const int16_t **x)
{
    const prn_four *at = (const prn_four *)(const void *)*x;
    prn_four four;
    __asm__("ldrd %0, %1, [%2], #8" : "=r"(four.low), "=r"(four.high), "+r"(*x) : "m"(*at));
    return four;
}

/* Compilers that see how far a walk goes keep where it ends, in registers that they do not have. */
PRN_INLINE uint32_t prn_byte_take(const uint8_t **at)
{
    uint32_t byte;
    __asm__("ldrb %0, [%1], #1" : "=r"(byte), "+r"(*at) : "m"(**at));
    return byte;
}

/* In one piece, since compilers that put other instructions between run out of registers. */
PRN_INLINE uint32_t prn_four_add(uint32_t sum, uint32_t weights, prn_four four)
{
    uint32_t half;
    __asm__("sxtb16 %1, %2\n\t"
            "smlad %0, %1, %3, %0\n\t"
            "sxtb16 %1, %2, ror #8\n\t"
            "smlad %0, %1, %4, %0"
            : "+&r"(sum), "=&r"(half)
            : "r"(weights), "r"(four.low), "r"(four.high));
    return sum;
}

PRN_INLINE int32_t prn_saturated(int32_t value)
{
    int32_t byte;
    __asm__("ssat %0, #8, %1" : "=r"(byte) : "r"(value));
    return byte;
}

/* Of half the value, rounded down. */
PRN_INLINE int32_t prn_half_saturated(int32_t value)
{
    int32_t byte;
    __asm__("ssat %0, #8, %1, asr #1" : "=r"(byte) : "r"(value));
    return byte;
}

#endif
