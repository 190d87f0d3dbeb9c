/* hessian.h -- the Hessian of the mean loss times a vector, exactly, without the Hessian
 *
 * H v = d/dt of the gradient at w + t v, t = 0: by differentiating the passes forward and backward along v
 * (B. Pearlmutter, Neural Computation 6, 1994), at the cost of about two training steps without an update.
 * L is the mean data loss of loss.h (no penalty) over all samples given, however they were cut into batches,
 * the model as in inference; second derivatives at kinks are 0. v and H v have an element for each of the
 * parameters, removed ones included; running statistics are constants, their H v is 0.
 *
 * With a temperature T the loss is that of the outputs divided by T.
 *
 * All layers and all losses are covered, but an own loss: PRUNE_E_UNSUPPORTED.
 *
 * Threads: one object, and its trainer, one thread at a time.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_HESSIAN_H
#define LIBPRUNE_HESSIAN_H

#include "libprune/data.h"
#include "libprune/supplied.h"
#include "libprune/trainer.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
typedef struct prune_hessian prune_hessian;

/* Makes one on the loss, the batches and the buffers of a trainer, which must outlive it; v is 0, T is 1. It
 * takes one block, about as large as the trainer's, and nothing later.
 * PRUNE_E_ARGUMENT: NULL; PRUNE_E_STATE: the trainer's model has changed; PRUNE_E_OVERFLOW;
 * PRUNE_E_MEMORY. */
prune_status prune_hessian_create(prune_hessian **out, const prune_allocator *mem, prune_trainer *trainer);

/* Bytes that such an object takes from its allocator. */
prune_status prune_hessian_bytes(size_t *bytes, const prune_trainer *trainer);

/* Ends it, not its trainer. NULL is fine; the trainer may be gone. */
void prune_hessian_free(prune_hessian *hessian);

/* Sets the part of v that belongs to a parameter to values[count], and forgets all samples.
 * PRUNE_E_ARGUMENT; PRUNE_E_STATE; PRUNE_E_RANGE: no such parameter, or running statistics; PRUNE_E_SHAPE:
 * count differs; PRUNE_E_NONFINITE. On failure nothing changes. */
prune_status prune_hessian_set_vector(prune_hessian *hessian, size_t param, const float *values,
                                      size_t count);

/* Sets T, and forgets all samples. PRUNE_E_RANGE: not finite, or not above 0. */
prune_status prune_hessian_set_temperature(prune_hessian *hessian, float temperature);

/* Adds all samples of `data` to those added before (a model that has changed since wants a
 * prune_hessian_reset() first). The trainer's optimizer state and the model stay as they are, its gradients
 * are overwritten.
 * PRUNE_E_UNSUPPORTED: an own loss; PRUNE_E_STATE: the model has other layers now; PRUNE_E_DIVERGED: a loss
 * or a derivative is not finite; errors as prune_data_check(). On failure all is as before the call, except
 * PRUNE_E_DIVERGED and failures of a source, which reset. A source needs memory for a batch from the
 * trainer's allocator (PRUNE_E_MEMORY). */
prune_status prune_hessian_accumulate(prune_hessian *hessian, const prune_data *data, prune_error *error);

/* Forgets all samples; v and T stay. */
prune_status prune_hessian_reset(prune_hessian *hessian);

/* Samples added so far; 0 for NULL. */
uint64_t prune_hessian_samples(const prune_hessian *hessian);

/* H v of a parameter; and the gradient g of the same mean loss. Borrowed, overwritten by the next
 * accumulate. NULL for no such index, or before there are samples. */
const float *prune_hessian_product(const prune_hessian *hessian, size_t param);
const float *prune_hessian_gradient(const prune_hessian *hessian, size_t param);

/* GraSP (C. Wang et al., ICLR 2020), for a network before training: fills a PRUNE_SUPPLIED table of the
 * trainer's model with w (H g), where g is the gradient by the kept prunable weights and 0 elsewhere. That is
 * minus the paper's score, of which the highest go first: here as ever the lowest do. They are the weights
 * whose removal leaves the gradient's norm largest, to first order. The temperature of the paper is 200. The
 * data are read twice; the order of scores does not depend on their scale, which is not normalised.
 * Takes a prune_hessian from the trainer's allocator for the time of the call.
 * PRUNE_E_ARGUMENT; PRUNE_E_RANGE: the temperature; PRUNE_E_STATE: another model, or not such a table;
 * PRUNE_E_MEMORY; errors as prune_hessian_accumulate(): the table is as it was; PRUNE_E_NONFINITE: a score
 * would be NaN or Inf: it is without scores. */
prune_status prune_score_grasp(prune_importance *scores, prune_trainer *trainer, const prune_data *data,
                               float temperature, prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
