/* gemm_ref.c -- matrix products in plain C: the oracle, and what runs where there is no BLAS
 *
 * Invariant: the sum of an element of C is formed in an order that K and the transpositions alone
 * decide, so the bits do not change with M, N, batch or machine (-ffp-contract=off). Tiles only decide
 * which elements are computed at the same time. Loops over constants are what compilers turn into
 * vector instructions, so tiles have constant sizes; at an edge a tile repeats rows or columns.
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/gemm.h"

#include <string.h>

enum {
    LANES = 4,        /* partial sums of a dot product */
    DOT_COLUMNS = 4,  /* elements of a dot tile, all in one row of C */
    OUTER_ROWS = 4,   /* an outer tile */
    OUTER_COLUMNS = 8
};

#if defined(__GNUC__)
#define PRN_INLINE static inline __attribute__((always_inline))
#else
#define PRN_INLINE static inline
#endif

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void store(const prune_gemm *g, size_t i, size_t j, float sum)
{
    float *c = g->c + i * g->ldc + j;
    *c = g->beta == 0.0f ? g->alpha * sum : g->alpha * sum + g->beta * *c;
}

/* sum[j] = a . b[j]. Lane l adds up the products of k = l, l + LANES, ...; then the lanes are added in
 * pairs, and the last K % LANES products one by one. */
static void dot_tile(float sum[DOT_COLUMNS], const float *a, const float *const b[DOT_COLUMNS], size_t depth)
{
    const float *b0 = b[0], *b1 = b[1], *b2 = b[2], *b3 = b[3];
    float s0[LANES] = { 0 }, s1[LANES] = { 0 }, s2[LANES] = { 0 }, s3[LANES] = { 0 };
    size_t k = 0;
    for (; k + LANES <= depth; k += LANES) {
        for (size_t l = 0; l < LANES; l++) {
            s0[l] += a[k + l] * b0[k + l];
            s1[l] += a[k + l] * b1[k + l];
            s2[l] += a[k + l] * b2[k + l];
            s3[l] += a[k + l] * b3[k + l];
        }
    }
    sum[0] = (s0[0] + s0[2]) + (s0[1] + s0[3]);
    sum[1] = (s1[0] + s1[2]) + (s1[1] + s1[3]);
    sum[2] = (s2[0] + s2[2]) + (s2[1] + s2[3]);
    sum[3] = (s3[0] + s3[2]) + (s3[1] + s3[3]);
    for (; k < depth; k++)
        for (size_t j = 0; j < DOT_COLUMNS; j++)
            sum[j] += a[k] * b[j][k];
}

/* C = A B^T: both operands run along K. */
static void run_dot(const prune_gemm *g)
{
    for (size_t j = 0; j < g->n; j += DOT_COLUMNS) {
        const size_t columns = smaller(g->n - j, DOT_COLUMNS);
        const float *b[DOT_COLUMNS];
        for (size_t t = 0; t < DOT_COLUMNS; t++)
            b[t] = g->b + (j + smaller(t, columns - 1)) * g->ldb;
        for (size_t i = 0; i < g->m; i++) {
            float sum[DOT_COLUMNS];
            dot_tile(sum, g->a + i * g->lda, b, g->k);
            for (size_t t = 0; t < columns; t++)
                store(g, i, j + t, sum[t]);
        }
    }
}

/* Where op(A)[i][k] and op(B)[k][j] lie. */
typedef struct steps {
    size_t a_row, a_k, b_k, b_column;
} steps;

/* One element, k by k: the order of the outer tiles. */
static float single(const prune_gemm *g, const steps *s, size_t i, size_t j)
{
    const float *a = g->a + i * s->a_row, *b = g->b + j * s->b_column;
    float sum = 0.0f;
    for (size_t k = 0; k < g->k; k++)
        sum += a[k * s->a_k] * b[k * s->b_k];
    return sum;
}

static void run_single(const prune_gemm *g, const steps *s)
{
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++)
            store(g, i, j, single(g, s, i, j));
}

/* `rows` rows of 8 columns from b on, k by k. */
PRN_INLINE void outer_tile(float (*sum)[OUTER_COLUMNS], size_t rows, const prune_gemm *g, const steps *s,
                           const float *const *a, const float *b)
{
    float t[OUTER_ROWS][OUTER_COLUMNS] = { { 0 } };
    for (size_t k = 0; k < g->k; k++, b += g->ldb)
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < OUTER_COLUMNS; j++)
                t[i][j] += a[i][k * s->a_k] * b[j];
    memcpy(sum, t, rows * sizeof t[0]);
}

static void outer_rows(const prune_gemm *g, const steps *s, size_t i, size_t j)
{
    const size_t rows = smaller(g->m - i, OUTER_ROWS), first = smaller(j, g->n - OUTER_COLUMNS);
    const float *a[OUTER_ROWS];
    for (size_t r = 0; r < OUTER_ROWS; r++)
        a[r] = g->a + (i + smaller(r, rows - 1)) * s->a_row;
    float sum[OUTER_ROWS][OUTER_COLUMNS];
    if (rows == 1)
        outer_tile(sum, 1, g, s, a, g->b + first);
    else
        outer_tile(sum, OUTER_ROWS, g, s, a, g->b + first);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = j; c < first + OUTER_COLUMNS; c++)
            store(g, i + r, c, sum[r][c - first]);
}

/* C = A B or A^T B: B runs along N. The last tile of a row ends with it and overlaps the one before. */
static void run_outer(const prune_gemm *g, const steps *s)
{
    for (size_t j = 0; j < g->n; j += OUTER_COLUMNS)
        for (size_t i = 0; i < g->m; i += OUTER_ROWS)
            outer_rows(g, s, i, j);
}

static void run(const prune_gemm *g)
{
    const steps s = { g->transpose_a ? 1 : g->lda, g->transpose_a ? g->lda : 1,
                      g->transpose_b ? 1 : g->ldb, g->transpose_b ? g->ldb : 1 };
    if (g->transpose_b && !g->transpose_a)
        run_dot(g);
    else if (g->transpose_b || g->n < OUTER_COLUMNS)
        run_single(g, &s);
    else
        run_outer(g, &s);
}

static const prune_backend reference = { "reference", run };

const prune_backend *prune_backend_reference(void)
{
    return &reference;
}
