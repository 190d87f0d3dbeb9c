/* gemm_test.c -- matrix products against a plain triple loop in double, at every edge of the tiles
 *
 * Matrices lie in memory of exactly their size (so that a sanitizer sees a step beyond), with NaN between
 * the rows of A and B and a mark between those of C.
 *
 * SPDX-License-Identifier: MIT */
#include "support/runner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float MARK = 12345.0f;
static const double UNIT = 5.9604644775390625e-8; /* half the distance from 1 to the next float */

typedef struct problem {
    prune_gemm g;
    float *a, *b, *c, *start; /* start: what C was */
    size_t c_count;
} problem;

static float *matrix(size_t *count, size_t rows, size_t columns, size_t ld, float between)
{
    *count = (rows - 1) * ld + columns;
    float *data = malloc(*count * sizeof *data);
    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < *count; i++)
        data[i] = between;
    return data;
}

static void fill(float *data, size_t rows, size_t columns, size_t ld, prune_rng *rng)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            data[r * ld + c] = 2.0f * prune_rng_uniform(rng) - 1.0f;
}

typedef struct sizes {
    size_t m, n, k, gap; /* gap: what leading dimensions have beyond the columns */
    int32_t transpose_a, transpose_b;
    float alpha, beta;
} sizes;

/* With beta 0, C starts as NaN: it must not be read. */
static void make(problem *p, const sizes *s, uint64_t seed)
{
    prune_rng rng;
    size_t count;
    const size_t a_rows = s->transpose_a ? s->k : s->m, a_columns = s->transpose_a ? s->m : s->k;
    const size_t b_rows = s->transpose_b ? s->n : s->k, b_columns = s->transpose_b ? s->k : s->n;
    prune_rng_seed(&rng, seed);
    p->g = (prune_gemm){ .m = s->m,
                         .n = s->n,
                         .k = s->k,
                         .alpha = s->alpha,
                         .beta = s->beta,
                         .transpose_a = s->transpose_a,
                         .transpose_b = s->transpose_b,
                         .lda = a_columns + s->gap,
                         .ldb = b_columns + 2 * s->gap,
                         .ldc = s->n + 3 * s->gap };
    p->a = matrix(&count, a_rows, a_columns, p->g.lda, NAN);
    p->b = matrix(&count, b_rows, b_columns, p->g.ldb, NAN);
    p->c = matrix(&p->c_count, s->m, s->n, p->g.ldc, MARK);
    p->start = matrix(&p->c_count, s->m, s->n, p->g.ldc, MARK);
    fill(p->a, a_rows, a_columns, p->g.lda, &rng);
    fill(p->b, b_rows, b_columns, p->g.ldb, &rng);
    fill(p->start, s->m, s->n, p->g.ldc, &rng);
    for (size_t i = 0; i < s->m * s->n && s->beta == 0.0f; i++)
        p->start[i / s->n * p->g.ldc + i % s->n] = NAN;
    memcpy(p->c, p->start, p->c_count * sizeof *p->c);
    p->g.a = p->a;
    p->g.b = p->b;
    p->g.c = p->c;
}

static void end(problem *p)
{
    free(p->a);
    free(p->b);
    free(p->c);
    free(p->start);
}

/* Element i, j of the truth, and how far rounding may take any order of summation from it. */
static double truth(double *bound, const problem *p, size_t i, size_t j)
{
    const prune_gemm *g = &p->g;
    double sum = 0.0, size = 0.0;
    for (size_t k = 0; k < g->k; k++) {
        const double a = (double)p->a[g->transpose_a ? k * g->lda + i : i * g->lda + k];
        const double b = (double)p->b[g->transpose_b ? j * g->ldb + k : k * g->ldb + j];
        sum += a * b;
        size += fabs(a * b);
    }
    const double alpha = (double)g->alpha, beta = (double)g->beta;
    const double old = g->beta == 0.0f ? 0.0 : beta * (double)p->start[i * g->ldc + j];
    *bound = 1.01 * UNIT * (double)(g->k + 3) * (fabs(alpha) * size + fabs(old));
    return alpha * sum + old;
}

static int32_t is_right(const problem *p)
{
    const prune_gemm *g = &p->g;
    int32_t good = 1;
    for (size_t i = 0; i < p->c_count; i++) {
        const size_t row = i / g->ldc, column = i % g->ldc;
        double bound = 0.0;
        if (column >= g->n)
            good = good && p->c[i] == MARK;
        else
            good = good && fabs((double)p->c[i] - truth(&bound, p, row, column)) <= bound;
    }
    return good;
}

static void check(const prune_backend *backend, const sizes *s)
{
    problem p;
    make(&p, s, s->m * 10007 + s->n * 101 + s->k);
    backend->run(backend->user, &p.g);
    ck_assert_msg(is_right(&p), "%s: m %d n %d k %d gap %d transposed %d %d alpha %g beta %g", backend->name,
                  (int)s->m, (int)s->n, (int)s->k, (int)s->gap, (int)s->transpose_a, (int)s->transpose_b,
                  (double)s->alpha, (double)s->beta);
    end(&p);
}

static const float factors[][2] = { { 1, 0 }, { 1, 1 }, { -0.5f, 0 }, { 2, -0.5f },
                                    { 0, 1 }, { 0, 0 }, { 1, 0.75f } };
enum { FACTORS = sizeof factors / sizeof factors[0] };

/* Sizes on both sides of every tile; each with another pair of factors. */
static void check_all_sizes(const prune_backend *backend)
{
    static const size_t edges[] = { 1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 23, 24, 32, 33, 40 };
    enum { EDGES = sizeof edges / sizeof edges[0] };
    for (size_t i = 0; i < EDGES * EDGES * EDGES * 4; i++) {
        const size_t at = i / 4;
        const float *factor = factors[(at + at / EDGES) % FACTORS];
        const sizes s = { edges[at % EDGES],
                          edges[at / EDGES % EDGES],
                          edges[at / EDGES / EDGES],
                          at % 3,
                          (int32_t)(i & 1),
                          (int32_t)(i >> 1 & 1),
                          factor[0],
                          factor[1] };
        check(backend, &s);
    }
}

static void check_all_factors(const prune_backend *backend)
{
    for (size_t i = 0; i < FACTORS * 8; i++) {
        const float *factor = factors[i / 8];
        const sizes s = { 11,        19,       23, i / 4 % 2 * 5, (int32_t)(i & 1), (int32_t)(i >> 1 & 1),
                          factor[0], factor[1] };
        check(backend, &s);
    }
}

START_TEST(reference_agrees_with_a_triple_loop)
{
    check_all_sizes(prune_backend_reference());
    check_all_factors(prune_backend_reference());
}
END_TEST

/* The BLAS, where there is one, is held to the same bounds, and through them to the reference. */
START_TEST(default_agrees_with_a_triple_loop)
{
    const prune_backend *backend = prune_backend_default();
    check_all_sizes(backend);
    check_all_factors(backend);
}
END_TEST

START_TEST(small_kernels_agree_with_a_triple_loop)
{
    for (int32_t kernels = PRUNE_KERNELS_PLAIN; kernels <= PRUNE_KERNELS_AVX512; kernels++) {
        const prune_backend *backend = prune_backend_small(kernels);
        if (backend == NULL)
            continue;
        check_all_sizes(backend);
        check_all_factors(backend);
    }
}
END_TEST

START_TEST(small_kernels_are_there_where_a_blas_is)
{
    const int32_t without = prune_backend_blas() == NULL;
    ck_assert_int_eq(prune_backend_small(PRUNE_KERNELS_PLAIN) == NULL, without);
    ck_assert_int_eq(prune_backend_small(PRUNE_KERNELS_AUTO) == NULL, without);
    if (!without)
        ck_assert_ptr_eq(prune_backend_small(PRUNE_KERNELS_AUTO), prune_backend_default());
    ck_assert_ptr_null(prune_backend_small(PRUNE_KERNELS_NEON));
    ck_assert_ptr_null(prune_backend_small(PRUNE_KERNELS_AUTO - 1));
    ck_assert_ptr_null(prune_backend_small(PRUNE_KERNELS_NEON + 1));
}
END_TEST

START_TEST(default_agrees_with_the_reference_on_large_products)
{
    const prune_backend *const backends[] = { prune_backend_reference(), prune_backend_default() };
    for (int32_t t = 0; t < 4; t++) {
        const sizes s = { 150, 203, 97, 1, t & 1, t >> 1, 1.0f, 0.0f };
        problem p[2];
        for (size_t i = 0; i < 2; i++) {
            make(&p[i], &s, 3);
            backends[i]->run(backends[i]->user, &p[i].g);
        }
        double worst = 0.0;
        for (size_t i = 0; i < s.m * s.n; i++) {
            const size_t at = i / s.n * p[0].g.ldc + i % s.n;
            worst = fmax(worst, fabs((double)(p[0].c[at] - p[1].c[at])));
        }
        ck_assert_double_le(worst, 4.0 * 97.0 * UNIT * 8.0);
        end(&p[0]);
        end(&p[1]);
    }
}
END_TEST

/* ---- bits ---- */

/* The part of C from (i, j), m by n, computed by itself: its bits must be those in the whole. */
static int32_t part_is_same(const problem *whole, size_t i, size_t j, size_t m, size_t n)
{
    float part[64 * 64];
    prune_gemm g = whole->g;
    g.m = m;
    g.n = n;
    g.a += g.transpose_a ? i : i * g.lda;
    g.b += g.transpose_b ? j * g.ldb : j;
    g.c = part;
    g.ldc = n;
    for (size_t r = 0; r < m; r++)
        memcpy(part + r * n, whole->start + (i + r) * whole->g.ldc + j, n * sizeof *part);
    prune_backend_reference()->run(NULL, &g);
    int32_t same = 1;
    for (size_t r = 0; r < m; r++)
        same = same && memcmp(part + r * n, whole->c + (i + r) * whole->g.ldc + j, n * sizeof *part) == 0;
    return same;
}

static int32_t parts_are_same(const problem *p, size_t m, size_t n)
{
    int32_t same = 1;
    for (size_t i = 0; i < m; i++)
        same = same && part_is_same(p, i, 0, 1, n);
    for (size_t j = 0; j < n; j++)
        same = same && part_is_same(p, 0, j, m, 1);
    for (size_t cut = 1; cut < m && cut < n; cut += 2)
        same = same && part_is_same(p, cut, cut, m - cut, n - cut) && part_is_same(p, 0, 0, cut, cut);
    return same;
}

/* A batch of one gives the bits that a batch of many gives; a column does not depend on its neighbours. */
START_TEST(reference_bits_do_not_depend_on_m_and_n)
{
    for (size_t k = 1; k <= 33; k += 4)
        for (size_t size = 1; size <= 29; size += 7)
            for (int32_t t = 0; t < 4; t++) {
                const sizes s = { size, 30 - size, k, 1, t & 1, t >> 1, 0.75f, t ? 0.5f : 0.0f };
                problem p;
                make(&p, &s, k);
                prune_backend_reference()->run(NULL, &p.g);
                ck_assert(parts_are_same(&p, s.m, s.n));
                end(&p);
            }
}
END_TEST

static int32_t same_bits(const prune_backend *const backends[2], const sizes *s)
{
    problem p[2];
    for (size_t i = 0; i < 2; i++) {
        make(&p[i], s, s->m + s->n + s->k);
        backends[i]->run(backends[i]->user, &p[i].g);
    }
    const int32_t same = memcmp(p[0].c, p[1].c, p[0].c_count * sizeof *p[0].c) == 0;
    end(&p[0]);
    end(&p[1]);
    return same;
}

START_TEST(small_kernels_of_avx2_and_avx512_give_the_same_bits)
{
    const prune_backend *const backends[2] = { prune_backend_small(PRUNE_KERNELS_AVX2),
                                               prune_backend_small(PRUNE_KERNELS_AVX512) };
    static const size_t depths[] = { 1, 3, 8, 31, 127, 128 };
    for (size_t i = 0; i < 40 * 12 * 6 * 4 && backends[0] != NULL && backends[1] != NULL; i++) {
        const sizes s = { i / 160 % 12 + 1, i / 4 % 40 + 1,        depths[i / 1920],     i % 2,
                          (int32_t)(i & 1), (int32_t)(i >> 1 & 1), i % 3 ? 1.0f : -0.7f, 0.0f };
        ck_assert_msg(same_bits(backends, &s), "m %d n %d k %d transposed %d %d", (int)s.m, (int)s.n,
                      (int)s.k, (int)s.transpose_a, (int)s.transpose_b);
    }
}
END_TEST

static uint64_t hash_rows(uint64_t hash, const problem *p)
{
    for (size_t i = 0; i < p->g.m * p->g.n; i++) {
        uint32_t bits;
        memcpy(&bits, &p->c[i / p->g.n * p->g.ldc + i % p->g.n], sizeof bits);
        hash = (hash ^ bits) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* Pinned: every machine, compiler and vector width must give these bits. */
START_TEST(reference_bits_are_the_same_everywhere)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t k = 1; k <= 70; k += 3)
        for (int32_t t = 0; t < 4; t++) {
            const sizes s = { 5, 19, k, 1, t & 1, t >> 1, 0.75f, t == 2 ? 0.5f : 0.0f };
            problem p;
            make(&p, &s, k);
            prune_backend_reference()->run(NULL, &p.g);
            hash = hash_rows(hash, &p);
            end(&p);
        }
    ck_assert_msg(hash == UINT64_C(0xe3daf97e3df552fb), "%#llx", (unsigned long long)hash);
}
END_TEST

/* Sums begin with 0, so that a single product that is -0 becomes 0, as among others. */
START_TEST(reference_zeros_have_no_sign)
{
    for (size_t n = 1; n <= 24; n++)
        for (int32_t t = 0; t < 4; t++) {
            const sizes s = { 3, n, 1, 0, t & 1, t >> 1, 1.0f, 0.0f };
            problem p;
            make(&p, &s, n);
            for (size_t i = 0; i < 3; i++)
                p.a[i] = -0.0f;
            for (size_t i = 0; i < n; i++)
                p.b[i] = fabsf(p.b[i]);
            prune_backend_reference()->run(NULL, &p.g);
            for (size_t i = 0; i < p.c_count; i++)
                ck_assert(p.c[i] == 0.0f && !signbit(p.c[i]));
            end(&p);
        }
}
END_TEST

START_TEST(names_tell_back_ends_apart)
{
    const prune_backend *blas = prune_backend_blas();
    ck_assert_str_eq(prune_backend_reference()->name, "reference");
    ck_assert_ptr_eq(prune_backend_reference(), prune_backend_reference());
    ck_assert_str_eq(prune_backend_default()->name, blas != NULL ? "small+blas" : "reference");
    ck_assert_ptr_ne(blas, prune_backend_reference());
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        reference_agrees_with_a_triple_loop,
        default_agrees_with_a_triple_loop,
        small_kernels_agree_with_a_triple_loop,
        small_kernels_are_there_where_a_blas_is,
        default_agrees_with_the_reference_on_large_products,
        small_kernels_of_avx2_and_avx512_give_the_same_bits,
        reference_bits_do_not_depend_on_m_and_n,
        reference_bits_are_the_same_everywhere,
        reference_zeros_have_no_sign,
        names_tell_back_ends_apart,
    };
    return run_tests("gemm", tests, sizeof tests / sizeof tests[0]);
}
