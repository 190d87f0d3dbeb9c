/* sizes_test.c -- files whose structure and checksums are good, and whose sizes are not
 *
 * SPDX-License-Identifier: MIT */
#include "support/golden.h"
#include "support/work.h"

/* One number of the architecture. */
static const struct arch_case {
    size_t offset, width;
    uint64_t value;
} arch_cases[] = {
    { 0, 8, 0 },
    { 0, 8, 1 },
    { 0, 8, 3 },
    { 0, 8, INT32_MAX },
    { 0, 8, (uint64_t)INT32_MAX + 1 },
    { 0, 8, (uint64_t)1 << 32 | 2 },
    { 0, 8, (uint64_t)1 << 62 | 2 },
    { 0, 8, UINT64_MAX },
    { 8, 4, 0 },
    { 8, 4, 2 },
    { 8, 4, 0x10000001 },
    { 8, 4, UINT32_MAX },
    { 12, 4, 0 },
    { 12, 4, 2 },
    { 12, 4, UINT32_MAX },
    { 12, 4, PRUNE_LAYER_ACTIVATION }, /* in a record of 12 bytes */
    { 12, 4, PRUNE_LAYER_SOFTMAX },
    { 12, 4, PRUNE_LAYER_LOG_SOFTMAX },
    { 16, 4, 0 }, /* the record's length */
    { 16, 4, 4 },
    { 16, 4, 11 },
    { 16, 4, 13 },
    { 16, 4, 0x8000000C },
    { 16, 4, UINT32_MAX },
    { 20, 4, 11 },
    { 20, 4, 0x80000001 },
    { 20, 4, UINT32_MAX },
    { 24, 8, 0 },
    { 24, 8, 2 },
    { 24, 8, INT32_MAX },
    { 24, 8, (uint64_t)INT32_MAX + 1 },
    { 24, 8, (uint64_t)1 << 32 | 1 },
    { 24, 8, UINT64_MAX },
};

START_TEST(architectures_that_lie)
{
    for (size_t i = 0; i < sizeof arch_cases / sizeof arch_cases[0]; i++) {
        const struct arch_case *c = &arch_cases[i];
        bytes_file file = golden_file();
        bytes_put(&file, bytes_payload(&file, "ARCH") + c->offset, c->width, c->value);
        bytes_repair(&file);
        golden_refused(&file, PRUNE_E_FORMAT, "case", i);
        bytes_end(&file);
    }
}
END_TEST

/* Sums and products of sizes that come out right only modulo 2^64. */
START_TEST(huge_sizes_do_not_wrap)
{
    static const uint64_t widths[][2] = { { INT32_MAX, INT32_MAX },
                                          { (uint64_t)1 << 30, (uint64_t)1 << 30 },
                                          { UINT64_MAX, 3 },
                                          { ((uint64_t)1 << 63) + 2, 1 } };
    bytes_file file = golden_file();
    const size_t arch = bytes_payload(&file, "ARCH");
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        bytes_put(&file, arch, 8, widths[i][0]);
        bytes_put(&file, arch + 24, 8, widths[i][1]);
        bytes_repair(&file);
        golden_refused(&file, PRUNE_E_FORMAT, "widths", i);
    }
    bytes_end(&file);
}
END_TEST

/* A model of 4 floats without a mask. */
static bytes_file plain_file(void)
{
    static const size_t widths[] = { 3, 1 };
    prune_model *model = world_model(NULL, widths, 1, PRUNE_LINEAR, 0);
    const bytes_file file = work_write_model(model);
    prune_model_free(model);
    return file;
}

/* 2^62 x 4 weights and 4 biases are 4 floats, modulo 2^64. */
START_TEST(huge_products_do_not_wrap)
{
    bytes_file file = plain_file();
    const size_t arch = bytes_payload(&file, "ARCH");
    bytes_put(&file, arch, 8, (uint64_t)1 << 62);
    bytes_put(&file, arch + 24, 8, 4);
    bytes_repair(&file);
    golden_refused(&file, PRUNE_E_FORMAT, "widths", 4);
    bytes_end(&file);
}
END_TEST

/* These layers need exactly 2^64 + 4 floats. */
static const uint64_t wrapping_widths[] = {
    INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX, 1, ((uint64_t)1 << 30) + 1, 1, 1610612736
};
enum { WRAPPING_LAYERS = 8 };

START_TEST(huge_sums_do_not_wrap)
{
    bytes_file file = plain_file();
    const size_t old = bytes_entry(&file, "ARCH");
    bytes_put(&file, old, 4, 0x2E2E2E2E);
    bytes_put(&file, old + 4, 4, 0);
    bytes_insert(&file, 0, "ARCH", 1, 12 + 20 * WRAPPING_LAYERS);
    const size_t arch = bytes_payload(&file, "ARCH");
    bytes_put(&file, arch, 8, wrapping_widths[0]);
    bytes_put(&file, arch + 8, 4, WRAPPING_LAYERS);
    for (size_t l = 0; l < WRAPPING_LAYERS; l++) {
        bytes_put(&file, arch + 12 + 20 * l, 4, PRUNE_LAYER_DENSE);
        bytes_put(&file, arch + 16 + 20 * l, 4, 12);
        bytes_put(&file, arch + 24 + 20 * l, 8, wrapping_widths[l + 1]);
    }
    bytes_repair(&file);
    golden_refused(&file, PRUNE_E_FORMAT, "layers", WRAPPING_LAYERS);
    bytes_end(&file);
}
END_TEST

/* `count` bytes that belong to one section are claimed by another. */
static const struct shift_case {
    const char *from, *to;
    uint64_t count;
} shift_cases[] = {
    { "TRNR", "WGHT", 1 }, { "TRNR", "WGHT", 2 }, { "TRNR", "WGHT", 4 }, { "TRNR", "MASK", 1 },
    { "MASK", "WGHT", 1 }, { "MASK", "TRNR", 1 }, { "WGHT", "MASK", 1 }, { "WGHT", "TRNR", 4 },
    { "WGHT", "ARCH", 4 }, { "ARCH", "WGHT", 4 }, { "MASK", "TRNR", 2 }, { "ARCH", "TRNR", 20 },
};

START_TEST(borders_between_sections)
{
    for (size_t i = 0; i < sizeof shift_cases / sizeof shift_cases[0]; i++) {
        const struct shift_case *c = &shift_cases[i];
        bytes_file file = golden_file();
        const size_t from = bytes_entry(&file, c->from) + 8, to = bytes_entry(&file, c->to) + 8;
        bytes_put(&file, from, 8, bytes_get(&file, from, 8) - c->count);
        bytes_put(&file, to, 8, bytes_get(&file, to, 8) + c->count);
        bytes_repair(&file);
        golden_refused(&file, PRUNE_E_FORMAT, "shift", i);
        bytes_end(&file);
    }
}
END_TEST

/* ---- layers without parameters: a width that no bytes stand for ---- */

enum { WIDE_LAYERS = 8, WIDE_BYTES = 64 * 1024 * 1024 };

static prune_status add_wide(prune_model *model, int32_t kind)
{
    switch (kind) {
    case PRUNE_LAYER_ACTIVATION:
        return prune_model_add_activation(model, PRUNE_GELU);
    case PRUNE_LAYER_SOFTMAX:
        return prune_model_add_softmax(model);
    case PRUNE_LAYER_LOG_SOFTMAX:
        return prune_model_add_log_softmax(model);
    default:
        return prune_model_add_dropout(model, 0.5f);
    }
}

typedef struct wide {
    prune_model *model;
    prune_trainer *trainer;
} wide;

static wide wide_start(int32_t kind, size_t width, size_t batch)
{
    wide w;
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    options.max_batch = batch;
    ck_assert_ok(prune_model_create(&w.model, NULL, width));
    for (size_t l = 0; l < WIDE_LAYERS; l++)
        ck_assert_ok(add_wide(w.model, kind));
    w.trainer = world_trainer(w.model, &options);
    return w;
}

static void wide_end(wide *w)
{
    prune_trainer_free(w->trainer);
    prune_model_free(w->model);
}

/* A file of a width of 2 says another one. */
static bytes_file wide_file(int32_t kind, uint64_t width, size_t batch)
{
    wide w = wide_start(kind, 2, batch);
    bytes_file file = work_write_trainer(w.trainer);
    wide_end(&w);
    bytes_put(&file, bytes_payload(&file, "ARCH"), 8, width);
    bytes_repair(&file);
    return file;
}

/* Their model costs next to nothing; a trainer of even one sample would not. */
static void check_too_wide(int32_t kind, uint64_t width, size_t batch)
{
    heap h = { 0 };
    prune_error error = { 0 };
    bytes_file file = wide_file(kind, width, batch);
    ck_assert_uint_lt(file.length, 600);
    ck_assert_status(golden_read_trainer(&file, &h, &error), PRUNE_E_LIMIT);
    ck_assert_str_eq(error.place, "section TRNR");
    ck_assert_uint_lt(h.largest, 4096);
    ck_assert_ok(golden_read_model(&file, &h, NULL));
    bytes_end(&file);
}

START_TEST(wide_layers_have_a_bound)
{
    static const int32_t kinds[] = { PRUNE_LAYER_ACTIVATION, PRUNE_LAYER_SOFTMAX, PRUNE_LAYER_LOG_SOFTMAX,
                                     PRUNE_LAYER_DROPOUT };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        check_too_wide(kinds[i], INT32_MAX, 1);
        check_too_wide(kinds[i], INT32_MAX, 2);
        check_too_wide(kinds[i], (uint64_t)1 << 24, 1);
    }
}
END_TEST

/* The width at which a trainer of one sample needs so many bytes, nearly. */
static size_t width_for(size_t bytes)
{
    enum { SOME = 4096 };
    size_t some, none;
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    options.max_batch = 1;
    wide a = wide_start(PRUNE_LAYER_SOFTMAX, SOME, 1), b = wide_start(PRUNE_LAYER_SOFTMAX, 4, 1);
    ck_assert_ok(prune_trainer_bytes(&some, a.model, &options));
    ck_assert_ok(prune_trainer_bytes(&none, b.model, &options));
    wide_end(&a);
    wide_end(&b);
    return (size_t)((uint64_t)bytes * (SOME - 4) / (some - none));
}

/* What is just small enough is written and read, and what is just too large is neither. */
START_TEST(writer_and_reader_have_the_same_bound)
{
    const size_t width = width_for(WIDE_BYTES);
    heap h = { 0 };
    prune_error error = { 0 };
    wide w = wide_start(PRUNE_LAYER_SOFTMAX, width - 1000, 1);
    bytes_file file = work_write_trainer(w.trainer), nothing = { 0 };
    ck_assert_ok(golden_read_trainer(&file, &h, NULL));
    wide_end(&w);
    bytes_end(&file);
    w = wide_start(PRUNE_LAYER_SOFTMAX, width + 1000, 1);
    const prune_writer writer = bytes_writer(&nothing);
    ck_assert_status(prune_trainer_write(w.trainer, &writer, &error), PRUNE_E_LIMIT);
    ck_assert_str_eq(error.place, "section TRNR");
    ck_assert_uint_eq(nothing.calls, 0);
    wide_end(&w);
    check_too_wide(PRUNE_LAYER_SOFTMAX, width + 1000, 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        architectures_that_lie,
        huge_sizes_do_not_wrap,
        huge_products_do_not_wrap,
        huge_sums_do_not_wrap,
        borders_between_sections,
        wide_layers_have_a_bound,
        writer_and_reader_have_the_same_bound,
    };
    return run_tests("sizes", tests, sizeof tests / sizeof tests[0]);
}
