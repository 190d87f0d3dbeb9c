/* spread.c -- work cut into pieces where its shape says, for the threads of a back end
 *
 * Invariant: the cuts depend on the shape alone, and each element is computed within one piece, so the bits
 * depend neither on the number of threads nor on who comes first.
 *
 * SPDX-License-Identifier: MIT */
#include "spread.h"

/* Multiplications. Waking a thread costs some 10 us, packing a part of A or B once more 1 to 3 % of the
 * product for each cut: so as few cuts as keep two threads busy, and more where that is nothing. */
static const float LEAST = 0x1p21f, EACH = 0x1p26f;
enum { MOST = 16, ROWS = 4, COLUMNS = 8 /* cuts lie at multiples of these, as kernels' tiles do */ };

int32_t prn_backend_fits(const prune_backend *backend)
{
    return backend == NULL ||
           (backend->run != NULL && (backend->parallel == NULL || backend->parallel->run != NULL));
}

/* A single piece needs no hook. */
static void in_pieces(const prune_parallel *parallel, size_t pieces, prune_task task, void *arg)
{
    if (parallel != NULL && pieces > 1)
        parallel->run(parallel->user, pieces, task, arg);
    else
        for (size_t piece = 0; piece < pieces; piece++)
            task(arg, piece);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* `parts` equal parts, but for rounding up to `unit`. */
static size_t part_of(size_t whole, size_t parts, size_t unit)
{
    const size_t part = (whole - 1) / parts + 1;
    return (part + unit - 1) / unit * unit;
}

typedef struct grid {
    const prune_backend *backend;
    const prune_gemm *whole;
    size_t rows, columns; /* parts of C in either direction */
} grid;

static grid cut(const prune_backend *backend, const prune_gemm *g)
{
    grid parts = { backend, g, 1, 1 };
    const float work = (float)g->m * (float)g->n * (float)g->k;
    const size_t most = work < LEAST ? 1 : MOST;
    while (parts.rows * parts.columns < most &&
           (parts.rows * parts.columns < 2 || work >= EACH * (float)(parts.rows * parts.columns)))
        if (g->m / parts.rows > g->n / parts.columns)
            parts.rows *= 2;
        else
            parts.columns *= 2;
    return parts;
}

static void multiply_part(void *arg, size_t piece)
{
    const grid *parts = arg;
    prune_gemm g = *parts->whole;
    const size_t rows = part_of(g.m, parts->rows, ROWS), columns = part_of(g.n, parts->columns, COLUMNS);
    const size_t i = piece / parts->columns * rows, j = piece % parts->columns * columns;
    if (i >= g.m || j >= g.n)
        return;
    g.m = smaller(rows, g.m - i);
    g.n = smaller(columns, g.n - j);
    g.a += g.transpose_a ? i : i * g.lda;
    g.b += g.transpose_b ? j * g.ldb : j;
    g.c += i * g.ldc + j;
    parts->backend->run(parts->backend->user, &g);
}

void prn_spread_product(const prune_backend *backend, const prune_gemm *args)
{
    grid parts = cut(backend, args);
    in_pieces(backend->parallel, parts.rows * parts.columns, multiply_part, &parts);
}

void prn_spread_pieces(const prune_backend *backend, float multiplications, size_t pieces, prune_task piece,
                       void *arg)
{
    const prune_parallel *parallel = backend->parallel;
    if (parallel != NULL && pieces > 1 && multiplications >= LEAST)
        parallel->run(parallel->user, pieces, piece, arg);
    else
        for (size_t number = 0; number < pieces; number++)
            piece(arg, number);
}

typedef struct ranges {
    prn_range_work *work;
    const void *arg;
    size_t count;
} ranges;

static void work_range(void *arg, size_t piece)
{
    const ranges *all = arg;
    const size_t first = piece * PRN_SPREAD_RANGE;
    all->work(all->arg, first, smaller(all->count - first, PRN_SPREAD_RANGE));
}

void prn_spread_range(const prune_backend *backend, size_t count, prn_range_work *work, const void *arg)
{
    ranges all = { work, arg, count };
    if (backend->parallel == NULL || count < 2 * PRN_SPREAD_RANGE)
        work(arg, 0, count);
    else
        in_pieces(backend->parallel, (count - 1) / PRN_SPREAD_RANGE + 1, work_range, &all);
}
