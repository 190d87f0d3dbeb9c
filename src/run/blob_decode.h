/* blob_decode.h -- the weights of a layer of a blob, whatever its encoding */
#ifndef PRN_BLOB_DECODE_H
#define PRN_BLOB_DECODE_H

#include "libprune/blob.h"

/* One weight, or with column = the layer's inputs the bias of a row. */
typedef void prn_blob_visit(void *user, uint32_t row, uint32_t column, float value);

/* Visits each bias and each weight that is stored, of a layer that has passed its check; fillings come as
 * weights of 0, and may come beside the weight. 0: its operation is not DENSE, BLOCKS, DELTAS or BITMASK. */
int32_t prn_blob_decode(const prune_blob_layer *layer, prn_blob_visit *visit, void *user);

#endif
