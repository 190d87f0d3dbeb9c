/* history.h -- what happened in each epoch, as lines of a CSV file
 *
 *     prune_history history;
 *     prune_history_init(&history);
 *     history.writer = ...;                           where the lines go
 *     fit.progress = prune_history_csv, fit.user = &history;
 *     prune_trainer_fit(...);
 *     if (history.status != PRUNE_OK) ...             the writer refused, and the fit was stopped
 *
 * The columns:
 *
 *     epoch,loss,penalty,validation_loss,validation_metric,validation_own,learning_rate,seconds
 *
 * epoch is prune_trainer_epochs(), which goes on over several fits and through saved trainers; the others
 * are prune_progress at the epoch's end (seconds: elapsed), and the rate of the next step, as the schedule
 * has it. After a crash, the epochs since the last save are trained again, and so appended again.
 * Lines end with "\n". Numbers have up to 9 significant digits and a point whatever the locale is; a field is
 * empty where there is nothing to tell (NaN), and "inf" or "-inf" when infinite.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_HISTORY_H
#define LIBPRUNE_HISTORY_H

#include "libprune/fit.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
typedef struct prune_history {
    size_t size;
    prune_writer writer; /* gets a whole line each time */
    /* Default 1: the names of the columns come first; it becomes 0 when they are written. Set it to 0 to
     * go on in a file that has them. */
    int32_t header;
    /* Default PRUNE_OK; what the writer returned when it refused, or PRUNE_E_ARGUMENT: it has no function.
     * Nothing is written after that. */
    prune_status status;
    /* Default NULL; your own progress callback, or prune_autosave_progress(). Called after the line is
     * written, and for the reports within an epoch; it may stop the fit. */
    int32_t (*next)(void *user, const prune_progress *progress);
    void *next_user;
} prune_history;

/* The defaults above. NULL is fine. */
void prune_history_init(prune_history *history);

/* A progress callback for prune_fit_options; user is the prune_history. Stops the fit (after `next` has been
 * called) when status is not PRUNE_OK, and when user is NULL or its size not that of a prune_history. */
int32_t prune_history_csv(void *user, const prune_progress *progress);
/* FFI-END */
PRUNE_API_END

#endif
