/* ranges.h -- between which ends the numbers lie that pass between layers */
#ifndef PRN_RANGES_H
#define PRN_RANGES_H

#include "model.h"
#include "libprune/gemm.h"
#include "libprune/quantize.h"

/* low <= 0 <= high. */
typedef struct prn_range {
    double low, high;
} prn_range;

/* ranges[layers + 1]: of what goes into each layer, and of what comes out of the last, for all samples of the
 * data, once each whatever their weights; by the range, percentile and backend of the options. Data are read
 * twice. PRUNE_E_NONFINITE: a layer gives NaN or Inf; PRUNE_E_OVERFLOW; PRUNE_E_MEMORY; errors of the data. */
prune_status prn_ranges_find(prn_range *ranges, const prune_model *model, const prune_data *data,
                             const prune_quantize_options *options, prune_error *error);

#endif
