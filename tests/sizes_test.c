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

int main(void)
{
    const TTest *const tests[] = {
        architectures_that_lie, huge_sizes_do_not_wrap,   huge_products_do_not_wrap,
        huge_sums_do_not_wrap,  borders_between_sections,
    };
    return run_tests("sizes", tests, sizeof tests / sizeof tests[0]);
}
