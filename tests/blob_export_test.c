/* blob_export_test.c -- models as blobs: what they compute, how they are coded, what is chosen and refused
 *
 * SPDX-License-Identifier: MIT */
#include "support/blobs.h"
#include "support/heap.h"
#include "support/nets.h"
#include "support/versions.h"

#include <math.h>
#include <string.h>

enum { CODES = PRUNE_BLOB_BITMASK, NETS = 300 };

static const uint32_t OUT = PRUNE_BLOB_OUTPUT;

/* A blob is little-endian; a machine of the other order refuses it. */
static int32_t runs_here(void)
{
    const uint32_t one = 1;
    return *(const unsigned char *)&one == 1;
}

static prune_blob_options usual(void)
{
    prune_blob_options options;
    prune_blob_options_init(&options);
    return options;
}

/* The bytes; free() ends them. */
static uint32_t *export(prune_blob_info *info, const prune_model *model, const prune_blob_options *options)
{
    prune_blob_info_init(info);
    ck_assert_ok(prune_blob_measure(info, NULL, model, options, NULL));
    uint32_t *bytes = malloc(info->bytes + 4);
    ck_assert_ptr_nonnull(bytes);
    bytes[info->bytes / 4] = 12345;
    ck_assert_ok(prune_blob_export(bytes, info->bytes, NULL, model, options, NULL));
    ck_assert_uint_eq(bytes[info->bytes / 4], 12345);
    ck_assert_status(prune_blob_check(bytes, info->bytes, prune_blob_ops),
                     runs_here() ? PRUNE_OK : PRUNE_E_FORMAT);
    return bytes;
}

/* y of one sample, in exactly the scratch that is told. */
static void run(float *y, const uint32_t *blob, const prune_blob_info *info, const float *x)
{
    void *scratch = malloc(info->scratch + 1);
    ck_assert_ptr_nonnull(scratch);
    ck_assert_uint_eq(prune_blob_scratch(blob), info->scratch);
    ck_assert_ok(prune_blob_run(blob, prune_blob_ops, y, x, scratch, info->scratch));
    free(scratch);
}

/* ---- what they compute ---- */

/* In double, from the formulas. */
static void check_outputs(const prune_model *model, const uint32_t *blob, const prune_blob_info *info,
                          uint64_t seed)
{
    static stack s;
    float x[STACK_WIDTH], y[STACK_WIDTH];
    double h[STACK_WIDTH];
    prune_rng rng;
    prune_rng_seed(&rng, seed);
    stack_read(&s, model, 1, 0);
    for (size_t i = 0; i < prune_model_inputs(model); i++)
        x[i] = blobs_uniform(&rng);
    stack_forward(h, &s, x);
    run(y, blob, info, x);
    for (size_t o = 0; o < prune_model_outputs(model); o++)
        ck_assert_msg(fabs((double)y[o] - h[o]) <= 2e-5 * (1.0 + fabs(h[o])), "net %u: %g, not %g",
                      (unsigned)seed, (double)y[o], h[o]);
}

/* All kinds of layers and activations, and all encodings. */
START_TEST(random_nets_compute_what_the_formulas_say)
{
    for (uint64_t seed = 1; seed <= NETS && runs_here(); seed++) {
        int32_t named[STACK_LAYERS];
        prune_blob_options options = usual();
        prune_blob_info info;
        net n;
        net_make(&n, seed);
        options.encodings = named;
        for (size_t l = 0; l < n.count; l++)
            if (n.steps[l].kind == PRUNE_LAYER_DENSE)
                named[options.encoding_count++] = (int32_t)((seed + l) % (CODES + 1));
        uint32_t *blob = export(&info, n.model, &options);
        check_outputs(n.model, blob, &info, seed);
        free(blob);
        prune_model_free(n.model);
    }
}
END_TEST

/* What nothing can be folded into, one by one and in a row. */
START_TEST(layers_that_stay_by_themselves)
{
    static const stack_step nets[][STACK_LAYERS] = {
        { { O, 0, 0, 0.5f, 0 } },
        { { A, 0, PRUNE_LINEAR, 0, 0 } },
        { { A, 0, PRUNE_RELU, 0, 0 } },
        { { B, 0, 0, 0.1f, 1e-5f } },
        { { B, 0, 0, 0.1f, 1e-5f }, { A, 0, PRUNE_RELU, 0, 0 }, { S, 0, 0, 0, 0 } },
        { { L, 0, 0, 0, 0 } },
        { { A, 0, PRUNE_TANH, 0, 0 },
          { D, 4, PRUNE_RELU, 0, 0 },
          { B, 0, 0, 0.1f, 1e-5f },
          { D, 7, PRUNE_ELU, 0, 0 } },
        { { D, 3, PRUNE_TANH, 0, 0 },
          { S, 0, 0, 0, 0 },
          { D, 5, PRUNE_RELU, 0, 0 },
          { D, 2, PRUNE_GELU, 0, 0 } },
    };
    for (size_t n = 0; n < sizeof nets / sizeof nets[0] && runs_here(); n++) {
        prune_blob_info info;
        prune_model *model = stack_model(NULL, 6, nets[n], n);
        uint32_t *blob = export(&info, model, NULL);
        check_outputs(model, blob, &info, n);
        free(blob);
        prune_model_free(model);
    }
}
END_TEST

/* ---- how they are coded ---- */

/* One dense layer of these weights; those of 0 are removed as often as not. */
static prune_model *model_of(const blobs_drawn *d, int32_t activation)
{
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, d->layer.inputs));
    ck_assert_ok(prune_model_add_dense(model, d->layer.outputs, activation));
    ck_assert_ok(prune_model_set_param(model, 0, d->w, d->layer.outputs * d->layer.inputs));
    ck_assert_ok(prune_model_set_param(model, 1, d->b, d->layer.outputs));
    return model;
}

START_TEST(layers_are_more_than_16_bits_count)
{
    enum { LAYERS = (1 << 16) + 2 };
    prune_model *model;
    prune_blob_info info;
    const float x = 0.75f;
    float y;
    ck_assert_ok(prune_model_create(&model, NULL, 1));
    for (size_t l = 0; l < LAYERS; l++)
        ck_assert_ok(prune_model_add_activation(model, l == LAYERS - 1 ? PRUNE_SIGMOID : PRUNE_RELU));
    uint32_t *blob = export(&info, model, NULL);
    ck_assert_uint_eq(info.layers, LAYERS);
    if (runs_here()) {
        run(&y, blob, &info, &x);
        ck_assert(y == prune_sigmoidf(x));
    }
    free(blob);
    prune_model_free(model);
}
END_TEST

/* Against the tests' own blobs, whose words are in the machine's order; an index has half words. */
static void check_coding(blobs *mine, const blobs_drawn *d, int32_t op)
{
    blobs_layer layer = d->layer;
    prune_blob_options options = usual();
    prune_blob_info info;
    options.encodings = &op;
    options.encoding_count = 1;
    prune_model *model = model_of(d, d->layer.floor == 0.0f ? PRUNE_RELU : PRUNE_LINEAR);
    uint32_t *blob = export(&info, model, &options);
    layer.op = op;
    blobs_start(mine, layer.inputs);
    blobs_add(mine, &layer);
    blobs_finish(mine, 0);
    ck_assert_uint_eq(info.bytes, mine->count * 4);
    ck_assert_uint_eq(info.layers, 1);
    ck_assert_uint_eq(info.scratch, 0);
    if (runs_here())
        ck_assert_mem_eq(blob, mine->words, info.bytes);
    free(blob);
    prune_model_free(model);
}

START_TEST(bytes_are_what_the_header_says)
{
    static const size_t inputs[] = { 1, 3, 4, 32, 33, 63, 64, 65, 128, BLOBS_I };
    static const float densities[] = { 0.0f, 0.02f, 0.3f, 1.0f };
    static blobs mine;
    static blobs_drawn d;
    prune_rng_seed(&d.rng, 5);
    for (size_t outputs = 1; outputs <= BLOBS_O; outputs = outputs < 9 ? outputs + 1 : outputs + 31)
        for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++)
            for (size_t k = 0; k < 4; k++)
                for (int32_t op = 1; op <= CODES; op++) {
                    blobs_draw(&d, outputs, inputs[i], densities[k]);
                    d.layer.floor = k % 2 == 0 ? 0.0f : -INFINITY;
                    d.layer.to = OUT;
                    check_coding(&mine, &d, op);
                }
}
END_TEST

START_TEST(a_bias_of_minus_zero_becomes_zero)
{
    const float w[] = { 0.0f }, b[] = { -0.0f };
    prune_blob_info info;
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, 1));
    ck_assert_ok(prune_model_add_dense(model, 1, PRUNE_LINEAR));
    ck_assert_ok(prune_model_set_param(model, 0, w, 1));
    ck_assert_ok(prune_model_set_param(model, 1, b, 1));
    uint32_t *blob = export(&info, model, NULL);
    ck_assert_uint_eq(blob[(sizeof(prune_blob_header) + sizeof(prune_blob_layer)) / 4], 0);
    free(blob);
    prune_model_free(model);
}
END_TEST

/* ---- what is chosen ---- */

static prune_blob_info measured(const prune_model *model, int32_t choice, int32_t named)
{
    prune_blob_options options = usual();
    prune_blob_info info;
    options.choice = choice;
    options.encodings = &named;
    options.encoding_count = 1;
    prune_blob_info_init(&info);
    ck_assert_ok(prune_blob_measure(&info, NULL, model, &options, NULL));
    return info;
}

START_TEST(the_best_is_chosen_and_never_one_larger_than_dense)
{
    static blobs_drawn d;
    size_t refused = 0, others = 0;
    prune_rng_seed(&d.rng, 6);
    for (size_t n = 0; n < 120; n++) {
        const float density = (float)(n % 12) / 11.0f;
        blobs_draw(&d, 1 + n % 37, 3 + n * 5 % 190, density * density);
        prune_model *model = model_of(&d, PRUNE_LINEAR);
        const prune_blob_info dense = measured(model, 0, PRUNE_BLOB_DENSE);
        const prune_blob_info small = measured(model, PRUNE_BLOB_BY_BYTES, 0);
        const prune_blob_info fast = measured(model, PRUNE_BLOB_BY_INSTRUCTIONS, 0);
        uint64_t least = UINT64_MAX;
        size_t fewest = SIZE_MAX;
        for (int32_t op = 1; op <= CODES; op++) {
            const prune_blob_info info = measured(model, 0, op);
            refused += info.bytes > dense.bytes;
            fewest = info.bytes < fewest ? info.bytes : fewest;
            if (info.bytes <= dense.bytes && info.instructions < least)
                least = info.instructions;
        }
        others += small.bytes != fast.bytes;
        ck_assert_uint_eq(small.bytes, fewest);
        ck_assert_uint_eq(fast.instructions, least);
        ck_assert_uint_le(fast.bytes, dense.bytes);
        prune_model_free(model);
    }
    ck_assert_uint_gt(refused, 0); /* there was something to refuse, and to choose between */
    ck_assert_uint_gt(others, 0);
}
END_TEST

/* ---- what is refused ---- */

static prune_model *small_model(const prune_allocator *mem)
{
    static const stack_step steps[STACK_LAYERS] = { { D, 4, PRUNE_LINEAR, 0, 0 },
                                                    { B, 0, 0, 0.1f, 1e-5f },
                                                    { D, 3, PRUNE_TANH, 0, 0 } };
    return stack_model(mem, 5, steps, 3);
}

START_TEST(bad_arguments_are_refused)
{
    unsigned char bytes[4096] = { 0 }, zeros[4096] = { 0 };
    int32_t named[3] = { 0, 0, 0 };
    prune_error error;
    prune_blob_options options = usual();
    prune_blob_info info;
    prune_model *model = small_model(NULL), *empty;
    prune_blob_info_init(&info);
    ck_assert_ok(prune_model_create(&empty, NULL, 3));
    ck_assert_ok(prune_blob_measure(&info, NULL, model, NULL, NULL));
    const size_t length = info.bytes;

    ck_assert_status(prune_blob_measure(NULL, NULL, model, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_blob_measure(&info, NULL, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_blob_measure(&info, NULL, empty, NULL, NULL), PRUNE_E_NO_LAYERS);
    ck_assert_status(prune_blob_export(NULL, length, NULL, model, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_blob_export(bytes, length, NULL, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_blob_export(bytes, length - 4, NULL, model, NULL, NULL), PRUNE_E_SHAPE);
    ck_assert_status(prune_blob_export(bytes, length + 1, NULL, model, NULL, NULL), PRUNE_E_SHAPE);

    options.choice = 2;
    ck_assert_status(prune_blob_export(bytes, length, NULL, model, &options, &error), PRUNE_E_ARGUMENT);
    ck_assert_str_eq(error.place, "options.choice");
    options = usual();
    options.encoding_count = 1;
    ck_assert_status(prune_blob_export(bytes, length, NULL, model, &options, &error), PRUNE_E_ARGUMENT);
    options.encodings = named;
    named[0] = PRUNE_BLOB_AFFINE;
    ck_assert_status(prune_blob_export(bytes, length, NULL, model, &options, &error), PRUNE_E_ARGUMENT);
    ck_assert_str_eq(error.place, "options.encodings[0]");
    named[0] = 0;
    options.encoding_count = 3;
    ck_assert_status(prune_blob_export(bytes, length, NULL, model, &options, &error), PRUNE_E_SHAPE);
    options = usual();
    options.size = sizeof options + 1;
    ck_assert_status(prune_blob_export(bytes, length, NULL, model, &options, &error), PRUNE_E_VERSION);
    info.size = sizeof info + 1;
    ck_assert_status(prune_blob_measure(&info, NULL, model, NULL, NULL), PRUNE_E_VERSION);
    ck_assert_mem_eq(bytes, zeros, sizeof bytes);
    prune_model_free(model);
    prune_model_free(empty);
}
END_TEST

static prune_status with_options(prune_model *model, void *given)
{
    prune_blob_info info;
    prune_blob_info_init(&info);
    return prune_blob_measure(&info, NULL, model, given, NULL);
}

static prune_status with_info(prune_model *model, void *given)
{
    return prune_blob_measure(given, NULL, model, NULL, NULL);
}

START_TEST(structs_of_other_versions)
{
    const prune_blob_options options = usual();
    prune_blob_info info;
    prune_blob_info_init(&info);
    const version_case cases[] = {
        { "options", with_options, &options, sizeof options, sizeof(void *) },
        { "info", with_info, &info, sizeof info, sizeof(void *) },
    };
    prune_model *model = small_model(NULL);
    for (size_t i = 0; i < 2; i++) {
        versions_size(&cases[i], model);
        versions_shorter(&cases[i], model);
        versions_longer(&cases[i], model);
        versions_without_room(&cases[i], model);
    }
    prune_model_free(model);
}
END_TEST

START_TEST(a_layer_too_wide_is_named)
{
    prune_blob_info info;
    prune_error error;
    prune_model *model;
    prune_blob_info_init(&info);
    ck_assert_ok(prune_model_create(&model, NULL, 2));
    ck_assert_ok(prune_model_add_dense(model, 65535, PRUNE_RELU));
    ck_assert_ok(prune_blob_measure(&info, NULL, model, NULL, &error));
    ck_assert_ok(prune_model_add_dense(model, 1, PRUNE_RELU));
    ck_assert_ok(prune_blob_measure(&info, NULL, model, NULL, &error));
    prune_model_free(model);
    ck_assert_ok(prune_model_create(&model, NULL, 2));
    ck_assert_ok(prune_model_add_dense(model, 3, PRUNE_RELU));
    ck_assert_ok(prune_model_add_dropout(model, 0.5f));
    ck_assert_ok(prune_model_add_dense(model, 65536, PRUNE_RELU));
    ck_assert_status(prune_blob_measure(&info, NULL, model, NULL, &error), PRUNE_E_LIMIT);
    ck_assert_str_eq(error.place, "layer 2");
    prune_model_free(model);
}
END_TEST

START_TEST(every_refused_allocation_is_survived)
{
    unsigned char bytes[4096];
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_blob_info info;
    prune_model *model = small_model(NULL);
    prune_status status = PRUNE_E_MEMORY;
    prune_blob_info_init(&info);
    ck_assert_ok(prune_blob_measure(&info, NULL, model, NULL, NULL));
    size_t tries = 0;
    for (; status == PRUNE_E_MEMORY; tries++) {
        memset(bytes, 7, sizeof bytes);
        heap_refuse_once(&h, tries + 1);
        status = prune_blob_export(bytes, info.bytes, &mem, model, NULL, NULL);
        ck_assert(status == PRUNE_OK || (status == PRUNE_E_MEMORY && bytes[0] == 7));
        ck_assert(heap_is_clean(&h));
    }
    ck_assert_ok(status);
    ck_assert_uint_gt(tries, 3);
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        random_nets_compute_what_the_formulas_say,
        layers_that_stay_by_themselves,
        layers_are_more_than_16_bits_count,
        bytes_are_what_the_header_says,
        a_bias_of_minus_zero_becomes_zero,
        the_best_is_chosen_and_never_one_larger_than_dense,
        bad_arguments_are_refused,
        structs_of_other_versions,
        a_layer_too_wide_is_named,
        every_refused_allocation_is_survived,
    };
    return run_tests("blob_export", tests, sizeof tests / sizeof tests[0]);
}
