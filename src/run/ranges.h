/* ranges.h -- between which ends the numbers lie that pass between layers */
#ifndef PRN_RANGES_H
#define PRN_RANGES_H

#include "apart.h"
#include "libprune/data.h"
#include "libprune/gemm.h"

/* low <= 0 <= high. */
typedef struct prn_range {
    double low, high;
} prn_range;

/* How the ends are found; the values are those of PRUNE_RANGE_*. */
enum { PRN_ENDS_ALL = 0, PRN_ENDS_SHARE = 1, PRN_ENDS_LEAST_ERROR = 2 };
typedef struct prn_ends {
    int32_t how;
    double share;                 /* that may be left out */
    const prune_backend *backend; /* NULL: the default */
} prn_ends;

/* ranges[layers + 1]: of what goes into each layer, and of what comes out of the last, for all samples of
 * the data, once each whatever their weights. Data are read twice. PRUNE_E_NONFINITE: a layer gives NaN or
 * Inf; PRUNE_E_OVERFLOW; PRUNE_E_MEMORY; errors of the data. */
prune_status prn_ranges_find(prn_range *ranges, const prn_apart *apart, const prune_data *data,
                             const prn_ends *ends, prune_error *error);

#endif
