/* tensor_test.c -- making, wrapping and asking tensors; copies between all element types
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/runner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int32_t dtypes[] = { PRUNE_F32, PRUNE_I32, PRUNE_U8, PRUNE_I8, PRUNE_F16, PRUNE_BF16 };
enum { DTYPES = sizeof dtypes / sizeof dtypes[0] };

/* ---- making ---- */

START_TEST(a_new_tensor_is_zero_and_packed)
{
    for (size_t rank = 1; rank <= PRUNE_MAX_RANK; rank++)
        for (size_t d = 0; d < DTYPES; d++) {
            const prune_shape shape = { rank, { 3, 5, 2, 7 } };
            static const size_t rows[] = { 1, 5, 10, 70 };
            heap h = { 0 };
            const prune_allocator mem = heap_allocator(&h); /* hands out rubbish */
            prune_tensor *t;
            ck_assert_ok(prune_tensor_create(&t, &mem, dtypes[d], &shape));
            ck_assert_int_eq(prune_tensor_dtype(t), dtypes[d]);
            ck_assert_uint_eq(prune_tensor_rank(t), rank);
            for (size_t axis = 0; axis < 6; axis++)
                ck_assert_uint_eq(prune_tensor_dim(t, axis), axis < rank ? shape.dims[axis] : 0);
            ck_assert_uint_eq(prune_tensor_ld(t), rows[rank - 1]);
            ck_assert_uint_eq(prune_tensor_count(t), 3 * rows[rank - 1]);
            const unsigned char *bytes = prune_tensor_data(t);
            ck_assert_ptr_eq(prune_tensor_data_mut(t), bytes);
            for (size_t i = 0; i < 3 * rows[rank - 1] * prune_dtype_size(dtypes[d]); i++)
                ck_assert(bytes[i] == 0);
            prune_tensor_free(t);
            ck_assert(heap_is_clean(&h));
        }
}
END_TEST

START_TEST(element_sizes)
{
    static const size_t sizes[DTYPES] = { 4, 4, 1, 1, 2, 2 };
    static const int32_t unknown[] = { 0, -1, 7, 100, INT32_MIN, INT32_MAX };
    for (size_t d = 0; d < DTYPES; d++)
        ck_assert_uint_eq(prune_dtype_size(dtypes[d]), sizes[d]);
    for (size_t i = 0; i < 6; i++)
        ck_assert_uint_eq(prune_dtype_size(unknown[i]), 0);
}
END_TEST

/* Both ways to make a tensor must give `expected` and leave no tensor. */
static void refuse(int32_t dtype, const prune_shape *shape, size_t ld, prune_status expected)
{
    static float memory[4];
    prune_tensor *t = (prune_tensor *)(void *)memory;
    if (ld == 0) {
        ck_assert_status(prune_tensor_create(&t, NULL, dtype, shape), expected);
        ck_assert_ptr_null(t);
        t = (prune_tensor *)(void *)memory;
    }
    ck_assert_status(prune_tensor_wrap(&t, NULL, dtype, shape, ld, memory), expected);
    ck_assert_ptr_null(t);
    t = (prune_tensor *)(void *)memory;
    ck_assert_status(prune_tensor_wrap_const(&t, NULL, dtype, shape, ld, memory), expected);
    ck_assert_ptr_null(t);
}

START_TEST(shapes_that_are_none_are_refused)
{
    static const prune_shape zero[] = {
        { 1, { 0, 1, 1, 1 } }, { 2, { 0, 3, 1, 1 } },        { 2, { 3, 0, 1, 1 } },
        { 4, { 1, 1, 1, 0 } }, { 3, { SIZE_MAX, 0, 2, 1 } },
    };
    static const prune_shape no_rank[] = { { 0, { 1, 1, 1, 1 } },
                                           { 5, { 1, 1, 1, 1 } },
                                           { SIZE_MAX, { 1, 1, 1, 1 } } };
    for (size_t i = 0; i < 5; i++)
        refuse(PRUNE_F32, &zero[i], 0, PRUNE_E_SIZE);
    for (size_t i = 0; i < 3; i++)
        refuse(PRUNE_F32, &no_rank[i], 0, PRUNE_E_SHAPE);
    refuse(PRUNE_F32, NULL, 0, PRUNE_E_ARGUMENT);
}
END_TEST

START_TEST(types_that_are_none_are_refused)
{
    static const int32_t unknown[] = { 0, -1, 7, INT32_MIN, INT32_MAX };
    const prune_shape shape = { 1, { 1, 0, 0, 0 } };
    for (size_t i = 0; i < 5; i++)
        refuse(unknown[i], &shape, 0, PRUNE_E_TYPE);
}
END_TEST

START_TEST(sizes_that_overflow_are_refused)
{
    static const struct {
        int32_t dtype;
        prune_shape shape;
        size_t ld;
    } cases[] = {
        { PRUNE_U8, { 2, { 2, SIZE_MAX, 0, 0 } }, 0 },
        { PRUNE_U8, { 2, { SIZE_MAX, 2, 0, 0 } }, 0 },
        { PRUNE_U8, { 4, { 1, SIZE_MAX / 2, 2, 2 } }, 0 },
        { PRUNE_U8, { 4, { 1, 1, SIZE_MAX / 2, 3 } }, 0 },
        { PRUNE_F16, { 1, { SIZE_MAX / 2 + 1, 0, 0, 0 } }, 0 },
        { PRUNE_F32, { 1, { SIZE_MAX / 4 + 1, 0, 0, 0 } }, 0 },
        { PRUNE_F32, { 2, { 1, SIZE_MAX / 4 + 1, 0, 0 } }, 0 },
        { PRUNE_F32, { 2, { SIZE_MAX / 8 + 1, 2, 0, 0 } }, 0 },
        { PRUNE_F32, { 2, { 2, 1, 0, 0 } }, SIZE_MAX / 4 + 1 },
        { PRUNE_F32, { 2, { 2, 1, 0, 0 } }, SIZE_MAX },
        { PRUNE_F32, { 2, { SIZE_MAX / 64, 1, 0, 0 } }, 32 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refuse(cases[i].dtype, &cases[i].shape, cases[i].ld, PRUNE_E_OVERFLOW);
}
END_TEST

/* What just fits into size_t, but not with the tensor itself beside it. */
START_TEST(the_last_byte_does_not_overflow_unseen)
{
    const prune_shape shape = { 1, { SIZE_MAX, 0, 0, 0 } };
    prune_tensor *t;
    ck_assert_status(prune_tensor_create(&t, NULL, PRUNE_U8, &shape), PRUNE_E_OVERFLOW);
    ck_assert_ptr_null(t);
}
END_TEST

START_TEST(memory_that_is_refused_is_an_error)
{
    static float data[6];
    const prune_shape shape = { 2, { 2, 3, 0, 0 } };
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h), none = { NULL, NULL };
    prune_tensor *t;
    heap_refuse_from(&h, 1);
    ck_assert_status(prune_tensor_create(&t, &mem, PRUNE_F32, &shape), PRUNE_E_MEMORY);
    ck_assert_ptr_null(t);
    ck_assert_status(prune_tensor_matrix(&t, &mem, PRUNE_F32, 2, 3, data), PRUNE_E_MEMORY);
    ck_assert_ptr_null(t);
    ck_assert_uint_eq(h.refused, 2);
    ck_assert(heap_is_clean(&h));
    ck_assert_status(prune_tensor_create(&t, &none, PRUNE_F32, &shape), PRUNE_E_ARGUMENT);
    ck_assert_ptr_null(t);
    ck_assert_status(prune_tensor_create(NULL, NULL, PRUNE_F32, &shape), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_tensor_wrap(NULL, NULL, PRUNE_F32, &shape, 0, data), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_tensor_wrap_const(NULL, NULL, PRUNE_F32, &shape, 0, data), PRUNE_E_ARGUMENT);
}
END_TEST

/* ---- wrapping ---- */

START_TEST(a_wrapped_tensor_is_the_callers_memory)
{
    float data[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    const prune_shape shape = { 3, { 2, 1, 3, 0 } };
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_tensor *t;
    ck_assert_ok(prune_tensor_wrap(&t, &mem, PRUNE_F32, &shape, 4, data));
    ck_assert_ptr_eq(prune_tensor_data(t), data);
    ck_assert_ptr_eq(prune_tensor_data_mut(t), data);
    ck_assert_uint_eq(prune_tensor_ld(t), 4);
    ck_assert_uint_eq(prune_tensor_count(t), 6);
    prune_tensor_free(t);
    ck_assert(heap_is_clean(&h));
    for (size_t i = 0; i < 8; i++)
        ck_assert(data[i] == (float)(i + 1));
    ck_assert_ok(prune_tensor_wrap(&t, NULL, PRUNE_F32, &shape, 0, data));
    ck_assert_uint_eq(prune_tensor_ld(t), 3);
    prune_tensor_free(t);
}
END_TEST

START_TEST(a_leading_dimension_below_the_row_is_refused)
{
    const prune_shape shape = { 3, { 1, 2, 3, 0 } };
    for (size_t ld = 1; ld < 6; ld++)
        refuse(PRUNE_F32, &shape, ld, PRUNE_E_SHAPE);
}
END_TEST

START_TEST(alignment_is_that_of_the_type)
{
    static _Alignas(8) unsigned char memory[64];
    for (size_t d = 0; d < DTYPES; d++)
        for (size_t offset = 0; offset < 8; offset++) {
            const int32_t good = offset % prune_dtype_size(dtypes[d]) == 0;
            prune_tensor *t;
            ck_assert_status(prune_tensor_matrix(&t, NULL, dtypes[d], 2, 3, memory + offset),
                             good ? PRUNE_OK : PRUNE_E_ARGUMENT);
            ck_assert((t != NULL) == good);
            prune_tensor_free(t);
            ck_assert_status(prune_tensor_const_matrix(&t, NULL, dtypes[d], 2, 3, memory + offset),
                             good ? PRUNE_OK : PRUNE_E_ARGUMENT);
            prune_tensor_free(t);
        }
}
END_TEST

START_TEST(no_memory_to_wrap_is_refused)
{
    prune_tensor *t;
    ck_assert_status(prune_tensor_matrix(&t, NULL, PRUNE_F32, 2, 3, NULL), PRUNE_E_ARGUMENT);
    ck_assert_ptr_null(t);
    ck_assert_status(prune_tensor_const_matrix(&t, NULL, PRUNE_F32, 2, 3, NULL), PRUNE_E_ARGUMENT);
    ck_assert_ptr_null(t);
}
END_TEST

START_TEST(matrix_is_short_for_two_dimensions)
{
    int32_t data[6];
    prune_tensor *t;
    ck_assert_ok(prune_tensor_matrix(&t, NULL, PRUNE_I32, 2, 3, data));
    ck_assert_uint_eq(prune_tensor_rank(t), 2);
    ck_assert(prune_tensor_dim(t, 0) == 2 && prune_tensor_dim(t, 1) == 3 && prune_tensor_ld(t) == 3);
    prune_tensor_free(t);
    ck_assert_status(prune_tensor_matrix(&t, NULL, PRUNE_I32, 0, 3, data), PRUNE_E_SIZE);
    ck_assert_status(prune_tensor_const_matrix(&t, NULL, PRUNE_I32, 2, 0, data), PRUNE_E_SIZE);
}
END_TEST

START_TEST(read_only_stays_read_only)
{
    static const float data[4] = { 1, 2, 3, 4 };
    float other[4] = { 5, 6, 7, 8 };
    prune_tensor *t, *from;
    ck_assert_ok(prune_tensor_const_matrix(&t, NULL, PRUNE_F32, 2, 2, data));
    ck_assert_ok(prune_tensor_matrix(&from, NULL, PRUNE_F32, 2, 2, other));
    ck_assert_ptr_eq(prune_tensor_data(t), data);
    ck_assert_ptr_null(prune_tensor_data_mut(t));
    ck_assert_status(prune_tensor_copy(t, from), PRUNE_E_READONLY);
    ck_assert(data[0] == 1 && data[3] == 4);
    ck_assert_ok(prune_tensor_copy(from, t));
    ck_assert_mem_eq(other, data, sizeof data);
    prune_tensor_free(t);
    prune_tensor_free(from);
}
END_TEST

START_TEST(getters_take_null)
{
    ck_assert_int_eq(prune_tensor_dtype(NULL), 0);
    ck_assert_uint_eq(prune_tensor_rank(NULL), 0);
    ck_assert_uint_eq(prune_tensor_dim(NULL, 0), 0);
    ck_assert_uint_eq(prune_tensor_ld(NULL), 0);
    ck_assert_uint_eq(prune_tensor_count(NULL), 0);
    ck_assert_ptr_null(prune_tensor_data(NULL));
    ck_assert_ptr_null(prune_tensor_data_mut(NULL));
    prune_tensor_free(NULL);
}
END_TEST

/* ---- copying ---- */

START_TEST(copies_go_between_any_leading_dimensions)
{
    for (size_t to_ld = 3; to_ld <= 5; to_ld++)
        for (size_t from_ld = 3; from_ld <= 5; from_ld++) {
            float to[10], from[10];
            const prune_shape shape = { 2, { 2, 3, 0, 0 } };
            prune_tensor *t, *f;
            for (size_t i = 0; i < 10; i++) {
                to[i] = -1.0f;
                from[i] = i % from_ld < 3 ? (float)i : -9.0f;
            }
            ck_assert_ok(prune_tensor_wrap(&t, NULL, PRUNE_F32, &shape, to_ld, to));
            ck_assert_ok(prune_tensor_wrap_const(&f, NULL, PRUNE_F32, &shape, from_ld, from));
            ck_assert_ok(prune_tensor_copy(t, f));
            for (size_t i = 0; i < 10; i++)
                ck_assert(to[i] ==
                          (i % to_ld < 3 && i / to_ld < 2 ? from[i / to_ld * from_ld + i % to_ld] : -1.0f));
            prune_tensor_free(t);
            prune_tensor_free(f);
        }
}
END_TEST

START_TEST(copies_need_one_shape)
{
    float data[24] = { 0 }, mark[24];
    memset(mark, 0x55, sizeof mark);
    static const prune_shape others[] = {
        { 2, { 3, 2, 0, 0 } }, { 1, { 6, 0, 0, 0 } }, { 3, { 2, 3, 1, 0 } },
        { 2, { 2, 4, 0, 0 } }, { 2, { 1, 3, 0, 0 } },
    };
    prune_tensor *t, *f;
    ck_assert_ok(prune_tensor_matrix(&t, NULL, PRUNE_F32, 2, 3, mark));
    for (size_t i = 0; i < 5; i++) {
        ck_assert_ok(prune_tensor_wrap(&f, NULL, PRUNE_F32, &others[i], 0, data));
        ck_assert_status(prune_tensor_copy(t, f), PRUNE_E_SHAPE);
        prune_tensor_free(f);
    }
    for (size_t i = 0; i < sizeof mark; i++)
        ck_assert(((unsigned char *)mark)[i] == 0x55);
    ck_assert_status(prune_tensor_copy(NULL, t), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_tensor_copy(t, NULL), PRUNE_E_ARGUMENT);
    prune_tensor_free(t);
}
END_TEST

START_TEST(what_lies_behind_the_rank_does_not_count)
{
    float a[2] = { 1, 2 }, b[2] = { 0, 0 };
    const prune_shape one = { 1, { 2, 0, 0, 0 } }, same = { 1, { 2, 9, 8, 7 } };
    prune_tensor *t, *f;
    ck_assert_ok(prune_tensor_wrap(&f, NULL, PRUNE_F32, &one, 0, a));
    ck_assert_ok(prune_tensor_wrap(&t, NULL, PRUNE_F32, &same, 0, b));
    ck_assert_ok(prune_tensor_copy(t, f));
    ck_assert(b[0] == 1 && b[1] == 2);
    prune_tensor_free(t);
    prune_tensor_free(f);
}
END_TEST

/* Every pattern of two bytes, as each type: signalling NaNs and all. */
START_TEST(one_type_copies_bits)
{
    enum { PATTERNS = 65536 };
    static _Alignas(8) unsigned char from[2 * PATTERNS], to[2 * PATTERNS];
    for (size_t i = 0; i < 2 * PATTERNS; i++)
        from[i] = (unsigned char)(i * 131 >> (i % 2 ? 8 : 0));
    for (size_t d = 0; d < DTYPES; d++) {
        const size_t count = sizeof from / prune_dtype_size(dtypes[d]);
        prune_tensor *t, *f;
        memset(to, 0, sizeof to);
        ck_assert_ok(prune_tensor_matrix(&t, NULL, dtypes[d], count / 4, 4, to));
        ck_assert_ok(prune_tensor_matrix(&f, NULL, dtypes[d], count / 4, 4, from));
        ck_assert_ok(prune_tensor_copy(t, f));
        ck_assert(memcmp(to, from, sizeof to) == 0);
        prune_tensor_free(t);
        prune_tensor_free(f);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_new_tensor_is_zero_and_packed,
        element_sizes,
        shapes_that_are_none_are_refused,
        types_that_are_none_are_refused,
        sizes_that_overflow_are_refused,
        the_last_byte_does_not_overflow_unseen,
        memory_that_is_refused_is_an_error,
        a_wrapped_tensor_is_the_callers_memory,
        a_leading_dimension_below_the_row_is_refused,
        alignment_is_that_of_the_type,
        no_memory_to_wrap_is_refused,
        matrix_is_short_for_two_dimensions,
        read_only_stays_read_only,
        getters_take_null,
        copies_go_between_any_leading_dimensions,
        copies_need_one_shape,
        what_lies_behind_the_rank_does_not_count,
        one_type_copies_bits,
    };
    return run_tests("tensor", tests, sizeof tests / sizeof tests[0]);
}
