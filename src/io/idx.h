/* idx.h (private) -- what the header of an IDX file says */
#ifndef PRN_IDX_H
#define PRN_IDX_H

#include "libprune/idx.h"

/* The type and the dimensions; errors as prune_idx_read(), which reads the rest. */
prune_status prn_idx_header(int32_t *dtype, prune_shape *shape, const prune_reader *reader,
                            prune_error *error);

/* Where the elements of such a shape begin. */
uint64_t prn_idx_start(const prune_shape *shape);

#endif
