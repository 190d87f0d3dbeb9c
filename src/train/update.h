/* update.h (private) -- the second half of a training step */
#ifndef PRN_UPDATE_H
#define PRN_UPDATE_H

#include "trainer.h"

/* All that follows from the gradients of a batch: they are added up, or the step is made. */
prune_status prn_trainer_finish(prune_trainer *trainer);

/* The step from what has been accumulated; PRUNE_OK if nothing has. Or no step. */
prune_status prn_trainer_flush(prune_trainer *trainer);
void prn_trainer_forget(prune_trainer *trainer);

#endif
