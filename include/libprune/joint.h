/* joint.h -- one score for all that a neuron is: its row, its bias, and the column of the layer that reads it
 *
 * The mean over these of the aggregate of each (group.h), over the mean of that over the neurons of the layer
 * that are left: neurons of different layers compare. It is Torch-Pruning's rule for the group of a neuron:
 * with PRUNE_MAGNITUDE_SQUARED and PRUNE_ROW_L1, and without bias, (sum of row^2 + sum of column^2) / 2,
 * normalised. The column is that of the next dense layer, as long as what is between works unit by unit; a
 * neuron of the last dense layer, or before a softmax, has none.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_JOINT_H
#define LIBPRUNE_JOINT_H

#include "libprune/group.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* One number per neuron of a layer into scores[capacity]; 0 for one that is removed, and all 0 where their
 * mean is. Where scores may be negative that is the mean of their sizes. include_bias 0: without biases.
 * Errors as prune_importance_neurons(). */
prune_status prune_importance_joint(float *scores, size_t capacity, const prune_importance *importance,
                                    size_t layer, int32_t aggregate, int32_t include_bias);
/* FFI-END */
PRUNE_API_END

#endif
