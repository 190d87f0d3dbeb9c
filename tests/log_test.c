/* log_test.c -- what was removed is recorded whoever did it, and comes about again on a clone
 *
 * SPDX-License-Identifier: MIT */
#include "support/bytes.h"
#include "support/heap.h"
#include "support/trace.h"

#include <math.h>
#include <string.h>

START_TEST(every_way_of_pruning_is_carried_out_again)
{
    trace t;
    prune_model *model = trace_model();
    trace_open(&t, model);
    for (size_t w = 0; w < TRACE_WAYS; w++) {
        trace_ways[w](model);
        trace_step(&t, NULL);
    }
    trace_check(&t, t.log);
    trace_close(&t);
    prune_model_free(model);
}
END_TEST

START_TEST(a_log_may_begin_with_a_pruned_model)
{
    trace t;
    prune_model *model = trace_model();
    ck_assert_ok(prune_mask_neuron(model, 1, 2));
    trace_ways[TRACE_BY_FRACTION](model);
    trace_open(&t, model);
    trace_ways[TRACE_ONE_NEURON](model);
    trace_step(&t, NULL);
    trace_ways[TRACE_NONE](model);
    trace_step(&t, NULL);
    trace_check(&t, t.log);
    trace_close(&t);
    prune_model_free(model);
}
END_TEST

START_TEST(going_back_to_a_snapshot_is_an_entry)
{
    trace t;
    prune_model *model = trace_model();
    prune_snapshot *snapshot;
    ck_assert_ok(prune_snapshot_create(&snapshot, NULL, model));
    trace_open(&t, model);
    trace_ways[TRACE_BY_FRACTION](model);
    trace_step(&t, NULL);
    ck_assert_ok(prune_snapshot_restore(snapshot, model));
    trace_step(&t, NULL);
    trace_check(&t, t.log);
    trace_close(&t);
    prune_snapshot_free(snapshot);
    prune_model_free(model);
}
END_TEST

/* Weights that move are nothing to a log. */
START_TEST(where_nothing_has_changed_there_is_no_entry)
{
    prune_log *log;
    prune_model *model = trace_model();
    ck_assert_ok(prune_log_create(&log, NULL, model));
    ck_assert_ok(prune_log_record(log, model, NULL, NULL));
    ck_assert_ok(prune_model_initialize(model, PRUNE_INIT_HE_NORMAL, 5));
    ck_assert_ok(prune_log_record(log, model, NULL, NULL));
    ck_assert_uint_eq(prune_log_count(log), 0);
    trace_ways[TRACE_BY_FRACTION](model);
    ck_assert_ok(prune_log_record(log, model, NULL, NULL));
    ck_assert_ok(prune_log_record(log, model, NULL, NULL));
    ck_assert_uint_eq(prune_log_count(log), 1);
    ck_assert_ok(prune_log_replay(model, log, 1, 1, NULL));
    prune_log_free(log);
    prune_model_free(model);
}
END_TEST

/* ---- in training ---- */

static int32_t record(void *user, const prune_progress *progress)
{
    trace *t = user;
    const uint64_t steps = prune_trainer_steps(progress->trainer);
    if (trace_same_masks(t->model, t->then[t->count]))
        return 0;
    const prune_log_note note = { .size = sizeof note,
                                  .step = steps,
                                  .criterion = PRUNE_MAGNITUDE,
                                  .granularity = PRUNE_WEIGHTS,
                                  .text = "gradual" };
    trace_step(t, &note);
    return 0;
}

START_TEST(pruning_while_a_fit_trains)
{
    trace t;
    world_data world;
    prune_model *model = trace_model();
    prune_sparsity sparsity;
    prune_gradual gradual;
    prune_fit_options fit;
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
    prune_trainer *trainer = world_trainer(model, &options);
    prune_importance *scores = trace_magnitudes(model);
    world_data_make(&world, 40, trace_widths[0], trace_widths[TRACE_LAYERS], 5);
    trace_open(&t, model);
    prune_sparsity_init(&sparsity);
    sparsity.kind = PRUNE_SPARSITY_LINEAR;
    sparsity.end = 30;
    sparsity.every = 4;
    prune_gradual_init(&gradual);
    gradual.sparsity = &sparsity;
    gradual.importance = scores;
    gradual.next = record;
    gradual.next_user = &t;
    prune_fit_options_init(&fit);
    fit.progress = prune_gradual_progress;
    fit.user = &gradual;
    fit.progress_every = 1;
    fit.batch_size = 8;
    fit.epochs = 8;
    ck_assert_ok(prune_trainer_fit(NULL, trainer, &world.labelled, &fit, NULL));
    ck_assert_uint_eq(t.count, gradual.times);
    ck_assert_uint_gt(t.count, 5);
    trace_check(&t, t.log);
    prune_log_entry last;
    prune_log_entry_init(&last);
    ck_assert_ok(prune_log_get(&last, t.log, t.count - 1));
    ck_assert_uint_eq(last.step, 30);
    ck_assert_str_eq(last.text, "gradual");
    ck_assert_uint_eq(last.removed, gradual.newest.removed);
    trace_close(&t);
    prune_importance_free(scores);
    prune_trainer_free(trainer);
    prune_model_free(model);
    world_data_end(&world);
}
END_TEST

/* ---- random masks ---- */

/* Nets with all kinds of layers, and those of one dense layer of any number of weights. */
START_TEST(thousands_of_random_masks)
{
    size_t entries = 0;
    for (uint64_t seed = 1; seed <= 250; seed++) {
        trace t;
        net n;
        net_make(&n, seed);
        trace_open(&t, n.model);
        for (size_t step = 0; step < 12; step++) {
            trace_draw(n.model, &n);
            if (!trace_same_masks(n.model, t.then[t.count]))
                trace_step(&t, NULL);
        }
        trace_check(&t, t.log);
        entries += t.count;
        trace_close(&t);
        prune_model_free(n.model);
    }
    ck_assert_uint_gt(entries, 2500);
}
END_TEST

START_TEST(parameters_of_every_size)
{
    net n = { .state = 7 };
    for (size_t count = 1; count < 200; count++) {
        trace t;
        prune_model *model = world_model(NULL, (const size_t[2]){ count, 1 }, 1, PRUNE_TANH, 3);
        trace_open(&t, model);
        for (size_t step = 0; step < 6; step++) {
            trace_draw(model, &n);
            if (!trace_same_masks(model, t.then[t.count]))
                trace_step(&t, NULL);
        }
        trace_check(&t, t.log);
        trace_close(&t);
        prune_model_free(model);
    }
}
END_TEST

/* ---- what is refused ---- */

static const struct other {
    size_t layers, widths[5];
    int32_t hidden;
    const char *place;
} others[] = {
    { 3, { 13, 11, 9, 5 }, PRUNE_TANH, "layer 2" }, { 3, { 13, 11, 8, 4 }, PRUNE_TANH, "layer 1" },
    { 3, { 12, 11, 9, 4 }, PRUNE_TANH, "layer 0" }, { 4, { 13, 11, 9, 4, 4 }, PRUNE_TANH, "layer 3" },
    { 2, { 13, 11, 9 }, PRUNE_TANH, "model" },      { 3, { 13, 11, 9, 4 }, PRUNE_RELU, "model" },
};

START_TEST(another_architecture_is_refused)
{
    prune_log *log;
    prune_model *model = trace_model();
    ck_assert_ok(prune_log_create(&log, NULL, model));
    trace_ways[TRACE_BY_FRACTION](model);
    ck_assert_ok(prune_log_record(log, model, NULL, NULL));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        prune_error error = { 0 };
        const struct other *o = &others[i];
        prune_model *other = world_model(NULL, o->widths, o->layers, o->hidden, 3);
        const uint64_t before = world_hash(other);
        ck_assert_status(prune_log_record(log, other, NULL, &error), PRUNE_E_SHAPE);
        ck_assert_str_eq(error.place, o->place);
        ck_assert_uint_eq(prune_log_count(log), 1);
        error = (prune_error){ 0 };
        ck_assert_status(prune_log_replay(other, log, 0, 1, &error), PRUNE_E_SHAPE);
        ck_assert_str_eq(error.place, o->place);
        ck_assert_uint_eq(world_hash(other), before);
        prune_model_free(other);
    }
    prune_log_free(log);
    prune_model_free(model);
}
END_TEST

/* The log ends with a compaction, and the smaller model begins its own. */
START_TEST(a_compacted_model_is_another_one)
{
    prune_error error = { 0 };
    prune_log *log;
    prune_model *model = trace_model(), *small;
    ck_assert_ok(prune_log_create(&log, NULL, model));
    trace_ways[TRACE_ONE_NEURON](model);
    ck_assert_ok(prune_log_record(log, model, NULL, NULL));
    ck_assert_ok(prune_compact(&small, NULL, model, NULL, NULL, NULL));
    ck_assert_status(prune_log_record(log, small, NULL, &error), PRUNE_E_SHAPE);
    ck_assert_str_eq(error.place, "layer 0");
    ck_assert_ptr_nonnull(strstr(error.reason, "a compacted model begins a log of its own"));
    ck_assert_uint_eq(prune_log_count(log), 1);
    prune_log_free(log);
    prune_model_free(small);
    prune_model_free(model);
}
END_TEST

START_TEST(other_masks_are_named)
{
    prune_error error = { 0 };
    trace t;
    prune_model *model = trace_model(), *clone = trace_model();
    trace_open(&t, model);
    trace_ways[TRACE_ONE_NEURON](model);
    trace_step(&t, NULL);
    trace_ways[TRACE_BY_HAND](model);
    trace_step(&t, NULL);
    world_remove(clone, 3, 5);
    const uint64_t before = world_hash(clone);
    ck_assert_status(prune_log_replay(clone, t.log, 0, 2, &error), PRUNE_E_STATE);
    ck_assert_str_eq(error.place, "layer 1 bias[5]");
    ck_assert_ptr_nonnull(strstr(error.reason, "before entry 0"));
    ck_assert_uint_eq(world_hash(clone), before);
    ck_assert_ok(prune_mask_reset(clone));
    ck_assert_status(prune_log_replay(clone, t.log, 1, 2, &error), PRUNE_E_STATE);
    ck_assert_str_eq(error.place, "layer 0 weight[91]");
    ck_assert_ptr_nonnull(strstr(error.reason, "before entry 1"));
    trace_close(&t);
    prune_model_free(clone);
    prune_model_free(model);
}
END_TEST

START_TEST(bad_notes_are_refused)
{
    static const struct bad {
        prune_log_note note;
        prune_status status;
    } bad[] = {
        { { sizeof(prune_log_note), .criterion = -1 }, PRUNE_E_ARGUMENT },
        { { sizeof(prune_log_note), .criterion = PRUNE_MOVEMENT + 1 }, PRUNE_E_ARGUMENT },
        { { sizeof(prune_log_note), .granularity = -1 }, PRUNE_E_ARGUMENT },
        { { sizeof(prune_log_note), .granularity = PRUNE_BLOCKS + 1 }, PRUNE_E_ARGUMENT },
        { { sizeof(prune_log_note), .ask = -1 }, PRUNE_E_ARGUMENT },
        { { sizeof(prune_log_note), .ask = PRUNE_ASKED_THRESHOLD + 1 }, PRUNE_E_ARGUMENT },
        { { sizeof(prune_log_note), .asked = (double)NAN }, PRUNE_E_RANGE },
        { { sizeof(prune_log_note), .asked = -(double)INFINITY }, PRUNE_E_RANGE },
        { { sizeof(prune_log_note), .text = "a\n" }, PRUNE_E_ARGUMENT },
        { { sizeof(prune_log_note), .text = "\x7f" }, PRUNE_E_ARGUMENT },
        { { sizeof(prune_log_note), .text = "\xc3\xa4" }, PRUNE_E_ARGUMENT },
        { { sizeof(prune_log_note),
            .text = "1234567890123456789012345678901234567890123456789012345678901234" },
          PRUNE_E_ARGUMENT },
        { { sizeof(prune_log_note) + 1, .step = 0 }, PRUNE_E_VERSION },
        { { 0, .step = 0 }, PRUNE_E_ARGUMENT },
    };
    prune_log *log;
    prune_log_entry entry;
    prune_model *model = trace_model();
    ck_assert_ok(prune_log_create(&log, NULL, model));
    trace_ways[TRACE_BY_FRACTION](model);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        prune_error error = { 0 };
        ck_assert_status(prune_log_record(log, model, &bad[i].note, &error), bad[i].status);
        ck_assert_str_eq(error.place, "note");
        ck_assert_uint_eq(prune_log_count(log), 0);
    }
    prune_log_note note;
    prune_log_note_init(&note);
    note.text = "123456789012345678901234567890123456789012345678901234567890123";
    ck_assert_ok(prune_log_record(log, model, &note, NULL)); /* what was not recorded is in it */
    prune_log_entry_init(&entry);
    ck_assert_ok(prune_log_get(&entry, log, 0));
    ck_assert_str_eq(entry.text, note.text);
    ck_assert_uint_gt(entry.removed, 100);
    prune_log_free(log);
    prune_model_free(model);
}
END_TEST

START_TEST(arguments_are_checked)
{
    prune_error error = { 0 };
    prune_model *model = trace_model(), *empty;
    prune_log *log, *gone = (prune_log *)(void *)model;
    prune_log_entry entry;
    uint64_t layers[TRACE_LAYERS];
    bytes_file file = { 0 };
    const prune_writer writer = bytes_writer(&file), broken = { NULL, NULL };
    ck_assert_ok(prune_model_create(&empty, NULL, 4));
    ck_assert_status(prune_log_create(NULL, NULL, model), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_log_create(&gone, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_ptr_null(gone);
    ck_assert_status(prune_log_create(&gone, NULL, empty), PRUNE_E_NO_LAYERS);
    ck_assert_ok(prune_log_create(&log, NULL, model));
    ck_assert_status(prune_log_record(NULL, model, NULL, &error), PRUNE_E_ARGUMENT);
    ck_assert_int_eq(error.status, PRUNE_E_ARGUMENT);
    ck_assert_status(prune_log_record(log, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    trace_ways[TRACE_BY_FRACTION](model);
    ck_assert_ok(prune_log_record(log, model, NULL, NULL));
    prune_log_entry_init(&entry);
    ck_assert_status(prune_log_get(NULL, log, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_log_get(&entry, NULL, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_log_get(&entry, log, 1), PRUNE_E_RANGE);
    entry.kept_by_layer = layers;
    entry.by_layer_capacity = TRACE_LAYERS - 1;
    ck_assert_status(prune_log_get(&entry, log, 0), PRUNE_E_SHAPE);
    entry.size++;
    ck_assert_status(prune_log_get(&entry, log, 0), PRUNE_E_VERSION);
    ck_assert_uint_eq(entry.removed, 0);
    ck_assert_status(prune_log_replay(NULL, log, 0, 1, &error), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_log_replay(model, NULL, 0, 1, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_log_replay(model, log, 0, 2, &error), PRUNE_E_RANGE);
    ck_assert_status(prune_log_replay(model, log, 1, 0, NULL), PRUNE_E_RANGE);
    ck_assert_status(prune_log_list(NULL, &writer, PRUNE_REPORT_CSV), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_log_list(log, NULL, PRUNE_REPORT_CSV), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_log_list(log, &broken, PRUNE_REPORT_CSV), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_log_list(log, &writer, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_log_list(log, &writer, PRUNE_REPORT_JSON + 1), PRUNE_E_ARGUMENT);
    ck_assert_uint_eq(file.calls, 0);
    ck_assert(prune_log_count(NULL) == 0 && prune_log_layers(NULL) == 0);
    prune_log_note_init(NULL);
    prune_log_entry_init(NULL);
    prune_log_free(NULL);
    prune_log_free(log);
    prune_model_free(empty);
    prune_model_free(model);
}
END_TEST

/* ---- memory ---- */

START_TEST(logs_survive_allocators_that_refuse)
{
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_log *log;
    trace t;
    prune_model *model = trace_model();
    for (size_t n = 1;; n++) {
        heap_refuse_once(&h, n);
        if (prune_log_create(&log, &mem, model) == PRUNE_OK)
            break;
        ck_assert_ptr_null(log);
        ck_assert(heap_is_clean(&h));
    }
    ck_assert_uint_ge(h.refused, 3);
    trace_open(&t, model);
    size_t refused = 0;
    for (size_t w = 0; w < TRACE_MOST; w++) { /* so many that the array of entries grows */
        trace_ways[w % 2 ? TRACE_NONE : TRACE_BY_FRACTION](model);
        trace_step(&t, NULL);
        for (size_t n = 1;; n++, refused++) {
            heap_refuse_once(&h, n);
            const prune_status status = prune_log_record(log, model, NULL, NULL);
            ck_assert_uint_eq(prune_log_count(log), w + (status == PRUNE_OK));
            if (status == PRUNE_OK)
                break;
            ck_assert_int_eq(status, PRUNE_E_MEMORY);
        }
    }
    ck_assert_uint_ge(refused, TRACE_MOST + 3);
    heap_refuse_once(&h, 0);
    trace_check_same(log, t.log);
    trace_check(&t, log);
    prune_log_free(log);
    ck_assert(heap_is_clean(&h));
    trace_close(&t);
    prune_model_free(model);
}
END_TEST

START_TEST(replays_survive_allocators_that_refuse)
{
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_log *log;
    prune_error error = { 0 };
    prune_model *model = world_model(&mem, trace_widths, TRACE_LAYERS, PRUNE_TANH, 3), *done = trace_model();
    const size_t blocks = h.live_blocks;
    ck_assert_ok(prune_log_create(&log, NULL, model));
    trace_ways[TRACE_BY_FRACTION](done);
    ck_assert_ok(prune_log_record(log, done, NULL, NULL));
    const uint64_t before = world_hash(model);
    heap_refuse_once(&h, 1);
    ck_assert_status(prune_log_replay(model, log, 0, 1, &error), PRUNE_E_MEMORY);
    ck_assert_int_eq(error.status, PRUNE_E_MEMORY);
    ck_assert_uint_eq(world_hash(model), before);
    ck_assert_ok(prune_log_replay(model, log, 0, 1, NULL));
    ck_assert(trace_same_masks(model, done));
    ck_assert_uint_eq(h.live_blocks, blocks);
    prune_log_free(log);
    prune_model_free(model);
    prune_model_free(done);
    ck_assert(heap_is_clean(&h));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_way_of_pruning_is_carried_out_again,
        a_log_may_begin_with_a_pruned_model,
        going_back_to_a_snapshot_is_an_entry,
        where_nothing_has_changed_there_is_no_entry,
        pruning_while_a_fit_trains,
        thousands_of_random_masks,
        parameters_of_every_size,
        another_architecture_is_refused,
        a_compacted_model_is_another_one,
        other_masks_are_named,
        bad_notes_are_refused,
        arguments_are_checked,
        logs_survive_allocators_that_refuse,
        replays_survive_allocators_that_refuse,
    };
    return run_tests("log", tests, sizeof tests / sizeof tests[0]);
}
