/* snapshot.h (private) */
#ifndef PRN_SNAPSHOT_H
#define PRN_SNAPSHOT_H

#include "libprune/snapshot.h"

/* PRUNE_OK if restoring into the model cannot fail; PRUNE_E_ARGUMENT: NULL; PRUNE_E_SHAPE. */
prune_status prn_snapshot_fits(const prune_snapshot *snapshot, const prune_model *model);

/* The model that it holds. */
const prune_model *prn_snapshot_model(const prune_snapshot *snapshot);

#endif
