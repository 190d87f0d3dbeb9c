/* checkpoint_test.c -- models and trainers through bytes: what comes back, and that it goes on bit for bit
 *
 * SPDX-License-Identifier: MIT */
#include "support/bytes.h"
#include "support/heap.h"
#include "support/training.h"
#include "support/work.h"

#include <math.h>
#include <string.h>

/* ---- worlds ---- */

enum { MAX_LAYERS = 4 };

static const struct shape_case {
    size_t layers, widths[MAX_LAYERS + 1];
    int32_t hidden;
} shapes[] = {
    { 1, { 1, 1 }, PRUNE_LINEAR },        { 1, { 7, 9 }, PRUNE_LINEAR },
    { 2, { 3, 8, 4 }, PRUNE_RELU },       { 2, { 33, 31, 1 }, PRUNE_SIGMOID },
    { 3, { 5, 16, 32, 3 }, PRUNE_TANH },  { 4, { 2, 1, 65, 1, 2 }, PRUNE_RELU },
    { 2, { 64, 64, 10 }, PRUNE_SIGMOID }, { 2, { 3, 5, 2 }, PRUNE_GELU },
    { 2, { 3, 5, 2 }, PRUNE_SOFTPLUS },
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static prune_model *make_model(const struct shape_case *c, uint64_t every)
{
    prune_model *model = world_model(NULL, c->widths, c->layers, c->hidden, 5);
    work_remove_some(model, every, 6);
    return model;
}

/* ---- round trips ---- */

START_TEST(models_come_back)
{
    for (size_t s = 0; s < SHAPES; s++)
        for (uint64_t every = 0; every < 4; every++) { /* dense; all removed; half; a third */
            prune_model *model = make_model(&shapes[s], every);
            bytes_file file = work_write_model(model);
            ck_assert_int_eq(bytes_entry(&file, "MASK") != 0, world_check_removed(model, NULL) != 0);
            prune_model *back = work_read_model(&file, NULL);
            ck_assert(world_same_models(model, back));
            ck_assert_ok(prune_model_verify(back, NULL));
            ck_assert_uint_eq(prune_model_bytes(back), prune_model_bytes(model));
            bytes_file again = work_write_model(back);
            work_check_same(&file, &again);
            bytes_end(&again);
            bytes_end(&file);
            prune_model_free(back);
            prune_model_free(model);
        }
}
END_TEST

START_TEST(architectures_come_back)
{
    for (size_t s = 0; s < SHAPES; s++) {
        prune_model *model = make_model(&shapes[s], 2);
        bytes_file file = work_write_model(model);
        prune_model *back = work_read_model(&file, NULL);
        ck_assert_uint_eq(prune_model_inputs(back), shapes[s].widths[0]);
        ck_assert_uint_eq(prune_model_layer_count(back), shapes[s].layers);
        for (size_t l = 0; l < shapes[s].layers; l++) {
            prune_layer_info info = { .size = sizeof info };
            ck_assert_ok(prune_model_layer_info(&info, back, l));
            ck_assert_int_eq(info.kind, PRUNE_LAYER_DENSE);
            ck_assert_int_eq(info.activation, l + 1 == shapes[s].layers ? PRUNE_LINEAR : shapes[s].hidden);
            ck_assert_uint_eq(info.input.dims[0], shapes[s].widths[l]);
            ck_assert_uint_eq(info.output.dims[0], shapes[s].widths[l + 1]);
        }
        bytes_end(&file);
        prune_model_free(back);
        prune_model_free(model);
    }
}
END_TEST

/* Floats are bits: signs of zero and denormals too. */
START_TEST(odd_numbers_come_back)
{
    static const size_t widths[] = { 3, 2 };
    const float odd[] = { -0.0f, 1e-45f, -3.4e38f, 1.17549435e-38f, 0.1f, -1e-40f };
    prune_model *model = world_model(NULL, widths, 1, PRUNE_LINEAR, 0);
    ck_assert_ok(prune_model_set_param(model, 0, odd, 6));
    bytes_file file = work_write_model(model);
    prune_model *back = work_read_model(&file, NULL);
    ck_assert_mem_eq(prune_model_param(back, 0), odd, sizeof odd);
    bytes_end(&file);
    prune_model_free(back);
    prune_model_free(model);
}
END_TEST

START_TEST(trainers_come_back)
{
    for (int32_t optimizer = PRUNE_SGD; optimizer <= PRUNE_ADAM; optimizer++)
        for (uint64_t epochs = 0; epochs < 3; epochs++) {
            work w;
            prune_model *model;
            work_start(&w, optimizer, 3);
            work_fit(w.trainer, &w.data, epochs);
            ck_assert_ok(prune_trainer_set_learning_rate(w.trainer, 0.25f));
            bytes_file file = work_write_trainer(w.trainer);
            prune_trainer *back = work_read_trainer(&model, &file);
            ck_assert_uint_eq(world_trainer_hash(back), world_trainer_hash(w.trainer));
            ck_assert_uint_eq(prune_trainer_epochs(back), epochs);
            ck_assert_uint_eq(prune_trainer_steps(back), epochs * 4);
            ck_assert(prune_trainer_learning_rate(back) == 0.25f);
            bytes_file again = work_write_trainer(back);
            work_check_same(&file, &again);
            bytes_end(&again);
            bytes_end(&file);
            prune_trainer_free(back);
            prune_model_free(model);
            work_end(&w);
        }
}
END_TEST

START_TEST(a_trainers_file_is_a_models_file)
{
    work w;
    work_start(&w, PRUNE_ADAM, 2);
    bytes_file both = work_write_trainer(w.trainer), alone = work_write_model(w.model);
    prune_model *back = work_read_model(&both, NULL);
    ck_assert(world_same_models(back, w.model));
    prune_trainer *trainer;
    prune_model *model = w.model;
    prune_error error;
    const prune_reader reader = bytes_reader(&alone);
    ck_assert_status(prune_trainer_read(&trainer, &model, NULL, &reader, NULL, &error), PRUNE_E_STATE);
    ck_assert(trainer == NULL && model == NULL);
    ck_assert_str_eq(error.place, "section TRNR");
    prune_model_free(back);
    bytes_end(&both);
    bytes_end(&alone);
    work_end(&w);
}
END_TEST

/* ---- going on ---- */

/* Epochs 3 and 4 on one road, with a file between them on the other; in between more weights go, whose
 * moments are not 0 then. */
static void check_resume(int32_t optimizer, uint64_t every, uint64_t more)
{
    work one, two;
    prune_model *model;
    work_start(&one, optimizer, every);
    work_start(&two, optimizer, every);
    work_fit(one.trainer, &one.data, 3);
    work_fit(two.trainer, &two.data, 3);
    work_remove_some(one.model, more, 11);
    work_remove_some(two.model, more, 11);
    bytes_file file = work_write_trainer(two.trainer);
    prune_trainer *back = work_read_trainer(&model, &file);
    ck_assert_uint_eq(world_check_removed(model, back), world_check_removed(one.model, NULL));
    work_fit(one.trainer, &one.data, 4);
    work_fit(back, &two.data, 4);
    ck_assert_uint_eq(world_trainer_hash(back), world_trainer_hash(one.trainer));
    ck_assert_uint_eq(prune_trainer_epochs(back), 7);
    bytes_file left = work_write_trainer(one.trainer), right = work_write_trainer(back);
    work_check_same(&left, &right); /* the generator too */
    bytes_end(&left);
    bytes_end(&right);
    bytes_end(&file);
    prune_trainer_free(back);
    prune_model_free(model);
    work_end(&one);
    work_end(&two);
}

START_TEST(training_goes_on_bit_for_bit)
{
    for (int32_t optimizer = PRUNE_SGD; optimizer <= PRUNE_ADAGRAD; optimizer++)
        for (uint64_t every = 0; every <= 3; every += 3)
            for (uint64_t more = 0; more <= 4; more += 2)
                check_resume(optimizer, every, more);
}
END_TEST

/* Cut into single epochs, through a file each time, it is the same as in one go. */
START_TEST(seven_files_change_nothing)
{
    work whole, parts;
    work_start(&whole, PRUNE_ADAM, 3);
    work_start(&parts, PRUNE_ADAM, 3);
    work_fit(whole.trainer, &whole.data, 7);
    for (size_t i = 0; i < 7; i++) {
        bytes_file file = work_write_trainer(parts.trainer);
        prune_trainer_free(parts.trainer);
        prune_model_free(parts.model);
        parts.trainer = work_read_trainer(&parts.model, &file);
        work_fit(parts.trainer, &parts.data, 1);
        bytes_end(&file);
    }
    ck_assert_uint_eq(world_trainer_hash(parts.trainer), world_trainer_hash(whole.trainer));
    work_end(&whole);
    work_end(&parts);
}
END_TEST

START_TEST(clones_of_what_was_read_keep_masks)
{
    prune_model *model = make_model(&shapes[4], 2), *clone;
    bytes_file file = work_write_model(model);
    prune_model *back = work_read_model(&file, NULL);
    ck_assert_ok(prune_model_clone(&clone, NULL, back));
    ck_assert(world_same_models(clone, model));
    bytes_file again = work_write_model(clone);
    work_check_same(&file, &again);
    prune_model_free(model);
    prune_model_free(back);
    prune_model_free(clone);
    bytes_end(&file);
    bytes_end(&again);
}
END_TEST

/* ---- memory ---- */

START_TEST(an_arena_is_enough)
{
    static _Alignas(16) unsigned char memory[64 * 1024];
    work w;
    prune_arena arena;
    prune_allocator mem;
    prune_trainer *trainer;
    prune_model *model;
    work_start(&w, PRUNE_ADAM, 3);
    bytes_file file = work_write_trainer(w.trainer);
    const prune_reader reader = bytes_reader(&file);
    ck_assert_ok(prune_arena_init(&arena, memory, sizeof memory));
    ck_assert_ok(prune_arena_allocator(&mem, &arena));
    ck_assert_ok(prune_trainer_read(&trainer, &model, &mem, &reader, prune_backend_reference(), NULL));
    ck_assert_uint_eq(world_trainer_hash(trainer), world_trainer_hash(w.trainer));
    ck_assert_uint_gt(arena.used, prune_model_bytes(model));
    ck_assert_ok(prune_arena_init(&arena, memory, prune_model_bytes(model))); /* no room for the trainer */
    ck_assert_status(prune_trainer_read(&trainer, &model, &mem, &reader, NULL, NULL), PRUNE_E_MEMORY);
    ck_assert(trainer == NULL && model == NULL);
    bytes_end(&file);
    work_end(&w);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    work w;
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_status status = PRUNE_E_MEMORY;
    work_start(&w, PRUNE_ADAM, 3);
    bytes_file file = work_write_trainer(w.trainer);
    const prune_reader reader = bytes_reader(&file);
    size_t fails = 0;
    for (; status == PRUNE_E_MEMORY; fails++) {
        prune_trainer *trainer;
        prune_model *model;
        prune_error error = { 0 };
        heap_refuse_from(&h, fails + 1);
        status = prune_trainer_read(&trainer, &model, &mem, &reader, NULL, &error);
        ck_assert_int_eq(error.status, status);
        ck_assert_int_eq(status == PRUNE_OK, trainer != NULL && model != NULL);
        prune_trainer_free(trainer);
        prune_model_free(model);
        ck_assert(heap_is_clean(&h));
    }
    ck_assert_ok(status);
    ck_assert_uint_gt(fails, 5); /* model, two layers, the list of them twice, trainer; then it goes well */
    bytes_end(&file);
    work_end(&w);
}
END_TEST

/* ---- writing ---- */

START_TEST(writers_may_refuse)
{
    work w;
    const prune_status refusals[] = { PRUNE_E_SPACE, PRUNE_E_IO, 77 };
    work_start(&w, PRUNE_ADAM, 3);
    const uint64_t before = world_trainer_hash(w.trainer);
    for (size_t i = 0; i < 3; i++) {
        size_t call = 0;
        prune_status status;
        do {
            bytes_file file = { .fail_call = ++call, .refusal = refusals[i] };
            prune_error error = { 0 };
            const prune_writer writer = bytes_writer(&file);
            status = prune_trainer_write(w.trainer, &writer, &error);
            ck_assert(status == PRUNE_OK || status == refusals[i]);
            ck_assert_int_eq(error.status, status);
            ck_assert_uint_eq(file.calls, status == PRUNE_OK ? call - 1 : call); /* not called again */
            bytes_end(&file);
        } while (status != PRUNE_OK);
        ck_assert_uint_gt(call, 4);
    }
    ck_assert_uint_eq(world_trainer_hash(w.trainer), before);
    work_end(&w);
}
END_TEST

START_TEST(writing_allocates_nothing)
{
    static const size_t widths[] = { 6, 12, 4 };
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    const prune_trainer_options options = work_options(PRUNE_ADAM);
    prune_model *model = world_model(&mem, widths, 2, PRUNE_RELU, 1);
    prune_trainer *trainer;
    ck_assert_ok(prune_trainer_create(&trainer, &mem, model, &options, NULL));
    const size_t requests = h.requests;
    bytes_file alone = work_write_model(model), both = work_write_trainer(trainer);
    ck_assert_uint_eq(h.requests, requests);
    prune_trainer_free(trainer);
    prune_model_free(model);
    bytes_end(&alone);
    bytes_end(&both);
}
END_TEST

/* A writer that changes what it is given to write, once it has the header with the checksums. */
static prune_status meddle(void *user, const void *bytes, size_t count)
{
    (void)bytes;
    (void)count;
    world_plant(user, 1, 0, 4.0f);
    return PRUNE_OK;
}

START_TEST(a_model_that_changes_under_the_writer)
{
    static const size_t widths[] = { 3, 2 };
    prune_model *model = world_model(NULL, widths, 1, PRUNE_LINEAR, 4);
    prune_error error;
    const prune_writer writer = { meddle, model };
    ck_assert_status(prune_model_write(model, &writer, &error), PRUNE_E_STATE);
    ck_assert_str_eq(error.place, "section WGHT");
    prune_model_free(model);
}
END_TEST

static prune_status refused_writes(const prune_model *model, const prune_trainer *trainer)
{
    bytes_file file = { 0 };
    prune_error error = { 0 };
    const prune_writer writer = bytes_writer(&file);
    const prune_status status = prune_model_write(model, &writer, &error);
    ck_assert_int_eq(error.status, status);
    if (trainer != NULL)
        ck_assert_status(prune_trainer_write(trainer, &writer, NULL), status);
    ck_assert_uint_eq(file.calls, 0); /* not a byte */
    return status;
}

START_TEST(broken_models_are_not_written)
{
    work w;
    work_start(&w, PRUNE_ADAM, 0);
    world_plant(w.model, 2, 5, NAN);
    ck_assert_status(refused_writes(w.model, w.trainer), PRUNE_E_NONFINITE);
    world_plant(w.model, 2, 5, -INFINITY);
    ck_assert_status(refused_writes(w.model, w.trainer), PRUNE_E_NONFINITE);
    world_plant(w.model, 2, 5, 0.0f);
    world_remove(w.model, 0, 3);
    world_plant(w.model, 0, 3, 1e-30f);
    ck_assert_status(refused_writes(w.model, w.trainer), PRUNE_E_MASK);
    work_end(&w);
    prune_model *empty;
    ck_assert_ok(prune_model_create(&empty, NULL, 3));
    ck_assert_status(refused_writes(empty, NULL), PRUNE_E_NO_LAYERS);
    prune_model_free(empty);
}
END_TEST

START_TEST(a_model_that_grew_under_its_trainer)
{
    work w;
    prune_error error;
    bytes_file file = { 0 };
    const prune_writer writer = bytes_writer(&file);
    work_start(&w, PRUNE_SGD, 0);
    ck_assert_ok(prune_model_add_dense(w.model, 3, PRUNE_RELU));
    ck_assert_status(prune_trainer_write(w.trainer, &writer, &error), PRUNE_E_STATE);
    ck_assert_uint_eq(file.calls, 0);
    work_end(&w);
}
END_TEST

START_TEST(null_pointers)
{
    work w;
    prune_error error;
    bytes_file file = { 0 };
    const prune_writer writer = bytes_writer(&file), no_writer = { 0 };
    const prune_reader reader = bytes_reader(&file), no_reader = { 0 };
    work_start(&w, PRUNE_SGD, 0);
    prune_model *model = w.model;
    prune_trainer *trainer = w.trainer;
    ck_assert_status(prune_model_write(NULL, &writer, &error), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_write(w.model, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_write(w.model, &no_writer, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_write(NULL, &writer, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_write(w.trainer, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_read(NULL, NULL, &reader, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_read(&model, NULL, &no_reader, NULL), PRUNE_E_ARGUMENT);
    ck_assert_ptr_null(model);
    ck_assert_status(prune_trainer_read(&trainer, NULL, NULL, &reader, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_ptr_null(trainer);
    model = w.model;
    ck_assert_status(prune_trainer_read(NULL, &model, NULL, &reader, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_ptr_null(model);
    ck_assert_status(prune_trainer_read(&trainer, &model, NULL, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    work_end(&w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        models_come_back,
        architectures_come_back,
        odd_numbers_come_back,
        trainers_come_back,
        a_trainers_file_is_a_models_file,
        training_goes_on_bit_for_bit,
        seven_files_change_nothing,
        clones_of_what_was_read_keep_masks,
        an_arena_is_enough,
        every_allocation_may_fail,
        writers_may_refuse,
        writing_allocates_nothing,
        a_model_that_changes_under_the_writer,
        broken_models_are_not_written,
        a_model_that_grew_under_its_trainer,
        null_pointers,
    };
    return run_tests("checkpoint", tests, sizeof tests / sizeof tests[0]);
}
