/* four_plain.h -- four products at a time, and sums cut, where no instruction does it */
#ifndef PRN_FOUR_PLAIN_H
#define PRN_FOUR_PLAIN_H

#include "inline.h"
#include "libprune/base.h"

typedef struct prn_four {
    int32_t x[4];
} prn_four;

PRN_INLINE prn_four prn_four_at(const int16_t *x)
{
    const prn_four four = { { x[0], x[1], x[2], x[3] } };
    return four;
}

PRN_INLINE prn_four prn_four_take(const int16_t **x)
{
    *x += 4;
    return prn_four_at(*x - 4);
}

PRN_INLINE uint32_t prn_byte_take(const uint8_t **at)
{
    return *(*at)++;
}

PRN_INLINE int32_t prn_byte(uint32_t word, uint32_t shift)
{
    return (int8_t)(word >> shift & 255u);
}

/* In a word of weights, bytes 0 and 2 belong to the first two columns: so they come apart in pairs. */
PRN_INLINE uint32_t prn_four_add(uint32_t sum, uint32_t weights, prn_four four)
{
    return sum + (uint32_t)(prn_byte(weights, 0) * four.x[0] + prn_byte(weights, 16) * four.x[1] +
                            prn_byte(weights, 8) * four.x[2] + prn_byte(weights, 24) * four.x[3]);
}

PRN_INLINE int32_t prn_saturated(int32_t value)
{
    return value > 127 ? 127 : value < -128 ? -128 : value;
}

PRN_INLINE int32_t prn_half_saturated(int32_t value)
{
    return prn_saturated(value >> 1);
}

#endif
