/* costs.h -- how long a product takes in each layout: a model, so that nothing need be timed */
#ifndef PRN_COSTS_H
#define PRN_COSTS_H

#include "kept.h"
#include "libprune/gemm.h"
#include "sparse.h"

enum { PRN_LAYOUTS = PRUNE_LAYOUT_MASKS + 1 };

typedef struct prn_costs {
    const prn_sparse *kernels;
    int32_t has[PRN_LAYOUTS];                                    /* AUTO always */
    uint32_t rows, columns, kept, steps, window, blocks, height; /* window, height: the best */
    uint32_t blas_speed;                                         /* floats in the time of 8 of the BLAS's */
    int32_t has_small, has_uncopied;                             /* kernels for small products */
    int32_t by_reference;                                        /* dense, not by a BLAS */
} prn_costs;

void prn_costs_of(prn_costs *costs, const prn_kept *kept, const prn_sparse *kernels,
                  const prune_backend *backend);

/* Nanoseconds, modelled, of a layout that there is. */
float prn_costs_time(const prn_costs *costs, int32_t layout, size_t batch);

/* The fastest by that, of those that are not larger than DENSE. */
int32_t prn_costs_best(const prn_costs *costs, size_t batch);

/* Whether a layout that there is takes more bytes than DENSE, but for gaps between its arrays. */
int32_t prn_costs_larger(const prn_costs *costs, int32_t layout);

#endif
