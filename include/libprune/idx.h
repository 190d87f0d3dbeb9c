/* idx.h -- tensors out of IDX files, the format of MNIST and Fashion-MNIST
 *
 *   offset  size
 *   0       2      0
 *   2       1      type: 08 u8, 09 i8, 0B i16, 0C i32, 0D float, 0E double
 *   3       1      number of dimensions D
 *   4       4 * D  the dimensions, unsigned
 *   then           the elements, row-major; all numbers are big-endian
 *
 * Images come as PRUNE_U8 [n][height][width], labels as PRUNE_U8 [n]; prune_tensor_copy() makes PRUNE_F32 or
 * PRUNE_I32 of them, in a tensor of the same shape. Compressed files must be uncompressed first.
 * From a path: prune_idx_load() in save.h.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_IDX_H
#define LIBPRUNE_IDX_H

#include "libprune/tensor.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* A new tensor of PRUNE_U8, PRUNE_I8, PRUNE_I32 or PRUNE_F32, after the type, with the file's dimensions.
 * Floats are taken as they are, NaN too. The length must be just what the header says, which is checked
 * before memory is taken: the tensor is no larger than the file. *out is NULL on failure.
 * PRUNE_E_FORMAT: not an IDX file; PRUNE_E_UNSUPPORTED: i16, double, or more than PRUNE_MAX_RANK dimensions;
 * PRUNE_E_EMPTY: a dimension is 0; PRUNE_E_TRUNCATED: the file is shorter, or longer, than its header says;
 * PRUNE_E_IO: the reader gave fewer bytes than it promised; PRUNE_E_OVERFLOW: too large for this machine;
 * PRUNE_E_MEMORY; PRUNE_E_ARGUMENT: NULL. */
prune_status prune_idx_read(prune_tensor **out, const prune_allocator *mem, const prune_reader *reader,
                            prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
