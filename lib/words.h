/* words.h -- 32 floats at once, and a word with a bit for each: bit i is that of element i */
#ifndef PRN_WORDS_H
#define PRN_WORDS_H

#include <stddef.h>
#include <stdint.h>

enum { PRN_WORD = 32 };

/* Compilers make vectors of a table where they do not of a shift. */
static const uint32_t prn_word_bit[PRN_WORD] = {
    0x00000001u, 0x00000002u, 0x00000004u, 0x00000008u, 0x00000010u, 0x00000020u, 0x00000040u, 0x00000080u,
    0x00000100u, 0x00000200u, 0x00000400u, 0x00000800u, 0x00001000u, 0x00002000u, 0x00004000u, 0x00008000u,
    0x00010000u, 0x00020000u, 0x00040000u, 0x00080000u, 0x00100000u, 0x00200000u, 0x00400000u, 0x00800000u,
    0x01000000u, 0x02000000u, 0x04000000u, 0x08000000u, 0x10000000u, 0x20000000u, 0x40000000u, 0x80000000u,
};

/* Which are below the limit, and which are not above it; NaN is neither. */
static inline uint32_t prn_word_below(const float *x, float limit)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < PRN_WORD; i++)
        bits |= x[i] < limit ? prn_word_bit[i] : 0u;
    return bits;
}

static inline uint32_t prn_word_up_to(const float *x, float limit)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < PRN_WORD; i++)
        bits |= x[i] <= limit ? prn_word_bit[i] : 0u;
    return bits;
}

/* Those become 0. */
static inline void prn_word_clear(float *x, uint32_t bits)
{
    for (size_t i = 0; i < PRN_WORD; i++)
        x[i] = bits & prn_word_bit[i] ? 0.0f : x[i];
}

/* How many bits are 1. */
static inline uint32_t prn_word_ones(uint32_t bits)
{
    bits -= bits >> 1 & 0x55555555u;
    bits = (bits & 0x33333333u) + (bits >> 2 & 0x33333333u);
    return ((bits + (bits >> 4)) & 0x0f0f0f0fu) * 0x01010101u >> 24;
}

/* The place of the lowest bit that is 1, of a word that is not 0. */
static inline uint32_t prn_word_first(uint32_t bits)
{
    return prn_word_ones((bits & (~bits + 1u)) - 1u);
}

#endif
