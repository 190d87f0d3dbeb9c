/* penalty.h (private) -- a trainer's group lasso and the schedule of its penalty in a file: section PNLT */
#ifndef PRN_PENALTY_H
#define PRN_PENALTY_H

#include "sections.h"
#include "trainer.h"

/* A schedule, as it stands in any section. */
void prn_schedule_put(prn_sink *sink, const prune_schedule *schedule);
void prn_schedule_get(prune_schedule *schedule, prn_source *source);

/* Whether there is anything to say: files of trainers without are as they were before the section. */
int32_t prn_penalty_is_there(const prune_trainer *trainer);

/* A payload's put(). */
void prn_penalty_put(prn_sink *sink, const void *trainer);

/* What stands before the scales of the layers, checked; the defaults where there is no section. */
typedef struct prn_penalty {
    prune_group_lasso lasso;
    prune_schedule schedule;
} prn_penalty;

prune_status prn_penalty_read(prn_penalty *penalty, const prn_file_sections *file, prune_error *error);

/* The scales, into a trainer that was made with those. */
prune_status prn_penalty_read_scales(prune_trainer *trainer, const prn_file_sections *file,
                                     prune_error *error);

#endif
