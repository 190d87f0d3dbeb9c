/* spread.c -- work cut into pieces where its shape says, for the threads of a back end
 *
 * Invariant: the cuts depend on the shape alone, and each element is computed within one piece, so the bits
 * depend neither on the number of threads nor on who comes first.
 *
 * SPDX-License-Identifier: MIT */
#include "spread.h"

/* Multiplications. Waking a thread costs some 10 us, packing a part of A or B once more 1 to 3 % of the
 * product for each cut: so as few cuts as keep two threads busy, and more where that is nothing. */
static const float LEAST = 0x1p22f, EACH = 0x1p27f;
/* Two parts are uneven by so many: who cuts begins with the larger, and the other is done when he is. A
 * thread that is woken begins 5 us later, 25 in a virtual machine; to sleep till it ends costs as much. */
static const float LEAD = 0x1p21f;
enum {
    MOST = 16,
    ROWS = 4,
    COLUMNS = 8,    /* cuts lie at multiples of these, as kernels' tiles do */
    LEAST_ROWS = 64 /* of a piece that takes all columns: it packs all of B */
};

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

/* By which share of the whole the first of so many parts is larger than equal ones. */
static float lead_of(size_t parts, float work)
{
    return parts == 2 ? LEAD / 2.0f / work : 0.0f;
}

/* All of `parts` but the last. */
static size_t part_of(size_t whole, size_t parts, size_t unit, float lead)
{
    const size_t part = (whole - 1) / parts + 1 + (parts > 1 ? (size_t)((float)whole * lead) : 0);
    return (part + unit - 1) / unit * unit;
}

/* A product, cut into parts of C in either direction: how many, and their size. */
typedef struct grid {
    const prune_gemm *whole;
    size_t rows, columns, height, width;
} grid;

typedef struct grids {
    const prune_backend *backend;
    grid grids[PRN_SPREAD_PRODUCTS];
} grids;

static float work_of(const prune_gemm *g)
{
    return (float)g->m * (float)g->n * (float)g->k;
}

/* Whether so many parts should be twice as many. */
static int32_t is_to_cut(size_t parts, float work)
{
    return parts < MOST && work >= (parts < 2 ? LEAST : EACH * (float)parts);
}

static grid cut(const prune_gemm *g)
{
    grid parts = { .whole = g, .rows = 1, .columns = 1 };
    const float work = work_of(g);
    while (is_to_cut(parts.rows * parts.columns, work))
        if (g->m / parts.rows > g->n / parts.columns)
            parts.rows *= 2;
        else
            parts.columns *= 2;
    const float lead = lead_of(parts.rows * parts.columns, work);
    parts.height = part_of(g->m, parts.rows, ROWS, lead);
    parts.width = part_of(g->n, parts.columns, COLUMNS, lead);
    return parts;
}

static void multiply_part(const prune_backend *backend, const grid *parts, size_t piece)
{
    prune_gemm g = *parts->whole;
    const size_t i = piece / parts->columns * parts->height, j = piece % parts->columns * parts->width;
    if (i >= g.m || j >= g.n)
        return;
    g.m = smaller(parts->height, g.m - i);
    g.n = smaller(parts->width, g.n - j);
    g.a += g.transpose_a ? i : i * g.lda;
    g.b += g.transpose_b ? j * g.ldb : j;
    g.c += i * g.ldc + j;
    backend->run(backend->user, &g);
}

static void multiply_piece(void *arg, size_t piece)
{
    const grids *all = arg;
    const grid *parts = all->grids;
    for (; piece >= parts->rows * parts->columns; parts++)
        piece -= parts->rows * parts->columns;
    multiply_part(all->backend, parts, piece);
}

static void multiply_pieces(const prune_backend *backend, const prune_gemm *products, size_t count)
{
    grids all = { .backend = backend };
    size_t pieces = 0;
    for (size_t i = 0; i < count; i++) {
        all.grids[i] = cut(&products[i]);
        pieces += all.grids[i].rows * all.grids[i].columns;
    }
    in_pieces(backend->parallel, pieces, multiply_piece, &all);
}

void prn_spread_products(const prune_backend *backend, const prune_gemm *products, size_t count)
{
    float work = 0.0f;
    for (size_t i = 0; i < count; i++)
        work += work_of(&products[i]);
    if (work < LEAST)
        for (size_t i = 0; i < count; i++)
            backend->run(backend->user, &products[i]);
    else
        multiply_pieces(backend, products, count);
}

void prn_spread_product(const prune_backend *backend, const prune_gemm *product)
{
    prn_spread_products(backend, product, 1);
}

size_t prn_spread_rows(size_t *each, size_t rows, float multiplications)
{
    size_t parts = 1;
    while (is_to_cut(parts, multiplications) && rows / (2 * parts) >= LEAST_ROWS)
        parts *= 2;
    *each = part_of(rows, parts, ROWS, lead_of(parts, multiplications));
    return (rows - 1) / *each + 1;
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
