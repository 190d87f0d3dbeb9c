/* run_bitmask.c -- single weights, and a bit for every column
 *
 * SPDX-License-Identifier: MIT */
#include "blob.h"
#include "words.h"

static uint32_t check(const prune_blob_layer *layer)
{
    const uint32_t *data = prn_layer_data(layer);
    const size_t words = layer->words;
    size_t at = 0;
    for (uint32_t rows = layer->outputs; rows != 0; rows--) {
        at++;
        for (int32_t rest = layer->inputs; rest > 0; rest -= PRN_WORD, at++) {
            if (at >= words || (rest < PRN_WORD && data[at] << rest != 0))
                return 1;
            for (uint32_t mask = data[at]; mask != 0; mask &= mask - 1)
                at++;
        }
    }
    return at != words;
}

/* The values under one word of bits, which belong to x[0] .. x[31]. Returns what lies behind them. */
#if defined(__GNUC__) && (defined(__ARM_FEATURE_CLZ) || defined(__x86_64__) || defined(__riscv_zbb))
static inline const float *add(float *sum, const float *v, const float *x, uint32_t mask)
{
    while (mask != 0) {
        const uint32_t column = (uint32_t)__builtin_clz(mask);
        mask &= ~(0x80000000u >> column);
        *sum += *v++ * x[column];
    }
    return v;
}
#else /* bit by bit where no instruction finds the next */
#if defined(__GNUC__) && defined(__riscv_flen)
/* How many bits come before the first that is 1. As a float, cut off to 24 bits, its exponent says it. */
static inline uint32_t gap(uint32_t mask)
{
    float number;
    uint32_t bits;
    __asm__("fcvt.s.wu %0, %2, rtz\n\tfmv.x.w %1, %0" : "=&f"(number), "=r"(bits) : "r"(mask));
    return 158 - (bits >> 23);
}
#else
/* Some of them, at least one. */
static inline uint32_t gap(uint32_t mask)
{
    return mask >> 28 == 0 ? 4 : 1;
}
#endif
static inline const float *add(float *sum, const float *v, const float *x, uint32_t mask)
{
    while (mask != 0) {
        while ((mask & 0x80000000u) == 0) {
            const uint32_t columns = gap(mask);
            mask <<= columns, x += columns;
        }
        *sum += *v++ * *x++;
        mask <<= 1;
    }
    return v;
}
#endif

static void run(void *y, const void *x, const prune_blob_layer *layer)
{
    const float *w = prn_floats_at(prn_layer_data(layer));
    float *out = (float *)y;
    for (uint32_t rows = layer->outputs; rows != 0; rows--) {
        const float *in = prn_floats_at(x);
        float sum = *w++;
        for (uint32_t columns = layer->inputs; columns != 0;
             columns -= columns < PRN_WORD ? columns : (uint32_t)PRN_WORD, in += PRN_WORD)
            w = add(&sum, w + 1, in, *prn_bits_at(w));
        *out++ = prn_floored(sum, layer->floor);
    }
}

const prune_blob_op prune_op_bitmask = { PRUNE_BLOB_BITMASK, PRUNE_BLOB_F32, PRUNE_BLOB_F32, 0, check, run };
