/* sparsity.h -- how much is removed by when, from step to step or from round to round
 *
 * Sparsity is the fraction removed of all units. With s and f the initial and final sparsity, t the step,
 * and r = begin + every floor((t - begin) / every) the latest step on which something was due, but
 * r = end for t >= end, so that the end is always reached:
 *
 *   t < begin                   0
 *   otherwise, p = (r - begin) / (end - begin):
 *   PRUNE_SPARSITY_ONE_SHOT     f
 *   PRUNE_SPARSITY_LINEAR       s + (f - s) p
 *   PRUNE_SPARSITY_GEOMETRIC    1 - (1 - s) ((1 - f) / (1 - s))^p     the same part of what is left each time
 *   PRUNE_SPARSITY_POLYNOMIAL   f + (s - f) (1 - p)^power             power 3: M. Zhu and S. Gupta, 2017
 *
 * With begin = end, p is 1. Rounds instead of steps: begin 0, every 1, end the number of the last round; in
 * lottery-ticket rounds (J. Frankle and M. Carbin, ICLR 2019) with 20 % less each time, f = 1 - 0.8^rounds.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_SPARSITY_H
#define LIBPRUNE_SPARSITY_H

#include "libprune/base.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum {
    PRUNE_SPARSITY_ONE_SHOT = 1,
    PRUNE_SPARSITY_LINEAR = 2,
    PRUNE_SPARSITY_GEOMETRIC = 3,
    PRUNE_SPARSITY_POLYNOMIAL = 4
};

typedef struct prune_sparsity {
    size_t size;
    int32_t kind;   /* default PRUNE_SPARSITY_POLYNOMIAL */
    uint32_t power; /* polynomial: from 1 to 64; default 3 */
    double initial; /* default 0; 0 <= initial <= final <= 1, and geometric below 1 */
    double final;   /* default 0.9 */
    uint64_t begin; /* default 0 */
    uint64_t end;   /* default 1000; not below begin */
    uint64_t every; /* default 100; at least 1 */
} prune_sparsity;

/* The defaults above. NULL is fine. */
void prune_sparsity_init(prune_sparsity *sparsity);

/* *value at step t; NULL for sparsity means the defaults. Never falls with t; `final` exactly from `end` on,
 * `initial` exactly at `begin`. Within 1e-14 of the formula.
 * PRUNE_E_ARGUMENT: value NULL, an unknown kind; PRUNE_E_RANGE: a number of the struct; PRUNE_E_VERSION. */
prune_status prune_sparsity_at(double *value, const prune_sparsity *sparsity, uint64_t t);
/* FFI-END */
PRUNE_API_END

#endif
