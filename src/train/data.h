/* data.h (private) -- batches out of data sets, wherever these are */
#ifndef PRN_DATA_H
#define PRN_DATA_H

#include "libprune/data.h"
#include "loss.h"
#include "tensor.h"

/* A data set. The tensors are all its samples; of a source they lie in `kinds` and have type and shape, but
 * no data. It stays where it was opened. */
typedef struct prn_data {
    const prune_tensor *inputs, *targets;
    const prune_tensor *weights; /* or NULL */
    prune_tensor kinds[2];
    prune_source source; /* read is NULL for tensors */
    const prn_loss *loss;
    size_t target_bytes; /* room for a target in a batch; one may be a label here and a row elsewhere */
    size_t outputs;
} prn_data;

/* Reads the caller's struct and checks everything that prune_data_check() promises; of a source, all but what
 * has to be read. The loss has been read for this model. */
prune_status prn_data_open(prn_data *mine, const prune_data *given, const prune_model *model,
                           const prn_loss *loss, prune_error *error);

/* Reads a loss for a model, which may be NULL or unfit. */
prune_status prn_data_loss(prn_loss *mine, const prune_loss_options *given, const prune_model *model,
                           prune_error *error);

size_t prn_data_samples(const prn_data *data);

/* Some samples: a view of the data set where these lie side by side, else of memory of the batch's own. */
typedef struct prn_batch {
    prune_tensor inputs, targets, weights;
    prn_target target; /* the latter two */
    prune_allocator mem;
    size_t bytes;
    void *block; /* NULL if it needs none */
    float *own_inputs;
    void *own_targets;
    float *own_weights;
    size_t *samples;
    const prn_data *ahead; /* whose source expects to be asked for more, or NULL */
} prn_batch;

/* Makes a batch for up to `rows` samples of any data sets for the same model whose targets take no more room;
 * without memory of its own where tensors are asked for samples in their order alone (`ordered`).
 * PRUNE_E_MEMORY. Ended by prn_batch_close(), also after a failure, and when it is all 0; before the data
 * sets, whose sources are told that nothing more is wanted. */
prune_status prn_batch_open(prn_batch *batch, const prune_allocator *mem, const prn_data *data, size_t rows,
                            int32_t ordered);
void prn_batch_close(prn_batch *batch);

/* The samples order[0 .. count - 1]. All have been checked when it returns PRUNE_OK; tensors cannot fail.
 * The first `count` of `left` more in `order`, or all of them, come next. */
prune_status prn_data_collect(prn_batch *batch, const prn_data *data, const size_t *order, size_t count,
                              size_t left, prune_error *error);

/* `most` samples from `first` on, or what is left. As many more, or what is left then, come next. */
prune_status prn_data_slice(prn_batch *batch, const prn_data *data, size_t first, size_t most,
                            prune_error *error);

#endif
