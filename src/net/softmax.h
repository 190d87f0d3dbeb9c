/* softmax.h (private) -- softmax and log-softmax over a sample */
#ifndef PRN_SOFTMAX_H
#define PRN_SOFTMAX_H

#include "layer.h"

extern const prn_layer_ops prn_softmax_ops, prn_log_softmax_ops;

#endif
