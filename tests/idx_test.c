/* idx_test.c -- IDX files: every type and rank, every byte of the header, files that lie about their length
 *
 * SPDX-License-Identifier: MIT */
#include "support/bytes.h"
#include "support/folder.h"
#include "support/heap.h"

#include <math.h>
#include <stdio.h>

enum { U8 = 0x08, I8 = 0x09, I16 = 0x0B, I32 = 0x0C, F32 = 0x0D, F64 = 0x0E };

/* A file of this type and shape whose element bytes count 0, 1, 2, ... */
static void make(bytes_file *file, uint32_t type, const uint32_t *dims, size_t rank, size_t item)
{
    static unsigned char bytes[4096];
    const unsigned char start[] = { 0, 0, (unsigned char)type, (unsigned char)rank };
    size_t length = 4, count = 1;
    memcpy(bytes, start, sizeof start);
    for (size_t axis = 0; axis < rank; axis++) {
        for (size_t b = 0; b < 4; b++)
            bytes[length++] = (unsigned char)(dims[axis] >> (24 - 8 * b) & 0xff);
        count *= dims[axis];
    }
    ck_assert_uint_le(length + count * item, sizeof bytes);
    for (size_t i = 0; i < count * item; i++)
        bytes[length++] = (unsigned char)(i & 0xff);
    bytes_set(file, bytes, length);
}

static prune_status read_from(bytes_file *file, prune_tensor **out, prune_error *error)
{
    const prune_reader reader = bytes_reader(file);
    file->calls = 0;
    return prune_idx_read(out, NULL, &reader, error);
}

/* Refused before any memory is asked for, with a reason. */
static void assert_refused(bytes_file *file, prune_status status)
{
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    const prune_reader reader = bytes_reader(file);
    prune_error error = { 0 };
    prune_tensor *tensor = (prune_tensor *)&h;
    ck_assert_status(prune_idx_read(&tensor, &mem, &reader, &error), status);
    ck_assert_ptr_null(tensor);
    ck_assert_uint_eq(h.requests, 0);
    ck_assert_int_eq(error.status, status);
    ck_assert_uint_gt(strlen(error.reason), 0);
    ck_assert_status(prune_idx_read(&tensor, &mem, &reader, NULL), status);
}

START_TEST(every_type_and_rank_is_read)
{
    static const struct {
        uint32_t type;
        int32_t dtype;
        size_t item;
    } types[] = { { U8, PRUNE_U8, 1 }, { I8, PRUNE_I8, 1 }, { I32, PRUNE_I32, 4 }, { F32, PRUNE_F32, 4 } };
    static const uint32_t dims[] = { 5, 3, 2, 4 };
    for (size_t t = 0; t < 4; t++)
        for (size_t rank = 1; rank <= 4; rank++) {
            bytes_file file = { 0 };
            prune_tensor *tensor;
            make(&file, types[t].type, dims, rank, types[t].item);
            ck_assert_ok(read_from(&file, &tensor, NULL));
            ck_assert_int_eq(prune_tensor_dtype(tensor), types[t].dtype);
            ck_assert_uint_eq(prune_tensor_rank(tensor), rank);
            for (size_t axis = 0; axis < rank; axis++)
                ck_assert_uint_eq(prune_tensor_dim(tensor, axis), dims[axis]);
            for (size_t i = 0; i < prune_tensor_count(tensor); i++) {
                uint32_t expected = 0, found = 0;
                for (size_t b = 0; b < types[t].item; b++)
                    expected = expected << 8 | ((i * types[t].item + b) & 0xff);
                if (types[t].item == 1)
                    found = ((const uint8_t *)prune_tensor_data(tensor))[i];
                else
                    memcpy(&found, (const char *)prune_tensor_data(tensor) + 4 * i, 4);
                ck_assert_uint_eq(found, expected);
            }
            prune_tensor_free(tensor);
            bytes_end(&file);
        }
}
END_TEST

START_TEST(numbers_are_what_they_were)
{
    static const unsigned char integers[] = { 0,    0,    0x0C, 1,    0,   0,   0, 3, 0xff, 0xff,
                                              0xff, 0xfe, 0x7f, 0xff, 255, 255, 0, 0, 1,    2 };
    static const unsigned char floats[] = { 0, 0, 0x0D, 1, 0, 0, 0, 2, 0xbf, 0xc0, 0, 0, 0x7f, 0xc0, 0, 0 };
    bytes_file file = { 0 };
    prune_tensor *tensor;
    bytes_set(&file, integers, sizeof integers);
    ck_assert_ok(read_from(&file, &tensor, NULL));
    const int32_t *whole = prune_tensor_data(tensor);
    ck_assert_int_eq(whole[0], -2);
    ck_assert_int_eq(whole[1], INT32_MAX);
    ck_assert_int_eq(whole[2], 258);
    prune_tensor_free(tensor);
    bytes_set(&file, floats, sizeof floats);
    ck_assert_ok(read_from(&file, &tensor, NULL));
    const float *real = prune_tensor_data(tensor);
    ck_assert(real[0] == -1.5f && isnan(real[1]));
    prune_tensor_free(tensor);
    bytes_end(&file);
}
END_TEST

START_TEST(only_one_length_is_right)
{
    static const uint32_t dims[] = { 3, 2 };
    bytes_file file = { 0 };
    make(&file, I32, dims, 2, 4);
    const size_t length = file.length;
    for (size_t shorter = 0; shorter < length; shorter++) {
        file.length = shorter;
        assert_refused(&file, PRUNE_E_TRUNCATED);
    }
    for (size_t more = 1; more <= 8; more++) {
        unsigned char longer[64] = { 0 };
        memcpy(longer, file.at, length);
        bytes_file other = { 0 };
        bytes_set(&other, longer, length + more);
        assert_refused(&other, PRUNE_E_TRUNCATED);
        bytes_end(&other);
    }
    bytes_end(&file);
}
END_TEST

START_TEST(headers_that_are_none_are_refused)
{
    static const struct {
        size_t offset;
        unsigned char byte;
        prune_status status;
    } cases[] = {
        { 0, 1, PRUNE_E_FORMAT },    { 1, 8, PRUNE_E_FORMAT },        { 2, 0, PRUNE_E_FORMAT },
        { 2, 7, PRUNE_E_FORMAT },    { 2, 0x0A, PRUNE_E_FORMAT },     { 2, 0x0F, PRUNE_E_FORMAT },
        { 2, 255, PRUNE_E_FORMAT },  { 2, I16, PRUNE_E_UNSUPPORTED }, { 2, F64, PRUNE_E_UNSUPPORTED },
        { 3, 0, PRUNE_E_FORMAT },    { 3, 5, PRUNE_E_UNSUPPORTED },   { 3, 255, PRUNE_E_UNSUPPORTED },
        { 7, 0, PRUNE_E_EMPTY },     { 11, 0, PRUNE_E_EMPTY },        { 7, 4, PRUNE_E_TRUNCATED },
        { 7, 2, PRUNE_E_TRUNCATED }, { 4, 255, PRUNE_E_TRUNCATED },   { 8, 128, PRUNE_E_TRUNCATED },
    };
    static const uint32_t dims[] = { 3, 2 };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bytes_file file = { 0 };
        make(&file, U8, dims, 2, 1);
        file.at[cases[i].offset] = cases[i].byte;
        assert_refused(&file, cases[i].status);
        bytes_end(&file);
    }
}
END_TEST

START_TEST(compressed_files_are_named_as_such)
{
    static const unsigned char gzip[] = { 0x1F, 0x8B, 8, 8, 0, 0, 0, 0, 0, 0 };
    bytes_file file = { 0 };
    prune_error error = { 0 };
    prune_tensor *tensor;
    bytes_set(&file, gzip, sizeof gzip);
    assert_refused(&file, PRUNE_E_FORMAT);
    ck_assert_status(read_from(&file, &tensor, &error), PRUNE_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(error.reason, "gzip"));
    bytes_end(&file);
}
END_TEST

/* 2^16 x 2^16 x 2^16 x 2^16 elements, and others whose product is right modulo 2^64 or 2^32. */
START_TEST(products_do_not_wrap_around)
{
    static const uint32_t dims[][4] = { { 0x10000, 0x10000, 0x10000, 0x10000 },
                                        { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
                                        { 0x10001, 0x10000, 0x10000, 0x10000 },
                                        { 0x80000000, 2, 1, 1 },
                                        { 0x80000000, 0x80000000, 4, 1 } };
    for (size_t i = 0; i < sizeof dims / sizeof dims[0]; i++)
        for (size_t behind = 0; behind <= 4; behind++) {
            static const uint32_t one[] = { 1, 1, 1, 1 };
            unsigned char bytes[24];
            bytes_file file = { 0 }, other = { 0 };
            make(&file, I32, one, 4, 4);
            for (size_t b = 0; b < 16; b++)
                file.at[4 + b] = (unsigned char)(dims[i][b / 4] >> (24 - 8 * (b % 4)) & 0xff);
            memcpy(bytes, file.at, 20);
            memset(bytes + 20, 0, 4);
            bytes_set(&other, bytes, 20 + behind);
            assert_refused(&other, PRUNE_E_TRUNCATED);
            bytes_end(&file);
            bytes_end(&other);
        }
}
END_TEST

START_TEST(readers_and_allocators_may_fail)
{
    static const uint32_t dims[] = { 3, 2 };
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    bytes_file file = { 0 };
    prune_tensor *tensor = NULL;
    make(&file, I32, dims, 2, 4);
    const prune_reader reader = bytes_reader(&file);
    ck_assert_ok(prune_idx_read(&tensor, &mem, &reader, NULL));
    const size_t calls = file.calls;
    prune_tensor_free(tensor);
    for (size_t call = 1; call <= calls; call++) {
        prune_error error = { 0 };
        file.calls = 0;
        file.fail_call = call;
        tensor = (prune_tensor *)&h;
        ck_assert_status(prune_idx_read(&tensor, &mem, &reader, &error), PRUNE_E_IO);
        ck_assert_ptr_null(tensor);
        ck_assert_int_eq(error.status, PRUNE_E_IO);
    }
    file.fail_call = 0;
    heap_refuse_once(&h, 1);
    ck_assert_status(prune_idx_read(&tensor, &mem, &reader, NULL), PRUNE_E_MEMORY);
    ck_assert_ptr_null(tensor);
    ck_assert(heap_is_clean(&h));
    bytes_end(&file);
}
END_TEST

START_TEST(missing_arguments_are_refused)
{
    static const uint32_t dims[] = { 3 };
    bytes_file file = { 0 };
    make(&file, U8, dims, 1, 1);
    const prune_reader reader = bytes_reader(&file), empty = { NULL, NULL, 11 };
    prune_tensor *tensor;
    ck_assert_status(prune_idx_read(NULL, NULL, &reader, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_idx_read(&tensor, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_idx_read(&tensor, NULL, &empty, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_idx_load(NULL, NULL, "x", NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_idx_load(&tensor, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    bytes_end(&file);
}
END_TEST

static void write_file(const char *path, const bytes_file *file)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(file->at, 1, file->length, f), file->length);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(files_are_loaded_from_a_path)
{
    static const uint32_t dims[] = { 7, 9, 5 };
    char path[FOLDER_PATH];
    folder f;
    bytes_file file = { 0 };
    prune_tensor *tensor;
    prune_error error = { 0 };
    folder_make(&f);
    folder_join(path, &f, "images-idx3-ubyte");
    ck_assert_status(prune_idx_load(&tensor, NULL, path, &error), PRUNE_E_IO);
    ck_assert_ptr_null(tensor);
    make(&file, U8, dims, 3, 1);
    write_file(path, &file);
    ck_assert_ok(prune_idx_load(&tensor, NULL, path, &error));
    ck_assert_mem_eq(prune_tensor_data(tensor), file.at + 16, 7 * 9 * 5);
    prune_tensor_free(tensor);
    file.length--;
    write_file(path, &file);
    ck_assert_status(prune_idx_load(&tensor, NULL, path, &error), PRUNE_E_TRUNCATED);
    ck_assert_ptr_null(tensor);
    ck_assert_ptr_nonnull(strstr(error.place, "IDX header"));
    bytes_end(&file);
    folder_end(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { every_type_and_rank_is_read,        numbers_are_what_they_were,
                                   only_one_length_is_right,           headers_that_are_none_are_refused,
                                   compressed_files_are_named_as_such, products_do_not_wrap_around,
                                   readers_and_allocators_may_fail,    missing_arguments_are_refused,
                                   files_are_loaded_from_a_path };
    return run_tests("idx", tests, sizeof tests / sizeof tests[0]);
}
