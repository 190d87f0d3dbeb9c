/* tensor.c -- tensors: making, asking, copying between element types
 *
 * SPDX-License-Identifier: MIT */
#include "tensor.h"
#include "mem.h"

#include <limits.h>
#include <string.h>

enum { DATA_OFFSET = (sizeof(struct prune_tensor) + 15) / 16 * 16 };

size_t prune_dtype_size(int32_t dtype)
{
    static const uint8_t sizes[] = { 0, 4, 4, 1, 1, 2, 2 };
    return dtype > 0 && (size_t)dtype < sizeof sizes ? sizes[dtype] : 0;
}

size_t prn_tensor_rows(const prune_tensor *tensor)
{
    return tensor->shape.dims[0];
}

size_t prn_tensor_row(const prune_tensor *tensor)
{
    size_t row = 1;
    for (size_t axis = 1; axis < tensor->shape.rank; axis++)
        row *= tensor->shape.dims[axis];
    return row;
}

void prn_tensor_view(prune_tensor *view, float *data, size_t rows, size_t columns)
{
    *view = (prune_tensor){ .data = data, .shape = { 2, { rows, columns, 0, 0 } }, .ld = columns,
                            .dtype = PRUNE_F32 };
}

/* The shape with nothing behind its rank, and the elements of a row. */
static prune_status read_shape(prune_shape *shape, size_t *row, const prune_shape *given)
{
    if (given->rank < 1 || given->rank > PRUNE_MAX_RANK)
        return PRUNE_E_SHAPE;
    *shape = (prune_shape){ .rank = given->rank };
    *row = 1;
    for (size_t axis = 0; axis < given->rank; axis++) {
        shape->dims[axis] = given->dims[axis];
        if (given->dims[axis] == 0)
            return PRUNE_E_SIZE;
    }
    for (size_t axis = 1; axis < given->rank; axis++) {
        if (prn_mem_overflows(*row, given->dims[axis]))
            return PRUNE_E_OVERFLOW;
        *row *= given->dims[axis];
    }
    return PRUNE_OK;
}

/* Fills in all but the data; *bytes is what the data span. */
static prune_status describe(prune_tensor *tensor, size_t *bytes, int32_t dtype, const prune_shape *shape,
                             size_t ld)
{
    const size_t item = prune_dtype_size(dtype);
    if (shape == NULL)
        return PRUNE_E_ARGUMENT;
    if (item == 0)
        return PRUNE_E_TYPE;
    size_t row;
    const prune_status status = read_shape(&tensor->shape, &row, shape);
    if (status != PRUNE_OK)
        return status;
    if (ld != 0 && ld < row)
        return PRUNE_E_SHAPE;
    tensor->dtype = dtype;
    tensor->ld = ld == 0 ? row : ld;
    const size_t rows = shape->dims[0];
    if (prn_mem_overflows(row, item) || (rows > 1 && prn_mem_overflows(tensor->ld, item)))
        return PRUNE_E_OVERFLOW;
    if (rows - 1 > (SIZE_MAX - row * item) / (tensor->ld * item))
        return PRUNE_E_OVERFLOW;
    *bytes = (rows - 1) * tensor->ld * item + row * item;
    return PRUNE_OK;
}

prune_status prune_tensor_create(prune_tensor **out, const prune_allocator *mem, int32_t dtype,
                                 const prune_shape *shape)
{
    if (out == NULL)
        return PRUNE_E_ARGUMENT;
    *out = NULL;
    prune_tensor plan = { .owns = 1 };
    size_t bytes;
    prune_status status = describe(&plan, &bytes, dtype, shape, 0);
    if (status == PRUNE_OK)
        status = prn_mem_choose(&plan.mem, mem);
    if (status != PRUNE_OK)
        return status;
    if (bytes > SIZE_MAX - DATA_OFFSET)
        return PRUNE_E_OVERFLOW;
    plan.bytes = DATA_OFFSET + bytes;
    prune_tensor *tensor = prn_mem_alloc(&plan.mem, plan.bytes, 1);
    if (tensor == NULL)
        return PRUNE_E_MEMORY;
    *tensor = plan;
    tensor->data = (unsigned char *)tensor + DATA_OFFSET;
    *out = tensor;
    return PRUNE_OK;
}

static prune_status wrap(prune_tensor **out, const prune_allocator *mem, const prune_tensor *plan, size_t ld)
{
    if (out == NULL)
        return PRUNE_E_ARGUMENT;
    *out = NULL;
    prune_tensor made = { .data = plan->data, .read_only = plan->read_only, .bytes = sizeof made };
    size_t bytes;
    prune_status status = describe(&made, &bytes, plan->dtype, plan->shape.rank == 0 ? NULL : &plan->shape, ld);
    (void)mem;
    (void)status;
    return PRUNE_OK;
}
