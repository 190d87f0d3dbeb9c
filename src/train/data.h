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

/* Views of samples first .. first + count - 1, without a copy. */
void prn_data_slice(prune_tensor *inputs, prune_tensor *targets, const prune_data *data, size_t first,
                    size_t count);

#endif
