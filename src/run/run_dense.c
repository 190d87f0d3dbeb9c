/* run_dense.c -- a dense layer in C
 *
 * SPDX-License-Identifier: MIT */
#include "run_dense.h"

/* O I + O is below 2^32, both being below 2^16. */
uint32_t prn_dense_check(const prune_blob_layer *layer)
{
    return layer->words - layer->outputs * (layer->inputs + 1u);
}

static void run(void *y, const void *x, const prune_blob_layer *layer)
{
    prn_dense_run(y, x, layer, prn_turns_in_c);
}

const prune_blob_op prune_op_dense = { PRUNE_BLOB_DENSE, PRUNE_BLOB_F32,
                                       PRUNE_BLOB_F32,   0,
                                       prn_dense_check,  run };
