/* data.h -- samples: inputs and what they should give
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_DATA_H
#define LIBPRUNE_DATA_H

#include "libprune/model.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* A view: the tensors stay the caller's. */
typedef struct prune_data {
    size_t size;                 /* sizeof(prune_data), by prune_data_init() */
    const prune_tensor *inputs;  /* [n][I], PRUNE_F32 */
    const prune_tensor *targets; /* as the loss wants them, see loss.h */
} prune_data;

/* Sets size; both tensors NULL. NULL is fine. */
void prune_data_init(prune_data *data);

/* Whether the data fit the model and the loss, every value finite, every label in range. The training
 * and scoring calls do this themselves before they change anything.
 * PRUNE_E_EMPTY: no samples or no tensors; PRUNE_E_SHAPE; PRUNE_E_TYPE; PRUNE_E_NONFINITE;
 * PRUNE_E_LABEL; PRUNE_E_LIMIT: rows more than INT_MAX elements apart; PRUNE_E_NO_LAYERS;
 * PRUNE_E_ARGUMENT: NULL, or an unknown loss; PRUNE_E_VERSION: data->size. error names the first bad
 * element. Any thread. */
prune_status prune_data_check(const prune_data *data, const prune_model *model, int32_t loss,
                              prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
