/* linalg_ref.c -- linear algebra in plain C: every inner loop runs along rows, in an order that sizes alone
 * decide
 *
 * SPDX-License-Identifier: MIT */
#include "linalg.h"

#include <float.h>

/* y -= t x */
static void take_away(double *restrict y, double t, const double *restrict x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] -= t * x[i];
}

static void add(double *restrict y, double t, const double *restrict x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] += t * x[i];
}

static double dot(const double *x, const double *y, size_t count)
{
    double part[4] = { 0.0, 0.0, 0.0, 0.0 };
    size_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (size_t j = 0; j < 4; j++)
            part[j] += x[i + j] * y[i + j];
    for (; i < count; i++)
        part[0] += x[i] * y[i];
    return (part[0] + part[1]) + (part[2] + part[3]);
}

static void subtract(const prn_linalg_product *p)
{
    for (size_t i = 0; i < p->m; i++)
        for (size_t k = 0; k < p->k; k++)
            take_away(p->c + i * p->ldc, p->a[i * p->lda + k], p->b + k * p->ldb, p->n);
}

/* Row by row of G, so that it stays near while the samples pass. */
static void add_gram(double *g, size_t n, const double *x, size_t rows)
{
    for (size_t i = 0; i < n; i++)
        for (size_t r = 0; r < rows; r++)
            add(g + i * n + i, x[r * n + i], x + r * n + i, n - i);
}

prune_status prn_linalg_check(const double *u, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        double whole = 0.0; /* the diagonal of U^T U */
        for (size_t i = 0; i <= j; i++)
            whole += u[i * n + j] * u[i * n + j];
        const double own = u[j * n + j] * u[j * n + j];
        if (!(own > (double)n * DBL_EPSILON * whole) || !(whole <= DBL_MAX))
            return PRUNE_E_SINGULAR;
    }
    return PRUNE_OK;
}

/* Rows of a panel are finished, then the rows below see the whole panel at once. */
enum { PANEL = 32 };

static int32_t finish_row(double *a, size_t n, size_t first, size_t i)
{
    double *row = a + i * n;
    for (size_t k = first; k < i; k++)
        take_away(row + i, a[k * n + i], a + k * n + i, n - i);
    if (!(row[i] > 0.0))
        return 0;
    const double root = __builtin_sqrt(row[i]);
    for (size_t j = i; j < n; j++)
        row[j] /= root;
    return 1;
}

static prune_status factor(double *a, size_t n)
{
    for (size_t first = 0; first < n; first += PANEL) {
        const size_t next = n - first < PANEL ? n : first + PANEL;
        for (size_t i = first; i < next; i++)
            if (!finish_row(a, n, first, i))
                return PRUNE_E_SINGULAR;
        for (size_t i = next; i < n; i++)
            for (size_t k = first; k < next; k++)
                take_away(a + i * n + i, a[k * n + i], a + k * n + i, n - i);
    }
    return prn_linalg_check(a, n);
}

static void divide(double *row, double by, size_t count)
{
    for (size_t i = 0; i < count; i++)
        row[i] /= by;
}

static void solve(double *b, size_t columns, const double *u, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++)
            take_away(b + i * columns, u[k * n + i], b + k * columns, columns);
        divide(b + i * columns, u[i * n + i], columns);
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t k = i + 1; k < n; k++)
            take_away(b + i * columns, u[i * n + k], b + k * columns, columns);
        divide(b + i * columns, u[i * n + i], columns);
    }
}

/* U = U^-1, from the last row up. Within a row from its end, since row k of the inverse has nothing before
 * its element k. */
static void invert_triangle(double *u, size_t n)
{
    for (size_t i = n; i-- > 0;) {
        double *row = u + i * n;
        for (size_t k = n; k-- > i + 1;) {
            const double t = row[k];
            row[k] = 0.0;
            add(row + k, t, u + k * n + k, n - k);
        }
        const double own = row[i];
        row[i] = -1.0;
        for (size_t j = i; j < n; j++)
            row[j] /= -own;
    }
}

static void invert(double *u, size_t n)
{
    invert_triangle(u, n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++)
            u[i * n + j] = dot(u + i * n + j, u + j * n + j, n - j);
    prn_linalg_mirror(u, n);
}

void prn_linalg_mirror(double *a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            a[i * n + j] = a[j * n + i];
}

static const prn_linalg reference = { subtract, add_gram, factor, solve, invert };

const prn_linalg *prn_linalg_reference(void)
{
    return &reference;
}
