/* sections_test.c -- files whose structure and checksums are good, and whose numbers are not
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/work.h"

#include <math.h>
#include <string.h>

static uint64_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* A file of a 6-12-4 net with removed weights, after training. */
static bytes_file good_file(int32_t optimizer)
{
    work w;
    work_start(&w, optimizer, 3);
    work_fit(w.trainer, &w.data, 1);
    bytes_file file = work_write_trainer(w.trainer);
    work_end(&w);
    return file;
}

static prune_status read_trainer(bytes_file *file, prune_error *error)
{
    heap h = { 0 };
    prune_trainer *trainer = NULL;
    prune_model *model = NULL;
    const prune_allocator mem = heap_allocator(&h);
    const prune_reader reader = bytes_reader(file);
    const prune_status status = prune_trainer_read(&trainer, &model, &mem, &reader, NULL, error);
    ck_assert_int_eq(status == PRUNE_OK, trainer != NULL && model != NULL);
    ck_assert_int_eq(status != PRUNE_OK, trainer == NULL && model == NULL);
    prune_trainer_free(trainer);
    prune_model_free(model);
    ck_assert(heap_is_clean(&h));
    ck_assert_uint_lt(h.peak_bytes, 40000);
    return status;
}

static prune_status read_model(bytes_file *file, prune_error *error)
{
    heap h = { 0 };
    prune_model *model = NULL;
    const prune_allocator mem = heap_allocator(&h);
    const prune_reader reader = bytes_reader(file);
    const prune_status status = prune_model_read(&model, &mem, &reader, error);
    ck_assert_int_eq(status == PRUNE_OK, model != NULL);
    prune_model_free(model);
    ck_assert(heap_is_clean(&h));
    return status;
}

/* A number put into the trainer's section; the model in the file stays good. */
static void check_trainer_number(int32_t optimizer, size_t offset, size_t width, uint64_t value,
                                 prune_status expected)
{
    bytes_file file = good_file(optimizer);
    prune_error error = { 0 };
    bytes_put(&file, bytes_payload(&file, "TRNR") + offset, width, value);
    bytes_repair(&file);
    const prune_status got = read_trainer(&file, &error);
    ck_assert_msg(got == expected, "%zu bytes at %zu: got %d, not %d: %s: %s", width, offset, (int)got,
                  (int)expected, error.place, error.reason);
    ck_assert_int_eq(error.status, expected);
    ck_assert_ok(read_model(&file, NULL));
    bytes_end(&file);
}

/* Where the numbers of TRNR are; the first floats are 7 options. */
enum {
    LOSS = 0,
    OPTIMIZER = 4,
    RATE = 8,
    MOMENTUM = 12,
    BETA1 = 16,
    BETA2 = 20,
    EPSILON = 24,
    L1 = 28,
    L2 = 32,
    BIAS = 36,
    SEED = 40,
    MAX_BATCH = 48,
    NESTEROV = 56,
    ALPHA = 60,
    DECAY = 64,
    CLIP_NORM = 68,
    CLIP_VALUE = 72,
    PROXIMAL = 76,
    ACCUMULATE = 80,
    DELTA = 84,
    SMOOTHING = 88,
    LOSS_MEAN = 92,
    CLASSES = 96,
    SCHEDULE = 100,
    FACTOR = 104,
    FLOOR = 108,
    WARMUP = 112,
    PERIOD = 116,
    STEPS = 120,
    EPOCHS = 128,
    COMPLEMENT1 = 136,
    COMPLEMENT2 = 140,
    GENERATOR = 144,
    LAYERS = 160,
    FROZEN = 164,
    L1_SCALE = 168,
    L2_SCALE = 172,
    MOMENTS = 188 /* two layers */
};

START_TEST(floats_of_a_trainer)
{
    static const size_t offsets[] = { RATE,        MOMENTUM,    BETA1, BETA2,    EPSILON,
                                      L1,          L2,          ALPHA, DECAY,    CLIP_NORM,
                                      CLIP_VALUE,  FACTOR,      FLOOR, L1_SCALE, L2_SCALE,
                                      COMPLEMENT1, COMPLEMENT2, DELTA, SMOOTHING };
    const float never[] = { NAN, INFINITY, -INFINITY, -1e-30f };
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++)
        for (size_t k = 0; k < sizeof never / sizeof never[0]; k++)
            check_trainer_number(PRUNE_ADAM, offsets[i], 4, bits_of(never[k]), PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, RATE, 4, bits_of(1.1e6f), PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, RATE, 4, bits_of(0.0f), PRUNE_OK);
    check_trainer_number(PRUNE_ADAM, MOMENTUM, 4, bits_of(1.0f), PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, BETA1, 4, bits_of(1.0f), PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, BETA2, 4, bits_of(1.0f), PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, EPSILON, 4, bits_of(0.0f), PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, ALPHA, 4, bits_of(1.0f), PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, DECAY, 4, bits_of(1.1e6f), PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, FACTOR, 4, bits_of(0.0f), PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, FACTOR, 4, bits_of(1.01f), PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, FLOOR, 4, bits_of(1.01f), PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, FLOOR, 4, bits_of(1.0f), PRUNE_OK);
    check_trainer_number(PRUNE_ADAM, COMPLEMENT1, 4, bits_of(0.0f), PRUNE_E_FORMAT);   /* after 7 steps */
    check_trainer_number(PRUNE_ADAM, COMPLEMENT1, 4, bits_of(1e-30f), PRUNE_E_FORMAT); /* below 1 - beta */
    check_trainer_number(PRUNE_ADAM, COMPLEMENT2, 4, bits_of(1.0000001f), PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, COMPLEMENT2, 4, bits_of(1.0f), PRUNE_OK);
    check_trainer_number(PRUNE_ADAM, DELTA, 4, bits_of(0.0f), PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, SMOOTHING, 4, bits_of(1.0f), PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, SMOOTHING, 4, bits_of(0.5f), PRUNE_OK);
}
END_TEST

START_TEST(integers_of_a_trainer)
{
    const uint64_t high = (uint64_t)1 << 31;
    static const size_t offsets[] = { LOSS, OPTIMIZER };
    for (size_t i = 0; i < 2; i++) {
        check_trainer_number(PRUNE_ADAM, offsets[i], 4, 0, PRUNE_E_FORMAT);
        check_trainer_number(PRUNE_ADAM, offsets[i], 4, 99, PRUNE_E_FORMAT);
        check_trainer_number(PRUNE_ADAM, offsets[i], 4, high | 2, PRUNE_E_FORMAT);
        check_trainer_number(PRUNE_ADAM, offsets[i], 4, UINT32_MAX, PRUNE_E_FORMAT);
    }
    check_trainer_number(PRUNE_ADAM, LOSS, 4, PRUNE_MSE, PRUNE_OK);
    check_trainer_number(PRUNE_ADAM, LOSS, 4, PRUNE_LOSS_OWN, PRUNE_OK);
    check_trainer_number(PRUNE_ADAM, LOSS, 4, PRUNE_LOSS_OWN + 1, PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, LOSS_MEAN, 4, 1, PRUNE_E_FORMAT); /* cross-entropy does not have it */
    check_trainer_number(PRUNE_ADAM, LOSS_MEAN, 4, UINT32_MAX, PRUNE_E_FORMAT);
    static const uint64_t classes[] = { 1, 4, 5, (uint64_t)1 << 31, UINT32_MAX }; /* but none are there */
    for (size_t i = 0; i < 5; i++)
        check_trainer_number(PRUNE_ADAM, CLASSES, 4, classes[i], PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, OPTIMIZER, 4, PRUNE_SGD, PRUNE_E_FORMAT); /* one moment too many */
    check_trainer_number(PRUNE_SGD, OPTIMIZER, 4, PRUNE_ADAM, PRUNE_E_FORMAT); /* one too few */
    static const size_t switches[] = { BIAS, NESTEROV, PROXIMAL, FROZEN };
    for (size_t i = 0; i < 4; i++) {
        check_trainer_number(PRUNE_SGD, switches[i], 4, 2, PRUNE_E_FORMAT);
        check_trainer_number(PRUNE_SGD, switches[i], 4, high | 1, PRUNE_E_FORMAT);
        check_trainer_number(PRUNE_SGD, switches[i], 4, 1, PRUNE_OK);
    }
    check_trainer_number(PRUNE_ADAM, NESTEROV, 4, 1, PRUNE_E_FORMAT); /* Adam does not have it */
    check_trainer_number(PRUNE_ADAM, SCHEDULE, 4, PRUNE_SCHEDULE_COSINE, PRUNE_OK);
    check_trainer_number(PRUNE_ADAM, SCHEDULE, 4, PRUNE_SCHEDULE_COSINE + 1, PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, SCHEDULE, 4, high, PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, ACCUMULATE, 4, INT32_MAX, PRUNE_OK);
    check_trainer_number(PRUNE_ADAM, ACCUMULATE, 4, high, PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, WARMUP, 4, UINT32_MAX, PRUNE_OK);
    check_trainer_number(PRUNE_ADAM, PERIOD, 4, UINT32_MAX, PRUNE_OK);
    check_trainer_number(PRUNE_ADAM, PERIOD, 4, 0, PRUNE_E_FORMAT);
    const uint64_t counts[] = { 0, 1, 3, high, UINT32_MAX };
    for (size_t i = 0; i < 5; i++)
        check_trainer_number(PRUNE_ADAM, LAYERS, 4, counts[i], PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, SEED, 8, UINT64_MAX, PRUNE_OK);
    check_trainer_number(PRUNE_ADAM, EPOCHS, 8, UINT64_MAX, PRUNE_OK);
    check_trainer_number(PRUNE_ADAM, STEPS, 8, 0, PRUNE_E_FORMAT); /* but the complements are not 0 */
    check_trainer_number(PRUNE_ADAM, MAX_BATCH, 8, 0, PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, MAX_BATCH, 8, high, PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, MAX_BATCH, 8, UINT64_MAX, PRUNE_E_FORMAT);
    check_trainer_number(PRUNE_ADAM, MAX_BATCH, 8, ((uint64_t)1 << 32) + 7, PRUNE_E_FORMAT);
}
END_TEST

/* One number asks for 300 GiB, or for just over 1: the peak in read_trainer() tells that it gets nothing. */
START_TEST(max_batch_has_a_bound)
{
    const uint64_t sample_bytes = (2 * 12 + 12 + 4) * sizeof(float);
    check_trainer_number(PRUNE_SGD, MAX_BATCH, 8, INT32_MAX, PRUNE_E_LIMIT);
    const uint64_t most = 64 * 1024 * 1024 + 64 * 2 * sizeof(float) * (6 * 12 + 12 + 12 * 4 + 4);
    check_trainer_number(PRUNE_SGD, MAX_BATCH, 8, most / sample_bytes + 5, PRUNE_E_LIMIT);
    check_trainer_number(PRUNE_SGD, MAX_BATCH, 8, 100, PRUNE_OK);
}
END_TEST

START_TEST(a_generator_of_zeros)
{
    bytes_file file = good_file(PRUNE_ADAM);
    const size_t at = bytes_payload(&file, "TRNR") + GENERATOR;
    bytes_put(&file, at, 8, 0);
    bytes_put(&file, at + 8, 8, 0);
    bytes_repair(&file);
    ck_assert_status(read_trainer(&file, NULL), PRUNE_E_FORMAT);
    bytes_put(&file, at + 12, 4, 1);
    bytes_repair(&file);
    ck_assert_ok(read_trainer(&file, NULL));
    bytes_end(&file);
}
END_TEST

/* Whether weight i of the first parameter is kept, by its bit in the file. */
static int32_t is_kept(const bytes_file *file, size_t i)
{
    return (int32_t)(bytes_get(file, bytes_payload(file, "MASK") + i / 8, 1) >> i % 8 & 1);
}

static size_t find(const bytes_file *file, int32_t kept)
{
    size_t i = 0;
    while (is_kept(file, i) != kept)
        i++;
    ck_assert_uint_lt(i, 72);
    return i;
}

/* One float of a section, in the element of the first parameter that is kept, or is not. */
static void check_float_of(int32_t optimizer, const char section[4], size_t offset, int32_t kept, float value,
                           prune_status expected)
{
    bytes_file file = good_file(optimizer);
    prune_error error = { 0 };
    bytes_put(&file, bytes_payload(&file, section) + offset + 4 * find(&file, kept), 4, bits_of(value));
    bytes_repair(&file);
    ck_assert_status(read_trainer(&file, &error), expected);
    ck_assert_int_eq(error.place[0] != '\0', expected != PRUNE_OK);
    if (memcmp(section, "WGHT", 4) == 0)
        ck_assert_status(read_model(&file, &error), expected);
    bytes_end(&file);
}

static void check_float(const char section[4], size_t offset, int32_t kept, float value,
                        prune_status expected)
{
    check_float_of(PRUNE_ADAM, section, offset, kept, value, expected);
}

START_TEST(weights)
{
    const float never[] = { NAN, -NAN, INFINITY, -INFINITY };
    for (size_t i = 0; i < 4; i++)
        for (int32_t kept = 0; kept < 2; kept++)
            check_float("WGHT", 0, kept, never[i], PRUNE_E_NONFINITE);
    check_float("WGHT", 0, 1, 3e38f, PRUNE_OK);
    check_float("WGHT", 0, 0, 1e-45f, PRUNE_E_MASK);
    check_float("WGHT", 0, 0, -1.0f, PRUNE_E_MASK);
}
END_TEST

START_TEST(moments)
{
    const size_t m = MOMENTS, v = MOMENTS + 4 * (6 * 12 + 12 + 12 * 4 + 4);
    const size_t both[] = { m, v };
    for (size_t i = 0; i < 2; i++) {
        check_float("TRNR", both[i], 1, NAN, PRUNE_E_NONFINITE);
        check_float("TRNR", both[i], 1, INFINITY, PRUNE_E_NONFINITE);
        check_float("TRNR", both[i], 1, -INFINITY, PRUNE_E_NONFINITE);
        check_float("TRNR", both[i], 0, 1e-45f, PRUNE_E_MASK);
        check_float("TRNR", both[i], 0, NAN, PRUNE_E_MASK);
        check_float("TRNR", both[i], 1, 1.0f, PRUNE_OK);
    }
    check_float("TRNR", m, 1, -1.0f, PRUNE_OK);
    check_float("TRNR", m, 1, -1e18f, PRUNE_OK);
    check_float("TRNR", m, 1, -1.02e18f, PRUNE_E_FORMAT); /* gradients end at 1e18 */
    check_float("TRNR", v, 1, 1e36f, PRUNE_OK);
    check_float("TRNR", v, 1, 1.03e36f, PRUNE_E_FORMAT);
    check_float("TRNR", v, 1, -1e-45f, PRUNE_E_FORMAT); /* its square root would be NaN */
}
END_TEST

/* RMSprop and Adagrad have one slot, of squares; Adagrad's has no end but that of float. */
START_TEST(squares)
{
    static const int32_t kinds[] = { PRUNE_RMSPROP, PRUNE_ADAGRAD };
    for (size_t i = 0; i < 2; i++) {
        check_float_of(kinds[i], "TRNR", MOMENTS, 1, -1e-45f, PRUNE_E_FORMAT);
        check_float_of(kinds[i], "TRNR", MOMENTS, 1, NAN, PRUNE_E_NONFINITE);
        check_float_of(kinds[i], "TRNR", MOMENTS, 0, 1.0f, PRUNE_E_MASK);
        check_float_of(kinds[i], "TRNR", MOMENTS, 1, 1e36f, PRUNE_OK);
    }
    check_float_of(PRUNE_RMSPROP, "TRNR", MOMENTS, 1, 1.03e36f, PRUNE_E_FORMAT);
    check_float_of(PRUNE_ADAGRAD, "TRNR", MOMENTS, 1, 3.4e38f, PRUNE_OK);
}
END_TEST

/* Bias 4 of the last layer: one byte, 4 bits of it padding. */
START_TEST(padding_of_masks)
{
    bytes_file file = good_file(PRUNE_SGD);
    const size_t last = bytes_payload(&file, "TRNR") - 1;
    const uint64_t good = bytes_get(&file, last, 1);
    ck_assert_uint_lt(good, 16);
    for (size_t bit = 4; bit < 8; bit++) {
        prune_error error = { 0 };
        bytes_put(&file, last, 1, good | (uint64_t)1 << bit);
        bytes_repair(&file);
        ck_assert_status(read_model(&file, &error), PRUNE_E_FORMAT);
        ck_assert_str_eq(error.place, "section MASK");
    }
    bytes_end(&file);
}
END_TEST

/* -0 is 0, but inside it is the 0 that the library itself writes. */
START_TEST(removed_weights_are_plain_zeros)
{
    bytes_file file = good_file(PRUNE_ADAM);
    const size_t i = find(&file, 0);
    prune_model *model;
    bytes_put(&file, bytes_payload(&file, "WGHT") + 4 * i, 4, bits_of(-0.0f));
    bytes_put(&file, bytes_payload(&file, "TRNR") + MOMENTS + 4 * i, 4, bits_of(-0.0f));
    bytes_repair(&file);
    prune_trainer *trainer = work_read_trainer(&model, &file);
    ck_assert_uint_gt(world_check_removed(model, trainer), 10);
    prune_trainer_free(trainer);
    prune_model_free(model);
    bytes_end(&file);
}
END_TEST

/* All may be kept although there is a mask; what is read from such a file is an ordinary model. */
START_TEST(a_mask_that_removes_nothing)
{
    static const size_t widths[] = { 3, 2 };
    prune_model *model = world_model(NULL, widths, 1, PRUNE_LINEAR, 4);
    bytes_file plain = work_write_model(model), file = { 0 };
    bytes_copy(&file, &plain);
    bytes_insert(&file, 2, "MASK", 1, 2);
    bytes_put(&file, bytes_payload(&file, "MASK"), 2, 0x033F);
    bytes_repair(&file);
    prune_model *back = work_read_model(&file, NULL);
    ck_assert(world_same_models(model, back));
    bytes_file again = work_write_model(back);
    work_check_same(&again, &plain);
    prune_model_free(back);
    prune_model_free(model);
    bytes_end(&again);
    bytes_end(&file);
    bytes_end(&plain);
}
END_TEST

/* The worst file for its size: layers that hold almost nothing. */
START_TEST(memory_is_a_small_multiple_of_the_file)
{
    static size_t widths[1001];
    for (size_t i = 0; i < 1001; i++)
        widths[i] = 1;
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_model *model = world_model(NULL, widths, 1000, PRUNE_TANH, 4);
    bytes_file file = work_write_model(model);
    prune_model *back = work_read_model(&file, &mem);
    ck_assert(world_same_models(model, back));
    ck_assert_uint_lt(h.peak_bytes, 20 * file.length);
    prune_model_free(back);
    prune_model_free(model);
    bytes_end(&file);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        floats_of_a_trainer,
        integers_of_a_trainer,
        max_batch_has_a_bound,
        a_generator_of_zeros,
        weights,
        moments,
        squares,
        padding_of_masks,
        removed_weights_are_plain_zeros,
        a_mask_that_removes_nothing,
        memory_is_a_small_multiple_of_the_file,
    };
    return run_tests("sections", tests, sizeof tests / sizeof tests[0]);
}
