/* run_ops.c -- the list of all operations, which no other file of the runtime names
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/blob.h"

#include <stddef.h>

const prune_blob_op *const prune_blob_ops[] = {
    &prune_op_dense,   &prune_op_blocks,      &prune_op_deltas,    &prune_op_bitmask,    &prune_op_affine,
    &prune_op_relu,    &prune_op_sigmoid,     &prune_op_tanh,      &prune_op_leaky_relu, &prune_op_elu,
    &prune_op_selu,    &prune_op_gelu,        &prune_op_gelu_tanh, &prune_op_silu,       &prune_op_softplus,
    &prune_op_softmax, &prune_op_log_softmax, &prune_op_widen,     &prune_op_dense8,     &prune_op_blocks8,
    &prune_op_affine8, &prune_op_table,       &prune_op_narrow,    &prune_op_real,       NULL,
};
