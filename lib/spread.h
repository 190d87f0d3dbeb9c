/* spread.h -- work cut into pieces where its shape says, for the threads of a back end */
#ifndef PRN_SPREAD_H
#define PRN_SPREAD_H

#include "libprune/gemm.h"

/* Whether it can be used: NULL (the default) or one with its functions. */
int32_t prn_backend_fits(const prune_backend *backend);

/* Products of which none reads what another writes, at the same time; in pieces if they are large, with
 * threads or without: a BLAS then gives the same bits. And one of them. */
enum { PRN_SPREAD_PRODUCTS = 2 };
void prn_spread_products(const prune_backend *backend, const prune_gemm *products, size_t count);
void prn_spread_product(const prune_backend *backend, const prune_gemm *product);

/* Into how many pieces rows are cut that go through products which together multiply so often, and how many
 * rows each but the last has; a single one where rows are too few: then products may be cut. */
size_t prn_spread_rows(size_t *each, size_t rows, float multiplications);

/* Calls piece(arg, number) for numbers 0 .. pieces - 1, which together multiply so often: in turn, or by the
 * threads of the back end if it has them and that is much. */
void prn_spread_pieces(const prune_backend *backend, float multiplications, size_t pieces, prune_task piece,
                       void *arg);

/* Calls work(arg, first, count) for ranges that are together 0 .. count - 1: one if there are no threads or
 * little to do, else of PRN_SPREAD_RANGE elements. What is computed of an element may not depend on it. */
enum { PRN_SPREAD_RANGE = 32768 };
typedef void prn_range_work(const void *arg, size_t first, size_t count);
void prn_spread_range(const prune_backend *backend, size_t count, prn_range_work *work, const void *arg);

#endif
