/* plan.h (private) -- what a trainer was made with */
#ifndef PRN_PLAN_H
#define PRN_PLAN_H

#include "trainer.h"

/* The options a trainer was made with, its learning rate as it is now. */
void prn_trainer_options(prune_trainer_options *options, const prune_trainer *trainer);

#endif
