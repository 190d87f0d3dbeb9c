/* sparse_avx2.c -- sparse products with vectors of 8 floats, for x86 with AVX2 and FMA
 *
 * A step of windows sees 8 columns, one permutation; or 16: two, of which bit 3 of the index chooses.
 *
 * SPDX-License-Identifier: MIT */
#include "sparse.h"

/* Windows aligns stacks to 16 bytes, and GCC there spills these vectors as if to 32. */
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__)) && !defined(_WIN32)

#include "lanes.h"

#include <immintrin.h>

#define VECTOR_TARGET __attribute__((target("avx2,fma,popcnt")))
#define VECTOR_LANES 8
#define VECTOR __m256
#define vector_zero _mm256_setzero_ps
#define vector_load _mm256_loadu_ps
#define vector_store _mm256_storeu_ps
#define vector_all _mm256_set1_ps
#define vector_add _mm256_add_ps
#define vector_fma _mm256_fmadd_ps
#define vector_load_some(from, count) \
    _mm256_maskload_ps(from, _mm256_loadu_si256((const void *)(some_or_none + 8 - (count))))
#define VECTOR_SAMPLES 2

VECTOR_TARGET PRN_INLINE void vector_sums(float to[4], const __m256 v[4])
{
    const __m256 pairs = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
    _mm_storeu_ps(to, _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1)));
}

enum { LANES = 8, NARROW_WINDOW = 8, WINDOW = 16, BITS = 4, TILE = 256, WIDEST = 32 };

/* The four bytes at index are eight numbers. */
VECTOR_TARGET PRN_INLINE __m256 add_step(__m256 sum, const prn_windows *w, size_t step, const float *x,
                                         uint32_t window)
{
    int32_t packed;
    memcpy(&packed, w->index + step * (LANES * BITS / 8), sizeof packed);
    const float *at = x + w->base[step];
    const __m256i index =
        _mm256_srlv_epi32(_mm256_set1_epi32(packed), _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28));
    __m256 taken = _mm256_permutevar8x32_ps(_mm256_loadu_ps(at), index);
    if (window != NARROW_WINDOW) {
        const __m256 high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(at + LANES), index);
        taken = _mm256_blendv_ps(taken, high, _mm256_castsi256_ps(_mm256_slli_epi32(index, 28)));
    }
    return _mm256_fmadd_ps(taken, _mm256_load_ps(w->value + step * LANES), sum);
}

static const int32_t some_or_none[16] = { -1, -1, -1, -1, -1, -1, -1, -1 };

/* Which of the weights that are kept belongs to bit b of a mask m; 0x80: none. */
#define BIT(m, b) ((m) >> (b)&1)
#define BELOW(m, b) ((m) & ((1 << (b)) - 1))
#define COUNT(m) (BIT(m, 0) + BIT(m, 1) + BIT(m, 2) + BIT(m, 3) + BIT(m, 4) + BIT(m, 5) + BIT(m, 6))
#define PLACE(m, b) (BIT(m, b) ? COUNT(BELOW(m, b)) : 0x80)
#define PLACES(m)                                                                                  \
    {                                                                                              \
        PLACE(m, 0), PLACE(m, 1), PLACE(m, 2), PLACE(m, 3), PLACE(m, 4), PLACE(m, 5), PLACE(m, 6), \
            PLACE(m, 7)                                                                            \
    }
#define PLACES_4(m) PLACES(m), PLACES((m) + 1), PLACES((m) + 2), PLACES((m) + 3)
#define PLACES_16(m) PLACES_4(m), PLACES_4((m) + 4), PLACES_4((m) + 8), PLACES_4((m) + 12)
#define PLACES_64(m) PLACES_16(m), PLACES_16((m) + 16), PLACES_16((m) + 32), PLACES_16((m) + 48)
static const uint8_t places[256][8] = { PLACES_64(0), PLACES_64(64), PLACES_64(128), PLACES_64(192) };

VECTOR_TARGET PRN_INLINE __m256 expand(const float **from, const unsigned char *mask)
{
    const __m256i place = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)places[*mask]));
    const __m256 next = _mm256_permutevar8x32_ps(_mm256_loadu_ps(*from), place);
    *from += __builtin_popcount(*mask);
    return _mm256_blendv_ps(next, _mm256_setzero_ps(), _mm256_castsi256_ps(place));
}

VECTOR_TARGET PRN_INLINE float vector_across(__m256 v)
{
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

#include "sparse_vectors.h"

/* ---- groups ---- */

VECTOR_TARGET static void groups(float *y, const prn_groups *w, const float *x, int32_t accumulate)
{
    if (w->height == LANES)
        groups_of(y, w, x, accumulate, 1);
    else
        groups_of(y, w, x, accumulate, 2);
}

/* ---- panels ---- */

/* 8 rows of 8, ld apart, become columns. */
VECTOR_TARGET PRN_INLINE void transpose(float *to, size_t to_ld, const float *from, size_t from_ld)
{
    __m256 a[8], b[8];
    for (size_t i = 0; i < 8; i++)
        a[i] = _mm256_loadu_ps(from + i * from_ld);
    for (size_t i = 0; i < 8; i += 2) {
        b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
    }
    for (size_t i = 0; i < 8; i += 4)
        for (size_t j = 0; j < 2; j++) {
            a[i + 2 * j] = _mm256_shuffle_ps(b[i + j], b[i + j + 2], _MM_SHUFFLE(1, 0, 1, 0));
            a[i + 2 * j + 1] = _mm256_shuffle_ps(b[i + j], b[i + j + 2], _MM_SHUFFLE(3, 2, 3, 2));
        }
    for (size_t i = 0; i < 4; i++) {
        _mm256_storeu_ps(to + i * to_ld, _mm256_permute2f128_ps(a[i], a[i + 4], 0x20));
        _mm256_storeu_ps(to + (i + 4) * to_ld, _mm256_permute2f128_ps(a[i], a[i + 4], 0x31));
    }
}

VECTOR_TARGET static void pack(const prn_samples *to, const float *from)
{
    const uint32_t whole = to->samples & ~7u, columns = to->count & ~7u;
    for (uint32_t i = 0; i < columns; i += 8)
        for (uint32_t s = 0; s < whole; s += 8)
            transpose(to->panel + (size_t)i * to->width + s, to->width, from + s * to->ld + i, to->ld);
    prn_samples_pack(to, from, (const uint32_t[2]){ whole, 0 }, columns);
    prn_samples_pack(to, from, (const uint32_t[2]){ 0, columns }, to->count);
}

VECTOR_TARGET PRN_INLINE void add_block(float *to, size_t ld, const float block[64])
{
    for (size_t s = 0; s < 8; s++)
        _mm256_storeu_ps(to + s * ld,
                         _mm256_add_ps(_mm256_loadu_ps(to + s * ld), _mm256_loadu_ps(block + 8 * s)));
}

VECTOR_TARGET static void unpack(float *to, const prn_samples *from, int32_t accumulate)
{
    const uint32_t whole = from->samples & ~7u, columns = from->count & ~7u;
    for (uint32_t i = 0; i < columns; i += 8)
        for (uint32_t s = 0; s < whole; s += 8) {
            float block[64], *at = to + s * from->ld + i;
            const float *panel_at = from->panel + (size_t)i * from->width + s;
            transpose(accumulate ? block : at, accumulate ? 8 : from->ld, panel_at, from->width);
            if (accumulate)
                add_block(at, from->ld, block);
        }
    prn_samples_unpack(to, from, accumulate, (const uint32_t[2]){ whole, 0 }, columns);
    prn_samples_unpack(to, from, accumulate, (const uint32_t[2]){ 0, columns }, from->count);
}

static const prn_sparse avx2 = { .id = PRUNE_KERNELS_AVX2,
                                 .lanes = LANES,
                                 .window = { NARROW_WINDOW, WINDOW },
                                 .bits = BITS,
                                 .heights = { LANES, 2 * LANES },
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

const prn_sparse *prn_sparse_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("popcnt")
               ? &avx2
               : NULL;
}

#else

const prn_sparse *prn_sparse_avx2(void)
{
    return NULL;
}

#endif
