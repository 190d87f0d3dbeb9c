/* container_test.c -- what is not a good file is refused, with its own status, before memory is taken
 *
 * Every altered file here has good checksums, unless the checksum is what is tested.
 *
 * SPDX-License-Identifier: MIT */
#include "support/golden.h"
#include "support/runner.h"

#include <string.h>

START_TEST(format_is_pinned)
{
    prune_model *model;
    prune_trainer *trainer;
    bytes_file written = { 0 };
    const prune_writer writer = bytes_writer(&written);
    const float weights[] = { 1.0f, 9.0f }, bias = -2.5f;
    ck_assert_ok(prune_model_create(&model, NULL, 2));
    ck_assert_ok(prune_model_add_dense(model, 1, PRUNE_RELU));
    ck_assert_ok(prune_mask_set(model, 0, (const uint8_t[]){ 1, 0 }, 2));
    ck_assert_ok(prune_model_set_param(model, 0, weights, 2));
    ck_assert_ok(prune_model_set_param(model, 1, &bias, 1));
    const prune_schedule schedule = { .size = sizeof schedule,
                                      .kind = PRUNE_SCHEDULE_COSINE,
                                      .factor = 0.25f,
                                      .floor = 0.125f,
                                      .warmup = 3,
                                      .period = 5 };
    const prune_loss_options loss = {
        .size = sizeof loss, .kind = PRUNE_MSE, .delta = 2.0f, .mean_over_outputs = 1
    };
    const prune_trainer_options options = { .size = sizeof options,
                                            .loss_options = &loss,
                                            .optimizer = PRUNE_SGD,
                                            .learning_rate = 0.5f,
                                            .momentum = 0.25f,
                                            .beta1 = 0.875f,
                                            .beta2 = 0.96875f,
                                            .epsilon = 0.125f,
                                            .l2 = 0.0625f,
                                            .regularize_bias = 1,
                                            .seed = 1,
                                            .max_batch = 2,
                                            .nesterov = 1,
                                            .alpha = 0.75f,
                                            .weight_decay = 0.5f,
                                            .clip_norm = 4.0f,
                                            .clip_value = 8.0f,
                                            .l1_proximal = 1,
                                            .schedule = &schedule,
                                            .accumulate = 9 };
    ck_assert_ok(prune_trainer_create(&trainer, NULL, model, &options, NULL));
    const prune_layer_training layer = { sizeof layer, 1, 0.5f, 2.0f, 1.0f };
    ck_assert_ok(prune_trainer_set_layer(trainer, 0, &layer));
    ck_assert_ok(prune_trainer_write(trainer, &writer, NULL));
    ck_assert_uint_eq(written.length, sizeof golden);
    ck_assert_mem_eq(written.at, golden, sizeof golden);
    prune_trainer_free(trainer);
    prune_model_free(model);
    bytes_end(&written);
}
END_TEST

START_TEST(golden_file_is_read)
{
    heap h = { 0 };
    bytes_file file = golden_file();
    bytes_repair(&file); /* and the tools of this test know the format */
    ck_assert_mem_eq(file.at, golden, sizeof golden);
    ck_assert_ok(golden_read_trainer(&file, &h, NULL));
    ck_assert_ok(golden_read_model(&file, &h, NULL));
    bytes_end(&file);
}
END_TEST

START_TEST(every_truncation)
{
    bytes_file file = golden_file();
    for (file.length = 0; file.length < sizeof golden; file.length++)
        golden_refused(&file, PRUNE_E_TRUNCATED, "length", file.length);
    bytes_end(&file);
}
END_TEST

START_TEST(every_truncation_with_good_checksums)
{
    for (size_t length = GOLDEN_HEADER; length < sizeof golden; length++) {
        bytes_file file = golden_file();
        file.length = length;
        bytes_repair(&file);
        golden_refused(&file, PRUNE_E_FORMAT, "length", length);
        bytes_end(&file);
    }
}
END_TEST

/* By the field that byte `at` belongs to. */
static prune_status expected_after_flip(const bytes_file *file, size_t at)
{
    const uint64_t version = bytes_get(file, 8, 4), sections = bytes_get(file, 12, 4);
    if (at < 8 || version == 0 || sections == 0 || sections > 64)
        return version > 1 ? PRUNE_E_VERSION : PRUNE_E_FORMAT;
    if (version > 1)
        return PRUNE_E_VERSION;
    return file->length < 24 + sections * 24 + 4 ? PRUNE_E_TRUNCATED : PRUNE_E_CHECKSUM;
}

START_TEST(every_flipped_bit)
{
    bytes_file file = golden_file();
    for (size_t bit = 0; bit < sizeof golden * 8; bit++) {
        file.at[bit / 8] ^= (unsigned char)(1 << bit % 8);
        golden_refused(&file, expected_after_flip(&file, bit / 8), "bit", bit);
        file.at[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    bytes_end(&file);
}
END_TEST

START_TEST(bytes_behind_the_end)
{
    for (size_t more = 1; more < 40; more++) {
        bytes_file file = golden_file();
        unsigned char longer[sizeof golden + 40] = { 0 };
        memcpy(longer, golden, sizeof golden);
        bytes_set(&file, longer, sizeof golden + more);
        golden_refused(&file, PRUNE_E_TRUNCATED, "extra", more);
        bytes_repair(&file); /* the length is right now, but no section has these bytes */
        golden_refused(&file, PRUNE_E_FORMAT, "extra", more);
        bytes_end(&file);
    }
}
END_TEST

START_TEST(foreign_files)
{
    static const char *const texts[] = { "\x89PNG\r\n\x1a\n and so on and so on", "P", "#!/bin/sh\n",
                                         "\x89PRUNE\n\n and the line ends were changed on the way",
                                         "\x89prune\r\n 1234567890123456789012345678901234567890" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bytes_file file = { 0 };
        bytes_set(&file, texts[i], strlen(texts[i]));
        golden_refused(&file, PRUNE_E_FORMAT, "text", i);
        bytes_end(&file);
    }
    const unsigned char zeros[200] = { 0 };
    bytes_file file = { 0 };
    bytes_set(&file, zeros, sizeof zeros);
    golden_refused(&file, PRUNE_E_FORMAT, "zeros", 0);
    bytes_end(&file);
}
END_TEST

START_TEST(unknown_sections)
{
    for (size_t index = 0; index <= 4; index++)
        for (size_t length = 0; length < 1000; length += 333) {
            heap h = { 0 };
            bytes_file file = golden_file();
            bytes_insert(&file, index, "NEW!", 0, length);
            ck_assert_ok(golden_read_trainer(&file, &h, NULL));
            ck_assert_ok(golden_read_model(&file, &h, NULL));
            bytes_put(&file, bytes_entry(&file, "NEW!") + 4, 4, 1);
            bytes_repair(&file);
            golden_refused(&file, PRUNE_E_VERSION, "required section at", index);
            bytes_end(&file);
        }
}
END_TEST

START_TEST(number_of_sections)
{
    heap h = { 0 };
    bytes_file file = golden_file();
    for (size_t count = 5; count <= 64; count++) {
        const char id[4] = { 'n', 'o', (char)('a' + count / 16), (char)('a' + count % 16) };
        bytes_insert(&file, count - 1, id, 0, count);
        ck_assert_ok(golden_read_trainer(&file, &h, NULL));
    }
    bytes_insert(&file, 64, "more", 0, 0);
    golden_refused(&file, PRUNE_E_FORMAT, "sections", 65);
    bytes_end(&file);
}
END_TEST

START_TEST(sections_that_are_there_twice)
{
    static const char ids[][5] = { "ARCH", "WGHT", "MASK", "TRNR", "NEW!" };
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        bytes_file file = golden_file();
        const uint32_t flags = i < 3;
        bytes_insert(&file, 0, "NEW!", 0, 3);
        bytes_insert(&file, 5, ids[i], flags, 3);
        golden_refused(&file, PRUNE_E_FORMAT, ids[i], 5);
        bytes_end(&file);
    }
}
END_TEST

START_TEST(sections_that_are_missing)
{
    static const char ids[][5] = { "ARCH", "WGHT" };
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        bytes_file file = golden_file();
        const size_t entry = bytes_entry(&file, ids[i]);
        bytes_put(&file, entry, 4, 0x2E2E2E2E);
        bytes_put(&file, entry + 4, 4, 0); /* an unknown section that may be skipped */
        bytes_repair(&file);
        golden_refused(&file, PRUNE_E_FORMAT, ids[i], 0);
        bytes_end(&file);
    }
}
END_TEST

/* One number of the header or the table, counted from the start of the file or from a section's entry. */
static const struct header_case {
    const char *section; /* NULL: from the start */
    size_t offset, width;
    uint64_t value;
    prune_status status;
} header_cases[] = {
    { NULL, 8, 4, 0, PRUNE_E_FORMAT },
    { NULL, 8, 4, 2, PRUNE_E_VERSION },
    { NULL, 8, 4, UINT32_MAX, PRUNE_E_VERSION },
    { "ARCH", 4, 4, 0, PRUNE_E_FORMAT },
    { "ARCH", 4, 4, 3, PRUNE_E_FORMAT },
    { "TRNR", 4, 4, 1, PRUNE_E_FORMAT },
    { "TRNR", 4, 4, 0x80000000, PRUNE_E_FORMAT },
    { "WGHT", 4, 4, 0, PRUNE_E_FORMAT },
    { "MASK", 4, 4, 0, PRUNE_E_FORMAT },
    { "TRNR", 20, 4, 1, PRUNE_E_FORMAT },
    { "ARCH", 20, 4, 0x01000000, PRUNE_E_FORMAT },
    { "ARCH", 8, 8, 0, PRUNE_E_FORMAT },
    { "ARCH", 8, 8, UINT64_MAX, PRUNE_E_FORMAT },
    { "WGHT", 8, 8, UINT64_MAX - 27, PRUNE_E_FORMAT },
    { "WGHT", 8, 8, 11, PRUNE_E_FORMAT },
    { "WGHT", 8, 8, 13, PRUNE_E_FORMAT },
    { "MASK", 8, 8, 1, PRUNE_E_FORMAT },
    { "TRNR", 8, 8, 171, PRUNE_E_FORMAT },
    { "TRNR", 8, 8, 173, PRUNE_E_FORMAT },
    { "TRNR", 8, 8, (uint64_t)1 << 63, PRUNE_E_FORMAT },
};

START_TEST(headers_that_lie)
{
    for (size_t i = 0; i < sizeof header_cases / sizeof header_cases[0]; i++) {
        const struct header_case *c = &header_cases[i];
        bytes_file file = golden_file();
        bytes_put(&file, c->offset + (c->section == NULL ? 0 : bytes_entry(&file, c->section)), c->width,
                  c->value);
        bytes_repair(&file);
        golden_refused(&file, c->status, "case", i);
        bytes_end(&file);
    }
}
END_TEST

START_TEST(readers_that_give_too_little)
{
    heap h = { 0 };
    bytes_file file = golden_file();
    size_t call = 0;
    prune_status status;
    do {
        prune_error error = { 0 };
        file.fail_call = ++call;
        status = golden_read_trainer(&file, &h, &error);
        ck_assert(status == PRUNE_OK || status == PRUNE_E_IO);
        ck_assert_int_eq(error.status, status);
    } while (status != PRUNE_OK);
    ck_assert_uint_gt(call, 8);
    bytes_end(&file);
}
END_TEST

/* Bytes that change under the reader, also between checking and reading: never believed. */
START_TEST(readers_that_change_their_mind)
{
    heap h = { 0 };
    bytes_file file = golden_file();
    size_t call = 0;
    prune_status status;
    do {
        file.rot_call = ++call;
        status = golden_read_trainer(&file, &h, NULL);
        ck_assert_msg(status == PRUNE_OK || status == PRUNE_E_CHECKSUM || status == PRUNE_E_FORMAT ||
                          status == PRUNE_E_TRUNCATED,
                      "from call %zu on: %d", call, (int)status);
    } while (status != PRUNE_OK);
    ck_assert_uint_gt(call, 8);
    ck_assert_uint_lt(h.peak_bytes, 10000);
    bytes_end(&file);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        format_is_pinned,
        golden_file_is_read,
        every_truncation,
        every_truncation_with_good_checksums,
        every_flipped_bit,
        bytes_behind_the_end,
        foreign_files,
        unknown_sections,
        number_of_sections,
        sections_that_are_there_twice,
        sections_that_are_missing,
        headers_that_lie,
        readers_that_give_too_little,
        readers_that_change_their_mind,
    };
    return run_tests("container", tests, sizeof tests / sizeof tests[0]);
}
