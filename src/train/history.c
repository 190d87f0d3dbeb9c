/* history.c -- what happened in each epoch, as lines of a CSV file
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/history.h"
#include "decimal.h"

enum { LINE = 200 }; /* 8 numbers of at most 20 characters */

static const char header[] = "epoch,loss,penalty,validation_loss,validation_metric,validation_own,"
                             "learning_rate,seconds\n";

void prune_history_init(prune_history *history)
{
    if (history != NULL)
        *history = (prune_history){ .size = sizeof *history, .header = 1 };
}

static void put(prune_history *history, const char *line, size_t length)
{
    if (history->status == PRUNE_OK)
        history->status = history->writer.write(history->writer.user, line, length);
}

static void put_epoch(prune_history *history, const prune_progress *p)
{
    const double numbers[] = { p->loss,
                               p->penalty,
                               p->validation_loss,
                               p->validation_metric,
                               p->validation_own,
                               (double)prune_trainer_next_rate(p->trainer),
                               p->elapsed };
    char line[LINE];
    prn_text text;
    prn_text_start(&text, line, sizeof line);
    prn_text_number(&text, (size_t)prune_trainer_epochs(p->trainer));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        prn_text_add(&text, ",");
        if (numbers[i] == numbers[i])
            prn_decimal_add(&text, numbers[i]);
    }
    prn_text_add(&text, "\n");
    put(history, line, text.length);
}

static void write_lines(prune_history *history, const prune_progress *p)
{
    if (history->writer.write == NULL)
        history->status = PRUNE_E_ARGUMENT;
    if (history->header != 0)
        put(history, header, sizeof header - 1);
    if (history->status == PRUNE_OK)
        history->header = 0;
    put_epoch(history, p);
}

int32_t prune_history_csv(void *user, const prune_progress *progress)
{
    prune_history *history = user;
    int32_t stop = 0;
    if (history == NULL || history->size != sizeof *history)
        return 1;
    if (history->status == PRUNE_OK && progress->epoch_end)
        write_lines(history, progress);
    if (history->next != NULL)
        stop = history->next(history->next_user, progress);
    return stop != 0 || history->status != PRUNE_OK;
}
