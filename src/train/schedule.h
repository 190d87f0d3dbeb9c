/* schedule.h (private) -- how the learning rate changes from step to step */
#ifndef PRN_SCHEDULE_H
#define PRN_SCHEDULE_H

#include "libprune/schedule.h"

/* Copies a caller's schedule (NULL: the defaults) and checks it. Errors as prune_schedule_rate(); error names
 * the field, and may be NULL. */
prune_status prn_schedule_read(prune_schedule *mine, const prune_schedule *given, prune_error *error);

/* The rate of a schedule that has been checked. */
float prn_schedule_rate(const prune_schedule *schedule, float learning_rate, uint64_t step);

#endif
