/* cluster.h (private) -- where a fit meets the other ranks; with none, `mine` comes back and nothing else */
#ifndef PRN_CLUSTER_H
#define PRN_CLUSTER_H

#include "libprune/cluster.h"
#include "evaluate.h"
#include "trainer.h"

/* Before the first step: same[count] must be equal on all, *batches becomes the largest. */
prune_status prn_cluster_begin(prune_trainer *trainer, const uint64_t *same, size_t count, uint64_t *batches);

/* After a callback: *stop becomes 1 if it is on any rank. */
prune_status prn_cluster_stop(prune_trainer *trainer, prune_status mine, int32_t *stop);

/* What an epoch has come to: the loss and the weight that it is divided by, the validation's sums, and a
 * metric of the user's own, which becomes a mean over validation samples. */
prune_status prn_cluster_epoch(prune_trainer *trainer, prune_status mine, double loss_seen[2],
                               prn_tally *tally, double *own);

/* At the end: a failure that the others do not know of is told; one of theirs is put into words. */
prune_status prn_cluster_leave(prune_trainer *trainer, prune_status status, prune_error *error);

#endif
