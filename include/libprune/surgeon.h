/* surgeon.h -- optimal brain surgeon: one weight goes, and all others make up for it
 *
 * With H the curvature of the data loss by all kept parameters, biases too, removing weight q raises the loss
 * by about   s_q = w_q^2 / (2 [H^-1]_qq),   when all others change by   -w_q / [H^-1]_qq H^-1 e_q.
 * The weight with the lowest s_q goes, exactly (B. Hassibi and D. Stork, NIPS 1992).
 *
 * H = alpha I + mean over samples of J^T A J: J are the derivatives of the outputs h by the parameters, A the
 * second ones of the loss by h (Gauss-Newton: what the curvature of h itself adds is left out):
 *     PRUNE_MSE                      A = I: the recursion of that paper, with H_0^-1 = I / alpha
 *     PRUNE_BINARY_CROSS_ENTROPY     A = diag p (1 - p), p = 1 / (1 + e^-h)
 *     PRUNE_SOFTMAX_CROSS_ENTROPY    A = (diag p - p p^T) * sum of the targets, p = softmax h
 * Other losses: PRUNE_E_UNSUPPORTED. It is meant for a model that has been trained to a minimum of that loss.
 * Samples count as their weights say. Inference, not training: dropout is off, statistics stand still.
 *
 * Up to PRUNE_SURGEON_LIMIT kept parameters, as H takes 8 bytes times their square. Computed in double.
 * LAPACK inverts H if the back end is OpenBLAS. Memory comes from the model's allocator. The model must
 * not change meanwhile.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_SURGEON_H
#define LIBPRUNE_SURGEON_H

#include "libprune/data.h"
#include "libprune/mask.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum { PRUNE_SURGEON_LIMIT = 4096 };

typedef struct prune_surgeon_options {
    size_t size;
    uint64_t count;       /* weights to remove, at most; default 1 */
    double limit;         /* no weight goes whose s_q is above this; default DBL_MAX: no limit; >= 0 */
    double alpha;         /* default 1e-4; 1e-12 .. 1e12 */
    uint64_t recompute;   /* H is computed anew after so many; default 1; 0: never. In between H^-1 is that of
                             the kept parameters under the same H */
    uint64_t min_kept;    /* weights that stay in each layer; default 1 */
    int32_t loss;         /* default PRUNE_SOFTMAX_CROSS_ENTROPY */
    int32_t include_bias; /* default 0: biases make up only; 1: they may go */
    const prune_backend *backend; /* NULL: prune_backend_default() */
} prune_surgeon_options;

/* The defaults above. NULL is fine. */
void prune_surgeon_options_init(prune_surgeon_options *options);

/* Removes weights one by one, until count, limit or the floors end it: removal says how many, with its
 * `threshold` the largest s_q. removal, options and error may be NULL. PRUNE_E_LIMIT: too many parameters;
 * PRUNE_E_UNSUPPORTED: the loss; PRUNE_E_RANGE: an option; PRUNE_E_DIVERGED: a derivative is not finite;
 * PRUNE_E_SINGULAR: alpha is too small beside the derivatives; PRUNE_E_NONFINITE: a weight would leave float;
 * PRUNE_E_SHAPE: by_layer_capacity; PRUNE_E_VERSION; PRUNE_E_OVERFLOW; PRUNE_E_MEMORY; errors as
 * prune_data_check() and prune_trainer_create(). On failure the model is untouched. */
prune_status prune_obs(prune_removal *removal, prune_model *model, const prune_data *data,
                       const prune_surgeon_options *options, prune_error *error);

/* Fills a table of PRUNE_SUPPLIED with s_q: of weights and biases that are kept; of removed ones it is 0.
 * Only alpha, loss and backend matter. Errors as above; PRUNE_E_STATE: not such a table, or its model has
 * changed. On failure the table is as it was, but for PRUNE_E_NONFINITE of a score: then it is without. */
prune_status prune_score_obs(prune_importance *scores, const prune_data *data,
                             const prune_surgeon_options *options, prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
