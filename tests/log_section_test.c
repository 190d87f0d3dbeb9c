/* log_section_test.c -- a pruning log in a file: laid out as checkpoint.h says, and read back
 *
 * SPDX-License-Identifier: MIT */
#include "support/folder.h"
#include "support/plain_log.h"
#include "support/work.h"

#include <string.h>

START_TEST(the_section_is_laid_out_as_the_header_says)
{
    trace t;
    bytes_file file = plain_log_file(&t);
    const size_t entry = bytes_entry(&file, "PLOG");
    ck_assert_uint_eq(bytes_get(&file, entry + 4, 4), 0); /* not required */
    ck_assert_uint_eq(bytes_get(&file, entry + 8, 8), sizeof plain_log);
    ck_assert_mem_eq(file.at + bytes_payload(&file, "PLOG"), plain_log, sizeof plain_log);
    prune_log *log = plain_log_read(&file, NULL);
    trace_check_same(log, t.log);
    trace_check(&t, log);
    prune_log_free(log);
    plain_log_end(&t, &file);
}
END_TEST

/* ---- any log ---- */

/* Changes masks as the bytes of a parameter say; returns what lies behind them. */
static const unsigned char *decode(uint8_t *mask, size_t count, const unsigned char *at)
{
    const unsigned char coding = *at++;
    size_t next = 0;
    ck_assert_uint_le(coding, 2);
    for (size_t i = 0; coding == 2 && i < count; i++)
        mask[i] = (uint8_t)(mask[i] ^ (at[i / 8] >> i % 8 & 1));
    for (size_t run = 0; coding == 1 && next < count; run++) {
        size_t length = 0;
        for (size_t shift = 0;; shift += 7) {
            length |= (size_t)(*at & 0x7F) << shift;
            if (*at++ < 0x80)
                break;
        }
        for (size_t i = 0; run % 2 == 1 && i < length; i++)
            mask[next + i] ^= 1;
        next += length;
    }
    ck_assert(coding != 1 || next == count);
    return coding == 2 ? at + (count + 7) / 8 : at;
}

/* By checkpoint.h alone: one layer of so many inputs and one output. */
static void check_bytes(bytes_file *file, const trace *t, size_t count)
{
    uint8_t mask[WORLD_MAX_PARAM], expected[WORLD_MAX_PARAM];
    const unsigned char *at = file->at + bytes_payload(file, "PLOG") + AT_MASKS;
    for (size_t i = 0; i < count; i++)
        mask[i] = at[i / 8] >> i % 8 & 1;
    at += (count + 7) / 8 + 1 + 8;
    for (size_t e = 0; e < t->count; e++) {
        at = decode(mask, count, at + 32 + 8) + 1;
        ck_assert_uint_eq(at[-1], 0);
        ck_assert_ok(prune_mask_get(expected, count, t->then[e + 1], 0));
        ck_assert_mem_eq(mask, expected, count);
    }
}

/* Runs of every length, beyond the ends of bytes of a length, too. */
START_TEST(any_masks_are_written_and_read)
{
    static const size_t most[] = { 1, 2, 9, 130, 3000, 20000 };
    prune_rng rng;
    prune_rng_seed(&rng, 4);
    for (size_t draw = 0; draw < 240; draw++) {
        trace t;
        bytes_file file = { 0 };
        const prune_writer writer = bytes_writer(&file);
        uint8_t mask[WORLD_MAX_PARAM];
        const size_t count = 1 + (size_t)prune_rng_below(&rng, draw % 2 ? 60 : WORLD_MAX_PARAM);
        prune_model *model = world_model(NULL, (const size_t[2]){ count, 1 }, 1, PRUNE_LINEAR, 1);
        memset(mask, 1, sizeof mask);
        trace_open(&t, model);
        for (size_t step = 0; step < sizeof most / sizeof most[0]; step++) {
            int32_t change = (int32_t)prune_rng_below(&rng, 2);
            for (size_t i = 0; i < count; change = !change)
                for (uint64_t run = 1 + prune_rng_below(&rng, most[step]); run > 0 && i < count; run--, i++)
                    mask[i] ^= (uint8_t)change;
            ck_assert_ok(prune_mask_set(model, 0, mask, count));
            if (!trace_same_masks(model, t.then[t.count]))
                trace_step(&t, NULL);
        }
        ck_assert_ok(prune_log_write(t.log, model, NULL, &writer, NULL));
        check_bytes(&file, &t, count);
        prune_log *log = plain_log_read(&file, NULL);
        trace_check_same(log, t.log);
        trace_check(&t, log);
        prune_log_free(log);
        plain_log_end(&t, &file);
    }
}
END_TEST

/* Nets of all kinds of layers; and on it goes after reading. */
START_TEST(recording_goes_on_after_reading)
{
    size_t entries = 0;
    for (uint64_t seed = 1; seed < 100; seed++) {
        trace t;
        net n;
        bytes_file file = { 0 };
        const prune_writer writer = bytes_writer(&file);
        net_make(&n, seed);
        trace_open(&t, n.model);
        for (uint64_t every = 9; every > 2; every -= 2) {
            ck_assert_ok(prune_log_write(t.log, n.model, NULL, &writer, NULL));
            prune_log_free(t.log);
            t.log = plain_log_read(&file, NULL);
            bytes_end(&file);
            if (every == 5)
                ck_assert_ok(prune_mask_reset(n.model));
            trace_draw(n.model, &n);
            if (!trace_same_masks(n.model, t.then[t.count]))
                trace_step(&t, NULL);
        }
        trace_check(&t, t.log);
        entries += t.count;
        plain_log_end(&t, &file);
    }
    ck_assert_uint_gt(entries, 300);
}
END_TEST

/* ---- beside models and trainers ---- */

START_TEST(who_reads_the_model_does_not_see_the_log)
{
    trace t;
    bytes_file file = plain_log_file(&t), without = work_write_model(t.model);
    prune_model *model = work_read_model(&file, NULL);
    ck_assert(world_same_models(model, t.model));
    bytes_file again = work_write_model(model);
    work_check_same(&again, &without);
    prune_log *log;
    prune_error error = { 0 };
    const prune_reader reader = bytes_reader(&without);
    ck_assert_status(prune_log_read(&log, NULL, &reader, &error), PRUNE_E_STATE);
    ck_assert_str_eq(error.place, "section PLOG");
    ck_assert_ptr_null(log);
    bytes_end(&again);
    bytes_end(&without);
    prune_model_free(model);
    plain_log_end(&t, &file);
}
END_TEST

START_TEST(a_trainer_and_its_log_go_on)
{
    work w;
    trace t;
    bytes_file file = { 0 };
    const prune_writer writer = bytes_writer(&file);
    work_start(&w, PRUNE_ADAM, 0);
    trace_open(&t, w.model);
    work_fit(w.trainer, &w.data, 1);
    work_remove_some(w.model, 3, 1);
    trace_step(&t, NULL);
    work_fit(w.trainer, &w.data, 1);
    ck_assert_ok(prune_log_write(t.log, w.model, w.trainer, &writer, NULL));
    prune_model *model;
    prune_trainer *trainer = work_read_trainer(&model, &file);
    prune_log *log = plain_log_read(&file, NULL);
    ck_assert(world_same_models(model, w.model));
    ck_assert_uint_eq(world_trainer_hash(trainer), world_trainer_hash(w.trainer));
    work_fit(trainer, &w.data, 1);
    work_remove_some(model, 4, 2);
    ck_assert_ok(prune_log_record(log, model, NULL, NULL));
    ck_assert_uint_eq(prune_log_count(log), 2);
    ck_assert_ok(prune_log_replay(t.then[0], log, 0, 2, NULL));
    ck_assert(trace_same_masks(t.then[0], model));
    prune_error error = { 0 };
    ck_assert_status(prune_log_write(log, model, w.trainer, &writer, &error), PRUNE_E_ARGUMENT);
    ck_assert_str_eq(error.reason, "the trainer is not of this model");
    prune_log_free(log);
    prune_trainer_free(trainer);
    prune_model_free(model);
    bytes_end(&file);
    trace_close(&t);
    work_end(&w);
}
END_TEST

START_TEST(a_smaller_model_and_where_it_came_from)
{
    trace t;
    prune_model *model = world_model(NULL, (const size_t[4]){ 5, 8, 6, 3 }, 3, PRUNE_RELU, 1), *small, *read;
    folder f;
    trace_open(&t, model);
    ck_assert_ok(prune_mask_neuron(model, 0, 3));
    ck_assert_ok(prune_mask_neuron(model, 1, 1));
    trace_step(&t, NULL);
    ck_assert_ok(prune_compact(&small, NULL, model, NULL, NULL, NULL));
    folder_make(&f);
    ck_assert_ok(prune_log_save(t.log, small, NULL, f.file, NULL));
    prune_log *log;
    ck_assert_ok(prune_log_load(&log, NULL, f.file, NULL));
    ck_assert_ok(prune_model_load(&read, NULL, f.file, NULL));
    ck_assert(world_same_models(read, small));
    trace_check(&t, log);
    prune_error error = { 0 };
    ck_assert_status(prune_log_replay(read, log, 0, 1, &error), PRUNE_E_SHAPE);
    prune_log_free(log);
    ck_assert_status(prune_log_load(&log, NULL, f.path, &error), PRUNE_E_IO);
    ck_assert_ptr_null(log);
    ck_assert_status(prune_log_load(&log, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_log_load(NULL, NULL, f.file, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_log_save(NULL, small, NULL, f.file, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_log_save(t.log, NULL, NULL, f.file, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_log_save(t.log, small, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    folder_check(f.file, small);
    folder_end(&f);
    prune_model_free(small);
    prune_model_free(read);
    trace_close(&t);
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_section_is_laid_out_as_the_header_says,
        any_masks_are_written_and_read,
        recording_goes_on_after_reading,
        who_reads_the_model_does_not_see_the_log,
        a_trainer_and_its_log_go_on,
        a_smaller_model_and_where_it_came_from,
    };
    return run_tests("log_section", tests, sizeof tests / sizeof tests[0]);
}
