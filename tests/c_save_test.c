/* c_save_test.c -- models as C source in files: both whole, or as they were
 *
 * SPDX-License-Identifier: MIT */
#include "support/blobs.h"
#include "support/bytes.h"
#include "support/folder.h"
#include "support/heap.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TEXT = 1 << 16 };

static folder place;
static blobs blob;
static char path_c[FOLDER_PATH], path_h[FOLDER_PATH];

static void set_up(void)
{
    static blobs_drawn d[3];
    float y[BLOBS_NET_O];
    folder_make(&place);
    folder_join(path_c, &place, "net.c");
    folder_join(path_h, &place, "net.h");
    blobs_net(&blob, d, y);
}

static prune_c_options named(const char *prefix)
{
    prune_c_options options;
    prune_c_options_init(&options);
    options.prefix = prefix;
    return options;
}

static prune_status save(const char *into, const prune_c_options *options, prune_error *error)
{
    return prune_c_save(into, NULL, blob.words, blob.count * 4, options, error);
}

static void check_file(const char *path, const void *bytes, size_t length)
{
    static char read[TEXT];
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fread(read, 1, sizeof read, file), length);
    ck_assert_int_eq(memcmp(read, bytes, length), 0);
    fclose(file);
}

/* The files hold what a writer gets. */
static void check_files(const prune_c_options *options)
{
    bytes_file source = { 0 }, header = { 0 };
    const prune_writer to_source = bytes_writer(&source), to_header = bytes_writer(&header);
    ck_assert_ok(prune_c_export_source(&to_source, NULL, blob.words, blob.count * 4, options, NULL));
    ck_assert_ok(prune_c_export_header(&to_header, blob.words, blob.count * 4, options, NULL));
    check_file(path_c, source.at, source.length);
    check_file(path_h, header.at, header.length);
    bytes_end(&source);
    bytes_end(&header);
}

START_TEST(the_files_are_what_is_exported)
{
    const prune_c_options options = named("net");
    set_up();
    ck_assert_ok(save(place.path, &options, NULL));
    ck_assert_uint_eq(folder_count(&place), 2);
    check_files(&options);
    folder_write(path_c, "old");
    folder_write(path_h, "old");
    ck_assert_ok(save(place.path, &options, NULL));
    check_files(&options);
    folder_end(&place);
}
END_TEST

START_TEST(without_options_it_is_called_model)
{
    set_up();
    folder_join(path_c, &place, "model.c");
    folder_join(path_h, &place, "model.h");
    ck_assert_ok(save(place.path, NULL, NULL));
    check_files(NULL);
    folder_end(&place);
}
END_TEST

static void check_untouched(prune_status got, prune_status expected, const prune_error *error,
                            const char *where)
{
    ck_assert_status(got, expected);
    ck_assert_int_eq(error->status, expected);
    ck_assert_msg(strstr(error->place, where) != NULL, "%s: %s", error->place, error->reason);
    check_file(path_c, "old", 3);
    check_file(path_h, "old", 3);
    ck_assert_uint_eq(folder_count(&place), 2);
}

START_TEST(what_is_refused_leaves_both_files)
{
    static const float not_finite[2 * BLOBS_NET_I] = { [BLOBS_NET_I] = NAN };
    prune_c_options options = named("net");
    prune_error error = { 0 };
    set_up();
    folder_write(path_c, "old");
    folder_write(path_h, "old");
    options.samples = not_finite;
    check_untouched(save(place.path, &options, &error), PRUNE_E_NONFINITE, &error, "options.samples");
    options = named("../net");
    check_untouched(save(place.path, &options, &error), PRUNE_E_ARGUMENT, &error, "options.prefix");
    options = named("net");
    check_untouched(save(NULL, &options, &error), PRUNE_E_ARGUMENT, &error, "arguments");
    blob.words[blob.count - 1] ^= 1;
    check_untouched(save(place.path, &options, &error), PRUNE_E_CHECKSUM, &error, "blob");
    folder_end(&place);
}
END_TEST

START_TEST(a_file_that_cannot_be_is_called_by_its_path)
{
    const prune_c_options options = named("net");
    prune_error error = { 0 };
    char missing[FOLDER_PATH];
    set_up();
    folder_join(missing, &place, "missing");
    ck_assert_status(save(missing, &options, &error), PRUNE_E_IO);
    ck_assert_msg(strstr(error.place, "missing/net.c") != NULL, "%s: %s", error.place, error.reason);
    ck_assert_uint_eq(folder_count(&place), 0);
    folder_end(&place);
}
END_TEST

START_TEST(a_refused_allocation_is_survived)
{
    const prune_c_options options = named("net");
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_status status = PRUNE_E_MEMORY;
    set_up();
    for (size_t n = 1; status == PRUNE_E_MEMORY; n++) {
        heap_refuse_once(&h, n);
        status = prune_c_save(place.path, &mem, blob.words, blob.count * 4, &options, NULL);
        ck_assert(heap_is_clean(&h));
    }
    ck_assert_ok(status);
    ck_assert_uint_eq(h.refused, 3); /* room to try it, the path, room to write it */
    check_files(&options);
    folder_end(&place);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_files_are_what_is_exported,    without_options_it_is_called_model,
        what_is_refused_leaves_both_files, a_file_that_cannot_be_is_called_by_its_path,
        a_refused_allocation_is_survived,
    };
    return run_tests("c_save", tests, sizeof tests / sizeof tests[0]);
}
