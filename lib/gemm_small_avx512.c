/* gemm_small_avx512.c -- products too small for a BLAS to be worth its call, with vectors of 16 floats
 *
 * A tile is up to ROWS rows of C, of one vector or two; a mask cuts off what lies beyond the last column. B
 * is read where it lies if it runs along N; else it is first laid out like that.
 *
 * SPDX-License-Identifier: MIT */
#include "gemm_small.h"

#if defined(__GNUC__) && defined(__x86_64__) && !defined(_WIN32) /* on Windows as in sparse_avx2.c */

#include "lanes.h"

#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512vl,fma")))

enum { LANES = 16, VECTORS = 2, ROWS = 8, STEP = 4 };

/* Up to 2 LANES columns of op(B), rows `step` apart, and of C. */
typedef struct panel {
    __m512 bias[VECTORS];
    const float *b;
    float *c, *sums;
    size_t step, columns; /* columns: that are left, with those that lie behind the panel */
    int32_t relu;
    __mmask16 mask[VECTORS];
} panel;

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static __mmask16 first_lanes(size_t count)
{
    return (__mmask16)(count < LANES ? (1u << count) - 1 : 0xFFFF);
}

/* ---- op(B) ---- */

/* STEP numbers of each of LANES columns become STEP rows; with `mask` the first of them, then 0. */
TARGET PRN_INLINE void turn(float *to, const float *const from[LANES], size_t k, __mmask8 mask)
{
    __m512 x[STEP];
    for (size_t i = 0; i < STEP; i++) {
        x[i] = _mm512_castps128_ps512(_mm_maskz_loadu_ps(mask, from[i] + k));
        x[i] = _mm512_insertf32x4(x[i], _mm_maskz_loadu_ps(mask, from[i + STEP] + k), 1);
        x[i] = _mm512_insertf32x4(x[i], _mm_maskz_loadu_ps(mask, from[i + 2 * STEP] + k), 2);
        x[i] = _mm512_insertf32x4(x[i], _mm_maskz_loadu_ps(mask, from[i + 3 * STEP] + k), 3);
    }
    const __m512 low0 = _mm512_unpacklo_ps(x[0], x[1]), high0 = _mm512_unpackhi_ps(x[0], x[1]);
    const __m512 low1 = _mm512_unpacklo_ps(x[2], x[3]), high1 = _mm512_unpackhi_ps(x[2], x[3]);
    _mm512_store_ps(to, _mm512_shuffle_ps(low0, low1, 0x44));
    _mm512_store_ps(to + VECTORS * LANES, _mm512_shuffle_ps(low0, low1, 0xEE));
    _mm512_store_ps(to + 2 * VECTORS * LANES, _mm512_shuffle_ps(high0, high1, 0x44));
    _mm512_store_ps(to + 3 * VECTORS * LANES, _mm512_shuffle_ps(high0, high1, 0xEE));
}

/* LANES columns of op(B) from `first` on, which are rows of B; beyond the last it is that one once more. */
TARGET PRN_INLINE void lay_out(float *room, const prune_gemm *g, size_t first)
{
    const float *from[LANES];
    for (size_t j = 0; j < LANES; j++)
        from[j] = g->b + smaller(first + j, g->n - 1) * g->ldb;
    size_t k = 0;
    for (; k + STEP <= g->k; k += STEP)
        turn(room + k * VECTORS * LANES, from, k, 0xF);
    if (k < g->k)
        turn(room + k * VECTORS * LANES, from, k, (__mmask8)((1u << (g->k - k)) - 1));
}

/* ---- tiles ---- */

enum { ONE, HALF, TWO }; /* vectors of a panel: the second may be a half one */

TARGET PRN_INLINE void put(float *c, __mmask16 mask, __m512 x, int32_t relu)
{
    if (relu)
        x = _mm512_max_ps(x, _mm512_setzero_ps()); /* of NaN, too, the second */
    _mm512_mask_storeu_ps(c, mask, x);
}

/* What has become of `rows` rows of a panel. */
TARGET PRN_INLINE void put_rows(const prune_gemm *g, const panel *p, size_t row, size_t rows,
                                __m512 sum[ROWS][VECTORS], int32_t vectors)
{
    const __m512 alpha = _mm512_set1_ps(g->alpha), bias0 = p->bias[0], bias1 = p->bias[1];
    const __m512i last = _mm512_set1_epi32((int32_t)(p->columns % LANES));
    const __mmask16 mask0 = p->mask[0], mask1 = p->mask[1];
    const size_t ldc = g->ldc;
    const int32_t relu = p->relu;
    float *c = p->c + row * ldc;
    for (size_t r = 0; p->sums != NULL && r < rows; r++)
        p->sums[row + r] = _mm512_cvtss_f32(_mm512_permutexvar_ps(last, sum[r][vectors != ONE]));
    for (size_t r = 0; r < rows; r++, c += ldc) {
        put(c, mask0, _mm512_add_ps(_mm512_mul_ps(alpha, sum[r][0]), bias0), relu);
        if (vectors != ONE)
            put(c + LANES, mask1, _mm512_add_ps(_mm512_mul_ps(alpha, sum[r][1]), bias1), relu);
    }
}

/* `rows` rows of a panel; numbers that the compiler knows. */
TARGET PRN_INLINE void tile(const prune_gemm *g, const panel *p, size_t row, size_t rows, int32_t vectors)
{
    const size_t across = g->transpose_a ? 1 : g->lda, step_a = g->transpose_a ? g->lda : 1;
    const size_t depth = g->k, step_b = p->step;
    const __m512 one = _mm512_set1_ps(1.0f);
    const __m256 half_one = _mm256_set1_ps(1.0f);
    const __mmask16 mask0 = p->mask[0], mask1 = p->mask[1];
    const float *a[ROWS], *b = p->b;
    __m512 sum[ROWS][VECTORS];
    __m256 half[ROWS];
    for (size_t r = 0; r < rows; r++) {
        a[r] = g->a + (row + r) * across;
        sum[r][0] = sum[r][1] = _mm512_setzero_ps(), half[r] = _mm256_setzero_ps();
    }
    for (size_t k = 0, ka = 0; k < depth; k++, ka += step_a, b += step_b) {
        const __m512 b0 = _mm512_mask_loadu_ps(one, mask0, b);
        const __m512 b1 = vectors == TWO ? _mm512_mask_loadu_ps(one, mask1, b + LANES) : one;
        const __m256 bh =
            vectors == HALF ? _mm256_mask_loadu_ps(half_one, (__mmask8)mask1, b + LANES) : half_one;
        for (size_t r = 0; r < rows; r++) {
            const __m512 x = _mm512_set1_ps(a[r][ka]);
            sum[r][0] = _mm512_fmadd_ps(x, b0, sum[r][0]);
            if (vectors == TWO)
                sum[r][1] = _mm512_fmadd_ps(x, b1, sum[r][1]);
            if (vectors == HALF)
                half[r] = _mm256_fmadd_ps(_mm512_castps512_ps256(x), bh, half[r]);
        }
    }
    for (size_t r = 0; vectors == HALF && r < rows; r++)
        sum[r][1] = _mm512_castps256_ps512(half[r]);
    put_rows(g, p, row, rows, sum, vectors);
}

TARGET PRN_INLINE void rows_of(const prune_gemm *g, const panel *p, size_t row, size_t rows, int32_t vectors)
{
    switch (rows) {
    case 1:
        tile(g, p, row, 1, vectors);
        break;
    case 2:
        tile(g, p, row, 2, vectors);
        break;
    case 3:
        tile(g, p, row, 3, vectors);
        break;
    case 4:
        tile(g, p, row, 4, vectors);
        break;
    case 5:
        tile(g, p, row, 5, vectors);
        break;
    case 6:
        tile(g, p, row, 6, vectors);
        break;
    case 7:
        tile(g, p, row, 7, vectors);
        break;
    default:
        tile(g, p, row, ROWS, vectors);
    }
}

TARGET PRN_INLINE void set_bias(panel *p, const prn_beside *beside, size_t first, int32_t turned)
{
    p->bias[0] = p->bias[1] = _mm512_set1_ps(-0.0f); /* x - 0 is x, and for x = -0 too */
    if (beside->bias != NULL && turned)
        p->bias[0] = p->bias[1] = _mm512_set1_ps(*beside->bias);
    if (beside->bias != NULL && !turned) {
        p->bias[0] = _mm512_maskz_loadu_ps(p->mask[0], beside->bias + first);
        p->bias[1] = _mm512_maskz_loadu_ps(p->mask[1], beside->bias + first + LANES);
    }
}

/* Columns from `first` on. Sums of A come for nothing, as those of products with 1 in the lane behind the
 * last column, if there is one. */
TARGET PRN_INLINE void set_panel(panel *p, float *room, const prune_gemm *g, const prn_beside *beside,
                                 size_t first)
{
    const size_t left = g->n - first;
    p->b = g->b + first, p->c = g->c + first, p->step = g->ldb;
    p->mask[0] = first_lanes(left), p->mask[1] = left > LANES ? first_lanes(left - LANES) : 0;
    p->relu = beside->relu;
    p->columns = left;
    p->sums = left < VECTORS * LANES && left != LANES ? beside->sums : NULL;
    if (!g->transpose_b)
        return;
    lay_out(room, g, first);
    if (left > LANES)
        lay_out(room + LANES, g, first + LANES);
    p->b = room, p->step = VECTORS * LANES;
}

/* `turned`: it stands for C^T, which is one row. */
TARGET static void run(const prune_gemm *g, const prn_beside *beside, int32_t turned)
{
    _Alignas(64) float room[PRN_SMALL_DEEPEST * VECTORS * LANES];
    const size_t tiles = (g->m - 1) / ROWS + 1, least = g->m / tiles, more = g->m % tiles;
    panel p;
    for (size_t j = 0; j < g->n; j += VECTORS * LANES) {
        set_panel(&p, room, g, beside, j);
        set_bias(&p, beside, j, turned);
        for (size_t t = 0, row = 0; t < tiles; row += least + (t < more), t++)
            if (p.columns <= LANES)
                rows_of(g, &p, row, least + (t < more), ONE);
            else if (p.columns < LANES + LANES / 2)
                rows_of(g, &p, row, least + (t < more), HALF);
            else
                rows_of(g, &p, row, least + (t < more), TWO);
    }
}

/* Sums of the rows of op(A), K ascending. */
static void add_rows(float *sums, const prune_gemm *g)
{
    const size_t across = g->transpose_a ? 1 : g->lda, down = g->transpose_a ? g->lda : 1;
    for (size_t i = 0; i < g->m; i++) {
        float sum = 0.0f;
        for (size_t k = 0; k < g->k; k++)
            sum += g->a[i * across + k * down];
        sums[i] = sum;
    }
}

int32_t prn_gemm_small_avx512(const prune_gemm *g, const prn_beside *beside)
{
    if (!prn_gemm_is_small(g->m, g->n, g->k) || g->beta != 0.0f)
        return 0;
    if (beside->sums != NULL && g->n % LANES == 0)
        add_rows(beside->sums, g);
    if (prn_gemm_is_column(g) && beside->sums == NULL) {
        const prune_gemm row = prn_gemm_turned(g);
        run(&row, beside, 1);
    } else {
        run(g, beside, 0);
    }
    return 1;
}

int32_t prn_gemm_small_has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
}

#else

int32_t prn_gemm_small_avx512(const prune_gemm *g, const prn_beside *beside)
{
    (void)g, (void)beside;
    return 0;
}

int32_t prn_gemm_small_has_avx512(void)
{
    return 0;
}

#endif
