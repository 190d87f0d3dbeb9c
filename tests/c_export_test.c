/* c_export_test.c -- models as C source: what is written, and what is refused; tests/source.sh compiles it
 *
 * SPDX-License-Identifier: MIT */
#include "support/blobs8.h"
#include "support/bytes.h"
#include "support/heap.h"
#include "support/versions.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { PATTERNS = 3000 };

static const uint32_t OUT = PRUNE_BLOB_OUTPUT;

/* A blob is little-endian; a machine of the other order refuses it. */
static int32_t runs_here(void)
{
    const uint32_t one = 1;
    return *(const unsigned char *)&one == 1;
}

static prune_c_options named(const char *prefix)
{
    prune_c_options options;
    prune_c_options_init(&options);
    options.prefix = prefix;
    return options;
}

static prune_status write_to(bytes_file *file, const blobs *blob, int32_t source,
                             const prune_c_options *options, prune_error *error)
{
    const prune_writer writer = bytes_writer(file);
    return source ? prune_c_export_source(&writer, NULL, blob->words, blob->count * 4, options, error)
                  : prune_c_export_header(&writer, blob->words, blob->count * 4, options, error);
}

/* What is written, as a string; free() ends it. */
static char *text_of(const blobs *blob, int32_t source, const prune_c_options *options)
{
    bytes_file file = { 0 };
    ck_assert_ok(write_to(&file, blob, source, options, NULL));
    char *text = malloc(file.length + 1);
    ck_assert_ptr_nonnull(text);
    memcpy(text, file.at, file.length);
    text[file.length] = '\0';
    bytes_end(&file);
    return text;
}

static int32_t has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* One dense layer of these weights, one row, bias 0. */
static void one_row(blobs *blob, const float *w, size_t inputs)
{
    static const float bias[1] = { 0.0f };
    const blobs_layer layer = { PRUNE_BLOB_DENSE, 1, inputs, w, bias, -INFINITY, OUT };
    blobs_start(blob, inputs);
    blobs_add(blob, &layer);
    blobs_finish(blob, 0);
}

static void make_net(blobs *blob)
{
    static blobs_drawn d[3];
    float y[BLOBS_NET_O];
    blobs_net(blob, d, y);
}

/* ---- what is written ---- */

START_TEST(a_header_has_the_sizes_and_the_names)
{
    static blobs blob;
    const prune_c_options options = named("net_7");
    make_net(&blob);
    char *text = text_of(&blob, 0, &options);
    ck_assert(has(text, "#ifndef NET_7_H\n#define NET_7_H\n"));
    ck_assert(has(text, "#define NET_7_INPUTS 11\n"));
    ck_assert(has(text, "#define NET_7_OUTPUTS 3\n"));
    ck_assert(has(text, "#define NET_7_SCRATCH 60 "));
    ck_assert(has(text, "#define NET_7_SAMPLES 2\n"));
    ck_assert(has(text, "void net_7_run(float *y, const float *x, void *scratch);\n"));
    ck_assert(has(text, "int32_t net_7_selftest(float *y, void *scratch);\n"));
    free(text);
    text = text_of(&blob, 0, NULL);
    ck_assert(has(text, "MODEL_INPUTS 11\n") && has(text, "void model_run(float"));
    free(text);
}
END_TEST

START_TEST(results_of_the_self_test_have_names)
{
    static blobs blob;
    const prune_c_options options = named("net");
    make_net(&blob);
    char *text = text_of(&blob, 0, &options);
    ck_assert(has(text, "#define NET_SELFTEST_SAME 0\n#define NET_SELFTEST_ROUNDED 1\n"));
    ck_assert(has(text, "#define NET_SELFTEST_WRONG 2\n"));
    ck_assert(!has(text, "quantize")); /* floats all the way */
    free(text);
}
END_TEST

/* Operations of the blob, by what they are called in lists. */
START_TEST(operations_have_names)
{
    ck_assert_str_eq(prune_c_op_name(PRUNE_BLOB_DENSE), "prune_op_dense");
    ck_assert_str_eq(prune_c_op_name(PRUNE_BLOB_ACTIVATION + PRUNE_GELU_TANH), "prune_op_gelu_tanh");
    ck_assert_str_eq(prune_c_op_name(PRUNE_BLOB_LOG_SOFTMAX), "prune_op_log_softmax");
    for (size_t i = 0; prune_blob_ops[i] != NULL; i++)
        ck_assert_ptr_nonnull(prune_c_op_name(prune_blob_ops[i]->id));
    ck_assert_ptr_null(prune_c_op_name(0));
    ck_assert_ptr_null(prune_c_op_name(PRUNE_BLOB_DENSE + 256));
}
END_TEST

START_TEST(a_source_has_the_functions_it_needs_and_no_others)
{
    static blobs blob;
    make_net(&blob); /* blocks, tanh, bitmask, deltas, sigmoid */
    char *text = text_of(&blob, 1, NULL);
    ck_assert(has(text, "#include \"model.h\"\n") && !has(text, "libprune/"));
    ck_assert(has(text, "static float prune_tanhf(float x)"));
    ck_assert(has(text, "prn_run_blocks_run(at + 0, x, "));
    ck_assert(!has(text, "prune_logf") && !has(text, "prn_run_dense_run") && !has(text, "prn_run_softmax"));
    free(text);
}
END_TEST

START_TEST(against_the_runtime_it_names_operations)
{
    static blobs blob;
    prune_c_options options = named("net");
    options.runtime = "libprune/blob.h";
    make_net(&blob);
    char *text = text_of(&blob, 1, &options);
    ck_assert(has(text, "#include \"libprune/blob.h\"\n"));
    ck_assert(has(text, "prune_op_blocks.run(at + 0, x, "));
    ck_assert(!has(text, "prune_tanhf") && !has(text, "typedef") && !has(text, "prune_op_dense"));
    free(text);
}
END_TEST

START_TEST(the_same_arguments_give_the_same_bytes)
{
    static blobs blob;
    make_net(&blob);
    for (int32_t source = 0; source < 2; source++) {
        char *a = text_of(&blob, source, NULL), *b = text_of(&blob, source, NULL);
        ck_assert_str_eq(a, b);
        for (const char *c = a; *c != '\0'; c++)
            ck_assert((*c >= ' ' && *c < 127) || *c == '\n');
        free(a);
        free(b);
    }
}
END_TEST

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "-0x1.8p-3f" and what follows: strtof() would want the locale's comma. */
static const char *read_float(float *value, const char *c)
{
    const int minus = *c == '-';
    c += minus;
    ck_assert(c[0] == '0' && c[1] == 'x');
    double size = hex_digit(c[2]), place = 1.0 / 16;
    c += 3;
    c += *c == '.';
    for (; hex_digit(*c) >= 0; c++, place /= 16)
        size += place * hex_digit(*c);
    ck_assert(*c == 'p');
    char *end;
    const long exponent = strtol(c + 1, &end, 10);
    ck_assert(*end == 'f');
    *value = (float)ldexp(minus ? -size : size, (int)exponent);
    return end + 1;
}

static void check_floats(const blobs *blob, const float *w, size_t count)
{
    char *text = text_of(blob, 1, NULL);
    float value;
    const char *c = strstr(text, "prn_layer_0 = {");
    ck_assert_ptr_nonnull(c);
    c = read_float(&value, strstr(c, "    {\n        ") + 14); /* the bias */
    for (size_t i = 0; i < count; i++) {
        c += strspn(c, ", \n");
        c = read_float(&value, c);
        ck_assert_mem_eq(&value, &w[i], sizeof value);
    }
    ck_assert(strncmp(c, "\n    }\n};", 9) == 0);
    free(text);
}

START_TEST(floats_are_exact)
{
    static const float special[] = { 0.0f,      -0.0f,       1.0f,    -1.0f,    0.1f,         1.0f / 3.0f,
                                     FLT_MIN,   1e-7f,       -1e-45f, 1e-40f,   -FLT_MIN / 2, FLT_MAX / 100,
                                     0x1.8p-3f, 16777215.0f, 1.5e-5f, 65536.0f, FLT_EPSILON };
    static blobs blob;
    static float w[PATTERNS];
    prune_rng rng;
    prune_rng_seed(&rng, 9);
    one_row(&blob, special, sizeof special / sizeof special[0]);
    check_floats(&blob, special, sizeof special / sizeof special[0]);
    for (size_t i = 0; i < PATTERNS; i++) {
        const uint32_t bits = prune_rng_next(&rng);
        memcpy(&w[i], &bits, sizeof bits);
        w[i] = fabsf(w[i]) < 1e34f ? w[i] : 1.0f; /* so that the outputs are numbers; NaN too */
    }
    one_row(&blob, w, PATTERNS);
    check_floats(&blob, w, PATTERNS);
}
END_TEST

START_TEST(samples_of_the_callers_own)
{
    static const float w[2] = { 2.0f, 0.5f },
                       samples[3][2] = { { 1.0f, 2.0f }, { -1.0f, 0.25f }, { 0.0f, 8.0f } };
    static blobs blob;
    prune_c_options options = named("net");
    options.samples = samples;
    options.sample_count = 3;
    one_row(&blob, w, 2);
    char *text = text_of(&blob, 1, &options);
    ck_assert(has(text, "0x1p0f, 0x1p1f\n") && has(text, "-0x1p0f, 0x1p-2f\n") &&
              has(text, "0x0p0f, 0x1p3f\n"));
    const char *wanted = strstr(text, "prn_wanted[NET_SAMPLES]");
    ck_assert_ptr_nonnull(wanted);
    ck_assert(has(wanted, "0x1.8p1f\n") && has(wanted, "-0x1.ep0f\n") && has(wanted, "0x1p2f\n"));
    free(text);
}
END_TEST

/* ---- what is refused ---- */

static void refused(const blobs *blob, const prune_c_options *options, prune_status expected,
                    const char *place)
{
    for (int32_t source = 0; source < 2; source++) {
        bytes_file file = { 0 };
        prune_error error = { .place = "nothing" };
        ck_assert_status(write_to(&file, blob, source, options, &error), expected);
        ck_assert_str_eq(error.place, place);
        ck_assert_uint_eq(file.calls, 0);
        ck_assert_status(write_to(&file, blob, source, options, NULL), expected);
    }
}

START_TEST(bad_options_are_refused)
{
    static const char *const bad[] = { "",
                                       "7net",
                                       "_net",
                                       "ne__t",
                                       "net_",
                                       "n-t",
                                       "n t",
                                       "net.c",
                                       "prune_x",
                                       "prn",
                                       "PRN_X",
                                       "Prune\xc3\xa9",
                                       "stdint",
                                       "Float",
                                       "stdnoreturn",
                                       "features",
                                       "a23456789_123456789_123456789_123456789_1" };
    static const char *const good[] = {
        "n", "Net7", "int", "a_b_c", "floats", "std", "a23456789_123456789_123456789_1234567890"
    };
    static const char *const files[] = { "", "a\"b", "a\\b", "a\nb" };
    static blobs blob;
    make_net(&blob);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const prune_c_options options = named(bad[i]);
        refused(&blob, &options, PRUNE_E_ARGUMENT, "options.prefix");
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        const prune_c_options options = named(good[i]);
        free(text_of(&blob, 1, &options));
    }
    prune_c_options options = named("net");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        options.runtime = files[i];
        refused(&blob, &options, PRUNE_E_ARGUMENT, "options.runtime");
    }
    options = named("net");
    options.sample_count = 0;
    refused(&blob, &options, PRUNE_E_RANGE, "options.sample_count");
    options.sample_count = 65536;
    refused(&blob, &options, PRUNE_E_RANGE, "options.sample_count");
    options.size++;
    refused(&blob, &options, PRUNE_E_VERSION, "options");
}
END_TEST

START_TEST(bad_blobs_are_refused)
{
    static const float w[2] = { 1.0f, NAN };
    static blobs blob;
    const prune_writer none = { NULL, NULL };
    make_net(&blob);
    blob.words[blob.count - 2] ^= 1;
    refused(&blob, NULL, PRUNE_E_CHECKSUM, "blob");
    one_row(&blob, w, 2);
    refused(&blob, NULL, PRUNE_E_NONFINITE, "layer 0 of the blob");
    ck_assert_status(prune_c_export_header(NULL, blob.words, 4 * blob.count, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_c_export_header(&none, blob.words, 4 * blob.count, NULL, NULL), PRUNE_E_ARGUMENT);
    bytes_file file = { 0 };
    const prune_writer writer = bytes_writer(&file);
    ck_assert_status(prune_c_export_source(&writer, NULL, NULL, 100, NULL, NULL), PRUNE_E_ARGUMENT);
    prune_error error;
    ck_assert_status(
        prune_c_export_source(&writer, NULL, (char *)blob.words + 2, 4 * blob.count, NULL, &error),
        PRUNE_E_ARGUMENT);
    ck_assert_str_eq(error.place, "blob");
    ck_assert_str_eq(error.reason, "it is not aligned to 4");
    ck_assert_status(prune_c_export_source(&writer, NULL, blob.words, 8, NULL, NULL), PRUNE_E_TRUNCATED);
    ck_assert_uint_eq(file.calls, 0);
}
END_TEST

START_TEST(a_model_without_inputs_is_refused)
{
    static blobs blob;
    one_row(&blob, NULL, 0);
    refused(&blob, NULL, PRUNE_E_UNSUPPORTED, "blob");
}
END_TEST

/* They become macros, which no C could hold. */
START_TEST(what_is_no_scale_or_zero_is_refused)
{
    static const float scales[] = { 0.0f, -1.0f, INFINITY, NAN };
    static const int32_t zeros[] = { -129, 128, INT32_MIN };
    static blobs blob;
    prune_blob_header *h = blobs_header(&blob);
    for (size_t n = 0; n < 14; n++) {
        blobs8_start(&blob, 4);
        blobs8_finish(&blob, 4, 8);
        float *scale = n % 2 == 0 ? &h->input_scale : &h->output_scale;
        int32_t *zero = n % 2 == 0 ? &h->input_zero : &h->output_zero;
        if (n < 8)
            *scale = scales[n / 2];
        else
            *zero = zeros[n / 2 - 4];
        blobs_sign(blob.words, blob.count * 4);
        refused(&blob, NULL, PRUNE_E_FORMAT, "blob");
    }
    one_row(&blob, scales + 1, 1); /* between floats they mean nothing */
    h->input_scale = h->output_scale = NAN;
    blobs_sign(blob.words, blob.count * 4);
    free(text_of(&blob, 0, NULL));
}
END_TEST

START_TEST(samples_that_are_no_numbers_are_refused)
{
    static const float w[2] = { FLT_MAX, 1.0f },
                       samples[3][2] = { { 1.0f, 0.0f }, { 3.0f, 0.0f }, { NAN, 0.0f } };
    static blobs blob;
    prune_c_options options = named("net");
    prune_error error;
    bytes_file file = { 0 };
    options.samples = samples;
    options.sample_count = 3;
    one_row(&blob, w, 2);
    ck_assert_status(write_to(&file, &blob, 1, &options, &error), PRUNE_E_NONFINITE);
    ck_assert_str_eq(error.place, "options.samples[1]"); /* its output is infinite */
    options.samples = samples[2];
    options.sample_count = 1;
    ck_assert_status(write_to(&file, &blob, 1, &options, &error), PRUNE_E_NONFINITE);
    ck_assert_str_eq(error.place, "options.samples[0]");
    ck_assert_uint_eq(file.calls, 0);
}
END_TEST

START_TEST(a_writer_that_fails_ends_it)
{
    static blobs blob;
    make_net(&blob);
    for (int32_t source = 0; source < 2; source++) {
        bytes_file whole = { 0 };
        ck_assert_ok(write_to(&whole, &blob, source, NULL, NULL));
        ck_assert_uint_ge(whole.calls, 2);
        for (size_t call = 1; call <= whole.calls; call++) {
            bytes_file file = { .fail_call = call, .refusal = PRUNE_E_SPACE };
            ck_assert_status(write_to(&file, &blob, source, NULL, NULL), PRUNE_E_SPACE);
            ck_assert_uint_eq(file.calls, call);
            bytes_end(&file);
        }
        bytes_end(&whole);
    }
}
END_TEST

START_TEST(a_refused_allocation_is_survived)
{
    static blobs blob;
    heap h = { 0 };
    bytes_file file = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    const prune_writer writer = bytes_writer(&file);
    make_net(&blob);
    heap_refuse_once(&h, 1);
    ck_assert_status(prune_c_export_source(&writer, &mem, blob.words, blob.count * 4, NULL, NULL),
                     PRUNE_E_MEMORY);
    ck_assert(file.calls == 0 && heap_is_clean(&h));
    ck_assert_ok(prune_c_export_source(&writer, &mem, blob.words, blob.count * 4, NULL, NULL));
    ck_assert(heap_is_clean(&h));
    bytes_end(&file);
}
END_TEST

static blobs shared;

static prune_status with_options(prune_model *model, void *given)
{
    (void)model;
    bytes_file file = { 0 };
    const prune_status status = write_to(&file, &shared, 0, given, NULL);
    bytes_end(&file);
    return status;
}

START_TEST(structs_of_other_versions)
{
    const prune_c_options options = named("net");
    const version_case c = { "options", with_options, &options, sizeof options, sizeof(void *) };
    const size_t widths[] = { 2, 2 };
    prune_model *model = world_model(NULL, widths, 1, PRUNE_RELU, 1);
    make_net(&shared);
    versions_size(&c, model);
    versions_shorter(&c, model);
    versions_longer(&c, model);
    versions_without_room(&c, model);
    prune_model_free(model);
}
END_TEST

START_TEST(only_little_endian_machines_export)
{
    static blobs blob;
    bytes_file file = { 0 };
    prune_model *model;
    prune_blob_info info;
    prune_blob_info_init(&info);
    ck_assert_ok(prune_model_create(&model, NULL, 2));
    ck_assert_ok(prune_model_add_dense(model, 1, PRUNE_RELU));
    ck_assert_ok(prune_blob_measure(&info, NULL, model, NULL, NULL));
    ck_assert_ok(prune_blob_export(blob.words, info.bytes, NULL, model, NULL, NULL));
    blob.count = info.bytes / 4;
    ck_assert_status(write_to(&file, &blob, 1, NULL, NULL), runs_here() ? PRUNE_OK : PRUNE_E_FORMAT);
    bytes_end(&file);
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        only_little_endian_machines_export,
        a_header_has_the_sizes_and_the_names,
        results_of_the_self_test_have_names,
        operations_have_names,
        a_source_has_the_functions_it_needs_and_no_others,
        against_the_runtime_it_names_operations,
        the_same_arguments_give_the_same_bytes,
        floats_are_exact,
        samples_of_the_callers_own,
        bad_options_are_refused,
        bad_blobs_are_refused,
        a_model_without_inputs_is_refused,
        what_is_no_scale_or_zero_is_refused,
        samples_that_are_no_numbers_are_refused,
        a_writer_that_fails_ends_it,
        a_refused_allocation_is_survived,
        structs_of_other_versions,
    };
    return run_tests("c_export", tests, sizeof tests / sizeof tests[0]);
}
