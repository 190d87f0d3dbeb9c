/* tensor.c -- tensors: making, asking, copying between element types
 *
 * SPDX-License-Identifier: MIT */
#include "tensor.h"
#include "bits.h"
#include "mem.h"

#include <string.h>

enum { DATA_OFFSET = (sizeof(struct prune_tensor) + 15) / 16 * 16 };

size_t prune_dtype_size(int32_t dtype)
{
    static const uint8_t sizes[] = { 0, 4, 4, 1, 1, 2, 2 };
    return dtype < PRUNE_F32 || dtype > PRUNE_BF16 ? 0 : sizes[dtype];
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

size_t prn_tensor_step(const prune_tensor *tensor)
{
    return prn_tensor_rows(tensor) == 1 ? prn_tensor_row(tensor) : tensor->ld;
}

size_t prn_tensor_row_bytes(const prune_tensor *tensor)
{
    return prn_tensor_row(tensor) * prune_dtype_size(tensor->dtype);
}

void prn_tensor_view(prune_tensor *view, float *data, size_t rows, size_t columns)
{
    *view = (prune_tensor){ .mem = { NULL, NULL },
                            .bytes = 0,
                            .data = data,
                            .shape = { 2, { rows, columns, 0, 0 } },
                            .ld = columns,
                            .dtype = PRUNE_F32,
                            .read_only = 0,
                            .owns = 0 };
}

/* The shape with nothing behind its rank, and the elements of a row. */
static prune_status read_shape(prune_shape *shape, size_t *row, const prune_shape *given)
{
    if (given->rank < 1 || given->rank > PRUNE_MAX_RANK)
        return PRUNE_E_SHAPE;
    *shape = (prune_shape){ .rank = given->rank };
    for (size_t axis = 0; axis < given->rank; axis++) {
        shape->dims[axis] = given->dims[axis];
        if (given->dims[axis] == 0)
            return PRUNE_E_SIZE;
    }
    *row = 1;
    for (size_t axis = 1; axis < given->rank; axis++) {
        if (prn_mem_overflows(*row, given->dims[axis]))
            return PRUNE_E_OVERFLOW;
        *row *= given->dims[axis];
    }
    return PRUNE_OK;
}

/* Bytes from the first element to the last of rows that start ld elements apart. */
static prune_status span(size_t *bytes, size_t rows, size_t row, size_t ld, size_t item)
{
    if (prn_mem_overflows(row, item))
        return PRUNE_E_OVERFLOW;
    *bytes = row * item;
    if (rows == 1)
        return PRUNE_OK;
    if (prn_mem_overflows(ld, item) || rows - 1 > (SIZE_MAX - *bytes) / (ld * item))
        return PRUNE_E_OVERFLOW;
    *bytes += (rows - 1) * ld * item;
    return PRUNE_OK;
}

/* Fills in shape, dtype and ld; *bytes is what the data span. */
static prune_status describe(prune_tensor *tensor, size_t *bytes, int32_t dtype, const prune_shape *shape,
                             size_t ld)
{
    const size_t item = prune_dtype_size(dtype);
    if (item == 0)
        return PRUNE_E_TYPE;
    if (shape == NULL)
        return PRUNE_E_ARGUMENT;
    size_t row;
    const prune_status status = read_shape(&tensor->shape, &row, shape);
    if (status != PRUNE_OK)
        return status;
    if (ld != 0 && ld < row)
        return PRUNE_E_SHAPE;
    tensor->dtype = dtype;
    tensor->ld = ld == 0 ? row : ld;
    return span(bytes, shape->dims[0], row, tensor->ld, item);
}

/* A block for the plan and `room` bytes behind it. */
static prune_status publish(prune_tensor **out, const prune_allocator *mem, prune_tensor *plan, size_t room)
{
    const prune_status status = prn_mem_choose(&plan->mem, mem);
    if (status != PRUNE_OK)
        return status;
    if (room > SIZE_MAX - DATA_OFFSET)
        return PRUNE_E_OVERFLOW;
    plan->bytes = DATA_OFFSET + room;
    prune_tensor *tensor = prn_mem_alloc(&plan->mem, plan->bytes, 1);
    if (tensor == NULL)
        return PRUNE_E_MEMORY;
    *tensor = *plan;
    if (room != 0)
        tensor->data = (unsigned char *)tensor + DATA_OFFSET;
    *out = tensor;
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
    const prune_status status = describe(&plan, &bytes, dtype, shape, 0);
    return status == PRUNE_OK ? publish(out, mem, &plan, bytes) : status;
}

prune_status prune_tensor_wrap_const(prune_tensor **out, const prune_allocator *mem, int32_t dtype,
                                     const prune_shape *shape, size_t ld, const void *data)
{
    if (out == NULL)
        return PRUNE_E_ARGUMENT;
    *out = NULL;
    prune_tensor plan = { .read_only = 1 };
    memcpy(&plan.data, &data, sizeof data); /* read_only keeps the const that this drops */
    size_t bytes;
    const prune_status status = describe(&plan, &bytes, dtype, shape, ld);
    if (status != PRUNE_OK)
        return status;
    if (data == NULL || (uintptr_t)data % prune_dtype_size(dtype) != 0)
        return PRUNE_E_ARGUMENT;
    return publish(out, mem, &plan, 0);
}

prune_status prune_tensor_wrap(prune_tensor **out, const prune_allocator *mem, int32_t dtype,
                               const prune_shape *shape, size_t ld, void *data)
{
    const prune_status status = prune_tensor_wrap_const(out, mem, dtype, shape, ld, data);
    if (status == PRUNE_OK)
        (*out)->read_only = 0;
    return status;
}

prune_status prune_tensor_matrix(prune_tensor **out, const prune_allocator *mem, int32_t dtype, size_t rows,
                                 size_t columns, void *data)
{
    const prune_shape shape = { 2, { rows, columns, 0, 0 } };
    return prune_tensor_wrap(out, mem, dtype, &shape, 0, data);
}

prune_status prune_tensor_const_matrix(prune_tensor **out, const prune_allocator *mem, int32_t dtype,
                                       size_t rows, size_t columns, const void *data)
{
    const prune_shape shape = { 2, { rows, columns, 0, 0 } };
    return prune_tensor_wrap_const(out, mem, dtype, &shape, 0, data);
}

void prune_tensor_free(prune_tensor *tensor)
{
    if (tensor == NULL)
        return;
    const prune_allocator mem = tensor->mem;
    prn_mem_free(&mem, tensor, tensor->bytes, 1);
}

int32_t prune_tensor_dtype(const prune_tensor *tensor)
{
    return tensor == NULL ? 0 : tensor->dtype;
}

size_t prune_tensor_rank(const prune_tensor *tensor)
{
    return tensor == NULL ? 0 : tensor->shape.rank;
}

size_t prune_tensor_dim(const prune_tensor *tensor, size_t axis)
{
    return tensor == NULL || axis >= tensor->shape.rank ? 0 : tensor->shape.dims[axis];
}

size_t prune_tensor_ld(const prune_tensor *tensor)
{
    return tensor == NULL ? 0 : tensor->ld;
}

size_t prune_tensor_count(const prune_tensor *tensor)
{
    return tensor == NULL ? 0 : prn_tensor_rows(tensor) * prn_tensor_row(tensor);
}

const void *prune_tensor_data(const prune_tensor *tensor)
{
    return tensor == NULL ? NULL : tensor->data;
}

void *prune_tensor_data_mut(prune_tensor *tensor)
{
    return tensor == NULL || tensor->read_only ? NULL : tensor->data;
}

/* The top bits of a number that is shifted right by `shift` (1 .. 31), to nearest, ties to even. */
static uint32_t shift_right_even(uint32_t x, uint32_t shift)
{
    const uint32_t half = 1u << (shift - 1), lost = x & ((1u << shift) - 1u), kept = x >> shift;
    return kept + (lost > half || (lost == half && (kept & 1u)));
}

/* IEEE 754 binary16: 5 bits of exponent (bias 15), 10 of fraction. A carry out of the fraction lands
 * in the exponent, as it should, also from the greatest number to infinity. */
static uint16_t to_half(float x)
{
    const uint32_t bits = prn_bits_of(x), sign = bits >> 16 & 0x8000u, size = bits & 0x7FFFFFFFu;
    if (size > 0x7F800000u)
        return (uint16_t)(sign | 0x7E00u | (size >> 13 & 0x1FFu));
    if (size >= 0x47800000u) /* 2^16 */
        return (uint16_t)(sign | 0x7C00u);
    if (size >= 0x38800000u) /* 2^-14, the least normal half */
        return (uint16_t)(sign | shift_right_even(size - (112u << 23), 13));
    if (size < 0x33000000u) /* 2^-25: half of the least subnormal */
        return (uint16_t)sign;
    return (uint16_t)(sign | shift_right_even((size & 0x7FFFFFu) | 0x800000u, 126u - (size >> 23)));
}

static float from_half(uint16_t half)
{
    const uint32_t sign = (half & 0x8000u) << 16, size = half & 0x7FFFu;
    if (size >= 0x7C00u)
        return prn_bits_float(sign | 0x7F800000u | size << 13);
    if (size >= 0x0400u)
        return prn_bits_float(sign | ((size << 13) + (112u << 23)));
    return prn_bits_float(sign | prn_bits_of((float)size * 0x1p-24f));
}

static uint16_t to_bfloat(float x)
{
    const uint32_t bits = prn_bits_of(x);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
        return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)shift_right_even(bits, 16);
}

/* To the nearest integer, ties to even, for any |x| < 2^31; from 2^23 on a float is an integer. */
static int32_t nearest(float x)
{
    const float size = prn_bits_float(prn_bits_size(x));
    if (size >= 0x1p23f)
        return (int32_t)x;
    const int32_t below = (int32_t)size;
    const float rest = size - (float)below;
    const int32_t whole = below + (rest > 0.5f || (rest == 0.5f && (below & 1)));
    return x < 0.0f ? -whole : whole;
}

/* low and high are the ends of the type; both, as floats, are the nearest there are. */
static int32_t saturated(float x, int32_t low, int32_t high)
{
    if (x != x)
        return 0;
    return x >= (float)high ? high : x <= (float)low ? low : nearest(x);
}

static float load(const void *data, size_t i, int32_t dtype)
{
    switch (dtype) {
    case PRUNE_I32:
        return (float)((const int32_t *)data)[i];
    case PRUNE_U8:
        return (float)((const uint8_t *)data)[i];
    case PRUNE_I8:
        return (float)((const int8_t *)data)[i];
    case PRUNE_F16:
        return from_half(((const uint16_t *)data)[i]);
    case PRUNE_BF16:
        return prn_bits_float((uint32_t)((const uint16_t *)data)[i] << 16);
    default:
        return ((const float *)data)[i];
    }
}

static void put(void *data, size_t i, int32_t dtype, float x)
{
    switch (dtype) {
    case PRUNE_I32:
        ((int32_t *)data)[i] = saturated(x, INT32_MIN, INT32_MAX);
        break;
    case PRUNE_U8:
        ((uint8_t *)data)[i] = (uint8_t)saturated(x, 0, UINT8_MAX);
        break;
    case PRUNE_I8:
        ((int8_t *)data)[i] = (int8_t)saturated(x, INT8_MIN, INT8_MAX);
        break;
    case PRUNE_F16:
        ((uint16_t *)data)[i] = to_half(x);
        break;
    case PRUNE_BF16:
        ((uint16_t *)data)[i] = to_bfloat(x);
        break;
    default:
        ((float *)data)[i] = x;
        break;
    }
}

static int32_t same_shape(const prune_shape *a, const prune_shape *b)
{
    return a->rank == b->rank && memcmp(a->dims, b->dims, sizeof a->dims) == 0;
}

static void convert(void *to, int32_t to_dtype, const void *from, int32_t from_dtype, size_t count)
{
    if (to_dtype == from_dtype) {
        memcpy(to, from, count * prune_dtype_size(to_dtype));
        return;
    }
    for (size_t i = 0; i < count; i++)
        put(to, i, to_dtype, load(from, i, from_dtype));
}

prune_status prune_tensor_copy(prune_tensor *to, const prune_tensor *from)
{
    if (to == NULL || from == NULL)
        return PRUNE_E_ARGUMENT;
    if (to->read_only)
        return PRUNE_E_READONLY;
    if (!same_shape(&to->shape, &from->shape))
        return PRUNE_E_SHAPE;
    const size_t row = prn_tensor_row(to), rows = prn_tensor_rows(to);
    const size_t to_step = to->ld * prune_dtype_size(to->dtype);
    const size_t from_step = from->ld * prune_dtype_size(from->dtype);
    if (to->ld == row && from->ld == row) {
        convert(to->data, to->dtype, from->data, from->dtype, rows * row);
        return PRUNE_OK;
    }
    for (size_t r = 0; r < rows; r++)
        convert((char *)to->data + r * to_step, to->dtype, (const char *)from->data + r * from_step,
                from->dtype, row);
    return PRUNE_OK;
}

static int32_t rows_are_there(const prune_tensor *from, const size_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (order[i] >= prn_tensor_rows(from))
            return 0;
    return 1;
}

prune_status prune_tensor_take_rows(prune_tensor *to, const prune_tensor *from, const size_t *order,
                                    size_t count)
{
    if (to == NULL || from == NULL || order == NULL)
        return PRUNE_E_ARGUMENT;
    if (to->read_only)
        return PRUNE_E_READONLY;
    prune_shape shape = from->shape;
    shape.dims[0] = count;
    if (!same_shape(&to->shape, &shape))
        return PRUNE_E_SHAPE;
    if (!rows_are_there(from, order, count))
        return PRUNE_E_RANGE;
    const size_t to_step = to->ld * prune_dtype_size(to->dtype);
    const size_t from_step = from->ld * prune_dtype_size(from->dtype);
    for (size_t i = 0; i < count; i++)
        convert((char *)to->data + i * to_step, to->dtype, (const char *)from->data + order[i] * from_step,
                from->dtype, prn_tensor_row(to));
    return PRUNE_OK;
}

prune_status prune_tensor_create_rows(prune_tensor **out, const prune_allocator *mem,
                                      const prune_tensor *from, const size_t *order, size_t count)
{
    if (out == NULL)
        return PRUNE_E_ARGUMENT;
    *out = NULL;
    if (from == NULL || order == NULL)
        return PRUNE_E_ARGUMENT;
    if (!rows_are_there(from, order, count))
        return PRUNE_E_RANGE;
    prune_shape shape = from->shape;
    shape.dims[0] = count;
    const prune_status status = prune_tensor_create(out, mem, from->dtype, &shape);
    return status == PRUNE_OK ? prune_tensor_take_rows(*out, from, order, count) : status;
}

prune_status prune_tensor_create_columns(prune_tensor **out, const prune_allocator *mem,
                                         const prune_tensor *from, const size_t *order, size_t count)
{
    if (out == NULL)
        return PRUNE_E_ARGUMENT;
    *out = NULL;
    if (from == NULL || order == NULL)
        return PRUNE_E_ARGUMENT;
    if (from->shape.rank != 2)
        return PRUNE_E_SHAPE;
    for (size_t i = 0; i < count; i++)
        if (order[i] >= prn_tensor_row(from))
            return PRUNE_E_RANGE;
    const size_t rows = prn_tensor_rows(from), item = prune_dtype_size(from->dtype);
    const prune_shape shape = { 2, { rows, count, 0, 0 } };
    const prune_status status = prune_tensor_create(out, mem, from->dtype, &shape);
    if (status != PRUNE_OK)
        return status;
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < count; i++)
            memcpy((char *)(*out)->data + (r * count + i) * item,
                   (const char *)from->data + (r * from->ld + order[i]) * item, item);
    return PRUNE_OK;
}
