/* kinds.c -- the one place that knows every kind of layer
 *
 * SPDX-License-Identifier: MIT */
#include "kinds.h"
#include "activate.h"
#include "batch_norm.h"
#include "dense.h"
#include "dropout.h"
#include "softmax.h"

const prn_layer_ops *prn_kinds_find(uint32_t kind)
{
    static const prn_layer_ops *const kinds[] = {
        [PRUNE_LAYER_DENSE] = &prn_dense_ops,     [PRUNE_LAYER_ACTIVATION] = &prn_activate_ops,
        [PRUNE_LAYER_SOFTMAX] = &prn_softmax_ops, [PRUNE_LAYER_LOG_SOFTMAX] = &prn_log_softmax_ops,
        [PRUNE_LAYER_DROPOUT] = &prn_dropout_ops, [PRUNE_LAYER_BATCH_NORM] = &prn_batch_norm_ops,
    };
    return kind < sizeof kinds / sizeof kinds[0] ? kinds[kind] : NULL;
}
