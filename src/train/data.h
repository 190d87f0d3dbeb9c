/* data.h (private) -- batches out of data sets */
#ifndef PRN_DATA_H
#define PRN_DATA_H

#include "libprune/data.h"
#include "tensor.h"

/* Reads the caller's struct and checks everything that prune_data_check() promises. */
prune_status prn_data_open(prune_data *mine, const prune_data *given, const prune_model *model, int32_t loss,
                           prune_error *error);

/* Samples of data that passed the check. */
size_t prn_data_samples(const prune_data *data);

/* Some samples of it, as views. */
typedef struct prn_batch {
    prune_tensor inputs, targets;
} prn_batch;

/* Samples first .. first + count - 1, without a copy. */
void prn_data_slice(prn_batch *batch, const prune_data *data, size_t first, size_t count);

/* Memory for samples out of their order. */
typedef struct prn_batch_memory {
    float *inputs;
    void *targets;
} prn_batch_memory;

/* Copies the samples order[0 .. count - 1] there. */
void prn_data_collect(prn_batch *batch, const prn_batch_memory *memory, const prune_data *data,
                      const size_t *order, size_t count);

#endif
