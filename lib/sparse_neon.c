/* sparse_neon.c -- sparse products with vectors of 4 floats, for 64-bit ARM
 *
 * A step of windows sees 8 or 16 columns: a table of 32 or 64 bytes, in which index i stands for bytes 4 i ..
 * 4 i + 3.
 *
 * SPDX-License-Identifier: MIT */
#include "sparse.h"

#if defined(__aarch64__) && !defined(__AARCH64EB__) && !defined(_WIN32)

#include "lanes.h"

#include <arm_neon.h>

#define VECTOR_TARGET
#define VECTOR_LANES 4
#define VECTOR float32x4_t
#define vector_zero() vdupq_n_f32(0.0f)
#define vector_load vld1q_f32
#define vector_store vst1q_f32
#define vector_all vdupq_n_f32
#define vector_add vaddq_f32
#define vector_fma(a, b, c) vfmaq_f32(c, a, b)
#define vector_across vaddvq_f32
#define VECTOR_SAMPLES 4

PRN_INLINE void vector_sums(float to[4], const float32x4_t v[4])
{
    vst1q_f32(to, vpaddq_f32(vpaddq_f32(v[0], v[1]), vpaddq_f32(v[2], v[3])));
}

enum { LANES = 4, NARROW_WINDOW = 8, WINDOW = 16, BITS = 8, TILE = 256, WIDEST = 16 };

PRN_INLINE float32x4_t add_step(float32x4_t sum, const prn_windows *w, size_t step, const float *x,
                                uint32_t window)
{
    uint32_t packed;
    memcpy(&packed, w->index + step * LANES, sizeof packed);
    const uint8_t *at = (const uint8_t *)(x + w->base[step]);
    const uint16x4_t index = vget_low_u16(vmovl_u8(vcreate_u8(packed)));
    const uint32x4_t first = vmulq_n_u32(vmovl_u16(index), 0x04040404u);
    const uint8x16_t bytes = vreinterpretq_u8_u32(vaddq_u32(first, vdupq_n_u32(0x03020100u)));
    const uint8x16x2_t low = { { vld1q_u8(at), vld1q_u8(at + 16) } };
    uint8x16_t taken;
    if (window == NARROW_WINDOW) {
        taken = vqtbl2q_u8(low, bytes);
    } else {
        const uint8x16x4_t seen = { { low.val[0], low.val[1], vld1q_u8(at + 32), vld1q_u8(at + 48) } };
        taken = vqtbl4q_u8(seen, bytes);
    }
    return vfmaq_f32(sum, vreinterpretq_f32_u8(taken), vld1q_f32(w->value + step * LANES));
}

PRN_INLINE float32x4_t vector_load_some(const float *from, uint32_t count)
{
    float some[VECTOR_LANES] = { 0 };
    for (uint32_t i = 0; i < count; i++)
        some[i] = from[i];
    return vld1q_f32(some);
}

/* Where the bytes of the weights that are kept go, by mask; 0xff: 0. */
#define BYTES(n) 4 * (n), 4 * (n) + 1, 4 * (n) + 2, 4 * (n) + 3
#define NONE 0xff, 0xff, 0xff, 0xff
static const uint8_t places[16][16] = {
    { NONE, NONE, NONE, NONE },
    { BYTES(0), NONE, NONE, NONE },
    { NONE, BYTES(0), NONE, NONE },
    { BYTES(0), BYTES(1), NONE, NONE },
    { NONE, NONE, BYTES(0), NONE },
    { BYTES(0), NONE, BYTES(1), NONE },
    { NONE, BYTES(0), BYTES(1), NONE },
    { BYTES(0), BYTES(1), BYTES(2), NONE },
    { NONE, NONE, NONE, BYTES(0) },
    { BYTES(0), NONE, NONE, BYTES(1) },
    { NONE, BYTES(0), NONE, BYTES(1) },
    { BYTES(0), BYTES(1), NONE, BYTES(2) },
    { NONE, NONE, BYTES(0), BYTES(1) },
    { BYTES(0), NONE, BYTES(1), BYTES(2) },
    { NONE, BYTES(0), BYTES(1), BYTES(2) },
    { BYTES(0), BYTES(1), BYTES(2), BYTES(3) },
};
static const uint8_t counts[16] = { 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4 };

PRN_INLINE float32x4_t expand(const float **from, const unsigned char *mask)
{
    const uint8x16_t next = vreinterpretq_u8_f32(vld1q_f32(*from));
    *from += counts[*mask];
    return vreinterpretq_f32_u8(vqtbl1q_u8(next, vld1q_u8(places[*mask])));
}

#include "sparse_vectors.h"

static void groups(float *y, const prn_groups *w, const float *x, int32_t accumulate)
{
    if (w->height == LANES)
        groups_of(y, w, x, accumulate, 1);
    else if (w->height == 2 * LANES)
        groups_of(y, w, x, accumulate, 2);
    else
        groups_of(y, w, x, accumulate, 4);
}

static void pack(const prn_samples *to, const float *from)
{
    prn_samples_pack(to, from, (const uint32_t[2]){ 0, 0 }, to->count);
}

static void unpack(float *to, const prn_samples *from, int32_t accumulate)
{
    prn_samples_unpack(to, from, accumulate, (const uint32_t[2]){ 0, 0 }, from->count);
}

static const prn_sparse neon = { .id = PRUNE_KERNELS_NEON,
                                 .lanes = LANES,
                                 .window = { NARROW_WINDOW, WINDOW },
                                 .bits = BITS,
                                 .heights = { LANES, 2 * LANES, 4 * LANES },
                                 .narrow = LANES,
                                 .vector = LANES,
                                 .widest = WIDEST,
                                 .tile = TILE,
                                 .abreast = VECTOR_ABREAST,
                                 .span = VECTOR_LANES,
                                 .together = VECTOR_SAMPLES,
                                 .masks = masks,
                                 .windows = windows,
                                 .groups = groups,
                                 .panel = panel,
                                 .dots = dots,
                                 .pack = pack,
                                 .unpack = unpack };

const prn_sparse *prn_sparse_neon(void)
{
    return &neon;
}

#else

const prn_sparse *prn_sparse_neon(void)
{
    return NULL;
}

#endif
