/* regularizer.h -- the group lasso: a penalty that makes whole neurons or inputs exactly 0
 *
 * Over groups g of weights, the penalty is   sum_g  lambda c_g ||w_g||_2   (M. Yuan and Y. Lin, 2006), where
 * c_g is the square root of the number of elements of the group that are not removed, or 1. A group is
 *
 *   of a neuron   (neuron_lambda) the row of its weights; with include_bias its bias too; with include_column
 *                 what reads it too: its column in the next dense layer, as long as what is between works
 *                 unit by unit
 *   of an input   (input_lambda) the column of the model's first dense layer that reads it, under the same
 *                 condition
 *
 * What is of a frozen layer is in no group. Layers between (batch normalisation) keep their own parameters.
 * The gradient is  lambda c_g w_g / ||w_g||,  0 for a group that is 0 (as in PyTorch): it leaves weights near
 * 0. With `proximal` it is not part of the gradients; instead, after each step (of any optimizer), with its
 * rate lr as the schedule has it, and after the soft threshold of a proximal l1,
 *     w_g = w_g max(1 - lr lambda c_g / ||w_g||, 0)
 * so that groups become exactly 0: the proximal operator of the penalty, and with l1 that of both (the
 * sparse group lasso). Where groups share weights (include_column: a weight is in the group of the neuron it
 * belongs to and in that of the one it reads; input_lambda: in a row and a column) they are taken one after
 * the other, inputs first, then the neurons layer by layer: each is exact, the whole is so for small
 * lr lambda. Neurons are not removed by that: prune_mask_below() does it, see below.
 *
 * From zero groups to a smaller model: score by magnitude, and remove the neurons whose row is 0 with
 * prune_mask_below() and a threshold near 0 (1e-30f). With include_column, or an activation that is 0 at 0
 * and no batch normalisation behind (and include_bias), the model computes what it did before.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_REGULARIZER_H
#define LIBPRUNE_REGULARIZER_H

#include "libprune/base.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* Of prune_trainer_options. Switches are 0 or 1. */
typedef struct prune_group_lasso {
    size_t size;
    float neuron_lambda;    /* of neurons; default 0; finite, from 0 on */
    float input_lambda;     /* of inputs; default 0; finite, from 0 on */
    int32_t include_bias;   /* default 1 */
    int32_t include_column; /* default 0 */
    int32_t include_output; /* the neurons of the last dense layer too; default 0 */
    int32_t by_size;        /* default 1: c_g as above; 0: c_g = 1 */
    int32_t proximal;       /* default 0 */
} prune_group_lasso;

/* The defaults above. NULL is fine. */
void prune_group_lasso_init(prune_group_lasso *lasso);
/* FFI-END */
PRUNE_API_END

#endif
