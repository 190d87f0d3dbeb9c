/* run_deltas.c -- single weights, each a step behind the one before, four steps a word
 *
 * SPDX-License-Identifier: MIT */
#include "panel.h"

enum { GROUP = 5 }; /* words: four steps, four values */

static uint32_t check(const prune_blob_layer *layer)
{
    const uint32_t *at = prn_layer_data(layer);
    uint32_t left = layer->words;
    for (uint32_t rows = layer->outputs; rows != 0; rows--) {
        if (left < 2)
            return 1;
        uint32_t place = 0, groups = at[1];
        at += 2, left -= 2;
        for (; groups != 0; groups--, at += GROUP, left -= GROUP) {
            if (left < GROUP || (*at & 0x03030303u) != 0)
                return 1;
            place += (*at >> 2) * 0x01010101u >> 24; /* four columns, at most 63 each: their sum is a byte */
            if (place >= layer->inputs)
                return 1;
        }
    }
    return left;
}

/* at, and the second or third byte of steps further on. */
#if defined(__GNUC__) && defined(__ARM_FEATURE_SIMD32)
static inline const unsigned char *by_second(const unsigned char *at, uint32_t steps)
{
    __asm__("uxtab %0, %0, %1, ror #8" : "+r"(at) : "r"(steps));
    return at;
}

static inline const unsigned char *by_third(const unsigned char *at, uint32_t steps)
{
    __asm__("uxtab %0, %0, %1, ror #16" : "+r"(at) : "r"(steps));
    return at;
}
#else
static inline const unsigned char *by_second(const unsigned char *at, uint32_t steps)
{
    return at + (uint8_t)(steps >> 8);
}

static inline const unsigned char *by_third(const unsigned char *at, uint32_t steps)
{
    return at + (uint8_t)(steps >> 16);
}
#endif

/* A value times the input there. */
static inline float product(float value, const unsigned char *at)
{
    return value * *(const float *)(const void *)at;
}

static void run(void *y, const void *x, const prune_blob_layer *layer)
{
    const uint32_t *w = prn_layer_data(layer);
    float *out = (float *)y;
    for (uint32_t rows = layer->outputs; rows != 0; rows--) {
        const unsigned char *at = (const unsigned char *)x;
        float sum = *prn_floats_at(w);
        uint32_t groups = w[1];
        w += 2;
        if (groups != 0)
            do { /* one test a group, also where code is small */
                const uint32_t steps = *w;
                const float *values = prn_floats_at(w + 1);
                const prn_quad q = prn_quad_take(&values);
                at += (uint8_t)steps;
                sum += product(q.v[0], at);
                at = by_second(at, steps);
                sum += product(q.v[1], at);
                at = by_third(at, steps);
                sum += product(q.v[2], at);
                at += steps >> 24;
                sum += product(q.v[3], at);
                w = prn_bits_at(values);
            } while (--groups != 0);
        *out++ = prn_floored(sum, layer->floor);
    }
}

const prune_blob_op prune_op_deltas = { PRUNE_BLOB_DELTAS, PRUNE_BLOB_F32, PRUNE_BLOB_F32, 0, check, run };
