/* batch_norm.h (private) -- batch normalisation, feature by feature */
#ifndef PRN_BATCH_NORM_H
#define PRN_BATCH_NORM_H

#include "layer.h"

extern const prn_layer_ops prn_batch_norm_ops;

#endif
