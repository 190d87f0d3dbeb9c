/* dense.h (private) -- fully connected layer: y = f(x W^T + b), W[O][I], b[O] */
#ifndef PRN_DENSE_H
#define PRN_DENSE_H

#include "layer.h"

extern const prn_layer_ops prn_dense_ops;

#endif
