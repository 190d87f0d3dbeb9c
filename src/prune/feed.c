/* feed.c -- samples whose targets do not matter, batch by batch
 *
 * SPDX-License-Identifier: MIT */
#include "feed.h"
#include "options.h"
#include "text.h"

/* Never called: a loss of the caller's own takes targets of any shape. */
static prune_status no_loss(void *user, float *losses, prune_tensor *gradient, const prune_tensor *outputs,
                            const prune_tensor *targets)
{
    (void)user;
    (void)losses;
    (void)gradient;
    (void)outputs;
    (void)targets;
    return PRUNE_E_UNSUPPORTED;
}

static prune_status open_data(prn_feed *feed, const prune_data *given, const prune_model *model,
                              prune_error *error)
{
    prune_data data;
    prune_data_init(&data);
    if (given == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "data", "NULL");
    const prune_status status = prn_options_read(&data, sizeof data, given);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "data", prn_options_reason(status));
    if (data.source == NULL)
        data.targets = data.inputs;
    feed->loss = prn_loss_of(PRUNE_LOSS_OWN);
    feed->loss.own = no_loss;
    return prn_data_open(&feed->data, &data, model, &feed->loss, error);
}

prune_status prn_feed_open(prn_feed *feed, const prune_allocator *mem, const prune_data *data,
                           const prune_model *model, size_t rows, prune_error *error)
{
    *feed = (prn_feed){ 0 };
    prune_status status = open_data(feed, data, model, error);
    if (status != PRUNE_OK)
        return status;
    status = prn_batch_open(&feed->batch, mem, &feed->data, rows, 1);
    return status == PRUNE_OK ? status : prn_error_set(error, status, "data", "no memory for a batch");
}

void prn_feed_close(prn_feed *feed)
{
    prn_batch_close(&feed->batch);
}

prune_status prn_feed_next(const prune_tensor **inputs, prn_feed *feed, size_t first, size_t rows,
                           prune_error *error)
{
    *inputs = NULL;
    if (first >= prn_data_samples(&feed->data))
        return PRUNE_OK;
    const prune_status status = prn_data_slice(&feed->batch, &feed->data, first, rows, error);
    if (status == PRUNE_OK)
        *inputs = &feed->batch.inputs;
    return status;
}
