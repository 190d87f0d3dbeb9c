/* curvature.h -- the diagonal of the Hessian: how the mean loss bends along each weight
 *
 * h = d2L/dw2 of the mean data loss L of loss.h (no penalty), over all samples given, however they were cut
 * into batches; the model as in inference. Three kinds:
 *   PRUNE_HESSIAN_EXACT         h itself. For each sample the whole Hessian by a layer's outputs is passed
 *                               back, H_x = W^T H_z W, with H_z = F H_y F + diag(f'' dl/dy), F = diag(f');
 *                               h of a weight is H_z[o][o] x_i^2. Off a minimum h may be below 0.
 *   PRUNE_HESSIAN_GAUSS_NEWTON  the same without second derivatives of the layers, those of the loss by the
 *                               outputs in full: never below 0, and h itself where layers are piecewise
 *                               linear (N. Schraudolph, Neural Computation 14, 2002).
 *   PRUNE_HESSIAN_OBD           the recursion of optimal brain damage, with f'': of each matrix the diagonal
 *                               alone is passed back (Y. LeCun et al., NIPS 1989). An estimate, but h itself
 *                               in the last layers up to the first product that mixes units.
 * At a kink (ReLU, leaky ReLU, absolute errors) the second derivative is 0, as it is beside it.
 * All layers and all losses are covered, but an own loss: PRUNE_E_UNSUPPORTED.
 *
 * Cost for a sample: OBD as a backward pass; the others side^2 numbers of memory three times, and a matrix
 * product with them per layer, side being the widest output of a layer.
 *
 * Threads: one object, one thread at a time.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_CURVATURE_H
#define LIBPRUNE_CURVATURE_H

#include "libprune/data.h"
#include "libprune/supplied.h"
#include "libprune/trainer.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum { PRUNE_HESSIAN_EXACT = 1, PRUNE_HESSIAN_GAUSS_NEWTON = 2, PRUNE_HESSIAN_OBD = 3 };

typedef struct prune_curvature prune_curvature;

/* Makes one for the model, which must outlive it; it allocates nothing later.
 * PRUNE_E_ARGUMENT: NULL, an unknown kind; PRUNE_E_NO_LAYERS; PRUNE_E_OVERFLOW; PRUNE_E_MEMORY. */
prune_status prune_curvature_create(prune_curvature **out, const prune_allocator *mem,
                                    const prune_model *model, int32_t kind);

/* Bytes that such an object takes from its allocator. */
prune_status prune_curvature_bytes(size_t *bytes, const prune_model *model, int32_t kind);

/* Ends it. NULL is fine. */
void prune_curvature_free(prune_curvature *curvature);

/* Adds all samples of `data` to those added before (a model that has changed since wants a
 * prune_curvature_reset() first). The trainer lends loss, batch size and buffers; its optimizer state and the
 * model stay as they are, its gradients are overwritten.
 * PRUNE_E_UNSUPPORTED: an own loss; PRUNE_E_STATE: the trainer belongs to another model, or the model has
 * other layers now; PRUNE_E_DIVERGED: a loss or a derivative is not finite; errors as prune_data_check().
 * On failure all is as before the call, except PRUNE_E_DIVERGED and failures of a source, which reset. A
 * source needs memory for a batch from the trainer's allocator (PRUNE_E_MEMORY). */
prune_status prune_curvature_accumulate(prune_curvature *curvature, prune_trainer *trainer,
                                        const prune_data *data, prune_error *error);

/* Forgets all samples. */
prune_status prune_curvature_reset(prune_curvature *curvature);

/* Samples added so far; 0 for NULL. */
uint64_t prune_curvature_samples(const prune_curvature *curvature);

/* h of each element of a parameter, removed ones included; 0 of running statistics. Borrowed, overwritten by
 * the next accumulate. NULL for no such index, or before there are samples. */
const float *prune_curvature_diagonal(const prune_curvature *curvature, size_t param);

/* Fills a PRUNE_SUPPLIED table of the same model with the saliencies h w^2 / 2, w being the weights as they
 * are now: the change of the loss when w alone goes to 0, to second order, where the gradient is 0. An h
 * below 0 stays what it is, and gives a score below 0: such weights are the first to go, as the loss falls
 * without them. Who does not believe that takes PRUNE_HESSIAN_GAUSS_NEWTON.
 * PRUNE_E_STATE: no samples yet, another model, or not such a table: it is left alone; PRUNE_E_NONFINITE: a
 * score would be NaN or Inf: the table is without scores then. */
prune_status prune_score_curvature(prune_importance *scores, const prune_curvature *curvature);
/* FFI-END */
PRUNE_API_END

#endif
