/* quantize_test.c -- models as blobs of int8: every integer, what they compute, ranges, what is refused
 *
 * SPDX-License-Identifier: MIT */
#include "support/blobs8.h"
#include "support/heap.h"
#include "support/nets.h"
#include "support/versions.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { SAMPLES = 200, WIDE = 40, NETS = 300 };

/* A blob is little-endian; a machine of the other order refuses it. */
static int32_t runs_here(void)
{
    const uint32_t one = 1;
    return *(const unsigned char *)&one == 1;
}

static prune_quantize_options usual(void)
{
    prune_quantize_options options;
    prune_quantize_options_init(&options);
    return options;
}

/* ---- samples, and what is made of them ---- */

typedef struct world {
    float x[SAMPLES * WIDE];
    size_t inputs;
    prune_tensor *tensor;
    prune_data data;
} world;

static void make_world(world *w, size_t inputs, uint64_t seed)
{
    prune_rng rng;
    prune_rng_seed(&rng, seed);
    w->inputs = inputs;
    for (size_t i = 0; i < SAMPLES * inputs; i++)
        w->x[i] = blobs_uniform(&rng);
    ck_assert_ok(prune_tensor_matrix(&w->tensor, NULL, PRUNE_F32, SAMPLES, inputs, w->x));
    prune_data_init(&w->data);
    w->data.inputs = w->tensor;
}

static prune_blob_info info_of(const prune_quantized *q)
{
    prune_blob_info info;
    prune_blob_info_init(&info);
    ck_assert_ok(prune_quantized_info(&info, q));
    return info;
}

static prune_quantized *quantize(const prune_model *model, const world *w,
                                 const prune_quantize_options *options)
{
    prune_error error;
    prune_quantized *q = NULL;
    const prune_status status = prune_quantize(&q, NULL, model, &w->data, options, &error);
    ck_assert_msg(status == PRUNE_OK, "%d: %s: %s", (int)status, error.place, error.reason);
    ck_assert_status(prune_blob_check(prune_quantized_blob(q), info_of(q).bytes, prune_blob_ops),
                     runs_here() ? PRUNE_OK : PRUNE_E_FORMAT);
    return q;
}

/* y of one sample, in float, in exactly the scratch that is told. */
static void run(float *y, const prune_quantized *q, const float *x)
{
    const void *blob = prune_quantized_blob(q);
    const prune_blob_header *h = blob;
    const size_t room = info_of(q).scratch;
    int8_t in[BLOBS8_I], out[BLOBS8_I];
    void *scratch = malloc(room);
    ck_assert_ptr_nonnull(scratch);
    ck_assert_uint_eq(prune_blob_scratch(blob), room);
    ck_assert_ok(prune_blob_quantize(in, blob, x));
    if (h->gives == PRUNE_BLOB_F32) {
        ck_assert_ok(prune_blob_run(blob, prune_blob_ops, y, in, scratch, room));
    } else {
        ck_assert_ok(prune_blob_run(blob, prune_blob_ops, out, in, scratch, room));
        ck_assert_ok(prune_blob_dequantize(y, blob, out));
    }
    free(scratch);
}

static void predict(float *y, const prune_model *model, const world *w)
{
    prune_workspace *workspace;
    prune_tensor *out;
    ck_assert_ok(prune_workspace_create(&workspace, NULL, model, SAMPLES, NULL));
    ck_assert_ok(prune_tensor_matrix(&out, NULL, PRUNE_F32, SAMPLES, (size_t)prune_model_outputs(model), y));
    ck_assert_ok(prune_predict(out, model, workspace, w->tensor));
    prune_tensor_free(out);
    prune_workspace_free(workspace);
}

/* ---- every integer ---- */

/* One dense layer, of which every fourth block is 0, and a row of zeros whose bias is not. */
typedef struct drawn {
    size_t outputs, inputs;
    float w[WIDE * WIDE], b[WIDE];
} drawn;

static void draw(drawn *d, size_t outputs, size_t inputs, prune_rng *rng)
{
    d->outputs = outputs;
    d->inputs = inputs;
    for (size_t i = 0; i < outputs * inputs; i++)
        d->w[i] = i / inputs == 1 || i % inputs / 4 % 4 == 3 ? 0.0f : blobs_uniform(rng);
    for (size_t i = 0; i < outputs; i++)
        d->b[i] = i % 3 == 2 ? 0.0f : 3.0f * blobs_uniform(rng);
}

static prune_model *model_of(const drawn *d, int32_t activation)
{
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, d->inputs));
    ck_assert_ok(prune_model_add_dense(model, d->outputs, activation));
    ck_assert_ok(prune_model_set_param(model, 0, d->w, d->outputs * d->inputs));
    ck_assert_ok(prune_model_set_param(model, 1, d->b, d->outputs));
    return model;
}

static double largest(const float *w, size_t count)
{
    double most = 0.0;
    for (size_t i = 0; i < count; i++)
        most = fabs((double)w[i]) > most ? fabs((double)w[i]) : most;
    return most;
}

/* c 2^-(33 + j), j the last five bits of c, to 26 bits. */
static uint32_t scale_word(double factor)
{
    int exponent;
    const double part = frexp(factor, &exponent); /* factor = part 2^exponent, part from 0.5 on */
    const double j = -(exponent + 2);
    return factor > 0.0 ? (uint32_t)(llround((part * 0x1p31 - j) / 32.0) * 32) + (uint32_t)j : 31;
}

/* A bias takes no more than 24 bits. */
static double weight_scale(const drawn *d, size_t row, double in, int32_t per_layer)
{
    double s = 0.0;
    for (size_t r = per_layer ? 0 : row; r < (per_layer ? d->outputs : row + 1); r++) {
        s = fmax(s, largest(d->w + r * d->inputs, d->inputs) / 127.0);
        s = fmax(s, fabs((double)d->b[r]) / in / 0x1p24);
    }
    return s;
}

/* The layer as the header says it, for the grids that the blob itself has. */
static void check_layer(const drawn *d, const world *w, int32_t op, int32_t per_layer)
{
    static blobs mine;
    static int8_t q[WIDE * WIDE];
    int32_t biases[WIDE] = { 0 };
    uint32_t scales[WIDE];
    const size_t rows = (d->outputs + 3) / 4 * 4, columns = (d->inputs + 3) / 4 * 4;
    prune_model *model = model_of(d, PRUNE_LINEAR);
    prune_quantize_options options = usual();
    options.per_layer = per_layer;
    options.range = PRUNE_RANGE_MINMAX;
    options.encodings = &op;
    options.encoding_count = 1;
    prune_quantized *made = quantize(model, w, &options);
    const prune_blob_header *h = prune_quantized_blob(made);
    const double in = (double)h->input_scale, out = (double)h->output_scale;
    memset(q, 0, sizeof q);
    for (size_t r = 0; r < rows; r++) {
        const double s = r < d->outputs || per_layer ? weight_scale(d, r, in, per_layer) : 0.0;
        int64_t sum = 0;
        for (size_t i = 0; i < d->inputs && r < d->outputs && s > 0.0; i++) {
            q[r * columns + i] = (int8_t)lround((double)d->w[r * d->inputs + i] / s);
            sum += q[r * columns + i];
        }
        scales[r] = scale_word(s * in / out);
        if (r < d->outputs && s > 0.0)
            biases[r] = (int32_t)(llround((double)d->b[r] / (s * in)) - h->input_zero * sum);
    }
    blobs8_start(&mine, d->inputs);
    blobs8_add(&mine, &(blobs8_layer){ op, rows, columns, q, biases, scales, per_layer ? 1 : rows,
                                       h->output_zero, (uint32_t)columns * 2 });
    blobs_header(&mine)->input_scale = h->input_scale;
    blobs_header(&mine)->input_zero = h->input_zero;
    blobs_header(&mine)->output_scale = h->output_scale;
    blobs_header(&mine)->output_zero = h->output_zero;
    blobs8_finish(&mine, d->outputs, 2 * (rows + columns));
    ck_assert_uint_eq(info_of(made).bytes, mine.count * 4);
    ck_assert_mem_eq(prune_quantized_blob(made), mine.words, mine.count * 4);
    prune_quantized_free(made);
    prune_model_free(model);
}

START_TEST(integers_are_what_the_header_says)
{
    static world w;
    static drawn d;
    prune_rng rng;
    prune_rng_seed(&rng, 1);
    for (size_t inputs = 1; inputs <= WIDE && runs_here(); inputs += inputs < 6 ? 1 : 17)
        for (size_t outputs = 2; outputs <= WIDE; outputs += outputs < 6 ? 1 : 17) {
            make_world(&w, inputs, inputs);
            draw(&d, outputs, inputs, &rng);
            for (int32_t n = 0; n < 4; n++)
                check_layer(&d, &w, n < 2 ? PRUNE_BLOB_DENSE8 : PRUNE_BLOB_BLOCKS8, n % 2);
            prune_tensor_free(w.tensor);
        }
}
END_TEST

START_TEST(grids_follow_from_the_samples)
{
    static world w;
    static drawn d;
    static float y[SAMPLES * WIDE];
    prune_rng rng;
    prune_rng_seed(&rng, 2);
    make_world(&w, 9, 5);
    draw(&d, 6, 9, &rng);
    for (int32_t relu = 0; relu < 2 && runs_here(); relu++) {
        prune_quantize_options options = usual();
        prune_model *model = model_of(&d, relu ? PRUNE_RELU : PRUNE_LINEAR);
        options.range = PRUNE_RANGE_MINMAX;
        prune_quantized *q = quantize(model, &w, &options);
        const prune_blob_header *h = prune_quantized_blob(q);
        double low = 0.0, high = 0.0;
        predict(y, model, &w);
        for (size_t i = 0; i < SAMPLES * 6; i++) {
            low = fmin(low, (double)y[i]);
            high = fmax(high, (double)y[i]);
        }
        ck_assert(fabs((double)h->output_scale * 255.0 / (high - low) - 1.0) < 1e-6);
        ck_assert_int_eq(h->output_zero, (int32_t)lround(-128.0 - low / (double)h->output_scale));
        ck_assert(!relu || h->output_zero == -128);
        prune_quantized_free(q);
        prune_model_free(model);
    }
    prune_tensor_free(w.tensor);
}
END_TEST

/* ---- what they compute ---- */

/* To the half of a step, and what half a step of the inputs becomes: none of these is steeper than 1.2. */
START_TEST(tables_hold_the_activation)
{
    static world w;
    static float y[SAMPLES];
    make_world(&w, 1, 6);
    for (size_t i = 0; i < SAMPLES; i++)
        w.x[i] *= 6.0f;
    for (int32_t activation = PRUNE_LINEAR; activation <= PRUNE_SOFTPLUS && runs_here(); activation++) {
        prune_model *model;
        ck_assert_ok(prune_model_create(&model, NULL, 1));
        ck_assert_ok(prune_model_add_activation(model, activation));
        prune_quantized *q = quantize(model, &w, NULL);
        const prune_blob_header *h = prune_quantized_blob(q);
        predict(y, model, &w);
        for (size_t i = 0; i < SAMPLES; i++) {
            float got;
            run(&got, q, w.x + i);
            ck_assert_msg(fabsf(got - y[i]) <=
                              0.51f * h->output_scale * (activation == PRUNE_SELU ? 2.0f : 1.0f) +
                                  0.61f * h->input_scale,
                          "activation %d at %g: %g, not %g", (int)activation, (double)w.x[i], (double)got,
                          (double)y[i]);
        }
        prune_quantized_free(q);
        prune_model_free(model);
    }
    prune_tensor_free(w.tensor);
}
END_TEST

/* Root mean square of the error, over that of the outputs' distance from their mean, of all outputs. */
static double error_of(const prune_model *model, const prune_quantized *q, const world *w)
{
    static float wanted[SAMPLES * WIDE];
    const size_t outputs = (size_t)prune_model_outputs(model);
    float y[WIDE];
    double error = 0.0, sum = 0.0, squares = 0.0;
    predict(wanted, model, w);
    for (size_t n = 0; n < SAMPLES; n++) {
        run(y, q, w->x + n * w->inputs);
        for (size_t o = 0; o < outputs; o++) {
            const double value = (double)wanted[n * outputs + o], off = (double)y[o] - value;
            error += off * off;
            sum += value;
            squares += value * value;
        }
    }
    const double count = (double)(SAMPLES * outputs), spread = squares / count - sum / count * (sum / count);
    return sqrt(error / count / (spread + 1e-12));
}

/* Of every activation, with softmax behind some. One rounding to 8 bits is noise of 1 / (255 sqrt(12)) of the
 * range, half a per cent of the deviation; six of them and weights of 8 bits are some per cent. */
START_TEST(nets_compute_what_they_did)
{
    static world w;
    make_world(&w, 21, 8);
    for (int32_t activation = PRUNE_RELU; activation <= PRUNE_SOFTPLUS && runs_here(); activation++)
        for (int32_t end = 0; end < 3; end++) {
            prune_quantize_options options = usual();
            prune_model *model;
            ck_assert_ok(prune_model_create(&model, NULL, 21));
            ck_assert_ok(prune_model_add_dense(model, 37, activation));
            ck_assert_ok(prune_model_add_dropout(model, 0.5f));
            ck_assert_ok(prune_model_add_dense(model, 26, activation));
            ck_assert_ok(prune_model_add_dense(model, 5, PRUNE_LINEAR));
            if (end != 0)
                ck_assert_ok(end == 1 ? prune_model_add_softmax(model) : prune_model_add_log_softmax(model));
            ck_assert_ok(prune_model_initialize(model, PRUNE_INIT_AUTO, (uint64_t)activation));
            options.per_layer = end == 1;
            prune_quantized *q = quantize(model, &w, &options);
            const double error = error_of(model, q, &w);
            ck_assert_int_eq(((const prune_blob_header *)prune_quantized_blob(q))->gives,
                             end == 0 ? PRUNE_BLOB_I8 : PRUNE_BLOB_F32);
            ck_assert_msg(error < 0.05, "activation %d, end %d: %g", (int)activation, (int)end, error);
            prune_quantized_free(q);
            prune_model_free(model);
        }
    prune_tensor_free(w.tensor);
}
END_TEST

/* Of any layers and widths, rows of zeros, removed neurons: what can be quantized, runs. */
START_TEST(random_nets_run)
{
    static world w;
    size_t made = 0;
    for (uint64_t seed = 1; seed <= NETS; seed++) {
        net n;
        net_make(&n, seed);
        make_world(&w, n.inputs, seed);
        prune_quantize_options options = usual();
        prune_quantized *q;
        options.range = (int32_t)(seed % 3);
        options.per_layer = seed % 2 == 0;
        options.choice = seed % 4 < 2;
        const prune_status status = prune_quantize(&q, NULL, n.model, &w.data, &options, NULL);
        ck_assert(status == PRUNE_OK || status == PRUNE_E_UNSUPPORTED);
        ck_assert((q != NULL) == (status == PRUNE_OK));
        if (q != NULL && runs_here()) {
            ck_assert_ok(prune_blob_check(prune_quantized_blob(q), info_of(q).bytes, prune_blob_ops));
            ck_assert(error_of(n.model, q, &w) < 0.05);
            made++;
        }
        prune_quantized_free(q);
        prune_tensor_free(w.tensor);
        prune_model_free(n.model);
    }
    ck_assert(made > 50 || !runs_here()); /* of others a batch normalisation does not fold */
}
END_TEST

/* ---- ranges ---- */

/* y = x in one number, a step of 1/255 of what it takes in. */
static double range_of(const world *w, int32_t range, float percentile)
{
    prune_model *model;
    prune_quantize_options options = usual();
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

/* ---- what is chosen ---- */

static prune_blob_info measured(const prune_model *model, const world *w, int32_t choice, int32_t named)
{
    prune_quantize_options options = usual();
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
        prune_quantize_options options = usual();
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
    prune_quantize_options options = usual();
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
    ck_assert_status(prune_quantize(&q, NULL, model, &w->data, NULL, NULL), PRUNE_E_NONFINITE);
    w->x[13] = 3e38f;
    for (size_t i = 0; i < 20; i++)
        ck_assert_ok(prune_model_set_param(model, 0, (float[20]){ 3e38f, 3e38f, 3e38f, 3e38f, 3e38f }, 20));
    ck_assert_status(prune_quantize(&q, NULL, model, &w->data, NULL, &error), PRUNE_E_NONFINITE);
    ck_assert_str_eq(error.place, "layer 0 of the folded model");
    w->x[13] = 0.0f;
    ck_assert_ptr_null(q);
    ck_assert_ptr_null(prune_quantized_blob(NULL));
    ck_assert_status(prune_quantized_info(&info, NULL), PRUNE_E_ARGUMENT);
    prune_quantized_free(NULL);
    prune_model_free(empty);
    prune_model_free(model);
}
END_TEST

START_TEST(layers_without_an_operation_are_refused)
{
    static const stack_step nets[][STACK_LAYERS] = {
        { { D, 4, PRUNE_RELU, 0, 0 }, { B, 0, 0, 0.1f, 1e-5f } },
        { { S, 0, 0, 0, 0 }, { D, 4, PRUNE_RELU, 0, 0 } },
    };
    for (size_t n = 0; n < 2; n++) {
        prune_model *model = stack_model(NULL, 5, nets[n], n);
        refused(PRUNE_E_UNSUPPORTED, model, NULL, n == 0 ? "operation 1" : "operation 0");
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
    refused(PRUNE_E_LIMIT, model, NULL, "layer 1 of the folded model");
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
    const prune_quantize_options options = usual();
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
        integers_are_what_the_header_says,
        grids_follow_from_the_samples,
        tables_hold_the_activation,
        nets_compute_what_they_did,
        random_nets_run,
        outliers_are_left_out,
        the_best_is_chosen_and_never_one_larger_than_dense,
        bad_options_are_refused,
        bad_arguments_and_data_are_refused,
        layers_without_an_operation_are_refused,
        a_layer_too_wide_is_named,
        structs_of_other_versions,
        every_refused_allocation_is_survived,
    };
    return run_tests("quantize", tests, sizeof tests / sizeof tests[0]);
}
