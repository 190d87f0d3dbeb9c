/* sparse_avx512.c -- sparse products with vectors of 16 floats, for x86 with AVX-512F and VPOPCNTDQ
 *
 * A step of windows sees 32 columns, one permutation of two vectors; or 16, of one. What fills no vector of
 * 16 is AVX2's.
 *
 * SPDX-License-Identifier: MIT */
#include "sparse.h"

#if defined(__GNUC__) && defined(__x86_64__) && !defined(_WIN32) /* on Windows as in sparse_avx2.c */

#include "lanes.h"

#include <immintrin.h>

#define VECTOR_TARGET __attribute__((target("avx512f,avx512vpopcntdq,fma,popcnt")))
#define VECTOR_LANES 16
#define VECTOR __m512
#define vector_zero _mm512_setzero_ps
#define vector_load _mm512_loadu_ps
#define vector_store _mm512_storeu_ps
#define vector_all _mm512_set1_ps
#define vector_add _mm512_add_ps
#define vector_fma _mm512_fmadd_ps
#define vector_load_some(from, count) _mm512_maskz_loadu_ps((__mmask16)((1u << (count)) - 1), from)
#define vector_across _mm512_reduce_add_ps
#define VECTOR_SAMPLES 4

VECTOR_TARGET PRN_INLINE __m256 halves(__m512 v)
{
    const __m256d high = _mm512_extractf64x4_pd(_mm512_castps_pd(v), 1);
    return _mm256_add_ps(_mm512_castps512_ps256(v), _mm256_castpd_ps(high));
}

VECTOR_TARGET PRN_INLINE void vector_sums(float to[4], const __m512 v[4])
{
    const __m256 pairs = _mm256_hadd_ps(_mm256_hadd_ps(halves(v[0]), halves(v[1])),
                                        _mm256_hadd_ps(halves(v[2]), halves(v[3])));
    _mm_storeu_ps(to, _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1)));
}

enum { LANES = 16, NARROW_WINDOW = 16, WINDOW = 32, BITS = 8, TILE = 256, WIDEST = 64, NARROW = 8 };

VECTOR_TARGET PRN_INLINE __m512 add_step(__m512 sum, const prn_windows *w, size_t step, const float *x,
                                         uint32_t window)
{
    const float *at = x + w->base[step];
    __m128i bytes;
    memcpy(&bytes, w->index + step * LANES, sizeof bytes);
    const __m512i index = _mm512_cvtepu8_epi32(bytes);
    const __m512 low = _mm512_loadu_ps(at);
    const __m512 taken = window == NARROW_WINDOW
                             ? _mm512_permutexvar_ps(index, low)
                             : _mm512_permutex2var_ps(low, index, _mm512_loadu_ps(at + LANES));
    return _mm512_fmadd_ps(taken, _mm512_load_ps(w->value + step * LANES), sum);
}

/* Weight n of those that are kept goes where n bits of the mask lie below. (On AMD Zen 5 that took a third of
 * the time of the instruction that does it all, vexpandps.) */
VECTOR_TARGET PRN_INLINE __m512 expand(const float **from, const unsigned char *mask)
{
    uint16_t bits;
    memcpy(&bits, mask, sizeof bits);
    const __m512i below = _mm512_setr_epi32(0, 0x1, 0x3, 0x7, 0xf, 0x1f, 0x3f, 0x7f, 0xff, 0x1ff, 0x3ff,
                                            0x7ff, 0xfff, 0x1fff, 0x3fff, 0x7fff);
    const __m512i place = _mm512_popcnt_epi32(_mm512_and_si512(_mm512_set1_epi32(bits), below));
    const __m512 next = _mm512_loadu_ps(*from);
    *from += __builtin_popcount(bits);
    return _mm512_maskz_permutexvar_ps(bits, place, next);
}

#include "sparse_vectors.h"

VECTOR_TARGET static void groups(float *y, const prn_groups *w, const float *x, int32_t accumulate)
{
    if (w->height == LANES)
        groups_of(y, w, x, accumulate, 1);
    else
        prn_sparse_avx2()->groups(y, w, x, accumulate);
}

VECTOR_TARGET static void wide_panel(float *y, const prn_rows *w, const float *x, uint32_t width)
{
    if (width == NARROW)
        prn_sparse_avx2()->panel(y, w, x, width);
    else
        panel(y, w, x, width);
}

VECTOR_TARGET static void wide_dots(float *to, const prn_rows *w, const prn_dots *of)
{
    if (of->width == NARROW)
        prn_sparse_avx2()->dots(to, w, of);
    else
        dots(to, w, of);
}

static void pack(const prn_samples *to, const float *from)
{
    prn_sparse_avx2()->pack(to, from);
}

static void unpack(float *to, const prn_samples *from, int32_t accumulate)
{
    prn_sparse_avx2()->unpack(to, from, accumulate);
}

static const prn_sparse avx512 = { .id = PRUNE_KERNELS_AVX512,
                                   .lanes = LANES,
                                   .window = { NARROW_WINDOW, WINDOW },
                                   .bits = BITS,
                                   .heights = { LANES / 2, LANES },
                                   .narrow = NARROW,
                                   .vector = LANES,
                                   .widest = WIDEST,
                                   .tile = TILE,
                                   .abreast = VECTOR_ABREAST,
                                   .span = VECTOR_LANES,
                                   .together = VECTOR_SAMPLES,
                                   .masks = masks,
                                   .windows = windows,
                                   .groups = groups,
                                   .panel = wide_panel,
                                   .dots = wide_dots,
                                   .pack = pack,
                                   .unpack = unpack };

const prn_sparse *prn_sparse_avx512(void)
{
    return prn_sparse_avx2() != NULL && __builtin_cpu_supports("avx512f") &&
                   __builtin_cpu_supports("avx512vpopcntdq")
               ? &avx512
               : NULL;
}

#else

const prn_sparse *prn_sparse_avx512(void)
{
    return NULL;
}

#endif
