/* quantize_use_test.c -- models as blobs of int8: ranges, encodings that are chosen, what is refused
 *
 * SPDX-License-Identifier: MIT */
#include "support/calibrated.h"
#include "support/heap.h"
#include "support/stack.h"
#include "support/versions.h"

#include <math.h>
#include <string.h>

/* ---- ranges ---- */

static double range_of(const world *w, int32_t range, float percentile)
{
    prune_model *model;
    prune_quantize_options options = usual_options();
    options.range = range;
    options.percentile = percentile;
    ck_assert_ok(prune_model_create(&model, NULL, w->inputs));
    ck_assert_ok(prune_model_add_dense(model, 1, PRUNE_LINEAR));
    prune_quantized *q = quantize(model, w, &options);
    const prune_blob_header *h = prune_quantized_blob(q);
    const double scale = (double)h->input_scale;
    prune_quantized_free(q);
    prune_model_free(model);
    return 255.0 * scale;
}

/* Numbers spread evenly over -1 .. 1, and one of 100. */
START_TEST(outliers_are_left_out)
{
    static world w;
    make_world(&w, 30, 9);
    w.x[77] = 100.0f;
    const double all = range_of(&w, PRUNE_RANGE_MINMAX, 1.0f),
                 part = range_of(&w, PRUNE_RANGE_PERCENTILE, 0.999f);
    const double best = range_of(&w, PRUNE_RANGE_MSE, 1.0f);
    ck_assert(all > 100.9 && all < 101.1);
    ck_assert(range_of(&w, PRUNE_RANGE_PERCENTILE, 1.0f) == all);
    ck_assert(part > 1.9 && part < 2.2); /* to a bin */
    ck_assert(best > 2.0 && best < all);
    w.x[77] = 0.0f;
    ck_assert(range_of(&w, PRUNE_RANGE_MSE, 1.0f) > 1.9); /* nothing to leave out */
    for (size_t i = 0; i < SAMPLES * 30; i++)
        w.x[i] = 0.0f;
    ck_assert(range_of(&w, PRUNE_RANGE_MSE, 1.0f) > 0.0);
    prune_tensor_free(w.tensor);
}
END_TEST

/* -1 to 1, evenly; the second time every tenth is far below that, as of samples that are drawn anew. */
static prune_status read_anew(void *user, const size_t *samples, size_t count, float *inputs, void *targets)
{
    size_t *reads = user;
    (void)targets;
    for (size_t i = 0; i < count; i++)
        inputs[i] = *reads >= SAMPLES && samples[i] % 10 == 0 ? -3.0f : (float)samples[i] / 99.5f - 1.0f;
    *reads += count;
    return PRUNE_OK;
}

/* What lies outside the range by then counts at the end that it is beyond. */
START_TEST(samples_may_differ_when_they_are_read_again)
{
    size_t reads = 0;
    prune_source source;
    prune_data data;
    prune_model *model;
    prune_quantized *q;
    prune_quantize_options options = usual_options();
    options.range = PRUNE_RANGE_PERCENTILE;
    options.percentile = 0.9f;
    prune_source_init(&source);
    prune_data_init(&data);
    source.samples = SAMPLES;
    source.inputs = 1;
    source.read = read_anew;
    source.user = &reads;
    data.source = &source;
    ck_assert_ok(prune_model_create(&model, NULL, 1));
    ck_assert_ok(prune_model_add_dense(model, 1, PRUNE_LINEAR));
    ck_assert_ok(prune_quantize(&q, NULL, model, &data, &options, NULL));
    const prune_blob_header *h = prune_quantized_blob(q);
    const float low = h->input_scale * (float)(-128 - h->input_zero), high = low + 255.0f * h->input_scale;
    ck_assert_uint_eq(reads, 2 * SAMPLES);
    ck_assert(low < -0.99f && high > 0.85f && high < 0.95f);
    prune_quantized_free(q);
    prune_model_free(model);
}
END_TEST

/* ---- what is chosen ---- */

static prune_blob_info measured(const prune_model *model, const world *w, int32_t choice, int32_t named)
{
    prune_quantize_options options = usual_options();
    options.choice = choice;
    options.encodings = &named;
    options.encoding_count = 1;
    prune_quantized *q = quantize(model, w, &options);
    const prune_blob_info info = info_of(q);
    prune_quantized_free(q);
    return info;
}

START_TEST(the_best_is_chosen_and_never_one_larger_than_dense)
{
    static world w;
    static drawn d;
    size_t blocks = 0, kept_dense = 0;
    prune_rng rng;
    prune_rng_seed(&rng, 3);
    make_world(&w, 40, 10);
    for (size_t n = 0; n <= 20; n++) {
        draw(&d, 20, 40, &rng);
        for (size_t i = 0; i < 800; i++)
            d.w[i] = i / 4 * 7 % 20 < n ? blobs_uniform(&rng) : 0.0f;
        prune_model *model = model_of(&d, PRUNE_RELU);
        const prune_blob_info whole = measured(model, &w, 0, PRUNE_BLOB_DENSE8);
        const prune_blob_info sparse = measured(model, &w, 0, PRUNE_BLOB_BLOCKS8);
        const prune_blob_info small = measured(model, &w, PRUNE_BLOB_BY_BYTES, 0);
        const prune_blob_info fast = measured(model, &w, PRUNE_BLOB_BY_INSTRUCTIONS, 0);
        ck_assert_uint_eq(small.bytes, whole.bytes < sparse.bytes ? whole.bytes : sparse.bytes);
        ck_assert_uint_eq(fast.instructions,
                          sparse.instructions < whole.instructions && sparse.bytes <= whole.bytes
                              ? sparse.instructions
                              : whole.instructions);
        blocks += small.bytes == sparse.bytes;
        kept_dense += whole.bytes < sparse.bytes;
        prune_model_free(model);
    }
    ck_assert(blocks > 3 && kept_dense > 1);
    prune_tensor_free(w.tensor);
}
END_TEST

enum { FAR = 2500 };

/* The same outputs as of all weights w[rows][FAR]. Returns the bytes of the blob of blocks. */
static size_t bytes_of_blocks(const float *w, size_t rows)
{
    static float x[3 * FAR];
    static int8_t in[FAR];
    static uint32_t scratch[FAR];
    int8_t y[2][8];
    size_t bytes = 0;
    prune_model *model;
    world far = { .inputs = FAR };
    for (size_t i = 0; i < 3 * FAR; i++)
        x[i] = (float)(i % 21) - 10.0f;
    prune_data_init(&far.data);
    ck_assert_ok(prune_tensor_matrix(&far.tensor, NULL, PRUNE_F32, 3, FAR, x));
    far.data.inputs = far.tensor;
    ck_assert_ok(prune_model_create(&model, NULL, FAR));
    ck_assert_ok(prune_model_add_dense(model, rows, PRUNE_LINEAR));
    ck_assert_ok(prune_model_set_param(model, 0, w, rows * FAR));
    for (int32_t n = 0; n < 2; n++) {
        const int32_t op = n == 0 ? PRUNE_BLOB_DENSE8 : PRUNE_BLOB_BLOCKS8;
        prune_quantize_options options = usual_options();
        options.encodings = &op;
        options.encoding_count = 1;
        prune_quantized *q = quantize(model, &far, &options);
        const void *blob = prune_quantized_blob(q);
        bytes = info_of(q).bytes;
        ck_assert_ok(prune_blob_quantize(in, blob, x + FAR));
        if (runs_here())
            ck_assert_ok(prune_blob_run(blob, prune_blob_ops, y[n], in, scratch, sizeof scratch));
        prune_quantized_free(q);
    }
    ck_assert(!runs_here() || memcmp(y[0], y[1], rows) == 0);
    prune_tensor_free(far.tensor);
    prune_model_free(model);
    return bytes;
}

/* Gaps of more than 255 fours are bridged. */
START_TEST(blocks_lie_far_apart)
{
    static float w[4 * FAR];
    static const size_t places[] = { 0, 255 * 4, 256 * 4 + 1, 511 * 4, 512 * 4, FAR - 1 };
    for (size_t row = 0; row < 4; row++)
        for (size_t i = row; i < 6; i++)
            w[row * FAR + places[i]] = (float)(i + 1);
    bytes_of_blocks(w, 4);
}
END_TEST

/* And rows of more than 254 have another byte for their number. */
START_TEST(rows_of_any_number_of_blocks_are_written)
{
    enum { ROWS = 8, LAYER = sizeof(prune_blob_layer) / 4 };
    static float w[ROWS * FAR];
    static const size_t numbers[ROWS] = { 511, 0, 1, 510, 254, 255, 256, FAR / 4 };
    size_t bytes = 0, words = sizeof(prune_blob_header) / 4 + 3 * LAYER + 1; /* around the data */
    words += 2 + ROWS + 1 + ROWS;
    for (size_t row = 0; row < ROWS; row++) {
        for (size_t i = 0; i < 4 * numbers[row]; i++)
            w[row * FAR + i] = (float)(i * 7 % 13 + row) - 6.5f;
        words += numbers[row];
        bytes += 1 + numbers[row] + numbers[row] / 255;
    }
    ck_assert_uint_eq(bytes_of_blocks(w, ROWS), 4 * (words + (bytes + 3) / 4));
}
END_TEST

/* Of what cancels out there is no range to speak of: a step stays 4 units of the products. */
START_TEST(a_range_is_no_finer_than_its_products)
{
    static world w;
    static const float weights[] = { 1.0f, -0.999f };
    prune_model *model;
    make_world(&w, 2, 12);
    for (size_t i = 0; i < SAMPLES; i++)
        w.x[2 * i + 1] = w.x[2 * i] = fabsf(w.x[2 * i]);
    ck_assert_ok(prune_model_create(&model, NULL, 2));
    ck_assert_ok(prune_model_add_dense(model, 1, PRUNE_LINEAR));
    ck_assert_ok(prune_model_set_param(model, 0, weights, 2));
    prune_quantized *q = quantize(model, &w, NULL);
    const prune_blob_header *h = prune_quantized_blob(q);
    const double unit = (double)h->input_scale / 127.0;
    ck_assert((double)h->output_scale > 3.9999 * unit && (double)h->output_scale < 4.001 * unit);
    prune_quantized_free(q);
    prune_tensor_free(w.tensor);
    prune_model_free(model);
}
END_TEST

/* ---- what is refused ---- */

static world *small_world(void)
{
    static world w;
    if (w.tensor == NULL)
        make_world(&w, 5, 11);
    return &w;
}

static prune_model *small_model(void)
{
    static const stack_step steps[STACK_LAYERS] = {
        { D, 4, PRUNE_LINEAR, 0, 0 }, { B, 0, 0, 0.1f, 1e-5f }, { D, 3, PRUNE_TANH, 0, 0 }, { S, 0, 0, 0, 0 }
    };
    return stack_model(NULL, 5, steps, 3);
}

static void refused(prune_status expected, const prune_model *model, const prune_quantize_options *options,
                    const char *place)
{
    prune_error error = { 0 };
    prune_quantized *q = (prune_quantized *)(void *)&error;
    ck_assert_status(prune_quantize(&q, NULL, model, &small_world()->data, options, &error), expected);
    ck_assert_ptr_null(q);
    ck_assert_str_eq(error.place, place);
}

START_TEST(bad_options_are_refused)
{
    const int32_t named[] = { 0, PRUNE_BLOB_BLOCKS8, 0 }, wrong = PRUNE_BLOB_DENSE;
    const prune_backend nothing = { 0 };
    prune_model *model = small_model();
    for (int n = 0; n < 10; n++) {
        static const char *const places[] = { "options.range",        "options.range",
                                              "options.percentile",   "options.percentile",
                                              "options.per_layer",    "options.choice",
                                              "options.encodings",    "options.encodings",
                                              "options.encodings[0]", "options.backend" };
        prune_quantize_options options = usual_options();
        options.range = n == 0 ? -1 : n == 1 ? 3 : options.range;
        options.percentile = n == 2 ? 0.5f : n == 3 ? 1.01f : options.percentile;
        options.per_layer = n == 4 ? 2 : 0;
        options.choice = n == 5 ? 2 : 0;
        options.encoding_count = n == 6 ? 1 : n == 7 ? 3 : n == 8 ? 1 : 0;
        options.encodings = n == 7 ? named : n == 8 ? &wrong : NULL;
        options.backend = n == 9 ? &nothing : NULL;
        refused(n == 2 || n == 3 ? PRUNE_E_RANGE
                : n == 7         ? PRUNE_E_SHAPE
                                 : PRUNE_E_ARGUMENT,
                model, &options, places[n]);
    }
    prune_quantize_options options = usual_options();
    options.percentile = NAN;
    refused(PRUNE_E_RANGE, model, &options, "options.percentile");
    prune_model_free(model);
}
END_TEST

START_TEST(bad_arguments_and_data_are_refused)
{
    world *w = small_world();
    prune_model *model = small_model(), *empty;
    prune_quantized *q = NULL;
    prune_error error;
    prune_blob_info info;
    prune_blob_info_init(&info);
    ck_assert_ok(prune_model_create(&empty, NULL, 5));
    ck_assert_status(prune_quantize(NULL, NULL, model, &w->data, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_quantize(&q, NULL, NULL, &w->data, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_quantize(&q, NULL, model, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_quantize(&q, NULL, empty, &w->data, NULL, NULL), PRUNE_E_NO_LAYERS);
    w->x[13] = NAN;
    ck_assert_status(prune_quantize(&q, NULL, model, &w->data, NULL, &error), PRUNE_E_NONFINITE);
    ck_assert_str_eq(error.place, "inputs[2][3]");
    w->x[13] = 3e38f;
    ck_assert_ok(prune_model_set_param(model, 0, (float[20]){ 3e38f, 3e38f, 3e38f, 3e38f, 3e38f }, 20));
    ck_assert_status(prune_quantize(&q, NULL, model, &w->data, NULL, &error), PRUNE_E_NONFINITE);
    ck_assert_str_eq(error.place, "layer 0");
    w->x[13] = 0.0f;
    ck_assert_ptr_null(q);
    ck_assert_ptr_null(prune_quantized_blob(NULL));
    ck_assert_status(prune_quantized_info(&info, NULL), PRUNE_E_ARGUMENT);
    prune_quantized_free(NULL);
    prune_model_free(empty);
    prune_model_free(model);
}
END_TEST

/* Named by their place in the model as it was given; behind the last softmax may be what does nothing. */
START_TEST(softmax_in_the_midst_is_refused)
{
    static const stack_step nets[][STACK_LAYERS] = {
        { { S, 0, 0, 0, 0 }, { D, 4, PRUNE_RELU, 0, 0 } },
        { { D, 4, PRUNE_RELU, 0, 0 },
          { O, 0, 0, 0.5f, 0 },
          { L, 0, 0, 0, 0 },
          { O, 0, 0, 0.5f, 0 },
          { S, 0, 0, 0, 0 } },
        { { D, 4, PRUNE_LINEAR, 0, 0 }, { S, 0, 0, 0, 0 }, { B, 0, 0, 0.1f, 1e-5f } },
        { { D, 4, PRUNE_RELU, 0, 0 }, { S, 0, 0, 0, 0 }, { O, 0, 0, 0.5f, 0 }, { A, 0, PRUNE_LINEAR, 0, 0 } },
    };
    static const char *const places[] = { "layer 0", "layer 2", "layer 1", NULL };
    for (size_t n = 0; n < 4; n++) {
        prune_model *model = stack_model(NULL, 5, nets[n], n);
        if (places[n] != NULL)
            refused(PRUNE_E_UNSUPPORTED, model, NULL, places[n]);
        else
            prune_quantized_free(quantize(model, small_world(), NULL));
        prune_model_free(model);
    }
}
END_TEST

START_TEST(a_layer_too_wide_is_named)
{
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, 5));
    ck_assert_ok(prune_model_add_dense(model, 3, PRUNE_RELU));
    ck_assert_ok(prune_model_add_dense(model, 65533, PRUNE_RELU));
    refused(PRUNE_E_LIMIT, model, NULL, "layer 1");
    prune_model_free(model);
}
END_TEST

static prune_status with_options(prune_model *model, void *given)
{
    prune_quantized *q;
    const prune_status status = prune_quantize(&q, NULL, model, &small_world()->data, given, NULL);
    prune_quantized_free(q);
    return status;
}

static prune_status with_info(prune_model *model, void *given)
{
    prune_quantized *q;
    ck_assert_ok(prune_quantize(&q, NULL, model, &small_world()->data, NULL, NULL));
    const prune_status status = prune_quantized_info(given, q);
    prune_quantized_free(q);
    return status;
}

START_TEST(structs_of_other_versions)
{
    const prune_quantize_options options = usual_options();
    prune_blob_info info;
    prune_blob_info_init(&info);
    const version_case cases[] = {
        { "options", with_options, &options, sizeof options, sizeof(void *) },
        { "info", with_info, &info, sizeof info, sizeof(void *) },
    };
    prune_model *model = small_model();
    for (size_t i = 0; i < 2; i++) {
        versions_size(&cases[i], model);
        versions_shorter(&cases[i], model);
        versions_longer(&cases[i], model);
        versions_without_room(&cases[i], model);
    }
    prune_model_free(model);
}
END_TEST

START_TEST(every_refused_allocation_is_survived)
{
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_model *model = small_model();
    prune_status status = PRUNE_E_MEMORY;
    size_t tries = 0;
    for (; status == PRUNE_E_MEMORY; tries++) {
        prune_error error;
        prune_quantized *q;
        heap_refuse_once(&h, tries + 1);
        status = prune_quantize(&q, &mem, model, &small_world()->data, NULL, &error);
        ck_assert_msg(status == PRUNE_OK || status == PRUNE_E_MEMORY, "%d at %s", (int)status, error.place);
        ck_assert((q != NULL) == (status == PRUNE_OK));
        prune_quantized_free(q);
        ck_assert(heap_is_clean(&h));
    }
    ck_assert_uint_gt(tries, 6);
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        outliers_are_left_out,
        samples_may_differ_when_they_are_read_again,
        the_best_is_chosen_and_never_one_larger_than_dense,
        blocks_lie_far_apart,
        rows_of_any_number_of_blocks_are_written,
        a_range_is_no_finer_than_its_products,
        bad_options_are_refused,
        bad_arguments_and_data_are_refused,
        softmax_in_the_midst_is_refused,
        a_layer_too_wide_is_named,
        structs_of_other_versions,
        every_refused_allocation_is_survived,
    };
    return run_tests("quantize_use", tests, sizeof tests / sizeof tests[0]);
}
