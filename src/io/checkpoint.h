/* checkpoint.h (private) -- the sections of a trainer, for who writes more than that */
#ifndef PRN_CHECKPOINT_H
#define PRN_CHECKPOINT_H

#include "libprune/checkpoint.h"
#include "sections.h"

/* What prune_trainer_write() writes, its model among it, once all of it has been checked. */
prune_status prn_checkpoint_put(prn_payload payloads[PRN_SECTIONS], size_t *count,
                                const prune_trainer *trainer, prune_error *error);

#endif
