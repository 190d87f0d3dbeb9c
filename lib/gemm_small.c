/* gemm_small.c -- products too small for a BLAS to be worth its call
 *
 * Rows of C are made in vectors of 8 columns, of which the last overlaps the one before; fewer than 8 columns
 * are computed as 8. B is read where it lies if it runs along N; else it is first laid out like that.
 *
 * SPDX-License-Identifier: MIT */
#include "gemm_small.h"
#include "wide.h"

enum { COLUMNS = 8, ROWS = 4, DEEPEST = PRN_SMALL_DEEPEST };

typedef float vector __attribute__((vector_size(4 * COLUMNS)));

/* COLUMNS columns of op(B), rows `step` apart, and of C. */
typedef struct panel {
    const float *b;
    size_t step, column;
} panel;

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Columns of op(B) from `column` on, one row after the other; beyond the last it is that one once more. */
PRN_INLINE void lay_out(float room[DEEPEST][COLUMNS], const prune_gemm *g, size_t column)
{
    const size_t across = g->transpose_b ? g->ldb : 1, down = g->transpose_b ? 1 : g->ldb, end = g->n - 1;
    const float *b[COLUMNS];
    for (size_t j = 0; j < COLUMNS; j++)
        b[j] = g->b + smaller(column + j, end) * across;
    for (size_t k = 0; k < g->k; k++)
        for (size_t j = 0; j < COLUMNS; j++)
            room[k][j] = b[j][k * down];
}

PRN_INLINE panel panel_at(float room[DEEPEST][COLUMNS], const prune_gemm *g, size_t column)
{
    column = g->n < COLUMNS ? 0 : smaller(column, g->n - COLUMNS);
    if (!g->transpose_b && g->n >= COLUMNS)
        return (panel){ g->b + column, g->ldb, column };
    lay_out(room, g, column);
    return (panel){ room[0], COLUMNS, column };
}

/* Writes a vector of C, or with `few` its first elements. */
PRN_INLINE void put(const prune_gemm *g, size_t row, size_t column, const vector *sum, int32_t few)
{
    const vector x = g->alpha * *sum;
    float *c = g->c + row * g->ldc + column, all[COLUMNS];
    memcpy(few ? all : c, &x, sizeof x);
    for (size_t j = 0; few && j < g->n; j++)
        c[j] = all[j];
}

/* ROWS rows of one panel, or with `two` of two; beyond the last row it is that row once more. */
PRN_INLINE void tile(const prune_gemm *g, size_t row, const panel p[2], int32_t two, int32_t few)
{
    const size_t across = g->transpose_a ? 1 : g->lda, step = g->transpose_a ? g->lda : 1, end = g->m - 1;
    const size_t r1 = smaller(row + 1, end), r2 = smaller(row + 2, end), r3 = smaller(row + 3, end);
    const float *a0 = g->a + row * across, *a1 = g->a + r1 * across, *a2 = g->a + r2 * across,
                *a3 = g->a + r3 * across, *b0 = p[0].b, *b1 = p[1].b;
    vector s00 = { 0 }, s10 = { 0 }, s20 = { 0 }, s30 = { 0 };
    vector s01 = { 0 }, s11 = { 0 }, s21 = { 0 }, s31 = { 0 };
    for (size_t k = 0, ka = 0, kb = 0; k < g->k; k++, ka += step, kb += p[0].step) {
        vector x0, x1;
        memcpy(&x0, b0 + kb, sizeof x0);
        s00 += a0[ka] * x0, s10 += a1[ka] * x0, s20 += a2[ka] * x0, s30 += a3[ka] * x0;
        if (two) {
            memcpy(&x1, b1 + kb, sizeof x1);
            s01 += a0[ka] * x1, s11 += a1[ka] * x1, s21 += a2[ka] * x1, s31 += a3[ka] * x1;
        }
    }
    put(g, row, p[0].column, &s00, few), put(g, r1, p[0].column, &s10, few);
    put(g, r2, p[0].column, &s20, few), put(g, r3, p[0].column, &s30, few);
    if (two) {
        put(g, row, p[1].column, &s01, few), put(g, r1, p[1].column, &s11, few);
        put(g, r2, p[1].column, &s21, few), put(g, r3, p[1].column, &s31, few);
    }
}

PRN_INLINE void run(const prune_gemm *g)
{
    float room[2][DEEPEST][COLUMNS];
    for (size_t j = 0; j < g->n; j += 2 * COLUMNS) {
        const int32_t two = j + COLUMNS < g->n;
        panel p[2];
        p[0] = p[1] = panel_at(room[0], g, j);
        if (two)
            p[1] = panel_at(room[1], g, j + COLUMNS);
        for (size_t i = 0; i < g->m && two; i += ROWS)
            tile(g, i, p, 1, 0);
        for (size_t i = 0; i < g->m && !two && g->n >= COLUMNS; i += ROWS)
            tile(g, i, p, 0, 0);
        for (size_t i = 0; i < g->m && g->n < COLUMNS; i += ROWS)
            tile(g, i, p, 0, 1);
    }
}

/* By value: what is written to C cannot change it. */
static void run_plain(const prune_gemm g)
{
    run(&g);
}

PRN_WIDE static void run_wide(const prune_gemm g)
{
    run(&g);
}

int32_t prn_gemm_small_plain(const prune_gemm *g)
{
    if (!prn_gemm_is_small(g->m, g->n, g->k) || g->beta != 0.0f)
        return 0;
    run_plain(prn_gemm_is_column(g) ? prn_gemm_turned(g) : *g);
    return 1;
}

int32_t prn_gemm_small_avx2(const prune_gemm *g)
{
    if (!prn_gemm_is_small(g->m, g->n, g->k) || g->beta != 0.0f)
        return 0;
    run_wide(prn_gemm_is_column(g) ? prn_gemm_turned(g) : *g);
    return 1;
}

int32_t prn_gemm_small_has_avx2(void)
{
    return prn_wide();
}
