/* layerwise.h -- optimal brain surgeon, layer by layer: what stays makes up for what goes
 *
 * Each dense layer keeps its outputs W x + b as near as it can to what they were, on given samples. With
 *     H = 2/N sum_n x x^T,    of the N inputs x of the layer, [I]
 * removing w_j from a row costs w_j^2 / (2 [H^-1]_jj), and what is left of the row changes by
 *     -w_j / [H^-1]_jj  times column j of H^-1.
 * The columns are visited from the left, in blocks. U being the upper Cholesky factor of H^-1, the weights of
 * a block (of all its rows) with the lowest w^2 / U_jj^2 go, and weights to the right make up for them
 * (E. Frantar and D. Alistarh, SparseGPT, ICML 2023; X. Dong et al., NIPS 2017).
 *
 * Before that damping * mean(diag H) is added to the diagonal. An input that is 0 in all samples counts as
 * one with H_jj = 1 and nothing in common with others; its weights become 0, removed or not.
 * With `bias`, as by default, the bias is one more column, of an input that is 1, behind the others. It is
 * never removed, and makes up too. SparseGPT leaves it alone.
 *
 * How many go: of each layer round_half_even(fraction * I * O), those removed before among them; blocks share
 * what is to go by their kept weights. Ties: the first in (row, column).
 *
 * Samples count as their weights say. Targets are not looked at, and tensors of them may be NULL.
 * The model must not change meanwhile. Memory comes from the model's allocator: a copy of the model,
 * and for the widest layer (I + 1)^2 + 4 I O numbers in double. With OpenBLAS LAPACK does the work.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_LAYERWISE_H
#define LIBPRUNE_LAYERWISE_H

#include "libprune/data.h"
#include "libprune/mask.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
typedef struct prune_layerwise_options {
    size_t size;
    double fraction; /* of each layer's weights; default 0.5; 0 <= fraction < 1 */
    double damping;  /* default 0.01; finite, from 0 on */
    size_t block;    /* columns; default 128; rounded up to whole groups of M */
    int32_t layer;   /* only this one; default -1: all dense layers */
    /* Default 0; N and M: of each M inputs side by side, row by row, N weights at most stay ("keep N of M"),
     * and there is no fraction. The last group of a row may be shorter. 1 <= keep <= of. */
    uint32_t keep;
    uint32_t of;
    int32_t bias;     /* default 1, see above */
    int32_t original; /* default 0: inputs of a layer are those behind layers that have been pruned already,
                         as SparseGPT does it; 1: those of the model as it was */
    /* Default 0; 1: as SparseGPT's script, which removes of a block of n weights all up to the one in
     * place (int)(n fraction) of the order, counted from 0: one more, and all that tie with it. */
    int32_t one_more;
    const prune_backend *backend; /* NULL: prune_backend_default() */
} prune_layerwise_options;

/* The defaults above. NULL is fine. */
void prune_layerwise_options_init(prune_layerwise_options *options);

/* Prunes dense layers and changes what is left. removal, options and error may be NULL; removal->threshold is
 * 0. PRUNE_E_RANGE: an option, a layer that does not exist or is not dense; PRUNE_E_COLLAPSE: nothing of a
 * layer would stay; PRUNE_E_SINGULAR: without damping, inputs that depend on each other;
 * PRUNE_E_NONFINITE: an input of a layer, or a weight that came out; PRUNE_E_LIMIT: INT_MAX inputs;
 * PRUNE_E_ARGUMENT; PRUNE_E_VERSION; PRUNE_E_NO_LAYERS; PRUNE_E_OVERFLOW;
 * PRUNE_E_MEMORY; PRUNE_E_SHAPE: by_layer_capacity; errors as prune_data_check(). On failure the model is
 * untouched. */
prune_status prune_obs_layerwise(prune_removal *removal, prune_model *model, const prune_data *data,
                                 const prune_layerwise_options *options, prune_error *error);

/* Fills a table of PRUNE_SUPPLIED with w_j^2 / [H^-1]_jj of each weight by itself, H of the inputs
 * as they are, damped, with the bias as above; twice what its removal costs. An input that is always 0
 * gives 0. Of the options only layer, damping, bias and backend count. Other parameters and layers have the
 * largest score there is. Errors as above; PRUNE_E_STATE: not such a table, or its model has changed. On
 * failure the table is as it was, but for PRUNE_E_NONFINITE of a score: then it is without scores. */
prune_status prune_score_layerwise(prune_importance *scores, const prune_data *data,
                                   const prune_layerwise_options *options, prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
