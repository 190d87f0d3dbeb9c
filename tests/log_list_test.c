/* log_list_test.c -- what an entry of a pruning log says, and how it is listed
 *
 * SPDX-License-Identifier: MIT */
#include "support/trace.h"
#include "support/wellformed.h"

#include <math.h>

START_TEST(an_entry_says_what_was_done_and_where)
{
    prune_log *log;
    prune_model *model = trace_model();
    uint64_t removed[TRACE_LAYERS], returned[TRACE_LAYERS], kept[TRACE_LAYERS];
    const uint64_t all = 13 * 11 + 11 + 11 * 9 + 9 + 9 * 4 + 4;
    const prune_log_note note = { sizeof note,           77,  PRUNE_MAGNITUDE,      PRUNE_NEURONS,
                                  PRUNE_ASKED_THRESHOLD, 0.5, "the 7th, by \"eye\"" };
    ck_assert_ok(prune_log_create(&log, NULL, model));
    trace_ways[TRACE_ONE_NEURON](model);
    ck_assert_ok(prune_log_record(log, model, &note, NULL));
    trace_ways[TRACE_NONE](model);
    world_remove(model, 3, 4);
    world_remove(model, 4, 4);
    ck_assert_ok(prune_log_record(log, model, NULL, NULL));
    ck_assert_uint_eq(prune_log_layers(log), TRACE_LAYERS);
    prune_log_entry entry = { sizeof entry, .removed_by_layer = removed, .returned_by_layer = returned,
                              .kept_by_layer = kept, .by_layer_capacity = TRACE_LAYERS };
    ck_assert_ok(prune_log_get(&entry, log, 0));
    ck_assert(entry.step == 77 && entry.criterion == PRUNE_MAGNITUDE && entry.granularity == PRUNE_NEURONS);
    ck_assert(entry.ask == PRUNE_ASKED_THRESHOLD && fabs(entry.asked - 0.5) <= 0.0);
    ck_assert_str_eq(entry.text, note.text);
    ck_assert(entry.removed == 14 && entry.returned == 0 && entry.kept == all - 14);
    ck_assert(removed[0] == 14 && removed[1] == 0 && removed[2] == 0);
    ck_assert(kept[0] == 13 * 11 + 11 - 14 && kept[1] == 11 * 9 + 9 && kept[2] == 9 * 4 + 4);
    ck_assert_ok(prune_log_get(&entry, log, 1));
    ck_assert(entry.step == 0 && entry.criterion == 0 && entry.ask == 0 && entry.text[0] == '\0');
    ck_assert(entry.removed == 2 && entry.returned == 14 && entry.kept == all - 2);
    ck_assert(returned[0] == 14 && returned[1] == 0 && removed[0] == 0 && removed[1] == 1 && removed[2] == 1);
    ck_assert(kept[0] == 13 * 11 + 11 && kept[1] == 11 * 9 + 8 && kept[2] == 9 * 4 + 3);
    prune_log_free(log);
    prune_model_free(model);
}
END_TEST

static const char *listed(bytes_file *file, const prune_log *log, int32_t format)
{
    const prune_writer writer = bytes_writer(file);
    bytes_end(file);
    ck_assert_ok(prune_log_list(log, &writer, format));
    return wellformed_text(file);
}

START_TEST(a_log_is_listed)
{
    prune_log *log;
    prune_model *model;
    bytes_file file = { 0 };
    ck_assert_ok(prune_model_create(&model, NULL, 3));
    ck_assert_ok(prune_model_add_dense(model, 2, PRUNE_LINEAR));
    ck_assert_ok(prune_model_add_activation(model, PRUNE_RELU));
    ck_assert_ok(prune_model_add_dense(model, 1, PRUNE_LINEAR));
    ck_assert_ok(prune_log_create(&log, NULL, model));
    ck_assert_str_eq(listed(&file, log, PRUNE_REPORT_JSON), "[]\n");
    prune_log_note note;
    prune_log_note_init(&note);
    note.step = 1234567890123;
    note.criterion = PRUNE_MAGNITUDE;
    note.granularity = PRUNE_NEURONS;
    note.ask = PRUNE_ASKED_FRACTION;
    note.asked = 0.25;
    note.text = "half, \"ish\" \\";
    ck_assert_ok(prune_mask_neuron(model, 0, 1));
    ck_assert_ok(prune_log_record(log, model, &note, NULL));
    ck_assert_ok(prune_mask_reset(model));
    world_remove(model, 2, 0);
    ck_assert_ok(prune_log_record(log, model, NULL, NULL));
    ck_assert_str_eq(listed(&file, log, PRUNE_REPORT_CSV),
                     "entry,step,criterion,granularity,ask,asked,layer,removed,returned,kept,text\n"
                     "0,1234567890123,magnitude,neurons,fraction,0.25,0,4,0,4,\"half, \"\"ish\"\" \\\"\n"
                     "0,1234567890123,magnitude,neurons,fraction,0.25,2,0,0,3,\"half, \"\"ish\"\" \\\"\n"
                     "0,1234567890123,magnitude,neurons,fraction,0.25,total,4,0,7,\"half, \"\"ish\"\" \\\"\n"
                     "1,0,,,,,0,0,4,8,\n1,0,,,,,2,1,0,2,\n1,0,,,,,total,1,4,10,\n");
    ck_assert_str_eq(
        listed(&file, log, PRUNE_REPORT_JSON),
        "[\n{\"entry\": 0, \"step\": 1234567890123, \"criterion\": \"magnitude\", \"granularity\": "
        "\"neurons\", "
        "\"ask\": \"fraction\", \"asked\": 0.25, \"text\": \"half, \\\"ish\\\" \\\\\", \"removed\": 4, "
        "\"returned\": 0, \"kept\": 7, \"layers\": ["
        "{\"layer\": 0, \"removed\": 4, \"returned\": 0, \"kept\": 4}, "
        "{\"layer\": 2, \"removed\": 0, \"returned\": 0, \"kept\": 3}]},\n"
        "{\"entry\": 1, \"step\": 0, \"criterion\": null, \"granularity\": null, \"ask\": null, "
        "\"asked\": null, \"text\": null, \"removed\": 1, \"returned\": 4, \"kept\": 10, \"layers\": ["
        "{\"layer\": 0, \"removed\": 0, \"returned\": 4, \"kept\": 8}, "
        "{\"layer\": 2, \"removed\": 1, \"returned\": 0, \"kept\": 2}]}]\n");
    ck_assert_str_eq(listed(&file, log, PRUNE_REPORT_TEXT),
                     "entry      step   removed  returned      kept  criterion           of        "
                     "asked                         note\n"
                     "    0 1234567890123         4         0         7  magnitude           neurons   "
                     "fraction 0.25                 half, \"ish\" \\\n"
                     "    1         0         1         4        10  -                   -         "
                     "-                             -\n");
    bytes_end(&file);
    prune_log_free(log);
    prune_model_free(model);
}
END_TEST

START_TEST(json_is_json)
{
    trace t;
    bytes_file file = { 0 };
    prune_model *model = trace_model();
    trace_open(&t, model);
    for (int32_t criterion = 0; criterion <= PRUNE_MOVEMENT; criterion++) {
        const prune_log_note note = { sizeof note, 1, criterion, criterion % 5, criterion % 4, -1e-30, "so" };
        trace_ways[criterion](model);
        trace_step(&t, &note);
    }
    ck_assert(wellformed_json(listed(&file, t.log, PRUNE_REPORT_JSON)));
    ck_assert_uint_eq(wellformed_count((const char *)file.at, "\"entry\""), PRUNE_MOVEMENT + 1);
    ck_assert_uint_eq(wellformed_count((const char *)file.at, "\"other\""), 0);
    bytes_end(&file);
    trace_close(&t);
    prune_model_free(model);
}
END_TEST

START_TEST(a_writer_that_refuses_ends_the_list)
{
    trace t;
    prune_model *model = trace_model();
    trace_open(&t, model);
    for (size_t w = 0; w < 8; w++) {
        trace_ways[w](model);
        trace_step(&t, NULL);
    }
    for (int32_t format = PRUNE_REPORT_TEXT; format <= PRUNE_REPORT_JSON; format++) {
        bytes_file file = { .fail_call = 1, .refusal = PRUNE_E_SPACE };
        const prune_writer writer = bytes_writer(&file);
        ck_assert_status(prune_log_list(t.log, &writer, format), PRUNE_E_SPACE);
        ck_assert_uint_eq(file.calls, 1);
        bytes_end(&file);
    }
    trace_close(&t);
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_entry_says_what_was_done_and_where,
        a_log_is_listed,
        json_is_json,
        a_writer_that_refuses_ends_the_list,
    };
    return run_tests("log_list", tests, sizeof tests / sizeof tests[0]);
}
