/* datafile_hostile_test.c -- files of samples that are not what they should be, and options that cannot be
 *
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include "support/heap.h"
#include "support/shelf.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { INPUTS = SHELF_INPUTS, CLASSES = SHELF_CLASSES, SAMPLES = SHELF_SAMPLES };

static const size_t widths[] = { INPUTS, 8, CLASSES };

/* Refused, with a reason, at a place that begins like this, and nothing is left. */
static void assert_refused(const shelf *f, prune_status status, const char *place)
{
    heap h = { 0 };
    prune_error error = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_datafile *file = (prune_datafile *)&h;
    ck_assert_status(shelf_open_on(&file, f, &mem, &error), status);
    ck_assert(file == NULL && heap_is_clean(&h));
    ck_assert_int_eq(error.status, status);
    ck_assert_msg(strstr(error.place, place) != NULL, "%s, not %s", error.place, place);
    ck_assert_uint_gt(strlen(error.reason), 0);
    ck_assert_uint_lt(h.largest, 1 << 17);
    ck_assert_status(shelf_open_on(&file, f, NULL, NULL), status);
}

START_TEST(only_whole_records_are_opened)
{
    for (size_t k = 0; k < SHELF_KINDS; k++)
        for (size_t which = 0; which < (shelf_kinds[k].idx ? 2 : 1); which++) {
            shelf f;
            shelf_make(&f, &shelf_kinds[k]);
            const size_t count = f.files[which].count;
            for (size_t length = 0; length < count + 4; length++) {
                f.files[which].at[length] = length < count ? f.files[which].at[length] : 0;
                shelf_write(f.paths[which], &f.files[which], length);
                const int32_t whole =
                    length > shelf_kinds[k].header && (length - shelf_kinds[k].header) % f.record == 0;
                if (shelf_kinds[k].idx ? length == count : whole)
                    prune_datafile_free(shelf_open(&f));
                else
                    assert_refused(&f,
                                   !shelf_kinds[k].idx && length == shelf_kinds[k].header ? PRUNE_E_EMPTY
                                                                                          : PRUNE_E_TRUNCATED,
                                   f.paths[which] + strlen(f.paths[which]) - 7);
            }
            shelf_end(&f);
        }
}
END_TEST

START_TEST(hostile_options_are_refused)
{
    const struct {
        size_t size;
        uint64_t header;
        size_t inputs, columns;
        int32_t input, target;
        float offset, scale;
        int32_t read_ahead;
        prune_status status;
        const char *place;
    } cases[] = {
        { 0, 0, INPUTS, 1, PRUNE_F32, PRUNE_I32, 0, 0, 1, PRUNE_E_ARGUMENT, "datafile options" },
        { 4096, 0, INPUTS, 1, PRUNE_F32, PRUNE_I32, 0, 0, 1, PRUNE_E_VERSION, "datafile options" },
        { 1, 0, 0, 1, PRUNE_F32, PRUNE_I32, 0, 0, 1, PRUNE_E_SIZE, "inputs" },
        { 1, 0, INPUTS, 0, PRUNE_F32, PRUNE_I32, 0, 0, 1, PRUNE_E_SIZE, "target_columns" },
        { 1, 0, INPUTS, 1, PRUNE_I32, PRUNE_I32, 0, 0, 1, PRUNE_E_TYPE, "input_type" },
        { 1, 0, INPUTS, 1, -1, PRUNE_I32, 0, 0, 1, PRUNE_E_TYPE, "input_type" },
        { 1, 0, INPUTS, 1, PRUNE_F32, PRUNE_I8, 0, 0, 1, PRUNE_E_TYPE, "target_type" },
        { 1, 0, INPUTS, 1, PRUNE_F32, 99, 0, 0, 1, PRUNE_E_TYPE, "target_type" },
        { 1, 0, INPUTS, 1, PRUNE_F32, PRUNE_I32, NAN, 0, 1, PRUNE_E_RANGE, "offset" },
        { 1, 0, INPUTS, 1, PRUNE_F32, PRUNE_I32, 0, INFINITY, 1, PRUNE_E_RANGE, "scale" },
        { 1, 0, INPUTS, 1, PRUNE_F32, PRUNE_I32, 0, 0, 2, PRUNE_E_ARGUMENT, "read_ahead" },
        { 1, UINT64_MAX, INPUTS, 1, PRUNE_F32, PRUNE_I32, 0, 0, 1, PRUNE_E_TRUNCATED, "one.bin: records" },
        { 1, 0, SIZE_MAX, 1, PRUNE_F32, PRUNE_I32, 0, 0, 1, PRUNE_E_OVERFLOW, "one.bin: records" },
        { 1, 0, 1, SIZE_MAX / 4, PRUNE_F32, PRUNE_I32, 0, 0, 1, PRUNE_E_OVERFLOW, "one.bin: records" },
        { 1, 0, SIZE_MAX, 1, PRUNE_U8, PRUNE_U8, 0, 0, 1, PRUNE_E_OVERFLOW, "one.bin: records" },
        { 1, 0, SIZE_MAX / 2, SIZE_MAX / 2, PRUNE_U8, PRUNE_U8, 0, 0, 1, PRUNE_E_TRUNCATED,
          "one.bin: records" },
        { 1, 0, SIZE_MAX / 8, 1, PRUNE_F32, PRUNE_I32, 0, 0, 1, PRUNE_E_TRUNCATED, "one.bin: records" },
    };
    shelf f;
    shelf_make(&f, &shelf_kinds[0]);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        f.options = (prune_datafile_options){ cases[i].size == 1 ? sizeof f.options : cases[i].size,
                                              cases[i].header,
                                              cases[i].inputs,
                                              cases[i].columns,
                                              cases[i].input,
                                              cases[i].target,
                                              cases[i].offset,
                                              cases[i].scale,
                                              cases[i].read_ahead };
        assert_refused(&f, cases[i].status, cases[i].place);
    }
    shelf_end(&f);
}
END_TEST

START_TEST(bad_arguments_and_paths_are_refused)
{
    shelf f;
    prune_datafile *file = (prune_datafile *)&f;
    shelf_make(&f, &shelf_kinds[0]);
    ck_assert_status(prune_datafile_open(NULL, NULL, f.paths[0], &f.options, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_datafile_open(&file, NULL, NULL, &f.options, NULL), PRUNE_E_ARGUMENT);
    ck_assert_ptr_null(file);
    ck_assert_status(prune_datafile_open(&file, NULL, f.paths[0], NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_datafile_open_idx(NULL, NULL, "a", "b", NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_datafile_open_idx(&file, NULL, NULL, "b", NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_datafile_open_idx(&file, NULL, "a", NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_ptr_null(prune_datafile_source(NULL));
    prune_datafile_free(NULL);
    prune_datafile_options_init(NULL);
    strcat(f.paths[0], "s"); /* there is none */
    assert_refused(&f, PRUNE_E_IO, "one.bins");
    strcpy(f.paths[0], f.folder.path);
    assert_refused(&f, PRUNE_E_IO, "prune-test");
    shelf_end(&f);
}
END_TEST

/* The second file has other types, or another number of samples. */
START_TEST(idx_files_must_fit_each_other)
{
    static const uint32_t fewer[] = { SAMPLES - 1 }, same[] = { SAMPLES };
    static const struct {
        const uint32_t *dims;
        unsigned char type;
        prune_status status;
    } cases[] = { { fewer, 0x08, PRUNE_E_SHAPE },
                  { same, 0x09, PRUNE_E_TYPE },
                  { same, 0x08, PRUNE_OK },
                  { same, 0x0E, PRUNE_E_UNSUPPORTED },
                  { same, 0x00, PRUNE_E_FORMAT } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        shelf f;
        shelf_make(&f, &shelf_kinds[4]);
        shelf_idx_header(&f.files[1], PRUNE_U8, cases[i].dims, 1);
        f.files[1].at[2] = cases[i].type;
        shelf_write(f.paths[1], &f.files[1], 8 + cases[i].dims[0]);
        if (cases[i].status == PRUNE_OK)
            prune_datafile_free(shelf_open(&f));
        else
            assert_refused(&f, cases[i].status, "two.bin: ");
        strcpy(f.paths[0], f.paths[1]); /* labels for images; or not even a header */
        if (cases[i].status == PRUNE_E_TYPE)
            assert_refused(&f, PRUNE_E_TYPE, "two.bin: ");
        shelf_end(&f);
    }
}
END_TEST

/* At each length: who comes to a sample that is not there any more says which. */
START_TEST(a_file_that_shrinks_is_an_error)
{
    static const int32_t losses[] = { PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_MSE };
    for (size_t i = 0; i < 4; i++) {
        shelf f;
        shelf_make(&f, &shelf_kinds[i % 2]);
        f.options.read_ahead = i / 2 == 0;
        prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
        prune_datafile *file = shelf_open(&f);
        prune_data data;
        prune_data_init(&data);
        data.source = prune_datafile_source(file);
        for (size_t gone = 1; gone <= SAMPLES; gone++) {
            char place[40];
            prune_error error = { 0 };
            ck_assert_int_eq(truncate(f.paths[0], (off_t)(f.files[0].count - gone * f.record + 3)), 0);
            ck_assert_status(prune_data_check(&data, model, losses[i % 2], &error), PRUNE_E_IO);
            snprintf(place, sizeof place, "one.bin: sample %zu", SAMPLES - gone);
            ck_assert_msg(strstr(error.place, place) != NULL, "%s, not %s", error.place, place);
            ck_assert_ptr_nonnull(strstr(error.reason, "shorter"));
            ck_assert_status(prune_data_check(&data, model, losses[i % 2], NULL), PRUNE_E_IO);
        }
        shelf_write(f.paths[0], &f.files[0], f.files[0].count);
        ck_assert_ok(prune_data_check(&data, model, losses[i % 2], NULL));
        prune_datafile_free(file);
        prune_model_free(model);
        shelf_end(&f);
    }
}
END_TEST

START_TEST(every_refusal_of_memory_is_survived)
{
    for (size_t k = 0; k < SHELF_KINDS; k++) {
        shelf f;
        shelf_make(&f, &shelf_kinds[k]);
        for (size_t n = 1;; n++) {
            heap h = { 0 };
            prune_error error = { 0 };
            prune_datafile *file = (prune_datafile *)&h;
            const prune_allocator mem = heap_allocator(&h);
            heap_refuse_once(&h, n);
            const prune_status status = shelf_open_on(&file, &f, &mem, &error);
            if (h.refused == 0) {
                ck_assert_ok(status);
                ck_assert_uint_eq(n, 4);
                prune_datafile_free(file);
            } else {
                ck_assert_status(status, PRUNE_E_MEMORY);
                ck_assert(file == NULL && error.status == PRUNE_E_MEMORY);
            }
            ck_assert(heap_is_clean(&h));
            if (status == PRUNE_OK)
                break;
        }
        shelf_end(&f);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        only_whole_records_are_opened, hostile_options_are_refused,     bad_arguments_and_paths_are_refused,
        idx_files_must_fit_each_other, a_file_that_shrinks_is_an_error, every_refusal_of_memory_is_survived,
    };
    return run_tests("datafile, hostile", tests, sizeof tests / sizeof tests[0]);
}
