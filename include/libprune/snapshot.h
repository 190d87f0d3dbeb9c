/* snapshot.h -- weights and masks set aside, to come back to
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_SNAPSHOT_H
#define LIBPRUNE_SNAPSHOT_H

#include "libprune/model.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
typedef struct prune_snapshot prune_snapshot;

/* Copies weights and masks of the model. PRUNE_E_NO_LAYERS, PRUNE_E_MEMORY, PRUNE_E_OVERFLOW. */
prune_status prune_snapshot_create(prune_snapshot **out, const prune_allocator *mem,
                                   const prune_model *model);

/* Copies them again, over what the snapshot held. PRUNE_E_SHAPE: another architecture. */
prune_status prune_snapshot_take(prune_snapshot *snapshot, const prune_model *model);

/* Puts them back, bit for bit, into that model or one of the same architecture; an optimizer's state
 * is not part of it. PRUNE_E_SHAPE: another architecture. */
prune_status prune_snapshot_restore(const prune_snapshot *snapshot, prune_model *model);

/* Puts back the weights alone, and running statistics: the model keeps its masks, what is removed there stays
 * 0, and what the snapshot had removed is 0. So a pruned net starts again from its initial or early weights
 * (lottery tickets: J. Frankle and M. Carbin, ICLR 2019); prune_trainer_reset() makes the trainer forget
 * its moments, and prune_trainer_set_steps() puts the learning rate back to where it was then.
 * PRUNE_E_SHAPE: another architecture. */
prune_status prune_snapshot_rewind(const prune_snapshot *snapshot, prune_model *model);

/* Ends it. NULL is fine. */
void prune_snapshot_free(prune_snapshot *snapshot);
/* FFI-END */
PRUNE_API_END

#endif
