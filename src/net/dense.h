/* dense.h (private) -- fully connected layer: y = f(x W^T + b), W[O][I], b[O] */
#ifndef PRN_DENSE_H
#define PRN_DENSE_H

#include "layer.h"

/* A layer in one block, parameters 0, all kept. PRUNE_E_OVERFLOW, PRUNE_E_MEMORY. */
prune_status prn_dense_create(prn_layer **out, const prune_allocator *mem, const prune_shape *input,
                              size_t outputs, int32_t activation);

#endif
