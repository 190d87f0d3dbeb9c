/* blob_save_test.c -- blobs in files: whole, or as they were
 *
 * SPDX-License-Identifier: MIT */
#include "support/blobs8.h"
#include "support/folder.h"

#include <stdio.h>
#include <string.h>

static folder place;
static blobs blob;
static char path[FOLDER_PATH];

static void set_up(int32_t integers)
{
    static blobs_drawn d[3];
    static blobs8_drawn d8[2];
    float y[BLOBS_NET_O];
    int8_t y8[BLOBS8_NET_O];
    folder_make(&place);
    folder_join(path, &place, "net.blob");
    if (integers)
        blobs8_net(&blob, d8, y8);
    else
        blobs_net(&blob, d, y);
}

static void check_file(const void *bytes, size_t length)
{
    static char read[sizeof blob.words];
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fread(read, 1, sizeof read, file), length);
    ck_assert_int_eq(memcmp(read, bytes, length), 0);
    fclose(file);
}

/* No more of the block than the blob is. */
START_TEST(the_file_is_the_blob)
{
    for (int32_t integers = 0; integers < 2; integers++) {
        set_up(integers);
        for (size_t behind = 0; behind < 9; behind += 8) {
            ck_assert_ok(prune_blob_save(path, blob.words, blob.count * 4 + behind, NULL));
            check_file(blob.words, blob.count * 4);
            folder_write(path, "old");
        }
        ck_assert_uint_eq(folder_count(&place), 1);
        folder_end(&place);
    }
}
END_TEST

static void refused(const void *bytes, size_t length, prune_status expected, const char *reason)
{
    prune_error error = { 0 };
    ck_assert_status(prune_blob_save(path, bytes, length, &error), expected);
    ck_assert_int_eq(error.status, expected);
    ck_assert_str_eq(error.place, "blob");
    ck_assert_str_eq(error.reason, reason);
    ck_assert_status(prune_blob_save(path, bytes, length, NULL), expected);
    check_file("old", 3);
    ck_assert_uint_eq(folder_count(&place), 1);
}

START_TEST(what_is_no_blob_leaves_the_file)
{
    static uint32_t moved[BLOBS_WORDS + 1];
    set_up(0);
    const size_t length = blob.count * 4;
    folder_write(path, "old");
    refused(NULL, length, PRUNE_E_ARGUMENT, "NULL");
    for (size_t off = 1; off < 4; off++) {
        memcpy((char *)moved + off, blob.words, length);
        refused((char *)moved + off, length, PRUNE_E_ARGUMENT, "it is not aligned to 4");
    }
    refused(blob.words, length - 1, PRUNE_E_TRUNCATED, prune_status_string(PRUNE_E_TRUNCATED));
    blob.words[blob.count - 1] ^= 1;
    refused(blob.words, length, PRUNE_E_CHECKSUM, prune_status_string(PRUNE_E_CHECKSUM));
    ck_assert_status(prune_blob_save(NULL, blob.words, length, NULL), PRUNE_E_ARGUMENT);
    folder_end(&place);
}
END_TEST

START_TEST(a_file_that_cannot_be_is_called_by_its_path)
{
    prune_error error = { 0 };
    char missing[FOLDER_PATH];
    set_up(0);
    folder_join(missing, &place, "missing/net.blob");
    ck_assert_status(prune_blob_save(missing, blob.words, blob.count * 4, &error), PRUNE_E_IO);
    ck_assert_msg(strstr(error.place, "missing/net.blob") != NULL, "%s: %s", error.place, error.reason);
    ck_assert_uint_eq(folder_count(&place), 0);
    folder_end(&place);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_file_is_the_blob,
        what_is_no_blob_leaves_the_file,
        a_file_that_cannot_be_is_called_by_its_path,
    };
    return run_tests("blob_save", tests, sizeof tests / sizeof tests[0]);
}
