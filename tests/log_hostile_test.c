/* log_hostile_test.c -- a section that is no pruning log is refused, without asking for much memory
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/plain_log.h"

/* Reads it; what is read can be used, what is not leaves nothing. */
static prune_status try_log(bytes_file *file, const trace *t)
{
    heap h = { 0 };
    prune_error error = { 0 };
    prune_log *log = NULL;
    bytes_file text = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    const prune_reader reader = bytes_reader(file);
    const prune_writer writer = bytes_writer(&text);
    const prune_status status = prune_log_read(&log, &mem, &reader, &error);
    ck_assert_int_eq(error.status, status);
    ck_assert_int_eq(log == NULL, status != PRUNE_OK);
    ck_assert_uint_le(h.largest, 1024);
    ck_assert_uint_le(h.peak_bytes, 8192);
    if (status == PRUNE_OK) {
        prune_model *clone;
        ck_assert_ok(prune_log_list(log, &writer, PRUNE_REPORT_CSV));
        ck_assert_ok(prune_model_clone(&clone, NULL, t->then[0]));
        const prune_status replayed = prune_log_replay(clone, log, 0, prune_log_count(log), NULL);
        ck_assert(replayed == PRUNE_OK || replayed == PRUNE_E_SHAPE || replayed == PRUNE_E_STATE);
        ck_assert_ok(prune_model_verify(clone, NULL));
        prune_model_free(clone);
    }
    bytes_end(&text);
    prune_log_free(log);
    ck_assert(heap_is_clean(&h));
    return status;
}

START_TEST(every_flipped_bit)
{
    trace t;
    bytes_file file = plain_log_file(&t);
    const size_t begin = bytes_payload(&file, "PLOG");
    size_t good = 0;
    for (size_t bit = 0; bit < sizeof plain_log * 8; bit++) {
        bytes_file bad = { 0 };
        bytes_copy(&bad, &file);
        bad.at[begin + bit / 8] ^= (unsigned char)(1 << bit % 8);
        ck_assert_int_eq(try_log(&bad, &t), PRUNE_E_CHECKSUM);
        bytes_repair(&bad);
        const prune_status status = try_log(&bad, &t);
        ck_assert_msg(status == PRUNE_OK || status == PRUNE_E_FORMAT || status == PRUNE_E_OVERFLOW,
                      "bit %zu: %d", bit, (int)status);
        good += status == PRUNE_OK;
        bytes_end(&bad);
    }
    ck_assert_uint_gt(good, 100); /* signature, steps, fractions, bits of masks */
    ck_assert_uint_lt(good, sizeof plain_log * 8 / 2);
    plain_log_end(&t, &file);
}
END_TEST

START_TEST(every_truncation)
{
    trace t;
    bytes_file file = plain_log_file(&t);
    for (size_t cut = 1; cut <= sizeof plain_log; cut++) {
        bytes_file bad = { 0 };
        bytes_copy(&bad, &file);
        bad.length -= cut; /* the log is the last section */
        bytes_put(&bad, bytes_entry(&bad, "PLOG") + 8, 8, sizeof plain_log - cut);
        bytes_repair(&bad);
        ck_assert_int_eq(try_log(&bad, &t), PRUNE_E_FORMAT);
        bytes_end(&bad);
    }
    plain_log_end(&t, &file);
}
END_TEST

/* Some bytes put somewhere into the section. */
static const struct lie {
    size_t offset, width;
    uint64_t value;
} lies[] = {
    { AT_LAYERS, 4, 0 },
    { AT_LAYERS, 4, 2 },
    { AT_LAYERS, 4, UINT32_MAX },
    { AT_LAYER, 1, 1 },
    { AT_LAYER, 1, 3 },
    { AT_LAYER, 1, 255 },
    { AT_PARAMS, 4, 1 },
    { AT_PARAMS, 4, 3 },
    { AT_PARAMS, 4, UINT32_MAX },
    { AT_PARAM, 4, 2 },
    { AT_PARAM, 4, UINT32_MAX },
    { AT_PARAM, 4, 1 },
    { AT_COUNT, 8, 0 },
    { AT_COUNT, 8, 39 },
    { AT_COUNT, 8, 41 },
    { AT_COUNT, 8, (uint64_t)1 << 40 },
    { AT_COUNT, 8, UINT64_MAX },
    { AT_COUNT, 8, UINT64_MAX - 6 },
    { AT_BIAS + 4, 8, 9 },
    { AT_MASKS + 5, 1, 3 },
    { AT_ENTRIES, 8, 0 },
    { AT_ENTRIES, 8, 2 },
    { AT_ENTRIES, 8, 4 },
    { AT_ENTRIES, 8, UINT64_MAX },
    { AT_ENTRY + 8, 4, 11 },
    { AT_ENTRY + 8, 4, UINT32_MAX },
    { AT_ENTRY + 12, 4, 5 },
    { AT_ENTRY + 16, 4, 4 },
    { AT_ENTRY + 20, 8, 0x7FF0000000000000 },
    { AT_ENTRY + 20, 8, 0x7FF8000000000000 },
    { AT_TEXT, 4, 1 },
    { AT_TEXT, 4, 64 },
    { AT_TEXT, 4, UINT32_MAX },
    { AT_TEXT + 4, 1, 0 },
    { AT_TEXT + 5, 1, '\n' },
    { AT_LENGTH, 8, 4 },
    { AT_LENGTH, 8, 6 },
    { AT_LENGTH, 8, 1 },
    { AT_LENGTH, 8, UINT64_MAX },
    { AT_FLIPS, 1, 3 },
    { AT_FLIPS, 1, 0 },
    { AT_FLIPS, 1, 2 },
    { AT_FLIPS + 1, 1, 6 },
    { AT_FLIPS + 1, 1, 0x85 },
    { AT_FLIPS + 2, 1, 0 },
    { AT_FLIPS + 3, 1, 33 },
    { AT_FLIPS + 3, 1, 31 },
    { AT_FLIPS + 3, 1, 0xA0 },
    { AT_LAST, 1, 3 },
    { AT_LAST, 1, 0 },
};

START_TEST(sections_that_lie)
{
    trace t;
    bytes_file file = plain_log_file(&t);
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        bytes_file bad = { 0 };
        bytes_copy(&bad, &file);
        bytes_put(&bad, bytes_payload(&bad, "PLOG") + lies[i].offset, lies[i].width, lies[i].value);
        bytes_repair(&bad);
        const prune_status status = try_log(&bad, &t);
        ck_assert_msg(status == PRUNE_E_FORMAT, "case %zu: %d", i, (int)status);
        bytes_end(&bad);
    }
    plain_log_end(&t, &file);
}
END_TEST

/* A signature that fits and parameters that do not. */
START_TEST(a_signature_is_not_believed)
{
    trace t;
    bytes_file file = plain_log_file(&t);
    prune_error error = { 0 };
    prune_model *model = world_model(NULL, (const size_t[2]){ 39, 1 }, 1, PRUNE_LINEAR, 1);
    prune_log *log = plain_log_read(&file, NULL), *own;
    bytes_file other = { 0 };
    const prune_writer writer = bytes_writer(&other);
    ck_assert_ok(prune_log_create(&own, NULL, model));
    ck_assert_ok(prune_log_write(own, model, NULL, &writer, NULL));
    bytes_put(&file, bytes_payload(&file, "PLOG"), 4, bytes_get(&other, bytes_payload(&other, "PLOG"), 4));
    bytes_repair(&file);
    prune_log *forged = plain_log_read(&file, NULL);
    ck_assert_status(prune_log_replay(model, forged, 0, 3, &error), PRUNE_E_SHAPE);
    ck_assert_str_eq(error.place, "layer 0");
    ck_assert_status(prune_log_record(forged, model, NULL, NULL), PRUNE_E_SHAPE);
    ck_assert_status(prune_log_record(forged, t.model, NULL, &error), PRUNE_E_SHAPE);
    ck_assert_str_eq(error.place, "model");
    prune_log_free(forged);
    prune_log_free(own);
    prune_log_free(log);
    bytes_end(&other);
    prune_model_free(model);
    plain_log_end(&t, &file);
}
END_TEST

START_TEST(a_log_is_never_required)
{
    trace t;
    bytes_file file = plain_log_file(&t);
    bytes_put(&file, bytes_entry(&file, "PLOG") + 4, 4, 1);
    bytes_repair(&file);
    ck_assert_int_eq(try_log(&file, &t), PRUNE_E_FORMAT);
    plain_log_end(&t, &file);
}
END_TEST

START_TEST(readers_that_fail_or_change_their_mind)
{
    trace t;
    bytes_file file = plain_log_file(&t);
    prune_status status;
    size_t call = 0;
    do {
        file.calls = 0;
        file.fail_call = ++call;
        status = try_log(&file, &t);
        ck_assert(status == PRUNE_OK || status == PRUNE_E_IO);
    } while (status != PRUNE_OK);
    ck_assert_uint_gt(call, 10);
    file.fail_call = call = 0;
    do {
        file.calls = 0;
        file.rot_call = ++call;
        status = try_log(&file, &t);
        ck_assert(status == PRUNE_OK || status == PRUNE_E_CHECKSUM || status == PRUNE_E_FORMAT ||
                  status == PRUNE_E_TRUNCATED);
    } while (status != PRUNE_OK);
    ck_assert_uint_gt(call, 10);
    plain_log_end(&t, &file);
}
END_TEST

START_TEST(writers_that_refuse)
{
    trace t;
    bytes_file file = plain_log_file(&t);
    const size_t calls = file.calls;
    for (size_t n = 1; n <= calls; n++) {
        prune_error error = { 0 };
        bytes_file refused = { .fail_call = n, .refusal = PRUNE_E_SPACE };
        const prune_writer writer = bytes_writer(&refused);
        ck_assert_status(prune_log_write(t.log, t.model, NULL, &writer, &error), PRUNE_E_SPACE);
        ck_assert_uint_eq(refused.calls, n);
        bytes_end(&refused);
    }
    plain_log_end(&t, &file);
}
END_TEST

START_TEST(reading_survives_allocators_that_refuse)
{
    trace t;
    heap h = { 0 };
    prune_log *log;
    const prune_allocator mem = heap_allocator(&h);
    bytes_file file = plain_log_file(&t);
    const prune_reader reader = bytes_reader(&file);
    for (size_t n = 1;; n++) {
        prune_error error = { 0 };
        heap_refuse_once(&h, n);
        const prune_status status = prune_log_read(&log, &mem, &reader, &error);
        if (status == PRUNE_OK)
            break;
        ck_assert_int_eq(status, PRUNE_E_MEMORY);
        ck_assert_str_eq(error.place, "section PLOG");
        ck_assert_ptr_null(log);
        ck_assert(heap_is_clean(&h));
    }
    ck_assert_uint_eq(h.refused, 3 + 3 + 1);
    prune_log_free(log);
    ck_assert(heap_is_clean(&h));
    plain_log_end(&t, &file);
}
END_TEST

START_TEST(arguments_are_checked)
{
    trace t;
    prune_error error = { 0 };
    bytes_file file = plain_log_file(&t), out = { 0 };
    const prune_reader reader = bytes_reader(&file), no_reader = { NULL, NULL, 0 };
    const prune_writer writer = bytes_writer(&out), no_writer = { NULL, NULL };
    prune_log *log = t.log;
    ck_assert_status(prune_log_read(NULL, NULL, &reader, &error), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_log_read(&log, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_ptr_null(log);
    ck_assert_status(prune_log_read(&log, NULL, &no_reader, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_log_write(NULL, t.model, NULL, &writer, &error), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_log_write(t.log, NULL, NULL, &writer, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_log_write(t.log, t.model, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_log_write(t.log, t.model, NULL, &no_writer, NULL), PRUNE_E_ARGUMENT);
    world_plant(t.model, 0, 2, 1.0f);
    ck_assert_status(prune_log_write(t.log, t.model, NULL, &writer, &error), PRUNE_E_MASK);
    ck_assert_uint_eq(out.calls, 0);
    plain_log_end(&t, &file);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_flipped_bit,       every_truncation,
        sections_that_lie,       a_signature_is_not_believed,
        a_log_is_never_required, readers_that_fail_or_change_their_mind,
        writers_that_refuse,     reading_survives_allocators_that_refuse,
        arguments_are_checked,
    };
    return run_tests("log_hostile", tests, sizeof tests / sizeof tests[0]);
}
