/* update.h (private) -- the second half of a training step */
#ifndef PRN_UPDATE_H
#define PRN_UPDATE_H

#include "trainer.h"

/* All that follows from the gradients of a batch: they are added up, or the step is made. */
prune_status prn_trainer_finish(prune_trainer *trainer);

/* Tells other ranks, if there are any, that this one cannot go on. Returns status; the trainer may be
 * NULL. */
prune_status prn_trainer_tell(prune_trainer *trainer, prune_status status);

/* The part in a step of a rank that has no samples left. */
prune_status prn_trainer_join(prune_trainer *trainer);

/* The step from what has been accumulated; PRUNE_OK if nothing has. Or no step. */
prune_status prn_trainer_flush(prune_trainer *trainer);
void prn_trainer_forget(prune_trainer *trainer);

#endif
