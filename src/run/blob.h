/* blob.h (private) -- what the operations of the runtime share */
#ifndef PRN_BLOB_H
#define PRN_BLOB_H

#include "libprune/blob.h"

static inline const uint32_t *prn_layer_data(const prune_blob_layer *layer)
{
    return (const uint32_t *)(layer + 1);
}

/* NaN stays NaN. */
static inline float prn_floored(float sum, float floor)
{
    return sum <= floor ? floor : sum;
}

/* Checks operations that have no data and work in place. */
int32_t prn_check_map(const prune_blob_layer *layer);

#endif
