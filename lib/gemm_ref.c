/* gemm_ref.c -- matrix products in plain C: the oracle, and what runs where there is no BLAS
 *
 * Invariant: the sum of an element of C is formed in an order that K and the transpositions alone
 * decide, so the bits do not change with M, N, batch or machine (-ffp-contract=off). Tiles only decide
 * which elements are computed at the same time.
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/gemm.h"
#include "lanes.h"

enum {
    DOT_COLUMNS = 4, /* a dot tile: so much of one row of C */
    OUTER_ROWS = 2,  /* an outer tile; its sums and operands fit into 32 scalar registers */
    OUTER_COLUMNS = 2 * PRN_LANES
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Finishes C[i][j .. j + count - 1]. */
PRN_INLINE void store(const prune_gemm *g, size_t i, size_t j, const float *sum, size_t count)
{
    const float alpha = g->alpha, beta = g->beta;
    float *c = g->c + i * g->ldc + j;
    for (size_t t = 0; t < count && beta == 0.0f; t++)
        c[t] = alpha * sum[t];
    for (size_t t = 0; t < count && beta != 0.0f; t++)
        c[t] = alpha * sum[t] + beta * c[t];
}

/* sum[j] = a . b[j]. Lane l adds up the products of k = l, l + 4, ...; then the lanes are added in
 * pairs, and the last K % 4 products one by one. */
static void dot_tile(float sum[DOT_COLUMNS], const float *a, const float *const b[DOT_COLUMNS], size_t depth)
{
    const float *b0 = b[0], *b1 = b[1], *b2 = b[2], *b3 = b[3];
    prn_lanes s0 = { 0 }, s1 = { 0 }, s2 = { 0 }, s3 = { 0 };
    size_t k = 0;
    for (; k + PRN_LANES <= depth; k += PRN_LANES) {
        const prn_lanes x = prn_lanes_load(a + k);
        s0 = prn_lanes_add_product(s0, x, prn_lanes_load(b0 + k));
        s1 = prn_lanes_add_product(s1, x, prn_lanes_load(b1 + k));
        s2 = prn_lanes_add_product(s2, x, prn_lanes_load(b2 + k));
        s3 = prn_lanes_add_product(s3, x, prn_lanes_load(b3 + k));
    }
    sum[0] = prn_lanes_across(s0);
    sum[1] = prn_lanes_across(s1);
    sum[2] = prn_lanes_across(s2);
    sum[3] = prn_lanes_across(s3);
    for (; k < depth; k++)
        for (size_t j = 0; j < DOT_COLUMNS; j++)
            sum[j] += a[k] * b[j][k];
}

/* C = A B^T: both operands run along K. At the right edge a tile repeats its last column. */
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
            store(g, i, j, sum, columns);
        }
    }
}

/* Elements one by one, in the order of the outer tiles: for A^T B^T, and for few columns. */
static void run_single(const prune_gemm *g)
{
    const size_t a_row = g->transpose_a ? 1 : g->lda, a_k = g->transpose_a ? g->lda : 1;
    const size_t b_column = g->transpose_b ? g->ldb : 1, b_k = g->transpose_b ? 1 : g->ldb;
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++) {
            const float *a = g->a + i * a_row, *b = g->b + j * b_column;
            float sum = 0.0f;
            for (size_t k = 0; k < g->k; k++)
                sum += a[k * a_k] * b[k * b_k];
            store(g, i, j, &sum, 1);
        }
}

/* sum[r] = row i + r of op(A) times the columns of B from `first` on, k by k. Below the last
 * row, it repeats. */
static void outer_tile(float sum[OUTER_ROWS][OUTER_COLUMNS], const prune_gemm *g, size_t i, size_t first)
{
    const size_t row = g->transpose_a ? 1 : g->lda, step = g->transpose_a ? g->lda : 1;
    const float *a0 = g->a + i * row, *a1 = g->a + smaller(i + 1, g->m - 1) * row, *b = g->b + first;
    prn_lanes s00 = { 0 }, s01 = { 0 }, s10 = { 0 }, s11 = { 0 };
    for (size_t k = 0; k < g->k; k++, a0 += step, a1 += step, b += g->ldb) {
        const prn_lanes b0 = prn_lanes_load(b), b1 = prn_lanes_load(b + PRN_LANES);
        s00 = prn_lanes_add_scaled(s00, *a0, b0);
        s01 = prn_lanes_add_scaled(s01, *a0, b1);
        s10 = prn_lanes_add_scaled(s10, *a1, b0);
        s11 = prn_lanes_add_scaled(s11, *a1, b1);
    }
    prn_lanes_store(sum[0], s00);
    prn_lanes_store(sum[0] + PRN_LANES, s01);
    prn_lanes_store(sum[1], s10);
    prn_lanes_store(sum[1] + PRN_LANES, s11);
}

/* C = A B or A^T B: B runs along N. The last tile of a row ends with it and overlaps the one before. */
static void run_outer(const prune_gemm *g)
{
    for (size_t j = 0; j < g->n; j += OUTER_COLUMNS) {
        const size_t first = smaller(j, g->n - OUTER_COLUMNS);
        for (size_t i = 0; i < g->m; i += OUTER_ROWS) {
            float sum[OUTER_ROWS][OUTER_COLUMNS];
            outer_tile(sum, g, i, first);
            for (size_t r = 0; r < smaller(g->m - i, OUTER_ROWS); r++)
                if (first == j) /* the same, with a count that the compiler knows */
                    store(g, i + r, j, sum[r], OUTER_COLUMNS);
                else
                    store(g, i + r, j, sum[r] + (j - first), first + OUTER_COLUMNS - j);
        }
    }
}

/* The same with K of 1, as gradients of single samples have: rows of C are multiples of B's. */
static void run_row(const prune_gemm *g)
{
    const size_t row = g->transpose_a ? 1 : g->lda, columns = g->n;
    const float alpha = g->alpha, *b = g->b;
    for (size_t i = 0; i < g->m; i++) {
        const float a = g->a[i * row];
        float *c = g->c + i * g->ldc;
        size_t j = 0;
        do
            c[j] = alpha * (0.0f + a * b[j]);
        while (++j != columns);
    }
}

static void run(void *user, const prune_gemm *g)
{
    (void)user;
    if (g->k == 1 && !g->transpose_b && g->beta == 0.0f)
        run_row(g);
    else if (g->transpose_b && !g->transpose_a)
        run_dot(g);
    else if (g->transpose_b || g->n < OUTER_COLUMNS)
        run_single(g);
    else
        run_outer(g);
}

static const prune_backend reference = { "reference", run, NULL, NULL };

const prune_backend *prune_backend_reference(void)
{
    return &reference;
}
