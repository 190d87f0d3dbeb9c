/* dropout.h (private) -- outputs left out at random while training */
#ifndef PRN_DROPOUT_H
#define PRN_DROPOUT_H

#include "layer.h"

extern const prn_layer_ops prn_dropout_ops;

#endif
