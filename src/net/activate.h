/* activate.h (private) -- an activation as a layer of its own */
#ifndef PRN_ACTIVATE_H
#define PRN_ACTIVATE_H

#include "layer.h"

extern const prn_layer_ops prn_activate_ops;

#endif
