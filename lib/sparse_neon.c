/* sparse_neon.c -- sparse products with vectors of 4 floats, for 64-bit ARM
 *
 * A step of windows sees 16 columns: a table of 64 bytes, in which index i stands for bytes 4 i .. 4 i + 3.
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

PRN_INLINE void vector_sums(float to[4], const float32x4_t v[4])
{
    vst1q_f32(to, vpaddq_f32(vpaddq_f32(v[0], v[1]), vpaddq_f32(v[2], v[3])));
}

#include "sparse_vectors.h"

enum { LANES = 4, WINDOW = 16, BITS = 8, TILE = 256, WIDEST = 16 };

PRN_INLINE float32x4_t add_step(float32x4_t sum, const prn_windows *w, size_t step, const float *x)
{
    uint32_t packed;
    memcpy(&packed, w->index + step * LANES, sizeof packed);
    const uint8_t *at = (const uint8_t *)(x + w->base[step]);
    const uint8x16x4_t seen = { { vld1q_u8(at), vld1q_u8(at + 16), vld1q_u8(at + 32), vld1q_u8(at + 48) } };
    const uint16x4_t index = vget_low_u16(vmovl_u8(vcreate_u8(packed)));
    const uint32x4_t first = vmulq_n_u32(vmovl_u16(index), 0x04040404u);
    const uint8x16_t bytes = vreinterpretq_u8_u32(vaddq_u32(first, vdupq_n_u32(0x03020100u)));
    return vfmaq_f32(sum, vreinterpretq_f32_u8(vqtbl4q_u8(seen, bytes)), vld1q_f32(w->value + step * LANES));
}

static void windows(float *y, const prn_windows *w, const float *x, int32_t accumulate)
{
    size_t step = 0;
    for (uint32_t first = 0, slice = 0; first < w->rows; first += LANES, slice++) {
        const size_t end = w->ends[slice];
        float32x4_t even = vector_zero(), odd = vector_zero();
        for (; step + 2 <= end; step += 2) {
            even = add_step(even, w, step, x);
            odd = add_step(odd, w, step + 1, x);
        }
        for (; step < end; step++)
            even = add_step(even, w, step, x);
        float sum[LANES];
        vst1q_f32(sum, vaddq_f32(even, odd));
        prn_windows_settle(y, w, sum, (const uint32_t[2]){ first, LANES }, accumulate);
    }
}

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
                                 .window = WINDOW,
                                 .bits = BITS,
                                 .heights = { LANES, 2 * LANES, 4 * LANES },
                                 .narrow = LANES,
                                 .vector = LANES,
                                 .widest = WIDEST,
                                 .tile = TILE,
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
