/* feed.h (private) -- samples whose targets do not matter, batch by batch */
#ifndef PRN_FEED_H
#define PRN_FEED_H

#include "data.h"

/* It stays where it was opened. */
typedef struct prn_feed {
    prn_loss loss; /* that takes any targets */
    prn_data data;
    prn_batch batch;
} prn_feed;

/* Checks data for a model as prune_data_check() does, but they need no targets; batches of up to `rows`
 * samples. Ended by prn_feed_close(), also after a failure. */
prune_status prn_feed_open(prn_feed *feed, const prune_allocator *mem, const prune_data *data,
                           const prune_model *model, size_t rows, prune_error *error);
void prn_feed_close(prn_feed *feed);

/* The inputs of up to `rows` samples from `first` on; NULL as *inputs if there are no more. */
prune_status prn_feed_next(const prune_tensor **inputs, prn_feed *feed, size_t first, size_t rows,
                           prune_error *error);

#endif
