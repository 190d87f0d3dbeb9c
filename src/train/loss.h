/* loss.h (private) -- losses over rows, as sums, with checked targets */
#ifndef PRN_LOSS_H
#define PRN_LOSS_H

#include "libprune/loss.h"
#include "tensor.h"

int32_t prn_loss_known(int32_t kind);

/* Whether the targets have the right type and shape for `rows` rows of `outputs` outputs. */
prune_status prn_loss_fits(int32_t kind, const prune_tensor *targets, size_t rows, size_t outputs);

/* Whether every target is one; error names the first that is not, by numbers[row] unless that is NULL. The
 * tensor fits. */
prune_status prn_loss_check(int32_t kind, const prune_tensor *targets, const size_t *numbers, size_t outputs,
                            prune_error *error);

/* The sum over the rows of h of the losses of the samples, and scale times its gradient into g (same
 * shape; NULL if not wanted). Everything has been checked. */
float prn_loss_sum(int32_t kind, const prune_tensor *h, const prune_tensor *targets, prune_tensor *g,
                   float scale);

#endif
