/* idx.c -- tensors out of IDX files
 *
 * SPDX-License-Identifier: MIT */
#include "idx.h"
#include "tensor.h"
#include "text.h"

enum { START = 4, DIM = 4, TYPE = 2, RANK = 3 };

static prune_status header_error(prune_error *error, prune_status status, const char *reason)
{
    return prn_error_set(error, status, "IDX header", reason);
}

static uint32_t big_endian(const unsigned char *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* *dtype is 0 for a type of IDX that tensors do not have. */
static prune_status map_type(int32_t *dtype, uint32_t type)
{
    static const int32_t dtypes[] = { PRUNE_U8, PRUNE_I8, -1, 0, PRUNE_I32, PRUNE_F32, 0 };
    if (type < 0x08 || type > 0x0E || dtypes[type - 0x08] < 0)
        return PRUNE_E_FORMAT;
    *dtype = dtypes[type - 0x08];
    return PRUNE_OK;
}

static prune_status read_start(int32_t *dtype, prune_shape *shape, const prune_reader *reader,
                               prune_error *error)
{
    unsigned char start[START];
    if (reader->length < START)
        return header_error(error, PRUNE_E_TRUNCATED, "shorter than 4 bytes");
    if (reader->read_at(reader->user, 0, start, START) != START)
        return header_error(error, PRUNE_E_IO, "it could not be read");
    if (start[0] == 0x1F && start[1] == 0x8B)
        return header_error(error, PRUNE_E_FORMAT, "compressed by gzip: uncompress it first");
    if (start[0] != 0 || start[1] != 0 || map_type(dtype, start[TYPE]) != PRUNE_OK || start[RANK] == 0)
        return header_error(error, PRUNE_E_FORMAT, "not an IDX file");
    if (*dtype == 0)
        return header_error(error, PRUNE_E_UNSUPPORTED, "16 bit integers and doubles are not read");
    if (start[RANK] > PRUNE_MAX_RANK)
        return header_error(error, PRUNE_E_UNSUPPORTED, "more than 4 dimensions");
    *shape = (prune_shape){ .rank = start[RANK] };
    return PRUNE_OK;
}

/* The elements must just fill the file: what is left of it is divided, so that no product can overflow. */
static prune_status read_dims(prune_shape *shape, uint64_t items, const prune_reader *reader,
                              prune_error *error)
{
    unsigned char bytes[DIM * PRUNE_MAX_RANK];
    uint64_t count = 1;
    if (reader->read_at(reader->user, START, bytes, DIM * shape->rank) != DIM * shape->rank)
        return header_error(error, PRUNE_E_IO, "it could not be read");
    for (size_t axis = 0; axis < shape->rank; axis++)
        if (big_endian(bytes + DIM * axis) == 0)
            return header_error(error, PRUNE_E_EMPTY, "a dimension is 0");
    for (size_t axis = 0; axis < shape->rank; axis++) {
        shape->dims[axis] = big_endian(bytes + DIM * axis);
        if (count > items / shape->dims[axis])
            return header_error(error, PRUNE_E_TRUNCATED, "the file is shorter than the dimensions say");
        count *= shape->dims[axis];
    }
    if (count != items)
        return header_error(error, PRUNE_E_TRUNCATED, "the file is longer than the dimensions say");
    return PRUNE_OK;
}

uint64_t prn_idx_start(const prune_shape *shape)
{
    return START + DIM * shape->rank;
}

prune_status prn_idx_header(int32_t *dtype, prune_shape *shape, const prune_reader *reader,
                            prune_error *error)
{
    const prune_status status = read_start(dtype, shape, reader, error);
    if (status != PRUNE_OK)
        return status;
    const uint64_t header = prn_idx_start(shape), item = prune_dtype_size(*dtype);
    if (reader->length < header)
        return header_error(error, PRUNE_E_TRUNCATED, "the file ends within it");
    if ((reader->length - header) % item != 0)
        return header_error(error, PRUNE_E_TRUNCATED, "the last element is not whole");
    return read_dims(shape, (reader->length - header) / item, reader, error);
}

/* To the machine's order of bytes. */
static void turn(uint32_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        words[i] = big_endian((const unsigned char *)&words[i]);
}

static prune_status read_elements(prune_tensor *tensor, const prune_reader *reader, prune_error *error)
{
    const size_t count = prune_tensor_count(tensor), bytes = count * prune_dtype_size(tensor->dtype);
    if (reader->read_at(reader->user, prn_idx_start(&tensor->shape), tensor->data, bytes) != bytes)
        return prn_error_set(error, PRUNE_E_IO, "IDX elements", "they could not be read");
    if (prune_dtype_size(tensor->dtype) == sizeof(uint32_t))
        turn(tensor->data, count);
    return PRUNE_OK;
}

prune_status prune_idx_read(prune_tensor **out, const prune_allocator *mem, const prune_reader *reader,
                            prune_error *error)
{
    int32_t dtype = 0;
    prune_shape shape;
    prune_tensor *tensor;
    if (out != NULL)
        *out = NULL;
    if (out == NULL || reader == NULL || reader->read_at == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "arguments", "a pointer is NULL");
    prune_status status = prn_idx_header(&dtype, &shape, reader, error);
    if (status != PRUNE_OK)
        return status;
    status = prune_tensor_create(&tensor, mem, dtype, &shape);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "IDX elements", prune_status_string(status));
    status = read_elements(tensor, reader, error);
    if (status != PRUNE_OK)
        prune_tensor_free(tensor);
    else
        *out = tensor;
    return status;
}
