/* predict.h -- forward passes of a const model in a workspace of the caller's
 *
 * Shapes: B samples, I inputs, O outputs.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_PREDICT_H
#define LIBPRUNE_PREDICT_H

#include "libprune/gemm.h"
#include "libprune/model.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* Memory for the activations of up to max_batch samples. One workspace, one thread at a time. */
typedef struct prune_workspace prune_workspace;

/* Makes a workspace for models of this architecture; make it once and keep it. backend NULL:
 * prune_backend_default().
 * PRUNE_E_ARGUMENT: a back end without a function; PRUNE_E_NO_LAYERS; PRUNE_E_SIZE: max_batch is 0;
 * PRUNE_E_LIMIT: over INT_MAX; PRUNE_E_OVERFLOW; PRUNE_E_MEMORY. */
prune_status prune_workspace_create(prune_workspace **out, const prune_allocator *mem,
                                    const prune_model *model, size_t max_batch, const prune_backend *backend);

/* Bytes that such a workspace takes from its allocator. */
prune_status prune_workspace_bytes(size_t *bytes, const prune_model *model, size_t max_batch);

/* Ends a workspace. NULL is fine. */
void prune_workspace_free(prune_workspace *workspace);

/* y[B][O] = model(x[B][I]), any B >= 1, computed max_batch samples at a time. Allocates nothing.
 * Non-finite inputs are not refused: they give what IEEE arithmetic gives, except that ReLU makes 0
 * of NaN. x and y must not overlap.
 * PRUNE_E_ARGUMENT: NULL; PRUNE_E_NO_LAYERS; PRUNE_E_SHAPE; PRUNE_E_TYPE (both F32);
 * PRUNE_E_READONLY (y); PRUNE_E_LIMIT: rows more than INT_MAX elements apart; PRUNE_E_STATE: the
 * workspace was made for another architecture. On failure y is untouched. */
prune_status prune_predict(prune_tensor *y, const prune_model *model, prune_workspace *workspace,
                           const prune_tensor *x);
/* FFI-END */
PRUNE_API_END

#endif
