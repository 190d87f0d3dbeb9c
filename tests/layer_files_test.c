/* layer_files_test.c -- every kind of layer saved, loaded, copied and set aside
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/stack.h"
#include "support/work.h"

#include <math.h>
#include <string.h>

static const stack_step every_kind[] = { { D, 6, 0, 0, 0 },     { A, 0, PRUNE_GELU, 0, 0 },
                                         { O, 0, 0, 0.25f, 0 }, { B, 0, 0, 0.2f, 1e-4f },
                                         { D, 3, 0, 0, 0 },     { S, 0, 0, 0, 0 },
                                         { L, 0, 0, 0, 0 },     { 0 } };
static const stack_step no_parameters[] = { { A, 0, PRUNE_TANH, 0, 0 }, { S, 0, 0, 0, 0 }, { 0 } };

static void check_same(const prune_model *a, const prune_model *b)
{
    ck_assert_uint_eq(prune_model_layer_count(a), prune_model_layer_count(b));
    for (size_t l = 0; l < prune_model_layer_count(a); l++) {
        prune_layer_info mine = { .size = sizeof mine }, others = { .size = sizeof others };
        ck_assert_ok(prune_model_layer_info(&mine, a, l));
        ck_assert_ok(prune_model_layer_info(&others, b, l));
        ck_assert_mem_eq(&mine, &others, sizeof mine);
    }
    ck_assert(world_same_models(a, b));
}

START_TEST(models_come_back)
{
    const stack_step *const kinds[] = { every_kind, no_parameters };
    for (size_t i = 0; i < 2; i++) {
        heap h = { 0 };
        const prune_allocator mem = heap_allocator(&h);
        prune_model *model = stack_model(&mem, 4, kinds[i], 5), *clone;
        if (i == 0)
            world_remove(model, 0, 3);
        bytes_file file = work_write_model(model);
        prune_model *back = work_read_model(&file, &mem);
        bytes_file again = work_write_model(back);
        work_check_same(&file, &again);
        check_same(model, back);
        ck_assert_ok(prune_model_clone(&clone, &mem, model));
        check_same(model, clone);
        ck_assert_uint_eq(prune_model_bytes(clone), prune_model_bytes(model));
        prune_model_free(clone);
        prune_model_free(back);
        prune_model_free(model);
        ck_assert(heap_is_clean(&h));
        bytes_end(&file);
        bytes_end(&again);
    }
}
END_TEST

/* The whole state after some steps, saved in the middle or not. */
START_TEST(training_goes_on_bit_for_bit)
{
    world_data world;
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    prune_fit_options fit;
    prune_fit_options_init(&fit);
    fit.epochs = 2;
    fit.batch_size = 5;
    world_data_make(&world, 21, 4, 3, 3); /* the last batch is one sample */
    prune_model *model = stack_model(NULL, 4, every_kind, 5), *back;
    prune_trainer *trainer = world_trainer(model, &options);
    world_remove(model, 0, 3);
    ck_assert_ok(prune_trainer_fit(NULL, trainer, &world.valued, &fit, NULL));
    bytes_file file = work_write_trainer(trainer);
    prune_trainer *other = work_read_trainer(&back, &file);
    ck_assert_uint_eq(world_trainer_hash(trainer), world_trainer_hash(other));
    ck_assert_ok(prune_trainer_fit(NULL, trainer, &world.valued, &fit, NULL));
    ck_assert_ok(prune_trainer_fit(NULL, other, &world.valued, &fit, NULL));
    ck_assert_uint_eq(world_trainer_hash(trainer), world_trainer_hash(other));
    ck_assert_uint_eq(world_check_removed(back, other), 1);
    check_same(model, back);
    prune_trainer_free(trainer);
    prune_trainer_free(other);
    prune_model_free(model);
    prune_model_free(back);
    bytes_end(&file);
    world_data_end(&world);
}
END_TEST

START_TEST(snapshots_hold_all_parameters)
{
    prune_model *model = stack_model(NULL, 4, every_kind, 5), *other = stack_model(NULL, 4, every_kind, 6);
    prune_model *unlike = stack_model(NULL, 4, no_parameters, 5);
    prune_snapshot *snapshot;
    ck_assert_ok(prune_snapshot_create(&snapshot, NULL, model));
    ck_assert(!world_same_models(model, other));
    ck_assert_ok(prune_snapshot_restore(snapshot, other));
    ck_assert(world_same_models(model, other));
    ck_assert_status(prune_snapshot_restore(snapshot, unlike), PRUNE_E_SHAPE);
    prune_snapshot_free(snapshot);
    prune_model_free(model);
    prune_model_free(other);
    prune_model_free(unlike);
}
END_TEST

/* A running variance is not negative, and a statistic has no moment. */
START_TEST(statistics_of_a_file)
{
    const stack_step steps[] = { { B, 0, 0, 0.25f, 0.25f }, { 0 } };
    const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    prune_model *model = stack_model(NULL, 2, steps, 5), *back;
    prune_trainer *trainer = world_trainer(model, &options), *other;
    bytes_file file = work_write_trainer(trainer), bad = { 0 };
    prune_error error = { 0 };
    for (size_t i = 0; i < 8; i++) {
        bytes_copy(&bad, &file);
        bytes_put(&bad, bytes_payload(&bad, "WGHT") + 4 * i, 4, 0xBF800000); /* -1 */
        bytes_repair(&bad);
        const prune_reader reader = bytes_reader(&bad);
        ck_assert_status(prune_model_read(&back, NULL, &reader, &error), i < 6 ? PRUNE_OK : PRUNE_E_RANGE);
        ck_assert(i < 6 || strstr(error.place, "running_var") != NULL);
        prune_model_free(back);
        bytes_end(&bad);
        bytes_copy(&bad, &file);
        bytes_put(&bad, bad.length - 32 + 4 * i, 4, 0x3F800000); /* moments are at the end */
        bytes_repair(&bad);
        const prune_reader again = bytes_reader(&bad);
        ck_assert_status(prune_trainer_read(&other, &back, NULL, &again, NULL, NULL),
                         i < 4 ? PRUNE_OK : PRUNE_E_MASK);
        prune_trainer_free(other);
        prune_model_free(back);
        bytes_end(&bad);
    }
    bytes_end(&file);
    prune_trainer_free(trainer);
    prune_model_free(model);
}
END_TEST

/* Each byte of the architecture changed in several ways: refused, or a model that can be read; never much
 * memory. */
/* The setting of a file's only layer. */
static void check_setting(const stack_step *step, size_t offset, float value, prune_status expected)
{
    const stack_step steps[] = { *step, { 0 } };
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_error error = { 0 };
    uint32_t bits;
    prune_model *model = stack_model(NULL, 4, steps, 5), *back;
    bytes_file file = work_write_model(model);
    memcpy(&bits, &value, sizeof bits);
    bytes_put(&file, bytes_payload(&file, "ARCH") + 20 + offset, 4, bits);
    bytes_repair(&file);
    const prune_reader reader = bytes_reader(&file);
    ck_assert_status(prune_model_read(&back, &mem, &reader, &error), expected);
    ck_assert(expected == PRUNE_OK || (h.requests == 0 && error.reason[0] != '\0'));
    prune_model_free(back);
    prune_model_free(model);
    bytes_end(&file);
}

START_TEST(settings_out_of_range)
{
    const stack_step dropout = { O, 0, 0, 0.25f, 0 };
    const float rates[] = { -1e-30f, 1.0f, 2.0f, NAN, INFINITY };
    for (size_t i = 0; i < 5; i++)
        check_setting(&dropout, 0, rates[i], PRUNE_E_FORMAT);
    check_setting(&dropout, 0, 0.0f, PRUNE_OK);
    check_setting(&dropout, 0, 0.99f, PRUNE_OK);
    const stack_step norm = { B, 0, 0, 0.25f, 0.25f };
    const float momenta[] = { -1e-30f, 1.0001f, NAN, INFINITY }, epsilons[] = { 0.0f, -1.0f, NAN, INFINITY };
    for (size_t i = 0; i < 4; i++) {
        check_setting(&norm, 0, momenta[i], PRUNE_E_FORMAT);
        check_setting(&norm, 4, epsilons[i], PRUNE_E_FORMAT);
    }
    check_setting(&norm, 0, 1.0f, PRUNE_OK);
    check_setting(&norm, 4, 1e-40f, PRUNE_OK);
}
END_TEST

START_TEST(architectures_with_any_byte_wrong)
{
    static const uint64_t flips[] = { 0x01, 0x02, 0x04, 0x07, 0x40, 0x80, 0xFF };
    prune_model *model = stack_model(NULL, 4, every_kind, 5);
    bytes_file file = work_write_model(model);
    const size_t arch = bytes_payload(&file, "ARCH");
    const size_t length = (size_t)bytes_get(&file, bytes_entry(&file, "ARCH") + 8, 8);
    for (size_t i = 0; i < length * sizeof flips / sizeof flips[0]; i++) {
        heap h = { 0 };
        const prune_allocator mem = heap_allocator(&h);
        bytes_file bad = { 0 };
        prune_model *back;
        bytes_copy(&bad, &file);
        const size_t at = arch + i / (sizeof flips / sizeof flips[0]);
        bytes_put(&bad, at, 1, bytes_get(&bad, at, 1) ^ flips[i % (sizeof flips / sizeof flips[0])]);
        bytes_repair(&bad);
        const prune_reader reader = bytes_reader(&bad);
        const prune_status status = prune_model_read(&back, &mem, &reader, NULL);
        ck_assert(status == PRUNE_OK || (status == PRUNE_E_FORMAT && h.requests == 0 && back == NULL));
        ck_assert_uint_lt(h.peak_bytes, 16000);
        prune_model_free(back);
        ck_assert(heap_is_clean(&h));
        bytes_end(&bad);
    }
    bytes_end(&file);
    prune_model_free(model);
}
END_TEST

/* Layers of 8 bytes each are the most that a file can make of its length. */
START_TEST(memory_is_a_small_multiple_of_the_file)
{
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, 1));
    for (int i = 0; i < 1000; i++)
        ck_assert_ok(prune_model_add_softmax(model));
    bytes_file file = work_write_model(model);
    prune_model *back = work_read_model(&file, &mem);
    ck_assert_uint_lt(h.peak_bytes, 32 * file.length);
    prune_model_free(back);
    prune_model_free(model);
    ck_assert(heap_is_clean(&h));
    bytes_end(&file);
}
END_TEST

/* Every request refused in turn: adding a layer leaves the model as it was. */
START_TEST(without_memory)
{
    for (const stack_step *step = every_kind; step->kind != 0; step++)
        for (size_t n = 1;; n++) {
            heap h = { 0 };
            const prune_allocator mem = heap_allocator(&h);
            prune_model *model;
            ck_assert_ok(prune_model_create(&model, &mem, 4));
            heap_refuse_once(&h, n);
            const prune_status status = stack_add(model, step);
            ck_assert(status == (h.refused == 0 ? PRUNE_OK : PRUNE_E_MEMORY));
            ck_assert_uint_eq(prune_model_layer_count(model), status == PRUNE_OK);
            prune_model_free(model);
            ck_assert(heap_is_clean(&h));
            if (h.refused == 0)
                break;
        }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        models_come_back,
        training_goes_on_bit_for_bit,
        snapshots_hold_all_parameters,
        architectures_with_any_byte_wrong,
        settings_out_of_range,
        statistics_of_a_file,
        memory_is_a_small_multiple_of_the_file,
        without_memory,
    };
    return run_tests("layer_files", tests, sizeof tests / sizeof tests[0]);
}
