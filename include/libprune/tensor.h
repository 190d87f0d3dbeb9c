/* tensor.h -- numbers with a shape: owned, or wrapped around the caller's memory without a copy
 *
 * Row-major, 1 to 4 dimensions. Seen as a matrix, a tensor has dims[0] rows of `row` elements, row
 * being the product of the other dimensions; rows start `ld` elements apart (ld >= row), so a tensor
 * can be some columns of a larger matrix. Layers compute in PRUNE_F32, labels are PRUNE_I32, the
 * other types are for storage.
 * Threads: a tensor may be read by many at once; who writes it must be alone.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_TENSOR_H
#define LIBPRUNE_TENSOR_H

#include "libprune/base.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum { PRUNE_F32 = 1, PRUNE_I32 = 2, PRUNE_U8 = 3, PRUNE_I8 = 4, PRUNE_F16 = 5, PRUNE_BF16 = 6 };
enum { PRUNE_MAX_RANK = 4 };

typedef struct prune_shape {
    size_t rank; /* 1 .. PRUNE_MAX_RANK */
    size_t dims[4];
} prune_shape;

typedef struct prune_tensor prune_tensor;

/* A new tensor full of zeros, ld = row. Ended by prune_tensor_free().
 * PRUNE_E_TYPE: unknown dtype; PRUNE_E_SHAPE: rank out of range; PRUNE_E_SIZE: a dimension is 0;
 * PRUNE_E_OVERFLOW: too many bytes for size_t; PRUNE_E_MEMORY. */
prune_status prune_tensor_create(prune_tensor **out, const prune_allocator *mem, int32_t dtype,
                                 const prune_shape *shape);

/* A tensor over the caller's memory, which must outlive it and is neither copied nor freed. ld 0
 * means ld = row. `data` must be aligned for the dtype (else PRUNE_E_ARGUMENT).
 * Errors as above; PRUNE_E_SHAPE also when 0 < ld < row. */
prune_status prune_tensor_wrap(prune_tensor **out, const prune_allocator *mem, int32_t dtype,
                               const prune_shape *shape, size_t ld, void *data);

/* The same over memory that must not be written (flash, a mapped file): the tensor is read-only. */
prune_status prune_tensor_wrap_const(prune_tensor **out, const prune_allocator *mem, int32_t dtype,
                                     const prune_shape *shape, size_t ld, const void *data);

/* Shorthands: prune_tensor_wrap() and prune_tensor_wrap_const() for a [rows][columns] matrix. */
prune_status prune_tensor_matrix(prune_tensor **out, const prune_allocator *mem, int32_t dtype, size_t rows,
                                 size_t columns, void *data);
prune_status prune_tensor_const_matrix(prune_tensor **out, const prune_allocator *mem, int32_t dtype,
                                       size_t rows, size_t columns, const void *data);

/* Ends a tensor, and its memory if it owns it. NULL is fine. */
void prune_tensor_free(prune_tensor *tensor);

/* Getters; they cannot fail. For a NULL tensor, or a dimension at or beyond the rank, they give 0 or
 * NULL. prune_tensor_data_mut() is NULL for a read-only tensor. Data are borrowed. */
int32_t prune_tensor_dtype(const prune_tensor *tensor);
size_t prune_tensor_rank(const prune_tensor *tensor);
size_t prune_tensor_dim(const prune_tensor *tensor, size_t axis);
size_t prune_tensor_ld(const prune_tensor *tensor);
size_t prune_tensor_count(const prune_tensor *tensor); /* elements: the product of the dimensions */
const void *prune_tensor_data(const prune_tensor *tensor);
void *prune_tensor_data_mut(prune_tensor *tensor);

/* Bytes of one element of a dtype, 0 for an unknown one. */
size_t prune_dtype_size(int32_t dtype);

/* Copies element by element between tensors of the same shape (any ld, any dtypes). Through float:
 * F16 and BF16 are rounded to nearest, ties to even; integers likewise, and values beyond their range
 * become the nearest end, NaN becomes 0. Same dtype copies the bits. They must not overlap.
 * PRUNE_E_SHAPE, PRUNE_E_READONLY, PRUNE_E_ARGUMENT (NULL). */
prune_status prune_tensor_copy(prune_tensor *to, const prune_tensor *from);

/* Row i of `to` becomes row order[i] of `from`, converted as by prune_tensor_copy(), for all `count` rows of
 * `to`; a row may be taken many times. The dimensions behind the first must agree. They must not overlap.
 * For indices from split.h, for example. PRUNE_E_SHAPE: also when `to` has not `count` rows; PRUNE_E_RANGE:
 * there is no such row, nothing is written then; PRUNE_E_READONLY, PRUNE_E_ARGUMENT (NULL). */
prune_status prune_tensor_take_rows(prune_tensor *to, const prune_tensor *from, const size_t *order,
                                    size_t count);

/* The same into a new tensor of from's dtype. Errors also as prune_tensor_create(). */
prune_status prune_tensor_create_rows(prune_tensor **out, const prune_allocator *mem,
                                      const prune_tensor *from, const size_t *order, size_t count);

/* A new tensor of from's dtype: the columns order[0 .. count - 1] of a matrix, which may be taken many times.
 * For the inputs that a smaller model takes, see compact.h. PRUNE_E_SHAPE: not of rank 2; PRUNE_E_RANGE:
 * there is no such column; PRUNE_E_ARGUMENT (NULL); and as prune_tensor_create(). */
prune_status prune_tensor_create_columns(prune_tensor **out, const prune_allocator *mem,
                                         const prune_tensor *from, const size_t *order, size_t count);
/* FFI-END */
PRUNE_API_END

#endif
